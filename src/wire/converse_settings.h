/* Everything in a Converse request that is not a message, read into llm/. Each takes the member's value, NULL when it
 * is absent. Pure.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html */
#ifndef WIRE_CONVERSE_SETTINGS_H
#define WIRE_CONVERSE_SETTINGS_H

#include "wire/converse_member.h"

enum err converse_read_inference(struct reading *r, yyjson_val *v) MUST_CHECK;
enum err converse_read_tools(struct reading *r, yyjson_val *v) MUST_CHECK;
enum err converse_read_output(struct reading *r, yyjson_val *v) MUST_CHECK;
/* additionalModelRequestFields: top_k, thinking, output_config, reasoning_effort and tool_choice; any other is refused
 * by name. After converse_read_tools. */
enum err converse_read_fields(struct reading *r, yyjson_val *v) MUST_CHECK;
/* requestMetadata: user_id is the caller's user, the rest are pairs. */
enum err converse_read_metadata(struct reading *r, yyjson_val *v) MUST_CHECK;
enum err converse_read_tier(struct reading *r, yyjson_val *v) MUST_CHECK;
enum err converse_read_performance(struct reading *r, yyjson_val *v) MUST_CHECK;
/* additionalModelResponseFieldPaths: the paths to the stop sequence are kept for the answer's writer, joined by a
 * space; any other is refused. */
enum err converse_read_answer_fields(struct reading *r, yyjson_val *v, struct text *out_paths) MUST_CHECK;

#endif
