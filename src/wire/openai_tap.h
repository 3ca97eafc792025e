/* Reads usage and the state of OpenAI answers: chat completions, plain and streamed, and embeddings. Pure.
 * https://platform.openai.com/docs/api-reference/chat and .../chat-streaming */
#ifndef WIRE_OPENAI_TAP_H
#define WIRE_OPENAI_TAP_H

#include "wire/wire.h"

/* See struct wire in wire.h. */
enum err openai_tap_chat(struct wire_tap *t, struct text body, struct fault *f) MUST_CHECK;
enum err openai_tap_chat_event(struct wire_tap *t, struct text event, struct text data, enum wire_verdict *out,
                               struct fault *f) MUST_CHECK;
enum err openai_tap_embeddings(struct wire_tap *t, struct text body, struct fault *f) MUST_CHECK;
/* Replaces *u by what the usage object says: prompt_tokens includes cached tokens there, here the classes are disjoint.
 * Unchanged when the object holds no count. */
void openai_tap_usage(struct usage *u, yyjson_val *usage);
/* A JSON number of USD as nano-USD, without floats: digits beyond the ninth are rounded half up. False when it is
 * negative, no number or more than fits; *out is then untouched. */
bool openai_tap_cost(struct text usd, int64_t *out);
/* The same of usage.cost, which OpenRouter says; usage is an object of doc. */
void openai_tap_cost_of(const struct json *doc, yyjson_val *usage, int64_t *out);

#endif
