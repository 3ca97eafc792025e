/* Content blocks of Converse requests read into llm/. Pure.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html */
#ifndef WIRE_CONVERSE_CONTENT_H
#define WIRE_CONVERSE_CONTENT_H

#include "wire/converse_member.h"
#include "wire/converse_names.h"

/* A message's content. message is its number in the request, calls the ids of the tool calls seen so far. Images,
 * documents, searches and their kin that cannot be carried are refused by name; cachePoint becomes the mark of the
 * block before it. */
enum err converse_read_content(struct reading *r, yyjson_val *list, uint32_t message, enum llm_role role,
                               struct converse_names *calls, struct llm_block **out, size_t *out_count) MUST_CHECK;
/* The blocks of `system`: texts and cache points. */
enum err converse_read_system(struct reading *r, yyjson_val *list, struct llm_block **out,
                              size_t *out_count) MUST_CHECK;
/* A cachePoint {type, ttl} as the mark of what stands before it. mark: NULL when nothing does, or another mark, which
 * is ERR_BAD_REQUEST. */
enum err converse_read_mark(struct reading *r, yyjson_val *v, const struct spot *s, enum llm_cache *mark) MUST_CHECK;

#endif
