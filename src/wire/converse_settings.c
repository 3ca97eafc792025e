/* Settings of Converse requests: inference, tools, output, metadata and the model's own fields. Tools stand in
 * converse_tools.c. What they mean to a target is not decided here. Called by converse_request.c. */
#include "wire/converse_settings.h"

#define COUNT(names) (sizeof(names) / sizeof((names)[0]))

static bool is_effort(struct text t) {
  static const char *const words[] = {"minimal", "low", "medium", "high", "xhigh", "max"};
  for (size_t i = 0; i < COUNT(words); i++)
    if (text_equal(t, text_of(words[i])))
      return true;
  return false;
}

static enum err read_stops(struct reading *r, yyjson_val *list, const struct spot *s) {
  size_t i, n, count;
  yyjson_val *item;
  enum err e = converse_list(r, list, s, "stopSequences", false, &count);
  if (e || count == 0)
    return e;
  r->rq->stop = arena_zalloc(r->arena, count * sizeof(*r->rq->stop));
  yyjson_arr_foreach (list, i, n, item) {
    e = converse_string(r, item, s, "stopSequences", true, &r->rq->stop[i]);
    if (e)
      return e;
  }
  r->rq->stop_count = count;
  return ERR_OK;
}

enum err converse_read_inference(struct reading *r, yyjson_val *v) {
  static const char *const names[] = {"maxTokens", "temperature", "topP", "stopSequences"};
  static const struct llm_place place = {"inferenceConfig"};
  const struct spot s = {&place, NULL, NULL};
  yyjson_val *members[COUNT(names)];
  if (!v)
    return ERR_OK;
  enum err e = converse_members(r, v, &s, names, COUNT(names), members);
  if (e)
    return e;
  if (members[0] && (!json_number_u64(members[0], &r->rq->max_tokens) || r->rq->max_tokens == 0))
    return converse_bad_member(r, &s, "maxTokens", "must be a whole number above 0");
  e = converse_number(r, members[1], &s, "temperature", &r->rq->temperature);
  if (!e)
    e = converse_number(r, members[2], &s, "topP", &r->rq->top_p);
  return e ? e : read_stops(r, members[3], &s);
}

/* The schema is JSON inside a string. */
static enum err read_schema(struct reading *r, yyjson_val *v, const struct spot *s) {
  const struct json_limits limits = {.raw_numbers = true};
  struct json doc = {0};
  struct fault why = {0};
  enum err e = converse_string(r, v, s, "schema", true, &r->rq->output_schema);
  if (e)
    return e;
  if (json_read(r->rq->output_schema, &limits, &doc, &why))
    return converse_bad_member(r, s, "schema", "is not the JSON text of a schema");
  bool is_object = yyjson_is_obj(doc.root);
  json_done(&doc);
  return is_object ? ERR_OK : converse_bad_member(r, s, "schema", "must be the JSON text of an object");
}

static enum err read_text_format(struct reading *r, yyjson_val *v, const struct spot *at) {
  static const char *const names[] = {"type", "structure"}, *const kinds[] = {"jsonSchema"},
                           *const members_of_schema[] = {"schema", "name", "description"};
  const struct spot s = {at->place, at, "textFormat"}, structure = {at->place, &s, "structure"},
                    inside = {at->place, &structure, "jsonSchema"};
  yyjson_val *members[COUNT(names)], *value = NULL, *schema[COUNT(members_of_schema)];
  struct text type = TEXT_NONE;
  size_t which;
  enum err e = converse_members(r, v, &s, names, COUNT(names), members);
  if (!e)
    e = converse_string(r, members[0], &s, "type", true, &type);
  if (!e && !text_equal(type, TEXT("json_schema")))
    e = converse_refuse_member(r, &s, "type", "only \"json_schema\" is known");
  if (e || !text_equal(type, TEXT("json_schema")))
    return e;
  if (!members[1])
    return converse_bad(r, &structure, "is required");
  e = converse_union(r, members[1], &structure, kinds, COUNT(kinds), &which, &value);
  if (e || which == COUNT(kinds))
    return e;
  e = converse_members(r, value, &inside, members_of_schema, COUNT(members_of_schema), schema);
  if (!e)
    e = read_schema(r, schema[0], &inside);
  if (!e)
    e = converse_string(r, schema[1], &inside, "name", false, &r->rq->output_name);
  if (!e)
    e = converse_string(r, schema[2], &inside, "description", false, &r->rq->output_description);
  r->rq->output = LLM_OUTPUT_SCHEMA;
  return e;
}

