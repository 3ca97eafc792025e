/* The pages of signing in under /auth: first set-up, signing in and out, going on with a session, taking a link that an
 * admin has given, and going to an identity provider and back (auth_oidc.h). They need no caller, so they are not in
 * the table of the control API, but are checked, answered and documented alike. What they decide is behind
 * ports/signin.h. */
#ifndef CONTROL_AUTH_H
#define CONTROL_AUTH_H

#include "control/api.h"
#include "control/rates.h"
#include "ports/oidc.h"

struct auth_site {
  struct signin *signin;
  struct offload *offload;      /* where passwords are worked on: not the one that calls wait for */
  struct oidc *oidc;            /* NULL: there are no identity providers */
  struct offload *oidc_offload; /* where they are asked: one that hangs holds up nobody else */
  struct rates *rates;          /* how often from each address; NULL: as often as anybody likes */
};

/* Without handlers: for the document. */
extern const struct api_route auth_routes[];
extern const size_t auth_route_count;

bool auth_owns(struct text path); /* /auth and everything below */
/* Answers; waits. Who may not reach the control API from their address may not sign in there either. Errors are problem
 * details. */
void auth_serve(const struct auth_site *s, struct gateway_worker *w, struct http_request *rq);

#endif
