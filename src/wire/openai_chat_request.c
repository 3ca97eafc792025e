/* A chat completions request read into llm/: its settings. Messages are read in openai_chat_messages.c, tools in
 * openai_chat_tools.c.
 * Members of OpenRouter are read too, so that its clients can be served by other providers. The deprecated functions
 * and function_call are refused by name: their answers have a shape of their own, which no other dialect can fill.
 * Called through dialect_openai_chat. */
#include "wire/openai_chat.h"
#include "wire/openai_parts.h"
#include "wire/openai_settings.h"

/* What a reader keeps beside the request. */
struct settings {
  yyjson_val *messages;
  uint64_t max_tokens, max_completion_tokens;
  struct text user, safety_identifier, effort;
  bool include_usage, exclude_reasoning, has_reasoning;
  struct llm_names *names;
};

#define OF(member) offsetof(struct llm_request, member)
#define HERE(m)    (((struct settings *)(m)->dialect))
static const struct llm_place root = {.form = ""};

static enum err one_of(struct rules *r, const struct rule_member *m, const char *const *words, size_t count,
                       const char *why) {
  for (size_t i = 0; i < count; i++)
    if (yyjson_equals_str(m->value, words[i]))
      return ERR_OK;
  return rule_bad(r, m, why);
}

/* Values that change nothing pass; others have no counterpart anywhere. */
static enum err read_n(struct rules *r, const struct rule_member *m, void *to) {
  uint64_t n = 0;
  enum err e = rule_count(r, m, &n);
  return e == ERR_OK && n > 1 ? rule_refuse(r, m, "only one answer can be given") : e;
}

static enum err read_logprobs(struct rules *r, const struct rule_member *m, void *to) {
  bool wanted = false;
  enum err e = rule_bool(r, m, &wanted);
  return e == ERR_OK && wanted ? rule_refuse(r, m, "log probabilities cannot be translated") : e;
}

static enum err read_top_logprobs(struct rules *r, const struct rule_member *m, void *to) {
  struct text digits;
  enum err e = rule_number(r, m, &digits);
  return e == ERR_OK && !text_equal(digits, TEXT("0")) ? rule_refuse(r, m, "log probabilities cannot be translated")
                                                       : e;
}

static enum err read_logit_bias(struct rules *r, const struct rule_member *m, void *to) {
  if (!yyjson_is_obj(m->value))
    return rule_bad(r, m, "must be an object");
  return yyjson_obj_size(m->value) > 0 ? rule_refuse(r, m, "tokens differ from model to model") : ERR_OK;
}

static enum err read_modalities(struct rules *r, const struct rule_member *m, void *to) {
  size_t i, count;
  yyjson_val *modality;
  if (!yyjson_is_arr(m->value))
    return rule_bad(r, m, "must be an array");
  yyjson_arr_foreach (m->value, i, count, modality)
    if (!yyjson_equals_str(modality, "text"))
      return rule_refuse(r, m, "only text can be answered");
  return ERR_OK;
}

static bool is_zero(struct text digits) {
  for (size_t i = 0; i < digits.len && digits.at[i] != 'e' && digits.at[i] != 'E'; i++)
    if (digits.at[i] >= '1' && digits.at[i] <= '9')
      return false;
  return true;
}

/* 0 is what the service takes when nothing is said. */
static enum err read_penalty(struct rules *r, const struct rule_member *m, void *to) {
  struct text digits;
  enum err e = rule_number(r, m, &digits);
  if (e == ERR_OK && !is_zero(digits))
    *(struct text *)to = digits;
  return e;
}

static enum err read_stop(struct rules *r, const struct rule_member *m, void *to) {
  bool is_list = yyjson_is_arr(m->value);
  size_t count = is_list ? yyjson_arr_size(m->value) : 1;
  struct text *stop = arena_alloc(r->rq->arena, count * sizeof(*stop));
  for (size_t i = 0; i < count; i++) {
    yyjson_val *v = is_list ? yyjson_arr_get(m->value, i) : m->value;
    if (count > 1024 || !yyjson_is_str(v) || yyjson_get_len(v) == 0)
      return rule_bad(r, m, "must be a non-empty string or an array of them");
    stop[i] = json_text(v);
  }
  r->rq->stop = stop;
  r->rq->stop_count = count;
  return ERR_OK;
}

