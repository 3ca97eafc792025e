/* Writes answers, streams, errors and lists in the Anthropic dialect, member for member as the service does
 * (docs.anthropic.com, Messages API, 2023-06-01 and later). Reading requests is in anthropic_request.c; sockets and
 * timing are in play.c. */
#include "sim/anthropic.h"

#include "sim/anthropic_request.h"

enum step {
  STEP_MESSAGE_START,
  STEP_PING,
  STEP_BLOCK_START,
  STEP_BLOCK_DELTA,
  STEP_SIGNATURE,
  STEP_BLOCK_STOP,
  STEP_MESSAGE_DELTA,
  STEP_MESSAGE_STOP,
  STEP_DONE
};

static const char *stop_reason(enum sim_stop stop) {
  switch (stop) {
  case SIM_STOP_TOOLS: return "tool_use";
  case SIM_STOP_LENGTH: return "max_tokens";
  case SIM_STOP_SEQUENCE: return "stop_sequence";
  case SIM_STOP_REFUSAL:
  case SIM_STOP_FILTER: return "refusal";
  case SIM_STOP_END: break;
  }
  return "end_turn";
}

static void put_usage(struct buf *out, const struct sim_answer *answer, uint64_t output_tokens) {
  const struct sim_usage *u = &answer->usage;
  buf_add_format(
      out,
      "\"usage\":{\"input_tokens\":%llu,\"cache_creation_input_tokens\":%llu,\"cache_read_input_tokens\":%llu,"
      "\"cache_creation\":{\"ephemeral_5m_input_tokens\":%llu,\"ephemeral_1h_input_tokens\":%llu},\"output_tokens\":%"
      "llu,"
      "\"service_tier\":\"standard\"",
      (unsigned long long)u->input, (unsigned long long)(u->write_5m + u->write_1h), (unsigned long long)u->cache_read,
      (unsigned long long)u->write_5m, (unsigned long long)u->write_1h, (unsigned long long)output_tokens);
  if (answer->is_modern) {
    buf_add(out, TEXT(",\"inference_geo\":\"not_available\",\"output_tokens_details\":null,\"server_tool_use\":null,"
                      "\"speed\":\"standard\""));
  }
  buf_add_char(out, '}');
}

static void put_quoted(struct buf *out, struct text t) {
  buf_add_char(out, '"');
  json_escape(out, t);
  buf_add_char(out, '"');
}

static void put_message_head(struct buf *out, const struct sim_answer *answer) {
  buf_add(out, TEXT("{\"model\":"));
  put_quoted(out, answer->model);
  buf_add(out, TEXT(",\"id\":\"msg_01"));
  buf_add(out, answer->id);
  buf_add(out, TEXT("\",\"type\":\"message\",\"role\":\"assistant\",\"content\":["));
}

static void put_stop_sequence(struct buf *out, struct text sequence) {
  buf_add(out, TEXT(",\"stop_sequence\":"));
  if (sequence.len > 0)
    put_quoted(out, sequence);
  else
    buf_add(out, TEXT("null"));
}

static void put_message_tail(struct buf *out, const struct sim_answer *answer, const char *stop,
                             uint64_t output_tokens) {
  buf_add(out, TEXT("],\"stop_reason\":"));
  if (stop)
    put_quoted(out, text_of(stop));
  else
    buf_add(out, TEXT("null"));
  put_stop_sequence(out, stop ? answer->stop_sequence : TEXT_NONE);
  if (answer->is_modern)
    buf_add(out, TEXT(",\"stop_details\":null,\"container\":null,\"diagnostics\":null"));
  if (!answer->no_usage) {
    buf_add_char(out, ',');
    put_usage(out, answer, output_tokens);
  }
  buf_add_char(out, '}');
}

/* A content block: whole, or as content_block_start shows it. */
static void put_block(struct buf *out, const struct sim_answer *answer, const struct sim_block *b, bool whole) {
  if (b->kind == SIM_BLOCK_TOOL) {
    buf_add(out, TEXT("{\"type\":\"tool_use\",\"id\":\"toolu_01"));
    buf_add(out, b->id);
    buf_add(out, TEXT("\",\"name\":"));
    put_quoted(out, b->name);
    buf_add(out, TEXT(",\"input\":"));
    buf_add(out, whole ? b->text : TEXT("{}"));
    if (answer->is_modern)
      buf_add(out, TEXT(",\"caller\":{\"type\":\"direct\"}"));
    buf_add_char(out, '}');
    return;
  }
  if (b->kind == SIM_BLOCK_REDACTED) {
    buf_add(out, TEXT("{\"type\":\"redacted_thinking\",\"data\":"));
    put_quoted(out, b->text);
    buf_add_char(out, '}');
    return;
  }
  bool thinks = b->kind == SIM_BLOCK_THINKING;
  buf_add(out, thinks ? TEXT("{\"type\":\"thinking\",\"thinking\":\"") : TEXT("{\"type\":\"text\",\"text\":\""));
  if (whole)
    answer_write_escaped(out, b);
  buf_add_char(out, '"');
  if (!thinks && answer->is_modern)
    buf_add(out, TEXT(",\"citations\":null"));
  if (thinks) {
    buf_add(out, TEXT(",\"signature\":"));
    put_quoted(out, whole ? b->signature : TEXT_NONE);
  }
  buf_add_char(out, '}');
}

