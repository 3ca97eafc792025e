/* The arguments of the jobs about one person. Whether the name is one is the store's to say.
 * house: tested-by tests/unit/jobs/test_job_erase_person.c */
#include "jobs/person_job.h"

#include "base/json.h"

static enum err progress(void *ctx, unsigned permille, const char *at, struct fault *f) {
  return job_progress(ctx, permille, text_of(at), f);
}

static enum err read_members(yyjson_val *root, struct arena *a, struct person_job *out, struct fault *f) {
  size_t i, max;
  yyjson_val *name, *value;
  yyjson_obj_foreach (root, i, max, name, value) {
    struct text member = json_text(name), text = arena_copy(a, json_text(value));
    if (!yyjson_is_str(value))
      return fault_set(f, ERR_BAD_REQUEST, NULL, "the arguments of the job must be texts");
    if (text_equal(member, TEXT("user")))
      out->ask.user = text;
    else if (text_equal(member, TEXT("actor")))
      out->by.actor = text;
    else if (text_equal(member, TEXT("origin")))
      out->by.origin = text;
    else
      return fault_set(f, ERR_BAD_REQUEST, NULL, "the job takes user, actor and origin, and not \"%.*s\"",
                       TEXT_ARGS(text_head(member, 100)));
  }
  return out->ask.user.len > 0 ? ERR_OK
                               : fault_set(f, ERR_BAD_REQUEST, "user", "the job needs a user in its arguments");
}

enum err person_job_read(struct job *j, struct person_job *out, struct fault *f) {
  struct json json;
  *out = (struct person_job){.listener = {progress, j},
                             .by = {arena_format(j->arena, "job:%.*s", TEXT_ARGS(j->kind)), TEXT("job")}};
  enum err e = json_read(j->args, &(struct json_limits){0}, &json, f);
  if (e)
    return e;
  e = yyjson_is_obj(json.root) ? read_members(json.root, j->arena, out, f)
                               : fault_set(f, ERR_BAD_REQUEST, NULL, "the arguments of the job must be an object");
  json_done(&json);
  if (j->world->data_dir) {
    out->ask.archive_folder = arena_format(j->arena, "%s/archive", j->world->data_dir).at;
    out->ask.export_folder = arena_format(j->arena, "%s/exports", j->world->data_dir).at;
  }
  out->ask.by = &out->by;
  out->ask.listener = &out->listener;
  return e;
}
