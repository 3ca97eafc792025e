/* Requests of the Anthropic dialect, read: the members of the request, its messages and tools. Content blocks are read
 * in anthropic_blocks.c. Nothing is decided here about targets; what nobody else could express is refused at once.
 * Called through dialect_anthropic and dialect_invoke. */
#include "wire/anthropic_request.h"

#include "wire/anthropic_blocks.h"

#include <stdio.h>

#define CALLS_MAX 100000

static const struct llm_names names = {.max_tokens = "max_tokens",
                                       .temperature = "temperature",
                                       .top_p = "top_p",
                                       .top_k = "top_k",
                                       .stop = "stop_sequences",
                                       .tool_choice = "tool_choice",
                                       .parallel_tools = "tool_choice.disable_parallel_tool_use",
                                       .thinking = "thinking",
                                       .effort = "output_config.effort",
                                       .display = "thinking.display",
                                       .output = "output_config.format",
                                       .output_description = "output_config.format",
                                       .user_id = "metadata.user_id",
                                       .metadata = "metadata",
                                       .service_tier = "service_tier"};

static struct anthropic_reading *state_of(struct rules *r) { return r->dialect; }

static enum err skip(struct rules *r, const struct rule_member *m, void *to) {
  (void)r, (void)m, (void)to;
  return ERR_OK;
}

static enum err refuse_unless_empty(struct rules *r, const struct rule_member *m, void *to) {
  (void)to;
  if (!yyjson_is_arr(m->value))
    return rule_bad(r, m, "must be an array");
  return yyjson_arr_size(m->value) == 0 ? ERR_OK : rule_refuse(r, m, "this has no counterpart at the provider");
}

/* Messages. */

struct message_draft {
  struct text role, clear_at;
  yyjson_val *content;
};

static const struct {
  const char *name;
  enum llm_role role;
  enum anthropic_where where;
} roles[] = {{"user", LLM_USER, ANTHROPIC_IN_USER},
             {"assistant", LLM_ASSISTANT, ANTHROPIC_IN_ASSISTANT},
             {"system", LLM_SYSTEM, ANTHROPIC_IN_SYSTEM}};

static enum err read_message(struct rules *r, yyjson_val *object, uint32_t index, struct llm_message *out) {
  static const struct rule rows[] = {{"role", rule_word, offsetof(struct message_draft, role)},
                                     {"content", rule_value, offsetof(struct message_draft, content)},
                                     {"clear_at", rule_word, offsetof(struct message_draft, clear_at)},
                                     {"output_config", rule_refused, 0}};
  const struct anthropic_spot spot = {
      .form = "messages[#].content", .element_form = "messages[#].content[#]", .at = {index}, .depth = 1};
  struct message_draft d = {0};
  *out = (struct llm_message){.place = {.form = "messages[#]", .at = {index}}};
  enum err e = rules_read(r, object, &out->place, RULES(rows), &d);
  if (e != ERR_OK)
    return e;
  if (!text_is_empty(d.clear_at) && !text_equal(d.clear_at, TEXT("never")))
    e = llm_refuse(r->rq, &out->place, "clear_at", "messages cannot be cleared there", r->f);
  if (e != ERR_OK)
    return e;
  if (!d.content)
    return llm_bad(&out->place, "content", "is required", r->f);
  for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
    if (!text_equal(d.role, text_of(roles[i].name)))
      continue;
    out->role = roles[i].role;
    return anthropic_blocks_read(r, d.content, &spot, roles[i].where, &out->blocks, &out->count);
  }
  return llm_bad(&out->place, "role", "must be \"user\", \"assistant\" or \"system\"", r->f);
}

static enum err read_messages(struct rules *r) {
  struct anthropic_reading *state = state_of(r);
  static const struct anthropic_spot system = {.form = "system", .element_form = "system[#]", .depth = 0};
  struct llm_request *rq = r->rq;
  enum err e = ERR_OK;
  size_t i, size;
  yyjson_val *object;
  if (!state->messages)
    return llm_bad(NULL, "messages", "is required", r->f);
  if (!yyjson_is_arr(state->messages))
    return llm_bad(NULL, "messages", "must be an array", r->f);
  rq->messages = arena_zalloc(rq->arena, (yyjson_arr_size(state->messages) + 1) * sizeof(*rq->messages));
  if (state->system) {
    struct llm_message *first = &rq->messages[0];
    *first = (struct llm_message){.role = LLM_SYSTEM, .place = {.form = "system"}};
    e = anthropic_blocks_read(r, state->system, &system, ANTHROPIC_IN_SYSTEM, &first->blocks, &first->count);
    rq->message_count = first->count > 0;
  }
  for (i = 0, size = yyjson_arr_size(state->messages), object = yyjson_arr_get_first(state->messages);
       e == ERR_OK && i < size; i++, object = unsafe_yyjson_get_next(object))
    e = read_message(r, object, (uint32_t)i, &rq->messages[rq->message_count++]);
  return e;
}

