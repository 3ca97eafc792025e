/* A worker: one thread with its loop, its listeners, its HTTP server and client, and its side of the gateway. Workers
 * share nothing but what app.c gives them. */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include "control/auth.h"
#include "control/front.h"
#include "control/oauth.h"
#include "control/operations.h"
#include "gateway/gateway.h"

#include <stdatomic.h>

struct worker;
struct local;

struct worker_options {
  unsigned index;
  struct gateway *gateway;
  struct operations *operations;
  struct oauth_site *oauth;
  const struct auth_site *auth; /* NULL: nobody signs in here */
  struct dns *dns;
  struct tls_context *server_tls, *client_tls; /* server_tls NULL: plain */
  struct config *config;                       /* a reference the worker takes over */
  unsigned workers;                            /* how many there are: limits.fibers is divided among them */
  atomic_size_t *connections;                  /* of all workers, bounded by limits.connections */
  atomic_size_t *requests;                     /* likewise, by limits.requests */
  struct http_memory *memory;                  /* of all workers, bounded by limits.memory_bytes */
  struct local *local;       /* what the operator's socket serves, on one worker; NULL on the others */
  int wake_fd;               /* an eventfd to be written when the thread has ended */
  bool serves_gateway;       /* false: not the data paths */
  const struct front *front; /* the control API; NULL: not here */
};

/* Makes the loop and what runs on it; nothing is accepted yet. */
enum err worker_new(const struct worker_options *o, struct worker **out, struct fault *f) MUST_CHECK;
/* Starts the thread. ERR_SYSTEM. */
enum err worker_start(struct worker *w) MUST_CHECK;

struct worker_socket {
  int fd;      /* taken over */
  bool shared; /* other workers accept on the same socket */
};
/* Accepts on these from now on; waits until the running worker does. ERR_SYSTEM: one cannot be watched, and none of the
 * rest is accepted on. Not from the worker's own thread. */
enum err worker_listen(struct worker *w, const struct worker_socket *sockets, size_t count) MUST_CHECK;
/* Stops accepting there, for now; waits until it has. What was accepted is served. */
void worker_pause(struct worker *w);
/* As worker_listen for the operator's socket, which no pause stops, on the worker that has `local`. */
enum err worker_listen_local(struct worker *w, int fd) MUST_CHECK;
/* Any thread: use this snapshot from now on (one reference is taken over). */
void worker_use(struct worker *w, struct config *c);

/* Any thread: stop accepting (files of sockets stay), let requests end; at most until deadline_us (loop clock), then
 * cancel what is left. patient: idle connections may bring one more request, for a successor listens and nobody's
 * request is to meet a closed connection; and the operator's socket is the successor's. A later call with an earlier
 * deadline or without patience is heeded, a later deadline is not. wake_fd is written when it is done. */
void worker_drain(struct worker *w, bool patient, int64_t deadline_us);
/* Any thread: nothing is served any more but the operator's socket. */
bool worker_is_drained(const struct worker *w);
/* Any thread: the thread is to end, cancelling whatever it still serves. */
void worker_finish(struct worker *w);
/* Waits for the thread to end, which worker_finish brings about. */
void worker_wait(struct worker *w);
/* Ends the thread at once if it still runs, then frees. NULL is fine. */
void worker_join(struct worker *w);

/* Any thread: asks the loop to answer. False when it has not answered the last time it was asked. */
bool worker_ping(struct worker *w);

struct worker_stats {
  uint64_t connections, active, upstream_idle, upstream_busy, fibers;
};
/* Any thread; numbers of the last turn of the loop. */
struct worker_stats worker_stats(const struct worker *w);

#endif
