/* Contents of chat completions messages, and tool calls, read into blocks. Pure. */
#ifndef WIRE_OPENAI_CHAT_PARTS_H
#define WIRE_OPENAI_CHAT_PARTS_H

#include "wire/openai_chat.h"

/* Which parts a message may hold. */
enum openai_chat_parts {
  OPENAI_CHAT_TEXTS,
  OPENAI_CHAT_TEXTS_AND_REFUSALS,
  OPENAI_CHAT_ANY_PART,
  OPENAI_CHAT_RESULT_PARTS /* of a tool: texts, and as OpenRouter takes them images and files */
};

size_t openai_chat_parts_most(yyjson_val *content); /* blocks it may need, at least 1 */
/* A string or an array of parts, appended at blocks[*count]. message is its message's place. */
enum err openai_chat_read_content(struct rules *r, yyjson_val *content, const struct llm_place *message,
                                  enum openai_chat_parts allowed, struct llm_block *blocks, size_t *count) MUST_CHECK;
/* One of tool_calls: a TOOL_USE whose input is a JSON object, or a custom one. */
enum err openai_chat_read_call(struct rules *r, yyjson_val *call, const struct llm_place *at,
                               struct llm_block *out) MUST_CHECK;
/* A function's arguments as the JSON object they must be; empty text counts as an empty object. False otherwise. */
bool openai_chat_read_arguments(struct text arguments, struct text *out);

#endif
