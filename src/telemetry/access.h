/* The adapter behind ports/telemetry.h: one JSON line for every request (batched by base/log.h) and the metrics. */
#ifndef TELEMETRY_ACCESS_H
#define TELEMETRY_ACCESS_H

#include "telemetry/metrics.h"

struct access_telemetry {
  struct telemetry port; /* first */
  struct metrics *metrics;
};

/* metrics must outlive it. */
void access_init(struct access_telemetry *a, struct metrics *metrics);
/* The line for e, without newline, appended to out. Keys and bodies never appear in it. */
void access_write_line(struct buf *out, int64_t wall_us, const struct telemetry_exchange *e);

#endif
