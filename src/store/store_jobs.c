/* Jobs: how one comes in, is claimed, renewed and ended, on any driver. Each change of a job that runs is one statement
 * whose condition holds the attempt's number, which makes it safe against a worker that lost the job without noticing.
 * Reading and counting are in store_jobs_read.c. Called through ports/store_jobs.h by jobs/runner.c and `weir job`. */
#include "store/store_jobs.h"

#include "base/json.h"
#include "store/store_events.h"

#define JSON_DEPTH 64

static bool is_name(struct text t) {
  if (t.len == 0 || t.len > STORE_JOB_NAME_MAX)
    return false;
  for (size_t i = 0; i < t.len; i++)
    if (!((t.at[i] >= 'a' && t.at[i] <= 'z') || (t.at[i] >= '0' && t.at[i] <= '9') || t.at[i] == '_'))
      return false;
  return true;
}

static enum err check_json(struct text t, const char *name, struct fault *f) {
  struct json doc;
  struct fault why = {0};
  if (t.len > STORE_JOB_JSON_MAX)
    return fault_set(f, ERR_LIMIT, name, "%s of a job has %zu bytes; at most %d are kept", name, t.len,
                     STORE_JOB_JSON_MAX);
  if (json_read(t, &(struct json_limits){.max_depth = JSON_DEPTH}, &doc, &why) != ERR_OK)
    return fault_set(f, ERR_BAD_REQUEST, name, "%s of a job is not JSON: %s", name, fault_text(&why));
  json_done(&doc);
  return ERR_OK;
}

static enum err check_new(const struct store_job_new *j, struct fault *f) {
  if (!is_name(j->kind))
    return fault_set(f, ERR_BAD_REQUEST, "kind", "the kind of a job is 1 to %d of a-z, 0-9 and _", STORE_JOB_NAME_MAX);
  if (j->unique_key.len > STORE_JOB_KEY_MAX)
    return fault_set(f, ERR_LIMIT, "unique_key", "unique_key has %zu bytes; at most %d are kept", j->unique_key.len,
                     STORE_JOB_KEY_MAX);
  if (j->max_attempts < 1 || j->max_attempts > STORE_JOB_CLAIMS_MAX)
    return fault_set(f, ERR_BAD_REQUEST, "max_attempts", "max_attempts must be 1 to %d", STORE_JOB_CLAIMS_MAX);
  return j->args.len > 0 ? check_json(j->args, "args", f) : ERR_OK;
}

static enum err check_room(struct driver_link *l, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_JOB_FULL, f);
  if (e)
    return e;
  l->driver->bind(l, 1, STORE_JOBS_LIVE_MAX - 1);
  e = l->driver->step(l, &row, "counting jobs", f);
  l->driver->reset(l);
  return !e && row ? fault_set(f, ERR_LIMIT, NULL, "%d jobs wait or run already; cancel some (`weir job list`)",
                               STORE_JOBS_LIVE_MAX)
                   : e;
}

static enum err insert(struct driver_link *l, const struct store_job_new *j, int64_t now_us, int64_t id,
                       struct fault *f) {
  const struct driver *d = l->driver;
  int64_t added = 0;
  enum err e = d->prepare(l, SQL_JOB_INSERT, f);
  if (e)
    return e;
  d->bind(l, 1, id);
  d->bind_text(l, 2, j->kind);
  d->bind_text(l, 3, j->args.len > 0 ? j->args : TEXT("{}"));
  d->bind(l, 4, j->run_at_us > 0 ? j->run_at_us : now_us);
  d->bind(l, 5, j->max_attempts);
  d->bind_text(l, 6, j->unique_key);
  d->bind(l, 7, now_us);
  e = driver_finish(l, "queueing a job", &added, f);
  return e || added ? e
                    : fault_set(f, ERR_STORE_CONFLICT, "unique_key", "a job \"%.*s\" waits or runs already",
                                TEXT_ARGS(j->unique_key));
}

/* Work is there now, for whoever has nothing to do. */
static enum err tell(struct driver_link *l, struct fault *f) { return event_add_on(l, "job", TEXT(""), f); }

static enum err add_one(struct driver_link *l, const struct store_job_new *j, int64_t now_us, int64_t *out_id,
                        struct fault *f) {
  int64_t id = 0;
  enum err e = check_new(j, f);
  if (!e)
    e = check_room(l, f);
  if (!e)
    e = driver_number(l, SQL_JOB_NEXT_ID, "numbering a job", &id, f);
  if (!e)
    e = insert(l, j, now_us, id, f);
  if (!e)
    *out_id = id;
  return e;
}

enum err store_jobs_add_on(struct driver_link *l, const struct store_job_new *jobs, size_t count, int64_t now_us,
                           int64_t *out_ids, struct fault *f) {
  bool is_due = false;
  enum err e = ERR_OK;
  for (size_t i = 0; i < count && !e; i++) {
    e = add_one(l, &jobs[i], now_us, &out_ids[i], f);
    is_due = is_due || jobs[i].run_at_us <= now_us;
  }
  return !e && is_due ? tell(l, f) : e;
}

