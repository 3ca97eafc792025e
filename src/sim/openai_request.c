/* Requests of the OpenAI dialect: chat completions and embeddings, checked with the service's own words. Writing is in
 * openai.c and openai_embed.c. Called by the dialect and by sim.c. */
#include "sim/openai_request.h"

#define REFUSE(f, field, ...) fault_set((f), ERR_BAD_REQUEST, (field), __VA_ARGS__)

struct walk {
  struct sim_ask *ask;
  struct fault *fault;
  yyjson_val *calls; /* tool_calls of the last assistant message */
  size_t answered;   /* of them */
  size_t message;
  char field[64];
};

static const char *field_of(struct walk *w, const char *member) {
  snprintf(w->field, sizeof(w->field), "messages[%zu].%s", w->message, member);
  return w->field;
}

static void read_data_url(struct sim_ask *ask, struct text url) {
  struct sim_attachment at = {"image", TEXT("url"), 0};
  struct text head, data;
  if (text_starts(url, TEXT("data:")) && text_cut(text_skip(url, 5), ',', &head, &data)) {
    struct text type = head, coding;
    if (text_cut(head, ';', &type, &coding) && text_equal(coding, TEXT("base64")))
      (void)digest_base64_length(data, &at.bytes);
    at.media_type = type;
  }
  size_t slot = ask->attachment_count++;
  if (slot < SIM_ATTACHMENTS_MAX)
    ask->attachment[slot] = at;
}

static enum err read_part(struct walk *w, yyjson_val *part, bool is_user) {
  struct text type, t;
  if (!json_get_text(part, "type", &type))
    return REFUSE(w->fault, field_of(w, "content"), "Missing required parameter: '%s[].type'.", w->field);
  if (text_equal(type, TEXT("text")) || text_equal(type, TEXT("refusal"))) {
    if (!json_get_text(part, text_equal(type, TEXT("text")) ? "text" : "refusal", &t)) {
      return REFUSE(w->fault, field_of(w, "content"), "Missing required parameter: '%s[].text'.", w->field);
    }
    if (is_user)
      w->ask->said = t;
    return ERR_OK;
  }
  if (text_equal(type, TEXT("image_url"))) {
    if (!json_get_text(json_get(part, "image_url"), "url", &t)) {
      return REFUSE(w->fault, field_of(w, "content"), "Missing required parameter: '%s[].image_url.url'.", w->field);
    }
    read_data_url(w->ask, t);
    return ERR_OK;
  }
  if (text_equal(type, TEXT("file")) || text_equal(type, TEXT("input_audio")))
    return ERR_OK;
  return REFUSE(
      w->fault, field_of(w, "content"),
      "Invalid value: '%.*s'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', and 'file'.",
      TEXT_ARGS(text_head(type, 64)));
}

static enum err read_content(struct walk *w, yyjson_val *message, bool is_user, bool may_be_null) {
  yyjson_val *content = json_get(message, "content"), *part;
  if (yyjson_is_str(content)) {
    if (is_user)
      w->ask->said = json_text(content);
    return ERR_OK;
  }
  if (!content || yyjson_is_null(content)) {
    if (may_be_null)
      return ERR_OK;
    return REFUSE(w->fault, field_of(w, "content"), "Invalid value for 'content': expected a string, got null.");
  }
  if (!yyjson_is_arr(content)) {
    return REFUSE(w->fault, field_of(w, "content"),
                  "Invalid type for '%s': expected one of a string or array of objects.", w->field);
  }
  size_t i, n;
  yyjson_arr_foreach (content, i, n, part) {
    enum err e = read_part(w, part, is_user);
    if (e)
      return e;
  }
  return ERR_OK;
}

static enum err missing_results(struct walk *w) {
  yyjson_val *call = yyjson_arr_get(w->calls, w->answered);
  return REFUSE(
      w->fault, "messages",
      "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
      "The following tool_call_ids did not have response messages: %.*s",
      TEXT_ARGS(text_head(json_text(json_get(call, "id")), 80)));
}

