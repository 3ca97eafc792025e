/* The content blocks of a message: each kind has a row and, where the simulator looks inside, a function. It checks
 * what the service checks and collects what answer.c wants to quote. Members of requests around the messages are in
 * anthropic_request.c. */
#include "sim/anthropic_blocks.h"

#define REFUSE(w, ...) fault_set((w)->fault, ERR_BAD_REQUEST, NULL, __VA_ARGS__)

struct block_kind {
  const char *type;
  enum err (*read)(struct sim_walk *w, yyjson_val *block, struct text where); /* NULL: taken as it is */
  bool user, assistant;
};

static enum err read_text(struct sim_walk *w, yyjson_val *block, struct text where) {
  struct text t;
  if (!json_get_text(block, "text", &t))
    return REFUSE(w, "%.*s.text: Field required", TEXT_ARGS(where));
  if (t.len == 0)
    return REFUSE(w, "messages: text content blocks must be non-empty");
  w->ask->said = t;
  return ERR_OK;
}

static void attach(struct sim_walk *w, const char *kind, struct text media_type, size_t bytes) {
  size_t at = w->ask->attachment_count++;
  if (at < SIM_ATTACHMENTS_MAX)
    w->ask->attachment[at] = (struct sim_attachment){kind, media_type, bytes};
}

static enum err read_base64(struct sim_walk *w, yyjson_val *source, const char *kind, struct text where) {
  struct text media_type, data;
  size_t bytes;
  if (!json_get_text(source, "media_type", &media_type)) {
    return REFUSE(w, "%.*s.%s.source.base64.media_type: Field required", TEXT_ARGS(where), kind);
  }
  bool is_image = text_equal(media_type, TEXT("image/png")) || text_equal(media_type, TEXT("image/jpeg")) ||
                  text_equal(media_type, TEXT("image/gif")) || text_equal(media_type, TEXT("image/webp"));
  if (is_image != (kind[0] == 'i') || (!is_image && !text_equal(media_type, TEXT("application/pdf")))) {
    return REFUSE(w, "%.*s.%s.source.base64.media_type: Input should be %s", TEXT_ARGS(where), kind,
                  kind[0] == 'i' ? "'image/jpeg', 'image/png', 'image/gif' or 'image/webp'" : "'application/pdf'");
  }
  if (!json_get_text(source, "data", &data)) {
    return REFUSE(w, "%.*s.%s.source.base64.data: Field required", TEXT_ARGS(where), kind);
  }
  if (data.len == 0 || !digest_base64_length(data, &bytes)) {
    return REFUSE(w, "%.*s.%s.source.base64: invalid base64 data", TEXT_ARGS(where), kind);
  }
  attach(w, kind, media_type, bytes);
  return ERR_OK;
}

static enum err read_source(struct sim_walk *w, yyjson_val *block, const char *kind, struct text where) {
  yyjson_val *source = json_get(block, "source");
  struct text type;
  if (!yyjson_is_obj(source))
    return REFUSE(w, "%.*s.%s.source: Field required", TEXT_ARGS(where), kind);
  if (!json_get_text(source, "type", &type)) {
    return REFUSE(w, "%.*s.%s.source: Unable to extract tag using discriminator 'type'", TEXT_ARGS(where), kind);
  }
  if (text_equal(type, TEXT("base64")))
    return read_base64(w, source, kind, where);
  if (text_equal(type, TEXT("url")) && yyjson_is_str(json_get(source, "url")))
    attach(w, kind, TEXT("url"), 0);
  else if (text_equal(type, TEXT("file")) && yyjson_is_str(json_get(source, "file_id")))
    attach(w, kind, TEXT("file"), 0);
  else if (kind[0] == 'd' && text_equal(type, TEXT("text")) && yyjson_is_str(json_get(source, "data"))) {
    attach(w, kind, TEXT("text/plain"), json_text(json_get(source, "data")).len);
  } else if (kind[0] == 'd' && text_equal(type, TEXT("content")))
    attach(w, kind, TEXT("content"), 0);
  else
    return REFUSE(w, "%.*s.%s.source: Input tag '%.*s' is not complete or not known", TEXT_ARGS(where), kind,
                  TEXT_ARGS(type));
  return ERR_OK;
}

