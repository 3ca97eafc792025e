/* The messages of a chat completions request read into llm/: contents in openai_chat_parts.c, here what surrounds them.
 * Each tool message becomes a block of a user message, consecutive ones share it, and each must answer a call that was
 * made before. Called by openai_chat_request.c. */
#include "wire/openai_chat_parts.h"
#include "wire/openai_chat_words.h"
#include "wire/openai_reasoning.h"

#define MESSAGE_FORM "messages[#]"

struct message {
  struct text role, name, tool_call_id, refusal, reasoning, reasoning_content;
  yyjson_val *content, *tool_calls, *reasoning_details, *annotations;
  yyjson_val *parsed; /* what OpenAI's own library has made of content; it sends that back too */
  enum llm_cache cache;
};

/* Calls by id, open addressing, at most half full. */
struct calls {
  const struct llm_block **slots;
  size_t mask;
};

struct conversation {
  struct rules *r;
  struct calls calls;
};

static const struct llm_block **call_slot(const struct calls *c, struct text id) {
  size_t at = text_hash(id) & c->mask;
  while (c->slots[at] && !text_equal(c->slots[at]->id, id))
    at = (at + 1) & c->mask;
  return &c->slots[at];
}

static struct calls calls_new(yyjson_val *messages, struct arena *a) {
  size_t i, count, total = 0, slots = 16;
  yyjson_val *message;
  yyjson_arr_foreach (messages, i, count, message)
    total += yyjson_arr_size(json_get(message, "tool_calls"));
  while (slots < total * 2 + 2)
    slots *= 2;
  return (struct calls){arena_zalloc(a, slots * sizeof(struct llm_block *)), slots - 1};
}

static const struct rule rows[] = {
    {"role", rule_word, offsetof(struct message, role)},
    {"content", rule_value, offsetof(struct message, content)},
    {"name", rule_text, offsetof(struct message, name)},
    {"tool_calls", rule_value, offsetof(struct message, tool_calls)},
    {"tool_call_id", rule_word, offsetof(struct message, tool_call_id)},
    {"refusal", rule_text, offsetof(struct message, refusal)},
    {"reasoning", rule_text, offsetof(struct message, reasoning)},
    {"reasoning_content", rule_text, offsetof(struct message, reasoning_content)},
    {"reasoning_details", rule_value, offsetof(struct message, reasoning_details)},
    {"annotations", rule_value, offsetof(struct message, annotations)},
    {"parsed", rule_value, offsetof(struct message, parsed)},
    {"cache_control", openai_chat_read_cache_control, offsetof(struct message, cache)},
    {"audio", rule_refused, 0},
    {"function_call", rule_refused, 0},
};

static enum err only_of_assistants(struct rules *r, const struct message *m, const struct llm_place *at) {
  bool has_annotations = m->annotations && !(yyjson_is_arr(m->annotations) && yyjson_arr_size(m->annotations) == 0);
  const char *wrong = m->tool_calls             ? "tool_calls"
                      : m->refusal.at           ? "refusal"
                      : m->reasoning.at         ? "reasoning"
                      : m->reasoning_content.at ? "reasoning_content"
                      : m->reasoning_details    ? "reasoning_details"
                      : m->parsed               ? "parsed"
                      : has_annotations         ? "annotations"
                                                : NULL;
  return wrong ? llm_bad(at, wrong, "belongs to messages of the assistant", r->f) : ERR_OK;
}

/* A mark on the message is one behind its last block. */
static enum err mark_last(struct rules *r, const struct message *m, const struct llm_place *at,
                          struct llm_message *out) {
  if (m->cache == LLM_CACHE_NONE)
    return ERR_OK;
  if (out->count == 0)
    return llm_bad(at, "cache_control", "needs content that it stands behind", r->f);
  out->blocks[out->count - 1].cache = m->cache;
  return ERR_OK;
}

static enum err read_plain_message(struct conversation *c, const struct message *m, const struct llm_place *at,
                                   enum llm_role role, struct llm_message *out) {
  struct rules *r = c->r;
  if (!m->content || (yyjson_is_arr(m->content) && yyjson_arr_size(m->content) == 0))
    return llm_bad(at, "content", "is required", r->f);
  if (m->tool_call_id.at)
    return llm_bad(at, "tool_call_id", "belongs to messages of tools", r->f);
  enum err e = only_of_assistants(r, m, at);
  if (e != ERR_OK)
    return e;
  *out = (struct llm_message){.role = role, .name = m->name, .place = *at};
  out->blocks = arena_alloc(r->rq->arena, openai_chat_parts_most(m->content) * sizeof(*out->blocks));
  e = openai_chat_read_content(r, m->content, at, role == LLM_USER ? OPENAI_CHAT_ANY_PART : OPENAI_CHAT_TEXTS,
                               out->blocks, &out->count);
  return e == ERR_OK ? mark_last(r, m, at, out) : e;
}

