/* The port by which the job `catalogue` has vendors' lists of models fetched, once for all replicas. Which vendors
 * there are stands in the configuration; the adapter (app/catalogues.c) knows where their lists are. */
#ifndef PORTS_CATALOGUE_REFRESH_H
#define PORTS_CATALOGUE_REFRESH_H

#include "base/err.h"

/* Asked before every vendor: an error from it ends the work and is returned. */
struct catalogue_watch {
  enum err (*go_on)(void *data, struct fault *f);
  void *data;
};

struct catalogue_refreshed {
  unsigned vendors, failed; /* asked, and of these without a list; what was kept of them stays */
};

struct catalogue_refresh {
  /* Fetches every vendor's list, checks that it is one, and puts it into the store for all replicas. Blocks. When every
   * vendor failed the last one's error is returned (ERR_UPSTREAM_STATUS, ERR_NETWORK and the like). */
  enum err (*run)(struct catalogue_refresh *r, const struct catalogue_watch *w, struct catalogue_refreshed *out,
                  struct fault *f);
};

#endif