static enum err read_image(struct sim_walk *w, yyjson_val *block, struct text where) {
  return read_source(w, block, "image", where);
}
static enum err read_document(struct sim_walk *w, yyjson_val *block, struct text where) {
  return read_source(w, block, "document", where);
}

static bool is_tool_id(struct text id) {
  for (size_t i = 0; i < id.len; i++) {
    char c = id.at[i];
    bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!ok)
      return false;
  }
  return id.len > 0;
}

static enum err read_tool_use(struct sim_walk *w, yyjson_val *block, struct text where) {
  struct text id, name;
  if (!json_get_text(block, "id", &id))
    return REFUSE(w, "%.*s.tool_use.id: Field required", TEXT_ARGS(where));
  if (!is_tool_id(id)) {
    return REFUSE(w, "%.*s.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'", TEXT_ARGS(where));
  }
  if (!json_get_text(block, "name", &name))
    return REFUSE(w, "%.*s.tool_use.name: Field required", TEXT_ARGS(where));
  if (!yyjson_is_obj(json_get(block, "input"))) {
    return REFUSE(w, "%.*s.tool_use.input: Input should be a valid dictionary", TEXT_ARGS(where));
  }
  if (w->use_count >= SIM_TOOL_USES_MAX)
    return REFUSE(w, "%.*s: more than %d tool_use blocks", TEXT_ARGS(where), SIM_TOOL_USES_MAX);
  w->uses[w->use_count++] = id;
  return ERR_OK;
}

/* The text of a tool's result: a string, or its first text block. */
static struct text result_text(yyjson_val *content) {
  if (yyjson_is_str(content))
    return json_text(content);
  size_t i, n;
  yyjson_val *block;
  yyjson_arr_foreach (content, i, n, block) {
    struct text t;
    if (json_get_text(block, "text", &t))
      return t;
  }
  return TEXT_NONE;
}

static enum err read_tool_result(struct sim_walk *w, yyjson_val *block, struct text where) {
  struct text id;
  if (!json_get_text(block, "tool_use_id", &id)) {
    return REFUSE(w, "%.*s.tool_result.tool_use_id: Field required", TEXT_ARGS(where));
  }
  for (size_t i = 0; i < w->use_count; i++) {
    if (!text_equal(w->uses[i], id))
      continue;
    w->uses[i] = w->uses[--w->use_count];
    w->ask->has_tool_result = true;
    w->ask->tool_result = result_text(json_get(block, "content"));
    return ERR_OK;
  }
  return REFUSE(
      w,
      "%.*s: unexpected `tool_use_id` found in `tool_result` blocks: %.*s. Each `tool_result` block must have a "
      "corresponding `tool_use` block in the previous message.",
      TEXT_ARGS(where), TEXT_ARGS(text_head(id, 80)));
}

static enum err read_thinking(struct sim_walk *w, yyjson_val *block, struct text where) {
  struct text thinking, signature;
  if (!json_get_text(block, "thinking", &thinking))
    return REFUSE(w, "%.*s.thinking.thinking: Field required", TEXT_ARGS(where));
  if (!json_get_text(block, "signature", &signature))
    return REFUSE(w, "%.*s.thinking.signature: Field required", TEXT_ARGS(where));
  if (!text_equal(signature, digest_signature(w->arena, thinking))) {
    return REFUSE(w, "%.*s: Invalid `signature` in `thinking` block", TEXT_ARGS(where));
  }
  return ERR_OK;
}

static enum err read_redacted(struct sim_walk *w, yyjson_val *block, struct text where) {
  struct text data, plain;
  if (!json_get_text(block, "data", &data))
    return REFUSE(w, "%.*s.redacted_thinking.data: Field required", TEXT_ARGS(where));
  if (!digest_unseal(w->arena, data, &plain))
    return REFUSE(w, "%.*s: Invalid `data` in `redacted_thinking` block", TEXT_ARGS(where));
  return ERR_OK;
}

