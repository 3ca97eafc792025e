/* What follows when an attempt has ended, case by case, and how long it is waited before the next. */
#include "jobs/outcome.h"

#include "jobs_test.h"

#define S INT64_C(1000000)

static void the_end_follows_from_the_error_and_the_reason_to_stop(void **state) {
  static const struct {
    enum err e;
    enum job_stop stop;
    int64_t attempt;
    enum outcome want;
  } cases[] = {
      {ERR_OK, JOB_STOP_NOT, 1, OUTCOME_DONE},
      {ERR_OK, JOB_STOP_CANCEL, 1, OUTCOME_DONE}, /* it was too late to cancel */
      {ERR_OK, JOB_STOP_END, 3, OUTCOME_DONE},
      {ERR_STORE, JOB_STOP_NOT, 1, OUTCOME_RETRY},
      {ERR_STORE, JOB_STOP_NOT, 2, OUTCOME_RETRY},
      {ERR_STORE, JOB_STOP_NOT, 3, OUTCOME_DEAD},
      {ERR_STORE, JOB_STOP_CANCEL, 3, OUTCOME_CANCELLED},
      {ERR_CANCELLED, JOB_STOP_CANCEL, 1, OUTCOME_CANCELLED},
      {ERR_CANCELLED, JOB_STOP_END, 3, OUTCOME_GIVE_BACK},
      {ERR_CANCELLED, JOB_STOP_NOT, 1, OUTCOME_RETRY}, /* nobody told it to stop */
      {ERR_STORE_FULL, JOB_STOP_END, 1, OUTCOME_RETRY},
      {ERR_BAD_REQUEST, JOB_STOP_NOT, 1, OUTCOME_FAILED},
      {ERR_NOT_FOUND, JOB_STOP_NOT, 1, OUTCOME_FAILED},
      {ERR_CONFIG, JOB_STOP_NOT, 3, OUTCOME_FAILED},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    enum outcome got = outcome_of(cases[i].e, cases[i].stop, cases[i].attempt, 3);
    if (got != cases[i].want)
      fail_msg("case %zu: %s, expected %s", i, outcome_name(got), outcome_name(cases[i].want));
  }
}

static void the_wait_doubles_up_to_an_hour_and_varies_by_a_quarter(void **state) {
  for (int64_t attempt = 1; attempt < 100; attempt++) {
    int64_t want_us = attempt < 10 ? 10 * S << (attempt - 1) : 3600 * S;
    if (want_us > 3600 * S)
      want_us = 3600 * S;
    int64_t least_us = outcome_backoff_us(attempt, 0), most_us = outcome_backoff_us(attempt, (uint64_t)(want_us / 2));
    assert_int_equal(least_us, want_us - want_us / 4);
    assert_int_equal(most_us, least_us + want_us / 2);
    assert_in_range(outcome_backoff_us(attempt, UINT64_MAX), least_us, most_us);
  }
}

static void what_the_store_is_told_follows_from_the_end(void **state) {
  struct store_job_release r;
  outcome_release(OUTCOME_RETRY, 2, 1000 * S, 0, TEXT("it broke"), &r);
  EXPECT_TEXT(r.state, TEXT("queued"));
  EXPECT_TEXT(r.error, TEXT("it broke"));
  assert_int_equal(r.run_at_us, 1015 * S);
  assert_false(r.is_given_back);
  outcome_release(OUTCOME_GIVE_BACK, 2, 1000 * S, 0, TEXT("the process ends"), &r);
  EXPECT_TEXT(r.state, TEXT("queued"));
  EXPECT_TEXT(r.error, TEXT(""));
  assert_int_equal(r.run_at_us, 1000 * S);
  assert_true(r.is_given_back);
  outcome_release(OUTCOME_DEAD, 3, 0, 0, TEXT("it broke"), &r);
  EXPECT_TEXT(r.state, TEXT("dead"));
  outcome_release(OUTCOME_FAILED, 1, 0, 0, TEXT("bad args"), &r);
  EXPECT_TEXT(r.state, TEXT("failed"));
  outcome_release(OUTCOME_CANCELLED, 1, 0, 0, TEXT("it was cancelled"), &r);
  EXPECT_TEXT(r.state, TEXT("cancelled"));
  EXPECT_TEXT(r.error, TEXT(""));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_end_follows_from_the_error_and_the_reason_to_stop),
      cmocka_unit_test(the_wait_doubles_up_to_an_hour_and_varies_by_a_quarter),
      cmocka_unit_test(what_the_store_is_told_follows_from_the_end),
  };
  return RUN_TESTS(tests);
}
