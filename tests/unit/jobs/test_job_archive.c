/* Old rows leave for files by the days of the configuration, and stay where it says so. */
#include "jobs/kinds.h"

#include "kind_test.h"
#include "ports/store_usage.h"

#include <unistd.h>

#define DAY_US INT64_C(86400000000)

static uint64_t rows_left(void) {
  struct ledger_row *list = NULL;
  size_t count = 0;
  EXPECT_OK(store->ops->ledger_list(store, 0, 100, &arena, &list, &count, &test_fault));
  return count;
}

static void rows_leave_when_their_days_are_over(void **state) {
  char dir[] = "/tmp/weir-test-job-archive-XXXXXX";
  struct job_world world = test_world(store);
  struct job j = job_of(&world);
  struct ledger_totals totals;
  struct usage_archive *files = NULL;
  size_t count = 0;
  assert_non_null(mkdtemp(dir));
  world.data_dir = dir;
  add_rows(1, 4, now() - 11 * DAY_US);
  add_rows(10, 3, now() - 9 * DAY_US);
  test_configure("");
  EXPECT_OK(job_archive(&j, &test_fault)); /* for ever, unless the configuration says otherwise */
  EXPECT_TEXT(j.result, TEXT("{\"rows\":0}"));
  test_configure("retention: { ledger: 10 }");
  EXPECT_OK(job_archive(&j, &test_fault));
  EXPECT_TEXT(j.result, TEXT("{\"rows\":4}"));
  assert_int_equal(rows_left(), 3);
  EXPECT_OK(store->ops->ledger_verify(store, &arena, &totals, &test_fault));
  assert_int_equal(totals.mismatched_keys, 0);
  EXPECT_OK(store->ops->usage->archives(store, &arena, &files, &count, &test_fault));
  assert_int_equal(count, 1);
  struct text path = arena_format(&arena, "%s/archive/%.*s", dir, TEXT_ARGS(files[0].name));
  assert_int_equal(unlink(path.at), 0);
  assert_int_equal(rmdir(arena_format(&arena, "%s/archive", dir).at), 0);
  assert_int_equal(rmdir(dir), 0);
}

static void without_a_folder_it_says_why(void **state) {
  struct job_world world = test_world(store);
  struct job j = job_of(&world);
  test_configure("retention: { ledger: 10 }");
  EXPECT_ERR(job_archive(&j, &test_fault), ERR_UNSUPPORTED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(rows_leave_when_their_days_are_over, begin, end),
      cmocka_unit_test_setup_teardown(without_a_folder_it_says_why, begin, end),
  };
  return RUN_TESTS(tests);
}
