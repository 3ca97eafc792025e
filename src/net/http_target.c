/* Judges request targets for http1.c. It does not decode or normalise: routing matches the bytes as they came, so two
 * readers cannot see two paths. */
#include "net/http_target.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

static bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static bool is_visible(char c) { return c > 0x20 && c < 0x7f; }

static bool is_one_of(char c, const char *set) { return c != 0 && strchr(set, c) != NULL; }

static enum err check_bytes(struct text t, struct fault *f) {
  for (size_t i = 0; i < t.len; i++) {
    char c = t.at[i];
    if (c == '#')
      return fault_set(f, ERR_PROTOCOL, NULL, "the request target has a fragment");
    if (!is_visible(c) || is_one_of(c, "\"<>\\^`{|}"))
      return fault_set(f, ERR_PROTOCOL, NULL, "the request target has a byte that must be percent-encoded");
    if (c == '%' && (t.len - i < 3 || !is_hex(t.at[i + 1]) || !is_hex(t.at[i + 2])))
      return fault_set(f, ERR_PROTOCOL, NULL, "the request target has a percent sign without two hexadecimal digits");
  }
  return ERR_OK;
}

/* uri-host [ ":" port ] */
static bool is_host(struct text t) {
  size_t i = 0;
  if (t.len && t.at[0] == '[') {
    for (i = 1; i < t.len && t.at[i] != ']'; i++)
      if (!is_hex(t.at[i]) && !is_one_of(t.at[i], ":."))
        return false;
    if (i < 3 || i == t.len)
      return false;
    i++;
  } else {
    while (i < t.len && (is_alnum(t.at[i]) || is_one_of(t.at[i], "-._~")))
      i++;
  }
  if (i == 0)
    return false;
  if (i == t.len)
    return true;
  uint64_t port = 0;
  return t.at[i] == ':' && text_to_u64(text_skip(t, i + 1), &port) && port <= UINT16_MAX;
}

static enum err check_host(const struct http_headers *headers, int minor_version, struct text *out_host,
                           struct fault *f) {
  size_t found = 0;
  struct text host = TEXT_NONE;
  for (size_t i = 0; i < headers->count; i++) {
    if (!text_equal_nocase(headers->at[i].name, TEXT("host")))
      continue;
    host = headers->at[i].value;
    found++;
  }
  if (found > 1)
    return fault_set(f, ERR_PROTOCOL, "host", "the host header is there more than once");
  if (found == 0 && minor_version > 0)
    return fault_set(f, ERR_PROTOCOL, "host", "the host header is missing");
  if (found == 1 && !is_host(host))
    return fault_set(f, ERR_PROTOCOL, "host", "the host header must be a host name with an optional port");
  *out_host = host;
  return ERR_OK;
}

/* What follows scheme and "//" of an absolute-form target, or nothing when the target is not one. */
static bool cut_scheme(struct text target, struct text *out_rest) {
  static const struct text schemes[] = {{"http://", 7}, {"https://", 8}};
  for (size_t i = 0; i < 2; i++) {
    if (!text_equal_nocase(text_head(target, schemes[i].len), schemes[i]))
      continue;
    *out_rest = text_skip(target, schemes[i].len);
    return true;
  }
  return false;
}

enum err http_target_split(struct text target, const struct http_headers *headers, int minor_version,
                           struct text *out_path, struct text *out_query, struct fault *f) {
  struct text host = TEXT_NONE, rest = target;
  enum err e = check_bytes(target, f);
  if (!e)
    e = check_host(headers, minor_version, &host, f);
  if (e)
    return e;
  if (cut_scheme(target, &rest)) {
    size_t end = 0;
    while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?')
      end++;
    if (!is_host(text_head(rest, end)))
      return fault_set(f, ERR_PROTOCOL, NULL,
                       "the authority of the request target must be a host name with an optional port");
    if (!text_equal_nocase(text_head(rest, end), host))
      return fault_set(f, ERR_PROTOCOL, "host", "the host header and the request target name different hosts");
    rest = text_skip(rest, end);
  } else if (target.len == 0 || target.at[0] != '/') {
    return fault_set(f, ERR_PROTOCOL, NULL, "the request target must be a path or an http URL");
  }
  struct text path = rest, query = TEXT_NONE;
  (void)text_cut(rest, '?', &path, &query);
  *out_path = path.len ? path : TEXT("/");
  *out_query = query;
  return ERR_OK;
}
