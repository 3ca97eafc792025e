/* The provider's body as bytes and events, in either framing. A stream that is neither compressed nor between two
 * events holds no memory here: relay.c then reads into the thread's scratch and hands it to answer_scan directly. Does
 * not talk to the client.
 */
#include "gateway/answer.h"

#include "aws/eventstream.h"
#include "gateway/convert.h"
#include "net/inflate.h"
#include "net/sse.h"

#define READ_BYTES (16 * 1024)
/* More unpacked bytes than these times the packed ones are taken for a bomb by net/inflate; this bounds one read. */
#define UNPACK_MAX_BYTES (4 * 1024 * 1024)
#define CHARGE_BYTES     ((size_t)64 * 1024)

static bool is_event_stream(const struct http1_head *head, enum wire_framing *out) {
  struct text type = http_header_value(&head->headers, TEXT("content-type"));
  *out =
      text_equal_nocase(text_head(type, 34), TEXT("application/vnd.amazon.eventstream")) ? WIRE_EVENTSTREAM : WIRE_SSE;
  return *out == WIRE_EVENTSTREAM || text_equal_nocase(text_head(type, 17), TEXT("text/event-stream"));
}

void answer_hold(struct attempt *t) {
  const struct config_limits *l = &t->x->config->limits;
  size_t most = l->response_bytes > l->event_bytes ? l->response_bytes : l->event_bytes;
  buf_init(&t->answer.held, (most > ERROR_BODY_MAX_BYTES ? most : ERROR_BODY_MAX_BYTES) + UNPACK_MAX_BYTES);
}

enum err answer_begin(struct attempt *t) {
  const struct http1_head *head = http_reply_head(t->reply);
  struct answer *a = &t->answer;
  struct text coding = http_header_value(&head->headers, TEXT("content-encoding"));
  answer_end(t);
  answer_hold(t);
  a->is_stream = is_event_stream(head, &a->framing);
  if (text_is_empty(coding) || text_equal_nocase(coding, TEXT("identity")))
    return ERR_OK;
  a->inflate = inflate_new(coding);
  if (a->inflate)
    return ERR_OK;
  return fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL,
                   "the provider sent the content coding \"%.*s\", which was not asked for",
                   TEXT_ARGS(text_head(coding, 40)));
}

void answer_end(struct attempt *t) {
  if (t->answer.notes.count > 0)
    t->not_carried = attempt_not_carried(t);
  convert_end(t);
  if (t->answer.charged > 0)
    http_memory_give(t->x->worker->gateway->memory, t->answer.charged);
  inflate_free(t->answer.inflate);
  buf_done(&t->answer.held);
  t->answer = (struct answer){0};
}

/* How much room the next read gets: what is announced, where that is less than a read's worth. */
static size_t room_wanted(const struct attempt *t) {
  const struct http1_head *head = http_reply_head(t->reply);
  if (!head->has_length || head->length <= t->answer.held.len)
    return READ_BYTES;
  uint64_t left = head->length - t->answer.held.len;
  return left < READ_BYTES ? (size_t)left : READ_BYTES;
}

/* What is held beyond an ordinary event counts as memory of the whole process. */
static enum err charge(struct attempt *t) {
  struct answer *a = &t->answer;
  struct http_memory *memory = t->x->worker->gateway->memory;
  if (!memory || a->held.len <= a->charged + CHARGE_BYTES)
    return ERR_OK;
  size_t more = (a->held.len - a->charged) / CHARGE_BYTES * CHARGE_BYTES;
  if (http_memory_take(memory, more) != ERR_OK)
    return http_memory_fault(&t->fault);
  a->charged += more;
  return ERR_OK;
}

/* Appends what can be had now. */
static enum err try_fill(struct attempt *t) {
  struct answer *a = &t->answer;
  size_t n = 0;
  if (!a->inflate) {
    size_t cap = room_wanted(t);
    char *room = buf_reserve(&a->held, cap);
    if (!room)
      return ERR_NO_ROOM;
    enum err e = http_reply_try_read(t->reply, room, cap, &n, &t->fault);
    if (e == ERR_OK)
      buf_commit(&a->held, n);
    return e;
  }
  char packed[2048];
  enum err e = http_reply_try_read(t->reply, packed, sizeof(packed), &n, &t->fault);
  if (e == ERR_END && inflate_end(a->inflate) != ERR_OK) {
    return fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's compressed answer is incomplete");
  }
  if (e != ERR_OK)
    return e;
  e = inflate_feed(a->inflate, (struct text){packed, n}, &a->held);
  if (e == ERR_LIMIT)
    return ERR_NO_ROOM;
  return e == ERR_OK ? ERR_OK : fault_set(&t->fault, e, NULL, "the provider's compressed answer is damaged");
}

enum err answer_fill(struct attempt *t, size_t max_bytes) {
  for (;;) {
    enum err e = try_fill(t);
    if (e == ERR_NO_ROOM || (e == ERR_OK && !t->answer.is_stream && t->answer.held.len > max_bytes)) {
      return fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is larger than %zu bytes",
                       max_bytes);
    }
    if (e == ERR_OK)
      return charge(t);
    if (e != ERR_AGAIN)
      return e;
    e = attempt_wait_for_more(t);
    if (e != ERR_OK)
      return e;
  }
}

