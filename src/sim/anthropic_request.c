/* The root of a Messages request: its members and the order of its messages. Content blocks are in anthropic_blocks.c.
 * The refusals use the service's own words, so that a client's handling of them can be tried. Called by the dialect and
 * by sim.c. */
#include "sim/anthropic_request.h"

#include "sim/anthropic_blocks.h"

#define REFUSE(f, ...) fault_set((f), ERR_BAD_REQUEST, NULL, __VA_ARGS__)

static enum err read_count_member(yyjson_val *root, const char *name, uint64_t min, uint64_t *out, struct fault *f) {
  yyjson_val *v = json_get(root, name);
  if (!v)
    return REFUSE(f, "%s: Field required", name);
  if (!yyjson_is_int(v))
    return REFUSE(f, "%s: Input should be a valid integer", name);
  if (yyjson_is_sint(v) || yyjson_get_uint(v) < min) {
    return REFUSE(f, "%s: Input should be greater than or equal to %llu", name, (unsigned long long)min);
  }
  *out = yyjson_get_uint(v);
  return ERR_OK;
}

static enum err read_range(yyjson_val *root, const char *name, struct fault *f) {
  yyjson_val *v = json_get(root, name);
  if (!v || yyjson_is_null(v))
    return ERR_OK;
  if (!yyjson_is_num(v))
    return REFUSE(f, "%s: Input should be a valid number", name);
  double n = yyjson_get_num(v);
  return n < 0.0 || n > 1.0 ? REFUSE(f, "%s: range: 0..1", name) : ERR_OK;
}

enum err sim_anthropic_read_thinking(yyjson_val *root, struct sim_ask *ask, struct fault *f) {
  yyjson_val *thinking = json_get(root, "thinking");
  struct text type = TEXT_NONE, display = TEXT_NONE;
  ask->thinks = ask->behaviour.thinking;
  if (!thinking || yyjson_is_null(thinking))
    return ERR_OK;
  if (!json_get_text(thinking, "type", &type))
    return REFUSE(f, "thinking.type: Field required");
  if (json_get_text(thinking, "display", &display))
    ask->omit_thinking = text_equal(display, TEXT("omitted"));
  if (text_equal(type, TEXT("adaptive")))
    return ERR_OK;
  if (text_equal(type, TEXT("disabled"))) {
    ask->thinks = false;
    return ERR_OK;
  }
  if (!text_equal(type, TEXT("enabled"))) {
    return REFUSE(f,
                  "thinking: Input tag '%.*s' found using 'type' does not match any of the expected tags: 'adaptive', "
                  "'disabled', 'enabled'",
                  TEXT_ARGS(text_head(type, 64)));
  }
  uint64_t budget = 0;
  if (!json_get_u64(thinking, "budget_tokens", &budget))
    return REFUSE(f, "thinking.enabled.budget_tokens: Field required");
  if (budget < 1024)
    return REFUSE(f, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
  if (ask->max_tokens > 0 && budget >= ask->max_tokens) {
    return REFUSE(f, "`max_tokens` must be greater than `thinking.budget_tokens`");
  }
  ask->thinks = true;
  return ERR_OK;
}

static bool is_tool_name(struct text name) {
  for (size_t i = 0; i < name.len; i++) {
    char c = name.at[i];
    bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!ok)
      return false;
  }
  return name.len > 0 && name.len <= 128;
}

static enum err read_tool(struct sim_walk *w, yyjson_val *tool, size_t i) {
  struct text name, type;
  if (!json_get_text(tool, "name", &name))
    return REFUSE(w->fault, "tools.%zu.custom.name: Field required", i);
  if (!is_tool_name(name)) {
    return REFUSE(w->fault, "tools.%zu.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", i);
  }
  bool is_custom = !json_get_text(tool, "type", &type) || text_equal(type, TEXT("custom"));
  yyjson_val *schema = json_get(tool, "input_schema");
  if (is_custom && !schema)
    return REFUSE(w->fault, "tools.%zu.custom.input_schema: Field required", i);
  if (is_custom && !yyjson_equals_str(json_get(schema, "type"), "object")) {
    return REFUSE(w->fault, "tools.%zu.custom.input_schema.type: Input should be 'object'", i);
  }
  if (is_custom && w->ask->tool_count < 2)
    w->ask->tool[w->ask->tool_count++] = (struct sim_tool){name, schema};
  digest_json(&w->ask->digest, tool);
  return sim_anthropic_cache_control(w, tool, arena_format(w->arena, "tools.%zu", i));
}

