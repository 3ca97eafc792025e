/* A seat on a shared store: kept while the store answers, lost after 20 hours of the process's own clock, found anew
 * when the store has forgotten it; and the ledger that goes by it. */
#include "ledger/seat.h"

#include "fake_store.h"
#include "ledger/ids.h"

#include <poll.h>
#include <stdatomic.h>

#define HOUR_US INT64_C(3600000000)

static _Atomic int64_t clock_now_us;

static int64_t pretended_clock_us(void) { return atomic_load(&clock_now_us); }

static struct fake_store *shared_new(void) {
  struct fake_store *s = fake_new();
  s->base.ops = &fake_shared_ops;
  return s;
}

static struct seat *take(struct fake_store *s, uint64_t boot, unsigned want) {
  struct seat_options o = {.store = &s->base, .boot = boot, .renew_ms = 1, .clock_us = pretended_clock_us};
  struct seat *seat = NULL;
  int64_t above = -1;
  EXPECT_OK(seat_take(&o, &seat, &test_fault));
  assert_int_equal(seat_number(seat, &above), want);
  assert_true(above >= 0 && seat_is_held(seat));
  return seat;
}

static void wait_for(struct fake_store *s, uint64_t *counter, uint64_t more) {
  pthread_mutex_lock(&s->lock);
  uint64_t until = *counter + more;
  pthread_mutex_unlock(&s->lock);
  for (int i = 0; i < 10000; i++) {
    pthread_mutex_lock(&s->lock);
    bool there = *counter >= until;
    pthread_mutex_unlock(&s->lock);
    if (there)
      return;
    (void)poll(NULL, 0, 1);
  }
  fail_msg("the seat was not looked after");
}

static void wait_until_held(struct seat *seat) {
  for (int i = 0; i < 10000 && !seat_is_held(seat); i++)
    (void)poll(NULL, 0, 1);
  assert_true(seat_is_held(seat));
}

static void a_seat_is_renewed_and_given_back(void **state) {
  struct fake_store *s = shared_new();
  struct seat *first = take(s, 10, 0), *second = take(s, 11, 1);
  wait_for(s, &s->renewals, 4);
  atomic_fetch_add(&clock_now_us, 30 * HOUR_US);
  wait_until_held(first);
  wait_until_held(second);
  seat_leave(first, true);
  assert_int_equal(s->boots[0], 0);
  seat_leave(second, false);
  assert_int_equal(s->boots[1], 11);
  seat_leave(NULL, true);
  fake_free(s);
}

static void without_the_store_it_is_lost_after_20_hours_and_comes_back_with_it(void **state) {
  struct fake_store *s = shared_new();
  struct seat *seat = take(s, 10, 0);
  fake_set_failing(s, true);
  wait_for(s, &s->renewals, 2);
  atomic_fetch_add(&clock_now_us, 20 * HOUR_US - 1000000);
  assert_true(seat_is_held(seat));
  atomic_fetch_add(&clock_now_us, 1000000);
  assert_false(seat_is_held(seat));
  fake_set_failing(s, false);
  wait_until_held(seat);
  seat_leave(seat, true);
  fake_free(s);
}

static void a_seat_that_the_store_has_forgotten_is_replaced(void **state) {
  struct fake_store *s = shared_new();
  struct ledger_row row = make_row(77);
  fake_add(s, &row, true);
  struct seat *seat = take(s, 10, 0);
  pthread_mutex_lock(&s->lock);
  s->boots[0] = 99; /* another process sits there */
  pthread_mutex_unlock(&s->lock);
  int64_t above = 0;
  for (int i = 0; i < 10000 && (seat_number(seat, &above) == 0 || !seat_is_held(seat)); i++)
    (void)poll(NULL, 0, 1);
  assert_int_equal(seat_number(seat, &above), 1);
  assert_int_equal(above, 77);
  seat_leave(seat, true);
  assert_int_equal(s->boots[0], 99);
  fake_free(s);
}

static void no_seat_no_start(void **state) {
  struct fake_store *s = shared_new();
  struct seat_options o = {.store = &s->base, .boot = 1};
  struct seat *seat = NULL;
  for (unsigned i = 0; i < 8; i++)
    s->boots[i] = 100 + i;
  EXPECT_ERR(seat_take(&o, &seat, &test_fault), ERR_LIMIT);
  s->fails = true;
  EXPECT_ERR(seat_take(&o, &seat, &test_fault), ERR_STORE);
  assert_null(seat);
  fake_free(s);
}

static struct ledger *open_ledger(struct fake_store *s, const char *dir) {
  struct ledger_options o = {.data_dir = dir,
                             .workers = 1,
                             .sync_interval_ms = 1,
                             .flush_interval_ms = 1,
                             .segment_bytes = 65536,
                             .seat_clock_us = pretended_clock_us};
  struct ledger *l = NULL;
  uint64_t recovered;
  EXPECT_OK(ledger_open(&o, &s->base, &l, &recovered, &test_fault));
  return l;
}

static unsigned seat_of(int64_t id) { return (unsigned)(id >> 12) & (IDS_SEATS_MAX - 1); }

static void a_ledger_on_a_shared_store_numbers_by_its_seat(void **state) {
  struct fake_store *s = shared_new();
  s->boots[0] = 5; /* a replica elsewhere */
  struct ledger *l = open_ledger(s, test_dir);
  assert_int_equal(s->boots[1], ledger_boot(l));
  struct ledger_row row = make_row(0);
  EXPECT_OK(ledger_reserve(l, 0, &row, &test_fault));
  assert_int_equal(seat_of(row.id), 1);
  fill_settlement(&row, 7);
  ledger_settle(l, 0, &row);
  fake_set_failing(s, true);
  atomic_fetch_add(&clock_now_us, 20 * HOUR_US);
  struct ledger_row refused = make_row(0);
  EXPECT_ERR(ledger_reserve(l, 0, &refused, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("lost its seat");
  EXPECT_ERR(ledger_check(l, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("lost its seat");
  fake_set_failing(s, false);
  ledger_close(l, 10000);
  assert_int_equal(s->boots[1], 0);
  assert_int_equal(s->boots[0], 5);
  fake_free(s);
}

static void the_seat_of_a_killed_process_is_free_once_its_journal_is_replayed(void **state) {
  struct fake_store *s = shared_new();
  struct ledger *killed = open_ledger(s, test_dir);
  struct ledger_row row = make_row(0);
  EXPECT_OK(ledger_reserve(killed, 0, &row, &test_fault));
  ledger_close(killed, 0); /* its reservation is open, so it says no goodbye */
  assert_true(s->boots[0] != 0);
  struct ledger *next = open_ledger(s, test_dir);
  assert_int_equal(s->boots[0], ledger_boot(next));
  EXPECT_TEXT(fake_row(s, row.id)->outcome, TEXT("recovered"));
  ledger_close(next, 10000);
  assert_int_equal(s->boots[0], 0);
  fake_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_seat_is_renewed_and_given_back),
      cmocka_unit_test(without_the_store_it_is_lost_after_20_hours_and_comes_back_with_it),
      cmocka_unit_test(a_seat_that_the_store_has_forgotten_is_replaced),
      cmocka_unit_test(no_seat_no_start),
      TEST_WITH_DIR(a_ledger_on_a_shared_store_numbers_by_its_seat),
      TEST_WITH_DIR(the_seat_of_a_killed_process_is_free_once_its_journal_is_replayed),
  };
  return RUN_TESTS(tests);
}
