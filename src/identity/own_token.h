/* Service accounts that show a token of Weir's own in place of a Weir key: the adapter behind ports/identity.h that
 * stands before the others and passes on to them whatever is no such token. Such a call needs the permission chat.use;
 * it is in the ledger under "service:3", and in the workspace in which the account may chat. */
#ifndef IDENTITY_OWN_TOKEN_H
#define IDENTITY_OWN_TOKEN_H

#include "fiber/offload.h"
#include "identity/mint.h"
#include "identity/rights.h"
#include "ports/identity.h"

struct own_identity {
  struct identity port; /* first */
  struct identity *next;
  struct mint *mint;
  struct rights *rights;
  struct offload *pool; /* NULL: everything on the calling thread */
};

/* All of it must outlive the adapter. There is nothing to be given back. */
void own_identity_init(struct own_identity *o, struct identity *next, struct mint *mint, struct rights *rights,
                       struct offload *pool);

#endif
