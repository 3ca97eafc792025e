/* Content blocks of the Anthropic dialect, read: one table of the kinds, and for each kind the table of its members.
 * What else a request holds is read in anthropic_request.c, the caller; blocks are written in anthropic_build.c. */
#include "wire/anthropic_blocks.h"

#include "wire/seal.h"

#include <stdio.h>

static enum err skip(struct rules *r, const struct rule_member *m, void *to) {
  (void)r, (void)m, (void)to;
  return ERR_OK;
}

struct cache_draft {
  struct text type, ttl;
};

enum err anthropic_blocks_cache(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"type", rule_word, offsetof(struct cache_draft, type)},
                                     {"ttl", rule_word, offsetof(struct cache_draft, ttl)}};
  struct cache_draft d = {0};
  enum err e = rules_read_member(r, m, RULES(rows), &d);
  if (e != ERR_OK)
    return e;
  if (!text_equal(d.type, TEXT("ephemeral")))
    return rule_bad(r, m, "type must be \"ephemeral\"");
  enum llm_cache cache = text_is_empty(d.ttl)            ? LLM_CACHE_DEFAULT
                         : text_equal(d.ttl, TEXT("5m")) ? LLM_CACHE_5M
                         : text_equal(d.ttl, TEXT("1h")) ? LLM_CACHE_1H
                                                         : LLM_CACHE_NONE;
  if (cache == LLM_CACHE_NONE)
    return rule_bad(r, m, "ttl must be \"5m\" or \"1h\"");
  *(enum llm_cache *)to = cache;
  return ERR_OK;
}

/* Only what our own answers hold can be checked by nobody and goes on; the vendor's own citations point into documents
 * or prove a search, which nobody else can follow. */
struct citation_draft {
  struct text type, cited_text, title, url, proof;
};

static enum err read_citation(struct rules *r, const struct rule_member *m, yyjson_val *citation, size_t i,
                              struct llm_citation *out, bool *out_kept) {
  static const struct rule rows[] = {{"type", rule_word, offsetof(struct citation_draft, type)},
                                     {"cited_text", rule_text, offsetof(struct citation_draft, cited_text)},
                                     {"title", rule_text, offsetof(struct citation_draft, title)},
                                     {"url", rule_text, offsetof(struct citation_draft, url)},
                                     {"encrypted_index", rule_text, offsetof(struct citation_draft, proof)}};
  struct citation_draft d = {0};
  char name[32];
  (void)snprintf(name, sizeof(name), "citations[%zu]", i);
  *out_kept = false;
  if (!yyjson_is_obj(citation))
    return llm_bad(m->at, name, "must be an object", r->f);
  if (!text_equal(json_text(json_get(citation, "type")), TEXT("web_search_result_location")))
    return llm_refuse(r->rq, m->at, name, "this citation points into content that only its own vendor can follow",
                      r->f);
  const struct rule_member one = {.at = m->at, .name = name, .value = citation};
  enum err e = rules_read_member(r, &one, RULES(rows), &d);
  if (e != ERR_OK)
    return e;
  if (!text_is_empty(d.proof))
    return llm_refuse(r->rq, m->at, name, "this citation proves a search that only its own vendor can check", r->f);
  *out = (struct llm_citation){.url = d.url, .title = d.title, .cited_text = d.cited_text};
  *out_kept = true;
  return ERR_OK;
}

static enum err read_citations(struct rules *r, const struct rule_member *m, void *to) {
  struct llm_block *b = to;
  size_t i, count;
  yyjson_val *citation;
  if (!yyjson_is_arr(m->value))
    return rule_bad(r, m, "must be an array");
  b->citations = arena_zalloc(r->rq->arena, yyjson_arr_size(m->value) * sizeof(*b->citations));
  yyjson_arr_foreach (m->value, i, count, citation) {
    bool kept;
    enum err e = read_citation(r, m, citation, i, &b->citations[b->citation_count], &kept);
    if (e != ERR_OK)
      return e;
    b->citation_count += kept;
  }
  return ERR_OK;
}