/* cache_control of the whole request stands for a mark on its last block that can bear one. */
static void apply_cache(struct llm_request *rq, enum llm_cache cache) {
  for (size_t i = rq->message_count; cache != LLM_CACHE_NONE && i > 0; i--) {
    struct llm_message *m = &rq->messages[i - 1];
    for (size_t k = m->count; k > 0; k--) {
      struct llm_block *b = &m->blocks[k - 1];
      if (b->kind == LLM_THINKING || b->kind == LLM_REDACTED_THINKING)
        continue;
      if (b->cache == LLM_CACHE_NONE)
        b->cache = cache;
      return;
    }
  }
}

static enum err keep_system(struct rules *r, const struct rule_member *m, void *to) {
  (void)to;
  state_of(r)->system = m->value;
  return ERR_OK;
}

static enum err keep_messages(struct rules *r, const struct rule_member *m, void *to) {
  (void)to;
  state_of(r)->messages = m->value;
  return ERR_OK;
}

static enum err keep_cache(struct rules *r, const struct rule_member *m, void *to) {
  (void)to;
  return anthropic_blocks_cache(r, m, &state_of(r)->cache);
}

/* Tools. */

static enum err read_callers(struct rules *r, const struct rule_member *m, void *to) {
  size_t i, size;
  yyjson_val *caller;
  (void)to;
  if (!yyjson_is_arr(m->value))
    return rule_bad(r, m, "must be an array");
  yyjson_arr_foreach (m->value, i, size, caller)
    if (!text_equal(json_text(caller), TEXT("direct")))
      return rule_refuse(r, m, "only this vendor's own tools could call it");
  return ERR_OK;
}

/* Inputs of tools are streamed as they come by every other dialect, so eager_input_streaming asks for nothing. */
static enum err check_bool(struct rules *r, const struct rule_member *m, void *to) {
  bool unused;
  (void)to;
  return rule_bool(r, m, &unused);
}

#define AT(member) offsetof(struct llm_tool, member)
static const struct rule tool_rows[] = {{"type", skip, 0},
                                        {"name", rule_word, AT(name)},
                                        {"description", rule_text, AT(description)},
                                        {"input_schema", rule_raw_object, AT(schema)},
                                        {"cache_control", anthropic_blocks_cache, AT(cache)},
                                        {"strict", rule_flag, AT(strict)},
                                        {"defer_loading", rule_flag, AT(defer_loading)},
                                        {"eager_input_streaming", check_bool, 0},
                                        {"input_examples", refuse_unless_empty, 0},
                                        {"allowed_callers", read_callers, 0}};

static enum err read_tool(struct rules *r, yyjson_val *object, uint32_t index, struct llm_tool *out, bool *out_kept) {
  const struct llm_place place = {.form = "tools[#]", .at = {index}};
  yyjson_val *type = json_get(object, "type");
  *out_kept = false;
  if (!yyjson_is_obj(object))
    return llm_bad(&place, "", "must be an object", r->f);
  if (type && !yyjson_is_null(type) && !yyjson_is_str(type))
    return llm_bad(&place, "type", "must be a string", r->f);
  if (yyjson_is_str(type) && !text_equal(json_text(type), TEXT("custom")))
    return llm_refuse(r->rq, &place, "type", "this vendor's own tools are known to this dialect only", r->f);
  *out = (struct llm_tool){.place = place};
  enum err e = rules_read(r, object, &place, RULES(tool_rows), out);
  if (e == ERR_OK && text_is_empty(out->name))
    e = llm_bad(&place, "name", "is required", r->f);
  if (e == ERR_OK && text_is_empty(out->schema))
    e = llm_bad(&place, "input_schema", "is required", r->f);
  *out_kept = e == ERR_OK;
  return e;
}

