/* Jobs: single ones, lists, counts, and what is done to many at once, on any driver. Called through ports/store_jobs.h,
 * but for what store_jobs.c uses. */
#include "store/store_jobs.h"

void store_job_read(struct driver_link *l, struct arena *a, struct store_job *out) {
  const struct driver *d = l->driver;
  *out = (struct store_job){
      .id = d->number(l, 0),
      .kind = driver_text(l, 1, a),
      .args = driver_text(l, 2, a),
      .state = driver_text(l, 3, a),
      .run_at_us = d->number(l, 4),
      .attempts = d->number(l, 6),
      .max_attempts = d->number(l, 7),
      .leased_by = driver_text(l, 8, a),
      .cancel_asked = d->number(l, 9) != 0,
      .progress = d->number(l, 10),
      .note = driver_text(l, 11, a),
      .result = driver_text(l, 12, a),
      .error = driver_text(l, 13, a),
      .unique_key = driver_text(l, 14, a),
      .created_us = d->number(l, 15),
      .started_us = d->number(l, 16),
      .ended_us = d->number(l, 17),
  };
  if (text_equal(out->state, TEXT("running")))
    out->lease_until_us = d->number(l, 5);
}

/* Room for one more of `size` bytes in a list that grows in the arena. */
static void *more(struct arena *a, void *list, size_t count, size_t size) {
  if (count > 0 && (count < 16 || (count & (count - 1)) != 0))
    return list;
  void *bigger = arena_alloc(a, (count < 16 ? 16 : count * 2) * size);
  if (count > 0)
    memcpy(bigger, list, count * size);
  return bigger;
}

enum err store_jobs_collect(struct driver_link *l, const char *doing, struct arena *a, struct store_job **out,
                            size_t *out_count, struct fault *f) {
  struct store_job *jobs = arena_alloc(a, 1);
  size_t count = 0;
  bool row = false;
  enum err e;
  while (!(e = l->driver->step(l, &row, doing, f)) && row) {
    jobs = more(a, jobs, count, sizeof *jobs);
    store_job_read(l, a, &jobs[count++]);
  }
  l->driver->reset(l);
  if (e)
    return e;
  *out = jobs;
  *out_count = count;
  return ERR_OK;
}

struct get {
  int64_t id;
  struct arena *arena;
  struct store_job job;
  bool found;
};

static enum err get(struct driver_link *l, void *args, struct fault *f) {
  struct get *w = args;
  enum err e = l->driver->prepare(l, SQL_JOB_GET, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->id);
  e = l->driver->step(l, &w->found, "looking up a job", f);
  if (!e && w->found)
    store_job_read(l, w->arena, &w->job);
  l->driver->reset(l);
  return e;
}

enum err store_jobs_get(struct store *s, int64_t id, struct arena *a, struct store_job *out, struct fault *f) {
  struct get w = {id, a, {0}, false};
  enum err e = driver_run(s, DRIVER_READ, false, get, &w, f);
  if (!e && !w.found)
    e = fault_set(f, ERR_NOT_FOUND, NULL, "there is no job %lld", (long long)id);
  if (!e)
    *out = w.job;
  return e;
}

struct list {
  int64_t before_id, max;
  struct text kind, state;
  struct arena *arena;
  struct store_job *jobs;
  size_t count;
};

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct list *w = args;
  enum err e = l->driver->prepare(l, SQL_JOB_LIST, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->before_id > 0 ? w->before_id : INT64_MAX);
  l->driver->bind_text(l, 2, w->kind);
  l->driver->bind_text(l, 3, w->state);
  l->driver->bind(l, 4, w->max);
  return store_jobs_collect(l, "listing jobs", w->arena, &w->jobs, &w->count, f);
}

static int64_t limit(size_t max) { return max > INT64_MAX ? INT64_MAX : (int64_t)max; }