static enum err force_tool(struct sim_ask *ask, yyjson_val *tools, struct text name, struct fault *f) {
  size_t i, n;
  yyjson_val *tool;
  yyjson_arr_foreach (tools, i, n, tool) {
    if (!text_equal(json_text(json_get(tool, "name")), name))
      continue;
    ask->tool[0] = (struct sim_tool){name, json_get(tool, "input_schema")};
    ask->tool_count = 1;
    ask->tools_forced = true;
    return ERR_OK;
  }
  return REFUSE(f, "Tool '%.*s' not found in provided tools", TEXT_ARGS(text_head(name, 128)));
}

static enum err read_tool_choice(yyjson_val *root, yyjson_val *tools, struct sim_ask *ask, struct fault *f) {
  yyjson_val *choice = json_get(root, "tool_choice");
  struct text type, name;
  bool one_only = false;
  if (!choice || yyjson_is_null(choice))
    return ERR_OK;
  if (!json_get_text(choice, "type", &type))
    return REFUSE(f, "tool_choice.type: Field required");
  if (!tools)
    return REFUSE(f, "tool_choice: may only be specified while providing tools");
  ask->one_tool_only = json_get_bool(choice, "disable_parallel_tool_use", &one_only) && one_only;
  if (text_equal(type, TEXT("auto")))
    return ERR_OK;
  if (text_equal(type, TEXT("any")))
    ask->tools_forced = true;
  else if (text_equal(type, TEXT("none")))
    ask->tools_refused = true;
  else if (text_equal(type, TEXT("tool")) && json_get_text(choice, "name", &name))
    return force_tool(ask, tools, name, f);
  else
    return REFUSE(f, "tool_choice: Input should be 'auto', 'any', 'none' or 'tool' with a name");
  return ERR_OK;
}

static enum err read_tools(struct sim_walk *w, yyjson_val *root) {
  yyjson_val *tools = json_get(root, "tools");
  if (tools && !yyjson_is_arr(tools))
    return REFUSE(w->fault, "tools: Input should be a valid list");
  size_t i, n;
  yyjson_val *tool;
  yyjson_arr_foreach (tools, i, n, tool) {
    enum err e = read_tool(w, tool, i);
    if (e)
      return e;
  }
  return read_tool_choice(root, tools, w->ask, w->fault);
}

static enum err read_system(struct sim_walk *w, yyjson_val *root) {
  yyjson_val *system = json_get(root, "system");
  if (!system || yyjson_is_str(system)) {
    if (system)
      digest_text(&w->ask->digest, json_text(system));
    return ERR_OK;
  }
  if (!yyjson_is_arr(system))
    return REFUSE(w->fault, "system: Input should be a valid string or a valid list");
  size_t i, n;
  yyjson_val *block;
  yyjson_arr_foreach (system, i, n, block) {
    if (!yyjson_equals_str(json_get(block, "type"), "text"))
      return REFUSE(w->fault, "system.%zu.type: Input should be 'text'", i);
    if (!yyjson_is_str(json_get(block, "text")))
      return REFUSE(w->fault, "system.%zu.text: Field required", i);
    digest_json(&w->ask->digest, block);
    enum err e = sim_anthropic_cache_control(w, block, arena_format(w->arena, "system.%zu", i));
    if (e)
      return e;
  }
  return ERR_OK;
}

static enum err missing_results(struct sim_walk *w, size_t message) {
  return REFUSE(w->fault,
                "messages.%zu: `tool_use` ids were found without `tool_result` blocks immediately after: %.*s", message,
                TEXT_ARGS(text_head(w->uses[0], 80)));
}

