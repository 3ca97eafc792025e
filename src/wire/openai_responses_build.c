/* A Responses request written from llm/: its settings and tools. Messages are written in openai_responses_items.c.
 * Nothing is left behind at the provider: store is false unless the client asked for it, and so reasoning comes back
 * encrypted. Called through dialect_openai_responses. */
#include "wire/openai_responses.h"

#include "wire/openai_parts.h"

#define MAX_TOKENS_LEAST 16  /* what the service takes */
#define USER_MAX_BYTES   128 /* of safety_identifier; nothing is said about the older user */

static enum err refuse(struct llm_request *rq, bool given, const char *name, const char *why, struct fault *f) {
  return given ? llm_refuse(rq, NULL, name, why, f) : ERR_OK;
}

static enum err refuse_absent(struct llm_request *rq, struct fault *f) {
  static const char why[] = "the Responses API has no such setting";
  enum err e = refuse(rq, rq->stop_count > 0, rq->names->stop, why, f);
  if (!e)
    e = refuse(rq, !text_is_empty(rq->top_k), rq->names->top_k, why, f);
  if (!e)
    e = refuse(rq, !text_is_empty(rq->seed), "seed", why, f);
  if (!e)
    e = refuse(rq, !text_is_empty(rq->frequency_penalty), "frequency_penalty", why, f);
  return e ? e : refuse(rq, !text_is_empty(rq->presence_penalty), "presence_penalty", why, f);
}

/* Models that do not reason refuse to be asked for encrypted reasoning. */
static bool may_reason(struct text model) {
  static const char *const without[] = {"gpt-3*", "gpt-4*", "chatgpt-*", "gpt-5-chat*", "gpt-5.*-chat*"};
  struct text first, rest = model;
  while (text_cut(rest, '/', &first, &rest)) {
  }
  for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
    if (text_glob(text_of(without[i]), rest, NULL))
      return false;
  return true;
}

static void write_head(const struct llm_request *rq, struct json_writer *w) {
  json_field_text(w, "model", rq->model);
  if (rq->stream)
    json_field_bool(w, "stream", true);
  json_field_bool(w, "store", rq->store == LLM_YES);
  if (rq->wants_encrypted_reasoning || (rq->store != LLM_YES && may_reason(rq->model))) {
    json_name(w, "include");
    json_put_raw(w, TEXT("[\"reasoning.encrypted_content\"]"));
  }
}

static enum err write_limits(struct llm_request *rq, struct json_writer *w, struct fault *f) {
  if (rq->max_tokens >= MAX_TOKENS_LEAST) {
    json_field_u64(w, "max_output_tokens", rq->max_tokens);
  } else if (rq->max_tokens > 0) {
    enum err e = llm_refuse(rq, NULL, rq->names->max_tokens, "the Responses API takes no limit below 16", f);
    if (e)
      return e;
  }
  if (!text_is_empty(rq->temperature)) {
    json_name(w, "temperature");
    json_put_raw(w, rq->temperature);
  }
  if (!text_is_empty(rq->top_p)) {
    json_name(w, "top_p");
    json_put_raw(w, rq->top_p);
  }
  return ERR_OK;
}

/* Reasoning that is asked for without an amount is asked for by name: not every model reasons unasked. */
static struct text effort_of(const struct llm_request *rq) {
  if (rq->thinking == LLM_THINKING_OFF)
    return TEXT("none");
  if (!text_is_empty(rq->effort) || rq->thinking == LLM_THINKING_NOT_GIVEN)
    return rq->effort;
  return rq->thinking == LLM_THINKING_BUDGET ? openai_parts_effort(rq->thinking_budget) : TEXT("medium");
}

/* Who gives a budget expects to read the reasoning unless it says otherwise. */
static void write_reasoning(const struct llm_request *rq, struct json_writer *w) {
  struct text effort = effort_of(rq);
  bool summary = rq->display == LLM_DISPLAY_SUMMARY ||
                 (rq->display == LLM_DISPLAY_NOT_GIVEN && rq->thinking == LLM_THINKING_BUDGET);
  if (text_is_empty(effort) && !summary)
    return;
  json_name(w, "reasoning");
  json_object(w);
  if (!text_is_empty(effort))
    json_field_text(w, "effort", effort);
  if (summary && rq->thinking != LLM_THINKING_OFF)
    json_field_str(w, "summary", "auto");
  json_object_end(w);
}

static void write_schema(const struct llm_request *rq, struct json_writer *w) {
  json_field_str(w, "type", "json_schema");
  json_field_text(w, "name", text_is_empty(rq->output_name) ? TEXT("answer") : rq->output_name);
  if (!text_is_empty(rq->output_description))
    json_field_text(w, "description", rq->output_description);
  json_name(w, "schema");
  json_put_raw(w, rq->output_schema);
  if (rq->output_strict != LLM_NOT_GIVEN)
    json_field_bool(w, "strict", rq->output_strict == LLM_YES);
}

static void write_text(const struct llm_request *rq, struct json_writer *w) {
  if (rq->output == LLM_OUTPUT_TEXT && text_is_empty(rq->verbosity))
    return;
  json_name(w, "text");
  json_object(w);
  if (rq->output != LLM_OUTPUT_TEXT) {
    json_name(w, "format");
    json_object(w);
    if (rq->output == LLM_OUTPUT_SCHEMA)
      write_schema(rq, w);
    else
      json_field_str(w, "type", "json_object");
    json_object_end(w);
  }
  if (!text_is_empty(rq->verbosity))
    json_field_text(w, "verbosity", rq->verbosity);
  json_object_end(w);
}

