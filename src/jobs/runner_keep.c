/* The thread beside those that run jobs: it renews their leases and hands on their progress, learns from the store that
 * a job is to stop, ends jobs that were lost with their process, and calls the others to work every now and then in
 * case nobody told of some. It runs no job itself, so a long one never costs another its lease. house: tested-by
 * tests/unit/jobs/test_runner.c */
#include "jobs/runner_private.h"

#include "base/log.h"
#include "jobs/schedules.h"

#define RENEW_EVERY_US INT64_C(5000000) /* at the latest, so that a cancel is noticed */
#define RENEW_AGAIN_US INT64_C(1000000)
#define GAUGE_EVERY_US INT64_C(5000000)
#define BURY_MAX       100

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

/* A copy of what is to be told about one job. */
struct renewal {
  int64_t id, attempt, lease_us, progress;
  char note[STORE_JOB_NOTE_MAX + 1];
};

static enum err renew(struct runner *r, const struct renewal *n, struct fault *f) {
  struct store *store = r->options.world.store;
  int64_t now_us = 0;
  enum err e = store->ops->jobs->now(store, &now_us, f);
  return e ? e
           : store->ops->jobs->renew(store, n->id, n->attempt, now_us + n->lease_us, n->progress, text_of(n->note), f);
}

/* Under the lock. */
static void heed(struct slot *s, enum err e, int64_t lease_us, int64_t asked_us) {
  bool is_renewed = e == ERR_OK || e == ERR_CANCELLED;
  int64_t now_us = runner_clock_us();
  if (is_renewed)
    s->lease_end_us = asked_us + lease_us;
  s->renew_at_us =
      asked_us + (is_renewed ? lesser(lease_us / 3, RENEW_EVERY_US) : lesser(lease_us / 10, RENEW_AGAIN_US));
  if (s->stop != JOB_STOP_NOT && s->stop != JOB_STOP_END)
    return;
  if (e == ERR_CANCELLED)
    s->stop = JOB_STOP_CANCEL;
  else if (e == ERR_STORE_CONFLICT || now_us >= s->lease_end_us)
    s->stop = JOB_STOP_LOST;
}

/* With the lock held, which it lets go while it asks the store. */
static void renew_slot(struct runner *r, struct slot *s) {
  struct fault f = {0};
  int64_t asked_us = runner_clock_us();
  struct renewal n = {s->id, s->attempt, s->kind->lease_ms * 1000, s->permille, ""};
  snprintf(n.note, sizeof n.note, "%s", s->note);
  s->told_at_us = asked_us;
  pthread_mutex_unlock(&r->lock);
  enum err e = renew(r, &n, &f);
  bool is_away = e && e != ERR_CANCELLED && e != ERR_STORE_CONFLICT;
  runner_note_store(r, is_away ? e : ERR_OK, &f);
  pthread_mutex_lock(&r->lock);
  if (s->is_busy && s->id == n.id && s->attempt == n.attempt)
    heed(s, e, n.lease_us, asked_us);
}

static const struct job_kind *kind_of(const struct runner *r, struct text name) {
  for (size_t i = 0; i < r->options.kind_count; i++)
    if (text_equal(text_of(r->options.kinds[i].name), name))
      return &r->options.kinds[i];
  return NULL;
}

static void bury(struct runner *r) {
  struct store *store = r->options.world.store;
  struct store_job *jobs = NULL;
  struct fault f = {0};
  struct arena a;
  size_t count = 0;
  int64_t now_us = 0;
  arena_init(&a);
  enum err e = store->ops->jobs->now(store, &now_us, &f);
  if (!e)
    e = store->ops->jobs->bury(store, now_us, BURY_MAX, &a, &jobs, &count, &f);
  for (size_t i = 0; i < count && !e; i++) {
    const struct job_kind *k = kind_of(r, jobs[i].kind);
    bool is_dead = text_equal(jobs[i].state, TEXT("dead"));
    LOG_LINE(is_dead ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "job_ended", log_i64("job", jobs[i].id),
             log_text("kind", jobs[i].kind), log_text("outcome", jobs[i].state), log_i64("attempt", jobs[i].attempts),
             log_text("detail", jobs[i].error));
    if (k)
      runner_count_end(r, k, is_dead ? OUTCOME_DEAD : OUTCOME_CANCELLED);
  }
  arena_done(&a);
  runner_note_store(r, e, &f);
}

