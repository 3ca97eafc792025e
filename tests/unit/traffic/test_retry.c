/* How long to wait and how often at all: full jitter at its edges, and a budget beside a model that remembers every
 * call, then under threads. */
#include "traffic/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#define SECOND INT64_C(1000000)
#define START  (INT64_C(1000000) * SECOND)

static uint64_t state_of_random = 88172645463325252u;
static uint64_t next_random(void) {
  state_of_random ^= state_of_random << 13;
  state_of_random ^= state_of_random >> 7;
  state_of_random ^= state_of_random << 17;
  return state_of_random >> 8;
}

static void a_delay_is_between_0_and_twice_as_much_each_round(void **state) {
  const struct retry_rule r = {.base_us = 100, .max_us = 1500};
  static const int64_t longest[] = {100, 200, 400, 800, 1500, 1500};
  for (unsigned round = 0; round < 6; round++) {
    assert_int_equal(retry_delay_us(&r, round, 0, 0), 0);
    assert_int_equal(retry_delay_us(&r, round, UINT64_MAX, 0), longest[round]);
    assert_in_range(retry_delay_us(&r, round, UINT64_MAX / 2, 0), longest[round] / 2 - 1, longest[round] / 2 + 1);
  }
  assert_int_equal(retry_delay_us(&r, 63, UINT64_MAX, 0), 1500);
  assert_int_equal(retry_delay_us(&r, 64, UINT64_MAX, 0), 1500);
  assert_int_equal(retry_delay_us(&r, UINT32_MAX, UINT64_MAX, 0), 1500);
}

static void a_delay_is_uniform(void **state) {
  const struct retry_rule r = {.base_us = 9, .max_us = 1000};
  int seen[10] = {0};
  for (int i = 0; i < 100000; i++) {
    int64_t delay = retry_delay_us(&r, 0, next_random() << 8, 0);
    assert_in_range(delay, 0, 9);
    seen[delay]++;
  }
  for (size_t i = 0; i < 10; i++)
    assert_in_range(seen[i], 9400, 10600);
}

static void a_delay_is_never_less_than_the_provider_asked_for(void **state) {
  const struct retry_rule r = {.base_us = 100, .max_us = 1500};
  assert_int_equal(retry_delay_us(&r, 0, 0, 40), 40);
  assert_int_equal(retry_delay_us(&r, 0, UINT64_MAX, 40), 100);
  assert_int_equal(retry_delay_us(&r, 0, UINT64_MAX, 7000), 7000); /* also beyond max */
  assert_int_equal(retry_delay_us(&r, 0, 0, -40), 0);
}

static void extreme_rules_do_not_overflow(void **state) {
  const struct retry_rule most = {.base_us = INT64_MAX, .max_us = INT64_MAX};
  const struct retry_rule none = {.base_us = 0, .max_us = 1000}, below = {.base_us = -5, .max_us = -1};
  const struct retry_rule one = {.base_us = 1, .max_us = INT64_MAX}, odd = {.base_us = 7, .max_us = 15};
  for (unsigned round = 0; round < 70; round++) {
    assert_true(retry_delay_us(&most, round, UINT64_MAX, 0) == INT64_MAX);
    assert_int_equal(retry_delay_us(&none, round, UINT64_MAX, 0), 0);
    assert_int_equal(retry_delay_us(&below, round, UINT64_MAX, 0), 0);
    assert_true(retry_delay_us(&one, round, UINT64_MAX, 0) == (round < 63 ? INT64_C(1) << round : INT64_MAX));
  }
  assert_int_equal(retry_delay_us(&odd, 1, UINT64_MAX, 0), 14);
}

static void note_calls(struct retry_budget *b, int count, int64_t now_us) {
  for (int i = 0; i < count; i++)
    retry_budget_note_call(b, now_us);
}

static int take_all(struct retry_budget *b, const struct retry_rule *r, int64_t now_us) {
  int taken = 0;
  while (retry_budget_take(b, r, now_us))
    taken++;
  return taken;
}

static void extras_are_a_percentage_of_the_calls(void **state) {
  const struct retry_rule r = {.budget_percent = 20};
  struct retry_budget *b = retry_budget_new();
  assert_int_equal(take_all(b, &r, START), 0);
  note_calls(b, 4, START);
  assert_int_equal(take_all(b, &r, START), 0);
  note_calls(b, 1, START);
  assert_int_equal(take_all(b, &r, START), 1);
  note_calls(b, 94, START);
  assert_int_equal(take_all(b, &r, START), 18); /* 19 of 99 */
  note_calls(b, 1, START);
  assert_int_equal(take_all(b, &r, START), 1);
  struct retry_minute minute = retry_budget_minute(b, START);
  assert_int_equal(minute.calls, 100);
  assert_int_equal(minute.extras, 20);
  retry_budget_free(b);
  retry_budget_free(NULL);
}

static void the_floor_is_always_allowed(void **state) {
  const struct retry_rule r = {.budget_percent = 10, .budget_floor = 3}, none = {0}, below = {0, 0, 0, -5, -5};
  struct retry_budget *b = retry_budget_new();
  assert_int_equal(take_all(b, &none, START), 0);
  assert_int_equal(take_all(b, &below, START), 0);
  assert_int_equal(take_all(b, &r, START), 3);
  note_calls(b, 39, START);
  assert_int_equal(take_all(b, &r, START), 0);
  note_calls(b, 1, START);
  assert_int_equal(take_all(b, &r, START), 1);
  retry_budget_free(b);
}

