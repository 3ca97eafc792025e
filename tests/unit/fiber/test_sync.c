/* The wait queue: order, deadlines, cancels, and that no wake is lost. */
#include "fiber/sync.h"

#include "fiber_test.h"

static struct wait_queue queue;

static void wait_and_note(void *arg) {
  enum err e = wait_queue_wait(&queue, loop_clock_us() + TEST_FAR_US);
  test_note(arg);
  test_note(e == ERR_OK ? "ok" : e == ERR_CANCELLED ? "cancelled" : "timeout");
}

static struct fiber *start_waiter(const char *name) {
  struct fiber *f = NULL;
  assert_int_equal(fiber_start(loop_current(), wait_and_note, (void *)(uintptr_t)name, &f), ERR_OK);
  assert_int_equal(fiber_yield(), ERR_OK);
  return f;
}

static void wake_in_order(void *arg) {
  (void)arg;
  assert_false(wait_queue_wake_one(&queue));
  start_waiter("a");
  start_waiter("b");
  start_waiter("c");
  assert_false(wait_queue_is_empty(&queue));
  assert_true(wait_queue_wake_one(&queue));
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_string_equal(test_trace, "a ok");
  wait_queue_wake_all(&queue);
  assert_true(wait_queue_is_empty(&queue));
}
static void who_waits_longest_is_woken_first(void **state) {
  test_run(wake_in_order, NULL);
  assert_string_equal(test_trace, "a ok b ok c ok");
}

static void leave_queue(void *arg) {
  (void)arg;
  start_waiter("a");
  struct fiber *middle = start_waiter("b");
  struct fiber *last = start_waiter("c");
  fiber_cancel(middle);
  fiber_cancel(last);
  assert_int_equal(wait_queue_wait(&queue, loop_clock_us() + 100), ERR_TIMEOUT);
  wait_queue_wake_all(&queue);
}
static void a_cancelled_or_late_waiter_has_left_the_queue(void **state) {
  test_run(leave_queue, NULL);
  assert_true(wait_queue_is_empty(&queue));
  assert_string_equal(test_trace, "b cancelled c cancelled a ok");
}

static void wake_and_cancel(void *arg) {
  (void)arg;
  struct fiber *f = start_waiter("a");
  assert_true(wait_queue_wake_one(&queue));
  fiber_cancel(f);
}
static void a_wake_is_not_lost_to_a_cancel_of_the_same_turn(void **state) {
  test_run(wake_and_cancel, NULL);
  assert_string_equal(test_trace, "a ok");
}

static void stray_wake(void *arg) {
  (void)arg;
  struct fiber *f = start_waiter("a");
  fiber_wake(f);
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_string_equal(test_trace, "");
  assert_true(wait_queue_wake_one(&queue));
}
static void a_wake_from_elsewhere_does_not_end_the_wait(void **state) {
  test_run(stray_wake, NULL);
  assert_string_equal(test_trace, "a ok");
}

static void wait_cancelled(void *arg) {
  (void)arg;
  fiber_cancel(fiber_self());
  assert_int_equal(wait_queue_wait(&queue, FIBER_NO_DEADLINE), ERR_CANCELLED);
  assert_true(wait_queue_is_empty(&queue));
}
static void a_cancelled_fiber_does_not_wait(void **state) { test_run(wait_cancelled, NULL); }

#define TEST(name) cmocka_unit_test_setup(name, test_clear_trace)
int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(who_waits_longest_is_woken_first),
      TEST(a_cancelled_or_late_waiter_has_left_the_queue),
      TEST(a_wake_is_not_lost_to_a_cancel_of_the_same_turn),
      TEST(a_wake_from_elsewhere_does_not_end_the_wait),
      TEST(a_cancelled_fiber_does_not_wait),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
