/* Schedules in the store, on every adapter: what is kept, and that one moment makes one job. The times are the test's.
 */
#include "store/store_jobs.h"

#include "contract.h"

#define S   INT64_C(1000000)
#define NOW (1700000000 * S)

static struct arena arena;

static void put(struct store *s, const char *kind, const char *cron, int64_t next_us) {
  EXPECT_OK(s->ops->jobs->schedule_put(s, text_of(kind), text_of(cron), next_us, &test_fault));
}

static struct store_schedule *list(struct store *s, size_t want) {
  struct store_schedule *at = NULL;
  size_t count = 99;
  EXPECT_OK(s->ops->jobs->schedule_list(s, &arena, &at, &count, &test_fault));
  assert_int_equal(count, want);
  return at;
}

static int64_t fire(struct store *s, const struct store_schedule *seen, int64_t next_us) {
  int64_t job = 99;
  EXPECT_OK(s->ops->jobs->schedule_fire(s, seen, 4, next_us, NOW, &job, &test_fault));
  return job;
}

static void a_schedule_keeps_its_moment_until_its_text_changes(void **state) {
  struct store *s = contract_store(state);
  put(s, "purge", "@daily UTC", NOW + 5);
  put(s, "backup", "@hourly UTC", NOW + 6);
  put(s, "purge", "@daily UTC", NOW + 99);
  struct store_schedule *at = list(s, 2);
  EXPECT_TEXT(at[0].kind, TEXT("backup"));
  EXPECT_TEXT(at[1].cron, TEXT("@daily UTC"));
  assert_int_equal(at[1].next_us, NOW + 5);
  assert_int_equal(at[1].last_us, 0);
  put(s, "purge", "@daily Asia/Seoul", NOW + 7);
  assert_int_equal(list(s, 2)[1].next_us, NOW + 7);
  EXPECT_OK(s->ops->jobs->schedule_drop(s, TEXT("backup"), &test_fault));
  EXPECT_OK(s->ops->jobs->schedule_drop(s, TEXT("backup"), &test_fault));
  EXPECT_TEXT(list(s, 1)[0].kind, TEXT("purge"));
}

static void one_moment_makes_one_job(void **state) {
  struct store *s = contract_store(state);
  struct store_job j;
  put(s, "purge", "@daily UTC", NOW - 5);
  struct store_schedule seen = *list(s, 1);
  int64_t id = fire(s, &seen, NOW + 10 * S);
  assert_int_equal(id, 1);
  assert_int_equal(fire(s, &seen, NOW + 10 * S), 0); /* another program that saw the same */
  EXPECT_OK(s->ops->jobs->get(s, id, &arena, &j, &test_fault));
  EXPECT_TEXT(j.unique_key, TEXT("schedule:purge"));
  assert_int_equal(j.run_at_us, NOW);
  assert_int_equal(j.max_attempts, 4);
  struct store_schedule now = *list(s, 1);
  assert_int_equal(now.next_us, NOW + 10 * S);
  assert_int_equal(now.last_us, NOW);
  assert_int_equal(now.last_job, id);
}

static void a_moment_is_left_out_while_the_job_before_lives(void **state) {
  struct store *s = contract_store(state);
  bool running;
  put(s, "purge", "@daily UTC", NOW - 5);
  assert_int_equal(fire(s, list(s, 1), NOW - 4), 1);
  assert_int_equal(fire(s, list(s, 1), NOW - 3), 0);
  assert_int_equal(list(s, 1)->next_us, NOW - 3); /* it has moved on all the same */
  assert_int_equal(list(s, 1)->last_job, 1);
  EXPECT_OK(s->ops->jobs->cancel(s, 1, NOW, &running, &test_fault));
  assert_true(fire(s, list(s, 1), NOW + S) > 1);
}

static void a_schedule_that_is_another_now_does_not_fire(void **state) {
  struct store *s = contract_store(state);
  put(s, "purge", "@daily UTC", NOW - 5);
  struct store_schedule seen = *list(s, 1);
  put(s, "purge", "@hourly UTC", NOW - 5);
  assert_int_equal(fire(s, &seen, NOW + S), 0);
  EXPECT_OK(s->ops->jobs->schedule_drop(s, TEXT("purge"), &test_fault));
  assert_int_equal(fire(s, &seen, NOW + S), 0);
}

static int begin(void **state) {
  arena_init(&arena);
  return 0;
}

static int end(void **state) {
  arena_done(&arena);
  return contract_end(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(a_schedule_keeps_its_moment_until_its_text_changes),
      CONTRACT(one_moment_makes_one_job),
      CONTRACT(a_moment_is_left_out_while_the_job_before_lives),
      CONTRACT(a_schedule_that_is_another_now_does_not_fire),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, begin, end);
}
