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
  b = behaviour_of_model(TEXT("sim-tools2+redacted+json+refuse+filter"));
  assert_true(b.tools && b.redacted && b.json && b.refuse && b.filter);
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

static void every_break_has_its_kind(void **state) {
  static const struct {
    const char *name;
    enum behaviour_break by;
  } rows[] = {
      {"sim-half-after-1", BEHAVIOUR_BREAK_HALF},         {"sim-badcrc-after-1", BEHAVIOUR_BREAK_DAMAGE},
      {"sim-garbage-after-1", BEHAVIOUR_BREAK_GARBAGE},   {"sim-throttle-after-1", BEHAVIOUR_BREAK_THROTTLE},
      {"sim-internal-after-1", BEHAVIOUR_BREAK_INTERNAL}, {"sim-invalid-after-1", BEHAVIOUR_BREAK_INVALID},
      {"sim-failed-after-1", BEHAVIOUR_BREAK_FAILED},     {"sim-unavailable-after-1", BEHAVIOUR_BREAK_UNAVAILABLE}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct behaviour b = behaviour_of_model(text_of(rows[i].name));
    assert_int_equal(b.break_by, rows[i].by);
    assert_int_equal(b.break_after, 1);
  }
}

static void names_may_carry_vendors_regions_and_versions(void **state) {
  static const char *const names[][2] = {
      {"sim-long-3", "sim-long-3"},
      {"openai/sim-long-3", "sim-long-3"},
      {"openai/sim-long-3:free", "sim-long-3"},
      {"anthropic.sim-long-3-v1:0", "sim-long-3"},
      {"us.anthropic.sim-long-3-v2:0", "sim-long-3"},
      {"amazon.sim-long-3-v1", "sim-long-3"},
      {"arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.amazon.sim-long-3-v1:0", "sim-long-3"},
  };
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    EXPECT_TEXT(behaviour_name(text_of(names[i][0])), text_of(names[i][1]));
  }
  assert_int_equal(behaviour_of_model(TEXT("us.anthropic.sim-long-3-v2:0")).long_words, 3);
  assert_int_equal(behaviour_of_model(TEXT("a.b.c.sim-long-3")).long_words, 0);
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
      cmocka_unit_test(every_break_has_its_kind),
      cmocka_unit_test(names_may_carry_vendors_regions_and_versions),
      cmocka_unit_test(unknown_models_are_plain_text),
      cmocka_unit_test(the_header_takes_lists_and_refuses_unknown_names),
  };
  return RUN_TESTS(tests);
}
