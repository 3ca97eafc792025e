/* The Anthropic dialect of the simulator beyond answers: token counts, models, message batches and files. Errors and
 * answers themselves are reached through sim_anthropic (dialect.h). Pure. */
#ifndef SIM_ANTHROPIC_H
#define SIM_ANTHROPIC_H

#include "sim/dialect.h"

/* The type of an error of that status: 529 is "overloaded_error". */
const char *sim_anthropic_error_type(int status);
/* {"input_tokens": n} */
void sim_anthropic_write_count(struct buf *out, const struct sim_ask *ask);
/* One page of GET /v1/models; query holds limit (1 to 1000), after_id, before_id. ERR_BAD_REQUEST names the parameter.
 */
enum err sim_anthropic_write_models(struct buf *out, struct text query, struct fault *f) MUST_CHECK;
/* GET /v1/models/{id}: any name is a model here, as any name is answered. */
void sim_anthropic_write_model(struct buf *out, struct text id);
/* A batch that is made (requests: how many were sent) or looked up (ended, 0 requests). */
void sim_anthropic_write_batch(struct buf *out, struct text id, size_t requests, bool has_ended);
/* Counts the requests of a batch body: ERR_BAD_REQUEST unless it is an array of objects with custom_id and params. */
enum err sim_anthropic_read_batch(const struct json *doc, size_t *out_requests, struct fault *f) MUST_CHECK;
void sim_anthropic_write_file(struct buf *out, struct text id, size_t bytes);

#endif
