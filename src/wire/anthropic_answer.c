/* Plain answers of the Anthropic dialect, read and written; what they share with streams is in anthropic_parts.c.
 * Called through dialect_anthropic and dialect_invoke. */
#include "wire/anthropic_answer.h"

#include "wire/anthropic_parts.h"

static enum err read_citations(yyjson_val *list, struct arena *a, struct llm_block *b, struct llm_notes *notes) {
  size_t i, count;
  yyjson_val *citation;
  if (!yyjson_is_arr(list))
    return ERR_OK;
  b->citations = arena_alloc(a, yyjson_arr_size(list) * sizeof(*b->citations));
  yyjson_arr_foreach (list, i, count, citation)
    b->citation_count += anthropic_parts_citation(citation, &b->citations[b->citation_count], notes);
  return ERR_OK;
}

static enum err read_block(yyjson_val *object, struct arena *a, struct llm_block *out, struct llm_notes *notes,
                           struct fault *f) {
  enum err e = anthropic_parts_block(object, out, notes, f);
  if (e != ERR_OK)
    return e;
  if (out->kind == LLM_TEXT)
    return read_citations(json_get(object, "citations"), a, out, notes);
  if (out->kind != LLM_TOOL_USE)
    return ERR_OK;
  yyjson_val *input = json_get(object, "input");
  if (!yyjson_is_obj(input))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, "input", "a tool call of the provider's answer has no proper input");
  out->input = json_value_text(input, a);
  return ERR_OK;
}

static enum err read_content(yyjson_val *content, struct arena *a, struct llm_answer *out, struct fault *f) {
  size_t i, count;
  yyjson_val *object;
  out->blocks = arena_zalloc(a, yyjson_arr_size(content) * sizeof(*out->blocks));
  yyjson_arr_foreach (content, i, count, object) {
    enum err e = read_block(object, a, &out->blocks[out->block_count], &out->notes, f);
    if (e != ERR_OK)
      return e;
    out->block_count++;
  }
  return ERR_OK;
}

static void note_members(yyjson_val *root, struct llm_notes *notes) {
  static const struct anthropic_member rows[] = {{"id", NULL},
                                                 {"type", NULL},
                                                 {"role", NULL},
                                                 {"model", NULL},
                                                 {"content", NULL},
                                                 {"stop_reason", NULL},
                                                 {"stop_sequence", NULL},
                                                 {"usage", NULL},
                                                 {"container", "container"},
                                                 {"diagnostics", "diagnostics"},
                                                 {"stop_details", "stop_details"},
                                                 {"context_management", "context_management"},
                                                 {"input_transformations", "input_transformations"}};
  anthropic_parts_note(root, rows, sizeof(rows) / sizeof(rows[0]), "*", notes);
}

enum err anthropic_answer_read(const struct json *doc, struct arena *a, struct llm_answer *out, struct fault *f) {
  yyjson_val *root = doc->root, *content = json_get(root, "content");
  struct llm_answer answer = {0};
  struct usage steps = {0};
  if (!text_equal(json_text(json_get(root, "type")), TEXT("message")) || !yyjson_is_arr(content))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is not a message");
  answer.id = json_text(json_get(root, "id"));
  answer.model = json_text(json_get(root, "model"));
  answer.stop_sequence = json_text(json_get(root, "stop_sequence"));
  answer.stop = anthropic_parts_stop(json_text(json_get(root, "stop_reason")), &answer.notes);
  anthropic_parts_usage(json_get(root, "usage"), &answer.usage, &steps, &answer.service_tier, &answer.notes);
  note_members(root, &answer.notes);
  enum err e = read_content(content, a, &answer, f);
  if (e == ERR_OK)
    *out = answer;
  return e;
}

static void write_id(struct json_writer *w, struct text id, struct text fallback) {
  json_name(w, "id");
  if (!text_is_empty(id)) {
    json_put_text(w, id);
    return;
  }
  json_put_raw(w, TEXT("\"msg_"));
  json_escape(w->out, fallback);
  buf_add_char(w->out, '"');
}

static struct usage usage_of(const struct llm_answer *answer, const struct llm_echo *echo) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < answer->block_count; i++)
    bytes += answer->blocks[i].text.len + answer->blocks[i].input.len;
  return answer->usage.known ? answer->usage : anthropic_parts_estimate(echo, bytes);
}

void anthropic_answer_write(const struct llm_answer *answer, const struct llm_echo *echo, struct buf *out) {
  const struct usage usage = usage_of(answer, echo);
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  write_id(&w, answer->id, echo->id);
  json_field_str(&w, "type", "message");
  json_field_str(&w, "role", "assistant");
  json_field_text(&w, "model", text_is_empty(answer->model) ? echo->model : answer->model);
  json_name(&w, "content");
  json_array(&w);
  for (size_t i = 0; i < answer->block_count; i++)
    anthropic_parts_write_block(&w, &answer->blocks[i], echo, false);
  json_array_end(&w);
  anthropic_parts_write_stop(&w, answer->stop, answer->stop_sequence);
  anthropic_parts_write_usage(&w, &usage, answer->service_tier);
  json_field_str(&w, "container", NULL);
  json_field_str(&w, "diagnostics", NULL);
  json_object_end(&w);
}
