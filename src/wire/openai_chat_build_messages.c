/* The messages of a chat completions request written from llm/. A tool's result becomes a message of its own; what such
 * a message cannot hold (images, files) follows in a user message behind the run of results, because nothing may stand
 * between them. Called by openai_chat_build.c. */
#include "wire/openai_chat_words.h"
#include "wire/openai_parts.h"
#include "wire/openai_reasoning.h"

struct messages_out {
  struct llm_request *rq;
  struct json_writer *w;
  struct fault *f;
  enum err err; /* of the first refusal; the rest is then written in vain */
};

/* Always true: what is refused is not written. */
static bool refuse(struct messages_out *o, const struct llm_block *b, const char *member, const char *why) {
  if (o->err == ERR_OK)
    o->err = llm_refuse(o->rq, &b->place, member, why, o->f);
  return true;
}

static void refuse_cache(struct messages_out *o, const struct llm_block *b) {
  if (b->cache != LLM_CACHE_NONE)
    (void)refuse(o, b, "cache_control", "the provider's prompt cache can be marked behind content parts only");
}

/* OpenRouter takes Anthropic's marks. */
static void write_cache(struct messages_out *o, const struct llm_block *b, enum llm_cache cache) {
  if (o->rq->accent != LLM_ACCENT_OPENROUTER) {
    openai_parts_write_cache(o->w, cache);
    return;
  }
  if (cache == LLM_CACHE_NONE ||
      (cache == LLM_CACHE_12H && refuse(o, b, "prompt_cache_breakpoint", "the provider caches for an hour at most")))
    return;
  json_name(o->w, "cache_control");
  json_object(o->w);
  json_field_str(o->w, "type", "ephemeral");
  if (cache != LLM_CACHE_DEFAULT)
    json_field_str(o->w, "ttl", cache == LLM_CACHE_5M ? "5m" : "1h");
  json_object_end(o->w);
}

static bool is_plain_document(const struct llm_block *b) {
  return b->kind == LLM_DOCUMENT && b->media.source == LLM_PLAIN;
}

/* What a message of a tool cannot hold. */
static bool is_media(const struct llm_block *b) {
  return b->kind == LLM_IMAGE || b->kind == LLM_AUDIO || (b->kind == LLM_DOCUMENT && !is_plain_document(b));
}

static bool is_text(const struct llm_block *b) {
  return b->kind == LLM_TEXT || b->kind == LLM_SEARCH_RESULT || is_plain_document(b);
}

static bool image_is_refused(struct messages_out *o, const struct llm_block *b) {
  return b->media.source != LLM_BASE64 && b->media.source != LLM_URL &&
         refuse(o, b, "source", "the provider takes images as data or by address only");
}

static bool audio_is_refused(struct messages_out *o, const struct llm_block *b) {
  const struct llm_media *m = &b->media;
  bool known = text_equal(m->media_type, TEXT("audio/wav")) || text_equal(m->media_type, TEXT("audio/mpeg")) ||
               text_equal(m->media_type, TEXT("audio/mp3"));
  return (m->source != LLM_BASE64 || !known) && refuse(o, b, "source", "the provider takes wav and mp3 data only");
}

static bool document_is_refused(struct messages_out *o, const struct llm_block *b) {
  const struct llm_media *m = &b->media;
  if (b->cites && refuse(o, b, "citations", "the provider cannot cite documents") && o->err != ERR_OK)
    return true;
  if (m->source == LLM_PLAIN)
    return false;
  if (!text_is_empty(m->context) && refuse(o, b, "context", "the provider has no context of files") && o->err != ERR_OK)
    return true;
  if (m->source == LLM_S3 || (m->source == LLM_URL && o->rq->accent != LLM_ACCENT_OPENROUTER))
    return refuse(o, b, "source", "the provider takes files as data only");
  return m->source == LLM_FILE_ID && text_starts(m->data, TEXT("file_01")) && /* as Anthropic names them */
         refuse(o, b, "source", "the file lies with another provider");
}

