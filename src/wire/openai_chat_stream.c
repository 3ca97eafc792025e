/* A stream of chat completions chunks read as events. Servers differ in what they repeat and leave out: roles in every
 * delta, calls without index or id, the finish reason in a chunk of its own, usage before or behind it, no [DONE]. Here
 * that becomes one order: blocks one after the other, the stop with its usage last. Called through dialect_openai_chat.
 */
#include "wire/facts.h"
#include "wire/member.h"
#include "wire/openai_chat_words.h"
#include "wire/openai_error.h"
#include "wire/openai_reasoning.h"
#include "wire/openai_tap.h"

#define CALLS_MAX 128u

struct reading {
  struct openai_chat_reader *s;
  struct llm_sink *sink;
  struct llm_notes *notes;
  struct fault *f;
};

static enum err emit(struct reading *r, const struct llm_event *e) { return r->sink->take(r->sink->ctx, e, r->f); }

static void keep(char *out, size_t size, struct text t) {
  t = text_head(t, size - 1);
  if (t.len > 0)
    memcpy(out, t.at, t.len);
  out[t.len] = 0;
}

/* A thought as far as it is known, for the events that want it. */
static struct llm_block thought(const struct openai_chat_reader *s) {
  return (struct llm_block){.kind = s->kind, .id = text_of(s->detail_id), .format = text_of(s->detail_format)};
}

static enum err close_with(struct reading *r, struct text details) {
  struct openai_chat_reader *s = r->s;
  if (!s->is_open)
    return ERR_OK;
  struct llm_block b = thought(s);
  b.details = details;
  s->is_open = false;
  return emit(r, &(struct llm_event){
                     .kind = LLM_EVENT_BLOCK_END, .index = s->index++, .block = s->kind == LLM_THINKING ? &b : NULL});
}

static enum err close_block(struct reading *r) { return close_with(r, TEXT_NONE); }

static enum err open_block(struct reading *r, const struct llm_block *b) {
  struct openai_chat_reader *s = r->s;
  enum err e = close_block(r);
  if (e != ERR_OK)
    return e;
  s->is_open = true;
  s->kind = b->kind;
  s->has_signature = s->is_plain = s->has_call_index = false;
  s->block_start = s->characters;
  return emit(r, &(struct llm_event){.kind = LLM_EVENT_BLOCK_START, .index = s->index, .block = b});
}

static enum err emit_text(struct reading *r, enum llm_event_kind kind, struct text t) {
  return text_is_empty(t) ? ERR_OK : emit(r, &(struct llm_event){.kind = kind, .index = r->s->index, .text = t});
}

/* More of a TEXT or REFUSAL, in a new block when another one is open. */
static enum err read_text(struct reading *r, enum llm_kind kind, struct text t) {
  enum err e = ERR_OK;
  if (text_is_empty(t))
    return ERR_OK;
  if (!r->s->is_open || r->s->kind != kind)
    e = open_block(r, &(struct llm_block){.kind = kind});
  if (kind == LLM_TEXT)
    r->s->characters += openai_chat_characters(t);
  else
    r->s->said_refusal = true;
  return e == ERR_OK ? emit_text(r, LLM_EVENT_TEXT, t) : e;
}

static enum err read_plain_thought(struct reading *r, struct text t) {
  struct openai_chat_reader *s = r->s;
  enum err e = ERR_OK;
  if (text_is_empty(t))
    return ERR_OK;
  if (!s->is_open || s->kind != LLM_THINKING || !s->is_plain) {
    e = open_block(r, &(struct llm_block){.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_NONE)});
    keep(s->detail_format, sizeof(s->detail_format), TEXT(LLM_FORMAT_NONE));
    s->detail_id[0] = 0;
    s->is_plain = true;
  }
  return e == ERR_OK ? emit_text(r, LLM_EVENT_TEXT, t) : e;
}

static bool goes_on(const struct openai_chat_reader *s, const struct openai_detail *d) {
  if (!s->is_open || s->kind != LLM_THINKING || s->is_plain)
    return false;
  const struct openai_detail first = {.kind = (enum openai_detail_kind)s->detail_kind,
                                      .format = text_of(s->detail_format),
                                      .id = text_of(s->detail_id),
                                      .index = text_of(s->detail_index)};
  return openai_detail_joins(&first, s->has_signature, d);
}

static enum err too_long(struct reading *r, const char *what) {
  return openai_chat_not_understood(what, "is too long", r->f);
}

