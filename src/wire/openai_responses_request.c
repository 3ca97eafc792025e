/* A Responses request read into llm/: its settings. Items are read in openai_responses_input.c, tools in _tools.c, what
 * answers repeat in _echo.c. Members that need OpenAI's store or its own tools are refused by name. Called through
 * dialect_openai_responses. */
#include "wire/openai_responses.h"

#include "wire/openai_parts.h"
#include "wire/openai_settings.h"

/* What a reader keeps beside the request. */
struct settings {
  yyjson_val *input;
  struct text instructions, user, safety_identifier;
  struct llm_names *names;
};

#define OF(member)     offsetof(struct llm_request, member)
#define HERE(r)        ((struct settings *)(r)->dialect)
#define STATEFUL(r, m) rule_refuse((r), (m), "it names something kept at OpenAI, which no other provider can read")
static const struct llm_place root = {.form = ""};

static bool is_word(yyjson_val *v, const char *word) { return text_equal(json_text(v), text_of(word)); }

static enum err read_input(struct rules *r, const struct rule_member *m, void *to) {
  HERE(r)->input = m->value; /* last, behind the instructions */
  return ERR_OK;
}

static enum err read_instructions(struct rules *r, const struct rule_member *m, void *to) {
  return rule_text(r, m, &HERE(r)->instructions);
}

static enum err read_user(struct rules *r, const struct rule_member *m, void *to) {
  return rule_text(r, m, &HERE(r)->user);
}

static enum err read_safety_identifier(struct rules *r, const struct rule_member *m, void *to) {
  return rule_text(r, m, &HERE(r)->safety_identifier);
}

static enum err refuse_stored(struct rules *r, const struct rule_member *m, void *to) { return STATEFUL(r, m); }

static enum err read_truncation(struct rules *r, const struct rule_member *m, void *to) {
  return is_word(m->value, "disabled") ? ERR_OK : rule_refuse(r, m, "other providers do not cut a conversation short");
}

static enum err read_top_logprobs(struct rules *r, const struct rule_member *m, void *to) {
  struct text digits = TEXT_NONE;
  enum err e = rule_number(r, m, &digits);
  return e || text_equal(digits, TEXT("0")) ? e : rule_refuse(r, m, "log probabilities cannot be translated");
}

static enum err read_include(struct rules *r, const struct rule_member *m, void *to) {
  size_t i, count;
  yyjson_val *what;
  if (!yyjson_is_arr(m->value))
    return rule_bad(r, m, "must be a list");
  yyjson_arr_foreach (m->value, i, count, what) {
    const struct llm_place at = {"include[#]", {(uint32_t)i}};
    enum err e = ERR_OK;
    if (!yyjson_is_str(what))
      return llm_bad(&at, "", "must be a string", r->f);
    if (is_word(what, "reasoning.encrypted_content"))
      r->rq->wants_encrypted_reasoning = true;
    else
      e = llm_refuse(r->rq, &at, "", "answers of other providers do not hold this", r->f);
    if (e)
      return e;
  }
  return ERR_OK;
}

static enum err read_stream_options(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"include_obfuscation", rule_bool, 0}}; /* padding; there is none either way */
  bool padding = false;
  return rules_read_member(r, m, RULES(rows), &padding);
}

static enum err read_cache_mode(struct rules *r, const struct rule_member *m, void *to) {
  *(bool *)to = is_word(m->value, "explicit");
  return *(bool *)to || is_word(m->value, "implicit") ? ERR_OK : rule_bad(r, m, "must be \"implicit\" or \"explicit\"");
}

static enum err read_cache_options(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"mode", read_cache_mode, OF(cache_explicit)},
                                     {"ttl", openai_rule_cache_ttl, OF(cache_options_ttl)},
                                     {"prewarm", responses_only_false, 0},
                                     {"comparison_response_id", refuse_stored, 0}};
  return rules_read_member(r, m, RULES(rows), to);
}

