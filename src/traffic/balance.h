/* Which targets of a model are tried, and in which order. Pure: what is known of the targets and one random number come
 * in, the best of them go out; the same arguments always give the same order. Never waits, never allocates. */
#ifndef TRAFFIC_BALANCE_H
#define TRAFFIC_BALANCE_H

#include <stddef.h>
#include <stdint.h>

enum balance_strategy { BALANCE_ORDERED, BALANCE_WEIGHTED, BALANCE_LATENCY, BALANCE_COST, BALANCE_LEAST_BUSY };

/* What is known of one target. A weight below 0 reads as 0, a negative latency or cost as -1. */
struct balance_fact {
  int64_t weight;
  int64_t latency_us; /* to the first token; -1 unknown */
  int64_t cost_nano;  /* of this call at worst; -1 unknown price */
  uint32_t in_flight;
};

#define BALANCE_MAX 256

/* out_order: the best `wanted` of 0..count-1, best first, as they would stand at the front of an order of all; all when
 * there are no more. Returns how many. count <= BALANCE_MAX. random: evenly distributed; it decides wherever the
 * strategy leaves a choice.
 *   ordered     as given
 *   weighted    at random, each next one drawn by weight among the rest; those of weight 0 last, as given
 *   latency     those of unknown latency first, so that they get measured, at random; then the fastest. Near-ties,
 *               which are all up to 10 % slower than the first of them, at random, so that not everybody runs to one
 *   cost        cheapest first, ties as given; those of unknown price last, as given
 *   least_busy  fewest calls in flight by weight (0 of 1 and 0 of 9 are a tie), ties at random; those of weight 0 after
 *               all others, by calls in flight
 * Costs and latencies of 2^54 and more count as equal to each other; of the calls in flight by weight, figures that
 * differ by less than a millionth part may. */
size_t balance_order(enum balance_strategy s, const struct balance_fact *facts, size_t count, size_t wanted,
                     uint64_t random, uint16_t *out_order);

#endif
