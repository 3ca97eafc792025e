/* A worker: one thread with its loop, its listeners, its HTTP server and client, and its side of the gateway. Workers
 * share nothing but what app.c gives them. */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include "control/operations.h"
#include "gateway/gateway.h"
#include "net/addr.h"

#include <stdatomic.h>

struct worker;

struct worker_options {
  unsigned index;
  struct gateway *gateway;
  const struct operations *operations;
  struct dns *dns;
  struct tls_context *server_tls, *client_tls; /* server_tls NULL: plain */
  struct config *config;                       /* a reference the worker takes over */
  unsigned workers;                            /* how many there are: limits.fibers is divided among them */
  atomic_size_t *connections;                  /* of all workers, bounded by limits.connections */
  atomic_size_t *requests;                     /* likewise, by limits.requests */
  struct http_memory *memory;                  /* of all workers, bounded by limits.memory_bytes */
};

/* Makes the loop and what runs on it. listen_fds (listen_count of them, `shared[i]` when other workers accept on the
 * same socket) are taken over. */
enum err worker_new(const struct worker_options *o, const int *listen_fds, const bool *shared, size_t listen_count,
                    struct worker **out, struct fault *f) MUST_CHECK;
/* Starts the thread. ERR_SYSTEM. */
enum err worker_start(struct worker *w) MUST_CHECK;
/* Any thread: use this snapshot from now on (one reference is taken over). */
void worker_use(struct worker *w, struct config *c);
/* Any thread: stop accepting, let requests end; at most until deadline_us (loop clock), then cancel what is left; then
 * the thread ends. A second call with an earlier deadline is heeded. */
void worker_drain(struct worker *w, int64_t deadline_us);
/* Waits for the thread to end, which worker_drain brings about. */
void worker_wait(struct worker *w);
/* Ends the thread at once if it still runs, then frees. NULL is fine. */
void worker_join(struct worker *w);

struct worker_stats {
  uint64_t connections, active, upstream_idle, upstream_busy, fibers;
};
/* Any thread; numbers of the last turn of the loop. */
struct worker_stats worker_stats(const struct worker *w);

#endif
