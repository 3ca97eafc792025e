/* Plain Responses answers, read from a provider and written for a client. What is content and cannot be understood is a
 * fault of the provider's; what only informs is noted. Writing goes through openai_responses_stream.c, so that a plain
 * answer and a stream never differ. Called through dialect_openai_responses. */
#include "wire/openai_responses.h"

#include "llm/collect.h"
#include "wire/member.h"
#include "wire/openai_responses_events.h"
#include "wire/openai_responses_stream.h"
#include "wire/openai_responses_tap.h"
#include "wire/openai_tap.h"

#define ANSWER_ITEMS_MAX 4096

/* The answer under construction. */
struct reading {
  struct arena *a;
  struct llm_answer *out;
  size_t cap;
  uint32_t item;
  struct fault *f;
};

static enum err broken(const struct reading *r, const char *what) {
  return fault_set(r->f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's output[%u]%s", r->item, what);
}

static struct llm_block *add_block(struct reading *r, enum llm_kind kind) {
  struct llm_answer *answer = r->out;
  if (answer->block_count == r->cap) {
    size_t cap = r->cap ? r->cap * 2 : 8;
    struct llm_block *grown = arena_zalloc(r->a, cap * sizeof(*grown));
    if (r->cap > 0)
      memcpy(grown, answer->blocks, r->cap * sizeof(*grown));
    answer->blocks = grown;
    r->cap = cap;
  }
  struct llm_block *b = &answer->blocks[answer->block_count++];
  b->kind = kind;
  b->place = (struct llm_place){"output[#]", {r->item}};
  return b;
}

bool responses_read_citation(yyjson_val *annotation, struct llm_citation *out) {
  if (!text_equal(json_text(json_get(annotation, "type")), TEXT("url_citation")))
    return false;
  *out = (struct llm_citation){.url = json_text(json_get(annotation, "url")),
                               .title = json_text(json_get(annotation, "title")),
                               .cited_text = json_text(json_get(annotation, "content"))};
  (void)json_number_u64(json_get(annotation, "start_index"), &out->start);
  (void)json_number_u64(json_get(annotation, "end_index"), &out->end);
  return true;
}

static void read_citations(struct reading *r, yyjson_val *part, struct llm_block *b) {
  yyjson_val *list = json_get(part, "annotations"), *annotation;
  size_t i, count = yyjson_arr_size(list);
  if (count > 0)
    b->citations = arena_zalloc(r->a, count * sizeof(*b->citations));
  yyjson_arr_foreach (list, i, count, annotation) {
    if (responses_read_citation(annotation, &b->citations[b->citation_count]))
      b->citation_count++;
    else
      llm_note(&r->out->notes, RESPONSES_NOTE_ANNOTATIONS);
  }
  if (yyjson_arr_size(json_get(part, "logprobs")) > 0)
    llm_note(&r->out->notes, RESPONSES_NOTE_LOGPROBS);
}

static enum err read_part(struct reading *r, yyjson_val *part) {
  struct text type = json_text(json_get(part, "type"));
  if (text_equal(type, TEXT("output_text")) && yyjson_is_str(json_get(part, "text"))) {
    struct llm_block *b = add_block(r, LLM_TEXT);
    b->text = json_text(json_get(part, "text"));
    read_citations(r, part, b);
    return ERR_OK;
  }
  if (!text_equal(type, TEXT("refusal")) || !yyjson_is_str(json_get(part, "refusal")))
    return broken(r, " holds content that is neither text nor refusal");
  add_block(r, LLM_REFUSAL)->text = json_text(json_get(part, "refusal"));
  return ERR_OK;
}

static enum err read_message(struct reading *r, yyjson_val *item) {
  yyjson_val *content = json_get(item, "content"), *part;
  size_t i, count;
  if (!yyjson_is_arr(content))
    return broken(r, " is a message without content");
  if (text_equal(json_text(json_get(item, "phase")), TEXT("commentary")))
    llm_note(&r->out->notes, RESPONSES_NOTE_PHASE);
  yyjson_arr_foreach (content, i, count, part) {
    enum err e = read_part(r, part);
    if (e)
      return e;
  }
  return ERR_OK;
}

static enum err read_call(struct reading *r, yyjson_val *item, bool is_custom) {
  yyjson_val *input = json_get(item, is_custom ? "input" : "arguments");
  struct text id, name;
  if (!json_get_text(item, "call_id", &id) || !json_get_text(item, "name", &name) || !yyjson_is_str(input))
    return broken(r, " is a call without id, name or input");
  struct llm_block *b = add_block(r, LLM_TOOL_USE);
  b->id = id;
  b->name = name;
  b->is_custom = is_custom;
  b->input = json_text(input);
  if (!is_custom && !responses_read_arguments(json_text(input), &b->input))
    return broken(r, ".arguments is not the text of a JSON object");
  return ERR_OK;
}

static enum err read_item(struct reading *r, yyjson_val *item) {
  struct text type = json_text(json_get(item, "type"));
  const struct llm_place at = {"output[#]", {r->item}};
  if (text_equal(type, TEXT("message")))
    return read_message(r, item);
  if (text_equal(type, TEXT("function_call")) || text_equal(type, TEXT("custom_tool_call")))
    return read_call(r, item, text_equal(type, TEXT("custom_tool_call")));
  if (!text_equal(type, TEXT("reasoning")))
    return fault_set(r->f, ERR_UPSTREAM_PROTOCOL, NULL,
                     "the provider's output[%u] is of a type that was not asked for: %.*s", r->item,
                     TEXT_ARGS(text_head(type, 64)));
  struct llm_block read = {0};
  struct fault why = {0};
  if (responses_read_reasoning(item, &at, r->a, &read, &why))
    return fault_set(r->f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's %s", fault_text(&why));
  *add_block(r, LLM_THINKING) = read;
  return ERR_OK;
}

enum llm_stop responses_read_stop(yyjson_val *response, bool has_call, bool has_refusal, struct llm_notes *notes) {
  struct text reason = json_text(json_get(json_get(response, "incomplete_details"), "reason"));
  if (text_equal(reason, TEXT("max_output_tokens")))
    return LLM_STOP_LENGTH;
  if (text_equal(reason, TEXT("content_filter")))
    return LLM_STOP_CONTENT_FILTER;
  if (!text_is_empty(reason))
    llm_note(notes, RESPONSES_NOTE_REASON);
  if (has_refusal)
    return LLM_STOP_REFUSAL;
  return has_call ? LLM_STOP_TOOL_USE : LLM_STOP_END;
}

static bool holds(const struct llm_answer *answer, enum llm_kind kind) {
  for (size_t i = 0; i < answer->block_count; i++)
    if (answer->blocks[i].kind == kind)
      return true;
  return false;
}

static enum err check_whole(yyjson_val *root, struct fault *f) {
  struct text status = json_text(json_get(root, "status"));
  yyjson_val *error = json_get(root, "error");
  if (yyjson_is_obj(error) || text_equal(status, TEXT("failed"))) {
    struct fault said = {0};
    responses_tap_error(root, &said);
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, "error", "the provider sent an error with the status of a success: %s",
                     fault_text(&said));
  }
  if (!yyjson_is_arr(json_get(root, "output")) || yyjson_arr_size(json_get(root, "output")) > ANSWER_ITEMS_MAX)
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, "output", "the provider's answer is not a response");
  if (!text_is_empty(status) && !text_equal(status, TEXT("completed")) && !text_equal(status, TEXT("incomplete")))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, "status", "the provider's answer is not whole");
  return ERR_OK;
}

