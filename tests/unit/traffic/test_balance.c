/* The order of targets: always a permutation of all or the best of them, the rule of each strategy for facts of every
 * kind, and chance where, and only where, a strategy leaves a choice. Random numbers are a fixed sequence. */
#include "traffic/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#define DRAWS      100000
#define STRATEGIES (BALANCE_LEAST_BUSY + 1)

static uint64_t state = 88172645463325252u;
static uint64_t next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/* Values that meet often, so that ties occur, and now and then an unknown or an extreme one. */
static int64_t some_value(int64_t range) {
  static const int64_t odd[] = {-1, -1, -1, 0, INT64_MAX, INT64_MIN, INT64_C(1) << 54};
  uint64_t r = next_random();
  return r % 8 == 0 ? odd[r / 8 % (sizeof(odd) / sizeof(odd[0]))] : (int64_t)(r / 8 % (uint64_t)range);
}

static void fill(struct balance_fact *facts, size_t count, int64_t range) {
  for (size_t i = 0; i < count; i++)
    facts[i] = (struct balance_fact){.weight = some_value(range),
                                     .latency_us = some_value(range),
                                     .cost_nano = some_value(range),
                                     .in_flight = (uint32_t)some_value(range)};
}

/* Calls check(facts, order, count) for orders of many random facts. */
static void for_all(enum balance_strategy s,
                    void (*check)(const struct balance_fact *f, const uint16_t *order, size_t n)) {
  for (int i = 0; i < 3000; i++) {
    static struct balance_fact facts[BALANCE_MAX];
    static uint16_t order[BALANCE_MAX];
    size_t count = i <= BALANCE_MAX ? (size_t)i : next_random() % 40;
    fill(facts, count, (int64_t[]){3, 20, 1000, INT64_C(1) << 40}[i % 4]);
    memset(order, 0xff, sizeof(order));
    balance_order(s, facts, count, count, next_random(), order);
    check(facts, order, count);
  }
}

static void is_permutation(const struct balance_fact *facts, const uint16_t *order, size_t count) {
  bool seen[BALANCE_MAX] = {0};
  for (size_t i = 0; i < count; i++) {
    assert_in_range(order[i], 0, count - 1);
    assert_false(seen[order[i]]);
    seen[order[i]] = true;
  }
  if (count < BALANCE_MAX)
    assert_int_equal(order[count], 0xffff);
}
static void every_order_is_a_permutation(void **unused) {
  for (int s = 0; s < STRATEGIES; s++)
    for_all((enum balance_strategy)s, is_permutation);
}

/* Orders without chance: whoever wants fewer gets the front of what others get. */
static void the_best_few_are_the_front_of_all(void **unused) {
  static const enum balance_strategy strategies[] = {BALANCE_ORDERED, BALANCE_WEIGHTED, BALANCE_COST,
                                                     BALANCE_LEAST_BUSY};
  for (size_t i = 0; i < 4000; i++) {
    static struct balance_fact facts[BALANCE_MAX];
    uint16_t all[BALANCE_MAX], few[BALANCE_MAX + 1];
    size_t count = next_random() % (BALANCE_MAX + 1), wanted = next_random() % 40;
    uint64_t random = next_random();
    fill(facts, count, (int64_t[]){3, 20, 1000, INT64_C(1) << 40}[i / 4 % 4]);
    memset(few, 0xff, sizeof(few));
    assert_int_equal(balance_order(strategies[i % 4], facts, count, count, random, all), count);
    size_t got = balance_order(strategies[i % 4], facts, count, wanted, random, few);
    assert_int_equal(got, wanted < count ? wanted : count);
    assert_memory_equal(few, all, got * sizeof(few[0]));
    assert_int_equal(few[got], 0xffff);
  }
}

