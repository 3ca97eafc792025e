/* Refusals: how a place in the caller's request is named, and the one decision whether something that cannot be carried
 * ends the translation or may be left out. Called by every dialect of wire/, reading and writing. */
#include "llm/request.h"

#include <string.h>

struct short_text {
  char *at;
  size_t len, cap;
};

static void put(struct short_text *s, const char *bytes, size_t n) {
  size_t room = s->cap - 1 - s->len;
  n = n < room ? n : room;
  memcpy(s->at + s->len, bytes, n);
  s->len += n;
}

static void put_number(struct short_text *s, uint32_t n) {
  char digits[10];
  size_t at = sizeof(digits);
  do {
    digits[--at] = (char)('0' + n % 10);
    n /= 10;
  } while (n > 0);
  put(s, digits + at, sizeof(digits) - at);
}

void llm_place_text(const struct llm_place *p, const char *member, char out[LLM_PLACE_BYTES]) {
  struct short_text s = {out, 0, LLM_PLACE_BYTES};
  const char *form = p && p->form ? p->form : "";
  size_t next = 0;
  for (; *form; form++) {
    if (*form == '#' && next < sizeof(p->at) / sizeof(p->at[0]))
      put_number(&s, p->at[next++]);
    else
      put(&s, form, 1);
  }
  if (member && member[0]) {
    if (s.len > 0 && member[0] != '[')
      put(&s, ".", 1);
    put(&s, member, strlen(member));
  }
  out[s.len] = '\0';
}

/* The name that the operator's list is compared with: what stands behind the last dot, without an index. */
static struct text last_name(const char *place) {
  const char *dot = strrchr(place, '.');
  struct text name = text_of(dot ? dot + 1 : place);
  ptrdiff_t index = text_find_char(name, '[');
  return index < 0 ? name : text_head(name, (size_t)index);
}

static bool may_be_left_out(const struct llm_request *rq, struct text name) {
  if (rq->leave_out_anything)
    return true;
  for (size_t i = 0; i < rq->leave_out_count; i++)
    if (text_equal(rq->leave_out[i], name))
      return true;
  return false;
}

enum err llm_refuse(struct llm_request *rq, const struct llm_place *place, const char *member, const char *why,
                    struct fault *f) {
  char where[LLM_PLACE_BYTES];
  llm_place_text(place, member, where);
  if (!may_be_left_out(rq, last_name(where)))
    return fault_set(f, ERR_UNSUPPORTED, where, "%s: %s", where, why);
  if (rq->left_out_count < LLM_LEFT_OUT_MAX)
    rq->left_out[rq->left_out_count++] = arena_copy(rq->arena, text_of(where));
  return ERR_OK;
}

enum err llm_bad(const struct llm_place *place, const char *member, const char *why, struct fault *f) {
  char where[LLM_PLACE_BYTES];
  llm_place_text(place, member, where);
  return fault_set(f, ERR_BAD_REQUEST, where, "%s: %s", where, why);
}
