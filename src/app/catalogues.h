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
/* Takes the list of this vendor (its address; "": of every one) that the store has, if the configuration has the
 * vendor; blocks. One that is missing, or cannot be read, is left to the gateway, which fetches it itself when it is
 * needed. */
void catalogue_desk_load(struct catalogue_desk *d, struct text vendor);

#endif
