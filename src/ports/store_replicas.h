/* The part of the store's port by which several processes on one database know of each other: the seats they sit on,
 * and what they must agree on. All times are by the database's clock. Blocks; errors as in ports/store.h. */
#ifndef PORTS_STORE_REPLICAS_H
#define PORTS_STORE_REPLICAS_H

#include "base/arena.h"

#define STORE_SEATS_MAX     1024
#define STORE_SEAT_LEASE_US INT64_C(86400000000) /* a seat not renewed for this long is free */

struct store_replica {
  uint64_t boot; /* random, of one process */
  unsigned seat;
  struct text name, version; /* for people */
  int64_t started_us;
  int64_t age_us; /* since it was seen last, at the time of the list */
};

struct store;
struct store_replicas_ops {
  /* Takes the lowest free seat at or above first_seat for r->boot (r: boot, name, version), or gives the seat that it
   * has. Two callers never get the same. ERR_LIMIT: every seat is taken. */
  enum err (*claim)(struct store *s, const struct store_replica *r, unsigned first_seat, unsigned *out_seat,
                    struct fault *f);
  /* The process of this boot lives. ERR_NOT_FOUND: the seat is not its any more. */
  enum err (*renew)(struct store *s, unsigned seat, uint64_t boot, struct fault *f);
  /* The process has ended and all it has ever done is in the store. Nothing when it has no seat. */
  enum err (*release)(struct store *s, uint64_t boot, struct fault *f);
  /* Everyone who has a seat, lowest first. */
  enum err (*list)(struct store *s, struct arena *a, struct store_replica **out, size_t *out_count, struct fault *f);
  /* What stands under the name in the database: value, when nothing did. */
  enum err (*agree)(struct store *s, struct text name, struct text value, struct arena *a, struct text *out,
                    struct fault *f);
  /* What stands there, or "". */
  enum err (*agreed)(struct store *s, struct text name, struct arena *a, struct text *out, struct fault *f);
};

#endif
