/* What the Bedrock dialects have in common: errors with their exceptions' names, headers, frames of their streams, and
 * padding. Invocations with Anthropic bodies are reached through sim_invoke (dialect.h). Pure. */
#ifndef SIM_BEDROCK_H
#define SIM_BEDROCK_H

#include "sim/dialect.h"

#define BEDROCK_STREAM_TYPE "application/vnd.amazon.eventstream"
#define BEDROCK_LATENCY_MS  7

/* "ValidationException" and so on: what the fault's field says, else what its status means. */
const char *bedrock_error_name(const struct fault *f);
void bedrock_write_error(struct buf *out, const struct fault *f, struct text request_id, bool is_usage_limit);
void bedrock_add_headers(struct sim_headers *h, const struct sim_outcome *o);
void bedrock_write_stream_error(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                                enum behaviour_break by);
/* The member p that hides how long an event is: ,"p":"abc..." */
void bedrock_put_padding(struct buf *out, const struct sim_answer *answer, const struct sim_cursor *c);

#endif
