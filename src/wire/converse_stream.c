/* Streams of the Converse dialect read: the provider's events become the grammar of llm/answer.h. Text and reasoning
 * begin with their first delta, for Converse announces only tool calls; the counts come behind the stop reason, so the
 * end is held back until both are there. Writing is in converse_events.c. Called through dialect_converse. */
#include "wire/bedrock_error.h"
#include "wire/converse.h"
#include "wire/converse_blocks.h"
#include "wire/converse_usage.h"
#include "wire/facts.h"
#include "wire/member.h"

#define REDACTED_MAX_BYTES 8192
#define SEQUENCE_MAX_BYTES 256

struct reader {
  bool started, open, stopped, ended;
  bool has_signature, has_input; /* of the open block */
  enum llm_kind kind;            /* of the open block */
  uint32_t index;                /* of the open block, or of the next one */
  uint64_t number;               /* the provider's number of the open block */
  uint64_t closed;               /* numbers below this are over */
  enum llm_stop stop;
  char stop_sequence[SEQUENCE_MAX_BYTES];
  size_t redacted_len; /* bytes of redacted reasoning that came so far and are held back until they are whole */
  char redacted[REDACTED_MAX_BYTES];
};
_Static_assert(sizeof(struct reader) <= CONVERSE_READER_BYTES, "the room for a reader is too small");

struct source {
  struct reader *r;
  struct llm_sink *sink;
  struct llm_notes *notes;
  struct fault *f;
};

static enum err emit(struct source *s, struct llm_event e) { return s->sink->take(s->sink->ctx, &e, s->f); }

static enum err trouble(struct source *s, const char *what) {
  return fault_set(s->f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's stream %s", what);
}

static enum err start(struct source *s) {
  if (s->r->started)
    return ERR_OK;
  s->r->started = true;
  return emit(s, (struct llm_event){.kind = LLM_EVENT_START});
}

static enum err begin_block(struct source *s, const struct llm_block *block, uint64_t number) {
  s->r->open = true;
  s->r->has_signature = s->r->has_input = false;
  s->r->kind = block->kind;
  s->r->number = number;
  s->r->redacted_len = 0;
  if (block->kind == LLM_REDACTED_THINKING && text_is_empty(block->signature))
    return ERR_OK;
  return emit(s, (struct llm_event){.kind = LLM_EVENT_BLOCK_START, .index = s->r->index, .block = block});
}

/* What was held back becomes the block's beginning. */
static enum err release_redacted(struct source *s) {
  struct buf coded;
  if (s->r->redacted_len == 0)
    return ERR_OK;
  buf_init(&coded, 2 * REDACTED_MAX_BYTES);
  char *room = buf_reserve(&coded, (s->r->redacted_len + 2) / 3 * 4);
  if (room)
    buf_commit(&coded, text_base64(s->r->redacted, s->r->redacted_len, room));
  const struct llm_block block = {
      .kind = LLM_REDACTED_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC), .signature = buf_text(&coded)};
  enum err e = emit(s, (struct llm_event){.kind = LLM_EVENT_BLOCK_START, .index = s->r->index, .block = &block});
  buf_done(&coded);
  return e;
}

static enum err end_block(struct source *s) {
  struct llm_block block = {.kind = s->r->kind};
  if (!s->r->open)
    return ERR_OK;
  enum err e = s->r->kind == LLM_REDACTED_THINKING ? release_redacted(s) : ERR_OK;
  if (!e && s->r->kind == LLM_TOOL_USE && !s->r->has_input) /* a tool without parameters */
    e = emit(s, (struct llm_event){.kind = LLM_EVENT_INPUT, .index = s->r->index, .text = TEXT("{}")});
  if (e)
    return e;
  s->r->open = false;
  s->r->closed = s->r->number + 1;
  if (s->r->kind == LLM_THINKING)
    block.format = s->r->has_signature ? TEXT(LLM_FORMAT_ANTHROPIC) : TEXT(LLM_FORMAT_NONE);
  return emit(s, (struct llm_event){.kind = LLM_EVENT_BLOCK_END, .index = s->r->index++, .block = &block});
}

static enum err number_of(struct source *s, yyjson_val *root, uint64_t *out) {
  if (!member_count(root, "contentBlockIndex", out))
    *out = s->r->open ? s->r->number : s->r->closed;
  return *out < s->r->closed && !(s->r->open && *out == s->r->number)
             ? trouble(s, "adds to a block that it had already ended")
             : ERR_OK;
}

/* The block of this kind is open; whatever else was open is over. */
static enum err want_block(struct source *s, enum llm_kind kind, uint64_t number) {
  const struct llm_block block = {.kind = kind, .format = kind == LLM_TEXT ? TEXT_NONE : TEXT(LLM_FORMAT_ANTHROPIC)};
  if (s->r->open && s->r->kind == kind && s->r->number == number)
    return ERR_OK;
  enum err e = start(s);
  if (!e)
    e = end_block(s);
  return e ? e : begin_block(s, &block, number);
}

