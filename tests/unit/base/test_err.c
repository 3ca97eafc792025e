/* The error table and the fault a refusal fills. */
#include "base/err.h"

#include "expect.h"

static void every_row_can_be_shown_to_a_client_or_never_is(void **state) {
  for (int e = 0; e < ERR_COUNT; e++) {
    assert_true(err_name((enum err)e)[0] != '\0');
    assert_true(err_text((enum err)e)[0] != '\0');
    int status = err_status((enum err)e);
    assert_true(status == 0 || (status >= 400 && status <= 599));
    assert_int_equal(status != 0, err_anthropic_type((enum err)e)[0] != '\0');
    assert_int_equal(status != 0, err_openai_type((enum err)e)[0] != '\0');
  }
}

static void columns_are_read_by_name(void **state) {
  assert_string_equal(err_name(ERR_RATE_LIMITED), "RATE_LIMITED");
  assert_int_equal(err_status(ERR_RATE_LIMITED), 429);
  assert_string_equal(err_anthropic_type(ERR_RATE_LIMITED), "rate_limit_error");
  assert_string_equal(err_openai_type(ERR_BUDGET_EXHAUSTED), "insufficient_quota");
  assert_true(err_is_retryable(ERR_UPSTREAM_NETWORK));
  assert_false(err_is_retryable(ERR_UPSTREAM_CUT));
  assert_true(err_is_unhealthy(ERR_UPSTREAM_CUT));
  assert_false(err_is_unhealthy(ERR_BAD_REQUEST));
}

static void an_unknown_value_reads_as_internal(void **state) {
  assert_string_equal(err_name((enum err)9999), "INTERNAL");
  assert_string_equal(err_name((enum err) - 1), "INTERNAL");
  assert_int_equal(err_status((enum err)ERR_COUNT), 500);
}

static void a_fault_keeps_field_and_text_and_falls_back_to_the_row(void **state) {
  struct fault f = {.status = 7};
  assert_int_equal(fault_set(&f, ERR_BAD_REQUEST, "max_tokens", "must be above %d", 0), ERR_BAD_REQUEST);
  assert_string_equal(f.field, "max_tokens");
  assert_string_equal(fault_text(&f), "must be above 0");
  assert_int_equal(fault_status(&f), 400);
  f.status = 422;
  assert_int_equal(fault_status(&f), 422);
  assert_int_equal(fault_set(&f, ERR_NOT_FOUND, NULL, "%s", ""), ERR_NOT_FOUND);
  assert_string_equal(f.field, "");
  assert_string_equal(fault_text(&f), err_text(ERR_NOT_FOUND));
  assert_int_equal(fault_set(NULL, ERR_TIMEOUT, "x", "y"), ERR_TIMEOUT);
}

static void a_fault_has_a_class_that_names_nothing(void **state) {
  struct fault f;
  (void)fault_set(&f, ERR_STORE, NULL, "cannot connect to db7.internal:5432");
  assert_string_equal(fault_brief(&f), err_text(ERR_STORE));
  assert_int_equal(fault_set_brief(&f, ERR_STORE, "refused"), ERR_STORE);
  assert_string_equal(fault_brief(&f), "refused");
  assert_string_equal(fault_text(&f), "cannot connect to db7.internal:5432");
  (void)fault_set(&f, ERR_STORE_FULL, NULL, "another");
  assert_string_equal(fault_brief(&f), err_text(ERR_STORE_FULL));
  assert_int_equal(fault_set_brief(NULL, ERR_STORE, "refused"), ERR_STORE);
}

static void a_long_text_is_cut_between_characters(void **state) {
  struct fault f;
  char text[512];
  for (size_t shift = 0; shift < 4; shift++) {
    for (size_t i = 0; i < sizeof text - 1; i++)
      text[i] = i < shift ? 'a' : "\xF0\x9F\x98\x80"[(i - shift) % 4];
    text[sizeof text - 1] = '\0';
    (void)fault_set(&f, ERR_BAD_REQUEST, text, "%s", text);
    assert_true(text_is_utf8(text_of(f.text)));
    assert_true(text_is_utf8(text_of(f.field)));
    assert_in_range(strlen(f.text), sizeof f.text - 4, sizeof f.text - 1);
    assert_in_range(strlen(f.field), sizeof f.field - 4, sizeof f.field - 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_can_be_shown_to_a_client_or_never_is),
      cmocka_unit_test(columns_are_read_by_name),
      cmocka_unit_test(an_unknown_value_reads_as_internal),
      cmocka_unit_test(a_fault_keeps_field_and_text_and_falls_back_to_the_row),
      cmocka_unit_test(a_fault_has_a_class_that_names_nothing),
      cmocka_unit_test(a_long_text_is_cut_between_characters),
  };
  return RUN_TESTS(tests);
}
