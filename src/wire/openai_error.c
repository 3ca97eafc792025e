/* Errors of the OpenAI dialects, which share one shape. Which error it is has been decided before. OpenAI-compatible
 * servers put statuses into `code` and types into either member, so reading looks at both. Called through
 * wire_openai_chat and wire_openai_embeddings. */
#include "wire/openai_error.h"

#include "wire/member.h"

static const struct {
  const char *name; /* as type or as code */
  int status;
} names[] = {
    {"invalid_request_error", 400},
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
    {"insufficient_quota", 429},
    {"overloaded_error", 529},
    {"server_overloaded", 503},
    {"timeout_error", 504},
    {"timeout", 504},
};

static int status_of_name(struct text name) {
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (text_equal(name, text_of(names[i].name)))
      return names[i].status;
  return 0;
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
  bool quota = text_equal(json_text(json_get(error, "code")), TEXT("insufficient_quota")) ||
               text_equal(json_text(json_get(error, "type")), TEXT("insufficient_quota"));
  fault_map_upstream(status_of(error), quota, message, out);
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
