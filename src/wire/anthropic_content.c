/* Content blocks of the Anthropic dialect, written into requests. Ids of calls are spelled as this vendor demands;
 * reasoning goes out only where its signature can be checked. Called by anthropic_build.c. */
#include "wire/anthropic_content.h"

static enum err refuse(struct anthropic_writing *x, const struct llm_place *place, const char *member,
                       const char *why) {
  return llm_refuse(x->rq, place, member, why, x->f);
}

enum err anthropic_content_cache(struct anthropic_writing *x, enum llm_cache cache, const struct llm_place *place) {
  if (cache == LLM_CACHE_NONE)
    return ERR_OK;
  if (cache == LLM_CACHE_12H)
    return refuse(x, place, "cache_control", "this provider keeps nothing for longer than an hour");
  json_name(x->w, "cache_control");
  json_object(x->w);
  json_field_str(x->w, "type", "ephemeral");
  if (cache != LLM_CACHE_DEFAULT)
    json_field_str(x->w, "ttl", cache == LLM_CACHE_5M ? "5m" : "1h");
  json_object_end(x->w);
  return ERR_OK;
}

bool anthropic_content_is_empty(const struct llm_block *b) {
  return (b->kind == LLM_TEXT || b->kind == LLM_REFUSAL) && text_is_empty(b->text);
}

static bool is_id_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* The vendor takes letters, digits, '_' and '-' in ids of calls; other vendors give out more. Whatever else stands
 * there is spelled in hex, in the call and in its result alike. */
static void put_id(struct anthropic_writing *x, const char *name, struct text id) {
  size_t bad = 0, n = 0;
  for (size_t i = 0; i < id.len; i++)
    bad += !is_id_byte(id.at[i]);
  if (bad > 0) {
    char *spelled = arena_alloc(x->rq->arena, id.len + 2 * bad);
    for (size_t i = 0; i < id.len; i++) {
      if (is_id_byte(id.at[i])) {
        spelled[n++] = id.at[i];
      } else {
        spelled[n++] = '_';
        n += text_hex(&id.at[i], 1, spelled + n);
      }
    }
    id = (struct text){spelled, n};
  }
  json_field_text(x->w, name, id);
}

static void open_block(struct anthropic_writing *x, const char *type) {
  json_object(x->w);
  json_field_str(x->w, "type", type);
}

static enum err close_block(struct anthropic_writing *x, const struct llm_block *b) {
  enum err e = anthropic_content_cache(x, b->cache, &b->place);
  json_object_end(x->w);
  return e;
}

/* The vendor takes back only citations that it can check; what others cite is said in words behind the text. */
static void write_sources(struct anthropic_writing *x, const struct llm_block *b) {
  struct buf *out = x->w->out;
  json_name(x->w, "text");
  json_put_raw(x->w, TEXT("\"Sources:"));
  for (size_t i = 0; i < b->citation_count; i++) {
    const struct llm_citation *c = &b->citations[i];
    buf_add(out, TEXT("\\n- "));
    json_escape(out, c->title);
    buf_add(out, text_is_empty(c->title) ? TEXT("<") : TEXT(" <"));
    json_escape(out, c->url);
    buf_add_char(out, '>');
    if (!text_is_empty(c->cited_text)) {
      buf_add(out, TEXT(": \\\""));
      json_escape(out, c->cited_text);
      buf_add(out, TEXT("\\\""));
    }
  }
  buf_add_char(out, '"');
}

static enum err write_text(struct anthropic_writing *x, const struct llm_block *b) {
  if (anthropic_content_is_empty(b))
    return b->cache == LLM_CACHE_NONE
               ? ERR_OK
               : refuse(x, &b->place, "cache_control", "this provider takes no empty text that could bear the mark");
  open_block(x, "text");
  json_field_text(x->w, "text", b->text);
  if (b->citation_count > 0) {
    json_object_end(x->w);
    open_block(x, "text");
    write_sources(x, b);
  }
  return close_block(x, b);
}

static void write_source(struct anthropic_writing *x, const struct llm_media *m) {
  static const char *const types[] = {
      [LLM_BASE64] = "base64", [LLM_URL] = "url", [LLM_FILE_ID] = "file", [LLM_PLAIN] = "text"};
  json_name(x->w, "source");
  json_object(x->w);
  json_field_str(x->w, "type", types[m->source]);
  if (m->source == LLM_BASE64)
    json_field_text(x->w, "media_type", m->media_type);
  if (m->source == LLM_PLAIN)
    json_field_str(x->w, "media_type", "text/plain");
  json_field_text(x->w, m->source == LLM_URL ? "url" : m->source == LLM_FILE_ID ? "file_id" : "data", m->data);
  json_object_end(x->w);
}

static bool is_image_type(struct text t) {
  return text_equal(t, TEXT("image/png")) || text_equal(t, TEXT("image/jpeg")) || text_equal(t, TEXT("image/gif")) ||
         text_equal(t, TEXT("image/webp"));
}

static enum err write_image(struct anthropic_writing *x, const struct llm_block *b) {
  const struct llm_media *m = &b->media;
  if (m->source == LLM_S3 || m->source == LLM_PLAIN)
    return refuse(x, &b->place, "source", "this provider cannot fetch the image from there");
  if (m->source == LLM_BASE64 && !is_image_type(m->media_type))
    return refuse(x, &b->place, "media_type", "this provider takes images as png, jpeg, gif and webp only");
  if (!text_is_empty(m->detail) && !text_equal(m->detail, TEXT("auto"))) {
    enum err e = refuse(x, &b->place, "detail", "this provider cannot be told how closely to look");
    if (e != ERR_OK)
      return e;
  }
  open_block(x, "image");
  write_source(x, m);
  return close_block(x, b);
}

