/* Blocks in Converse's shape, as requests and answers share them. Each writes one whole value of the writer. Pure. */
#ifndef WIRE_CONVERSE_BLOCKS_H
#define WIRE_CONVERSE_BLOCKS_H

#include "base/json.h"
#include "llm/request.h"

void converse_put_text(struct json_writer *w, struct text text);
/* citationsContent: the text and where it comes from. */
void converse_put_cited(struct json_writer *w, const struct llm_block *b);
/* {title, source, sourceContent, location}. */
void converse_put_citation(struct json_writer *w, const struct llm_citation *c);
void converse_put_tool_use(struct json_writer *w, const struct llm_block *b);
/* reasoningContent of THINKING and REDACTED_THINKING. Foreign reasoning is sealed into the signature or the redacted
 * bytes. without_text: the reader does not want the text. */
void converse_put_reasoning(struct json_writer *w, const struct llm_block *b, bool without_text);
/* Does this THINKING need a seal: is there something about it that a plain signature cannot say? */
bool converse_is_foreign(const struct llm_block *b);
/* A seal as one JSON string. */
void converse_put_seal(struct json_writer *w, const struct llm_block *b);
/* The value of redactedContent: the data itself when Bedrock could have sent it, else a seal in base64. */
void converse_put_redacted(struct json_writer *w, const struct llm_block *b);

/* A citation of an answer; false when it has no address. The arena joins a quote in several pieces; without one
 * (streams) only the first is taken. */
bool converse_read_citation(yyjson_val *v, struct arena *a, struct llm_citation *out);
/* [{text}] put together. */
struct text converse_join_texts(yyjson_val *list, struct arena *a);

#endif
