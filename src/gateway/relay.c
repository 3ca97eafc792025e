/* Seventh stage: the answer to the client, byte for byte. A plain answer has been read whole and leaves in one write. A
 * stream leaves event by event: only complete events go out, several from one read in one write, so that whatever
 * happens upstream the client never holds half an event. A stream that breaks ends in an error event of the client's
 * wire. While it waits a stream holds no buffer; a client that does not read is waited for, and the provider is not
 * read meanwhile. */
#include "gateway/exchange.h"

#include "gateway/answer.h"
#include "gateway/convert.h"

#define SCRATCH_BYTES (32 * 1024)

/* Bytes between a read and their use; never survives a wait. */
static char *scratch(void) {
  static _Thread_local char bytes[SCRATCH_BYTES];
  return bytes;
}

/* Headers of an answer between being chosen and being written, which happens without a wait. */
static struct http_header *header_scratch(void) {
  static _Thread_local struct http_header headers[HEADERS_CAP];
  return headers;
}

static enum err write_out(struct exchange *x, struct text bytes) {
  if (bytes.len == 0)
    return ERR_OK;
  int64_t before_us = loop_clock_us();
  enum err e = http_respond_write(x->rq, &bytes, 1);
  x->waited_us += loop_clock_us() - before_us;
  if (e == ERR_OK)
    x->response_bytes += bytes.len;
  return e;
}

static enum err start(struct exchange *x) {
  const struct http1_head *head = http_reply_head(x->attempt.reply);
  struct http_header *headers = header_scratch();
  size_t count = headers_for_client(x, &head->headers, x->answer.inflate != NULL, headers, HEADERS_CAP);
  x->status = head->status;
  return http_respond_start(x->rq, head->status, headers, count);
}

/* The complete events of one read: as they came, or what they have become. */
static enum err send_events(struct exchange *x, struct text events) {
  struct answer *a = &x->answer;
  if (!a->converts)
    return write_out(x, events);
  enum err e = write_out(x, buf_text(&a->out));
  size_t most = a->out.max;
  buf_done(&a->out);
  buf_init(&a->out, most);
  return e;
}

/* Sends the complete events of held and keeps the rest; memory goes back as soon as nothing is left. */
static enum err send_held(struct exchange *x) {
  struct answer *a = &x->answer;
  enum err e = send_events(x, (struct text){a->held.at, a->ready});
  buf_consume(&a->held, a->ready);
  a->ready = 0;
  if (a->held.len == 0) {
    buf_done(&a->held);
    answer_hold(x);
  }
  return e;
}

/* Something is held already, or has to be unpacked: the slow way, through held. */
static enum err step_held(struct exchange *x) {
  enum err e = answer_fill(x, x->config->limits.event_bytes);
  if (e != ERR_OK)
    return e;
  e = answer_scan_held(x);
  enum err sent = send_held(x);
  return e != ERR_OK ? e : sent;
}

/* Nothing is held: read into scratch, send the complete events from there, keep only the tail. */
static enum err step_scratch(struct exchange *x) {
  size_t len = 0, ready = 0, scan = 0;
  char *bytes = scratch();
  enum err e = http_reply_try_read(x->attempt.reply, bytes, SCRATCH_BYTES, &len, &x->fault);
  if (e == ERR_AGAIN) {
    if (!x->answer.trimmed)
      fiber_trim_stack();
    x->answer.trimmed = true;
    int64_t before_us = loop_clock_us();
    e = http_reply_wait(x->attempt.reply, &x->fault);
    x->waited_us += loop_clock_us() - before_us;
    return e;
  }
  if (e != ERR_OK)
    return e;
  e = answer_scan(x, bytes, &len, &ready, &scan);
  if (e == ERR_OK)
    e = answer_check_event(x, len - ready);
  if (len > ready)
    buf_add(&x->answer.held, (struct text){bytes + ready, len - ready});
  x->answer.scan = scan;
  enum err sent = send_events(x, (struct text){bytes, ready});
  return e != ERR_OK ? e : sent;
}

static bool is_client_gone(enum err e) {
  return e == ERR_CANCELLED || e == ERR_NETWORK || e == ERR_END || e == ERR_TIMEOUT;
}

