/* Streams of the Anthropic dialect, read: one event of the provider into events of llm/answer.h. They are written in
 * anthropic_stream_write.c. The reason to stop and the usage come in a message_delta and are kept until message_stop,
 * because there may be several. Called through dialect_anthropic and dialect_invoke. */
#include "wire/anthropic_stream.h"
#include "wire/facts.h"

#include "wire/anthropic_error.h"
#include "wire/anthropic_parts.h"

struct reading {
  struct anthropic_stream_reader *r;
  yyjson_val *root;
  struct llm_sink *sink;
  struct llm_notes *notes;
  struct fault *f;
};

static enum err emit(struct reading *x, struct llm_event e) {
  e.index = x->r->next;
  return x->sink->take(x->sink->ctx, &e, x->f);
}

static enum err broken(struct reading *x, const char *what) {
  return fault_set(x->f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's stream is out of order: %s", what);
}

static enum err emit_piece(struct reading *x, enum llm_event_kind kind, struct text t) {
  if (text_is_empty(t))
    return ERR_OK;
  if (kind == LLM_EVENT_INPUT)
    x->r->has_input = true;
  return emit(x, (struct llm_event){.kind = kind, .text = t});
}

static enum err emit_signature(struct reading *x, struct text signature) {
  const struct llm_block block = {.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC)};
  if (text_is_empty(signature))
    return ERR_OK;
  return emit(x, (struct llm_event){.kind = LLM_EVENT_SIGNATURE, .block = &block, .text = signature});
}

static enum err emit_citation(struct reading *x, yyjson_val *object) {
  struct llm_citation c;
  if (!anthropic_parts_citation(object, &c, x->notes))
    return ERR_OK;
  return emit(x, (struct llm_event){.kind = LLM_EVENT_CITATION, .citation = &c});
}

static enum err on_message_start(struct reading *x) {
  yyjson_val *message = json_get(x->root, "message");
  static const struct anthropic_member rows[] = {{"id", NULL},
                                                 {"type", NULL},
                                                 {"role", NULL},
                                                 {"model", NULL},
                                                 {"content", NULL},
                                                 {"stop_reason", NULL},
                                                 {"usage", NULL},
                                                 {"stop_sequence", NULL},
                                                 {"container", "container"},
                                                 {"stop_details", NULL},
                                                 {"diagnostics", "diagnostics"}};
  if (x->r->started)
    return broken(x, "a second message_start");
  if (!yyjson_is_obj(message))
    return broken(x, "a message_start without its message");
  x->r->started = true;
  facts_of_anthropic(json_get(message, "usage"), &x->notes->facts);
  anthropic_parts_usage(json_get(message, "usage"), &x->r->usage, &x->r->steps, &x->r->service_tier, x->notes);
  anthropic_parts_note(message, rows, sizeof(rows) / sizeof(rows[0]), "*", x->notes);
  return emit(x, (struct llm_event){.kind = LLM_EVENT_START,
                                    .id = json_text(json_get(message, "id")),
                                    .model = json_text(json_get(message, "model")),
                                    .usage = x->r->usage});
}

/* Some providers tell a tool's whole input where it begins. */
static enum err emit_whole_input(struct reading *x, yyjson_val *input) {
  struct arena a;
  if (!yyjson_is_obj(input) || yyjson_obj_size(input) == 0)
    return ERR_OK;
  arena_init(&a);
  enum err e = emit_piece(x, LLM_EVENT_INPUT, json_value_text(input, &a));
  arena_done(&a);
  return e;
}

