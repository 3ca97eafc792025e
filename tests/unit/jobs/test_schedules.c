/* Schedules from the configuration into the store and out of it as jobs: once, also with two programs, also what was
 * missed. */
#include "jobs/schedules.h"

#include "jobs_test.h"

#include "base/calendar.h"

#define MINUTE INT64_C(60000000)

static struct store *store;
static struct arena arena;
static struct job_world world;

static enum err run_nothing(struct job *j, struct fault *f) { return ERR_OK; }

static const struct job_kind kinds[] = {
    {"often", "", 3, 60000, run_nothing, "*/5 * * * *"},
    {"never", "", 3, 60000, run_nothing, ""},
};

static int begin(void **state) {
  test_fault = (struct fault){0};
  calendar_set_zone(TEXT("UTC"));
  store = open_memory();
  arena_init(&arena);
  world = test_world(store);
  test_configure("");
  return 0;
}

static int end(void **state) {
  arena_done(&arena);
  store->ops->close(store);
  config_unref(test_config);
  test_config = NULL;
  return 0;
}

static int64_t now(void) {
  int64_t us = 0;
  EXPECT_OK(store->ops->jobs->now(store, &us, &test_fault));
  return us;
}

/* The one schedule there is. */
static struct store_schedule only(void) {
  struct store_schedule *at;
  size_t count = 0;
  EXPECT_OK(store->ops->jobs->schedule_list(store, &arena, &at, &count, &test_fault));
  assert_int_equal(count, 1);
  return at[0];
}

static size_t schedules(void) {
  struct store_schedule *at;
  size_t count = 0;
  EXPECT_OK(store->ops->jobs->schedule_list(store, &arena, &at, &count, &test_fault));
  return count;
}

static void sync_kinds(void) { EXPECT_OK(schedules_sync(&world, kinds, 2, &test_fault)); }

static size_t fire(void) {
  size_t made = 99;
  EXPECT_OK(schedules_fire(&world, kinds, 2, &made, &test_fault));
  return made;
}

/* As if its time had come so long ago. */
static void let_pass(int64_t us) {
  struct store_schedule s = only();
  EXPECT_OK(store->ops->jobs->schedule_drop(store, s.kind, &test_fault));
  EXPECT_OK(store->ops->jobs->schedule_put(store, s.kind, s.cron, now() - us, &test_fault));
}

static void a_schedule_is_the_kinds_own_or_the_configurations(void **state) {
  char text[SCHEDULE_TEXT_MAX];
  schedules_text(test_config, &kinds[0], text);
  EXPECT_TEXT(text_of(text), TEXT("*/5 * * * * UTC"));
  schedules_text(test_config, &kinds[1], text);
  EXPECT_TEXT(text_of(text), TEXT(""));
  test_configure(
      "timezone: Asia/Seoul\njobs: [ { kind: never, schedule: \"@daily\" }, { kind: often, enabled: false } ]");
  schedules_text(test_config, &kinds[1], text);
  EXPECT_TEXT(text_of(text), TEXT("@daily Asia/Seoul"));
  schedules_text(test_config, &kinds[0], text);
  EXPECT_TEXT(text_of(text), TEXT(""));
}

static struct text configured(const struct config *c) { return c->backup.schedule; }

static const struct job_kind made_up[] = {{"backup", "", 3, 60000, run_nothing, NULL, configured, true}};

static void a_kind_may_have_it_elsewhere_in_the_configuration(void **state) {
  char text[SCHEDULE_TEXT_MAX];
  schedules_text(test_config, made_up, text);
  EXPECT_TEXT(text_of(text), TEXT(""));
  test_configure("backup: { schedule: \"03:30, 15:45\" }");
  schedules_text(test_config, made_up, text);
  EXPECT_TEXT(text_of(text), TEXT("03:30, 15:45 UTC"));
  int64_t us = INT64_C(1796040000000000); /* 12:00 */
  assert_true(schedules_next(text, us, &us));
  assert_int_equal(us, INT64_C(1796053500000000));
  assert_true(schedules_latest(text, us - 1, &us));
  assert_int_equal(us, INT64_C(1796009400000000));
  test_configure("backup: { schedule: \"03:30\" }\njobs: [ { kind: backup, schedule: \"@daily\" } ]");
  schedules_text(test_config, made_up, text);
  EXPECT_TEXT(text_of(text), TEXT("@daily UTC"));
  test_configure("backup: { schedule: \"03:30\" }\njobs: [ { kind: backup, enabled: false } ]");
  schedules_text(test_config, made_up, text);
  EXPECT_TEXT(text_of(text), TEXT(""));
}

