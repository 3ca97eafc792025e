/* Reasoning items, which stand in requests and in answers alike: a summary or the words themselves for people, and the
 * encrypted reasoning that OpenAI wants back. Seals (wire/seal.h) are opened where requests are read. Called by
 * openai_responses_input.c, _answer.c and _events.c. */
#include "wire/openai_responses.h"

static enum err read_texts(yyjson_val *item, const char *name, const char *type, const struct llm_place *at,
                           struct buf *out, struct fault *f) {
  yyjson_val *list = json_get(item, name), *part;
  size_t i, count;
  if (!list || yyjson_is_null(list))
    return ERR_OK;
  if (!yyjson_is_arr(list))
    return llm_bad(at, name, "must be a list", f);
  yyjson_arr_foreach (list, i, count, part) {
    yyjson_val *text = json_get(part, "text");
    if (!text_equal(json_text(json_get(part, "type")), text_of(type)) || !yyjson_is_str(text) ||
        yyjson_obj_size(part) != 2)
      return llm_bad(at, name, "holds something else than texts of its type", f);
    if (i > 0)
      buf_add(out, TEXT("\n\n"));
    buf_add(out, json_text(text));
  }
  return ERR_OK;
}

/* What the joined text does not say: how many parts there were, and the words behind a summary. */
static struct text details_of(yyjson_val *item, struct arena *a) {
  yyjson_val *summary = json_get(item, "summary"), *content = json_get(item, "content");
  struct buf b;
  struct json_writer w;
  if (yyjson_arr_size(summary) <= 1 && yyjson_arr_size(content) == 0)
    return TEXT_NONE;
  buf_init(&b, SIZE_MAX / 2);
  json_writer_init(&w, &b);
  json_object(&w);
  json_name(&w, "summary");
  json_put_raw(&w, yyjson_is_arr(summary) ? json_value_text(summary, a) : TEXT("[]"));
  if (yyjson_arr_size(content) > 0) {
    json_name(&w, "content");
    json_put_raw(&w, json_value_text(content, a));
  }
  json_object_end(&w);
  struct text details = arena_copy(a, buf_text(&b));
  buf_done(&b);
  return details;
}

static enum err read_head(yyjson_val *item, const struct llm_place *at, struct llm_block *b, struct fault *f) {
  yyjson_val *id = json_get(item, "id"), *encrypted = json_get(item, "encrypted_content");
  if (id && !yyjson_is_null(id) && !yyjson_is_str(id))
    return llm_bad(at, "id", "must be a string", f);
  if (encrypted && !yyjson_is_null(encrypted) && !yyjson_is_str(encrypted))
    return llm_bad(at, "encrypted_content", "must be a string", f);
  b->id = json_text(id);
  b->signature = json_text(encrypted);
  return ERR_OK;
}

enum err responses_read_reasoning(yyjson_val *item, const struct llm_place *at, struct arena *a, struct llm_block *out,
                                  struct fault *f) {
  struct llm_block b = {.kind = LLM_THINKING, .place = *at, .format = TEXT(LLM_FORMAT_RESPONSES)};
  struct buf words;
  buf_init(&words, SIZE_MAX / 2);
  enum err e = read_head(item, at, &b, f);
  if (!e)
    e = read_texts(item, "summary", "summary_text", at, &words, f);
  size_t summary = words.len;
  if (!e)
    e = read_texts(item, "content", "reasoning_text", at, &words, f);
  if (!e) {
    b.text = arena_copy(a, summary > 0 ? text_head(buf_text(&words), summary) : buf_text(&words));
    b.details = details_of(item, a);
    *out = b;
  }
  buf_done(&words);
  return e;
}