static enum err read_stream_options(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"include_usage", rule_bool, 0}, {"include_obfuscation", rule_bool, 1}};
  bool options[2] = {false, false};
  enum err e = rules_read_member(r, m, RULES(rows), options);
  HERE(r)->include_usage |= options[0];
  return e;
}

/* OpenRouter's switch for the same. */
static enum err read_usage(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"include", rule_bool, 0}};
  bool include = false;
  enum err e = rules_read_member(r, m, RULES(rows), &include);
  HERE(r)->include_usage |= include;
  return e;
}

static enum err read_cache_mode(struct rules *r, const struct rule_member *m, void *to) {
  static const char *const words[] = {"implicit", "explicit"};
  *(bool *)to = yyjson_equals_str(m->value, "explicit");
  return one_of(r, m, words, 2, "must be \"implicit\" or \"explicit\"");
}

static enum err read_cache_options(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"mode", read_cache_mode, OF(cache_explicit)},
                                     {"ttl", openai_rule_cache_ttl, OF(cache_options_ttl)}};
  return rules_read_member(r, m, RULES(rows), to);
}

/* "none" turns reasoning off; every other effort leaves the amount to the model. */
static enum err take_effort(struct rules *r, const struct rule_member *m, const char *name) {
  struct text effort;
  enum err e = rule_word(r, m, &effort);
  if (e != ERR_OK)
    return e;
  if (!openai_parts_is_effort(effort))
    return rule_bad(r, m, "must be none, minimal, low, medium, high, xhigh or max");
  if (HERE(r)->has_reasoning && m->at == &root)
    return ERR_OK;
  bool off = text_equal(effort, TEXT("none"));
  r->rq->thinking = off ? LLM_THINKING_OFF : LLM_THINKING_ADAPTIVE;
  r->rq->effort = off ? TEXT_NONE : effort;
  HERE(r)->names->thinking = HERE(r)->names->effort = name;
  return ERR_OK;
}

static enum err read_reasoning_effort(struct rules *r, const struct rule_member *m, void *to) {
  return take_effort(r, m, "reasoning_effort");
}

struct reasoning {
  yyjson_val *effort;
  uint64_t max_tokens;
  enum llm_flag enabled;
  bool exclude;
};

/* OpenRouter's reasoning: what it says wins over reasoning_effort, as there. */
static enum err read_reasoning(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"effort", rule_value, offsetof(struct reasoning, effort)},
                                     {"max_tokens", rule_count, offsetof(struct reasoning, max_tokens)},
                                     {"enabled", rule_flag, offsetof(struct reasoning, enabled)},
                                     {"exclude", rule_bool, offsetof(struct reasoning, exclude)}};
  struct reasoning x = {0};
  enum err e = rules_read_member(r, m, RULES(rows), &x);
  if (e == ERR_OK && x.effort && x.max_tokens > 0)
    return rule_bad(r, m, "must hold effort or max_tokens, not both");
  if (e == ERR_OK && x.effort) {
    const struct llm_place at = {.form = "reasoning"};
    e = take_effort(r, &(struct rule_member){.at = &at, .name = "effort", .value = x.effort}, "reasoning.effort");
  }
  if (e != ERR_OK)
    return e;
  HERE(r)->has_reasoning = x.effort || x.max_tokens > 0 || x.enabled != LLM_NOT_GIVEN;
  if (HERE(r)->has_reasoning && !x.effort)
    r->rq->effort = TEXT_NONE;
  if (x.max_tokens > 0) {
    r->rq->thinking = LLM_THINKING_BUDGET;
    r->rq->thinking_budget = x.max_tokens;
    HERE(r)->names->thinking = "reasoning.max_tokens";
  } else if (x.enabled != LLM_NOT_GIVEN && !x.effort) {
    r->rq->thinking = x.enabled == LLM_YES ? LLM_THINKING_ADAPTIVE : LLM_THINKING_OFF;
    HERE(r)->names->thinking = "reasoning.enabled";
  }
  HERE(r)->exclude_reasoning |= x.exclude;
  return ERR_OK;
}

