/* The fault matrix, its clients: what one got, taken apart event by event with nothing left over. Strict where a client
 * would be: half an event, a second answer or words of two providers are seen here. */
#ifndef ROUTING_HEARD_H
#define ROUTING_HEARD_H

#include "routing_due.h"

/* One letter an event: 's' the stream begins, 'b' a block, 't' text, 'e' the block or choice ends, 'd' the reason and
 * the counts, 'S' the last event, 'X' an error, '?' anything else. */
struct heard {
  char shape[64];
  char text[256];
  char type[64], message[300]; /* of the error */
  int64_t input, output;       /* tokens; -1: not told */
  size_t error_at;             /* where the error event begins */
  bool is_strict;              /* every byte is of a whole event */
};

static inline void hear_text(struct heard *h, yyjson_val *v) {
  size_t have = strlen(h->text);
  if (yyjson_is_str(v))
    (void)snprintf(h->text + have, sizeof(h->text) - have, "%s", yyjson_get_str(v));
}

static inline void hear_count(int64_t *out, yyjson_val *v) {
  if (yyjson_is_uint(v))
    *out = (int64_t)yyjson_get_uint(v);
}

static inline void hear_error(struct heard *h, yyjson_val *error) {
  (void)snprintf(h->type, sizeof(h->type), "%s",
                 yyjson_is_str(json_get(error, "type")) ? yyjson_get_str(json_get(error, "type")) : "");
  (void)snprintf(h->message, sizeof(h->message), "%s",
                 yyjson_is_str(json_get(error, "message")) ? yyjson_get_str(json_get(error, "message")) : "");
}

static inline char hear_anthropic(struct heard *h, struct text name, yyjson_val *root) {
  static const struct {
    const char *name;
    char letter;
  } letters[] = {{"message_start", 's'},
                 {"content_block_start", 'b'},
                 {"content_block_delta", 't'},
                 {"content_block_stop", 'e'},
                 {"message_delta", 'd'},
                 {"message_stop", 'S'},
                 {"error", 'X'}};
  if (!text_equal(json_text(json_get(root, "type")), name))
    return '?';
  hear_text(h, json_get(json_get(root, "delta"), "text"));
  hear_count(&h->output, json_get(json_get(root, "usage"), "output_tokens"));
  hear_count(&h->input, json_get(json_get(json_get(root, "message"), "usage"), "input_tokens"));
  hear_count(&h->input, json_get(json_get(root, "usage"), "input_tokens"));
  if (text_equal(name, TEXT("error")))
    hear_error(h, json_get(root, "error"));
  for (size_t i = 0; i < COUNT_OF(letters); i++)
    if (text_equal(name, text_of(letters[i].name)))
      return letters[i].letter;
  return '?';
}

static inline char hear_openai(struct heard *h, yyjson_val *root) {
  yyjson_val *choice = yyjson_arr_get_first(json_get(root, "choices")), *delta = json_get(choice, "delta");
  yyjson_val *content = json_get(delta, "content");
  if (json_get(root, "error")) {
    hear_error(h, json_get(root, "error"));
    return 'X';
  }
  hear_count(&h->input, json_get(json_get(root, "usage"), "prompt_tokens"));
  hear_count(&h->output, json_get(json_get(root, "usage"), "completion_tokens"));
  hear_text(h, content);
  if (yyjson_get_len(content) > 0)
    return 't';
  if (yyjson_is_str(json_get(choice, "finish_reason")))
    return 'e';
  if (json_get(delta, "role"))
    return 's';
  return !choice && yyjson_is_obj(json_get(root, "usage")) ? 'd' : '?';
}

/* "event: NAME\ndata: {...}", without the blank line. */
static inline char hear_event(struct heard *h, enum dialect d, struct text event) {
  struct text name = TEXT_NONE, data = event;
  struct json doc = {0};
  char letter = '?';
  if (d == ANTHROPIC && !text_cut(event, '\n', &name, &data))
    return '?';
  if (!text_starts(data, TEXT("data: ")) || (d == ANTHROPIC && !text_starts(name, TEXT("event: "))))
    return '?';
  data = text_skip(data, 6);
  if (d == OPENAI && text_equal(data, TEXT("[DONE]")))
    return 'S';
  if (json_read(data, NULL, &doc, NULL) != ERR_OK)
    return '?';
  letter = d == ANTHROPIC ? hear_anthropic(h, text_skip(name, 7), doc.root) : hear_openai(h, doc.root);
  json_done(&doc);
  return letter;
}

static inline struct heard hear_stream(struct text body, enum dialect d) {
  struct heard h = {.input = -1, .output = -1, .is_strict = true};
  struct text left = body;
  for (size_t n = 0; left.len > 0; n++) {
    ptrdiff_t end = text_find(left, TEXT("\n\n"));
    if (end > 0 && left.at[0] == ':') { /* a comment */
      left = text_skip(left, (size_t)end + 2);
      n--;
      continue;
    }
    if (end < 0 || n + 1 >= sizeof(h.shape)) {
      h.is_strict = false;
      break;
    }
    h.shape[n] = hear_event(&h, d, text_head(left, (size_t)end));
    if (h.shape[n] == 'X')
      h.error_at = body.len - left.len;
    left = text_skip(left, (size_t)end + 2);
  }
  return h;
}

