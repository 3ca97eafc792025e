/* What plain answers and streams of chat completions say in the same words: finish reasons, usage, citations, ids of
 * calls, and which members are content. Called by openai_chat_answer.c, openai_chat_stream.c and openai_chat_chunks.c.
 */
#include "wire/openai_chat_words.h"

#include "wire/openai_parts.h"

static const struct {
  const char *name;
  enum llm_stop stop;
} finishes[] = {
    {"stop", LLM_STOP_END},
    {"length", LLM_STOP_LENGTH},
    {"tool_calls", LLM_STOP_TOOL_USE},
    {"content_filter", LLM_STOP_CONTENT_FILTER},
    {"function_call", LLM_STOP_TOOL_USE},
    {"eos", LLM_STOP_END},
    {"end_turn", LLM_STOP_END},
    {"max_tokens", LLM_STOP_LENGTH},
};

bool openai_chat_read_finish(struct text reason, enum llm_stop *out) {
  *out = LLM_STOP_END;
  for (size_t i = 0; i < sizeof(finishes) / sizeof(finishes[0]); i++)
    if (text_equal(reason, text_of(finishes[i].name))) {
      *out = finishes[i].stop;
      return true;
    }
  return false;
}

const char *openai_chat_finish_name(enum llm_stop stop, bool said_refusal) {
  switch (stop) {
  case LLM_STOP_LENGTH:
  case LLM_STOP_CONTEXT_FULL: return "length";
  case LLM_STOP_TOOL_USE: return "tool_calls";
  case LLM_STOP_CONTENT_FILTER: return "content_filter";
  case LLM_STOP_REFUSAL: return said_refusal ? "stop" : "content_filter"; /* a refusal has a member of its own */
  case LLM_STOP_END:
  case LLM_STOP_SEQUENCE:
  case LLM_STOP_PAUSE: break;
  }
  return "stop";
}

uint64_t openai_chat_characters(struct text t) {
  uint64_t count = 0;
  for (size_t i = 0; i < t.len; i++)
    count += ((unsigned char)t.at[i] & 0xC0) != 0x80;
  return count;
}

uint64_t openai_chat_count(yyjson_val *object, const char *name) {
  uint64_t n = 0;
  yyjson_val *v = json_get(object, name);
  if (yyjson_is_uint(v))
    return yyjson_get_uint(v);
  return json_number_u64(v, &n) ? n : 0;
}

bool openai_chat_read_citation(yyjson_val *annotation, struct llm_citation *out) {
  yyjson_val *c = json_get(annotation, "url_citation");
  if (!yyjson_equals_str(json_get(annotation, "type"), "url_citation") || !yyjson_is_str(json_get(c, "url")))
    return false;
  *out = (struct llm_citation){.url = json_text(json_get(c, "url")),
                               .title = json_text(json_get(c, "title")),
                               .cited_text = json_text(json_get(c, "content")),
                               .start = openai_chat_count(c, "start_index"),
                               .end = openai_chat_count(c, "end_index")};
  return true;
}

void openai_chat_write_citation(struct json_writer *w, const struct llm_citation *c, uint64_t block_start,
                                uint64_t block_end) {
  bool has_place = c->end > c->start;
  json_object(w);
  json_field_str(w, "type", "url_citation");
  json_name(w, "url_citation");
  json_object(w);
  json_field_text(w, "url", c->url);
  json_field_text(w, "title", c->title);
  json_field_u64(w, "start_index", has_place ? block_start + c->start : block_start);
  json_field_u64(w, "end_index", has_place ? block_start + c->end : block_end);
  if (!text_is_empty(c->cited_text))
    json_field_text(w, "content", c->cited_text);
  json_object_end(w);
  json_object_end(w);
}

void openai_chat_write_usage(struct json_writer *w, const struct usage *u) {
  uint64_t written = u->cache_write_5m + u->cache_write_1h;
  uint64_t prompt = u->input + u->cache_read + written;
  json_name(w, "usage");
  json_object(w);
  json_field_u64(w, "prompt_tokens", prompt);
  json_field_u64(w, "completion_tokens", u->output);
  json_field_u64(w, "total_tokens", prompt + u->output);
  json_name(w, "prompt_tokens_details");
  json_object(w);
  json_field_u64(w, "cached_tokens", u->cache_read);
  json_field_u64(w, "cache_write_tokens", written);
  json_object_end(w);
  json_name(w, "completion_tokens_details");
  json_object(w);
  json_field_u64(w, "reasoning_tokens", u->reasoning);
  json_object_end(w);
  json_object_end(w);
}

