/* Environment variables in scalars. */
#include "config/expand.h"

#include "expect.h"

static void variables_are_replaced_by_their_values(void **state) {
  static const struct {
    const char *in, *want;
  } cases[] = {
      {"${SET}", "value"},
      {"a${SET}b${SET}c", "avaluebvaluec"},
      {"${EMPTY}", ""},
      {"${EMPTY:-x}", "x"},
      {"${UNSET:-}", ""},
      {"${UNSET:-a:-b}", "a:-b"},
      {"${SET:-x}", "value"},
      {"$${SET}", "${SET}"},
      {"$$${SET}", "$${SET}"},
      {"$SET ${SET}$", "$SET value$"},
      {"${UNSET:-${SET}", "${SET"},
      {"a}${SET}}", "a}value}"},
  };
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct text out = TEXT_NONE;
    assert_true(expand_is_needed(text_of(cases[i].in)));
    assert_int_equal(expand_env(text_of(cases[i].in), test_lookup, &a, &out, NULL), ERR_OK);
    EXPECT_TEXT(out, text_of(cases[i].want));
  }
  assert_false(expand_is_needed(TEXT("$SET {SET} $ {")));
  arena_done(&a);
}

static void values_are_not_expanded_again(void **state) {
  struct arena a;
  struct text out;
  arena_init(&a);
  assert_int_equal(expand_env(TEXT("${HOSTILE}"), test_lookup, &a, &out, NULL), ERR_OK);
  EXPECT_TEXT(out, TEXT("x\", evil: [1], y: \"${SET}"));
  arena_done(&a);
}

static void unset_and_malformed_ones_are_refused_by_name(void **state) {
  struct arena a;
  struct text out = TEXT("untouched");
  struct fault f;
  arena_init(&a);
  assert_int_equal(expand_env(TEXT("x${UNSET}"), test_lookup, &a, &out, &f), ERR_CONFIG);
  assert_string_equal(f.text, "the environment variable UNSET is not set");
  static const char *const malformed[] = {"${}", "${1A}", "${A B}", "${A-b}", "${:-x}", "${SET", "${", "${A.B}"};
  for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
    if (expand_env(text_of(malformed[i]), test_lookup, &a, &out, &f) != ERR_CONFIG)
      fail_msg("accepted %s", malformed[i]);
    assert_non_null(strstr(f.text, "$${"));
  }
  EXPECT_TEXT(out, TEXT("untouched"));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(variables_are_replaced_by_their_values),
      cmocka_unit_test(values_are_not_expanded_again),
      cmocka_unit_test(unset_and_malformed_ones_are_refused_by_name),
  };
  return RUN_TESTS(tests);
}
