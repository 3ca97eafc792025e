/* The provider simulator as a server: deterministic Anthropic, OpenAI, Azure, OpenRouter and Bedrock APIs on one port,
 * behaving as model names or the header x-sim-behaviour demand (behaviour.h). For tests, benchmarks and demonstration;
 * it says in its answers that it is simulated. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "fiber/loop.h"
#include "net/addr.h"

struct sim;

struct sim_options {
  size_t keep_requests;   /* shown by GET /__stats; 0: none, which is cheapest */
  size_t max_connections; /* 0 means 20000 */
  size_t max_body_bytes;  /* 0 means 32 MiB */
};

/* Binds addr (port 0: any) and serves on loop from its next turn. Call it on the loop's thread, or before the loop
 * runs. Does not wait. ERR_SYSTEM with a fault in plain words when the address cannot be had. */
enum err sim_start(struct loop *loop, const struct addr *addr, const struct sim_options *options, struct sim **out,
                   struct fault *f) MUST_CHECK;
/* The address really bound. */
struct addr sim_addr(const struct sim *s);
/* Stops accepting; idle connections close, busy ones end after their answer. On the loop's thread. */
void sim_drain(struct sim *s);
/* Drains and resets what is being answered; those fibers end within the next turns of the loop. On the loop's thread.
 */
void sim_close(struct sim *s);
/* Frees, closing first if that was not done. Only when no fiber of the simulator is left: before loop_run or after it
 * has returned. NULL is fine. */
void sim_free(struct sim *s);

#endif
