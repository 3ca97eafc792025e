/* URLs of upstreams: scheme, host, port and base path.
 *
 * Called by the configuration and the HTTP client. Strict on purpose: what two parsers could read differently
 * (userinfo, backslashes, blanks, signs in a port) is refused, because a provider key is bound to the origin found
 * here. */
#include "net/url.h"

#include "net/addr.h"

#include <string.h>

static bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* A name as in RFC 952 and 1123 (underscores tolerated, since private networks use them). */
static bool is_name(struct text host) {
  if (host.len == 0 || host.len > 253 || host.at[0] == '.' || host.at[0] == '-')
    return false;
  for (size_t i = 0; i < host.len; i++)
    if (!is_host_char(host.at[i]) || (host.at[i] == '.' && i > 0 && host.at[i - 1] == '.'))
      return false;
  return true;
}

/* pchar and "/" of RFC 3986 section 3.3; percent must be followed by two hex digits. */
static bool is_path(struct text path) {
  static const char extra[] = "/-._~!$&'()*+,;=:@";
  for (size_t i = 0; i < path.len; i++) {
    char c = path.at[i];
    bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_alnum || (c != '\0' && strchr(extra, c) != NULL))
      continue;
    static const char hex[] = "0123456789abcdefABCDEF";
    if (c != '%' || i + 2 >= path.len || path.at[i + 1] == '\0' || path.at[i + 2] == '\0' ||
        strchr(hex, path.at[i + 1]) == NULL || strchr(hex, path.at[i + 2]) == NULL)
      return false;
  }
  return true;
}

static enum err parse_scheme(struct text *t, bool *out_tls, struct fault *f) {
  ptrdiff_t end = text_find(*t, TEXT("://"));
  struct text scheme = text_head(*t, end < 0 ? 0 : (size_t)end);
  if (text_equal_nocase(scheme, TEXT("https")))
    *out_tls = true;
  else if (text_equal_nocase(scheme, TEXT("http")))
    *out_tls = false;
  else
    return fault_set(f, ERR_BAD_REQUEST, NULL, "\"%.*s\" is not a URL that starts with http:// or https://",
                     TEXT_ARGS(text_head(*t, 120)));
  *t = text_skip(*t, scheme.len + 3);
  return ERR_OK;
}

static enum err parse_port(struct text t, uint16_t *out, struct fault *f) {
  uint64_t n = 0;
  if (t.len > 5 || !text_to_u64(t, &n) || n == 0 || n > 65535)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "\"%.*s\" is not a port: it must be a number from 1 to 65535",
                     TEXT_ARGS(text_head(t, 40)));
  *out = (uint16_t)n;
  return ERR_OK;
}

/* HOST, HOST:PORT or [V6]:PORT */
static enum err parse_authority(struct text t, struct url *out, struct fault *f) {
  struct text port = TEXT_NONE;
  bool is_bracketed = t.len > 0 && t.at[0] == '[', has_port = false;
  if (text_find_char(t, '@') >= 0)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "a user name or password in the URL is not allowed");
  if (is_bracketed) {
    struct text after = TEXT_NONE;
    if (!text_cut(text_skip(t, 1), ']', &out->host, &after))
      return fault_set(f, ERR_BAD_REQUEST, NULL, "the URL has '[' without ']'");
    has_port = text_starts(after, TEXT(":"));
    port = text_skip(after, 1);
    if (after.len > 0 && !has_port)
      return fault_set(f, ERR_BAD_REQUEST, NULL, "only :PORT may follow the IPv6 address of the URL");
  } else {
    out->host = t;
    has_port = text_cut(t, ':', &out->host, &port);
  }
  if (is_bracketed ? !addr_is_ip(out->host) || text_find_char(out->host, ':') < 0 : !is_name(out->host))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "\"%.*s\" is not a valid host name",
                     TEXT_ARGS(text_head(out->host, 120)));
  return has_port ? parse_port(port, &out->port, f) : ERR_OK;
}

enum err url_parse(struct text t, struct url *out, struct fault *f) {
  struct url u = {0};
  enum err e = parse_scheme(&t, &u.tls, f);
  if (e != ERR_OK)
    return e;
  u.port = u.tls ? 443 : 80;
  if (text_find_char(t, '?') >= 0 || text_find_char(t, '#') >= 0)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "a base URL has neither a query (?) nor a fragment (#)");
  ptrdiff_t slash = text_find_char(t, '/');
  struct text authority = slash < 0 ? t : text_head(t, (size_t)slash);
  u.path = text_skip(t, authority.len);
  e = parse_authority(authority, &u, f);
  if (e != ERR_OK)
    return e;
  if (!is_path(u.path))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the path of the URL has a character that must be percent-encoded");
  while (u.path.len > 0 && u.path.at[u.path.len - 1] == '/')
    u.path.len--;
  *out = u;
  return ERR_OK;
}