/* "none" is thinking switched off, however it is said. */
static enum err read_effort(struct reading *r, yyjson_val *v, const struct spot *s, const char *name) {
  struct text effort = TEXT_NONE;
  enum err e = converse_string(r, v, s, name, true, &effort);
  if (e)
    return e;
  if (text_equal(effort, TEXT("none"))) {
    r->rq->thinking = LLM_THINKING_OFF;
    return ERR_OK;
  }
  if (!is_effort(effort))
    return converse_bad_member(r, s, name, "is not a level of effort");
  if (!text_is_empty(r->rq->effort) && !text_equal(r->rq->effort, effort))
    return converse_bad_member(r, s, name, "contradicts the effort given elsewhere");
  r->rq->effort = effort;
  return ERR_OK;
}

enum err converse_read_output(struct reading *r, yyjson_val *v) {
  static const char *const names[] = {"textFormat", "effort"};
  static const struct llm_place place = {"outputConfig"};
  const struct spot s = {&place, NULL, NULL};
  yyjson_val *members[COUNT(names)];
  if (!v)
    return ERR_OK;
  enum err e = converse_members(r, v, &s, names, COUNT(names), members);
  if (!e && members[0])
    e = read_text_format(r, members[0], &s);
  return !e && members[1] ? read_effort(r, members[1], &s, "effort") : e;
}

static enum err read_display(struct reading *r, yyjson_val *v, const struct spot *s) {
  struct text display = TEXT_NONE;
  enum err e = converse_string(r, v, s, "display", false, &display);
  if (e || !v)
    return e;
  if (text_equal(display, TEXT("omitted")))
    r->rq->display = LLM_DISPLAY_OMITTED;
  else if (text_equal(display, TEXT("summarized")))
    r->rq->display = LLM_DISPLAY_SUMMARY;
  else
    return converse_bad_member(r, s, "display", "must be \"omitted\" or \"summarized\"");
  return ERR_OK;
}

/* Anthropic's own setting. */
static enum err read_thinking(struct reading *r, yyjson_val *v, const struct spot *at) {
  static const char *const names[] = {"type", "budget_tokens", "display"};
  const struct spot s = {at->place, at, "thinking"};
  yyjson_val *members[COUNT(names)];
  struct text type = TEXT_NONE;
  if (!v)
    return ERR_OK;
  enum err e = converse_members(r, v, &s, names, COUNT(names), members);
  if (!e)
    e = converse_string(r, members[0], &s, "type", true, &type);
  if (!e)
    e = read_display(r, members[2], &s);
  if (e)
    return e;
  bool is_budget = text_equal(type, TEXT("enabled"));
  if (is_budget && (!json_number_u64(members[1], &r->rq->thinking_budget) || r->rq->thinking_budget == 0))
    return converse_bad_member(r, &s, "budget_tokens", "must be a whole number above 0");
  if (!is_budget && members[1])
    return converse_bad_member(r, &s, "budget_tokens", "only stands with the type \"enabled\"");
  if (is_budget)
    r->rq->thinking = LLM_THINKING_BUDGET;
  else if (text_equal(type, TEXT("adaptive")))
    r->rq->thinking = LLM_THINKING_ADAPTIVE;
  else if (text_equal(type, TEXT("disabled")))
    r->rq->thinking = LLM_THINKING_OFF;
  else
    return converse_bad_member(r, &s, "type", "must be \"enabled\", \"adaptive\" or \"disabled\"");
  return ERR_OK;
}

/* Anthropic's own way to choose tools, which alone can say that there shall be one call at a time. */
static enum err read_tool_choice(struct reading *r, yyjson_val *v, const struct spot *at) {
  static const char *const names[] = {"type", "name", "disable_parallel_tool_use"}, *const types[] = {"auto", "any",
                                                                                                      "tool"};
  static const enum llm_choice choices[] = {LLM_CHOICE_AUTO, LLM_CHOICE_ANY, LLM_CHOICE_TOOL};
  const struct spot s = {at->place, at, "tool_choice"};
  yyjson_val *members[COUNT(names)];
  struct text type = TEXT_NONE;
  size_t i = 0;
  if (!v)
    return ERR_OK;
  if (r->rq->choice != LLM_CHOICE_NOT_GIVEN)
    return converse_bad(r, &s, "contradicts toolConfig.toolChoice");
  enum err e = converse_members(r, v, &s, names, COUNT(names), members);
  if (!e)
    e = converse_string(r, members[0], &s, "type", true, &type);
  if (e)
    return e;
  while (i < COUNT(types) && !text_equal(type, text_of(types[i])))
    i++;
  if (i == COUNT(types))
    return converse_bad_member(r, &s, "type", "must be \"auto\", \"any\" or \"tool\"");
  r->rq->choice = choices[i];
  if (members[2] && !yyjson_is_bool(members[2]))
    return converse_bad_member(r, &s, "disable_parallel_tool_use", "must be true or false");
  if (members[2])
    r->rq->parallel_tools = yyjson_is_true(members[2]) ? LLM_NO : LLM_YES;
  return choices[i] == LLM_CHOICE_TOOL ? converse_string(r, members[1], &s, "name", true, &r->rq->choice_name) : ERR_OK;
}

