/* Seventh stage: the answer to the client, byte for byte. A plain answer has been read whole and leaves in one write. A
 * stream leaves event by event: only complete events go out, several from one read in one write, so that whatever
 * happens upstream the client never holds half an event. A stream that breaks ends in an error event of the client's
 * wire. While it waits a stream holds no buffer; a client that does not read is waited for, and the provider is not
 * read meanwhile. */
#include "gateway/exchange.h"

#include "gateway/abandon.h"
#include "gateway/answer.h"
#include "gateway/convert.h"

#define SCRATCH_BYTES (32 * 1024)

/* Bytes between a read and their use; never survives a wait. */
static char *scratch(void) {
  static _Thread_local char bytes[SCRATCH_BYTES];
  return bytes;
}

static enum err write_out(struct attempt *t, struct text bytes) {
  if (bytes.len == 0)
    return ERR_OK;
  int64_t before_us = loop_clock_us();
  enum err e = http_respond_write(t->x->rq, &bytes, 1);
  attempt_waited(t, before_us);
  if (e == ERR_OK)
    t->x->response_bytes += bytes.len;
  return e;
}

/* A client that has left, while its answer was waited for all the same, was told nothing. */
static int status_for_client(const struct attempt *t) {
  return http_request_client_is_gone(t->x->rq) ? 0 : http_reply_head(t->reply)->status;
}

static enum err start(struct attempt *t) {
  const struct http1_head *head = http_reply_head(t->reply);
  struct http_header *headers = headers_scratch();
  size_t count = headers_for_client(t, &head->headers, t->answer.inflate != NULL, headers, HEADERS_CAP);
  t->x->status = status_for_client(t);
  return http_respond_start(t->x->rq, head->status, headers, count);
}

/* The complete events of one read: as they came, or what they have become. */
static enum err send_events(struct attempt *t, struct text events) {
  struct answer *a = &t->answer;
  if (!a->converts)
    return write_out(t, events);
  enum err e = write_out(t, buf_text(&a->out));
  size_t most = a->out.max;
  buf_done(&a->out);
  buf_init(&a->out, most);
  return e;
}

/* Sends the complete events of held and keeps the rest; memory goes back as soon as nothing is left. */
static enum err send_held(struct attempt *t) {
  struct answer *a = &t->answer;
  enum err e = send_events(t, (struct text){a->held.at, a->ready});
  buf_consume(&a->held, a->ready);
  a->ready = 0;
  if (a->held.len == 0) {
    buf_done(&a->held);
    answer_hold(t);
  }
  return e;
}

/* Something is held already, or has to be unpacked: the slow way, through held. */
static enum err step_held(struct attempt *t) {
  enum err e = answer_fill(t, t->x->config->limits.event_bytes);
  if (e != ERR_OK)
    return e;
  e = answer_scan_held(t);
  enum err sent = send_held(t);
  return e != ERR_OK ? e : sent;
}

/* Nothing is held: read into scratch, send the complete events from there, keep only the tail. */
static enum err step_scratch(struct attempt *t) {
  size_t len = 0, ready = 0, scan = 0;
  char *bytes = scratch();
  enum err e = http_reply_try_read(t->reply, bytes, SCRATCH_BYTES, &len, &t->fault);
  if (e == ERR_AGAIN) {
    if (!t->answer.trimmed)
      fiber_trim_stack();
    t->answer.trimmed = true;
    return attempt_wait_for_more(t);
  }
  if (e != ERR_OK)
    return e;
  e = answer_scan(t, bytes, &len, &ready, &scan);
  if (e == ERR_OK)
    e = answer_check_event(t, len - ready);
  if (len > ready)
    buf_add(&t->answer.held, (struct text){bytes + ready, len - ready});
  t->answer.scan = scan;
  enum err sent = send_events(t, (struct text){bytes, ready});
  return e != ERR_OK ? e : sent;
}

static bool is_client_gone(enum err e) {
  return e == ERR_CANCELLED || e == ERR_NETWORK || e == ERR_END || e == ERR_TIMEOUT;
}

/* With the stream's first events the counts and facts so far go to the journal, so that even a crash settles with them.
 */
static void note(struct attempt *t) {
  struct ledger_row *row = &t->row;
  row->provider_metadata = attempt_facts(t);
  if (!t->tap.usage.known && row->provider_metadata.len == 0)
    return;
  row->usage = t->tap.usage;
  if (row->usage.known)
    price_cost(t->candidate->price.version ? &t->candidate->price : NULL, &row->usage, &row->cost);
  ledger_note(t->x->worker->gateway->ledger, t->x->worker->index, row);
}