static enum err read_tool_message(struct walk *w, yyjson_val *message) {
  struct text id;
  if (!json_get_text(message, "tool_call_id", &id)) {
    return REFUSE(w->fault, field_of(w, "tool_call_id"), "Missing required parameter: '%s'.", w->field);
  }
  size_t i, n;
  yyjson_val *call;
  yyjson_arr_foreach (w->calls, i, n, call) {
    if (!text_equal(json_text(json_get(call, "id")), id))
      continue;
    w->answered++;
    w->ask->has_tool_result = true;
    w->ask->tool_result = json_text(json_get(message, "content"));
    return read_content(w, message, false, false);
  }
  return REFUSE(
      w->fault, field_of(w, "role"),
      "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.");
}

static enum err read_assistant(struct walk *w, yyjson_val *message) {
  yyjson_val *calls = json_get(message, "tool_calls"), *call;
  bool has_calls = yyjson_arr_size(calls) > 0;
  size_t i, n;
  yyjson_arr_foreach (calls, i, n, call) {
    yyjson_val *function = json_get(call, "function");
    if (!yyjson_is_str(json_get(call, "id")) || !yyjson_is_str(json_get(function, "name")) ||
        !yyjson_is_str(json_get(function, "arguments"))) {
      return REFUSE(w->fault, field_of(w, "tool_calls"),
                    "Missing required parameter: '%s[%zu]' needs id, function.name and function.arguments.", w->field,
                    i);
    }
  }
  w->calls = has_calls ? calls : NULL;
  w->answered = 0;
  return read_content(w, message, false,
                      has_calls || json_get(message, "function_call") || json_get(message, "refusal"));
}

static enum err read_message(struct walk *w, yyjson_val *message) {
  struct text role;
  if (!json_get_text(message, "role", &role)) {
    return REFUSE(w->fault, field_of(w, "role"), "Missing required parameter: '%s'.", w->field);
  }
  if (text_equal(role, TEXT("tool")))
    return read_tool_message(w, message);
  if (w->answered < yyjson_arr_size(w->calls))
    return missing_results(w);
  w->ask->has_tool_result = false;
  if (text_equal(role, TEXT("assistant")))
    return read_assistant(w, message);
  w->calls = NULL;
  w->answered = 0;
  bool is_user = text_equal(role, TEXT("user"));
  if (is_user || text_equal(role, TEXT("system")) || text_equal(role, TEXT("developer")) ||
      text_equal(role, TEXT("function"))) {
    return read_content(w, message, is_user, false);
  }
  return REFUSE(w->fault, field_of(w, "role"),
                "Invalid value: '%.*s'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and "
                "'developer'.",
                TEXT_ARGS(text_head(role, 64)));
}

