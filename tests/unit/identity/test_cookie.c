/* Cookies: one of a name is read, two are none, and what is written is what browsers keep to themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "identity/cookie.h"

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

static void expect_found(const char *header, const char *want) {
  struct text value = TEXT_NONE;
  bool found = cookie_find(text_of(header), "weir_access", &value);
  if (found != (want != NULL) || (want && !text_equal(value, text_of(want))))
    fail_msg("%s: got \"%.*s\"", header, TEXT_ARGS(value));
}

static void the_one_of_its_name_is_found(void **state) {
  expect_found("weir_access=abc", "abc");
  expect_found("a=b; weir_access=abc; c=d", "abc");
  expect_found("a=b;weir_access=a.b-c_d==", "a.b-c_d==");
  expect_found(" weir_access = abc ;", "abc");
}

static void others_are_not_taken_for_it(void **state) {
  expect_found("", NULL);
  expect_found(";;;", NULL);
  expect_found("weir_access", NULL);
  expect_found("weir_access=", NULL);
  expect_found("weir_access2=x", NULL);
  expect_found("xweir_access=x", NULL);
  expect_found("WEIR_ACCESS=x", NULL);
  expect_found("__Host-weir_access=x", NULL);
  expect_found("a=weir_access=x", NULL);
}

static void two_of_a_name_are_none(void **state) {
  expect_found("weir_access=mine; weir_access=tossed", NULL);
  expect_found("weir_access=same; weir_access=same", NULL);
  expect_found("weir_access=; weir_access=x", NULL);
}

static void a_header_without_end_is_not_read(void **state) {
  static char header[COOKIE_HEADER_MAX + 64];
  struct text value;
  memset(header, ' ', sizeof(header));
  memcpy(header, "weir_access=x;", 14);
  assert_true(cookie_find((struct text){header, COOKIE_HEADER_MAX}, "weir_access", &value));
  assert_false(cookie_find((struct text){header, COOKIE_HEADER_MAX + 1}, "weir_access", &value));
}

static void expect_written(enum cookie_name which, bool is_secure, int64_t age_s, const char *want) {
  struct buf b;
  buf_init(&b, 1024);
  cookie_write(which, is_secure, TEXT("v"), age_s, &b);
  if (!text_equal(buf_text(&b), text_of(want)))
    fail_msg("got \"%.*s\"", TEXT_ARGS(buf_text(&b)));
  buf_done(&b);
}

static void what_is_written_is_for_this_host_alone(void **state) {
  expect_written(COOKIE_ACCESS, true, 600, "__Host-weir_access=v; Path=/; Max-Age=600; SameSite=Lax; HttpOnly; Secure");
  expect_written(COOKIE_REFRESH, true, 9,
                 "__Host-weir_refresh=v; Path=/; Max-Age=9; SameSite=Strict; HttpOnly; Secure");
  expect_written(COOKIE_CSRF, true, 9, "__Host-weir_csrf=v; Path=/; Max-Age=9; SameSite=Strict; Secure");
  expect_written(COOKIE_ACCESS, false, 0, "weir_access=v; Path=/; Max-Age=0; SameSite=Lax; HttpOnly");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_one_of_its_name_is_found),
      cmocka_unit_test(others_are_not_taken_for_it),
      cmocka_unit_test(two_of_a_name_are_none),
      cmocka_unit_test(a_header_without_end_is_not_read),
      cmocka_unit_test(what_is_written_is_for_this_host_alone),
  };
  return RUN_TESTS(tests);
}