/* Refused, and to be left out where the operator allows it. */
static bool is_refused(struct messages_out *o, const struct llm_block *b) {
  switch (b->kind) {
  case LLM_TEXT: return false;
  case LLM_IMAGE: return image_is_refused(o, b);
  case LLM_DOCUMENT: return document_is_refused(o, b);
  case LLM_AUDIO: return audio_is_refused(o, b);
  case LLM_SEARCH_RESULT:
    return b->cites && refuse(o, b, "citations", "the provider cannot cite search results") && o->err != ERR_OK;
  default: return refuse(o, b, "type", "the provider takes no such content in a message of this role");
  }
}

static void piece(struct messages_out *o, struct text t, struct text behind) {
  if (text_is_empty(t))
    return;
  openai_parts_piece(o->w, t);
  openai_parts_piece(o->w, behind);
}

/* The text of a block that reads as text, as one JSON string. */
static void put_text_of(struct messages_out *o, struct text before, const struct llm_block *b) {
  openai_parts_string(o->w);
  openai_parts_piece(o->w, before);
  if (b->kind == LLM_TEXT) {
    openai_parts_piece(o->w, b->text);
  } else if (b->kind == LLM_DOCUMENT) {
    piece(o, b->media.title, TEXT("\n"));
    piece(o, b->media.context, TEXT("\n"));
    openai_parts_piece(o->w, b->media.data);
  } else {
    piece(o, b->media.title, TEXT("\n"));
    piece(o, b->text, TEXT("\n"));
    for (size_t i = 0; i < b->content_count; i++)
      piece(o, b->content[i].text, i + 1 < b->content_count ? TEXT("\n") : TEXT_NONE);
  }
  openai_parts_string_end(o->w);
}

static void write_image(struct messages_out *o, const struct llm_media *m) {
  json_field_str(o->w, "type", "image_url");
  json_name(o->w, "image_url");
  json_object(o->w);
  json_name(o->w, "url");
  openai_parts_put_url(o->w, m);
  if (!text_is_empty(m->detail))
    json_field_text(o->w, "detail", m->detail);
  json_object_end(o->w);
}

static void write_audio(struct messages_out *o, const struct llm_media *m) {
  json_field_str(o->w, "type", "input_audio");
  json_name(o->w, "input_audio");
  json_object(o->w);
  json_field_text(o->w, "data", m->data);
  json_field_str(o->w, "format", text_equal(m->media_type, TEXT("audio/wav")) ? "wav" : "mp3");
  json_object_end(o->w);
}

/* The service wants a name with data. */
static struct text file_name(const struct llm_media *m) {
  if (!text_is_empty(m->title))
    return m->title;
  return text_equal(m->media_type, TEXT("application/pdf")) || m->source == LLM_URL ? TEXT("document.pdf")
                                                                                    : TEXT("document");
}

static void write_file(struct messages_out *o, const struct llm_media *m) {
  json_field_str(o->w, "type", "file");
  json_name(o->w, "file");
  json_object(o->w);
  if (m->source == LLM_FILE_ID) {
    json_field_text(o->w, "file_id", m->data);
    if (!text_is_empty(m->title))
      json_field_text(o->w, "filename", m->title);
  } else {
    json_field_text(o->w, "filename", file_name(m));
    json_name(o->w, "file_data");
    openai_parts_put_url(o->w, m);
  }
  json_object_end(o->w);
}

static void write_part(struct messages_out *o, struct text before, const struct llm_block *b, enum llm_cache cache) {
  if (is_refused(o, b))
    return;
  json_object(o->w);
  if (is_text(b)) {
    json_field_str(o->w, "type", "text");
    json_name(o->w, "text");
    put_text_of(o, before, b);
  } else if (b->kind == LLM_IMAGE) {
    write_image(o, &b->media);
  } else if (b->kind == LLM_AUDIO) {
    write_audio(o, &b->media);
  } else {
    write_file(o, &b->media);
  }
  write_cache(o, b, cache);
  json_object_end(o->w);
}

static void begin_message(struct messages_out *o, const char *role, struct text name) {
  json_object(o->w);
  json_field_str(o->w, "role", role);
  if (!text_is_empty(name))
    json_field_text(o->w, "name", name);
}

