/* What is known of targets: names, counts that return to zero, the average and the percentile beside exact figures, and
 * many threads on one table. Times are arguments. */
#include "traffic/load.h"

#include "../base/expect.h"
#include "../fiber/fiber_test.h"
#include "traffic/slots.h"

#include <pthread.h>

#define MINUTE INT64_C(60000000)
#define START  (INT64_C(1000000) * MINUTE)

static void a_target_is_found_again_by_its_three_names(void **state) {
  struct loads *all = loads_new(10);
  char name[] = "openai";
  struct load *a = loads_find(all, text_of(name), TEXT("main"), TEXT("gpt"));
  name[0] = 'X'; /* the names are copied */
  assert_non_null(a);
  assert_ptr_equal(loads_find(all, TEXT("openai"), TEXT("main"), TEXT("gpt")), a);
  assert_ptr_not_equal(loads_find(all, TEXT("openai"), TEXT("main"), TEXT("gpt2")), a);
  assert_ptr_not_equal(loads_find(all, TEXT("openai"), TEXT("second"), TEXT("gpt")), a);
  assert_ptr_not_equal(loads_find(all, TEXT("azure"), TEXT("main"), TEXT("gpt")), a);
  assert_ptr_not_equal(loads_find(all, TEXT("openaim"), TEXT("ain"), TEXT("gpt")), a);
  struct load *nameless = loads_find(all, TEXT("openai"), TEXT_NONE, TEXT_NONE);
  assert_ptr_equal(loads_find(all, TEXT("openai"), TEXT(""), TEXT("")), nameless);
  loads_free(all);
  loads_free(NULL);
}

static void past_the_bound_there_are_no_new_targets_and_the_old_ones_stay(void **state) {
  struct loads *all = loads_new(300);
  struct load *targets[300];
  for (int pass = 0; pass < 2; pass++)
    for (uint32_t i = 0; i < 300; i++) {
      struct load *l = loads_find(all, TEXT("p"), TEXT("c"), (struct text){(const char *)&i, sizeof(i)});
      assert_non_null(l);
      if (pass == 0)
        targets[i] = l;
      assert_ptr_equal(l, targets[i]);
    }
  assert_null(loads_find(all, TEXT("p"), TEXT("c"), TEXT("one more")));
  loads_free(all);
  all = loads_new(0);
  assert_null(loads_find(all, TEXT("p"), TEXT("c"), TEXT("m")));
  loads_free(all);
}

static void no_target_is_a_target_of_which_nothing_is_known(void **state) {
  load_begin(NULL);
  load_end(NULL);
  load_note_first_token(NULL, true, 5, START);
  assert_int_equal(load_in_flight(NULL), 0);
  assert_int_equal(load_first_token_us(NULL, true, START), -1);
  assert_int_equal(load_first_token_p95_us(NULL, true, START), -1);
  assert_null(load_slots(NULL));
}

static void calls_in_flight_return_to_zero(void **state) {
  struct loads *all = loads_new(10);
  struct load *a = loads_find(all, TEXT("p"), TEXT("c"), TEXT("a"));
  struct load *b = loads_find(all, TEXT("p"), TEXT("c"), TEXT("b"));
  load_begin(a);
  load_begin(a);
  load_begin(b);
  assert_int_equal(load_in_flight(a), 2);
  assert_int_equal(loads_in_flight(all), 3);
  load_end(a);
  load_end(b);
  load_end(a);
  assert_int_equal(load_in_flight(a), 0);
  assert_int_equal(loads_in_flight(all), 0);
  loads_free(all);
}

static void the_average_moves_by_an_eighth_and_is_forgotten_after_5_minutes(void **state) {
  struct loads *all = loads_new(1);
  struct load *l = loads_find(all, TEXT("p"), TEXT("c"), TEXT("m"));
  assert_int_equal(load_first_token_us(l, true, 0), -1);
  assert_int_equal(load_first_token_us(l, true, START), -1);
  load_note_first_token(l, true, 800000, START);
  assert_int_equal(load_first_token_us(l, true, START), 800000);
  load_note_first_token(l, true, 1600000, START + MINUTE);
  assert_int_equal(load_first_token_us(l, true, START + MINUTE), 900000);
  load_note_first_token(l, true, 100000, START + 2 * MINUTE);
  assert_int_equal(load_first_token_us(l, true, START + 7 * MINUTE), 800000);
  assert_int_equal(load_first_token_us(l, true, START + 7 * MINUTE + 1), -1);
  load_note_first_token(l, true, 5000, START + 7 * MINUTE + 1); /* what is forgotten does not come back */
  assert_int_equal(load_first_token_us(l, true, START + 7 * MINUTE + 1), 5000);
  loads_free(all);
}

static void the_average_of_a_thread_with_a_clock_a_little_behind_is_known(void **state) {
  struct loads *all = loads_new(1);
  struct load *l = loads_find(all, TEXT("p"), TEXT("c"), TEXT("m"));
  load_note_first_token(l, true, 0, START);
  assert_int_equal(load_first_token_us(l, true, START - 5000), 0);
  load_note_first_token(l, true, -8, START - 5000);
  assert_int_equal(load_first_token_us(l, true, START), 0);
  load_note_first_token(l, true, INT64_MAX, START); /* as if 4.7 hours */
  assert_in_range(load_first_token_us(l, true, START), 1, INT64_C(5) * 60 * MINUTE / 8);
  loads_free(all);
}

