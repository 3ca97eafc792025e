/* The OpenAI dialect of chat completions and what all of the service's dialects share: errors and headers
 * (platform.openai.com). Writing is in chat.c, reading requests in openai_request.c, timing in play.c. Azure is the
 * same under other paths. */
#include "sim/openai.h"

#include "sim/chat.h"

static void write_plain(struct buf *out, const struct sim_answer *answer, struct arena *a) {
  chat_write_plain(out, answer, CHAT_OPENAI);
}

static bool write_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  return chat_write_event(out, answer, c, CHAT_OPENAI);
}

static const char *error_code(const struct fault *f, bool is_usage_limit) {
  if (is_usage_limit)
    return "insufficient_quota";
  static const struct {
    const char *phrase, *code;
  } rows[] = {
      {"Missing required parameter", "missing_required_parameter"},
      {"Unknown parameter", "unknown_parameter"},
      {"Unsupported parameter", "unsupported_parameter"},
      {"Invalid type for", "invalid_type"},
      {"Invalid value", "invalid_value"},
      {"Previous response with id", "previous_response_not_found"},
      {"The encrypted content", "invalid_encrypted_content"},
      {"Invalid schema for function", "invalid_function_parameters"},
      {"Invalid base64 image_url", "invalid_base64"},
      {"unsupported MIME type", "invalid_image_format"},
      {" with id '", NULL},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (strstr(f->text, rows[i].phrase))
      return rows[i].code;
  }
  switch (fault_status(f)) {
  case 401: return "invalid_api_key";
  case 404: return "model_not_found";
  case 429: return "rate_limit_exceeded";
  default: return NULL;
  }
}

static const char *error_type(int status, bool is_usage_limit) {
  if (is_usage_limit)
    return "insufficient_quota";
  if (status == 403)
    return "insufficient_permissions";
  if (status == 429)
    return "tokens";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

void sim_openai_write_error(struct buf *out, const struct fault *f, struct text request_id, bool is_usage_limit) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_name(&w, "error");
  json_object(&w);
  json_field_str(&w, "message",
                 is_usage_limit ? "You exceeded your current quota, please check your plan and billing details."
                                : fault_text(f));
  json_field_str(&w, "type", error_type(fault_status(f), is_usage_limit));
  json_field_str(&w, "param", f->field[0] ? f->field : NULL);
  json_field_str(&w, "code", error_code(f, is_usage_limit));
  json_object_end(&w);
  json_object_end(&w);
}

void sim_openai_write_stream_error(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                                   enum behaviour_break by) {
  const char *type = "server_error";
  if (by == BEHAVIOUR_BREAK_THROTTLE)
    type = "rate_limit_exceeded";
  else if (by == BEHAVIOUR_BREAK_INVALID)
    type = "invalid_request_error";
  buf_add_format(out,
                 "data: {\"error\":{\"message\":\"The server had an error while processing your request (simulated "
                 "by weir-sim)\",\"type\":\"%s\",\"param\":null,\"code\":null}}\n\n",
                 type);
}

void sim_openai_add_headers(struct sim_headers *h, const struct sim_outcome *o) {
  int status = o->status;
  bool limited = status == 429;
  sim_headers_add(h, TEXT("x-request-id"), o->request_id);
  sim_headers_add(h, TEXT("openai-organization"), TEXT("weir-sim"));
  sim_headers_add(h, TEXT("openai-processing-ms"), TEXT("7"));
  sim_headers_add(h, TEXT("openai-version"), TEXT("2020-10-01"));
  if (limited || status == 503)
    sim_headers_add(h, TEXT("retry-after"), TEXT("7"));
  if (limited)
    sim_headers_add(h, TEXT("retry-after-ms"), TEXT("7000"));
  if (status != 200 && !limited)
    return;
  sim_headers_add(h, TEXT("x-ratelimit-limit-requests"), TEXT("10000"));
  sim_headers_add(h, TEXT("x-ratelimit-limit-tokens"), TEXT("2000000"));
  sim_headers_add(h, TEXT("x-ratelimit-remaining-requests"), limited ? TEXT("0") : TEXT("9999"));
  sim_headers_add(h, TEXT("x-ratelimit-remaining-tokens"), limited ? TEXT("0") : TEXT("1999000"));
  sim_headers_add(h, TEXT("x-ratelimit-reset-requests"), TEXT("7s"));
  sim_headers_add(h, TEXT("x-ratelimit-reset-tokens"), TEXT("7ms"));
}

static enum err read_input(const struct sim_input *in, struct sim_ask *out, struct fault *f) {
  return sim_chat_read(in, CHAT_OPENAI, out, f);
}

const struct sim_dialect sim_openai = {
    .name = "openai",
    .stream_type = "text/event-stream; charset=utf-8",
    .read = read_input,
    .add_headers = sim_openai_add_headers,
    .write_error = sim_openai_write_error,
    .write_plain = write_plain,
    .write_event = write_event,
    .write_stream_error = sim_openai_write_stream_error,
};
