/* Writes chat completions and their streams, member for member as the services do: OpenAI's, Azure's with its filters'
 * results, OpenRouter's with provider, cost and comments. Requests are read in openai_request.c, timing is in play.c,
 * reasoning in chat_reasoning.c. */
#include "sim/chat.h"

#include "sim/chat_reasoning.h"
#include "sim/openai.h"
#include "sim/openrouter_price.h"

#define COMMENT_EVERY 4 /* events between two comments of OpenRouter */

enum step { STEP_FILTERS, STEP_ROLE, STEP_BLOCK, STEP_USAGE, STEP_END, STEP_DONE };

static const struct text filter_results = TEXT(
    "{\"hate\":{\"filtered\":false,\"severity\":\"safe\"},\"self_harm\":{\"filtered\":false,\"severity\":\"safe\"},"
    "\"sexual\":{\"filtered\":false,\"severity\":\"safe\"},\"violence\":{\"filtered\":false,\"severity\":\"safe\"}}");

static void put_quoted(struct buf *out, struct text t) {
  buf_add_char(out, '"');
  json_escape(out, t);
  buf_add_char(out, '"');
}

static const char *finish_reason(enum sim_stop stop) {
  switch (stop) {
  case SIM_STOP_TOOLS: return "tool_calls";
  case SIM_STOP_LENGTH: return "length";
  case SIM_STOP_FILTER: return "content_filter";
  default: return "stop";
  }
}