static enum err read_tools(struct rules *r, const struct rule_member *m, void *to) {
  struct llm_request *rq = to;
  size_t i, size;
  yyjson_val *object;
  if (!yyjson_is_arr(m->value))
    return rule_bad(r, m, "must be an array");
  rq->tools = arena_alloc(rq->arena, yyjson_arr_size(m->value) * sizeof(*rq->tools));
  yyjson_arr_foreach (m->value, i, size, object) {
    bool kept;
    enum err e = read_tool(r, object, (uint32_t)i, &rq->tools[rq->tool_count], &kept);
    if (e != ERR_OK)
      return e;
    rq->tool_count += kept;
  }
  return ERR_OK;
}

struct choice_draft {
  struct text type, name;
  enum llm_flag not_parallel;
};

static enum err read_choice(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {
      {"type", rule_word, offsetof(struct choice_draft, type)},
      {"name", rule_word, offsetof(struct choice_draft, name)},
      {"disable_parallel_tool_use", rule_flag, offsetof(struct choice_draft, not_parallel)}};
  static const struct {
    const char *name;
    enum llm_choice choice;
  } choices[] = {
      {"auto", LLM_CHOICE_AUTO}, {"any", LLM_CHOICE_ANY}, {"tool", LLM_CHOICE_TOOL}, {"none", LLM_CHOICE_NONE}};
  struct llm_request *rq = to;
  struct choice_draft d = {0};
  enum err e = rules_read_member(r, m, RULES(rows), &d);
  if (e != ERR_OK)
    return e;
  for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
    if (text_equal(d.type, text_of(choices[i].name)))
      rq->choice = choices[i].choice;
  if (rq->choice == LLM_CHOICE_NOT_GIVEN)
    return llm_bad(NULL, "tool_choice.type", "must be \"auto\", \"any\", \"tool\" or \"none\"", r->f);
  if ((rq->choice == LLM_CHOICE_TOOL) != (d.name.len > 0))
    return llm_bad(NULL, "tool_choice.name", "names the tool of the type \"tool\" and stands with no other", r->f);
  rq->choice_name = d.name;
  if (d.not_parallel != LLM_NOT_GIVEN)
    rq->parallel_tools = d.not_parallel == LLM_YES ? LLM_NO : LLM_YES;
  return ERR_OK;
}

/* Reasoning, output, the rest. */

struct thinking_draft {
  struct text type, display;
  uint64_t budget;
};

static enum err read_display(struct rules *r, const struct thinking_draft *d) {
  if (text_is_empty(d->display))
    return ERR_OK;
  if (text_equal(d->display, TEXT("omitted")))
    r->rq->display = LLM_DISPLAY_OMITTED;
  else if (text_equal(d->display, TEXT("summarized")))
    r->rq->display = LLM_DISPLAY_SUMMARY;
  else
    return llm_refuse(r->rq, NULL, "thinking.display", "only \"summarized\" and \"omitted\" have counterparts", r->f);
  return ERR_OK;
}

static enum err read_thinking(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"type", rule_word, offsetof(struct thinking_draft, type)},
                                     {"display", rule_word, offsetof(struct thinking_draft, display)},
                                     {"budget_tokens", rule_count, offsetof(struct thinking_draft, budget)},
                                     {"block_binding", rule_refused, 0}};
  struct llm_request *rq = to;
  struct thinking_draft d = {0};
  enum err e = rules_read_member(r, m, RULES(rows), &d);
  if (e != ERR_OK)
    return e;
  if (text_equal(d.type, TEXT("enabled")))
    rq->thinking = LLM_THINKING_BUDGET;
  else if (text_equal(d.type, TEXT("adaptive")))
    rq->thinking = LLM_THINKING_ADAPTIVE;
  else if (text_equal(d.type, TEXT("disabled")))
    rq->thinking = LLM_THINKING_OFF;
  else if (text_equal(d.type, TEXT("between_tools")))
    return llm_refuse(rq, NULL, "thinking.type", "reasoning between tools only has no counterpart", r->f);
  else
    return llm_bad(NULL, "thinking.type", "must be \"enabled\", \"adaptive\" or \"disabled\"", r->f);
  if ((rq->thinking == LLM_THINKING_BUDGET) != (d.budget > 0))
    return llm_bad(NULL, "thinking.budget_tokens", "is required with the type \"enabled\" and stands with no other",
                   r->f);
  rq->thinking_budget = d.budget;
  return read_display(r, &d);
}