/* Documents and search results: {"enabled": true}. */
static enum err read_cites(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"enabled", rule_bool, 0}};
  return rules_read_member(r, m, RULES(rows), to);
}

static enum err read_transformations(struct rules *r, const struct rule_member *m, void *to) {
  static const struct rule rows[] = {{"oversized_image", rule_word, 0}};
  struct text oversized = TEXT("downsize");
  (void)to;
  enum err e = rules_read_member(r, m, RULES(rows), &oversized);
  if (e == ERR_OK && !text_equal(oversized, TEXT("downsize")))
    e = llm_refuse(r->rq, m->at, "transformations.oversized_image", "other providers scale images down as they like",
                   r->f);
  return e;
}

struct source_draft {
  struct text type, media_type, data, url, file_id;
  yyjson_val *content;
};

static enum err bad_source(struct rules *r, const struct rule_member *m, const char *member, const char *why) {
  return llm_bad(m->at, member, why, r->f);
}

static enum err base64_source(struct rules *r, const struct rule_member *m, const struct source_draft *d,
                              struct llm_media *out) {
  size_t n = 0;
  if (text_is_empty(d->media_type))
    return bad_source(r, m, "source.media_type", "is required");
  if (text_is_empty(d->data) || !text_base64_decode(d->data, NULL, &n))
    return bad_source(r, m, "source.data", "must be base64 (RFC 4648) of something");
  if (n > ANTHROPIC_MEDIA_MAX_BYTES)
    return bad_source(r, m, "source.data", "must be at most 20 MiB when decoded");
  *out = (struct llm_media){.source = LLM_BASE64, .media_type = d->media_type, .data = d->data};
  return ERR_OK;
}

static enum err named_source(struct rules *r, const struct rule_member *m, enum llm_source kind, struct text data,
                             const char *member, struct llm_media *out) {
  if (text_is_empty(data))
    return bad_source(r, m, member, "is required and must be a non-empty string");
  *out = (struct llm_media){.source = kind, .data = data};
  return ERR_OK;
}

/* A member of another type of source, which would be lost. */
static const char *stray_member(const struct source_draft *d) {
  bool has_bytes = text_equal(d->type, TEXT("base64")) || text_equal(d->type, TEXT("text"));
  return d->media_type.at && !has_bytes                        ? "source.media_type"
         : d->data.at && !has_bytes                            ? "source.data"
         : d->url.at && !text_equal(d->type, TEXT("url"))      ? "source.url"
         : d->file_id.at && !text_equal(d->type, TEXT("file")) ? "source.file_id"
         : d->content && !text_equal(d->type, TEXT("content")) ? "source.content"
                                                               : NULL;
}

static bool is_source_type(struct text t) {
  return text_equal(t, TEXT("base64")) || text_equal(t, TEXT("text")) || text_equal(t, TEXT("url")) ||
         text_equal(t, TEXT("file")) || text_equal(t, TEXT("content"));
}

static enum err read_source(struct rules *r, const struct rule_member *m, struct source_draft *d,
                            struct llm_media *out) {
  static const struct rule rows[] = {{"type", rule_word, offsetof(struct source_draft, type)},
                                     {"media_type", rule_word, offsetof(struct source_draft, media_type)},
                                     {"data", rule_text, offsetof(struct source_draft, data)},
                                     {"url", rule_word, offsetof(struct source_draft, url)},
                                     {"file_id", rule_word, offsetof(struct source_draft, file_id)},
                                     {"content", rule_value, offsetof(struct source_draft, content)}};
  *d = (struct source_draft){0};
  enum err e = rules_read_member(r, m, RULES(rows), d);
  if (e != ERR_OK)
    return e;
  const char *stray = is_source_type(d->type) ? stray_member(d) : NULL;
  if (stray)
    return bad_source(r, m, stray, "does not belong to this type of source");
  if (text_equal(d->type, TEXT("base64")))
    return base64_source(r, m, d, out);
  if (text_equal(d->type, TEXT("url")))
    return named_source(r, m, LLM_URL, d->url, "source.url", out);
  if (text_equal(d->type, TEXT("file")))
    return named_source(r, m, LLM_FILE_ID, d->file_id, "source.file_id", out);
  return ERR_OK;
}

