/* How often callers may ask: a minute's worth at once, then evenly, each by itself. */
#include "control/rates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define S INT64_C(1000000)

static bool take(struct rates *r, const char *who, int64_t per_minute, int64_t now_us, int *wait) {
  return rates_take(r, text_of(who), per_minute, now_us, wait);
}

static void a_minute_s_worth_may_come_at_once(void **state) {
  struct rates *r = rates_new();
  int wait = 0;
  for (int i = 0; i < 6; i++)
    assert_true(take(r, "user:1", 6, 1000 * S, &wait));
  assert_false(take(r, "user:1", 6, 1000 * S, &wait));
  assert_int_equal(wait, 10);
  assert_true(take(r, "user:2", 6, 1000 * S, &wait));
  rates_free(r);
}

static void afterwards_they_come_evenly(void **state) {
  struct rates *r = rates_new();
  int wait = 0;
  for (int i = 0; i < 6; i++)
    assert_true(take(r, "user:1", 6, 1000 * S, &wait));
  assert_false(take(r, "user:1", 6, 1009 * S, &wait));
  assert_int_equal(wait, 1);
  assert_true(take(r, "user:1", 6, 1010 * S, &wait));
  assert_false(take(r, "user:1", 6, 1010 * S, &wait));
  rates_free(r);
}

static void nobody_is_counted_without_a_limit_or_without_rates(void **state) {
  struct rates *r = rates_new();
  int wait = 0;
  for (int i = 0; i < 1000; i++) {
    assert_true(take(r, "user:1", 0, S, &wait));
    assert_true(take(NULL, "user:1", 1, S, &wait));
  }
  rates_free(r);
}

static void a_clock_that_goes_back_locks_nobody_out(void **state) {
  struct rates *r = rates_new();
  int wait = 0;
  assert_true(take(r, "user:1", 1, 100000 * S, &wait));
  assert_true(take(r, "user:1", 1, 10 * S, &wait));
  rates_free(r);
}

static void more_callers_than_can_be_remembered_forget_only_full_buckets(void **state) {
  struct rates *r = rates_new();
  char name[32];
  int wait = 0;
  assert_true(take(r, "busy", 1, 1000 * S, &wait));
  for (int i = 1; i < RATES_CALLERS_MAX; i++) {
    snprintf(name, sizeof(name), "user:%d", i);
    assert_true(take(r, name, 600, 1000 * S, &wait));
  }
  assert_true(take(r, "new", 1, 1001 * S, &wait)); /* those of 600 a minute are full again */
  assert_false(take(r, "busy", 1, 1001 * S, &wait));
  for (int i = 0; i < RATES_CALLERS_MAX; i++) {
    snprintf(name, sizeof(name), "slow:%d", i);
    (void)take(r, name, 1, 1002 * S, &wait);
  }
  assert_false(take(r, "one too many", 1, 1002 * S, &wait));
  rates_free(r);
}

static void expect_one(const char *a, const char *b, bool want) {
  char one[RATES_ADDRESS_BYTES], other[RATES_ADDRESS_BYTES];
  if (text_equal(rates_address(text_of(a), one), rates_address(text_of(b), other)) != want)
    fail_msg("%s and %s: %s, %s", a, b, one, other);
}

static void a_machine_s_addresses_are_one_caller(void **state) {
  expect_one("192.0.2.1", "192.0.2.1", true);
  expect_one("192.0.2.1", "192.0.2.2", false);
  expect_one("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true);
  expect_one("2001:db8:1:2::1", "2001:db8:1:3::1", false);
  expect_one("::ffff:192.0.2.1", "::ffff:192.0.2.2", false);
  expect_one("unix", "unix", true);
  expect_one("", "unix", false);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_minute_s_worth_may_come_at_once),
      cmocka_unit_test(afterwards_they_come_evenly),
      cmocka_unit_test(nobody_is_counted_without_a_limit_or_without_rates),
      cmocka_unit_test(a_machine_s_addresses_are_one_caller),
      cmocka_unit_test(a_clock_that_goes_back_locks_nobody_out),
      cmocka_unit_test(more_callers_than_can_be_remembered_forget_only_full_buckets),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