/* "none" turns reasoning off; every other effort leaves the amount to the model. */
static enum err read_effort(struct rules *r, const struct rule_member *m, void *to) {
  struct text effort = json_text(m->value);
  if (!openai_parts_is_effort(effort))
    return rule_bad(r, m, "must be none, minimal, low, medium, high, xhigh or max");
  bool off = text_equal(effort, TEXT("none"));
  r->rq->thinking = off ? LLM_THINKING_OFF : LLM_THINKING_ADAPTIVE;
  r->rq->effort = off ? TEXT_NONE : effort;
  return ERR_OK;
}

/* How long a summary is, other providers decide themselves. */
static enum err read_summary(struct rules *r, const struct rule_member *m, void *to) {
  if (!is_word(m->value, "auto") && !is_word(m->value, "concise") && !is_word(m->value, "detailed"))
    return rule_bad(r, m, "must be \"auto\", \"concise\" or \"detailed\"");
  r->rq->display = LLM_DISPLAY_SUMMARY;
  if (r->rq->thinking == LLM_THINKING_NOT_GIVEN)
    r->rq->thinking = LLM_THINKING_ADAPTIVE;
  return ERR_OK;
}

static enum err read_mode(struct rules *r, const struct rule_member *m, void *to) {
  return is_word(m->value, "standard") ? ERR_OK : rule_refuse(r, m, "other providers reason in their own way only");
}

static enum err read_reasoning(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"effort", read_effort, 0},
                                     {"summary", read_summary, 0},
                                     {"generate_summary", read_summary, 0},
                                     {"context", responses_only_auto, 0},
                                     {"mode", read_mode, 0}};
  return rules_read_member(r, m, RULES(rows), to);
}

static enum err read_format(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"type", responses_pass_over, 0},
                                     {"name", rule_word, OF(output_name)},
                                     {"description", rule_text, OF(output_description)},
                                     {"schema", rule_raw_object, OF(output_schema)},
                                     {"strict", rule_flag, OF(output_strict)}};
  static const struct rule plain[] = {{"type", responses_pass_over, 0}};
  const struct llm_place at = {.form = "text.format"};
  yyjson_val *type = json_get(m->value, "type");
  if (is_word(type, "json_schema")) {
    enum err e = rules_read_member(r, m, RULES(rows), r->rq);
    r->rq->output = LLM_OUTPUT_SCHEMA;
    return e || !text_is_empty(r->rq->output_schema) ? e : llm_bad(&at, "schema", "is required", r->f);
  }
  enum err e = rules_read_member(r, m, RULES(plain), to);
  if (e || is_word(type, "text"))
    return e;
  r->rq->output = LLM_OUTPUT_JSON;
  return is_word(type, "json_object") ? ERR_OK : llm_bad(&at, "type", "must be text, json_schema or json_object", r->f);
}

static enum err read_verbosity(struct rules *r, const struct rule_member *m, void *to) {
  if (is_word(m->value, "low") || is_word(m->value, "high"))
    *(struct text *)to = json_text(m->value);
  else if (!is_word(m->value, "medium")) /* which is what a model does anyway */
    return rule_bad(r, m, "must be \"low\", \"medium\" or \"high\"");
  return ERR_OK;
}

static enum err read_text(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"format", read_format, 0}, {"verbosity", read_verbosity, OF(verbosity)}};
  return rules_read_member(r, m, RULES(rows), r->rq);
}

static enum err read_image(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"context_compression", responses_only_auto, 0}};
  return rules_read_member(r, m, RULES(rows), to);
}

