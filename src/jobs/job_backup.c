/* The job `backup`: one more backup of the store's file, and the oldest ones away. How it is made and where is behind
 * ports/backups.h; when stands in `backup.schedule`. Running it twice makes two, of which both are good. */
#include "jobs/kinds.h"

#include "base/json.h"

static enum err go_on(void *data, struct fault *f) { return job_progress(data, 0, TEXT("copying"), f); }

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

enum err job_backup(struct job *j, struct fault *f) {
  struct backups *b = j->world->backups;
  const struct backups_watch watch = {go_on, j};
  struct backups_made made;
  if (!b)
    return fault_set(f, ERR_UNSUPPORTED, NULL, "this process makes no backups");
  enum err e = b->make(b, &watch, &made, f);
  if (e == ERR_OK)
    report(j, &made);
  return e;
}
