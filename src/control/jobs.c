/* Work in the background as the control API shows it. Rows of routes.c; what is queued, claimed and retried is the
 * business of jobs/.
 * house: tested-by tests/unit/control/test_api.c */
#include "control/views.h"

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

enum err jobs_get(struct api_call *c, struct fault *f) {
  struct store *s = c->api->store;
  struct job_view *view = ARENA_NEW(c->arena, struct job_view);
  struct store_job job;
  int64_t id;
  enum err e = api_id(c, 0, &id, f);
  if (e == ERR_OK)
    e = s->ops->jobs->get(s, id, c->arena, &job, f);
  if (e != ERR_OK)
    return e;
  *view = view_of(&job);
  c->answer = view;
  return ERR_OK;
}
