/* Content blocks of Converse requests: each is an object with one member that says its kind. Media are read in
 * converse_media.c. What a block means to a target is not decided here; what no target could mean is refused by name.
 * Called by converse_request.c. */
#include "wire/converse_content.h"

#include "wire/converse_media.h"
#include "wire/seal.h"

#define COUNT(names) (sizeof(names) / sizeof((names)[0]))

enum block_name {
  BLOCK_TEXT,
  BLOCK_IMAGE,
  BLOCK_DOCUMENT,
  BLOCK_AUDIO,
  BLOCK_TOOL_USE,
  BLOCK_TOOL_RESULT,
  BLOCK_CACHE_POINT,
  BLOCK_REASONING,
  BLOCK_CITATIONS,
  BLOCK_SEARCH_RESULT,
  BLOCK_JSON,
  BLOCK_NAMES
};
/* json stands in tool results only. What is not here (video, guardContent, toolAddition, toolRemoval, and what is yet
 * unknown) is refused by its name. */
static const char *const block_names[BLOCK_NAMES] = {
    [BLOCK_TEXT] = "text",
    [BLOCK_IMAGE] = "image",
    [BLOCK_DOCUMENT] = "document",
    [BLOCK_AUDIO] = "audio",
    [BLOCK_TOOL_USE] = "toolUse",
    [BLOCK_TOOL_RESULT] = "toolResult",
    [BLOCK_CACHE_POINT] = "cachePoint",
    [BLOCK_REASONING] = "reasoningContent",
    [BLOCK_CITATIONS] = "citationsContent",
    [BLOCK_SEARCH_RESULT] = "searchResult",
    [BLOCK_JSON] = "json",
};

struct message {
  uint32_t number;
  enum llm_role role;
  struct converse_names *calls;
};

enum err converse_read_mark(struct reading *r, yyjson_val *v, const struct spot *s, enum llm_cache *mark) {
  static const char *const names[] = {"type", "ttl"};
  yyjson_val *members[COUNT(names)];
  struct text type = TEXT_NONE, ttl = TEXT_NONE;
  if (!mark)
    return converse_bad(r, s, "must stand behind what it marks");
  enum err e = converse_members(r, v, s, names, COUNT(names), members);
  if (!e)
    e = converse_string(r, members[0], s, "type", true, &type);
  if (!e)
    e = converse_string(r, members[1], s, "ttl", false, &ttl);
  if (e)
    return e;
  if (!text_equal(type, TEXT("default")))
    return converse_bad_member(r, s, "type", "must be \"default\"");
  if (members[1] && !text_equal(ttl, TEXT("5m")) && !text_equal(ttl, TEXT("1h")))
    return converse_bad_member(r, s, "ttl", "must be \"5m\" or \"1h\"");
  *mark = !members[1] ? LLM_CACHE_DEFAULT : text_equal(ttl, TEXT("5m")) ? LLM_CACHE_5M : LLM_CACHE_1H;
  return ERR_OK;
}

static enum err read_tool_use(struct reading *r, yyjson_val *v, const struct spot *s, const struct message *m,
                              struct llm_block *b) {
  static const char *const names[] = {"toolUseId", "name", "input", "type"};
  yyjson_val *members[COUNT(names)];
  if (m->role != LLM_ASSISTANT)
    return converse_bad(r, s, "may only stand in an assistant message");
  enum err e = converse_members(r, v, s, names, COUNT(names), members);
  if (!e && members[3])
    e = converse_refuse_member(r, s, "type", "calls of the provider's own tools cannot be carried");
  if (!e)
    e = converse_string(r, members[0], s, "toolUseId", true, &b->id);
  if (!e)
    e = converse_string(r, members[1], s, "name", true, &b->name);
  if (!e && !yyjson_is_obj(members[2]))
    e = converse_bad_member(r, s, "input", "must be an object");
  if (e)
    return e;
  b->kind = LLM_TOOL_USE;
  b->input = json_value_text(members[2], r->arena);
  (void)converse_names_add(m->calls, b->id);
  return ERR_OK;
}

static enum err read_block(struct reading *r, enum block_name which, yyjson_val *v, const struct llm_place *place,
                           const struct message *m, struct llm_block *b, bool *out_left_out);

