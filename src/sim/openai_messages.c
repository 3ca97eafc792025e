/* The messages of a chat completion, one by one and against each other. OpenRouter takes a few members more than OpenAI
 * does, and its reasoning_details come back. Called by openai_request.c. */
#include "sim/openai_messages.h"

#include "sim/chat_shape.h"
#include "sim/openai_checks.h"
#include "sim/openrouter_reasoning.h"

#define REFUSE(w, field, ...) fault_set((w)->fault, ERR_BAD_REQUEST, (field), __VA_ARGS__)

static struct text path_of(struct chat_walk *w, struct text path, const char *member) {
  return arena_format(w->arena, "%.*s.%s", TEXT_ARGS(path), member);
}

/* Anthropic's way of marking a prompt, which OpenRouter passes on. */
static enum err read_cache_control(struct chat_walk *w, yyjson_val *part, struct text path) {
  yyjson_val *control = json_get(part, "cache_control");
  struct sim_ask *ask = w->ask;
  if (!control || yyjson_is_null(control))
    return ERR_OK;
  if (!yyjson_equals_str(json_get(control, "type"), "ephemeral"))
    return REFUSE(w, path.at, "Invalid value for '%.*s.cache_control.type': expected 'ephemeral'.", TEXT_ARGS(path));
  if (ask->breakpoint_count == PROMPT_CACHE_BREAKPOINTS_MAX)
    return REFUSE(w, path.at, "A maximum of %d blocks with cache_control may be provided.",
                  PROMPT_CACHE_BREAKPOINTS_MAX);
  ask->breakpoint[ask->breakpoint_count++] = (struct prompt_breakpoint){
      w->so_far.hash, digest_tokens(w->so_far.bytes), yyjson_equals_str(json_get(control, "ttl"), "1h")};
  return ERR_OK;
}

static enum err read_marks(struct chat_walk *w, yyjson_val *part, struct text path) {
  digest_json(&w->so_far, part);
  if (w->flavour == CHAT_OPENROUTER)
    return read_cache_control(w, part, path);
  return openai_cache_breakpoint(w->ask, &w->so_far, part, w->fault);
}

static enum err read_file(struct chat_walk *w, yyjson_val *part, struct text path) {
  struct text data;
  yyjson_val *file = json_get(part, "file");
  if (json_get_text(file, "file_data", &data) && (w->flavour != CHAT_OPENROUTER || text_starts(data, TEXT("data:"))))
    return openai_check_file(w->ask, data, path_of(w, path, "file.file_data"), w->fault);
  if (!json_get(file, "file_data") && !json_get(file, "file_id"))
    return REFUSE(w, path.at, "Missing required parameter: '%.*s.file.file_data'.", TEXT_ARGS(path));
  return ERR_OK;
}

static enum err read_part(struct chat_walk *w, yyjson_val *part, struct text role, struct text path) {
  struct text type, t;
  if (!json_get_text(part, "type", &type))
    return REFUSE(w, path.at, "Missing required parameter: '%.*s.type'.", TEXT_ARGS(path));
  const struct shape *shape = chat_part_shape(type);
  if (!shape || !chat_role_takes(role, type))
    return REFUSE(w, path.at, "Invalid value: '%.*s'. Supported values are: %s.", TEXT_ARGS(text_head(type, 64)),
                  text_equal(role, TEXT("user"))        ? "'text', 'image_url', 'input_audio', and 'file'"
                  : text_equal(role, TEXT("assistant")) ? "'text' and 'refusal'"
                                                        : "'text'");
  enum err e = w->flavour == CHAT_OPENROUTER ? ERR_OK : openai_shape_check(shape, part, path, w->arena, w->fault);
  if (!e && text_equal(type, TEXT("text")) && !json_get_text(part, "text", &t))
    e = REFUSE(w, path.at, "Missing required parameter: '%.*s.text'.", TEXT_ARGS(path));
  if (!e && text_equal(type, TEXT("image_url")))
    e = openai_check_image(w->ask, json_text(json_get(json_get(part, "image_url"), "url")),
                           path_of(w, path, "image_url.url"), w->fault);
  if (!e && text_equal(type, TEXT("file")))
    e = read_file(w, part, path);
  return e ? e : read_marks(w, part, path);
}

/* Text, parts, or nothing where the message may be without; *out_text is the last text in it. */
static enum err read_content(struct chat_walk *w, yyjson_val *message, struct text role, bool may_be_null,
                             struct text path, struct text *out_text) {
  yyjson_val *content = json_get(message, "content"), *part;
  size_t i, n;
  path = path_of(w, path, "content");
  if (yyjson_is_str(content)) {
    digest_json(&w->so_far, content);
    *out_text = json_text(content);
    return ERR_OK;
  }
  if (!content || yyjson_is_null(content)) {
    return may_be_null ? ERR_OK : REFUSE(w, path.at, "Invalid value for 'content': expected a string, got null.");
  }
  if (!yyjson_is_arr(content))
    return REFUSE(w, path.at, "Invalid type for '%.*s': expected one of a string or array of objects.",
                  TEXT_ARGS(path));
  if (yyjson_arr_size(content) == 0 && !may_be_null)
    return REFUSE(w, path.at, "Invalid '%.*s': empty array. Expected an array with minimum length 1.", TEXT_ARGS(path));
  yyjson_arr_foreach (content, i, n, part) {
    enum err e = read_part(w, part, role, arena_format(w->arena, "%.*s[%zu]", TEXT_ARGS(path), i));
    if (e)
      return e;
    (void)json_get_text(part, "text", out_text);
  }
  return ERR_OK;
}

