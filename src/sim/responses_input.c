/* Items are checked one by one against their shapes, then against each other: an output needs its call, a call its
 * output, reasoning the item it led to, and what was encrypted must have been encrypted here. Called by
 * responses_request.c. */
#include "sim/responses_input.h"

#include "sim/openai_checks.h"
#include "sim/responses_shape.h"

#define REFUSE(w, field, ...) fault_set((w)->fault, ERR_BAD_REQUEST, (field), __VA_ARGS__)

static struct text path_of(struct responses_walk *w, struct text path, const char *member) {
  return arena_format(w->arena, "%.*s.%s", TEXT_ARGS(path), member);
}

static enum err read_image(struct responses_walk *w, yyjson_val *part, struct text path) {
  struct text url;
  if (json_get_text(part, "image_url", &url))
    return openai_check_image(w->ask, url, path_of(w, path, "image_url"), w->fault);
  if (!json_get(part, "file_id"))
    return REFUSE(w, path.at, "Missing required parameter: '%.*s.image_url'.", TEXT_ARGS(path));
  return ERR_OK;
}

static enum err read_file(struct responses_walk *w, yyjson_val *part, struct text path) {
  struct text data;
  if (json_get_text(part, "file_data", &data)) {
    if (!json_get(part, "filename"))
      return REFUSE(w, path.at, "Missing required parameter: '%.*s.filename'.", TEXT_ARGS(path));
    return openai_check_file(w->ask, data, path_of(w, path, "file_data"), w->fault);
  }
  if (!json_get(part, "file_id") && !json_get(part, "file_url"))
    return REFUSE(w, path.at, "Missing required parameter: '%.*s.file_data'.", TEXT_ARGS(path));
  return ERR_OK;
}

static enum err read_part(struct responses_walk *w, yyjson_val *part, bool is_assistant, struct text path) {
  struct text type;
  if (!yyjson_is_obj(part) || !json_get_text(part, "type", &type))
    return REFUSE(w, path.at, "Missing required parameter: '%.*s.type'.", TEXT_ARGS(path));
  const struct shape *shape = responses_part_shape(type);
  bool is_output = text_equal(type, TEXT("output_text")) || text_equal(type, TEXT("refusal"));
  if (!shape || is_output != is_assistant)
    return REFUSE(w, path.at, "Invalid value: '%.*s'. Supported values are: %s.", TEXT_ARGS(text_head(type, 64)),
                  is_assistant ? "'output_text' and 'refusal'" : "'input_text', 'input_image', and 'input_file'");
  enum err e = openai_shape_check(shape, part, path, w->arena, w->fault);
  if (!e && text_equal(type, TEXT("input_image")))
    e = read_image(w, part, path);
  if (!e && text_equal(type, TEXT("input_file")))
    e = read_file(w, part, path);
  digest_json(&w->ask->digest, part);
  return e ? e : openai_cache_breakpoint(w->ask, &w->ask->digest, part, w->fault);
}

/* Text, or parts; *out_text is the last text in it. */
static enum err read_content(struct responses_walk *w, yyjson_val *content, bool is_assistant, struct text path,
                             struct text *out_text) {
  size_t i, n;
  yyjson_val *part;
  if (yyjson_is_str(content)) {
    digest_json(&w->ask->digest, content);
    *out_text = json_text(content);
    return ERR_OK;
  }
  if (!yyjson_is_arr(content))
    return REFUSE(w, path.at, "Invalid type for '%.*s': expected one of a string or an array of objects.",
                  TEXT_ARGS(path));
  yyjson_arr_foreach (content, i, n, part) {
    struct text at = arena_format(w->arena, "%.*s[%zu]", TEXT_ARGS(path), i);
    enum err e = read_part(w, part, is_assistant, at);
    if (e)
      return e;
    (void)json_get_text(part, "text", out_text);
  }
  return ERR_OK;
}

