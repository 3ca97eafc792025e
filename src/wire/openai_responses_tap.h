/* Reads usage and the state of Responses answers, plain and streamed. Pure.
 * https://platform.openai.com/docs/api-reference/responses-streaming */
#ifndef WIRE_OPENAI_RESPONSES_TAP_H
#define WIRE_OPENAI_RESPONSES_TAP_H

#include "wire/wire.h"

/* See struct wire in wire.h. */
enum err responses_tap_plain(struct wire_tap *t, struct text body, struct fault *f) MUST_CHECK;
enum err responses_tap_event(struct wire_tap *t, struct text event, struct text data, enum wire_verdict *out,
                             struct fault *f) MUST_CHECK;
/* Replaces *u by what the usage object says: input_tokens includes cached tokens there, here the classes are disjoint.
 * Unchanged when the object holds no count. Ordinary and raw numbers. */
void responses_tap_usage(struct usage *u, yyjson_val *usage);
/* What a response that failed says, or an error event (flat, or with an error object inside). */
void responses_tap_error(yyjson_val *root, struct fault *out);

#endif
