/* Writes chat completions, their streams and errors in the OpenAI dialect, member for member as the service does
 * (platform.openai.com, Chat Completions). Thinking shows only as reasoning tokens, as there. Reading requests is in
 * openai_request.c, timing in play.c. */
#include "sim/openai.h"

enum step { STEP_ROLE, STEP_BLOCK, STEP_USAGE, STEP_END, STEP_DONE };

static void put_quoted(struct buf *out, struct text t) {
  buf_add_char(out, '"');
  json_escape(out, t);
  buf_add_char(out, '"');
}

static const char *finish_reason(enum sim_stop stop) {
  if (stop == SIM_STOP_TOOLS)
    return "tool_calls";
  return stop == SIM_STOP_LENGTH ? "length" : "stop";
}

static void put_head(struct buf *out, const struct sim_answer *answer, struct text object) {
  buf_add(out, TEXT("{\"id\":\"chatcmpl-"));
  buf_add(out, answer->id);
  buf_add(out, TEXT("\",\"object\":\""));
  buf_add(out, object);
  buf_add(out, TEXT("\",\"created\":"));
  buf_add_u64(out, SIM_OPENAI_CREATED);
  buf_add(out, TEXT(",\"model\":"));
  put_quoted(out, answer->model);
  buf_add(out, TEXT(",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_weirsim\""));
}

static void put_usage(struct buf *out, const struct sim_answer *answer) {
  const struct sim_usage *u = &answer->usage;
  uint64_t prompt = u->input + u->cache_read + u->write_5m + u->write_1h;
  buf_add_format(
      out,
      "{\"prompt_tokens\":%llu,\"completion_tokens\":%llu,\"total_tokens\":%llu,"
      "\"prompt_tokens_details\":{\"cached_tokens\":%llu,\"audio_tokens\":0},"
      "\"completion_tokens_details\":{\"reasoning_tokens\":%llu,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
      "\"rejected_prediction_tokens\":0}}",
      (unsigned long long)prompt, (unsigned long long)u->output, (unsigned long long)(prompt + u->output),
      (unsigned long long)u->cache_read, (unsigned long long)u->reasoning);
}

static void put_tool_calls(struct buf *out, const struct sim_answer *answer) {
  bool any = false;
  for (size_t i = 0; i < answer->block_count; i++) {
    const struct sim_block *b = &answer->block[i];
    if (b->kind != SIM_BLOCK_TOOL)
      continue;
    buf_add(out, any ? TEXT(",{\"id\":\"call_") : TEXT(",\"tool_calls\":[{\"id\":\"call_"));
    buf_add(out, b->id);
    buf_add(out, TEXT("\",\"type\":\"function\",\"function\":{\"name\":"));
    put_quoted(out, b->name);
    buf_add(out, TEXT(",\"arguments\":"));
    put_quoted(out, b->text);
    buf_add(out, TEXT("}}"));
    any = true;
  }
  if (any)
    buf_add_char(out, ']');
}

/* Chat answers with tool calls have no content, so the text block beside them is not shown. */
static const struct sim_block *content_block(const struct sim_answer *answer) {
  for (size_t i = 0; i < answer->block_count && answer->stop != SIM_STOP_TOOLS; i++) {
    if (answer->block[i].kind == SIM_BLOCK_TEXT)
      return &answer->block[i];
  }
  return NULL;
}

static void write_plain(struct buf *out, const struct sim_answer *answer, struct arena *a) {
  const struct sim_block *content = content_block(answer);
  put_head(out, answer, TEXT("chat.completion"));
  buf_add(out, TEXT(",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"));
  if (content) {
    buf_add_char(out, '"');
    answer_write_escaped(out, content);
    buf_add_char(out, '"');
  } else {
    buf_add(out, TEXT("null"));
  }
  put_tool_calls(out, answer);
  buf_add_format(out, ",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"%s\"}]",
                 finish_reason(answer->stop));
  if (!answer->no_usage) {
    buf_add(out, TEXT(",\"usage\":"));
    put_usage(out, answer);
  }
  buf_add_char(out, '}');
}

static void put_chunk_start(struct buf *out, const struct sim_answer *answer) {
  buf_add(out, TEXT("data: "));
  put_head(out, answer, TEXT("chat.completion.chunk"));
  buf_add(out, TEXT(",\"choices\":["));
}

static void put_delta_start(struct buf *out, const struct sim_answer *answer) {
  put_chunk_start(out, answer);
  buf_add(out, TEXT("{\"index\":0,\"delta\":{"));
}