/* What may stand in a tool's result. */
static enum err read_result_block(struct reading *r, yyjson_val *item, const struct llm_place *place,
                                  const struct message *m, struct llm_block *b, bool *out_left_out) {
  const struct spot s = {place, NULL, NULL};
  size_t which;
  yyjson_val *v = NULL;
  enum err e = converse_union(r, item, &s, block_names, BLOCK_NAMES, &which, &v);
  if (e)
    return e;
  *out_left_out = which == BLOCK_NAMES;
  if (*out_left_out)
    return ERR_OK;
  switch ((enum block_name)which) {
  case BLOCK_JSON: b->text = json_value_text(v, r->arena); return ERR_OK;
  case BLOCK_TEXT:
  case BLOCK_IMAGE:
  case BLOCK_DOCUMENT:
  case BLOCK_SEARCH_RESULT: return read_block(r, (enum block_name)which, v, place, m, b, out_left_out);
  default: return converse_bad_member(r, &s, block_names[which], "may not stand in a tool result");
  }
}

static enum err read_tool_content(struct reading *r, yyjson_val *list, const struct llm_place *at,
                                  const struct message *m, struct llm_block *out) {
  size_t i, n;
  yyjson_val *item;
  out->content = arena_zalloc(r->arena, yyjson_arr_size(list) * sizeof(*out->content));
  yyjson_arr_foreach (list, i, n, item) {
    struct llm_block *b = &out->content[out->content_count];
    bool left_out = false;
    b->place = (struct llm_place){"messages[#].content[#].toolResult.content[#]", {at->at[0], at->at[1], (uint32_t)i}};
    enum err e = read_result_block(r, item, &b->place, m, b, &left_out);
    if (e)
      return e;
    out->content_count += !left_out;
    if (left_out)
      *b = (struct llm_block){0};
  }
  return ERR_OK;
}

static enum err read_tool_result(struct reading *r, yyjson_val *v, const struct spot *s, const struct message *m,
                                 struct llm_block *b) {
  static const char *const names[] = {"toolUseId", "content", "status", "type"};
  yyjson_val *members[COUNT(names)];
  struct text status = TEXT_NONE;
  size_t count;
  if (m->role != LLM_USER)
    return converse_bad(r, s, "may only stand in a user message");
  enum err e = converse_members(r, v, s, names, COUNT(names), members);
  if (!e && members[3])
    e = converse_refuse_member(r, s, "type", "results of the provider's own tools cannot be carried");
  if (!e)
    e = converse_string(r, members[0], s, "toolUseId", true, &b->id);
  if (!e && !converse_names_has(m->calls, b->id))
    e = converse_bad_member(r, s, "toolUseId", "no assistant message before has this call");
  if (!e)
    e = converse_list(r, members[1], s, "content", true, &count);
  if (!e)
    e = converse_string(r, members[2], s, "status", false, &status);
  if (e)
    return e;
  b->kind = LLM_TOOL_RESULT;
  b->is_error = text_equal(status, TEXT("error"));
  if (members[2] && !b->is_error && !text_equal(status, TEXT("success")))
    return converse_bad_member(r, s, "status", "must be \"success\" or \"error\"");
  return read_tool_content(r, members[1], s->place, m, b);
}

/* Bytes that hold a seal of ours, which is how a redactedContent carries what is no base64 itself. */
static bool is_sealed(struct text base64, struct arena *a, struct text *out_seal) {
  size_t len = 0;
  char *at = arena_alloc(a, base64.len / 4 * 3 + 3);
  if (!text_base64_decode(base64, at, &len) || !seal_is((struct text){at, len}))
    return false;
  *out_seal = (struct text){at, len};
  return true;
}

static enum err read_reasoning_text(struct reading *r, yyjson_val *v, const struct spot *at, struct llm_block *b) {
  static const char *const names[] = {"text", "signature"};
  const struct spot s = {at->place, at, "reasoningText"};
  yyjson_val *members[COUNT(names)];
  struct text signature = TEXT_NONE;
  enum err e = converse_members(r, v, &s, names, COUNT(names), members);
  if (!e && !members[0])
    e = converse_bad_member(r, &s, "text", "is required");
  if (!e)
    e = converse_string(r, members[0], &s, "text", false, &b->text);
  if (!e)
    e = converse_string(r, members[1], &s, "signature", false, &signature);
  if (e)
    return e;
  b->kind = LLM_THINKING;
  if (seal_is(signature))
    return seal_open(signature, s.place, r->arena, b, r->fault);
  b->signature = signature;
  b->format = text_is_empty(signature) ? TEXT(LLM_FORMAT_NONE) : TEXT(LLM_FORMAT_ANTHROPIC);
  return ERR_OK;
}

