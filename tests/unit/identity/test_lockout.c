/* Waiting after failures: it grows, it ends, and it holds nobody but who failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "identity/lockout.h"

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))
#define S                INT64_C(1000000)
#define DAY              (86400 * S)

/* Attempts that fail as soon as they are looked at, from one place; returns when the last was. */
static int64_t fail_here(struct signin_attempts a[LOCKOUT_SCOPES], unsigned times, int64_t now_us) {
  for (unsigned i = 0; i < times; i++) {
    struct signin_attempts next[LOCKOUT_SCOPES];
    now_us += lockout_wait_us(LOCKOUT_OPEN, a, now_us);
    lockout_count(LOCKOUT_OPEN, a, now_us, next);
    memcpy(a, next, sizeof(next));
  }
  return now_us;
}

static void the_first_failures_are_free_then_each_doubles_the_wait(void **state) {
  struct signin_attempts a[LOCKOUT_SCOPES] = {{0}};
  int64_t now = fail_here(a, 4, DAY);
  assert_int_equal(now, DAY);
  assert_int_equal(lockout_wait_us(LOCKOUT_OPEN, a, now), 0);
  now = fail_here(a, 1, now);
  assert_int_equal(lockout_wait_us(LOCKOUT_OPEN, a, now), 1 * S);
  assert_int_equal(lockout_wait_us(LOCKOUT_OPEN, a, now + S), 0);
  now = fail_here(a, 1, now);
  assert_int_equal(lockout_wait_us(LOCKOUT_OPEN, a, now), 2 * S);
  now = fail_here(a, 1, now);
  assert_int_equal(lockout_wait_us(LOCKOUT_OPEN, a, now), 4 * S);
}

static void it_never_waits_longer_than_a_quarter_of_an_hour(void **state) {
  struct signin_attempts a[LOCKOUT_SCOPES] = {{0}};
  int64_t now = fail_here(a, 40, DAY);
  assert_int_equal(lockout_wait_us(LOCKOUT_OPEN, a, now), 900 * S);
  a[LOCKOUT_BOTH].failures = INT64_MAX - 1;
  assert_int_equal(lockout_wait_us(LOCKOUT_OPEN, a, now), 900 * S);
}

static void failures_are_forgotten_after_a_day(void **state) {
  struct signin_attempts a[LOCKOUT_SCOPES] = {{0}}, next[LOCKOUT_SCOPES];
  int64_t now = fail_here(a, 10, DAY);
  assert_int_equal(lockout_wait_us(LOCKOUT_OPEN, a, now + DAY), 0);
  lockout_count(LOCKOUT_OPEN, a, now + DAY, next);
  assert_int_equal(next[LOCKOUT_BOTH].failures, 1);
}

/* A thousand machines try one account: its owner, who has come from here before, is not kept waiting at all; who comes
 * from somewhere new waits some seconds. */
static void nobody_can_lock_others_out(void **state) {
  struct signin_attempts owner[LOCKOUT_SCOPES] = {{0}}, next[LOCKOUT_SCOPES], stranger[LOCKOUT_SCOPES] = {{0}};
  int64_t now = DAY;
  lockout_count(LOCKOUT_OPEN, owner, now, next);
  lockout_clear(LOCKOUT_OPEN, next, now, true, owner);
  for (unsigned i = 0; i < 1000; i++) {
    struct signin_attempts there[LOCKOUT_SCOPES] = {{0}};
    there[LOCKOUT_ACCOUNT] = owner[LOCKOUT_ACCOUNT];
    (void)fail_here(there, 5, now);
    owner[LOCKOUT_ACCOUNT] = there[LOCKOUT_ACCOUNT];
  }
  assert_true(owner[LOCKOUT_ACCOUNT].failures >= 5000);
  assert_int_equal(lockout_wait_us(LOCKOUT_OPEN, owner, now), 0);
  stranger[LOCKOUT_ACCOUNT] = owner[LOCKOUT_ACCOUNT];
  int64_t wait = lockout_wait_us(LOCKOUT_OPEN, stranger, stranger[LOCKOUT_ACCOUNT].last_us);
  assert_in_range(wait, 1, 10 * S);
}

static void one_password_on_many_accounts_is_slowed_down(void **state) {
  struct signin_attempts a[LOCKOUT_SCOPES] = {{0}};
  int64_t now = DAY;
  for (unsigned i = 0; i < 70; i++) {
    a[LOCKOUT_BOTH] = a[LOCKOUT_ACCOUNT] = (struct signin_attempts){0};
    now = fail_here(a, 1, now);
  }
  a[LOCKOUT_BOTH] = a[LOCKOUT_ACCOUNT] = (struct signin_attempts){0};
  assert_int_equal(lockout_wait_us(LOCKOUT_OPEN, a, now), 30 * S);
}

static void success_takes_back_what_was_counted(void **state) {
  struct signin_attempts a[LOCKOUT_SCOPES] = {{0}}, next[LOCKOUT_SCOPES];
  int64_t now = fail_here(a, 3, DAY);
  lockout_clear(LOCKOUT_OPEN, a, now, false, next);
  assert_int_equal(next[LOCKOUT_BOTH].failures, 2);
  assert_int_equal(next[LOCKOUT_BOTH].known_us, 0);
  assert_int_equal(next[LOCKOUT_ACCOUNT].failures, 2);
  lockout_clear(LOCKOUT_OPEN, a, now, true, next);
  assert_int_equal(next[LOCKOUT_BOTH].failures, 0);
  assert_int_equal(next[LOCKOUT_BOTH].known_us, now);
  assert_int_equal(next[LOCKOUT_ADDRESS].failures, 2);
}

