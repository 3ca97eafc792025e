/* Tools and the choice among them in Responses requests, and the members whose one harmless value is accepted. Tools
 * that run at OpenAI are refused by their type. Rows of the tables in openai_responses_request.c and _input.c. */
#include "wire/openai_responses.h"

enum err responses_pass_over(struct rules *r, const struct rule_member *m, void *to) { return ERR_OK; }

enum err responses_only_false(struct rules *r, const struct rule_member *m, void *to) {
  if (yyjson_is_false(m->value))
    return ERR_OK;
  return rule_refuse(r, m, "only false can be carried to this provider");
}

enum err responses_only_auto(struct rules *r, const struct rule_member *m, void *to) {
  if (text_equal(json_text(m->value), TEXT("auto")))
    return ERR_OK;
  return rule_refuse(r, m, "only \"auto\" can be carried to this provider");
}

enum err responses_only_empty(struct rules *r, const struct rule_member *m, void *to) {
  if ((yyjson_is_arr(m->value) || yyjson_is_str(m->value)) && yyjson_get_len(m->value) == 0)
    return ERR_OK;
  return rule_refuse(r, m, "this has no counterpart at the provider");
}

/* {"type":"direct"} of a call, ["direct"] of a tool: the model itself calls. */
enum err responses_only_direct(struct rules *r, const struct rule_member *m, void *to) {
  yyjson_val *caller = yyjson_is_obj(m->value) ? json_get(m->value, "type") : yyjson_arr_get_first(m->value);
  if (text_equal(json_text(caller), TEXT("direct")) && yyjson_get_len(m->value) == 1)
    return ERR_OK;
  return rule_refuse(r, m, "tools are called by the model itself only");
}

struct tool {
  struct text type;
  yyjson_val *format;
  struct llm_tool tool;
};
#define TOOL(member) offsetof(struct tool, tool.member)

static enum err read_function(struct rules *r, yyjson_val *value, const struct llm_place *at, struct tool *t) {
  static const struct rule rows[] = {{"type", rule_text, offsetof(struct tool, type)},
                                     {"name", rule_word, TOOL(name)},
                                     {"description", rule_text, TOOL(description)},
                                     {"parameters", rule_raw_object, TOOL(schema)},
                                     {"strict", rule_flag, TOOL(strict)},
                                     {"defer_loading", rule_flag, TOOL(defer_loading)},
                                     {"allowed_callers", responses_only_direct, 0},
                                     {"async", responses_only_false, 0},
                                     {"output_schema", rule_refused, 0}};
  return rules_read(r, value, at, RULES(rows), t);
}

static enum err read_format(struct rules *r, const struct llm_place *at, struct tool *t) {
  struct text type = json_text(json_get(t->format, "type"));
  if (!t->format || text_equal(type, TEXT("text")))
    return ERR_OK;
  if (!text_equal(type, TEXT("grammar")) || !yyjson_is_str(json_get(t->format, "definition")) ||
      !yyjson_is_str(json_get(t->format, "syntax")) || yyjson_obj_size(t->format) != 3)
    return llm_bad(at, "format", "must be text, or a grammar with definition and syntax", r->f);
  t->tool.format = json_value_text(t->format, r->rq->arena);
  return ERR_OK;
}

static enum err read_custom(struct rules *r, yyjson_val *value, const struct llm_place *at, struct tool *t) {
  static const struct rule rows[] = {{"type", rule_text, offsetof(struct tool, type)},
                                     {"name", rule_word, TOOL(name)},
                                     {"description", rule_text, TOOL(description)},
                                     {"format", rule_value, offsetof(struct tool, format)},
                                     {"defer_loading", rule_flag, TOOL(defer_loading)},
                                     {"allowed_callers", responses_only_direct, 0},
                                     {"async", responses_only_false, 0}};
  enum err e = rules_read(r, value, at, RULES(rows), t);
  t->tool.is_custom = true;
  return e ? e : read_format(r, at, t);
}

static enum err read_tool(struct rules *r, yyjson_val *value, const struct llm_place *at) {
  struct text type = json_text(json_get(value, "type"));
  struct tool t = {.tool.place = *at};
  enum err e;
  if (text_equal(type, TEXT("function")))
    e = read_function(r, value, at, &t);
  else if (text_equal(type, TEXT("custom")))
    e = read_custom(r, value, at, &t);
  else if (text_is_empty(type))
    return llm_bad(at, "type", "is required", r->f);
  else
    return llm_refuse(r->rq, at, "type", "only the tools function and custom can be carried to another provider", r->f);
  if (!e && text_is_empty(t.tool.name))
    return llm_bad(at, "name", "is required", r->f);
  if (!e)
    r->rq->tools[r->rq->tool_count++] = t.tool;
  return e;
}

enum err responses_read_tools(struct rules *r, const struct rule_member *m, void *to) {
  size_t i, count;
  yyjson_val *tool;
  if (!yyjson_is_arr(m->value))
    return rule_bad(r, m, "must be a list");
  if (yyjson_arr_size(m->value) > 0)
    r->rq->tools = arena_zalloc(r->rq->arena, yyjson_arr_size(m->value) * sizeof(*r->rq->tools));
  yyjson_arr_foreach (m->value, i, count, tool) {
    const struct llm_place at = {"tools[#]", {(uint32_t)i}};
    enum err e = yyjson_is_obj(tool) ? read_tool(r, tool, &at) : llm_bad(&at, "", "must be an object", r->f);
    if (e)
      return e;
  }
  return ERR_OK;
}

struct choice {
  struct text type, name;
};

static enum err read_named(struct rules *r, const struct rule_member *m) {
  static const struct rule rows[] = {{"type", rule_word, offsetof(struct choice, type)},
                                     {"name", rule_word, offsetof(struct choice, name)}};
  const struct llm_place at = {.form = "tool_choice"};
  struct choice c = {0};
  struct text type = json_text(json_get(m->value, "type"));
  if (!text_equal(type, TEXT("function")) && !text_equal(type, TEXT("custom")))
    return llm_refuse(r->rq, &at, "type", "only one function or custom tool can be chosen at another provider", r->f);
  enum err e = rules_read(r, m->value, &at, RULES(rows), &c);
  if (!e && text_is_empty(c.name))
    return llm_bad(&at, "name", "is required", r->f);
  r->rq->choice = LLM_CHOICE_TOOL;
  r->rq->choice_name = c.name;
  return e;
}

enum err responses_read_choice(struct rules *r, const struct rule_member *m, void *to) {
  static const struct {
    const char *word;
    enum llm_choice choice;
  } words[] = {{"auto", LLM_CHOICE_AUTO}, {"required", LLM_CHOICE_ANY}, {"none", LLM_CHOICE_NONE}};
  if (yyjson_is_obj(m->value))
    return read_named(r, m);
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    if (text_equal(json_text(m->value), text_of(words[i].word))) {
      r->rq->choice = words[i].choice;
      return ERR_OK;
    }
  return rule_bad(r, m, "must be \"auto\", \"required\", \"none\" or an object that names a tool");
}
