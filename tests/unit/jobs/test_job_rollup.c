/* The sums of usage follow the ledger when the job has run, and again after more rows. */
#include "jobs/kinds.h"

#include "jobs_test.h"
#include "ports/store_audit.h"
#include "ports/store_usage.h"
#include "support/actor.h"

#include <unistd.h>

#define DAY_US INT64_C(86400000000)

static struct store *store;
static struct arena arena;

static int begin(void **state) {
  test_fault = (struct fault){0};
  store = open_memory();
  arena_init(&arena);
  return 0;
}

static int end(void **state) {
  arena_done(&arena);
  store->ops->close(store);
  config_unref(test_config);
  test_config = NULL;
  return 0;
}

static struct job job_of(const struct job_world *world) {
  return (struct job){.args = TEXT("{}"), .attempt = 1, .world = world, .arena = &arena};
}

static int64_t now(void) {
  int64_t now_us = 0;
  EXPECT_OK(store->ops->jobs->now(store, &now_us, &test_fault));
  return now_us;
}

static void add_rows(int64_t id, int count, int64_t settled_us) {
  for (int i = 0; i < count; i++) {
    const struct ledger_row row = {.id = id + i,
                                   .reserved_us = settled_us,
                                   .settled_us = settled_us,
                                   .request_id = TEXT("req"),
                                   .attempt = 1,
                                   .key_id = 1,
                                   .outcome = TEXT("ok"),
                                   .cost = {.total = 5, .known = true}};
    EXPECT_OK(store->ops->ledger_append(store, &row, 1, TEXT("j"), (uint64_t)(id + i), &test_fault));
  }
}

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
