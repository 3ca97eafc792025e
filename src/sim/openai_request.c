/* Requests of the OpenAI dialects: the root of chat completions, and embeddings, checked with the service's own words.
 * Messages are read by openai_messages.c; writing is in chat.c and openai_embed.c. Called by the dialects and by
 * calls.c. */
#include "sim/openai_request.h"

#include "sim/chat_shape.h"
#include "sim/openai_checks.h"

#define CHAT_STOPS_MAX        4

#define REFUSE(f, field, ...) fault_set((f), ERR_BAD_REQUEST, (field), __VA_ARGS__)

static enum err read_model(yyjson_val *root, struct text *out, struct fault *f) {
  if (!json_get_text(root, "model", out) || out->len == 0)
    return REFUSE(f, "model", "you must provide a model parameter");
  return out->len > 256 ? REFUSE(f, "model", "invalid model ID") : ERR_OK;
}

/* Members of other dialects: who sends one of them here has not translated. */
static enum err refuse_foreign(yyjson_val *root, struct fault *f) {
  static const char *const foreign[] = {"system",
                                        "stop_sequences",
                                        "max_output_tokens",
                                        "input",
                                        "instructions",
                                        "thinking",
                                        "top_k",
                                        "anthropic_version",
                                        "reasoning",
                                        "provider",
                                        "usage",
                                        "transforms",
                                        "plugins",
                                        "models",
                                        "output_config",
                                        "inferenceConfig",
                                        "toolConfig",
                                        "text",
                                        "previous_response_id",
                                        "include"};
  for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
    if (json_get(root, foreign[i]))
      return REFUSE(f, foreign[i], "Unrecognized request argument supplied: %s", foreign[i]);
  }
  return ERR_OK;
}

static enum err read_tool(struct chat_walk *w, yyjson_val *tool, size_t i, struct text forced) {
  struct text path = arena_format(w->arena, "tools[%zu]", i), type, name;
  if (!json_get_text(tool, "type", &type))
    return REFUSE(w->fault, path.at, "Missing required parameter: '%.*s.type'.", TEXT_ARGS(path));
  const struct shape *shape = chat_tool_shape(type);
  if (!shape && w->flavour == CHAT_OPENROUTER)
    return ERR_OK;
  if (!shape)
    return REFUSE(w->fault, path.at, "Invalid value: '%.*s'. Supported values are: 'function' and 'custom'.",
                  TEXT_ARGS(text_head(type, 64)));
  enum err e = w->flavour == CHAT_OPENROUTER ? ERR_OK : openai_shape_check(shape, tool, path, w->arena, w->fault);
  if (e)
    return e;
  bool is_custom = text_equal(type, TEXT("custom"));
  yyjson_val *inner = json_get(tool, is_custom ? "custom" : "function"), *schema = json_get(inner, "parameters");
  name = json_text(json_get(inner, "name"));
  if (!openai_is_name(name))
    return REFUSE(w->fault, path.at,
                  "Invalid '%.*s.function.name': string does not match pattern. Expected a string that matches the "
                  "pattern '^[a-zA-Z0-9_-]+$'.",
                  TEXT_ARGS(path));
  if (yyjson_is_true(json_get(inner, "strict"))) {
    e = openai_check_strict(schema, arena_format(w->arena, "function '%.*s'", TEXT_ARGS(name)),
                            arena_format(w->arena, "%.*s.function.parameters", TEXT_ARGS(path)), w->fault);
  }
  if ((forced.len == 0 || text_equal(forced, name)) && w->ask->tool_count < 2)
    w->ask->tool[w->ask->tool_count++] = (struct sim_tool){name, schema, is_custom};
  return e;
}

static enum err read_tool_choice(struct sim_ask *ask, yyjson_val *choice, struct text forced, struct fault *f) {
  struct text type = json_text(json_get(choice, "type"));
  bool is_word =
      yyjson_equals_str(choice, "auto") || yyjson_equals_str(choice, "none") || yyjson_equals_str(choice, "required");
  bool is_named = text_equal(type, TEXT("function")) || text_equal(type, TEXT("custom"));
  if (!choice || yyjson_is_null(choice))
    return ERR_OK;
  if (!is_word && !is_named && !text_equal(type, TEXT("allowed_tools")))
    return REFUSE(f, "tool_choice",
                  "Invalid value for 'tool_choice': expected 'none', 'auto', 'required' or an object.");
  if (is_named && forced.len == 0)
    return REFUSE(f, "tool_choice", "Missing required parameter: 'tool_choice.function.name'.");
  if (is_named && ask->tool_count == 0)
    return REFUSE(f, "tool_choice", "Invalid value for 'tool_choice': '%.*s' is not one of 'tools'.",
                  TEXT_ARGS(text_head(forced, 64)));
  yyjson_val *allowed = json_get(choice, "allowed_tools");
  ask->tools_forced =
      is_named || yyjson_equals_str(choice, "required") || yyjson_equals_str(json_get(allowed, "mode"), "required");
  ask->tools_refused = yyjson_equals_str(choice, "none");
  return ERR_OK;
}

