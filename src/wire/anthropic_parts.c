/* Parts of answers in the Anthropic dialect, read and written. Members that the newest SDK types as always present are
 * always written; older clients pass over them. Called by anthropic_answer.c and the two halves of the stream. */
#include "wire/anthropic_parts.h"

#include "wire/anthropic_tap.h"
#include "wire/seal.h"

enum err anthropic_parts_parse(struct text data, struct json *out, struct fault *f) {
  const struct json_limits limits = {.lenient = true, .raw_numbers = true};
  struct fault why = {0};
  struct json doc = {0};
  if (json_read(data, &limits, &doc, &why))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is not valid JSON: %s", fault_text(&why));
  if (!yyjson_is_obj(doc.root)) {
    json_done(&doc);
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is not a JSON object");
  }
  *out = doc;
  return ERR_OK;
}

static const struct {
  const char *word;
  enum llm_stop stop;
} stops[] = {{"end_turn", LLM_STOP_END},
             {"max_tokens", LLM_STOP_LENGTH},
             {"stop_sequence", LLM_STOP_SEQUENCE},
             {"tool_use", LLM_STOP_TOOL_USE},
             {"refusal", LLM_STOP_REFUSAL},
             {"pause_turn", LLM_STOP_PAUSE},
             {"model_context_window_exceeded", LLM_STOP_CONTEXT_FULL},
             {"refusal", LLM_STOP_CONTENT_FILTER},
             {"guardrail_intervened", LLM_STOP_CONTENT_FILTER},
             {"content_filtered", LLM_STOP_CONTENT_FILTER}};
#define STOP_COUNT (sizeof(stops) / sizeof(stops[0]))

enum llm_stop anthropic_parts_stop(struct text word, struct llm_notes *notes) {
  for (size_t i = 0; i < STOP_COUNT; i++)
    if (text_equal(word, text_of(stops[i].word)))
      return stops[i].stop;
  llm_note(notes, "stop_reason");
  return LLM_STOP_END;
}

const char *anthropic_parts_stop_word(enum llm_stop stop) {
  for (size_t i = 0; i < STOP_COUNT; i++)
    if (stops[i].stop == stop)
      return stops[i].word;
  return "end_turn";
}

void anthropic_parts_write_stop(struct json_writer *w, enum llm_stop stop, struct text sequence) {
  json_field_str(w, "stop_reason", anthropic_parts_stop_word(stop));
  json_name(w, "stop_sequence");
  if (stop == LLM_STOP_SEQUENCE && !text_is_empty(sequence))
    json_put_text(w, sequence);
  else
    json_put_null(w);
  json_name(w, "stop_details");
  if (stop == LLM_STOP_CONTENT_FILTER)
    json_put_raw(w, TEXT("{\"type\":\"refusal\",\"category\":null,\"explanation\":\"a content filter intervened\"}"));
  else
    json_put_null(w);
}

void anthropic_parts_note(yyjson_val *object, const struct anthropic_member *rows, size_t count, const char *other,
                          struct llm_notes *notes) {
  size_t i, members;
  yyjson_val *name, *value;
  yyjson_obj_foreach (object, i, members, name, value) {
    size_t row = 0;
    if (yyjson_is_null(value))
      continue;
    while (row < count && !text_equal(json_text(name), text_of(rows[row].name)))
      row++;
    const char *note = row < count ? rows[row].note : other;
    if (note)
      llm_note(notes, note);
  }
}

static const struct {
  const char *theirs, *ours;
} tiers[] = {{"standard", "default"}, {"priority", "priority"}, {"batch", "batch"}};
#define TIER_COUNT (sizeof(tiers) / sizeof(tiers[0]))

void anthropic_parts_usage(yyjson_val *object, struct usage *usage, struct usage *steps, struct text *tier,
                           struct llm_notes *notes) {
  static const struct anthropic_member rows[] = {{"input_tokens", NULL},
                                                 {"output_tokens", NULL},
                                                 {"output_tokens_details", NULL},
                                                 {"cache_creation_input_tokens", NULL},
                                                 {"cache_creation", NULL},
                                                 {"cache_read_input_tokens", NULL},
                                                 {"iterations", NULL},
                                                 {"service_tier", NULL},
                                                 {"inference_geo", "usage.inference_geo"},
                                                 {"speed", "usage.speed"},
                                                 {"server_tool_use", "usage.server_tool_use"},
                                                 {"fallback_credit", "usage.fallback_credit"}};
  struct wire_tap tap = {.usage = *usage, .steps = *steps};
  anthropic_tap_usage(&tap, object);
  *usage = tap.usage;
  *steps = tap.steps;
  for (size_t i = 0; tier && i < TIER_COUNT; i++)
    if (text_equal(json_text(json_get(object, "service_tier")), text_of(tiers[i].theirs)))
      *tier = text_of(tiers[i].ours);
  anthropic_parts_note(object, rows, sizeof(rows) / sizeof(rows[0]), "usage.*", notes);
}

