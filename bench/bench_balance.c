/* bench_balance [--targets N] [--calls N]: nanoseconds that traffic/balance.h takes to order so many targets, a line a
 * strategy. The facts are random and change from call to call, so that the processor cannot learn an order by heart.
 * Run by hand; it needs no server. */
#include "common.h"

#include "traffic/balance.h"

#include <stdio.h>

#define STARTS 4096 /* every call begins at another of the facts */

static struct balance_fact facts[STARTS + BALANCE_MAX];

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void fill(uint64_t *state) {
  for (size_t i = 0; i < STARTS + BALANCE_MAX; i++)
    facts[i] = (struct balance_fact){.weight = (int64_t)(next_random(state) % 100),
                                     .latency_us = (int64_t)(next_random(state) % 3000000) - 1,
                                     .cost_nano = (int64_t)(next_random(state) % 500000000) - 1,
                                     .in_flight = (uint32_t)(next_random(state) % 50)};
}

int main(int argc, char **argv) {
  static const struct {
    enum balance_strategy strategy;
    const char *name;
  } strategies[] = {{BALANCE_ORDERED, "ordered"},
                    {BALANCE_WEIGHTED, "weighted"},
                    {BALANCE_LATENCY, "latency"},
                    {BALANCE_COST, "cost"},
                    {BALANCE_LEAST_BUSY, "least_busy"}};
  uint64_t targets = 100, calls = 200000, state = 88172645463325252u, check = 0;
  const struct bench_option options[] = {{"--targets", &targets, BALANCE_MAX, NULL},
                                         {"--calls", &calls, 1000000000, NULL}};
  bench_options(argc, argv, 1, options, 2);
  fill(&state);
  for (size_t s = 0; s < sizeof(strategies) / sizeof(strategies[0]); s++) {
    uint16_t order[BALANCE_MAX] = {0};
    int64_t start = bench_now_ns();
    for (uint64_t i = 0; i < calls; i++) {
      uint64_t random = next_random(&state);
      balance_order(strategies[s].strategy, facts + random % STARTS, (size_t)targets, random, order);
      check += order[0]; /* so that the call cannot be left out */
    }
    double ns = (double)(bench_now_ns() - start) / (double)(calls > 0 ? calls : 1);
    printf("%-10s %7.0f ns/call\n", strategies[s].name, ns);
  }
  return check == UINT64_MAX;
}
