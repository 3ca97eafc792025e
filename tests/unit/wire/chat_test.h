/* Helpers of the tests of the chat completions dialect. JSON is written with single quotes, which become double ones.
 */
#ifndef TESTS_UNIT_CHAT_TEST_H
#define TESTS_UNIT_CHAT_TEST_H

#include "llm/collect.h"
#include "wire/openai_chat.h"
#include "wire_test.h"

#define HELPER static __attribute__((noinline, unused)) /* inlined their frames would add up */

struct chat {
  struct arena arena;
  struct llm_request rq;
  struct llm_echo echo;
  struct fault f;
};

static inline struct text json_of(struct arena *a, const char *quoted) {
  struct text t = arena_copy(a, text_of(quoted));
  char *at = arena_alloc(a, t.len + 1);
  for (size_t i = 0; i < t.len; i++)
    at[i] = t.at[i] == '\'' ? '"' : t.at[i];
  at[t.len] = 0;
  return (struct text){at, t.len};
}

static inline struct json *parsed(struct arena *a, struct text body) {
  const struct json_limits limits = {.raw_numbers = true};
  struct json *doc = ARENA_NEW(a, struct json);
  struct fault f = {0};
  if (json_read(body, &limits, doc, &f) != ERR_OK)
    fail_msg("%s: %.*s", f.text, TEXT_ARGS(body));
  arena_defer(a, close_json, doc);
  return doc;
}

static inline void chat_open(struct chat *c) {
  *c = (struct chat){0};
  arena_init(&c->arena);
}

static inline void chat_close(struct chat *c) { arena_done(&c->arena); }

/* The body is the request's; anew each time. */
HELPER enum err chat_read(struct chat *c, const char *body) {
  c->rq = (struct llm_request){.arena = &c->arena, .accent = c->rq.accent};
  c->echo = (struct llm_echo){0};
  return dialect_openai_chat.read_request(parsed(&c->arena, json_of(&c->arena, body)), &c->rq, &c->echo, &c->f);
}

HELPER void chat_reads(struct chat *c, const char *body) {
  enum err e = chat_read(c, body);
  if (e != ERR_OK)
    fail_msg("%s: %s", err_name(e), fault_text(&c->f));
}

/* messages is what stands between the brackets. */
HELPER void chat_reads_messages(struct chat *c, const char *messages) {
  chat_reads(c, arena_format(&c->arena, "{'model':'m','messages':[%s]}", messages).at);
}

HELPER void chat_fails(const char *body, enum err want, const char *place) {
  struct chat c;
  chat_open(&c);
  enum err e = chat_read(&c, body);
  if (e != want || strcmp(c.f.field, place) != 0)
    fail_msg("%s gave %s at \"%s\" (%s), expected %s at \"%s\"", body, err_name(e), c.f.field, c.f.text, err_name(want),
             place);
  chat_close(&c);
}

HELPER void chat_fails_messages(const char *messages, enum err want, const char *place) {
  struct chat c;
  chat_open(&c);
  chat_fails(arena_format(&c.arena, "{'model':'m','messages':[%s]}", messages).at, want, place);
  chat_close(&c);
}

HELPER enum err chat_write(struct chat *c, struct text *out) {
  struct buf b;
  buf_init(&b, 1 << 20);
  c->rq.default_max_tokens = 4096;
  enum err e = dialect_openai_chat.write_request(&c->rq, &b, &c->f);
  *out = arena_copy(&c->arena, buf_text(&b));
  buf_done(&b);
  return e;
}

HELPER void chat_writes(struct chat *c, const char *want) {
  struct text got;
  enum err e = chat_write(c, &got);
  if (e != ERR_OK)
    fail_msg("%s: %s", err_name(e), fault_text(&c->f));
  expect_json(got, json_of(&c->arena, want).at);
}

HELPER void chat_refuses(struct chat *c, const char *place) {
  struct text got;
  enum err e = chat_write(c, &got);
  if (e != ERR_UNSUPPORTED || strcmp(c->f.field, place) != 0)
    fail_msg("gave %s at \"%s\", expected a refusal at \"%s\"; %.*s", err_name(e), c->f.field, place, TEXT_ARGS(got));
}

/* A request that says one message, for the writers. */
static inline struct llm_message *chat_one_message(struct chat *c, enum llm_role role, struct llm_block *blocks,
                                                   size_t count) {
  struct llm_message *m = ARENA_NEW(&c->arena, struct llm_message);
  static const struct llm_names names = {.top_k = "top_k", .stop = "stop_sequences"};
  *m =
      (struct llm_message){.role = role, .blocks = blocks, .count = count, .place = {.form = "messages[#]", .at = {0}}};
  for (size_t i = 0; i < count; i++)
    blocks[i].place = (struct llm_place){.form = "messages[#].content[#]", .at = {0, (uint32_t)i}};
  c->rq = (struct llm_request){.model = TEXT("m"),
                               .messages = m,
                               .message_count = 1,
                               .arena = &c->arena,
                               .accent = c->rq.accent,
                               .names = &names};
  return m;
}

#endif