static enum err read_message(struct sim_walk *w, yyjson_val *message) {
  struct text role;
  if (!yyjson_is_obj(message))
    return REFUSE(w->fault, "messages.%zu: Input should be an object", w->message);
  if (!json_get_text(message, "role", &role))
    return REFUSE(w->fault, "messages.%zu.role: Field required", w->message);
  bool is_assistant = text_equal(role, TEXT("assistant")), is_system = text_equal(role, TEXT("system"));
  if (!is_assistant && !is_system && !text_equal(role, TEXT("user"))) {
    return REFUSE(w->fault, "messages.%zu.role: Input should be 'user' or 'assistant'", w->message);
  }
  if (w->message == 0 && !text_equal(role, TEXT("user"))) {
    return REFUSE(w->fault, "messages: first message must use the \"user\" role");
  }
  digest_text(&w->ask->digest, role);
  if (is_assistant && w->use_count > 0)
    return missing_results(w, w->message - 1);
  struct text said = w->ask->said;
  if (!is_system)
    w->ask->has_tool_result = false;
  enum err e = sim_anthropic_content(w, json_get(message, "content"), !is_assistant);
  if (e)
    return e;
  if (is_system)
    w->ask->said = said;
  if (!is_assistant && w->use_count > 0)
    return missing_results(w, w->message - 1);
  return ERR_OK;
}

static enum err read_messages(struct sim_walk *w, yyjson_val *root) {
  yyjson_val *messages = json_get(root, "messages"), *message;
  if (!messages)
    return REFUSE(w->fault, "messages: Field required");
  if (!yyjson_is_arr(messages))
    return REFUSE(w->fault, "messages: Input should be a valid list");
  if (yyjson_arr_size(messages) == 0)
    return REFUSE(w->fault, "messages: at least one message is required");
  size_t i, n;
  yyjson_arr_foreach (messages, i, n, message) {
    w->message = i;
    enum err e = read_message(w, message);
    if (e)
      return e;
  }
  return ERR_OK;
}

static enum err read_stop_sequences(yyjson_val *root, struct sim_ask *ask, struct fault *f) {
  yyjson_val *all = json_get(root, "stop_sequences"), *one;
  if (!all || yyjson_is_null(all))
    return ERR_OK;
  if (!yyjson_is_arr(all))
    return REFUSE(f, "stop_sequences: Input should be a valid list");
  size_t i, n;
  yyjson_arr_foreach (all, i, n, one) {
    if (!yyjson_is_str(one))
      return REFUSE(f, "stop_sequences.%zu: Input should be a valid string", i);
    if (text_trim(json_text(one)).len == 0)
      return REFUSE(f, "stop_sequences: each stop sequence must contain non-whitespace");
    if (ask->stop_count < SIM_STOPS_MAX)
      ask->stop[ask->stop_count++] = json_text(one);
  }
  return ERR_OK;
}

static enum err read_format(yyjson_val *format, const char *where, struct sim_ask *ask, struct fault *f) {
  if (!format || yyjson_is_null(format))
    return ERR_OK;
  if (!yyjson_equals_str(json_get(format, "type"), "json_schema"))
    return REFUSE(f, "%s.type: Input should be 'json_schema'", where);
  ask->json_schema = json_get(format, "schema");
  if (!yyjson_is_obj(ask->json_schema))
    return REFUSE(f, "%s.schema: Field required", where);
  ask->wants_json = true;
  return ERR_OK;
}

enum err sim_anthropic_read_output(yyjson_val *root, struct sim_ask *ask, struct fault *f) {
  static const char *const efforts[] = {"low", "medium", "high", "xhigh", "max"};
  yyjson_val *config = json_get(root, "output_config"), *effort = json_get(config, "effort");
  bool known = !effort || yyjson_is_null(effort);
  if (config && !yyjson_is_null(config) && !yyjson_is_obj(config))
    return REFUSE(f, "output_config: Input should be an object");
  for (size_t i = 0; i < sizeof(efforts) / sizeof(efforts[0]) && !known; i++)
    known = yyjson_equals_str(effort, efforts[i]);
  if (!known)
    return REFUSE(f, "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'");
  enum err e = read_format(json_get(config, "format"), "output_config.format", ask, f);
  return e ? e : read_format(json_get(root, "output_format"), "output_format", ask, f);
}

static enum err read_parameters(yyjson_val *root, struct sim_ask *ask, struct fault *f) {
  yyjson_val *stream = json_get(root, "stream");
  if (stream && !yyjson_is_null(stream) && !yyjson_is_bool(stream))
    return REFUSE(f, "stream: Input should be a valid boolean");
  ask->stream = yyjson_is_true(stream);
  enum err e = read_range(root, "temperature", f);
  if (!e)
    e = read_range(root, "top_p", f);
  if (!e)
    e = read_stop_sequences(root, ask, f);
  if (!e)
    e = sim_anthropic_read_output(root, ask, f);
  if (!e)
    e = sim_anthropic_read_thinking(root, ask, f);
  return e;
}