static enum err read_block_start(struct source *s, yyjson_val *root) {
  yyjson_val *begin = json_get(root, "start"), *tool = json_get(begin, "toolUse");
  struct llm_block block = {.kind = LLM_TOOL_USE};
  uint64_t number;
  enum err e = number_of(s, root, &number);
  if (e)
    return e;
  if (!tool) /* blocks that say nothing here begin with their first delta */
    return yyjson_obj_size(begin) == 0 ? ERR_OK : trouble(s, "begins a block that cannot be carried");
  if (!json_get_text(tool, "toolUseId", &block.id) || !json_get_text(tool, "name", &block.name))
    return trouble(s, "begins a tool call without id or name");
  if (json_get(tool, "type"))
    return trouble(s, "calls one of the provider's own tools, which cannot be carried");
  e = start(s);
  if (!e)
    e = end_block(s);
  return e ? e : begin_block(s, &block, number);
}

static enum err read_signature(struct source *s, struct text signature, uint64_t number) {
  const struct llm_block block = {.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC), .signature = signature};
  enum err e = want_block(s, LLM_THINKING, number);
  if (e || text_is_empty(signature))
    return e;
  if (s->r->has_signature)
    return trouble(s, "has a signature in several pieces, which cannot be carried");
  s->r->has_signature = true;
  return emit(
      s, (struct llm_event){.kind = LLM_EVENT_SIGNATURE, .index = s->r->index, .text = signature, .block = &block});
}

/* Pieces are encoded one by one. What is too long to be held back must be whole in one piece. */
static enum err read_redacted(struct source *s, struct text piece, uint64_t number) {
  const struct llm_block whole = {
      .kind = LLM_REDACTED_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC), .signature = piece};
  struct reader *r = s->r;
  bool is_more = r->open && r->kind == LLM_REDACTED_THINKING && r->number == number;
  size_t bytes;
  if (!text_base64_decode(piece, NULL, &bytes))
    return trouble(s, "has redacted reasoning that is no base64");
  if (bytes + 3 > REDACTED_MAX_BYTES - (is_more ? r->redacted_len : 0) || (is_more && r->redacted_len == 0)) {
    if (is_more)
      return trouble(s, "has redacted reasoning in pieces too long to be put together");
    enum err e = start(s);
    if (!e)
      e = end_block(s);
    return e ? e : begin_block(s, &whole, number);
  }
  enum err e = want_block(s, LLM_REDACTED_THINKING, number);
  if (!e && text_base64_decode(piece, r->redacted + r->redacted_len, &bytes))
    r->redacted_len += bytes;
  return e;
}

static enum err read_reasoning(struct source *s, yyjson_val *v, uint64_t number) {
  struct text text;
  if (json_get_text(v, "redactedContent", &text))
    return read_redacted(s, text, number);
  if (json_get_text(v, "signature", &text))
    return read_signature(s, text, number);
  if (!json_get_text(v, "text", &text))
    return trouble(s, "has reasoning that cannot be carried");
  enum err e = want_block(s, LLM_THINKING, number);
  if (e || text_is_empty(text))
    return e;
  return emit(s, (struct llm_event){.kind = LLM_EVENT_TEXT, .index = s->r->index, .text = text});
}

static enum err read_text(struct source *s, struct text text, uint64_t number) {
  enum err e = want_block(s, LLM_TEXT, number);
  if (e || text_is_empty(text))
    return e;
  return emit(s, (struct llm_event){.kind = LLM_EVENT_TEXT, .index = s->r->index, .text = text});
}

static enum err read_citation(struct source *s, yyjson_val *v, uint64_t number) {
  struct llm_citation c;
  enum err e = want_block(s, LLM_TEXT, number);
  if (e)
    return e;
  if (!converse_read_citation(v, NULL, &c)) {
    llm_note(s->notes, "citationsContent.citations");
    return ERR_OK;
  }
  if (yyjson_arr_size(json_get(v, "sourceContent")) > 1)
    llm_note(s->notes, "citationsContent.citations.sourceContent");
  return emit(s, (struct llm_event){.kind = LLM_EVENT_CITATION, .index = s->r->index, .citation = &c});
}

static enum err read_input(struct source *s, yyjson_val *v, uint64_t number) {
  struct text input;
  if (!s->r->open || s->r->kind != LLM_TOOL_USE || s->r->number != number)
    return trouble(s, "has input of a tool call that did not begin");
  if (!json_get_text(v, "input", &input))
    return trouble(s, "has input of a tool call that is no text");
  if (text_is_empty(input))
    return ERR_OK;
  s->r->has_input = true;
  return emit(s, (struct llm_event){.kind = LLM_EVENT_INPUT, .index = s->r->index, .text = input});
}

