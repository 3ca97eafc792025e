/* toolConfig of Converse requests: tools, the marks between them, and which of them is to be used. Called by
 * converse_request.c. */
#include "wire/converse_content.h"
#include "wire/converse_settings.h"

#define COUNT(names) (sizeof(names) / sizeof((names)[0]))

enum tool_name { TOOL_SPEC, TOOL_CACHE_POINT, TOOL_NAMES }; /* systemTool and what is yet unknown is refused by name */
static const char *const tool_names[TOOL_NAMES] = {[TOOL_SPEC] = "toolSpec", [TOOL_CACHE_POINT] = "cachePoint"};

static enum err read_schema(struct reading *r, yyjson_val *v, const struct spot *at, struct llm_tool *tool) {
  static const char *const names[] = {"json"};
  const struct spot s = {at->place, at, "inputSchema"};
  size_t which;
  yyjson_val *schema = NULL;
  if (!v)
    return converse_bad(r, &s, "is required");
  enum err e = converse_union(r, v, &s, names, COUNT(names), &which, &schema);
  if (e || which == COUNT(names))
    return e;
  if (!yyjson_is_obj(schema))
    return converse_bad_member(r, &s, "json", "must be an object");
  tool->schema = json_value_text(schema, r->arena);
  return ERR_OK;
}

static enum err read_spec(struct reading *r, yyjson_val *v, const struct spot *s, struct llm_tool *tool) {
  static const char *const names[] = {"name", "description", "inputSchema", "strict"};
  yyjson_val *members[COUNT(names)];
  bool strict = false;
  enum err e = converse_members(r, v, s, names, COUNT(names), members);
  if (!e)
    e = converse_string(r, members[0], s, "name", true, &tool->name);
  if (!e)
    e = converse_string(r, members[1], s, "description", false, &tool->description);
  if (!e)
    e = read_schema(r, members[2], s, tool);
  if (!e)
    e = converse_flag(r, members[3], s, "strict", &strict);
  if (members[3])
    tool->strict = strict ? LLM_YES : LLM_NO;
  return e;
}

static enum err read_tool(struct reading *r, yyjson_val *item, yyjson_val *before, const struct llm_place *place) {
  const struct spot s = {place, NULL, NULL}, inside = {place, NULL, "toolSpec"}, point = {place, NULL, "cachePoint"};
  struct llm_tool *tool = &r->rq->tools[r->rq->tool_count];
  enum llm_cache nowhere = LLM_CACHE_NONE;
  size_t which;
  yyjson_val *v = NULL;
  enum err e = converse_union(r, item, &s, tool_names, TOOL_NAMES, &which, &v);
  if (e || which == TOOL_NAMES)
    return e;
  if (which == TOOL_CACHE_POINT && (!before || json_get(before, "cachePoint")))
    return converse_read_mark(r, v, &point, NULL);
  if (which == TOOL_CACHE_POINT)
    return converse_read_mark(r, v, &point, r->rq->tool_count > 0 ? &tool[-1].cache : &nowhere);
  tool->place = *place;
  r->rq->tool_count++;
  return read_spec(r, v, &inside, tool);
}

static enum err read_list(struct reading *r, yyjson_val *list, const struct spot *s) {
  size_t i, n, count;
  yyjson_val *item, *before = NULL;
  enum err e = converse_list(r, list, s, "tools", true, &count);
  if (e)
    return e;
  r->rq->tools = arena_zalloc(r->arena, count * sizeof(*r->rq->tools));
  yyjson_arr_foreach (list, i, n, item) {
    const struct llm_place place = {"toolConfig.tools[#]", {(uint32_t)i}};
    e = read_tool(r, item, before, &place);
    if (e)
      return e;
    before = item;
  }
  return ERR_OK;
}

static enum err read_choice(struct reading *r, yyjson_val *v, const struct spot *at) {
  static const char *const names[] = {"auto", "any", "tool"}, *const tool_members[] = {"name"};
  static const enum llm_choice choices[] = {LLM_CHOICE_AUTO, LLM_CHOICE_ANY, LLM_CHOICE_TOOL};
  const struct spot s = {at->place, at, "toolChoice"};
  size_t which;
  yyjson_val *value = NULL, *name = NULL;
  enum err e = converse_union(r, v, &s, names, COUNT(names), &which, &value);
  if (e || which == COUNT(names))
    return e;
  const struct spot inside = {at->place, &s, names[which]};
  r->rq->choice = choices[which];
  e = converse_members(r, value, &inside, tool_members, which == 2, &name);
  return e || which != 2 ? e : converse_string(r, name, &inside, "name", true, &r->rq->choice_name);
}

enum err converse_read_tools(struct reading *r, yyjson_val *v) {
  static const char *const names[] = {"tools", "toolChoice"};
  static const struct llm_place place = {"toolConfig"};
  const struct spot s = {&place, NULL, NULL};
  yyjson_val *members[COUNT(names)];
  if (!v)
    return ERR_OK;
  enum err e = converse_members(r, v, &s, names, COUNT(names), members);
  if (!e)
    e = read_list(r, members[0], &s);
  return !e && members[1] ? read_choice(r, members[1], &s) : e;
}
