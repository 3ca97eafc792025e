/* Which target first: each strategy makes one number of a target, and a sort brings the smallest numbers to the front,
 * as many as are wanted. A number carries the target's index in its low byte, so numbers are never equal and what ties
 * otherwise stays as given. It knows no targets, breakers or affinity: the gateway's choose stage leaves out and moves
 * what those say. Written for 100 targets in less than 1 us; bench/bench_balance.c measures. */
#include "traffic/balance.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define INDEX_BITS 8
#define LAST       (UINT64_C(1) << 55) /* the top bit of a number without its index: comes after all else */
#define KNOWN_MAX  (UINT64_C(1) << 54)
#define RUN        8

_Static_assert(BALANCE_MAX <= 1 << INDEX_BITS, "an index fits its byte");

/* The next of a sequence of random numbers that a seed gives (splitmix64). */
static uint64_t draw(uint64_t *seed) {
  uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

static uint64_t numbered(uint64_t value, size_t index) { return value << INDEX_BITS | index; }

static uint64_t up_to_known_max(int64_t value) { return (uint64_t)value < KNOWN_MAX ? (uint64_t)value : KNOWN_MAX; }

static uint64_t bits_of_double(double positive) {
  uint64_t bits;
  memcpy(&bits, &positive, sizeof bits);
  return bits;
}

/* Of exponential clocks with the weights as rates the first to ring is a draw by weight, the next one a draw among the
 * rest, and so on. Positive floating-point numbers are in the order of their bits, and the top bit is the sign. The
 * uniform number is neither 0 nor 1. */
static uint64_t weighted_number(const struct balance_fact *f, size_t index, uint64_t random) {
  if (f->weight <= 0)
    return numbered(LAST, index);
  double uniform = (double)(random >> 11 | 1) * 0x1p-53;
  return numbered(bits_of_double(-log2(uniform) / (double)f->weight) >> INDEX_BITS, index);
}

/* The ratio's upper 31 bits below the sign, then 24 random ones. */
static uint64_t busy_number(const struct balance_fact *f, size_t index, uint64_t random) {
  uint64_t last = f->weight > 0 ? 0 : LAST;
  float ratio = (float)f->in_flight / (f->weight > 0 ? (float)f->weight : 1);
  uint32_t bits;
  memcpy(&bits, &ratio, sizeof bits);
  return numbered(last | (uint64_t)bits << 24 | random >> 40, index);
}

static uint64_t cost_number(const struct balance_fact *f, size_t index) {
  return numbered(f->cost_nano < 0 ? LAST : up_to_known_max(f->cost_nano), index);
}

/* Unknown is 0, and what is known is 1 more than it is. */
static uint64_t latency_number(const struct balance_fact *f, size_t index) {
  return numbered(f->latency_us < 0 ? 0 : up_to_known_max(f->latency_us) + 1, index);
}

/* Batcher's network for eight: no branch that could be guessed wrong. */
static void sort_run(uint64_t *at) {
  static const uint8_t pairs[][2] = {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {0, 2}, {1, 3}, {4, 6}, {5, 7}, {1, 2}, {5, 6},
                                     {0, 4}, {1, 5}, {2, 6}, {3, 7}, {2, 4}, {3, 5}, {1, 2}, {3, 4}, {5, 6}};
  uint64_t n[RUN];
  memcpy(n, at, sizeof n);
#pragma GCC unroll 19
  for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
    uint64_t a = n[pairs[i][0]], b = n[pairs[i][1]];
    n[pairs[i][0]] = a < b ? a : b;
    n[pairs[i][1]] = a < b ? b : a;
  }
  memcpy(at, n, sizeof n);
}

/* Both halves are sorted. Which one gives the next number cannot be foreseen, so it is computed, not branched on; and
 * the lower half of the result is made from below while the upper one is made from above, so that neither waits for the
 * other. As each takes no more than there is in either half, no end has to be looked for. */
static void merge(uint64_t *run, size_t half, uint64_t *aside) {
  memcpy(aside, run, 2 * half * sizeof *run);
  const uint64_t *low_a = aside, *low_b = aside + half, *high_a = aside + half - 1, *high_b = aside + 2 * half - 1;
  uint64_t *low = run, *high = run + 2 * half - 1;
  for (size_t i = 0; i < half; i++) {
    size_t takes_b = *low_b < *low_a, takes_a = *high_b < *high_a;
    *low++ = takes_b ? *low_b : *low_a;
    *high-- = takes_a ? *high_a : *high_b;
    low_b += takes_b;
    low_a += 1 - takes_b;
    high_a -= takes_a;
    high_b -= 1 - takes_a;
  }
}