static enum err tap_one(struct attempt *t, struct text event, struct text data, enum wire_verdict *out) {
  bool had_content = t->tap.has_content, is_first = !t->tap.started && !t->tap.failed;
  enum err e = t->tap.wire->tap_event(&t->tap, event, data, out, &t->fault);
  if (is_first && t->tap.failed)
    t->answer.began_with_error = true;
  if (!had_content && t->tap.has_content)
    t->first_token_at_us = loop_clock_us();
  return e;
}

/* One event of the provider's, whatever its framing. */
struct piece {
  struct text event, data, raw;
  bool is_comment;
};

static bool next_piece(struct attempt *t, struct text *left, size_t *scan, struct buf *joined, struct piece *out,
                       enum err *out_err) {
  *out_err = ERR_OK;
  if (t->answer.framing == WIRE_SSE) {
    struct sse_event event;
    if (!sse_next(left, scan, joined, &event))
      return false;
    *out = (struct piece){event.event, event.data, event.raw, event.is_comment};
    return true;
  }
  struct eventstream_message m;
  struct fault why = {0};
  *scan = 0;
  if (!eventstream_next(left, t->x->config->limits.event_bytes, &m, out_err, &why)) {
    if (*out_err != ERR_OK)
      *out_err = fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's event stream is broken: %s",
                           fault_text(&why));
    return false;
  }
  bool is_event = text_equal(m.message_type, TEXT("event"));
  struct text failure = text_is_empty(m.exception_type) ? TEXT("internalServerException") : m.exception_type;
  *out = (struct piece){is_event ? m.event_type : failure, m.payload, m.raw, false};
  return true;
}

/* One event read along; for the client it is passed as it is, dropped, or written anew into out. An SSE event without
 * data is none (HTML standard, 9.2.6): clients drop it too. */
static enum err read_piece(struct attempt *t, const struct piece *p, enum wire_verdict *out) {
  *out = WIRE_PASS;
  if (p->is_comment || (t->answer.framing == WIRE_SSE && text_is_empty(p->data)))
    return ERR_OK;
  return t->answer.converts ? convert_event(t, p->event, p->data) : tap_one(t, p->event, p->data, out);
}

enum err answer_scan(struct attempt *t, char *bytes, size_t *len, size_t *ready, size_t *scan) {
  struct text left = {bytes + *ready, *len - *ready};
  struct buf joined;
  struct piece piece;
  enum err e = ERR_OK;
  buf_init(&joined, t->x->config->limits.event_bytes);
  while (e == ERR_OK && next_piece(t, &left, scan, &joined, &piece, &e)) {
    enum wire_verdict verdict;
    e = read_piece(t, &piece, &verdict);
    if (e != ERR_OK)
      break;
    if (verdict == WIRE_PASS) {
      *ready += piece.raw.len;
      continue;
    }
    memmove(bytes + *ready, left.at, left.len);
    *len -= piece.raw.len;
    left = (struct text){bytes + *ready, left.len};
  }
  buf_done(&joined);
  return e;
}

enum err answer_check_event(struct attempt *t, size_t len) {
  size_t most = t->x->config->limits.event_bytes;
  if (len <= most)
    return ERR_OK;
  return fault_set(&t->fault, ERR_UPSTREAM_PROTOCOL, NULL, "an event of the provider's stream is larger than %zu bytes",
                   most);
}

enum err answer_scan_held(struct attempt *t) {
  struct answer *a = &t->answer;
  enum err e = answer_scan(t, a->held.at, &a->held.len, &a->ready, &a->scan);
  return e == ERR_OK ? answer_check_event(t, a->held.len - a->ready) : e;
}

/* Without its line end the last line may be cut anywhere. */
static void scan_last_lines(struct attempt *t, struct text rest) {
  if (text_is_empty(rest) || (rest.at[rest.len - 1] != '\n' && rest.at[rest.len - 1] != '\r'))
    return;
  struct buf whole, joined;
  struct piece piece;
  enum wire_verdict verdict;
  enum err e;
  size_t scan = 0;
  buf_init(&whole, rest.len + 2);
  buf_init(&joined, rest.len + 2);
  buf_add(&whole, rest);
  buf_add(&whole, TEXT("\n\n"));
  struct text left = buf_text(&whole);
  struct fault ignored = t->fault;
  if (next_piece(t, &left, &scan, &joined, &piece, &e) && read_piece(t, &piece, &verdict) != ERR_OK)
    t->fault = ignored;
  buf_done(&whole);
  buf_done(&joined);
}

/* Frames have no terminal event of their own: the tap decides whether what it has seen is whole. */
static void tell_tap_the_end(struct attempt *t) {
  struct fault ignored = t->fault;
  enum wire_verdict unused;
  if (!t->tap.finished && !t->tap.failed &&
      t->tap.wire->tap_event(&t->tap, TEXT_NONE, TEXT_NONE, &unused, &t->fault) != ERR_OK)
    t->fault = ignored;
}

void answer_scan_rest(struct attempt *t, struct text rest) {
  if (t->answer.framing == WIRE_SSE)
    scan_last_lines(t, rest);
  t->tap.finished |= t->tap.may_end && !t->tap.failed && text_is_empty(text_trim(rest));
  if (!t->answer.converts && t->answer.framing == WIRE_EVENTSTREAM && text_is_empty(rest))
    tell_tap_the_end(t);
  if (!t->answer.converts || t->tap.failed || t->tap.finished ||
      (t->answer.framing == WIRE_EVENTSTREAM && rest.len > 0))
    return;
  struct fault ignored = t->fault;
  if (convert_event(t, TEXT_NONE, TEXT_NONE) != ERR_OK)
    t->fault = ignored;
}
