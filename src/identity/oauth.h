/* The adapter behind ports/oauth.h: service accounts of the store, their secrets and rights, and the tokens of mint.h.
 */
#ifndef IDENTITY_OAUTH_H
#define IDENTITY_OAUTH_H

#include "identity/mint.h"
#include "identity/rights.h"
#include "ports/oauth.h"

#define OAUTH_TOKEN_LIFE_S 3600

/* All of it must outlive the desk. */
struct oauth_desk_options {
  struct store *store;
  struct mint *mint;
  struct rights *rights;
  const struct secret *server_secret; /* under which secrets of clients are hashed */
};

struct oauth_desk {
  struct oauth port; /* first */
  struct oauth_desk_options o;
};

/* There is nothing to be given back. */
void oauth_desk_init(struct oauth_desk *d, const struct oauth_desk_options *o);

#endif
