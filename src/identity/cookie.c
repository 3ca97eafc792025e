/* Reading and writing cookies. Values are ours, so nothing needs quoting. Called by identity/access.c and
 * identity/signin.c. */
#include "identity/cookie.h"

#include <string.h>

const char *cookie_name(enum cookie_name which, bool is_secure) {
  static const char *const names[][2] = {
      [COOKIE_ACCESS] = {"weir_access", "__Host-weir_access"},
      [COOKIE_REFRESH] = {"weir_refresh", "__Host-weir_refresh"},
      [COOKIE_CSRF] = {"weir_csrf", "__Host-weir_csrf"},
      [COOKIE_OIDC] = {"weir_oidc", "__Host-weir_oidc"},
      [COOKIE_DEVICE] = {"weir_device", "__Host-weir_device"},
      [COOKIE_TURN] = {"weir_turn", "__Host-weir_turn"},
  };
  return names[which][is_secure];
}

bool cookie_find(struct text header, const char *name, struct text *out_value) {
  struct text value = TEXT_NONE;
  unsigned found = 0;
  if (header.len > COOKIE_HEADER_MAX)
    return false;
  while (header.len > 0) {
    struct text pair, key, rest;
    if (!text_cut(header, ';', &pair, &header)) {
      pair = header;
      header = TEXT_NONE;
    }
    if (!text_cut(text_trim(pair), '=', &key, &rest) || !text_equal(text_trim(key), text_of(name)))
      continue;
    value = text_trim(rest);
    found++;
  }
  if (found != 1 || value.len == 0)
    return false;
  *out_value = value;
  return true;
}

void cookie_write(enum cookie_name which, bool is_secure, struct text value, int64_t max_age_s, struct buf *out) {
  /* What a browser must show when it comes by a link, or back from another site. */
  bool is_lax = which == COOKIE_ACCESS || which == COOKIE_OIDC;
  buf_add_format(out, "%s=%.*s; Path=/; Max-Age=%lld; SameSite=%s", cookie_name(which, is_secure), TEXT_ARGS(value),
                 (long long)max_age_s, is_lax ? "Lax" : "Strict");
  if (which != COOKIE_CSRF)
    buf_add(out, TEXT("; HttpOnly"));
  if (is_secure)
    buf_add(out, TEXT("; Secure"));
}
