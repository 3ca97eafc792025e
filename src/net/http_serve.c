/* The fiber of a connection that has something to say: handshake, then one request after the other until the client
 * pauses. It reads heads and calls the handler; it neither reads bodies (http_request.c) nor writes answers
 * (http_respond.c), and it is http_server.c that keeps the connection afterwards. Reads go to the thread's scratch
 * memory: waiting costs no buffer. */
#include "net/http2.h"
#include "net/http2_budget.h"

/* Pipelined requests served before other fibers get a turn. */
#define TURN_REQUESTS 16

static enum err secure(struct http_connection *c, int64_t deadline_us) {
  struct stream *plain = c->stream;
  struct fault f = {0};
  c->stream = NULL;
  enum err e = tls_accept(c->server->options.tls, plain, deadline_us, &c->stream, &f);
  c->secured = !e;
  return e;
}

/* Bytes from the client: left over from before, else one read into scratch. What is not taken of them goes back to the
 * connection with put_back. */
static enum err take_some(struct http_connection *c, struct text *out) {
  if (c->unread_len > 0) {
    *out = (struct text){c->unread, c->unread_len};
    return ERR_OK;
  }
  size_t n = 0;
  enum err e = stream_try_read(c->stream, stream_scratch(), STREAM_SCRATCH_BYTES, &n);
  if (!e)
    *out = (struct text){stream_scratch(), n};
  return e;
}

static void put_back(struct http_connection *c, struct text bytes, size_t used) {
  if (c->unread_len > 0)
    connection_drop_unread(c, used);
  else
    connection_keep_unread(c, text_skip(bytes, used));
}

/* bytes: the first ones, from take_some. ERR_END and the like: nobody is there to be answered. With f set: to be
 * answered. */
static enum err read_head(struct http_connection *c, struct http_exchange *x, struct text bytes, struct fault *f) {
  struct http_server *srv = c->server;
  int64_t deadline_us = loop_now_us(srv->loop) + srv->options.head_timeout_us;
  for (;;) {
    size_t used = 0;
    bool done = false;
    enum err e = http1_head_feed(x->parser, bytes, &used, &done, &x->rq.head, f);
    if (e)
      return e;
    put_back(c, bytes, used);
    if (done)
      return ERR_OK;
    while ((e = take_some(c, &bytes)) == ERR_AGAIN) {
      e = stream_wait_readable(c->stream, deadline_us);
      if (e == ERR_TIMEOUT)
        return fault_set(f, ERR_REQUEST_TIMEOUT, NULL, "the request head did not arrive in time");
      if (e)
        return e;
    }
    if (e)
      return e;
  }
}

enum err exchange_check_expect(const struct http1_head *head, struct fault *f) {
  for (size_t i = 0; i < head->headers.count; i++) {
    const struct http_header *h = &head->headers.at[i];
    if (head->minor_version > 0 && text_equal_nocase(h->name, TEXT("expect")) &&
        !text_equal_nocase(h->value, TEXT("100-continue")))
      return fault_set(f, ERR_EXPECTATION, "expect", "the only expectation that can be met is 100-continue");
  }
  return ERR_OK;
}

/* Not part of call_handler: its locals would lie under the handler's whole stack. */
static __attribute__((noinline)) void answer_silence(struct http_exchange *x) {
  struct fault f = {.err = ERR_INTERNAL};
  (void)!exchange_refuse(x, &f, x->rq.head.target);
}

void exchange_call_handler(struct http_exchange *x) {
  struct http_server *srv = x->c->server;
  x->rq.path = x->rq.head.path;
  x->rq.query = x->rq.head.query;
  x->rq.received_us = loop_now_us(srv->loop);
  srv->active++;
  srv->options.serve(srv->options.ctx, &x->rq);
  srv->active--;
  if (!x->started)
    answer_silence(x);
}

static void call_handler(struct http_exchange *x) {
  x->body_done = !x->rq.head.has_body;
  x->is_head = text_equal(x->rq.head.method, TEXT("HEAD"));
  if (x->body_done) {
    http1_free(x->parser);
    x->parser = NULL;
  }
  x->c->exchange = x;
  exchange_call_handler(x);
  x->c->exchange = NULL;
}

enum next { NEXT_HANDLER, NEXT_REQUEST, NEXT_PARK, NEXT_LINGER, NEXT_CLOSE, NEXT_RESET, NEXT_HTTP2 };

static enum next after_answer(const struct http_exchange *x) {
  if (x->broken || !x->finished)
    return NEXT_RESET;
  if (x->c->server->closing)
    return NEXT_CLOSE;
  if (!x->will_close && x->body_done)
    return NEXT_REQUEST;
  return x->c->ended ? NEXT_CLOSE : NEXT_LINGER;
}

static enum next answer_fault(struct http_exchange *x, const struct fault *f) {
  struct text target = x->rq.head.target; /* empty unless the head is complete */
  x->is_head = text_equal(x->rq.head.method, TEXT("HEAD"));
  if (exchange_refuse(x, f, target.len ? target : http1_guess_target(x->parser)) != ERR_OK)
    return NEXT_RESET;
  return NEXT_LINGER;
}

