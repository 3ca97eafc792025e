/* A request written as Converse: system, messages and their blocks. Roles alternate here, so messages of one role that
 * follow each other become one; an empty text, which Bedrock refuses, is nothing. Settings are written in
 * converse_build_settings.c, media in converse_build_media.c. Called through dialect_converse. */
#include "wire/converse_build.h"

#include "wire/converse.h"
#include "wire/converse_blocks.h"
#include "wire/converse_format.h"

static void no_begin(struct building *b) { (void)b; }

static void end_message(struct building *b) {
  if (!b->has_message)
    return;
  json_array_end(b->w);
  json_object_end(b->w);
  b->has_message = false;
}

/* The message of the role is open for a block. */
static void begin_as(struct building *b, enum llm_role role) {
  if (b->has_message && b->role == role)
    return;
  end_message(b);
  json_object(b->w);
  json_field_str(b->w, "role", role == LLM_ASSISTANT ? "assistant" : role == LLM_USER ? "user" : "system");
  json_name(b->w, "content");
  json_array(b->w);
  b->has_message = b->has_any = true;
  b->role = role;
}

static void begin_user(struct building *b) { begin_as(b, LLM_USER); }
static void begin_assistant(struct building *b) { begin_as(b, LLM_ASSISTANT); }

enum err converse_build_mark(struct building *b, enum llm_cache cache, const struct llm_place *place) {
  struct text ttl;
  if (cache == LLM_CACHE_NONE)
    return ERR_OK;
  if (!converse_ttl(cache, &ttl))
    return llm_refuse(b->rq, place, "cache_control", "Converse keeps prompts for one hour at most", b->fault);
  json_object(b->w);
  json_name(b->w, "cachePoint");
  json_object(b->w);
  json_field_str(b->w, "type", "default");
  if (!text_is_empty(ttl))
    json_field_text(b->w, "ttl", ttl);
  json_object_end(b->w);
  json_object_end(b->w);
  return ERR_OK;
}

/* Marks inside a list that has no place for them. The one on the last item marks the same prefix as one behind the
 * list: *out_last receives it. */
static enum err check_inner_marks(struct building *b, const struct llm_block *items, size_t count,
                                  enum llm_cache *out_last) {
  for (size_t i = 0; i < count; i++) {
    bool is_last = i + 1 == count;
    if (items[i].cache != LLM_CACHE_NONE && is_last && *out_last == LLM_CACHE_NONE) {
      *out_last = items[i].cache;
    } else if (items[i].cache != LLM_CACHE_NONE) {
      enum err e = llm_refuse(b->rq, &items[i].place, "cache_control",
                              "Converse can only mark the end of a whole tool result", b->fault);
      if (e)
        return e;
    }
  }
  return ERR_OK;
}

static enum err put_result_item(struct building *b, const struct llm_block *item) {
  if (item->kind != LLM_TEXT)
    return converse_build_media(b, item, no_begin);
  if (!text_is_empty(item->text))
    converse_put_text(b->w, item->text);
  return ERR_OK;
}

static enum err put_tool_result(struct building *b, const struct llm_block *block, enum llm_cache *mark) {
  if (block->is_custom)
    return llm_refuse(b->rq, &block->place, "", "Converse has no tools with free text", b->fault);
  enum err e = check_inner_marks(b, block->content, block->content_count, mark);
  if (e)
    return e;
  begin_user(b);
  json_object(b->w);
  json_name(b->w, "toolResult");
  json_object(b->w);
  json_field_text(b->w, "toolUseId", block->id);
  json_name(b->w, "content");
  json_array(b->w);
  for (size_t i = 0; i < block->content_count; i++) {
    e = put_result_item(b, &block->content[i]);
    if (e)
      return e;
  }
  json_array_end(b->w);
  if (block->is_error)
    json_field_str(b->w, "status", "error");
  json_object_end(b->w);
  json_object_end(b->w);
  return ERR_OK;
}

static enum err put_tool_use(struct building *b, const struct llm_block *block) {
  if (block->is_custom)
    return llm_refuse(b->rq, &block->place, "", "Converse has no tools with free text", b->fault);
  begin_assistant(b);
  converse_put_tool_use(b->w, block);
  return ERR_OK;
}

/* Models of others give reasoning that nobody signs; Anthropic's are only shown what they have signed. */
static enum err put_reasoning(struct building *b, const struct llm_block *block) {
  size_t bytes;
  bool is_foreign = converse_is_foreign(block);
  bool is_signed = text_equal(block->format, TEXT(LLM_FORMAT_ANTHROPIC));
  bool is_damaged = block->kind == LLM_REDACTED_THINKING && !text_base64_decode(block->signature, NULL, &bytes);
  if (is_foreign || is_damaged || (!is_signed && (b->is_anthropic || block->kind == LLM_REDACTED_THINKING)))
    return llm_refuse(b->rq, &block->place, "thinking", "the model behind Converse cannot check this reasoning",
                      b->fault);
  begin_assistant(b);
  converse_put_reasoning(b->w, block, false);
  return ERR_OK;
}

