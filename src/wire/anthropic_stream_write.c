/* Streams of the Anthropic dialect, written: events of llm/answer.h as server-sent events or, for Bedrock, as chunks of
 * an event stream around the same JSON. One signature_delta a block, because clients keep the last one they get.
 * Streams are read in anthropic_stream.c. Called through dialect_anthropic and dialect_invoke. */
#include "wire/anthropic_stream.h"

#include "wire/anthropic_error.h"
#include "wire/anthropic_parts.h"
#include "wire/bedrock_error.h"
#include "wire/invoke_chunk.h"

struct writing {
  struct anthropic_stream_writer *s;
  const struct llm_echo *echo;
  struct buf *out;
  struct json_writer w;
  bool as_chunks;
  struct invoke_chunk chunk;
};

static void open_event(struct writing *x, const char *type) {
  if (x->as_chunks) {
    x->chunk = invoke_chunk_begin(x->out);
  } else {
    buf_add(x->out, TEXT("event: "));
    buf_add(x->out, text_of(type));
    buf_add(x->out, TEXT("\ndata: "));
  }
  json_writer_init(&x->w, x->out);
  json_object(&x->w);
  json_field_str(&x->w, "type", type);
}

static void close_event(struct writing *x) {
  json_object_end(&x->w);
  if (x->as_chunks)
    invoke_chunk_end(x->out, x->chunk);
  else
    buf_add(x->out, TEXT("\n\n"));
}

static void open_delta(struct writing *x, uint32_t index, const char *type) {
  open_event(x, "content_block_delta");
  json_field_u64(&x->w, "index", index);
  json_name(&x->w, "delta");
  json_object(&x->w);
  json_field_str(&x->w, "type", type);
}

static void close_delta(struct writing *x) {
  json_object_end(&x->w);
  close_event(x);
}

static void text_delta(struct writing *x, uint32_t index, const char *type, const char *member, struct text t) {
  open_delta(x, index, type);
  json_field_text(&x->w, member, t);
  close_delta(x);
}

/* Until the provider has counted: our estimate, and one token as the vendor says it at this place. */
static void write_start(struct writing *x, const struct llm_event *e) {
  struct usage usage = e->usage;
  if (!usage.known)
    usage = (struct usage){.input = x->echo->input_tokens, .output = 1};
  open_event(x, "message_start");
  json_name(&x->w, "message");
  json_object(&x->w);
  json_name(&x->w, "id");
  json_put_raw(&x->w, text_is_empty(e->id) ? TEXT("\"msg_") : TEXT("\""));
  json_escape(x->out, text_is_empty(e->id) ? x->echo->id : e->id);
  buf_add_char(x->out, '"');
  json_field_str(&x->w, "type", "message");
  json_field_str(&x->w, "role", "assistant");
  json_field_text(&x->w, "model", text_is_empty(e->model) ? x->echo->model : e->model);
  json_name(&x->w, "content");
  json_put_raw(&x->w, TEXT("[]"));
  json_field_str(&x->w, "stop_reason", NULL);
  json_field_str(&x->w, "stop_sequence", NULL);
  json_field_str(&x->w, "stop_details", NULL);
  anthropic_parts_write_usage(&x->w, &usage, e->service_tier);
  json_field_str(&x->w, "container", NULL);
  json_field_str(&x->w, "diagnostics", NULL);
  json_object_end(&x->w);
  close_event(x);
}

static void write_block_start(struct writing *x, const struct llm_event *e) {
  struct text format = text_head(e->block->format, sizeof(x->s->format));
  *x->s = (struct anthropic_stream_writer){
      .kind = e->block->kind, .is_custom = e->block->is_custom, .output_bytes = x->s->output_bytes};
  if (format.len > 0)
    memcpy(x->s->format, format.at, format.len);
  x->s->format_len = format.len;
  open_event(x, "content_block_start");
  json_field_u64(&x->w, "index", e->index);
  json_name(&x->w, "content_block");
  anthropic_parts_write_block(&x->w, e->block, x->echo, true);
  close_event(x);
}

static void write_text(struct writing *x, const struct llm_event *e) {
  x->s->output_bytes += e->text.len;
  if (x->s->kind != LLM_THINKING)
    text_delta(x, e->index, "text_delta", "text", e->text);
  else if (!x->echo->omit_thinking)
    text_delta(x, e->index, "thinking_delta", "thinking", e->text);
}

