/* Second factors: asked for once they are on, each code good once, guessed no faster than passwords. */
#include "signin_world.h"

static void a_second_factor_is_asked_for_once_it_is_on(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), fresh = {0};
  struct text codes[SIGNIN_RECOVERY];
  struct text secret = enrol(x, &b, codes);
  expect(x, login(x, &fresh, PASSWORD), ERR_AGAIN);
  assert_int_equal(fresh.count, 0);
  expect(x, login_with(x, &fresh, OWNER, PASSWORD, "000000"), ERR_UNAUTHENTICATED);
  expect(x, login_with(x, &fresh, OWNER, "wrong horse battery", code_of(secret, x->now_us)), ERR_UNAUTHENTICATED);
  /* the step that confirmed it is used */
  expect(x, login_with(x, &fresh, OWNER, PASSWORD, code_of(secret, x->now_us)), ERR_UNAUTHENTICATED);
  x->now_us += 30 * SECOND;
  const char *code = code_of(secret, x->now_us);
  expect(x, login_with(x, &fresh, OWNER, PASSWORD, code), ERR_OK);
  expect(x, login_with(x, &fresh, OWNER, PASSWORD, code), ERR_UNAUTHENTICATED);
  world_free(x);
}

static void a_recovery_code_stands_in_once(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), fresh = {0};
  struct text codes[SIGNIN_RECOVERY];
  struct signin_factor factor;
  (void)enrol(x, &b, codes);
  const char *code = codes[3].at;
  expect(x, login_with(x, &fresh, OWNER, PASSWORD, code), ERR_OK);
  expect(x, login_with(x, &fresh, OWNER, PASSWORD, code), ERR_UNAUTHENTICATED);
  struct caller c = caller_of(x, &fresh);
  expect(x, of(x)->factor(of(x), &c, &factor, &x->fault), ERR_OK);
  assert_true(factor.is_on);
  assert_int_equal(factor.codes_left, SIGNIN_RECOVERY - 1);
  world_free(x);
}

static void codes_are_guessed_no_faster_than_passwords(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), attacker = {.address = "203.0.113.9"};
  struct text codes[SIGNIN_RECOVERY];
  unsigned looked_at = 0;
  (void)enrol(x, &b, codes);
  for (unsigned i = 0; i < 20; i++)
    looked_at += login_with(x, &attacker, OWNER, PASSWORD, "000000") == ERR_UNAUTHENTICATED;
  assert_int_equal(looked_at, 5);
  /* and a password that is right without a code does not start the count anew */
  expect(x, login(x, &attacker, PASSWORD), ERR_RATE_LIMITED);
  world_free(x);
}

static void a_second_factor_goes_on_and_off_only_with_the_password(void **state) {
  struct world *x = world_new();
  struct browser b = owner(x), fresh = {0};
  struct caller c = caller_of(x, &b);
  struct signin_visit v = visit(x, &b);
  struct text secret, uri, codes[SIGNIN_RECOVERY];
  expect(x, of(x)->factor_begin(of(x), &v, &c, TEXT("wrong horse battery"), &secret, &uri, &x->fault), ERR_FORBIDDEN);
  secret = enrol(x, &b, codes);
  expect(x, of(x)->factor_begin(of(x), &v, &c, TEXT(PASSWORD), &secret, &uri, &x->fault), ERR_STORE_CONFLICT);
  expect(x, of(x)->factor_end(of(x), &v, &c, TEXT("wrong horse battery"), codes[0], &x->fault), ERR_FORBIDDEN);
  expect(x, of(x)->factor_end(of(x), &v, &c, TEXT(PASSWORD), TEXT("000000"), &x->fault), ERR_UNAUTHENTICATED);
  expect(x, of(x)->factor_end(of(x), &v, &c, TEXT(PASSWORD), codes[0], &x->fault), ERR_OK);
  expect(x, login(x, &fresh, PASSWORD), ERR_OK);
  world_free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_second_factor_is_asked_for_once_it_is_on),
      cmocka_unit_test(a_recovery_code_stands_in_once),
      cmocka_unit_test(codes_are_guessed_no_faster_than_passwords),
      cmocka_unit_test(a_second_factor_goes_on_and_off_only_with_the_password),
  };
  return RUN_TESTS(tests);
}
