/* Messages of llm/ as the input of a Responses request: instructions, messages, calls, outputs, reasoning. Items carry
 * no ids: nothing is stored that they could name, except reasoning, whose id belongs to what is encrypted. Called by
 * openai_responses_build.c. */
#include "wire/openai_parts.h"
#include "wire/openai_responses.h"

static struct text file_name(const struct llm_media *m) {
  if (!text_is_empty(m->title))
    return m->title;
  return m->source == LLM_PLAIN || text_starts(m->media_type, TEXT("text/")) ? TEXT("document.txt")
                                                                             : TEXT("document.pdf");
}

static enum err write_file(struct llm_request *rq, const struct llm_block *b, struct json_writer *w, struct fault *f) {
  const struct llm_media *m = &b->media;
  enum err e = ERR_OK;
  if (b->cites)
    e = llm_refuse(rq, &b->place, "citations", "OpenAI cites no documents of the request", f);
  if (!e && !text_is_empty(m->context))
    e = llm_refuse(rq, &b->place, "context", "OpenAI takes no text beside a document", f);
  if (e)
    return e;
  json_field_str(w, "type", "input_file");
  if (m->source == LLM_FILE_ID) {
    json_field_text(w, "file_id", m->data);
  } else if (m->source == LLM_URL) {
    json_field_text(w, "file_url", m->data);
  } else {
    struct llm_media typed = *m;
    if (m->source == LLM_BASE64 && text_is_empty(m->media_type))
      typed.media_type = TEXT("application/octet-stream"); /* the name has to say it */
    json_field_text(w, "filename", file_name(m));
    json_name(w, "file_data");
    openai_parts_put_url(w, &typed);
  }
  return ERR_OK;
}

static void write_image(const struct llm_media *m, struct json_writer *w) {
  json_field_str(w, "type", "input_image");
  json_field_text(w, "detail", text_is_empty(m->detail) ? TEXT("auto") : m->detail);
  if (m->source == LLM_FILE_ID) {
    json_field_text(w, "file_id", m->data);
  } else {
    json_name(w, "image_url");
    openai_parts_put_url(w, m);
  }
}

static const char *no_part(const struct llm_block *b) {
  if (b->kind == LLM_AUDIO)
    return "the Responses API takes no sound";
  if (b->kind == LLM_SEARCH_RESULT)
    return "the Responses API takes no search results";
  if ((b->kind == LLM_IMAGE || b->kind == LLM_DOCUMENT) && b->media.source == LLM_S3)
    return "OpenAI cannot read from S3";
  if (b->kind == LLM_TEXT || b->kind == LLM_IMAGE || b->kind == LLM_DOCUMENT)
    return NULL;
  return "this cannot stand here in the Responses API";
}

enum err responses_write_part(struct llm_request *rq, const struct llm_block *b, enum llm_cache cache,
                              struct json_writer *w, struct fault *f) {
  const char *why = no_part(b);
  enum err e = ERR_OK;
  if (why)
    return llm_refuse(rq, &b->place, b->media.source == LLM_S3 ? "source" : "type", why, f);
  json_object(w);
  if (b->kind == LLM_TEXT) {
    json_field_str(w, "type", "input_text");
    json_field_text(w, "text", b->text);
  } else if (b->kind == LLM_IMAGE) {
    write_image(&b->media, w);
  } else {
    e = write_file(rq, b, w, f);
  }
  openai_parts_write_cache(w, cache);
  json_object_end(w);
  return e;
}

static enum err write_input_message(struct llm_request *rq, const struct llm_message *m, size_t from, size_t count,
                                    struct json_writer *w, struct fault *f) {
  static const char *const roles[] = {"system", "developer", "user", "assistant"};
  json_object(w);
  json_field_str(w, "type", "message");
  json_field_str(w, "role", roles[m->role]);
  json_name(w, "content");
  json_array(w);
  for (size_t i = from; i < from + count; i++) {
    enum err e = responses_write_part(rq, &m->blocks[i], m->blocks[i].cache, w, f);
    if (e)
      return e;
  }
  json_array_end(w);
  json_object_end(w);
  return ERR_OK;
}

#define ERROR_MARK "Error: "

/* A failed call is told in words. */
static void write_error_text(const struct llm_block *b, struct json_writer *w) {
  openai_parts_string(w);
  openai_parts_piece(w, TEXT(ERROR_MARK));
  openai_parts_piece(w, b ? b->text : TEXT("the call failed"));
  openai_parts_string_end(w);
}

static enum err write_error_part(const struct llm_block *b, enum llm_cache cache, struct json_writer *w) {
  json_object(w);
  json_field_str(w, "type", "input_text");
  json_name(w, "text");
  write_error_text(b, w);
  openai_parts_write_cache(w, cache);
  json_object_end(w);
  return ERR_OK;
}

static bool is_plain_text(const struct llm_block *b) { return b->kind == LLM_TEXT && b->cache == LLM_CACHE_NONE; }

