/* The fault matrix, its providers: an actor stands behind each upstream of the fixture, answers in the dialect in which
 * it is asked, and plays one row so often before it answers well. What it says bears its letter, so that a client that
 * got words of two answers would show it. */
#ifndef ROUTING_PLAY_H
#define ROUTING_PLAY_H

#include "../unit/gateway/gateway_ask.h"
#include "routing_rows.h"

#define EVENTS_MOST 7

/* '@' stands for the actor's letter. By number of events said: after 1 the stream has begun, after 3 there is a first
 * token, after 6 only the last event is missing. What a dialect has no event for is empty. */
static const char *const right_events[DIALECTS][EVENTS_MOST] = {
    {"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_@\",\"type\":\"message\","
     "\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
     "\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}}\n\n",
     "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
     "\"text\",\"text\":\"\"}}\n\n",
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
     "\"text_delta\",\"text\":\"@-one \"}}\n\n",
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
     "\"text_delta\",\"text\":\"@-two.\"}}\n\n",
     "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
     "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
     "\"stop_sequence\":null},\"usage\":{\"output_tokens\":20}}\n\n",
     "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"},
    {"data: {\"id\":\"c_@\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":"
     "0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
     "",
     "data: {\"id\":\"c_@\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":"
     "0,\"delta\":{\"content\":\"@-one \"},\"finish_reason\":null}]}\n\n",
     "data: {\"id\":\"c_@\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":"
     "0,\"delta\":{\"content\":\"@-two.\"},\"finish_reason\":null}]}\n\n",
     "data: {\"id\":\"c_@\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":"
     "0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
     "data: {\"id\":\"c_@\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],"
     "\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,\"total_tokens\":120}}\n\n",
     "data: [DONE]\n\n"}};
static const char *const right_answer[DIALECTS] = {
    "{\"id\":\"msg_@\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{\"type\":\"text\","
    "\"text\":\"@-one @-two.\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":100,"
    "\"output_tokens\":20}}",
    "{\"id\":\"c_@\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"@-one @-two.\"},\"finish_reason\":\"stop\"}],\"usage\":{"
    "\"prompt_tokens\":100,\"completion_tokens\":20,\"total_tokens\":120}}"};
static const char *const no_json[DIALECTS] = {"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":\n\n",
                                              "data: {\"usage\":{\n\n"};

struct actor {
  char letter;
  const struct row *row; /* what it plays */
  unsigned bad;          /* to so many calls; to those after it answers well */
  int64_t delay_us;      /* before it says anything */
  int64_t pause_us;      /* behind each event */
  size_t padding;        /* so many bytes of comments behind its first event */
  bool keeps;            /* the connection, after what ends as it should */
  unsigned calls;
};

static inline struct text by_letter(struct arena *a, char letter, const char *s) {
  struct text t = arena_copy(a, text_of(s));
  for (char *at = (char *)(uintptr_t)t.at; at < t.at + t.len; at++)
    *at = *at == '@' ? letter : *at;
  return t;
}

/* Events [from, to) as the provider says them. */
static inline struct text events_of(struct arena *a, char letter, enum dialect d, size_t from, size_t to) {
  struct text all = TEXT_NONE;
  for (size_t i = from; i < to; i++) {
    const struct text parts[] = {all, by_letter(a, letter, right_events[d][i])};
    all = arena_join(a, parts, 2);
  }
  return all;
}

/* The error of a row in the provider's words. */
static inline struct text told_error(struct arena *a, const struct row *row, enum dialect d) {
  return d == ANTHROPIC
             ? arena_format(a, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"%s\"}}", row->told_type,
                            row->told)
             : arena_format(a, "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"param\":null,\"code\":null}}",
                            row->told, row->told_type);
}
static inline struct text told_event(struct arena *a, const struct row *row, enum dialect d) {
  struct text error = told_error(a, row, d);
  return arena_format(a, "%sdata: %.*s\n\n", d == ANTHROPIC ? "event: error\n" : "", TEXT_ARGS(error));
}

static inline struct text body_of(struct arena *a, char letter, const struct row *row, enum dialect d) {
  if (row->body == THE_ERROR || (row->told && !row->body))
    return told_error(a, row, d);
  if (row->body == OTHER_DIALECT)
    return by_letter(a, letter, right_answer[1 - d]);
  if (row->body == TOO_LARGE) {
    struct text answer = by_letter(a, letter, right_answer[d]);
    return arena_format(a, "%.*s%*s", TEXT_ARGS(answer), 5000 - (int)answer.len, "");
  }
  return row->body && row->body != PLAIN_ANSWER ? text_of(row->body) : by_letter(a, letter, right_answer[d]);
}

static inline struct text head_of(struct arena *a, const struct actor *actor, const struct row *row, bool stream,
                                  const char *framing) {
  const char *headers = row->headers ? row->headers : "";
  const char *type = strstr(headers, "content-type:") ? "" : stream ? STREAM_TYPE : JSON_TYPE;
  return arena_format(a, "HTTP/1.1 %d X\r\n%s%s%s%s\r\n", row->answers ? row->answers : 200, type, headers,
                      actor->keeps ? "" : "connection: close\r\n", framing);
}

