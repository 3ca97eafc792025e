/* The job `purge`: deletes what has been kept for as long as `retention` of the configuration says, class by class, in
 * small transactions. A class is a row of the table below. It deletes nothing whose class is kept for ever (0). */
#include "jobs/kinds.h"

#include "base/json.h"
#include "ports/store_audit.h"
#include "ports/store_signin.h"

#define CHUNK     500
#define DAY_US    INT64_C(86400000000)
#define DAYS(row) offsetof(struct config_retention, row)

struct class {
  const char *name;
  size_t days;        /* the row of config_retention, */
  int64_t fixed_days; /* unless it is kept for as long as this, whatever is configured */
  /* Deletes at most max of what is older, the oldest first. */
  enum err (*purge)(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f);
};

static enum err purge_jobs(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f) {
  return s->ops->jobs->purge(s, before_us, max, out_deleted, f);
}

static enum err purge_events(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f) {
  return s->ops->events->purge(s, before_us, max, out_deleted, f);
}

static enum err purge_answers(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f) {
  return s->ops->answers->purge(s, before_us, max, out_deleted, f);
}

/* That AUDIT_KEEP_DAYS_MIN days are kept is the configuration's to see to: the present, which the port would compare
 * with, is not known here. */
static enum err purge_audit(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f) {
  static const struct audit_actor by = {TEXT("job:purge"), TEXT("job")};
  uint64_t removed = 0;
  enum err e = s->ops->audit->purge(s, &by, before_us, before_us + AUDIT_KEEP_DAYS_MIN * DAY_US, max, &removed, f);
  if (!e)
    *out_deleted = (int64_t)removed;
  return e;
}

static enum err purge_signin(struct store *s, int64_t before_us, size_t max, int64_t *out_deleted, struct fault *f) {
  return s->ops->signin->purge(s, before_us, max, out_deleted, f);
}

static const struct class classes[] = {
    {"jobs", DAYS(jobs_days), 0, purge_jobs},
    {"events", DAYS(events_days), 0, purge_events},
    {"audit", DAYS(audit_days), 0, purge_audit},
    {"signin", DAYS(signin_days), 0, purge_signin},
    {"answers", 0, STORE_ANSWER_KEPT_US / DAY_US, purge_answers},
};
#define CLASSES (sizeof classes / sizeof *classes)

static enum err purge_class(struct job *j, size_t at, int64_t before_us, int64_t *out_deleted, struct fault *f) {
  int64_t sum = 0, deleted = CHUNK;
  enum err e = ERR_OK;
  while (!e && deleted >= CHUNK) {
    e = job_progress(j, (unsigned)(at * 1000 / CLASSES), text_of(classes[at].name), f);
    if (!e)
      e = classes[at].purge(j->world->store, before_us, CHUNK, &deleted, f);
    if (!e)
      sum += deleted;
  }
  *out_deleted = sum;
  return e;
}

static enum err purge_all(struct job *j, const struct config_retention *r, struct json_writer *w, struct fault *f) {
  int64_t now_us = 0;
  enum err e = j->world->store->ops->jobs->now(j->world->store, &now_us, f);
  for (size_t i = 0; i < CLASSES && !e; i++) {
    int64_t days = classes[i].fixed_days, deleted = 0;
    if (days == 0)
      memcpy(&days, (const char *)r + classes[i].days, sizeof days);
    if (days > 0)
      e = purge_class(j, i, now_us - days * DAY_US, &deleted, f);
    json_field_i64(w, classes[i].name, deleted);
  }
  return e;
}

enum err job_purge(struct job *j, struct fault *f) {
  struct config *c = j->world->config(j->world->ctx);
  struct buf result;
  struct json_writer w;
  buf_init(&result, STORE_JOB_JSON_MAX);
  json_writer_init(&w, &result);
  json_object(&w);
  enum err e = purge_all(j, &c->retention, &w, f);
  json_object_end(&w);
  if (!e)
    job_result(j, buf_text(&result));
  buf_done(&result);
  config_unref(c);
  return e;
}