static enum err read_delta(struct source *s, yyjson_val *root) {
  yyjson_val *delta = json_get(root, "delta"), *v;
  uint64_t number;
  enum err e = number_of(s, root, &number);
  if (e)
    return e;
  if ((v = json_get(delta, "text")))
    return yyjson_is_str(v) ? read_text(s, json_text(v), number) : trouble(s, "has a text that is no text");
  if ((v = json_get(delta, "toolUse")))
    return read_input(s, v, number);
  if ((v = json_get(delta, "reasoningContent")))
    return read_reasoning(s, v, number);
  if ((v = json_get(delta, "citation")))
    return read_citation(s, v, number);
  return trouble(s, "has content that cannot be carried");
}

static enum err read_block_stop(struct source *s, yyjson_val *root) {
  uint64_t number;
  if (!member_count(root, "contentBlockIndex", &number) || !s->r->open || number == s->r->number)
    return end_block(s);
  return ERR_OK;
}

static enum err read_message_stop(struct source *s, yyjson_val *root) {
  struct text stop, tier = TEXT_NONE, sequence = TEXT_NONE;
  if (!json_get_text(root, "stopReason", &stop))
    return trouble(s, "ends without a stopReason");
  enum err e = start(s);
  if (!e)
    e = end_block(s);
  if (e)
    return e;
  s->r->stop = converse_read_stop(stop, s->notes);
  converse_read_beside(root, s->notes, &sequence, &tier);
  if (sequence.len < sizeof(s->r->stop_sequence) && !text_is_empty(sequence))
    memcpy(s->r->stop_sequence, sequence.at, sequence.len);
  s->r->stopped = true;
  return ERR_OK;
}

static enum err finish(struct source *s, const struct usage *usage, struct text tier) {
  if (!s->r->stopped)
    return ERR_OK;
  s->r->ended = true;
  enum err e = emit(s, (struct llm_event){.kind = LLM_EVENT_STOP,
                                          .stop = s->r->stop,
                                          .stop_sequence = text_of(s->r->stop_sequence),
                                          .usage = *usage,
                                          .service_tier = tier});
  return e ? e : emit(s, (struct llm_event){.kind = LLM_EVENT_END});
}

static enum err read_metadata(struct source *s, yyjson_val *root) {
  struct usage usage = {0};
  struct text tier = TEXT_NONE, sequence;
  if (!s->r->stopped)
    return trouble(s, "counts its tokens before it has ended");
  converse_read_usage(json_get(root, "usage"), &usage);
  facts_of_converse(root, &s->notes->facts);
  converse_read_beside(root, s->notes, &sequence, &tier);
  return finish(s, &usage, tier);
}

static enum err read_exception(struct source *s, struct text event, struct text data) {
  struct fault fault = {0};
  bedrock_error_read(event, data, &fault);
  s->r->ended = true;
  return emit(s, (struct llm_event){.kind = LLM_EVENT_ERROR, .fault = &fault});
}

static enum err read_named(struct source *s, struct text event, yyjson_val *root) {
  if (s->r->stopped && !text_equal(event, TEXT("metadata")))
    return trouble(s, "goes on behind its end");
  if (text_equal(event, TEXT("contentBlockDelta")))
    return read_delta(s, root);
  if (text_equal(event, TEXT("contentBlockStart")))
    return read_block_start(s, root);
  if (text_equal(event, TEXT("contentBlockStop")))
    return read_block_stop(s, root);
  if (text_equal(event, TEXT("messageStart")))
    return s->r->started ? trouble(s, "begins twice") : start(s);
  if (text_equal(event, TEXT("messageStop")))
    return read_message_stop(s, root);
  if (text_equal(event, TEXT("metadata")))
    return read_metadata(s, root);
  return fault_set(s->f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's stream has an event that cannot be carried: %.*s",
                   TEXT_ARGS(text_head(event, 40)));
}

enum err converse_read_event(void *reader, struct text event, struct text data, struct llm_sink *sink,
                             struct llm_notes *notes, struct fault *f) {
  const struct usage nothing = {0};
  struct source s = {reader, sink, notes, f};
  struct json doc = {0};
  if (s.r->ended || text_equal(event, TEXT("initial-response")))
    return ERR_OK;
  if (text_is_empty(event) && text_is_empty(data))
    return finish(&s, &nothing, TEXT_NONE);
  if (bedrock_error_is_exception(event))
    return read_exception(&s, event, data);
  enum err e = member_read_answer(data, &doc, f);
  if (e)
    return e;
  e = read_named(&s, event, doc.root);
  json_done(&doc);
  return e;
}
