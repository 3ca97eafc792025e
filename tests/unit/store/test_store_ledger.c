/* Ledger rows: every member survives, an id counts once, a batch is all or nothing, spending by time. */
#include "contract.h"

static void expect_row(const struct ledger_row *got, const struct ledger_row *want) {
  const struct text a[] = {got->request_id,     got->key_name,
                           got->user,           got->wire,
                           got->operation,      got->provider,
                           got->credential,     got->model,
                           got->outcome,        got->error,
                           got->upstream_model, got->upstream_request_id,
                           got->workspace,      got->provider_metadata};
  const struct text b[] = {want->request_id,     want->key_name,
                           want->user,           want->wire,
                           want->operation,      want->provider,
                           want->credential,     want->model,
                           want->outcome,        want->error,
                           want->upstream_model, want->upstream_request_id,
                           want->workspace,      want->provider_metadata};
  for (size_t i = 0; i < sizeof a / sizeof *a; i++)
    EXPECT_TEXT(a[i], b[i]);
  assert_int_equal(got->id, want->id);
  assert_int_equal(got->reserved_us, want->reserved_us);
  assert_int_equal(got->settled_us, want->settled_us);
  assert_int_equal(got->attempt, want->attempt);
  assert_int_equal(got->key_id, want->key_id);
  assert_int_equal(got->status, want->status);
  assert_int_equal(got->upstream_status, want->upstream_status);
  assert_int_equal(got->streamed, want->streamed);
  assert_int_equal(got->billable, want->billable);
  assert_memory_equal(&got->usage, &want->usage, offsetof(struct usage, estimated) + sizeof(bool));
  assert_memory_equal(&got->cost, &want->cost, offsetof(struct cost, known) + sizeof(bool));
  assert_int_equal(got->price_version, want->price_version);
  assert_int_equal(got->reserved_nano, want->reserved_nano);
  assert_int_equal(got->first_token_us, want->first_token_us);
  assert_int_equal(got->duration_us, want->duration_us);
  assert_int_equal(got->overhead_us, want->overhead_us);
}

static void a_row_comes_back_with_every_member(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct ledger_row *rows = NULL;
  size_t count = 0;
  struct ledger_row row = make_row(INT64_MAX - 1, -5, INT64_MAX, 1790000000000000);
  arena_init(&a);
  append(s, &row, 1, 1);
  EXPECT_OK(s->ops->ledger_list(s, 0, 10, &a, &rows, &count, &test_fault));
  assert_int_equal(count, 1);
  expect_row(&rows[0], &row);
  row.id--; /* most providers report nothing beside */
  row.provider_metadata = TEXT("");
  append(s, &row, 1, 2);
  EXPECT_OK(s->ops->ledger_list(s, INT64_MAX - 1, 10, &a, &rows, &count, &test_fault));
  assert_int_equal(count, 1);
  expect_row(&rows[0], &row);
  arena_done(&a);
}

static int64_t spent(struct store *s, int64_t key_id, int64_t since_us) {
  int64_t nano = -1;
  EXPECT_OK(s->ops->ledger_spent(s, key_id, since_us, &nano, &test_fault));
  return nano;
}

static void an_id_counts_once_within_and_across_batches(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct ledger_totals totals;
  struct ledger_row rows[] = {make_row(1, 7, 100, 10), make_row(2, 7, 50, 10), make_row(1, 7, 333, 10)};
  arena_init(&a);
  append(s, rows, 3, 3);
  append(s, rows, 3, 3);
  rows[0].cost.total = 999; /* the row that was first stays */
  append(s, rows, 1, 4);
  assert_int_equal(spent(s, 7, 0), 150);
  EXPECT_OK(s->ops->ledger_verify(s, &a, &totals, &test_fault));
  assert_int_equal(totals.rows, 2);
  assert_int_equal(totals.cost_nano, 150);
  assert_int_equal(totals.mismatched_keys, 0);
  arena_done(&a);
}