static void put_tier(struct json_writer *w, struct text tier) {
  for (size_t i = 0; i < TIER_COUNT; i++)
    if (text_equal(tier, text_of(tiers[i].ours))) {
      json_put_str(w, tiers[i].theirs);
      return;
    }
  json_put_null(w);
}

static void write_counts(struct json_writer *w, const struct usage *u) {
  json_field_u64(w, "input_tokens", u->input);
  json_field_u64(w, "cache_creation_input_tokens", u->cache_write_5m + u->cache_write_1h);
  json_field_u64(w, "cache_read_input_tokens", u->cache_read);
  json_field_u64(w, "output_tokens", u->output);
  json_name(w, "output_tokens_details");
  if (u->reasoning > 0) {
    json_object(w);
    json_field_u64(w, "thinking_tokens", u->reasoning);
    json_object_end(w);
  } else {
    json_put_null(w);
  }
  json_name(w, "server_tool_use");
  json_put_null(w);
}

struct usage anthropic_parts_estimate(const struct llm_echo *echo, uint64_t output_bytes) {
  return (struct usage){
      .input = echo->input_tokens, .output = usage_likely_tokens(output_bytes), .known = true, .estimated = true};
}

void anthropic_parts_write_usage(struct json_writer *w, const struct usage *u, struct text tier) {
  json_name(w, "usage");
  json_object(w);
  write_counts(w, u);
  json_name(w, "cache_creation");
  json_object(w);
  json_field_u64(w, "ephemeral_5m_input_tokens", u->cache_write_5m);
  json_field_u64(w, "ephemeral_1h_input_tokens", u->cache_write_1h);
  json_object_end(w);
  json_name(w, "service_tier");
  put_tier(w, tier);
  json_name(w, "inference_geo");
  json_put_null(w);
  json_name(w, "speed");
  json_put_null(w);
  json_object_end(w);
}

void anthropic_parts_write_delta_usage(struct json_writer *w, const struct usage *u) {
  json_name(w, "usage");
  json_object(w);
  write_counts(w, u);
  json_object_end(w);
}

static enum err bad_block(const char *member, struct fault *f) {
  return fault_set(f, ERR_UPSTREAM_PROTOCOL, member, "a content block of the provider's answer has no proper %s",
                   member);
}

static enum err block_text(yyjson_val *object, const char *member, struct text *out, struct fault *f) {
  return json_get_text(object, member, out) ? ERR_OK : bad_block(member, f);
}

static enum err tool_block(yyjson_val *object, struct llm_block *out, struct llm_notes *notes, struct fault *f) {
  yyjson_val *caller = json_get(object, "caller");
  out->kind = LLM_TOOL_USE;
  if (yyjson_is_obj(caller) && !text_equal(json_text(json_get(caller, "type")), TEXT("direct")))
    llm_note(notes, "content[].caller");
  enum err e = block_text(object, "id", &out->id, f);
  return e == ERR_OK ? block_text(object, "name", &out->name, f) : e;
}

enum err anthropic_parts_block(yyjson_val *object, struct llm_block *out, struct llm_notes *notes, struct fault *f) {
  struct text type = json_text(json_get(object, "type"));
  struct llm_block b = {0};
  enum err e = ERR_OK;
  if (text_equal(type, TEXT("text"))) {
    b.kind = LLM_TEXT;
    e = block_text(object, "text", &b.text, f);
  } else if (text_equal(type, TEXT("thinking"))) {
    b.kind = LLM_THINKING;
    b.format = TEXT(LLM_FORMAT_ANTHROPIC);
    b.signature = json_text(json_get(object, "signature"));
    e = block_text(object, "thinking", &b.text, f);
  } else if (text_equal(type, TEXT("redacted_thinking"))) {
    b.kind = LLM_REDACTED_THINKING;
    b.format = TEXT(LLM_FORMAT_ANTHROPIC);
    e = block_text(object, "data", &b.signature, f);
  } else if (text_equal(type, TEXT("tool_use"))) {
    e = tool_block(object, &b, notes, f);
  } else {
    struct text shown = text_head(type, 64);
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, "type",
                     "the provider's answer holds content of an unknown kind: \"%.*s\"", TEXT_ARGS(shown));
  }
  if (e == ERR_OK)
    *out = b;
  return e;
}

