/* Redis as its users see it, one server or a cluster: a command or a script that is about one key is asked of whoever
 * has the key. In a cluster this follows who that is (MOVED, ASK), waits for what will pass (TRYAGAIN, CLUSTERDOWN,
 * LOADING) and learns the cluster's map again when it has changed, when a server is lost and now and then. Scripts go
 * by their SHA once a connection has seen them. Runs on one loop; its functions are for that loop's thread, and those
 * that wait for a fiber. Used by redis.c and, through redis_run, by what is shared through Redis. */
#ifndef CLUSTER_REDIS_LINK_H
#define CLUSTER_REDIS_LINK_H

#include "cluster/redis_node.h"

/* A call that is redirected more often fails: two servers point at each other. */
#define REDIS_REDIRECTIONS_MAX 5

struct redis_link;

struct redis_link_options {
  struct loop *loop;
  struct resp_options redis; /* host, port and tls_name excepted; texts outlive the link */
  bool is_cluster;
  const struct resp_place *hosts; /* of the URL; copied */
  size_t host_count;
  int64_t patience_us;
  void (*changed)(void *ctx); /* a server was reached or lost, or the cluster has another map; must not wait */
  void *ctx;
};

struct redis_call {
  struct text key;                  /* decides who is asked; in a script, KEYS[1] */
  const struct resp_script *script; /* NULL: arguments are a whole command, the key among them where it has one */
  const struct text *arguments;     /* else ARGV; like key they outlive the call */
  size_t count;
  /* Out, until redis_calls_done: */
  enum err err;
  const struct resp_value *answer; /* of ERR_OK; no error of Redis */
  const struct fault *fault;       /* of anything else */
  struct redis_pending *pending;   /* internal */
};

/* Starts fibers, which begin when the loop runs. ERR_LIMIT. */
enum err redis_link_new(const struct redis_link_options *o, struct redis_link **out) MUST_CHECK;
/* Ends the fibers; what is asked afterwards fails. The loop then has to run until they have ended. */
void redis_link_stop(struct redis_link *l);
void redis_link_free(struct redis_link *l); /* after that; NULL is fine */

/* Makes all calls, those to one server as a pipeline, and waits until each has its outcome or the time is over. Calls
 * about one key keep their order unless they are redirected. Outcomes: ERR_OK; ERR_UNAVAILABLE, ERR_FORBIDDEN or
 * ERR_UNSUPPORTED: Redis refuses; ERR_TIMEOUT, ERR_NETWORK, ERR_DNS, ERR_TLS, ERR_PROTOCOL, ERR_LIMIT, ERR_CANCELLED:
 * there was no answer, and the call may have been carried out. */
void redis_link_run(struct redis_link *l, struct redis_call *calls, size_t count, int64_t deadline_us);
void redis_calls_done(struct redis_call *calls, size_t count);

/* Servers that have keys: 1, or a cluster's primaries; 0 while the cluster is not known yet. */
size_t redis_link_servers(const struct redis_link *l);
/* A cluster's slots that no server has. */
unsigned redis_link_missing_slots(const struct redis_link *l);
/* Why the cluster's map could not be learned the last time, or NULL. */
const struct fault *redis_link_trouble(const struct redis_link *l);
/* Changes whenever servers or slots do. */
uint64_t redis_link_generation(const struct redis_link *l);
/* Which server has the slot, below redis_link_servers; SIZE_MAX: none. */
size_t redis_link_server_of(const struct redis_link *l, unsigned slot);
/* Where that server is. */
const struct redis_place *redis_link_place(const struct redis_link *l, size_t server);
bool redis_link_is_open(const struct redis_link *l, size_t server);
/* Is a server with keys there? */
bool redis_link_has(const struct redis_link *l, const struct redis_place *place);
/* Options for a further connection to that place, whose texts they use. */
struct resp_options redis_link_options_for(const struct redis_link *l, const struct redis_place *place);
const struct redis_counters *redis_link_counters(const struct redis_link *l);

#endif
