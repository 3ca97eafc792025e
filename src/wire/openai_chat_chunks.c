/* Events written as a stream of chat completions chunks: one id, model and time over all of them, the role in the
 * first, calls by index, usage in a chunk of its own when it was asked for, [DONE] last. Called through
 * dialect_openai_chat. */
#include "wire/openai_chat_words.h"
#include "wire/openai_error.h"
#include "wire/openai_reasoning.h"

struct chunk {
  struct openai_chat_writer *s;
  const struct llm_echo *echo;
  struct json_writer w;
};

static struct text kept(char *to, size_t size, struct text t) {
  if (t.len >= size)
    t = TEXT_NONE; /* too long to be repeated: ours is said instead */
  if (t.len > 0)
    memcpy(to, t.at, t.len);
  to[t.len] = 0;
  return t;
}

static void begin_chunk(struct chunk *c, struct openai_chat_writer *s, const struct llm_echo *echo, struct buf *out) {
  c->s = s;
  c->echo = echo;
  buf_add(out, TEXT("data: "));
  json_writer_init(&c->w, out);
  json_object(&c->w);
  openai_chat_write_id(&c->w, text_of(s->id), echo);
  json_field_str(&c->w, "object", "chat.completion.chunk");
  json_field_i64(&c->w, "created", s->created_s ? s->created_s : echo->now_s);
  json_field_text(&c->w, "model", s->model[0] ? text_of(s->model) : echo->model);
  json_name(&c->w, "choices");
  json_array(&c->w);
}

static void end_event(struct chunk *c) {
  json_object_end(&c->w);
  buf_add(c->w.out, TEXT("\n\n"));
}

static struct json_writer *begin_delta(struct chunk *c, struct openai_chat_writer *s, const struct llm_echo *echo,
                                       struct buf *out) {
  begin_chunk(c, s, echo, out);
  json_object(&c->w);
  json_field_u64(&c->w, "index", 0);
  json_name(&c->w, "delta");
  json_object(&c->w);
  return &c->w;
}

static void end_choice(struct chunk *c, const char *finish_reason) {
  json_name(&c->w, "logprobs");
  json_put_null(&c->w);
  json_field_str(&c->w, "finish_reason", finish_reason);
}

static void end_choices(struct chunk *c) {
  json_object_end(&c->w);
  json_array_end(&c->w);
  if (c->echo->include_usage) {
    json_name(&c->w, "usage");
    json_put_null(&c->w);
  }
  end_event(c);
}

static void end_delta(struct chunk *c) {
  json_object_end(&c->w);
  end_choice(c, NULL);
  end_choices(c);
}

static void write_start(struct openai_chat_writer *s, const struct llm_echo *echo, const struct llm_event *e,
                        struct buf *out) {
  struct chunk c;
  (void)kept(s->id, sizeof(s->id), e->id);
  (void)kept(s->model, sizeof(s->model), e->model);
  s->created_s = e->created_s;
  struct json_writer *w = begin_delta(&c, s, echo, out);
  json_field_str(w, "role", "assistant");
  json_field_str(w, "content", "");
  end_delta(&c);
}

/* What the entries of a thought repeat. */
static struct llm_block thought(const struct openai_chat_writer *s) {
  return (struct llm_block){.kind = LLM_THINKING, .format = text_of(s->format), .id = text_of(s->thought_id)};
}

static void write_detail(struct openai_chat_writer *s, const struct llm_echo *echo, const struct llm_block *b,
                         struct text t, struct text signature, struct buf *out) {
  struct chunk c;
  struct json_writer *w = begin_delta(&c, s, echo, out);
  if (!text_is_empty(t)) {
    json_field_text(w, "reasoning_content", t);
    json_field_text(w, "reasoning", t);
  }
  json_name(w, "reasoning_details");
  json_array(w);
  openai_reasoning_put(w, b, s->details - 1, t, signature);
  json_array_end(w);
  end_delta(&c);
}

static void begin_call(struct openai_chat_writer *s, const struct llm_echo *echo, const struct llm_block *b,
                       struct buf *out) {
  struct chunk c;
  const char *kind = b->is_custom ? "custom" : "function";
  struct json_writer *w = begin_delta(&c, s, echo, out);
  json_name(w, "tool_calls");
  json_array(w);
  json_object(w);
  json_field_u64(w, "index", s->calls++);
  json_field_text(w, "id", b->id);
  json_field_str(w, "type", kind);
  json_name(w, kind);
  json_object(w);
  json_field_text(w, "name", b->name);
  json_field_str(w, b->is_custom ? "input" : "arguments", "");
  json_object_end(w);
  json_object_end(w);
  json_array_end(w);
  end_delta(&c);
}

static void write_input(struct openai_chat_writer *s, const struct llm_echo *echo, struct text t, struct buf *out) {
  struct chunk c;
  if (text_is_empty(t))
    return;
  s->has_input = true;
  struct json_writer *w = begin_delta(&c, s, echo, out);
  json_name(w, "tool_calls");
  json_array(w);
  json_object(w);
  json_field_u64(w, "index", s->calls - 1);
  json_name(w, s->is_custom ? "custom" : "function");
  json_object(w);
  json_field_text(w, s->is_custom ? "input" : "arguments", t);
  json_object_end(w);
  json_object_end(w);
  json_array_end(w);
  end_delta(&c);
}

