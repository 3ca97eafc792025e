/* What the members of Converse messages must have in common with each other. Their shapes have been checked by
 * converse_request.c before it calls this. */
#include "sim/converse_blocks.h"

#define IMAGES_MAX         20
#define IMAGE_BYTES_MAX    3932160 /* 3.75 MiB */
#define DOCUMENTS_MAX      5
#define DOCUMENT_BYTES_MAX 4718592 /* 4.5 MiB */

#define REFUSE(w, ...)     fault_set((w)->fault, ERR_BAD_REQUEST, NULL, __VA_ARGS__)

enum err converse_cache_point(struct converse_walk *w, yyjson_val *block) {
  yyjson_val *point = json_get(block, "cachePoint");
  struct sim_ask *ask = w->ask;
  if (!point) {
    digest_json(&ask->digest, block);
    return ERR_OK;
  }
  if (w->breakpoints++ == PROMPT_CACHE_BREAKPOINTS_MAX)
    return REFUSE(w, "You have more than %d cache checkpoints in your request. Remove some and try again.",
                  PROMPT_CACHE_BREAKPOINTS_MAX);
  ask->breakpoint[ask->breakpoint_count++] = (struct prompt_breakpoint){
      ask->digest.hash, digest_tokens(ask->digest.bytes), yyjson_equals_str(json_get(point, "ttl"), "1h")};
  return ERR_OK;
}

static bool is_document_name(struct text name) {
  for (size_t i = 0; i < name.len; i++) {
    char c = name.at[i];
    bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    bool is_space = c == ' ' || c == '\t' || c == '\n';
    if (is_space ? i + 1 < name.len && name.at[i + 1] == ' ' : !is_word && !memchr("-()[]", c, 5))
      return false;
  }
  return name.len > 0;
}

static void attach(struct converse_walk *w, const char *kind, yyjson_val *block, size_t bytes) {
  size_t at = w->ask->attachment_count++;
  if (at < SIM_ATTACHMENTS_MAX)
    w->ask->attachment[at] = (struct sim_attachment){kind, json_text(json_get(block, "format")), bytes};
}

/* The decoded length of a source; 0 for one that is elsewhere. */
static size_t source_bytes(yyjson_val *block) {
  yyjson_val *source = json_get(block, "source");
  struct text t;
  size_t bytes = 0;
  if (json_get_text(source, "bytes", &t))
    (void)digest_base64_length(t, &bytes);
  else if (json_get_text(source, "text", &t))
    bytes = t.len;
  return bytes;
}

static enum err read_image(struct converse_walk *w, yyjson_val *image, struct text where) {
  size_t bytes = source_bytes(image);
  if (++w->images > IMAGES_MAX)
    return REFUSE(w, "too many images and documents: %zu images, at most %d", w->images, IMAGES_MAX);
  if (bytes > IMAGE_BYTES_MAX)
    return REFUSE(w, "%.*s.image.source.bytes: image exceeds 3.75 MB maximum: %zu bytes", TEXT_ARGS(where), bytes);
  attach(w, "image", image, bytes);
  return ERR_OK;
}

static enum err read_document(struct converse_walk *w, yyjson_val *document, struct text where) {
  size_t bytes = source_bytes(document);
  struct text name = json_text(json_get(document, "name"));
  if (++w->documents > DOCUMENTS_MAX)
    return REFUSE(w, "too many images and documents: %zu documents, at most %d", w->documents, DOCUMENTS_MAX);
  if (!is_document_name(name))
    return REFUSE(w,
                  "%.*s.document.name: The document file name can only contain alphanumeric characters, whitespace "
                  "characters, hyphens, parentheses, and square brackets. The name can't contain more than one "
                  "consecutive whitespace character.",
                  TEXT_ARGS(where));
  if (bytes > DOCUMENT_BYTES_MAX)
    return REFUSE(w, "%.*s.document.source.bytes: document exceeds 4.5 MB maximum: %zu bytes", TEXT_ARGS(where), bytes);
  attach(w, "document", document, bytes);
  return ERR_OK;
}

