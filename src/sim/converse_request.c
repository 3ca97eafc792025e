/* The root of a Converse request. Members are checked against their shapes, messages by converse_blocks.c, and the
 * parameters here. Called by the dialect and for counting. */
#include "sim/converse_request.h"

#include "sim/anthropic_request.h"
#include "sim/converse_blocks.h"
#include "sim/converse_shape.h"

#define METADATA_PAIRS_MAX 16
#define METADATA_BYTES_MAX 256

#define REFUSE(f, ...)     fault_set((f), ERR_BAD_REQUEST, NULL, __VA_ARGS__)

static bool is_metadata(struct text t) {
  for (size_t i = 0; i < t.len; i++) {
    char c = t.at[i];
    bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_word && (c == 0 || !strchr(" \t\r\n\f\v:_@$#=/+,-.", c)))
      return false;
  }
  return t.len <= METADATA_BYTES_MAX;
}

enum err sim_converse_metadata(yyjson_val *pairs, struct fault *f) {
  size_t i, n;
  yyjson_val *name, *value;
  if (!yyjson_is_obj(pairs))
    return REFUSE(f, "requestMetadata must be an object of strings");
  if (yyjson_obj_size(pairs) > METADATA_PAIRS_MAX)
    return REFUSE(f,
                  "1 validation error detected: Value at 'requestMetadata' failed to satisfy constraint: Member must "
                  "have length less than or equal to %d",
                  METADATA_PAIRS_MAX);
  yyjson_obj_foreach (pairs, i, n, name, value) {
    struct text key = json_text(name);
    if (key.len == 0 || !is_metadata(key) || !yyjson_is_str(value) || !is_metadata(json_text(value)))
      return REFUSE(f,
                    "1 validation error detected: Value at 'requestMetadata' failed to satisfy constraint: names have "
                    "1 to 256 and values 0 to 256 characters of [a-zA-Z0-9\\s:_@$#=/+,-.], not so at '%.*s'",
                    TEXT_ARGS(text_head(key, 64)));
  }
  return ERR_OK;
}

static enum err read_tools(struct converse_walk *w, yyjson_val *config) {
  size_t i, n;
  yyjson_val *tool;
  yyjson_arr_foreach (json_get(config, "tools"), i, n, tool) {
    yyjson_val *spec = json_get(tool, "toolSpec");
    yyjson_val *schema = json_get(json_get(spec, "inputSchema"), "json");
    if (spec && !yyjson_equals_str(json_get(schema, "type"), "object"))
      return REFUSE(w->fault,
                    "The value at toolConfig.tools.%zu.toolSpec.inputSchema.json.type must be one of the following: "
                    "object.",
                    i);
    if (spec && w->ask->tool_count < 2)
      w->ask->tool[w->ask->tool_count++] = (struct sim_tool){json_text(json_get(spec, "name")), schema, false};
    enum err e = converse_cache_point(w, tool);
    if (e)
      return e;
  }
  return ERR_OK;
}

static enum err force_tool(struct sim_ask *ask, yyjson_val *tools, struct text name, struct fault *f) {
  size_t i, n;
  yyjson_val *tool;
  yyjson_arr_foreach (tools, i, n, tool) {
    yyjson_val *spec = json_get(tool, "toolSpec");
    if (!text_equal(json_text(json_get(spec, "name")), name))
      continue;
    ask->tool[0] = (struct sim_tool){name, json_get(json_get(spec, "inputSchema"), "json"), false};
    ask->tool_count = 1;
    ask->tools_forced = true;
    return ERR_OK;
  }
  return REFUSE(f, "The tool '%.*s' of toolChoice is not one of toolConfig.tools", TEXT_ARGS(text_head(name, 64)));
}

static enum err read_tool_config(struct converse_walk *w, yyjson_val *root) {
  yyjson_val *config = json_get(root, "toolConfig"), *choice = json_get(config, "toolChoice");
  struct text name;
  if (!config || yyjson_is_null(config))
    return ERR_OK;
  enum err e = read_tools(w, config);
  if (e)
    return e;
  if (json_get_text(json_get(choice, "tool"), "name", &name))
    return force_tool(w->ask, json_get(config, "tools"), name, w->fault);
  w->ask->tools_forced = json_get(choice, "any") != NULL;
  return ERR_OK;
}