static enum err read_tools(struct chat_walk *w, yyjson_val *root) {
  yyjson_val *tools = json_get(root, "tools"), *choice = json_get(root, "tool_choice"), *tool;
  struct text forced = json_text(json_get(json_get(choice, "function"), "name"));
  size_t i, n;
  if (forced.len == 0)
    forced = json_text(json_get(json_get(choice, "custom"), "name"));
  if (choice && !yyjson_is_null(choice) && !tools)
    return REFUSE(w->fault, "tool_choice",
                  "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.");
  if (yyjson_is_bool(json_get(root, "parallel_tool_calls")) && !tools)
    return REFUSE(w->fault, "parallel_tool_calls",
                  "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are "
                  "specified.");
  yyjson_arr_foreach (tools, i, n, tool) {
    enum err e = read_tool(w, tool, i, forced);
    if (e)
      return e;
  }
  if (tools)
    digest_json(&w->ask->digest, tools);
  w->so_far = w->ask->digest;
  w->ask->one_tool_only = yyjson_is_false(json_get(root, "parallel_tool_calls"));
  return read_tool_choice(w->ask, choice, forced, w->fault);
}

static enum err read_stop(struct sim_ask *ask, yyjson_val *stop, struct fault *f) {
  size_t i, n;
  yyjson_val *one;
  if (yyjson_is_str(stop))
    ask->stop[ask->stop_count++] = json_text(stop);
  else if (stop && !yyjson_is_null(stop) && !yyjson_is_arr(stop))
    return REFUSE(f, "stop", "Invalid type for 'stop': expected one of a string or array of strings.");
  if (yyjson_arr_size(stop) > CHAT_STOPS_MAX)
    return REFUSE(f, "stop", "Invalid 'stop': array too long. Expected an array with maximum length %d.",
                  CHAT_STOPS_MAX);
  yyjson_arr_foreach (stop, i, n, one) {
    if (!yyjson_is_str(one))
      return REFUSE(f, "stop", "Invalid type for 'stop[%zu]': expected a string.", i);
    ask->stop[ask->stop_count++] = json_text(one);
  }
  return ERR_OK;
}

/* Is the word there, in any case? */
static bool says_json(yyjson_val *messages) {
  size_t len = 0;
  bool found = false;
  char *all = yyjson_val_write(messages, 0, &len);
  for (size_t i = 0; all && i + 4 <= len && !found; i++)
    found = text_equal_nocase_bytes(all + i, "json", 4);
  free(all);
  return found;
}

static enum err read_format(struct chat_walk *w, yyjson_val *root) {
  yyjson_val *format = json_get(root, "response_format"), *inner = json_get(format, "json_schema");
  struct text type = json_text(json_get(format, "type"));
  if (!text_starts(type, TEXT("json_")))
    return ERR_OK;
  w->ask->wants_json = true;
  if (text_equal(type, TEXT("json_object"))) {
    return says_json(json_get(root, "messages"))
               ? ERR_OK
               : REFUSE(w->fault, "messages",
                        "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
                        "'json_object'.");
  }
  if (!inner)
    return REFUSE(w->fault, "response_format.json_schema",
                  "Missing required parameter: 'response_format.json_schema'.");
  w->ask->json_schema = json_get(inner, "schema");
  if (!yyjson_is_true(json_get(inner, "strict")))
    return ERR_OK;
  return openai_check_strict(
      w->ask->json_schema,
      arena_format(w->arena, "response_format '%.*s'", TEXT_ARGS(json_text(json_get(inner, "name")))),
      TEXT("response_format"), w->fault);
}