static enum err read_message(struct responses_walk *w, yyjson_val *item, struct text path) {
  struct text role = json_text(json_get(item, "role")), said = TEXT_NONE;
  bool is_assistant = text_equal(role, TEXT("assistant"));
  digest_text(&w->ask->digest, role);
  enum err e = read_content(w, json_get(item, "content"), is_assistant, path_of(w, path, "content"), &said);
  if (!e && text_equal(role, TEXT("user"))) {
    w->ask->said = said;
    w->ask->has_tool_result = false;
  }
  return e;
}

static enum err add_call(struct responses_walk *w, yyjson_val *item, struct text path) {
  struct text name = json_text(json_get(item, "name"));
  digest_json(&w->ask->digest, item);
  if (!openai_is_name(name))
    return REFUSE(w, path_of(w, path, "name").at,
                  "Invalid '%.*s.name': string does not match pattern. Expected a string that matches the pattern "
                  "'^[a-zA-Z0-9_-]+$'.",
                  TEXT_ARGS(path));
  if (w->call_count == RESPONSES_CALLS_MAX)
    return REFUSE(w, "input", "more than %d calls wait for their outputs", RESPONSES_CALLS_MAX);
  w->calls[w->call_count++] = arena_copy(w->arena, json_text(json_get(item, "call_id")));
  return ERR_OK;
}

static enum err take_output(struct responses_walk *w, yyjson_val *item, struct text path) {
  struct text id = json_text(json_get(item, "call_id")), said = TEXT_NONE;
  for (size_t i = 0; i < w->call_count; i++) {
    if (!text_equal(w->calls[i], id))
      continue;
    w->calls[i] = w->calls[--w->call_count];
    enum err e = read_content(w, json_get(item, "output"), false, path_of(w, path, "output"), &said);
    w->ask->has_tool_result = true;
    w->ask->tool_result = said;
    return e;
  }
  return REFUSE(w, "input", "No tool call found for function call output with call_id %.*s.",
                TEXT_ARGS(text_head(id, 80)));
}

static enum err not_found(struct responses_walk *w, struct text id) {
  return fault_set(
      w->fault, ERR_NOT_FOUND, "input",
      "Item with id '%.*s' not found. Items are not persisted when `store` is set to false. Try again with "
      "`store` set to true, or remove this item from your input.",
      TEXT_ARGS(text_head(id, 80)));
}

static enum err read_reasoning(struct responses_walk *w, yyjson_val *item, struct text path) {
  struct text sealed, plain, id = json_text(json_get(item, "id")), kept;
  digest_json(&w->ask->digest, item);
  w->alone = id;
  w->has_alone = true;
  if (json_get_text(item, "encrypted_content", &sealed)) {
    if (digest_unseal(w->arena, sealed, &plain))
      return ERR_OK;
    return REFUSE(
        w, path_of(w, path, "encrypted_content").at,
        "The encrypted content %.*s... could not be verified. Reason: Encrypted content could not be decrypted "
        "or parsed.",
        TEXT_ARGS(text_head(sealed, 8)));
  }
  return responses_store_item(w->store, w->arena, id, &kept) ? ERR_OK : not_found(w, id);
}

static enum err read_item(struct responses_walk *w, yyjson_val *item, struct text path);
static void free_document(void *data) { json_done(data); }

static enum err read_reference(struct responses_walk *w, yyjson_val *item, struct text path) {
  struct text id = json_text(json_get(item, "id")), kept;
  struct json *doc = ARENA_NEW(w->arena, struct json);
  if (!responses_store_item(w->store, w->arena, id, &kept) || json_read(kept, NULL, doc, NULL) != ERR_OK)
    return not_found(w, id);
  arena_defer(w->arena, free_document, doc);
  return read_item(w, doc->root, path);
}

/* Ids that the service gave must come back with the prefix of their kind. */
static enum err check_id(struct responses_walk *w, yyjson_val *item, const char *prefix, struct text path) {
  struct text id;
  if (!prefix || !json_get_text(item, "id", &id) || text_starts(id, text_of(prefix)))
    return ERR_OK;
  return REFUSE(w, path_of(w, path, "id").at, "Invalid '%.*s.id': '%.*s'. Expected an ID that begins with '%s'.",
                TEXT_ARGS(path), TEXT_ARGS(text_head(id, 64)), prefix);
}

