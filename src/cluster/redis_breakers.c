/* The share: what any thread may call, the queue in between, and the fiber on Redis' thread that empties it. What a
 * breaker looks like in Redis is breaker_record.c's. Called by app/ and, as a share, by traffic's breakers. */
#include "cluster/redis_breakers.h"

#include "cluster/breaker_record.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The three parts together. A breaker with a longer name is this replica's own. */
#define NAME_MAX_BYTES 4096
/* More than this waits for Redis only when it is slow: then news are told again later, and claims are asked again. */
#define POSTS_MAX 1024
/* What is asked at once. */
#define BATCH_MAX 64
/* News that were lost without a sign are made good after so long at most; those that Redis has not taken, sooner. */
#define AGAIN_US      INT64_C(60000000)
#define RECOVERED_US  INT64_C(5000000) /* servers that find each other again pass on nothing for a while */
#define FIRST_LATE_US INT64_C(250000)
#define LAST_LATE_US  INT64_C(3000000)

enum post_kind { POST_TELL, POST_CLAIM, POST_RELEASE };
struct post {
  struct post *next;
  enum post_kind kind;
  struct breaker_news news;
  struct breaker_claim claim;
  char bytes[]; /* of the texts */
};
struct posts {
  struct post *head, *tail;
  size_t count;
};

struct redis_breakers {
  struct breaker_share share; /* first: the share is this */
  struct redis_user user;
  struct redis *redis;
  struct breakers *all;
  pthread_mutex_t lock;
  struct posts posts;
  struct posts late; /* releases that Redis has not taken; it may still hold the leases */
  bool is_open;      /* Redis is there to be asked; else whoever claims is granted at once */
  bool again;        /* news may have been lost: tell everything again */
  atomic_bool is_told;
  /* The thread's own: where the telling of everything stands. */
  bool is_telling, has_failed;
  size_t cursor;
  int64_t next_us, late_us;
};

static void posts_add(struct posts *q, struct post *p) {
  p->next = NULL;
  if (q->tail)
    q->tail->next = p;
  else
    q->head = p;
  q->tail = p;
  q->count++;
}

static struct post *posts_take(struct posts *q) {
  struct post *p = q->head;
  if (!p)
    return NULL;
  q->head = p->next;
  if (!q->head)
    q->tail = NULL;
  q->count--;
  return p;
}

/* --- what any thread may call --- */

static bool is_shareable(const struct breaker_name *n) {
  return n->provider.len + n->endpoint.len + n->credential.len <= NAME_MAX_BYTES;
}

static struct text keep(char **at, struct text t) {
  char *to = *at;
  if (t.len > 0)
    memcpy(to, t.at, t.len);
  *at += t.len;
  return (struct text){to, t.len};
}

/* news for POST_TELL, else claim. */
static struct post *post_new(enum post_kind kind, const struct breaker_news *news, const struct breaker_claim *claim) {
  const struct breaker_name *n = news ? &news->name : &claim->name;
  size_t bytes = n->provider.len + n->endpoint.len + n->credential.len;
  bytes += news ? news->reason.len + news->force_reason.len : 0;
  struct post *p = calloc(1, sizeof(*p) + bytes + 1);
  if (!p)
    abort();
  char *at = p->bytes;
  p->kind = kind;
  struct breaker_name name = {keep(&at, n->provider), keep(&at, n->endpoint), keep(&at, n->credential)};
  if (news) {
    p->news = *news;
    p->news.reason = keep(&at, news->reason);
    p->news.force_reason = keep(&at, news->force_reason);
  } else {
    p->claim = *claim;
  }
  p->news.name = p->claim.name = name;
  return p;
}

static void tell(struct breaker_share *self, const struct breaker_news *news) {
  struct redis_breakers *b = (struct redis_breakers *)(void *)self;
  if (!is_shareable(&news->name))
    return;
  pthread_mutex_lock(&b->lock);
  bool is_open = b->is_open; /* else everything is told anyway when it opens */
  if (is_open && b->posts.count < POSTS_MAX)
    posts_add(&b->posts, post_new(POST_TELL, news, NULL));
  else
    b->again = true;
  pthread_mutex_unlock(&b->lock);
  if (is_open)
    redis_user_wake(&b->user);
}

static void claim(struct breaker_share *self, const struct breaker_claim *c) {
  struct redis_breakers *b = (struct redis_breakers *)(void *)self;
  pthread_mutex_lock(&b->lock);
  bool is_open = b->is_open && is_shareable(&c->name);
  if (is_open && b->posts.count < POSTS_MAX)
    posts_add(&b->posts, post_new(POST_CLAIM, NULL, c));
  pthread_mutex_unlock(&b->lock);
  if (is_open)
    redis_user_wake(&b->user);
  else if (b->all)
    breakers_granted(b->all, c, loop_clock_us());
}

