/* The job `export_person`: all that is known of a person becomes a file in data_dir/exports, which the job `purge` and
 * every process remove after `retention.exports` days. The file's name has the number of the job and of its attempt,
 * and nobody's name; a second attempt removes what the first one has left. */
#include "jobs/kinds.h"

#include "base/json.h"
#include "jobs/person_job.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* What an earlier attempt has written, whose end nobody noted. */
static void remove_earlier(const struct job *j, const char *folder) {
  for (unsigned attempt = 1; attempt < j->attempt; attempt++) {
    struct text path = arena_format(j->arena, "%s/" PERSON_EXPORT_NAME, folder, (long long)j->id, (long long)attempt);
    unlink(path.at);
    unlink(arena_format(j->arena, "%s.part", path.at).at);
  }
}

static void report(struct job *j, const char *path, const struct person_export_file *done) {
  const struct person_exported *c = &done->counts;
  struct buf result;
  struct json_writer w;
  buf_init(&result, STORE_JOB_JSON_MAX);
  json_writer_init(&w, &result);
  json_object(&w);
  json_field_str(&w, "path", path);
  json_field_str(&w, "digest", done->digest);
  json_field_u64(&w, "bytes", done->bytes);
  json_field_u64(&w, "users", c->users);
  json_field_u64(&w, "memberships", c->memberships);
  json_field_u64(&w, "grants", c->grants);
  json_field_u64(&w, "assignments", c->entities);
  json_field_u64(&w, "keys", c->keys);
  json_field_u64(&w, "ledger_rows", c->ledger_rows);
  json_field_u64(&w, "usage_rows", c->usage_rows);
  json_field_u64(&w, "audit_entries", c->audit_entries);
  json_field_u64(&w, "archived_rows", c->archived_rows);
  json_field_u64(&w, "archives_elsewhere", c->archives_elsewhere);
  json_field_u64(&w, "jobs", c->jobs);
  json_object_end(&w);
  job_result(j, buf_text(&result));
  buf_done(&result);
}

enum err job_export_person(struct job *j, struct fault *f) {
  struct store *s = j->world->store;
  struct person_job p;
  struct person_export_file done;
  enum err e = person_job_read(j, &p, f);
  if (e)
    return e;
  const char *folder = p.ask.export_folder;
  if (!folder)
    return fault_set(f, ERR_UNSUPPORTED, NULL, "a store in memory has no data_dir to export into");
  if (mkdir(folder, 0700) != 0 && errno != EEXIST)
    return fault_set(f, ERR_STORE, NULL, "cannot make %.1000s: %s", folder, strerror(errno));
  remove_earlier(j, folder);
  struct text path = arena_format(j->arena, "%s/" PERSON_EXPORT_NAME, folder, (long long)j->id, (long long)j->attempt);
  e = s->ops->persons->export_to(s, &p.ask, path.at, &done, f);
  if (!e)
    report(j, path.at, &done);
  return e;
}
