/* What operators and load balancers ask: /health, /health/live, /health/ready and /metrics. No key is needed; nothing
 * secret is said. */
#ifndef CONTROL_OPERATIONS_H
#define CONTROL_OPERATIONS_H

#include "base/buf.h"
#include "fiber/offload.h"
#include "net/http_server.h"

/* One dependency. check may block (it runs in the offload pool) and says in f what is wrong. Without an optional one
 * the service goes on: it reads "degraded", which is no failure. */
struct operations_check {
  const char *name;
  enum err (*check)(void *ctx, struct fault *f);
  void *ctx;
  bool is_optional;
  /* In a word or two how it stands, well or not; may be NULL. For /health only. Must not block. */
  void (*describe)(void *ctx, char *out, size_t cap);
};
#define OPERATIONS_MAX_CHECKS 8

struct operations {
  struct offload *offload;
  struct operations_check checks[OPERATIONS_MAX_CHECKS];
  size_t check_count;
  int64_t started_wall_us;
  const char *store_name; /* "sqlite", "memory", "postgres" */
  bool (*is_draining)(void *ctx);
  bool (*write_metrics)(void *ctx, struct buf *out); /* false: /metrics is off */
  void *ctx;
};

bool operations_own(struct text path);
/* Answers; waits. live: 200 while the process runs. ready: 200 when every check passes that is not optional and no
 * drain has begun, else 503 with the reasons. /health: the same checks in detail, always with every dependency named.
 */
void operations_serve(const struct operations *o, struct http_request *rq);

#endif