/* After message_start the counts so far go to the journal, so that even a crash settles with them. */
static void note(struct exchange *x) {
  if (!x->tap.usage.known)
    return;
  struct ledger_row *row = &x->attempt.row;
  row->usage = x->tap.usage;
  price_cost(x->attempt.candidate->price.version ? &x->attempt.candidate->price : NULL, &row->usage, &row->cost);
  ledger_note(x->worker->gateway->ledger, x->worker->index, row);
}

/* ERR_END: the stream is over, well or not. Anything else has broken it. */
static enum err pump(struct exchange *x) {
  enum err e = send_held(x);
  while (e == ERR_OK) {
    x->delivered = x->tap.finished && x->answer.held.len == 0;
    e = x->answer.inflate || x->answer.held.len > 0 ? step_held(x) : step_scratch(x);
  }
  return e;
}

static enum err finish_broken(struct exchange *x, enum err e) {
  struct buf event;
  if (e == ERR_END) {
    (void)fault_set(&x->fault, ERR_UPSTREAM_CUT, NULL, "the provider's stream ended before it was complete");
  } else if (x->fault.err == ERR_OK) {
    fault_set(&x->fault, e, NULL, "%s", err_text(e));
  }
  x->outcome = "cut";
  x->attempt.class = PROVIDER_SERVER_ERROR;
  buf_init(&event, 4096);
  /* The id that the head of this answer bears. */
  convert_failure(x, &x->fault, text_is_empty(x->upstream_request_id) ? x->rq->id : x->upstream_request_id, &event);
  e = write_out(x, buf_text(&event));
  if (e == ERR_OK)
    e = http_respond_end(x->rq);
  buf_done(&event);
  if (e != ERR_OK)
    x->outcome = "cancelled";
  return ERR_OK;
}

/* Cancelled though the client is there: the program ends before the stream does, and says so. */
static bool is_shutdown(struct exchange *x, enum err e) {
  if (e != ERR_CANCELLED || !fiber_is_cancelled(fiber_self()) || http_request_client_is_gone(x->rq))
    return false;
  fiber_clear_cancel();
  fault_set(&x->fault, ERR_DRAINING, NULL, "%s", err_text(ERR_DRAINING));
  return true;
}

static enum err finish(struct exchange *x, enum err e, bool client_failed) {
  struct answer *a = &x->answer;
  if (client_failed && !x->delivered && is_shutdown(x, e))
    return finish_broken(x, e);
  if (client_failed && x->delivered) { /* it has left with all it asked for */
    x->outcome = "ok";
    x->fault = (struct fault){0};
    http_respond_abort(x->rq);
    return ERR_OK;
  }
  if (client_failed) {
    x->outcome = "cancelled";
    return ERR_CANCELLED;
  }
  if (e == ERR_END)
    answer_scan_rest(x, buf_text(&a->held));
  if (x->tap.failed)
    x->outcome = "error";
  if (!x->tap.finished && !x->tap.failed)
    return finish_broken(x, e);
  if (!x->outcome)
    x->outcome = "ok";
  x->fault = x->tap.failed ? x->tap.fault : (struct fault){0};
  x->fault_quotes = x->tap.failed;
  /* Bytes behind the last blank line are the answer's own only when it ended properly. */
  e = e == ERR_END ? send_events(x, buf_text(&a->held)) : ERR_OK;
  if (e == ERR_OK)
    e = http_respond_end(x->rq);
  if (e != ERR_OK && !x->tap.finished)
    x->outcome = "cancelled";
  return ERR_OK;
}

static enum err relay_stream(struct exchange *x) {
  enum err e = start(x);
  if (e != ERR_OK)
    return ERR_CANCELLED;
  note(x);
  http_request_drop_body(x->rq);
  x->body = TEXT_NONE;
  e = pump(x);
  return finish(x, e, is_client_gone(e) && e != ERR_END);
}

