/* The thread of Redis: its start and its end, what its users may ask of it, and the one place where everybody's state
 * is put together and told. Connections and calls are redis_link.c's, the signs of life redis_life.c's, the channels
 * redis_listen.c's. Called by app/ and by what is shared through Redis. */
#include "cluster/redis.h"

#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "cluster/redis_private.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_US   INT64_C(2000000)
#define LAST_PAUSE_US INT64_C(3000000)
/* Of one answer. What is shared are records and messages of some hundred bytes. */
#define ANSWER_MAX_BYTES  ((size_t)64 * 1024)
#define ANSWER_MAX_VALUES 64

/* --- what others are told --- */

static bool is_all_well(const struct redis *r) {
  bool well = r->is_well[REDIS_SERVERS] && r->is_well[REDIS_CHANNELS];
  for (size_t i = 0; i < r->user_count; i++)
    well = well && r->users[i]->is_well;
  return well;
}

static void log_found(const struct redis *r) {
  LOG_INFO("redis_connected", log_text("host", r->url.hosts[0].host), log_u64("port", r->url.hosts[0].port),
           log_str("mode", r->url.is_cluster ? "cluster" : "standalone"), log_u64("nodes", r->state.nodes));
}

static void log_lost(const struct redis *r, const struct fault *f) {
  LOG_WARN("redis_lost", log_text("host", r->url.hosts[0].host), log_u64("port", r->url.hosts[0].port),
           log_str("detail", fault_text(f)),
           log_str("effect", "what cannot be shared this replica decides by itself until Redis is back"));
}

/* Something is well now, or has failed with f. Only a change is told, and after a failure only the end of all. */
static void tell(struct redis *r, const struct fault *f) {
  bool well = is_all_well(r), was_well = r->state.is_well;
  pthread_mutex_lock(&r->lock);
  r->state.is_well = well;
  if (well)
    r->state.why[0] = 0;
  else if (f)
    (void)snprintf(r->state.why, sizeof(r->state.why), "%s", fault_text(f));
  pthread_mutex_unlock(&r->lock);
  if (well && !was_well)
    log_found(r);
  if (f && !r->has_complained)
    log_lost(r, f);
  r->has_complained = !well && (r->has_complained || f != NULL);
}

void redis_side(struct redis *r, enum redis_side side, const struct fault *f) {
  if (r->is_ending)
    return;
  r->is_well[side] = f == NULL;
  tell(r, f);
}

void redis_note(struct redis_user *u, const struct fault *f) {
  if (u->redis->is_ending)
    return;
  u->is_well = f == NULL;
  tell(u->redis, f);
}

void redis_reached(struct redis *r, size_t nodes, size_t reached) {
  bool found = reached > 0, changed = found != r->is_found;
  pthread_mutex_lock(&r->lock);
  r->state.nodes = (unsigned)nodes;
  r->state.reached = (unsigned)reached;
  pthread_mutex_unlock(&r->lock);
  r->is_found = found;
  for (size_t i = 0; changed && i < r->user_count; i++) {
    r->users[i]->is_well = r->users[i]->run == NULL; /* it has to show it anew */
    if (r->users[i]->found)
      r->users[i]->found(r->users[i], found);
    wait_queue_wake_all(&r->users[i]->work);
  }
}

void redis_look(struct redis *r, struct redis_state *out) {
  const struct redis_counters *c = r->link ? redis_link_counters(r->link) : NULL;
  pthread_mutex_lock(&r->lock);
  *out = r->state;
  pthread_mutex_unlock(&r->lock);
  if (!c)
    return;
  out->calls = atomic_load(&c->answers);
  out->failures = atomic_load(&c->failures);
  out->waited_us = atomic_load(&c->waited_us);
  out->connections = atomic_load(&c->connections);
  out->redirections = atomic_load(&c->redirections);
  out->scripts_sent = atomic_load(&c->scripts_sent);
}

