/* Whole answers of the Converse dialect, read and written. Content that has no place in llm/ (images the model made,
 * results of Bedrock's own tools) ends the translation: content is never dropped. Called through dialect_converse. */
#include "wire/converse.h"

#include "wire/converse_blocks.h"
#include "wire/converse_usage.h"

static enum err trouble(struct fault *f, const char *what) {
  return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer %s", what);
}

static void read_cited(yyjson_val *v, struct arena *a, struct llm_block *b, struct llm_notes *notes) {
  yyjson_val *list = json_get(v, "citations"), *item;
  size_t i, n;
  b->text = converse_join_texts(json_get(v, "content"), a);
  b->citations = arena_zalloc(a, yyjson_arr_size(list) * sizeof(*b->citations));
  yyjson_arr_foreach (list, i, n, item) {
    if (converse_read_citation(item, a, &b->citations[b->citation_count]))
      b->citation_count++;
    else
      llm_note(notes, "citationsContent.citations");
  }
}

static bool read_tool_use(yyjson_val *v, struct arena *a, struct llm_block *b) {
  yyjson_val *input = json_get(v, "input");
  b->kind = LLM_TOOL_USE;
  if (!json_get_text(v, "toolUseId", &b->id) || !json_get_text(v, "name", &b->name) || json_get(v, "type"))
    return false;
  if (input && !yyjson_is_obj(input))
    return false;
  b->input = input ? json_value_text(input, a) : TEXT("{}");
  return true;
}

static bool read_reasoning(yyjson_val *v, struct llm_block *b) {
  yyjson_val *text = json_get(v, "reasoningText");
  b->format = TEXT(LLM_FORMAT_ANTHROPIC);
  b->kind = text ? LLM_THINKING : LLM_REDACTED_THINKING;
  if (!text)
    return json_get_text(v, "redactedContent", &b->signature);
  b->text = json_text(json_get(text, "text"));
  if (!json_get_text(text, "signature", &b->signature) || text_is_empty(b->signature))
    b->format = TEXT(LLM_FORMAT_NONE);
  return yyjson_is_obj(text);
}

static enum err read_block(yyjson_val *item, struct arena *a, struct llm_block *b, struct llm_notes *notes,
                           struct fault *f) {
  yyjson_val *key = yyjson_is_obj(item) && yyjson_obj_size(item) == 1 ? unsafe_yyjson_get_first(item) : NULL;
  yyjson_val *v = key ? yyjson_obj_iter_get_val(key) : NULL;
  bool good = false;
  if (yyjson_equals_str(key, "text")) {
    b->text = json_text(v);
    good = yyjson_is_str(v);
  } else if (yyjson_equals_str(key, "citationsContent")) {
    read_cited(v, a, b, notes);
    good = yyjson_is_obj(v);
  } else if (yyjson_equals_str(key, "toolUse")) {
    good = read_tool_use(v, a, b);
  } else if (yyjson_equals_str(key, "reasoningContent")) {
    good = read_reasoning(v, b);
  }
  if (good)
    return ERR_OK;
  return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer has content that cannot be carried: %.40s",
                   key ? yyjson_get_str(key) : "a block that is no union");
}

enum err converse_read_answer(const struct json *doc, struct arena *a, struct llm_answer *out, struct fault *f) {
  yyjson_val *message = json_get(json_get(doc->root, "output"), "message"), *content = json_get(message, "content");
  struct llm_answer answer = {0};
  struct text stop;
  size_t i, n;
  yyjson_val *item;
  if (!yyjson_is_arr(content))
    return trouble(f, "holds no message");
  if (!json_get_text(doc->root, "stopReason", &stop))
    return trouble(f, "has no stopReason");
  answer.blocks = arena_zalloc(a, yyjson_arr_size(content) * sizeof(*answer.blocks));
  yyjson_arr_foreach (content, i, n, item) {
    enum err e = read_block(item, a, &answer.blocks[answer.block_count++], &answer.notes, f);
    if (e)
      return e;
  }
  answer.stop = converse_read_stop(stop, &answer.notes);
  converse_read_usage(json_get(doc->root, "usage"), &answer.usage);
  converse_read_beside(doc->root, &answer.notes, &answer.stop_sequence, &answer.service_tier);
  *out = answer;
  return ERR_OK;
}

static void put_block(struct json_writer *w, const struct llm_block *b, const struct llm_echo *echo) {
  switch (b->kind) {
  case LLM_TEXT:
  case LLM_REFUSAL:
    if (b->citation_count > 0)
      converse_put_cited(w, b);
    else
      converse_put_text(w, b->text);
    break;
  case LLM_TOOL_USE: converse_put_tool_use(w, b); break;
  case LLM_THINKING:
  case LLM_REDACTED_THINKING: converse_put_reasoning(w, b, echo->omit_thinking); break;
  case LLM_IMAGE:
  case LLM_DOCUMENT:
  case LLM_AUDIO:
  case LLM_SEARCH_RESULT:
  case LLM_TOOL_RESULT: break; /* no reader of an answer makes these */
  }
}

void converse_write_answer(const struct llm_answer *answer, const struct llm_echo *echo, struct buf *out) {
  const struct usage likely = {.input = echo->input_tokens};
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  json_name(&w, "output");
  json_object(&w);
  json_name(&w, "message");
  json_object(&w);
  json_field_str(&w, "role", "assistant");
  json_name(&w, "content");
  json_array(&w);
  for (size_t i = 0; i < answer->block_count; i++)
    put_block(&w, &answer->blocks[i], echo);
  json_array_end(&w);
  json_object_end(&w);
  json_object_end(&w);
  json_field_text(&w, "stopReason", converse_stop_word(answer->stop));
  converse_put_usage(&w, answer->usage.known ? &answer->usage : &likely);
  converse_put_metrics(&w);
  converse_put_answer_fields(&w, echo->members, answer->stop_sequence);
  converse_put_tier(&w, answer->service_tier);
  json_object_end(&w);
}
