/* Token counts: estimates and sums. */
#include "llm/usage.h"

#include "../base/expect.h"

static void the_estimate_for_reservations_is_never_below_the_likely_one(void **state) {
  const uint64_t sizes[] = {0, 1, 2, 3, 4, 5, 1000, 49000, UINT64_MAX - 1, UINT64_MAX};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
    assert_true(usage_estimate_tokens(sizes[i]) >= usage_likely_tokens(sizes[i]));
  assert_int_equal(usage_estimate_tokens(0), 0);
  assert_int_equal(usage_estimate_tokens(1), 1);
  assert_int_equal(usage_estimate_tokens(49000), 24500);
  assert_int_equal(usage_estimate_tokens(UINT64_MAX), UINT64_MAX / 2 + 1);
  assert_int_equal(usage_likely_tokens(1), 1);
  assert_int_equal(usage_likely_tokens(10), 4);
}

static void the_total_counts_every_class_once_and_reasoning_not_again(void **state) {
  struct usage u = {
      .input = 1, .output = 20, .cache_write_5m = 300, .cache_write_1h = 4000, .cache_read = 50000, .reasoning = 15};
  assert_int_equal(usage_total(&u), 54321);
  u.output = UINT64_MAX;
  assert_int_equal(usage_total(&u), UINT64_MAX);
}

static void without_a_report_both_sides_are_estimated(void **state) {
  struct usage u = {0};
  usage_fill(&u, true, 300, 31);
  assert_int_equal(u.input, 100);
  assert_int_equal(u.output, 11);
  assert_true(u.estimated);
  assert_false(u.known);
}

static void a_report_wins_over_the_estimate(void **state) {
  struct usage u = {.input = 7, .output = 1, .cache_read = 9, .known = true};
  usage_fill(&u, true, 30000, 30000);
  assert_int_equal(u.input, 7);
  assert_int_equal(u.output, 1);
  assert_int_equal(u.cache_read, 9);
  assert_false(u.estimated);
}

static void a_cut_stream_raises_the_output_to_what_was_seen(void **state) {
  struct usage u = {.input = 7, .output = 1, .known = true};
  usage_fill(&u, false, 30000, 300);
  assert_int_equal(u.input, 7);
  assert_int_equal(u.output, 100);
  assert_true(u.estimated);
  u = (struct usage){.input = 7, .output = 500, .known = true};
  usage_fill(&u, false, 30000, 300);
  assert_int_equal(u.output, 500);
  assert_false(u.estimated);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_estimate_for_reservations_is_never_below_the_likely_one),
      cmocka_unit_test(the_total_counts_every_class_once_and_reasoning_not_again),
      cmocka_unit_test(without_a_report_both_sides_are_estimated),
      cmocka_unit_test(a_report_wins_over_the_estimate),
      cmocka_unit_test(a_cut_stream_raises_the_output_to_what_was_seen),
  };
  return RUN_TESTS(tests);
}