static void the_minute_slides_by_the_second(void **state) {
  const struct retry_rule r = {.budget_percent = 100, .budget_floor = 0};
  struct retry_budget *b = retry_budget_new();
  note_calls(b, 5, START + SECOND - 1);
  assert_int_equal(retry_budget_minute(b, START + 59 * SECOND).calls, 5);
  assert_int_equal(take_all(b, &r, START + 60 * SECOND - 1), 5);
  assert_int_equal(retry_budget_minute(b, START + 60 * SECOND).calls, 0);
  assert_int_equal(retry_budget_minute(b, START + 60 * SECOND).extras, 5);
  note_calls(b, 6, START + 70 * SECOND);
  assert_int_equal(take_all(b, &r, START + 70 * SECOND), 1);
  assert_int_equal(retry_budget_minute(b, START + 119 * SECOND).extras, 1);
  note_calls(b, 1, START + 80 * SECOND); /* another thread's clock: counted as of now */
  assert_int_equal(retry_budget_minute(b, START + 119 * SECOND).calls, 7);
  assert_int_equal(retry_budget_minute(b, START + 150 * SECOND).calls, 1);
  assert_int_equal(retry_budget_minute(b, START + 100000 * SECOND).calls, 0);
  retry_budget_free(b);
}

/* The model: every second's calls and extras, for good. */
#define SECONDS 4000
static void any_sequence_allows_what_the_model_allows(void **state) {
  static struct retry_minute all[SECONDS];
  const struct retry_rule r = {.budget_percent = 17, .budget_floor = 4};
  struct retry_budget *b = retry_budget_new();
  uint64_t refused = 0, taken = 0;
  for (int64_t now_us = 0; now_us < SECONDS * SECOND;) {
    size_t second = (size_t)(now_us / SECOND);
    uint64_t random = next_random(), calls = 0, extras = 0;
    for (size_t i = second < 60 ? 0 : second - 59; i <= second; i++) {
      calls += all[i].calls;
      extras += all[i].extras;
    }
    if (random % 4 != 0) {
      retry_budget_note_call(b, now_us);
      all[second].calls++;
    } else {
      bool expected = extras < 4 || (extras + 1) * 100 <= calls * 17;
      assert_int_equal(retry_budget_take(b, &r, now_us), expected);
      all[second].extras += expected;
      taken += expected;
      refused += !expected;
    }
    now_us += (int64_t)(random / 4 % (random / 4096 % 500 == 0 ? 90 * SECOND : SECOND / 8));
  }
  assert_true(taken > 1000 && refused > 1000);
  retry_budget_free(b);
}

/* What has been counted as a call before it was noted can only be more than what the budget knows, and what has been
 * counted as an extra after it was allowed only less: so at no moment may the second pass its share of the first. */
#define THREADS 4
#define PERCENT 20
#define FLOOR   10
struct shared {
  struct retry_budget *budget;
  atomic_uint_fast64_t calls, extras, passed;
  atomic_bool done;
};
static void *call_and_retry(void *arg) {
  struct shared *s = arg;
  const struct retry_rule r = {.budget_percent = PERCENT, .budget_floor = FLOOR};
  for (int i = 0; i < 20000; i++) {
    int64_t now_us = START + i; /* all within one second: nothing falls out of the minute */
    atomic_fetch_add(&s->calls, 1);
    retry_budget_note_call(s->budget, now_us);
    for (int k = 0; k < 2; k++)
      if (retry_budget_take(s->budget, &r, now_us))
        atomic_fetch_add(&s->extras, 1);
  }
  return NULL;
}
static void *watch(void *arg) {
  struct shared *s = arg;
  while (!atomic_load(&s->done)) {
    uint64_t extras = atomic_load(&s->extras), calls = atomic_load(&s->calls); /* in this order */
    if (extras > FLOOR && extras * 100 > calls * PERCENT)
      atomic_fetch_add(&s->passed, 1);
  }
  return NULL;
}
static void extras_never_pass_the_budget_under_threads_and_use_it_up(void **state) {
  struct shared s = {.budget = retry_budget_new()};
  pthread_t threads[THREADS], watcher;
  assert_int_equal(pthread_create(&watcher, NULL, watch, &s), 0);
  for (size_t i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, call_and_retry, &s), 0);
  for (size_t i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  atomic_store(&s.done, true);
  pthread_join(watcher, NULL);
  assert_int_equal(atomic_load(&s.passed), 0);
  assert_int_equal(atomic_load(&s.calls), THREADS * 20000);
  assert_int_equal(atomic_load(&s.extras), THREADS * 20000 * PERCENT / 100);
  assert_int_equal(retry_budget_minute(s.budget, START).extras, atomic_load(&s.extras));
  retry_budget_free(s.budget);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_delay_is_between_0_and_twice_as_much_each_round),
      cmocka_unit_test(a_delay_is_uniform),
      cmocka_unit_test(a_delay_is_never_less_than_the_provider_asked_for),
      cmocka_unit_test(extreme_rules_do_not_overflow),
      cmocka_unit_test(extras_are_a_percentage_of_the_calls),
      cmocka_unit_test(the_floor_is_always_allowed),
      cmocka_unit_test(the_minute_slides_by_the_second),
      cmocka_unit_test(any_sequence_allows_what_the_model_allows),
      cmocka_unit_test(extras_never_pass_the_budget_under_threads_and_use_it_up),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