bool redis_is_well(struct redis *r) {
  pthread_mutex_lock(&r->lock);
  bool well = r->state.is_well;
  pthread_mutex_unlock(&r->lock);
  return well;
}

void redis_blame(const struct redis *r, const struct redis_place *at, struct fault *f) {
  struct fault said = *f;
  if (r->url.is_cluster)
    fault_set(f, said.err, NULL, "%.100s:%u: %.250s", at->host, at->port, fault_text(&said));
}

/* --- users --- */

uint64_t redis_replica(const struct redis *r) { return r->replica; }

static void news_arrived(struct mailbox_message *m) {
  struct redis_user *u = (struct redis_user *)(void *)((char *)m - offsetof(struct redis_user, news));
  atomic_store(&u->news_posted, false);
  wait_queue_wake_all(&u->work);
}

void redis_join(struct redis *r, struct redis_user *u) {
  u->redis = r;
  u->news.run = news_arrived;
  u->is_well = u->run == NULL;
  if (r->user_count < REDIS_USERS_MAX)
    r->users[r->user_count++] = u;
}

void redis_user_wake(struct redis_user *u) {
  if (atomic_load(&u->redis->takes_news) && !atomic_exchange(&u->news_posted, true))
    mailbox_post(u->redis->loop, &u->news);
}

enum err redis_user_wait(struct redis_user *u, int64_t until_us) {
  if (u->redis->is_ending)
    return ERR_OK;
  enum err e = wait_queue_wait(&u->work, until_us);
  return e == ERR_TIMEOUT ? ERR_OK : e;
}

bool redis_is_ending(const struct redis_user *u) { return u->redis->is_ending || fiber_is_cancelled(fiber_self()); }

void redis_run(struct redis_user *u, struct redis_call *calls, size_t count) {
  struct redis *r = u->redis;
  redis_link_run(r->link, calls, count, loop_now_us(r->loop) + r->patience_us);
}

void redis_wait_for_change(struct redis *r, int64_t for_us) {
  enum err e = wait_queue_wait(&r->changes, loop_now_us(r->loop) + for_us); /* the caller looks */
  (void)e;
}

void redis_pause(int64_t *pause_us) {
  int64_t us = *pause_us - (int64_t)(random_fast() % (uint64_t)(*pause_us / 4 + 1));
  *pause_us = *pause_us * 2 < LAST_PAUSE_US ? *pause_us * 2 : LAST_PAUSE_US;
  enum err cancelled = fiber_sleep(us); /* the caller looks */
  (void)cancelled;
}

/* --- start and end --- */

static void end_fibers(struct redis *r) {
  loop_timer_stop(r->loop, &r->end_of_grace);
  if (r->life)
    fiber_cancel(r->life);
  if (r->listener)
    fiber_cancel(r->listener);
  for (size_t i = 0; i < r->user_count; i++) {
    if (r->users[i]->fiber)
      fiber_cancel(r->users[i]->fiber);
  }
  if (r->link)
    redis_link_stop(r->link);
  loop_stop(r->loop);
}

static void run_user(void *arg) {
  struct redis_user *u = arg;
  u->run(u);
  u->fiber = NULL;
  if (--u->redis->users_running == 0 && u->redis->is_ending)
    end_fibers(u->redis);
}

static void grace_is_over(struct loop_timer *t) {
  end_fibers((struct redis *)(void *)((char *)t - offsetof(struct redis, end_of_grace)));
}

static void stop_arrived(struct mailbox_message *m) {
  struct redis *r = (struct redis *)(void *)((char *)m - offsetof(struct redis, stop));
  r->is_ending = true;
  loop_timer_start(r->loop, &r->end_of_grace, loop_now_us(r->loop) + r->patience_us);
  if (r->users_running == 0)
    end_fibers(r);
  for (size_t i = 0; i < r->user_count; i++)
    wait_queue_wake_all(&r->users[i]->work);
}