enum err converse_read_fields(struct reading *r, yyjson_val *v) {
  static const char *const names[] = {"top_k", "thinking", "output_config", "reasoning_effort", "tool_choice"},
                           *const output_names[] = {"effort"};
  static const struct llm_place place = {"additionalModelRequestFields"};
  const struct spot s = {&place, NULL, NULL}, output = {&place, NULL, "output_config"};
  yyjson_val *members[COUNT(names)], *effort = NULL;
  if (!v)
    return ERR_OK;
  enum err e = converse_members(r, v, &s, names, COUNT(names), members);
  if (!e)
    e = converse_number(r, members[0], &s, "top_k", &r->rq->top_k);
  if (!e)
    e = read_thinking(r, members[1], &s);
  if (!e && members[2])
    e = converse_members(r, members[2], &output, output_names, COUNT(output_names), &effort);
  if (!e && effort)
    e = read_effort(r, effort, &output, "effort");
  if (!e && members[3])
    e = read_effort(r, members[3], &s, "reasoning_effort");
  return e ? e : read_tool_choice(r, members[4], &s);
}

enum err converse_read_metadata(struct reading *r, yyjson_val *v) {
  static const struct llm_place place = {"requestMetadata"};
  const struct spot s = {&place, NULL, NULL};
  size_t i, n;
  yyjson_val *key, *value;
  if (!v)
    return ERR_OK;
  if (!yyjson_is_obj(v))
    return converse_bad(r, &s, "must be an object");
  r->rq->metadata = arena_zalloc(r->arena, yyjson_obj_size(v) * sizeof(*r->rq->metadata));
  yyjson_obj_foreach (v, i, n, key, value) {
    struct text t = TEXT_NONE;
    enum err e = converse_string(r, value, &s, yyjson_get_str(key), false, &t);
    if (e)
      return e;
    if (yyjson_equals_str(key, "user_id"))
      r->rq->user_id = t;
    else
      r->rq->metadata[r->rq->metadata_count++] = (struct llm_pair){json_text(key), t};
  }
  return ERR_OK;
}

enum err converse_read_tier(struct reading *r, yyjson_val *v) {
  static const char *const names[] = {"type"};
  static const struct llm_place place = {"serviceTier"};
  const struct spot s = {&place, NULL, NULL};
  yyjson_val *type = NULL;
  if (!v)
    return ERR_OK;
  struct text tier = TEXT_NONE;
  enum err e = converse_members(r, v, &s, names, COUNT(names), &type);
  if (!e)
    e = converse_string(r, type, &s, "type", true, &tier);
  if (!e && text_equal(tier, TEXT("reserved")))
    return converse_refuse_member(r, &s, "type", "reserved capacity exists only at Bedrock");
  if (!e)
    r->rq->service_tier = tier;
  return e;
}

enum err converse_read_performance(struct reading *r, yyjson_val *v) {
  static const char *const names[] = {"latency"};
  static const struct llm_place place = {"performanceConfig"};
  const struct spot s = {&place, NULL, NULL};
  yyjson_val *latency = NULL;
  struct text word = TEXT_NONE;
  if (!v)
    return ERR_OK;
  enum err e = converse_members(r, v, &s, names, COUNT(names), &latency);
  if (!e)
    e = converse_string(r, latency, &s, "latency", false, &word);
  if (e || !latency || text_equal(word, TEXT("standard")))
    return e;
  return converse_refuse_member(r, &s, "latency", "faster variants of a model exist only at Bedrock");
}

enum err converse_read_answer_fields(struct reading *r, yyjson_val *v, struct text *out_paths) {
  static const struct llm_place root = {""};
  const struct spot s = {&root, NULL, NULL};
  static const char *const name = "additionalModelResponseFieldPaths";
  size_t i, n, count;
  yyjson_val *item;
  enum err e = converse_list(r, v, &s, name, false, &count);
  if (e)
    return e;
  yyjson_arr_foreach (v, i, n, item) {
    struct text path = TEXT_NONE;
    e = converse_string(r, item, &s, name, true, &path);
    if (e)
      return e;
    if (text_equal(path, TEXT("/stop_sequence")) || text_equal(path, TEXT("/delta/stop_sequence"))) {
      const struct text parts[] = {*out_paths, TEXT(" "), path};
      *out_paths = arena_join(r->arena, parts, COUNT(parts));
      continue;
    }
    e = converse_refuse_member(r, &s, name, "a model's own fields of an answer cannot be carried");
    if (e)
      return e;
  }
  return ERR_OK;
}
