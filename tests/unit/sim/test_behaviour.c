/* Names of behaviours, alone and combined, in model names and in the header. */
#include "sim/behaviour.h"

#include "sim_test.h"

static void every_number_lands_in_its_member(void **state) {
  struct behaviour b = behaviour_of_model(TEXT("sim-slow-250+drip-10+sim-frame-3+long-40"));
  assert_int_equal(b.slow_ms, 250);
  assert_int_equal(b.drip_ms, 10);
  assert_int_equal(b.frame_bytes, 3);
  assert_int_equal(b.long_words, 40);
  assert_int_equal(behaviour_of_model(TEXT("sim-fail-529")).fail_status, 529);
}

static void every_flag_lands_in_its_member(void **state) {
  struct behaviour b =
      behaviour_of_model(TEXT("sim-tools+thinking+cache+usage-limit+merge+hang+garbage+gzip+nousage+empty"));
  assert_true(b.tools && b.thinking && b.cache && b.usage_limit && b.merge);
  assert_true(b.hang && b.garbage && b.gzip && b.no_usage && b.empty);
}

static void breaks_say_where_and_how(void **state) {
  struct behaviour b = behaviour_of_model(TEXT("sim-reset-after-0"));
  assert_int_equal(b.break_by, BEHAVIOUR_BREAK_RESET);
  assert_int_equal(b.break_after, 0);
  b = behaviour_of_model(TEXT("sim-cut-after-7"));
  assert_int_equal(b.break_by, BEHAVIOUR_BREAK_CUT);
  assert_int_equal(b.break_after, 7);
  assert_int_equal(behaviour_of_model(TEXT("sim-error-after-2")).break_by, BEHAVIOUR_BREAK_ERROR);
}

static void unknown_models_are_plain_text(void **state) {
  static const struct behaviour plain;
  const char *names[] = {"claude-sonnet-4-5", "sim-unknown",       "sim-fail-200", "sim-fail-", "sim-slow-600001", "",
                         "sim-long-0",        "sim-tools+nonsense"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    struct behaviour b = behaviour_of_model(text_of(names[i]));
    assert_memory_equal(&b, &plain, sizeof(b));
  }
}

static void the_header_takes_lists_and_refuses_unknown_names(void **state) {
  struct behaviour b = {0};
  struct fault f = {0};
  assert_int_equal(behaviour_of_header(TEXT("drip-5, sim-gzip"), &b, &f), ERR_OK);
  assert_int_equal(b.drip_ms, 5);
  assert_true(b.gzip);
  assert_int_equal(behaviour_of_header(TEXT("drip-5,dripp-6"), &b, &f), ERR_BAD_REQUEST);
  EXPECT_INSIDE(text_of(f.text), TEXT("'dripp-6'"));
  assert_int_equal(b.drip_ms, 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_number_lands_in_its_member),
      cmocka_unit_test(every_flag_lands_in_its_member),
      cmocka_unit_test(breaks_say_where_and_how),
      cmocka_unit_test(unknown_models_are_plain_text),
      cmocka_unit_test(the_header_takes_lists_and_refuses_unknown_names),
  };
  return RUN_TESTS(tests);
}
