/* Counts and words of Converse answers, read and written. Cached tokens are apart from inputTokens here, as in llm/;
 * their split by life stands in cacheDetails. Called by converse_tap.c, converse_answer.c and the streams. */
#include "wire/converse_usage.h"

#include "wire/member.h"

/* The total says how much was written; the details say which of it lives for an hour. */
static bool read_writes(yyjson_val *usage, struct usage *u) {
  uint64_t total = 0, five = 0, hour = 0, n;
  size_t i, details;
  yyjson_val *detail;
  bool has_total = member_count(usage, "cacheWriteInputTokens", &total), has_split = false;
  yyjson_arr_foreach (json_get(usage, "cacheDetails"), i, details, detail) {
    if (!member_count(detail, "inputTokens", &n))
      continue;
    has_split = true;
    if (text_equal(json_text(json_get(detail, "ttl")), TEXT("1h")))
      hour = hour + n > USAGE_MAX_TOKENS ? USAGE_MAX_TOKENS : hour + n;
    else
      five = five + n > USAGE_MAX_TOKENS ? USAGE_MAX_TOKENS : five + n;
  }
  if (!has_total && !has_split)
    return false;
  if (has_total) /* what no detail speaks of has the usual life */
    five = total > hour ? total - hour : 0;
  u->cache_write_5m = five;
  u->cache_write_1h = has_total && hour > total ? total : hour;
  return true;
}

void converse_read_usage(yyjson_val *usage, struct usage *out) {
  struct usage u = *out;
  bool any = member_count(usage, "inputTokens", &u.input);
  any |= member_count(usage, "outputTokens", &u.output);
  any |= member_count(usage, "cacheReadInputTokens", &u.cache_read);
  any |= read_writes(usage, &u);
  u.known |= any;
  *out = u;
}

static void put_detail(struct json_writer *w, const char *ttl, uint64_t tokens) {
  if (tokens == 0)
    return;
  json_object(w);
  json_field_str(w, "ttl", ttl);
  json_field_u64(w, "inputTokens", tokens);
  json_object_end(w);
}

void converse_put_usage(struct json_writer *w, const struct usage *u) {
  uint64_t writes = u->cache_write_5m + u->cache_write_1h;
  json_name(w, "usage");
  json_object(w);
  json_field_u64(w, "inputTokens", u->input);
  json_field_u64(w, "outputTokens", u->output);
  json_field_u64(w, "totalTokens", usage_total(u));
  if (u->cache_read > 0 || writes > 0) {
    json_field_u64(w, "cacheReadInputTokens", u->cache_read);
    json_field_u64(w, "cacheWriteInputTokens", writes);
  }
  if (writes > 0) {
    json_name(w, "cacheDetails");
    json_array(w);
    put_detail(w, "5m", u->cache_write_5m);
    put_detail(w, "1h", u->cache_write_1h);
    json_array_end(w);
  }
  json_object_end(w);
}

static const struct {
  const char *word;
  enum llm_stop stop;
} stops[] = {
    {"end_turn", LLM_STOP_END},
    {"max_tokens", LLM_STOP_LENGTH},
    {"stop_sequence", LLM_STOP_SEQUENCE},
    {"tool_use", LLM_STOP_TOOL_USE},
    {"content_filtered", LLM_STOP_CONTENT_FILTER},
    {"guardrail_intervened", LLM_STOP_CONTENT_FILTER},
    {"model_context_window_exceeded", LLM_STOP_CONTEXT_FULL},
    {"refusal", LLM_STOP_REFUSAL},
    {"pause_turn", LLM_STOP_PAUSE},
};
#define STOP_COUNT (sizeof(stops) / sizeof(stops[0]))

enum llm_stop converse_read_stop(struct text word, struct llm_notes *notes) {
  for (size_t i = 0; i < STOP_COUNT; i++)
    if (text_equal(word, text_of(stops[i].word)))
      return stops[i].stop;
  llm_note(notes, "stopReason");
  return LLM_STOP_END;
}

/* Converse has no word for a refusal: what the model would not say counts as filtered. A paused turn has ended. */
struct text converse_stop_word(enum llm_stop stop) {
  if (stop == LLM_STOP_REFUSAL)
    return TEXT("content_filtered");
  for (size_t i = 0; i < STOP_COUNT && stop != LLM_STOP_PAUSE; i++)
    if (stops[i].stop == stop)
      return text_of(stops[i].word);
  return TEXT("end_turn");
}

static bool is_something(yyjson_val *v) {
  return v && !yyjson_is_null(v) && !(yyjson_is_ctn(v) && yyjson_get_len(v) == 0);
}

static bool read_fields(yyjson_val *fields, struct text *stop_sequence) {
  yyjson_val *delta = json_get(fields, "delta");
  yyjson_val *here = json_get(fields, "stop_sequence"), *there = json_get(delta, "stop_sequence");
  size_t known = (here ? 1U : 0U) + (delta ? 1U : 0U);
  if (yyjson_is_str(there))
    *stop_sequence = json_text(there);
  if (yyjson_is_str(here))
    *stop_sequence = json_text(here);
  return yyjson_obj_size(fields) == known && (!delta || yyjson_obj_size(delta) == (there ? 1U : 0U));
}

void converse_read_beside(yyjson_val *root, struct llm_notes *notes, struct text *stop_sequence,
                          struct text *service_tier) {
  yyjson_val *fields = json_get(root, "additionalModelResponseFields");
  yyjson_val *performance = json_get(root, "performanceConfig");
  if (is_something(fields) && !read_fields(fields, stop_sequence))
    llm_note(notes, "additionalModelResponseFields");
  if (is_something(json_get(root, "trace")))
    llm_note(notes, "trace");
  if (is_something(json_get(root, "metrics")))
    llm_note(notes, "metrics");
  if (is_something(performance) && !text_equal(json_text(json_get(performance, "latency")), TEXT("standard")))
    llm_note(notes, "performanceConfig");
  (void)json_get_text(json_get(root, "serviceTier"), "type", service_tier);
}

static void put_stop_sequence(struct json_writer *w, struct text stop_sequence) {
  json_name(w, "stop_sequence");
  if (text_is_empty(stop_sequence))
    json_put_null(w);
  else
    json_put_text(w, stop_sequence);
}

void converse_put_answer_fields(struct json_writer *w, struct text paths, struct text stop_sequence) {
  if (text_is_empty(paths))
    return;
  json_name(w, "additionalModelResponseFields");
  json_object(w);
  if (text_find(paths, TEXT(" /stop_sequence")) >= 0)
    put_stop_sequence(w, stop_sequence);
  if (text_find(paths, TEXT(" /delta/stop_sequence")) >= 0) {
    json_name(w, "delta");
    json_object(w);
    put_stop_sequence(w, stop_sequence);
    json_object_end(w);
  }
  json_object_end(w);
}

/* A member every answer has. How long the provider took is not known here. */
void converse_put_metrics(struct json_writer *w) {
  json_name(w, "metrics");
  json_object(w);
  json_field_u64(w, "latencyMs", 0);
  json_object_end(w);
}

void converse_put_tier(struct json_writer *w, struct text tier) {
  if (text_is_empty(tier))
    return;
  json_name(w, "serviceTier");
  json_object(w);
  json_field_text(w, "type", tier);
  json_object_end(w);
}
