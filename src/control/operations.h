/* What operators and load balancers ask: /health, /health/live, /health/ready and /metrics. No key is needed; nothing
 * secret is said, and of what is wrong only the class (fault_brief): what names hosts, users, ports or paths goes to
 * the log and to the operator's socket. */
#ifndef CONTROL_OPERATIONS_H
#define CONTROL_OPERATIONS_H

#include "base/buf.h"
#include "base/json.h"
#include "fiber/offload.h"
#include "net/http_server.h"

/* One dependency. Without a vital one no call can be served ("failing"); without another one the service goes on
 * ("degraded"). */
struct operations_check {
  const char *name;
  enum err (*check)(void *ctx, struct fault *f); /* for /health; says in f what is wrong; may block, in the pool */
  /* For /health/ready, from what the process knows already; must not block. NULL: readiness does not ask about it. */
  enum err (*glance)(void *ctx, struct fault *f);
  void *ctx;
  bool is_vital;
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
  _Atomic(const char *) told[OPERATIONS_MAX_CHECKS]; /* what the log was told of each last; NULL: that it is well */
  void *ctx;
};

/* How everything is, as /health says it. Texts live as long as it. */
struct operations_look {
  const char *status;
  struct {
    const char *name, *status, *detail;
    char state[160];
  } at[OPERATIONS_MAX_CHECKS];
  size_t count;
};
/* Asks every dependency anew, on the calling thread: blocks, and never on a worker. */
void operations_look(struct operations *o, struct operations_look *out);

bool operations_own(struct text path);
/* Answers; waits. live: 200 while the process runs. ready: 200 while calls can be served, that is, while every vital
 * check passes and no drain has begun, else 503; the body names what is away; never waits for a dependency. /health:
 * the same in detail, with every dependency asked anew. */
void operations_serve(struct operations *o, struct http_request *rq);
/* "health": {...} with every dependency and what is wrong in full, for the operator's socket. As far as the process
 * knows it already no dependency is asked, so that a stalled one holds nothing up; waits for the others. */
void operations_tell(struct operations *o, struct json_writer *w);

#endif
