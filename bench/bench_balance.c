/* bench_balance [--targets N] [--wanted N] [--calls N] [--rounds N]: nanoseconds that traffic/balance.h takes to find
 * the best of so many targets, a line a strategy: of rounds of so many calls the fastest, which other work on the
 * machine disturbed least. The facts are random and change from call to call, so that the processor cannot learn an
 * order by heart. Run by hand; it needs no server. */
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

static double measure(enum balance_strategy strategy, size_t targets, size_t wanted, uint64_t calls, uint64_t *state) {
  uint16_t order[BALANCE_MAX] = {0};
  volatile uint16_t best = 0; /* so that no call can be left out */
  int64_t start = bench_now_ns();
  for (uint64_t i = 0; i < calls; i++) {
    uint64_t random = next_random(state);
    balance_order(strategy, facts + random % STARTS, targets, wanted, random, order);
    best = order[0];
  }
  (void)best;
  return (double)(bench_now_ns() - start) / (double)calls;
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
  uint64_t targets = 100, wanted = 16, calls = 2000, rounds = 100, state = 88172645463325252u;
  const struct bench_option options[] = {{"--targets", &targets, BALANCE_MAX, NULL},
                                         {"--wanted", &wanted, BALANCE_MAX, NULL},
                                         {"--calls", &calls, 1000000, NULL},
                                         {"--rounds", &rounds, 1000000, NULL}};
  bench_options(argc, argv, 1, options, 4);
  fill(&state);
  for (size_t s = 0; s < sizeof(strategies) / sizeof(strategies[0]); s++) {
    double least = 0, sum = 0;
    for (uint64_t i = 0; i < rounds; i++) {
      double ns = measure(strategies[s].strategy, (size_t)targets, (size_t)wanted, calls, &state);
      least = i == 0 || ns < least ? ns : least;
      sum += ns;
    }
    printf("%-10s %6.0f ns/call (mean %.0f)\n", strategies[s].name, least, sum / (double)rounds);
  }
  return 0;
}
