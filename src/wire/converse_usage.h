/* Usage, stop reasons and blocks' names of Converse answers, for taps, plain answers and streams. Pure.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html */
#ifndef WIRE_CONVERSE_USAGE_H
#define WIRE_CONVERSE_USAGE_H

#include "llm/answer.h"

#include "base/json.h"

/* Counts of a `usage` object, read with or without raw numbers. Absent and impossible ones change nothing; known is set
 * when there was any. */
void converse_read_usage(yyjson_val *usage, struct usage *out);
/* The whole member: "usage":{...}. */
void converse_put_usage(struct json_writer *w, const struct usage *u);

/* Unknown words mean the end of the turn, with a note. */
enum llm_stop converse_read_stop(struct text word, struct llm_notes *notes);
struct text converse_stop_word(enum llm_stop stop);
/* What stands beside the content of an answer: fields without counterpart are noted; the stop sequence and the service
 * tier are read. Slices of the document. */
void converse_read_beside(yyjson_val *root, struct llm_notes *notes, struct text *stop_sequence,
                          struct text *service_tier);
/* {"additionalModelResponseFields": ...} as the client's paths asked for it; nothing when it asked for nothing. */
void converse_put_answer_fields(struct json_writer *w, struct text paths, struct text stop_sequence);
void converse_put_metrics(struct json_writer *w);
/* serviceTier, when it is known. */
void converse_put_tier(struct json_writer *w, struct text tier);

#endif
