/* The process's share in a Redis, one server or a cluster: a thread of its own with a loop, on which everything that
 * replicas share through Redis runs as fibers, side by side (redis_breakers.h, redis_bell.h). Others leave it messages
 * and never wait for it. It keeps the connections, listens to the users' channels, looks whether every server keeps
 * what it is told, and says so: to its users, to /health and to the log, which tells of a loss and of its end once
 * each. While Redis cannot be reached each user goes on by itself. */
#ifndef CLUSTER_REDIS_H
#define CLUSTER_REDIS_H

#include "cluster/redis_link.h"
#include "fiber/mailbox.h"
#include "fiber/sync.h"

#define REDIS_USERS_MAX 8

struct redis;

struct redis_options {
  struct text url;         /* resp_url.h */
  struct dns *dns;         /* outlives the thread; may be NULL when the hosts are IP literals */
  struct tls_context *tls; /* for rediss://, referenced */
  uint64_t replica;        /* random, not 0 */
  int64_t patience_us;     /* how long Redis may take over anything before it counts as lost; 0: 2 seconds */
};

/* One that shares something; embedded in it. All functions but wake are for the thread of Redis, and all that it
 * calls are called there. */
struct redis_user {
  struct text channel; /* "": it listens to none; lives as long as the user */
  /* Its fiber: works until redis_is_ending, waits in redis_user_wait. NULL: it has none. */
  void (*run)(struct redis_user *u);
  /* Redis is there to be asked, a part of it at least; or it no longer is. May be NULL, as may the others. Must not
   * wait. */
  void (*found)(struct redis_user *u, bool is_found);
  void (*heard)(struct redis_user *u, struct text message);
  /* The channel is listened to, from now on or again: what was said before may have been missed. */
  void (*missed)(struct redis_user *u);
  /* Internal: */
  struct redis *redis;
  struct fiber *fiber;
  struct wait_queue work;
  struct mailbox_message news;
  atomic_bool news_posted;
  bool is_well;
};

/* ERR_CONFIG: the URL. Nothing runs yet. */
enum err redis_new(const struct redis_options *o, struct redis **out, struct fault *f) MUST_CHECK;
/* Before redis_start; the user must outlive the thread. At most REDIS_USERS_MAX. */
void redis_join(struct redis *r, struct redis_user *u);
/* Starts the thread. Does not wait for Redis, which may come later. ERR_SYSTEM. */
enum err redis_start(struct redis *r, struct fault *f) MUST_CHECK;
/* Lets the users finish, for as long as Redis is patient with at most, and ends the thread. NULL is fine. */
void redis_stop(struct redis *r);
void redis_free(struct redis *r); /* stops; NULL is fine */

/* For users. */
uint64_t redis_replica(const struct redis *r);
/* The user has something to do. Any thread, from redis_start to redis_stop; nothing happens otherwise. */
void redis_user_wake(struct redis_user *u);
/* Until it is woken, a state has changed or the time is there. ERR_OK or ERR_CANCELLED. */
enum err redis_user_wait(struct redis_user *u, int64_t until_us) MUST_CHECK;
/* The user shall finish what it has to and return. */
bool redis_is_ending(const struct redis_user *u);
/* redis_link_run with the patience that was configured. */
void redis_run(struct redis_user *u, struct redis_call *calls, size_t count);
/* NULL: what the user shares is shared. Else why not; the log says it unless it has already. A user counts as well from
 * the start when it has no fiber. */
void redis_note(struct redis_user *u, const struct fault *f);

/* For everybody, any thread. */
struct redis_state {
  bool is_cluster;
  bool is_well;            /* every server keeps what it is told, the channels are listened to, all users are well */
  unsigned nodes, reached; /* servers with keys, and those of them that keep what they are told; 0 and 0 before a
                              cluster is known */
  uint64_t calls, failures;
  uint64_t waited_us; /* for the answers to all calls */
  uint64_t connections, redirections, scripts_sent;
  char why[400]; /* it is not well; "" before the first try has ended */
};
void redis_look(struct redis *r, struct redis_state *out);
bool redis_is_well(struct redis *r);

#endif