/* Texts that came as bytes are documents of plain text here. */
static bool decode_text(struct arena *a, const struct llm_media *m, struct llm_media *out) {
  size_t n;
  if (!text_starts(m->media_type, TEXT("text/")))
    return false;
  char *at = arena_alloc(a, m->data.len / 4 * 3 + 3);
  if (!text_base64_decode(m->data, at, &n) || !text_is_utf8((struct text){at, n}))
    return false;
  *out = *m;
  out->source = LLM_PLAIN;
  out->data = (struct text){at, n};
  return true;
}

static enum err write_document(struct anthropic_writing *x, const struct llm_block *b) {
  struct llm_media m = b->media;
  if (m.source == LLM_S3)
    return refuse(x, &b->place, "source", "this provider cannot fetch the document from there");
  if (m.source == LLM_BASE64 && !text_equal(m.media_type, TEXT("application/pdf")) &&
      !decode_text(x->rq->arena, &b->media, &m))
    return refuse(x, &b->place, "media_type", "this provider takes documents as PDF and as text only");
  open_block(x, "document");
  write_source(x, &m);
  if (!text_is_empty(m.title))
    json_field_text(x->w, "title", m.title);
  if (!text_is_empty(m.context))
    json_field_text(x->w, "context", m.context);
  if (b->cites)
    json_name(x->w, "citations"), json_put_raw(x->w, TEXT("{\"enabled\":true}"));
  return close_block(x, b);
}

static enum err write_tool_use(struct anthropic_writing *x, const struct llm_block *b) {
  if (b->is_custom)
    return refuse(x, &b->place, "type", "this provider knows no tools with free text");
  open_block(x, "tool_use");
  put_id(x, "id", b->id);
  json_field_text(x->w, "name", b->name);
  json_name(x->w, "input");
  json_put_raw(x->w, text_is_empty(b->input) ? TEXT("{}") : b->input);
  return close_block(x, b);
}

static enum err write_thinking(struct anthropic_writing *x, const struct llm_block *b) {
  if (!text_equal(b->format, TEXT(LLM_FORMAT_ANTHROPIC)) || text_is_empty(b->signature))
    return refuse(x, &b->place, "thinking", "this provider takes back only reasoning that it has signed");
  if (b->cache != LLM_CACHE_NONE) {
    enum err e = refuse(x, &b->place, "cache_control", "reasoning cannot bear a mark at this provider");
    if (e != ERR_OK)
      return e;
  }
  bool is_redacted = b->kind == LLM_REDACTED_THINKING;
  open_block(x, is_redacted ? "redacted_thinking" : "thinking");
  if (!is_redacted)
    json_field_text(x->w, "thinking", b->text);
  json_field_text(x->w, is_redacted ? "data" : "signature", b->signature);
  json_object_end(x->w);
  return ERR_OK;
}

/* What may stand inside another block holds nothing further, but for search results, which hold texts. */
static enum err write_flat(struct anthropic_writing *x, const struct llm_block *b) {
  switch (b->kind) {
  case LLM_TEXT:
  case LLM_REFUSAL: return write_text(x, b); /* what the assistant said, said as text */
  case LLM_IMAGE: return write_image(x, b);
  case LLM_DOCUMENT: return write_document(x, b);
  case LLM_TOOL_USE: return write_tool_use(x, b);
  case LLM_THINKING:
  case LLM_REDACTED_THINKING: return write_thinking(x, b);
  case LLM_AUDIO: return refuse(x, &b->place, "type", "this provider takes no sound");
  case LLM_SEARCH_RESULT:
  case LLM_TOOL_RESULT: break;
  }
  return refuse(x, &b->place, "type", "this provider has no place for it here");
}

static enum err write_search_result(struct anthropic_writing *x, const struct llm_block *b) {
  enum err e = ERR_OK;
  open_block(x, "search_result");
  json_field_text(x->w, "source", b->text);
  json_field_text(x->w, "title", b->media.title);
  json_name(x->w, "content");
  json_array(x->w);
  for (size_t i = 0; e == ERR_OK && i < b->content_count; i++)
    e = write_flat(x, &b->content[i]);
  json_array_end(x->w);
  if (e != ERR_OK)
    return e;
  if (b->cites)
    json_name(x->w, "citations"), json_put_raw(x->w, TEXT("{\"enabled\":true}"));
  return close_block(x, b);
}

static enum err write_tool_result(struct anthropic_writing *x, const struct llm_block *b) {
  enum err e = ERR_OK;
  open_block(x, "tool_result");
  put_id(x, "tool_use_id", b->id);
  json_name(x->w, "content");
  json_array(x->w);
  for (size_t i = 0; e == ERR_OK && i < b->content_count; i++)
    e = b->content[i].kind == LLM_SEARCH_RESULT ? write_search_result(x, &b->content[i])
                                                : write_flat(x, &b->content[i]);
  json_array_end(x->w);
  if (e != ERR_OK)
    return e;
  if (b->is_error)
    json_field_bool(x->w, "is_error", true);
  return close_block(x, b);
}

enum err anthropic_content_write(struct anthropic_writing *x, const struct llm_block *blocks, size_t count) {
  enum err e = ERR_OK;
  for (size_t i = 0; e == ERR_OK && i < count; i++)
    e = blocks[i].kind == LLM_TOOL_RESULT     ? write_tool_result(x, &blocks[i])
        : blocks[i].kind == LLM_SEARCH_RESULT ? write_search_result(x, &blocks[i])
                                              : write_flat(x, &blocks[i]);
  return e;
}