static enum err read_model(yyjson_val *root, struct sim_ask *ask, struct fault *f) {
  if (!json_get(root, "model"))
    return REFUSE(f, "model: Field required");
  if (!json_get_text(root, "model", &ask->model))
    return REFUSE(f, "model: Input should be a valid string");
  return ask->model.len == 0 || ask->model.len > 256 ? REFUSE(f, "model: String should have 1 to 256 characters")
                                                     : ERR_OK;
}

static enum err read_prompt(struct sim_walk *w, yyjson_val *root) {
  enum err e = read_tools(w, root);
  if (!e)
    e = read_system(w, root);
  if (!e)
    e = read_messages(w, root);
  if (!e && w->breakpoints > PROMPT_CACHE_BREAKPOINTS_MAX) {
    e = REFUSE(w->fault, "A maximum of 4 blocks with cache_control may be provided. Found %zu.", w->breakpoints);
  }
  return e;
}

/* All but the model, which ask has already. */
static enum err read_rest(const struct json *doc, struct arena *a, bool needs_max_tokens, struct sim_ask *ask,
                          struct fault *f) {
  ask->behaviour = behaviour_of_model(ask->model);
  enum err e = needs_max_tokens ? read_count_member(doc->root, "max_tokens", 1, &ask->max_tokens, f) : ERR_OK;
  if (!e)
    e = read_parameters(doc->root, ask, f);
  if (e)
    return e;
  struct sim_walk *w = ARENA_NEW(a, struct sim_walk);
  *w = (struct sim_walk){.ask = ask, .arena = a, .fault = f};
  return read_prompt(w, doc->root);
}

static enum err read_root(const struct json *doc, struct arena *a, bool needs_max_tokens, struct sim_ask *out,
                          struct fault *f) {
  struct sim_ask ask = {0};
  if (!yyjson_is_obj(doc->root))
    return REFUSE(f, "Input should be an object");
  enum err e = read_model(doc->root, &ask, f);
  if (!e)
    e = read_rest(doc, a, needs_max_tokens, &ask, f);
  if (!e)
    *out = ask;
  return e;
}

enum err sim_anthropic_read(const struct json *doc, struct arena *a, struct sim_ask *out, struct fault *f) {
  return read_root(doc, a, true, out, f);
}

enum err sim_anthropic_read_count(const struct json *doc, struct arena *a, struct sim_ask *out, struct fault *f) {
  return read_root(doc, a, false, out, f);
}

/* "2026-10-21": compared as text, which is the order of dates. */
static bool is_date(struct text t) {
  if (t.len != 10)
    return false;
  for (size_t i = 0; i < 10; i++) {
    bool is_dash = i == 4 || i == 7;
    if (is_dash ? t.at[i] != '-' : t.at[i] < '0' || t.at[i] > '9')
      return false;
  }
  return true;
}

bool sim_anthropic_is_modern(struct text version) {
  return is_date(version) && memcmp(version.at, "2023-06-01", 10) > 0;
}

enum err sim_anthropic_read_invoke(const struct json *doc, struct text model, bool needs_max_tokens, struct arena *a,
                                   struct sim_ask *out, struct fault *f) {
  struct sim_ask ask = {.model = model};
  struct text version;
  if (!yyjson_is_obj(doc->root))
    return REFUSE(f, "Malformed input request: expected type: JSONObject, please reformat your input and try again.");
  if (json_get(doc->root, "model"))
    return REFUSE(f, "model: Extra inputs are not permitted");
  if (json_get(doc->root, "stream"))
    return REFUSE(f, "stream: Extra inputs are not permitted");
  if (!json_get_text(doc->root, "anthropic_version", &version))
    return REFUSE(f, "anthropic_version: Field required");
  if (!text_equal(version, TEXT("bedrock-2023-05-31")) && !sim_anthropic_is_modern(version))
    return REFUSE(f, "anthropic_version: Input should be 'bedrock-2023-05-31' or a later version");
  enum err e = read_rest(doc, a, needs_max_tokens, &ask, f);
  if (e)
    return e;
  ask.is_modern = sim_anthropic_is_modern(version);
  *out = ask;
  return ERR_OK;
}
