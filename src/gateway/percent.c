/* Names that clients put into paths and queries: model ids with ':' and '/' arrive percent-encoded. Called by intake
 * and models. */
#include "gateway/percent.h"

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool percent_decode(struct text t, size_t max_bytes, struct arena *a, struct text *out) {
  size_t room = t.len < max_bytes ? t.len : max_bytes, n = 0;
  char *name = arena_alloc(a, room);
  for (size_t i = 0; i < t.len; i++) {
    int byte = (unsigned char)t.at[i];
    if (byte == '%') {
      int high = t.len - i > 2 ? hex_digit(t.at[i + 1]) : -1, low = t.len - i > 2 ? hex_digit(t.at[i + 2]) : -1;
      if (high < 0 || low < 0)
        return false;
      byte = high * 16 + low;
      i += 2;
    }
    if (byte < ' ' || byte == 0x7f || n == room)
      return false;
    name[n++] = (char)byte;
  }
  *out = (struct text){name, n};
  return text_is_utf8(*out);
}
