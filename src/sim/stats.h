/* What the simulator has received: counters and the last requests with their headers and bodies, so that tests can see
 * what travelled. Credentials are kept as they came: it is a simulator. Bounded; one loop, not locked. */
#ifndef SIM_STATS_H
#define SIM_STATS_H

#include "base/json.h"
#include "net/http1.h"

#define STATS_PATHS_MAX  64
#define STATS_BODY_BYTES (64 * 1024) /* of a body kept; the digest is of all of it */

struct stats_entry;

struct stats {
  uint64_t requests;
  uint64_t cancelled;            /* the client went away before the first byte of an answer */
  uint64_t cancelled_mid_stream; /* and after it */
  uint64_t streams_started, streams_finished, streams_broken; /* broken: on purpose */
  struct {
    char name[64];
    uint64_t count;
  } path[STATS_PATHS_MAX];
  size_t path_count;
  struct stats_entry *ring;
  size_t ring_size;
  uint64_t recorded; /* requests ever recorded; the newest is at (recorded - 1) % ring_size */
};

/* keep: how many of the last requests, 0 to 10000. */
void stats_init(struct stats *s, size_t keep);
void stats_done(struct stats *s);
void stats_reset(struct stats *s); /* everything to zero, what was kept forgotten */

/* Counts a request under "METHOD path" and keeps it; returns its number for stats_outcome. path is the route's name. */
uint64_t stats_record(struct stats *s, const char *path, const struct http1_head *head, struct text id,
                      struct text body);
/* How the answer went. Ignored when the request is no longer kept. outcome: a literal. */
void stats_outcome(struct stats *s, uint64_t number, int status, const char *outcome);
/* The whole as JSON, newest request last. */
void stats_write(struct buf *out, const struct stats *s, size_t connections, size_t active);

#endif
