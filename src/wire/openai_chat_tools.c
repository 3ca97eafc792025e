/* The tools of a chat completions request and which of them is asked for. Called by openai_chat_request.c through its
 * table of members. */
#include "wire/openai_chat.h"

struct choice {
  struct text type, name;
  bool is_list;
  enum llm_choice of_list; /* what is left of a list of allowed tools when the operator lets the list be left out */
};

static enum err read_choice_name(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"name", rule_word, offsetof(struct choice, name)}};
  return rules_read_member(r, m, RULES(rows), to);
}

static enum err read_allowed_tools(struct rules *r, const struct rule_member *m, void *to) {
  struct choice *c = to;
  c->is_list = true;
  c->of_list = yyjson_equals_str(json_get(m->value, "mode"), "required") ? LLM_CHOICE_ANY : LLM_CHOICE_AUTO;
  return rule_refused(r, m, NULL);
}

enum err openai_chat_read_tool_choice(struct rules *r, const struct rule_member *m, void *to) {
  static const struct {
    const char *word;
    enum llm_choice choice;
  } words[] = {{"none", LLM_CHOICE_NONE}, {"auto", LLM_CHOICE_AUTO}, {"required", LLM_CHOICE_ANY}};
  static const struct rule rows[] = {{"type", rule_word, offsetof(struct choice, type)},
                                     {"function", read_choice_name, 0},
                                     {"custom", read_choice_name, 0},
                                     {"allowed_tools", read_allowed_tools, 0}};
  struct choice named = {0};
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    if (yyjson_equals_str(m->value, words[i].word)) {
      r->rq->choice = words[i].choice;
      return ERR_OK;
    }
  if (!yyjson_is_obj(m->value))
    return rule_bad(r, m, "must be none, auto, required or an object that names a tool");
  enum err e = rules_read_member(r, m, RULES(rows), &named);
  if (e != ERR_OK)
    return e;
  if (named.is_list) {
    r->rq->choice = named.of_list;
    return ERR_OK;
  }
  if (text_is_empty(named.name))
    return rule_bad(r, m, "must name a function or a custom tool");
  r->rq->choice = LLM_CHOICE_TOOL;
  r->rq->choice_name = named.name;
  return ERR_OK;
}

struct tool {
  struct text type;
  struct llm_tool tool;
  bool has_function, has_custom;
};

static enum err read_function(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"name", rule_word, offsetof(struct llm_tool, name)},
                                     {"description", rule_text, offsetof(struct llm_tool, description)},
                                     {"parameters", rule_raw_object, offsetof(struct llm_tool, schema)},
                                     {"strict", rule_flag, offsetof(struct llm_tool, strict)}};
  struct tool *t = to;
  t->has_function = true;
  return rules_read_member(r, m, RULES(rows), &t->tool);
}

/* {type:"grammar", grammar:{syntax, definition}} here, {type:"grammar", syntax, definition} in llm/. */
static enum err read_format(struct rules *r, const struct rule_member *m, void *to) {
  struct arena *a = r->rq->arena;
  yyjson_val *grammar = json_get(m->value, "grammar"), *type = json_get(m->value, "type");
  if (yyjson_equals_str(type, "text") && yyjson_obj_size(m->value) == 1)
    return ERR_OK;
  if (!yyjson_equals_str(type, "grammar") || yyjson_obj_size(m->value) != 2 || yyjson_obj_size(grammar) != 2 ||
      !yyjson_is_str(json_get(grammar, "syntax")) || !yyjson_is_str(json_get(grammar, "definition")))
    return rule_bad(r, m, "must be of type text, or grammar with its syntax and definition");
  struct text inner = json_value_text(grammar, a);
  const struct text parts[] = {TEXT("{\"type\":\"grammar\","), text_skip(inner, 1)};
  *(struct text *)to = arena_join(a, parts, 2);
  return ERR_OK;
}

static enum err read_custom(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"name", rule_word, offsetof(struct llm_tool, name)},
                                     {"description", rule_text, offsetof(struct llm_tool, description)},
                                     {"format", read_format, offsetof(struct llm_tool, format)}};
  struct tool *t = to;
  t->has_custom = t->tool.is_custom = true;
  return rules_read_member(r, m, RULES(rows), &t->tool);
}

static enum err read_tool(struct rules *r, yyjson_val *v, const struct llm_place *at, struct llm_tool *out) {
  static const struct rule rows[] = {{"type", rule_word, offsetof(struct tool, type)},
                                     {"function", read_function, 0},
                                     {"custom", read_custom, 0},
                                     {"cache_control", openai_chat_read_cache_control,
                                      offsetof(struct tool, tool) + offsetof(struct llm_tool, cache)}};
  struct tool t = {.tool = {.place = *at}};
  yyjson_val *type = json_get(v, "type");
  if (yyjson_is_str(type) && !yyjson_equals_str(type, "function") && !yyjson_equals_str(type, "custom"))
    return llm_refuse(r->rq, at, "type", "only function and custom tools can be translated", r->f);
  enum err e = rules_read(r, v, at, RULES(rows), &t);
  if (e != ERR_OK)
    return e;
  if (!(text_equal(t.type, TEXT("custom")) ? t.has_custom && !t.has_function : t.has_function && !t.has_custom))
    return llm_bad(at, "type", "must name the one definition that is given: function or custom", r->f);
  if (text_is_empty(t.tool.name))
    return llm_bad(at, t.has_custom ? "custom.name" : "function.name", "is required", r->f);
  *out = t.tool;
  return ERR_OK;
}

enum err openai_chat_read_tools(struct rules *r, const struct rule_member *m, void *to) {
  size_t i, count;
  yyjson_val *tool;
  if (!yyjson_is_arr(m->value))
    return rule_bad(r, m, "must be an array");
  r->rq->tools = arena_alloc(r->rq->arena, yyjson_arr_size(m->value) * sizeof(*r->rq->tools));
  yyjson_arr_foreach (m->value, i, count, tool) {
    const struct llm_place at = {.form = "tools[#]", .at = {(uint32_t)i}};
    struct llm_tool read = {0};
    enum err e = read_tool(r, tool, &at, &read);
    if (e != ERR_OK)
      return e;
    if (!text_is_empty(read.name)) /* empty: the operator lets it be left out */
      r->rq->tools[r->rq->tool_count++] = read;
  }
  return ERR_OK;
}
