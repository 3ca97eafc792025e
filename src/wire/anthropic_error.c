/* Errors of the Anthropic dialect: one table of statuses and types, read in both directions. Which error it is has been
 * decided before; here it only gets its shape. Called through wire_anthropic. */
#include "wire/anthropic_error.h"

#include "wire/member.h"

static const struct {
  int status;
  const char *type;
} types[] = {
    {400, "invalid_request_error"}, {401, "authentication_error"}, {402, "billing_error"},    {403, "permission_error"},
    {404, "not_found_error"},       {413, "request_too_large"},    {429, "rate_limit_error"}, {500, "api_error"},
    {504, "timeout_error"},         {529, "overloaded_error"},
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

int anthropic_error_status(struct text type) {
  for (size_t i = 0; i < TYPE_COUNT; i++)
    if (text_equal(type, text_of(types[i].type)))
      return types[i].status;
  return 500;
}

void anthropic_error_read(yyjson_val *error, struct fault *out) {
  struct text type = json_text(json_get(error, "type"));
  fault_map_upstream(anthropic_error_status(type), text_equal(type, TEXT("billing_error")),
                     json_text(json_get(error, "message")), out);
  fault_map_name(out, type);
  fault_map_name(out, json_text(json_get(json_get(error, "details"), "error_code")));
}

static const char *type_of(const struct fault *f) {
  int status = fault_status(f);
  if (!fault_map_by_status(f) && *err_anthropic_type(f->err))
    return err_anthropic_type(f->err);
  for (size_t i = 0; i < TYPE_COUNT; i++)
    if (types[i].status == status)
      return types[i].type;
  return status >= 400 && status < 500 ? "invalid_request_error" : "api_error";
}

bool anthropic_error_is(struct text body) {
  struct json doc = {0};
  if (member_read_answer(body, &doc, NULL))
    return false;
  bool is =
      text_equal(json_text(json_get(doc.root, "type")), TEXT("error")) && yyjson_is_obj(json_get(doc.root, "error"));
  json_done(&doc);
  return is;
}

void anthropic_error_write(struct buf *out, const struct fault *f, struct text request_id) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_str(&w, "type", "error");
  json_name(&w, "error");
  json_object(&w);
  json_field_str(&w, "type", type_of(f));
  json_field_str(&w, "message", fault_text(f));
  json_object_end(&w);
  if (!text_is_empty(request_id))
    json_field_text(&w, "request_id", request_id);
  json_object_end(&w);
}

void anthropic_error_write_event(struct buf *out, const struct fault *f, struct text request_id) {
  buf_add(out, TEXT("event: error\ndata: "));
  anthropic_error_write(out, f, request_id);
  buf_add(out, TEXT("\n\n"));
}