static enum err read_messages(struct walk *w, yyjson_val *root) {
  yyjson_val *messages = json_get(root, "messages"), *message;
  if (!messages)
    return REFUSE(w->fault, "messages", "Missing required parameter: 'messages'.");
  if (!yyjson_is_arr(messages))
    return REFUSE(w->fault, "messages", "Invalid type for 'messages': expected an array of objects.");
  if (yyjson_arr_size(messages) == 0) {
    return REFUSE(
        w->fault, "messages",
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.");
  }
  size_t i, n;
  yyjson_arr_foreach (messages, i, n, message) {
    w->message = i;
    enum err e = read_message(w, message);
    if (e)
      return e;
  }
  digest_json(&w->ask->digest, messages);
  return w->answered < yyjson_arr_size(w->calls) ? missing_results(w) : ERR_OK;
}

static enum err read_tools(yyjson_val *root, struct sim_ask *ask, struct fault *f) {
  yyjson_val *tools = json_get(root, "tools"), *choice = json_get(root, "tool_choice"), *tool;
  struct text forced = json_text(json_get(json_get(choice, "function"), "name"));
  bool parallel = true;
  size_t i, n;
  yyjson_arr_foreach (tools, i, n, tool) {
    struct text name;
    if (!yyjson_equals_str(json_get(tool, "type"), "function"))
      continue;
    if (!json_get_text(json_get(tool, "function"), "name", &name)) {
      return REFUSE(f, "tools", "Missing required parameter: 'tools[%zu].function.name'.", i);
    }
    bool wanted = forced.len == 0 || text_equal(forced, name);
    if (wanted && ask->tool_count < 2) {
      ask->tool[ask->tool_count++] = (struct sim_tool){name, json_get(json_get(tool, "function"), "parameters")};
    }
  }
  if (choice && !yyjson_is_null(choice) && !tools) {
    return REFUSE(f, "tool_choice",
                  "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.");
  }
  if (tools)
    digest_json(&ask->digest, tools);
  ask->tools_forced = forced.len > 0 || yyjson_equals_str(choice, "required");
  ask->tools_refused = yyjson_equals_str(choice, "none");
  ask->one_tool_only = json_get_bool(root, "parallel_tool_calls", &parallel) && !parallel;
  return ERR_OK;
}

static enum err read_max_tokens(yyjson_val *root, const char *name, uint64_t *out, struct fault *f) {
  yyjson_val *v = json_get(root, name);
  if (!v || yyjson_is_null(v))
    return ERR_OK;
  if (!yyjson_is_int(v))
    return REFUSE(f, name, "Invalid type for '%s': expected an integer.", name);
  if (yyjson_is_sint(v) || yyjson_get_uint(v) < 1) {
    return REFUSE(f, name, "Invalid '%s': integer below minimum value. Expected a value >= 1.", name);
  }
  *out = yyjson_get_uint(v);
  return ERR_OK;
}

static enum err read_parameters(yyjson_val *root, struct sim_ask *ask, struct fault *f) {
  yyjson_val *stream = json_get(root, "stream"), *options = json_get(root, "stream_options"), *n = json_get(root, "n");
  yyjson_val *temperature = json_get(root, "temperature");
  if (stream && !yyjson_is_null(stream) && !yyjson_is_bool(stream)) {
    return REFUSE(f, "stream", "Invalid type for 'stream': expected a boolean.");
  }
  ask->stream = yyjson_is_true(stream);
  if (options && !yyjson_is_null(options)) {
    if (!ask->stream)
      return REFUSE(f, "stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    if (!yyjson_is_obj(options))
      return REFUSE(f, "stream_options", "Invalid type for 'stream_options': expected an object.");
    ask->include_usage = yyjson_is_true(json_get(options, "include_usage"));
  }
  if (temperature && !yyjson_is_null(temperature) &&
      (!yyjson_is_num(temperature) || yyjson_get_num(temperature) < 0.0 || yyjson_get_num(temperature) > 2.0)) {
    return REFUSE(f, "temperature", "Invalid 'temperature': expected a number between 0 and 2.");
  }
  if (n && !yyjson_is_null(n) && yyjson_get_uint(n) != 1)
    return REFUSE(f, "n", "weir-sim answers with one choice: 'n' must be 1.");
  enum err e = read_max_tokens(root, "max_tokens", &ask->max_tokens, f);
  return e ? e : read_max_tokens(root, "max_completion_tokens", &ask->max_tokens, f);
}

static enum err read_model(yyjson_val *root, struct text *out, struct fault *f) {
  if (!json_get_text(root, "model", out) || out->len == 0)
    return REFUSE(f, "model", "you must provide a model parameter");
  return out->len > 256 ? REFUSE(f, "model", "invalid model ID") : ERR_OK;
}

enum err sim_openai_read(const struct json *doc, struct arena *a, struct sim_ask *out, struct fault *f) {
  struct sim_ask ask = {0};
  struct walk w = {.ask = &ask, .fault = f};
  enum err e = read_model(doc->root, &ask.model, f);
  if (e)
    return e;
  ask.behaviour = behaviour_of_model(ask.model);
  ask.thinks = ask.behaviour.thinking;
  e = read_parameters(doc->root, &ask, f);
  if (!e)
    e = read_tools(doc->root, &ask, f);
  if (!e)
    e = read_messages(&w, doc->root);
  if (!e)
    *out = ask;
  return e;
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

enum err sim_openai_read_embed(const struct json *doc, struct sim_embed_ask *out, struct fault *f) {
  struct sim_embed_ask ask = {.dimensions = 1536};
  struct text format;
  uint64_t dimensions = 0;
  enum err e = read_model(doc->root, &ask.model, f);
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
