/* The root of a request for a response: parameters, tools and formats. Items are read by responses_input.c. What the
 * answer repeats of the request is copied here, because the body is dropped before the answer is played. */
#include "sim/responses_request.h"

#include "sim/openai_checks.h"
#include "sim/responses_input.h"
#include "sim/responses_shape.h"

#define ECHO_MAX_BYTES        (128 * 1024)

#define REFUSE(f, field, ...) fault_set((f), ERR_BAD_REQUEST, (field), __VA_ARGS__)

/* Members the answer repeats, and what it says where they were not given. */
static const struct {
  const char *name, *otherwise;
} echoed[] = {
    {"instructions", "null"},
    {"max_output_tokens", "null"},
    {"max_tool_calls", "null"},
    {"metadata", "{}"},
    {"parallel_tool_calls", "true"},
    {"previous_response_id", "null"},
    {"prompt_cache_key", "null"},
    {"reasoning", "{\"effort\":null,\"summary\":null}"},
    {"safety_identifier", "null"},
    {"service_tier", "\"default\""},
    {"store", "true"},
    {"temperature", "1.0"},
    {"text", "{\"format\":{\"type\":\"text\"},\"verbosity\":\"medium\"}"},
    {"tool_choice", "\"auto\""},
    {"tools", "[]"},
    {"top_logprobs", "0"},
    {"top_p", "1.0"},
    {"truncation", "\"disabled\""},
    {"user", "null"},
};

static struct text echo_of(yyjson_val *root, struct arena *a) {
  struct buf out;
  struct json_writer w;
  buf_init(&out, ECHO_MAX_BYTES);
  json_writer_init(&w, &out);
  json_object(&w);
  for (size_t i = 0; i < sizeof(echoed) / sizeof(echoed[0]); i++) {
    yyjson_val *v = json_get(root, echoed[i].name);
    size_t len = 0;
    char *raw = v && !yyjson_is_null(v) ? yyjson_val_write(v, 0, &len) : NULL;
    json_name(&w, echoed[i].name);
    json_put_raw(&w, raw ? (struct text){raw, len} : text_of(echoed[i].otherwise));
    free(raw);
  }
  json_object_end(&w);
  bool good = buf_check(&out) == ERR_OK;
  struct text members = good ? arena_copy(a, text_skip(buf_text(&out), 1)) : TEXT("\"tools\":[]}");
  buf_done(&out);
  return members;
}

static enum err read_tool(struct sim_ask *ask, yyjson_val *tool, size_t i, struct arena *a, struct fault *f) {
  struct text path = arena_format(a, "tools[%zu]", i), type, name;
  if (!json_get_text(tool, "type", &type))
    return REFUSE(f, path.at, "Missing required parameter: '%.*s.type'.", TEXT_ARGS(path));
  const struct shape *shape = responses_tool_shape(type);
  if (!shape)
    return REFUSE(f, path.at, "Invalid value: '%.*s'. '%.*s.type' is not a known type of tool.",
                  TEXT_ARGS(text_head(type, 64)), TEXT_ARGS(path));
  enum err e = openai_shape_check(shape, tool, path, a, f);
  bool is_function = text_equal(type, TEXT("function")), is_custom = text_equal(type, TEXT("custom"));
  if (e || (!is_function && !is_custom))
    return e;
  name = json_text(json_get(tool, "name"));
  if (!openai_is_name(name))
    return REFUSE(f, path.at,
                  "Invalid '%.*s.name': string does not match pattern. Expected a string that matches the pattern "
                  "'^[a-zA-Z0-9_-]+$'.",
                  TEXT_ARGS(path));
  yyjson_val *schema = json_get(tool, "parameters");
  if (yyjson_is_true(json_get(tool, "strict"))) {
    e = openai_check_strict(schema, arena_format(a, "function '%.*s'", TEXT_ARGS(name)),
                            arena_format(a, "%.*s.parameters", TEXT_ARGS(path)), f);
  }
  if (!e && ask->tool_count < 2)
    ask->tool[ask->tool_count++] = (struct sim_tool){name, schema, is_custom};
  return e;
}

