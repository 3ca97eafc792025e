/* Media blocks of Converse requests read into llm/. s is the block's member ("image", "document", ...). *out_left_out
 * is set when the operator allows what cannot be carried to be left out. Pure. */
#ifndef WIRE_CONVERSE_MEDIA_H
#define WIRE_CONVERSE_MEDIA_H

#include "wire/converse_member.h"

/* kind: LLM_IMAGE or LLM_AUDIO. */
enum err converse_read_media(struct reading *r, yyjson_val *v, const struct spot *s, enum llm_kind kind,
                             struct llm_block *out, bool *out_left_out) MUST_CHECK;
/* Documents in a text format become LLM_PLAIN. */
enum err converse_read_document(struct reading *r, yyjson_val *v, const struct spot *s, struct llm_block *out,
                                bool *out_left_out) MUST_CHECK;
enum err converse_read_search_result(struct reading *r, yyjson_val *v, const struct spot *s,
                                     struct llm_block *out) MUST_CHECK;

#endif