/* Members that say something about an answer and nothing of it. */
void openai_chat_note(struct llm_notes *notes, yyjson_val *root, yyjson_val *choice) {
  const struct {
    yyjson_val *object;
    const char *name, *note;
  } rows[] = {{root, "system_fingerprint", "system_fingerprint"},
              {root, "provider", "provider"},
              {root, "metadata", "metadata"},
              {root, "moderation", "moderation"},
              {root, "prompt_logprobs", "prompt_logprobs"},
              {root, "timings", "timings"},
              {root, "citations", "citations"},
              {root, "search_results", "search_results"},
              {choice, "logprobs", "choices[].logprobs"},
              {choice, "native_finish_reason", "choices[].native_finish_reason"},
              {choice, "content_filter_results", "choices[].content_filter_results"}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    yyjson_val *v = json_get(rows[i].object, rows[i].name);
    if (v && !yyjson_is_null(v))
      llm_note(notes, rows[i].note);
  }
  if (json_get(json_get(root, "usage"), "cost"))
    llm_note(notes, "usage.cost");
}

bool openai_chat_is_something(yyjson_val *v) {
  return v && !yyjson_is_null(v) && !((yyjson_is_str(v) || yyjson_is_ctn(v)) && yyjson_get_len(v) == 0);
}

static bool is_known(struct text name) {
  static const char *const known[] = {
      "role",        "content",     "refusal", "reasoning", "reasoning_content", "reasoning_details", "tool_calls",
      "annotations", "obfuscation", "name",    "id"};
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (text_equal(name, text_of(known[i])))
      return true;
  return false;
}

enum err openai_chat_check_content(yyjson_val *message, const char *name, struct llm_notes *notes, struct fault *f) {
  size_t i, count;
  yyjson_val *member, *value;
  if (!yyjson_is_obj(message))
    return openai_chat_is_something(message) ? openai_chat_not_understood(name, "is no object", f) : ERR_OK;
  yyjson_obj_foreach (message, i, count, member, value) {
    if (!openai_chat_is_something(value) || is_known(json_text(member)))
      continue;
    if (!yyjson_is_str(value) && !yyjson_is_ctn(value)) {
      llm_note(notes, "choices[].message"); /* a number or a switch is no content */
      continue;
    }
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL,
                     "the provider's answer holds choices[0].%s.%.*s, which cannot be translated", name,
                     TEXT_ARGS(text_head(json_text(member), 60)));
  }
  return ERR_OK;
}

enum err openai_chat_not_understood(const char *where, const char *why, struct fault *f) {
  return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer cannot be understood: %s %s", where, why);
}

struct text openai_chat_call_id(yyjson_val *call, uint64_t answer, uint32_t index,
                                char out[OPENAI_CHAT_CALL_ID_BYTES]) {
  struct text id = json_text(json_get(call, "id"));
  if (!text_is_empty(id))
    return id;
  int n = snprintf(out, OPENAI_CHAT_CALL_ID_BYTES, "call_%016llx_%u", (unsigned long long)answer, (unsigned)index);
  return (struct text){out, (size_t)n};
}

enum llm_stop openai_chat_stop(enum llm_stop said, bool has_calls, bool said_refusal) {
  if (said != LLM_STOP_END)
    return said;
  return has_calls ? LLM_STOP_TOOL_USE : said_refusal ? LLM_STOP_REFUSAL : LLM_STOP_END;
}

void openai_chat_write_id(struct json_writer *w, struct text id, const struct llm_echo *echo) {
  json_name(w, "id");
  if (!text_is_empty(id)) {
    json_put_text(w, id);
    return;
  }
  openai_parts_string(w);
  openai_parts_piece(w, TEXT("chatcmpl-"));
  openai_parts_piece(w, echo->id);
  openai_parts_string_end(w);
}
