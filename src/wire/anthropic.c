/* The Anthropic Messages dialect: what intake needs of a request, and the table that names the parts. Usage is read in
 * anthropic_tap.c, errors are shaped in anthropic_error.c. Pass-through carries messages byte for byte; they are
 * understood for translation only, in the files named in dialect_anthropic. */
#include "wire/anthropic_answer.h"
#include "wire/anthropic_build.h"
#include "wire/anthropic_error.h"
#include "wire/anthropic_request.h"
#include "wire/anthropic_stream.h"
#include "wire/anthropic_tap.h"
#include "wire/facts.h"
#include "wire/member.h"

static enum err read_request(const struct json *doc, struct arena *a, struct wire_request *out, struct fault *f) {
  struct wire_request rq = {0};
  enum err e = member_head(doc, a, &rq, f);
  if (!e)
    e = member_bool(doc, "stream", false, &rq.stream, f);
  if (!e)
    e = member_positive(doc, "max_tokens", false, &rq.max_output_tokens, f);
  if (!e)
    *out = rq;
  return e;
}

/* The dialect reports usage in every answer, so only the model may need to change. */
static enum err edit_request(const struct wire_request *rq, struct text body, struct text upstream_model,
                             struct arena *a, struct json_edits *out, bool *out_injected) {
  struct json_edits edits = {0};
  enum err e = member_edit_model(rq, body, upstream_model, a, &edits);
  if (e)
    return e;
  *out = edits;
  *out_injected = false;
  return ERR_OK;
}

const struct dialect dialect_anthropic = {
    .name = "anthropic",
    .read_request = anthropic_request_read,
    .write_request = anthropic_build,
    .read_answer = anthropic_answer_read,
    .write_answer = anthropic_answer_write,
    .reader_bytes = sizeof(struct anthropic_stream_reader),
    .writer_bytes = sizeof(struct anthropic_stream_writer),
    .read_event = anthropic_stream_read,
    .write_event = anthropic_stream_write,
    .write_failure = anthropic_stream_fail,
};

const struct wire wire_anthropic = {
    .id = WIRE_ANTHROPIC,
    .name = "anthropic",
    .framing = WIRE_SSE,
    .request_id_header = "request-id",
    .dialect = &dialect_anthropic,
    .read_request = read_request,
    .edit_request = edit_request,
    .tap_plain = anthropic_tap_plain,
    .facts = facts_of_anthropic_message,
    .tap_event = anthropic_tap_event,
    .is_error = anthropic_error_is,
    .error_message = member_error_message,
    .write_error = anthropic_error_write,
    .write_stream_error = anthropic_error_write_event,
};
