/* What Weir serves as an issuer of tokens, to everybody: GET /.well-known/jwks.json, its public keys (RFC 7517). */
#ifndef CONTROL_OAUTH_H
#define CONTROL_OAUTH_H

#include "fiber/offload.h"
#include "net/http_server.h"
#include "ports/oauth.h"

/* Given by app.c; outlives every call. */
struct oauth_site {
  struct oauth *oauth;
  struct offload *offload;
};

bool oauth_owns(struct text path);
/* Answers; waits. Errors are problem details (problem.h). */
void oauth_serve(const struct oauth_site *s, struct http_request *rq);

#endif