/* The older switch of OpenRouter. */
static enum err read_include_reasoning(struct rules *r, const struct rule_member *m, void *to) {
  bool include = true;
  enum err e = rule_bool(r, m, &include);
  HERE(r)->exclude_reasoning |= !include;
  return e;
}

static enum err read_json_schema(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"name", rule_word, OF(output_name)},
                                     {"description", rule_text, OF(output_description)},
                                     {"schema", rule_raw_object, OF(output_schema)},
                                     {"strict", rule_flag, OF(output_strict)}};
  return rules_read_member(r, m, RULES(rows), r->rq);
}

struct format {
  struct text type;
};

static enum err read_response_format(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"type", rule_word, 0}, {"json_schema", read_json_schema, 0}};
  struct format format = {0};
  enum err e = rules_read_member(r, m, RULES(rows), &format);
  if (e != ERR_OK)
    return e;
  if (text_equal(format.type, TEXT("json_object")))
    r->rq->output = LLM_OUTPUT_JSON;
  else if (text_equal(format.type, TEXT("json_schema")))
    r->rq->output = LLM_OUTPUT_SCHEMA;
  else if (!text_equal(format.type, TEXT("text")))
    return llm_refuse(r->rq, &(struct llm_place){.form = "response_format"}, "type",
                      "only text, json_object and json_schema are known", r->f);
  if (r->rq->output == LLM_OUTPUT_SCHEMA && text_is_empty(r->rq->output_schema))
    return llm_bad(&(struct llm_place){.form = "response_format.json_schema"}, "schema", "is required", r->f);
  return ERR_OK;
}

static enum err read_max_tokens(struct rules *r, const struct rule_member *m, void *to) {
  return rule_count(r, m, &HERE(r)->max_tokens);
}

static enum err read_max_completion_tokens(struct rules *r, const struct rule_member *m, void *to) {
  return rule_count(r, m, &HERE(r)->max_completion_tokens);
}

static enum err read_messages(struct rules *r, const struct rule_member *m, void *to) {
  HERE(r)->messages = m->value; /* last, when everything else is known to be good */
  return ERR_OK;
}

static enum err read_user(struct rules *r, const struct rule_member *m, void *to) {
  return rule_text(r, m, &HERE(r)->user);
}

static enum err read_safety_identifier(struct rules *r, const struct rule_member *m, void *to) {
  return rule_text(r, m, &HERE(r)->safety_identifier);
}

static enum err read_deprecated(struct rules *r, const struct rule_member *m, void *to) {
  return rule_refuse(r, m, "is deprecated and not translated; use tools and tool_choice");
}