/* What the provider behind OpenRouter, an Anthropic one, calls it. */
static const char *native_reason(enum sim_stop stop) {
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

static void put_finish(struct buf *out, const struct sim_answer *answer, enum chat_flavour flavour, bool is_last) {
  if (!is_last)
    buf_add(out, flavour == CHAT_OPENROUTER ? TEXT("\"finish_reason\":null,\"native_finish_reason\":null")
                                            : TEXT("\"finish_reason\":null"));
  else
    buf_add_format(out, "\"finish_reason\":\"%s\"", finish_reason(answer->stop));
  if (is_last && flavour == CHAT_OPENROUTER)
    buf_add_format(out, ",\"native_finish_reason\":\"%s\"", native_reason(answer->stop));
  if (flavour == CHAT_AZURE) {
    buf_add(out, TEXT(",\"content_filter_results\":"));
    buf_add(out, is_last ? TEXT("{}") : filter_results);
  }
}

void chat_put_head(struct buf *out, const struct sim_answer *answer, enum chat_flavour flavour, struct text object) {
  buf_add_format(out, "{\"id\":\"%s%.*s\"", flavour == CHAT_OPENROUTER ? "gen-1767225600-" : "chatcmpl-",
                 TEXT_ARGS(answer->id));
  if (flavour == CHAT_OPENROUTER)
    buf_add(out, TEXT(",\"provider\":\"WeirSim\""));
  buf_add_format(out, ",\"object\":\"%.*s\",\"created\":%d,\"model\":", TEXT_ARGS(object), SIM_OPENAI_CREATED);
  put_quoted(out, answer->model);
  if (flavour != CHAT_OPENROUTER)
    buf_add(out, TEXT(",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_weirsim\""));
}

static void put_usage(struct buf *out, const struct sim_answer *answer, enum chat_flavour flavour) {
  const struct sim_usage *u = &answer->usage;
  uint64_t write = u->write_5m + u->write_1h, prompt = u->input + u->cache_read + write;
  buf_add_format(out, "{\"prompt_tokens\":%llu,\"completion_tokens\":%llu,\"total_tokens\":%llu,",
                 (unsigned long long)prompt, (unsigned long long)u->output, (unsigned long long)(prompt + u->output));
  if (flavour == CHAT_OPENROUTER)
    openrouter_put_cost(out, u);
  buf_add_format(out, "\"prompt_tokens_details\":{\"cached_tokens\":%llu,\"audio_tokens\":0",
                 (unsigned long long)u->cache_read);
  if (flavour == CHAT_OPENROUTER || write > 0)
    buf_add_format(out, ",\"cache_write_tokens\":%llu", (unsigned long long)write);
  buf_add_format(out,
                 "},\"completion_tokens_details\":{\"reasoning_tokens\":%llu,\"audio_tokens\":0,"
                 "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}",
                 (unsigned long long)u->reasoning);
}

/* The value of tool_calls' members behind the id: of a whole call, or of one that begins. */
static void put_call(struct buf *out, const struct sim_block *b, bool is_whole) {
  buf_add(out, TEXT("\"id\":\"call_"));
  buf_add(out, b->id);
  buf_add(out, b->is_custom ? TEXT("\",\"type\":\"custom\",\"custom\":{\"name\":")
                            : TEXT("\",\"type\":\"function\",\"function\":{\"name\":"));
  put_quoted(out, b->name);
  buf_add(out, b->is_custom ? TEXT(",\"input\":") : TEXT(",\"arguments\":"));
  put_quoted(out, is_whole ? b->text : TEXT_NONE);
  buf_add(out, TEXT("}}"));
}

static void put_tool_calls(struct buf *out, const struct sim_answer *answer) {
  bool any = false;
  for (size_t i = 0; i < answer->block_count; i++) {
    if (answer->block[i].kind != SIM_BLOCK_TOOL)
      continue;
    buf_add(out, any ? TEXT(",{") : TEXT(",\"tool_calls\":[{"));
    put_call(out, &answer->block[i], true);
    any = true;
  }
  if (any)
    buf_add_char(out, ']');
}

/* Chat answers with tool calls have no content, so the text block beside them is not shown. */
static const struct sim_block *text_block(const struct sim_answer *answer) {
  for (size_t i = 0; i < answer->block_count && answer->stop != SIM_STOP_TOOLS; i++) {
    if (answer->block[i].kind == SIM_BLOCK_TEXT)
      return &answer->block[i];
  }
  return NULL;
}

/* A refusal is a member of its own, beside content that is null. */
static void put_text_or_null(struct buf *out, const struct sim_block *b) {
  if (!b) {
    buf_add(out, TEXT("null"));
    return;
  }
  buf_add_char(out, '"');
  answer_write_escaped(out, b);
  buf_add_char(out, '"');
}

void chat_write_plain(struct buf *out, const struct sim_answer *answer, enum chat_flavour flavour) {
  const struct sim_block *text = text_block(answer);
  bool refuses = answer->stop == SIM_STOP_REFUSAL;
  chat_put_head(out, answer, flavour, TEXT("chat.completion"));
  if (flavour == CHAT_AZURE)
    buf_add_format(out, ",\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":%.*s}]",
                   TEXT_ARGS(filter_results));
  buf_add(out, TEXT(",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"));
  put_text_or_null(out, refuses ? NULL : text);
  chat_put_reasoning(out, answer, flavour);
  put_tool_calls(out, answer);
  buf_add(out, TEXT(",\"refusal\":"));
  put_text_or_null(out, refuses ? text : NULL);
  buf_add(out,
          flavour == CHAT_OPENROUTER ? TEXT("},\"logprobs\":null,") : TEXT(",\"annotations\":[]},\"logprobs\":null,"));
  put_finish(out, answer, flavour, true);
  buf_add(out, TEXT("}]"));
  if (!answer->no_usage) {
    buf_add(out, TEXT(",\"usage\":"));
    put_usage(out, answer, flavour);
  }
  buf_add_char(out, '}');
}

static void put_chunk_start(struct buf *out, const struct sim_answer *answer, enum chat_flavour flavour) {
  buf_add(out, TEXT("data: "));
  chat_put_head(out, answer, flavour, TEXT("chat.completion.chunk"));
  buf_add(out, TEXT(",\"choices\":["));
}

static void put_delta_start(struct buf *out, const struct sim_answer *answer, enum chat_flavour flavour) {
  put_chunk_start(out, answer, flavour);
  buf_add(out, TEXT("{\"index\":0,\"delta\":{"));
}

/* With include_usage every chunk of OpenAI's but the last says that it has none. */
static void put_delta_end(struct buf *out, const struct sim_answer *answer, enum chat_flavour flavour, bool is_last) {
  buf_add(out, TEXT("},\"logprobs\":null,"));
  put_finish(out, answer, flavour, is_last);
  buf_add(out, TEXT("}]"));
  if (answer->include_usage && !answer->no_usage && flavour != CHAT_OPENROUTER)
    buf_add(out, TEXT(",\"usage\":null"));
  buf_add(out, TEXT("}\n\n"));
}

