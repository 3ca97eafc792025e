/* Content blocks of requests written in the Anthropic dialect. Pure. */
#ifndef WIRE_ANTHROPIC_CONTENT_H
#define WIRE_ANTHROPIC_CONTENT_H

#include "wire/dialect.h"

/* A request on its way out. */
struct anthropic_writing {
  struct llm_request *rq;
  struct json_writer *w;
  struct fault *f;
};

/* Is it left out because it says nothing and the vendor takes no empty text? */
bool anthropic_content_is_empty(const struct llm_block *b);
/* One block after another, empty texts left out. ERR_UNSUPPORTED names what cannot be said. */
enum err anthropic_content_write(struct anthropic_writing *x, const struct llm_block *blocks, size_t count) MUST_CHECK;
/* The member cache_control, or nothing without a mark. */
enum err anthropic_content_cache(struct anthropic_writing *x, enum llm_cache cache,
                                 const struct llm_place *place) MUST_CHECK;

#endif
