/* Media written as Converse blocks. A document's name is made valid and unlike the others of the request, because
 * Bedrock refuses any other. Called by converse_build.c. */
#include "wire/converse_build.h"

#include "wire/converse_blocks.h"
#include "wire/converse_format.h"

#define NAME_MAX_BYTES 160 /* Bedrock takes 200; a number may follow */

static enum err refuse(struct building *b, const struct llm_block *block, const char *member, const char *why) {
  return llm_refuse(b->rq, &block->place, member, why, b->fault);
}

/* What of the source Converse cannot take; NULL when it can. */
static const char *source_trouble(const struct llm_block *block) {
  switch (block->media.source) {
  case LLM_URL: return "Converse takes no addresses: the data itself is needed";
  case LLM_FILE_ID: return "Converse takes no files of another provider: the data itself is needed";
  case LLM_PLAIN: return block->kind == LLM_DOCUMENT ? NULL : "text is no data of this kind";
  case LLM_BASE64:
  case LLM_S3: break;
  }
  return NULL;
}

static void put_source(struct json_writer *w, const struct llm_media *m) {
  json_name(w, "source");
  json_object(w);
  if (m->source == LLM_S3) {
    json_name(w, "s3Location");
    json_put_raw(w, m->data);
  } else {
    json_field_text(w, m->source == LLM_PLAIN ? "text" : "bytes", m->data);
  }
  json_object_end(w);
}

static enum err put_picture(struct building *b, const struct llm_block *block, const char *name,
                            void (*begin)(struct building *b)) {
  struct text format = converse_format(block->kind, block->media.media_type);
  if (text_is_empty(format))
    return refuse(b, block, "media_type", "Converse does not know this media type");
  if (!text_is_empty(block->media.detail) && !text_equal(block->media.detail, TEXT("auto"))) {
    enum err e = refuse(b, block, "detail", "Converse has no choice of detail");
    if (e)
      return e;
  }
  begin(b);
  json_object(b->w);
  json_name(b->w, name);
  json_object(b->w);
  json_field_text(b->w, "format", format);
  put_source(b->w, &block->media);
  json_object_end(b->w);
  json_object_end(b->w);
  return ERR_OK;
}

static bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '(' ||
         c == ')' || c == '[' || c == ']';
}

/* Letters, digits, hyphens, brackets and single spaces; every other character is a hyphen. */
static struct text valid_name(struct text title, struct arena *a) {
  char *at = arena_alloc(a, NAME_MAX_BYTES);
  size_t len = 0;
  title = text_trim(title);
  for (size_t i = 0; i < title.len && len < NAME_MAX_BYTES; i++) {
    char c = title.at[i];
    if (((unsigned char)c & 0xC0) == 0x80)
      continue; /* the rest of a character outside ASCII */
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (len > 0 && at[len - 1] != ' ')
        at[len++] = ' ';
    } else {
      at[len++] = is_name_char(c) ? c : '-';
    }
  }
  while (len > 0 && at[len - 1] == ' ')
    len--;
  return (struct text){at, len};
}

static struct text document_name(struct building *b, struct text title) {
  struct text valid = valid_name(title, b->rq->arena), name = valid;
  b->document_count++;
  if (text_is_empty(valid))
    valid = name = arena_format(b->rq->arena, "document-%u", b->document_count);
  for (uint32_t n = b->document_count; !converse_names_add(&b->documents, name); n++)
    name = arena_format(b->rq->arena, "%.*s-%u", TEXT_ARGS(valid), n);
  return name;
}

static void put_cites(struct json_writer *w, bool cites) {
  if (!cites)
    return;
  json_name(w, "citations");
  json_object(w);
  json_field_bool(w, "enabled", true);
  json_object_end(w);
}

static enum err put_document(struct building *b, const struct llm_block *block, void (*begin)(struct building *b)) {
  const struct llm_media *m = &block->media;
  struct text format = converse_format(LLM_DOCUMENT, m->media_type);
  if (text_is_empty(format) && m->source == LLM_PLAIN)
    format = TEXT("txt");
  if (text_is_empty(format))
    return refuse(b, block, "media_type", "Converse does not know this media type");
  begin(b);
  json_object(b->w);
  json_name(b->w, "document");
  json_object(b->w);
  json_field_text(b->w, "format", format);
  json_field_text(b->w, "name", document_name(b, m->title));
  put_source(b->w, m);
  if (!text_is_empty(m->context))
    json_field_text(b->w, "context", m->context);
  put_cites(b->w, block->cites);
  json_object_end(b->w);
  json_object_end(b->w);
  return ERR_OK;
}

static enum err put_search_result(struct building *b, const struct llm_block *block,
                                  void (*begin)(struct building *b)) {
  for (size_t i = 0; i < block->content_count; i++) {
    const struct llm_block *item = &block->content[i];
    enum err e = item->kind != LLM_TEXT ? refuse(b, item, "", "a search result holds texts only") : ERR_OK;
    if (!e && item->cache != LLM_CACHE_NONE)
      e = refuse(b, item, "cache_control", "Converse has no marks inside a search result");
    if (e)
      return e;
  }
  begin(b);
  json_object(b->w);
  json_name(b->w, "searchResult");
  json_object(b->w);
  json_field_text(b->w, "source", block->text);
  json_field_text(b->w, "title", text_is_empty(block->media.title) ? block->text : block->media.title);
  json_name(b->w, "content");
  json_array(b->w);
  for (size_t i = 0; i < block->content_count; i++)
    if (block->content[i].kind == LLM_TEXT)
      converse_put_text(b->w, block->content[i].text);
  json_array_end(b->w);
  put_cites(b->w, block->cites);
  json_object_end(b->w);
  json_object_end(b->w);
  return ERR_OK;
}

enum err converse_build_media(struct building *b, const struct llm_block *block, void (*begin)(struct building *b)) {
  const char *trouble = block->kind == LLM_SEARCH_RESULT ? NULL : source_trouble(block);
  if (trouble)
    return refuse(b, block, "source", trouble);
  switch (block->kind) {
  case LLM_IMAGE: return put_picture(b, block, "image", begin);
  case LLM_AUDIO: return put_picture(b, block, "audio", begin);
  case LLM_DOCUMENT: return put_document(b, block, begin);
  case LLM_SEARCH_RESULT: return put_search_result(b, block, begin);
  default: return refuse(b, block, "", "this cannot stand here");
  }
}