static void put_role(struct buf *out, const struct sim_answer *answer, enum chat_flavour flavour) {
  bool has_content = text_block(answer) && answer->stop != SIM_STOP_REFUSAL;
  put_delta_start(out, answer, flavour);
  buf_add(out, has_content || flavour == CHAT_OPENROUTER
                   ? TEXT("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null")
                   : TEXT("\"role\":\"assistant\",\"content\":null,\"refusal\":null"));
  put_delta_end(out, answer, flavour, false);
}

static size_t call_index(const struct sim_answer *answer, size_t block) {
  size_t index = 0;
  for (size_t i = 0; i < block; i++) {
    if (answer->block[i].kind == SIM_BLOCK_TOOL)
      index++;
  }
  return index;
}

/* The inside of a delta that shows the next of a call; false at its end. */
static bool put_call_delta(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  char scratch[32];
  const struct sim_block *b = &answer->block[c->block];
  struct text piece = c->has_any ? answer_piece(answer, c, scratch) : TEXT_NONE;
  if (c->has_any && piece.len == 0)
    return false;
  buf_add_format(out, "\"tool_calls\":[{\"index\":%zu,", call_index(answer, c->block));
  if (c->has_any) {
    buf_add(out, b->is_custom ? TEXT("\"custom\":{\"input\":") : TEXT("\"function\":{\"arguments\":"));
    put_quoted(out, piece);
    buf_add(out, TEXT("}}"));
  } else {
    put_call(out, b, false);
  }
  buf_add_char(out, ']');
  c->has_any = true;
  return true;
}

static bool put_text_delta(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  char scratch[32];
  struct text piece = answer_piece(answer, c, scratch);
  if (piece.len == 0)
    return false;
  buf_add(out, answer->stop == SIM_STOP_REFUSAL ? TEXT("\"refusal\":") : TEXT("\"content\":"));
  put_quoted(out, piece);
  return true;
}

static bool put_inside_delta(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                             enum chat_flavour flavour) {
  const struct sim_block *b = &answer->block[c->block];
  if (b->kind == SIM_BLOCK_TOOL)
    return put_call_delta(out, answer, c);
  if (b->kind == SIM_BLOCK_TEXT)
    return b == text_block(answer) && put_text_delta(out, answer, c);
  return chat_put_reasoning_delta(out, answer, c, flavour);
}

/* The next chunk made of blocks; false when all were shown. */
static bool put_next_of_blocks(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                               enum chat_flavour flavour) {
  for (; c->block < answer->block_count; c->block++, c->offset = 0, c->has_any = false) {
    size_t before = out->len;
    put_delta_start(out, answer, flavour);
    if (put_inside_delta(out, answer, c, flavour)) {
      put_delta_end(out, answer, flavour, false);
      return true;
    }
    out->len = before;
  }
  return false;
}

/* Azure begins with what its filters think of the prompt, in a chunk without choices. */
static void put_filters(struct buf *out) {
  buf_add_format(out,
                 "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\","
                 "\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":%.*s}]}\n\n",
                 TEXT_ARGS(filter_results));
}

static bool put_end(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c, enum chat_flavour flavour) {
  if (c->step == STEP_USAGE) {
    c->step = STEP_END;
    put_chunk_start(out, answer, flavour);
    buf_add(out, TEXT("],\"usage\":"));
    put_usage(out, answer, flavour);
    buf_add(out, TEXT("}\n\n"));
    return true;
  }
  if (c->step != STEP_END)
    return false;
  c->step = STEP_DONE;
  buf_add(out, TEXT("data: [DONE]\n\n"));
  return true;
}

bool chat_write_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                      enum chat_flavour flavour) {
  if (flavour == CHAT_OPENROUTER && c->sequence++ % COMMENT_EVERY == 0 && c->step < STEP_USAGE)
    buf_add(out, TEXT(": OPENROUTER PROCESSING\n\n"));
  if (c->step == STEP_FILTERS) {
    c->step = STEP_ROLE;
    if (flavour == CHAT_AZURE) {
      put_filters(out);
      return true;
    }
  }
  if (c->step == STEP_ROLE) {
    c->step = STEP_BLOCK;
    put_role(out, answer, flavour);
    return true;
  }
  if (c->step == STEP_BLOCK) {
    if (put_next_of_blocks(out, answer, c, flavour))
      return true;
    c->step = answer->include_usage && !answer->no_usage ? STEP_USAGE : STEP_END;
    put_delta_start(out, answer, flavour);
    put_delta_end(out, answer, flavour, true);
    return true;
  }
  return put_end(out, answer, c, flavour);
}