static uint64_t state_of_random = 88172645463325252u;
static uint64_t next_random(void) {
  state_of_random ^= state_of_random << 13;
  state_of_random ^= state_of_random >> 7;
  state_of_random ^= state_of_random << 17;
  return state_of_random >> 11;
}

static int by_size(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

#define EXPECT_WITHIN_10_PERCENT(got, exact)                                                                           \
  do {                                                                                                                 \
    int64_t got_ = (got), exact_ = (exact);                                                                            \
    assert_in_range(got_, exact_ - exact_ / 10, exact_ + exact_ / 10);                                                 \
  } while (0)

static void the_percentile_is_within_10_percent_for_any_times(void **state) {
  static int64_t samples[1000];
  struct loads *all = loads_new(2000);
  for (uint32_t i = 0; i < 2000; i++) {
    struct load *l = loads_find(all, TEXT("p"), TEXT("c"), (struct text){(const char *)&i, sizeof(i)});
    size_t count = LOAD_P95_MIN + next_random() % 980;
    int64_t low = (int64_t)(next_random() >> (20 + next_random() % 33)),
            spread = 1 + low * (int64_t)(next_random() % 20);
    for (size_t k = 0; k < count; k++) {
      int64_t sample = low + (int64_t)(next_random() % (uint64_t)spread);
      samples[k] = sample < (INT64_C(1) << 34) ? sample : (INT64_C(1) << 34) - 1;
      load_note_first_token(l, true, samples[k], START);
    }
    qsort(samples, count, sizeof(samples[0]), by_size);
    EXPECT_WITHIN_10_PERCENT(load_first_token_p95_us(l, true, START), samples[(count * 95 + 99) / 100 - 1]);
  }
  loads_free(all);
}

static void the_percentile_is_unknown_below_20_samples(void **state) {
  struct loads *all = loads_new(1);
  struct load *l = loads_find(all, TEXT("p"), TEXT("c"), TEXT("m"));
  for (int i = 0; i < LOAD_P95_MIN; i++) {
    assert_int_equal(load_first_token_p95_us(l, true, START), -1);
    load_note_first_token(l, true, i == 7 ? 50000 : 3, START);
  }
  assert_int_equal(load_first_token_p95_us(l, true, START), 3); /* one of twenty is above */
  load_note_first_token(l, true, 50000, START);
  EXPECT_WITHIN_10_PERCENT(load_first_token_p95_us(l, true, START), 50000); /* two of 21 */
  loads_free(all);
}

static void note_many(struct load *l, int64_t took_us, int64_t now_us) {
  for (int i = 0; i < 100; i++)
    load_note_first_token(l, true, took_us, now_us);
}
static void samples_count_for_two_and_a_half_minutes_at_least_and_five_at_most(void **state) {
  struct loads *all = loads_new(1);
  struct load *l = loads_find(all, TEXT("p"), TEXT("c"), TEXT("m"));
  for (int64_t now_us = START; now_us < START + 20 * MINUTE; now_us += MINUTE / 6) {
    note_many(l, 900000, now_us);
    EXPECT_WITHIN_10_PERCENT(load_first_token_p95_us(l, true, now_us + 150 * MINUTE / 60), 900000);
    assert_int_equal(load_first_token_p95_us(l, true, now_us + 5 * MINUTE), -1);
  }
  for (int64_t i = 1; i <= 10; i++) { /* it is faster now */
    note_many(l, 100000, START + (20 + i) * MINUTE);
    if (i >= 5)
      EXPECT_WITHIN_10_PERCENT(load_first_token_p95_us(l, true, START + (20 + i) * MINUTE), 100000);
  }
  loads_free(all);
}

static void wait_for_a_place(void *arg) {
  struct slots *s = load_slots(arg);
  struct slots_ask ask = {.limit = 1, .queue_max = 5, .deadline_us = INT64_MAX, .wait_us = TEST_FAR_US};
  struct slot held = {0};
  assert_int_equal(slots_wait(s, &ask, &held, NULL), ERR_OK);
  slot_give_back(&held);
}
static void look_at_the_list(void *arg) {
  struct loads *all = arg;
  struct load *a = loads_find(all, TEXT("p"), TEXT("c"), TEXT("a")),
              *b = loads_find(all, TEXT("q"), TEXT("d"), TEXT("b"));
  struct slots_ask ask = {.limit = 1};
  struct slot held = {0};
  struct load_row row;
  size_t cursor = 0;
  assert_ptr_not_equal(load_slots(a), load_slots(b));
  assert_int_equal(slots_try(load_slots(b), &ask, &held), ERR_OK);
  test_start(loop_current(), wait_for_a_place, b);
  assert_int_equal(fiber_yield(), ERR_OK);
  load_begin(b);
  note_many(b, 5, START);
  assert_true(loads_next(all, &cursor, START, &row));
  EXPECT_TEXT(row.model, TEXT("a"));
  assert_int_equal(row.in_flight + row.waiting, 0);
  assert_int_equal(row.first_token_us, -1);
  assert_true(loads_next(all, &cursor, START, &row));
  EXPECT_TEXT(row.provider, TEXT("q"));
  EXPECT_TEXT(row.credential, TEXT("d"));
  EXPECT_TEXT(row.model, TEXT("b"));
  assert_int_equal(row.in_flight, 1);
  assert_int_equal(row.waiting, 1);
  assert_int_equal(loads_waiting(all), 1);
  assert_int_equal(row.first_token_us, 5);
  assert_int_equal(row.first_token_p95_us, 5);
  assert_false(loads_next(all, &cursor, START, &row));
  load_end(b);
  slot_give_back(&held);
}
static void operators_see_every_target_in_order(void **state) {
  struct loads *all = loads_new(10);
  test_run(look_at_the_list, all);
  loads_free(all);
}

#define THREADS 4
#define ROUNDS  3000
#define NAMES   50

static void *call_often(void *arg) {
  struct loads *all = arg;
  for (uint32_t i = 0; i < ROUNDS; i++) {
    uint32_t name = i % NAMES;
    struct load *l = loads_find(all, TEXT("p"), TEXT("c"), (struct text){(const char *)&name, sizeof(name)});
    load_begin(l);
    load_note_first_token(l, true, 1000 + name, START + i * MINUTE / 60);
    (void)load_first_token_p95_us(l, true, START + i * MINUTE / 60);
    (void)load_first_token_us(l, true, START + i * MINUTE / 60);
    load_end(l);
  }
  return NULL;
}
static void many_threads_share_a_table(void **state) {
  struct loads *all = loads_new(NAMES);
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, call_often, all), 0);
  for (size_t i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  struct load_row row;
  size_t cursor = 0, count = 0;
  while (loads_next(all, &cursor, START + ROUNDS * MINUTE / 60, &row)) {
    uint32_t name;
    assert_int_equal(row.model.len, sizeof(name));
    memcpy(&name, row.model.at, sizeof(name));
    assert_int_equal(row.first_token_us, 1000 + name);
    count++;
  }
  assert_int_equal(count, NAMES);
  assert_int_equal(loads_in_flight(all), 0);
  loads_free(all);
}

