/* The OpenAI dialect of the simulator beyond chat: embeddings and models. Chat answers and errors are reached through
 * sim_openai (dialect.h). Pure. */
#ifndef SIM_OPENAI_H
#define SIM_OPENAI_H

#include "sim/dialect.h"
#include "sim/openai_request.h"

#define SIM_OPENAI_CREATED 1767225600 /* seconds; every simulated object was made at the same moment */

/* Vectors of unit length made from a hash of each input. out's maximum may be passed: then buf_check fails. */
void sim_openai_write_embed(struct buf *out, const struct sim_embed_ask *ask);
void sim_openai_write_models(struct buf *out);
void sim_openai_write_model(struct buf *out, struct text id);
/* As in struct sim_dialect; all dialects of the service share them. */
void sim_openai_add_headers(struct sim_headers *h, const struct sim_outcome *o);
void sim_openai_write_error(struct buf *out, const struct fault *f, struct text request_id, bool is_usage_limit);
void sim_openai_write_stream_error(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                                   enum behaviour_break by);

#endif