static const struct rule rows[] = {
    {"model", rule_word, OF(model)},
    {"messages", read_messages, 0},
    {"stream", rule_bool, OF(stream)},
    {"stream_options", read_stream_options, 0},
    {"max_tokens", read_max_tokens, 0},
    {"max_completion_tokens", read_max_completion_tokens, 0},
    {"temperature", rule_number, OF(temperature)},
    {"top_p", rule_number, OF(top_p)},
    {"top_k", rule_number, OF(top_k)},
    {"frequency_penalty", read_penalty, OF(frequency_penalty)},
    {"presence_penalty", read_penalty, OF(presence_penalty)},
    {"seed", rule_number, OF(seed)},
    {"stop", read_stop, 0},
    {"tools", openai_chat_read_tools, 0},
    {"tool_choice", openai_chat_read_tool_choice, 0},
    {"parallel_tool_calls", rule_flag, OF(parallel_tools)},
    {"reasoning_effort", read_reasoning_effort, 0},
    {"reasoning", read_reasoning, 0},
    {"include_reasoning", read_include_reasoning, 0},
    {"verbosity", rule_word, OF(verbosity)},
    {"response_format", read_response_format, 0},
    {"metadata", openai_rule_metadata, 0},
    {"user", read_user, 0},
    {"safety_identifier", read_safety_identifier, 0},
    {"service_tier", openai_rule_service_tier, OF(service_tier)},
    {"store", rule_flag, OF(store)},
    {"prompt_cache_key", rule_text, OF(cache_key)},
    {"prompt_cache_options", read_cache_options, 0},
    {"prompt_cache_retention", openai_rule_cache_retention, OF(cache_retention)},
    {"usage", read_usage, 0},
    {"n", read_n, 0},
    {"logprobs", read_logprobs, 0},
    {"top_logprobs", read_top_logprobs, 0},
    {"logit_bias", read_logit_bias, 0},
    {"modalities", read_modalities, 0},
    {"audio", rule_refused, 0},
    {"moderation", rule_refused, 0},
    {"prediction", rule_refused, 0},
    {"web_search_options", rule_refused, 0},
    {"functions", read_deprecated, 0},
    {"function_call", read_deprecated, 0},
};

static const struct llm_names names = {.max_tokens = "max_tokens",
                                       .temperature = "temperature",
                                       .top_p = "top_p",
                                       .top_k = "top_k",
                                       .stop = "stop",
                                       .tool_choice = "tool_choice",
                                       .parallel_tools = "parallel_tool_calls",
                                       .thinking = "reasoning_effort",
                                       .effort = "reasoning_effort",
                                       .display = "reasoning.exclude",
                                       .output = "response_format",
                                       .output_description = "response_format.json_schema.description",
                                       .user_id = "user",
                                       .metadata = "metadata",
                                       .service_tier = "service_tier"};

static enum err settle(struct rules *r, struct settings *s) {
  struct llm_request *rq = r->rq;
  rq->max_tokens = s->max_completion_tokens ? s->max_completion_tokens : s->max_tokens;
  if (s->max_completion_tokens)
    s->names->max_tokens = "max_completion_tokens";
  if (s->max_tokens && rq->max_tokens != s->max_tokens) {
    enum err e = llm_refuse(rq, &root, "max_tokens", "there is one limit, and max_completion_tokens is another", r->f);
    if (e != ERR_OK)
      return e;
  }
  rq->user_id = s->user;
  if (!text_is_empty(s->safety_identifier)) {
    rq->user_id = s->safety_identifier;
    s->names->user_id = "safety_identifier";
    if (!text_is_empty(s->user) && !text_equal(s->user, s->safety_identifier))
      return llm_refuse(rq, &root, "user", "one user can be named, and safety_identifier names another", r->f);
  }
  rq->wants_stream_usage = s->include_usage;
  rq->display = s->exclude_reasoning ? LLM_DISPLAY_OMITTED : LLM_DISPLAY_NOT_GIVEN;
  return ERR_OK;
}

enum err openai_chat_read_request(const struct json *doc, struct llm_request *out, struct llm_echo *echo,
                                  struct fault *f) {
  struct settings s = {.names = arena_alloc(out->arena, sizeof(names))};
  struct rules r = {.rq = out, .f = f, .dialect = &s};
  *s.names = names;
  out->names = s.names;
  if (!yyjson_is_obj(doc->root))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the request body must be a JSON object");
  enum err e = rules_read(&r, doc->root, &root, RULES(rows), out);
  if (e == ERR_OK && text_is_empty(out->model))
    e = llm_bad(&root, "model", "is required", f);
  if (e == ERR_OK)
    e = settle(&r, &s);
  if (e == ERR_OK)
    e = openai_chat_read_messages(&r, s.messages);
  if (e != ERR_OK)
    return e;
  echo->model = arena_copy(out->arena, out->model);
  echo->include_usage = s.include_usage;
  echo->omit_thinking = s.exclude_reasoning;
  return ERR_OK;
}
