/* One server of Redis: its one connection, the requests that wait for it and the fiber that does both. Requests go out
 * in batches and are answered in order; one that is late brings the connection down, and with it all that wait. A
 * server that cannot be reached is tried again after a pause that grows; meanwhile requests fail at once. Everything
 * here runs on one loop and nothing waits but the fiber. Used by redis_link*.c. */
#ifndef CLUSTER_REDIS_NODE_H
#define CLUSTER_REDIS_NODE_H

#include "fiber/fiber.h"
#include "net/resp_client.h"
#include "net/resp_cluster.h"
#include "net/resp_script.h"

#include <stdatomic.h>

#define REDIS_HOST_BYTES 256
/* Requests that wait for one server. */
#define REDIS_NODE_REQUESTS_MAX 4096

/* Where a server is and whom its certificate must name; its own memory. */
struct redis_place {
  char host[REDIS_HOST_BYTES], tls_name[REDIS_HOST_BYTES];
  uint16_t port;
};

/* Of all servers together, for metrics; any thread may read them. */
struct redis_counters {
  _Atomic uint64_t answers, failures; /* requests that a server has answered, if with an error; and that none has */
  _Atomic uint64_t waited_us;         /* from the request to its answer, all added up */
  _Atomic uint64_t connections;       /* opened since the start */
  _Atomic uint64_t redirections, scripts_sent;
};

/* What every server of a link has in common; lives as long as they. */
struct redis_world {
  struct loop *loop;
  struct resp_options options; /* host, port and tls_name excepted */
  int64_t patience_us;         /* for a connection, and for the answers of a batch */
  struct redis_counters *counters;
  void (*changed)(void *ctx); /* a server was reached or lost; must not wait */
  void *ctx;
  uint64_t last_id; /* the servers' own */
};

/* Those who wait for several requests. */
struct redis_waiter {
  struct fiber *fiber;
  size_t open; /* requests that are not done */
};
/* Made by redis_request_new. Once it is done it is its waiter's; one whose waiter has left it, the server's. */
struct redis_request {
  struct redis_request *next;
  struct redis_waiter *waiter; /* NULL: left */
  struct buf command;
  unsigned extra; /* answers before the one that counts */
  int64_t asked_us;
  bool is_done;
  enum err err; /* ERR_AGAIN: the server is none of the link's any more and has not been asked */
  struct fault fault;
  const struct resp_value *answer; /* when err is ERR_OK; may be an error of Redis; the arena's */
  struct arena arena;
};
struct redis_request *redis_request_new(struct redis_waiter *w);
void redis_request_free(struct redis_request *q); /* NULL is fine */
/* The waiter no longer waits: frees it when it is done, else whoever ends it does. */
void redis_request_leave(struct redis_request *q);

struct redis_node;
/* Starts the fiber, which connects at once. NULL: there is no fiber for it. */
struct redis_node *redis_node_new(struct redis_world *w, const struct redis_place *place);
/* Ends the fiber, which frees it. */
void redis_node_leave(struct redis_node *n);
/* Queues the request, or ends it at once where the server cannot be asked. */
void redis_node_ask(struct redis_node *n, struct redis_request *q);

const struct redis_place *redis_node_place(const struct redis_node *n);
uint64_t redis_node_id(const struct redis_node *n); /* no other has it, before or after */
bool redis_node_is_open(const struct redis_node *n);
/* Has the script been sent over this connection? Notes that it now is, when there is room to remember it. */
bool redis_node_has_script(struct redis_node *n, const struct resp_script *s);
void redis_node_forget_script(struct redis_node *n, const struct resp_script *s);
/* This user may not run scripts by name there; whole ones it may. */
void redis_node_refuses_names(struct redis_node *n);

#endif
