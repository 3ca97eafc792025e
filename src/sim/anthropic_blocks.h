/* Content blocks of the Anthropic dialect: which are known, what each needs, and what the simulator takes from them.
 * Pure. */
#ifndef SIM_ANTHROPIC_BLOCKS_H
#define SIM_ANTHROPIC_BLOCKS_H

#include "base/json.h"
#include "sim/answer.h"

#define SIM_TOOL_USES_MAX 128

/* A walk over a request's messages. */
struct sim_walk {
  struct sim_ask *ask;
  struct arena *arena;
  struct fault *fault;
  struct text uses[SIM_TOOL_USES_MAX]; /* tool_use ids of the previous assistant message that have no result yet */
  size_t use_count;
  size_t breakpoints; /* places with cache_control, also those beyond the limit */
  size_t message;     /* index, for faults */
};

/* content of one message: a non-empty string or an array of blocks. */
enum err sim_anthropic_content(struct sim_walk *w, yyjson_val *content, bool is_user) MUST_CHECK;
/* Notes a cache_control of block (tools, system and content alike), whose bytes must be in the digest already. where:
 * for faults. */
enum err sim_anthropic_cache_control(struct sim_walk *w, yyjson_val *block, struct text where) MUST_CHECK;

#endif
