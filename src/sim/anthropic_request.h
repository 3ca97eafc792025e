/* Reads and validates the bodies of POST /v1/messages and /v1/messages/count_tokens as the service does (required
 * members, types, roles, block types, pairs of tool_use and tool_result, signatures of thinking). Unknown members of
 * the root pass. Pure. */
#ifndef SIM_ANTHROPIC_REQUEST_H
#define SIM_ANTHROPIC_REQUEST_H

#include "base/json.h"
#include "sim/answer.h"

/* For an answer: max_tokens is required. ERR_BAD_REQUEST with the service's words ("messages.0.role: Input should be
 * ..."). */
enum err sim_anthropic_read(const struct json *doc, struct arena *a, struct sim_ask *out, struct fault *f) MUST_CHECK;
/* For counting: no max_tokens. */
enum err sim_anthropic_read_count(const struct json *doc, struct arena *a, struct sim_ask *out,
                                  struct fault *f) MUST_CHECK;
/* The body of a Bedrock invocation: the path names the model; anthropic_version is required, model and stream are
 * refused. */
enum err sim_anthropic_read_invoke(const struct json *doc, struct text model, bool needs_max_tokens, struct arena *a,
                                   struct sim_ask *out, struct fault *f) MUST_CHECK;
/* The member thinking of root, an object with type and budget_tokens; ask's behaviour and max_tokens are set. */
enum err sim_anthropic_read_thinking(yyjson_val *root, struct sim_ask *ask, struct fault *f) MUST_CHECK;
/* output_config of root, or the older output_format: effort, and a schema that the answer must fit. */
enum err sim_anthropic_read_output(yyjson_val *root, struct sim_ask *ask, struct fault *f) MUST_CHECK;
/* Is this version ("2026-10-21") later than 2023-06-01? */
bool sim_anthropic_is_modern(struct text version);

#endif
