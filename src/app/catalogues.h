/* Vendors' lists of models, kept in the store for all replicas: fetching them (the adapter of
 * ports/catalogue_refresh.h), and taking them from the store into this process. */
#ifndef APP_CATALOGUES_H
#define APP_CATALOGUES_H

#include "config/config.h"
#include "ports/catalogue_refresh.h"
#include "ports/provider.h"
#include "ports/store.h"
#include "traffic/catalogue.h"

/* What it works with outlives the desk. */
struct catalogue_desk_options {
  struct config *(*config)(void *ctx); /* the snapshot in force, with a reference */
  void *ctx;
  struct store *store;
  struct catalogues *catalogues;
  const struct provider *(*provider_find)(struct text kind);
};

struct catalogue_desk {
  struct catalogue_refresh port; /* first */
  struct catalogue_desk_options options;
};

void catalogue_desk_init(struct catalogue_desk *d, const struct catalogue_desk_options *o);
/* Takes the lists of all vendors of the configuration that the store has; blocks. One that is missing, or cannot be
 * read, is left to the gateway, which fetches it itself when it is needed. */
void catalogue_desk_load(struct catalogue_desk *d);
/* Whether the store lacks the list of a vendor of the configuration, or has an old one: before replicas begin to fetch
 * it themselves, the job `catalogue` does it for all. Blocks. False when the store cannot be asked. */
bool catalogue_desk_is_due(struct catalogue_desk *d);

#endif
