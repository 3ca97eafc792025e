/* Writing a Converse request: what its parts share. Each refuses through llm_refuse what Converse cannot say. Pure. */
#ifndef WIRE_CONVERSE_BUILD_H
#define WIRE_CONVERSE_BUILD_H

#include "base/json.h"
#include "wire/converse_names.h"

#include "llm/request.h"

struct building {
  struct llm_request *rq;
  struct json_writer *w;
  struct fault *fault;
  bool is_anthropic; /* the model takes Anthropic's own fields */
  struct converse_names documents;
  uint32_t document_count;
  bool has_message; /* one is open */
  bool has_any;     /* one has been opened */
  enum llm_role role;
};

/* The members inferenceConfig, toolConfig, additionalModelRequestFields, outputConfig, requestMetadata, serviceTier,
 * additionalModelResponseFieldPaths, each only when there is something to say. */
enum err converse_build_settings(struct building *b) MUST_CHECK;
enum err converse_build_tools(struct building *b) MUST_CHECK;
/* Anthropic's models are told in their own fields to make one call at a time, and then also which tool to use. */
static inline bool converse_build_is_single(const struct building *b) {
  return b->is_anthropic && b->rq->parallel_tools == LLM_NO && b->rq->tool_count > 0;
}
/* Images, documents, sounds and search results: the whole block. begin is called just before the first byte, so that
 * what is left out leaves nothing behind. */
enum err converse_build_media(struct building *b, const struct llm_block *block,
                              void (*begin)(struct building *b)) MUST_CHECK;
/* The item that marks what stands before it. ERR_OK and nothing written for LLM_CACHE_NONE. */
enum err converse_build_mark(struct building *b, enum llm_cache cache, const struct llm_place *place) MUST_CHECK;

#endif