static bool is_image_type(struct text t) {
  return text_equal(t, TEXT("image/png")) || text_equal(t, TEXT("image/jpeg")) || text_equal(t, TEXT("image/gif")) ||
         text_equal(t, TEXT("image/webp"));
}

static enum err read_image_source(struct rules *r, const struct rule_member *m, void *to) {
  struct llm_block *b = to;
  struct source_draft d;
  enum err e = read_source(r, m, &d, &b->media);
  if (e != ERR_OK)
    return e;
  if (text_is_empty(b->media.data))
    return bad_source(r, m, "source.type", "must be \"base64\", \"url\" or \"file\"");
  if (b->media.source == LLM_BASE64 && !is_image_type(d.media_type))
    return bad_source(r, m, "source.media_type", "must be image/png, image/jpeg, image/gif or image/webp");
  return ERR_OK;
}

/* Title and context are read by rows of their own and may stand before the source. */
static enum err read_document_source(struct rules *r, const struct rule_member *m, void *to) {
  struct llm_media *media = &((struct llm_block *)to)->media;
  struct llm_media found = {0};
  struct source_draft d;
  enum err e = read_source(r, m, &d, &found);
  if (e != ERR_OK)
    return e;
  if (found.source == LLM_BASE64 && found.data.len > 0 && !text_equal(d.media_type, TEXT("application/pdf")))
    return bad_source(r, m, "source.media_type", "must be application/pdf");
  if (text_equal(d.type, TEXT("text"))) {
    if (!text_equal(d.media_type, TEXT("text/plain")))
      return bad_source(r, m, "source.media_type", "must be text/plain");
    found = (struct llm_media){.source = LLM_PLAIN, .media_type = d.media_type, .data = d.data};
  } else if (text_equal(d.type, TEXT("content"))) {
    if (!yyjson_is_str(d.content))
      return llm_refuse(r->rq, m->at, "source.content", "a document made of blocks is known to this dialect only",
                        r->f);
    found = (struct llm_media){.source = LLM_PLAIN, .media_type = TEXT("text/plain"), .data = json_text(d.content)};
  } else if (text_is_empty(found.data)) {
    return bad_source(r, m, "source.type", "must be \"base64\", \"text\", \"content\", \"url\" or \"file\"");
  }
  found.title = media->title;
  found.context = media->context;
  *media = found;
  return ERR_OK;
}

static enum err read_caller(struct rules *r, const struct rule_member *m, void *to) {
  (void)to;
  if (!yyjson_is_obj(m->value))
    return rule_bad(r, m, "must be an object");
  if (!text_equal(json_text(json_get(m->value, "type")), TEXT("direct")))
    return rule_refuse(r, m, "calls made by the provider's own tools cannot be carried");
  return ERR_OK;
}

/* The content of tool results and of search results. A place holds three numbers, so blocks below that depth share the
 * place of what holds them. */
static enum err read_inner(struct rules *r, const struct rule_member *m, struct llm_block *b,
                           enum anthropic_where where) {
  static const char element[] = "messages[#].content[#].content[#]";
  bool is_deep = strcmp(m->at->form, element) == 0;
  struct anthropic_spot spot = {.form = is_deep ? "messages[#].content[#].content[#].content"
                                                : "messages[#].content[#].content",
                                .element_form = is_deep ? "messages[#].content[#].content[#].content" : element,
                                .depth = is_deep ? 3 : 2};
  memcpy(spot.at, m->at->at, sizeof(spot.at));
  return anthropic_blocks_read(r, m->value, &spot, where, &b->content, &b->content_count);
}

static enum err read_result_content(struct rules *r, const struct rule_member *m, void *to) {
  return read_inner(r, m, to, ANTHROPIC_IN_RESULT);
}

