/* What redis.c, redis_listen.c and redis_life.c know of each other. Included nowhere else. */
#ifndef CLUSTER_REDIS_PRIVATE_H
#define CLUSTER_REDIS_PRIVATE_H

#include "cluster/redis.h"

#include <pthread.h>

/* What has to be well besides the users: the servers, and the channels. */
enum redis_side { REDIS_SERVERS, REDIS_CHANNELS, REDIS_SIDES };

struct redis {
  struct arena arena; /* of the URL's parts */
  struct resp_url url;
  struct tls_context *tls;
  uint64_t replica;
  int64_t patience_us;
  struct loop *loop;
  struct redis_link_options options;
  struct redis_link *link;
  pthread_t thread;
  bool is_started;
  atomic_bool takes_news;
  struct redis_user *users[REDIS_USERS_MAX];
  size_t user_count;
  struct mailbox_message stop;
  /* The thread's own: */
  struct fiber *life, *listener;
  struct wait_queue changes; /* of servers or of the map: who depends on them waits here */
  uint64_t change_count;
  struct loop_timer end_of_grace; /* the users have had their time to finish */
  bool is_well[REDIS_SIDES], has_complained, is_found, is_ending;
  size_t users_running;
  /* Told to others: */
  pthread_mutex_t lock;
  struct redis_state state;
};

/* One of the sides is well, or has failed with f. */
void redis_side(struct redis *r, enum redis_side side, const struct fault *f);
/* Of its primaries so many keep what they are told. */
void redis_reached(struct redis *r, size_t nodes, size_t reached);

/* Of a cluster: f also says which server it is about. */
void redis_blame(const struct redis *r, const struct redis_place *at, struct fault *f);

/* The two fibers; arg is the struct. They end when they are cancelled. */
void redis_life(void *arg);
void redis_listen(void *arg);

/* Until servers or the map have changed, for so long at most; or it is cancelled. */
void redis_wait_for_change(struct redis *r, int64_t for_us);
/* Waits for about *pause_us, which grows. */
void redis_pause(int64_t *pause_us);
#define REDIS_FIRST_PAUSE_US INT64_C(100000)

#endif
