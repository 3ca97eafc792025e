/* Bedrock's InvokeModel with Anthropic's bodies: what intake needs of a request, the unpacking of chunks, and the two
 * tables. What stands in bodies and chunks is read and written by wire/anthropic*.c. */
#include "wire/invoke.h"

#include "wire/anthropic_answer.h"
#include "wire/anthropic_build.h"
#include "wire/anthropic_request.h"
#include "wire/anthropic_stream.h"
#include "wire/anthropic_tap.h"
#include "wire/bedrock_error.h"
#include "wire/facts.h"
#include "wire/invoke_chunk.h"
#include "wire/member.h"

static enum err read_request(const struct json *doc, struct arena *a, struct wire_request *out, struct fault *f) {
  static const char *const in_path[] = {"model", "stream"};
  struct wire_request rq = {.answers = 1};
  (void)a;
  if (!yyjson_is_obj(doc->root))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the request body must be a JSON object");
  for (size_t i = 0; i < sizeof(in_path) / sizeof(in_path[0]); i++)
    if (json_get(doc->root, in_path[i]))
      return fault_set(f, ERR_BAD_REQUEST, in_path[i], "%s is said by the path and may not stand in the body",
                       in_path[i]);
  enum err e = member_positive(doc, "max_tokens", false, &rq.max_output_tokens, f);
  if (e != ERR_OK)
    return e;
  rq.insert_at = json_insert_at(doc);
  rq.has_anthropic_version = json_get(doc->root, "anthropic_version") != NULL;
  rq.input_tokens_bound = usage_estimate_tokens(doc->src.len);
  *out = rq;
  return ERR_OK;
}

/* The model stands in the path and usage comes unasked. */
static enum err edit_request(const struct wire_request *rq, struct text body, struct text upstream_model,
                             struct arena *a, struct json_edits *out, bool *out_injected) {
  (void)rq, (void)body, (void)upstream_model, (void)a;
  *out = (struct json_edits){0};
  *out_injected = false;
  return ERR_OK;
}

enum err invoke_tap_event(struct wire_tap *t, struct text event, struct text data, enum wire_verdict *out,
                          struct fault *f) {
  struct buf scratch;
  struct text inner;
  if (bedrock_error_is_exception(event)) {
    bedrock_error_read(event, data, wire_tap_fail(t));
    *out = WIRE_PASS;
    return ERR_OK;
  }
  if (!text_equal(event, TEXT("chunk"))) { /* the service may add events; they say nothing about the answer */
    *out = WIRE_PASS;
    return ERR_OK;
  }
  buf_init(&scratch, INVOKE_CHUNK_MAX_BYTES);
  enum err e = invoke_chunk_read(data, &scratch, &inner, f);
  if (e == ERR_OK)
    e = anthropic_tap_event(t, TEXT_NONE, inner, out, f);
  buf_done(&scratch);
  return e;
}

static enum err read_exception(struct anthropic_stream_reader *r, struct text event, struct text data,
                               struct llm_sink *sink, struct fault *f) {
  struct fault fault;
  if (r->ended)
    return ERR_OK;
  r->ended = true;
  bedrock_error_read(event, data, &fault);
  return sink->take(sink->ctx, &(struct llm_event){.kind = LLM_EVENT_ERROR, .fault = &fault}, f);
}

enum err invoke_read_event(void *reader, struct text event, struct text data, struct llm_sink *sink,
                           struct llm_notes *notes, struct fault *f) {
  struct buf scratch;
  struct text inner;
  if (text_is_empty(event) && text_is_empty(data))
    return anthropic_stream_read(reader, event, data, sink, notes, f);
  if (bedrock_error_is_exception(event))
    return read_exception(reader, event, data, sink, f);
  if (!text_equal(event, TEXT("chunk"))) {
    llm_note(notes, "an unknown event");
    return ERR_OK;
  }
  buf_init(&scratch, INVOKE_CHUNK_MAX_BYTES);
  enum err e = invoke_chunk_read(data, &scratch, &inner, f);
  if (e == ERR_OK)
    e = anthropic_stream_read(reader, TEXT_NONE, inner, sink, notes, f);
  buf_done(&scratch);
  return e;
}

static void write_failure(void *writer, const struct llm_echo *echo, const struct fault *fault, struct text request_id,
                          struct buf *out) {
  (void)writer, (void)echo;
  bedrock_error_write_frame(out, fault, request_id);
}

const struct dialect dialect_invoke = {
    .name = "bedrock_invoke",
    .read_request = anthropic_request_read_invoke,
    .write_request = anthropic_build_invoke,
    .read_answer = anthropic_answer_read,
    .write_answer = anthropic_answer_write,
    .reader_bytes = sizeof(struct anthropic_stream_reader),
    .writer_bytes = sizeof(struct anthropic_stream_writer),
    .read_event = invoke_read_event,
    .write_event = anthropic_stream_write_chunks,
    .write_failure = write_failure,
};

const struct wire wire_bedrock_invoke = {
    .id = WIRE_BEDROCK_INVOKE,
    .name = "bedrock_invoke",
    .framing = WIRE_EVENTSTREAM,
    .model_in_path = true,
    .request_id_header = "x-amzn-requestid",
    .dialect = &dialect_invoke,
    .error_type_header = "x-amzn-errortype",
    .error_type = bedrock_error_type,
    .read_request = read_request,
    .edit_request = edit_request,
    .tap_plain = anthropic_tap_plain,
    .facts = facts_of_anthropic_message,
    .tap_event = invoke_tap_event,
    .is_error = bedrock_error_is,
    .error_message = bedrock_error_message,
    .write_error = bedrock_error_write,
    .write_stream_error = bedrock_error_write_frame,
};