/* The free text of a custom tool becomes the one string of an object, piece by piece. */
static void write_custom_input(struct writing *x, uint32_t index, struct text t, bool is_last) {
  struct buf piece;
  buf_init(&piece, t.len * 6 + 32);
  if (!x->s->has_input)
    buf_add(&piece, TEXT("{\"input\":\""));
  json_escape(&piece, t);
  if (is_last)
    buf_add(&piece, TEXT("\"}"));
  x->s->has_input = true;
  text_delta(x, index, "input_json_delta", "partial_json", buf_text(&piece));
  buf_done(&piece);
}

static void write_input(struct writing *x, const struct llm_event *e) {
  x->s->output_bytes += e->text.len;
  if (x->s->is_custom)
    write_custom_input(x, e->index, e->text, false);
  else
    text_delta(x, e->index, "input_json_delta", "partial_json", e->text);
}

/* from: id, format and details, where the event tells them. */
static void write_signature(struct writing *x, uint32_t index, const struct llm_block *from, struct text signature) {
  struct llm_block b = from ? *from : (struct llm_block){0};
  b.signature = signature;
  if (text_is_empty(b.format))
    b.format = (struct text){x->s->format, x->s->format_len};
  x->s->has_signature = true;
  open_delta(x, index, "signature_delta");
  json_name(&x->w, "signature");
  anthropic_parts_put_signature(&x->w, &b);
  close_delta(x);
}

static void write_block_end(struct writing *x, const struct llm_event *e) {
  bool is_own = text_equal((struct text){x->s->format, x->s->format_len}, TEXT(LLM_FORMAT_ANTHROPIC));
  if (x->s->kind == LLM_THINKING && !x->s->has_signature && !is_own)
    write_signature(x, e->index, e->block, TEXT_NONE);
  if (x->s->is_custom)
    write_custom_input(x, e->index, TEXT_NONE, true);
  open_event(x, "content_block_stop");
  json_field_u64(&x->w, "index", e->index);
  close_event(x);
}

static void write_stop(struct writing *x, const struct llm_event *e) {
  struct usage usage = e->usage;
  if (!usage.known)
    usage = anthropic_parts_estimate(x->echo, x->s->output_bytes);
  open_event(x, "message_delta");
  json_name(&x->w, "delta");
  json_object(&x->w);
  anthropic_parts_write_stop(&x->w, e->stop, e->stop_sequence);
  json_field_str(&x->w, "container", NULL);
  json_object_end(&x->w);
  anthropic_parts_write_delta_usage(&x->w, &usage);
  close_event(x);
}

static void write_citation(struct writing *x, const struct llm_event *e) {
  open_delta(x, e->index, "citations_delta");
  json_name(&x->w, "citation");
  anthropic_parts_write_citation(&x->w, e->citation);
  close_delta(x);
}

static void write_bare(struct writing *x, const char *type) {
  open_event(x, type);
  close_event(x);
}

static void write_error(struct writing *x, const struct fault *fault) {
  const struct fault unknown = {.err = ERR_UPSTREAM_SERVER};
  fault = fault ? fault : &unknown;
  if (x->as_chunks)
    bedrock_error_write_frame(x->out, fault, TEXT_NONE);
  else
    anthropic_error_write_event(x->out, fault, TEXT_NONE);
}

static void write(struct writing *x, const struct llm_event *e) {
  switch (e->kind) {
  case LLM_EVENT_START: write_start(x, e); break;
  case LLM_EVENT_BLOCK_START: write_block_start(x, e); break;
  case LLM_EVENT_TEXT: write_text(x, e); break;
  case LLM_EVENT_INPUT: write_input(x, e); break;
  case LLM_EVENT_SIGNATURE: write_signature(x, e->index, e->block, e->text); break;
  case LLM_EVENT_CITATION: write_citation(x, e); break;
  case LLM_EVENT_BLOCK_END: write_block_end(x, e); break;
  case LLM_EVENT_STOP: write_stop(x, e); break;
  case LLM_EVENT_END: write_bare(x, "message_stop"); break;
  case LLM_EVENT_PING: write_bare(x, "ping"); break;
  case LLM_EVENT_ERROR: write_error(x, e->fault); break;
  }
}

void anthropic_stream_write(void *writer, const struct llm_echo *echo, const struct llm_event *e, struct buf *out) {
  struct writing x = {.s = writer, .echo = echo, .out = out};
  write(&x, e);
}

void anthropic_stream_write_chunks(void *writer, const struct llm_echo *echo, const struct llm_event *e,
                                   struct buf *out) {
  struct writing x = {.s = writer, .echo = echo, .out = out, .as_chunks = true};
  write(&x, e);
}

void anthropic_stream_fail(void *writer, const struct llm_echo *echo, const struct fault *fault, struct text request_id,
                           struct buf *out) {
  (void)writer, (void)echo;
  anthropic_error_write_event(out, fault, request_id);
}
