/* The job `backup`: one more backup of the store's file, and the oldest ones away. How it is made and where is behind
 * ports/backups.h; when stands in `backup.schedule`. One that the schedule asks for is left out when there is a backup
 * since the scheduled moment: made by another process, by hand into the same folder, or by this job before it was
 * killed. Running it twice makes two otherwise, of which both are good. */
#include "jobs/kinds.h"

#include "base/json.h"
#include "jobs/schedules.h"

static enum err go_on(void *data, struct fault *f) { return job_progress(data, 0, TEXT("copying"), f); }

struct text job_backup_schedule(const struct config *c) {
  return c->store == CONFIG_STORE_SQLITE ? c->backup.schedule : TEXT_NONE;
}

static void report(struct job *j, const struct backups_made *made) {
  struct buf result;
  struct json_writer w;
  buf_init(&result, STORE_JOB_JSON_MAX);
  json_writer_init(&w, &result);
  json_object(&w);
  json_field_str(&w, "path", made->path);
  json_field_u64(&w, "database_bytes", made->database_bytes);
  json_field_u64(&w, "stored_bytes", made->stored_bytes);
  json_field_u64(&w, "kept", made->kept);
  json_field_u64(&w, "removed", made->removed);
  json_object_end(&w);
  job_result(j, buf_text(&result));
  buf_done(&result);
}

/* The last moment of the schedule that has passed. */
static enum err scheduled_moment(struct job *j, int64_t *out_us, struct fault *f) {
  const struct job_world *w = j->world;
  char text[SCHEDULE_TEXT_MAX];
  int64_t now_us = 0, at_us = 0;
  enum err e = w->store->ops->jobs->now(w->store, &now_us, f);
  if (e)
    return e;
  struct config *c = w->config(w->ctx);
  schedules_text(c, job_kind_find(j->kind), text);
  config_unref(c);
  *out_us =
      schedules_latest(text, now_us, &at_us) ? at_us : now_us; /* switched off meanwhile, it was still asked for */
  return ERR_OK;
}

static enum err look(struct job *j, bool *out_is_made, struct fault *f) {
  int64_t newest_us = 0, at_us = 0;
  enum err e = scheduled_moment(j, &at_us, f);
  if (!e)
    e = j->world->backups->newest(j->world->backups, &newest_us, f);
  if (e)
    return e;
  *out_is_made = newest_us > 0 && newest_us >= at_us;
  if (*out_is_made)
    job_result(j, arena_format(j->arena, "{\"made_before_us\":%lld}", (long long)newest_us));
  return ERR_OK;
}

enum err job_backup(struct job *j, struct fault *f) {
  struct backups *b = j->world->backups;
  const struct backups_watch watch = {go_on, j};
  struct backups_made made;
  bool is_made = false;
  if (!b)
    return fault_set(f, ERR_UNSUPPORTED, NULL, "this process makes no backups");
  enum err e = j->is_scheduled ? look(j, &is_made, f) : ERR_OK;
  if (e || is_made)
    return e;
  e = b->make(b, &watch, &made, f);
  if (e == ERR_OK)
    report(j, &made);
  return e;
}