static enum err begin_thought(struct reading *r, const struct openai_detail *d) {
  struct openai_chat_reader *s = r->s;
  struct text format = openai_detail_format(d);
  if (format.len >= sizeof(s->detail_format) || d->index.len >= sizeof(s->detail_index))
    return too_long(r, "reasoning_details[].format");
  enum err e = open_block(r, &(struct llm_block){.kind = LLM_THINKING, .format = format, .id = d->id});
  keep(s->detail_format, sizeof(s->detail_format), format);
  keep(s->detail_index, sizeof(s->detail_index), d->index);
  s->detail_id[0] = 0;
  s->detail_kind = (int)d->kind;
  return e;
}

static enum err read_redacted(struct reading *r, const struct openai_detail *d) {
  const struct llm_block b = {
      .kind = LLM_REDACTED_THINKING, .format = openai_detail_format(d), .id = d->id, .signature = d->signature};
  enum err e = open_block(r, &b);
  return e == ERR_OK ? close_block(r) : e;
}

static enum err read_signature(struct reading *r, const struct openai_detail *d) {
  struct openai_chat_reader *s = r->s;
  if (text_is_empty(d->signature))
    return ERR_OK;
  s->has_signature = true;
  if (text_equal(text_of(s->detail_format), TEXT(LLM_FORMAT_NONE)) && text_is_empty(d->format))
    keep(s->detail_format, sizeof(s->detail_format), TEXT(LLM_FORMAT_ANTHROPIC)); /* only now it is signed */
  const struct llm_block b = thought(s);
  return emit(r,
              &(struct llm_event){.kind = LLM_EVENT_SIGNATURE, .index = s->index, .text = d->signature, .block = &b});
}

/* Our own member comes with the last entry of a thought, so that it need not be kept. */
static enum err end_with_details(struct reading *r, yyjson_val *details) {
  size_t len = 0;
  char *json = yyjson_val_write(details, YYJSON_WRITE_NOFLAG, &len);
  if (!json)
    abort();
  enum err e = close_with(r, (struct text){json, len});
  free(json);
  return e;
}

static enum err read_detail(struct reading *r, const struct openai_detail *d) {
  struct openai_chat_reader *s = r->s;
  enum err e = ERR_OK;
  if (openai_detail_is_empty(d))
    return ERR_OK;
  if (d->id.len >= sizeof(s->detail_id))
    return too_long(r, "reasoning_details[].id");
  if (!goes_on(s, d)) {
    if (openai_detail_is_redacted(d))
      return read_redacted(r, d);
    e = begin_thought(r, d);
  }
  if (!text_is_empty(d->id))
    keep(s->detail_id, sizeof(s->detail_id), d->id);
  if (e == ERR_OK)
    e = emit_text(r, LLM_EVENT_TEXT, d->text);
  if (e == ERR_OK)
    e = read_signature(r, d);
  return e == ERR_OK && d->details ? end_with_details(r, d->details) : e;
}

/* Details say the same as the plain texts beside them, where they say anything that can be read. */
static enum err read_thoughts(struct reading *r, yyjson_val *delta) {
  struct text content = json_text(json_get(delta, "reasoning_content")),
              plain = json_text(json_get(delta, "reasoning"));
  yyjson_val *entry;
  size_t i, count;
  bool is_told = false;
  yyjson_arr_foreach (json_get(delta, "reasoning_details"), i, count, entry) {
    char digits[OPENAI_DETAIL_DIGITS];
    struct openai_detail d;
    const char *member, *wrong = openai_detail_read(entry, digits, &d, &member);
    if (wrong)
      return openai_chat_not_understood("choices[0].delta.reasoning_details", wrong, r->f);
    enum err e = read_detail(r, &d);
    if (e != ERR_OK)
      return e;
    is_told = is_told || !text_is_empty(d.text);
  }
  if (is_told)
    return ERR_OK;
  enum err e = read_plain_thought(r, content);
  return e == ERR_OK && !text_equal(plain, content) ? read_plain_thought(r, plain) : e;
}

static bool was_seen(const struct openai_chat_reader *s, uint64_t index) {
  return (s->seen_calls[index / 64] >> (index % 64) & 1) != 0;
}

/* Is this piece the begin of a call? A name alone does not tell: some servers repeat it. */
static bool is_new_call(const struct openai_chat_reader *s, bool has_index, uint64_t index, struct text id,
                        struct text name) {
  bool is_open = s->is_open && s->kind == LLM_TOOL_USE;
  if (has_index && !was_seen(s, index))
    return true;
  if (!text_is_empty(id) && !text_is_empty(name))
    return !is_open || text_hash(id) != s->call_id_hash;
  return !has_index && !text_is_empty(name);
}