struct format_draft {
  struct text type, schema;
};

static enum err read_format(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"type", rule_word, offsetof(struct format_draft, type)},
                                     {"schema", rule_raw_object, offsetof(struct format_draft, schema)}};
  struct format_draft d = {0};
  (void)to;
  enum err e = rules_read_member(r, m, RULES(rows), &d);
  if (e != ERR_OK)
    return e;
  if (!text_equal(d.type, TEXT("json_schema")))
    return rule_refuse(r, m, "only the type \"json_schema\" has counterparts");
  if (text_is_empty(d.schema))
    return rule_bad(r, m, "schema is required");
  r->rq->output = LLM_OUTPUT_SCHEMA;
  r->rq->output_schema = d.schema;
  return ERR_OK;
}

static enum err read_effort(struct rules *r, const struct rule_member *m, void *to) {
  static const char *const efforts[] = {"low", "medium", "high", "xhigh", "max"};
  (void)to;
  for (size_t i = 0; i < sizeof(efforts) / sizeof(efforts[0]); i++)
    if (text_equal(json_text(m->value), text_of(efforts[i]))) {
      r->rq->effort = json_text(m->value);
      return ERR_OK;
    }
  return rule_bad(r, m, "must be \"low\", \"medium\", \"high\", \"xhigh\" or \"max\"");
}

static enum err read_output_config(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {
      {"effort", read_effort, 0}, {"format", read_format, 0}, {"task_budget", rule_refused, 0}};
  return rules_read_member(r, m, RULES(rows), to);
}

static enum err read_stop(struct rules *r, const struct rule_member *m, void *to) {
  struct llm_request *rq = to;
  size_t i, size;
  yyjson_val *one;
  if (!yyjson_is_arr(m->value))
    return rule_bad(r, m, "must be an array of strings");
  rq->stop = arena_alloc(rq->arena, yyjson_arr_size(m->value) * sizeof(*rq->stop));
  yyjson_arr_foreach (m->value, i, size, one) {
    if (!yyjson_is_str(one) || yyjson_get_len(one) == 0)
      return rule_bad(r, m, "must be an array of non-empty strings");
    rq->stop[rq->stop_count++] = json_text(one);
  }
  return ERR_OK;
}

static enum err read_metadata(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"user_id", rule_text, offsetof(struct llm_request, user_id)}};
  return rules_read_member(r, m, RULES(rows), to);
}

static enum err read_tier(struct rules *r, const struct rule_member *m, void *to) {
  struct llm_request *rq = to;
  if (text_equal(json_text(m->value), TEXT("auto")))
    rq->service_tier = TEXT("auto");
  else if (text_equal(json_text(m->value), TEXT("standard_only")))
    rq->service_tier = TEXT("default");
  else
    return rule_bad(r, m, "must be \"auto\" or \"standard_only\"");
  return ERR_OK;
}

static enum err read_speed(struct rules *r, const struct rule_member *m, void *to) {
  (void)to;
  if (!yyjson_is_str(m->value))
    return rule_bad(r, m, "must be a string");
  return text_equal(json_text(m->value), TEXT("standard")) ? ERR_OK : rule_refuse(r, m, "there is one speed elsewhere");
}

/* Keeping all reasoning is what everybody does without being asked. */
static bool keeps_all(yyjson_val *edit) {
  yyjson_val *keep = json_get(edit, "keep");
  return text_equal(json_text(json_get(edit, "type")), TEXT("clear_thinking_20251015")) && yyjson_obj_size(edit) == 2 &&
         (text_equal(json_text(keep), TEXT("all")) || text_equal(json_text(json_get(keep, "type")), TEXT("all")));
}

static enum err read_edits(struct rules *r, const struct rule_member *m, void *to) {
  size_t i, size;
  yyjson_val *edit;
  (void)to;
  if (!yyjson_is_arr(m->value))
    return rule_bad(r, m, "must be an array");
  yyjson_arr_foreach (m->value, i, size, edit) {
    char name[32];
    (void)snprintf(name, sizeof(name), "edits[%zu]", i);
    if (!yyjson_is_obj(edit))
      return llm_bad(m->at, name, "must be an object", r->f);
    enum err e = keeps_all(edit) ? ERR_OK : llm_refuse(r->rq, m->at, name, "no other provider edits its context", r->f);
    if (e != ERR_OK)
      return e;
  }
  return ERR_OK;
}