static enum err read_reasoning(struct reading *r, yyjson_val *v, const struct spot *s, const struct message *m,
                               struct llm_block *b, bool *out_left_out) {
  static const char *const names[] = {"reasoningText", "redactedContent"};
  size_t which;
  yyjson_val *value = NULL;
  struct text seal;
  if (m->role != LLM_ASSISTANT)
    return converse_bad(r, s, "may only stand in an assistant message");
  enum err e = converse_union(r, v, s, names, COUNT(names), &which, &value);
  *out_left_out = which == COUNT(names);
  if (e || *out_left_out)
    return e;
  if (which == 0)
    return read_reasoning_text(r, value, s, b);
  b->kind = LLM_REDACTED_THINKING;
  b->format = TEXT(LLM_FORMAT_ANTHROPIC);
  e = converse_base64(r, value, s, names[1], &b->signature);
  return !e && is_sealed(b->signature, r->arena, &seal) ? seal_open(seal, s->place, r->arena, b, r->fault) : e;
}

/* [{text}], put together. */
static enum err read_texts(struct reading *r, yyjson_val *list, const struct spot *at, const char *name,
                           struct text *out) {
  static const char *const names[] = {"text"};
  const struct spot s = {at->place, at, name};
  size_t i, n, count;
  yyjson_val *item, *v = NULL;
  enum err e = converse_list(r, list, at, name, false, &count);
  if (e || count == 0)
    return e;
  struct text *parts = arena_zalloc(r->arena, count * sizeof(*parts));
  yyjson_arr_foreach (list, i, n, item) {
    e = converse_members(r, item, &s, names, COUNT(names), &v);
    if (!e)
      e = converse_string(r, v, &s, "text", true, &parts[i]);
    if (e)
      return e;
  }
  *out = count == 1 ? parts[0] : arena_join(r->arena, parts, count);
  return ERR_OK;
}

/* Only addresses have a counterpart; places inside documents of the request do not. */
static enum err read_location(struct reading *r, yyjson_val *v, const struct spot *at, struct llm_citation *out) {
  static const char *const names[] = {"web"}, *const web_names[] = {"url", "domain"};
  const struct spot s = {at->place, at, "location"}, web = {at->place, &s, "web"};
  size_t which;
  yyjson_val *value = NULL, *members[COUNT(web_names)];
  struct text domain;
  if (!v)
    return ERR_OK;
  enum err e = converse_union(r, v, &s, names, COUNT(names), &which, &value);
  if (e || which == COUNT(names))
    return e;
  e = converse_members(r, value, &web, web_names, COUNT(web_names), members);
  if (!e)
    e = converse_string(r, members[0], &web, "url", false, &out->url);
  return e ? e : converse_string(r, members[1], &web, "domain", false, &domain);
}

static enum err read_citation(struct reading *r, yyjson_val *v, const struct spot *s, struct llm_block *b) {
  static const char *const names[] = {"title", "source", "sourceContent", "location"};
  struct llm_citation *c = &b->citations[b->citation_count];
  struct text source = TEXT_NONE;
  yyjson_val *members[COUNT(names)];
  enum err e = converse_members(r, v, s, names, COUNT(names), members);
  if (!e)
    e = converse_string(r, members[0], s, "title", false, &c->title);
  if (!e)
    e = converse_string(r, members[1], s, "source", false, &source);
  if (!e)
    e = read_texts(r, members[2], s, "sourceContent", &c->cited_text);
  if (!e)
    e = read_location(r, members[3], s, c);
  if (e)
    return e;
  if (text_is_empty(c->url))
    c->url = source;
  b->citation_count += !text_is_empty(c->url);
  return text_is_empty(c->url) ? converse_refuse(r, s, "a citation without an address cannot be carried") : ERR_OK;
}

static enum err read_citations(struct reading *r, yyjson_val *v, const struct spot *s, struct llm_block *b) {
  static const char *const names[] = {"content", "citations"};
  const struct spot one = {s->place, s, "citations"};
  yyjson_val *members[COUNT(names)], *item;
  size_t i, n, count;
  enum err e = converse_members(r, v, s, names, COUNT(names), members);
  if (!e)
    e = read_texts(r, members[0], s, "content", &b->text);
  if (!e)
    e = converse_list(r, members[1], s, "citations", false, &count);
  if (e)
    return e;
  b->citations = arena_zalloc(r->arena, count * sizeof(*b->citations));
  yyjson_arr_foreach (members[1], i, n, item) {
    e = read_citation(r, item, &one, b);
    if (e)
      return e;
  }
  return ERR_OK;
}

