/* The threads that run jobs: each claims what has been due longest, has its kind do it, and tells the store how it
 * ended. A job whose lease is lost is not told about any more: the store would refuse it. Leases are kept by
 * runner_keep.c. Called by app.c. */
#include "jobs/runner.h"

#include "jobs/runner_private.h"

#include "base/log.h"
#include "base/random.h"

#include <errno.h>
#include <unistd.h>

#define CLAIM_LEASE_MS 60000
#define POLL_MS        1000
#define TELL_AGAIN_US  INT64_C(500000) /* the end of a job to a store that is away */
#define TELL_ENDING_US INT64_C(5000000)
#define NOTE_EVERY_US  INT64_C(1000000)

int64_t runner_clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void runner_note_store(struct runner *r, enum err e, const struct fault *f) {
  bool is_failing = e != ERR_OK;
  pthread_mutex_lock(&r->lock);
  bool is_news = r->is_failing != is_failing;
  r->is_failing = is_failing;
  pthread_mutex_unlock(&r->lock);
  if (is_news && is_failing)
    LOG_WARN("jobs_store_failing", log_str("detail", fault_text(f)));
  else if (is_news)
    LOG_INFO("jobs_store_recovered", log_bool("recovered", true));
}

void runner_count_end(struct runner *r, const struct job_kind *k, enum outcome o) {
  pthread_mutex_lock(&r->lock);
  r->ended[(size_t)(k - r->options.kinds) * RUNNER_OUTCOMES + o]++;
  pthread_mutex_unlock(&r->lock);
}

static const struct job_kind *find_kind(const struct runner *r, struct text name) {
  for (size_t i = 0; i < r->options.kind_count; i++)
    if (text_equal(text_of(r->options.kinds[i].name), name))
      return &r->options.kinds[i];
  return NULL;
}

/* The job's own thread. The store is told by the keeper, so that this never waits for it. */
static enum err report(struct job *j, unsigned permille, struct text note, struct fault *f) {
  struct slot *s = (struct slot *)((char *)j - offsetof(struct slot, job));
  struct runner *r = s->runner;
  int64_t now_us = runner_clock_us();
  pthread_mutex_lock(&r->lock);
  s->permille = permille;
  snprintf(s->note, sizeof s->note, "%.*s", TEXT_ARGS(text_head(note, STORE_JOB_NOTE_MAX)));
  if (s->stop == JOB_STOP_NOT && now_us >= s->lease_end_us)
    s->stop = JOB_STOP_LOST;
  if (now_us >= s->told_at_us + NOTE_EVERY_US && s->renew_at_us > now_us) {
    s->renew_at_us = now_us;
    pthread_cond_signal(&r->care);
  }
  enum job_stop stop = s->stop;
  pthread_mutex_unlock(&r->lock);
  switch (stop) {
  case JOB_STOP_CANCEL: return fault_set(f, ERR_CANCELLED, NULL, "it was cancelled");
  case JOB_STOP_LOST: return fault_set(f, ERR_CANCELLED, NULL, "its lease is lost");
  case JOB_STOP_END: return fault_set(f, ERR_CANCELLED, NULL, "the process ends");
  default: return ERR_OK;
  }
}

static enum err claim(struct runner *r, struct arena *a, struct store_job *out, struct fault *f) {
  struct store *store = r->options.world.store;
  struct store_job_claim c = {.kinds = r->kinds, .worker = text_of(r->name)};
  enum err e = store->ops->jobs->now(store, &c.now_us, f);
  c.lease_until_us = c.now_us + r->options.claim_lease_ms * 1000;
  if (!e)
    e = store->ops->jobs->claim(store, &c, a, out, f);
  runner_note_store(r, e == ERR_NOT_FOUND ? ERR_OK : e, f);
  return e;
}

/* What store_job says, as the job its kind sees. since_us: just before it was claimed. */
static bool take_up(struct slot *s, const struct store_job *job, struct arena *a, int64_t since_us) {
  struct runner *r = s->runner;
  pthread_mutex_lock(&r->lock);
  s->job = (struct job){.id = job->id,
                        .kind = job->kind,
                        .args = job->args,
                        .attempt = (unsigned)job->attempts,
                        .is_scheduled = text_starts(job->unique_key, TEXT(STORE_JOB_OF_SCHEDULE)),
                        .world = &r->options.world,
                        .arena = a,
                        .report = report};
  s->kind = find_kind(r, job->kind);
  s->id = job->id;
  s->attempt = job->attempts;
  s->stop = r->is_ending ? JOB_STOP_END : JOB_STOP_NOT;
  s->permille = 0;
  s->note[0] = '\0';
  s->told_at_us = since_us;
  s->lease_end_us = since_us + r->options.claim_lease_ms * 1000;
  s->renew_at_us = since_us + r->options.claim_lease_ms * 1000 / 3;
  if (s->kind && s->kind->lease_ms != r->options.claim_lease_ms)
    s->renew_at_us = since_us;
  s->is_busy = s->kind != NULL;
  pthread_cond_signal(&r->care);
  pthread_mutex_unlock(&r->lock);
  return s->kind != NULL;
}

