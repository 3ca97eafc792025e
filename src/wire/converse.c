/* Bedrock's Converse as a wire and as a dialect: what intake needs of a request, and the tables that name the parts.
 * The model, and whether the answer streams, are said by the path; the body that says them too is refused, for it could
 * say something else. */
#include "wire/converse.h"

#include "wire/bedrock_error.h"
#include "wire/converse_tap.h"
#include "wire/facts.h"
#include "wire/member.h"
#include "wire/wire.h"

static enum err check_root(const struct json *doc, struct fault *f) {
  static const char *const said_by_path[] = {"modelId", "model", "stream"};
  if (!yyjson_is_obj(doc->root))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the request body must be a JSON object");
  for (size_t i = 0; i < sizeof(said_by_path) / sizeof(said_by_path[0]); i++)
    if (json_get(doc->root, said_by_path[i]))
      return fault_set(f, ERR_BAD_REQUEST, said_by_path[i], "%s is said by the path and may not stand in the body",
                       said_by_path[i]);
  return ERR_OK;
}

static enum err read_request(const struct json *doc, struct arena *a, struct wire_request *out, struct fault *f) {
  struct wire_request rq = {.answers = 1, .input_tokens_bound = usage_estimate_tokens(doc->src.len)};
  yyjson_val *max_tokens = json_get(json_get(doc->root, "inferenceConfig"), "maxTokens");
  (void)a;
  enum err e = check_root(doc, f);
  if (e)
    return e;
  if (max_tokens && !yyjson_is_null(max_tokens)) {
    uint64_t n = yyjson_is_uint(max_tokens) ? yyjson_get_uint(max_tokens) : 0;
    if (n == 0)
      return fault_set(f, ERR_BAD_REQUEST, "inferenceConfig.maxTokens",
                       "inferenceConfig.maxTokens must be a whole number above 0");
    rq.max_output_tokens = n > USAGE_MAX_TOKENS ? USAGE_MAX_TOKENS : n;
  }
  rq.insert_at = json_insert_at(doc);
  *out = rq;
  return ERR_OK;
}

/* Nothing to edit: the model is in the path, and usage is reported in every answer. */
static enum err edit_request(const struct wire_request *rq, struct text body, struct text upstream_model,
                             struct arena *a, struct json_edits *out, bool *out_injected) {
  (void)rq, (void)body, (void)upstream_model, (void)a;
  *out = (struct json_edits){0};
  *out_injected = false;
  return ERR_OK;
}

const struct dialect dialect_converse = {
    .name = "converse",
    .read_request = converse_read_request,
    .write_request = converse_write_request,
    .read_answer = converse_read_answer,
    .write_answer = converse_write_answer,
    .reader_bytes = CONVERSE_READER_BYTES,
    .writer_bytes = CONVERSE_WRITER_BYTES,
    .read_event = converse_read_event,
    .write_event = converse_write_event,
    .write_failure = converse_write_failure,
};

const struct wire wire_bedrock_converse = {
    .id = WIRE_BEDROCK_CONVERSE,
    .name = "bedrock_converse",
    .framing = WIRE_EVENTSTREAM,
    .model_in_path = true,
    .request_id_header = "x-amzn-requestid",
    .dialect = &dialect_converse,
    .error_type_header = "x-amzn-errortype",
    .error_type = bedrock_error_type,
    .read_request = read_request,
    .edit_request = edit_request,
    .tap_plain = converse_tap_plain,
    .facts = facts_of_converse,
    .tap_event = converse_tap_event,
    .is_error = bedrock_error_is,
    .error_message = bedrock_error_message,
    .write_error = bedrock_error_write,
    .write_stream_error = bedrock_error_write_frame,
};
