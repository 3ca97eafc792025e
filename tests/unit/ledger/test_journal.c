/* A journal: records come out in order over many segments, and a settlement always finds its room. */
#include "ledger/journal.h"

#include "expect.h"

static struct journal_place memory = {.sys = &journal_sys_real, .boot = 5, .segment_bytes = 64 * 1024, .dir_fd = -1};

static struct journal *open_journal(size_t max_segments) {
  struct journal *j = NULL;
  EXPECT_OK(journal_open(&memory, 0, max_segments, &j, &test_fault));
  return j;
}

static void reserve(struct journal *j, int64_t id) {
  struct ledger_row row = make_row(id);
  EXPECT_OK(journal_reserve(j, &row, &test_fault));
}

static void settle(struct journal *j, int64_t id) {
  struct ledger_row row = make_row(id);
  fill_settlement(&row, id);
  journal_settle(j, &row);
}

static void records_come_out_in_order_over_many_segments(void **state) {
  struct journal *j = open_journal(100);
  struct journal_reader r;
  struct segment *segment = NULL, *last = NULL;
  size_t segments = 0;
  journal_reader_init(&r, j);
  assert_null(journal_read(&r, &segment));
  for (int64_t id = 1; id <= 3000; id++) {
    reserve(j, id);
    settle(j, id);
  }
  for (int64_t i = 0; i < 6000; i++) {
    const struct record_head *h = journal_read(&r, &segment);
    assert_non_null(h);
    assert_int_equal(h->sequence, i + 1);
    assert_int_equal(h->id, i / 2 + 1);
    assert_int_equal(record_type(h), i % 2 ? RECORD_SETTLE : RECORD_RESERVE);
    segments += segment != last;
    last = segment;
  }
  assert_null(journal_read(&r, &segment));
  assert_true(segments > 5);
  assert_int_equal(j->appended, 6000);
  journal_close(j, true);
}

static void a_full_journal_refuses_and_still_settles_everything(void **state) {
  struct journal *j = open_journal(3);
  struct ledger_row row = make_row(1);
  static char long_text[RECORD_TEXT_MAX];
  struct segment *segment;
  struct journal_reader r;
  journal_reader_init(&r, j);
  memset(long_text, 'x', sizeof long_text);
  /* Settlements of the largest size for reservations of the smallest. */
  int64_t count = 0;
  while (journal_reserve(j, &row, &test_fault) == ERR_OK)
    row.id = ++count + 1;
  assert_int_equal(test_fault.err, ERR_STORE_FULL);
  EXPECT_MENTIONS("3 segments");
  assert_true(count > 20);
  int notes = 0;
  while (notes < 100 && journal_note(j, &row))
    notes++;
  assert_in_range(notes, 0, 50); /* what is left of a slot, never the room kept for settlements */
  struct text *texts[] = {&row.request_id, &row.key_name, &row.user,    &row.wire,           &row.operation,
                          &row.provider,   &row.model,    &row.outcome, &row.upstream_model, &row.upstream_request_id,
                          &row.credential, &row.error};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    *texts[i] = (struct text){long_text, sizeof long_text};
  for (row.id = 1; row.id <= count; row.id++)
    journal_settle(j, &row);
  assert_int_equal(j->segments, 3);
  int64_t settled = 0;
  for (const struct record_head *h; (h = journal_read(&r, &segment));)
    settled += record_type(h) == RECORD_SETTLE;
  assert_int_equal(settled, count);
  journal_close(j, true);
}

static void finished_segments_make_room_again(void **state) {
  struct journal *j = open_journal(3);
  struct journal_reader r;
  struct segment *segment;
  struct ledger_row row = make_row(1);
  journal_reader_init(&r, j);
  for (int round = 0; round < 20; round++) {
    for (row.id = 1; row.id <= 100; row.id++) {
      EXPECT_OK(journal_reserve(j, &row, &test_fault));
      journal_settle(j, &row);
    }
    while (journal_read(&r, &segment))
      ;
    for (struct segment *s = r.left; s; s = s->next_left)
      atomic_store(&s->done, true);
    r.left = NULL;
    journal_sweep(j);
    assert_true(j->segments <= 3);
  }
  journal_close(j, true);
}

static void a_segment_in_the_middle_can_go_first(void **state) {
  struct journal *j = open_journal(100);
  struct journal_reader r;
  struct segment *segment;
  journal_reader_init(&r, j);
  for (int64_t id = 1; id <= 1500; id++) {
    reserve(j, id);
    settle(j, id);
  }
  while (journal_read(&r, &segment))
    ;
  struct segment *first = j->first, *second = first->next, *third = second->next;
  atomic_store(&second->done, true);
  journal_sweep(j);
  assert_ptr_equal(j->first, first);
  assert_ptr_equal(first->next, third);
  atomic_store(&first->done, true);
  journal_sweep(j);
  assert_ptr_equal(j->first, third);
  journal_close(j, true);
}

static void spares_are_prepared_for_what_is_open(void **state) {
  struct journal *j = open_journal(100);
  EXPECT_OK(journal_prepare(j, &test_fault));
  assert_int_equal(j->spare_count, 1);
  for (int64_t id = 1; id <= 200; id++)
    reserve(j, id);
  EXPECT_OK(journal_prepare(j, &test_fault));
  assert_true(j->spare_count * j->slots_per_segment >= 400);
  journal_close(j, true);
}

/* From many fill levels, so that the edge of a slot falls on a reservation just when room is tightest. */
static void a_note_is_dropped_only_when_no_segment_can_be_had(void **state) {
  for (int before = 0; before < 40; before++) {
    struct journal *j = open_journal(100);
    struct ledger_row row = make_row(1);
    for (int i = 0; i < before; i++)
      assert_true(journal_note(j, &row));
    for (row.id = 1; row.id <= 200; row.id++) {
      EXPECT_OK(journal_reserve(j, &row, &test_fault));
      if (!journal_note(j, &row))
        fail_msg("the note of %lld, after %d others, was dropped", (long long)row.id, before);
    }
    journal_close(j, true);
  }
}

static void a_settlement_without_a_reservation_still_finds_memory(void **state) {
  struct journal *j = open_journal(1);
  struct ledger_row row = make_row(1);
  for (int i = 0; i < 2000; i++)
    journal_settle(j, &row);
  assert_int_equal(j->settled, 2000);
  journal_close(j, true);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_come_out_in_order_over_many_segments),
      cmocka_unit_test(a_full_journal_refuses_and_still_settles_everything),
      cmocka_unit_test(finished_segments_make_room_again),
      cmocka_unit_test(a_segment_in_the_middle_can_go_first),
      cmocka_unit_test(spares_are_prepared_for_what_is_open),
      cmocka_unit_test(a_note_is_dropped_only_when_no_segment_can_be_had),
      cmocka_unit_test(a_settlement_without_a_reservation_still_finds_memory),
  };
  return RUN_TESTS(tests);
}
