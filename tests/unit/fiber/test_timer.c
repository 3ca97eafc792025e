/* The timer heap against a plain sorted list, and the corners of its contract. */
#include "fiber/timer.h"

#include "fiber_test.h"

#define TIMERS 200
#define STEPS  20000

static struct loop_timer timers[TIMERS];
static bool in_model[TIMERS];
static int64_t model_us[TIMERS];

static uint32_t random_state = 12345;
static uint32_t random_below(uint32_t n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (random_state >> 8) % n;
}

static int64_t model_next(void) {
  int64_t next = INT64_MAX;
  for (size_t i = 0; i < TIMERS; i++) {
    if (in_model[i] && model_us[i] < next) {
      next = model_us[i];
    }
  }
  return next;
}

static void take_one_due(struct timer_heap *h, int64_t now_us) {
  int64_t next_us = model_next();
  struct loop_timer *t = timer_heap_take_due(h, now_us);
  if (next_us > now_us) {
    assert_null(t);
    return;
  }
  assert_non_null(t);
  size_t at = (size_t)(t - timers);
  assert_true(in_model[at]);
  assert_int_equal(model_us[at], next_us);
  assert_int_equal(t->at_us, next_us);
  assert_false(loop_timer_is_running(t));
  in_model[at] = false;
}

static void the_heap_agrees_with_a_sorted_list(void **state) {
  struct timer_heap h = {0};
  for (size_t i = 0; i < TIMERS; i++) {
    timers[i] = (struct loop_timer)LOOP_TIMER_INIT(NULL);
  }
  for (int step = 0; step < STEPS; step++) {
    size_t at = random_below(TIMERS);
    switch (random_below(4)) {
    case 0:
    case 1:
      model_us[at] = random_below(1000);
      in_model[at] = true;
      timer_heap_put(&h, &timers[at], model_us[at]);
      break;
    case 2:
      in_model[at] = false;
      timer_heap_remove(&h, &timers[at]);
      break;
    default: take_one_due(&h, random_below(1000));
    }
    assert_int_equal(timer_heap_next_us(&h), model_next());
    assert_int_equal(loop_timer_is_running(&timers[at]), in_model[at]);
  }
  while (h.count > 0) {
    take_one_due(&h, INT64_MAX);
  }
  assert_int_equal(model_next(), INT64_MAX);
  timer_heap_done(&h);
}

static void an_empty_heap_has_nothing_due(void **state) {
  struct timer_heap h = {0};
  assert_null(timer_heap_take_due(&h, INT64_MAX));
  assert_int_equal(timer_heap_next_us(&h), INT64_MAX);
  timer_heap_done(&h);
}

static void removing_a_timer_that_does_not_run_does_nothing(void **state) {
  struct timer_heap h = {0};
  struct loop_timer a = LOOP_TIMER_INIT(NULL), b = LOOP_TIMER_INIT(NULL);
  timer_heap_put(&h, &a, 5);
  timer_heap_remove(&h, &b);
  assert_int_equal(h.count, 1);
  timer_heap_remove(&h, &a);
  timer_heap_remove(&h, &a);
  assert_int_equal(h.count, 0);
  timer_heap_done(&h);
}

static void a_timer_is_due_at_its_own_microsecond(void **state) {
  struct timer_heap h = {0};
  struct loop_timer t = LOOP_TIMER_INIT(NULL);
  timer_heap_put(&h, &t, 1000);
  assert_null(timer_heap_take_due(&h, 999));
  assert_ptr_equal(timer_heap_take_due(&h, 1000), &t);
  timer_heap_done(&h);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_heap_agrees_with_a_sorted_list),
      cmocka_unit_test(an_empty_heap_has_nothing_due),
      cmocka_unit_test(removing_a_timer_that_does_not_run_does_nothing),
      cmocka_unit_test(a_timer_is_due_at_its_own_microsecond),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
