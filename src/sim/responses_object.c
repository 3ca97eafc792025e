/* Objects, items and parts of the Responses dialect, member for member as the service writes them. Used whole by plain
 * answers and step by step by the events of responses.c. */
#include "sim/responses_object.h"

#include "sim/openai.h"

static void put_quoted(struct buf *out, struct text t) {
  buf_add_char(out, '"');
  json_escape(out, t);
  buf_add_char(out, '"');
}

const char *responses_status(const struct sim_answer *answer) {
  return answer->stop == SIM_STOP_LENGTH || answer->stop == SIM_STOP_FILTER ? "incomplete" : "completed";
}

void response_object_item_id(struct buf *out, const struct sim_block *b) {
  const char *prefix = "msg_";
  if (b->kind == SIM_BLOCK_TOOL)
    prefix = b->is_custom ? "ctc_" : "fc_";
  else if (b->kind != SIM_BLOCK_TEXT)
    prefix = "rs_";
  buf_add_format(out, "\"%s%.*s\"", prefix, TEXT_ARGS(b->id));
}

void response_object_part(struct buf *out, const struct sim_answer *answer, size_t block, bool is_whole) {
  const struct sim_block *b = &answer->block[block];
  bool is_refusal = b->kind == SIM_BLOCK_TEXT && answer->stop == SIM_STOP_REFUSAL;
  if (b->kind == SIM_BLOCK_THINKING)
    buf_add(out, TEXT("{\"type\":\"summary_text\",\"text\":\""));
  else
    buf_add(out, is_refusal ? TEXT("{\"type\":\"refusal\",\"refusal\":\"")
                            : TEXT("{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\""));
  if (is_whole)
    answer_write_escaped(out, b);
  buf_add(out, TEXT("\"}"));
}

/* What is encrypted says which item it belongs to, and only that. */
static void put_sealed(struct buf *out, const struct sim_block *b) {
  struct arena a;
  arena_init(&a);
  struct text sealed = b->kind == SIM_BLOCK_REDACTED
                           ? b->text
                           : digest_seal(&a, arena_format(&a, "weir-sim thought rs_%.*s", TEXT_ARGS(b->id)));
  buf_add(out, TEXT(",\"encrypted_content\":"));
  put_quoted(out, sealed);
  arena_done(&a);
}

static void put_reasoning(struct buf *out, const struct sim_answer *answer, size_t block, bool is_whole) {
  const struct sim_block *b = &answer->block[block];
  buf_add(out, TEXT(",\"type\":\"reasoning\",\"summary\":["));
  if (is_whole && b->kind == SIM_BLOCK_THINKING && b->text.len > 0)
    response_object_part(out, answer, block, true);
  buf_add_char(out, ']');
  if (answer->wants_sealed)
    put_sealed(out, b);
}

static void put_call(struct buf *out, const struct sim_block *b, bool is_whole) {
  buf_add(out, b->is_custom ? TEXT(",\"type\":\"custom_tool_call\",\"status\":\"")
                            : TEXT(",\"type\":\"function_call\",\"status\":\""));
  buf_add(out, is_whole ? TEXT("completed") : TEXT("in_progress"));
  buf_add(out, b->is_custom ? TEXT("\",\"input\":") : TEXT("\",\"arguments\":"));
  put_quoted(out, is_whole ? b->text : TEXT_NONE);
  buf_add(out, TEXT(",\"call_id\":\"call_"));
  buf_add(out, b->id);
  buf_add(out, TEXT("\",\"name\":"));
  put_quoted(out, b->name);
}

void response_object_item(struct buf *out, const struct sim_answer *answer, size_t block, bool is_whole) {
  const struct sim_block *b = &answer->block[block];
  buf_add(out, TEXT("{\"id\":"));
  response_object_item_id(out, b);
  if (b->kind == SIM_BLOCK_TOOL) {
    put_call(out, b, is_whole);
  } else if (b->kind != SIM_BLOCK_TEXT) {
    put_reasoning(out, answer, block, is_whole);
  } else {
    buf_add_format(out, ",\"type\":\"message\",\"status\":\"%s\",\"content\":[",
                   is_whole ? responses_status(answer) : "in_progress");
    if (is_whole)
      response_object_part(out, answer, block, true);
    buf_add(out, TEXT("],\"role\":\"assistant\""));
  }
  buf_add_char(out, '}');
}

static void put_usage(struct buf *out, const struct sim_answer *answer) {
  const struct sim_usage *u = &answer->usage;
  uint64_t write = u->write_5m + u->write_1h, input = u->input + u->cache_read + write;
  buf_add_format(out,
                 ",\"usage\":{\"input_tokens\":%llu,\"input_tokens_details\":{\"cached_tokens\":%llu,"
                 "\"cache_write_tokens\":%llu},\"output_tokens\":%llu,\"output_tokens_details\":{"
                 "\"reasoning_tokens\":%llu},\"total_tokens\":%llu}",
                 (unsigned long long)input, (unsigned long long)u->cache_read, (unsigned long long)write,
                 (unsigned long long)u->output, (unsigned long long)u->reasoning,
                 (unsigned long long)(input + u->output));
}

static void put_ending(struct buf *out, const struct sim_answer *answer, enum responses_state state) {
  const char *status = responses_status(answer), *why = "null";
  if (state == RESPONSES_BEGUN)
    status = "in_progress";
  else if (state == RESPONSES_FAILED)
    status = "failed";
  else if (answer->stop == SIM_STOP_LENGTH)
    why = "{\"reason\":\"max_output_tokens\"}";
  else if (answer->stop == SIM_STOP_FILTER)
    why = "{\"reason\":\"content_filter\"}";
  buf_add_format(out, ",\"status\":\"%s\",\"background\":false,\"error\":", status);
  buf_add(out, state == RESPONSES_FAILED
                   ? TEXT("{\"code\":\"server_error\",\"message\":\"The model failed (simulated by weir-sim)\"}")
                   : TEXT("null"));
  buf_add_format(out, ",\"incomplete_details\":%s", why);
  if (state == RESPONSES_ENDED && strcmp(status, "completed") == 0)
    buf_add_format(out, ",\"completed_at\":%d", SIM_OPENAI_CREATED);
  else
    buf_add(out, TEXT(",\"completed_at\":null"));
}

void sim_responses_put_object(struct buf *out, const struct sim_answer *answer, enum responses_state state) {
  buf_add(out, TEXT("{\"id\":\"resp_"));
  buf_add(out, answer->id);
  buf_add_format(out, "\",\"object\":\"response\",\"created_at\":%d", SIM_OPENAI_CREATED);
  put_ending(out, answer, state);
  buf_add(out, TEXT(",\"model\":"));
  put_quoted(out, answer->model);
  buf_add(out, TEXT(",\"output\":["));
  for (size_t i = 0; i < answer->block_count && state == RESPONSES_ENDED; i++) {
    if (i > 0)
      buf_add_char(out, ',');
    response_object_item(out, answer, i, true);
  }
  buf_add_char(out, ']');
  if (state != RESPONSES_ENDED)
    buf_add(out, TEXT(",\"usage\":null"));
  else if (!answer->no_usage)
    put_usage(out, answer);
  if (answer->echo.len > 0)
    buf_add_char(out, ',');
  buf_add(out, answer->echo.len > 0 ? answer->echo : TEXT("}"));
}
