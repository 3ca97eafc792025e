/* The recount finds every kind of difference between balances and rows, and none where there is none. */
#include "contract.h"

static struct ledger_totals verify(struct store *s, struct arena *a) {
  struct ledger_totals totals = {0};
  EXPECT_OK(s->ops->ledger_verify(s, a, &totals, &test_fault));
  return totals;
}

static void add_rows(struct store *s) {
  static struct ledger_row rows[30];
  for (int i = 0; i < 30; i++)
    rows[i] = make_row(i + 1, i % 3, 10, 10);
  append(s, rows, 30, 30);
}

static void an_empty_ledger_is_right(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  arena_init(&a);
  struct ledger_totals t = verify(s, &a);
  assert_int_equal(t.rows, 0);
  assert_int_equal(t.keys, 0);
  assert_int_equal(t.mismatched_keys, 0);
  arena_done(&a);
}

static void totals_are_those_of_the_rows(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  arena_init(&a);
  add_rows(s);
  struct ledger_totals t = verify(s, &a);
  assert_int_equal(t.rows, 30);
  assert_int_equal(t.keys, 3);
  assert_int_equal(t.cost_nano, 300);
  assert_int_equal(t.mismatched_keys, 0);
  assert_int_equal(t.first_mismatch.len, 0);
  arena_done(&a);
}

static void every_kind_of_difference_is_found_and_named(void **state) {
  static const char *const changes[][2] = {
      {"UPDATE weir_ledger_balance SET entries = entries + 1 WHERE key_id = 1", "entries"},
      {"UPDATE weir_ledger_balance SET cache_read_tokens = 0 WHERE key_id = 1", "cache read tokens"},
      {"UPDATE weir_ledger_balance SET cost_nano = cost_nano - 1 WHERE key_id = 1", "99 nano-USD"},
      {"UPDATE weir_ledger_balance SET billable_nano = 1 WHERE key_id = 1", "billable nano-USD"},
      {"UPDATE weir_ledger_spend SET cost_nano = cost_nano + 1 WHERE key_id = 1", "over time"},
      {"DELETE FROM weir_ledger_balance WHERE key_id = 1", "0 entries"},
      {"DELETE FROM weir_ledger WHERE key_id = 1", "10 entries"},
      {"DELETE FROM weir_ledger WHERE key_id = 1; DELETE FROM weir_ledger_balance WHERE key_id = 1", "over time"},
  };
  struct store *s = contract_store(state);
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    struct arena a;
    arena_init(&a);
    contract_exec(s, "DELETE FROM weir_ledger; DELETE FROM weir_ledger_balance; DELETE FROM weir_ledger_spend");
    add_rows(s);
    contract_exec(s, changes[i][0]);
    struct ledger_totals t = verify(s, &a);
    assert_int_equal(t.mismatched_keys, 1);
    if (!text_starts(t.first_mismatch, TEXT("key 1:")) || text_find(t.first_mismatch, text_of(changes[i][1])) < 0)
      fail_msg("%s: said \"%.*s\"", changes[i][0], TEXT_ARGS(t.first_mismatch));
    arena_done(&a);
  }
}

/* More rows, balances and slots than one page of the recount holds. */
static void a_ledger_of_many_pages_is_counted_whole(void **state) {
  struct store *s = contract_store(state);
  static struct ledger_row rows[12001];
  struct arena a;
  arena_init(&a);
  for (int i = 0; i < 12001; i++)
    rows[i] = make_row(i + 1, i % 6007 - 3000, 10, i * (int64_t)(15 * 60 * 1000000LL));
  append(s, rows, 12001, 12001);
  struct ledger_totals t = verify(s, &a);
  assert_int_equal(t.rows, 12001);
  assert_int_equal(t.keys, 6007);
  assert_int_equal(t.cost_nano, 120010);
  assert_int_equal(t.mismatched_keys, 0);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(an_empty_ledger_is_right),
      CONTRACT(totals_are_those_of_the_rows),
      CONTRACT(every_kind_of_difference_is_found_and_named),
      CONTRACT(a_ledger_of_many_pages_is_counted_whole),
  };
  return RUN_CONTRACT(tests);
}