static void pause_until(struct runner *r, int64_t at_us) {
  struct timespec until = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
  pthread_mutex_lock(&r->lock);
  while (runner_clock_us() < at_us)
    pthread_cond_timedwait(&r->work, &r->lock, &until);
  pthread_mutex_unlock(&r->lock);
}

/* Until the store has heard it, or the lease is over anyway. */
static enum err tell(struct slot *s, enum outcome o, struct fault *why) {
  struct runner *r = s->runner;
  struct store *store = r->options.world.store;
  struct fault f = {0};
  struct store_job_release release;
  uint64_t random = random_u64();
  for (int64_t began_us = runner_clock_us();;) {
    int64_t now_us = 0;
    enum err e = store->ops->jobs->now(store, &now_us, &f);
    outcome_release(o, s->attempt, now_us, random, text_of(fault_text(why)), &release);
    if (!e)
      e = o == OUTCOME_DONE ? store->ops->jobs->finish(store, s->id, s->attempt, s->job.result, now_us, &f)
                            : store->ops->jobs->release(store, s->id, s->attempt, &release, now_us, &f);
    if (e == ERR_OK || e == ERR_STORE_CONFLICT || e == ERR_LIMIT || e == ERR_BAD_REQUEST) {
      *why = e ? f : *why;
      return e;
    }
    runner_note_store(r, e, &f);
    pthread_mutex_lock(&r->lock);
    int64_t end_us = r->is_ending ? began_us + TELL_ENDING_US : s->lease_end_us;
    pthread_mutex_unlock(&r->lock);
    if (runner_clock_us() + TELL_AGAIN_US >= end_us)
      return e;
    pause_until(r, runner_clock_us() + TELL_AGAIN_US);
  }
}

static void log_end(const struct slot *s, const char *outcome, int64_t took_us, const struct fault *f) {
  enum log_level level = text_equal(text_of(outcome), TEXT("dead")) || text_equal(text_of(outcome), TEXT("failed"))
                             ? LOG_LEVEL_ERROR
                             : LOG_LEVEL_INFO;
  LOG_LINE(level, "job_ended", log_i64("job", s->id), log_str("kind", s->kind->name), log_str("outcome", outcome),
           log_i64("attempt", s->attempt), log_i64("duration_us", took_us), log_str("detail", f ? fault_text(f) : ""));
}

static void end_attempt(struct slot *s, enum err e, int64_t max_attempts, int64_t began_us, struct fault *f) {
  struct runner *r = s->runner;
  pthread_mutex_lock(&r->lock);
  enum job_stop stop = s->stop;
  pthread_mutex_unlock(&r->lock);
  int64_t took_us = runner_clock_us() - began_us;
  if (stop == JOB_STOP_LOST) {
    log_end(s, "lost", took_us, e ? f : NULL);
    return;
  }
  enum outcome o = outcome_of(e, stop, s->attempt, max_attempts);
  enum err told = tell(s, o, f);
  if (o == OUTCOME_DONE && (told == ERR_LIMIT || told == ERR_BAD_REQUEST)) {
    o = OUTCOME_FAILED; /* a result that cannot be kept */
    told = tell(s, o, f);
  }
  if (told == ERR_OK)
    runner_count_end(r, s->kind, o);
  log_end(s, told == ERR_OK ? outcome_name(o) : "lost", took_us, o == OUTCOME_DONE && !told ? NULL : f);
}

/* False when there was nothing to do. */
static bool run_one(struct slot *s) {
  struct runner *r = s->runner;
  struct store_job job;
  struct fault f = {0};
  struct arena a;
  int64_t began_us = runner_clock_us();
  arena_init(&a);
  enum err e = claim(r, &a, &job, &f);
  if (e || !take_up(s, &job, &a, began_us)) {
    arena_done(&a);
    return false;
  }
  LOG_INFO("job_started", log_i64("job", job.id), log_text("kind", job.kind), log_i64("attempt", job.attempts));
  f = (struct fault){0};
  e = s->kind->run(&s->job, &f);
  if (e)
    f.err = e;
  end_attempt(s, e, job.max_attempts, began_us, &f);
  pthread_mutex_lock(&r->lock);
  s->is_busy = false;
  pthread_mutex_unlock(&r->lock);
  arena_done(&a);
  return true;
}

static void *run(void *arg) {
  struct slot *s = arg;
  struct runner *r = s->runner;
  uint64_t heard = 0;
  pthread_mutex_lock(&r->lock);
  while (!r->is_ending) {
    while (!r->is_ending && r->calls == heard)
      pthread_cond_wait(&r->work, &r->lock);
    heard = r->calls;
    bool more = !r->is_ending;
    while (more && !r->is_ending) {
      pthread_mutex_unlock(&r->lock);
      more = run_one(s);
      pthread_mutex_lock(&r->lock);
    }
  }
  pthread_mutex_unlock(&r->lock);
  return NULL;
}

static struct text list_kinds(const struct runner_options *o) {
  struct buf b;
  buf_init(&b, 65536);
  buf_add_char(&b, ' ');
  for (size_t i = 0; i < o->kind_count; i++)
    buf_add_format(&b, "%s ", o->kinds[i].name);
  return buf_take(&b);
}