static enum err on_block_start(struct reading *x) {
  yyjson_val *object = json_get(x->root, "content_block"), *citation;
  struct llm_block block, head;
  size_t i, count;
  if (!x->r->started || x->r->open || !json_number_u64(json_get(x->root, "index"), &x->r->provider_index))
    return broken(x, "content_block_start");
  enum err e = anthropic_parts_block(object, &block, x->notes, x->f);
  if (e != ERR_OK)
    return e;
  x->r->open = true;
  x->r->kind = block.kind;
  x->r->has_input = false;
  head = block;
  head.text = TEXT_NONE;
  if (block.kind == LLM_THINKING)
    head.signature = TEXT_NONE;
  e = emit(x, (struct llm_event){.kind = LLM_EVENT_BLOCK_START, .block = &head});
  if (e == ERR_OK)
    e = emit_piece(x, LLM_EVENT_TEXT, block.text);
  if (e == ERR_OK && block.kind == LLM_THINKING)
    e = emit_signature(x, block.signature);
  if (e == ERR_OK && block.kind == LLM_TOOL_USE)
    e = emit_whole_input(x, json_get(object, "input"));
  yyjson_val *citations = block.kind == LLM_TEXT ? json_get(object, "citations") : NULL;
  yyjson_arr_foreach (citations, i, count, citation)
    if (e == ERR_OK)
      e = emit_citation(x, citation);
  return e;
}

static bool is_open_block(struct reading *x) {
  uint64_t index;
  return x->r->open && json_number_u64(json_get(x->root, "index"), &index) && index == x->r->provider_index;
}

static enum err on_block_delta(struct reading *x) {
  static const struct {
    const char *type, *member;
    enum llm_kind of;
    enum llm_event_kind kind;
  } deltas[] = {{"text_delta", "text", LLM_TEXT, LLM_EVENT_TEXT},
                {"thinking_delta", "thinking", LLM_THINKING, LLM_EVENT_TEXT},
                {"input_json_delta", "partial_json", LLM_TOOL_USE, LLM_EVENT_INPUT},
                {"signature_delta", "signature", LLM_THINKING, LLM_EVENT_SIGNATURE},
                {"citations_delta", "citation", LLM_TEXT, LLM_EVENT_CITATION}};
  yyjson_val *delta = json_get(x->root, "delta");
  struct text type = json_text(json_get(delta, "type")), t;
  if (!is_open_block(x))
    return broken(x, "a content_block_delta of a block that is not open");
  for (size_t i = 0; i < sizeof(deltas) / sizeof(deltas[0]); i++) {
    if (!text_equal(type, text_of(deltas[i].type)))
      continue;
    if (deltas[i].of != x->r->kind)
      return broken(x, "a content_block_delta of another kind of block");
    if (deltas[i].kind == LLM_EVENT_CITATION)
      return emit_citation(x, json_get(delta, deltas[i].member));
    if (!json_get_text(delta, deltas[i].member, &t))
      return broken(x, "a content_block_delta without its text");
    return deltas[i].kind == LLM_EVENT_SIGNATURE ? emit_signature(x, t) : emit_piece(x, deltas[i].kind, t);
  }
  struct text shown = text_head(type, 64);
  return fault_set(x->f, ERR_UPSTREAM_PROTOCOL, "delta.type",
                   "the provider's stream holds content of an unknown kind: \"%.*s\"", TEXT_ARGS(shown));
}

static enum err on_block_stop(struct reading *x) {
  const struct llm_block thinking = {.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC)};
  if (!is_open_block(x))
    return broken(x, "a content_block_stop of a block that is not open");
  x->r->open = false;
  enum err e = ERR_OK;
  if (x->r->kind == LLM_TOOL_USE && !x->r->has_input) /* a call without arguments streams nothing */
    e = emit_piece(x, LLM_EVENT_INPUT, TEXT("{}"));
  if (e == ERR_OK)
    e = emit(x,
             (struct llm_event){.kind = LLM_EVENT_BLOCK_END, .block = x->r->kind == LLM_THINKING ? &thinking : NULL});
  x->r->next++;
  return e;
}

static void keep_stop_sequence(struct anthropic_stream_reader *r, struct text t) {
  t = text_head(t, sizeof(r->stop_sequence));
  while (!text_is_utf8(t))
    t.len--;
  if (t.len > 0)
    memcpy(r->stop_sequence, t.at, t.len);
  r->stop_sequence_len = t.len;
}

