/* What tally makes of programs that pass, fail, crash, hang and print nonsense. Each case is a shell command whose
 * output is given, and the totals that must come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "run.h"

static char *tally;

/* Runs the commands and compares the last line and the exit status. */
static const struct run_result *expect(const char *first, const char *second, const char *totals) {
  char *argv[] = {tally, (char *)"-x", (char *)first, (char *)(second != NULL ? "-x" : NULL), (char *)second, NULL};
  const struct run_result *result = run_tool(argv);
  assert_string_equal(run_last_line(result), totals);
  assert_int_equal(result->status, strstr(totals, " 0 failed") != NULL ? 0 : 1);
  return result;
}

static void test_adds_up_the_results_of_all_programs(void **state) {
  (void)expect("a:9:printf '1..2\\nok 1 - x\\nok 2 - y\\n'", "b:9:printf '1..1\\nok 1 - z\\n'", "3 passed, 0 failed");
}

static void test_names_the_failed_test_and_shows_the_output(void **state) {
  const struct run_result *r =
      expect("a:9:printf '1..2\\nok 1 - x\\nnot ok 2 - y\\n'; echo because >&2; exit 1", NULL, "1 passed, 1 failed");
  assert_non_null(strstr(r->text, "FAILED a: y\n"));
  assert_non_null(strstr(r->text, "because\n"));
}

static void test_reasons_are_shown_even_when_much_follows(void **state) {
  const struct run_result *r =
      expect("a:9:printf '1..2\\nnot ok 1 - x\\n  early reason\\nok 2 - y\\n'; yes '# much' | head -n 20000", NULL,
             "1 passed, 1 failed");
  assert_non_null(strstr(r->text, "  early reason\n"));
  assert_non_null(strstr(r->text, "(its end)"));
}

static void test_control_characters_are_not_passed_on(void **state) {
  const struct run_result *r =
      expect("a:9:printf '1..1\\nnot ok 1 - x\\na\\000b\\033c\\n'", NULL, "0 passed, 1 failed");
  assert_non_null(strstr(r->text, "a?b?c\n"));
}

static void test_a_crash_is_a_failure_of_its_own(void **state) {
  const struct run_result *r = expect("a:9:printf '1..2\\nok 1 - x\\n'; kill -SEGV $$", NULL, "1 passed, 1 failed");
  assert_non_null(strstr(r->text, "ended by signal 11"));
}

static void test_a_bad_exit_after_good_results_is_a_failure(void **state) {
  (void)expect("a:9:printf '1..1\\nok 1 - x\\n'; exit 66", NULL, "1 passed, 1 failed");
}

static void test_a_missing_plan_is_a_failure(void **state) {
  (void)expect("a:9:echo ok 1", NULL, "1 passed, 1 failed");
}
static void test_silence_is_a_failure(void **state) { (void)expect("a:9:true", NULL, "0 passed, 1 failed"); }
static void test_an_empty_plan_is_a_failure(void **state) { (void)expect("a:9:echo 1..0", NULL, "0 passed, 1 failed"); }

static void test_fewer_results_than_planned_is_a_failure(void **state) {
  (void)expect("a:9:printf '1..3\\nok 1 - x\\n'", NULL, "1 passed, 1 failed");
}

static void test_more_results_than_planned_is_a_failure(void **state) {
  (void)expect("a:9:printf '1..1\\nok 1\\nok 2\\n'", NULL, "2 passed, 1 failed");
}

static void test_bailing_out_is_a_failure(void **state) {
  (void)expect("a:9:printf '1..1\\nok 1\\nBail out! no disk\\n'", NULL, "1 passed, 1 failed");
}

static void test_a_program_that_cannot_start_is_a_failure(void **state) {
  (void)expect("a:9:exec /nonexistent/program", NULL, "0 passed, 1 failed");
}

static void test_skips_are_counted_apart(void **state) {
  (void)expect("a:9:printf '1..2\\nok 1 - x # SKIP no root\\nok 2\\n'", "b:9:echo '1..0 # skip nothing here'",
               "1 passed, 0 failed, 2 skipped");
}

static void test_a_hash_in_a_name_is_no_skip(void **state) {
  (void)expect("a:9:printf '1..1\\nok 1 - reads \\\\# skip\\n'", NULL, "1 passed, 0 failed");
}

