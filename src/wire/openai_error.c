/* Errors of the OpenAI dialects, which share one shape. Which error it is has been decided before. OpenAI-compatible
 * servers put statuses into `code` and types into either member, so reading looks at both. Called through
 * wire_openai_chat and wire_openai_embeddings. */
#include "wire/openai_error.h"

#include "wire/member.h"

/* Which status an error would have had as an answer of its own; "*" stands for the rest of a name. */
static const struct {
  const char *name; /* as type or as code */
  int status;
} names[] = {
    {"invalid_request_error", 400},
    {"invalid_prompt", 400},
    {"context_length_exceeded", 400},
    {"content_filter", 400},
    {"invalid_image*", 400},
    {"invalid_base64_image", 400},
    {"unsupported_image_media_type", 400},
    {"empty_image_file", 400},
    {"failed_to_download_image", 400},
    {"image_*", 400},
    {"authentication_error", 401},
    {"invalid_api_key", 401},
    {"permission_error", 403},
    {"insufficient_permissions", 403},
    {"not_found_error", 404},
    {"model_not_found", 404},
    {"rate_limit_error", 429},
    {"rate_limit_exceeded", 429},
    {"tokens", 429},
    {"requests", 429},
    {"slow_down", 429},
    {"insufficient_quota", 429},
    {"credit_balance_exhausted", 429},
    {"organization_spend_limit_exceeded", 429},
    {"organization_usage_limit_exceeded", 429},
    {"project_spend_limit_exceeded", 429},
    {"overloaded_error", 529},
    {"server_overloaded", 503},
    {"server_is_overloaded", 503},
    {"service_unavailable_error", 503},
    {"timeout_error", 504},
    {"timeout", 504},
    {"vector_store_timeout", 504},
};

static int status_of_name(struct text name) {
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (text_glob(text_of(names[i].name), name, NULL))
      return names[i].status;
  return 0;
}

/* A limit that waiting does not lift. */
static bool is_billing(struct text name) {
  static const char *const billing[] = {"insufficient_quota", "credit_balance_exhausted",
                                        "organization_spend_limit_exceeded", "organization_usage_limit_exceeded",
                                        "project_spend_limit_exceeded"};
  for (size_t i = 0; i < sizeof(billing) / sizeof(billing[0]); i++)
    if (text_equal(name, text_of(billing[i])))
      return true;
  return false;
}

static int status_of(yyjson_val *error) {
  yyjson_val *code = json_get(error, "code");
  int status = status_of_name(json_text(code));
  if (yyjson_is_uint(code) && yyjson_get_uint(code) >= 400 && yyjson_get_uint(code) <= 599)
    status = (int)yyjson_get_uint(code);
  if (status == 0)
    status = status_of_name(json_text(json_get(error, "type")));
  return status ? status : 500;
}

void openai_error_read(yyjson_val *error, struct fault *out) {
  struct text message = yyjson_is_str(error) ? json_text(error) : json_text(json_get(error, "message"));
  struct text code = json_text(json_get(error, "code")), type = json_text(json_get(error, "type"));
  yyjson_val *metadata = json_get(error, "metadata");
  fault_map_upstream(status_of(error), is_billing(code) || is_billing(type), message, out);
  fault_map_name(out, code);
  fault_map_name(out, type);
  fault_map_name(out, json_text(json_get(metadata, "error_type")));
  fault_map_name(out, json_text(json_get(metadata, "limit_source")));
}

bool openai_error_is(struct text body) {
  struct json doc = {0};
  if (member_read_answer(body, &doc, NULL))
    return false;
  yyjson_val *error = json_get(doc.root, "error");
  /* the other dialect's body has an error object too, but marks itself at the root */
  bool is =
      yyjson_is_str(json_get(error, "message")) && !text_equal(json_text(json_get(doc.root, "type")), TEXT("error"));
  json_done(&doc);
  return is;
}

static const char *type_of(const struct fault *f) {
  int status = fault_status(f);
  if (!fault_map_by_status(f) && *err_openai_type(f->err))
    return err_openai_type(f->err);
  switch (status) {
  case 402: return "insufficient_quota";
  case 403: return "insufficient_permissions";
  case 429: return "rate_limit_error";
  default: return status >= 400 && status < 500 ? "invalid_request_error" : "server_error";
  }
}

/* NULL where the vendor has no code either. */
static const char *code_of(const struct fault *f, const char *type) {
  int status = fault_status(f);
  if (text_equal(text_of(type), TEXT("insufficient_quota")))
    return "insufficient_quota";
  if (status == 401)
    return "invalid_api_key";
  if (status == 404 && text_equal(text_of(f->field), TEXT("model")))
    return "model_not_found";
  return status == 429 ? "rate_limit_exceeded" : NULL;
}

void openai_error_write(struct buf *out, const struct fault *f, struct text request_id) {
  const char *type = type_of(f);
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_name(&w, "error");
  json_object(&w);
  json_field_str(&w, "message", fault_text(f));
  json_field_str(&w, "type", type);
  json_field_str(&w, "param", *f->field ? f->field : NULL);
  json_field_str(&w, "code", code_of(f, type));
  json_object_end(&w);
  json_object_end(&w);
}

void openai_error_write_event(struct buf *out, const struct fault *f, struct text request_id) {
  buf_add(out, TEXT("data: "));
  openai_error_write(out, f, request_id);
  buf_add(out, TEXT("\n\n"));
}
