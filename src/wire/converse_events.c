/* Streams of the Converse dialect written: each event is one frame of an AWS event stream. Every block gets at least
 * one delta, for clients know of a block only what its deltas say. Reading is in converse_stream.c. Called through
 * dialect_converse. */
#include "aws/eventstream.h"
#include "wire/bedrock_error.h"
#include "wire/converse.h"
#include "wire/converse_blocks.h"
#include "wire/converse_usage.h"

struct writer {
  enum llm_kind kind; /* of the open block */
  bool has_delta, has_signature;
};
_Static_assert(sizeof(struct writer) <= CONVERSE_WRITER_BYTES, "the room for a writer is too small");

struct frame {
  struct json_writer w;
  struct buf *out;
  size_t begun_at;
};

static void begin_frame(struct frame *f, struct buf *out, struct text name) {
  f->out = out;
  f->begun_at = eventstream_begin(out, TEXT("event"), name);
  json_writer_init(&f->w, out);
  json_object(&f->w);
}

static void end_frame(struct frame *f) {
  json_object_end(&f->w);
  if (!f->out->failed)
    eventstream_end(f->out, f->begun_at);
}

static void begin_delta(struct frame *f, struct buf *out, uint32_t index) {
  begin_frame(f, out, TEXT("contentBlockDelta"));
  json_field_u64(&f->w, "contentBlockIndex", index);
  json_name(&f->w, "delta");
  json_object(&f->w);
}

static void end_delta(struct frame *f) {
  json_object_end(&f->w);
  end_frame(f);
}

/* {outer: {name: text}}, or {name: text} without outer. */
static void put_delta(struct buf *out, uint32_t index, const char *outer, const char *name, struct text text) {
  struct frame f;
  begin_delta(&f, out, index);
  if (outer) {
    json_name(&f.w, outer);
    json_object(&f.w);
  }
  json_field_text(&f.w, name, text);
  if (outer)
    json_object_end(&f.w);
  end_delta(&f);
}

static void put_text(const struct writer *s, uint32_t index, struct text text, struct buf *out) {
  put_delta(out, index, s->kind == LLM_THINKING ? "reasoningContent" : NULL, "text", text);
}

static void put_tool_start(const struct llm_event *e, struct buf *out) {
  struct frame f;
  begin_frame(&f, out, TEXT("contentBlockStart"));
  json_field_u64(&f.w, "contentBlockIndex", e->index);
  json_name(&f.w, "start");
  json_object(&f.w);
  json_name(&f.w, "toolUse");
  json_object(&f.w);
  json_field_text(&f.w, "toolUseId", e->block->id);
  json_field_text(&f.w, "name", e->block->name);
  json_object_end(&f.w);
  json_object_end(&f.w);
  end_frame(&f);
}

static void put_redacted(const struct llm_event *e, struct buf *out) {
  struct frame f;
  begin_delta(&f, out, e->index);
  json_name(&f.w, "reasoningContent");
  json_object(&f.w);
  json_name(&f.w, "redactedContent");
  converse_put_redacted(&f.w, e->block);
  json_object_end(&f.w);
  end_delta(&f);
}

static void put_seal(const struct llm_block *b, uint32_t index, struct buf *out) {
  struct frame f;
  begin_delta(&f, out, index);
  json_name(&f.w, "reasoningContent");
  json_object(&f.w);
  json_name(&f.w, "signature");
  converse_put_seal(&f.w, b);
  json_object_end(&f.w);
  end_delta(&f);
}

static void put_signature(struct writer *s, const struct llm_event *e, struct buf *out) {
  struct llm_block block = e->block ? *e->block : (struct llm_block){.format = TEXT(LLM_FORMAT_ANTHROPIC)};
  block.signature = e->text;
  s->has_delta = s->has_signature = true;
  if (converse_is_foreign(&block))
    put_seal(&block, e->index, out);
  else
    put_delta(out, e->index, "reasoningContent", "signature", e->text);
}

static void put_citation(const struct llm_event *e, struct buf *out) {
  struct frame f;
  begin_delta(&f, out, e->index);
  json_name(&f.w, "citation");
  converse_put_citation(&f.w, e->citation);
  end_delta(&f);
}

static void begin_block(struct writer *s, const struct llm_event *e, struct buf *out) {
  *s = (struct writer){.kind = e->block->kind};
  if (s->kind == LLM_TOOL_USE) {
    put_tool_start(e, out);
  } else if (s->kind == LLM_REDACTED_THINKING) {
    put_redacted(e, out);
    s->has_delta = true;
  }
}

static void end_block(struct writer *s, const struct llm_event *e, struct buf *out) {
  struct frame f;
  if (s->kind == LLM_THINKING && !s->has_signature && e->block && converse_is_foreign(e->block)) {
    put_seal(e->block, e->index, out);
    s->has_delta = true;
  }
  if (!s->has_delta && s->kind == LLM_TOOL_USE)
    put_delta(out, e->index, "toolUse", "input", TEXT("{}"));
  else if (!s->has_delta)
    put_text(s, e->index, TEXT(""), out);
  begin_frame(&f, out, TEXT("contentBlockStop"));
  json_field_u64(&f.w, "contentBlockIndex", e->index);
  end_frame(&f);
}

static void put_stop(const struct llm_echo *echo, const struct llm_event *e, struct buf *out) {
  const struct usage likely = {.input = echo->input_tokens};
  struct frame f;
  begin_frame(&f, out, TEXT("messageStop"));
  json_field_text(&f.w, "stopReason", converse_stop_word(e->stop));
  converse_put_answer_fields(&f.w, echo->members, e->stop_sequence);
  end_frame(&f);
  begin_frame(&f, out, TEXT("metadata"));
  converse_put_usage(&f.w, e->usage.known ? &e->usage : &likely);
  converse_put_metrics(&f.w);
  converse_put_tier(&f.w, e->service_tier);
  end_frame(&f);
}

static void put_start(struct buf *out) {
  struct frame f;
  begin_frame(&f, out, TEXT("messageStart"));
  json_field_str(&f.w, "role", "assistant");
  end_frame(&f);
}

void converse_write_event(void *writer, const struct llm_echo *echo, const struct llm_event *e, struct buf *out) {
  struct writer *s = writer;
  switch (e->kind) {
  case LLM_EVENT_START: put_start(out); break;
  case LLM_EVENT_BLOCK_START: begin_block(s, e, out); break;
  case LLM_EVENT_TEXT:
    if (s->kind == LLM_THINKING && echo->omit_thinking)
      break;
    put_text(s, e->index, e->text, out);
    s->has_delta = true;
    break;
  case LLM_EVENT_INPUT:
    put_delta(out, e->index, "toolUse", "input", e->text);
    s->has_delta = true;
    break;
  case LLM_EVENT_SIGNATURE: put_signature(s, e, out); break;
  case LLM_EVENT_CITATION:
    put_citation(e, out);
    s->has_delta = true;
    break;
  case LLM_EVENT_BLOCK_END: end_block(s, e, out); break;
  case LLM_EVENT_STOP: put_stop(echo, e, out); break;
  case LLM_EVENT_ERROR: bedrock_error_write_frame(out, e->fault, TEXT_NONE); break;
  case LLM_EVENT_END:
  case LLM_EVENT_PING: break;
  }
}

void converse_write_failure(void *writer, const struct llm_echo *echo, const struct fault *fault,
                            struct text request_id, struct buf *out) {
  (void)writer;
  (void)echo;
  bedrock_error_write_frame(out, fault, request_id);
}
