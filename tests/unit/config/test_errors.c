/* The list of errors is bounded and printed as compilers do. */
#include "config/errors.h"

#include "expect.h"

static void an_error_is_printed_with_its_place(void **state) {
  static struct config_errors e;
  char out[600];
  errors_start(&e, "weir.yaml");
  errors_add(&e, 4, 1, "unknown key `%s`", "provders");
  errors_add(&e, 0, 0, "cannot be read");
  config_error_format(&e, 0, out, sizeof out);
  assert_string_equal(out, "weir.yaml:4:1: unknown key `provders`");
  config_error_format(&e, 1, out, sizeof out);
  assert_string_equal(out, "weir.yaml: cannot be read");
  config_error_format(&e, 2, out, sizeof out);
  assert_string_equal(out, "");
  config_error_format(&e, 0, out, 10);
  assert_string_equal(out, "weir.yaml");
}

static void the_list_stops_at_its_maximum(void **state) {
  static struct config_errors e;
  errors_start(&e, NULL);
  for (int i = 1; i <= CONFIG_MAX_ERRORS + 5; i++)
    errors_add(&e, i, 1, "error %d", i);
  assert_int_equal(e.count, CONFIG_MAX_ERRORS);
  assert_int_equal(e.at[CONFIG_MAX_ERRORS - 1].line, CONFIG_MAX_ERRORS);
  errors_start(&e, "again");
  assert_int_equal(e.count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_error_is_printed_with_its_place),
      cmocka_unit_test(the_list_stops_at_its_maximum),
  };
  return RUN_TESTS(tests);
}
