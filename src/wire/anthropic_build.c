/* Requests of the Anthropic dialect, written: instructions, messages, tools and settings. Content blocks are written in
 * anthropic_content.c. Where this vendor needs what others leave to themselves (max_tokens, the type of a schema) it is
 * filled in. Called through dialect_anthropic and dialect_invoke. */
#include "wire/anthropic_build.h"

#include "wire/anthropic_content.h"

#include <stdlib.h>

static enum err refuse_member(struct anthropic_writing *x, const char *name, const char *why) {
  return llm_refuse(x->rq, NULL, name, why, x->f);
}

/* Messages. */

static bool is_instruction(const struct llm_message *m) { return m->role == LLM_SYSTEM || m->role == LLM_DEVELOPER; }

static enum err check_instruction(struct anthropic_writing *x, const struct llm_message *m) {
  for (size_t i = 0; i < m->count; i++)
    if (m->blocks[i].kind != LLM_TEXT)
      return llm_refuse(x->rq, &m->blocks[i].place, "type", "instructions are texts at this provider", x->f);
  return ERR_OK;
}

static enum err check_message(struct anthropic_writing *x, const struct llm_message *m, bool *out_is_empty) {
  size_t said = 0;
  *out_is_empty = false;
  if (!text_is_empty(m->name)) {
    enum err e = llm_refuse(x->rq, &m->place, "name", "participants have no names at this provider", x->f);
    if (e != ERR_OK)
      return e;
  }
  for (size_t i = 0; i < m->count; i++)
    said += !anthropic_content_is_empty(&m->blocks[i]);
  *out_is_empty = said == 0;
  if (is_instruction(m))
    return check_instruction(x, m);
  if (said > 0 || m->role == LLM_ASSISTANT) /* an answer that said nothing may come back and says nothing */
    return ERR_OK;
  return llm_refuse(x->rq, &m->place, "content", "this provider takes no empty message", x->f);
}

static enum err write_system(struct anthropic_writing *x, size_t count) {
  enum err e = ERR_OK;
  bool is_open = false;
  for (size_t i = 0; e == ERR_OK && i < count; i++) {
    const struct llm_message *m = &x->rq->messages[i];
    bool is_empty;
    e = check_message(x, m, &is_empty);
    if (e != ERR_OK || is_empty)
      continue;
    if (!is_open) {
      json_name(x->w, "system");
      json_array(x->w);
      is_open = true;
    }
    e = anthropic_content_write(x, m->blocks, m->count);
  }
  if (is_open)
    json_array_end(x->w);
  return e;
}

static enum err write_message(struct anthropic_writing *x, const struct llm_message *m) {
  bool is_empty;
  enum err e = check_message(x, m, &is_empty);
  if (e != ERR_OK || is_empty)
    return e;
  json_object(x->w);
  json_field_str(x->w, "role", m->role == LLM_USER ? "user" : m->role == LLM_ASSISTANT ? "assistant" : "system");
  json_name(x->w, "content");
  json_array(x->w);
  e = anthropic_content_write(x, m->blocks, m->count);
  json_array_end(x->w);
  json_object_end(x->w);
  return e;
}

static enum err write_messages(struct anthropic_writing *x) {
  const struct llm_request *rq = x->rq;
  size_t first = 0;
  while (first < rq->message_count && is_instruction(&rq->messages[first]))
    first++;
  if (first == rq->message_count) {
    enum err e = refuse_member(x, "messages", "this provider needs a message beside the instructions");
    if (e != ERR_OK)
      return e;
  }
  enum err e = write_system(x, first);
  json_name(x->w, "messages");
  json_array(x->w);
  for (size_t i = first; e == ERR_OK && i < rq->message_count; i++)
    e = write_message(x, &rq->messages[i]);
  json_array_end(x->w);
  return e;
}

/* Schemas. */

static bool has_member(struct text object, const char *name) {
  const struct json_limits limits = {.lenient = true, .raw_numbers = true};
  struct json doc = {0};
  if (json_read(object, &limits, &doc, NULL) != ERR_OK)
    return false;
  bool has = json_get(doc.root, name) != NULL;
  json_done(&doc);
  return has;
}

/* The object with one member before its own. */
static void put_with(struct anthropic_writing *x, const char *name, struct text value, struct text object) {
  ptrdiff_t brace = text_find_char(object, '{');
  struct text rest = text_trim(text_skip(object, (size_t)brace + 1));
  json_put_raw(x->w, TEXT("{\""));
  buf_add(x->w->out, text_of(name));
  buf_add(x->w->out, TEXT("\":\""));
  json_escape(x->w->out, value);
  buf_add(x->w->out, text_starts(rest, TEXT("}")) ? TEXT("\"") : TEXT("\","));
  buf_add(x->w->out, rest);
}

