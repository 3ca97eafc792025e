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

static bool is_event_stream(const struct http1_head *head, enum wire_framing *out) {
  struct text type = http_header_value(&head->headers, TEXT("content-type"));
  *out =
      text_equal_nocase(text_head(type, 34), TEXT("application/vnd.amazon.eventstream")) ? WIRE_EVENTSTREAM : WIRE_SSE;
  return *out == WIRE_EVENTSTREAM || text_equal_nocase(text_head(type, 17), TEXT("text/event-stream"));
}

void answer_hold(struct exchange *x) {
  const struct config_limits *l = &x->config->limits;
  size_t most = l->response_bytes > l->event_bytes ? l->response_bytes : l->event_bytes;
  buf_init(&x->answer.held, (most > ERROR_BODY_MAX_BYTES ? most : ERROR_BODY_MAX_BYTES) + UNPACK_MAX_BYTES);
}

enum err answer_begin(struct exchange *x) {
  const struct http1_head *head = http_reply_head(x->attempt.reply);
  struct answer *a = &x->answer;
  struct text coding = http_header_value(&head->headers, TEXT("content-encoding"));
  answer_end(x);
  answer_hold(x);
  a->is_stream = is_event_stream(head, &a->framing);
  if (text_is_empty(coding) || text_equal_nocase(coding, TEXT("identity")))
    return ERR_OK;
  a->inflate = inflate_new(coding);
  if (a->inflate)
    return ERR_OK;
  return fault_set(&x->fault, ERR_UPSTREAM_PROTOCOL, NULL,
                   "the provider sent the content coding \"%.*s\", which was not asked for",
                   TEXT_ARGS(text_head(coding, 40)));
}

void answer_end(struct exchange *x) {
  if (x->answer.notes.count > 0)
    x->not_carried = exchange_not_carried(x);
  convert_end(x);
  inflate_free(x->answer.inflate);
  buf_done(&x->answer.held);
  x->answer = (struct answer){0};
}

/* How much room the next read gets: what is announced, where that is less than a read's worth. */
static size_t room_wanted(const struct exchange *x) {
  const struct http1_head *head = http_reply_head(x->attempt.reply);
  if (!head->has_length || head->length <= x->answer.held.len)
    return READ_BYTES;
  uint64_t left = head->length - x->answer.held.len;
  return left < READ_BYTES ? (size_t)left : READ_BYTES;
}