static enum err read_tools(struct sim_ask *ask, yyjson_val *root, struct arena *a, struct fault *f) {
  yyjson_val *tools = json_get(root, "tools"), *tool;
  size_t i, n;
  yyjson_arr_foreach (tools, i, n, tool) {
    enum err e = read_tool(ask, tool, i, a, f);
    if (e)
      return e;
  }
  if (yyjson_is_arr(tools))
    digest_json(&ask->digest, tools);
  return ERR_OK;
}

static enum err force_tool(struct sim_ask *ask, yyjson_val *tools, yyjson_val *choice, struct fault *f) {
  struct text name = json_text(json_get(choice, "name"));
  size_t i, n;
  yyjson_val *tool;
  yyjson_arr_foreach (tools, i, n, tool) {
    if (!text_equal(json_text(json_get(tool, "name")), name))
      continue;
    ask->tool[0] =
        (struct sim_tool){name, json_get(tool, "parameters"), yyjson_equals_str(json_get(tool, "type"), "custom")};
    ask->tool_count = 1;
    ask->tools_forced = true;
    return ERR_OK;
  }
  return REFUSE(f, "tool_choice", "Tool choice '%.*s' not found in 'tools' parameter.", TEXT_ARGS(text_head(name, 64)));
}

static enum err read_tool_choice(struct sim_ask *ask, yyjson_val *root, struct fault *f) {
  yyjson_val *choice = json_get(root, "tool_choice"), *tools = json_get(root, "tools");
  struct text type;
  if (!choice || yyjson_is_null(choice) || yyjson_equals_str(choice, "auto"))
    return ERR_OK;
  ask->tools_refused = yyjson_equals_str(choice, "none");
  if (ask->tools_refused)
    return ERR_OK;
  if (yyjson_arr_size(tools) == 0)
    return REFUSE(f, "tool_choice", "Tool choices other than 'auto' and 'none' require 'tools' to be specified.");
  if (yyjson_equals_str(choice, "required")) {
    ask->tools_forced = true;
    return ERR_OK;
  }
  if (!json_get_text(choice, "type", &type))
    return REFUSE(f, "tool_choice",
                  "Invalid value for 'tool_choice': expected 'none', 'auto', 'required' or an object.");
  if (text_equal(type, TEXT("function")) || text_equal(type, TEXT("custom")))
    return force_tool(ask, tools, choice, f);
  if (text_equal(type, TEXT("allowed_tools")))
    ask->tools_forced = yyjson_equals_str(json_get(choice, "mode"), "required");
  return ERR_OK;
}

static enum err read_format(struct sim_ask *ask, yyjson_val *root, struct arena *a, struct fault *f) {
  yyjson_val *format = json_get(json_get(root, "text"), "format"), *schema = json_get(format, "schema");
  struct text type = json_text(json_get(format, "type")), name;
  if (!text_starts(type, TEXT("json_")))
    return ERR_OK;
  ask->wants_json = true;
  if (text_equal(type, TEXT("json_object")))
    return ERR_OK;
  if (!json_get_text(format, "name", &name))
    return REFUSE(f, "text.format.name", "Missing required parameter: 'text.format.name'.");
  if (!schema)
    return REFUSE(f, "text.format.schema", "Missing required parameter: 'text.format.schema'.");
  ask->json_schema = schema;
  if (!yyjson_is_true(json_get(format, "strict")))
    return ERR_OK;
  return openai_check_strict(schema, arena_format(a, "response_format '%.*s'", TEXT_ARGS(text_head(name, 64))),
                             TEXT("text.format.schema"), f);
}