/* The vendor wants the type of an input said; others take it for granted. */
static void put_input_schema(struct anthropic_writing *x, struct text schema) {
  if (text_is_empty(schema))
    json_put_raw(x->w, TEXT("{\"type\":\"object\",\"properties\":{}}"));
  else if (text_starts(schema, TEXT("{\"type\":")) || has_member(schema, "type"))
    json_put_raw(x->w, schema);
  else
    put_with(x, "type", TEXT("object"), schema);
}

static enum err put_output_schema(struct anthropic_writing *x) {
  const struct llm_request *rq = x->rq;
  if (!text_is_empty(rq->output_description)) {
    if (!has_member(rq->output_schema, "description")) {
      put_with(x, "description", rq->output_description, rq->output_schema);
      return ERR_OK;
    }
    enum err e =
        refuse_member(x, rq->names->output_description, "this provider reads only the schema's own description");
    if (e != ERR_OK)
      return e;
  }
  json_put_raw(x->w, rq->output_schema);
  return ERR_OK;
}

/* Tools. */

static enum err write_tool(struct anthropic_writing *x, const struct llm_tool *t) {
  if (t->is_custom)
    return llm_refuse(x->rq, &t->place, "type", "this provider knows no tools with free text", x->f);
  json_object(x->w);
  json_field_text(x->w, "name", t->name);
  if (!text_is_empty(t->description))
    json_field_text(x->w, "description", t->description);
  json_name(x->w, "input_schema");
  put_input_schema(x, t->schema);
  if (t->strict == LLM_YES)
    json_field_bool(x->w, "strict", true);
  if (t->defer_loading == LLM_YES)
    json_field_bool(x->w, "defer_loading", true);
  enum err e = anthropic_content_cache(x, t->cache, &t->place);
  json_object_end(x->w);
  return e;
}

static void write_choice(struct anthropic_writing *x) {
  static const char *const types[] = {[LLM_CHOICE_NOT_GIVEN] = "auto",
                                      [LLM_CHOICE_AUTO] = "auto",
                                      [LLM_CHOICE_ANY] = "any",
                                      [LLM_CHOICE_TOOL] = "tool",
                                      [LLM_CHOICE_NONE] = "none"};
  const struct llm_request *rq = x->rq;
  bool one_at_a_time = rq->parallel_tools == LLM_NO && rq->choice != LLM_CHOICE_NONE;
  if (rq->choice == LLM_CHOICE_NOT_GIVEN && !one_at_a_time)
    return;
  json_name(x->w, "tool_choice");
  json_object(x->w);
  json_field_str(x->w, "type", types[rq->choice]);
  if (rq->choice == LLM_CHOICE_TOOL)
    json_field_text(x->w, "name", rq->choice_name);
  if (one_at_a_time)
    json_field_bool(x->w, "disable_parallel_tool_use", true);
  json_object_end(x->w);
}

/* Without tools there is nothing to choose, and the vendor takes no choice then. */
static enum err write_tools(struct anthropic_writing *x) {
  const struct llm_request *rq = x->rq;
  enum err e = ERR_OK;
  if (rq->tool_count == 0)
    return rq->choice == LLM_CHOICE_ANY || rq->choice == LLM_CHOICE_TOOL
               ? refuse_member(x, rq->names->tool_choice, "there are no tools to choose from")
               : ERR_OK;
  json_name(x->w, "tools");
  json_array(x->w);
  for (size_t i = 0; e == ERR_OK && i < rq->tool_count; i++)
    e = write_tool(x, &rq->tools[i]);
  json_array_end(x->w);
  if (e == ERR_OK)
    write_choice(x);
  return e;
}

/* Reasoning. */

/* Models of before adaptive reasoning take a budget of tokens. */
static bool takes_budget(struct text model) {
  static const char *const parts[] = {"claude-3-7", "-4-0", "-4-1", "-4-2025", "-4-5", "claude-opus-4@", "sonnet-4-2"};
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
    if (text_find(model, text_of(parts[i])) >= 0)
      return true;
  return false;
}

static uint64_t budget_of(struct text effort) {
  if (text_equal(effort, TEXT("minimal")) || text_equal(effort, TEXT("low")))
    return 2048;
  return text_is_empty(effort) || text_equal(effort, TEXT("medium")) ? 8192 : 24576;
}

struct reasoning {
  const char *type; /* NULL: say nothing */
  uint64_t budget;
  struct text effort;
};

