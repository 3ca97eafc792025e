/* Expansion of environment variables in one scalar. It runs after YAML has been parsed, so that a value can never add
 * keys, and what it puts in is not expanded again. Called by node.c for each scalar value. */
#include "config/expand.h"

#include "base/buf.h"

#define NAME_MOST  128u
#define VALUE_MOST (1u << 20)

bool expand_is_needed(struct text in) { return text_find(in, TEXT("${")) >= 0; }

static bool is_name(struct text t) {
  for (size_t i = 0; i < t.len; i++) {
    char c = t.at[i];
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    if (!letter && (i == 0 || c < '0' || c > '9'))
      return false;
  }
  return t.len > 0 && t.len < NAME_MOST;
}

/* inside is what stands between the braces. */
static enum err put_variable(struct text inside, const char *(*lookup)(const char *name), struct buf *out,
                             struct fault *f) {
  struct text name = inside, fallback = TEXT_NONE;
  char zero_terminated[NAME_MOST];
  ptrdiff_t dash = text_find(inside, TEXT(":-"));
  if (dash >= 0) {
    name = text_head(inside, (size_t)dash);
    fallback = text_skip(inside, (size_t)dash + 2);
  }
  if (!is_name(name))
    return fault_set(f, ERR_CONFIG, NULL, "expected ${NAME} or ${NAME:-default}; write $${ for a literal ${");
  memcpy(zero_terminated, name.at, name.len);
  zero_terminated[name.len] = '\0';
  const char *value = lookup(zero_terminated);
  if (value == NULL && dash < 0)
    return fault_set(f, ERR_CONFIG, zero_terminated, "the environment variable %s is not set", zero_terminated);
  buf_add(out, value == NULL || (value[0] == '\0' && dash >= 0) ? fallback : text_of(value));
  return ERR_OK;
}

static enum err expand_all(struct text in, const char *(*lookup)(const char *name), struct buf *out, struct fault *f) {
  for (ptrdiff_t at; (at = text_find(in, TEXT("${"))) >= 0;) {
    if (at > 0 && in.at[at - 1] == '$') {
      buf_add(out, text_head(in, (size_t)at - 1));
      buf_add(out, TEXT("${"));
      in = text_skip(in, (size_t)at + 2);
      continue;
    }
    buf_add(out, text_head(in, (size_t)at));
    in = text_skip(in, (size_t)at + 2);
    ptrdiff_t end = text_find_char(in, '}');
    if (end < 0)
      return fault_set(f, ERR_CONFIG, NULL, "a ${ is not closed; write $${ for a literal ${");
    enum err e = put_variable(text_head(in, (size_t)end), lookup, out, f);
    if (e != ERR_OK)
      return e;
    in = text_skip(in, (size_t)end + 1);
  }
  buf_add(out, in);
  return ERR_OK;
}

enum err expand_env(struct text in, const char *(*lookup)(const char *name), struct arena *a, struct text *out,
                    struct fault *f) {
  struct buf b;
  buf_init(&b, VALUE_MOST);
  enum err e = expand_all(in, lookup, &b, f);
  if (e == ERR_OK && buf_check(&b) != ERR_OK)
    e = fault_set(f, ERR_CONFIG, NULL, "the value is longer than %u bytes", VALUE_MOST);
  if (e == ERR_OK)
    *out = arena_copy(a, buf_text(&b));
  if (b.cap > 0)
    explicit_bzero(b.at, b.cap);
  buf_done(&b);
  return e;
}