/* The n smallest of two sorted runs of n, into the first. */
static void merge_lower(uint64_t *run, const uint64_t *other, size_t n, uint64_t *aside) {
  memcpy(aside, run, n * sizeof *run);
  const uint64_t *a = aside, *b = other;
  for (size_t i = 0; i < n; i++) {
    size_t takes_b = *b < *a;
    *run++ = takes_b ? *b : *a;
    b += takes_b;
    a += 1 - takes_b;
  }
}

/* The `keep` smallest to the front, sorted. keep: RUN times a power of two; count: a multiple of it. Not inlined: two
 * arrays of this size are too much for one frame. */
__attribute__((noinline)) static void sort_first(uint64_t *numbers, size_t count, size_t keep) {
  uint64_t aside[BALANCE_MAX];
  for (size_t at = 0; at < count; at += RUN)
    sort_run(numbers + at);
  for (size_t half = RUN; half < keep; half *= 2)
    for (size_t at = 0; at < count; at += 2 * half)
      merge(numbers + at, half, aside);
  for (size_t at = keep; at < count; at += keep)
    merge_lower(numbers, numbers + at, keep, aside);
}

/* The first `wanted` of a shuffle of all. */
static void shuffle(uint64_t *numbers, size_t count, size_t wanted, uint64_t *seed) {
  for (size_t i = 0; i < wanted && i + 1 < count; i++) {
    size_t other = i + (size_t)(((unsigned __int128)draw(seed) * (count - i)) >> 64);
    uint64_t first = numbers[i];
    numbers[i] = numbers[other];
    numbers[other] = first;
  }
}

static uint64_t near_of(uint64_t fastest) { return fastest == 0 ? 0 : fastest + (fastest - 1) / 10; }

/* Of a group that goes on behind those that are wanted each is as good as another. */
static __attribute__((noinline)) void draw_last_group(const struct balance_fact *facts, size_t count, uint64_t *group,
                                                      size_t wanted, uint64_t *seed) {
  uint64_t all[BALANCE_MAX], fastest = *group >> INDEX_BITS, near = near_of(fastest);
  size_t n = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t number = latency_number(&facts[i], i), value = number >> INDEX_BITS;
    all[n] = number;
    n += value >= fastest && value <= near;
  }
  shuffle(all, n, wanted, seed);
  memcpy(group, all, wanted * sizeof *group);
}

/* A group is measured by its first, not from neighbour to neighbour: else a long row of small steps would be one. */
static void shuffle_near_ties(const struct balance_fact *facts, size_t count, uint64_t *sorted, size_t wanted,
                              uint64_t seed) {
  for (size_t first = 0, end; first < wanted; first = end) {
    uint64_t near = near_of(sorted[first] >> INDEX_BITS);
    for (end = first + 1; end < wanted && sorted[end] >> INDEX_BITS <= near; end++) {
    }
    if (end == wanted && wanted < count)
      draw_last_group(facts, count, sorted + first, end - first, &seed);
    else
      shuffle(sorted + first, end - first, end - first, &seed);
  }
}

static void number_all(enum balance_strategy s, const struct balance_fact *facts, size_t count, uint64_t seed,
                       uint64_t *out_numbers) {
  for (size_t i = 0; i < count; i++) {
    switch (s) {
    case BALANCE_WEIGHTED: out_numbers[i] = weighted_number(&facts[i], i, draw(&seed)); break;
    case BALANCE_LATENCY: out_numbers[i] = latency_number(&facts[i], i); break;
    case BALANCE_COST: out_numbers[i] = cost_number(&facts[i], i); break;
    case BALANCE_LEAST_BUSY: out_numbers[i] = busy_number(&facts[i], i, draw(&seed)); break;
    case BALANCE_ORDERED:
    default: out_numbers[i] = i;
    }
  }
}

size_t balance_order(enum balance_strategy s, const struct balance_fact *facts, size_t count, size_t wanted,
                     uint64_t random, uint16_t *out_order) {
  assert(count <= BALANCE_MAX);
  wanted = wanted < count ? wanted : count;
  if (s == BALANCE_ORDERED) {
    for (size_t i = 0; i < wanted; i++)
      out_order[i] = (uint16_t)i;
    return wanted;
  }
  uint64_t numbers[BALANCE_MAX], seed = draw(&random);
  number_all(s, facts, count, seed, numbers);
  size_t keep = RUN;
  for (; keep < wanted; keep *= 2) {
  }
  size_t padded = (count + keep - 1) / keep * keep;
  for (size_t i = count; i < padded; i++)
    numbers[i] = UINT64_MAX; /* behind all others */
  sort_first(numbers, padded, keep);
  if (s == BALANCE_LATENCY)
    shuffle_near_ties(facts, count, numbers, wanted, seed);
  for (size_t i = 0; i < wanted; i++) {
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): wanted <= count <= padded, all of them set */
    out_order[i] = (uint16_t)(numbers[i] & ((1u << INDEX_BITS) - 1));
  }
  return wanted;
}