static enum err begin_call(struct reading *r, yyjson_val *call, yyjson_val *body, bool has_index, uint64_t index) {
  struct openai_chat_reader *s = r->s;
  char made[OPENAI_CHAT_CALL_ID_BYTES];
  struct text id = openai_chat_call_id(call, s->id_hash, s->calls, made);
  const struct llm_block b = {.kind = LLM_TOOL_USE,
                              .id = id,
                              .name = json_text(json_get(body, "name")),
                              .is_custom = body && json_get(call, "custom") == body};
  if (text_is_empty(b.name))
    return openai_chat_not_understood("choices[0].delta.tool_calls", "begins a call without a name", r->f);
  if (s->calls >= CALLS_MAX)
    return openai_chat_not_understood("choices[0].delta.tool_calls", "holds too many calls", r->f);
  enum err e = open_block(r, &b);
  s->calls++;
  s->call = index;
  s->has_call_index = has_index;
  s->call_id_hash = text_hash(id);
  if (has_index)
    s->seen_calls[index / 64] |= UINT64_C(1) << (index % 64);
  return e;
}

static enum err read_call(struct reading *r, yyjson_val *call) {
  struct openai_chat_reader *s = r->s;
  yyjson_val *custom = json_get(call, "custom"), *body = custom ? custom : json_get(call, "function");
  yyjson_val *input = json_get(body, custom ? "input" : "arguments");
  uint64_t index = 0;
  bool has_index = json_get_u64(call, "index", &index);
  enum err e = ERR_OK;
  if (has_index && index >= CALLS_MAX)
    return openai_chat_not_understood("choices[0].delta.tool_calls[].index", "is too large", r->f);
  if (input && !yyjson_is_str(input) && !yyjson_is_null(input))
    return openai_chat_not_understood("choices[0].delta.tool_calls", "holds arguments that are no string", r->f);
  if (is_new_call(s, has_index, index, json_text(json_get(call, "id")), json_text(json_get(body, "name"))))
    e = begin_call(r, call, body, has_index, index);
  else if (!s->is_open || s->kind != LLM_TOOL_USE || (has_index && s->has_call_index && index != s->call))
    return openai_chat_not_understood("choices[0].delta.tool_calls", "goes on with a call that was over", r->f);
  return e == ERR_OK ? emit_text(r, LLM_EVENT_INPUT, json_text(input)) : e;
}

static enum err read_annotation(struct reading *r, yyjson_val *annotation) {
  struct openai_chat_reader *s = r->s;
  struct llm_citation c;
  enum err e = ERR_OK;
  if (!openai_chat_read_citation(annotation, &c)) {
    llm_note(r->notes, "choices[].delta.annotations");
    return ERR_OK;
  }
  if (!s->is_open || s->kind != LLM_TEXT)
    e = open_block(r, &(struct llm_block){.kind = LLM_TEXT});
  if (c.start >= s->block_start && c.end > c.start) {
    c.start -= s->block_start;
    c.end -= s->block_start;
  } else {
    c.start = c.end = 0;
  }
  if (e != ERR_OK)
    return e;
  return emit(r, &(struct llm_event){.kind = LLM_EVENT_CITATION, .index = s->index, .citation = &c});
}

static enum err each(struct reading *r, yyjson_val *list, enum err (*read)(struct reading *, yyjson_val *)) {
  size_t i, count;
  yyjson_val *item;
  yyjson_arr_foreach (list, i, count, item) {
    enum err e = read(r, item);
    if (e != ERR_OK)
      return e;
  }
  return ERR_OK;
}

static enum err read_delta(struct reading *r, yyjson_val *delta) {
  yyjson_val *content = json_get(delta, "content");
  enum err e = openai_chat_check_content(delta, "delta", r->notes, r->f);
  if (e == ERR_OK && openai_chat_is_something(content) && !yyjson_is_str(content))
    e = openai_chat_not_understood("choices[0].delta.content", "is no text", r->f);
  if (e == ERR_OK)
    e = read_thoughts(r, delta);
  if (e == ERR_OK)
    e = read_text(r, LLM_TEXT, json_text(content));
  if (e == ERR_OK)
    e = read_text(r, LLM_REFUSAL, json_text(json_get(delta, "refusal")));
  if (e == ERR_OK)
    e = each(r, json_get(delta, "annotations"), read_annotation);
  return e == ERR_OK ? each(r, json_get(delta, "tool_calls"), read_call) : e;
}

static enum err fail(struct reading *r, const struct fault *fault) {
  r->s->failed = true;
  return emit(r, &(struct llm_event){.kind = LLM_EVENT_ERROR, .fault = fault});
}

