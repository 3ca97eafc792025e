/* The schedules of jobs, on any driver: a row a kind. Whether one fires is decided by one conditional update, in the
 * transaction that makes the job, so that of several programs that see the same moment one makes it. When the next
 * moment is the caller knows; nothing is reckoned here. Called through ports/store_jobs.h by jobs/schedules.c. */
#include "store/store_jobs.h"

struct put {
  struct text kind, cron;
  int64_t next_us;
};

static enum err put(struct driver_link *l, void *args, struct fault *f) {
  const struct put *w = args;
  enum err e = l->driver->prepare(l, SQL_SCHEDULE_PUT, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, w->kind);
  l->driver->bind_text(l, 2, w->cron);
  l->driver->bind(l, 3, w->next_us);
  return driver_finish(l, "storing a schedule", NULL, f);
}

enum err store_schedule_put(struct store *s, struct text kind, struct text cron, int64_t next_us, struct fault *f) {
  struct put w = {kind, cron, next_us};
  return driver_run(s, DRIVER_WRITE, false, put, &w, f);
}

static enum err drop(struct driver_link *l, void *args, struct fault *f) {
  const struct put *w = args;
  enum err e = l->driver->prepare(l, SQL_SCHEDULE_DROP, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, w->kind);
  return driver_finish(l, "removing a schedule", NULL, f);
}

enum err store_schedule_drop(struct store *s, struct text kind, struct fault *f) {
  struct put w = {.kind = kind};
  return driver_run(s, DRIVER_WRITE, false, drop, &w, f);
}

struct list {
  struct arena *arena;
  struct store_schedule *at;
  size_t count;
};

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct list *w = args;
  bool row = false;
  w->count = 0;
  enum err e = l->driver->prepare(l, SQL_SCHEDULE_LIST, f);
  while (!e && w->count < STORE_SCHEDULES_MAX && !(e = l->driver->step(l, &row, "listing schedules", f)) && row)
    w->at[w->count++] =
        (struct store_schedule){driver_text(l, 0, w->arena), driver_text(l, 1, w->arena), l->driver->number(l, 2),
                                l->driver->number(l, 3), l->driver->number(l, 4)};
  l->driver->reset(l);
  return e;
}

enum err store_schedule_list(struct store *s, struct arena *a, struct store_schedule **out, size_t *out_count,
                             struct fault *f) {
  struct list w = {a, arena_alloc(a, STORE_SCHEDULES_MAX * sizeof *w.at), 0};
  enum err e = driver_run(s, DRIVER_READ, false, list, &w, f);
  if (!e) {
    *out = w.at;
    *out_count = w.count;
  }
  return e;
}

struct fire {
  const struct store_schedule *seen;
  struct store_job_new job;
  int64_t next_us, now_us, id;
};

static enum err move(struct driver_link *l, const struct fire *w, bool *out_ours, struct fault *f) {
  int64_t changes = 0;
  enum err e = l->driver->prepare(l, SQL_SCHEDULE_MOVE, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, w->seen->kind);
  l->driver->bind_text(l, 2, w->seen->cron);
  l->driver->bind(l, 3, w->seen->next_us);
  l->driver->bind(l, 4, w->next_us);
  l->driver->bind(l, 5, w->now_us);
  e = driver_finish(l, "moving a schedule on", &changes, f);
  *out_ours = !e && changes > 0;
  return e;
}

static enum err note(struct driver_link *l, const struct fire *w, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_SCHEDULE_NOTE, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, w->seen->kind);
  l->driver->bind(l, 2, w->id);
  return driver_finish(l, "noting the job of a schedule", NULL, f);
}

static enum err fire(struct driver_link *l, void *args, struct fault *f) {
  struct fire *w = args;
  bool is_ours = false;
  w->id = 0;
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (e)
    return e;
  e = move(l, w, &is_ours, f);
  if (!e && is_ours) {
    e = store_job_add_on(l, &w->job, w->now_us, &w->id, f);
    if (e == ERR_STORE_CONFLICT)
      e = ERR_OK; /* the one before still waits or runs: this time is left out */
    else if (!e)
      e = note(l, w, f);
  }
  return l->driver->end(l, e, f);
}

enum err store_schedule_fire(struct store *s, const struct store_schedule *seen, int64_t max_attempts, int64_t next_us,
                             int64_t now_us, int64_t *out_job, struct fault *f) {
  char key[STORE_JOB_NAME_MAX + 16];
  snprintf(key, sizeof key, STORE_JOB_OF_SCHEDULE "%.*s", TEXT_ARGS(text_head(seen->kind, STORE_JOB_NAME_MAX)));
  struct fire w = {
      seen, {.kind = seen->kind, .unique_key = text_of(key), .max_attempts = max_attempts}, next_us, now_us, 0};
  enum err e = driver_run(s, DRIVER_WRITE, false, fire, &w, f);
  if (!e)
    *out_job = w.id;
  return e;
}
