/* Plain chat completions answers, read from a provider and written to a client. What an answer tells beside its content
 * and has no place in llm/ is noted by name; content that cannot be understood is an error. Called through
 * dialect_openai_chat. */
#include "wire/openai_chat_parts.h"
#include "wire/openai_chat_words.h"
#include "wire/openai_error.h"
#include "wire/openai_parts.h"
#include "wire/openai_reasoning.h"
#include "wire/openai_tap.h"

struct reading {
  struct arena *a;
  struct fault *f;
  struct llm_answer *out;
  bool is_cut; /* the limit of tokens was reached, perhaps in the middle of a call */
};

static struct llm_block *add(struct reading *r, enum llm_kind kind, struct text t) {
  struct llm_block *b = &r->out->blocks[r->out->block_count++];
  *b = (struct llm_block){.kind = kind, .text = t};
  return b;
}

static enum err read_thoughts(struct reading *r, yyjson_val *message) {
  size_t entry;
  const char *member;
  yyjson_val *details = json_get(message, "reasoning_details");
  const char *wrong = openai_reasoning_read(details, json_text(json_get(message, "reasoning_content")),
                                            json_text(json_get(message, "reasoning")), r->a, r->out->blocks,
                                            &r->out->block_count, &entry, &member);
  return wrong ? openai_chat_not_understood("choices[0].message.reasoning_details", wrong, r->f) : ERR_OK;
}

/* Some servers answer with parts. */
static enum err read_content(struct reading *r, yyjson_val *content) {
  size_t i, count;
  yyjson_val *part;
  if (yyjson_get_len(content) == 0 || yyjson_is_null(content))
    return ERR_OK;
  if (yyjson_is_str(content)) {
    (void)add(r, LLM_TEXT, json_text(content));
    return ERR_OK;
  }
  if (!yyjson_is_arr(content))
    return openai_chat_not_understood("choices[0].message.content", "is neither text nor parts", r->f);
  yyjson_arr_foreach (content, i, count, part) {
    struct text t;
    if (yyjson_equals_str(json_get(part, "type"), "text") && json_get_text(part, "text", &t))
      (void)add(r, LLM_TEXT, t);
    else if (yyjson_equals_str(json_get(part, "type"), "refusal") && json_get_text(part, "refusal", &t))
      (void)add(r, LLM_REFUSAL, t);
    else
      return openai_chat_not_understood("choices[0].message.content", "holds a part of an unknown type", r->f);
  }
  return ERR_OK;
}

static enum err read_annotations(struct reading *r, yyjson_val *annotations) {
  size_t i, count, texts = 0;
  yyjson_val *annotation;
  struct llm_block *text = NULL;
  if (yyjson_arr_size(annotations) == 0)
    return ERR_OK;
  for (i = 0; i < r->out->block_count; i++)
    if (r->out->blocks[i].kind == LLM_TEXT) {
      text = &r->out->blocks[i];
      texts++;
    }
  if (!text)
    text = add(r, LLM_TEXT, TEXT(""));
  text->citations = arena_alloc(r->a, yyjson_arr_size(annotations) * sizeof(*text->citations));
  yyjson_arr_foreach (annotations, i, count, annotation) {
    struct llm_citation *to = &text->citations[text->citation_count];
    if (openai_chat_read_citation(annotation, to))
      text->citation_count++;
    else
      llm_note(&r->out->notes, "choices[].message.annotations");
    if (texts > 1)
      to->start = to->end = 0; /* counted from the start of all texts */
  }
  return ERR_OK;
}

static enum err read_call(struct reading *r, yyjson_val *call, uint32_t index) {
  bool is_custom = yyjson_equals_str(json_get(call, "type"), "custom");
  yyjson_val *body = json_get(call, is_custom ? "custom" : "function");
  char made[OPENAI_CHAT_CALL_ID_BYTES];
  struct text name, input = TEXT_NONE;
  if (!json_get_text(body, "name", &name) || text_is_empty(name))
    return openai_chat_not_understood("choices[0].message.tool_calls", "holds a call without a name", r->f);
  (void)json_get_text(body, is_custom ? "input" : "arguments", &input);
  if (!is_custom && !openai_chat_read_arguments(input, &input)) {
    if (!r->is_cut)
      return openai_chat_not_understood("choices[0].message.tool_calls", "holds arguments that are no JSON object",
                                        r->f);
    llm_note(&r->out->notes, "choices[].message.tool_calls[].function.arguments"); /* nobody can call with a half */
    input = TEXT("{}");
  }
  struct llm_block *b = add(r, LLM_TOOL_USE, TEXT_NONE);
  b->id = openai_chat_call_id(call, text_hash(r->out->id), index, made);
  if (b->id.at == made)
    b->id = arena_copy(r->a, b->id);
  b->name = name;
  b->input = input;
  b->is_custom = is_custom;
  return ERR_OK;
}