bool anthropic_parts_citation(yyjson_val *object, struct llm_citation *out, struct llm_notes *notes) {
  struct llm_citation c = {.url = json_text(json_get(object, "url")),
                           .title = json_text(json_get(object, "title")),
                           .cited_text = json_text(json_get(object, "cited_text"))};
  if (text_is_empty(c.url))
    c.url = json_text(json_get(object, "source"));
  if (text_is_empty(c.url)) {
    llm_note(notes, "content[].citations[]");
    return false;
  }
  if (!text_is_empty(json_text(json_get(object, "encrypted_index"))))
    llm_note(notes, "content[].citations[].encrypted_index");
  *out = c;
  return true;
}

void anthropic_parts_write_citation(struct json_writer *w, const struct llm_citation *c) {
  json_object(w);
  json_field_str(w, "type", "web_search_result_location");
  json_field_text(w, "url", c->url);
  json_field_text(w, "title", c->title);
  json_field_text(w, "cited_text", c->cited_text);
  json_field_str(w, "encrypted_index", "");
  json_object_end(w);
}

void anthropic_parts_put_signature(struct json_writer *w, const struct llm_block *b) {
  if (text_equal(b->format, TEXT(LLM_FORMAT_ANTHROPIC))) {
    json_put_text(w, b->signature);
    return;
  }
  json_put_raw(w, TEXT("\""));
  seal_write(b, w->out);
  buf_add_char(w->out, '"');
}

static void write_text(struct json_writer *w, const struct llm_block *b, bool is_head) {
  json_field_str(w, "type", "text");
  json_field_text(w, "text", is_head ? TEXT_NONE : b->text);
  json_name(w, "citations");
  if (is_head || b->citation_count == 0) {
    json_put_null(w);
    return;
  }
  json_array(w);
  for (size_t i = 0; i < b->citation_count; i++)
    anthropic_parts_write_citation(w, &b->citations[i]);
  json_array_end(w);
}

static void write_thinking(struct json_writer *w, const struct llm_block *b, const struct llm_echo *echo,
                           bool is_head) {
  json_field_str(w, "type", "thinking");
  json_field_text(w, "thinking", is_head || echo->omit_thinking ? TEXT_NONE : b->text);
  json_name(w, "signature");
  if (is_head)
    json_put_text(w, TEXT_NONE);
  else
    anthropic_parts_put_signature(w, b);
}

/* Free text of a custom tool is the one member of an object: this dialect's inputs are objects. */
static void write_tool_use(struct json_writer *w, const struct llm_block *b, bool is_head) {
  json_field_str(w, "type", "tool_use");
  json_field_text(w, "id", b->id);
  json_field_text(w, "name", b->name);
  json_name(w, "input");
  if (b->is_custom && !is_head) {
    json_object(w);
    json_field_text(w, "input", b->input);
    json_object_end(w);
  } else {
    json_put_raw(w, is_head || text_is_empty(b->input) ? TEXT("{}") : b->input);
  }
  json_name(w, "caller");
  json_put_raw(w, TEXT("{\"type\":\"direct\"}"));
}

void anthropic_parts_write_block(struct json_writer *w, const struct llm_block *b, const struct llm_echo *echo,
                                 bool is_head) {
  json_object(w);
  switch (b->kind) {
  case LLM_THINKING: write_thinking(w, b, echo, is_head); break;
  case LLM_TOOL_USE: write_tool_use(w, b, is_head); break;
  case LLM_REDACTED_THINKING:
    json_field_str(w, "type", "redacted_thinking");
    json_name(w, "data");
    anthropic_parts_put_signature(w, b);
    break;
  default: write_text(w, b, is_head); break;
  }
  json_object_end(w);
}
