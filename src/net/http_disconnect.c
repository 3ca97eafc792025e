/* Clients that go away while their request is served: noticing it, and cancelling the fiber that serves it, at once or
 * after the grace it asked for. The socket goes at once, whatever the fiber still has to do. HTTP/1.1 is judged here,
 * by the socket's events and by reading; when a stream of HTTP/2 is gone http2_stream.c says so. */
#include "net/http2.h"

static struct loop *loop_of(const struct http_exchange *x) { return x->c->server->loop; }

static void on_grace_over(struct loop_timer *t) {
  struct http_exchange *x = (struct http_exchange *)(void *)((char *)t - offsetof(struct http_exchange, grace));
  fiber_cancel(x->fiber);
}

void http_disconnect_init(struct http_exchange *x) { x->grace = (struct loop_timer)LOOP_TIMER_INIT(on_grace_over); }

void http_disconnect_forget(struct http_exchange *x) {
  x->cancel_when_gone = false;
  loop_timer_stop(loop_of(x), &x->grace);
}

/* A grace without end is INT64_MAX or near it. */
static void cancel_in_time(struct http_exchange *x) {
  loop_timer_stop(loop_of(x), &x->grace);
  if (!x->cancel_when_gone || x->gone_us == 0 || x->grace_us > INT64_MAX - x->gone_us)
    return;
  int64_t at_us = x->gone_us + x->grace_us;
  if (at_us <= loop_now_us(loop_of(x)))
    fiber_cancel(x->fiber);
  else
    loop_timer_start(loop_of(x), &x->grace, at_us);
}

/* The end of a connection may be older than the request that was sent ahead of it. */
static int64_t left_at(const struct http_exchange *x) {
  int64_t at_us = x->c->hung_up_us > 0 ? x->c->hung_up_us : loop_now_us(loop_of(x));
  return at_us > x->rq.received_us ? at_us : x->rq.received_us;
}

static void drop_socket(struct http_exchange *x) {
  struct http_connection *c = x->c;
  c->ended = true;
  if (c->unread_len > 0)
    connection_drop_unread(c, c->unread_len);
  connection_drop_stream(c, !x->finished);
  if (x->writer)
    fiber_wake(x->writer);
}

void http_disconnect_note(struct http_exchange *x) {
  if (x->gone_us == 0)
    x->gone_us = left_at(x);
  if (!x->http2)
    drop_socket(x);
  cancel_in_time(x);
}

/* Reads what stands between us and the end, so that requests sent ahead of it are seen; a reset takes them along. Into
 * its own few bytes: a handler that asks may have the thread's scratch in use. */
static bool has_left(struct http_exchange *x) {
  struct http_connection *c = x->c;
  char some[512];
  while (!c->ended && c->unread_len < c->server->options.head.max_head_bytes) {
    size_t n = 0;
    enum err e = stream_try_read(c->stream, some, sizeof(some), &n);
    if (e == ERR_AGAIN)
      return false;
    if (e)
      c->ended = true;
    else
      connection_keep_unread(c, (struct text){some, n});
    if (e == ERR_NETWORK)
      return true;
  }
  return c->ended && c->unread_len == 0;
}

static bool is_gone(struct http_exchange *x) {
  if (x->gone_us > 0)
    return true;
  if (x->http2 || !stream_is_hung_up(x->c->stream) || !x->body_done || !has_left(x))
    return false;
  x->gone_us = left_at(x);
  return true;
}

static void watch_end(struct http_exchange *x) {
  if (x->cancel_when_gone && is_gone(x))
    http_disconnect_note(x);
}

void http_disconnect_on_event(struct http_exchange *x) {
  watch_end(x);
  if (x->writer && x->c->stream && x->c->stream->watch.writable)
    fiber_wake(x->writer);
  if (x->reader)
    fiber_wake(x->reader);
}

void http_request_cancel_on_disconnect(struct http_request *rq, bool on) {
  struct http_exchange *x = rq->internal;
  if (!on) {
    http_disconnect_forget(x);
    return;
  }
  x->cancel_when_gone = true;
  watch_end(x);
}

void http_request_cancel_after(struct http_request *rq, int64_t grace_us) {
  struct http_exchange *x = rq->internal;
  x->grace_us = grace_us > 0 ? grace_us : 0;
  cancel_in_time(x);
}

bool http_request_client_is_gone(const struct http_request *rq) { return is_gone(rq->internal); }

int64_t http_request_gone_us(const struct http_request *rq) {
  struct http_exchange *x = rq->internal;
  return is_gone(x) ? x->gone_us : -1;
}