static enum err read_calls(struct reading *r, yyjson_val *calls) {
  size_t i, count;
  yyjson_val *call;
  yyjson_arr_foreach (calls, i, count, call) {
    enum err e = read_call(r, call, (uint32_t)i);
    if (e != ERR_OK)
      return e;
  }
  return ERR_OK;
}

static enum err read_message(struct reading *r, yyjson_val *message) {
  yyjson_val *content = json_get(message, "content"), *calls = json_get(message, "tool_calls");
  struct text refusal = json_text(json_get(message, "refusal"));
  size_t most = openai_chat_parts_most(content) + openai_reasoning_most(json_get(message, "reasoning_details")) +
                yyjson_arr_size(calls) + 2;
  r->out->blocks = arena_alloc(r->a, most * sizeof(*r->out->blocks));
  enum err e = openai_chat_check_content(message, "message", &r->out->notes, r->f);
  if (e == ERR_OK)
    e = read_thoughts(r, message);
  if (e == ERR_OK)
    e = read_content(r, content);
  if (e == ERR_OK)
    e = read_annotations(r, json_get(message, "annotations"));
  if (e == ERR_OK && !text_is_empty(refusal))
    (void)add(r, LLM_REFUSAL, refusal);
  return e == ERR_OK ? read_calls(r, calls) : e;
}

static size_t count_of(const struct llm_answer *answer, enum llm_kind kind) {
  size_t count = 0;
  for (size_t i = 0; i < answer->block_count; i++)
    count += answer->blocks[i].kind == kind;
  return count;
}

static void read_stop(struct reading *r, yyjson_val *choice) {
  struct text reason = json_text(json_get(choice, "finish_reason"));
  enum llm_stop stop;
  if (!openai_chat_read_finish(reason, &stop) && !text_is_empty(reason))
    llm_note(&r->out->notes, "choices[].finish_reason");
  r->out->stop = openai_chat_stop(stop, count_of(r->out, LLM_TOOL_USE) > 0, count_of(r->out, LLM_REFUSAL) > 0);
  if (r->out->stop == LLM_STOP_END && json_get_text(choice, "stop_reason", &r->out->stop_sequence))
    r->out->stop = LLM_STOP_SEQUENCE;
}

enum err openai_chat_read_answer(const struct json *doc, struct arena *a, struct llm_answer *out, struct fault *f) {
  yyjson_val *choices = json_get(doc->root, "choices"), *error = json_get(doc->root, "error");
  yyjson_val *choice = yyjson_arr_get_first(choices), *message = json_get(choice, "message");
  struct reading r = {.a = a, .f = f, .out = out};
  *out = (struct llm_answer){0};
  r.is_cut = yyjson_equals_str(json_get(choice, "finish_reason"), "length");
  if (openai_chat_is_something(error)) {
    struct fault why = {0};
    openai_error_read(error, &why);
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider sent an error with the status of a success: %s",
                     fault_text(&why));
  }
  if (!yyjson_is_obj(message))
    return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is not a chat completion");
  if (yyjson_arr_size(choices) > 1)
    return openai_chat_not_understood("choices", "holds more than one answer", f);
  out->id = json_text(json_get(doc->root, "id"));
  out->model = json_text(json_get(doc->root, "model"));
  out->created_s = (int64_t)openai_chat_count(doc->root, "created");
  out->service_tier = json_text(json_get(doc->root, "service_tier"));
  enum err e = read_message(&r, message);
  if (e != ERR_OK)
    return e;
  read_stop(&r, choice);
  openai_tap_usage(&out->usage, json_get(doc->root, "usage"));
  openai_tap_cost_of(doc, json_get(doc->root, "usage"), &out->cost_nano);
  openai_chat_note(&out->notes, doc->root, choice);
  return ERR_OK;
}

static void write_joined(struct json_writer *w, const char *name, const struct llm_answer *answer, enum llm_kind kind) {
  json_name(w, name);
  openai_parts_string(w);
  for (size_t i = 0; i < answer->block_count; i++)
    if (answer->blocks[i].kind == kind)
      openai_parts_piece(w, answer->blocks[i].text);
  openai_parts_string_end(w);
}

static bool is_thought(const struct llm_block *b) {
  return b->kind == LLM_THINKING || b->kind == LLM_REDACTED_THINKING;
}