static enum err on_message_delta(struct reading *x) {
  static const struct anthropic_member delta_rows[] = {
      {"stop_reason", NULL}, {"stop_sequence", NULL}, {"stop_details", "stop_details"}, {"container", "container"}};
  static const struct anthropic_member rows[] = {{"type", NULL},
                                                 {"delta", NULL},
                                                 {"usage", NULL},
                                                 {"context_management", "context_management"},
                                                 {"input_transformations", "input_transformations"}};
  yyjson_val *delta = json_get(x->root, "delta");
  struct text word;
  if (!x->r->started)
    return broken(x, "message_delta before message_start");
  if (json_get_text(delta, "stop_reason", &word))
    x->r->stop = anthropic_parts_stop(word, x->notes);
  if (json_get_text(delta, "stop_sequence", &word))
    keep_stop_sequence(x->r, word);
  facts_of_anthropic(json_get(x->root, "usage"), &x->notes->facts);
  anthropic_parts_usage(json_get(x->root, "usage"), &x->r->usage, &x->r->steps, &x->r->service_tier, x->notes);
  anthropic_parts_note(delta, delta_rows, sizeof(delta_rows) / sizeof(delta_rows[0]), "*", x->notes);
  anthropic_parts_note(x->root, rows, sizeof(rows) / sizeof(rows[0]), "*", x->notes);
  return ERR_OK;
}

static enum err on_message_stop(struct reading *x) {
  struct anthropic_stream_reader *r = x->r;
  if (!r->started || r->open)
    return broken(x, "message_stop");
  facts_of_invocation(x->root, &x->notes->facts);
  r->ended = true;
  enum err e = emit(x, (struct llm_event){.kind = LLM_EVENT_STOP,
                                          .stop = r->stop,
                                          .stop_sequence = {r->stop_sequence, r->stop_sequence_len},
                                          .usage = r->usage,
                                          .service_tier = r->service_tier});
  return e == ERR_OK ? emit(x, (struct llm_event){.kind = LLM_EVENT_END}) : e;
}

static enum err on_error(struct reading *x) {
  struct fault fault;
  anthropic_error_read(json_get(x->root, "error"), &fault);
  x->r->ended = true;
  return emit(x, (struct llm_event){.kind = LLM_EVENT_ERROR, .fault = &fault});
}

static const struct {
  const char *name;
  enum err (*read)(struct reading *x);
} events[] = {{"content_block_delta", on_block_delta},
              {"content_block_start", on_block_start},
              {"content_block_stop", on_block_stop},
              {"message_start", on_message_start},
              {"message_delta", on_message_delta},
              {"message_stop", on_message_stop},
              {"error", on_error}};

/* The vendor may add events at any time; what belongs to a block is content, though, and is not passed over. */
static enum err on_unknown(struct reading *x, struct text event) {
  struct text shown = text_head(event, 64);
  if (text_starts(event, TEXT("content_block_")))
    return fault_set(x->f, ERR_UPSTREAM_PROTOCOL, "type", "the provider's stream holds an unknown event: \"%.*s\"",
                     TEXT_ARGS(shown));
  llm_note(x->notes, "an unknown event");
  return ERR_OK;
}

enum err anthropic_stream_read(void *reader, struct text event, struct text data, struct llm_sink *sink,
                               struct llm_notes *notes, struct fault *f) {
  struct reading x = {.r = reader, .sink = sink, .notes = notes, .f = f};
  struct json doc = {0};
  if (x.r->ended || (text_is_empty(event) && text_is_empty(data))) /* only message_stop makes an answer whole */
    return ERR_OK;
  if (text_equal(event, TEXT("ping")))
    return emit(&x, (struct llm_event){.kind = LLM_EVENT_PING});
  enum err e = anthropic_parts_parse(data, &doc, f);
  if (e != ERR_OK)
    return e;
  x.root = doc.root;
  if (text_is_empty(event))
    event = json_text(json_get(doc.root, "type"));
  size_t i = 0, count = sizeof(events) / sizeof(events[0]);
  while (i < count && !text_equal(event, text_of(events[i].name)))
    i++;
  if (i < count)
    e = events[i].read(&x);
  else if (text_equal(event, TEXT("ping")))
    e = emit(&x, (struct llm_event){.kind = LLM_EVENT_PING});
  else
    e = on_unknown(&x, event);
  json_done(&doc);
  return e;
}
