/* The runner on a real store, with kinds of the test's own: jobs run to their end, are told to stop, lose their lease,
 * are tried again and given back. */
#include "jobs/runner.h"

#include "jobs_test.h"

#include "base/calendar.h"
#include "base/log.h"
#include "base/random.h"

#include <poll.h>
#include <stdatomic.h>

#define PATIENCE_US INT64_C(20000000)

static struct store *store;
static struct arena arena;
static struct job_world world;
static _Atomic int runs, at_once, most_at_once;
static _Atomic bool go_on;
static _Atomic enum err seen_end;

static int64_t clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void pause_shortly(void) { (void)poll(NULL, 0, 2); }

#define WAIT_FOR(condition)                                                                                            \
  do {                                                                                                                 \
    int64_t until_us_ = clock_us() + PATIENCE_US;                                                                      \
    while (!(condition)) {                                                                                             \
      if (clock_us() > until_us_)                                                                                      \
        fail_msg("waited in vain for %s", #condition);                                                                 \
      pause_shortly();                                                                                                 \
    }                                                                                                                  \
  } while (0)

static enum err run_quick(struct job *j, struct fault *f) {
  atomic_fetch_add(&runs, 1);
  job_result(j, arena_format(j->arena, "{\"attempt\":%u,\"args\":%.*s}", j->attempt, TEXT_ARGS(j->args)));
  return job_progress(j, 500, TEXT("half"), f);
}

static enum err run_broken(struct job *j, struct fault *f) {
  atomic_fetch_add(&runs, 1);
  return fault_set(f, ERR_SYSTEM, NULL, "the disk is on fire");
}

static enum err run_refused(struct job *j, struct fault *f) {
  atomic_fetch_add(&runs, 1);
  return fault_set(f, ERR_BAD_REQUEST, NULL, "days must be a number");
}

/* Until go_on, asking whether it may. */
static enum err run_long(struct job *j, struct fault *f) {
  enum err e = ERR_OK;
  int now = atomic_fetch_add(&at_once, 1) + 1;
  if (now > atomic_load(&most_at_once))
    atomic_store(&most_at_once, now);
  atomic_fetch_add(&runs, 1);
  while (!e && !atomic_load(&go_on)) {
    pause_shortly();
    e = job_progress(j, 250, TEXT("a quarter"), f);
  }
  atomic_store(&seen_end, e);
  atomic_fetch_sub(&at_once, 1);
  return e;
}

/* Until go_on, without a word. */
static enum err run_silent(struct job *j, struct fault *f) {
  atomic_fetch_add(&runs, 1);
  while (!atomic_load(&go_on))
    pause_shortly();
  return ERR_OK;
}

static enum err run_large(struct job *j, struct fault *f) {
  struct buf b;
  buf_init(&b, STORE_JOB_JSON_MAX + 10);
  for (int i = 0; i < STORE_JOB_JSON_MAX + 1; i++)
    buf_add_char(&b, '1');
  job_result(j, buf_text(&b));
  buf_done(&b);
  return ERR_OK;
}

static const struct job_kind kinds[] = {
    {"quick", "", 3, 600, run_quick}, {"broken", "", 2, 600, run_broken}, {"refused", "", 3, 600, run_refused},
    {"long", "", 3, 600, run_long},   {"silent", "", 3, 600, run_silent}, {"large", "", 3, 600, run_large},
};

static struct runner *start(const char *name, int64_t poll_ms) {
  struct runner_options o = {.world = world,
                             .kinds = kinds,
                             .kind_count = sizeof kinds / sizeof *kinds,
                             .poll_ms = poll_ms,
                             .claim_lease_ms = 600,
                             .name = name};
  struct runner *r = runner_new(&o);
  EXPECT_OK(runner_start(r, &test_fault));
  return r;
}

static struct store_job get(int64_t id) {
  struct store_job j = {0};
  EXPECT_OK(store->ops->jobs->get(store, id, &arena, &j, &test_fault));
  return j;
}

static bool is(int64_t id, const char *state) { return text_equal(get(id).state, text_of(state)); }

static int64_t now(void) {
  int64_t us = 0;
  EXPECT_OK(store->ops->jobs->now(store, &us, &test_fault));
  return us;
}

static uint64_t counted(struct runner *r, const char *kind, const char *outcome) {
  struct runner_count at[64];
  size_t count = runner_counts(r, at, 64);
  for (size_t i = 0; i < count; i++)
    if (strcmp(at[i].kind, kind) == 0 && strcmp(at[i].outcome, outcome) == 0)
      return at[i].count;
  return 0;
}

static int begin(void **state) {
  if (make_dir(state) != 0)
    return -1;
  store = open_store();
  arena_init(&arena);
  world = test_world(store);
  test_configure("");
  atomic_store(&runs, 0);
  atomic_store(&most_at_once, 0);
  atomic_store(&go_on, false);
  atomic_store(&seen_end, ERR_OK);
  return 0;
}

static int end(void **state) {
  arena_done(&arena);
  store->ops->close(store);
  config_unref(test_config);
  test_config = NULL;
  return drop_dir(state);
}

static void a_job_runs_and_its_result_is_kept(void **state) {
  struct runner *r = start("here", 60000);
  int64_t id = test_enqueue(store, "quick", TEXT("{\"a\":1}"), 3);
  runner_wake(r);
  WAIT_FOR(is(id, "done"));
  EXPECT_TEXT(get(id).result, TEXT("{\"attempt\":1,\"args\":{\"a\":1}}"));
  EXPECT_TEXT(get(id).leased_by, TEXT("here"));
  WAIT_FOR(counted(r, "quick", "done") == 1);
  assert_int_equal(runner_running(r), 0);
  runner_free(r);
}

static void work_that_nobody_told_of_is_found(void **state) {
  struct runner *r = start("here", 20);
  int64_t id = test_enqueue(store, "quick", TEXT(""), 3);
  WAIT_FOR(is(id, "done"));
  runner_free(r);
}

static void no_more_jobs_run_at_once_than_there_are_threads(void **state) {
  struct runner *r = start("here", 20);
  int64_t last = 0;
  for (int i = 0; i < 5; i++)
    last = test_enqueue(store, "long", TEXT(""), 3);
  WAIT_FOR(runner_running(r) == 2);
  atomic_store(&go_on, true);
  WAIT_FOR(is(last, "done"));
  WAIT_FOR(counted(r, "long", "done") == 5);
  assert_int_equal(atomic_load(&runs), 5);
  assert_int_equal(atomic_load(&most_at_once), 2);
  runner_free(r);
}

static void a_job_that_fails_is_tried_again_later_and_is_dead_in_the_end(void **state) {
  struct runner *r = start("here", 20);
  int64_t id = test_enqueue(store, "broken", TEXT(""), 2);
  WAIT_FOR(counted(r, "broken", "retry") == 1);
  struct store_job j = get(id);
  EXPECT_TEXT(j.state, TEXT("queued"));
  EXPECT_TEXT(j.error, TEXT("the disk is on fire"));
  assert_in_range(j.run_at_us - now(), 6000000, 12500000);
  struct store_job_claim c = {TEXT(" broken "), TEXT("the test"), j.run_at_us, j.run_at_us};
  EXPECT_OK(store->ops->jobs->claim(store, &c, &arena, &j, &test_fault)); /* the second one, as if its process died */
  WAIT_FOR(atomic_load(&runs) == 1);
  runner_free(r);
  EXPECT_OK(store->ops->jobs->release(store, id, 2, &(struct store_job_release){TEXT("dead"), 0, TEXT(""), false},
                                      now(), &test_fault));
  EXPECT_OK(store->ops->jobs->retry(store, id, 1, now(), &test_fault));
  r = start("here", 20);
  WAIT_FOR(is(id, "dead"));
  EXPECT_TEXT(get(id).error, TEXT("the disk is on fire"));
  WAIT_FOR(counted(r, "broken", "dead") == 1);
  runner_free(r);
}

static void a_job_that_cannot_succeed_fails_at_once(void **state) {
  struct runner *r = start("here", 20);
  int64_t id = test_enqueue(store, "refused", TEXT(""), 3), large = test_enqueue(store, "large", TEXT(""), 3);
  WAIT_FOR(is(id, "failed") && is(large, "failed"));
  EXPECT_TEXT(get(id).error, TEXT("days must be a number"));
  EXPECT_TEXT(get(large).error, TEXT("result of a job has 65537 bytes; at most 65536 are kept"));
  assert_int_equal(get(id).attempts, 1);
  runner_free(r);
}

static void a_lease_is_renewed_for_as_long_as_the_job_runs(void **state) {
  struct runner *r = start("here", 20);
  int64_t id = test_enqueue(store, "silent", TEXT(""), 3), first_us, until_us;
  WAIT_FOR(is(id, "running"));
  first_us = get(id).lease_until_us;
  until_us = now() + 1500000; /* more than two leases */
  WAIT_FOR(now() > until_us);
  assert_true(get(id).lease_until_us > first_us + 600000);
  atomic_store(&go_on, true);
  WAIT_FOR(is(id, "done"));
  assert_int_equal(get(id).attempts, 1);
  runner_free(r);
}

static void progress_is_seen_while_the_job_runs(void **state) {
  struct runner *r = start("here", 20);
  int64_t id = test_enqueue(store, "long", TEXT(""), 3);
  WAIT_FOR(get(id).progress == 250);
  EXPECT_TEXT(get(id).note, TEXT("a quarter"));
  atomic_store(&go_on, true);
  WAIT_FOR(is(id, "done"));
  runner_free(r);
}

static void a_running_job_that_is_cancelled_stops(void **state) {
  struct runner *r = start("here", 20);
  int64_t id = test_enqueue(store, "long", TEXT(""), 3);
  bool running = false;
  WAIT_FOR(is(id, "running"));
  EXPECT_OK(store->ops->jobs->cancel(store, id, now(), &running, &test_fault));
  assert_true(running);
  WAIT_FOR(is(id, "cancelled"));
  assert_int_equal(atomic_load(&seen_end), ERR_CANCELLED);
  WAIT_FOR(counted(r, "long", "cancelled") == 1);
  runner_free(r);
}

static void a_process_that_ends_gives_its_job_back_and_another_takes_it(void **state) {
  struct runner *r = start("first", 20);
  int64_t id = test_enqueue(store, "long", TEXT(""), 1);
  WAIT_FOR(is(id, "running"));
  runner_free(r);
  assert_int_equal(atomic_load(&seen_end), ERR_CANCELLED);
  EXPECT_TEXT(get(id).state, TEXT("queued"));
  assert_int_equal(get(id).max_attempts, 2);
  r = start("second", 20);
  WAIT_FOR(is(id, "running"));
  EXPECT_TEXT(get(id).leased_by, TEXT("second"));
  atomic_store(&go_on, true);
  WAIT_FOR(is(id, "done"));
  runner_free(r);
}

static void a_job_whose_lease_was_taken_stops_and_changes_nothing(void **state) {
  struct runner *r = start("first", 60000);
  int64_t id = test_enqueue(store, "long", TEXT(""), 3);
  struct store_job j;
  runner_wake(r);
  WAIT_FOR(is(id, "running"));
  struct store_job_claim c = {TEXT(" long "), TEXT("thief"), now() + 3600000000, now() + 7200000000};
  EXPECT_OK(store->ops->jobs->claim(store, &c, &arena, &j, &test_fault)); /* as if an hour had passed */
  WAIT_FOR(atomic_load(&seen_end) == ERR_CANCELLED);
  WAIT_FOR(runner_running(r) == 0);
  EXPECT_TEXT(get(id).state, TEXT("running"));
  EXPECT_TEXT(get(id).leased_by, TEXT("thief"));
  assert_int_equal(get(id).attempts, 2);
  assert_int_equal(counted(r, "long", "done") + counted(r, "long", "cancelled") + counted(r, "long", "retry"), 0);
  runner_free(r);
}

static void a_job_that_is_finished_after_its_lease_was_taken_is_not_done(void **state) {
  struct runner *r = start("first", 60000);
  int64_t id = test_enqueue(store, "silent", TEXT(""), 3);
  struct store_job j;
  runner_wake(r);
  WAIT_FOR(is(id, "running"));
  struct store_job_claim c = {TEXT(" silent "), TEXT("thief"), now() + 3600000000, now() + 7200000000};
  EXPECT_OK(store->ops->jobs->claim(store, &c, &arena, &j, &test_fault));
  atomic_store(&go_on, true);
  WAIT_FOR(runner_running(r) == 0);
  EXPECT_TEXT(get(id).state, TEXT("running"));
  EXPECT_TEXT(get(id).leased_by, TEXT("thief"));
  assert_int_equal(counted(r, "silent", "done"), 0);
  runner_free(r);
}

static void a_job_that_was_lost_with_its_process_is_buried_after_its_last_attempt(void **state) {
  int64_t id = test_enqueue(store, "quick", TEXT(""), 1);
  struct store_job j;
  struct store_job_claim c = {TEXT(" quick "), TEXT("killed"), now(), now()};
  EXPECT_OK(store->ops->jobs->claim(store, &c, &arena, &j, &test_fault));
  struct runner *r = start("here", 20);
  WAIT_FOR(is(id, "dead"));
  EXPECT_TEXT(get(id).error, TEXT("the process that ran it (killed) was lost in attempt 1 of 1"));
  WAIT_FOR(counted(r, "quick", "dead") == 1);
  assert_int_equal(atomic_load(&runs), 0);
  runner_free(r);
}

static void a_schedule_that_is_due_becomes_a_job_that_runs(void **state) {
  struct store_job *jobs;
  size_t count = 0;
  calendar_set_zone(TEXT("UTC"));
  test_configure("jobs: [ { kind: quick, schedule: \"0 0 1 1 *\" } ]");
  EXPECT_OK(store->ops->jobs->schedule_put(store, TEXT("quick"), TEXT("0 0 1 1 * UTC"), now() - 1, &test_fault));
  struct runner *r = start("here", 20);
  WAIT_FOR(counted(r, "quick", "done") == 1);
  EXPECT_OK(store->ops->jobs->list(store, 0, TEXT("quick"), TEXT(""), 9, &arena, &jobs, &count, &test_fault));
  assert_int_equal(count, 1);
  runner_free(r);
}

static void gauges_tell_what_is_in_the_store(void **state) {
  struct runner_gauge at[8];
  for (int i = 0; i < 4; i++)
    test_enqueue(store, "long", TEXT(""), 3);
  struct runner *r = start("here", 20);
  WAIT_FOR(runner_gauges(r, at, 8) == 6 && at[3].queued + at[3].running == 4 && at[3].waited_us >= 0);
  EXPECT_TEXT(text_of(at[3].kind), TEXT("long"));
  assert_int_equal(at[1].dead, 0);
  runner_free(r);
  atomic_store(&go_on, true);
  int64_t broken = test_enqueue(store, "broken", TEXT(""), 1);
  r = start("there", 20);
  WAIT_FOR(is(broken, "dead"));
  runner_free(r);
  r = start("afterwards", 20); /* what is in the store is known to who comes later */
  WAIT_FOR(runner_gauges(r, at, 8) == 6 && at[1].dead == 1);
  assert_int_equal(at[1].queued + at[1].running, 0);
  runner_free(r);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_job_runs_and_its_result_is_kept),
      TEST(work_that_nobody_told_of_is_found),
      TEST(no_more_jobs_run_at_once_than_there_are_threads),
      TEST(a_job_that_fails_is_tried_again_later_and_is_dead_in_the_end),
      TEST(a_job_that_cannot_succeed_fails_at_once),
      TEST(a_lease_is_renewed_for_as_long_as_the_job_runs),
      TEST(progress_is_seen_while_the_job_runs),
      TEST(a_running_job_that_is_cancelled_stops),
      TEST(a_process_that_ends_gives_its_job_back_and_another_takes_it),
      TEST(a_job_whose_lease_was_taken_stops_and_changes_nothing),
      TEST(a_job_that_is_finished_after_its_lease_was_taken_is_not_done),
      TEST(a_job_that_was_lost_with_its_process_is_buried_after_its_last_attempt),
      TEST(a_schedule_that_is_due_becomes_a_job_that_runs),
      TEST(gauges_tell_what_is_in_the_store),
  };
  log_start(STDERR_FILENO, LOG_LEVEL_ERROR);
  random_start();
  return RUN_TESTS(tests);
}
