/* Work in the background as the control API shows it, and asking for it, ending it, trying it again. Rows of routes.c;
 * what a kind does, and who runs it, is the business of jobs/.
 * house: tested-by tests/unit/control/test_api_jobs.c */
#include "control/views.h"

#include "base/json.h"

struct filter {
  uint64_t given;
  struct text kind, state;
};
static const struct shape_field filter_fields[] = {
    {"kind", SHAPE_TEXT, 0, SHAPE_AT(filter, kind), .min = 1, .max = STORE_JOB_NAME_MAX, .help = "exactly this"},
    {"state", SHAPE_TEXT, 0, SHAPE_AT(filter, state), .choices = "queued|running|done|failed|dead|cancelled",
     .help = "exactly this"},
};
const struct shape job_filter = {"JobFilter", "Which jobs.", sizeof(struct filter), SHAPE_FIELDS(filter_fields)};

struct job_view {
  uint64_t given;
  int64_t id, attempts, max_attempts, progress, run_at_us, created_us, started_us, ended_us;
  struct text kind, state, args, result, note, error, leased_by;
  bool cancel_asked;
};
static const struct shape_field fields[] = {
    {"id", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(job_view, id), .min = 1, .max = INT64_MAX, .help = "unique"},
    {"kind", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(job_view, kind), .max = STORE_JOB_NAME_MAX, .help = "what it does"},
    {"state", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(job_view, state),
     .choices = "queued|running|done|failed|dead|cancelled", .help = "dead: it was tried as often as it may be"},
    {"args", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(job_view, args), .max = STORE_JOB_JSON_MAX, .help = "JSON"},
    {"result", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(job_view, result), .max = STORE_JOB_JSON_MAX, .help = "JSON"},
    {"attempts", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(job_view, attempts), .max = INT64_MAX,
     .help = "how often it was begun"},
    {"max_attempts", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(job_view, max_attempts), .max = INT64_MAX,
     .help = "how often it may be"},
    {"progress", SHAPE_INTEGER, SHAPE_REQUIRED, SHAPE_AT(job_view, progress), .max = 1000, .help = "of 1,000"},
    {"note", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(job_view, note), .max = STORE_JOB_NOTE_MAX, .help = "what it is at"},
    {"error", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(job_view, error), .max = STORE_JOB_ERROR_MAX,
     .help = "of the last attempt that failed"},
    {"leased_by", SHAPE_TEXT, SHAPE_NULLABLE, SHAPE_AT(job_view, leased_by), .max = 256, .help = "who began it last"},
    {"cancel_asked", SHAPE_BOOL, SHAPE_REQUIRED, SHAPE_AT(job_view, cancel_asked), .help = "whether it is to stop"},
    {"run_at", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(job_view, run_at_us), .help = "not before"},
    {"created", SHAPE_TIME, SHAPE_REQUIRED, SHAPE_AT(job_view, created_us), .help = "when it was queued"},
    {"started", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(job_view, started_us), .help = "of the last attempt"},
    {"ended", SHAPE_TIME, SHAPE_NULLABLE, SHAPE_AT(job_view, ended_us), .help = "of the last attempt"},
};
const struct shape job_shape = {"Job", "Work in the background.", sizeof(struct job_view), SHAPE_FIELDS(fields)};

static struct job_view view_of(const struct store_job *j) {
  return (struct job_view){.id = j->id,
                           .attempts = j->attempts,
                           .max_attempts = j->max_attempts,
                           .progress = j->progress,
                           .run_at_us = j->run_at_us,
                           .created_us = j->created_us,
                           .started_us = j->started_us,
                           .ended_us = j->ended_us,
                           .kind = j->kind,
                           .state = j->state,
                           .args = j->args,
                           .result = text_equal(j->result, TEXT("null")) ? TEXT_NONE : j->result,
                           .note = j->note,
                           .error = j->error,
                           .leased_by = j->leased_by,
                           .cancel_asked = j->cancel_asked};
}

enum err jobs_list(struct api_call *c, struct fault *f) {
  const struct filter *q = c->query;
  struct store *s = c->api->store;
  struct store_job *jobs = NULL;
  size_t count = 0;
  enum err e = s->ops->jobs->list(s, c->cursor.id, q->kind, q->state, (size_t)c->limit + 1, c->arena, &jobs, &count, f);
  if (e != ERR_OK)
    return e;
  if (count > (size_t)c->limit) {
    count = (size_t)c->limit;
    c->next.id = jobs[count - 1].id;
  }
  struct job_view *views = arena_alloc(c->arena, (count + 1) * sizeof(*views));
  for (size_t i = 0; i < count; i++)
    views[i] = view_of(&jobs[i]);
  c->answer = views;
  c->answer_count = count;
  return ERR_OK;
}