enum err store_job_add_on(struct driver_link *l, const struct store_job_new *j, int64_t now_us, int64_t *out_id,
                          struct fault *f) {
  return store_jobs_add_on(l, j, 1, now_us, out_id, f);
}

struct add {
  const struct store_job_new *job;
  int64_t now_us, id;
};

static enum err add(struct driver_link *l, void *args, struct fault *f) {
  struct add *w = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = store_job_add_on(l, w->job, w->now_us, &w->id, f);
  return l->driver->end(l, e, f);
}

static enum err enqueue(struct store *s, const struct store_job_new *j, int64_t now_us, int64_t *out_id,
                        struct fault *f) {
  struct add w = {j, now_us, 0};
  /* Not again after a commit in doubt: there might be two of it then. */
  enum err e = driver_run(s, DRIVER_WRITE, true, add, &w, f);
  if (!e)
    *out_id = w.id;
  return e;
}

static enum err read_now(struct driver_link *l, void *args, struct fault *f) {
  return driver_number(l, SQL_NOW, "asking for the time", args, f);
}

static enum err now(struct store *s, int64_t *out_us, struct fault *f) {
  int64_t us = 0;
  enum err e = driver_run(s, DRIVER_READ, false, read_now, &us, f);
  if (!e)
    *out_us = us;
  return e;
}

struct claim {
  const struct store_job_claim *claim;
  struct arena *arena;
  struct store_job job;
  bool found;
};

/* Whether anything is due: a look that takes no lock, since mostly nothing is. */
static enum err peek(struct driver_link *l, void *args, struct fault *f) {
  struct claim *w = args;
  enum err e = l->driver->prepare(l, SQL_JOB_DUE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->claim->now_us);
  e = l->driver->step(l, &w->found, "looking for jobs", f);
  l->driver->reset(l);
  return e;
}

static enum err take(struct driver_link *l, void *args, struct fault *f) {
  struct claim *w = args;
  w->found = false;
  enum err e = l->driver->prepare(l, SQL_JOB_CLAIM, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->claim->now_us);
  l->driver->bind(l, 2, w->claim->lease_until_us);
  l->driver->bind_text(l, 3, w->claim->worker);
  l->driver->bind_text(l, 4, w->claim->kinds);
  e = l->driver->step(l, &w->found, "claiming a job", f);
  if (!e && w->found)
    store_job_read(l, w->arena, &w->job);
  l->driver->reset(l);
  return e;
}

static enum err claim(struct store *s, const struct store_job_claim *c, struct arena *a, struct store_job *out,
                      struct fault *f) {
  struct claim w = {c, a, {0}, false};
  enum err e = driver_run(s, DRIVER_READ, false, peek, &w, f);
  if (!e && w.found)
    e = driver_run(s, DRIVER_WRITE, false, take, &w, f);
  if (!e && !w.found)
    e = fault_set(f, ERR_NOT_FOUND, NULL, "no job is due");
  if (!e)
    *out = w.job;
  return e;
}

static enum err lost(int64_t id, int64_t attempt, struct fault *f) {
  return fault_set(f, ERR_STORE_CONFLICT, NULL, "job %lld is not in the hands of attempt %lld any more", (long long)id,
                   (long long)attempt);
}

struct renew {
  int64_t id, attempt, lease_until_us, progress;
  struct text note;
};

static enum err renew_on(struct driver_link *l, void *args, struct fault *f) {
  const struct renew *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_JOB_RENEW, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  l->driver->bind(l, 2, w->attempt);
  l->driver->bind(l, 3, w->lease_until_us);
  l->driver->bind(l, 4, w->progress);
  l->driver->bind_text(l, 5, text_head(w->note, STORE_JOB_NOTE_MAX));
  e = l->driver->step(l, &row, "renewing the lease of a job", f);
  bool cancel = !e && row && l->driver->number(l, 0) != 0;
  l->driver->reset(l);
  if (!e && !row)
    return lost(w->id, w->attempt, f);
  return cancel ? fault_set(f, ERR_CANCELLED, NULL, "job %lld is to be cancelled", (long long)w->id) : e;
}

static enum err renew(struct store *s, int64_t id, int64_t attempt, int64_t lease_until_us, int64_t progress,
                      struct text note, struct fault *f) {
  struct renew w = {id, attempt, lease_until_us, progress, note};
  return driver_run(s, DRIVER_WRITE, false, renew_on, &w, f);
}

struct finish {
  int64_t id, attempt, now_us;
  struct text result;
};

