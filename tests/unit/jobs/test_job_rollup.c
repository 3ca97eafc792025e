/* The sums of usage follow the ledger when the job has run, and again after more rows. */
#include "jobs/kinds.h"

#include "kind_test.h"
#include "ports/store_usage.h"

#define DAY_US INT64_C(86400000000)

static int64_t attempts(void) {
  const struct usage_ask ask = {0};
  struct usage_sum *sums = NULL;
  size_t count = 0;
  EXPECT_OK(store->ops->usage->sums(store, &ask, &arena, &sums, &count, &test_fault));
  return count ? sums[0].attempts : 0;
}

static void usage_is_brought_up_to_date(void **state) {
  struct job_world world = test_world(store);
  struct job j = job_of(&world);
  test_configure("");
  add_rows(1, 3, now());
  assert_int_equal(attempts(), 0);
  EXPECT_OK(job_rollup(&j, &test_fault));
  EXPECT_TEXT(j.result, TEXT("{\"minutes\":1}"));
  assert_int_equal(attempts(), 3);
  add_rows(10, 2, now() - DAY_US);
  EXPECT_OK(job_rollup(&j, &test_fault));
  assert_int_equal(attempts(), 5);
  EXPECT_OK(job_rollup(&j, &test_fault));
  EXPECT_TEXT(j.result, TEXT("{\"minutes\":0}"));
}

static void the_check_finds_nothing_wrong_where_nothing_is(void **state) {
  struct job_world world = test_world(store);
  struct job j = job_of(&world);
  test_configure("");
  add_rows(1, 3, now());
  EXPECT_OK(job_recheck(&j, &test_fault));
  EXPECT_TEXT(j.result, TEXT("{\"minutes\":1,\"wrong\":false}"));
  assert_int_equal(attempts(), 3);
}

static enum err stop(struct job *j, unsigned permille, struct text note, struct fault *f) { return ERR_CANCELLED; }

static void it_stops_when_it_is_told_to(void **state) {
  struct job_world world = test_world(store);
  struct job j = job_of(&world);
  j.report = stop;
  test_configure("");
  add_rows(1, 3, now());
  assert_int_equal(job_rollup(&j, &test_fault), ERR_CANCELLED);
  assert_int_equal(attempts(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(usage_is_brought_up_to_date, begin, end),
      cmocka_unit_test_setup_teardown(the_check_finds_nothing_wrong_where_nothing_is, begin, end),
      cmocka_unit_test_setup_teardown(it_stops_when_it_is_told_to, begin, end),
  };
  return RUN_TESTS(tests);
}