static struct reasoning reasoning_of(const struct llm_request *rq) {
  bool is_off = rq->thinking == LLM_THINKING_OFF ||
                (rq->thinking == LLM_THINKING_NOT_GIVEN && text_equal(rq->effort, TEXT("none")));
  struct reasoning r = {.effort = text_equal(rq->effort, TEXT("minimal")) ? TEXT("low") : rq->effort};
  if (is_off) {
    r.type = "disabled";
    if (text_equal(rq->effort, TEXT("none")))
      r.effort = TEXT_NONE;
  } else if (rq->thinking == LLM_THINKING_BUDGET) {
    r.type = "enabled";
    r.budget = rq->thinking_budget;
  } else if (rq->thinking == LLM_THINKING_ADAPTIVE || !text_is_empty(rq->effort)) {
    bool old = takes_budget(rq->model);
    r.type = old ? "enabled" : "adaptive";
    r.budget = old ? budget_of(rq->effort) : 0;
    if (old)
      r.effort = TEXT_NONE;
  }
  return r;
}

static enum err write_reasoning(struct anthropic_writing *x, const struct reasoning *r) {
  const struct llm_request *rq = x->rq;
  if (!r->type)
    return ERR_OK;
  json_name(x->w, "thinking");
  json_object(x->w);
  json_field_str(x->w, "type", r->type);
  if (r->budget > 0)
    json_field_u64(x->w, "budget_tokens", r->budget);
  if (rq->display != LLM_DISPLAY_NOT_GIVEN && strcmp(r->type, "disabled") != 0)
    json_field_str(x->w, "display", rq->display == LLM_DISPLAY_OMITTED ? "omitted" : "summarized");
  json_object_end(x->w);
  return ERR_OK;
}

/* The vendor counts reasoning among the tokens of the answer. */
static enum err write_max_tokens(struct anthropic_writing *x, uint64_t budget) {
  const struct llm_request *rq = x->rq;
  uint64_t most = rq->max_tokens > 0 ? rq->max_tokens : rq->default_max_tokens;
  if (rq->max_tokens == 0 && most <= budget)
    most += budget;
  if (most <= budget) {
    enum err e = refuse_member(x, rq->names->max_tokens, "must be above the tokens that the model may reason with");
    if (e != ERR_OK)
      return e;
  }
  json_field_u64(x->w, "max_tokens", most);
  return ERR_OK;
}

static enum err write_output_config(struct anthropic_writing *x, struct text effort) {
  const struct llm_request *rq = x->rq;
  enum err e = ERR_OK;
  if (rq->output == LLM_OUTPUT_JSON) {
    e = refuse_member(x, rq->names->output, "this provider writes JSON after a schema only");
    if (e != ERR_OK)
      return e;
  }
  if (text_is_empty(effort) && rq->output != LLM_OUTPUT_SCHEMA)
    return ERR_OK;
  json_name(x->w, "output_config");
  json_object(x->w);
  if (!text_is_empty(effort))
    json_field_text(x->w, "effort", effort);
  if (rq->output == LLM_OUTPUT_SCHEMA) {
    json_name(x->w, "format");
    json_object(x->w);
    json_field_str(x->w, "type", "json_schema");
    json_name(x->w, "schema");
    e = put_output_schema(x);
    json_object_end(x->w);
  }
  json_object_end(x->w);
  return e;
}

/* The rest. */

static double value_of(struct text number) {
  char digits[64];
  struct text head = text_head(number, sizeof(digits) - 1);
  if (head.len > 0)
    memcpy(digits, head.at, head.len);
  digits[head.len] = 0;
  return strtod(digits, NULL);
}

static enum err write_sampling(struct anthropic_writing *x) {
  const struct llm_request *rq = x->rq;
  const struct {
    const char *name;
    struct text number;
  } members[] = {{"temperature", rq->temperature}, {"top_p", rq->top_p}, {"top_k", rq->top_k}};
  bool is_hot = value_of(rq->temperature) > 1;
  enum err e = is_hot ? refuse_member(x, rq->names->temperature, "this provider takes 0 to 1") : ERR_OK;
  for (size_t i = is_hot; e == ERR_OK && i < sizeof(members) / sizeof(members[0]); i++) {
    if (text_is_empty(members[i].number))
      continue;
    json_name(x->w, members[i].name);
    json_put_raw(x->w, members[i].number);
  }
  return e;
}

