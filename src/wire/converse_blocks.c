/* Blocks that stand in requests and in answers alike. Reasoning of Anthropic's format goes as it is; any other is put
 * into a seal, so that a client can send it back to whoever can check it. Called by converse_build.c and
 * converse_answer.c; streams use the parts. */
#include "wire/converse_blocks.h"

#include "wire/seal.h"

#define SEAL_MAX_BYTES ((size_t)48 * 1024 * 1024)

void converse_put_text(struct json_writer *w, struct text text) {
  json_object(w);
  json_field_text(w, "text", text);
  json_object_end(w);
}

static void put_texts(struct json_writer *w, const char *name, struct text text) {
  json_name(w, name);
  json_array(w);
  converse_put_text(w, text);
  json_array_end(w);
}

void converse_put_citation(struct json_writer *w, const struct llm_citation *c) {
  json_object(w);
  if (!text_is_empty(c->title))
    json_field_text(w, "title", c->title);
  if (!text_is_empty(c->cited_text))
    put_texts(w, "sourceContent", c->cited_text);
  json_name(w, "location");
  json_object(w);
  json_name(w, "web");
  json_object(w);
  json_field_text(w, "url", c->url);
  json_object_end(w);
  json_object_end(w);
  json_object_end(w);
}

void converse_put_cited(struct json_writer *w, const struct llm_block *b) {
  json_object(w);
  json_name(w, "citationsContent");
  json_object(w);
  put_texts(w, "content", b->text);
  json_name(w, "citations");
  json_array(w);
  for (size_t i = 0; i < b->citation_count; i++)
    converse_put_citation(w, &b->citations[i]);
  json_array_end(w);
  json_object_end(w);
  json_object_end(w);
}

/* Free text instead of JSON, which no Converse client can have asked for: kept whole in an object all the same. */
static void put_free_text(struct json_writer *w, struct text input) {
  json_object(w);
  json_field_text(w, "input", input);
  json_object_end(w);
}

void converse_put_tool_use(struct json_writer *w, const struct llm_block *b) {
  json_object(w);
  json_name(w, "toolUse");
  json_object(w);
  json_field_text(w, "toolUseId", b->id);
  json_field_text(w, "name", b->name);
  json_name(w, "input");
  if (b->is_custom)
    put_free_text(w, b->input);
  else
    json_put_raw(w, text_is_empty(b->input) ? TEXT("{}") : b->input);
  json_object_end(w);
  json_object_end(w);
}

bool converse_is_foreign(const struct llm_block *b) {
  if (text_equal(b->format, TEXT(LLM_FORMAT_ANTHROPIC)))
    return false;
  bool is_plain = text_is_empty(b->format) || text_equal(b->format, TEXT(LLM_FORMAT_NONE));
  return !is_plain || !text_is_empty(b->signature) || !text_is_empty(b->id) || !text_is_empty(b->details);
}

void converse_put_seal(struct json_writer *w, const struct llm_block *b) {
  struct buf seal;
  buf_init(&seal, SEAL_MAX_BYTES);
  seal_write(b, &seal);
  json_put_text(w, buf_text(&seal));
  if (seal.failed)
    w->out->failed = true;
  buf_done(&seal);
}

static void put_encoded_seal(struct json_writer *w, const struct llm_block *b) {
  struct buf seal, coded;
  buf_init(&seal, SEAL_MAX_BYTES);
  buf_init(&coded, 2 * SEAL_MAX_BYTES);
  seal_write(b, &seal);
  char *room = buf_reserve(&coded, (seal.len + 2) / 3 * 4);
  if (room)
    buf_commit(&coded, text_base64(seal.at, seal.len, room));
  json_put_text(w, buf_text(&coded));
  if (seal.failed || coded.failed)
    w->out->failed = true;
  buf_done(&coded);
  buf_done(&seal);
}

void converse_put_redacted(struct json_writer *w, const struct llm_block *b) {
  size_t bytes;
  if (!converse_is_foreign(b) && text_base64_decode(b->signature, NULL, &bytes))
    json_put_text(w, b->signature);
  else
    put_encoded_seal(w, b);
}

static void put_reasoning_text(struct json_writer *w, const struct llm_block *b, bool without_text) {
  json_name(w, "reasoningText");
  json_object(w);
  json_field_text(w, "text", without_text ? TEXT_NONE : b->text);
  if (converse_is_foreign(b)) {
    json_name(w, "signature");
    converse_put_seal(w, b);
  } else if (!text_is_empty(b->signature)) {
    json_field_text(w, "signature", b->signature);
  }
  json_object_end(w);
}

void converse_put_reasoning(struct json_writer *w, const struct llm_block *b, bool without_text) {
  json_object(w);
  json_name(w, "reasoningContent");
  json_object(w);
  if (b->kind == LLM_THINKING) {
    put_reasoning_text(w, b, without_text);
  } else {
    json_name(w, "redactedContent");
    converse_put_redacted(w, b);
  }
  json_object_end(w);
  json_object_end(w);
}

struct text converse_join_texts(yyjson_val *list, struct arena *a) {
  size_t i, n, count = yyjson_arr_size(list);
  yyjson_val *item;
  struct text *parts = arena_zalloc(a, count * sizeof(*parts));
  yyjson_arr_foreach (list, i, n, item) {
    parts[i] = json_text(json_get(item, "text"));
  }
  return count == 1 ? parts[0] : arena_join(a, parts, count);
}

bool converse_read_citation(yyjson_val *v, struct arena *a, struct llm_citation *out) {
  yyjson_val *texts = json_get(v, "sourceContent");
  *out = (struct llm_citation){.url = json_text(json_get(json_get(json_get(v, "location"), "web"), "url")),
                               .title = json_text(json_get(v, "title"))};
  if (text_is_empty(out->url))
    out->url = json_text(json_get(v, "source"));
  if (a)
    out->cited_text = converse_join_texts(texts, a);
  else /* streams quote in one piece */
    out->cited_text = json_text(json_get(yyjson_arr_get_first(texts), "text"));
  return !text_is_empty(out->url);
}
