/* The two pages of signing in through an identity provider: the one that sends a browser there, and the one it comes
 * back to. They are rows of auth.c's table, and answer with a redirect, or with what is wrong: for a browser as a page.
 */
#ifndef CONTROL_AUTH_OIDC_H
#define CONTROL_AUTH_OIDC_H

#include "control/auth.h"

extern const struct shape auth_oidc_begin_shape, auth_oidc_callback_shape;

struct auth_oidc_call {
  const struct auth_site *site;
  const struct signin_visit *visit;
  struct text name; /* of the provider, as the path says it */
  bool is_back;     /* it comes back */
};

/* So often from one address in a minute, going and coming back counted alike: beyond that a provider is not asked. */
#define AUTH_OIDC_PER_MINUTE 60

/* Answers; waits, on a thread of its own kind. */
void auth_oidc_serve(const struct auth_oidc_call *c, struct http_request *rq);

#endif
