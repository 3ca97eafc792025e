/* Images, documents, sounds and search results of Converse requests. The other blocks, and the lists they stand in, are
 * in converse_content.c, the caller. */
#include "wire/converse_media.h"

#include "wire/converse_format.h"

#define COUNT(names) (sizeof(names) / sizeof((names)[0]))

static enum err read_s3(struct reading *r, yyjson_val *v, const struct spot *s, struct llm_media *out) {
  static const char *const names[] = {"uri", "bucketOwner"};
  yyjson_val *members[COUNT(names)];
  struct text uri, owner;
  enum err e = converse_members(r, v, s, names, COUNT(names), members);
  if (!e)
    e = converse_string(r, members[0], s, "uri", true, &uri);
  if (!e)
    e = converse_string(r, members[1], s, "bucketOwner", false, &owner);
  if (e)
    return e;
  out->source = LLM_S3;
  out->data = json_value_text(v, r->arena);
  return ERR_OK;
}

static enum err read_format(struct reading *r, yyjson_val *v, const struct spot *s, enum llm_kind kind, bool required,
                            struct text *out_media_type) {
  struct text format = TEXT_NONE;
  enum err e = converse_string(r, v, s, "format", required, &format);
  if (e || !v)
    return e;
  *out_media_type = converse_media_type(kind, format);
  return text_is_empty(*out_media_type) ? converse_bad_member(r, s, "format", "is not a format of this kind of block")
                                        : ERR_OK;
}

/* {bytes} or {s3Location}. *out_left_out: the source is not known and may be left out. */
static enum err read_source(struct reading *r, yyjson_val *v, const struct spot *at, struct llm_media *out,
                            bool *out_left_out) {
  static const char *const names[] = {"bytes", "s3Location"};
  const struct spot s = {at->place, at, "source"}, inside = {at->place, &s, "s3Location"};
  size_t which;
  yyjson_val *value = NULL;
  if (!v)
    return converse_bad(r, &s, "is required");
  enum err e = converse_union(r, v, &s, names, COUNT(names), &which, &value);
  if (e)
    return e;
  *out_left_out = which == COUNT(names);
  if (which == 1)
    return read_s3(r, value, &inside, out);
  out->source = LLM_BASE64;
  return which == 0 ? converse_base64(r, value, &s, "bytes", &out->data) : ERR_OK;
}

enum err converse_read_media(struct reading *r, yyjson_val *v, const struct spot *s, enum llm_kind kind,
                             struct llm_block *out, bool *out_left_out) {
  static const char *const names[] = {"format", "source", "error"};
  yyjson_val *members[COUNT(names)];
  enum err e = converse_members(r, v, s, names, COUNT(names), members);
  if (!e && members[2])
    e = converse_refuse_member(r, s, "error", "only answers have this member");
  if (!e)
    e = read_format(r, members[0], s, kind, true, &out->media.media_type);
  if (!e)
    e = read_source(r, members[1], s, &out->media, out_left_out);
  out->kind = kind;
  return e;
}

static enum err read_citations(struct reading *r, yyjson_val *v, const struct spot *at, bool *out) {
  static const char *const names[] = {"enabled"};
  const struct spot s = {at->place, at, "citations"};
  yyjson_val *enabled = NULL;
  if (!v)
    return ERR_OK;
  enum err e = converse_members(r, v, &s, names, COUNT(names), &enabled);
  return e ? e : converse_flag(r, enabled, &s, "enabled", out);
}

/* Bytes of a text format are text: the other dialects take them as such. Bytes that are no UTF-8 stay bytes. */
static void decode_text(struct reading *r, struct llm_media *m) {
  size_t len = 0;
  if (m->source != LLM_BASE64 || !text_starts(m->media_type, TEXT("text/")))
    return;
  char *at = arena_alloc(r->arena, m->data.len / 4 * 3 + 3);
  if (!text_base64_decode(m->data, at, &len) || !text_is_utf8((struct text){at, len}))
    return;
  m->source = LLM_PLAIN;
  m->data = (struct text){at, len};
}