static void the_same_arguments_give_the_same_order_and_another_number_another(void **unused) {
  static const struct balance_fact facts[60] = {{.weight = 0}};
  struct balance_fact alike[60];
  memcpy(alike, facts, sizeof(alike));
  for (size_t i = 0; i < 60; i++)
    alike[i].weight = 1;
  for (int s = 0; s < STRATEGIES; s++) {
    uint16_t first[60], again[60], other[60];
    balance_order((enum balance_strategy)s, alike, 60, 60, 7, first);
    balance_order((enum balance_strategy)s, alike, 60, 60, 7, again);
    balance_order((enum balance_strategy)s, alike, 60, 60, 8, other);
    assert_memory_equal(first, again, sizeof(first));
    bool has_chance = s == BALANCE_WEIGHTED || s == BALANCE_LATENCY || s == BALANCE_LEAST_BUSY;
    assert_int_equal(memcmp(first, other, sizeof(first)) != 0, has_chance);
  }
}

static void is_as_given(const struct balance_fact *facts, const uint16_t *order, size_t count) {
  for (size_t i = 0; i < count; i++)
    assert_int_equal(order[i], i);
}
static void ordered_is_as_given(void **unused) { for_all(BALANCE_ORDERED, is_as_given); }

/* 100,000 draws: a tolerance of 800 is more than five standard deviations. */
#define EXPECT_ABOUT(got, expected) assert_in_range((got), (expected)-800, (expected) + 800)

static void weighted_draws_each_next_one_by_weight_among_the_rest(void **unused) {
  static const struct balance_fact facts[] = {
      {.weight = 2}, {.weight = 0}, {.weight = 5}, {.weight = 3}, {.weight = -4}};
  int first[5] = {0}, then[5][5] = {{0}};
  for (int i = 0; i < DRAWS; i++) {
    uint16_t order[5];
    balance_order(BALANCE_WEIGHTED, facts, 5, 5, next_random(), order);
    first[order[0]]++;
    then[order[0]][order[1]]++;
    assert_int_equal(order[3], 1);
    assert_int_equal(order[4], 4);
  }
  EXPECT_ABOUT(first[0], DRAWS / 10 * 2);
  EXPECT_ABOUT(first[2], DRAWS / 10 * 5);
  EXPECT_ABOUT(first[3], DRAWS / 10 * 3);
  EXPECT_ABOUT(then[0][2], DRAWS / 10 * 2 / 8 * 5);
  EXPECT_ABOUT(then[2][3], DRAWS / 10 * 5 / 5 * 3);
  EXPECT_ABOUT(then[3][0], DRAWS / 10 * 3 / 7 * 2);
}

static void weighted_keeps_its_shares_among_a_hundred_and_for_consecutive_numbers(void **unused) {
  struct balance_fact facts[100];
  int first[100] = {0};
  for (size_t i = 0; i < 100; i++)
    facts[i] = (struct balance_fact){.weight = i == 99 ? 99 : 1};
  for (uint64_t i = 0; i < DRAWS; i++) {
    uint16_t order[100];
    balance_order(BALANCE_WEIGHTED, facts, 100, 100, i, order);
    first[order[0]]++;
  }
  EXPECT_ABOUT(first[99], DRAWS / 2);
  for (size_t i = 0; i < 99; i++)
    assert_in_range(first[i], DRAWS / 198 - 150, DRAWS / 198 + 150);
}

static void the_largest_weights_do_not_break_the_draw(void **unused) {
  static const struct balance_fact facts[] = {{.weight = INT64_MAX}, {.weight = INT64_MAX}, {.weight = 1}};
  int first[3] = {0};
  for (int i = 0; i < DRAWS; i++) {
    uint16_t order[3];
    balance_order(BALANCE_WEIGHTED, facts, 3, 3, next_random(), order);
    first[order[0]]++;
  }
  EXPECT_ABOUT(first[0], DRAWS / 2);
  assert_int_equal(first[2], 0);
}

static void weights_below_one_come_last_as_given(const struct balance_fact *f, const uint16_t *order, size_t count) {
  for (size_t i = 1; i < count; i++)
    if (f[order[i - 1]].weight <= 0) {
      assert_true(f[order[i]].weight <= 0);
      assert_true(order[i - 1] < order[i]);
    }
}
static void weight_0_comes_after_all_positive_ones_as_given(void **unused) {
  for_all(BALANCE_WEIGHTED, weights_below_one_come_last_as_given);
}

