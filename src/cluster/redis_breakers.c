/* The share itself: what any thread may call, the queue in between, and the thread that empties it. What is said to
 * Redis is redis_breakers_run.c's. Called by app/ and, as a share, by traffic's breakers. */
#include "cluster/redis_breakers.h"

#include "base/secret.h"
#include "cluster/redis_breakers_private.h"
#include "net/resp_url.h"

#include <stdlib.h>

/* The three parts together. A breaker with a longer name is this replica's own. */
#define NAME_MAX_BYTES 4096
#define PATIENCE_US    INT64_C(2000000)
/* A breaker's record or message; names and reasons are some hundred bytes. */
#define ANSWER_MAX_BYTES  ((size_t)64 * 1024)
#define ANSWER_MAX_VALUES 64

void redis_posts_add(struct redis_posts *q, struct redis_post *p) {
  p->next = NULL;
  if (q->tail)
    q->tail->next = p;
  else
    q->head = p;
  q->tail = p;
  q->count++;
}

struct redis_post *redis_posts_take(struct redis_posts *q) {
  struct redis_post *p = q->head;
  if (!p)
    return NULL;
  q->head = p->next;
  if (!q->head)
    q->tail = NULL;
  q->count--;
  return p;
}

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

/* news for REDIS_TELL, else claim. */
static struct redis_post *post_new(enum redis_post_kind kind, const struct breaker_news *news,
                                   const struct breaker_claim *claim) {
  const struct breaker_name *n = news ? &news->name : &claim->name;
  size_t bytes = n->provider.len + n->endpoint.len + n->credential.len;
  bytes += news ? news->reason.len + news->force_reason.len : 0;
  struct redis_post *p = calloc(1, sizeof(*p) + bytes + 1);
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

void redis_breakers_wake(struct redis_breakers *r) {
  if (!atomic_exchange(&r->news_posted, true))
    mailbox_post(r->loop, &r->news);
}

static void tell(struct breaker_share *self, const struct breaker_news *news) {
  struct redis_breakers *r = (struct redis_breakers *)(void *)self;
  if (!is_shareable(&news->name))
    return;
  pthread_mutex_lock(&r->lock);
  bool is_open = r->is_open; /* else everything is told anyway when it opens */
  if (is_open && r->posts.count < REDIS_POSTS_MAX)
    redis_posts_add(&r->posts, post_new(REDIS_TELL, news, NULL));
  else
    r->again = true;
  pthread_mutex_unlock(&r->lock);
  if (is_open)
    redis_breakers_wake(r);
}

static void claim(struct breaker_share *self, const struct breaker_claim *c) {
  struct redis_breakers *r = (struct redis_breakers *)(void *)self;
  pthread_mutex_lock(&r->lock);
  bool is_open = r->is_open && is_shareable(&c->name);
  if (is_open && r->posts.count < REDIS_POSTS_MAX)
    redis_posts_add(&r->posts, post_new(REDIS_CLAIM, NULL, c));
  pthread_mutex_unlock(&r->lock);
  if (is_open)
    redis_breakers_wake(r);
  else if (r->all)
    breakers_granted(r->all, c, loop_clock_us());
}

/* Waits for Redis to come back, too: it may still hold the lease. */
static void release(struct breaker_share *self, const struct breaker_claim *c) {
  struct redis_breakers *r = (struct redis_breakers *)(void *)self;
  pthread_mutex_lock(&r->lock);
  bool is_open = r->is_open;
  if (is_shareable(&c->name) && r->posts.count < REDIS_POSTS_MAX)
    redis_posts_add(&r->posts, post_new(REDIS_RELEASE, NULL, c));
  pthread_mutex_unlock(&r->lock);
  if (is_open)
    redis_breakers_wake(r);
}

void redis_breakers_open(struct redis_breakers *r) {
  pthread_mutex_lock(&r->lock);
  r->is_open = r->again = true;
  pthread_mutex_unlock(&r->lock);
}

void redis_breakers_give_up(struct redis_breakers *r, struct redis_post *p) {
  if (p->kind == REDIS_RELEASE) {
    pthread_mutex_lock(&r->lock);
    redis_posts_add(&r->posts, p);
    pthread_mutex_unlock(&r->lock);
    return;
  }
  if (p->kind == REDIS_CLAIM)
    breakers_granted(r->all, &p->claim, loop_clock_us());
  free(p);
}

void redis_breakers_go_alone(struct redis_breakers *r) {
  struct redis_posts waiting;
  pthread_mutex_lock(&r->lock);
  r->is_open = false;
  waiting = r->posts;
  r->posts = (struct redis_posts){0};
  pthread_mutex_unlock(&r->lock);
  for (struct redis_post *p; (p = redis_posts_take(&waiting));)
    redis_breakers_give_up(r, p);
}

static void news_arrived(struct mailbox_message *m) {
  struct redis_breakers *r = (struct redis_breakers *)((char *)m - offsetof(struct redis_breakers, news));
  atomic_store(&r->news_posted, false);
  wait_queue_wake_all(&r->work);
}

static void end_fibers(struct redis_breakers *r) {
  for (size_t i = 0; i < REDIS_SIDES; i++) {
    if (r->sides[i])
      fiber_cancel(r->sides[i]);
  }
  loop_stop(r->loop);
}

static void stop_arrived(struct mailbox_message *m) {
  end_fibers((struct redis_breakers *)((char *)m - offsetof(struct redis_breakers, stop)));
}

static void *run(void *arg) {
  struct redis_breakers *r = arg;
  pthread_setname_np(pthread_self(), "redis");
  loop_run(r->loop);
  return NULL;
}

enum err redis_breakers_new(const struct redis_breakers_options *o, struct redis_breakers **out, struct fault *f) {
  struct redis_breakers *r = calloc(1, sizeof(*r));
  struct resp_url url;
  if (!r)
    abort();
  arena_init(&r->arena);
  enum err e = resp_url_parse(o->url, &r->arena, &url, f);
  if (e == ERR_OK && loop_new(NULL, &r->loop) != ERR_OK)
    e = fault_set(f, ERR_SYSTEM, NULL, "no event loop for Redis");
  if (e != ERR_OK) {
    arena_done(&r->arena);
    free(r);
    return e;
  }
  r->share = (struct breaker_share){o->replica, tell, claim, release};
  r->redis = (struct resp_options){.host = url.host,
                                   .port = url.port,
                                   .dns = o->dns,
                                   .tls = url.tls ? tls_context_ref(o->tls) : NULL,
                                   .user = url.user,
                                   .password = url.password,
                                   .database = url.database,
                                   .limits = {ANSWER_MAX_BYTES, ANSWER_MAX_VALUES}};
  r->patience_us = o->patience_us > 0 ? o->patience_us : PATIENCE_US;
  r->news.run = news_arrived;
  r->stop.run = stop_arrived;
  pthread_mutex_init(&r->lock, NULL);
  *out = r;
  return ERR_OK;
}

struct breaker_share *redis_breakers_share(struct redis_breakers *r) {
  return &r->share;
}

enum err redis_breakers_start(struct redis_breakers *r, struct breakers *all, struct fault *f) {
  r->all = all;
  enum err e = fiber_start(r->loop, redis_breakers_speak, r, &r->sides[REDIS_SPEAKING]);
  if (e == ERR_OK)
    e = fiber_start(r->loop, redis_breakers_listen, r, &r->sides[REDIS_LISTENING]);
  if (e == ERR_OK && pthread_create(&r->thread, NULL, run, r) == 0) {
    r->is_started = true;
    return ERR_OK;
  }
  end_fibers(r);
  loop_run(r->loop);
  return fault_set(f, ERR_SYSTEM, NULL, "no thread for Redis");
}

void redis_breakers_stop(struct redis_breakers *r) {
  if (!r || !r->is_started)
    return;
  r->is_started = false;
  mailbox_post(r->loop, &r->stop);
  pthread_join(r->thread, NULL);
  atomic_store(&r->is_shared, false);
}

void redis_breakers_free(struct redis_breakers *r) {
  if (!r)
    return;
  redis_breakers_stop(r);
  for (struct redis_post *p; (p = redis_posts_take(&r->posts));)
    free(p);
  loop_free(r->loop);
  tls_context_unref(r->redis.tls);
  secret_wipe((void *)(uintptr_t)r->redis.password.at, r->redis.password.len);
  arena_done(&r->arena);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

bool redis_breakers_are_shared(const struct redis_breakers *r) { return atomic_load(&r->is_shared); }