/* Waits for Redis to come back, too: it may still hold the lease. */
static void release(struct breaker_share *self, const struct breaker_claim *c) {
  struct redis_breakers *b = (struct redis_breakers *)(void *)self;
  pthread_mutex_lock(&b->lock);
  if (is_shareable(&c->name) && b->posts.count + b->late.count < POSTS_MAX)
    posts_add(&b->posts, post_new(POST_RELEASE, NULL, c));
  pthread_mutex_unlock(&b->lock);
  redis_user_wake(&b->user);
}

/* --- what the thread of Redis does --- */

static int64_t now_us(void) { return loop_now_us(loop_current()); }

/* A post that Redis has not taken. Takes it. */
static void give_up(struct redis_breakers *b, struct post *p) {
  if (p->kind == POST_RELEASE) {
    pthread_mutex_lock(&b->lock);
    posts_add(&b->late, p);
    pthread_mutex_unlock(&b->lock);
    return;
  }
  if (p->kind == POST_CLAIM)
    breakers_granted(b->all, &p->claim, loop_clock_us());
  free(p);
}

/* From now on claims go to Redis; or, with what waits, are granted here. */
static void found(struct redis_user *u, bool is_found) {
  struct redis_breakers *b = (struct redis_breakers *)((char *)u - offsetof(struct redis_breakers, user));
  struct posts waiting = {0};
  pthread_mutex_lock(&b->lock);
  b->is_open = is_found;
  b->again = true;
  if (!is_found) {
    waiting = b->posts;
    b->posts = (struct posts){0};
    atomic_store(&b->is_told, false);
  }
  pthread_mutex_unlock(&b->lock);
  for (struct post *p; (p = posts_take(&waiting));)
    give_up(b, p);
}

/* What was said meanwhile is made good by telling everything, which is answered with what is newer. */
static void missed(struct redis_user *u) {
  struct redis_breakers *b = (struct redis_breakers *)((char *)u - offsetof(struct redis_breakers, user));
  pthread_mutex_lock(&b->lock);
  b->again = true;
  pthread_mutex_unlock(&b->lock);
}

static void heard(struct redis_user *u, struct text message) {
  struct redis_breakers *b = (struct redis_breakers *)((char *)u - offsetof(struct redis_breakers, user));
  struct breaker_news news;
  struct arena a;
  arena_init(&a);
  if (breaker_record_message(message, b->share.replica, &a, &news))
    breakers_hear(b->all, &news, loop_clock_us());
  arena_done(&a);
}

static void write_post(const struct post *p, uint64_t replica, struct arena *a, struct redis_call *out) {
  struct breaker_record_call *c = ARENA_NEW(a, struct breaker_record_call);
  switch (p->kind) {
  case POST_TELL: breaker_record_tell(a, &p->news, replica, c); break;
  case POST_CLAIM: breaker_record_claim(a, &p->claim, c); break;
  case POST_RELEASE: breaker_record_release(a, &p->claim, c); break;
  default: abort();
  }
  *out = (struct redis_call){.key = c->key, .script = c->script, .arguments = c->arguments, .count = c->count};
}

static void take_answer(struct redis_breakers *b, const struct post *p, const struct resp_value *v) {
  struct breaker_news news;
  if (p->kind == POST_TELL && breaker_record_answer(v, &p->news.name, &news))
    breakers_hear(b->all, &news, loop_clock_us());
  if (p->kind == POST_CLAIM && v->kind == RESP_INTEGER && v->integer == 1)
    breakers_granted(b->all, &p->claim, loop_clock_us());
}

/* Redis has not taken something that it should have: everything is told again soon, and then a little less soon. */
static void note_failure(struct redis_breakers *b, const struct fault *f) {
  if (!b->has_failed) {
    b->next_us = now_us() + b->late_us;
    b->late_us = b->late_us * 2 < LAST_LATE_US ? b->late_us * 2 : LAST_LATE_US;
  }
  b->has_failed = true;
  atomic_store(&b->is_told, false);
  redis_note(&b->user, f);
}