/* ERR_END: the stream is over, well or not. Anything else has broken it. */
static enum err pump(struct attempt *t) {
  enum err e = send_held(t);
  while (e == ERR_OK) {
    t->x->delivered = (t->tap.finished || t->tap.failed) && t->answer.held.len == 0;
    e = t->answer.inflate || t->answer.held.len > 0 ? step_held(t) : step_scratch(t);
  }
  return e;
}

static enum err finish_broken(struct attempt *t, enum err e) {
  struct buf event;
  if (e == ERR_END) {
    (void)fault_set(&t->fault, ERR_UPSTREAM_CUT, NULL, "the provider's stream ended before it was complete");
  } else if (t->fault.err == ERR_OK) {
    fault_set(&t->fault, e, NULL, "%s", err_text(e));
  }
  t->x->outcome = "cut";
  if (err_is_unhealthy(t->fault.err)) /* our own end or limit says nothing about the provider */
    t->class = provider_class_of_err(t->fault.err);
  buf_init(&event, 4096);
  /* The id that the head of this answer bears. */
  convert_failure(t, &t->fault, text_is_empty(t->upstream_request_id) ? t->x->rq->id : t->upstream_request_id, &event);
  e = write_out(t, buf_text(&event));
  if (e == ERR_OK)
    e = http_respond_end(t->x->rq);
  (void)e; /* a client that has read the event may have left already */
  buf_done(&event);
  return ERR_OK;
}

/* Cancelled though the client is there: the program ends before the stream does, and says so. */
static bool is_shutdown(struct attempt *t, enum err e) {
  if (e != ERR_CANCELLED || !fiber_is_cancelled(fiber_self()) || http_request_client_is_gone(t->x->rq))
    return false;
  fiber_clear_cancel();
  fault_set(&t->fault, ERR_DRAINING, NULL, "%s", err_text(ERR_DRAINING));
  return true;
}

/* An error inside the stream counts for the target's health like one in its place. */
static void classify(struct attempt *t) {
  if (t->tap.failed)
    t->class = provider_classify_fault(t->candidate->adapter, t->tap.fault);
}

/* The stream has said what it had to: all of the answer, or what went wrong. */
static void conclude(struct attempt *t) {
  t->x->outcome = t->tap.failed ? "error" : "ok";
  t->fault = t->tap.failed ? *t->tap.fault : (struct fault){0};
  t->fault_quotes = t->tap.failed;
}

static enum err finish(struct attempt *t, enum err e, bool client_failed) {
  struct answer *a = &t->answer;
  if (client_failed && !t->x->delivered && is_shutdown(t, e))
    return finish_broken(t, e);
  if (e == ERR_END && !client_failed)
    answer_scan_rest(t, buf_text(&a->held));
  classify(t);
  if (client_failed && t->x->delivered) { /* it has left with all there is */
    conclude(t);
    http_respond_abort(t->x->rq);
    return ERR_OK;
  }
  if (client_failed) {
    abandon_read_on(t);
    classify(t);
    t->x->outcome = "cancelled";
    return ERR_CANCELLED;
  }
  if (!t->tap.finished && !t->tap.failed)
    return finish_broken(t, e);
  conclude(t);
  /* Bytes behind the last blank line are the answer's own only when it ended properly. */
  e = e == ERR_END ? send_events(t, buf_text(&a->held)) : ERR_OK;
  if (e == ERR_OK)
    e = http_respond_end(t->x->rq);
  (void)e; /* a client that leaves now has all there is */
  return ERR_OK;
}

static enum err relay_stream(struct attempt *t) {
  enum err e = start(t);
  if (e != ERR_OK) {
    abandon_read_on(t);
    return ERR_CANCELLED;
  }
  note(t);
  http_request_drop_body(t->x->rq);
  t->x->body = TEXT_NONE;
  e = pump(t);
  return finish(t, e, is_client_gone(e) && e != ERR_END);
}

