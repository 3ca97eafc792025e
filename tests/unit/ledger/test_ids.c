/* Ids grow whatever the clock does, and no two workers of any two processes share one. */
#include "ledger/ids.h"

#include "expect.h"

#define NOW_US 1790000000123456LL

static void ids_grow_and_tell_their_time(void **state) {
  struct ids g;
  ids_init(&g, 1, 3, 0);
  int64_t first = ids_next(&g, NOW_US), second = ids_next(&g, NOW_US), third = ids_next(&g, NOW_US + 1000);
  assert_true(first > 0 && second == first + 1 && third > second);
  assert_int_equal(ids_time_us(first), NOW_US / 1000 * 1000);
  assert_int_equal(ids_time_us(third), NOW_US / 1000 * 1000 + 1000);
}

static void a_clock_that_steps_back_does_not_matter(void **state) {
  struct ids g;
  int64_t last = 0;
  ids_init(&g, 0, 0, 0);
  for (int i = 0; i < 1000; i++) {
    int64_t id = ids_next(&g, NOW_US - (i % 7) * 3600000000LL + i * 500);
    assert_true(id > last);
    last = id;
  }
}

static void more_ids_than_fit_a_millisecond_run_ahead_of_the_clock(void **state) {
  struct ids g;
  int64_t last = 0;
  ids_init(&g, 1023, 63, 0);
  for (int i = 0; i < 50000; i++) {
    int64_t id = ids_next(&g, NOW_US);
    assert_true(id > last);
    last = id;
  }
  assert_int_equal(ids_time_us(last), NOW_US / 1000 * 1000 + 781000);
}

static void workers_never_share_an_id(void **state) {
  struct ids a, b, of_next_process;
  ids_init(&a, 5, 0, 0);
  ids_init(&b, 5, 1, 0);
  ids_init(&of_next_process, 6, 0, 0);
  int64_t last_of_a = 0, last_of_b = 0, first_of_b = ids_next(&b, NOW_US);
  for (int i = 0; i < 64; i++)
    last_of_a = ids_next(&a, NOW_US);
  assert_true(last_of_a < first_of_b);
  ids_init(&b, 5, 63, 0);
  for (int i = 0; i < 64; i++)
    last_of_b = ids_next(&b, NOW_US);
  assert_true(last_of_b < ids_next(&of_next_process, NOW_US));
}

static void an_id_of_an_older_version_keeps_its_place_in_time(void **state) {
  struct ids g;
  int64_t ms = NOW_US / 1000 - 1704067200000LL, old = ms << 22 | 255LL << 14 | 16383;
  assert_int_equal(ids_time_us(old), NOW_US / 1000 * 1000);
  ids_init(&g, 0, 0, 0);
  assert_true(ids_next(&g, NOW_US - 1000) < old);
  assert_true(ids_next(&g, NOW_US + 1000) > old);
}

static void a_restart_begins_above_everything_seen(void **state) {
  struct ids g;
  ids_init(&g, 9, 20, 0);
  int64_t seen = ids_next(&g, NOW_US);
  ids_init(&g, 0, 0, seen);
  assert_true(ids_next(&g, NOW_US - 1000000000) > seen);
  assert_true(ids_next(&g, 0) > seen);
}

static void a_worker_that_moves_to_another_seat_goes_on_above(void **state) {
  struct ids g, other;
  ids_init(&g, 5, 2, 0);
  int64_t before = ids_next(&g, NOW_US);
  ids_move(&g, 9, 2, 0);
  int64_t after = ids_next(&g, NOW_US - 5000);
  assert_true(after > before);
  ids_init(&other, 9, 3, 0);
  assert_int_equal(ids_next(&other, ids_time_us(after)) - after, 1 << 6);
  ids_move(&g, 10, 2, INT64_MAX / 2);
  assert_true(ids_next(&g, NOW_US) > INT64_MAX / 2);
}

static void no_id_is_zero(void **state) {
  struct ids g;
  ids_init(&g, 0, 0, 0);
  assert_true(ids_next(&g, 0) > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ids_grow_and_tell_their_time),
      cmocka_unit_test(a_clock_that_steps_back_does_not_matter),
      cmocka_unit_test(more_ids_than_fit_a_millisecond_run_ahead_of_the_clock),
      cmocka_unit_test(workers_never_share_an_id),
      cmocka_unit_test(an_id_of_an_older_version_keeps_its_place_in_time),
      cmocka_unit_test(a_restart_begins_above_everything_seen),
      cmocka_unit_test(a_worker_that_moves_to_another_seat_goes_on_above),
      cmocka_unit_test(no_id_is_zero),
  };
  return RUN_TESTS(tests);
}