static bool is_one_text(const struct llm_block *blocks, size_t count) {
  return count == 1 && blocks[0].kind == LLM_TEXT && blocks[0].cache == LLM_CACHE_NONE;
}

static void write_plain_message(struct messages_out *o, const struct llm_message *m, const char *role) {
  begin_message(o, role, m->name);
  json_name(o->w, "content");
  if (is_one_text(m->blocks, m->count)) {
    json_put_text(o->w, m->blocks[0].text);
  } else {
    json_array(o->w);
    for (size_t i = 0; i < m->count; i++)
      if (m->role == LLM_USER || m->blocks[i].kind == LLM_TEXT)
        write_part(o, TEXT_NONE, &m->blocks[i], m->blocks[i].cache);
      else
        (void)refuse(o, &m->blocks[i], "type", "the provider takes only text in a message of this role");
    json_array_end(o->w);
  }
  json_object_end(o->w);
}

static size_t count_of(const struct llm_message *m, enum llm_kind kind) {
  size_t count = 0;
  for (size_t i = 0; i < m->count; i++)
    count += m->blocks[i].kind == kind;
  return count;
}

static void write_joined(struct messages_out *o, const char *name, const struct llm_message *m, enum llm_kind kind) {
  json_name(o->w, name);
  openai_parts_string(o->w);
  for (size_t i = 0; i < m->count; i++)
    if (m->blocks[i].kind == kind)
      openai_parts_piece(o->w, m->blocks[i].text);
  openai_parts_string_end(o->w);
}

static bool is_thought(const struct llm_block *b) {
  return b->kind == LLM_THINKING || b->kind == LLM_REDACTED_THINKING;
}

/* Nothing but text that nobody proves: reasoning_content says it all, and servers that know nothing else take it. */
static bool is_plain_thought(const struct llm_block *b) {
  return b->kind == LLM_THINKING && text_is_empty(b->signature) && text_is_empty(b->id) && text_is_empty(b->details) &&
         (text_is_empty(b->format) || text_equal(b->format, TEXT(LLM_FORMAT_NONE)));
}

static void write_details(struct messages_out *o, const struct llm_message *m) {
  uint32_t index = 0;
  json_name(o->w, "reasoning_details");
  json_array(o->w);
  for (size_t i = 0; i < m->count; i++)
    if (is_thought(&m->blocks[i]))
      openai_reasoning_put(o->w, &m->blocks[i], index++, m->blocks[i].text, m->blocks[i].signature);
  json_array_end(o->w);
}

static void write_thoughts(struct messages_out *o, const struct llm_message *m) {
  bool router = o->rq->accent == LLM_ACCENT_OPENROUTER, any = false, all_plain = true;
  size_t readable = 0;
  for (size_t i = 0; i < m->count; i++) {
    const struct llm_block *b = &m->blocks[i];
    if (!is_thought(b))
      continue;
    refuse_cache(o, b);
    if (o->rq->accent == LLM_ACCENT_OPENAI) { /* others have members for it, with or without proof */
      (void)refuse(o, b, "thinking", "OpenAI's chat completions have no place for reasoning");
      continue;
    }
    any = true;
    all_plain = all_plain && is_plain_thought(b);
    readable += b->text.len;
  }
  if (any && (router || !all_plain))
    write_details(o, m);
  if (!router && readable > 0)
    write_joined(o, "reasoning_content", m, LLM_THINKING);
}

static void write_call(struct messages_out *o, const struct llm_block *b) {
  const char *kind = b->is_custom ? "custom" : "function";
  refuse_cache(o, b);
  json_object(o->w);
  json_field_text(o->w, "id", b->id);
  json_field_str(o->w, "type", kind);
  json_name(o->w, kind);
  json_object(o->w);
  json_field_text(o->w, "name", b->name);
  json_field_text(o->w, b->is_custom ? "input" : "arguments", b->input);
  json_object_end(o->w);
  json_object_end(o->w);
}