/* The configuration's schedules into the store when it has changed, and what is due out of it. */
static void schedule(struct runner *r) {
  const struct job_world *w = &r->options.world;
  struct config *c = w->config(w->ctx);
  uint64_t generation = c->generation;
  struct fault f = {0};
  size_t made = 0;
  enum err e = ERR_OK;
  config_unref(c);
  if (r->scheduled_generation != generation)
    e = schedules_sync(w, r->options.kinds, r->options.kind_count, &f);
  if (!e) {
    r->scheduled_generation = generation;
    e = schedules_fire(w, r->options.kinds, r->options.kind_count, &made, &f);
  }
  runner_note_store(r, e, &f);
}

static void gauge(struct runner *r, const struct store_job_count *c, int64_t now_us) {
  const struct job_kind *k = kind_of(r, c->kind);
  struct runner_gauge *g = k ? &r->gauges[k - r->options.kinds] : NULL;
  if (!g)
    return;
  if (text_equal(c->state, TEXT("queued"))) {
    g->queued = c->count;
    g->waited_us = c->oldest_due_us < now_us ? now_us - c->oldest_due_us : 0;
  } else if (text_equal(c->state, TEXT("running"))) {
    g->running = c->count;
  } else {
    g->dead = c->count;
  }
}

static void take_gauges(struct runner *r) {
  struct store *store = r->options.world.store;
  struct store_job_count *at = NULL;
  struct fault f = {0};
  struct arena a;
  size_t count = 0;
  int64_t now_us = 0;
  if (r->gauged_at_us > runner_clock_us() - GAUGE_EVERY_US && r->gauged_at_us > 0)
    return;
  arena_init(&a);
  enum err e = store->ops->jobs->now(store, &now_us, &f);
  if (!e)
    e = store->ops->jobs->counts(store, &a, &at, &count, &f);
  if (!e) {
    r->gauged_at_us = runner_clock_us();
    pthread_mutex_lock(&r->lock);
    memset(r->gauges, 0, r->options.kind_count * sizeof *r->gauges);
    for (size_t i = 0; i < count; i++)
      gauge(r, &at[i], now_us);
    pthread_mutex_unlock(&r->lock);
  }
  arena_done(&a);
}

/* When the next lease is to be renewed; with the lock held. */
static int64_t next_renewal_us(const struct runner *r) {
  int64_t at_us = INT64_MAX;
  for (unsigned i = 0; i < r->slot_count; i++)
    if (r->slots[i].is_busy && r->slots[i].stop != JOB_STOP_LOST)
      at_us = lesser(at_us, r->slots[i].renew_at_us);
  return at_us;
}

static void sleep_until(struct runner *r, int64_t at_us) {
  struct timespec until = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
  pthread_cond_timedwait(&r->care, &r->lock, &until);
}

static void look_for_work(struct runner *r) {
  pthread_mutex_unlock(&r->lock);
  bury(r);
  schedule(r);
  take_gauges(r);
  runner_wake(r);
  pthread_mutex_lock(&r->lock);
}

void *runner_keep(void *arg) {
  struct runner *r = arg;
  int64_t look_at_us = 0;
  pthread_mutex_lock(&r->lock);
  while (!r->keeper_ends) {
    for (unsigned i = 0; i < r->slot_count; i++) {
      struct slot *s = &r->slots[i];
      if (s->is_busy && s->stop != JOB_STOP_LOST && s->renew_at_us <= runner_clock_us())
        renew_slot(r, s);
    }
    if (!r->is_ending && look_at_us <= runner_clock_us()) {
      look_for_work(r);
      look_at_us = runner_clock_us() + r->options.poll_ms * 1000;
      continue;
    }
    if (!r->keeper_ends)
      sleep_until(r, lesser(next_renewal_us(r), r->is_ending ? runner_clock_us() + RENEW_EVERY_US : look_at_us));
  }
  pthread_mutex_unlock(&r->lock);
  return NULL;
}
