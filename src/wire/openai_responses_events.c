/* The events of a Responses stream as llm/'s. Items and parts become blocks, one open at a time. Servers differ in
 * which of the events they send, so a text may also come whole with the event that ends it, and a part may begin with
 * its first piece. Called through dialect_openai_responses. */
#include "wire/openai_responses_events.h"
#include "wire/facts.h"

#include "wire/member.h"
#include "wire/openai_responses.h"
#include "wire/openai_responses_tap.h"
#include "wire/openai_tap.h"

/* One event being read. */
struct turn {
  struct responses_reader *r;
  const struct json *doc;
  yyjson_val *root;
  struct llm_sink *sink;
  struct llm_notes *notes;
  struct fault *f;
};

static enum err emit(const struct turn *t, const struct llm_event *e) { return t->sink->take(t->sink->ctx, e, t->f); }

static enum err broken(const struct turn *t, const char *what) {
  struct text type = text_head(json_text(json_get(t->root, "type")), 64);
  return fault_set(t->f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's event %.*s %s", TEXT_ARGS(type), what);
}

static enum err start(const struct turn *t, yyjson_val *response) {
  uint64_t created = 0;
  if (t->r->started)
    return ERR_OK;
  t->r->started = true;
  (void)member_count(response, "created_at", &created);
  return emit(t, &(struct llm_event){.kind = LLM_EVENT_START,
                                     .id = json_text(json_get(response, "id")),
                                     .model = json_text(json_get(response, "model")),
                                     .created_s = (int64_t)created});
}

static enum err read_created(const struct turn *t) { return start(t, json_get(t->root, "response")); }

static enum err open_block(const struct turn *t, const struct llm_block *b) {
  struct responses_reader *r = t->r;
  r->is_open = true;
  r->has_said = r->needs_gap = false;
  r->words = RESPONSES_NO_WORDS;
  r->kind = b->kind;
  r->is_custom = b->is_custom;
  r->has_call |= b->kind == LLM_TOOL_USE;
  r->has_refusal |= b->kind == LLM_REFUSAL;
  return emit(t, &(struct llm_event){.kind = LLM_EVENT_BLOCK_START, .index = r->index, .block = b});
}

static enum err close_block(const struct turn *t, const struct llm_block *b) {
  struct responses_reader *r = t->r;
  if (!r->is_open)
    return ERR_OK;
  r->is_open = false;
  return emit(t, &(struct llm_event){.kind = LLM_EVENT_BLOCK_END, .index = r->index++, .block = b});
}

static enum err open_words(const struct turn *t, enum llm_kind kind) {
  const struct llm_block b = {.kind = kind};
  enum err e = start(t, NULL);
  if (!e)
    e = close_block(t, NULL);
  t->r->has_parts = true;
  return e ? e : open_block(t, &b);
}

static enum err say(const struct turn *t, enum llm_event_kind kind, struct text text) {
  if (text_is_empty(text))
    return ERR_OK;
  t->r->has_said = true;
  return emit(t, &(struct llm_event){.kind = kind, .index = t->r->index, .text = text});
}

/* Pieces belong to the open item: blocks cannot be mixed. */
static bool is_elsewhere(const struct turn *t) {
  uint64_t index;
  return json_number_u64(json_get(t->root, "output_index"), &index) && t->r->has_item && index != t->r->output_index;
}

static enum err open_item(const struct turn *t, yyjson_val *item) {
  struct text type = json_text(json_get(item, "type"));
  struct llm_block b = {.kind = LLM_TOOL_USE, .is_custom = text_equal(type, TEXT("custom_tool_call"))};
  enum err e = start(t, NULL);
  if (!e)
    e = close_block(t, NULL);
  if (e)
    return e;
  t->r->has_item = true;
  t->r->has_parts = false;
  t->r->output_index = 0;
  (void)json_number_u64(json_get(t->root, "output_index"), &t->r->output_index);
  if (text_equal(type, TEXT("message")))
    return ERR_OK;
  if (text_equal(type, TEXT("reasoning"))) {
    b = (struct llm_block){
        .kind = LLM_THINKING, .id = json_text(json_get(item, "id")), .format = TEXT(LLM_FORMAT_RESPONSES)};
    return open_block(t, &b);
  }
  if (!b.is_custom && !text_equal(type, TEXT("function_call")))
    return fault_set(t->f, ERR_UPSTREAM_PROTOCOL, NULL,
                     "the provider's output holds an item that was not asked for: %.*s",
                     TEXT_ARGS(text_head(type, 64)));
  if (!json_get_text(item, "call_id", &b.id) || !json_get_text(item, "name", &b.name))
    return broken(t, "begins a call without id or name");
  return open_block(t, &b);
}

static enum err read_item_added(const struct turn *t) { return open_item(t, json_get(t->root, "item")); }

static enum err read_part_added(const struct turn *t) {
  struct text type = json_text(json_get(json_get(t->root, "part"), "type"));
  if (text_equal(type, TEXT("reasoning_text")))
    return ERR_OK;
  if (is_elsewhere(t))
    return broken(t, "belongs to another item than the open one");
  if (text_equal(type, TEXT("output_text")))
    return open_words(t, LLM_TEXT);
  return text_equal(type, TEXT("refusal")) ? open_words(t, LLM_REFUSAL) : broken(t, "is neither text nor refusal");
}

static enum err read_piece(const struct turn *t, enum llm_kind kind, const char *name, bool is_whole) {
  yyjson_val *text = json_get(t->root, name);
  if (!yyjson_is_str(text))
    return broken(t, "says no text");
  if (is_elsewhere(t))
    return broken(t, "belongs to another item than the open one");
  if (is_whole && t->r->is_open && t->r->has_said)
    return ERR_OK;
  if (!t->r->is_open || t->r->kind != kind) {
    if (kind == LLM_TOOL_USE || kind == LLM_THINKING)
      return broken(t, "comes before its item");
    enum err e = open_words(t, kind);
    if (e)
      return e;
  }
  if (yyjson_arr_size(json_get(t->root, "logprobs")) > 0)
    llm_note(t->notes, RESPONSES_NOTE_LOGPROBS);
  return say(t, kind == LLM_TOOL_USE ? LLM_EVENT_INPUT : LLM_EVENT_TEXT, json_text(text));
}

static enum err read_text_delta(const struct turn *t) { return read_piece(t, LLM_TEXT, "delta", false); }
static enum err read_text_done(const struct turn *t) { return read_piece(t, LLM_TEXT, "text", true); }
static enum err read_refusal_delta(const struct turn *t) { return read_piece(t, LLM_REFUSAL, "delta", false); }
static enum err read_refusal_done(const struct turn *t) { return read_piece(t, LLM_REFUSAL, "refusal", true); }
static enum err read_input_delta(const struct turn *t) { return read_piece(t, LLM_TOOL_USE, "delta", false); }
static enum err read_arguments_done(const struct turn *t) { return read_piece(t, LLM_TOOL_USE, "arguments", true); }
static enum err read_input_done(const struct turn *t) { return read_piece(t, LLM_TOOL_USE, "input", true); }

static enum err read_part_done(const struct turn *t) {
  return t->r->kind == LLM_THINKING ? ERR_OK : close_block(t, NULL);
}

static enum err read_annotation(const struct turn *t) {
  struct llm_citation citation;
  if (!responses_read_citation(json_get(t->root, "annotation"), &citation)) {
    llm_note(t->notes, RESPONSES_NOTE_ANNOTATIONS);
    return ERR_OK;
  }
  if (!t->r->is_open || t->r->kind != LLM_TEXT || is_elsewhere(t))
    return broken(t, "comes without its text");
  return emit(t, &(struct llm_event){.kind = LLM_EVENT_CITATION, .index = t->r->index, .citation = &citation});
}

/* A reasoning has a summary, or words, or both: then the other one is told by its details alone. */
static enum err read_words(const struct turn *t, enum responses_words words, const char *name, bool is_whole) {
  struct responses_reader *r = t->r;
  if (r->words == RESPONSES_NO_WORDS)
    r->words = words;
  if (r->words != words)
    return ERR_OK;
  if (r->needs_gap && !is_elsewhere(t)) {
    enum err e = say(t, LLM_EVENT_TEXT, TEXT("\n\n"));
    if (e)
      return e;
    r->needs_gap = r->has_said = false;
  }
  return read_piece(t, LLM_THINKING, name, is_whole);
}

static enum err read_summary_delta(const struct turn *t) { return read_words(t, RESPONSES_SUMMARY, "delta", false); }
static enum err read_summary_done(const struct turn *t) { return read_words(t, RESPONSES_SUMMARY, "text", true); }
static enum err read_thought_delta(const struct turn *t) {
  return read_words(t, RESPONSES_REASONING_TEXT, "delta", false);
}
static enum err read_thought_done(const struct turn *t) {
  return read_words(t, RESPONSES_REASONING_TEXT, "text", true);
}

static enum err read_summary_part(const struct turn *t) {
  t->r->needs_gap = t->r->is_open && t->r->words == RESPONSES_SUMMARY;
  return ERR_OK;
}

static enum err finish_message(const struct turn *t, yyjson_val *item) {
  yyjson_val *content = json_get(item, "content"), *part;
  size_t i, count;
  if (text_equal(json_text(json_get(item, "phase")), TEXT("commentary")))
    llm_note(t->notes, RESPONSES_NOTE_PHASE);
  if (t->r->has_parts)
    return close_block(t, NULL);
  yyjson_arr_foreach (content, i, count, part) {
    bool is_text = text_equal(json_text(json_get(part, "type")), TEXT("output_text"));
    enum err e = open_words(t, is_text ? LLM_TEXT : LLM_REFUSAL);
    if (!e)
      e = say(t, LLM_EVENT_TEXT, json_text(json_get(part, is_text ? "text" : "refusal")));
    if (e)
      return e;
  }
  return close_block(t, NULL);
}

static enum err finish_reasoning(const struct turn *t, yyjson_val *item) {
  const struct llm_place at = {.form = "output"};
  struct llm_block b = {0};
  struct fault why = {0};
  struct arena a;
  arena_init(&a);
  enum err e = responses_read_reasoning(item, &at, &a, &b, &why);
  if (e)
    e = fault_set(t->f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's %s", fault_text(&why));
  if (!e && t->r->words == RESPONSES_NO_WORDS)
    e = say(t, LLM_EVENT_TEXT, b.text);
  if (!e && !text_is_empty(b.signature))
    e = emit(t,
             &(struct llm_event){.kind = LLM_EVENT_SIGNATURE, .index = t->r->index, .text = b.signature, .block = &b});
  if (!e)
    e = close_block(t, &b);
  arena_done(&a);
  return e;
}

static enum err finish_call(const struct turn *t, yyjson_val *item) {
  enum err e = ERR_OK;
  if (!t->r->has_said)
    e = say(t, LLM_EVENT_INPUT, json_text(json_get(item, t->r->is_custom ? "input" : "arguments")));
  return e ? e : close_block(t, NULL);
}

static enum err read_item_done(const struct turn *t) {
  yyjson_val *item = json_get(t->root, "item");
  enum err e = ERR_OK;
  if (is_elsewhere(t) && !t->r->is_open)
    return ERR_OK; /* of an item that the next one has closed already */
  if (is_elsewhere(t))
    return broken(t, "belongs to another item than the open one");
  if (!t->r->has_item)
    e = open_item(t, item);
  if (e)
    return e;
  t->r->has_item = false;
  if (!t->r->is_open || t->r->kind == LLM_TEXT || t->r->kind == LLM_REFUSAL)
    return finish_message(t, item);
  return t->r->kind == LLM_THINKING ? finish_reasoning(t, item) : finish_call(t, item);
}

static enum err read_end(const struct turn *t) {
  struct responses_reader *r = t->r;
  yyjson_val *response = json_get(t->root, "response");
  struct llm_event stop = {.kind = LLM_EVENT_STOP};
  enum err e = start(t, response);
  if (!e)
    e = close_block(t, NULL);
  if (!e && r->index == 0 && yyjson_arr_size(json_get(response, "output")) > 0)
    return broken(t, "holds output that was not streamed");
  stop.stop = responses_read_stop(response, r->has_call, r->has_refusal, t->notes);
  stop.service_tier = json_text(json_get(response, "service_tier"));
  responses_tap_usage(&stop.usage, json_get(response, "usage"));
  openai_tap_cost_of(t->doc, json_get(response, "usage"), &stop.cost_nano);
  facts_of_openai(response, &t->notes->facts);
  r->over = true;
  if (!e)
    e = emit(t, &stop);
  return e ? e : emit(t, &(struct llm_event){.kind = LLM_EVENT_END});
}

static enum err read_failure(const struct turn *t) {
  struct fault fault = {0};
  responses_tap_error(t->root, &fault);
  t->r->over = true;
  return emit(t, &(struct llm_event){.kind = LLM_EVENT_ERROR, .fault = &fault});
}

static enum err read_nothing(const struct turn *t) { return ERR_OK; }

static enum err read_keepalive(const struct turn *t) {
  return t->r->started ? emit(t, &(struct llm_event){.kind = LLM_EVENT_PING}) : ERR_OK;
}

static const struct {
  const char *type;
  enum err (*read)(const struct turn *t);
} types[] = {
    {"response.output_text.delta", read_text_delta},
    {"response.function_call_arguments.delta", read_input_delta},
    {"response.reasoning_summary_text.delta", read_summary_delta},
    {"response.created", read_created},
    {"response.queued", read_created},
    {"response.in_progress", read_created},
    {"response.output_item.added", read_item_added},
    {"response.output_item.done", read_item_done},
    {"response.content_part.added", read_part_added},
    {"response.content_part.done", read_part_done},
    {"response.output_text.done", read_text_done},
    {"response.output_text.annotation.added", read_annotation},
    {"response.refusal.delta", read_refusal_delta},
    {"response.refusal.done", read_refusal_done},
    {"response.function_call_arguments.done", read_arguments_done},
    {"response.custom_tool_call_input.delta", read_input_delta},
    {"response.custom_tool_call_input.done", read_input_done},
    {"response.reasoning_summary_part.added", read_summary_part},
    {"response.reasoning_summary_part.done", read_nothing},
    {"response.reasoning_summary_text.done", read_summary_done},
    {"response.reasoning_text.delta", read_thought_delta},
    {"response.reasoning_text.done", read_thought_done},
    {"response.completed", read_end},
    {"response.incomplete", read_end},
    {"response.failed", read_failure},
    {"error", read_failure},
    {"keepalive", read_keepalive},
};

static enum err dispatch(const struct turn *t, struct text event) {
  struct text type = json_text(json_get(t->root, "type"));
  if (text_is_empty(type))
    type = event;
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
    if (text_equal(type, text_of(types[i].type)))
      return types[i].read(t);
  if (text_ends(type, TEXT(".delta"))) /* whatever it is, it is content */
    return broken(t, "cannot be understood");
  llm_note(t->notes, RESPONSES_NOTE_EVENT);
  return ERR_OK;
}

enum err responses_read_event(void *reader, struct text event, struct text data, struct llm_sink *sink,
                              struct llm_notes *notes, struct fault *f) {
  const struct json_limits limits = {.lenient = true, .raw_numbers = true};
  struct responses_reader *r = reader;
  struct fault why = {0};
  struct json doc = {0};
  if (r->over || text_is_empty(data) || text_equal(text_trim(data), TEXT("[DONE]")))
    return ERR_OK;
  if (json_read(data, &limits, &doc, &why))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "an event of the provider is not valid JSON: %s",
                     fault_text(&why));
  const struct turn t = {.r = r, .doc = &doc, .root = doc.root, .sink = sink, .notes = notes, .f = f};
  enum err e = dispatch(&t, event);
  json_done(&doc);
  return e;
}
