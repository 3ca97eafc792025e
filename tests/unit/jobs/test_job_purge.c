/* The purge deletes what is older than the configuration keeps, and stops when it is told to. */
#include "jobs/kinds.h"

#include "kind_test.h"

#include "store/driver.h"

#define DAY_US INT64_C(86400000000)

static void end_jobs(int count, int64_t days_ago) {
  int64_t now_us = 0;
  bool running;
  EXPECT_OK(store->ops->jobs->now(store, &now_us, &test_fault));
  for (int i = 0; i < count; i++) {
    int64_t id = test_enqueue(store, "purge", TEXT(""), 1);
    EXPECT_OK(store->ops->jobs->cancel(store, id, now_us - days_ago * DAY_US, &running, &test_fault));
  }
}

static size_t jobs_left(void) {
  struct store_job *jobs;
  size_t count = 0;
  EXPECT_OK(store->ops->jobs->list(store, 0, TEXT(""), TEXT(""), 9999, &arena, &jobs, &count, &test_fault));
  return count;
}

static void jobs_that_ended_before_their_days_are_deleted(void **state) {
  struct job_world world = test_world(store);
  struct job j = job_of(&world);
  test_configure("retention: { jobs: 3 }");
  end_jobs(700, 4); /* more than one transaction's */
  end_jobs(5, 2);
  EXPECT_OK(job_purge(&j, &test_fault));
  EXPECT_TEXT(text_head(j.result, 11), TEXT("{\"jobs\":700"));
  assert_int_equal(jobs_left(), 5);
  EXPECT_OK(job_purge(&j, &test_fault));
  EXPECT_TEXT(text_head(j.result, 9), TEXT("{\"jobs\":0"));
}

static enum err make_old(struct driver_link *l, void *args, struct fault *f) {
  return l->driver->exec(l, "UPDATE weir_events SET at_us = at_us - 90000000000 WHERE subject = '1'", f);
}

static void events_are_deleted_after_their_days(void **state) {
  struct job_world world = test_world(store);
  struct job j = job_of(&world);
  struct store_event *events;
  size_t count = 99;
  test_configure("");
  EXPECT_OK(store->ops->events->add(store, TEXT("key"), TEXT("1"), &test_fault));
  EXPECT_OK(store->ops->events->add(store, TEXT("key"), TEXT("2"), &test_fault));
  EXPECT_OK(driver_run(store, DRIVER_WRITE, false, make_old, NULL, &test_fault));
  EXPECT_OK(job_purge(&j, &test_fault));
  EXPECT_TEXT(j.result, TEXT("{\"jobs\":0,\"events\":1,\"audit\":0,\"signin\":0,\"answers\":0}"));
  EXPECT_OK(store->ops->events->list(store, 0, 10, &arena, &events, &count, &test_fault));
  assert_int_equal(count, 1);
  EXPECT_TEXT(events[0].subject, TEXT("2"));
}

static void answers_are_forgotten_after_a_day(void **state) {
  struct job_world world = test_world(store);
  struct job j = job_of(&world);
  struct store_answer_key k = {.caller = TEXT("user:1"), .now_us = driver_now_us()};
  struct store_answer a;
  test_configure("");
  EXPECT_OK(store->ops->answers->take(store, &k, &arena, &a, &test_fault));
  k.key_hash[0] = 1;
  k.now_us -= STORE_ANSWER_KEPT_US + 60000000;
  EXPECT_OK(store->ops->answers->take(store, &k, &arena, &a, &test_fault));
  EXPECT_OK(job_purge(&j, &test_fault));
  assert_true(text_find(j.result, TEXT("\"answers\":1}")) > 0);
  EXPECT_OK(job_purge(&j, &test_fault));
  assert_true(text_find(j.result, TEXT("\"answers\":0}")) > 0);
}

static enum err refuse(struct job *j, unsigned permille, struct text note, struct fault *f) {
  return fault_set(f, ERR_CANCELLED, NULL, "stop");
}

static void it_stops_when_told_to(void **state) {
  struct job_world world = test_world(store);
  struct job j = job_of(&world);
  j.report = refuse;
  test_configure("");
  end_jobs(3, 99);
  EXPECT_ERR(job_purge(&j, &test_fault), ERR_CANCELLED);
  assert_int_equal(jobs_left(), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(jobs_that_ended_before_their_days_are_deleted, begin, end),
      cmocka_unit_test_setup_teardown(answers_are_forgotten_after_a_day, begin, end),
      cmocka_unit_test_setup_teardown(events_are_deleted_after_their_days, begin, end),
      cmocka_unit_test_setup_teardown(it_stops_when_told_to, begin, end),
  };
  return RUN_TESTS(tests);
}