static void what_passed_before_a_schedule_was_new_is_made_up_for_once(void **state) {
  size_t made = 99;
  test_configure("backup: { schedule: \"00:00, 06:00, 12:00, 18:00\" }");
  EXPECT_OK(schedules_sync(&world, made_up, 1, &test_fault));
  assert_in_range(now() - only().next_us, 0, 361 * MINUTE);
  EXPECT_OK(schedules_fire(&world, made_up, 1, &made, &test_fault));
  assert_int_equal(made, 1);
  int64_t next_us = only().next_us;
  assert_true(next_us > now());
  EXPECT_OK(schedules_sync(&world, made_up, 1, &test_fault)); /* as at a restart */
  assert_int_equal(only().next_us, next_us);
  EXPECT_OK(schedules_fire(&world, made_up, 1, &made, &test_fault));
  assert_int_equal(made, 0);
}

static void the_store_learns_the_next_moment_and_keeps_it(void **state) {
  sync_kinds();
  struct store_schedule s = only();
  EXPECT_TEXT(s.kind, TEXT("often"));
  assert_in_range(s.next_us - now() + MINUTE, 0, 6 * MINUTE);
  assert_int_equal(s.next_us % (5 * MINUTE), 0);
  let_pass(99 * MINUTE);
  s = only();
  sync_kinds(); /* as at a restart */
  assert_int_equal(only().next_us, s.next_us);
  test_configure("jobs: [ { kind: often, schedule: \"0 4 * * *\" } ]");
  sync_kinds();
  EXPECT_TEXT(only().cron, TEXT("0 4 * * * UTC"));
  assert_true(only().next_us > now());
  test_configure("jobs: [ { kind: often, enabled: false } ]");
  sync_kinds();
  assert_int_equal(schedules(), 0);
}

static void what_is_due_becomes_one_job_however_much_was_missed(void **state) {
  sync_kinds();
  assert_int_equal(fire(), 0);
  let_pass(90 * MINUTE);
  assert_int_equal(fire(), 1);
  assert_int_equal(fire(), 0);
  struct store_schedule s = only();
  struct store_job j;
  assert_true(s.next_us > now());
  assert_int_equal(s.last_job, 1);
  assert_true(s.last_us > 0);
  EXPECT_OK(store->ops->jobs->get(store, 1, &arena, &j, &test_fault));
  EXPECT_TEXT(j.kind, TEXT("often"));
  EXPECT_TEXT(j.unique_key, TEXT("schedule:often"));
  assert_int_equal(j.max_attempts, 3);
}

static void of_two_programs_that_see_it_due_one_makes_the_job(void **state) {
  int64_t job = 99;
  sync_kinds();
  let_pass(MINUTE);
  struct store_schedule seen = only();
  assert_int_equal(fire(), 1);
  EXPECT_OK(store->ops->jobs->schedule_fire(store, &seen, 3, now() + 5 * MINUTE, now(), &job, &test_fault));
  assert_int_equal(job, 0);
}

static void while_one_waits_no_other_is_made(void **state) {
  sync_kinds();
  let_pass(MINUTE);
  assert_int_equal(fire(), 1);
  let_pass(MINUTE);
  assert_int_equal(fire(), 0);
  assert_true(only().next_us > now());
  bool running;
  EXPECT_OK(store->ops->jobs->cancel(store, 1, now(), &running, &test_fault));
  let_pass(MINUTE);
  assert_int_equal(fire(), 1);
}

static void a_schedule_that_another_program_has_changed_is_that_ones(void **state) {
  sync_kinds();
  EXPECT_OK(store->ops->jobs->schedule_put(store, TEXT("often"), TEXT("1 1 * * * UTC"), now() - MINUTE, &test_fault));
  assert_int_equal(fire(), 0);
  EXPECT_TEXT(only().cron, TEXT("1 1 * * * UTC"));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_schedule_is_the_kinds_own_or_the_configurations),
      TEST(a_kind_may_have_it_elsewhere_in_the_configuration),
      TEST(what_passed_before_a_schedule_was_new_is_made_up_for_once),
      TEST(the_store_learns_the_next_moment_and_keeps_it),
      TEST(what_is_due_becomes_one_job_however_much_was_missed),
      TEST(of_two_programs_that_see_it_due_one_makes_the_job),
      TEST(while_one_waits_no_other_is_made),
      TEST(a_schedule_that_another_program_has_changed_is_that_ones),
  };
  return RUN_TESTS(tests);
}