/* strict is said even when it is false: the service takes true when nothing is said. */
static void write_function(const struct llm_tool *t, struct json_writer *w) {
  json_field_str(w, "type", "function");
  json_field_text(w, "name", t->name);
  if (!text_is_empty(t->description))
    json_field_text(w, "description", t->description);
  json_name(w, "parameters");
  json_put_raw(w, text_is_empty(t->schema) ? TEXT("{\"type\":\"object\",\"properties\":{}}") : t->schema);
  json_field_bool(w, "strict", t->strict == LLM_YES);
}

static void write_custom(const struct llm_tool *t, struct json_writer *w) {
  json_field_str(w, "type", "custom");
  json_field_text(w, "name", t->name);
  if (!text_is_empty(t->description))
    json_field_text(w, "description", t->description);
  if (!text_is_empty(t->format)) {
    json_name(w, "format");
    json_put_raw(w, t->format);
  }
}

static enum err write_tools(struct llm_request *rq, struct json_writer *w, struct fault *f) {
  if (rq->tool_count == 0)
    return ERR_OK;
  json_name(w, "tools");
  json_array(w);
  for (size_t i = 0; i < rq->tool_count; i++) {
    const struct llm_tool *t = &rq->tools[i];
    enum err e = t->cache == LLM_CACHE_NONE
                     ? ERR_OK
                     : llm_refuse(rq, &t->place, "cache_control", "OpenAI has no cache marks on tools", f);
    if (e)
      return e;
    json_object(w);
    if (t->is_custom)
      write_custom(t, w);
    else
      write_function(t, w);
    if (t->defer_loading == LLM_YES)
      json_field_bool(w, "defer_loading", true);
    json_object_end(w);
  }
  json_array_end(w);
  return ERR_OK;
}

static bool is_custom_tool(const struct llm_request *rq, struct text name) {
  for (size_t i = 0; i < rq->tool_count; i++)
    if (text_equal(rq->tools[i].name, name))
      return rq->tools[i].is_custom;
  return false;
}

static void write_choice(const struct llm_request *rq, struct json_writer *w) {
  static const char *const words[] = {
      [LLM_CHOICE_AUTO] = "auto", [LLM_CHOICE_ANY] = "required", [LLM_CHOICE_NONE] = "none"};
  if (rq->choice == LLM_CHOICE_TOOL) {
    json_name(w, "tool_choice");
    json_object(w);
    json_field_str(w, "type", is_custom_tool(rq, rq->choice_name) ? "custom" : "function");
    json_field_text(w, "name", rq->choice_name);
    json_object_end(w);
  } else if (rq->choice != LLM_CHOICE_NOT_GIVEN) {
    json_field_str(w, "tool_choice", words[rq->choice]);
  }
  if (rq->parallel_tools != LLM_NOT_GIVEN)
    json_field_bool(w, "parallel_tool_calls", rq->parallel_tools == LLM_YES);
}

static void write_user(const struct llm_request *rq, struct json_writer *w) {
  if (!text_is_empty(rq->user_id))
    json_field_text(w, rq->user_id.len > USER_MAX_BYTES ? "user" : "safety_identifier", rq->user_id);
}

static void write_metadata(const struct llm_request *rq, struct json_writer *w) {
  if (rq->metadata_count == 0)
    return;
  json_name(w, "metadata");
  json_object(w);
  for (size_t i = 0; i < rq->metadata_count; i++) {
    json_name_text(w, rq->metadata[i].name);
    json_put_text(w, rq->metadata[i].value);
  }
  json_object_end(w);
}

static void write_cache(const struct llm_request *rq, struct json_writer *w) {
  if (!text_is_empty(rq->cache_key))
    json_field_text(w, "prompt_cache_key", rq->cache_key);
  if (rq->cache_explicit || !text_is_empty(rq->cache_options_ttl)) {
    json_name(w, "prompt_cache_options");
    json_object(w);
    if (rq->cache_explicit)
      json_field_str(w, "mode", "explicit");
    if (!text_is_empty(rq->cache_options_ttl))
      json_field_text(w, "ttl", rq->cache_options_ttl);
    json_object_end(w);
  }
  if (!text_is_empty(rq->cache_retention))
    json_field_text(w, "prompt_cache_retention", rq->cache_retention);
}

enum err responses_write_request(struct llm_request *rq, struct buf *out, struct fault *f) {
  struct json_writer w;
  json_writer_init(&w, out);
  enum err e = refuse_absent(rq, f);
  if (e)
    return e;
  json_object(&w);
  write_head(rq, &w);
  e = write_limits(rq, &w, f);
  if (!e)
    e = responses_write_input(rq, &w, f);
  if (!e)
    e = write_tools(rq, &w, f);
  if (e)
    return e;
  write_user(rq, &w);
  write_choice(rq, &w);
  write_reasoning(rq, &w);
  write_text(rq, &w);
  write_metadata(rq, &w);
  write_cache(rq, &w);
  if (!text_is_empty(rq->service_tier))
    json_field_text(&w, "service_tier", rq->service_tier);
  json_object_end(&w);
  return buf_check(out);
}