static void begin_block(struct openai_chat_writer *s, const struct llm_echo *echo, const struct llm_block *b,
                        struct buf *out) {
  s->kind = b->kind;
  s->is_custom = b->is_custom;
  s->has_input = s->said_details = false;
  s->block_start = s->characters;
  if (b->kind == LLM_TOOL_USE)
    begin_call(s, echo, b, out);
  if (b->kind != LLM_THINKING && b->kind != LLM_REDACTED_THINKING)
    return;
  s->details++;
  (void)kept(s->format, sizeof(s->format), b->format);
  (void)kept(s->thought_id, sizeof(s->thought_id), b->id);
  if (b->kind == LLM_REDACTED_THINKING)
    write_detail(s, echo, b, TEXT_NONE, b->signature, out);
}

static void write_text(struct openai_chat_writer *s, const struct llm_echo *echo, struct text t, struct buf *out) {
  struct chunk c;
  if (text_is_empty(t))
    return;
  if (s->kind == LLM_THINKING) {
    const struct llm_block b = thought(s);
    if (!echo->omit_thinking)
      write_detail(s, echo, &b, t, TEXT_NONE, out);
    return;
  }
  s->said_refusal = s->said_refusal || s->kind == LLM_REFUSAL;
  if (s->kind == LLM_TEXT)
    s->characters += openai_chat_characters(t);
  struct json_writer *w = begin_delta(&c, s, echo, out);
  json_field_text(w, s->kind == LLM_REFUSAL ? "refusal" : "content", t);
  end_delta(&c);
}

/* The block as the event knows it, and what it does not know from its begin. */
static struct llm_block whole_thought(const struct openai_chat_writer *s, const struct llm_block *known) {
  struct llm_block b = thought(s);
  if (known && !text_is_empty(known->format))
    b.format = known->format;
  if (known && !text_is_empty(known->id))
    b.id = known->id;
  if (known)
    b.details = known->details;
  return b;
}

static void write_signature(struct openai_chat_writer *s, const struct llm_echo *echo, const struct llm_event *e,
                            struct buf *out) {
  const struct llm_block b = whole_thought(s, e->block);
  s->said_details = true;
  write_detail(s, echo, &b, TEXT_NONE, e->text, out);
}

static void end_block(struct openai_chat_writer *s, const struct llm_echo *echo, const struct llm_block *known,
                      struct buf *out) {
  const struct llm_block b = whole_thought(s, known);
  if (s->kind == LLM_TOOL_USE && !s->is_custom && !s->has_input)
    write_input(s, echo, TEXT("{}"), out); /* clients parse the whole as JSON */
  bool is_new = !text_is_empty(b.details) || !text_equal(b.id, text_of(s->thought_id)) ||
                !text_equal(b.format, text_of(s->format));
  if (s->kind == LLM_THINKING && is_new && !s->said_details)
    write_detail(s, echo, &b, TEXT_NONE, TEXT_NONE, out);
}

static void write_citation(struct openai_chat_writer *s, const struct llm_echo *echo, const struct llm_citation *c,
                           struct buf *out) {
  struct chunk chunk;
  struct json_writer *w = begin_delta(&chunk, s, echo, out);
  json_name(w, "annotations");
  json_array(w);
  openai_chat_write_citation(w, c, s->block_start, s->characters);
  json_array_end(w);
  end_delta(&chunk);
}

static void write_usage(struct openai_chat_writer *s, const struct llm_echo *echo, const struct usage *u,
                        struct buf *out) {
  struct chunk c;
  begin_chunk(&c, s, echo, out);
  json_array_end(&c.w);
  openai_chat_write_usage(&c.w, u);
  end_event(&c);
}

static void write_stop(struct openai_chat_writer *s, const struct llm_echo *echo, const struct llm_event *e,
                       struct buf *out) {
  struct chunk c;
  struct json_writer *w = begin_delta(&c, s, echo, out);
  json_object_end(w);
  end_choice(&c, openai_chat_finish_name(e->stop, s->said_refusal));
  if (e->stop == LLM_STOP_SEQUENCE && !text_is_empty(e->stop_sequence))
    json_field_text(w, "stop_reason", e->stop_sequence); /* as vLLM tells it */
  json_object_end(w);
  json_array_end(w);
  if (!text_is_empty(e->service_tier))
    json_field_text(w, "service_tier", e->service_tier);
  if (echo->include_usage) {
    json_name(w, "usage");
    json_put_null(w);
  }
  end_event(&c);
  if (echo->include_usage && (e->usage.known || e->usage.estimated))
    write_usage(s, echo, &e->usage, out);
}

void openai_chat_write_event(void *writer, const struct llm_echo *echo, const struct llm_event *e, struct buf *out) {
  struct openai_chat_writer *s = writer;
  switch (e->kind) {
  case LLM_EVENT_START: write_start(s, echo, e, out); break;
  case LLM_EVENT_BLOCK_START: begin_block(s, echo, e->block, out); break;
  case LLM_EVENT_TEXT: write_text(s, echo, e->text, out); break;
  case LLM_EVENT_INPUT: write_input(s, echo, e->text, out); break;
  case LLM_EVENT_SIGNATURE: write_signature(s, echo, e, out); break;
  case LLM_EVENT_CITATION: write_citation(s, echo, e->citation, out); break;
  case LLM_EVENT_BLOCK_END: end_block(s, echo, e->block, out); break;
  case LLM_EVENT_STOP: write_stop(s, echo, e, out); break;
  case LLM_EVENT_END: buf_add(out, TEXT("data: [DONE]\n\n")); break;
  case LLM_EVENT_PING: break;
  case LLM_EVENT_ERROR: openai_chat_write_failure(s, echo, e->fault, TEXT_NONE, out); break;
  }
}

void openai_chat_write_failure(void *writer, const struct llm_echo *echo, const struct fault *fault,
                               struct text request_id, struct buf *out) {
  openai_error_write_event(out, fault, request_id);
}