static const struct block_kind kinds[] = {
    {"text", read_text, true, true},
    {"image", read_image, true, false},
    {"document", read_document, true, false},
    {"tool_use", read_tool_use, false, true},
    {"tool_result", read_tool_result, true, false},
    {"thinking", read_thinking, false, true},
    {"redacted_thinking", read_redacted, false, true},
    {"search_result", NULL, true, false},
    {"server_tool_use", NULL, false, true},
    {"web_search_tool_result", NULL, false, true},
    {"web_fetch_tool_result", NULL, false, true},
    {"code_execution_tool_result", NULL, false, true},
    {"bash_code_execution_tool_result", NULL, false, true},
    {"text_editor_code_execution_tool_result", NULL, false, true},
    {"tool_search_tool_result", NULL, false, true},
    {"mcp_tool_use", NULL, false, true},
    {"mcp_tool_result", NULL, false, true},
    {"container_upload", NULL, true, true},
    {"compaction", NULL, true, true},
};

static const struct block_kind *find_kind(struct text type) {
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    if (text_equal(text_of(kinds[i].type), type))
      return &kinds[i];
  }
  return NULL;
}

static enum err read_block(struct sim_walk *w, yyjson_val *block, bool is_user, size_t index) {
  struct text where = arena_format(w->arena, "messages.%zu.content.%zu", w->message, index), type;
  if (!yyjson_is_obj(block))
    return REFUSE(w, "%.*s: Input should be an object", TEXT_ARGS(where));
  if (!json_get_text(block, "type", &type))
    return REFUSE(w, "%.*s.type: Field required", TEXT_ARGS(where));
  const struct block_kind *kind = find_kind(type);
  if (!kind) {
    return REFUSE(w, "%.*s: Input tag '%.*s' found using 'type' does not match any of the expected tags",
                  TEXT_ARGS(where), TEXT_ARGS(text_head(type, 64)));
  }
  if (is_user ? !kind->user : !kind->assistant) {
    return REFUSE(w, "%.*s: `%s` blocks can only be in `%s` messages", TEXT_ARGS(where), kind->type,
                  is_user ? "assistant" : "user");
  }
  struct text said = w->ask->said;
  if (kind->read) {
    enum err e = kind->read(w, block, where);
    if (e)
      return e;
  }
  if (!is_user)
    w->ask->said = said;
  digest_json(&w->ask->digest, block);
  return sim_anthropic_cache_control(w, block, where);
}

enum err sim_anthropic_content(struct sim_walk *w, yyjson_val *content, bool is_user) {
  if (yyjson_is_str(content)) {
    struct text t = json_text(content);
    if (t.len == 0)
      return REFUSE(w, "messages.%zu: all messages must have non-empty content", w->message);
    digest_text(&w->ask->digest, t);
    if (is_user)
      w->ask->said = t;
    return ERR_OK;
  }
  if (!content)
    return REFUSE(w, "messages.%zu.content: Field required", w->message);
  if (!yyjson_is_arr(content)) {
    return REFUSE(w, "messages.%zu.content: Input should be a valid string or a valid list", w->message);
  }
  size_t i, n;
  yyjson_val *block;
  yyjson_arr_foreach (content, i, n, block) {
    enum err e = read_block(w, block, is_user, i);
    if (e)
      return e;
  }
  return ERR_OK;
}

enum err sim_anthropic_cache_control(struct sim_walk *w, yyjson_val *block, struct text where) {
  yyjson_val *control = yyjson_obj_get(block, "cache_control");
  if (!control || yyjson_is_null(control))
    return ERR_OK;
  struct text type, ttl = TEXT("5m");
  if (!json_get_text(control, "type", &type) || !text_equal(type, TEXT("ephemeral"))) {
    return REFUSE(w, "%.*s.cache_control.type: Input should be 'ephemeral'", TEXT_ARGS(where));
  }
  if (json_get(control, "ttl") && !json_get_text(control, "ttl", &ttl))
    ttl = TEXT_NONE;
  bool one_hour = text_equal(ttl, TEXT("1h"));
  if (!one_hour && !text_equal(ttl, TEXT("5m"))) {
    return REFUSE(w, "%.*s.cache_control.ephemeral.ttl: Input should be '5m' or '1h'", TEXT_ARGS(where));
  }
  if (w->breakpoints++ < PROMPT_CACHE_BREAKPOINTS_MAX) {
    struct sim_ask *ask = w->ask;
    ask->breakpoint[ask->breakpoint_count++] =
        (struct prompt_breakpoint){ask->digest.hash, digest_tokens(ask->digest.bytes), one_hour};
  }
  return ERR_OK;
}