/* Asks all and takes their answers. What is not answered is given up. */
static void exchange(struct redis_breakers *b, struct posts *batch) {
  struct post *posts[BATCH_MAX];
  struct arena a;
  size_t count = 0;
  arena_init(&a);
  struct redis_call *calls = arena_alloc(&a, BATCH_MAX * sizeof(*calls));
  for (struct post *p; count < BATCH_MAX && (p = posts_take(batch)); count++) {
    posts[count] = p;
    write_post(p, b->share.replica, &a, &calls[count]);
  }
  redis_run(&b->user, calls, count);
  for (size_t i = 0; i < count; i++) {
    if (calls[i].err == ERR_OK) {
      take_answer(b, posts[i], calls[i].answer);
      free(posts[i]);
    } else {
      note_failure(b, calls[i].fault);
      give_up(b, posts[i]);
    }
  }
  redis_calls_done(calls, count);
  arena_done(&a);
}

static void take_batch(struct redis_breakers *b, struct posts *out) {
  pthread_mutex_lock(&b->lock);
  bool again = (b->again && !b->has_failed) || now_us() >= b->next_us;
  if (again) {
    b->again = false;
    for (struct post *p; (p = posts_take(&b->late));)
      posts_add(&b->posts, p);
  }
  while (out->count < BATCH_MAX && b->posts.head)
    posts_add(out, posts_take(&b->posts));
  pthread_mutex_unlock(&b->lock);
  if (again) {
    b->is_telling = true;
    b->has_failed = false;
    b->cursor = 0;
    b->next_us = now_us() + AGAIN_US;
  }
}

/* Some more of everything, into the queue. When all of it has been taken, the breakers are shared. */
static void tell_some(struct redis_breakers *b) {
  b->is_telling = breakers_tell_again(b->all, &b->cursor, BATCH_MAX, loop_clock_us()) > 0;
  if (b->is_telling || b->has_failed)
    return;
  if (!atomic_load(&b->is_told))
    b->next_us = now_us() + RECOVERED_US;
  b->late_us = FIRST_LATE_US;
  atomic_store(&b->is_told, true);
  redis_note(&b->user, NULL);
}

static bool is_open(struct redis_breakers *b) {
  pthread_mutex_lock(&b->lock);
  bool open = b->is_open;
  pthread_mutex_unlock(&b->lock);
  return open;
}

/* What was told or given back before the end still goes out; a right to probe is of no use any more. */
static void finish(struct redis_breakers *b) {
  bool more = is_open(b);
  while (more && !fiber_is_cancelled(fiber_self())) {
    struct posts some = {0}, batch = {0};
    take_batch(b, &some);
    more = some.head != NULL;
    for (struct post *p; (p = posts_take(&some));) {
      if (p->kind == POST_CLAIM)
        free(p);
      else
        posts_add(&batch, p);
    }
    exchange(b, &batch);
    more = more && !b->has_failed;
  }
}

static void speak(struct redis_user *u) {
  struct redis_breakers *b = (struct redis_breakers *)((char *)u - offsetof(struct redis_breakers, user));
  b->next_us = INT64_MAX;
  b->late_us = FIRST_LATE_US;
  while (!redis_is_ending(u)) {
    struct posts batch = {0};
    bool open = is_open(b);
    if (open)
      take_batch(b, &batch);
    enum err e = ERR_OK;
    if (batch.head)
      exchange(b, &batch);
    else if (open && b->is_telling)
      tell_some(b);
    else
      e = redis_user_wait(u, open ? b->next_us : INT64_MAX);
    if (e != ERR_OK)
      return;
  }
  finish(b);
}

/* --- the user --- */

struct redis_breakers *redis_breakers_new(struct redis *r) {
  struct redis_breakers *b = calloc(1, sizeof(*b));
  if (!b)
    abort();
  b->share = (struct breaker_share){redis_replica(r), tell, claim, release};
  b->redis = r;
  b->user = (struct redis_user){
      .channel = TEXT(BREAKER_RECORD_CHANNEL), .run = speak, .found = found, .heard = heard, .missed = missed};
  pthread_mutex_init(&b->lock, NULL);
  redis_join(r, &b->user);
  return b;
}

struct breaker_share *redis_breakers_share(struct redis_breakers *b) {
  return &b->share;
}

void redis_breakers_serve(struct redis_breakers *b, struct breakers *all) { b->all = all; }

void redis_breakers_free(struct redis_breakers *b) {
  if (!b)
    return;
  for (struct post *p; (p = posts_take(&b->posts));)
    free(p);
  for (struct post *p; (p = posts_take(&b->late));)
    free(p);
  pthread_mutex_destroy(&b->lock);
  free(b);
}

bool redis_breakers_are_shared(const struct redis_breakers *b) {
  return atomic_load(&b->is_told) && redis_is_well(b->redis);
}