/* Every thread's samples are in the percentile: 5 % and one more are slow. */
static void *note_few_slow_ones(void *arg) {
  for (int i = 0; i < 1000; i++)
    load_note_first_token(arg, true, i < 51 ? 700000 : 1000, START);
  return NULL;
}
static void no_sample_is_lost_between_threads(void **state) {
  struct loads *all = loads_new(1);
  struct load *l = loads_find(all, TEXT("p"), TEXT("c"), TEXT("m"));
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, note_few_slow_ones, l), 0);
  for (size_t i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  EXPECT_WITHIN_10_PERCENT(load_first_token_p95_us(l, true, START), 700000);
  loads_free(all);
}

static void test_streams_and_plain_answers_are_measured_apart(void **state) {
  struct loads *all = loads_new(4);
  struct load *l = loads_find(all, TEXT("p"), TEXT("c"), TEXT("m"));
  size_t cursor = 0;
  struct load_row row;
  load_note_first_token(l, true, 200000, 1000);
  assert_int_equal(load_first_token_us(l, true, 1000), 200000);
  assert_int_equal(load_first_token_us(l, false, 1000), -1);
  for (int i = 0; i < LOAD_P95_MIN; i++)
    load_note_first_token(l, false, 9000000, 1000);
  assert_int_equal(load_first_token_us(l, true, 1000), 200000);
  assert_int_equal(load_first_token_p95_us(l, true, 1000), -1);
  assert_true(load_first_token_p95_us(l, false, 1000) > 8000000);
  assert_true(loads_next(all, &cursor, 1000, &row));
  assert_int_equal(row.first_token_us, 200000);
  assert_int_equal(row.answer_us, 9000000);
  loads_free(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_streams_and_plain_answers_are_measured_apart),
      cmocka_unit_test(a_target_is_found_again_by_its_three_names),
      cmocka_unit_test(past_the_bound_there_are_no_new_targets_and_the_old_ones_stay),
      cmocka_unit_test(no_target_is_a_target_of_which_nothing_is_known),
      cmocka_unit_test(calls_in_flight_return_to_zero),
      cmocka_unit_test(the_average_moves_by_an_eighth_and_is_forgotten_after_5_minutes),
      cmocka_unit_test(the_average_of_a_thread_with_a_clock_a_little_behind_is_known),
      cmocka_unit_test(the_percentile_is_within_10_percent_for_any_times),
      cmocka_unit_test(the_percentile_is_unknown_below_20_samples),
      cmocka_unit_test(samples_count_for_two_and_a_half_minutes_at_least_and_five_at_most),
      cmocka_unit_test(operators_see_every_target_in_order),
      cmocka_unit_test(many_threads_share_a_table),
      cmocka_unit_test(no_sample_is_lost_between_threads),
  };
  return RUN_TESTS(tests);
}
