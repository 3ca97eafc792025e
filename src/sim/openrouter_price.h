/* What the simulated OpenRouter charges: the same for every model, as its catalogue says. Pure. */
#ifndef SIM_OPENROUTER_PRICE_H
#define SIM_OPENROUTER_PRICE_H

#include "sim/answer.h"

/* Nano-dollars a token. */
#define OPENROUTER_PROMPT_NANO      3000
#define OPENROUTER_COMPLETION_NANO  15000
#define OPENROUTER_CACHE_READ_NANO  300
#define OPENROUTER_CACHE_WRITE_NANO 3750

/* "cost":N,"is_byok":false,"cost_details":{...}, with a comma at the end */
void openrouter_put_cost(struct buf *out, const struct sim_usage *u);
/* A decimal number of dollars, without an exponent: 0.000003 */
void openrouter_put_dollars(struct buf *out, uint64_t nano);

#endif
