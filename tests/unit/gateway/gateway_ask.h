/* For tests of the gateway: asking it, answers to give it, and looking at what came of them. */
#ifndef GATEWAY_ASK_H
#define GATEWAY_ASK_H

#include "gateway_fixture.h"

#include "base/json.h"

#define MESSAGES "POST /v1/messages"
#define CHAT     "POST /v1/chat/completions"
#define ASK_BODY "{\"model\":\"one\",\"max_tokens\":10,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define ASK_STREAM                                                                                                     \
  "{\"model\":\"one\",\"max_tokens\":10,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define MESSAGE                                                                                                        \
  "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"hello\"}]" \
  ","                                                                                                                  \
  "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":100,\"output_tokens\":20}}"
#define COMPLETION                                                                                                     \
  "{\"id\":\"c1\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","       \
  "\"content\":\"hello\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,"     \
  "\"total_tokens\":120}}"
/* The same answer as a stream. */
#define EVENT_START                                                                                                    \
  "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"usage\":"  \
  "{\"input_tokens\":100,\"output_tokens\":1}}}\n\n"
#define EVENT_TOKEN                                                                                                    \
  "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"               \
  "\"text_delta\",\"text\":\"hello\"}}\n\n"
#define EVENT_STOP                                                                                                     \
  "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":"        \
  "{\"output_tokens\":20}}\n\n"                                                                                        \
  "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
#define EVENTS_OF_MESSAGE EVENT_START EVENT_TOKEN EVENT_STOP
#define OVERLOADED        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}"
#define INVALID                                                                                                        \
  "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"max_tokens: too large\"}}"
#define COST_OF_MESSAGE (100 * 3000 + 20 * 15000) /* nano-USD, at 3 and 15 USD a million */

/* An HTTP answer with content-length, in the test's arena. headers: lines with CRLF. */
static inline struct text http_answer(struct world *w, int status, const char *headers, struct text body) {
  return arena_format(&w->arena, "HTTP/1.1 %d X\r\ncontent-length: %zu\r\n%s\r\n%.*s", status, body.len, headers,
                      TEXT_ARGS(body));
}
#define JSON_TYPE   "content-type: application/json\r\n"
#define STREAM_TYPE "content-type: text/event-stream; charset=utf-8\r\n"

static inline struct text json_answer(struct world *w, int status, const char *body) {
  return http_answer(w, status, JSON_TYPE, text_of(body));
}

static inline struct text request_of(struct world *w, const char *line, const char *headers, struct text body) {
  return arena_format(&w->arena, "%s HTTP/1.1\r\nHost: weir\r\n%scontent-length: %zu\r\n\r\n%.*s", line, headers,
                      body.len, TEXT_ARGS(body));
}

/* Sends a request on the kept connection and reads the answer: its status, 0 when the connection ended instead. */
static inline int ask(struct world *w, const char *line, const char *headers, struct text body) {
  if (w->c && w->c->end != ERR_OK) {
    wire_close(w->c);
    w->c = NULL;
  }
  if (!w->c)
    w->c = wire_open(&w->site);
  wire_send(w->c, request_of(w, line, headers, body));
  int status = wire_answer(w->c);
  if (status == 0 || text_equal_nocase(wire_header(w->c, "connection"), TEXT("close"))) {
    (void)wire_end(w->c);
    w->c->end = ERR_END;
  }
  return status;
}

/* The usual request with the usual key. */
static inline int ask_messages(struct world *w, const char *body) {
  return ask(w, MESSAGES, X_API_KEY JSON_TYPE "anthropic-version: 2023-06-01\r\n", text_of(body));
}
static inline int ask_chat(struct world *w, const char *body) {
  return ask(w, CHAT, "authorization: Bearer " KEY "\r\n" JSON_TYPE, text_of(body));
}

/* A member of the answer's JSON by its path ("error.type"), as text; numbers and booleans as they are written. */
static inline struct text answer_member(struct world *w, const char *path) {
  struct json doc = {0};
  struct text rest = text_of(path), name, found = TEXT("");
  if (json_read(wire_text(w->c), NULL, &doc, NULL) != ERR_OK)
    return TEXT("(not JSON)");
  yyjson_val *v = doc.root;
  while (v && !text_is_empty(rest)) {
    if (!text_cut(rest, '.', &name, &rest)) {
      name = rest;
      rest = TEXT_NONE;
    }
    uint64_t index;
    v = yyjson_is_arr(v) && text_to_u64(name, &index) ? yyjson_arr_get(v, index)
                                                      : yyjson_obj_getn(v, name.at, name.len);
  }
  if (yyjson_is_str(v)) {
    found = arena_copy(&w->arena, json_text(v));
  } else if (v) {
    char *written = yyjson_val_write(v, 0, NULL);
    found = arena_copy(&w->arena, text_of(written));
    free(written);
  }
  json_done(&doc);
  return found;
}

#define CHECK_MEMBER(w, path, expected) CHECK_TEXT(answer_member((w), (path)), text_of(expected))
#define CHECK_BODY_HAS(w, part)         CHECK_HAS(arena_copy(&(w)->arena, wire_text((w)->c)).at, (part))
#define CHECK_OUTCOME(w, expected)      CHECK_TEXT(text_of((w)->seen.last.outcome), text_of(expected))
#define CHECK_HEADER(w, name, expected) CHECK_TEXT(wire_header((w)->c, (name)), text_of(expected))

/* The value of a header of the last request that a provider got; empty when there was none. */
static inline struct text sent_header(struct world *w, int which, const char *name) {
  char line[100];
  struct upstream *up = &w->up[which];
  int n = snprintf(line, sizeof(line), "\r\n%s: ", name);
  char *head = memcpy(arena_zalloc(&w->arena, up->head_len + 1), up->request, up->head_len);
  char *at = strcasestr(head, line);
  if (!at)
    return TEXT_NONE;
  struct text rest = text_of(at + n), value;
  return text_cut(rest, '\r', &value, &rest) ? value : rest;
}

/* The newest row of the ledger, once everything has reached the store. */
static inline struct ledger_row newest_row(struct world *w, size_t back) {
  struct ledger_row *rows = NULL;
  size_t count = 0;
  struct fault f = {0};
  world_rest(w);
  for (int i = 0; i < 20000 && ledger_stats(w->ledger).pending > 0; i++)
    turns(1);
  for (int i = 0; i < 2000 && ledger_stats(w->ledger).pending > 0; i++)
    CHECK_ERR(fiber_sleep(1000), ERR_OK);
  CHECK_ERR(w->store->ops->ledger_list(w->store, 0, 16, &w->arena, &rows, &count, &f), ERR_OK);
  return CHECK_INT(count > back, 1) ? rows[back] : (struct ledger_row){0};
}
static inline size_t row_count(struct world *w) {
  struct ledger_row *rows = NULL;
  size_t count = 0;
  (void)newest_row(w, 0);
  CHECK_ERR(w->store->ops->ledger_list(w->store, 0, 16, &w->arena, &rows, &count, NULL), ERR_OK);
  return count;
}

#endif