static void write_plain(struct buf *out, const struct sim_answer *answer, struct arena *a) {
  put_message_head(out, answer);
  for (size_t i = 0; i < answer->block_count; i++) {
    if (i > 0)
      buf_add_char(out, ',');
    put_block(out, answer, &answer->block[i], true);
  }
  put_message_tail(out, answer, stop_reason(answer->stop), answer->usage.output);
}

static void put_block_start(struct buf *out, const struct sim_answer *answer, size_t index) {
  buf_add(out, TEXT("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":"));
  buf_add_u64(out, index);
  buf_add(out, TEXT(",\"content_block\":"));
  put_block(out, answer, &answer->block[index], false);
  buf_add(out, TEXT("}\n\n"));
}

static void put_delta(struct buf *out, size_t index, struct text kind_and_member, struct text value) {
  buf_add(out, TEXT("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"));
  buf_add_u64(out, index);
  buf_add(out, TEXT(",\"delta\":{\"type\":"));
  buf_add(out, kind_and_member);
  json_escape(out, value);
  buf_add(out, TEXT("\"}}\n\n"));
}

/* One delta of the current block; false at its end. */
static bool put_next_delta(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  char scratch[32];
  const struct sim_block *b = &answer->block[c->block];
  if (b->kind == SIM_BLOCK_TOOL && !c->has_any) {
    c->has_any = true;
    put_delta(out, c->block, TEXT("\"input_json_delta\",\"partial_json\":\""), TEXT_NONE);
    return true;
  }
  struct text piece = b->kind == SIM_BLOCK_REDACTED ? TEXT_NONE : answer_piece(answer, c, scratch);
  if (piece.len == 0)
    return false;
  struct text kind = TEXT("\"text_delta\",\"text\":\"");
  if (b->kind == SIM_BLOCK_THINKING)
    kind = TEXT("\"thinking_delta\",\"thinking\":\"");
  if (b->kind == SIM_BLOCK_TOOL)
    kind = TEXT("\"input_json_delta\",\"partial_json\":\"");
  put_delta(out, c->block, kind, piece);
  return true;
}

static void put_message_delta(struct buf *out, const struct sim_answer *answer) {
  const struct sim_usage *u = &answer->usage;
  buf_add_format(out,
                 "event: message_delta\ndata: "
                 "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\"",
                 stop_reason(answer->stop));
  put_stop_sequence(out, answer->stop_sequence);
  buf_add(out, answer->is_modern ? TEXT(",\"stop_details\":null,\"container\":null}") : TEXT("}"));
  if (!answer->no_usage) {
    buf_add_format(
        out,
        ",\"usage\":{\"input_tokens\":%llu,\"cache_creation_input_tokens\":%llu,\"cache_read_input_tokens\":%llu,"
        "\"output_tokens\":%llu%s}",
        (unsigned long long)u->input, (unsigned long long)(u->write_5m + u->write_1h),
        (unsigned long long)u->cache_read, (unsigned long long)u->output,
        answer->is_modern ? ",\"output_tokens_details\":null,\"server_tool_use\":null" : "");
  }
  buf_add(out, TEXT("}\n\n"));
}

static size_t after_block(struct sim_cursor *c, const struct sim_answer *answer) {
  c->block++;
  c->offset = 0;
  c->has_any = false;
  return c->block < answer->block_count ? STEP_BLOCK_START : STEP_MESSAGE_DELTA;
}

/* The deltas of a block, then its signature, then its end. */
static void put_inside_block(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  const struct sim_block *b = &answer->block[c->block];
  if (c->step == STEP_BLOCK_DELTA) {
    if (put_next_delta(out, answer, c))
      return;
    c->step = b->kind == SIM_BLOCK_THINKING ? STEP_SIGNATURE : STEP_BLOCK_STOP;
  }
  if (c->step == STEP_SIGNATURE) {
    put_delta(out, c->block, TEXT("\"signature_delta\",\"signature\":\""), b->signature);
    c->step = STEP_BLOCK_STOP;
    return;
  }
  buf_add_format(out, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":%zu}\n\n", c->block);
  c->step = after_block(c, answer);
}

static bool write_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  switch ((enum step)c->step) {
  case STEP_MESSAGE_START:
    buf_add(out, TEXT("event: message_start\ndata: {\"type\":\"message_start\",\"message\":"));
    put_message_head(out, answer);
    put_message_tail(out, answer, NULL, 1);
    buf_add(out, TEXT("}\n\n"));
    c->step = STEP_PING;
    return true;
  case STEP_PING:
    buf_add(out, TEXT("event: ping\ndata: {\"type\": \"ping\"}\n\n"));
    c->step = answer->block_count > 0 ? STEP_BLOCK_START : STEP_MESSAGE_DELTA;
    return true;
  case STEP_BLOCK_START:
    put_block_start(out, answer, c->block);
    c->step = STEP_BLOCK_DELTA;
    return true;
  case STEP_BLOCK_DELTA:
  case STEP_SIGNATURE:
  case STEP_BLOCK_STOP: put_inside_block(out, answer, c); return true;
  case STEP_MESSAGE_DELTA:
    put_message_delta(out, answer);
    c->step = STEP_MESSAGE_STOP;
    return true;
  case STEP_MESSAGE_STOP:
    buf_add(out, TEXT("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
    c->step = STEP_DONE;
    return true;
  case STEP_DONE: break;
  }
  return false;
}

const char *sim_anthropic_error_type(int status) {
  switch (status) {
  case 401: return "authentication_error";
  case 402: return "billing_error";
  case 403: return "permission_error";
  case 404: return "not_found_error";
  case 408:
  case 504: return "timeout_error";
  case 413: return "request_too_large";
  case 429: return "rate_limit_error";
  case 529: return "overloaded_error";
  default: return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

static void write_error(struct buf *out, const struct fault *f, struct text request_id, bool is_usage_limit) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_field_str(&w, "type", "error");
  json_name(&w, "error");
  json_object(&w);
  json_field_str(&w, "type", sim_anthropic_error_type(fault_status(f)));
  json_field_str(
      &w, "message",
      is_usage_limit
          ? "You have reached your specified API usage limits. You will regain access on 2027-01-01 at 00:00 UTC."
          : fault_text(f));
  json_object_end(&w);
  json_field_text(&w, "request_id", request_id);
  json_object_end(&w);
}

static int stream_error_status(enum behaviour_break by) {
  switch (by) {
  case BEHAVIOUR_BREAK_THROTTLE: return 429;
  case BEHAVIOUR_BREAK_INVALID: return 400;
  case BEHAVIOUR_BREAK_INTERNAL:
  case BEHAVIOUR_BREAK_FAILED: return 500;
  default: return 529;
  }
}

static void write_stream_error(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                               enum behaviour_break by) {
  const char *type = sim_anthropic_error_type(stream_error_status(by));
  buf_add_format(out,
                 "event: error\ndata: {\"type\":\"error\",\"error\":{\"details\":null,\"type\":\"%s\","
                 "\"message\":\"%s (simulated by weir-sim)\"}}\n\n",
                 type, strcmp(type, "overloaded_error") == 0 ? "Overloaded" : "The stream failed");
}

static void add_headers(struct sim_headers *h, const struct sim_outcome *o) {
  int status = o->status;
  bool limited = status == 429;
  sim_headers_add(h, TEXT("request-id"), o->request_id);
  sim_headers_add(h, TEXT("anthropic-organization-id"), TEXT("00000000-0000-4000-8000-77656972736d"));
  if (status >= 500 || status == 408 || status == 409 || limited)
    sim_headers_add(h, TEXT("x-should-retry"), TEXT("true"));
  else if (status >= 400)
    sim_headers_add(h, TEXT("x-should-retry"), TEXT("false"));
  if (limited || status == 529)
    sim_headers_add(h, TEXT("retry-after"), TEXT("7"));
  if (status != 200 && !limited)
    return;
  sim_headers_add(h, TEXT("anthropic-ratelimit-requests-limit"), TEXT("4000"));
  sim_headers_add(h, TEXT("anthropic-ratelimit-requests-remaining"), limited ? TEXT("0") : TEXT("3999"));
  sim_headers_add(h, TEXT("anthropic-ratelimit-requests-reset"), TEXT("2026-01-01T00:00:07Z"));
  sim_headers_add(h, TEXT("anthropic-ratelimit-input-tokens-limit"), TEXT("2000000"));
  sim_headers_add(h, TEXT("anthropic-ratelimit-input-tokens-remaining"), limited ? TEXT("0") : TEXT("1999000"));
  sim_headers_add(h, TEXT("anthropic-ratelimit-input-tokens-reset"), TEXT("2026-01-01T00:00:07Z"));
  sim_headers_add(h, TEXT("anthropic-ratelimit-output-tokens-limit"), TEXT("400000"));
  sim_headers_add(h, TEXT("anthropic-ratelimit-output-tokens-remaining"), limited ? TEXT("0") : TEXT("399000"));
  sim_headers_add(h, TEXT("anthropic-ratelimit-output-tokens-reset"), TEXT("2026-01-01T00:00:07Z"));
}

static enum err read_input(const struct sim_input *in, struct sim_ask *out, struct fault *f) {
  enum err e = sim_anthropic_read(in->doc, in->arena, out, f);
  if (!e && in->headers)
    out->is_modern = sim_anthropic_is_modern(http_header_value(in->headers, TEXT("anthropic-version")));
  return e;
}

const struct sim_dialect sim_anthropic = {
    .name = "anthropic",
    .needs_version = true,
    .stream_type = "text/event-stream; charset=utf-8",
    .read = read_input,
    .add_headers = add_headers,
    .write_error = write_error,
    .write_plain = write_plain,
    .write_event = write_event,
    .write_stream_error = write_stream_error,
};