static enum err read_search_content(struct rules *r, const struct rule_member *m, void *to) {
  return read_inner(r, m, to, ANTHROPIC_IN_SEARCH);
}

#define AT(member) offsetof(struct llm_block, member)
static const struct rule text_rows[] = {{"type", skip, 0},
                                        {"text", rule_text, AT(text)},
                                        {"cache_control", anthropic_blocks_cache, AT(cache)},
                                        {"citations", read_citations, 0}};
static const struct rule image_rows[] = {{"type", skip, 0},
                                         {"source", read_image_source, 0},
                                         {"cache_control", anthropic_blocks_cache, AT(cache)},
                                         {"transformations", read_transformations, 0}};
static const struct rule document_rows[] = {{"type", skip, 0},
                                            {"source", read_document_source, 0},
                                            {"cache_control", anthropic_blocks_cache, AT(cache)},
                                            {"title", rule_text, AT(media.title)},
                                            {"context", rule_text, AT(media.context)},
                                            {"citations", read_cites, AT(cites)}};
static const struct rule search_rows[] = {{"type", skip, 0},
                                          {"source", rule_word, AT(text)},
                                          {"title", rule_text, AT(media.title)},
                                          {"content", read_search_content, 0},
                                          {"cache_control", anthropic_blocks_cache, AT(cache)},
                                          {"citations", read_cites, AT(cites)}};
static const struct rule tool_use_rows[] = {{"type", skip, 0},
                                            {"id", rule_word, AT(id)},
                                            {"name", rule_word, AT(name)},
                                            {"input", rule_raw_object, AT(input)},
                                            {"cache_control", anthropic_blocks_cache, AT(cache)},
                                            {"caller", read_caller, 0},
                                            {"toolset_name", rule_refused, 0}};
static const struct rule tool_result_rows[] = {{"type", skip, 0},
                                               {"tool_use_id", rule_word, AT(id)},
                                               {"content", read_result_content, 0},
                                               {"is_error", rule_bool, AT(is_error)},
                                               {"cache_control", anthropic_blocks_cache, AT(cache)},
                                               {"toolset_name", rule_refused, 0}};
static const struct rule thinking_rows[] = {
    {"type", skip, 0}, {"thinking", rule_text, AT(text)}, {"signature", rule_text, AT(signature)}};
static const struct rule redacted_rows[] = {{"type", skip, 0}, {"data", rule_word, AT(signature)}};

static const struct block_kind {
  const char *type;
  enum llm_kind kind;
  int where;
  const struct rule *rows;
  size_t count;
  const char *required[3];
} kinds[] = {
    {"text", LLM_TEXT, 31, RULES(text_rows), {"text"}},
    {"image", LLM_IMAGE, ANTHROPIC_IN_USER | ANTHROPIC_IN_RESULT, RULES(image_rows), {"source"}},
    {"document", LLM_DOCUMENT, ANTHROPIC_IN_USER | ANTHROPIC_IN_RESULT, RULES(document_rows), {"source"}},
    {"search_result",
     LLM_SEARCH_RESULT,
     ANTHROPIC_IN_USER | ANTHROPIC_IN_RESULT,
     RULES(search_rows),
     {"source", "title", "content"}},
    {"tool_use", LLM_TOOL_USE, ANTHROPIC_IN_ASSISTANT, RULES(tool_use_rows), {"id", "name", "input"}},
    {"tool_result", LLM_TOOL_RESULT, ANTHROPIC_IN_USER, RULES(tool_result_rows), {"tool_use_id"}},
    {"thinking", LLM_THINKING, ANTHROPIC_IN_ASSISTANT, RULES(thinking_rows), {"thinking", "signature"}},
    {"redacted_thinking", LLM_REDACTED_THINKING, ANTHROPIC_IN_ASSISTANT, RULES(redacted_rows), {"data"}},
};

static const struct block_kind *kind_of(struct text type) {
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
    if (text_equal(type, text_of(kinds[i].type)))
      return &kinds[i];
  return NULL;
}

