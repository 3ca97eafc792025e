/* How paths and headers of a call are put together, whatever the vendor. Which path and which header is the adapters'
 * business, who are the only callers. */
#include "provider/address.h"

struct text address_path(const struct provider_call *c, struct arena *a, struct text path) {
  struct text query = text_starts(c->query, TEXT("?")) ? text_skip(c->query, 1) : c->query;
  const struct text parts[] = {c->base_path, path, text_is_empty(query) ? TEXT_NONE : TEXT("?"), query};
  return arena_join(a, parts, sizeof(parts) / sizeof(parts[0]));
}

/* The length of a dot at the start of t, plain or percent-encoded; 0 when there is none. */
static size_t dot(struct text t) {
  if (text_starts(t, TEXT(".")))
    return 1;
  return text_equal_nocase(text_head(t, 3), TEXT("%2e")) ? 3 : 0;
}

static bool is_dots_only(struct text segment) {
  size_t n = dot(segment);
  if (n == 0)
    return false;
  segment = text_skip(segment, n);
  return text_is_empty(segment) || (dot(segment) > 0 && dot(segment) == segment.len);
}

enum err address_check_raw(struct text raw_path, struct fault *f) {
  struct text rest = text_skip(raw_path, 1), segment;
  if (!text_starts(raw_path, TEXT("/")) || !text_is_visible_ascii(raw_path))
    return fault_set(f, ERR_BAD_REQUEST, "path", "the path must begin with / and hold visible ASCII only");
  if (text_find_char(raw_path, '?') >= 0 || text_find_char(raw_path, '#') >= 0 || text_find_char(raw_path, '\\') >= 0)
    return fault_set(f, ERR_BAD_REQUEST, "path", "the path must not hold ?, # or \\");
  while (text_cut(rest, '/', &segment, &rest))
    if (is_dots_only(segment))
      return fault_set(f, ERR_BAD_REQUEST, "path", "the path must not hold . or .. segments");
  return is_dots_only(rest) ? fault_set(f, ERR_BAD_REQUEST, "path", "the path must not hold . or .. segments") : ERR_OK;
}

enum err address_check_key(struct text api_key, struct fault *f) {
  if (text_is_visible_ascii(api_key))
    return ERR_OK;
  return fault_set(f, ERR_INTERNAL, NULL, "the provider's credential holds a character that may not stand in a header");
}

static bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

enum err address_segment(struct text t, struct arena *a, struct text *out, struct fault *f) {
  static const char digits[] = "0123456789ABCDEF";
  if (text_is_empty(t) || is_dots_only(t))
    return fault_set(f, ERR_BAD_REQUEST, "model", "the model's name cannot stand in the provider's path");
  char *at = arena_alloc(a, t.len * 3 + 1);
  size_t n = 0;
  for (size_t i = 0; i < t.len; i++) {
    unsigned char c = (unsigned char)t.at[i];
    bool plain = is_unreserved(t.at[i]);
    at[n++] = plain ? t.at[i] : '%';
    if (plain)
      continue;
    at[n++] = digits[c >> 4];
    at[n++] = digits[c & 15];
  }
  *out = (struct text){at, n};
  return ERR_OK;
}

void address_add(struct provider_target *t, struct text name, struct text value) {
  if (!text_is_empty(value) && t->header_count < PROVIDER_MAX_HEADERS)
    t->headers[t->header_count++] = (struct provider_header){name, value};
}
