/* The OpenAI chat completions dialect: what intake needs of a request, the edits of a pass-through, and the tables that
 * name the parts. Usage is read in openai_tap.c, errors are shaped in openai_error.c, translations stand in
 * openai_chat_*.c. A pass-through carries messages byte for byte. */
#include "wire/openai_chat.h"
#include "wire/facts.h"
#include "wire/member.h"
#include "wire/openai_error.h"
#include "wire/openai_tap.h"

static void read_stream_options(const struct json *doc, struct wire_request *rq) {
  yyjson_val *options = json_get(doc->root, "stream_options");
  if (!options || !json_place(doc, doc->root, "stream_options", &rq->stream_options))
    return;
  if (json_get(options, "include_usage"))
    (void)json_place(doc, options, "include_usage", &rq->include_usage);
  (void)json_get_bool(options, "include_usage", &rq->wants_stream_usage);
}

static void read_answers(const struct json *doc, struct wire_request *rq) {
  uint64_t n;
  if (json_get_u64(doc->root, "n", &n) && n > 1)
    rq->answers = n > USAGE_MAX_TOKENS ? USAGE_MAX_TOKENS : n;
}

static enum err read_request(const struct json *doc, struct arena *a, struct wire_request *out, struct fault *f) {
  struct wire_request rq = {0};
  enum err e = member_head(doc, a, &rq, f);
  if (!e)
    e = member_bool(doc, "stream", true, &rq.stream, f);
  if (!e) /* the older spelling first: the newer one wins when both are there */
    e = member_positive(doc, "max_tokens", true, &rq.max_output_tokens, f);
  if (!e)
    e = member_positive(doc, "max_completion_tokens", true, &rq.max_output_tokens, f);
  if (e)
    return e;
  read_stream_options(doc, &rq);
  read_answers(doc, &rq);
  *out = rq;
  return ERR_OK;
}

static bool is_empty_object(struct text object) {
  for (size_t i = 1; i < object.len; i++)
    if (object.at[i] != ' ' && object.at[i] != '\t' && object.at[i] != '\r' && object.at[i] != '\n')
      return object.at[i] == '}';
  return true;
}

/* Asks for usage in the stream. Values that are not of the right type stay: the provider explains them better. */
static enum err ask_for_usage(const struct wire_request *rq, struct text body, struct json_edits *edits,
                              bool *out_asked) {
  struct text options = rq->stream_options, include = rq->include_usage;
  size_t at = rq->insert_at, remove = 0;
  struct text put = TEXT("\"stream_options\":{\"include_usage\":true},");
  if (!text_is_empty(include)) {
    at = (size_t)(include.at - body.at);
    remove = include.len;
    put = TEXT("true");
    if (!text_equal(include, TEXT("false")) && !text_equal(include, TEXT("null")))
      return ERR_OK;
  } else if (text_equal(options, TEXT("null"))) {
    at = (size_t)(options.at - body.at);
    remove = options.len;
    put = TEXT("{\"include_usage\":true}");
  } else if (!text_is_empty(options)) {
    at = (size_t)(options.at - body.at) + 1;
    put = is_empty_object(options) ? TEXT("\"include_usage\":true") : TEXT("\"include_usage\":true,");
    if (options.at[0] != '{')
      return ERR_OK;
  }
  *out_asked = true;
  return json_edits_add(edits, at, remove, put);
}

static enum err edit_request(const struct wire_request *rq, struct text body, struct text upstream_model,
                             struct arena *a, struct json_edits *out, bool *out_injected) {
  struct json_edits edits = {0};
  bool injected = false;
  enum err e = member_edit_model(rq, body, upstream_model, a, &edits);
  if (!e && rq->stream && !rq->wants_stream_usage)
    e = ask_for_usage(rq, body, &edits, &injected);
  if (e)
    return e;
  *out = edits;
  *out_injected = injected;
  return ERR_OK;
}

const struct dialect dialect_openai_chat = {
    .name = "openai_chat",
    .read_request = openai_chat_read_request,
    .write_request = openai_chat_write_request,
    .read_answer = openai_chat_read_answer,
    .write_answer = openai_chat_write_answer,
    .reader_bytes = sizeof(struct openai_chat_reader),
    .writer_bytes = sizeof(struct openai_chat_writer),
    .read_event = openai_chat_read_event,
    .write_event = openai_chat_write_event,
    .write_failure = openai_chat_write_failure,
};

const struct wire wire_openai_chat = {
    .id = WIRE_OPENAI_CHAT,
    .name = "openai_chat",
    .framing = WIRE_SSE,
    .request_id_header = "x-request-id",
    .dialect = &dialect_openai_chat,
    .read_request = read_request,
    .edit_request = edit_request,
    .tap_plain = openai_tap_chat,
    .facts = facts_of_openai,
    .tap_event = openai_tap_chat_event,
    .is_error = openai_error_is,
    .error_message = member_error_message,
    .write_error = openai_error_write,
    .write_stream_error = openai_error_write_event,
};
