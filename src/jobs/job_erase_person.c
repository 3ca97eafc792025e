/* The job `erase_person`: a person is forgotten (ports/store_persons.h), in the store and in the files that this
 * process has. Running it again goes on where it stopped. The erasure takes the name out of the job itself in the
 * transaction that completes it, so one that finds a pseudonym there has nothing left to do. */
#include "jobs/kinds.h"

#include "base/json.h"
#include "jobs/person_job.h"

static void report(struct job *j, const struct person_erased *done) {
  struct buf result;
  struct json_writer w;
  buf_init(&result, STORE_JOB_JSON_MAX);
  json_writer_init(&w, &result);
  json_object(&w);
  json_field_str(&w, "pseudonym", done->pseudonym);
  json_field_u64(&w, "keys", done->keys);
  json_field_u64(&w, "ledger_rows", done->ledger_rows);
  json_field_u64(&w, "usage_rows", done->usage_rows);
  json_field_u64(&w, "audit_entries", done->audit_entries);
  json_field_u64(&w, "archived_rows", done->archived_rows);
  json_field_u64(&w, "archive_files", done->archive_files);
  json_field_u64(&w, "archives_elsewhere", done->archives_elsewhere);
  json_field_u64(&w, "jobs", done->jobs);
  json_field_u64(&w, "exports", done->exports);
  json_object_end(&w);
  job_result(j, buf_text(&result));
  buf_done(&result);
}

enum err job_erase_person(struct job *j, struct fault *f) {
  struct store *s = j->world->store;
  struct person_job p;
  struct person_erased done;
  enum err e = person_job_read(j, &p, f);
  if (e)
    return e;
  if (text_starts(p.ask.user, TEXT(PERSON_PSEUDONYM_PREFIX))) {
    job_result(j, TEXT("{\"already\":true}"));
    return ERR_OK;
  }
  e = s->ops->persons->erase(s, &p.ask, &done, f);
  if (!e)
    report(j, &done);
  return e;
}
