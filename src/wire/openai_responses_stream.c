/* The events of a Responses stream, written from llm/'s: items with their parts, numbered without a gap, every text a
 * piece at a time and then whole again. Consecutive texts and refusals are parts of one message. Plain answers are made
 * by the same code with its events left out. Called through dialect_openai_responses and by openai_responses_answer.c.
 */
#include "wire/openai_responses_stream.h"

/* One event being written. Its frame is left out when only items are wanted. */
struct frame {
  struct responses_writer *w;
  struct buf *out;
  struct json_writer json;
};

static struct frame frame(struct responses_writer *w, const char *type, struct buf *out) {
  struct frame fr = {.w = w, .out = out};
  if (w->is_quiet)
    buf_reset(out);
  buf_add(out, TEXT("event: "));
  buf_add(out, text_of(type));
  buf_add(out, TEXT("\ndata: "));
  json_writer_init(&fr.json, out);
  json_object(&fr.json);
  json_field_str(&fr.json, "type", type);
  json_field_u64(&fr.json, "sequence_number", w->sequence++);
  return fr;
}

static void frame_end(struct frame *fr) {
  json_object_end(&fr->json);
  buf_add(fr->out, TEXT("\n\n"));
}

/* item_id, output_index, and the index of the part when it has a name. */
static void put_place(struct frame *fr, const char *index_name, uint32_t index) {
  json_name(&fr->json, "item_id");
  json_put_raw(&fr->json, buf_text(&fr->w->item_id));
  json_field_u64(&fr->json, "output_index", fr->w->items);
  if (index_name)
    json_field_u64(&fr->json, index_name, index);
}

static void begin(struct responses_writer *w) {
  struct buf *all[] = {&w->head, &w->output,    &w->item,      &w->item_id, &w->content,
                       &w->text, &w->citations, &w->encrypted, &w->tier};
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
    if (all[i]->max == 0)
      buf_init(all[i], RESPONSES_KEPT_MAX);
  w->started = true;
}

void responses_writer_done(void *writer) {
  struct responses_writer *w = writer;
  struct buf *all[] = {&w->head, &w->output,    &w->item,      &w->item_id, &w->content,
                       &w->text, &w->citations, &w->encrypted, &w->tier};
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
    buf_done(all[i]);
}

static bool is_full(const struct responses_writer *w) {
  return w->head.failed || w->output.failed || w->item.failed || w->item_id.failed || w->content.failed ||
         w->text.failed || w->citations.failed || w->encrypted.failed;
}

static void write_response(struct responses_writer *w, const char *type, enum responses_status status,
                           const struct fault *fault, const struct llm_echo *echo, struct buf *out) {
  const struct responses_object o = {.head = buf_text(&w->head),
                                     .status = status,
                                     .stop = w->stop,
                                     .output = buf_text(&w->output),
                                     .usage = w->usage,
                                     .service_tier = buf_text(&w->tier),
                                     .fault = fault};
  struct frame fr = frame(w, type, out);
  json_name(&fr.json, "response");
  responses_put_object(&fr.json, &o, echo);
  frame_end(&fr);
}

/* The item's value is written by the caller. */
static struct frame item_frame(struct responses_writer *w, const char *type, struct buf *out) {
  struct frame fr = frame(w, type, out);
  json_field_u64(&fr.json, "output_index", w->items);
  json_name(&fr.json, "item");
  json_put_raw(&fr.json, TEXT_NONE);
  return fr;
}

static void open_item(struct responses_writer *w, enum responses_item item, const struct llm_block *b,
                      const struct llm_echo *echo, struct buf *out) {
  responses_begin_item(w, item, b, echo);
  struct frame fr = item_frame(w, "response.output_item.added", out);
  responses_put_item(w, "in_progress", false, out);
  frame_end(&fr);
}

static void close_item(struct responses_writer *w, const char *status, struct buf *out) {
  if (w->open == RESPONSES_NO_ITEM)
    return;
  if (w->items > 0)
    buf_add_char(&w->output, ',');
  size_t from = w->output.len;
  responses_put_item(w, status, true, &w->output);
  struct frame fr = item_frame(w, "response.output_item.done", out);
  buf_add(out, text_skip(buf_text(&w->output), from));
  frame_end(&fr);
  w->open = RESPONSES_NO_ITEM;
  w->items++;
}

static void write_part_event(struct responses_writer *w, const char *type, bool is_done, struct buf *out) {
  struct frame fr = frame(w, type, out);
  put_place(&fr, "content_index", w->parts);
  json_name(&fr.json, "part");
  responses_put_part(w, &fr.json, is_done);
  frame_end(&fr);
}

static void write_summary_event(struct responses_writer *w, const char *type, struct text text, struct buf *out) {
  struct frame fr = frame(w, type, out);
  put_place(&fr, "summary_index", 0);
  json_name(&fr.json, "part");
  json_object(&fr.json);
  json_field_str(&fr.json, "type", "summary_text");
  responses_put_quoted(&fr.json, "text", text);
  json_object_end(&fr.json);
  frame_end(&fr);
}

