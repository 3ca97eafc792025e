/* Prices and what an attempt costs. Integers only: nano-USD (10^-9 USD) per million tokens and nano-USD. Pure. */
#ifndef LLM_PRICE_H
#define LLM_PRICE_H

#include "llm/usage.h"

#include <stddef.h>

struct price {
  int64_t input, output, cache_write_5m, cache_write_1h, cache_read; /* nano-USD per 10^6 tokens, 0 .. PRICE_MAX */
  uint32_t version;                                                  /* stable hash of the numbers; 0 = unknown price */
};
#define PRICE_MAX 1000000000000000LL /* one million USD per million tokens */

struct cost {
  int64_t input, output, cache_write, cache_read, total; /* nano-USD; total is the exact sum of the classes */
  bool known; /* false: no price, all numbers 0 and must be shown as unknown */
};

/* The version of these numbers; never 0. */
uint32_t price_version(const struct price *p);
/* Each class is rounded half up to a nano-USD. price NULL or version 0: unknown. Saturates at INT64_MAX. */
void price_cost(const struct price *p, const struct usage *u, struct cost *out);
/* The most a call can cost, however its input falls into classes: input_tokens at the dearest input class,
 * output_tokens at the output price, rounded up so that price_cost never passes it. Unknown price: 0. Saturates at
 * INT64_MAX. */
int64_t price_worst_case(const struct price *p, uint64_t input_tokens, uint64_t output_tokens);

#define PRICE_TEXT_BYTES 24
/* nano-USD as a decimal of USD without trailing zeros and zero-terminated: 3750000000 -> "3.75". Returns the length. */
size_t price_text(int64_t nano, char out[PRICE_TEXT_BYTES]);

#endif
