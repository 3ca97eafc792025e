/* Reasoning in chat completions: reasoning_content as DeepSeek has it, reasoning and reasoning_details as OpenRouter
 * has them. Pure. */
#ifndef SIM_CHAT_REASONING_H
#define SIM_CHAT_REASONING_H

#include "sim/dialect.h"
#include "sim/openai_messages.h"

/* Members of a whole message, each with a comma before it. */
void chat_put_reasoning(struct buf *out, const struct sim_answer *answer, enum chat_flavour flavour);
/* Members of a delta that shows the next of the cursor's block, a thinking one; false at its end. */
bool chat_put_reasoning_delta(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                              enum chat_flavour flavour);

#endif