static void *run(void *arg) {
  struct redis *r = arg;
  pthread_setname_np(pthread_self(), "redis");
  loop_run(r->loop);
  return NULL;
}

static void changed(void *ctx) {
  struct redis *r = ctx;
  r->change_count++;
  wait_queue_wake_all(&r->changes);
}

enum err redis_new(const struct redis_options *o, struct redis **out, struct fault *f) {
  struct redis *r = calloc(1, sizeof(*r));
  if (!r)
    abort();
  arena_init(&r->arena);
  enum err e = resp_url_parse(o->url, &r->arena, &r->url, f);
  if (e == ERR_OK && loop_new(NULL, &r->loop) != ERR_OK)
    e = fault_set(f, ERR_SYSTEM, NULL, "no event loop for Redis");
  if (e != ERR_OK) {
    arena_done(&r->arena);
    free(r);
    return e;
  }
  r->replica = o->replica;
  r->patience_us = o->patience_us > 0 ? o->patience_us : PATIENCE_US;
  r->tls = r->url.tls ? tls_context_ref(o->tls) : NULL;
  r->options = (struct redis_link_options){.loop = r->loop,
                                           .redis = {.dns = o->dns,
                                                     .tls = r->tls,
                                                     .user = r->url.user,
                                                     .password = r->url.password,
                                                     .database = r->url.database,
                                                     .limits = {ANSWER_MAX_BYTES, ANSWER_MAX_VALUES}},
                                           .is_cluster = r->url.is_cluster,
                                           .hosts = r->url.hosts,
                                           .host_count = r->url.host_count,
                                           .patience_us = r->patience_us,
                                           .changed = changed,
                                           .ctx = r};
  r->state.is_cluster = r->url.is_cluster;
  r->stop.run = stop_arrived;
  r->end_of_grace = (struct loop_timer)LOOP_TIMER_INIT(grace_is_over);
  pthread_mutex_init(&r->lock, NULL);
  *out = r;
  return ERR_OK;
}

static enum err start_fibers(struct redis *r) {
  enum err e = redis_link_new(&r->options, &r->link);
  if (e == ERR_OK)
    e = fiber_start(r->loop, redis_life, r, &r->life);
  if (e == ERR_OK)
    e = fiber_start(r->loop, redis_listen, r, &r->listener);
  for (size_t i = 0; e == ERR_OK && i < r->user_count; i++) {
    if (!r->users[i]->run)
      continue;
    e = fiber_start(r->loop, run_user, r->users[i], &r->users[i]->fiber);
    r->users_running += e == ERR_OK;
  }
  return e;
}

enum err redis_start(struct redis *r, struct fault *f) {
  enum err e = start_fibers(r);
  atomic_store(&r->takes_news, true);
  if (e == ERR_OK && pthread_create(&r->thread, NULL, run, r) == 0) {
    r->is_started = true;
    return ERR_OK;
  }
  atomic_store(&r->takes_news, false);
  end_fibers(r);
  loop_run(r->loop);
  return fault_set(f, ERR_SYSTEM, NULL, "no thread for Redis");
}

void redis_stop(struct redis *r) {
  if (!r || !r->is_started)
    return;
  r->is_started = false;
  atomic_store(&r->takes_news, false);
  mailbox_post(r->loop, &r->stop);
  pthread_join(r->thread, NULL);
  pthread_mutex_lock(&r->lock);
  r->state.is_well = false;
  pthread_mutex_unlock(&r->lock);
}

void redis_free(struct redis *r) {
  if (!r)
    return;
  redis_stop(r);
  redis_link_free(r->link);
  loop_free(r->loop);
  tls_context_unref(r->tls);
  secret_wipe((void *)(uintptr_t)r->url.password.at, r->url.password.len);
  arena_done(&r->arena);
  pthread_mutex_destroy(&r->lock);
  free(r);
}