static bool is_tool_id(struct text id) {
  for (size_t i = 0; i < id.len; i++) {
    char c = id.at[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
      return false;
  }
  return true;
}

static enum err read_tool_use(struct converse_walk *w, yyjson_val *use, struct text where) {
  struct text id = json_text(json_get(use, "toolUseId"));
  w->has_tools_blocks = true;
  if (!is_tool_id(id) || !is_tool_id(json_text(json_get(use, "name"))))
    return REFUSE(w,
                  "1 validation error detected: Value at '%.*s.toolUse' failed to satisfy constraint: toolUseId and "
                  "name must satisfy regular expression pattern: [a-zA-Z0-9_-]+",
                  TEXT_ARGS(where));
  if (!yyjson_is_obj(json_get(use, "input")))
    return REFUSE(w,
                  "The format of the value at %.*s.toolUse.input is invalid. Provide a json object for the field "
                  "and try again.",
                  TEXT_ARGS(where));
  if (w->use_count == CONVERSE_TOOL_USES_MAX)
    return REFUSE(w, "%.*s: more than %d toolUse blocks", TEXT_ARGS(where), CONVERSE_TOOL_USES_MAX);
  w->uses[w->use_count++] = id;
  return ERR_OK;
}

static enum err read_result_content(struct converse_walk *w, yyjson_val *content, struct text where) {
  size_t i, n;
  yyjson_val *block;
  yyjson_arr_foreach (content, i, n, block) {
    enum err e = ERR_OK;
    if (json_get(block, "image"))
      e = read_image(w, json_get(block, "image"), where);
    else if (json_get(block, "document"))
      e = read_document(w, json_get(block, "document"), where);
    else if (w->ask->tool_result.len == 0)
      w->ask->tool_result = json_text(json_get(block, "text"));
    if (e)
      return e;
  }
  return ERR_OK;
}

static enum err read_tool_result(struct converse_walk *w, yyjson_val *result, struct text where) {
  struct text id = json_text(json_get(result, "toolUseId"));
  w->has_tools_blocks = true;
  for (size_t i = 0; i < w->use_count; i++) {
    if (!text_equal(w->uses[i], id))
      continue;
    w->uses[i] = w->uses[--w->use_count];
    w->ask->has_tool_result = true;
    w->ask->tool_result = TEXT_NONE;
    return read_result_content(w, json_get(result, "content"), where);
  }
  return REFUSE(w,
                "The number of toolResult blocks at messages.%zu.content exceeds the number of toolUse blocks of "
                "previous turn.",
                w->message);
}

static enum err read_reasoning(struct converse_walk *w, yyjson_val *reasoning, struct text where) {
  yyjson_val *text = json_get(reasoning, "reasoningText");
  struct text plain;
  if (!text) {
    return digest_unseal(w->arena, json_text(json_get(reasoning, "redactedContent")), &plain)
               ? ERR_OK
               : REFUSE(w, "The model returned the following errors: %.*s: Invalid `data` in `redacted_thinking` block",
                        TEXT_ARGS(where));
  }
  struct text signature = json_text(json_get(text, "signature"));
  return text_equal(signature, digest_signature(w->arena, json_text(json_get(text, "text"))))
             ? ERR_OK
             : REFUSE(w, "The model returned the following errors: %.*s: Invalid `signature` in `thinking` block",
                      TEXT_ARGS(where));
}

static enum err read_text(struct converse_walk *w, yyjson_val *text, struct text where) {
  struct text t = json_text(text);
  if (text_trim(t).len == 0)
    return REFUSE(w,
                  "The text field in the ContentBlock object at %.*s is blank. Add text to the text field, and try "
                  "again.",
                  TEXT_ARGS(where));
  if (w->is_user)
    w->ask->said = t;
  return ERR_OK;
}

struct block_kind {
  const char *name;
  enum err (*read)(struct converse_walk *w, yyjson_val *value, struct text where); /* NULL: taken as it is */
  bool user, assistant;
};

static const struct block_kind kinds[] = {
    {"text", read_text, true, true},
    {"image", read_image, true, false},
    {"document", read_document, true, false},
    {"video", NULL, true, false},
    {"audio", NULL, true, false},
    {"toolUse", read_tool_use, false, true},
    {"toolResult", read_tool_result, true, false},
    {"guardContent", NULL, true, true},
    {"cachePoint", NULL, true, true},
    {"reasoningContent", read_reasoning, false, true},
    {"citationsContent", NULL, false, true},
    {"searchResult", NULL, true, false},
    {"toolAddition", NULL, true, false},
    {"toolRemoval", NULL, true, false},
};

static enum err read_block(struct converse_walk *w, yyjson_val *block, size_t index) {
  struct text where = arena_format(w->arena, "messages.%zu.content.%zu", w->message, index);
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    yyjson_val *value = json_get(block, kinds[i].name);
    if (!value || yyjson_is_null(value))
      continue;
    if (w->is_user ? !kinds[i].user : !kinds[i].assistant)
      return REFUSE(w, "%.*s: %s is not allowed in a message of the role %s", TEXT_ARGS(where), kinds[i].name,
                    w->is_user ? "user" : "assistant");
    enum err e = kinds[i].read ? kinds[i].read(w, value, where) : ERR_OK;
    return e ? e : converse_cache_point(w, block);
  }
  return ERR_OK;
}

