/* The adapter behind ports/oauth.h, over the keys of mint.h. */
#ifndef IDENTITY_OAUTH_H
#define IDENTITY_OAUTH_H

#include "identity/mint.h"
#include "ports/oauth.h"

struct oauth_desk {
  struct oauth port; /* first */
  struct mint *mint;
};

/* The mint must outlive it. There is nothing to be given back. */
void oauth_desk_init(struct oauth_desk *d, struct mint *mint);

#endif