/* With include_usage every chunk but the last says that it has none. */
static void put_delta_end(struct buf *out, const struct sim_answer *answer, const char *finish) {
  buf_add(out, TEXT("},\"logprobs\":null,\"finish_reason\":"));
  if (finish)
    put_quoted(out, text_of(finish));
  else
    buf_add(out, TEXT("null"));
  buf_add(out, TEXT("}]"));
  if (answer->include_usage && !answer->no_usage)
    buf_add(out, TEXT(",\"usage\":null"));
  buf_add(out, TEXT("}\n\n"));
}

static void put_role(struct buf *out, const struct sim_answer *answer) {
  put_delta_start(out, answer);
  buf_add(out, content_block(answer) ? TEXT("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null")
                                     : TEXT("\"role\":\"assistant\",\"content\":null,\"refusal\":null"));
  put_delta_end(out, answer, NULL);
}

static size_t call_index(const struct sim_answer *answer, size_t block) {
  size_t index = 0;
  for (size_t i = 0; i < block; i++) {
    if (answer->block[i].kind == SIM_BLOCK_TOOL)
      index++;
  }
  return index;
}

static void put_call_start(struct buf *out, const struct sim_answer *answer, const struct sim_cursor *c) {
  const struct sim_block *b = &answer->block[c->block];
  put_delta_start(out, answer);
  buf_add(out, TEXT("\"tool_calls\":[{\"index\":"));
  buf_add_u64(out, call_index(answer, c->block));
  buf_add(out, TEXT(",\"id\":\"call_"));
  buf_add(out, b->id);
  buf_add(out, TEXT("\",\"type\":\"function\",\"function\":{\"name\":"));
  put_quoted(out, b->name);
  buf_add(out, TEXT(",\"arguments\":\"\"}}]"));
  put_delta_end(out, answer, NULL);
}

static void put_piece(struct buf *out, const struct sim_answer *answer, const struct sim_cursor *c, struct text piece) {
  put_delta_start(out, answer);
  if (answer->block[c->block].kind == SIM_BLOCK_TOOL) {
    buf_add(out, TEXT("\"tool_calls\":[{\"index\":"));
    buf_add_u64(out, call_index(answer, c->block));
    buf_add(out, TEXT(",\"function\":{\"arguments\":"));
    put_quoted(out, piece);
    buf_add(out, TEXT("}}]"));
  } else {
    buf_add(out, TEXT("\"content\":"));
    put_quoted(out, piece);
  }
  put_delta_end(out, answer, NULL);
}

static bool shows_block(const struct sim_answer *answer, const struct sim_block *b) {
  return b->kind == SIM_BLOCK_TOOL || b == content_block(answer);
}

/* The next chunk made of blocks; false when all were shown. */
static bool put_next_of_blocks(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  char scratch[32];
  for (; c->block < answer->block_count; c->block++, c->offset = 0, c->has_any = false) {
    const struct sim_block *b = &answer->block[c->block];
    if (!shows_block(answer, b))
      continue;
    if (b->kind == SIM_BLOCK_TOOL && !c->has_any) {
      c->has_any = true;
      put_call_start(out, answer, c);
      return true;
    }
    struct text piece = answer_piece(answer, c, scratch);
    if (piece.len == 0)
      continue;
    put_piece(out, answer, c, piece);
    return true;
  }
  return false;
}

static bool write_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  if (c->step == STEP_ROLE) {
    c->step = STEP_BLOCK;
    put_role(out, answer);
    return true;
  }
  if (c->step == STEP_BLOCK) {
    if (put_next_of_blocks(out, answer, c))
      return true;
    c->step = answer->include_usage && !answer->no_usage ? STEP_USAGE : STEP_END;
    put_delta_start(out, answer);
    put_delta_end(out, answer, finish_reason(answer->stop));
    return true;
  }
  if (c->step == STEP_USAGE) {
    c->step = STEP_END;
    put_chunk_start(out, answer);
    buf_add(out, TEXT("],\"usage\":"));
    put_usage(out, answer);
    buf_add(out, TEXT("}\n\n"));
    return true;
  }
  if (c->step != STEP_END)
    return false;
  c->step = STEP_DONE;
  buf_add(out, TEXT("data: [DONE]\n\n"));
  return true;
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

static void write_stream_error(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
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
  return sim_openai_read(in->doc, in->arena, out, f);
}

const struct sim_dialect sim_openai = {
    .name = "openai",
    .stream_type = "text/event-stream; charset=utf-8",
    .read = read_input,
    .add_headers = sim_openai_add_headers,
    .write_error = sim_openai_write_error,
    .write_plain = write_plain,
    .write_event = write_event,
    .write_stream_error = write_stream_error,
};