static void the_position_moves_with_the_rows_and_only_forward(void **state) {
  struct store *s = contract_store(state);
  struct ledger_row row = make_row(1, 7, 100, 10);
  uint64_t at = 99;
  EXPECT_OK(s->ops->ledger_position(s, TEXT("journal/0/1"), &at, &test_fault));
  assert_int_equal(at, 0);
  append(s, &row, 1, 41);
  append(s, &row, 1, 40);
  EXPECT_OK(s->ops->ledger_position(s, TEXT("journal/0/1"), &at, &test_fault));
  assert_int_equal(at, 41);
  EXPECT_OK(s->ops->ledger_append(s, &row, 1, TEXT_NONE, 50, &test_fault));
  EXPECT_OK(s->ops->ledger_position(s, TEXT_NONE, &at, &test_fault));
  assert_int_equal(at, 0);
  EXPECT_OK(store_ledger_forget(s, INT64_MAX, &test_fault));
  EXPECT_OK(s->ops->ledger_position(s, TEXT("journal/0/1"), &at, &test_fault));
  assert_int_equal(at, 0);
}

static void sums_past_the_largest_number_stop_there(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct ledger_totals totals;
  arena_init(&a);
  for (int i = 0; i < 3; i++) {
    struct ledger_row row = make_row(i + 1, 7, INT64_MAX - 1, 10);
    append(s, &row, 1, (uint64_t)i + 1);
  }
  assert_int_equal(spent(s, 7, 0), INT64_MAX);
  EXPECT_OK(s->ops->ledger_verify(s, &a, &totals, &test_fault));
  assert_int_equal(totals.mismatched_keys, 0);
  assert_int_equal(totals.cost_nano, INT64_MAX);
  arena_done(&a);
}

static void spending_is_exact_from_any_moment_and_counts_billable_rows_only(void **state) {
  struct store *s = contract_store(state);
  static struct ledger_row rows[200];
  for (int i = 0; i < 200; i++) {
    rows[i] = make_row(i + 1, i % 2, 1 + i, 10 * TALLY_SLOT_US + i * (TALLY_SLOT_US / 7));
    rows[i].billable = i % 5 != 0;
  }
  append(s, rows, 200, 200);
  for (int since = -3; since < 205; since++) {
    int64_t since_us = 10 * TALLY_SLOT_US + since * (TALLY_SLOT_US / 7), want = 0;
    for (int i = 0; i < 200; i++)
      want += i % 2 == 1 && rows[i].billable && rows[i].settled_us >= since_us ? rows[i].cost.total : 0;
    assert_int_equal(spent(s, 1, since_us), want);
  }
  assert_int_equal(spent(s, 99, 0), 0);
}

static void rows_are_listed_newest_first_in_pages(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  static struct ledger_row rows[50];
  struct ledger_row *page = NULL;
  size_t count = 0;
  arena_init(&a);
  for (int i = 0; i < 50; i++)
    rows[i] = make_row(1 + (i * 7) % 50, 1, 1, 10);
  append(s, rows, 50, 50);
  int64_t before = 0, want = 50;
  for (;;) {
    EXPECT_OK(s->ops->ledger_list(s, before, 8, &a, &page, &count, &test_fault));
    for (size_t i = 0; i < count; i++)
      assert_int_equal(page[i].id, want--);
    if (count < 8)
      break;
    before = page[count - 1].id;
  }
  assert_int_equal(want, 0);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(a_row_comes_back_with_every_member),
      CONTRACT(an_id_counts_once_within_and_across_batches),
      CONTRACT(the_position_moves_with_the_rows_and_only_forward),
      CONTRACT(sums_past_the_largest_number_stop_there),
      CONTRACT(spending_is_exact_from_any_moment_and_counts_billable_rows_only),
      CONTRACT(rows_are_listed_newest_first_in_pages),
  };
  return RUN_CONTRACT(tests);
}