static bool same(const struct secret *s, const char *address, const char *other, unsigned scope) {
  uint8_t a[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES], b[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES];
  lockout_scopes(s, LOCKOUT_OPEN, TEXT("a@x.org"), text_of(address), a);
  lockout_scopes(s, LOCKOUT_OPEN, TEXT("a@x.org"), text_of(other), b);
  assert_memory_equal(a[LOCKOUT_ACCOUNT], b[LOCKOUT_ACCOUNT], SIGNIN_SCOPE_BYTES);
  return memcmp(a[scope], b[scope], SIGNIN_SCOPE_BYTES) == 0;
}

static void an_address_is_whole_or_a_network_of_64_bits(void **state) {
  struct secret *s = secret_new(TEXT("server"));
  for (unsigned scope = LOCKOUT_BOTH; scope <= LOCKOUT_ADDRESS; scope += LOCKOUT_ADDRESS) {
    assert_true(same(s, "192.0.2.1", "192.0.2.1", scope));
    assert_false(same(s, "192.0.2.1", "192.0.2.2", scope));
    assert_true(same(s, "2001:db8::1", "2001:db8:0:0:ffff::9", scope));
    assert_false(same(s, "2001:db8::1", "2001:db8:0:1::1", scope));
    assert_false(same(s, "::ffff:192.0.2.1", "::ffff:192.0.2.2", scope));
    assert_true(same(s, "", "", scope));
  }
  secret_free(s);
}

static void scopes_do_not_meet(void **state) {
  struct secret *s = secret_new(TEXT("server")), *other = secret_new(TEXT("other"));
  uint8_t a[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES], b[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES];
  lockout_scopes(s, LOCKOUT_OPEN, TEXT("a@x.org"), TEXT("192.0.2.1"), a);
  assert_memory_not_equal(a[0], a[1], SIGNIN_SCOPE_BYTES);
  assert_memory_not_equal(a[1], a[2], SIGNIN_SCOPE_BYTES);
  lockout_scopes(other, LOCKOUT_OPEN, TEXT("a@x.org"), TEXT("192.0.2.1"), b);
  assert_memory_not_equal(a[0], b[0], SIGNIN_SCOPE_BYTES);
  lockout_scopes(s, LOCKOUT_OPEN, TEXT("b@x.org"), TEXT("192.0.2.1"), b);
  assert_memory_not_equal(a[LOCKOUT_BOTH], b[LOCKOUT_BOTH], SIGNIN_SCOPE_BYTES);
  assert_memory_equal(a[LOCKOUT_ADDRESS], b[LOCKOUT_ADDRESS], SIGNIN_SCOPE_BYTES);
  secret_free(s);
  secret_free(other);
}

/* What is on one lane is in no other's count; a turn is at most two seconds away. */
static void lanes_do_not_meet(void **state) {
  struct secret *s = secret_new(TEXT("server"));
  uint8_t open[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES], turn[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES],
      known[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES];
  struct signin_attempts a[LOCKOUT_SCOPES] = {{0}};
  lockout_scopes(s, LOCKOUT_OPEN, TEXT("a@x.org"), TEXT("192.0.2.1"), open);
  lockout_scopes(s, LOCKOUT_TURN, TEXT("a@x.org"), TEXT("192.0.2.1"), turn);
  lockout_scopes(s, LOCKOUT_KNOWN, TEXT("a@x.org"), TEXT("192.0.2.1"), known);
  assert_memory_equal(open[LOCKOUT_BOTH], turn[LOCKOUT_BOTH], SIGNIN_SCOPE_BYTES);
  assert_memory_not_equal(open[LOCKOUT_ACCOUNT], turn[LOCKOUT_ACCOUNT], SIGNIN_SCOPE_BYTES);
  assert_memory_not_equal(open[LOCKOUT_BOTH], known[LOCKOUT_BOTH], SIGNIN_SCOPE_BYTES);
  assert_int_equal(lockout_width(LOCKOUT_KNOWN), 1);
  a[LOCKOUT_ACCOUNT] = (struct signin_attempts){100000, DAY, 0};
  assert_int_equal(lockout_wait_us(LOCKOUT_TURN, a, DAY), 2 * S);
  assert_int_equal(lockout_wait_us(LOCKOUT_TURN, a, DAY + 2 * S), 0);
  assert_int_equal(lockout_wait_us(LOCKOUT_OPEN, a, DAY + 2 * S), 8 * S);
  secret_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_failures_are_free_then_each_doubles_the_wait),
      cmocka_unit_test(it_never_waits_longer_than_a_quarter_of_an_hour),
      cmocka_unit_test(failures_are_forgotten_after_a_day),
      cmocka_unit_test(nobody_can_lock_others_out),
      cmocka_unit_test(one_password_on_many_accounts_is_slowed_down),
      cmocka_unit_test(success_takes_back_what_was_counted),
      cmocka_unit_test(an_address_is_whole_or_a_network_of_64_bits),
      cmocka_unit_test(scopes_do_not_meet),
      cmocka_unit_test(lanes_do_not_meet),
  };
  return RUN_TESTS(tests);
}