static void write_calls(struct messages_out *o, const struct llm_message *m) {
  if (count_of(m, LLM_TOOL_USE) == 0)
    return;
  json_name(o->w, "tool_calls");
  json_array(o->w);
  for (size_t i = 0; i < m->count; i++)
    if (m->blocks[i].kind == LLM_TOOL_USE)
      write_call(o, &m->blocks[i]);
  json_array_end(o->w);
}

static void write_annotations(struct messages_out *o, const struct llm_message *m) {
  size_t citations = 0;
  uint64_t start = 0;
  for (size_t i = 0; i < m->count; i++)
    citations += m->blocks[i].citation_count;
  if (citations == 0)
    return;
  json_name(o->w, "annotations");
  json_array(o->w);
  for (size_t i = 0; i < m->count; i++) {
    const struct llm_block *b = &m->blocks[i];
    uint64_t end = start + (b->kind == LLM_TEXT ? openai_chat_characters(b->text) : 0);
    for (size_t k = 0; k < b->citation_count; k++)
      openai_chat_write_citation(o->w, &b->citations[k], start, end);
    start = end;
  }
  json_array_end(o->w);
}

static void write_assistant_content(struct messages_out *o, const struct llm_message *m) {
  size_t texts = count_of(m, LLM_TEXT);
  const struct llm_block *only = NULL;
  for (size_t i = 0; i < m->count && texts == 1; i++)
    if (m->blocks[i].kind == LLM_TEXT)
      only = &m->blocks[i];
  json_name(o->w, "content");
  if (texts == 0) {
    if (count_of(m, LLM_TOOL_USE) + count_of(m, LLM_REFUSAL) > 0)
      json_put_null(o->w);
    else
      json_put_text(o->w, TEXT("")); /* without calls a content is asked for */
  } else if (only && only->cache == LLM_CACHE_NONE) {
    json_put_text(o->w, only->text);
  } else {
    json_array(o->w);
    for (size_t i = 0; i < m->count; i++)
      if (m->blocks[i].kind == LLM_TEXT)
        write_part(o, TEXT_NONE, &m->blocks[i], m->blocks[i].cache);
    json_array_end(o->w);
  }
}

static void write_assistant(struct messages_out *o, const struct llm_message *m) {
  begin_message(o, "assistant", m->name);
  write_assistant_content(o, m);
  if (count_of(m, LLM_REFUSAL) > 0)
    write_joined(o, "refusal", m, LLM_REFUSAL);
  write_thoughts(o, m);
  write_annotations(o, m);
  write_calls(o, m);
  for (size_t i = 0; i < m->count; i++) {
    const struct llm_block *b = &m->blocks[i];
    if (b->kind == LLM_REFUSAL)
      refuse_cache(o, b);
    else if (is_media(b) || b->kind == LLM_DOCUMENT || b->kind == LLM_SEARCH_RESULT || b->kind == LLM_TOOL_RESULT)
      (void)refuse(o, b, "type", "the provider takes no such content in a message of the assistant");
  }
  json_object_end(o->w);
}

struct result_shape {
  size_t texts, media;
  bool is_one_text;
};

static struct result_shape shape_of(const struct llm_block *result) {
  struct result_shape s = {.is_one_text = is_one_text(result->content, result->content_count)};
  for (size_t i = 0; i < result->content_count; i++) {
    s.texts += is_text(&result->content[i]);
    s.media += is_media(&result->content[i]);
  }
  return s;
}

/* The texts of a result as parts; its mark stands behind the last of them, unless media follow. */
static void write_result_parts(struct messages_out *o, const struct llm_block *result, struct text before,
                               const struct result_shape *s) {
  size_t left = s->texts;
  json_array(o->w);
  for (size_t i = 0; i < result->content_count; i++) {
    const struct llm_block *b = &result->content[i];
    if (is_media(b))
      continue;
    left -= is_text(b);
    bool takes_mark = left == 0 && s->media == 0 && result->cache != LLM_CACHE_NONE;
    write_part(o, before, b, takes_mark ? result->cache : b->cache);
    before = TEXT_NONE;
  }
  json_array_end(o->w);
}

