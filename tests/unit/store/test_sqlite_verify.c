/* The recount finds every kind of difference between balances and rows, and none where there is none. */
#include "store/sqlite.h"

#include "expect.h"

static struct ledger_totals verify(struct store *s, struct arena *a) {
  struct ledger_totals totals = {0};
  EXPECT_OK(s->ops->ledger_verify(s, a, &totals, &test_fault));
  return totals;
}

static struct store *with_rows(void) {
  struct store *s = open_memory();
  static struct ledger_row rows[30];
  for (int i = 0; i < 30; i++)
    rows[i] = make_row(i + 1, i % 3, 10, 10);
  append(s, rows, 30, 30);
  return s;
}

static void an_empty_ledger_is_right(void **state) {
  struct store *s = open_memory();
  struct arena a;
  arena_init(&a);
  struct ledger_totals t = verify(s, &a);
  assert_int_equal(t.rows, 0);
  assert_int_equal(t.keys, 0);
  assert_int_equal(t.mismatched_keys, 0);
  arena_done(&a);
  s->ops->close(s);
}

static void totals_are_those_of_the_rows(void **state) {
  struct store *s = with_rows();
  struct arena a;
  arena_init(&a);
  struct ledger_totals t = verify(s, &a);
  assert_int_equal(t.rows, 30);
  assert_int_equal(t.keys, 3);
  assert_int_equal(t.cost_nano, 300);
  assert_int_equal(t.mismatched_keys, 0);
  assert_int_equal(t.first_mismatch.len, 0);
  arena_done(&a);
  s->ops->close(s);
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
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    struct store *s = with_rows();
    struct arena a;
    arena_init(&a);
    EXPECT_OK(sqlite_run(((struct sqlite_store *)s)->write.db, changes[i][0], &test_fault));
    struct ledger_totals t = verify(s, &a);
    assert_int_equal(t.mismatched_keys, 1);
    if (!text_starts(t.first_mismatch, TEXT("key 1:")) || text_find(t.first_mismatch, text_of(changes[i][1])) < 0)
      fail_msg("%s: said \"%.*s\"", changes[i][0], TEXT_ARGS(t.first_mismatch));
    arena_done(&a);
    s->ops->close(s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_ledger_is_right),
      cmocka_unit_test(totals_are_those_of_the_rows),
      cmocka_unit_test(every_kind_of_difference_is_found_and_named),
  };
  return RUN_TESTS(tests);
}