static enum err read_thoughts(struct rules *r, const struct message *m, const struct llm_place *at,
                              struct llm_message *out) {
  size_t entry = 0, before = out->count;
  const char *member = "";
  if (m->reasoning_details && !yyjson_is_arr(m->reasoning_details))
    return llm_bad(at, "reasoning_details", "must be an array", r->f);
  const char *wrong = openai_reasoning_read(m->reasoning_details, m->reasoning_content, m->reasoning, r->rq->arena,
                                            out->blocks, &out->count, &entry, &member);
  if (wrong) {
    const struct llm_place place = {.form = MESSAGE_FORM ".reasoning_details[#]", .at = {at->at[0], (uint32_t)entry}};
    return llm_bad(&place, member, wrong, r->f);
  }
  for (size_t i = before; i < out->count; i++)
    out->blocks[i].place = *at;
  return ERR_OK;
}

/* Citations stand behind the last text; their places count from the start of all content. */
static enum err read_annotations(struct rules *r, const struct message *m, const struct llm_place *at,
                                 struct llm_message *out) {
  size_t i, count, texts = 0;
  yyjson_val *annotation;
  struct llm_block *text = NULL;
  if (m->annotations && !yyjson_is_arr(m->annotations))
    return llm_bad(at, "annotations", "must be an array", r->f);
  if (yyjson_arr_size(m->annotations) == 0)
    return ERR_OK;
  for (i = 0; i < out->count; i++)
    if (out->blocks[i].kind == LLM_TEXT) {
      text = &out->blocks[i];
      texts++;
    }
  if (!text)
    return llm_bad(at, "annotations", "needs text that is annotated", r->f);
  text->citations = arena_alloc(r->rq->arena, yyjson_arr_size(m->annotations) * sizeof(*text->citations));
  yyjson_arr_foreach (m->annotations, i, count, annotation) {
    struct llm_citation *to = &text->citations[text->citation_count];
    if (!openai_chat_read_citation(annotation, to)) {
      const struct llm_place place = {.form = MESSAGE_FORM ".annotations[#]", .at = {at->at[0], (uint32_t)i}};
      enum err e = llm_refuse(r->rq, &place, "type", "only url_citation can be translated", r->f);
      if (e != ERR_OK)
        return e;
      continue;
    }
    if (texts > 1)
      to->start = to->end = 0;
    text->citation_count++;
  }
  return ERR_OK;
}

static enum err read_calls(struct conversation *c, const struct message *m, const struct llm_place *at,
                           struct llm_message *out) {
  size_t i, count;
  yyjson_val *call;
  if (m->tool_calls && !yyjson_is_arr(m->tool_calls))
    return llm_bad(at, "tool_calls", "must be an array", c->r->f);
  yyjson_arr_foreach (m->tool_calls, i, count, call) {
    const struct llm_place place = {.form = MESSAGE_FORM ".tool_calls[#]", .at = {at->at[0], (uint32_t)i}};
    struct llm_block *block = &out->blocks[out->count];
    enum err e = openai_chat_read_call(c->r, call, &place, block);
    if (e != ERR_OK)
      return e;
    out->count++;
    *call_slot(&c->calls, block->id) = block;
  }
  return ERR_OK;
}

static enum err read_assistant(struct conversation *c, const struct message *m, const struct llm_place *at,
                               struct llm_message *out) {
  struct rules *r = c->r;
  size_t most = openai_chat_parts_most(m->content) + openai_reasoning_most(m->reasoning_details) +
                yyjson_arr_size(m->tool_calls) + 1;
  *out = (struct llm_message){.role = LLM_ASSISTANT, .name = m->name, .place = *at};
  out->blocks = arena_alloc(r->rq->arena, most * sizeof(*out->blocks));
  enum err e = read_thoughts(r, m, at, out);
  bool is_empty = yyjson_is_str(m->content) && yyjson_get_len(m->content) == 0;
  bool has_more = out->count > 0 || m->refusal.len > 0 || yyjson_arr_size(m->tool_calls) > 0;
  if (e == ERR_OK && m->content && !(is_empty && has_more))
    e = openai_chat_read_content(r, m->content, at, OPENAI_CHAT_TEXTS_AND_REFUSALS, out->blocks, &out->count);
  if (e == ERR_OK)
    e = read_annotations(r, m, at, out);
  if (e == ERR_OK && m->refusal.len > 0) {
    struct llm_block refusal = {.kind = LLM_REFUSAL, .text = m->refusal, .place = *at};
    out->blocks[out->count++] = refusal;
  }
  if (e == ERR_OK)
    e = read_calls(c, m, at, out);
  if (e == ERR_OK && out->count == 0)
    e = llm_bad(at, "content", "is required where there are no tool_calls", r->f);
  return e == ERR_OK ? mark_last(r, m, at, out) : e;
}

/* The mark behind the last part is one behind the whole result. */
static void lift_mark(struct llm_block *result, enum llm_cache of_message) {
  struct llm_block *last = result->content_count > 0 ? &result->content[result->content_count - 1] : NULL;
  result->cache = of_message;
  if (last && of_message == LLM_CACHE_NONE) {
    result->cache = last->cache;
    last->cache = LLM_CACHE_NONE;
  }
}