static enum err put_text(struct building *b, const struct llm_block *block, enum llm_role role, enum llm_cache *mark) {
  if (!text_is_empty(block->text)) {
    begin_as(b, role);
    if (block->citation_count > 0)
      converse_put_cited(b->w, block);
    else
      converse_put_text(b->w, block->text);
    return ERR_OK;
  }
  if (*mark == LLM_CACHE_NONE)
    return ERR_OK;
  *mark = LLM_CACHE_NONE;
  return llm_refuse(b->rq, &block->place, "cache_control", "Converse cannot mark an empty text", b->fault);
}

static enum err put_block(struct building *b, const struct llm_block *block, enum llm_role role) {
  enum llm_cache mark = block->cache;
  size_t before = b->w->out->len;
  enum err e = ERR_OK;
  switch (block->kind) {
  case LLM_TEXT:
  case LLM_REFUSAL: e = put_text(b, block, role, &mark); break;
  case LLM_IMAGE:
  case LLM_DOCUMENT:
  case LLM_AUDIO:
  case LLM_SEARCH_RESULT:
    e = converse_build_media(b, block, role == LLM_ASSISTANT ? begin_assistant : begin_user);
    break;
  case LLM_TOOL_USE: e = put_tool_use(b, block); break;
  case LLM_TOOL_RESULT: e = put_tool_result(b, block, &mark); break;
  case LLM_THINKING:
  case LLM_REDACTED_THINKING: e = put_reasoning(b, block); break;
  }
  if (e || b->w->out->len == before)
    return e;
  return converse_build_mark(b, mark, &block->place);
}

static bool is_instruction(const struct llm_message *m) { return m->role == LLM_SYSTEM || m->role == LLM_DEVELOPER; }

static enum err refuse_name(struct building *b, const struct llm_message *m) {
  return text_is_empty(m->name)
             ? ERR_OK
             : llm_refuse(b->rq, &m->place, "name", "Converse has no names of participants", b->fault);
}

static enum err put_system_block(struct building *b, const struct llm_block *block) {
  if (block->kind != LLM_TEXT)
    return llm_refuse(b->rq, &block->place, "", "system content can only be text here", b->fault);
  if (text_is_empty(block->text))
    return ERR_OK;
  converse_put_text(b->w, block->text);
  return converse_build_mark(b, block->cache, &block->place);
}

/* *out_count: how many messages at the start are instructions. */
static enum err put_system(struct building *b, size_t *out_count) {
  const struct llm_request *rq = b->rq;
  size_t count = 0;
  while (count < rq->message_count && is_instruction(&rq->messages[count]))
    count++;
  *out_count = count;
  if (count == 0)
    return ERR_OK;
  json_name(b->w, "system");
  json_array(b->w);
  for (size_t i = 0; i < count; i++) {
    enum err e = refuse_name(b, &rq->messages[i]);
    for (size_t k = 0; !e && k < rq->messages[i].count; k++)
      e = put_system_block(b, &rq->messages[i].blocks[k]);
    if (e)
      return e;
  }
  json_array_end(b->w);
  return ERR_OK;
}

static enum err put_message(struct building *b, const struct llm_message *m) {
  enum err e = refuse_name(b, m);
  for (size_t i = 0; !e && i < m->count; i++)
    if (is_instruction(m) && m->blocks[i].kind != LLM_TEXT)
      e = llm_refuse(b->rq, &m->blocks[i].place, "", "system content can only be text here", b->fault);
    else
      e = put_block(b, &m->blocks[i], is_instruction(m) ? LLM_SYSTEM : m->role);
  return e;
}

static enum err put_messages(struct building *b) {
  size_t first;
  enum err e = put_system(b, &first);
  if (e)
    return e;
  json_name(b->w, "messages");
  json_array(b->w);
  for (size_t i = first; i < b->rq->message_count; i++) {
    e = put_message(b, &b->rq->messages[i]);
    if (e)
      return e;
  }
  end_message(b);
  json_array_end(b->w);
  return b->has_any ? ERR_OK : fault_set(b->fault, ERR_BAD_REQUEST, "messages", "messages: there must be at least one");
}

static size_t count_documents(const struct llm_request *rq) {
  size_t count = 0;
  for (size_t i = 0; i < rq->message_count; i++)
    for (size_t k = 0; k < rq->messages[i].count; k++)
      count += 1 + rq->messages[i].blocks[k].content_count;
  return count;
}

static bool is_of_anthropic(struct text model) {
  return text_is_empty(model) || text_find(model, TEXT("anthropic")) >= 0 || text_find(model, TEXT("claude")) >= 0;
}

enum err converse_write_request(struct llm_request *rq, struct buf *out, struct fault *f) {
  struct json_writer w;
  struct building b = {.rq = rq, .w = &w, .fault = f, .is_anthropic = is_of_anthropic(rq->model)};
  converse_names_init(&b.documents, count_documents(rq), rq->arena);
  json_writer_init(&w, out);
  json_object(&w);
  enum err e = put_messages(&b);
  if (!e)
    e = converse_build_tools(&b);
  if (!e)
    e = converse_build_settings(&b);
  if (e)
    return e;
  json_object_end(&w);
  return buf_check(out);
}