static inline void say_chunk(struct upstream *up, struct stream *s, struct arena *a, struct text bytes) {
  if (bytes.len > 0)
    (void)!say(up, s, arena_format(a, "%zx\r\n%.*s\r\n", bytes.len, TEXT_ARGS(bytes)));
}

static inline void play_plain(struct upstream *up, struct stream *s, struct arena *a, const struct actor *actor,
                              const struct row *row, enum dialect d) {
  struct text body = body_of(a, actor->letter, row, d);
  char length[60];
  (void)snprintf(length, sizeof(length), "content-length: %zu\r\n", body.len);
  struct text head = head_of(a, actor, row, false, length);
  if (row->ending != ENDS)
    body.len /= 2;
  const struct text parts[] = {head, body};
  (void)!say(up, s, arena_join(a, parts, 2));
}

static inline void say_event(struct upstream *up, struct stream *s, struct arena *a, const struct actor *actor,
                             struct text event) {
  say_chunk(up, s, a, event);
  if (actor->pause_us > 0)
    (void)!fiber_sleep(actor->pause_us);
}

static inline void say_padding(struct upstream *up, struct stream *s, struct arena *a, size_t bytes) {
  for (; bytes > 0; bytes -= bytes < 1024 ? bytes : 1024)
    say_chunk(up, s, a, arena_format(a, ": %1020s\n\n", "x"));
}

static inline void play_stream(struct upstream *up, struct stream *s, struct arena *a, const struct actor *actor,
                               const struct row *row, enum dialect d) {
  unsigned events = row->phase <= IN_BODY ? EVENTS_MOST : row->events;
  (void)!say(up, s, head_of(a, actor, row, true, "transfer-encoding: chunked\r\n"));
  say_chunk(up, s, a, text_of(row->before ? row->before : ""));
  for (unsigned i = 0; i < events; i++) {
    say_event(up, s, a, actor, by_letter(a, actor->letter, right_events[d][i]));
    say_padding(up, s, a, i == 0 ? actor->padding : 0);
  }
  turns(6); /* so that a reset takes nothing along */
  struct text next = events < EVENTS_MOST ? by_letter(a, actor->letter, right_events[d][events]) : TEXT_NONE;
  if (next.len == 0 && events < EVENTS_MOST - 1)
    next = by_letter(a, actor->letter, right_events[d][events + 1]);
  switch (row->then) {
  case TELLS_ERROR: say_chunk(up, s, a, told_event(a, row, d)); break;
  case HALF_AN_EVENT: say_chunk(up, s, a, text_head(next, next.len / 2)); break;
  case BAD_JSON: say_chunk(up, s, a, text_of(no_json[d])); break;
  case BAD_CHUNK: (void)!say(up, s, TEXT("zz\r\n")); break;
  case LARGE_EVENT: say_chunk(up, s, a, arena_format(a, "data: %5000s", "x")); break;
  case NOTHING: break;
  }
  if (row->ending == ENDS)
    (void)!say(up, s, TEXT("0\r\n\r\n"));
}

/* Until the gateway has had enough of it. */
static inline void stay_silent(struct stream *s) {
  char c;
  size_t n;
  while (stream_read(s, &c, 1, after(3600 * SECOND_US), &n) == ERR_OK) {
  }
}

/* How it is asked. Another request may take the upstream's memory while this one is played. */
struct asked {
  enum dialect dialect;
  bool stream;
};

static inline struct asked asked_of(const struct upstream *up) {
  return (struct asked){strstr(up->request, "/messages ") ? ANTHROPIC : OPENAI,
                        strstr(up->request + up->head_len, "\"stream\":true") != NULL};
}

static inline void play_row(struct upstream *up, struct stream *s, const struct actor *actor, const struct row *row,
                            struct asked asked) {
  bool plain_body = row->body || (row->told && row->then == NOTHING);
  struct arena a;
  arena_init(&a);
  if (row->raw)
    (void)!say(up, s, text_of(row->raw));
  else if (asked.stream && !plain_body)
    play_stream(up, s, &a, actor, row, asked.dialect);
  else
    play_plain(up, s, &a, actor, row, asked.dialect);
  arena_done(&a);
  turns(6);
  if (row->ending == FALLS_SILENT)
    stay_silent(s);
  up->then = row->ending == RESETS ? CALL_RESET : row->ending == ENDS && actor->keeps ? CALL_KEEP : CALL_CLOSE;
}

static inline void play(struct upstream *up, struct stream *s) {
  struct actor *actor = up->data;
  struct asked asked = asked_of(up);
  const struct row *row = ++actor->calls <= actor->bad ? actor->row : right;
  if (actor->delay_us > 0)
    (void)!fiber_sleep(actor->delay_us);
  play_row(up, s, actor, row, asked);
}

#endif