static enum err finish_on(struct driver_link *l, void *args, struct fault *f) {
  const struct finish *w = args;
  int64_t changes = 0;
  enum err e = l->driver->prepare(l, SQL_JOB_FINISH, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  l->driver->bind(l, 2, w->attempt);
  l->driver->bind_text(l, 3, w->result);
  l->driver->bind(l, 4, w->now_us);
  e = driver_finish(l, "finishing a job", &changes, f);
  return e || changes ? e : lost(w->id, w->attempt, f);
}

static enum err finish(struct store *s, int64_t id, int64_t attempt, struct text result, int64_t now_us,
                       struct fault *f) {
  struct finish w = {id, attempt, now_us, result.len > 0 ? result : TEXT("null")};
  enum err e = check_json(w.result, "result", f);
  return e ? e : driver_run(s, DRIVER_WRITE, false, finish_on, &w, f);
}

struct release {
  int64_t id, attempt, now_us;
  const struct store_job_release *release;
};

static enum err release_job(struct driver_link *l, const struct release *w, struct fault *f) {
  int64_t changes = 0;
  enum err e = l->driver->prepare(l, SQL_JOB_RELEASE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  l->driver->bind(l, 2, w->attempt);
  l->driver->bind_text(l, 3, w->release->state);
  l->driver->bind(l, 4, w->release->run_at_us);
  l->driver->bind_text(l, 5, text_head(w->release->error, STORE_JOB_ERROR_MAX));
  l->driver->bind(l, 6, w->now_us);
  l->driver->bind(l, 7, w->release->is_given_back);
  e = driver_finish(l, "releasing a job", &changes, f);
  return e || changes ? e : lost(w->id, w->attempt, f);
}

/* One that is to be tried again at once, because its process ends, is told of; one that waits is found in its time. */
static enum err release_on(struct driver_link *l, void *args, struct fault *f) {
  const struct release *w = args;
  if (!text_equal(w->release->state, TEXT("queued")) || w->release->run_at_us > w->now_us)
    return release_job(l, w, f);
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = release_job(l, w, f);
  if (!e)
    e = tell(l, f);
  return l->driver->end(l, e, f);
}

static enum err release(struct store *s, int64_t id, int64_t attempt, const struct store_job_release *r, int64_t now_us,
                        struct fault *f) {
  struct release w = {id, attempt, now_us, r};
  return driver_run(s, DRIVER_WRITE, false, release_on, &w, f);
}

/* Why nothing was changed: there is no such job, or it is in the wrong state. */
static enum err explain(struct store *s, int64_t id, const char *what, struct fault *f) {
  struct arena a;
  struct store_job job = {0};
  arena_init(&a);
  enum err e = store_jobs_get(s, id, &a, &job, f);
  if (!e)
    e = fault_set(f, ERR_STORE_CONFLICT, NULL, "job %lld cannot be %s: it is %.*s", (long long)id, what,
                  TEXT_ARGS(job.state));
  arena_done(&a);
  return e;
}

struct cancel {
  int64_t id, now_us;
  bool found, running;
};

static enum err cancel_on(struct driver_link *l, void *args, struct fault *f) {
  struct cancel *w = args;
  enum err e = l->driver->prepare(l, SQL_JOB_CANCEL, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  l->driver->bind(l, 2, w->now_us);
  e = l->driver->step(l, &w->found, "cancelling a job", f);
  w->running = !e && w->found && text_equal(l->driver->bytes(l, 0), TEXT("running"));
  l->driver->reset(l);
  return e;
}

static enum err cancel(struct store *s, int64_t id, int64_t now_us, bool *out_running, struct fault *f) {
  struct cancel w = {id, now_us, false, false};
  enum err e = driver_run(s, DRIVER_WRITE, false, cancel_on, &w, f);
  if (!e && !w.found)
    e = explain(s, id, "cancelled", f);
  if (!e)
    *out_running = w.running;
  return e;
}

struct retry {
  int64_t id, more, now_us, changes;
};

static enum err retry_job(struct driver_link *l, struct retry *w, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_JOB_RETRY, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  l->driver->bind(l, 2, w->now_us);
  l->driver->bind(l, 3, w->more);
  e = driver_finish(l, "queueing a job again", &w->changes, f);
  return e == ERR_STORE_CONFLICT
             ? fault_set(f, e, NULL, "job %lld cannot be tried again: another one does its work", (long long)w->id)
             : e;
}

static enum err retry_on(struct driver_link *l, void *args, struct fault *f) {
  struct retry *w = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = retry_job(l, w, f);
  if (!e && w->changes)
    e = tell(l, f);
  return l->driver->end(l, e, f);
}

static enum err retry(struct store *s, int64_t id, int64_t more_attempts, int64_t now_us, struct fault *f) {
  struct retry w = {id, more_attempts, now_us, 0};
  /* After a commit in doubt the second time would find it queued, and say so as an error. */
  enum err e = driver_run(s, DRIVER_WRITE, true, retry_on, &w, f);
  return e || w.changes ? e : explain(s, id, "tried again", f);
}

const struct store_jobs_ops store_jobs = {.now = now,
                                          .enqueue = enqueue,
                                          .claim = claim,
                                          .renew = renew,
                                          .finish = finish,
                                          .release = release,
                                          .bury = store_jobs_bury,
                                          .cancel = cancel,
                                          .retry = retry,
                                          .get = store_jobs_get,
                                          .list = store_jobs_list,
                                          .counts = store_jobs_counts,
                                          .purge = store_jobs_purge,
                                          .schedule_put = store_schedule_put,
                                          .schedule_drop = store_schedule_drop,
                                          .schedule_list = store_schedule_list,
                                          .schedule_fire = store_schedule_fire};