static enum err read_result(struct conversation *c, const struct message *m, const struct llm_place *at,
                            struct llm_block *out) {
  struct rules *r = c->r;
  if (text_is_empty(m->tool_call_id))
    return llm_bad(at, "tool_call_id", "is required", r->f);
  const struct llm_block *call = *call_slot(&c->calls, m->tool_call_id);
  if (!call)
    return llm_bad(at, "tool_call_id", "answers no call of an earlier message", r->f);
  if (!text_is_empty(m->name) && !text_equal(m->name, call->name))
    return llm_bad(at, "name", "is not the tool that was called", r->f);
  enum err e = only_of_assistants(r, m, at);
  if (e != ERR_OK)
    return e;
  *out = (struct llm_block){.kind = LLM_TOOL_RESULT, .id = m->tool_call_id, .is_custom = call->is_custom, .place = *at};
  out->content = arena_alloc(r->rq->arena, openai_chat_parts_most(m->content) * sizeof(*out->content));
  if (m->content && !(yyjson_is_str(m->content) && yyjson_get_len(m->content) == 0))
    e = openai_chat_read_content(r, m->content, at, OPENAI_CHAT_RESULT_PARTS, out->content, &out->content_count);
  lift_mark(out, m->cache);
  return e;
}

static bool is_tool(yyjson_val *message) { return yyjson_equals_str(json_get(message, "role"), "tool"); }

/* Results fill the message that the first of them began. */
static enum err read_tool(struct conversation *c, const struct message *m, const struct llm_place *at,
                          yyjson_val *value, yyjson_val *end, bool goes_on) {
  struct llm_request *rq = c->r->rq;
  if (!goes_on) {
    size_t run = 0;
    for (yyjson_val *v = value; v != end && is_tool(v); v = unsafe_yyjson_get_next(v))
      run++;
    struct llm_block *blocks = arena_alloc(rq->arena, run * sizeof(*blocks));
    rq->messages[rq->message_count++] = (struct llm_message){.role = LLM_USER, .place = *at, .blocks = blocks};
  }
  struct llm_message *to = &rq->messages[rq->message_count - 1];
  enum err e = read_result(c, m, at, &to->blocks[to->count]);
  to->count += e == ERR_OK;
  return e;
}

static enum err read_message(struct conversation *c, yyjson_val *value, yyjson_val *end, size_t i, bool goes_on) {
  static const struct {
    const char *name;
    enum llm_role role;
  } roles[] = {{"system", LLM_SYSTEM}, {"developer", LLM_DEVELOPER}, {"user", LLM_USER}};
  const struct llm_place at = {.form = MESSAGE_FORM, .at = {(uint32_t)i}};
  struct llm_request *rq = c->r->rq;
  struct message m = {0};
  enum err e = rules_read(c->r, value, &at, RULES(rows), &m);
  if (e != ERR_OK)
    return e;
  if (text_equal(m.role, TEXT("tool")))
    return read_tool(c, &m, &at, value, end, goes_on);
  struct llm_message *to = &rq->messages[rq->message_count];
  if (text_equal(m.role, TEXT("assistant"))) {
    e = m.tool_call_id.at ? llm_bad(&at, "tool_call_id", "belongs to messages of tools", c->r->f)
                          : read_assistant(c, &m, &at, to);
    rq->message_count += e == ERR_OK;
    return e;
  }
  for (size_t k = 0; k < sizeof(roles) / sizeof(roles[0]); k++)
    if (text_equal(m.role, text_of(roles[k].name))) {
      e = read_plain_message(c, &m, &at, roles[k].role, to);
      rq->message_count += e == ERR_OK;
      return e;
    }
  if (text_equal(m.role, TEXT("function")))
    return llm_refuse(rq, &at, "role", "function messages are deprecated and not translated; use tool messages",
                      c->r->f);
  return llm_bad(&at, "role", "must be system, developer, user, assistant or tool", c->r->f);
}

enum err openai_chat_read_messages(struct rules *r, yyjson_val *messages) {
  size_t count = yyjson_arr_size(messages);
  if (count == 0)
    return llm_bad(&(struct llm_place){.form = "messages"}, "", "must be an array with at least one message", r->f);
  struct conversation c = {.r = r, .calls = calls_new(messages, r->rq->arena)};
  yyjson_val *v = yyjson_arr_get_first(messages), *end = unsafe_yyjson_get_next(messages);
  bool goes_on = false;
  r->rq->messages = arena_alloc(r->rq->arena, count * sizeof(*r->rq->messages));
  for (size_t i = 0; i < count; i++, v = unsafe_yyjson_get_next(v)) {
    enum err e = read_message(&c, v, end, i, goes_on);
    if (e != ERR_OK)
      return e;
    goes_on = is_tool(v);
  }
  return ERR_OK;
}
