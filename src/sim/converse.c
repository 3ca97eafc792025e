/* Writes Converse answers and their streams, member for member as the service does. Requests are read in
 * converse_request.c, errors and frames are Bedrock's (bedrock.c). */
#include "sim/bedrock.h"

#include "aws/eventstream.h"
#include "sim/converse_request.h"

enum step {
  STEP_MESSAGE_START,
  STEP_BLOCK_START,
  STEP_DELTA,
  STEP_SIGNATURE,
  STEP_STOP,
  STEP_MESSAGE_STOP,
  STEP_METADATA,
  STEP_DONE
};

static void put_quoted(struct buf *out, struct text t) {
  buf_add_char(out, '"');
  json_escape(out, t);
  buf_add_char(out, '"');
}

static const char *stop_reason(enum sim_stop stop) {
  switch (stop) {
  case SIM_STOP_TOOLS: return "tool_use";
  case SIM_STOP_LENGTH: return "max_tokens";
  case SIM_STOP_SEQUENCE: return "stop_sequence";
  case SIM_STOP_REFUSAL:
  case SIM_STOP_FILTER: return "content_filtered";
  case SIM_STOP_END: break;
  }
  return "end_turn";
}

static void put_cache_details(struct buf *out, const struct sim_usage *u) {
  buf_add(out, TEXT(",\"cacheDetails\":["));
  if (u->write_5m > 0)
    buf_add_format(out, "{\"ttl\":\"5m\",\"inputTokens\":%llu}", (unsigned long long)u->write_5m);
  if (u->write_1h > 0)
    buf_add_format(out, "%s{\"ttl\":\"1h\",\"inputTokens\":%llu}", u->write_5m > 0 ? "," : "",
                   (unsigned long long)u->write_1h);
  buf_add_char(out, ']');
}

/* usage and metrics, with which answers and streams end. */
static void put_usage(struct buf *out, const struct sim_answer *answer) {
  const struct sim_usage *u = &answer->usage;
  uint64_t write = u->write_5m + u->write_1h;
  if (!answer->no_usage) {
    buf_add_format(out,
                   "\"usage\":{\"inputTokens\":%llu,\"outputTokens\":%llu,\"totalTokens\":%llu,"
                   "\"cacheReadInputTokens\":%llu,\"cacheWriteInputTokens\":%llu",
                   (unsigned long long)u->input, (unsigned long long)u->output,
                   (unsigned long long)(u->input + u->output + u->cache_read + write),
                   (unsigned long long)u->cache_read, (unsigned long long)write);
    if (write > 0)
      put_cache_details(out, u);
    buf_add(out, TEXT("},"));
  }
  buf_add_format(out, "\"metrics\":{\"latencyMs\":%d}", BEDROCK_LATENCY_MS);
}

static void put_block(struct buf *out, const struct sim_block *b) {
  switch (b->kind) {
  case SIM_BLOCK_TOOL:
    buf_add(out, TEXT("{\"toolUse\":{\"toolUseId\":\"tooluse_"));
    buf_add(out, b->id);
    buf_add(out, TEXT("\",\"name\":"));
    put_quoted(out, b->name);
    buf_add(out, TEXT(",\"input\":"));
    buf_add(out, b->text);
    buf_add(out, TEXT("}}"));
    return;
  case SIM_BLOCK_THINKING:
    buf_add(out, TEXT("{\"reasoningContent\":{\"reasoningText\":{\"text\":"));
    put_quoted(out, b->text);
    buf_add(out, TEXT(",\"signature\":"));
    put_quoted(out, b->signature);
    buf_add(out, TEXT("}}}"));
    return;
  case SIM_BLOCK_REDACTED:
    buf_add(out, TEXT("{\"reasoningContent\":{\"redactedContent\":"));
    put_quoted(out, b->text);
    buf_add(out, TEXT("}}"));
    return;
  case SIM_BLOCK_TEXT: break;
  }
  buf_add(out, TEXT("{\"text\":\""));
  answer_write_escaped(out, b);
  buf_add(out, TEXT("\"}"));
}