static enum err read_context(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"edits", read_edits, 0}};
  return rules_read_member(r, m, RULES(rows), to);
}

/* What a beta allows shows in the members it allows, and those are looked at. */
static enum err read_betas(struct rules *r, const struct rule_member *m, void *to) {
  size_t i, size;
  yyjson_val *beta;
  (void)to;
  if (!yyjson_is_arr(m->value))
    return rule_bad(r, m, "must be an array of strings");
  yyjson_arr_foreach (m->value, i, size, beta)
    if (!yyjson_is_str(beta))
      return rule_bad(r, m, "must be an array of strings");
  return ERR_OK;
}

static enum err read_version(struct rules *r, const struct rule_member *m, void *to) {
  struct text unused;
  (void)to;
  return rule_word(r, m, &unused);
}

static enum err stands_in_path(struct rules *r, const struct rule_member *m, void *to) {
  (void)to;
  return rule_bad(r, m, "is said by the path here and may not stand in the body");
}

#undef AT
#define AT(member) offsetof(struct llm_request, member)
#define COMMON_ROWS                                                                                                    \
  {"messages", keep_messages, 0}, {"system", keep_system, 0}, {"max_tokens", rule_count, AT(max_tokens)},              \
      {"tools", read_tools, 0}, {"tool_choice", read_choice, 0}, {"thinking", read_thinking, 0},                       \
      {"output_config", read_output_config, 0}, {"output_format", read_format, 0}, {"metadata", read_metadata, 0},     \
      {"temperature", rule_number, AT(temperature)}, {"top_p", rule_number, AT(top_p)},                                \
      {"top_k", rule_number, AT(top_k)}, {"stop_sequences", read_stop, 0}, {"cache_control", keep_cache, 0},           \
      {"context_management", read_context, 0}, {"service_tier", read_tier, 0}, {"speed", read_speed, 0},               \
      {"mcp_servers", refuse_unless_empty, 0}, {"container", rule_refused, 0}, {"diagnostics", rule_refused, 0},       \
      {"inference_geo", rule_refused, 0}, {"user_profile_id", rule_refused, 0}, {"workspace_id", rule_refused, 0},     \
      {"billing_policy", rule_refused, 0}, {"compaction", rule_refused, 0}, {"fallbacks", rule_refused, 0},            \
      {"fallback_credit_token", rule_refused, 0}, {                                                                    \
    "thread", rule_refused, 0                                                                                          \
  }

static const struct rule request_rows[] = {
    COMMON_ROWS, {"model", rule_word, AT(model)}, {"stream", rule_bool, AT(stream)}};
static const struct rule invoke_rows[] = {COMMON_ROWS,
                                          {"anthropic_version", read_version, 0},
                                          {"anthropic_beta", read_betas, 0},
                                          {"model", stands_in_path, 0},
                                          {"stream", stands_in_path, 0}};

static enum err read(const struct json *doc, bool is_invoke, struct llm_request *rq, struct llm_echo *echo,
                     struct fault *f) {
  struct anthropic_reading state = {.is_invoke = is_invoke, .calls = map_new(CALLS_MAX)};
  struct rules r = {.rq = rq, .f = f, .dialect = &state};
  rq->names = &names;
  enum err e = is_invoke ? rules_read(&r, doc->root, NULL, RULES(invoke_rows), rq)
                         : rules_read(&r, doc->root, NULL, RULES(request_rows), rq);
  if (e == ERR_OK)
    e = read_messages(&r);
  map_free(state.calls);
  if (e != ERR_OK)
    return e;
  apply_cache(rq, state.cache);
  echo->model = arena_copy(rq->arena, rq->model);
  echo->omit_thinking = rq->display == LLM_DISPLAY_OMITTED;
  return ERR_OK;
}

enum err anthropic_request_read(const struct json *doc, struct llm_request *out, struct llm_echo *echo,
                                struct fault *f) {
  return read(doc, false, out, echo, f);
}

enum err anthropic_request_read_invoke(const struct json *doc, struct llm_request *out, struct llm_echo *echo,
                                       struct fault *f) {
  return read(doc, true, out, echo, f);
}
