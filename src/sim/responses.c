/* The Responses dialect: a plain answer is one object; a stream is a grammar of typed, numbered events around the same
 * objects. Errors and headers are those of the OpenAI dialect. Requests are read in responses_request.c. */
#include "sim/responses_object.h"

#include "sim/openai.h"
#include "sim/responses_request.h"
#include "sim/responses_store.h"

#define KEPT_MAX_BYTES (1024 * 1024)

/* Steps of a block are in the order in which its events come; each kind takes those that it has. */
enum step {
  STEP_CREATED,
  STEP_IN_PROGRESS,
  STEP_ITEM_ADDED,
  STEP_PART_ADDED,
  STEP_DELTA,
  STEP_TEXT_DONE,
  STEP_PART_DONE,
  STEP_ITEM_DONE,
  STEP_END,
  STEP_DONE
};

static void put_quoted(struct buf *out, struct text t) {
  buf_add_char(out, '"');
  json_escape(out, t);
  buf_add_char(out, '"');
}

static void write_plain(struct buf *out, const struct sim_answer *answer, struct arena *a) {
  sim_responses_put_object(out, answer, RESPONSES_ENDED);
}

static void begin(struct buf *out, struct sim_cursor *c, const char *type) {
  buf_add_format(out, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%zu", type, type, c->sequence++);
}

static void end(struct buf *out) { buf_add(out, TEXT("}\n\n")); }

static void put_response_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c, const char *type,
                               enum responses_state state) {
  begin(out, c, type);
  buf_add(out, TEXT(",\"response\":"));
  sim_responses_put_object(out, answer, state);
  end(out);
}

static void put_item_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c, bool is_whole) {
  begin(out, c, is_whole ? "response.output_item.done" : "response.output_item.added");
  buf_add_format(out, ",\"output_index\":%zu,\"item\":", c->block);
  response_object_item(out, answer, c->block, is_whole);
  end(out);
}

/* How the kinds of blocks call their events and what these carry. */
struct block_events {
  const char *part_added, *part_done; /* NULL: has no parts */
  const char *delta, *done;
  const char *index;  /* the member that counts parts, NULL without them */
  const char *member; /* of the whole text in done */
  bool has_logprobs;
};

static const struct block_events *events_of(const struct sim_answer *answer, const struct sim_block *b) {
  static const struct block_events text = {"response.content_part.added",
                                           "response.content_part.done",
                                           "response.output_text.delta",
                                           "response.output_text.done",
                                           "content_index",
                                           "text",
                                           true};
  static const struct block_events refusal = {"response.content_part.added",
                                              "response.content_part.done",
                                              "response.refusal.delta",
                                              "response.refusal.done",
                                              "content_index",
                                              "refusal",
                                              false};
  static const struct block_events summary = {"response.reasoning_summary_part.added",
                                              "response.reasoning_summary_part.done",
                                              "response.reasoning_summary_text.delta",
                                              "response.reasoning_summary_text.done",
                                              "summary_index",
                                              "text",
                                              false};
  static const struct block_events call = {
      NULL,        NULL, "response.function_call_arguments.delta", "response.function_call_arguments.done", NULL,
      "arguments", false};
  static const struct block_events custom = {
      NULL,    NULL, "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", NULL,
      "input", false};
  switch (b->kind) {
  case SIM_BLOCK_TEXT: return answer->stop == SIM_STOP_REFUSAL ? &refusal : &text;
  case SIM_BLOCK_THINKING: return b->text.len > 0 ? &summary : NULL;
  case SIM_BLOCK_REDACTED: return NULL;
  case SIM_BLOCK_TOOL: break;
  }
  return b->is_custom ? &custom : &call;
}

/* The members that say which text an event is about. */
static void begin_inside(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                         const struct block_events *events, const char *type) {
  begin(out, c, type);
  buf_add(out, TEXT(",\"item_id\":"));
  response_object_item_id(out, &answer->block[c->block]);
  buf_add_format(out, ",\"output_index\":%zu", c->block);
  if (events->index)
    buf_add_format(out, ",\"%s\":0", events->index);
}

static void put_part_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                           const struct block_events *events, bool is_whole) {
  begin_inside(out, answer, c, events, is_whole ? events->part_done : events->part_added);
  buf_add(out, TEXT(",\"part\":"));
  response_object_part(out, answer, c->block, is_whole);
  end(out);
}

/* Noise that hides how long a delta is, as the service adds it. */
static void put_obfuscation(struct buf *out, const struct sim_answer *answer, const struct sim_cursor *c) {
  static const struct text letters = {"q7WnXeKp2RtYb9Lm", 16};
  struct digest d = {.hash = answer->seed};
  if (answer->is_plain_stream)
    return;
  digest_u64(&d, c->sequence);
  buf_add(out, TEXT(",\"obfuscation\":\""));
  buf_add(out, text_head(letters, 1 + d.hash % letters.len));
  buf_add_char(out, '"');
}

