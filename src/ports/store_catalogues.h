/* The part of the store's port that keeps vendors' lists of models and prices as they were fetched last, so that a
 * process that starts has them at once, whether the vendor can be reached or not. Blocks; errors as in ports/store.h.
 */
#ifndef PORTS_STORE_CATALOGUES_H
#define PORTS_STORE_CATALOGUES_H

#include "base/arena.h"

#define STORE_CATALOGUE_VENDOR_MAX 2048
#define STORE_CATALOGUE_BYTES_MAX  (32 * 1024 * 1024)

struct store_catalogue {
  struct text body; /* the vendor's own bytes */
  int64_t age_us;   /* since it was put, by the database's clock */
};

struct store;
struct store_catalogues_ops {
  /* In place of the vendor's list of before; an event "catalogue" tells of it, with the vendor as its subject (or none,
   * when it is longer than one can be). vendor: the address it comes from. ERR_LIMIT: it, or the list, is too long. */
  enum err (*put)(struct store *s, struct text vendor, struct text body, struct fault *f);
  enum err (*get)(struct store *s, struct text vendor, struct arena *a, struct store_catalogue *out,
                  struct fault *f); /* ERR_NOT_FOUND */
};

#endif