static int64_t capped(int64_t value) { return value > INT64_C(1) << 54 ? INT64_C(1) << 54 : value; }

/* Nobody is more than a tenth slower than anybody behind. */
static void is_by_latency(const struct balance_fact *f, const uint16_t *order, size_t count) {
  int64_t fastest_behind = INT64_MAX;
  for (size_t i = count; i-- > 0;) {
    int64_t latency = capped(f[order[i]].latency_us);
    if (latency < 0) {
      fastest_behind = -1;
      continue;
    }
    assert_true(fastest_behind >= 0);
    assert_true(fastest_behind == INT64_MAX || latency <= fastest_behind + fastest_behind / 10);
    fastest_behind = latency < fastest_behind ? latency : fastest_behind;
  }
}
static void latency_tries_the_unknown_first_and_then_the_fastest(void **unused) {
  static const struct balance_fact facts[] = {
      {.latency_us = 900}, {.latency_us = 100}, {.latency_us = -1}, {.latency_us = 0}, {.latency_us = 300}};
  static const uint16_t expected[] = {2, 3, 1, 4, 0};
  uint16_t order[5];
  balance_order(BALANCE_LATENCY, facts, 5, 5, 1, order);
  assert_memory_equal(order, expected, sizeof(expected));
  for_all(BALANCE_LATENCY, is_by_latency);
}

static void near_ties_in_latency_are_shared_and_a_chain_of_them_is_not(void **unused) {
  static const struct balance_fact facts[] = {
      {.latency_us = 1110}, {.latency_us = 1000}, {.latency_us = 1100}, {.latency_us = 1050}};
  int first[4] = {0};
  for (int i = 0; i < DRAWS; i++) {
    uint16_t order[4];
    balance_order(BALANCE_LATENCY, facts, 4, 4, next_random(), order);
    first[order[0]]++;
    assert_int_equal(order[3], 0);
  }
  for (int i = 1; i < 4; i++)
    EXPECT_ABOUT(first[i], DRAWS / 3);
}

/* Thirty within a tenth of each other and one faster: whoever is drawn for the second place, it may be any of them. */
static void near_ties_are_shared_by_more_than_are_wanted(void **unused) {
  struct balance_fact facts[40];
  int second[40] = {0};
  for (size_t i = 0; i < 40; i++)
    facts[i] = (struct balance_fact){.latency_us = i == 17 ? 500 : i < 31 ? 1000 + (int64_t)i : 5000};
  for (int i = 0; i < DRAWS; i++) {
    uint16_t order[3];
    assert_int_equal(balance_order(BALANCE_LATENCY, facts, 40, 3, next_random(), order), 3);
    assert_int_equal(order[0], 17);
    assert_int_not_equal(order[1], order[2]);
    second[order[1]]++;
  }
  for (size_t i = 0; i < 40; i++)
    assert_in_range(second[i], i < 31 && i != 17 ? DRAWS / 30 - 350 : 0, i < 31 && i != 17 ? DRAWS / 30 + 350 : 0);
}

static void targets_of_unknown_latency_are_measured_in_turn(void **unused) {
  static const struct balance_fact facts[] = {{.latency_us = -1}, {.latency_us = 5}, {.latency_us = -1}};
  int first[3] = {0};
  for (int i = 0; i < DRAWS; i++) {
    uint16_t order[3];
    balance_order(BALANCE_LATENCY, facts, 3, 3, next_random(), order);
    first[order[0]]++;
  }
  EXPECT_ABOUT(first[0], DRAWS / 2);
  assert_int_equal(first[1], 0);
}