enum err responses_read_answer(const struct json *doc, struct arena *a, struct llm_answer *out, struct fault *f) {
  struct llm_answer answer = {0};
  struct reading r = {.a = a, .out = &answer, .f = f};
  size_t i, count;
  yyjson_val *item;
  uint64_t created = 0;
  enum err e = check_whole(doc->root, f);
  if (e)
    return e;
  yyjson_arr_foreach (json_get(doc->root, "output"), i, count, item) {
    r.item = (uint32_t)i;
    e = read_item(&r, item);
    if (e)
      return e;
  }
  (void)member_count(doc->root, "created_at", &created); /* some servers write a fraction */
  answer.id = json_text(json_get(doc->root, "id"));
  answer.model = json_text(json_get(doc->root, "model"));
  answer.created_s = (int64_t)created;
  answer.service_tier = json_text(json_get(doc->root, "service_tier"));
  answer.stop =
      responses_read_stop(doc->root, holds(&answer, LLM_TOOL_USE), holds(&answer, LLM_REFUSAL), &answer.notes);
  responses_tap_usage(&answer.usage, json_get(doc->root, "usage"));
  openai_tap_cost_of(doc, json_get(doc->root, "usage"), &answer.cost_nano);
  *out = answer;
  return ERR_OK;
}

/* Where a plain answer's events go: only the items that they leave behind are wanted. */
struct quiet {
  struct responses_writer w;
  struct buf events;
  const struct llm_echo *echo;
};

static enum err take_quietly(void *ctx, const struct llm_event *e, struct fault *f) {
  struct quiet *q = ctx;
  responses_write_event(&q->w, q->echo, e, &q->events);
  return ERR_OK;
}

void responses_write_answer(const struct llm_answer *answer, const struct llm_echo *echo, struct buf *out) {
  struct quiet q = {.w = {.is_quiet = true}, .echo = echo};
  struct llm_sink sink = {take_quietly, &q};
  struct json_writer json;
  buf_init(&q.events, RESPONSES_KEPT_MAX);
  enum err e = llm_answer_play(answer, &sink, NULL);
  const struct responses_object o = {.head = buf_text(&q.w.head),
                                     .status = responses_status_of(q.w.stop, q.w.has_refusal),
                                     .stop = q.w.stop,
                                     .output = buf_text(&q.w.output),
                                     .usage = q.w.usage,
                                     .service_tier = buf_text(&q.w.tier)};
  json_writer_init(&json, out);
  responses_put_object(&json, &o, echo);
  if (e != ERR_OK || q.w.is_broken)
    out->failed = true;
  buf_done(&q.events);
  responses_writer_done(&q.w);
}
