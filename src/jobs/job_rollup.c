/* The jobs `rollup` and `recheck`: the sums of usage are brought up to date, and compared with the balances, which
 * every program moves. Both say only what the ledger's rows say, however often they run and whoever else adds rows. */
#include "jobs/kinds.h"

#include "base/json.h"
#include "ports/store_usage.h"

#define MINUTES_A_TURN 500
#define DAY_US         INT64_C(86400000000)

/* Until nothing is left to add up. */
static enum err roll_up(struct job *j, int64_t *out_minutes, struct fault *f) {
  struct store *s = j->world->store;
  struct config *c = j->world->config(j->world->ctx);
  size_t minutes = MINUTES_A_TURN;
  int64_t now_us = 0, sum = 0;
  enum err e = s->ops->jobs->now(s, &now_us, f);
  while (!e && minutes > 0) {
    const struct usage_roll_up_ask ask = {.zone = c->timezone,
                                          .minutes_since_us = now_us - c->retention.usage_minutes_days * DAY_US,
                                          .max = MINUTES_A_TURN};
    e = job_progress(j, 0, TEXT("adding up"), f);
    if (!e)
      e = s->ops->usage->roll_up(s, &ask, &minutes, f);
    if (!e)
      sum += (int64_t)minutes;
  }
  config_unref(c);
  *out_minutes = sum;
  return e;
}

static void tell(struct job *j, int64_t minutes, const bool *wrong) {
  struct buf result;
  struct json_writer w;
  buf_init(&result, 256);
  json_writer_init(&w, &result);
  json_object(&w);
  json_field_i64(&w, "minutes", minutes);
  if (wrong)
    json_field_bool(&w, "wrong", *wrong);
  json_object_end(&w);
  job_result(j, buf_text(&result));
  buf_done(&result);
}

enum err job_rollup(struct job *j, struct fault *f) {
  int64_t minutes = 0;
  enum err e = roll_up(j, &minutes, f);
  if (!e)
    tell(j, minutes, NULL);
  return e;
}

enum err job_recheck(struct job *j, struct fault *f) {
  struct store *s = j->world->store;
  int64_t minutes = 0, more = 0;
  bool wrong = false;
  enum err e = roll_up(j, &minutes, f);
  if (!e)
    e = s->ops->usage->recheck(s, &wrong, f);
  if (!e && wrong)
    e = roll_up(j, &more, f);
  if (!e)
    tell(j, minutes + more, &wrong);
  return e;
}
