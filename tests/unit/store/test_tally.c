/* Sums per key and slot: apart from each other, right after growing, stopping at the largest number. */
#include "store/tally.h"

#include "expect.h"

static void sums_of_keys_and_slots_are_apart(void **state) {
  struct tally t;
  tally_init(&t);
  for (int64_t key = -50; key < 50; key++)
    for (int64_t slot = 0; slot < 20; slot++)
      tally_at(&t, key, slot)->cost_nano += key * 100 + slot;
  assert_int_equal(t.count, 2000);
  for (int64_t key = -50; key < 50; key++)
    for (int64_t slot = 0; slot < 20; slot++)
      assert_int_equal(tally_at(&t, key, slot)->cost_nano, key * 100 + slot);
  assert_int_equal(t.count, 2000);
  tally_done(&t);
}

static void a_row_moves_every_sum_and_only_billable_ones_that_of_spending(void **state) {
  struct tally t;
  tally_init(&t);
  struct ledger_row row = make_row(1, 7, 100, 3 * TALLY_SLOT_US + 1);
  tally_add(&t, &row, true);
  row.billable = false;
  tally_add(&t, &row, true);
  const struct tally_sum *s = tally_at(&t, 7, 3);
  assert_int_equal(t.count, 1);
  assert_int_equal(s->entries, 2);
  assert_int_equal(s->cost_nano, 200);
  assert_int_equal(s->billable_nano, 100);
  for (int i = 0; i < TALLY_TOKENS; i++)
    assert_int_equal(s->tokens[i], 2 * (i + 1));
  tally_done(&t);
}

static void sums_stop_at_the_largest_number(void **state) {
  assert_int_equal(tally_plus(INT64_MAX - 1, 1), INT64_MAX);
  assert_int_equal(tally_plus(INT64_MAX, 1), INT64_MAX);
  assert_int_equal(tally_plus(5, -3), 5);
}

static void sorted_sums_are_in_order_and_found_again(void **state) {
  struct tally t;
  tally_init(&t);
  tally_sort(&t);
  for (int64_t i = 0; i < 500; i++)
    tally_at(&t, (i * 37) % 50 - 25, (i * 11) % 10)->cost_nano = i;
  tally_sort(&t);
  for (size_t i = 1; i < t.count; i++) {
    const struct tally_sum *x = &t.sums[i - 1], *y = &t.sums[i];
    assert_true(x->key_id < y->key_id || (x->key_id == y->key_id && x->slot < y->slot));
  }
  size_t count = t.count;
  for (size_t i = 0; i < count; i++)
    assert_ptr_equal(tally_at(&t, t.sums[i].key_id, t.sums[i].slot), &t.sums[i]);
  assert_int_equal(t.count, count);
  tally_done(&t);
}

static void slots_begin_on_the_quarter_hour_also_before_1970(void **state) {
  assert_int_equal(tally_slot(0), 0);
  assert_int_equal(tally_slot(TALLY_SLOT_US - 1), 0);
  assert_int_equal(tally_slot(TALLY_SLOT_US), 1);
  assert_int_equal(tally_slot(-1), -1);
  assert_int_equal(tally_slot(-TALLY_SLOT_US), -1);
  assert_int_equal(tally_slot(-TALLY_SLOT_US - 1), -2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_of_keys_and_slots_are_apart),
      cmocka_unit_test(a_row_moves_every_sum_and_only_billable_ones_that_of_spending),
      cmocka_unit_test(sums_stop_at_the_largest_number),
      cmocka_unit_test(sorted_sums_are_in_order_and_found_again),
      cmocka_unit_test(slots_begin_on_the_quarter_hour_also_before_1970),
  };
  return RUN_TESTS(tests);
}