/* A piece of a text, or the whole of it: only the names of the members differ. */
static void write_text_event(struct responses_writer *w, const char *type, const char *index_name, const char *name,
                             struct text escaped, struct buf *out) {
  struct frame fr = frame(w, type, out);
  put_place(&fr, index_name, index_name && w->kind != LLM_THINKING ? w->parts : 0);
  responses_put_quoted(&fr.json, name, escaped);
  if (w->kind == LLM_TEXT) {
    json_name(&fr.json, "logprobs");
    json_put_raw(&fr.json, TEXT("[]"));
  }
  frame_end(&fr);
}

static void open_block(struct responses_writer *w, const struct llm_block *b, const struct llm_echo *echo,
                       struct buf *out) {
  bool is_words = b->kind == LLM_TEXT || b->kind == LLM_REFUSAL;
  w->kind = b->kind;
  w->annotations = 0;
  w->characters = 0;
  w->has_signature = false;
  buf_reset(&w->citations);
  buf_reset(&w->encrypted);
  if (w->open != RESPONSES_MESSAGE || !is_words)
    close_item(w, "completed", out);
  if (is_words && w->open != RESPONSES_MESSAGE)
    open_item(w, RESPONSES_MESSAGE, b, echo, out);
  else if (b->kind == LLM_TOOL_USE)
    open_item(w, b->is_custom ? RESPONSES_CUSTOM : RESPONSES_CALL, b, echo, out);
  else if (b->kind == LLM_THINKING || b->kind == LLM_REDACTED_THINKING)
    open_item(w, RESPONSES_REASONING, b, echo, out);
  if (w->open == RESPONSES_REASONING)
    responses_keep_encrypted(w, b, b->signature);
  buf_reset(&w->text);
  if (is_words)
    write_part_event(w, "response.content_part.added", false, out);
  w->has_refusal |= b->kind == LLM_REFUSAL;
}

static uint64_t characters(struct text t) {
  uint64_t n = 0;
  for (size_t i = 0; i < t.len; i++)
    n += ((unsigned char)t.at[i] & 0xC0) != 0x80;
  return n;
}

static void take_text(struct responses_writer *w, struct text text, const struct llm_echo *echo, struct buf *out) {
  static const char summary[] = "response.reasoning_summary_text.delta";
  if (text_is_empty(text) || (w->kind == LLM_THINKING && echo->omit_thinking))
    return;
  size_t from = w->text.len;
  json_escape(&w->text, text);
  struct text escaped = text_skip(buf_text(&w->text), from);
  w->characters += characters(text);
  if (w->kind == LLM_THINKING && !w->has_summary)
    write_summary_event(w, "response.reasoning_summary_part.added", TEXT_NONE, out);
  if (w->kind == LLM_THINKING) {
    w->has_summary = true;
    write_text_event(w, summary, "summary_index", "delta", escaped, out);
  } else if (w->kind == LLM_REFUSAL) {
    write_text_event(w, "response.refusal.delta", "content_index", "delta", escaped, out);
  } else {
    write_text_event(w, "response.output_text.delta", "content_index", "delta", escaped, out);
  }
}

static void take_input(struct responses_writer *w, struct text text, struct buf *out) {
  if (text_is_empty(text))
    return;
  size_t from = w->text.len;
  json_escape(&w->text, text);
  write_text_event(w,
                   w->open == RESPONSES_CUSTOM ? "response.custom_tool_call_input.delta"
                                               : "response.function_call_arguments.delta",
                   NULL, "delta", text_skip(buf_text(&w->text), from), out);
}

/* Where it stands is not always known: then it belongs to the text so far. */
static void take_citation(struct responses_writer *w, const struct llm_citation *c, struct buf *out) {
  struct json_writer j;
  if (w->annotations > 0)
    buf_add_char(&w->citations, ',');
  size_t from = w->citations.len;
  json_writer_init(&j, &w->citations);
  responses_put_citation(&j, c, w->characters);
  struct frame fr = frame(w, "response.output_text.annotation.added", out);
  put_place(&fr, "content_index", w->parts);
  json_field_u64(&fr.json, "annotation_index", w->annotations++);
  json_name(&fr.json, "annotation");
  json_put_raw(&fr.json, text_skip(buf_text(&w->citations), from));
  frame_end(&fr);
}

static void close_words(struct responses_writer *w, struct buf *out) {
  bool is_refusal = w->kind == LLM_REFUSAL;
  struct json_writer j;
  write_text_event(w, is_refusal ? "response.refusal.done" : "response.output_text.done", "content_index",
                   is_refusal ? "refusal" : "text", buf_text(&w->text), out);
  write_part_event(w, "response.content_part.done", true, out);
  if (w->parts++ > 0)
    buf_add_char(&w->content, ',');
  json_writer_init(&j, &w->content);
  responses_put_part(w, &j, true);
}