/* A plain answer or an error: one JSON text. */
static inline struct heard hear_plain(struct text body, enum dialect d) {
  struct heard h = {.input = -1, .output = -1};
  struct json doc = {0};
  if (json_read(body, NULL, &doc, NULL) != ERR_OK)
    return h;
  h.is_strict = true;
  yyjson_val *usage = json_get(doc.root, "usage");
  hear_error(&h, json_get(doc.root, "error"));
  if (d == ANTHROPIC) {
    hear_text(&h, json_get(yyjson_arr_get_first(json_get(doc.root, "content")), "text"));
    hear_count(&h.input, json_get(usage, "input_tokens"));
    hear_count(&h.output, json_get(usage, "output_tokens"));
    h.is_strict = text_equal(json_text(json_get(doc.root, "type")), h.type[0] ? TEXT("error") : TEXT("message"));
  } else {
    yyjson_val *choice = yyjson_arr_get_first(json_get(doc.root, "choices"));
    hear_text(&h, json_get(json_get(choice, "message"), "content"));
    hear_count(&h.input, json_get(usage, "prompt_tokens"));
    hear_count(&h.output, json_get(usage, "completion_tokens"));
    h.is_strict = !json_get(doc.root, "type") && (json_get(doc.root, "error") || choice);
  }
  json_done(&doc);
  return h;
}

/* What so many of the provider's events are for the client: by dialect of the client, of the provider. */
static const char *const shapes[DIALECTS][DIALECTS][EVENTS_MOST + 1] = {
    {{"", "s", "", "sbt", "", "", "sbtted", "sbttedS"}, {"", "s", "", "sbt", "", "", "sbtt", "sbttedS"}},
    {{"", "s", "", "st", "", "", "stt", "sttedS"}, {"", "s", "", "st", "", "", "stted", "sttedS"}}};

static inline void check_whole(const struct heard *h, const struct due *due) {
  char letter = due->attempts[due->answering].letter, text[20];
  (void)snprintf(text, sizeof(text), "%c-one %c-two.", letter, letter);
  CHECK_TEXT(text_of(h->text), text_of(text));
  CHECK_INT(h->input, 100);
  CHECK_INT(h->output, 20);
}

/* is_theirs: it comes to the letter as the provider told it; has_words: at least its message does. */
static inline void check_error(const struct heard *h, const struct cell *c, bool is_theirs, bool has_words) {
  const struct row *r = c->row;
  CHECK_TEXT(text_of(h->type), text_of(is_theirs ? r->told_type : r->type[c->client]));
  CHECK_INT(h->message[0] != 0, 1);
  if (has_words)
    CHECK_HAS(h->message, r->told);
}

static inline void check_stream(struct arena *a, struct text body, const struct cell *c, const struct due *due) {
  char letter = due->attempts[due->answering].letter, shape[16];
  enum dialect spoken = dialect_of(c, letter);
  struct heard h = hear_stream(body, c->client);
  const char *last = due->is_whole ? "" : "X";
  unsigned events = due->is_whole && spoken != c->client ? EVENTS_MOST : due->events;
  (void)snprintf(shape, sizeof(shape), "%s%s", shapes[c->client][spoken][events], last);
  CHECK_INT(h.is_strict, 1);
  CHECK_TEXT(text_of(h.shape), text_of(shape));
  struct text said = events_of(a, letter, spoken, 0, events);
  if (spoken == c->client) /* to the letter */
    CHECK_TEXT(due->is_whole ? body : text_head(body, h.error_at), said);
  bool is_told = !due->is_whole && c->row->then == TELLS_ERROR, is_theirs = is_told && spoken == c->client;
  if (due->is_whole)
    check_whole(&h, due);
  else
    check_error(&h, c, is_theirs, is_told);
  if (is_theirs)
    CHECK_TEXT(text_skip(body, h.error_at), told_event(a, c->row, spoken));
}

/* Whether the provider's error can go on as it came, or at least its words. */
static inline bool is_readable(const struct row *r) {
  return r->told && !r->body && r->ending == ENDS && !(r->headers && strstr(r->headers, "content-encoding"));
}

static inline void check_plain(struct arena *a, struct text body, const struct cell *c, const struct due *due) {
  char letter = due->attempts[due->answering].letter;
  enum dialect spoken = dialect_of(c, letter);
  struct heard h = hear_plain(body, c->client);
  const struct row *r = c->row;
  bool is_theirs = !due->is_whole && is_readable(r) && r->then == NOTHING && spoken == c->client;
  CHECK_INT(h.is_strict, 1);
  if (due->is_whole)
    check_whole(&h, due);
  else
    check_error(&h, c, is_theirs, is_readable(r));
  if (due->is_whole && spoken == c->client)
    CHECK_TEXT(body, by_letter(a, letter, right_answer[spoken]));
  if (is_theirs)
    CHECK_TEXT(body, told_error(a, r, spoken));
}

static inline void check_heard(struct arena *a, struct text body, const struct cell *c, const struct due *due) {
  if (due->is_stream)
    check_stream(a, body, c, due);
  else
    check_plain(a, body, c, due);
}

#endif
