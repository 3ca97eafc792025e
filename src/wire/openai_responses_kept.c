/* The items of an answer as the writer of a Responses stream keeps and tells them: their JSON, with ids where the
 * provider gave none. It writes no events; openai_responses_stream.c, the caller, does. */
#include "wire/openai_responses_stream.h"

#include "wire/seal.h"

void responses_put_quoted(struct json_writer *w, const char *name, struct text escaped) {
  json_name(w, name);
  json_put_raw(w, TEXT("\""));
  buf_add(w->out, escaped);
  buf_add_char(w->out, '"');
}

/* "PREFIX_ID_INDEX", or the id that the item has already. */
static void make_id(struct responses_writer *w, const char *prefix, struct text own, const struct llm_echo *echo) {
  buf_reset(&w->item_id);
  buf_add_char(&w->item_id, '"');
  if (text_is_empty(own)) {
    buf_add(&w->item_id, text_of(prefix));
    json_escape(&w->item_id, echo->id);
    buf_add_char(&w->item_id, '_');
    buf_add_u64(&w->item_id, w->items);
  } else {
    json_escape(&w->item_id, own);
  }
  buf_add_char(&w->item_id, '"');
}

static const char *type_of(enum responses_item item) {
  static const char *const types[] = {"", "message", "function_call", "custom_tool_call", "reasoning"};
  return types[item];
}

/* What does not change about an item, kept so that nobody must remember its parts. */
static void make_item(struct responses_writer *w, const struct llm_block *b) {
  struct json_writer j;
  buf_reset(&w->item);
  json_writer_init(&j, &w->item);
  json_object(&j);
  json_field_str(&j, "type", type_of(w->open));
  json_name(&j, "id");
  json_put_raw(&j, buf_text(&w->item_id));
  if (w->open == RESPONSES_MESSAGE)
    json_field_str(&j, "role", "assistant");
  if (w->open == RESPONSES_CALL || w->open == RESPONSES_CUSTOM) {
    json_field_text(&j, "call_id", b->id);
    json_field_text(&j, "name", b->name);
  }
}

void responses_begin_item(struct responses_writer *w, enum responses_item item, const struct llm_block *b,
                          const struct llm_echo *echo) {
  static const char *const prefixes[] = {"", "msg_", "fc_", "ctc_", "rs_"};
  bool is_own = item == RESPONSES_REASONING && text_equal(b->format, TEXT(LLM_FORMAT_RESPONSES));
  w->open = item;
  w->parts = 0;
  w->has_summary = false;
  buf_reset(&w->content);
  buf_reset(&w->text);
  make_id(w, prefixes[item], is_own ? b->id : TEXT_NONE, echo);
  make_item(w, b);
}

/* What the item holds: by its type all of it so far, or nothing yet. */
static void put_item_body(struct responses_writer *w, struct json_writer *j, bool is_done) {
  struct text text = is_done ? buf_text(&w->text) : TEXT_NONE;
  switch (w->open) {
  case RESPONSES_MESSAGE:
    json_name(j, "content");
    json_array(j);
    buf_add(j->out, is_done ? buf_text(&w->content) : TEXT_NONE);
    json_array_end(j);
    break;
  case RESPONSES_CALL: responses_put_quoted(j, "arguments", text); break;
  case RESPONSES_CUSTOM: responses_put_quoted(j, "input", text); break;
  case RESPONSES_REASONING:
    json_name(j, "summary");
    json_array(j);
    if (is_done && w->has_summary) {
      json_object(j);
      json_field_str(j, "type", "summary_text");
      responses_put_quoted(j, "text", text);
      json_object_end(j);
    }
    json_array_end(j);
    if (w->encrypted.len > 0) {
      json_name(j, "encrypted_content");
      json_put_raw(j, buf_text(&w->encrypted));
    }
    break;
  case RESPONSES_NO_ITEM: break;
  }
}

void responses_put_item(struct responses_writer *w, const char *status, bool is_done, struct buf *out) {
  struct json_writer j;
  json_writer_init(&j, out);
  json_object(&j);
  json_field_str(&j, "status", status);
  buf_add_char(out, ',');
  buf_add(out, text_skip(buf_text(&w->item), 1)); /* without its brace */
  put_item_body(w, &j, is_done);
  json_object_end(&j);
}

void responses_put_part(struct responses_writer *w, struct json_writer *j, bool is_done) {
  struct text text = is_done ? buf_text(&w->text) : TEXT_NONE;
  json_object(j);
  json_field_str(j, "type", w->kind == LLM_REFUSAL ? "refusal" : "output_text");
  responses_put_quoted(j, w->kind == LLM_REFUSAL ? "refusal" : "text", text);
  if (w->kind == LLM_TEXT) {
    json_name(j, "annotations");
    json_array(j);
    buf_add(j->out, is_done ? buf_text(&w->citations) : TEXT_NONE);
    json_array_end(j);
    json_name(j, "logprobs");
    json_put_raw(j, TEXT("[]"));
  }
  json_object_end(j);
}

/* Reasoning of another vendor is sealed, so that it can be told from OpenAI's when it comes back. */
void responses_keep_encrypted(struct responses_writer *w, const struct llm_block *b, struct text signature) {
  struct llm_block sealed = *b;
  bool is_own = text_equal(b->format, TEXT(LLM_FORMAT_RESPONSES));
  sealed.signature = signature;
  buf_reset(&w->encrypted);
  if (is_own && text_is_empty(signature))
    return;
  buf_add_char(&w->encrypted, '"');
  if (is_own)
    json_escape(&w->encrypted, signature);
  else
    seal_write(&sealed, &w->encrypted);
  buf_add_char(&w->encrypted, '"');
}

void responses_put_citation(struct json_writer *j, const struct llm_citation *c, uint64_t text_end) {
  json_object(j);
  json_field_str(j, "type", "url_citation");
  json_field_text(j, "url", c->url);
  json_field_text(j, "title", c->title);
  json_field_u64(j, "start_index", c->start);
  json_field_u64(j, "end_index", c->end > 0 ? c->end : text_end);
  if (!text_is_empty(c->cited_text)) /* not of OpenAI's, but of other servers of this family */
    json_field_text(j, "content", c->cited_text);
  json_object_end(j);
}