/* An object is due where nothing was said. */
static void close_call(struct responses_writer *w, struct buf *out) {
  bool is_custom = w->open == RESPONSES_CUSTOM;
  if (w->text.len == 0 && !is_custom)
    take_input(w, TEXT("{}"), out);
  write_text_event(w, is_custom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done",
                   NULL, is_custom ? "input" : "arguments", buf_text(&w->text), out);
  close_item(w, "completed", out);
}

static void close_reasoning(struct responses_writer *w, const struct llm_block *b, struct buf *out) {
  if (!w->has_signature && b && !text_is_empty(b->format)) /* the format is known by now */
    responses_keep_encrypted(w, b, b->signature);
  if (w->has_summary) {
    write_text_event(w, "response.reasoning_summary_text.done", "summary_index", "text", buf_text(&w->text), out);
    write_summary_event(w, "response.reasoning_summary_part.done", buf_text(&w->text), out);
  }
  close_item(w, "completed", out);
}

static void close_block(struct responses_writer *w, const struct llm_block *b, struct buf *out) {
  if (w->open == RESPONSES_MESSAGE)
    close_words(w, out);
  else if (w->open == RESPONSES_REASONING)
    close_reasoning(w, b, out);
  else if (w->open != RESPONSES_NO_ITEM)
    close_call(w, out);
}

static void take_stop(struct responses_writer *w, const struct llm_event *e, struct buf *out) {
  w->stop = e->stop;
  if (e->usage.known)
    w->usage = e->usage;
  buf_add(&w->tier, e->service_tier);
  bool is_cut = responses_status_of(w->stop, w->has_refusal) == RESPONSES_INCOMPLETE;
  close_item(w, is_cut ? "incomplete" : "completed", out);
}

static void take_start(struct responses_writer *w, const struct llm_event *e, const struct llm_echo *echo,
                       struct buf *out) {
  begin(w);
  responses_make_head(e->id, e->model, e->created_s, echo, &w->head);
  if (!w->is_quiet) {
    write_response(w, "response.created", RESPONSES_IN_PROGRESS, NULL, echo, out);
    write_response(w, "response.in_progress", RESPONSES_IN_PROGRESS, NULL, echo, out);
  }
  w->usage = e->usage;
}

static void take_end(struct responses_writer *w, const struct llm_echo *echo, struct buf *out) {
  enum responses_status status = responses_status_of(w->stop, w->has_refusal);
  w->over = true;
  if (!w->is_quiet)
    write_response(w, status == RESPONSES_COMPLETED ? "response.completed" : "response.incomplete", status, NULL, echo,
                   out);
}

void responses_write_failure(void *writer, const struct llm_echo *echo, const struct fault *fault,
                             struct text request_id, struct buf *out) {
  struct responses_writer *w = writer;
  if (w->over)
    return;
  responses_write_error_event(out, fault, w->sequence++);
  if (w->started)
    write_response(w, "response.failed", RESPONSES_FAILED, fault, echo, out);
  w->over = w->is_broken = true;
}

static void fail_full(struct responses_writer *w, const struct llm_echo *echo, struct buf *out) {
  struct fault f = {0};
  (void)fault_set(&f, ERR_LIMIT, NULL, "the answer is too long to be repeated at its end");
  f.status = 502;
  buf_reset(&w->output);
  w->started = !w->head.failed;
  responses_write_failure(w, echo, &f, TEXT_NONE, out);
}

void responses_write_event(void *writer, const struct llm_echo *echo, const struct llm_event *e, struct buf *out) {
  struct responses_writer *w = writer;
  if (w->over)
    return;
  switch (e->kind) {
  case LLM_EVENT_START: take_start(w, e, echo, out); break;
  case LLM_EVENT_BLOCK_START: open_block(w, e->block, echo, out); break;
  case LLM_EVENT_TEXT: take_text(w, e->text, echo, out); break;
  case LLM_EVENT_INPUT: take_input(w, e->text, out); break;
  case LLM_EVENT_SIGNATURE:
    responses_keep_encrypted(w, e->block, e->text);
    w->has_signature = true;
    break;
  case LLM_EVENT_CITATION: take_citation(w, e->citation, out); break;
  case LLM_EVENT_BLOCK_END: close_block(w, e->block, out); break;
  case LLM_EVENT_STOP: take_stop(w, e, out); break;
  case LLM_EVENT_END: take_end(w, echo, out); break;
  case LLM_EVENT_PING: break;
  case LLM_EVENT_ERROR: responses_write_failure(w, echo, e->fault, TEXT_NONE, out); break;
  }
  if (is_full(w) && !w->over)
    fail_full(w, echo, out);
}