/* Anthropic's models take their own tool_choice too, which can ask for one call at a time. */
static enum err read_own_choice(struct converse_walk *w, yyjson_val *root) {
  yyjson_val *choice = json_get(json_get(root, "additionalModelRequestFields"), "tool_choice");
  struct text type = json_text(json_get(choice, "type"));
  if (!choice || yyjson_is_null(choice))
    return ERR_OK;
  if (json_get(json_get(root, "toolConfig"), "toolChoice"))
    return REFUSE(w->fault, "The additional field tool_choice conflicts with toolConfig.toolChoice.");
  if (w->ask->tool_count == 0)
    return REFUSE(w->fault, "tool_choice: may only be specified while providing tools");
  w->ask->one_tool_only = yyjson_is_true(json_get(choice, "disable_parallel_tool_use"));
  w->ask->tools_refused = text_equal(type, TEXT("none"));
  if (text_equal(type, TEXT("tool")))
    return force_tool(w->ask, json_get(json_get(root, "toolConfig"), "tools"), json_text(json_get(choice, "name")),
                      w->fault);
  w->ask->tools_forced = text_equal(type, TEXT("any"));
  bool known = w->ask->tools_forced || w->ask->tools_refused || text_equal(type, TEXT("auto"));
  return known ? ERR_OK : REFUSE(w->fault, "tool_choice: Input should be 'auto', 'any', 'none' or 'tool' with a name");
}

static enum err read_system(struct converse_walk *w, yyjson_val *root) {
  size_t i, n;
  yyjson_val *block;
  yyjson_arr_foreach (json_get(root, "system"), i, n, block) {
    enum err e = converse_cache_point(w, block);
    if (e)
      return e;
  }
  return ERR_OK;
}

static enum err read_prompt(struct converse_walk *w, yyjson_val *root) {
  enum err e = read_tool_config(w, root);
  if (!e)
    e = read_own_choice(w, root);
  if (!e)
    e = read_system(w, root);
  if (!e)
    e = converse_messages(w, json_get(root, "messages"));
  yyjson_val *config = json_get(root, "toolConfig");
  if (!e && w->has_tools_blocks && (!config || yyjson_is_null(config)))
    e = REFUSE(w->fault, "The toolConfig field must be defined when using toolUse and toolResult content blocks.");
  return e;
}

static void free_document(void *data) { json_done(data); }

/* The schema travels as text inside the JSON. */
static enum err read_output_config(yyjson_val *root, struct arena *a, struct sim_ask *ask, struct fault *f) {
  yyjson_val *format = json_get(json_get(root, "outputConfig"), "textFormat");
  if (!format || yyjson_is_null(format))
    return ERR_OK;
  struct text schema = json_text(json_get(json_get(json_get(format, "structure"), "jsonSchema"), "schema"));
  struct json *doc = ARENA_NEW(a, struct json);
  struct fault why = {0};
  if (json_read(schema, NULL, doc, &why) != ERR_OK)
    return REFUSE(f, "outputConfig.textFormat.structure.jsonSchema.schema is not valid JSON: %s", fault_text(&why));
  arena_defer(a, free_document, doc);
  if (!yyjson_is_obj(doc->root))
    return REFUSE(f, "outputConfig.textFormat.structure.jsonSchema.schema must be a JSON schema");
  ask->wants_json = true;
  ask->json_schema = doc->root;
  return ERR_OK;
}

static enum err read_parameters(yyjson_val *root, struct arena *a, struct sim_ask *ask, struct fault *f) {
  yyjson_val *config = json_get(root, "inferenceConfig"), *metadata = json_get(root, "requestMetadata"), *one;
  yyjson_val *fields = json_get(root, "additionalModelRequestFields");
  size_t i, n;
  (void)json_get_u64(config, "maxTokens", &ask->max_tokens);
  yyjson_arr_foreach (json_get(config, "stopSequences"), i, n, one) {
    if (ask->stop_count < SIM_STOPS_MAX)
      ask->stop[ask->stop_count++] = json_text(one);
  }
  enum err e = metadata && !yyjson_is_null(metadata) ? sim_converse_metadata(metadata, f) : ERR_OK;
  if (!e)
    e = sim_anthropic_read_thinking(fields, ask, f);
  if (!e)
    e = sim_anthropic_read_output(fields, ask, f);
  return e ? e : read_output_config(root, a, ask, f);
}

static enum err read_all(yyjson_val *root, struct arena *a, struct sim_ask *ask, struct fault *f) {
  struct converse_walk *w = ARENA_NEW(a, struct converse_walk);
  *w = (struct converse_walk){.ask = ask, .arena = a, .fault = f};
  ask->behaviour = behaviour_of_model(ask->model);
  enum err e = read_parameters(root, a, ask, f);
  return e ? e : read_prompt(w, root);
}

enum err sim_converse_read(const struct sim_input *in, struct sim_ask *out, struct fault *f) {
  struct sim_ask ask = {.model = in->model, .stream = in->stream};
  enum err e = converse_shape_check(&converse_shape, in->doc->root, TEXT_NONE, in->arena, f);
  if (!e)
    e = read_all(in->doc->root, in->arena, &ask, f);
  if (!e)
    *out = ask;
  return e;
}

enum err sim_converse_read_count(yyjson_val *converse, struct text model, struct arena *a, struct sim_ask *out,
                                 struct fault *f) {
  struct sim_ask ask = {.model = model};
  enum err e = converse_shape_check(&converse_count_shape, converse, TEXT("input.converse"), a, f);
  if (!e)
    e = read_all(converse, a, &ask, f);
  if (!e)
    *out = ask;
  return e;
}
