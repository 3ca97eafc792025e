/* Token counts: estimates for what no provider has counted, and sums.
 * It knows no dialect (wire/ reads the counts) and no money (price.c).
 * Called by intake for reservations and by settle for the final numbers. */
#include "llm/usage.h"

static uint64_t divide_up(uint64_t n, uint64_t by) { return n / by + (n % by != 0); }

static uint64_t add(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

uint64_t usage_estimate_tokens(uint64_t bytes) { return divide_up(bytes, 2); }

uint64_t usage_likely_tokens(uint64_t bytes) { return divide_up(bytes, 3); }

void usage_fill(struct usage *u, bool finished, uint64_t input_bytes, uint64_t output_bytes) {
  uint64_t output = usage_likely_tokens(output_bytes);
  if (!u->known) {
    *u = (struct usage){.input = usage_likely_tokens(input_bytes), .output = output, .estimated = true};
  } else if (!finished && output > u->output) {
    u->output = output;
    u->estimated = true;
  }
}

uint64_t usage_total(const struct usage *u) {
  uint64_t cached = add(add(u->cache_write_5m, u->cache_write_1h), u->cache_read);
  return add(add(u->input, u->output), cached);
}