static enum err answer_job(struct api_call *c, int64_t id, struct fault *f) {
  struct store *s = c->api->store;
  struct job_view *view = ARENA_NEW(c->arena, struct job_view);
  struct store_job job;
  enum err e = s->ops->jobs->get(s, id, c->arena, &job, f);
  if (e != ERR_OK)
    return e;
  *view = view_of(&job);
  c->answer = view;
  return ERR_OK;
}

enum err jobs_get(struct api_call *c, struct fault *f) {
  int64_t id;
  enum err e = api_id(c, 0, &id, f);
  return e == ERR_OK ? answer_job(c, id, f) : e;
}

struct new_input {
  uint64_t given;
  struct text kind, args;
};
static const struct shape_field new_fields[] = {
    {"kind", SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_AT(new_input, kind), .min = 1, .max = STORE_JOB_NAME_MAX,
     .help = "as `weir job schedules` lists them"},
    {"args", SHAPE_TEXT, 0, SHAPE_AT(new_input, args), .min = 2, .max = STORE_JOB_JSON_MAX / 2,
     .help = "JSON; none unless given"},
};
const struct shape job_new_shape = {"JobNew", "A job to be run.", sizeof(struct new_input), SHAPE_FIELDS(new_fields)};

/* What was done to a job, for the audit log. */
static enum err note(struct api_call *c, const char *action, int64_t id, struct text kind, struct fault *f) {
  struct store *s = c->api->store;
  char subject[32];
  struct buf after;
  struct json_writer w;
  buf_init(&after, 4096);
  json_writer_init(&w, &after);
  json_object(&w);
  json_field_text(&w, "kind", kind);
  json_object_end(&w);
  snprintf(subject, sizeof(subject), "job:%lld", (long long)id);
  const struct audit_entry entry = {text_of(action), text_of(subject), TEXT_NONE, buf_text(&after)};
  enum err e = s->ops->audit->add(s, &c->by, &entry, NULL, f);
  buf_done(&after);
  return e;
}

enum err jobs_run(struct api_call *c, struct fault *f) {
  const struct new_input *in = c->body;
  struct store *s = c->api->store;
  struct store_job_new n = {.kind = in->kind, .args = in->args, .max_attempts = c->api->job_attempts(in->kind)};
  int64_t now_us = 0;
  if (n.max_attempts == 0) {
    shape_refuse(c->errors, "/kind", "is no kind of job of this program");
    return ERR_BAD_REQUEST;
  }
  enum err e = s->ops->jobs->now(s, &now_us, f);
  if (e == ERR_OK)
    e = s->ops->jobs->enqueue(s, &n, now_us, &c->made_id, f);
  if (e == ERR_OK)
    e = note(c, "job.run", c->made_id, in->kind, f);
  return e == ERR_OK ? answer_job(c, c->made_id, f) : e;
}

/* The job of the path as it is, and the database's clock. */
static enum err find_job(struct api_call *c, struct store_job *out, int64_t *out_now_us, struct fault *f) {
  struct store *s = c->api->store;
  int64_t id;
  enum err e = api_id(c, 0, &id, f);
  if (e == ERR_OK)
    e = s->ops->jobs->get(s, id, c->arena, out, f);
  return e == ERR_OK ? s->ops->jobs->now(s, out_now_us, f) : e;
}

enum err jobs_cancel(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct store_job job;
  int64_t now_us;
  bool is_running = false;
  enum err e = find_job(c, &job, &now_us, f);
  if (e == ERR_OK)
    e = s->ops->jobs->cancel(s, job.id, now_us, &is_running, f);
  if (e == ERR_OK)
    e = note(c, "job.cancel", job.id, job.kind, f);
  return e == ERR_OK ? answer_job(c, job.id, f) : e;
}

enum err jobs_retry(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct store_job job;
  int64_t now_us;
  enum err e = find_job(c, &job, &now_us, f);
  if (e != ERR_OK)
    return e;
  int64_t attempts = c->api->job_attempts(job.kind);
  e = s->ops->jobs->retry(s, job.id, attempts > 0 ? attempts : 1, now_us, f);
  if (e == ERR_OK)
    e = note(c, "job.retry", job.id, job.kind, f);
  return e == ERR_OK ? answer_job(c, job.id, f) : e;
}