/* The cache mark behind a result goes behind its last part. */
static enum err write_output_parts(struct llm_request *rq, const struct llm_block *b, struct json_writer *w,
                                   struct fault *f) {
  bool tell_error = b->is_error;
  json_array(w);
  if (tell_error && (b->content_count == 0 || b->content[0].kind != LLM_TEXT)) {
    (void)write_error_part(NULL, b->content_count == 0 ? b->cache : LLM_CACHE_NONE, w);
    tell_error = false;
  }
  for (size_t i = 0; i < b->content_count; i++) {
    const struct llm_block *part = &b->content[i];
    bool is_last = i + 1 == b->content_count && b->cache != LLM_CACHE_NONE;
    enum llm_cache cache = is_last ? b->cache : part->cache;
    enum err e = tell_error && i == 0 ? write_error_part(part, cache, w) : responses_write_part(rq, part, cache, w, f);
    if (e)
      return e;
  }
  enum err e = ERR_OK;
  if (b->content_count == 0 && !b->is_error) /* only to carry the mark */
    e = responses_write_part(rq, &(struct llm_block){.kind = LLM_TEXT}, b->cache, w, f);
  json_array_end(w);
  return e;
}

static enum err write_result(struct llm_request *rq, const struct llm_block *b, struct json_writer *w,
                             struct fault *f) {
  bool is_text =
      b->cache == LLM_CACHE_NONE && (b->content_count == 0 || (b->content_count == 1 && is_plain_text(b->content)));
  enum err e = ERR_OK;
  json_object(w);
  json_field_str(w, "type", b->is_custom ? "custom_tool_call_output" : "function_call_output");
  json_field_text(w, "call_id", b->id);
  json_name(w, "output");
  if (!is_text)
    e = write_output_parts(rq, b, w, f);
  else if (b->is_error)
    write_error_text(b->content_count > 0 ? b->content : NULL, w);
  else
    json_put_text(w, b->content_count > 0 ? b->content[0].text : TEXT_NONE);
  json_object_end(w);
  return e;
}

static enum err write_call(struct llm_request *rq, const struct llm_block *b, struct json_writer *w, struct fault *f) {
  enum err e = b->cache == LLM_CACHE_NONE
                   ? ERR_OK
                   : llm_refuse(rq, &b->place, "cache_control", "OpenAI has no cache marks on calls", f);
  if (e)
    return e;
  json_object(w);
  json_field_str(w, "type", b->is_custom ? "custom_tool_call" : "function_call");
  json_field_text(w, "call_id", b->id);
  json_field_text(w, "name", b->name);
  json_field_text(w, b->is_custom ? "input" : "arguments", b->input);
  json_object_end(w);
  return ERR_OK;
}

static void write_summary(const struct llm_block *b, struct json_writer *w) {
  json_name(w, "summary");
  json_array(w);
  if (!text_is_empty(b->text)) {
    json_object(w);
    json_field_str(w, "type", "summary_text");
    json_field_text(w, "text", b->text);
    json_object_end(w);
  }
  json_array_end(w);
}

/* details are the members themselves: {"summary":[..],"content":[..]}. */
static void write_details(struct text details, struct json_writer *w) {
  static const char *const names[] = {"summary", "content"};
  const struct json_limits limits = {.lenient = true, .raw_numbers = true};
  struct json doc = {0};
  struct arena a;
  if (json_read(details, &limits, &doc, NULL) != ERR_OK)
    return;
  arena_init(&a);
  for (size_t i = 0; i < 2; i++) {
    yyjson_val *list = json_get(doc.root, names[i]);
    if (!yyjson_is_arr(list) && i > 0)
      continue;
    json_name(w, names[i]);
    json_put_raw(w, yyjson_is_arr(list) ? json_value_text(list, &a) : TEXT("[]"));
  }
  arena_done(&a);
  json_done(&doc);
}

static enum err write_reasoning(struct llm_request *rq, const struct llm_block *b, struct json_writer *w,
                                struct fault *f) {
  if (!text_equal(b->format, TEXT(LLM_FORMAT_RESPONSES)))
    return llm_refuse(rq, &b->place, "thinking", "OpenAI takes back only its own reasoning", f);
  if (text_is_empty(b->signature))
    return llm_refuse(rq, &b->place, "thinking", "the reasoning comes without what OpenAI encrypted", f);
  if (b->cache != LLM_CACHE_NONE) {
    enum err e = llm_refuse(rq, &b->place, "cache_control", "OpenAI has no cache marks on reasoning", f);
    if (e)
      return e;
  }
  json_object(w);
  json_field_str(w, "type", "reasoning");
  if (!text_is_empty(b->id))
    json_field_text(w, "id", b->id);
  if (text_is_empty(b->details))
    write_summary(b, w);
  else
    write_details(b->details, w);
  json_field_text(w, "encrypted_content", b->signature);
  json_object_end(w);
  return ERR_OK;
}

static size_t characters(struct text t) {
  size_t n = 0;
  for (size_t i = 0; i < t.len; i++)
    n += ((unsigned char)t.at[i] & 0xC0) != 0x80;
  return n;
}

