/* Forms as OAuth2 sends them: what is decoded, and what is refused. */
#include "control/form.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static struct arena arena;

static int begin(void **state) {
  arena_init(&arena);
  return 0;
}

static int end(void **state) {
  arena_done(&arena);
  return 0;
}

static void names_and_values_come_decoded_in_order(void **state) {
  struct text rest = TEXT("&a=b+c&&%64%2b=%C3%A9&e&=f&g=h=i&"), name, value;
  static const char *const wanted[][2] = {{"a", "b c"}, {"d+", "\xc3\xa9"}, {"e", ""}, {"", "f"}, {"g", "h=i"}};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    assert_true(form_next(&rest, &arena, &name, &value));
    if (!text_equal(name, text_of(wanted[i][0])) || !text_equal(value, text_of(wanted[i][1])))
      fail_msg("%zu: \"%.*s\" \"%.*s\"", i, TEXT_ARGS(name), TEXT_ARGS(value));
  }
  assert_false(form_next(&rest, &arena, &name, &value));
  assert_int_equal(rest.len, 0);
}

static void what_is_not_well_formed_is_refused(void **state) {
  static const char *const bad[] = {"a=%", "a=%4", "a=%4g", "%zz=b", "a=%00", "%=b", "a=b&c=%a"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct text rest = text_of(bad[i]), name, value;
    while (form_next(&rest, &arena, &name, &value))
      continue;
    if (rest.len == 0)
      fail_msg("\"%s\" was taken", bad[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(names_and_values_come_decoded_in_order, begin, end),
      cmocka_unit_test_setup_teardown(what_is_not_well_formed_is_refused, begin, end),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("form", tests, NULL, NULL);
}
