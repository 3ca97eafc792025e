/* What Weir serves as an issuer of tokens:
 *   GET  /.well-known/jwks.json                    its public keys (RFC 7517), to everybody
 *   GET  /.well-known/oauth-authorization-server   what it can do (RFC 8414), to everybody
 *   POST /oauth/token                              a token for a service account (RFC 6749 section 4.4) */
#ifndef CONTROL_OAUTH_H
#define CONTROL_OAUTH_H

#include "control/sites.h"
#include "fiber/offload.h"
#include "net/http_server.h"
#include "ports/oauth.h"

#include <pthread.h>

#define OAUTH_PLACES     1024 /* addresses that are counted at one time */
#define OAUTH_PER_MINUTE 120  /* requests for a token from one of them */

/* Given by app.c; outlives every call. */
struct oauth_site {
  struct oauth *oauth;
  struct offload *offload;
  pthread_mutex_t lock; /* over how often each address has asked in this minute; addresses may share a place */
  int64_t minute;
  uint16_t asked[OAUTH_PLACES];
};

void oauth_site_init(struct oauth_site *s, struct oauth *oauth, struct offload *offload);
bool oauth_owns(struct text path);
/* Answers; waits. Pages of sites that c lists may read the answers. */
void oauth_serve(struct oauth_site *s, const struct config_control *c, struct http_request *rq);
/* Headers of every answer. */
struct oauth_page {
  struct http_header site[SITES_HEADERS];
  size_t site_count;
};
/* POST /oauth/token. Errors as in RFC 6749 section 5.2; 429 beyond OAUTH_PER_MINUTE. For oauth.c. */
void oauth_token_serve(struct oauth_site *s, const struct oauth_page *p, struct http_request *rq);
/* Counts a request of this address; false: it is one too many. now_us: wall clock. */
bool oauth_may_ask(struct oauth_site *s, struct text peer, int64_t now_us);

#endif
