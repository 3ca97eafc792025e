/* The job `catalogue`: vendors' lists of models and prices, fetched once for all replicas and kept in the store. Where
 * they are is behind ports/catalogue_refresh.h. Running it twice fetches them twice. */
#include "jobs/kinds.h"

#include "base/json.h"

static enum err go_on(void *data, struct fault *f) { return job_progress(data, 0, TEXT("fetching"), f); }

enum err job_catalogue(struct job *j, struct fault *f) {
  struct catalogue_refresh *r = j->world->catalogues;
  const struct catalogue_watch watch = {go_on, j};
  struct catalogue_refreshed done;
  struct buf result;
  struct json_writer w;
  if (!r)
    return fault_set(f, ERR_UNSUPPORTED, NULL, "this process fetches no lists of models");
  enum err e = r->run(r, &watch, &done, f);
  if (e != ERR_OK)
    return e;
  buf_init(&result, STORE_JOB_JSON_MAX);
  json_writer_init(&w, &result);
  json_object(&w);
  json_field_u64(&w, "vendors", done.vendors);
  json_field_u64(&w, "failed", done.failed);
  json_object_end(&w);
  job_result(j, buf_text(&result));
  buf_done(&result);
  return ERR_OK;
}
