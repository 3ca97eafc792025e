/* The body of an HTTP/2 request: grows as nghttp2 finds it, and is handed over whole. Windows are opened only while the
 * handler reads, so that a client holds no more memory here than they allow. Called by http2_events.c with the data and
 * by http_request.c for the handler; heads and answers are http2_stream.c's. */
#include "net/http2.h"

#include <nghttp2/nghttp2.h>

static struct http_server *server_of(const struct http2_stream *s) { return s->x.c->server; }

static int64_t now_of(const struct http2_stream *s) { return loop_now_us(server_of(s)->loop); }

static enum err make_room(struct http2_stream *s, size_t n) {
  struct http_exchange *x = &s->x;
  const struct http1_head *head = &x->rq.head;
  if (s->body_cap - x->body_len >= n)
    return ERR_OK;
  size_t more = x->body_len > BODY_GROWTH_MIN_BYTES ? x->body_len : BODY_GROWTH_MIN_BYTES;
  if (head->has_length && head->length > x->body_len && head->length - x->body_len < more)
    more = (size_t)(head->length - x->body_len);
  size_t cap = x->body_len + (more > n ? more : n);
  enum err e = exchange_charge_body(x, cap, NULL);
  if (e)
    return e;
  s->body_cap = cap;
  x->body = realloc(x->body, cap);
  if (!x->body)
    abort();
  return ERR_OK;
}

static void discard(struct http2_stream *s) {
  s->discard = true;
  http2_body_give_back(s);
  exchange_free_body(&s->x);
}

void http2_body_take(struct http2_stream *s, struct text data) {
  struct http_exchange *x = &s->x;
  if (!s->discard && make_room(s, data.len) != ERR_OK) {
    s->body_refused = true;
    discard(s);
    if (s->reading)
      http2_stream_wake(s);
  }
  if (s->discard) { /* the connection's window is for all; the stream's may stay closed */
    http2_must(nghttp2_session_consume_connection(s->h->ng, data.len));
    return;
  }
  memcpy(x->body + x->body_len, data.at, data.len);
  x->body_len += data.len;
  s->last_data_us = now_of(s);
  if (!s->reading) {
    s->unconsumed += data.len;
    return;
  }
  http2_must(nghttp2_session_consume(s->h->ng, s->id, data.len));
  if (x->body_len > s->body_max)
    http2_stream_wake(s);
}

void http2_body_end(struct http2_stream *s) {
  s->x.body_done = true;
  if (s->reading)
    http2_stream_wake(s);
}

void http2_body_give_back(struct http2_stream *s) {
  if (s->unconsumed > 0 && !s->h->dead)
    http2_must(nghttp2_session_consume_connection(s->h->ng, s->unconsumed));
  s->unconsumed = 0;
}

static void open_windows(struct http2_stream *s) {
  static const char name[] = ":status", value[] = "100";
  nghttp2_nv nv = {(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, sizeof(name) - 1, sizeof(value) - 1,
                   NGHTTP2_NV_FLAG_NONE};
  if (s->unconsumed > 0)
    http2_must(nghttp2_session_consume(s->h->ng, s->id, s->unconsumed));
  s->unconsumed = 0;
  if (s->x.rq.head.expects_continue && s->x.body_len == 0 && !s->x.started && !s->asked_for_body)
    http2_must(nghttp2_submit_headers(s->h->ng, NGHTTP2_FLAG_NONE, s->id, NULL, &nv, 1, NULL));
  s->asked_for_body = true;
  http2_session_flush(s->h);
}

static int64_t body_deadline(const struct http2_stream *s, int64_t started_us) {
  int64_t pause_us = server_of(s)->options.body_timeout_us;
  int64_t slowest_us = started_us + pause_us + (int64_t)s->x.body_len * 1000000 / BODY_MIN_BYTES_PER_SECOND;
  int64_t next_us = s->last_data_us + pause_us;
  return next_us < slowest_us ? next_us : slowest_us;
}

static enum err wait_for_body(struct http2_stream *s, struct fault *f) {
  int64_t started_us = s->last_data_us = now_of(s);
  open_windows(s);
  while (!s->x.body_done && !s->closed && !s->body_refused && s->x.body_len <= s->body_max) {
    int64_t deadline_us = body_deadline(s, started_us);
    enum err e = now_of(s) < deadline_us ? http2_stream_wait(s, deadline_us) : ERR_TIMEOUT;
    if (e == ERR_TIMEOUT && now_of(s) >= body_deadline(s, started_us))
      return fault_set(f, ERR_REQUEST_TIMEOUT, NULL, "the request body arrived too slowly");
    if (e && e != ERR_TIMEOUT)
      return e;
  }
  if (s->body_refused)
    return http_memory_fault(f);
  if (s->x.body_len > s->body_max)
    return exchange_body_too_large(f, s->body_max);
  if (!s->x.body_done)
    return fault_set(f, ERR_NETWORK, NULL, "the client reset the stream in the middle of the request body");
  return ERR_OK;
}

static enum err read_body(struct http2_stream *s, size_t max_bytes, struct fault *f) {
  if (s->body_refused)
    return http_memory_fault(f);
  if (s->x.body_len > max_bytes)
    return exchange_body_too_large(f, max_bytes);
  if (s->x.body_done) {
    http2_body_give_back(s);
    return ERR_OK;
  }
  enum err e = exchange_check_announced(&s->x, f);
  if (e)
    return e;
  s->body_max = max_bytes;
  s->reading = true;
  e = wait_for_body(s, f);
  s->reading = false;
  return e;
}

enum err http2_body_read(struct http2_stream *s, size_t max_bytes, struct text *out, struct fault *f) {
  struct http_exchange *x = &s->x;
  if (x->rq.head.has_length && x->rq.head.length > max_bytes)
    return exchange_body_too_large(f, max_bytes);
  if (s->body_failed)
    return fault_set(f, ERR_PROTOCOL, NULL, "the request body could not be read");
  if (!x->body_taken) {
    enum err e = read_body(s, max_bytes, f);
    if (e) {
      s->body_failed = true;
      discard(s);
      return e;
    }
    x->body_taken = true;
  }
  *out = (struct text){x->body, x->body_len};
  return ERR_OK;
}
