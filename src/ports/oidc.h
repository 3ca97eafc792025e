/* The port of signing in through an identity provider (OpenID Connect Core 1.0, the code flow with PKCE), towards the
 * control API: where a browser is sent, and what is made of what it comes back with. In between, what belongs to the
 * attempt is in a sealed cookie of that browser, so that any replica can go on. Texts that are given back live in the
 * visit's arena; errors as in ports/signin.h. */
#ifndef PORTS_OIDC_H
#define PORTS_OIDC_H

#include "ports/signin.h"

#define OIDC_RETURN_MAX 1024

/* What a browser brings back from a provider, as the query says it; "" where it says nothing. */
struct oidc_answer {
  struct text code, state, iss, error, error_description;
};

struct oidc {
  /* The providers there are, by their names. */
  void (*names)(struct oidc *self, struct arena *a, struct text **out, size_t *out_count);
  /* Where to send the browser, and the Set-Cookie value that goes with it. return_to: a path of this site, where it is
   * to be when they are signed in; "" for the one that there always is. ERR_NOT_FOUND: no such provider. Blocks, also
   * for the network. */
  enum err (*begin)(struct oidc *self, const struct signin_visit *v, struct text name, struct text return_to,
                    struct text *out_url, struct text *out_cookie, struct fault *f);
  /* Signs in whom the provider vouches for. ERR_FORBIDDEN: it is right who they are, but they may not come in. Blocks,
   * also for the network. */
  enum err (*finish)(struct oidc *self, const struct signin_visit *v, struct text name,
                     const struct oidc_answer *answer, struct signin_result *out, struct text *out_return_to,
                     struct fault *f);
  /* The Set-Cookie value that ends an attempt, however it went. */
  struct text (*forget)(struct oidc *self, struct arena *a);
  /* Where a browser ends its session at the provider as well (OpenID Connect RP-Initiated Logout 1.0). email: whose it
   * is, as a hint. ERR_NOT_FOUND: there is no such provider, or it has no such place. Blocks, also for the network. */
  enum err (*end)(struct oidc *self, const struct signin_visit *v, struct text name, struct text email,
                  struct text *out_url, struct fault *f);
};

#endif