static enum err check_required(struct rules *r, yyjson_val *object, const struct block_kind *kind,
                               const struct llm_place *place) {
  for (size_t i = 0; i < 3 && kind->required[i]; i++) {
    yyjson_val *v = json_get(object, kind->required[i]);
    if (!v || yyjson_is_null(v))
      return llm_bad(place, kind->required[i], "is required", r->f);
  }
  return ERR_OK;
}

/* Calls and their results must belong together; reasoning must say who can check it. */
static enum err finish(struct rules *r, struct llm_block *b) {
  struct map *calls = ((struct anthropic_reading *)r->dialect)->calls;
  switch (b->kind) {
  case LLM_TOOL_USE:
    if (map_get(calls, b->id))
      return llm_bad(&b->place, "id", "another call of this conversation has the same id", r->f);
    return map_set(calls, b->id, b, NULL) == ERR_OK ? ERR_OK : llm_bad(&b->place, "id", "too many tool calls", r->f);
  case LLM_TOOL_RESULT:
    if (!map_get(calls, b->id))
      return llm_bad(&b->place, "tool_use_id", "no earlier message holds a tool call with this id", r->f);
    return ERR_OK;
  case LLM_THINKING:
  case LLM_REDACTED_THINKING:
    if (seal_is(b->signature))
      return seal_open(b->signature, &b->place, r->rq->arena, b, r->f);
    b->format = text_is_empty(b->signature) ? TEXT(LLM_FORMAT_NONE) : TEXT(LLM_FORMAT_ANTHROPIC);
    return ERR_OK;
  default: return ERR_OK;
  }
}

static enum err read_block(struct rules *r, yyjson_val *object, const struct llm_place *place,
                           enum anthropic_where where, struct llm_block *out, bool *out_kept) {
  struct text type;
  *out_kept = false;
  if (!yyjson_is_obj(object))
    return llm_bad(place, "", "must be an object", r->f);
  if (!json_get_text(object, "type", &type))
    return llm_bad(place, "type", "is required and must be a string", r->f);
  const struct block_kind *kind = kind_of(type);
  if (!kind)
    return llm_refuse(r->rq, place, "type", "this kind of content is known to this dialect only", r->f);
  if (!(kind->where & (int)where))
    return llm_bad(place, "type", "this kind of content may not stand here", r->f);
  *out = (struct llm_block){.kind = kind->kind, .place = *place};
  enum err e = check_required(r, object, kind, place);
  if (e == ERR_OK)
    e = rules_read(r, object, place, kind->rows, kind->count, out);
  if (e == ERR_OK)
    e = finish(r, out);
  *out_kept = e == ERR_OK;
  return e;
}

enum err anthropic_blocks_read(struct rules *r, yyjson_val *content, const struct anthropic_spot *spot,
                               enum anthropic_where where, struct llm_block **out, size_t *out_count) {
  struct llm_place place = {.form = spot->form, .at = {spot->at[0], spot->at[1], spot->at[2]}};
  size_t i, size, count = 0;
  yyjson_val *object;
  if (yyjson_is_str(content)) {
    struct llm_block *b = ARENA_NEW(r->rq->arena, struct llm_block);
    *b = (struct llm_block){.kind = LLM_TEXT, .place = place, .text = json_text(content)};
    *out = b;
    *out_count = 1;
    return ERR_OK;
  }
  if (!yyjson_is_arr(content))
    return llm_bad(&place, "", "must be a string or an array of content blocks", r->f);
  struct llm_block *blocks = arena_alloc(r->rq->arena, yyjson_arr_size(content) * sizeof(*blocks));
  place.form = spot->element_form;
  yyjson_arr_foreach (content, i, size, object) {
    bool kept;
    if (spot->depth < 3)
      place.at[spot->depth] = (uint32_t)i;
    enum err e = read_block(r, object, &place, where, &blocks[count], &kept);
    if (e != ERR_OK)
      return e;
    count += kept;
  }
  *out = blocks;
  *out_count = count;
  return ERR_OK;
}
