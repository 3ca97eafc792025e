/* The parts of the Converse dialect; what each does is said in dialect.h. Pure.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html */
#ifndef WIRE_CONVERSE_H
#define WIRE_CONVERSE_H

#include "wire/dialect.h"

/* echo->members holds the paths to the stop sequence that the client asked for. */
enum err converse_read_request(const struct json *doc, struct llm_request *out, struct llm_echo *echo,
                               struct fault *f) MUST_CHECK;
/* rq->model is never written (the path says it); it tells whose model is asked: one of Anthropic's ("anthropic" or
 * "claude" in its name, or no name at all) is given Anthropic's own fields. */
enum err converse_write_request(struct llm_request *rq, struct buf *out, struct fault *f) MUST_CHECK;

/* Fields of the answer without counterpart are noted; images, and results of Bedrock's own tools, are refused. */
enum err converse_read_answer(const struct json *doc, struct arena *a, struct llm_answer *out,
                              struct fault *f) MUST_CHECK;
/* The paths in echo->members are answered. metrics.latencyMs, which every answer has, is 0: it is not known here. */
void converse_write_answer(const struct llm_answer *answer, const struct llm_echo *echo, struct buf *out);

/* The usage arrives behind the stop reason, in `metadata`: only then STOP and END are emitted. A call with an empty
 * event and empty data tells that the provider's stream has ended: it emits STOP and END when the stop reason was seen
 * but no metadata came, and nothing otherwise. */
enum err converse_read_event(void *reader, struct text event, struct text data, struct llm_sink *sink,
                             struct llm_notes *notes, struct fault *f) MUST_CHECK;
void converse_write_event(void *writer, const struct llm_echo *echo, const struct llm_event *e, struct buf *out);
void converse_write_failure(void *writer, const struct llm_echo *echo, const struct fault *fault,
                            struct text request_id, struct buf *out);
/* Rooms for what both remember, at least as large as they need. */
#define CONVERSE_READER_BYTES ((size_t)9216)
#define CONVERSE_WRITER_BYTES ((size_t)16)

#endif
