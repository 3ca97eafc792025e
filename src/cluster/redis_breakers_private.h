/* What redis_breakers.c and redis_breakers_run.c know of each other. Included nowhere else. */
#ifndef CLUSTER_REDIS_BREAKERS_PRIVATE_H
#define CLUSTER_REDIS_BREAKERS_PRIVATE_H

#include "base/random.h"
#include "cluster/redis_breakers.h"
#include "fiber/mailbox.h"
#include "fiber/sync.h"
#include "net/resp_client.h"

#include <pthread.h>
#include <stdatomic.h>

/* More than this waits for Redis only when it is slow: then news are told again later, and claims are asked again. */
#define REDIS_POSTS_MAX 1024

enum redis_post_kind { REDIS_TELL, REDIS_CLAIM, REDIS_RELEASE };
struct redis_post {
  struct redis_post *next;
  enum redis_post_kind kind;
  struct breaker_news news;
  struct breaker_claim claim;
  char bytes[]; /* of the texts */
};
struct redis_posts {
  struct redis_post *head, *tail;
  size_t count;
};

enum redis_side { REDIS_SPEAKING, REDIS_LISTENING, REDIS_SIDES };

struct redis_breakers {
  struct breaker_share share; /* first: the share is this */
  struct arena arena;         /* of the URL's parts */
  struct resp_options redis;
  int64_t patience_us;
  struct breakers *all;
  struct loop *loop;
  pthread_t thread;
  bool is_started;

  pthread_mutex_t lock;
  struct redis_posts posts;
  bool is_open; /* Redis is there to be asked; else whoever claims is granted at once */
  bool again;   /* news may have been lost: tell everything again */

  struct mailbox_message news, stop;
  atomic_bool news_posted;
  /* The thread's own: */
  struct wait_queue work;
  struct fiber *sides[REDIS_SIDES];
  bool is_well[REDIS_SIDES], has_complained;
  bool is_in_doubt; /* the one who listens was cut off: whether the other's connection stands is seen only when used */
  atomic_bool is_shared;
};

void redis_posts_add(struct redis_posts *q, struct redis_post *p);
struct redis_post *redis_posts_take(struct redis_posts *q); /* NULL when empty */
/* Any thread: there is something to do. */
void redis_breakers_wake(struct redis_breakers *r);
/* From now on claims go to Redis; or, with what waits, are granted here. Releases stay and wait. */
void redis_breakers_open(struct redis_breakers *r);
void redis_breakers_go_alone(struct redis_breakers *r);
/* A post that Redis has not answered. Takes it. */
void redis_breakers_give_up(struct redis_breakers *r, struct redis_post *p);

/* The two fibers; arg is the struct. They end when they are cancelled. */
void redis_breakers_speak(void *arg);
void redis_breakers_listen(void *arg);

#endif
