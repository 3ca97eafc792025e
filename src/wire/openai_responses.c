/* The OpenAI Responses dialect: what intake needs of a request, the edits of a pass-through, errors, and the tables
 * that name the parts. Usage is read in openai_responses_tap.c; requests and answers are translated in the other files
 * of this name. */
#include "wire/openai_responses.h"

#include "wire/facts.h"
#include "wire/member.h"
#include "wire/openai_error.h"
#include "wire/openai_responses_events.h"
#include "wire/openai_responses_stream.h"
#include "wire/openai_responses_tap.h"

static enum err read_request(const struct json *doc, struct arena *a, struct wire_request *out, struct fault *f) {
  struct wire_request rq = {0};
  enum err e = member_head(doc, a, &rq, f);
  if (!e)
    e = member_bool(doc, "stream", true, &rq.stream, f);
  if (!e)
    e = member_positive(doc, "max_output_tokens", true, &rq.max_output_tokens, f);
  if (e)
    return e;
  *out = rq;
  return ERR_OK;
}

/* Usage always comes: only the model may change. */
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

/* Who writes this has not counted the events before it. */
static void write_stream_error(struct buf *out, const struct fault *f, struct text request_id) {
  responses_write_error_event(out, f, 0);
}

const struct dialect dialect_openai_responses = {
    .name = "openai_responses",
    .read_request = responses_read_request,
    .write_request = responses_write_request,
    .read_answer = responses_read_answer,
    .write_answer = responses_write_answer,
    .reader_bytes = sizeof(struct responses_reader),
    .writer_bytes = sizeof(struct responses_writer),
    .read_event = responses_read_event,
    .write_event = responses_write_event,
    .write_failure = responses_write_failure,
    .writer_done = responses_writer_done,
};

const struct wire wire_openai_responses = {
    .id = WIRE_OPENAI_RESPONSES,
    .name = "openai_responses",
    .framing = WIRE_SSE,
    .request_id_header = "x-request-id",
    .dialect = &dialect_openai_responses,
    .read_request = read_request,
    .edit_request = edit_request,
    .tap_plain = responses_tap_plain,
    .facts = facts_of_openai,
    .tap_event = responses_tap_event,
    .is_error = openai_error_is,
    .error_message = member_error_message,
    .write_error = openai_error_write,
    .write_stream_error = write_stream_error,
};