static enum err read_finish(struct reading *r, yyjson_val *choice) {
  struct openai_chat_reader *s = r->s;
  struct text reason = json_text(json_get(choice, "finish_reason")), sequence;
  if (text_is_empty(reason))
    return ERR_OK;
  if (text_equal(reason, TEXT("error"))) {
    struct fault fault = {0};
    (void)fault_set(&fault, ERR_UPSTREAM_SERVER, NULL, "the provider ended its answer with an error");
    return fail(r, &fault);
  }
  s->has_finish = true;
  if (!openai_chat_read_finish(reason, &s->stop))
    llm_note(r->notes, "choices[].finish_reason");
  if (s->stop != LLM_STOP_END || !json_get_text(choice, "stop_reason", &sequence))
    return ERR_OK;
  s->stop = LLM_STOP_SEQUENCE;
  if (sequence.len < sizeof(s->stop_sequence))
    keep(s->stop_sequence, sizeof(s->stop_sequence), sequence);
  else
    llm_note(r->notes, "choices[].stop_reason");
  return ERR_OK;
}

static enum err start(struct reading *r, yyjson_val *root) {
  struct openai_chat_reader *s = r->s;
  if (s->started)
    return ERR_OK;
  s->started = true;
  const struct llm_event e = {.kind = LLM_EVENT_START,
                              .id = json_text(json_get(root, "id")),
                              .model = json_text(json_get(root, "model")),
                              .created_s = (int64_t)openai_chat_count(root, "created")};
  s->id_hash = text_hash(e.id);
  return emit(r, &e);
}

static enum err read_choices(struct reading *r, yyjson_val *root) {
  yyjson_val *choices = json_get(root, "choices"), *choice = yyjson_arr_get_first(choices);
  if (!choice)
    return ERR_OK;
  if (yyjson_arr_size(choices) > 1 || openai_chat_count(choice, "index") > 0)
    return openai_chat_not_understood("choices", "holds more than one answer", r->f);
  enum err e = read_delta(r, json_get(choice, "delta"));
  return e == ERR_OK ? read_finish(r, choice) : e;
}

static enum err read_chunk(struct reading *r, struct text event, const struct json *doc) {
  struct openai_chat_reader *s = r->s;
  yyjson_val *root = doc->root;
  yyjson_val *error = json_get(root, "error");
  if (openai_chat_is_something(error) || text_equal(event, TEXT("error"))) {
    struct fault fault = {0};
    openai_error_read(openai_chat_is_something(error) ? error : root, &fault);
    return fail(r, &fault);
  }
  if (!yyjson_is_arr(json_get(root, "choices")) && !yyjson_is_obj(json_get(root, "usage")))
    return openai_chat_not_understood("an event", "is not a chunk of a chat completion", r->f);
  bool may_hold_facts = !s->started || json_get(root, "usage");
  enum err e = start(r, root);
  if (e == ERR_OK)
    e = read_choices(r, root);
  if (may_hold_facts || s->has_finish)
    facts_of_openai(root, &r->notes->facts);
  openai_tap_usage(&s->usage, json_get(root, "usage"));
  openai_tap_cost_of(doc, json_get(root, "usage"), &s->cost_nano);
  if (yyjson_is_str(json_get(root, "service_tier")))
    keep(s->service_tier, sizeof(s->service_tier), json_text(json_get(root, "service_tier")));
  openai_chat_note(r->notes, root, yyjson_arr_get_first(json_get(root, "choices")));
  return e;
}

static enum err end(struct reading *r) {
  struct openai_chat_reader *s = r->s;
  if (!s->started)
    return openai_chat_not_understood("the stream", "ended before it began", r->f);
  s->ended = true;
  enum err e = close_block(r);
  if (e == ERR_OK)
    e = emit(r, &(struct llm_event){.kind = LLM_EVENT_STOP,
                                    .stop = openai_chat_stop(s->stop, s->calls > 0, s->said_refusal),
                                    .stop_sequence = text_of(s->stop_sequence),
                                    .usage = s->usage,
                                    .cost_nano = s->cost_nano,
                                    .service_tier = text_of(s->service_tier)});
  return e == ERR_OK ? emit(r, &(struct llm_event){.kind = LLM_EVENT_END}) : e;
}

enum err openai_chat_read_event(void *reader, struct text event, struct text data, struct llm_sink *sink,
                                struct llm_notes *notes, struct fault *f) {
  struct openai_chat_reader *s = reader;
  struct reading r = {.s = s, .sink = sink, .notes = notes, .f = f};
  struct json doc = {0};
  data = text_trim(data);
  if (s->ended || s->failed)
    return ERR_OK;
  if (text_is_empty(data))
    return text_is_empty(event) && s->has_finish ? end(&r) : ERR_OK;
  if (text_equal(data, TEXT("[DONE]")))
    return end(&r);
  enum err e = member_read_answer(data, &doc, f);
  if (e != ERR_OK)
    return e;
  e = read_chunk(&r, event, &doc);
  json_done(&doc);
  return e;
}