static void test_counts_the_leaves_of_nested_subtests(void **state) {
  (void)expect("a:9:printf '# Subtest: s\\n    ok 1 - x\\n    ok 2 - y\\n    1..2\\nok 1 - s\\nok 2 - z\\n1..2\\n'",
               NULL, "3 passed, 0 failed");
}

static void test_counts_a_failed_leaf_once(void **state) {
  (void)expect("a:9:printf '    ok 1 - x\\n    not ok 2 - y\\n    1..2\\nnot ok 1 - s\\n1..1\\n'", NULL,
               "1 passed, 1 failed");
}

static void test_a_subtest_that_fails_by_itself_counts(void **state) {
  (void)expect("a:9:printf '    ok 1 - x\\n    1..1\\nnot ok 1 - s\\n1..1\\n'", NULL, "1 passed, 1 failed");
}

static void test_text_in_a_yaml_block_is_no_result(void **state) {
  (void)expect("a:9:printf 'ok 1 - x\\n  ---\\n  error: |\\n    not ok 7 - quoted\\n  ...\\n1..1\\n'", NULL,
               "1 passed, 0 failed");
}

static void test_a_program_over_its_time_is_ended_with_its_children(void **state) {
  const struct run_result *r =
      expect("a:1:(exec tail -f /dev/null) & exec tail -f /dev/null", NULL, "0 passed, 1 failed");
  assert_non_null(strstr(r->text, "ran longer than 1 s"));
}

static void test_a_child_left_behind_does_not_hold_up_the_end(void **state) {
  (void)expect("a:30:(exec tail -f /dev/null) & printf '1..1\\nok 1\\n'", NULL, "1 passed, 0 failed");
}

static void test_reports_in_the_order_given(void **state) {
  const struct run_result *r = expect("slow:9:printf '1..1\\n'; seq 200000 | tail -n 1 >/dev/null; echo ok 1",
                                      "fast:9:printf '1..1\\nok 1\\n'", "2 passed, 0 failed");
  assert_true(strstr(r->text, "slow") < strstr(r->text, "fast"));
}

static void test_refuses_arguments_it_does_not_know(void **state) {
  char *argv[] = {tally, (char *)"-x", (char *)"no-command", NULL};
  assert_int_equal(run_tool(argv)->status, 2);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_adds_up_the_results_of_all_programs),
      cmocka_unit_test(test_names_the_failed_test_and_shows_the_output),
      cmocka_unit_test(test_reasons_are_shown_even_when_much_follows),
      cmocka_unit_test(test_control_characters_are_not_passed_on),
      cmocka_unit_test(test_a_crash_is_a_failure_of_its_own),
      cmocka_unit_test(test_a_bad_exit_after_good_results_is_a_failure),
      cmocka_unit_test(test_a_missing_plan_is_a_failure),
      cmocka_unit_test(test_silence_is_a_failure),
      cmocka_unit_test(test_an_empty_plan_is_a_failure),
      cmocka_unit_test(test_fewer_results_than_planned_is_a_failure),
      cmocka_unit_test(test_more_results_than_planned_is_a_failure),
      cmocka_unit_test(test_bailing_out_is_a_failure),
      cmocka_unit_test(test_a_program_that_cannot_start_is_a_failure),
      cmocka_unit_test(test_skips_are_counted_apart),
      cmocka_unit_test(test_a_hash_in_a_name_is_no_skip),
      cmocka_unit_test(test_counts_the_leaves_of_nested_subtests),
      cmocka_unit_test(test_counts_a_failed_leaf_once),
      cmocka_unit_test(test_a_subtest_that_fails_by_itself_counts),
      cmocka_unit_test(test_text_in_a_yaml_block_is_no_result),
      cmocka_unit_test(test_a_program_over_its_time_is_ended_with_its_children),
      cmocka_unit_test(test_a_child_left_behind_does_not_hold_up_the_end),
      cmocka_unit_test(test_reports_in_the_order_given),
      cmocka_unit_test(test_refuses_arguments_it_does_not_know),
  };
  if (argc != 2)
    return 2;
  tally = argv[1];
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