/* A list of chunks. One is the text itself; several are places for citations to point at, which only Converse has. */
static enum err read_chunks(struct reading *r, yyjson_val *v, const struct spot *s, struct llm_media *out,
                            bool *out_left_out) {
  static const char *const names[] = {"text"};
  const struct spot inside = {s->place, s, "content"};
  size_t count, which;
  yyjson_val *value = NULL;
  enum err e = converse_list(r, v, s, "content", true, &count);
  if (e)
    return e;
  if (count != 1) {
    *out_left_out = true;
    return converse_refuse(r, &inside, "a document in several chunks cannot be carried");
  }
  e = converse_union(r, yyjson_arr_get_first(v), &inside, names, COUNT(names), &which, &value);
  *out_left_out = which == COUNT(names);
  out->source = LLM_PLAIN;
  return e || which == COUNT(names) ? e : converse_string(r, value, &inside, "text", true, &out->data);
}

static enum err read_document_source(struct reading *r, yyjson_val *v, const struct spot *at, struct llm_media *out,
                                     bool *out_left_out) {
  const struct spot s = {at->place, at, "source"};
  yyjson_val *text = json_get(v, "text"), *chunks = json_get(v, "content");
  bool is_text = text != NULL || chunks != NULL;
  enum err e;
  if (is_text && yyjson_obj_size(v) != 1)
    return converse_bad(r, &s, "must have exactly one member");
  if (text) {
    out->source = LLM_PLAIN;
    e = converse_string(r, text, &s, "text", true, &out->data);
  } else {
    e = chunks ? read_chunks(r, chunks, &s, out, out_left_out) : read_source(r, v, at, out, out_left_out);
  }
  if (e || *out_left_out)
    return e;
  if (is_text && text_is_empty(out->media_type))
    out->media_type = TEXT("text/plain");
  if (text_is_empty(out->media_type))
    return converse_bad_member(r, at, "format", "is required");
  decode_text(r, out);
  return ERR_OK;
}

enum err converse_read_document(struct reading *r, yyjson_val *v, const struct spot *s, struct llm_block *out,
                                bool *out_left_out) {
  static const char *const names[] = {"format", "name", "source", "context", "citations"};
  yyjson_val *members[COUNT(names)];
  enum err e = converse_members(r, v, s, names, COUNT(names), members);
  if (!e)
    e = read_format(r, members[0], s, LLM_DOCUMENT, false, &out->media.media_type);
  if (!e)
    e = converse_string(r, members[1], s, "name", true, &out->media.title);
  if (!e)
    e = converse_string(r, members[3], s, "context", false, &out->media.context);
  if (!e)
    e = read_citations(r, members[4], s, &out->cites);
  if (!e)
    e = read_document_source(r, members[2], s, &out->media, out_left_out);
  out->kind = LLM_DOCUMENT;
  return e;
}

static enum err read_result_texts(struct reading *r, yyjson_val *list, const struct spot *s, struct llm_block *out) {
  static const char *const names[] = {"text"};
  const struct spot inside = {s->place, s, "content"};
  size_t i, n, count;
  yyjson_val *item, *text = NULL;
  enum err e = converse_list(r, list, s, "content", true, &count);
  if (e)
    return e;
  out->content = arena_zalloc(r->arena, count * sizeof(*out->content));
  yyjson_arr_foreach (list, i, n, item) {
    struct llm_block *b = &out->content[out->content_count++];
    b->place = *s->place;
    e = converse_members(r, item, &inside, names, COUNT(names), &text);
    if (!e)
      e = converse_string(r, text, &inside, "text", true, &b->text);
    if (e)
      return e;
  }
  return ERR_OK;
}

enum err converse_read_search_result(struct reading *r, yyjson_val *v, const struct spot *s, struct llm_block *out) {
  static const char *const names[] = {"source", "title", "content", "citations"};
  yyjson_val *members[COUNT(names)];
  enum err e = converse_members(r, v, s, names, COUNT(names), members);
  if (!e)
    e = converse_string(r, members[0], s, "source", true, &out->text);
  if (!e)
    e = converse_string(r, members[1], s, "title", true, &out->media.title);
  if (!e)
    e = read_citations(r, members[3], s, &out->cites);
  if (!e)
    e = read_result_texts(r, members[2], s, out);
  out->kind = LLM_SEARCH_RESULT;
  return e;
}
