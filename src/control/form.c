/* Decoding of forms, strict where readers differ: an escape has two digits, and no zero byte comes out. It does not
 * know which names there are. Called by oauth_token.c, and by the fuzzer. */
#include "control/form.h"

static int digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  char lower = (char)(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool form_decode(struct text encoded, struct arena *a, struct text *out) {
  char *to = arena_alloc(a, encoded.len + 1);
  size_t n = 0;
  for (size_t i = 0; i < encoded.len; i++) {
    char c = encoded.at[i];
    if (c == '%') {
      int high = i + 2 < encoded.len ? digit(encoded.at[i + 1]) : -1, low = high >= 0 ? digit(encoded.at[i + 2]) : -1;
      if (low < 0)
        return false;
      c = (char)(high * 16 + low);
      i += 2;
    } else if (c == '+') {
      c = ' ';
    }
    if (c == '\0')
      return false;
    to[n++] = c;
  }
  *out = (struct text){to, n};
  return true;
}

bool form_next(struct text *rest, struct arena *a, struct text *out_name, struct text *out_value) {
  struct text pair, left = *rest, name, value = TEXT("");
  do {
    if (left.len == 0) {
      *rest = left;
      return false;
    }
    if (!text_cut(left, '&', &pair, &left)) {
      pair = left;
      left = TEXT_NONE;
    }
  } while (pair.len == 0);
  if (!text_cut(pair, '=', &name, &value))
    name = pair;
  if (!form_decode(name, a, out_name) || !form_decode(value, a, out_value))
    return false;
  *rest = left;
  return true;
}
