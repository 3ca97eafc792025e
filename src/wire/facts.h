/* Which members of an answer are facts about the call (llm/facts.h), for each dialect, streamed or plain. Pure; asks
 * for members of what was parsed anyway. Only what is there is kept; null and other types are not. */
#ifndef WIRE_FACTS_H
#define WIRE_FACTS_H

#include "base/json.h"
#include "llm/facts.h"

/* Of `usage` in an Anthropic message, message_start or message_delta. */
void facts_of_anthropic(yyjson_val *usage, struct llm_facts *f);
void facts_of_anthropic_message(yyjson_val *root, struct llm_facts *f);
/* Of a chat completion, one of its chunks, embeddings, or a Responses object; OpenRouter's among them. */
void facts_of_openai(yyjson_val *root, struct llm_facts *f);
/* Of a Converse answer, or of its event metadata. */
void facts_of_converse(yyjson_val *root, struct llm_facts *f);
/* What Bedrock adds to the last chunk of InvokeModel. */
#define FACTS_INVOCATION_METRICS "amazon-bedrock-invocationMetrics"
void facts_of_invocation(yyjson_val *root, struct llm_facts *f);

#endif