static bool has_block(yyjson_val *content, const char *name) {
  size_t i, n;
  yyjson_val *block;
  yyjson_arr_foreach (content, i, n, block) {
    if (json_get(block, name))
      return true;
  }
  return false;
}

static enum err read_content(struct converse_walk *w, yyjson_val *content) {
  size_t i, n;
  yyjson_val *block;
  if (yyjson_arr_size(content) == 0)
    return REFUSE(w,
                  "The content field in the Message object at messages.%zu is empty. Add a ContentBlock object to the "
                  "content field and try again.",
                  w->message);
  if (has_block(content, "document") && !has_block(content, "text"))
    return REFUSE(w, "messages.%zu: a message with a document must also have a text block", w->message);
  yyjson_arr_foreach (content, i, n, block) {
    enum err e = read_block(w, block, i);
    if (e)
      return e;
  }
  return ERR_OK;
}

static enum err missing_results(struct converse_walk *w, size_t message) {
  return REFUSE(w, "Expected toolResult blocks at messages.%zu.content for the following Ids: %.*s", message,
                TEXT_ARGS(text_head(w->uses[0], 80)));
}

static enum err read_system_message(struct converse_walk *w, yyjson_val *content) {
  struct text said = w->ask->said;
  w->is_user = true;
  enum err e = read_content(w, content);
  w->ask->said = said;
  return e;
}

static enum err read_message(struct converse_walk *w, yyjson_val *message, bool *is_after_user) {
  struct text role = json_text(json_get(message, "role"));
  yyjson_val *content = json_get(message, "content");
  digest_text(&w->ask->digest, role);
  if (text_equal(role, TEXT("system")))
    return read_system_message(w, content);
  w->is_user = text_equal(role, TEXT("user"));
  if (w->is_user == *is_after_user)
    return REFUSE(w, "A conversation must alternate between user and assistant roles. Make sure the conversation "
                     "alternates between user and assistant roles and try again.");
  *is_after_user = w->is_user;
  if (w->is_user)
    w->ask->has_tool_result = false;
  enum err e = read_content(w, content);
  return !e && w->is_user && w->use_count > 0 ? missing_results(w, w->message) : e;
}

enum err converse_messages(struct converse_walk *w, yyjson_val *messages) {
  size_t i, n;
  yyjson_val *message;
  bool is_after_user = false;
  if (yyjson_arr_size(messages) == 0)
    return REFUSE(w, "A conversation must start with a user message. Try again with a conversation that starts with a "
                     "user message.");
  yyjson_arr_foreach (messages, i, n, message) {
    w->message = i;
    if (i == 0 && !yyjson_equals_str(json_get(message, "role"), "user"))
      return REFUSE(w, "A conversation must start with a user message. Try again with a conversation that starts with "
                       "a user message.");
    enum err e = read_message(w, message, &is_after_user);
    if (e)
      return e;
  }
  return w->use_count > 0 ? missing_results(w, w->message + 1) : ERR_OK;
}
