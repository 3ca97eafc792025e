/* Schedules in the configuration: taken when they are ones, refused with their place, each kind once. */
#include "config/check.h"

#include "expect.h"

static void schedules_are_read(void **state) {
  struct config *c =
      load("jobs:\n  - { kind: purge, schedule: \"30 2 * * mon\" }\n  - { kind: rollup, enabled: false }\n");
  assert_int_equal(c->job_count, 2);
  EXPECT_TEXT(c->jobs[0].schedule, TEXT("30 2 * * mon"));
  assert_true(c->jobs[0].enabled);
  EXPECT_TEXT(c->jobs[1].schedule, TEXT(""));
  assert_false(c->jobs[1].enabled);
  config_unref(c);
}

static void what_is_no_schedule_is_refused(void **state) {
  expect_refused("jobs: [ { kind: purge, schedule: \"61 * * * *\" } ]\n",
                 "weir.yaml:1:34: `jobs[0].schedule` is not a schedule: \"61\" is no minute of a schedule");
}

static void a_kind_has_one_schedule(void **state) {
  expect_refused("jobs:\n  - { kind: purge }\n  - { kind: purge }\n", "weir.yaml:3:13: `jobs[1].kind` is given twice");
}

static void days_are_kept_as_the_reference_says(void **state) {
  struct config *c = load("");
  assert_int_equal(c->retention.jobs_days, 30);
  assert_int_equal(c->job_count, 0);
  config_unref(c);
}

static void rows_stay_as_long_as_the_minutes_made_from_them(void **state) {
  config_unref(load("retention: { ledger: 7 }\n"));
  config_unref(load("retention: { ledger: 2, usage_minutes: 2 }\n"));
  expect_refused("retention: { ledger: 6 }\n", "weir.yaml:1:22: `retention.ledger` must be 0 or at least as many days "
                                               "as `usage_minutes` (7)");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(schedules_are_read),
      cmocka_unit_test(what_is_no_schedule_is_refused),
      cmocka_unit_test(a_kind_has_one_schedule),
      cmocka_unit_test(rows_stay_as_long_as_the_minutes_made_from_them),
      cmocka_unit_test(days_are_kept_as_the_reference_says),
  };
  return RUN_TESTS(tests);
}