static const struct rule rows[] = {
    {"model", rule_word, OF(model)},
    {"input", read_input, 0},
    {"instructions", read_instructions, 0},
    {"stream", rule_bool, OF(stream)},
    {"stream_options", read_stream_options, 0},
    {"max_output_tokens", rule_count, OF(max_tokens)},
    {"temperature", rule_number, OF(temperature)},
    {"top_p", rule_number, OF(top_p)},
    {"tools", responses_read_tools, 0},
    {"tool_choice", responses_read_choice, 0},
    {"parallel_tool_calls", rule_flag, OF(parallel_tools)},
    {"reasoning", read_reasoning, 0},
    {"text", read_text, 0},
    {"include", read_include, 0},
    {"metadata", openai_rule_metadata, 0},
    {"user", read_user, 0},
    {"safety_identifier", read_safety_identifier, 0},
    {"service_tier", openai_rule_service_tier, OF(service_tier)},
    {"store", rule_flag, OF(store)},
    {"prompt_cache_key", rule_text, OF(cache_key)},
    {"prompt_cache_options", read_cache_options, 0},
    {"prompt_cache_retention", openai_rule_cache_retention, OF(cache_retention)},
    {"truncation", read_truncation, 0},
    {"top_logprobs", read_top_logprobs, 0},
    {"background", responses_only_false, 0},
    {"image", read_image, 0},
    {"context_management", responses_only_empty, 0},
    {"previous_response_id", refuse_stored, 0},
    {"conversation", refuse_stored, 0},
    {"prompt", refuse_stored, 0},
    {"access_programs", rule_refused, 0},
    {"max_tool_calls", rule_refused, 0},
    {"moderation", rule_refused, 0},
};

static const struct llm_names names = {.max_tokens = "max_output_tokens",
                                       .temperature = "temperature",
                                       .top_p = "top_p",
                                       .top_k = "top_k",
                                       .stop = "stop",
                                       .tool_choice = "tool_choice",
                                       .parallel_tools = "parallel_tool_calls",
                                       .thinking = "reasoning",
                                       .effort = "reasoning.effort",
                                       .display = "reasoning.summary",
                                       .output = "text.format",
                                       .output_description = "text.format.description",
                                       .user_id = "user",
                                       .metadata = "metadata",
                                       .service_tier = "service_tier"};

/* instructions are a system message before all others. */
static void add_instructions(struct llm_request *rq, struct text instructions) {
  const struct llm_place at = {.form = "instructions"};
  if (text_is_empty(instructions))
    return;
  struct llm_block *block = ARENA_NEW(rq->arena, struct llm_block);
  *block = (struct llm_block){.kind = LLM_TEXT, .place = at, .text = instructions};
  rq->messages = ARENA_NEW(rq->arena, struct llm_message);
  rq->messages[0] = (struct llm_message){.role = LLM_SYSTEM, .place = at, .blocks = block, .count = 1};
  rq->message_count = 1;
}

static enum err settle_user(struct llm_request *rq, const struct settings *s, struct fault *f) {
  rq->user_id = s->user;
  if (text_is_empty(s->safety_identifier))
    return ERR_OK;
  rq->user_id = s->safety_identifier;
  s->names->user_id = "safety_identifier";
  if (text_is_empty(s->user) || text_equal(s->user, s->safety_identifier))
    return ERR_OK;
  return llm_refuse(rq, &root, "user", "one user can be named, and safety_identifier names another", f);
}

enum err responses_read_request(const struct json *doc, struct llm_request *out, struct llm_echo *echo,
                                struct fault *f) {
  struct settings s = {.names = arena_alloc(out->arena, sizeof(names))};
  struct rules r = {.rq = out, .f = f, .dialect = &s};
  *s.names = names;
  out->names = s.names;
  if (!yyjson_is_obj(doc->root))
    return fault_set(f, ERR_BAD_REQUEST, NULL, "the request body must be a JSON object");
  enum err e = rules_read(&r, doc->root, &root, RULES(rows), out);
  if (!e && text_is_empty(out->model))
    e = llm_bad(&root, "model", "is required", f);
  if (!e)
    e = settle_user(out, &s, f);
  if (e)
    return e;
  add_instructions(out, s.instructions);
  e = responses_read_input(&r, s.input);
  if (e)
    return e;
  echo->model = arena_copy(out->arena, out->model);
  echo->members = responses_echo_members(doc->root, out->arena);
  return ERR_OK;
}
