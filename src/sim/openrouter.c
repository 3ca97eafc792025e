/* The OpenRouter dialect: chat completions with provider, cost and comments, and errors of its own shape. Writing is in
 * chat.c, reading in openai_request.c, the catalogue in openrouter_calls.c. */
#include "sim/chat.h"
#include "sim/openai_request.h"

#define STATUS_NO_CREDITS 402

static enum err read_input(const struct sim_input *in, struct sim_ask *out, struct fault *f) {
  return sim_chat_read(in, CHAT_OPENROUTER, out, f);
}

static void write_plain(struct buf *out, const struct sim_answer *answer, struct arena *a) {
  chat_write_plain(out, answer, CHAT_OPENROUTER);
}

static bool write_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  return chat_write_event(out, answer, c, CHAT_OPENROUTER);
}

static void add_headers(struct sim_headers *h, const struct sim_outcome *o) {
  sim_headers_add(h, TEXT("x-request-id"), o->request_id);
  if (o->status != 429)
    return;
  sim_headers_add(h, TEXT("retry-after"), TEXT("7"));
  sim_headers_add(h, TEXT("x-ratelimit-limit"), TEXT("20"));
  sim_headers_add(h, TEXT("x-ratelimit-remaining"), TEXT("0"));
  sim_headers_add(h, TEXT("x-ratelimit-reset"), TEXT("1767225607000"));
}

static void write_error(struct buf *out, const struct fault *f, struct text request_id, bool is_usage_limit) {
  int status = fault_status(f);
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_name(&w, "error");
  json_object(&w);
  json_field_str(&w, "message",
                 is_usage_limit ? "Insufficient credits. Add more using https://openrouter.ai/settings/credits"
                                : fault_text(f));
  json_field_i64(&w, "code", status);
  if (!is_usage_limit && status != 401) {
    json_name(&w, "metadata");
    json_object(&w);
    json_field_str(&w, "provider_name", "WeirSim");
    json_field_str(&w, "raw", fault_text(f));
    json_object_end(&w);
  }
  json_object_end(&w);
  json_field_str(&w, "user_id", "user_weirsim");
  json_object_end(&w);
}

/* Inside a stream an error is a chunk that finishes with "error". */
static void write_stream_error(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                               enum behaviour_break by) {
  const char *code = "502";
  if (by == BEHAVIOUR_BREAK_THROTTLE)
    code = "429";
  else if (by == BEHAVIOUR_BREAK_INVALID)
    code = "400";
  else if (by == BEHAVIOUR_BREAK_UNAVAILABLE)
    code = "503";
  buf_add(out, TEXT("data: "));
  chat_put_head(out, answer, CHAT_OPENROUTER, TEXT("chat.completion.chunk"));
  buf_add_format(out,
                 ",\"error\":{\"code\":%s,\"message\":\"Provider disconnected unexpectedly (simulated by weir-sim)\","
                 "\"metadata\":{\"provider_name\":\"WeirSim\"}},\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},"
                 "\"finish_reason\":\"error\",\"native_finish_reason\":\"error\"}]}\n\n",
                 code);
}

const struct sim_dialect sim_openrouter = {
    .name = "openrouter",
    .usage_limit_status = STATUS_NO_CREDITS,
    .stream_type = "text/event-stream",
    .read = read_input,
    .add_headers = add_headers,
    .write_error = write_error,
    .write_plain = write_plain,
    .write_event = write_event,
    .write_stream_error = write_stream_error,
};
