/* The fault matrix: every failure of a provider, in every phase, for plain and streamed calls in both dialects and
 * between them, under every strategy, with and without further rounds. For each cell the client's bytes, the attempts,
 * the ledger's rows, the record and the breakers are compared with what routing_rows.h and routing_due.h say. The clock
 * is pretended; nothing sleeps. Races stand in routing_races.c. */
#include "routing_run.h"

CELLS(test_a_failing_first_target_of_ordered_ones, FIRST_FAILS, ORDERED, 0, ALL_ORDERS)
CELLS(test_a_failing_first_target_with_rounds_to_spare, FIRST_FAILS, ORDERED, 1, EACH)
CELLS(test_a_failing_target_of_more_weight, FIRST_FAILS, WEIGHTED, 0, EACH)
CELLS(test_a_failing_target_that_was_faster, FIRST_FAILS, LATENCY, 0, "aoaoao")
CELLS(test_a_failing_target_that_is_cheaper, FIRST_FAILS, COST, 0, EACH)
CELLS(test_a_failing_target_that_is_less_busy, FIRST_FAILS, LEAST_BUSY, 0, "aoaoao")
CELLS(test_all_targets_fail, ALL_FAIL, ORDERED, 0, "aaaaoo" EACH)
CELLS(test_all_targets_fail_in_two_rounds, ALL_FAIL, ORDERED, 1, "oooooa" BETWEEN)
CELLS(test_the_only_target_fails, ALONE, ORDERED, 0, BETWEEN)
CELLS(test_the_only_target_fails_once, ALONE, ORDERED, 1, EACH)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_failing_first_target_of_ordered_ones),
      cmocka_unit_test(test_a_failing_first_target_with_rounds_to_spare),
      cmocka_unit_test(test_a_failing_target_of_more_weight),
      cmocka_unit_test(test_a_failing_target_that_was_faster),
      cmocka_unit_test(test_a_failing_target_that_is_cheaper),
      cmocka_unit_test(test_a_failing_target_that_is_less_busy),
      cmocka_unit_test(test_all_targets_fail),
      cmocka_unit_test(test_all_targets_fail_in_two_rounds),
      cmocka_unit_test(test_the_only_target_fails),
      cmocka_unit_test(test_the_only_target_fails_once),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("routing", tests, NULL, NULL);
}