static void write_plain(struct buf *out, const struct sim_answer *answer, struct arena *a) {
  buf_add(out, TEXT("{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":["));
  for (size_t i = 0; i < answer->block_count; i++) {
    if (i > 0)
      buf_add_char(out, ',');
    put_block(out, &answer->block[i]);
  }
  buf_add_format(out, "]}},\"stopReason\":\"%s\",", stop_reason(answer->stop));
  put_usage(out, answer);
  buf_add_char(out, '}');
}

static size_t begin(struct buf *out, const char *type) { return eventstream_begin(out, TEXT("event"), text_of(type)); }

static void end(struct buf *out, const struct sim_answer *answer, const struct sim_cursor *c, size_t at) {
  bedrock_put_padding(out, answer, c);
  buf_add_char(out, '}');
  eventstream_end(out, at);
}

static void put_block_start(struct buf *out, const struct sim_answer *answer, const struct sim_cursor *c) {
  const struct sim_block *b = &answer->block[c->block];
  size_t at = begin(out, "contentBlockStart");
  buf_add_format(out, "{\"contentBlockIndex\":%zu,\"start\":{\"toolUse\":{\"name\":", c->block);
  put_quoted(out, b->name);
  buf_add(out, TEXT(",\"toolUseId\":\"tooluse_"));
  buf_add(out, b->id);
  buf_add(out, TEXT("\"}}"));
  end(out, answer, c, at);
}

static void put_delta(struct buf *out, const struct sim_answer *answer, const struct sim_cursor *c, struct text before,
                      struct text value, struct text after) {
  size_t at = begin(out, "contentBlockDelta");
  buf_add_format(out, "{\"contentBlockIndex\":%zu,\"delta\":{", c->block);
  buf_add(out, before);
  put_quoted(out, value);
  buf_add(out, after);
  buf_add_char(out, '}');
  end(out, answer, c, at);
}

/* One delta of the current block; false at its end. */
static bool put_next_delta(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  char scratch[32];
  const struct sim_block *b = &answer->block[c->block];
  if (b->kind == SIM_BLOCK_REDACTED) {
    if (c->has_any)
      return false;
    c->has_any = true;
    put_delta(out, answer, c, TEXT("\"reasoningContent\":{\"redactedContent\":"), b->text, TEXT("}"));
    return true;
  }
  struct text piece = answer_piece(answer, c, scratch);
  if (piece.len == 0)
    return false;
  if (b->kind == SIM_BLOCK_TOOL)
    put_delta(out, answer, c, TEXT("\"toolUse\":{\"input\":"), piece, TEXT("}"));
  else if (b->kind == SIM_BLOCK_THINKING)
    put_delta(out, answer, c, TEXT("\"reasoningContent\":{\"text\":"), piece, TEXT("}"));
  else
    put_delta(out, answer, c, TEXT("\"text\":"), piece, TEXT_NONE);
  return true;
}

static void put_block_stop(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  size_t at = begin(out, "contentBlockStop");
  buf_add_format(out, "{\"contentBlockIndex\":%zu", c->block);
  end(out, answer, c, at);
  c->block++;
  c->offset = 0;
  c->has_any = false;
  c->step = c->block < answer->block_count ? STEP_BLOCK_START : STEP_MESSAGE_STOP;
}

/* What a block still has to show: its start where it is a tool's, its deltas, a signature, its stop. */
static void put_inside_block(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  const struct sim_block *b = &answer->block[c->block];
  if (c->step == STEP_BLOCK_START) {
    c->step = STEP_DELTA;
    if (b->kind == SIM_BLOCK_TOOL) {
      put_block_start(out, answer, c);
      return;
    }
  }
  if (c->step == STEP_DELTA) {
    if (put_next_delta(out, answer, c))
      return;
    c->step = b->kind == SIM_BLOCK_THINKING ? STEP_SIGNATURE : STEP_STOP;
  }
  if (c->step == STEP_SIGNATURE) {
    put_delta(out, answer, c, TEXT("\"reasoningContent\":{\"signature\":"), b->signature, TEXT("}"));
    c->step = STEP_STOP;
    return;
  }
  put_block_stop(out, answer, c);
}

static bool write_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  size_t at;
  switch ((enum step)c->step) {
  case STEP_MESSAGE_START:
    at = begin(out, "messageStart");
    buf_add(out, TEXT("{\"role\":\"assistant\""));
    end(out, answer, c, at);
    c->step = answer->block_count > 0 ? STEP_BLOCK_START : STEP_MESSAGE_STOP;
    return true;
  case STEP_BLOCK_START:
  case STEP_DELTA:
  case STEP_SIGNATURE:
  case STEP_STOP: put_inside_block(out, answer, c); return true;
  case STEP_MESSAGE_STOP:
    at = begin(out, "messageStop");
    buf_add_format(out, "{\"stopReason\":\"%s\"", stop_reason(answer->stop));
    end(out, answer, c, at);
    c->step = STEP_METADATA;
    return true;
  case STEP_METADATA:
    at = begin(out, "metadata");
    buf_add_char(out, '{');
    put_usage(out, answer);
    end(out, answer, c, at);
    c->step = STEP_DONE;
    return true;
  case STEP_DONE: break;
  }
  return false;
}

const struct sim_dialect sim_converse = {
    .name = "converse",
    .auth = SIM_AUTH_AWS,
    .stream_type = BEDROCK_STREAM_TYPE,
    .read = sim_converse_read,
    .add_headers = bedrock_add_headers,
    .write_error = bedrock_write_error,
    .write_plain = write_plain,
    .write_event = write_event,
    .write_stream_error = bedrock_write_stream_error,
};
