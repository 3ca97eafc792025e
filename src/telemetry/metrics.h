/* Numbers about the work done: counters a worker (metrics.def), three histograms, and a writer in the Prometheus text
 * format 0.0.4. Counting is a relaxed add on the worker's own cache lines; writing sums them up from any thread. */
#ifndef TELEMETRY_METRICS_H
#define TELEMETRY_METRICS_H

#include "base/buf.h"
#include "ports/telemetry.h"

struct metrics;

struct metrics *metrics_new(unsigned workers);
void metrics_free(struct metrics *m); /* NULL is fine */
/* Counts one finished exchange. Only from the worker's own thread. */
void metrics_count(struct metrics *m, unsigned worker, const struct telemetry_exchange *e);
/* Counters and histograms of all workers. Any thread. */
void metrics_write(const struct metrics *m, struct buf *out);
/* One gauge or counter owned by somebody else, with its help and type lines. */
void metrics_write_one(struct buf *out, const char *name, const char *type, const char *help, uint64_t value);

#endif
