/* The rules for the end of an attempt, as a table of errors that trying again cannot help and a back-off. Knows no
 * store and no clock. Called by runner.c. */
#include "jobs/outcome.h"

#define FIRST_US   INT64_C(10000000)
#define LONGEST_US INT64_C(3600000000)

static bool is_final(enum err e) {
  switch (e) {
  case ERR_BAD_REQUEST:
  case ERR_BAD_JSON:
  case ERR_NOT_FOUND:
  case ERR_UNSUPPORTED:
  case ERR_FORBIDDEN:
  case ERR_CONFIG: return true;
  default: return false;
  }
}

enum outcome outcome_of(enum err e, enum job_stop stop, int64_t attempt, int64_t max_attempts) {
  if (!e)
    return OUTCOME_DONE;
  if (stop == JOB_STOP_CANCEL)
    return OUTCOME_CANCELLED;
  if (stop == JOB_STOP_END && e == ERR_CANCELLED)
    return OUTCOME_GIVE_BACK;
  if (is_final(e))
    return OUTCOME_FAILED;
  return attempt < max_attempts ? OUTCOME_RETRY : OUTCOME_DEAD;
}

const char *outcome_name(enum outcome o) {
  static const char *const names[] = {"done", "retry", "given_back", "failed", "dead", "cancelled"};
  return names[o];
}

int64_t outcome_backoff_us(int64_t attempt, uint64_t random) {
  int64_t us = FIRST_US;
  for (int64_t i = 1; i < attempt && us < LONGEST_US; i++)
    us *= 2;
  if (us > LONGEST_US)
    us = LONGEST_US;
  return us - us / 4 + (int64_t)(random % (uint64_t)(us / 2 + 1));
}

void outcome_release(enum outcome o, int64_t attempt, int64_t now_us, uint64_t random, struct text error,
                     struct store_job_release *out) {
  static const char *const states[] = {
      [OUTCOME_RETRY] = "queued", [OUTCOME_GIVE_BACK] = "queued",    [OUTCOME_FAILED] = "failed",
      [OUTCOME_DEAD] = "dead",    [OUTCOME_CANCELLED] = "cancelled", [OUTCOME_DONE] = "done"};
  *out = (struct store_job_release){.state = text_of(states[o]), .run_at_us = now_us, .error = error};
  if (o == OUTCOME_RETRY)
    out->run_at_us = now_us + outcome_backoff_us(attempt, random);
  out->is_given_back = o == OUTCOME_GIVE_BACK;
  if (o == OUTCOME_GIVE_BACK || o == OUTCOME_CANCELLED)
    out->error = TEXT_NONE;
}