static void write_result(struct messages_out *o, const struct llm_block *result) {
  struct result_shape s = shape_of(result);
  struct text before = result->is_error ? TEXT("Error: ") : TEXT_NONE;
  begin_message(o, "tool", TEXT_NONE);
  json_field_text(o->w, "tool_call_id", result->id);
  json_name(o->w, "content");
  if (s.texts == 0) {
    if (s.media == 0)
      refuse_cache(o, result);
    openai_parts_string(o->w);
    openai_parts_piece(o->w, before);
    openai_parts_piece(o->w, s.media > 0 ? TEXT("the content follows in the next message") : TEXT_NONE);
    openai_parts_string_end(o->w);
  } else if (s.is_one_text && result->cache == LLM_CACHE_NONE) {
    put_text_of(o, before, &result->content[0]);
  } else {
    write_result_parts(o, result, before, &s);
  }
  json_object_end(o->w);
}

static void write_result_media(struct messages_out *o, const struct llm_block *result) {
  size_t left = shape_of(result).media;
  if (left == 0)
    return;
  json_object(o->w);
  json_field_str(o->w, "type", "text");
  json_name(o->w, "text");
  openai_parts_string(o->w);
  openai_parts_piece(o->w, TEXT("Content of the result of tool call "));
  openai_parts_piece(o->w, result->id);
  openai_parts_string_end(o->w);
  json_object_end(o->w);
  for (size_t i = 0; i < result->content_count; i++) {
    const struct llm_block *b = &result->content[i];
    if (!is_media(b))
      continue;
    left--;
    write_part(o, TEXT_NONE, b, left == 0 && result->cache != LLM_CACHE_NONE ? result->cache : b->cache);
  }
}

/* What of a message with results is not said by messages of tools. */
static void write_rest(struct messages_out *o, const struct llm_message *m) {
  size_t rest = 0;
  for (size_t i = 0; i < m->count; i++)
    rest += m->blocks[i].kind == LLM_TOOL_RESULT ? shape_of(&m->blocks[i]).media : 1;
  if (rest == 0)
    return;
  begin_message(o, "user", m->name);
  json_name(o->w, "content");
  json_array(o->w);
  for (size_t i = 0; i < m->count; i++)
    if (m->blocks[i].kind == LLM_TOOL_RESULT)
      write_result_media(o, &m->blocks[i]);
  for (size_t i = 0; i < m->count; i++)
    if (m->blocks[i].kind != LLM_TOOL_RESULT)
      write_part(o, TEXT_NONE, &m->blocks[i], m->blocks[i].cache);
  json_array_end(o->w);
  json_object_end(o->w);
}

static bool has_results(const struct llm_message *m) { return m->role == LLM_USER && count_of(m, LLM_TOOL_RESULT) > 0; }

/* A run of messages with results: first all results, then what else they hold. Returns its length. */
static size_t write_results(struct messages_out *o, const struct llm_message *m, size_t most) {
  size_t run = 0;
  for (; run < most && has_results(&m[run]); run++)
    for (size_t i = 0; i < m[run].count; i++)
      if (m[run].blocks[i].kind == LLM_TOOL_RESULT)
        write_result(o, &m[run].blocks[i]);
  for (size_t i = 0; i < run; i++)
    write_rest(o, &m[i]);
  return run;
}

enum err openai_chat_write_messages(struct llm_request *rq, struct json_writer *w, struct fault *f) {
  static const char *const roles[] = {[LLM_SYSTEM] = "system", [LLM_DEVELOPER] = "developer", [LLM_USER] = "user"};
  struct messages_out o = {.rq = rq, .w = w, .f = f};
  json_name(w, "messages");
  json_array(w);
  for (size_t i = 0; i < rq->message_count; i++) {
    const struct llm_message *m = &rq->messages[i];
    if (has_results(m))
      i += write_results(&o, m, rq->message_count - i) - 1;
    else if (m->role == LLM_ASSISTANT)
      write_assistant(&o, m);
    else if (m->count > 0)
      write_plain_message(&o, m, roles[m->role]);
  }
  json_array_end(w);
  return o.err;
}
