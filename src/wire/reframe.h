/* Between Anthropic's Messages API and Bedrock's InvokeModel the messages are the same and only the envelope differs,
 * so nothing goes through the model of llm/: bodies are edited in place and every other byte stays as it is; stream
 * events change their frame. Plain answers are equal. Pure.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html */
#ifndef WIRE_REFRAME_H
#define WIRE_REFRAME_H

#include "base/json.h"

/* doc: the strict parse of body. The puts of *out live in the arena.
 * to_invoke: `model` makes room for anthropic_version (bedrock-2023-05-31, or version_header where that is not the
 * 2023-06-01 it stands for) and, unless the body has its own, anthropic_beta with the elements of beta_header; `stream`
 * is removed. *out_beta and *out_version are empty. model and stream are not used.
 * Else: anthropic_version makes room for model and, when stream, "stream":true; anthropic_beta is removed. *out_beta is
 * the value for a header anthropic-beta: the body's, then those of beta_header that it does not name; *out_version the
 * one for anthropic-version, by the same rule the other way round, 2023-06-01 when the body names none.
 * ERR_BAD_REQUEST (f names the member) when anthropic_version is not a string or anthropic_beta not an array of words
 * that can stand in a list, and for model and stream, which Bedrock's bodies may not hold. */
enum err reframe_request(const struct json *doc, struct text body, bool to_invoke, struct text model, bool stream,
                         struct text beta_header, struct text version_header, struct arena *a, struct json_edits *out,
                         struct text *out_beta, struct text *out_version, struct fault *f) MUST_CHECK;

/* One message of Bedrock's event stream (:event-type or :exception-type and payload) as a server-sent event. Events
 * other than chunks and exceptions say nothing and become nothing. ERR_UPSTREAM_PROTOCOL for a chunk that is broken. */
enum err reframe_event_to_sse(struct text event, struct text data, struct buf *out, struct fault *f) MUST_CHECK;
/* One server-sent event of the Anthropic dialect as a frame: an error as an exception, anything else as a chunk. */
enum err reframe_event_to_frame(struct text event, struct text data, struct buf *out, struct fault *f) MUST_CHECK;

#endif