static enum err read_parameters(struct sim_ask *ask, yyjson_val *root, struct fault *f) {
  yyjson_val *options = json_get(root, "stream_options"), *n = json_get(root, "n");
  ask->stream = yyjson_is_true(json_get(root, "stream"));
  ask->include_usage = yyjson_is_true(json_get(options, "include_usage"));
  if (options && !yyjson_is_null(options) && !ask->stream)
    return REFUSE(f, "stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  if (n && !yyjson_is_null(n) && yyjson_get_uint(n) != 1)
    return REFUSE(f, "n", "weir-sim answers with one choice: 'n' must be 1.");
  bool has_old = json_get_u64(root, "max_tokens", &ask->max_tokens);
  if (json_get_u64(root, "max_completion_tokens", &ask->max_tokens) && has_old)
    return REFUSE(f, "max_tokens",
                  "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.");
  if (yyjson_is_uint(json_get(root, "top_logprobs")) && !yyjson_is_true(json_get(root, "logprobs")))
    return REFUSE(f, "top_logprobs", "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.");
  enum err e = openai_check_metadata(json_get(root, "metadata"), f);
  return e ? e : read_stop(ask, json_get(root, "stop"), f);
}

/* OpenRouter's own member. */
static enum err read_router_reasoning(struct sim_ask *ask, yyjson_val *root, struct fault *f) {
  yyjson_val *reasoning = json_get(root, "reasoning"), *effort = json_get(reasoning, "effort");
  yyjson_val *budget = json_get(reasoning, "max_tokens");
  if (reasoning && !yyjson_is_null(reasoning) && !yyjson_is_obj(reasoning))
    return REFUSE(f, "reasoning", "reasoning: Expected object");
  if (yyjson_is_str(effort) && yyjson_is_num(budget))
    return REFUSE(f, "reasoning", "Only one of \"reasoning.effort\" and \"reasoning.max_tokens\" can be specified");
  bool has_effort = yyjson_is_str(effort) && !yyjson_equals_str(effort, "none");
  ask->thinks = ask->thinks || has_effort || yyjson_is_num(budget) || yyjson_is_true(json_get(reasoning, "enabled")) ||
                yyjson_is_true(json_get(root, "include_reasoning"));
  ask->omit_thinking = yyjson_is_true(json_get(reasoning, "exclude"));
  ask->include_usage = true;
  return ERR_OK;
}

static enum err read_chat(struct chat_walk *w, yyjson_val *root) {
  struct sim_ask *ask = w->ask;
  enum err e = ERR_OK;
  if (w->flavour != CHAT_OPENROUTER)
    e = refuse_foreign(root, w->fault);
  if (!e)
    e = openai_shape_check(&chat_root_shape, root, TEXT_NONE, w->arena, w->fault);
  if (!e)
    e = read_parameters(ask, root, w->fault);
  if (!e && w->flavour == CHAT_OPENROUTER)
    e = read_router_reasoning(ask, root, w->fault);
  if (!e)
    e = read_tools(w, root);
  if (!e)
    e = read_format(w, root);
  return e ? e : openai_messages(w, json_get(root, "messages"));
}

enum err sim_chat_read(const struct sim_input *in, enum chat_flavour flavour, struct sim_ask *out, struct fault *f) {
  struct sim_ask ask = {.model = in->model};
  struct chat_walk *w = ARENA_NEW(in->arena, struct chat_walk);
  yyjson_val *root = in->doc->root;
  *w = (struct chat_walk){.ask = &ask, .arena = in->arena, .fault = f, .flavour = flavour};
  if (ask.model.len == 0) {
    enum err e = read_model(root, &ask.model, f);
    if (e)
      return e;
  }
  ask.behaviour = behaviour_of_model(ask.model);
  ask.thinks = ask.behaviour.thinking;
  enum err e = read_chat(w, root);
  if (!e)
    *out = ask;
  return e;
}

enum err sim_openai_read(const struct json *doc, struct arena *a, struct sim_ask *out, struct fault *f) {
  const struct sim_input in = {.doc = doc, .arena = a};
  return sim_chat_read(&in, CHAT_OPENAI, out, f);
}

static bool is_embed_input(yyjson_val *input) {
  if (yyjson_is_str(input))
    return yyjson_get_len(input) > 0;
  size_t i, n;
  yyjson_val *item;
  if (yyjson_arr_size(input) == 0 || yyjson_arr_size(input) > 2048)
    return false;
  yyjson_arr_foreach (input, i, n, item) {
    bool ok = (yyjson_is_str(item) && yyjson_get_len(item) > 0) || yyjson_is_uint(item) || yyjson_arr_size(item) > 0;
    if (!ok)
      return false;
  }
  return true;
}

enum err sim_openai_read_embed(const struct json *doc, struct text model, struct sim_embed_ask *out, struct fault *f) {
  struct sim_embed_ask ask = {.dimensions = 1536, .model = model};
  struct text format;
  uint64_t dimensions = 0;
  enum err e = model.len > 0 ? ERR_OK : read_model(doc->root, &ask.model, f);
  if (e)
    return e;
  ask.input = json_get(doc->root, "input");
  if (!is_embed_input(ask.input))
    return REFUSE(
        f, "input",
        "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.");
  if (json_get_text(doc->root, "encoding_format", &format)) {
    ask.base64 = text_equal(format, TEXT("base64"));
    if (!ask.base64 && !text_equal(format, TEXT("float"))) {
      return REFUSE(f, "encoding_format", "Invalid value for 'encoding_format': expected 'float' or 'base64'.");
    }
  }
  if (json_get(doc->root, "dimensions")) {
    if (!json_get_u64(doc->root, "dimensions", &dimensions) || dimensions < 1 || dimensions > 3072) {
      return REFUSE(f, "dimensions", "Invalid value for 'dimensions': expected an integer from 1 to 3072.");
    }
    ask.dimensions = (uint32_t)dimensions;
  }
  ask.behaviour = behaviour_of_model(ask.model);
  digest_json(&ask.digest, ask.input);
  *out = ask;
  return ERR_OK;
}