/* Settings of OpenAI's that say something and have no counterpart. Their names are the same in both of its dialects. */
static enum err refuse_settings(struct anthropic_writing *x) {
  const struct llm_request *rq = x->rq;
  const struct {
    bool is_set;
    const char *name;
  } settings[] = {
      {value_of(rq->frequency_penalty) != 0, "frequency_penalty"},
      {value_of(rq->presence_penalty) != 0, "presence_penalty"},
      {!text_is_empty(rq->seed), "seed"},
      {!text_is_empty(rq->verbosity) && !text_equal(rq->verbosity, TEXT("medium")), "verbosity"},
      {!text_is_empty(rq->cache_key), "prompt_cache_key"},
      {!text_is_empty(rq->cache_options_ttl), "prompt_cache_options.ttl"},
      {!text_is_empty(rq->cache_retention), "prompt_cache_retention"},
      {rq->store == LLM_YES, "store"},
  };
  enum err e = ERR_OK;
  for (size_t i = 0; e == ERR_OK && i < sizeof(settings) / sizeof(settings[0]); i++)
    if (settings[i].is_set)
      e = refuse_member(x, settings[i].name, "this provider has no counterpart");
  return e;
}

static enum err write_metadata(struct anthropic_writing *x) {
  const struct llm_request *rq = x->rq;
  struct text user_id = rq->user_id;
  for (size_t i = 0; i < rq->metadata_count; i++) {
    if (text_is_empty(user_id) && text_equal(rq->metadata[i].name, TEXT("user_id"))) {
      user_id = rq->metadata[i].value;
      continue;
    }
    const struct llm_place place = {.form = rq->names->metadata};
    enum err e = llm_refuse(x->rq, &place, arena_copy(rq->arena, rq->metadata[i].name).at,
                            "this provider takes nothing but a user_id", x->f);
    if (e != ERR_OK)
      return e;
  }
  if (!text_is_empty(user_id)) {
    json_name(x->w, "metadata");
    json_object(x->w);
    json_field_text(x->w, "user_id", user_id);
    json_object_end(x->w);
  }
  return ERR_OK;
}

static enum err write_tier(struct anthropic_writing *x) {
  const struct llm_request *rq = x->rq;
  if (text_is_empty(rq->service_tier))
    return ERR_OK;
  if (text_equal(rq->service_tier, TEXT("auto")))
    json_field_str(x->w, "service_tier", "auto");
  else if (text_equal(rq->service_tier, TEXT("default")))
    json_field_str(x->w, "service_tier", "standard_only");
  else
    return refuse_member(x, rq->names->service_tier, "this provider knows \"auto\" and \"default\" only");
  return ERR_OK;
}

static void write_stop(struct anthropic_writing *x) {
  const struct llm_request *rq = x->rq;
  if (rq->stop_count == 0)
    return;
  json_name(x->w, "stop_sequences");
  json_array(x->w);
  for (size_t i = 0; i < rq->stop_count; i++)
    json_put_text(x->w, rq->stop[i]);
  json_array_end(x->w);
}

static enum err write_members(struct anthropic_writing *x) {
  const struct reasoning reasoning = reasoning_of(x->rq);
  enum err e = write_max_tokens(x, reasoning.budget);
  if (e == ERR_OK)
    e = write_messages(x);
  if (e == ERR_OK)
    e = write_tools(x);
  if (e == ERR_OK)
    e = write_reasoning(x, &reasoning);
  if (e == ERR_OK)
    e = write_output_config(x, reasoning.effort);
  if (e == ERR_OK)
    e = write_sampling(x);
  if (e == ERR_OK)
    write_stop(x);
  if (e == ERR_OK)
    e = refuse_settings(x);
  if (e == ERR_OK)
    e = write_metadata(x);
  return e == ERR_OK ? write_tier(x) : e;
}

static enum err build(struct llm_request *rq, bool is_invoke, struct buf *out, struct fault *f) {
  struct json_writer w;
  struct anthropic_writing x = {.rq = rq, .w = &w, .f = f};
  json_writer_init(&w, out);
  json_object(&w);
  if (is_invoke) {
    json_field_str(&w, "anthropic_version", "bedrock-2023-05-31");
  } else {
    json_field_text(&w, "model", rq->model);
    if (rq->stream)
      json_field_bool(&w, "stream", true);
  }
  enum err e = write_members(&x);
  json_object_end(&w);
  return e == ERR_OK ? buf_check(out) : e;
}

enum err anthropic_build(struct llm_request *rq, struct buf *out, struct fault *f) { return build(rq, false, out, f); }

enum err anthropic_build_invoke(struct llm_request *rq, struct buf *out, struct fault *f) {
  return build(rq, true, out, f);
}
