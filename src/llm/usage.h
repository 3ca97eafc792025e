/* Tokens of one attempt by class, in the way Weir counts for every provider: the classes are disjoint except
 * `reasoning`, which is the part of `output` spent on reasoning. input excludes everything read from or written to the
 * prompt cache. Pure. */
#ifndef LLM_USAGE_H
#define LLM_USAGE_H

#include "base/err.h"

#include <stdint.h>

struct usage {
  uint64_t input, output, cache_write_5m, cache_write_1h, cache_read, reasoning;
  bool known;     /* the provider reported counts */
  bool estimated; /* some count here is ours, not the provider's */
};

#define USAGE_MAX_TOKENS 1000000000000ULL /* larger counts from a provider are cut to this */

/* Upper estimate of the tokens of n bytes of text or JSON, for reservations: two bytes a token. */
uint64_t usage_estimate_tokens(uint64_t bytes);
/* Likely number of tokens in n bytes of text, for answers whose count never came: three bytes a token. */
uint64_t usage_likely_tokens(uint64_t bytes);
/* Fills what the provider did not say once an answer is over; what it did say always wins. Without any report: both
 * sides are our estimate. With a report but no proper end (finished false) the output count is raised to what was seen,
 * if that is more. */
void usage_fill(struct usage *u, bool finished, uint64_t input_bytes, uint64_t output_bytes);
uint64_t usage_total(const struct usage *u); /* every class once */

#endif