/* The readable text twice: each of the two names has its readers. */
static void write_thoughts(struct json_writer *w, const struct llm_answer *answer, bool omit) {
  uint32_t index = 0;
  if (count_of(answer, LLM_THINKING) + count_of(answer, LLM_REDACTED_THINKING) == 0)
    return;
  if (!omit && count_of(answer, LLM_THINKING) > 0) {
    write_joined(w, "reasoning_content", answer, LLM_THINKING);
    write_joined(w, "reasoning", answer, LLM_THINKING);
  }
  json_name(w, "reasoning_details");
  json_array(w);
  for (size_t i = 0; i < answer->block_count; i++) {
    const struct llm_block *b = &answer->blocks[i];
    if (is_thought(b))
      openai_reasoning_put(w, b, index++, omit ? TEXT_NONE : b->text, b->signature);
  }
  json_array_end(w);
}

static void write_annotations(struct json_writer *w, const struct llm_answer *answer) {
  size_t citations = 0;
  uint64_t start = 0;
  for (size_t i = 0; i < answer->block_count; i++)
    citations += answer->blocks[i].citation_count;
  if (citations == 0)
    return;
  json_name(w, "annotations");
  json_array(w);
  for (size_t i = 0; i < answer->block_count; i++) {
    const struct llm_block *b = &answer->blocks[i];
    uint64_t end = start + (b->kind == LLM_TEXT ? openai_chat_characters(b->text) : 0);
    for (size_t k = 0; k < b->citation_count; k++)
      openai_chat_write_citation(w, &b->citations[k], start, end);
    start = end;
  }
  json_array_end(w);
}

static void write_calls(struct json_writer *w, const struct llm_answer *answer) {
  if (count_of(answer, LLM_TOOL_USE) == 0)
    return;
  json_name(w, "tool_calls");
  json_array(w);
  for (size_t i = 0; i < answer->block_count; i++) {
    const struct llm_block *b = &answer->blocks[i];
    const char *kind = b->is_custom ? "custom" : "function";
    if (b->kind != LLM_TOOL_USE)
      continue;
    json_object(w);
    json_field_text(w, "id", b->id);
    json_field_str(w, "type", kind);
    json_name(w, kind);
    json_object(w);
    json_field_text(w, "name", b->name);
    json_field_text(w, b->is_custom ? "input" : "arguments", b->input);
    json_object_end(w);
    json_object_end(w);
  }
  json_array_end(w);
}

static void write_message(struct json_writer *w, const struct llm_answer *answer, bool omit_thinking) {
  json_name(w, "message");
  json_object(w);
  json_field_str(w, "role", "assistant");
  if (count_of(answer, LLM_TEXT) > 0) {
    write_joined(w, "content", answer, LLM_TEXT);
  } else {
    json_name(w, "content");
    json_put_null(w);
  }
  if (count_of(answer, LLM_REFUSAL) > 0) {
    write_joined(w, "refusal", answer, LLM_REFUSAL);
  } else {
    json_name(w, "refusal");
    json_put_null(w);
  }
  write_thoughts(w, answer, omit_thinking);
  write_annotations(w, answer);
  write_calls(w, answer);
  json_object_end(w);
}

static void write_choice(struct json_writer *w, const struct llm_answer *answer, const struct llm_echo *echo) {
  json_name(w, "choices");
  json_array(w);
  json_object(w);
  json_field_u64(w, "index", 0);
  write_message(w, answer, echo->omit_thinking);
  json_name(w, "logprobs");
  json_put_null(w);
  json_field_str(w, "finish_reason", openai_chat_finish_name(answer->stop, count_of(answer, LLM_REFUSAL) > 0));
  if (answer->stop == LLM_STOP_SEQUENCE && !text_is_empty(answer->stop_sequence))
    json_field_text(w, "stop_reason", answer->stop_sequence); /* as vLLM tells it */
  json_object_end(w);
  json_array_end(w);
}

void openai_chat_write_answer(const struct llm_answer *answer, const struct llm_echo *echo, struct buf *out) {
  struct json_writer w;
  json_writer_init(&w, out);
  json_object(&w);
  openai_chat_write_id(&w, answer->id, echo);
  json_field_str(&w, "object", "chat.completion");
  json_field_i64(&w, "created", answer->created_s ? answer->created_s : echo->now_s);
  json_field_text(&w, "model", text_is_empty(answer->model) ? echo->model : answer->model);
  write_choice(&w, answer, echo);
  if (answer->usage.known || answer->usage.estimated)
    openai_chat_write_usage(&w, &answer->usage);
  if (!text_is_empty(answer->service_tier))
    json_field_text(&w, "service_tier", answer->service_tier);
  json_object_end(&w);
}