static void write_citations(const struct llm_block *b, size_t count, struct json_writer *w) {
  json_name(w, "annotations");
  json_array(w);
  for (size_t i = 0; i < count; i++) {
    const struct llm_citation *c = &b->citations[i];
    json_object(w);
    json_field_str(w, "type", "url_citation");
    json_field_text(w, "url", c->url);
    json_field_text(w, "title", c->title);
    json_field_u64(w, "start_index", c->start);
    json_field_u64(w, "end_index", c->end > 0 ? c->end : characters(b->text));
    json_object_end(w);
  }
  json_array_end(w);
}

static bool quotes(const struct llm_block *b) {
  for (size_t i = 0; i < b->citation_count; i++)
    if (!text_is_empty(b->citations[i].cited_text))
      return true;
  return false;
}

static enum err write_words(struct llm_request *rq, const struct llm_block *b, struct json_writer *w, struct fault *f) {
  enum err e = b->cache == LLM_CACHE_NONE ? ERR_OK
                                          : llm_refuse(rq, &b->place, "cache_control",
                                                       "OpenAI has no cache marks on the assistant's words", f);
  if (!e && quotes(b))
    e = llm_refuse(rq, &b->place, "citations", "OpenAI's citations do not hold the words that they cite", f);
  if (e)
    return e;
  json_object(w);
  if (b->kind == LLM_TEXT) {
    json_field_str(w, "type", "output_text");
    json_field_text(w, "text", b->text);
    write_citations(b, quotes(b) ? 0 : b->citation_count, w);
  } else {
    json_field_str(w, "type", "refusal");
    json_field_text(w, "refusal", b->text);
  }
  json_object_end(w);
  return ERR_OK;
}

static enum err write_assistant_message(struct llm_request *rq, const struct llm_message *m, size_t from, size_t count,
                                        struct json_writer *w, struct fault *f) {
  json_object(w);
  json_field_str(w, "type", "message");
  json_field_str(w, "role", "assistant");
  json_name(w, "content");
  json_array(w);
  for (size_t i = from; i < from + count; i++) {
    enum err e = write_words(rq, &m->blocks[i], w, f);
    if (e)
      return e;
  }
  json_array_end(w);
  json_object_end(w);
  return ERR_OK;
}

/* Does the block stand inside a message item, or is it an item of its own? */
static bool is_inside(const struct llm_block *b, enum llm_role role) {
  if (role == LLM_ASSISTANT)
    return b->kind == LLM_TEXT || b->kind == LLM_REFUSAL;
  return b->kind != LLM_TOOL_RESULT;
}

static enum err write_item(struct llm_request *rq, const struct llm_block *b, struct json_writer *w, struct fault *f) {
  switch (b->kind) {
  case LLM_TOOL_USE: return write_call(rq, b, w, f);
  case LLM_TOOL_RESULT: return write_result(rq, b, w, f);
  case LLM_THINKING:
  case LLM_REDACTED_THINKING: return write_reasoning(rq, b, w, f);
  default: return llm_refuse(rq, &b->place, "type", "the Responses API takes no media from the assistant", f);
  }
}

static enum err write_message(struct llm_request *rq, const struct llm_message *m, struct json_writer *w,
                              struct fault *f) {
  enum err e = text_is_empty(m->name)
                   ? ERR_OK
                   : llm_refuse(rq, &m->place, "name", "the Responses API has no names of participants", f);
  for (size_t i = 0, run; !e && i < m->count; i += run) {
    for (run = 0; i + run < m->count && is_inside(&m->blocks[i + run], m->role); run++) {
    }
    if (run == 0) {
      e = write_item(rq, &m->blocks[i], w, f);
      run = 1;
    } else if (m->role == LLM_ASSISTANT) {
      e = write_assistant_message(rq, m, i, run, w, f);
    } else {
      e = write_input_message(rq, m, i, run, w, f);
    }
  }
  return e;
}

/* One plain text before everything else. */
size_t responses_instructions(const struct llm_request *rq) {
  const struct llm_message *m = rq->messages;
  bool is_first = rq->message_count > 0 && m->role == LLM_SYSTEM && m->count == 1 && text_is_empty(m->name) &&
                  is_plain_text(m->blocks);
  bool is_alone = rq->message_count < 2 || (m[1].role != LLM_SYSTEM && m[1].role != LLM_DEVELOPER);
  return is_first && is_alone;
}

enum err responses_write_input(struct llm_request *rq, struct json_writer *w, struct fault *f) {
  size_t from = responses_instructions(rq);
  if (from > 0)
    json_field_text(w, "instructions", rq->messages[0].blocks[0].text);
  json_name(w, "input");
  json_array(w);
  for (size_t i = from; i < rq->message_count; i++) {
    enum err e = write_message(rq, &rq->messages[i], w, f);
    if (e)
      return e;
  }
  json_array_end(w);
  return ERR_OK;
}