static void name_it(struct runner *r) {
  char host[80] = "";
  if (gethostname(host, sizeof host - 1) != 0)
    host[0] = '\0';
  if (r->options.name)
    snprintf(r->name, sizeof r->name, "%s", r->options.name);
  else
    snprintf(r->name, sizeof r->name, "%s/%ld", host, (long)getpid());
}

struct runner *runner_new(const struct runner_options *o) {
  struct runner *r = calloc(1, sizeof *r);
  pthread_condattr_t attributes;
  if (!r)
    abort();
  r->options = *o;
  if (!o->kinds) {
    r->options.kinds = job_kinds;
    r->options.kind_count = job_kind_count;
  }
  r->options.poll_ms = o->poll_ms ? o->poll_ms : POLL_MS;
  r->options.claim_lease_ms = o->claim_lease_ms ? o->claim_lease_ms : CLAIM_LEASE_MS;
  r->slot_count = o->threads == 0 ? 2 : o->threads > RUNNER_THREADS_MAX ? RUNNER_THREADS_MAX : o->threads;
  r->kinds = list_kinds(&r->options);
  r->ended = calloc(r->options.kind_count * RUNNER_OUTCOMES + 1, sizeof *r->ended);
  r->gauges = calloc(r->options.kind_count + 1, sizeof *r->gauges);
  if (!r->ended || !r->gauges)
    abort();
  name_it(r);
  pthread_mutex_init(&r->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&r->work, &attributes);
  pthread_cond_init(&r->care, &attributes);
  pthread_condattr_destroy(&attributes);
  return r;
}

enum err runner_start(struct runner *r, struct fault *f) {
  int rc = pthread_create(&r->keeper, NULL, runner_keep, r);
  r->keeper_is_started = rc == 0;
  for (unsigned i = 0; i < r->slot_count && rc == 0; i++) {
    r->slots[i].runner = r;
    rc = pthread_create(&r->slots[i].thread, NULL, run, &r->slots[i]);
    r->slots[i].is_started = rc == 0;
  }
  return rc == 0 ? ERR_OK : fault_set(f, ERR_SYSTEM, NULL, "cannot start the threads for jobs: %s", strerror(rc));
}

void runner_wake(struct runner *r) {
  if (!r)
    return;
  pthread_mutex_lock(&r->lock);
  r->calls++;
  pthread_cond_broadcast(&r->work);
  pthread_mutex_unlock(&r->lock);
}

void runner_end(struct runner *r) {
  if (!r)
    return;
  pthread_mutex_lock(&r->lock);
  r->is_ending = true;
  for (unsigned i = 0; i < r->slot_count; i++)
    if (r->slots[i].stop == JOB_STOP_NOT)
      r->slots[i].stop = JOB_STOP_END;
  pthread_cond_broadcast(&r->work);
  pthread_mutex_unlock(&r->lock);
}

void runner_stop(struct runner *r) {
  if (!r)
    return;
  runner_end(r);
  for (unsigned i = 0; i < r->slot_count; i++) {
    if (r->slots[i].is_started)
      pthread_join(r->slots[i].thread, NULL);
    r->slots[i].is_started = false;
  }
  pthread_mutex_lock(&r->lock);
  r->keeper_ends = true; /* leases are kept until here */
  pthread_cond_signal(&r->care);
  pthread_mutex_unlock(&r->lock);
  if (r->keeper_is_started)
    pthread_join(r->keeper, NULL);
  r->keeper_is_started = false;
}

void runner_free(struct runner *r) {
  if (!r)
    return;
  runner_stop(r);
  pthread_cond_destroy(&r->work);
  pthread_cond_destroy(&r->care);
  pthread_mutex_destroy(&r->lock);
  free((char *)(uintptr_t)r->kinds.at);
  free(r->ended);
  free(r->gauges);
  free(r);
}

size_t runner_counts(struct runner *r, struct runner_count *out, size_t max) {
  size_t count = 0;
  pthread_mutex_lock(&r->lock);
  for (size_t k = 0; k < r->options.kind_count; k++)
    for (unsigned o = 0; o < RUNNER_OUTCOMES && count < max; o++)
      out[count++] = (struct runner_count){r->options.kinds[k].name, outcome_name((enum outcome)o),
                                           r->ended[k * RUNNER_OUTCOMES + o]};
  pthread_mutex_unlock(&r->lock);
  return count;
}

unsigned runner_running(struct runner *r) {
  unsigned running = 0;
  pthread_mutex_lock(&r->lock);
  for (unsigned i = 0; i < r->slot_count; i++)
    running += r->slots[i].is_busy;
  pthread_mutex_unlock(&r->lock);
  return running;
}

size_t runner_gauges(struct runner *r, struct runner_gauge *out, size_t max) {
  size_t count = r->options.kind_count < max ? r->options.kind_count : max;
  pthread_mutex_lock(&r->lock);
  for (size_t k = 0; k < count; k++) {
    out[k] = r->gauges[k];
    out[k].kind = r->options.kinds[k].name;
  }
  pthread_mutex_unlock(&r->lock);
  return count;
}