static enum err relay_plain(struct attempt *t) {
  const struct http1_head *head = http_reply_head(t->reply);
  struct http_header *headers = headers_scratch();
  size_t count = headers_for_client(t, &head->headers, t->answer.inflate != NULL, headers, HEADERS_CAP);
  struct text body = buf_text(t->answer.converts ? &t->answer.out : &t->answer.held);
  t->x->status = status_for_client(t);
  t->x->response_bytes = body.len;
  t->x->outcome = t->class == PROVIDER_OK ? "ok" : "error";
  enum err e = http_respond(t->x->rq, head->status, headers, count, body);
  if (e == ERR_OK)
    return ERR_OK;
  t->x->outcome = "cancelled";
  return ERR_CANCELLED;
}

/* What the provider said, in the caller's wire: its message where it can be read. */
static void write_error(struct attempt *t) {
  const struct wire *theirs = t->candidate->pairing.wire;
  int status = t->upstream_status;
  struct text message = theirs ? theirs->error_message(buf_text(&t->answer.held), t->x->arena) : TEXT_NONE;
  if (text_is_empty(message) || theirs == t->x->route.wire) {
    fault_set(&t->fault, t->fault.err, NULL, "the provider answered with status %d", status);
  } else {
    fault_set(&t->fault, t->fault.err, NULL, "%.*s", TEXT_ARGS(text_head(message, sizeof(t->fault.text))));
    t->fault_quotes = true;
  }
  t->fault.status = status < 400 ? 502 : status;
  buf_reset(&t->answer.held);
  t->x->route.wire->write_error(&t->answer.held, &t->fault, t->x->rq->id);
}

/* The provider's error in the provider's own words where they are of the caller's dialect, else in ours. */
static enum err relay_error(struct attempt *t) {
  struct text body = buf_text(&t->answer.held);
  const struct wire *theirs = t->candidate->pairing.wire;
  bool same_words = !theirs || theirs == t->x->route.wire;
  t->fault.err = t->class == PROVIDER_RATE_LIMIT    ? ERR_UPSTREAM_RATE
                 : t->class == PROVIDER_USAGE_LIMIT ? ERR_UPSTREAM_USAGE
                                                    : ERR_UPSTREAM_STATUS;
  if (t->x->route.kind == ROUTE_RAW || (same_words && t->x->route.wire->is_error(body))) {
    fault_set(&t->fault, t->fault.err, NULL, "the provider answered with status %d", t->upstream_status);
    return relay_plain(t);
  }
  write_error(t);
  const struct http1_head *head = http_reply_head(t->reply);
  struct http_header *headers = headers_scratch();
  size_t count = headers_for_client(t, &head->headers, true, headers, HEADERS_CAP - 2), kept = 0;
  for (size_t i = 0; i < count; i++) {
    if (!text_equal_nocase(headers[i].name, TEXT("content-type")) &&
        !text_equal_nocase(headers[i].name, TEXT("location")))
      headers[kept++] = headers[i];
  }
  headers[kept++] = (struct http_header){TEXT("content-type"), TEXT("application/json")};
  kept = headers_add_error_type(t->x->route.wire, &t->fault, headers, kept, HEADERS_CAP);
  t->x->status = t->fault.status;
  t->x->response_bytes = t->answer.held.len;
  t->x->outcome = "error";
  return http_respond(t->x->rq, t->x->status, headers, kept, buf_text(&t->answer.held)) == ERR_OK ? ERR_OK
                                                                                                  : ERR_CANCELLED;
}

/* A raw path's good answer: bytes on, nothing read along. */
static enum err relay_raw(struct attempt *t) {
  struct answer *a = &t->answer;
  enum err e = start(t);
  while (e == ERR_OK) {
    e = answer_fill(t, t->x->config->limits.response_bytes);
    if (e != ERR_OK)
      break;
    a->ready = a->held.len;
    e = send_held(t);
  }
  if (e == ERR_END) {
    t->x->outcome = "ok";
    return http_respond_end(t->x->rq) == ERR_OK ? ERR_OK : ERR_CANCELLED;
  }
  if (is_client_gone(e))
    return ERR_CANCELLED;
  t->x->outcome = "cut";
  http_respond_abort(t->x->rq);
  return ERR_OK;
}

static enum err relay(struct attempt *t) {
  if (t->class != PROVIDER_OK)
    return relay_error(t);
  if (t->x->route.kind == ROUTE_RAW)
    return relay_raw(t);
  return t->answer.is_stream ? relay_stream(t) : relay_plain(t);
}

enum err exchange_relay(struct exchange *x) {
  struct attempt *t = x->attempt;
  attempt_set_grace(t);
  enum err e = relay(t);
  answer_end(t);
  x->fault = t->fault;
  x->fault_quotes = t->fault_quotes;
  return e;
}