/* A model that reasons does so unless told not to; what is read here is whether it was told anything. */
static void read_reasoning(struct sim_ask *ask, yyjson_val *root) {
  yyjson_val *reasoning = json_get(root, "reasoning"), *effort = json_get(reasoning, "effort"), *include;
  yyjson_val *summary = json_get(reasoning, "summary");
  size_t i, n;
  bool wants = yyjson_is_str(effort) && !yyjson_equals_str(effort, "none");
  ask->omit_thinking = !yyjson_is_str(summary) && !yyjson_is_str(json_get(reasoning, "generate_summary"));
  ask->thinks = ask->behaviour.thinking || wants || !ask->omit_thinking;
  yyjson_arr_foreach (json_get(root, "include"), i, n, include) {
    if (yyjson_equals_str(include, "reasoning.encrypted_content"))
      ask->wants_sealed = true;
  }
}

static enum err read_flags(struct sim_ask *ask, yyjson_val *root, struct fault *f) {
  yyjson_val *options = json_get(root, "stream_options");
  ask->stream = yyjson_is_true(json_get(root, "stream"));
  ask->is_kept = !yyjson_is_false(json_get(root, "store"));
  ask->one_tool_only = yyjson_is_false(json_get(root, "parallel_tool_calls"));
  (void)json_get_u64(root, "max_output_tokens", &ask->max_tokens);
  if (options && !yyjson_is_null(options) && !ask->stream)
    return REFUSE(f, "stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  ask->is_plain_stream = yyjson_is_false(json_get(options, "include_obfuscation"));
  if (yyjson_is_true(json_get(root, "background")))
    return REFUSE(f, "background", "weir-sim does not answer in the background.");
  if (json_get(root, "prompt") || json_get(root, "conversation"))
    return REFUSE(f, json_get(root, "prompt") ? "prompt" : "conversation",
                  "weir-sim keeps no prompts and conversations.");
  return openai_check_metadata(json_get(root, "metadata"), f);
}

static enum err read_previous(struct responses_walk *w, yyjson_val *root) {
  struct text id;
  if (!json_get_text(root, "previous_response_id", &id))
    return json_get(root, "input") ? ERR_OK : REFUSE(w->fault, "input", "Missing required parameter: 'input'.");
  const struct responses_kept *before = responses_store_find(w->store, id);
  if (!before)
    return REFUSE(w->fault, "previous_response_id", "Previous response with id '%.*s' not found.",
                  TEXT_ARGS(text_head(id, 80)));
  responses_continue(w, before);
  return ERR_OK;
}

static enum err read_prompt(const struct sim_input *in, struct sim_ask *ask, struct fault *f) {
  yyjson_val *root = in->doc->root, *instructions = json_get(root, "instructions");
  struct responses_walk *w = ARENA_NEW(in->arena, struct responses_walk);
  *w = (struct responses_walk){.ask = ask, .arena = in->arena, .fault = f, .store = in->responses};
  enum err e = read_previous(w, root);
  if (!e)
    e = read_tools(ask, root, in->arena, f);
  if (!e)
    e = read_tool_choice(ask, root, f);
  if (!e && yyjson_is_str(instructions))
    digest_json(&ask->digest, instructions);
  return e ? e : responses_input(w, json_get(root, "input"));
}

static enum err read_root(const struct sim_input *in, const struct shape *shape, struct sim_ask *out, struct fault *f) {
  struct sim_ask ask = {0};
  yyjson_val *root = in->doc->root;
  enum err e = openai_shape_check(shape, root, TEXT_NONE, in->arena, f);
  if (e)
    return e;
  ask.model = json_text(json_get(root, "model"));
  ask.behaviour = behaviour_of_model(ask.model);
  read_reasoning(&ask, root);
  e = read_flags(&ask, root, f);
  if (!e)
    e = read_format(&ask, root, in->arena, f);
  if (!e)
    e = read_prompt(in, &ask, f);
  if (e)
    return e;
  ask.echo = echo_of(root, in->arena);
  *out = ask;
  return ERR_OK;
}

enum err sim_responses_read(const struct sim_input *in, struct sim_ask *out, struct fault *f) {
  return read_root(in, &responses_root_shape, out, f);
}

enum err sim_responses_read_count(const struct sim_input *in, struct sim_ask *out, struct fault *f) {
  return read_root(in, &responses_count_shape, out, f);
}
