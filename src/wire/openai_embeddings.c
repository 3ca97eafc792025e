/* The OpenAI embeddings dialect: a model, an input and never a stream. The answer is carried byte for byte (vectors as
 * base64 or numbers). Shares its usage and errors with chat. */
#include "wire/facts.h"
#include "wire/member.h"
#include "wire/openai_error.h"
#include "wire/openai_tap.h"

static enum err read_request(const struct json *doc, struct arena *a, struct wire_request *out, struct fault *f) {
  struct wire_request rq = {0};
  bool stream = false;
  enum err e = member_head(doc, a, &rq, f);
  if (!e)
    e = member_bool(doc, "stream", true, &stream, f);
  if (!e && stream)
    e = fault_set(f, ERR_BAD_REQUEST, "stream", "embeddings cannot be streamed");
  if (!e)
    *out = rq;
  return e;
}

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

static enum err tap_event(struct wire_tap *t, struct text event, struct text data, enum wire_verdict *out,
                          struct fault *f) {
  return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider streamed an answer that has no stream");
}

const struct wire wire_openai_embeddings = {
    .id = WIRE_OPENAI_EMBEDDINGS,
    .name = "openai_embeddings",
    .framing = WIRE_SSE,
    .request_id_header = "x-request-id",
    .read_request = read_request,
    .edit_request = edit_request,
    .tap_plain = openai_tap_embeddings,
    .facts = facts_of_openai,
    .tap_event = tap_event,
    .is_error = openai_error_is,
    .error_message = member_error_message,
    .write_error = openai_error_write,
    .write_stream_error = openai_error_write_event,
};