enum err store_jobs_list(struct store *s, int64_t before_id, struct text kind, struct text state, size_t max,
                         struct arena *a, struct store_job **out, size_t *out_count, struct fault *f) {
  struct list w = {before_id, limit(max), kind, state, a, NULL, 0};
  enum err e = driver_run(s, DRIVER_LIST, false, list, &w, f);
  if (!e) {
    *out = w.jobs;
    *out_count = w.count;
  }
  return e;
}

struct bury {
  int64_t now_us, max;
  struct arena *arena;
  struct store_job *jobs;
  size_t count;
};

static enum err bury(struct driver_link *l, void *args, struct fault *f) {
  struct bury *w = args;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = l->driver->prepare(l, SQL_JOB_BURY, f);
  if (!e) {
    l->driver->bind(l, 1, w->now_us);
    l->driver->bind(l, 2, w->max);
    e = store_jobs_collect(l, "ending lost jobs", w->arena, &w->jobs, &w->count, f);
  }
  return l->driver->end(l, e, f);
}

static enum err is_due(struct driver_link *l, void *args, struct fault *f) {
  struct bury *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_JOB_DUE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->now_us);
  e = l->driver->step(l, &row, "looking for jobs", f);
  l->driver->reset(l);
  w->count = row;
  return e;
}

enum err store_jobs_bury(struct store *s, int64_t now_us, size_t max, struct arena *a, struct store_job **out,
                         size_t *out_count, struct fault *f) {
  struct bury w = {now_us, limit(max), a, arena_alloc(a, 1), 0};
  enum err e = driver_run(s, DRIVER_READ, false, is_due, &w, f); /* mostly not, and then no lock is taken */
  if (!e && w.count > 0)
    e = driver_run(s, DRIVER_WRITE, false, bury, &w, f);
  if (!e) {
    *out = w.jobs;
    *out_count = w.count;
  }
  return e;
}

struct counts {
  struct arena *arena;
  struct store_job_count *at;
  size_t count;
};

static enum err count_some(struct driver_link *l, struct counts *w, enum sql which, struct fault *f) {
  bool row = false;
  enum err e = l->driver->prepare(l, which, f);
  while (!e && !(e = l->driver->step(l, &row, "counting jobs", f)) && row) {
    struct text state = driver_text(l, 1, w->arena);
    int64_t due_us = text_equal(state, TEXT("queued")) ? l->driver->number(l, 3) : 0;
    w->at = more(w->arena, w->at, w->count, sizeof *w->at);
    w->at[w->count++] = (struct store_job_count){driver_text(l, 0, w->arena), state, l->driver->number(l, 2), due_us};
  }
  l->driver->reset(l);
  return e;
}

static enum err counts(struct driver_link *l, void *args, struct fault *f) {
  struct counts *w = args;
  w->count = 0;
  enum err e = count_some(l, w, SQL_JOB_COUNTS, f);
  return e ? e : count_some(l, w, SQL_JOB_DEAD, f);
}

enum err store_jobs_counts(struct store *s, struct arena *a, struct store_job_count **out, size_t *out_count,
                           struct fault *f) {
  struct counts w = {a, arena_alloc(a, 1), 0};
  enum err e = driver_run(s, DRIVER_LIST, false, counts, &w, f);
  if (!e) {
    *out = w.at;
    *out_count = w.count;
  }
  return e;
}

struct purge {
  int64_t before_us, max, deleted;
};

static enum err purge(struct driver_link *l, void *args, struct fault *f) {
  struct purge *w = args;
  enum err e = l->driver->prepare(l, SQL_JOB_PURGE, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->before_us);
  l->driver->bind(l, 2, w->max);
  return driver_finish(l, "deleting old jobs", &w->deleted, f);
}

enum err store_jobs_purge(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f) {
  struct purge w = {before_us, limit(max), 0};
  enum err e = driver_run(s, DRIVER_WRITE, false, purge, &w, f);
  if (!e)
    *out_deleted = w.deleted;
  return e;
}