static enum err missing_answers(struct chat_walk *w) {
  return REFUSE(w, "messages",
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                "'tool_call_id'. The following tool_call_ids did not have response messages: %.*s",
                TEXT_ARGS(text_head(w->calls[0], 80)));
}

static enum err read_tool_message(struct chat_walk *w, yyjson_val *message, struct text path) {
  struct text id, said = TEXT_NONE;
  if (!json_get_text(message, "tool_call_id", &id))
    return REFUSE(w, path_of(w, path, "tool_call_id").at, "Missing required parameter: '%.*s.tool_call_id'.",
                  TEXT_ARGS(path));
  for (size_t i = 0; i < w->call_count; i++) {
    if (!text_equal(w->calls[i], id))
      continue;
    /* In order, so that a refusal names the first that is missing. */
    memmove(&w->calls[i], &w->calls[i + 1], (--w->call_count - i) * sizeof(w->calls[0]));
    enum err e = read_content(w, message, TEXT("tool"), false, path, &said);
    w->ask->has_tool_result = true;
    w->ask->tool_result = said;
    return e;
  }
  return REFUSE(w, path_of(w, path, "role").at,
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                "'tool_calls'.");
}

static enum err read_calls(struct chat_walk *w, yyjson_val *calls, struct text path) {
  size_t i, n;
  yyjson_val *call;
  path = path_of(w, path, "tool_calls");
  if (!calls || yyjson_is_null(calls))
    return ERR_OK;
  enum err e = openai_shape_check(&chat_calls_shape, calls, path, w->arena, w->fault);
  if (e)
    return e;
  digest_json(&w->so_far, calls);
  yyjson_arr_foreach (calls, i, n, call) {
    const char *type = yyjson_get_str(json_get(call, "type"));
    if (!json_get(call, type))
      return REFUSE(w, path.at, "Missing required parameter: '%.*s[%zu].%s'.", TEXT_ARGS(path), i, type);
    w->calls[w->call_count++] = json_text(json_get(call, "id"));
  }
  return ERR_OK;
}

static enum err read_assistant(struct chat_walk *w, yyjson_val *message, struct text path) {
  struct text said = TEXT_NONE;
  enum err e = read_calls(w, json_get(message, "tool_calls"), path);
  if (!e && w->flavour == CHAT_OPENROUTER) {
    e = openrouter_check_reasoning(json_get(message, "reasoning_details"), w->arena,
                                   path_of(w, path, "reasoning_details"), w->fault);
  }
  bool may_be_null = w->call_count > 0 || json_get(message, "function_call") || json_get(message, "refusal");
  return e ? e : read_content(w, message, TEXT("assistant"), may_be_null, path, &said);
}

static enum err read_message(struct chat_walk *w, yyjson_val *message, struct text path) {
  struct text role, said = TEXT_NONE;
  if (!json_get_text(message, "role", &role))
    return REFUSE(w, path_of(w, path, "role").at, "Missing required parameter: '%.*s.role'.", TEXT_ARGS(path));
  const struct shape *shape = chat_message_shape(role);
  if (!shape)
    return REFUSE(w, path_of(w, path, "role").at,
                  "Invalid value: '%.*s'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and "
                  "'developer'.",
                  TEXT_ARGS(text_head(role, 64)));
  enum err e = w->flavour == CHAT_OPENROUTER ? ERR_OK : openai_shape_check(shape, message, path, w->arena, w->fault);
  if (e)
    return e;
  digest_text(&w->so_far, role);
  if (text_equal(role, TEXT("tool")))
    return read_tool_message(w, message, path);
  if (w->call_count > 0)
    return missing_answers(w);
  if (text_equal(role, TEXT("assistant"))) {
    w->ask->has_tool_result = false;
    return read_assistant(w, message, path);
  }
  e = read_content(w, message, role, false, path, &said);
  if (!e && text_equal(role, TEXT("user"))) {
    w->ask->said = said;
    w->ask->has_tool_result = false;
  }
  return e;
}

enum err openai_messages(struct chat_walk *w, yyjson_val *messages) {
  size_t i, n;
  yyjson_val *message;
  yyjson_arr_foreach (messages, i, n, message) {
    enum err e = read_message(w, message, arena_format(w->arena, "messages[%zu]", i));
    if (e)
      return e;
  }
  digest_json(&w->ask->digest, messages);
  return w->call_count > 0 ? missing_answers(w) : ERR_OK;
}
