/* A chat completions request written from llm/: its settings and tools. Messages are written in
 * openai_chat_build_messages.c. With the accent of OpenRouter it says what OpenRouter adds to the dialect. What cannot
 * be said is refused by the name the caller gave it. Called through dialect_openai_chat. */
#include "wire/openai_chat.h"
#include "wire/openai_parts.h"

struct request_out {
  struct llm_request *rq;
  struct json_writer *w;
  struct fault *f;
  enum err err; /* of the first refusal; the rest is then written in vain */
};

static const struct llm_place root = {.form = ""};

static void refuse_at(struct request_out *o, const struct llm_place *at, const char *member, const char *why) {
  if (o->err == ERR_OK)
    o->err = llm_refuse(o->rq, at, member, why, o->f);
}

static void refuse(struct request_out *o, const char *member, const char *why) { refuse_at(o, &root, member, why); }

static void put_number(struct json_writer *w, const char *name, struct text digits) {
  if (text_is_empty(digits))
    return;
  json_name(w, name);
  json_put_raw(w, digits);
}

static void put_text(struct json_writer *w, const char *name, struct text t) {
  if (!text_is_empty(t))
    json_field_text(w, name, t);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* OpenAI's own models take no max_tokens any more; other servers know the new name less often than the old one, and
 * some ignore what they do not know. */
static bool has_new_limit(struct text model) {
  if (text_find(model, TEXT("gpt-")) >= 0)
    return !text_starts(model, TEXT("gpt-oss")) && text_find_char(model, '/') < 0;
  return model.len >= 2 && model.at[0] == 'o' && is_digit(model.at[1]);
}

static void write_limit(struct request_out *o) {
  bool is_new = o->rq->accent != LLM_ACCENT_OPENROUTER && has_new_limit(o->rq->model);
  if (o->rq->max_tokens > 0)
    json_field_u64(o->w, is_new ? "max_completion_tokens" : "max_tokens", o->rq->max_tokens);
}

static void write_sampling(struct request_out *o) {
  struct llm_request *rq = o->rq;
  put_number(o->w, "temperature", rq->temperature);
  put_number(o->w, "top_p", rq->top_p);
  if (!text_is_empty(rq->top_k) && rq->accent != LLM_ACCENT_OPENROUTER)
    refuse(o, rq->names->top_k, "the provider has no such setting");
  else
    put_number(o->w, "top_k", rq->top_k);
  put_number(o->w, "frequency_penalty", rq->frequency_penalty);
  put_number(o->w, "presence_penalty", rq->presence_penalty);
  put_number(o->w, "seed", rq->seed);
}

#define STOP_MAX 4

static void write_stop(struct request_out *o) {
  struct llm_request *rq = o->rq;
  if (rq->stop_count == 0)
    return;
  if (rq->stop_count > STOP_MAX) {
    refuse(o, rq->names->stop, "the provider takes at most 4 stop sequences");
    return;
  }
  json_name(o->w, "stop");
  json_array(o->w);
  for (size_t i = 0; i < rq->stop_count; i++)
    json_put_text(o->w, rq->stop[i]);
  json_array_end(o->w);
}

/* Without the accent there are only words for how much to think. */
static void write_effort(struct request_out *o) {
  struct llm_request *rq = o->rq;
  struct text effort = rq->effort;
  if (rq->thinking == LLM_THINKING_OFF)
    effort = TEXT("none");
  else if (rq->thinking == LLM_THINKING_BUDGET && text_is_empty(effort))
    effort = openai_parts_effort(rq->thinking_budget);
  put_text(o->w, "reasoning_effort", effort);
}

static struct text openrouter_effort(struct text effort) {
  return text_equal(effort, TEXT("max")) ? TEXT("xhigh") : effort; /* its most */
}

static void write_openrouter_reasoning(struct request_out *o) {
  struct llm_request *rq = o->rq;
  if (rq->thinking == LLM_THINKING_NOT_GIVEN && text_is_empty(rq->effort))
    return;
  json_name(o->w, "reasoning");
  json_object(o->w);
  if (rq->thinking == LLM_THINKING_OFF)
    json_field_str(o->w, "effort", "none");
  else if (rq->thinking == LLM_THINKING_BUDGET)
    json_field_u64(o->w, "max_tokens", rq->thinking_budget);
  else if (!text_is_empty(rq->effort))
    json_field_text(o->w, "effort", openrouter_effort(rq->effort));
  else
    json_field_bool(o->w, "enabled", true);
  json_object_end(o->w);
}

static void write_thinking(struct request_out *o) {
  if (o->rq->accent == LLM_ACCENT_OPENROUTER)
    write_openrouter_reasoning(o);
  else
    write_effort(o);
  put_text(o->w, "verbosity", o->rq->verbosity);
}

static void write_schema(struct request_out *o) {
  struct llm_request *rq = o->rq;
  json_name(o->w, "json_schema");
  json_object(o->w);
  json_field_text(o->w, "name", text_is_empty(rq->output_name) ? TEXT("answer") : rq->output_name);
  put_text(o->w, "description", rq->output_description);
  put_number(o->w, "schema", rq->output_schema);
  if (rq->output_strict != LLM_NOT_GIVEN)
    json_field_bool(o->w, "strict", rq->output_strict == LLM_YES);
  json_object_end(o->w);
}

static void write_output(struct request_out *o) {
  if (o->rq->output == LLM_OUTPUT_TEXT)
    return;
  json_name(o->w, "response_format");
  json_object(o->w);
  json_field_str(o->w, "type", o->rq->output == LLM_OUTPUT_JSON ? "json_object" : "json_schema");
  if (o->rq->output == LLM_OUTPUT_SCHEMA)
    write_schema(o);
  json_object_end(o->w);
}

/* {type:"grammar", syntax, definition} in llm/, {type:"grammar", grammar:{syntax, definition}} here. */
static void write_format(struct request_out *o, const struct llm_tool *t) {
  const struct json_limits limits = {.lenient = true};
  struct json doc;
  if (text_is_empty(t->format))
    return;
  if (json_read(t->format, &limits, &doc, NULL) != ERR_OK) {
    refuse_at(o, &t->place, "format", "the provider has no such format");
    return;
  }
  struct text syntax = json_text(json_get(doc.root, "syntax")), type = json_text(json_get(doc.root, "type"));
  if (text_equal(type, TEXT("grammar"))) {
    json_name(o->w, "format");
    json_object(o->w);
    json_field_str(o->w, "type", "grammar");
    json_name(o->w, "grammar");
    json_object(o->w);
    json_field_text(o->w, "syntax", syntax);
    json_field_text(o->w, "definition", json_text(json_get(doc.root, "definition")));
    json_object_end(o->w);
    json_object_end(o->w);
  } else if (!text_equal(type, TEXT("text"))) {
    refuse_at(o, &t->place, "format", "the provider has no such format");
  }
  json_done(&doc);
}

static void write_tool(struct request_out *o, const struct llm_tool *t) {
  const char *kind = t->is_custom ? "custom" : "function";
  if (t->cache != LLM_CACHE_NONE)
    refuse_at(o, &t->place, "cache_control", "tools cannot be marked for the provider's prompt cache");
  if (t->defer_loading == LLM_YES)
    refuse_at(o, &t->place, "defer_loading", "the provider cannot load tools later");
  json_object(o->w);
  json_field_str(o->w, "type", kind);
  json_name(o->w, kind);
  json_object(o->w);
  json_field_text(o->w, "name", t->name);
  put_text(o->w, "description", t->description);
  if (t->is_custom)
    write_format(o, t);
  else
    put_number(o->w, "parameters", t->schema);
  if (t->strict != LLM_NOT_GIVEN && !t->is_custom)
    json_field_bool(o->w, "strict", t->strict == LLM_YES);
  json_object_end(o->w);
  json_object_end(o->w);
}

static bool is_custom_tool(const struct llm_request *rq, struct text name) {
  for (size_t i = 0; i < rq->tool_count; i++)
    if (text_equal(rq->tools[i].name, name))
      return rq->tools[i].is_custom;
  return false;
}

static void write_choice(struct request_out *o) {
  struct llm_request *rq = o->rq;
  static const char *const words[] = {
      [LLM_CHOICE_AUTO] = "auto", [LLM_CHOICE_ANY] = "required", [LLM_CHOICE_NONE] = "none"};
  if (rq->choice == LLM_CHOICE_NOT_GIVEN ||
      (rq->tool_count == 0 && (rq->choice == LLM_CHOICE_AUTO || rq->choice == LLM_CHOICE_NONE)))
    return; /* without tools there is nothing to choose, and the service refuses the member */
  json_name(o->w, "tool_choice");
  if (rq->choice != LLM_CHOICE_TOOL) {
    json_put_str(o->w, words[rq->choice]);
    return;
  }
  const char *kind = is_custom_tool(rq, rq->choice_name) ? "custom" : "function";
  json_object(o->w);
  json_field_str(o->w, "type", kind);
  json_name(o->w, kind);
  json_object(o->w);
  json_field_text(o->w, "name", rq->choice_name);
  json_object_end(o->w);
  json_object_end(o->w);
}

static void write_tools(struct request_out *o) {
  struct llm_request *rq = o->rq;
  if (rq->tool_count > 0) {
    json_name(o->w, "tools");
    json_array(o->w);
    for (size_t i = 0; i < rq->tool_count; i++)
      write_tool(o, &rq->tools[i]);
    json_array_end(o->w);
    if (rq->parallel_tools == LLM_NO)
      json_field_bool(o->w, "parallel_tool_calls", false);
  }
  write_choice(o);
}

static void write_metadata(struct request_out *o) {
  struct llm_request *rq = o->rq;
  put_text(o->w, "user", rq->user_id);
  if (rq->metadata_count == 0)
    return;
  json_name(o->w, "metadata");
  json_object(o->w);
  for (size_t i = 0; i < rq->metadata_count; i++) {
    json_name_text(o->w, rq->metadata[i].name);
    json_put_text(o->w, rq->metadata[i].value);
  }
  json_object_end(o->w);
}

static void write_cache_options(struct request_out *o) {
  struct llm_request *rq = o->rq;
  put_text(o->w, "prompt_cache_key", rq->cache_key);
  put_text(o->w, "prompt_cache_retention", rq->cache_retention);
  if (!rq->cache_explicit && text_is_empty(rq->cache_options_ttl))
    return;
  json_name(o->w, "prompt_cache_options");
  json_object(o->w);
  if (rq->cache_explicit)
    json_field_str(o->w, "mode", "explicit");
  put_text(o->w, "ttl", rq->cache_options_ttl);
  json_object_end(o->w);
}

static void write_service(struct request_out *o) {
  struct llm_request *rq = o->rq;
  bool is_openrouter = rq->accent == LLM_ACCENT_OPENROUTER;
  if (!text_equal(rq->service_tier, TEXT("auto")))
    put_text(o->w, "service_tier", rq->service_tier);
  if (rq->store == LLM_YES && is_openrouter)
    refuse(o, "store", "the provider stores no answers");
  else if (rq->store == LLM_YES)
    json_field_bool(o->w, "store", true);
  if (is_openrouter) {
    json_name(o->w, "usage");
    json_put_raw(o->w, TEXT("{\"include\":true}"));
  }
  if (rq->stream) {
    json_field_bool(o->w, "stream", true);
    json_name(o->w, "stream_options");
    json_put_raw(o->w, TEXT("{\"include_usage\":true}"));
  }
}

enum err openai_chat_write_request(struct llm_request *rq, struct buf *out, struct fault *f) {
  struct json_writer w;
  struct request_out o = {.rq = rq, .w = &w, .f = f};
  json_writer_init(&w, out);
  json_object(&w);
  put_text(&w, "model", rq->model);
  o.err = openai_chat_write_messages(rq, &w, f);
  write_limit(&o);
  write_sampling(&o);
  write_stop(&o);
  write_thinking(&o);
  write_output(&o);
  write_tools(&o);
  write_metadata(&o);
  write_cache_options(&o);
  write_service(&o);
  json_object_end(&w);
  return o.err != ERR_OK ? o.err : buf_check(out);
}
