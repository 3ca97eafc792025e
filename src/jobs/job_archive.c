/* The job `archive`: rows of the ledger that are older than `retention.ledger` leave for files in data_dir/archive, a
 * chunk a transaction. Sums and balances stay (ports/store_usage.h). With 0 days they stay for ever. */
#include "jobs/kinds.h"

#include "base/json.h"
#include "ports/store_usage.h"

#define CHUNK  20000 /* rows of one file */
#define DAY_US INT64_C(86400000000)

static enum err archive(struct job *j, int64_t before_us, int64_t *out_rows, struct fault *f) {
  struct store *s = j->world->store;
  struct text folder = arena_format(j->arena, "%s/archive", j->world->data_dir);
  const struct usage_archive_ask ask = {.folder = folder.at, .before_us = before_us, .max = CHUNK};
  size_t rows = CHUNK;
  int64_t sum = 0;
  enum err e = ERR_OK;
  while (!e && rows == CHUNK) {
    e = job_progress(j, 0, TEXT("writing files"), f);
    if (!e)
      e = s->ops->usage->archive(s, &ask, &rows, f);
    if (!e)
      sum += (int64_t)rows;
  }
  *out_rows = sum;
  return e;
}

enum err job_archive(struct job *j, struct fault *f) {
  struct store *s = j->world->store;
  struct config *c = j->world->config(j->world->ctx);
  int64_t days = c->retention.ledger_days, now_us = 0, rows = 0;
  config_unref(c);
  if (days > 0 && !j->world->data_dir)
    return fault_set(f, ERR_UNSUPPORTED, NULL, "a store in memory has no data_dir to archive into");
  enum err e = s->ops->jobs->now(s, &now_us, f);
  if (!e && days > 0)
    e = archive(j, now_us - days * DAY_US, &rows, f);
  if (!e)
    job_result(j, arena_format(j->arena, "{\"rows\":%lld}", (long long)rows));
  return e;
}