static void is_by_cost(const struct balance_fact *f, const uint16_t *order, size_t count) {
  for (size_t i = 1; i < count; i++) {
    int64_t a = capped(f[order[i - 1]].cost_nano), b = capped(f[order[i]].cost_nano);
    bool tie = a == b || (a < 0 && b < 0);
    assert_true(tie ? order[i - 1] < order[i] : b < 0 || (a >= 0 && a < b));
  }
}
static void cost_is_cheapest_first_ties_as_given_unknown_last(void **unused) {
  static const struct balance_fact facts[] = {
      {.cost_nano = -1}, {.cost_nano = 7}, {.cost_nano = 0}, {.cost_nano = 7}, {.cost_nano = -1}};
  static const uint16_t expected[] = {2, 1, 3, 0, 4};
  uint16_t order[5];
  balance_order(BALANCE_COST, facts, 5, 5, 1, order);
  assert_memory_equal(order, expected, sizeof(expected));
  for_all(BALANCE_COST, is_by_cost);
}

static void is_by_load(const struct balance_fact *f, const uint16_t *order, size_t count) {
  for (size_t i = 1; i < count; i++) {
    const struct balance_fact *a = &f[order[i - 1]], *b = &f[order[i]];
    bool a_last = a->weight <= 0, b_last = b->weight <= 0;
    assert_true(a_last <= b_last);
    if (a_last == b_last) {
      double a_ratio = (double)a->in_flight / (a_last ? 1 : (double)a->weight);
      double b_ratio = (double)b->in_flight / (b_last ? 1 : (double)b->weight);
      assert_true(a_ratio <= b_ratio * (1 + 1e-6));
    }
  }
}
static void least_busy_goes_by_calls_in_flight_for_their_weight(void **unused) {
  static const struct balance_fact facts[] = {{.weight = 1, .in_flight = 2},
                                              {.weight = 0, .in_flight = 1},
                                              {.weight = 10, .in_flight = 11},
                                              {.weight = 0, .in_flight = 0},
                                              {.weight = 3, .in_flight = 2}};
  static const uint16_t expected[] = {4, 2, 0, 3, 1};
  uint16_t order[5];
  balance_order(BALANCE_LEAST_BUSY, facts, 5, 5, 1, order);
  assert_memory_equal(order, expected, sizeof(expected));
  for_all(BALANCE_LEAST_BUSY, is_by_load);
}

static void equally_busy_targets_are_taken_at_random(void **unused) {
  static const struct balance_fact facts[] = {{.weight = 1, .in_flight = 1},
                                              {.weight = 3, .in_flight = 3},
                                              {.weight = 9, .in_flight = 9},
                                              {.weight = 1, .in_flight = 2}};
  int first[4] = {0};
  for (int i = 0; i < DRAWS; i++) {
    uint16_t order[4];
    balance_order(BALANCE_LEAST_BUSY, facts, 4, 4, next_random(), order);
    first[order[0]]++;
    assert_int_equal(order[3], 3);
  }
  for (int i = 0; i < 3; i++)
    EXPECT_ABOUT(first[i], DRAWS / 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_order_is_a_permutation),
      cmocka_unit_test(the_best_few_are_the_front_of_all),
      cmocka_unit_test(the_same_arguments_give_the_same_order_and_another_number_another),
      cmocka_unit_test(ordered_is_as_given),
      cmocka_unit_test(weighted_draws_each_next_one_by_weight_among_the_rest),
      cmocka_unit_test(weighted_keeps_its_shares_among_a_hundred_and_for_consecutive_numbers),
      cmocka_unit_test(the_largest_weights_do_not_break_the_draw),
      cmocka_unit_test(weight_0_comes_after_all_positive_ones_as_given),
      cmocka_unit_test(latency_tries_the_unknown_first_and_then_the_fastest),
      cmocka_unit_test(near_ties_in_latency_are_shared_and_a_chain_of_them_is_not),
      cmocka_unit_test(near_ties_are_shared_by_more_than_are_wanted),
      cmocka_unit_test(targets_of_unknown_latency_are_measured_in_turn),
      cmocka_unit_test(cost_is_cheapest_first_ties_as_given_unknown_last),
      cmocka_unit_test(least_busy_goes_by_calls_in_flight_for_their_weight),
      cmocka_unit_test(equally_busy_targets_are_taken_at_random),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