/* The head, and the answer if it is refused. Not inlined for the same reason. */
static __attribute__((noinline)) enum next receive(struct http_connection *c, struct http_exchange *x,
                                                   struct text bytes) {
  struct fault f = {0};
  enum err e = read_head(c, x, bytes, &f);
  if (!e)
    e = exchange_check_expect(&x->rq.head, &f);
  if (!e)
    return NEXT_HANDLER;
  if (f.err == ERR_OK)
    return e == ERR_END ? NEXT_CLOSE : NEXT_RESET;
  return answer_fault(x, &f);
}

static enum next run_exchange(struct http_connection *c, struct text bytes) {
  struct arena arena;
  arena_init(&arena);
  arena_reserve(&arena, REQUEST_ARENA_BYTES);
  struct http_exchange *x = ARENA_NEW(&arena, struct http_exchange);
  char *id = arena_alloc(&arena, 28);
  http_server_make_id(id);
  x->c = c;
  x->fiber = c->fiber;
  x->parser = http1_new(HTTP1_REQUEST, &c->server->options.head);
  http1_begin(x->parser, &arena, false);
  x->rq.arena = &arena;
  x->rq.id = (struct text){id, 28};
  x->rq.peer = text_of(c->peer);
  x->rq.internal = x;
  enum next next = receive(c, x, bytes);
  if (next == NEXT_HANDLER) {
    call_handler(x);
    next = after_answer(x);
  }
  buf_done(&x->head);
  http_request_drop_body(&x->rq);
  http1_free(x->parser);
  arena_done(&arena);
  return next;
}

static bool begins_as_preface(struct text bytes) {
  return text_starts(TEXT(HTTP2_PREFACE), text_head(bytes, HTTP2_PREFACE_BYTES));
}

/* The first bytes of a connection in clear say which HTTP it is (RFC 9113 section 3.3). Waits only while they could
 * still become the preface of HTTP/2; bytes grows meanwhile. When the rest of it is late, they are a slow request. */
static enum err look_for_preface(struct http_connection *c, struct text *bytes, bool *out_is_http2) {
  struct http_server *srv = c->server;
  int64_t deadline_us = loop_now_us(srv->loop) + srv->options.head_timeout_us;
  while (bytes->len < HTTP2_PREFACE_BYTES && begins_as_preface(*bytes)) {
    size_t n = 0;
    if (c->unread_len == 0)
      connection_keep_unread(c, *bytes);
    enum err e = stream_read(c->stream, stream_scratch(), STREAM_SCRATCH_BYTES, deadline_us, &n);
    if (e == ERR_TIMEOUT)
      return ERR_OK;
    if (e)
      return e;
    connection_keep_unread(c, (struct text){stream_scratch(), n});
    *bytes = (struct text){c->unread, c->unread_len};
  }
  *out_is_http2 = begins_as_preface(*bytes);
  return ERR_OK;
}

static enum err choose_version(struct http_connection *c, struct text *bytes, bool *out_is_http2) {
  c->has_spoken = true;
  return c->server->options.tls ? ERR_OK : look_for_preface(c, bytes, out_is_http2);
}

static enum next run_exchanges(struct http_connection *c) {
  enum next next = NEXT_REQUEST;
  for (unsigned served = 1; next == NEXT_REQUEST; served++) {
    struct text bytes;
    bool is_http2 = false;
    enum err e = take_some(c, &bytes);
    if (e == ERR_AGAIN)
      return c->server->draining && !c->server->patient ? NEXT_CLOSE : NEXT_PARK;
    if (!e && !c->has_spoken)
      e = choose_version(c, &bytes, &is_http2);
    if (e)
      return NEXT_CLOSE;
    if (is_http2) {
      http2_session_start(c, bytes);
      return NEXT_HTTP2;
    }
    next = run_exchange(c, bytes);
    if (next == NEXT_REQUEST && served % TURN_REQUESTS == 0 && fiber_yield() != ERR_OK)
      next = NEXT_RESET;
  }
  return next;
}

static enum next begin(struct http_connection *c) {
  const struct http_server *srv = c->server;
  if (srv->options.tls && !c->secured) {
    if (secure(c, loop_now_us(srv->loop) + srv->options.head_timeout_us) != ERR_OK)
      return NEXT_CLOSE;
    if (tls_speaks_http2(c->stream)) {
      http2_session_start(c, TEXT_NONE);
      return NEXT_HTTP2;
    }
  }
  return run_exchanges(c);
}

void connection_run(void *connection) {
  struct http_connection *c = connection;
  c->fiber = fiber_self();
  enum next next = begin(c);
  switch (next) {
  case NEXT_HTTP2: break; /* its own from here, or gone already */
  case NEXT_PARK: connection_park(c); break;
  case NEXT_LINGER: connection_linger(c); break;
  default: connection_close(c, next == NEXT_RESET); break;
  }
}