struct item_kind {
  const char *type, *id_prefix;
  enum err (*read)(struct responses_walk *w, yyjson_val *item, struct text path);
  bool follows_reasoning; /* is what reasoning may lead to */
};
static const struct item_kind kinds[] = {
    {"message", NULL, read_message, false},
    {"function_call", "fc", add_call, true},
    {"function_call_output", NULL, take_output, false},
    {"custom_tool_call", "ctc", add_call, true},
    {"custom_tool_call_output", NULL, take_output, false},
    {"reasoning", "rs", read_reasoning, true},
    {"item_reference", NULL, read_reference, true},
};

static enum err missing_follower(struct responses_walk *w) {
  return REFUSE(w, "input", "Item '%.*s' of type 'reasoning' was provided without its required following item.",
                TEXT_ARGS(text_head(w->alone, 80)));
}

static enum err check_follower(struct responses_walk *w, const struct item_kind *kind, yyjson_val *item) {
  bool follows = !kind || kind->follows_reasoning || yyjson_equals_str(json_get(item, "role"), "assistant");
  if (w->has_alone && !follows)
    return missing_follower(w);
  w->has_alone = false;
  return ERR_OK;
}

static enum err read_item(struct responses_walk *w, yyjson_val *item, struct text path) {
  struct text type = TEXT("message");
  const struct item_kind *kind = NULL;
  if (!yyjson_is_obj(item))
    return REFUSE(w, path.at, "Invalid type for '%.*s': expected an object.", TEXT_ARGS(path));
  if (!json_get_text(item, "type", &type) && json_get(item, "id") && !json_get(item, "role"))
    type = TEXT("item_reference");
  const struct shape *shape = responses_item_shape(type);
  if (!shape)
    return REFUSE(w, path.at, "Invalid value: '%.*s'. '%.*s.type' is not a known type of item.",
                  TEXT_ARGS(text_head(type, 64)), TEXT_ARGS(path));
  enum err e = openai_shape_check(shape, item, path, w->arena, w->fault);
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    if (text_equal(text_of(kinds[i].type), type))
      kind = &kinds[i];
  }
  if (!e)
    e = check_follower(w, kind, item);
  if (!e && kind)
    e = check_id(w, item, kind->id_prefix, path);
  if (!e && kind)
    return kind->read(w, item, path);
  digest_json(&w->ask->digest, item);
  return e;
}

static enum err read_items(struct responses_walk *w, yyjson_val *input) {
  size_t i, n;
  yyjson_val *item;
  yyjson_arr_foreach (input, i, n, item) {
    enum err e = read_item(w, item, arena_format(w->arena, "input[%zu]", i));
    if (e)
      return e;
  }
  return ERR_OK;
}

enum err responses_input(struct responses_walk *w, yyjson_val *input) {
  enum err e = ERR_OK;
  if (yyjson_is_str(input)) {
    w->ask->said = json_text(input);
    digest_json(&w->ask->digest, input);
  } else if (yyjson_is_arr(input)) {
    e = read_items(w, input);
  } else if (input && !yyjson_is_null(input)) {
    e = REFUSE(w, "input", "Invalid type for 'input': expected one of a string or an array of objects.");
  }
  if (!e && w->has_alone)
    e = missing_follower(w);
  if (!e && w->call_count > 0)
    e = REFUSE(w, "input", "No tool output found for function call %.*s.", TEXT_ARGS(text_head(w->calls[0], 80)));
  return e;
}

void responses_continue(struct responses_walk *w, const struct responses_kept *before) {
  struct json doc;
  size_t i, n;
  yyjson_val *item;
  w->ask->digest = before->prompt;
  if (json_read(before->json, NULL, &doc, NULL) != ERR_OK)
    return;
  yyjson_arr_foreach (json_get(doc.root, "output"), i, n, item) {
    struct text call;
    if (json_get_text(item, "call_id", &call) && w->call_count < RESPONSES_CALLS_MAX)
      w->calls[w->call_count++] = arena_copy(w->arena, call);
  }
  json_done(&doc);
}
