/* Cookies of a browser that is signed in (RFC 6265): their names, reading them from a request's header and writing them
 * for an answer. Pure. */
#ifndef IDENTITY_COOKIE_H
#define IDENTITY_COOKIE_H

#include "base/buf.h"

#define COOKIE_HEADER_MAX 16384

/* COOKIE_OIDC: of an attempt at an identity provider, for as long as it takes. COOKIE_DEVICE, COOKIE_TURN: badge.h. */
enum cookie_name { COOKIE_ACCESS, COOKIE_REFRESH, COOKIE_CSRF, COOKIE_OIDC, COOKIE_DEVICE, COOKIE_TURN };

/* "__Host-weir_access": a name that browsers take from this very host alone, over TLS. Without is_secure (plain HTTP on
 * the machine itself) the prefix is not possible. */
const char *cookie_name(enum cookie_name which, bool is_secure);

/* The value of the one cookie of that name. False: there is none; or there are several, of which one may have been put
 * there by another site under the same domain, and nobody can say which; or the header is too long. */
bool cookie_find(struct text header, const char *name, struct text *out_value);

/* "NAME=VALUE; Path=/; Max-Age=N; HttpOnly; Secure; SameSite=Strict" appended. value consists of token characters.
 * COOKIE_CSRF is for scripts of the page to read, so not HttpOnly. max_age_s 0 removes it. */
void cookie_write(enum cookie_name which, bool is_secure, struct text value, int64_t max_age_s, struct buf *out);

#endif