static enum err relay_plain(struct exchange *x) {
  const struct http1_head *head = http_reply_head(x->attempt.reply);
  struct http_header *headers = header_scratch();
  size_t count = headers_for_client(x, &head->headers, x->answer.inflate != NULL, headers, HEADERS_CAP);
  struct text body = buf_text(x->answer.converts ? &x->answer.out : &x->answer.held);
  x->status = head->status;
  x->response_bytes = body.len;
  x->outcome = x->attempt.class == PROVIDER_OK ? "ok" : "error";
  enum err e = http_respond(x->rq, head->status, headers, count, body);
  if (e == ERR_OK)
    return ERR_OK;
  x->outcome = "cancelled";
  return ERR_CANCELLED;
}

/* What the provider said, in the caller's wire: its message where it can be read. */
static void write_error(struct exchange *x) {
  const struct wire *theirs = x->attempt.candidate->pairing.wire;
  int status = x->attempt.upstream_status;
  struct text message = theirs ? theirs->error_message(buf_text(&x->answer.held), x->arena) : TEXT_NONE;
  if (text_is_empty(message) || theirs == x->route.wire) {
    fault_set(&x->fault, x->fault.err, NULL, "the provider answered with status %d", status);
  } else {
    fault_set(&x->fault, x->fault.err, NULL, "%.*s", TEXT_ARGS(text_head(message, sizeof(x->fault.text))));
    x->fault_quotes = true;
  }
  x->fault.status = status < 400 ? 502 : status;
  buf_reset(&x->answer.held);
  x->route.wire->write_error(&x->answer.held, &x->fault, x->rq->id);
}

/* The provider's error in the provider's own words where they are of the caller's dialect, else in ours. */
static enum err relay_error(struct exchange *x) {
  struct text body = buf_text(&x->answer.held);
  const struct wire *theirs = x->attempt.candidate->pairing.wire;
  bool same_words = !theirs || theirs == x->route.wire;
  x->fault.err = x->attempt.class == PROVIDER_RATE_LIMIT    ? ERR_UPSTREAM_RATE
                 : x->attempt.class == PROVIDER_USAGE_LIMIT ? ERR_UPSTREAM_USAGE
                                                            : ERR_UPSTREAM_STATUS;
  if (x->route.kind == ROUTE_RAW || (same_words && x->route.wire->is_error(body))) {
    fault_set(&x->fault, x->fault.err, NULL, "the provider answered with status %d", x->attempt.upstream_status);
    return relay_plain(x);
  }
  write_error(x);
  const struct http1_head *head = http_reply_head(x->attempt.reply);
  struct http_header *headers = header_scratch();
  size_t count = headers_for_client(x, &head->headers, true, headers, HEADERS_CAP - 2), kept = 0;
  for (size_t i = 0; i < count; i++) {
    if (!text_equal_nocase(headers[i].name, TEXT("content-type")) &&
        !text_equal_nocase(headers[i].name, TEXT("location")))
      headers[kept++] = headers[i];
  }
  headers[kept++] = (struct http_header){TEXT("content-type"), TEXT("application/json")};
  kept = headers_add_error_type(x, headers, kept, HEADERS_CAP);
  x->status = x->fault.status;
  x->response_bytes = x->answer.held.len;
  x->outcome = "error";
  return http_respond(x->rq, x->status, headers, kept, buf_text(&x->answer.held)) == ERR_OK ? ERR_OK : ERR_CANCELLED;
}

/* A raw path's good answer: bytes on, nothing read along. */
static enum err relay_raw(struct exchange *x) {
  struct answer *a = &x->answer;
  enum err e = start(x);
  while (e == ERR_OK) {
    e = answer_fill(x, x->config->limits.response_bytes);
    if (e != ERR_OK)
      break;
    a->ready = a->held.len;
    e = send_held(x);
  }
  if (e == ERR_END) {
    x->outcome = "ok";
    return http_respond_end(x->rq) == ERR_OK ? ERR_OK : ERR_CANCELLED;
  }
  if (is_client_gone(e))
    return ERR_CANCELLED;
  x->outcome = "cut";
  http_respond_abort(x->rq);
  return ERR_OK;
}

static enum err relay(struct exchange *x) {
  if (x->attempt.class != PROVIDER_OK)
    return relay_error(x);
  if (x->route.kind == ROUTE_RAW)
    return relay_raw(x);
  return x->answer.is_stream ? relay_stream(x) : relay_plain(x);
}

enum err exchange_relay(struct exchange *x) {
  enum err e = relay(x);
  answer_end(x);
  return e;
}
