/* Which path a request is about. What must be refused stands in http_bad_requests.h, for the whole parser. */
#include "net/http_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static enum err split(const char *target, const char *host, int minor, struct text *path, struct text *query) {
  struct http_header field = {TEXT("Host"), text_of(host)};
  struct http_headers headers = {&field, host ? 1 : 0};
  return http_target_split(text_of(target), &headers, minor, path, query, NULL);
}

static void test_accepted_targets_give_path_and_query(void **state) {
  static const struct {
    const char *target, *host, *path, *query;
  } cases[] = {
      {"/", "a", "/", ""},
      {"/v1/models/a@b:c%2F", "a:80", "/v1/models/a@b:c%2F", ""},
      {"/x?y=1?z&w[]=2", "A.b-c_d~", "/x", "y=1?z&w[]=2"},
      {"http://a", "a", "/", ""},
      {"https://a:443?q", "A:443", "/", "q"},
      {"http://[::1]:8080/x", "[::1]:8080", "/x", ""},
      {"//b/x", "a", "//b/x", ""},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct text path, query;
    assert_int_equal(split(cases[i].target, cases[i].host, 1, &path, &query), ERR_OK);
    assert_true(text_equal(path, text_of(cases[i].path)));
    assert_true(text_equal(query, text_of(cases[i].query)));
  }
}

static void test_http_1_0_needs_no_host(void **state) {
  struct text path, query;
  assert_int_equal(split("/", NULL, 0, &path, &query), ERR_OK);
  assert_int_equal(split("/", NULL, 1, &path, &query), ERR_PROTOCOL);
}

static void test_refusals_leave_the_outputs_alone(void **state) {
  struct text path = TEXT("p"), query = TEXT("q");
  assert_int_equal(split("http://u@a/", "a", 1, &path, &query), ERR_PROTOCOL);
  assert_int_equal(split("/", "[]", 1, &path, &query), ERR_PROTOCOL);
  assert_int_equal(split("/", "a:b", 1, &path, &query), ERR_PROTOCOL);
  assert_true(text_equal(path, TEXT("p")) && text_equal(query, TEXT("q")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_accepted_targets_give_path_and_query),
      cmocka_unit_test(test_http_1_0_needs_no_host),
      cmocka_unit_test(test_refusals_leave_the_outputs_alone),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