/* Appends what can be had now. */
static enum err try_fill(struct exchange *x) {
  struct answer *a = &x->answer;
  size_t n = 0;
  if (!a->inflate) {
    size_t cap = room_wanted(x);
    char *room = buf_reserve(&a->held, cap);
    if (!room)
      return ERR_NO_ROOM;
    enum err e = http_reply_try_read(x->attempt.reply, room, cap, &n, &x->fault);
    if (e == ERR_OK)
      buf_commit(&a->held, n);
    return e;
  }
  char packed[2048];
  enum err e = http_reply_try_read(x->attempt.reply, packed, sizeof(packed), &n, &x->fault);
  if (e == ERR_END && inflate_end(a->inflate) != ERR_OK) {
    return fault_set(&x->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's compressed answer is incomplete");
  }
  if (e != ERR_OK)
    return e;
  e = inflate_feed(a->inflate, (struct text){packed, n}, &a->held);
  if (e == ERR_LIMIT)
    return ERR_NO_ROOM;
  return e == ERR_OK ? ERR_OK : fault_set(&x->fault, e, NULL, "the provider's compressed answer is damaged");
}

enum err answer_fill(struct exchange *x, size_t max_bytes) {
  for (;;) {
    enum err e = try_fill(x);
    if (e == ERR_NO_ROOM || (e == ERR_OK && !x->answer.is_stream && x->answer.held.len > max_bytes)) {
      return fault_set(&x->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is larger than %zu bytes",
                       max_bytes);
    }
    if (e != ERR_AGAIN)
      return e;
    int64_t before_us = loop_clock_us();
    e = http_reply_wait(x->attempt.reply, &x->fault);
    x->waited_us += loop_clock_us() - before_us;
    if (e != ERR_OK)
      return e;
  }
}

static enum err tap_one(struct exchange *x, struct text event, struct text data, enum wire_verdict *out) {
  bool had_content = x->tap.has_content, is_first = !x->tap.started && !x->tap.failed;
  enum err e = x->tap.wire->tap_event(&x->tap, event, data, out, &x->fault);
  if (is_first && x->tap.failed)
    x->answer.began_with_error = true;
  if (!had_content && x->tap.has_content)
    x->first_token_us = loop_clock_us() - x->rq->received_us;
  return e;
}

/* One event of the provider's, whatever its framing. */
struct piece {
  struct text event, data, raw;
  bool is_comment;
};

static bool next_piece(struct exchange *x, struct text *left, size_t *scan, struct buf *joined, struct piece *out,
                       enum err *out_err) {
  *out_err = ERR_OK;
  if (x->answer.framing == WIRE_SSE) {
    struct sse_event event;
    if (!sse_next(left, scan, joined, &event))
      return false;
    *out = (struct piece){event.event, event.data, event.raw, event.is_comment};
    return true;
  }
  struct eventstream_message m;
  struct fault why = {0};
  *scan = 0;
  if (!eventstream_next(left, x->config->limits.event_bytes, &m, out_err, &why)) {
    if (*out_err != ERR_OK)
      *out_err = fault_set(&x->fault, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's event stream is broken: %s",
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
static enum err read_piece(struct exchange *x, const struct piece *p, enum wire_verdict *out) {
  *out = WIRE_PASS;
  if (p->is_comment || (x->answer.framing == WIRE_SSE && text_is_empty(p->data)))
    return ERR_OK;
  return x->answer.converts ? convert_event(x, p->event, p->data) : tap_one(x, p->event, p->data, out);
}

enum err answer_scan(struct exchange *x, char *bytes, size_t *len, size_t *ready, size_t *scan) {
  struct text left = {bytes + *ready, *len - *ready};
  struct buf joined;
  struct piece piece;
  enum err e = ERR_OK;
  buf_init(&joined, x->config->limits.event_bytes);
  while (e == ERR_OK && next_piece(x, &left, scan, &joined, &piece, &e)) {
    enum wire_verdict verdict;
    e = read_piece(x, &piece, &verdict);
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

enum err answer_check_event(struct exchange *x, size_t len) {
  size_t most = x->config->limits.event_bytes;
  if (len <= most)
    return ERR_OK;
  return fault_set(&x->fault, ERR_UPSTREAM_PROTOCOL, NULL, "an event of the provider's stream is larger than %zu bytes",
                   most);
}

enum err answer_scan_held(struct exchange *x) {
  struct answer *a = &x->answer;
  enum err e = answer_scan(x, a->held.at, &a->held.len, &a->ready, &a->scan);
  return e == ERR_OK ? answer_check_event(x, a->held.len - a->ready) : e;
}

/* Without its line end the last line may be cut anywhere. */
static void scan_last_lines(struct exchange *x, struct text rest) {
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
  struct fault ignored = x->fault;
  if (next_piece(x, &left, &scan, &joined, &piece, &e) && read_piece(x, &piece, &verdict) != ERR_OK)
    x->fault = ignored;
  buf_done(&whole);
  buf_done(&joined);
}

/* Frames have no terminal event of their own: the tap decides whether what it has seen is whole. */
static void tell_tap_the_end(struct exchange *x) {
  struct fault ignored = x->fault;
  enum wire_verdict unused;
  if (!x->tap.finished && !x->tap.failed &&
      x->tap.wire->tap_event(&x->tap, TEXT_NONE, TEXT_NONE, &unused, &x->fault) != ERR_OK)
    x->fault = ignored;
}

void answer_scan_rest(struct exchange *x, struct text rest) {
  if (x->answer.framing == WIRE_SSE)
    scan_last_lines(x, rest);
  x->tap.finished |= x->tap.may_end && !x->tap.failed && text_is_empty(text_trim(rest));
  if (!x->answer.converts && x->answer.framing == WIRE_EVENTSTREAM && text_is_empty(rest))
    tell_tap_the_end(x);
  if (!x->answer.converts || x->tap.failed || x->tap.finished ||
      (x->answer.framing == WIRE_EVENTSTREAM && rest.len > 0))
    return;
  struct fault ignored = x->fault;
  if (convert_event(x, TEXT_NONE, TEXT_NONE) != ERR_OK)
    x->fault = ignored;
}
