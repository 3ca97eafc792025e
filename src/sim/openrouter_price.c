/* Costs of simulated OpenRouter answers, made of whole nano-dollars so that they are exact. Used by chat.c for usage
 * and by openrouter_calls.c for the catalogue. */
#include "sim/openrouter_price.h"

#define NANO 1000000000u

void openrouter_put_dollars(struct buf *out, uint64_t nano) {
  unsigned fraction = (unsigned)(nano % NANO), digits = 9;
  buf_add_u64(out, nano / NANO);
  if (fraction == 0)
    return;
  while (fraction % 10 == 0) {
    fraction /= 10;
    digits--;
  }
  buf_add_format(out, ".%0*u", (int)digits, fraction);
}

void openrouter_put_cost(struct buf *out, const struct sim_usage *u) {
  uint64_t prompt = u->input * OPENROUTER_PROMPT_NANO + u->cache_read * OPENROUTER_CACHE_READ_NANO +
                    (u->write_5m + u->write_1h) * OPENROUTER_CACHE_WRITE_NANO;
  uint64_t completion = u->output * OPENROUTER_COMPLETION_NANO;
  buf_add(out, TEXT("\"cost\":"));
  openrouter_put_dollars(out, prompt + completion);
  buf_add(out, TEXT(",\"is_byok\":false,\"cost_details\":{\"upstream_inference_cost\":null,"
                    "\"upstream_inference_prompt_cost\":"));
  openrouter_put_dollars(out, prompt);
  buf_add(out, TEXT(",\"upstream_inference_completions_cost\":"));
  openrouter_put_dollars(out, completion);
  buf_add(out, TEXT("},"));
}