static enum err read_block(struct reading *r, enum block_name which, yyjson_val *v, const struct llm_place *place,
                           const struct message *m, struct llm_block *b, bool *out_left_out) {
  const struct spot top = {place, NULL, NULL}, s = {place, NULL, block_names[which]};
  switch (which) {
  case BLOCK_TEXT: return converse_string(r, v, &top, "text", false, &b->text);
  case BLOCK_IMAGE: return converse_read_media(r, v, &s, LLM_IMAGE, b, out_left_out);
  case BLOCK_AUDIO: return converse_read_media(r, v, &s, LLM_AUDIO, b, out_left_out);
  case BLOCK_DOCUMENT: return converse_read_document(r, v, &s, b, out_left_out);
  case BLOCK_SEARCH_RESULT: return converse_read_search_result(r, v, &s, b);
  case BLOCK_TOOL_USE: return read_tool_use(r, v, &s, m, b);
  case BLOCK_TOOL_RESULT: return read_tool_result(r, v, &s, m, b);
  case BLOCK_REASONING: return read_reasoning(r, v, &s, m, b, out_left_out);
  case BLOCK_CITATIONS: return read_citations(r, v, &s, b);
  case BLOCK_CACHE_POINT:
  case BLOCK_JSON:
  case BLOCK_NAMES: break;
  }
  return converse_bad(r, &s, "may not stand here");
}

static bool is_cache_point(yyjson_val *item) { return json_get(item, "cachePoint") != NULL; }

/* One item of a list: a block, or the mark of the block before it. */
static enum err read_item(struct reading *r, yyjson_val *item, yyjson_val *before, const struct llm_place *place,
                          const struct message *m, struct llm_block *blocks, size_t *count) {
  const struct spot s = {place, NULL, NULL}, point = {place, NULL, "cachePoint"};
  struct llm_block *b = &blocks[*count];
  enum llm_cache nowhere = LLM_CACHE_NONE;
  bool left_out = false;
  size_t which;
  yyjson_val *v = NULL;
  enum err e = converse_union(r, item, &s, block_names, BLOCK_NAMES, &which, &v);
  if (e || which == BLOCK_NAMES)
    return e;
  if (which == BLOCK_CACHE_POINT && (!before || is_cache_point(before)))
    return converse_read_mark(r, v, &point, NULL);
  if (which == BLOCK_CACHE_POINT)
    return converse_read_mark(r, v, &point, *count > 0 ? &blocks[*count - 1].cache : &nowhere);
  if (m->role == LLM_SYSTEM && which != BLOCK_TEXT)
    return converse_bad_member(r, &s, block_names[which], "may not stand in system content");
  b->place = *place;
  e = read_block(r, (enum block_name)which, v, place, m, b, &left_out);
  if (left_out)
    *b = (struct llm_block){0};
  else
    (*count)++;
  return e;
}

static enum err read_list(struct reading *r, yyjson_val *list, const char *form, const struct message *m,
                          struct llm_block **out, size_t *out_count) {
  size_t i, n, count = 0;
  yyjson_val *item, *before = NULL;
  struct llm_block *blocks = arena_zalloc(r->arena, yyjson_arr_size(list) * sizeof(*blocks));
  yyjson_arr_foreach (list, i, n, item) {
    struct llm_place place = {form, {m->number, (uint32_t)i}};
    if (form[0] == 's')
      place = (struct llm_place){form, {(uint32_t)i}};
    enum err e = read_item(r, item, before, &place, m, blocks, &count);
    if (e)
      return e;
    before = item;
  }
  *out = blocks;
  *out_count = count;
  return ERR_OK;
}

enum err converse_read_content(struct reading *r, yyjson_val *list, uint32_t message, enum llm_role role,
                               struct converse_names *calls, struct llm_block **out, size_t *out_count) {
  const struct message m = {message, role, calls};
  return read_list(r, list, "messages[#].content[#]", &m, out, out_count);
}

enum err converse_read_system(struct reading *r, yyjson_val *list, struct llm_block **out, size_t *out_count) {
  const struct message m = {.role = LLM_SYSTEM};
  return read_list(r, list, "system[#]", &m, out, out_count);
}