static bool put_delta_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                            const struct block_events *events) {
  char scratch[32];
  struct text piece = answer_piece(answer, c, scratch);
  if (piece.len == 0)
    return false;
  begin_inside(out, answer, c, events, events->delta);
  buf_add(out, TEXT(",\"delta\":"));
  put_quoted(out, piece);
  if (events->has_logprobs)
    buf_add(out, TEXT(",\"logprobs\":[]"));
  put_obfuscation(out, answer, c);
  end(out);
  return true;
}

static void put_done_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                           const struct block_events *events) {
  begin_inside(out, answer, c, events, events->done);
  buf_add_format(out, ",\"%s\":\"", events->member);
  answer_write_escaped(out, &answer->block[c->block]);
  buf_add_char(out, '"');
  if (events->has_logprobs)
    buf_add(out, TEXT(",\"logprobs\":[]"));
  end(out);
}

static void next_block(struct sim_cursor *c, const struct sim_answer *answer) {
  c->block++;
  c->offset = 0;
  c->step = c->block < answer->block_count ? STEP_ITEM_ADDED : STEP_END;
}

/* The next event of the current block. */
static void put_inside_block(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  const struct block_events *events = events_of(answer, &answer->block[c->block]);
  switch ((enum step)c->step) {
  case STEP_ITEM_ADDED:
    put_item_event(out, answer, c, false);
    c->step = !events ? STEP_ITEM_DONE : events->part_added ? STEP_PART_ADDED : STEP_DELTA;
    return;
  case STEP_PART_ADDED:
    put_part_event(out, answer, c, events, false);
    c->step = STEP_DELTA;
    return;
  case STEP_DELTA:
    if (put_delta_event(out, answer, c, events))
      return;
    put_done_event(out, answer, c, events);
    c->step = events->part_done ? STEP_PART_DONE : STEP_ITEM_DONE;
    return;
  case STEP_PART_DONE:
    put_part_event(out, answer, c, events, true);
    c->step = STEP_ITEM_DONE;
    return;
  default: break;
  }
  put_item_event(out, answer, c, true);
  next_block(c, answer);
}

static bool write_event(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c) {
  bool is_complete = strcmp(responses_status(answer), "completed") == 0;
  switch ((enum step)c->step) {
  case STEP_CREATED:
    put_response_event(out, answer, c, "response.created", RESPONSES_BEGUN);
    c->step = STEP_IN_PROGRESS;
    return true;
  case STEP_IN_PROGRESS:
    put_response_event(out, answer, c, "response.in_progress", RESPONSES_BEGUN);
    c->step = answer->block_count > 0 ? STEP_ITEM_ADDED : STEP_END;
    return true;
  case STEP_END:
    put_response_event(out, answer, c, is_complete ? "response.completed" : "response.incomplete", RESPONSES_ENDED);
    c->step = STEP_DONE;
    return true;
  case STEP_DONE: return false;
  default: put_inside_block(out, answer, c); return true;
  }
}

static void write_stream_error(struct buf *out, const struct sim_answer *answer, struct sim_cursor *c,
                               enum behaviour_break by) {
  const char *code = "server_error";
  if (by == BEHAVIOUR_BREAK_FAILED) {
    put_response_event(out, answer, c, "response.failed", RESPONSES_FAILED);
    return;
  }
  if (by == BEHAVIOUR_BREAK_THROTTLE)
    code = "rate_limit_exceeded";
  else if (by == BEHAVIOUR_BREAK_INVALID)
    code = "invalid_prompt";
  begin(out, c, "error");
  buf_add_format(out, ",\"code\":\"%s\",\"message\":\"The stream failed (simulated by weir-sim)\",\"param\":null",
                 code);
  end(out);
}

static void keep(struct responses_store *store, const struct sim_answer *answer, struct arena *a) {
  struct buf object;
  struct digest prompt = answer->prompt;
  if (!answer->is_kept)
    return;
  buf_init(&object, KEPT_MAX_BYTES);
  sim_responses_put_object(&object, answer, RESPONSES_ENDED);
  for (size_t i = 0; i < answer->block_count; i++)
    digest_text(&prompt, answer->block[i].text);
  if (buf_check(&object) == ERR_OK)
    responses_store_keep(store, arena_format(a, "resp_%.*s", TEXT_ARGS(answer->id)), buf_text(&object), prompt);
  buf_done(&object);
}

const struct sim_dialect sim_responses = {
    .name = "responses",
    .stream_type = "text/event-stream; charset=utf-8",
    .read = sim_responses_read,
    .add_headers = sim_openai_add_headers,
    .write_error = sim_openai_write_error,
    .write_plain = write_plain,
    .write_event = write_event,
    .write_stream_error = write_stream_error,
    .keep = keep,
};
