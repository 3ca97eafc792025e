/* The sliding window: exact at its edges, growing with what happened only, and equal to a plain list. */
#include "traffic/recent.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void what_is_as_old_as_the_window_is_out_of_it(void **state) {
  struct recent r = {0};
  assert_int_equal(recent_count(&r, 0, 60), 0);
  assert_int_equal(recent_add(&r, 100, 60), 1);
  assert_int_equal(recent_add(&r, 130, 60), 2);
  assert_int_equal(recent_count(&r, 159, 60), 2);
  assert_int_equal(recent_count(&r, 160, 60), 1);
  assert_int_equal(recent_count(&r, 189, 60), 1);
  assert_int_equal(recent_count(&r, 190, 60), 0);
  assert_int_equal(recent_count(&r, 190, 61), 1); /* looking forgets nothing */
  assert_int_equal(recent_add(&r, 160, 60), 2);
  assert_int_equal(recent_count(&r, 160, 1000), 2); /* adding does */
  recent_done(&r);
}

static void a_clock_that_goes_back_stands_still(void **state) {
  struct recent r = {0};
  assert_int_equal(recent_add(&r, 100, 10), 1);
  assert_int_equal(recent_add(&r, 50, 10), 2);
  assert_int_equal(recent_count(&r, 109, 10), 2);
  assert_int_equal(recent_count(&r, 110, 10), 0);
  assert_int_equal(recent_count(&r, 0, 10), 2);
  recent_done(&r);
}

static void it_grows_with_what_happened_and_shrinks_when_it_is_forgotten(void **state) {
  struct recent r = {0};
  recent_forget(&r);
  assert_int_equal(r.cap, 0);
  for (int64_t i = 1; i <= 100000; i++) /* within the window three at a time */
    assert_int_equal(recent_add(&r, i * 10, 30), i < 3 ? i : 3);
  assert_int_equal(r.cap, 8);
  for (size_t i = 1; i <= 1000; i++)
    assert_int_equal(recent_add(&r, 2000000, 30), i);
  assert_int_equal(r.cap, 1024);
  recent_forget(&r);
  assert_int_equal(r.count, 0);
  assert_int_equal(r.cap, 0);
  assert_int_equal(recent_add(&r, 2000000, 30), 1);
  recent_forget(&r);
  assert_int_equal(r.cap, 8);
  recent_done(&r);
  recent_done(&r);
}

static uint64_t next_random(uint64_t *s) {
  *s ^= *s << 13;
  *s ^= *s >> 7;
  *s ^= *s << 17;
  return *s;
}

#define TIMES 3000
static void it_agrees_with_a_plain_list(void **state) {
  static int64_t list[TIMES];
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct recent r = {0};
    uint64_t s = seed * 0x9E3779B97F4A7C15u;
    int64_t now_us = -500, kept_from_us = INT64_MIN;
    for (size_t i = 0; i < TIMES; i++) {
      int64_t window_us = 1 + (int64_t)(next_random(&s) % (seed * 50));
      now_us += (int64_t)(next_random(&s) % 8);
      list[i] = now_us;
      if (kept_from_us < now_us - window_us)
        kept_from_us = now_us - window_us;
      size_t expected = 0;
      for (size_t j = 0; j <= i; j++)
        expected += list[j] > kept_from_us;
      size_t got = recent_add(&r, now_us, window_us);
      if (got != expected)
        fail_msg("seed %d, step %d: %zu instead of %zu", (int)seed, (int)i, got, expected);
    }
    recent_done(&r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_as_old_as_the_window_is_out_of_it),
      cmocka_unit_test(a_clock_that_goes_back_stands_still),
      cmocka_unit_test(it_grows_with_what_happened_and_shrinks_when_it_is_forgotten),
      cmocka_unit_test(it_agrees_with_a_plain_list),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("recent", tests, NULL, NULL);
}
