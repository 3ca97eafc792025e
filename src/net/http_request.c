/* Reading the body of a request the handler asks for.
 * The head is http_serve.c's. A body is read straight into the memory it is handed over in; small ones arrive together
 * with the head and cost no read at all. Bodies in HTTP/2 are http2_body.c's, clients that go away http_disconnect.c's.
 */
#include "net/http2.h"

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

struct incoming {
  struct http_exchange *x;
  size_t max_bytes;
  char *at;
  size_t len, cap;
  int64_t started_us;
  bool done, has_waited;
};

enum err exchange_body_too_large(struct fault *f, size_t max_bytes) {
  return fault_set(f, ERR_TOO_LARGE, NULL, "the request body is larger than %zu bytes", max_bytes);
}

enum err exchange_charge_body(struct http_exchange *x, size_t bytes, struct fault *f) {
  if (bytes <= x->body_charge)
    return ERR_OK;
  if (http_memory_take(x->c->server->options.memory, bytes - x->body_charge) != ERR_OK)
    return http_memory_fault(f);
  x->body_charge = bytes;
  return ERR_OK;
}

enum err exchange_check_announced(const struct http_exchange *x, struct fault *f) {
  const struct http1_head *head = &x->rq.head;
  bool fits = !head->has_length || head->length <= x->body_charge ||
              http_memory_has_room(x->c->server->options.memory, (size_t)(head->length - x->body_charge));
  return fits ? ERR_OK : http_memory_fault(f);
}

void exchange_free_body(struct http_exchange *x) {
  free(x->body);
  x->body = NULL;
  x->body_len = 0;
  http_memory_give(x->c->server->options.memory, x->body_charge);
  x->body_charge = 0;
}

/* n bytes have been put behind the body: what of them is body stays there, what is behind the message goes back. */
static enum err take_in(struct incoming *in, size_t n, struct fault *f) {
  size_t used = 0, body = 0;
  char *bytes = in->at + in->len;
  enum err e = http1_body_feed(in->x->parser, bytes, n, &used, &body, &in->done, f);
  if (e)
    return e;
  connection_keep_unread(in->x->c, (struct text){bytes + used, n - used});
  in->len += body;
  return in->len > in->max_bytes ? exchange_body_too_large(f, in->max_bytes) : ERR_OK;
}

/* What came with the head becomes the beginning of the body, without a copy. */
static enum err take_unread(struct incoming *in, struct fault *f) {
  struct http_connection *c = in->x->c;
  size_t n = c->unread_len;
  enum err e = exchange_charge_body(in->x, n, f);
  if (e)
    return e;
  in->at = c->unread;
  in->cap = n;
  c->unread = NULL;
  c->unread_len = 0;
  return n ? take_in(in, n, f) : ERR_OK;
}

static enum err grow(struct incoming *in, struct fault *f) {
  const struct http1_head *head = &in->x->rq.head;
  size_t more = in->len > BODY_GROWTH_MIN_BYTES ? in->len : BODY_GROWTH_MIN_BYTES;
  if (head->has_length && head->length - in->len < more)
    more = (size_t)(head->length - in->len);
  if (in->cap - in->len >= more)
    return ERR_OK;
  enum err e = exchange_charge_body(in->x, in->len + more, f);
  if (e)
    return e;
  in->cap = in->len + more;
  in->at = realloc(in->at, in->cap);
  if (!in->at)
    abort();
  return ERR_OK;
}

static enum err ask_for_body(struct incoming *in) {
  struct http_exchange *x = in->x;
  bool asks = x->rq.head.expects_continue && !in->has_waited && in->len == 0 && !x->started;
  in->has_waited = true;
  if (!asks)
    return ERR_OK;
  struct http_server *srv = x->c->server;
  struct iovec piece = {(char *)(uintptr_t)CONTINUE, sizeof(CONTINUE) - 1};
  return stream_write(x->c->stream, &piece, 1, loop_now_us(srv->loop) + srv->options.write_timeout_us);
}

static enum err wait_for_more(struct incoming *in, struct fault *f) {
  struct http_server *srv = in->x->c->server;
  int64_t pause_us = srv->options.body_timeout_us;
  enum err e = ask_for_body(in);
  if (e)
    return e;
  int64_t slowest_us = in->started_us + pause_us + (int64_t)in->len * 1000000 / BODY_MIN_BYTES_PER_SECOND;
  int64_t next_us = loop_now_us(srv->loop) + pause_us;
  e = stream_wait_readable(in->x->c->stream, next_us < slowest_us ? next_us : slowest_us);
  if (e == ERR_TIMEOUT)
    return fault_set(f, ERR_REQUEST_TIMEOUT, NULL, "the request body arrived too slowly");
  return e;
}

static enum err read_on(struct incoming *in, struct fault *f) {
  size_t n = 0;
  enum err e = grow(in, f);
  if (e)
    return e;
  e = stream_try_read(in->x->c->stream, in->at + in->len, in->cap - in->len, &n);
  if (e == ERR_AGAIN)
    return wait_for_more(in, f);
  if (e == ERR_END || e == ERR_TLS || e == ERR_NETWORK)
    return fault_set(f, ERR_NETWORK, NULL, "the client closed the connection in the middle of the request body");
  return e ? e : take_in(in, n, f);
}

static enum err read_body(struct incoming *in, struct fault *f) {
  enum err e = take_unread(in, f);
  while (!e && !in->done)
    e = read_on(in, f);
  return e;
}

enum err http_request_body(struct http_request *rq, size_t max_bytes, struct text *out, struct fault *f) {
  struct http_exchange *x = rq->internal;
  if (x->http2)
    return http2_body_read(x->http2, max_bytes, out, f);
  if (rq->head.has_length && rq->head.length > max_bytes)
    return exchange_body_too_large(f, max_bytes);
  if (!x->body_done) {
    if (x->body_taken)
      return fault_set(f, ERR_PROTOCOL, NULL, "the request body could not be read");
    x->body_taken = true;
    struct incoming in = {.x = x, .max_bytes = max_bytes, .started_us = loop_now_us(x->c->server->loop)};
    enum err e = exchange_check_announced(x, f);
    if (!e)
      e = read_body(&in, f);
    x->body = in.at;
    x->body_len = in.len;
    if (e) {
      exchange_free_body(x);
      return e;
    }
    x->body_done = true;
    http1_free(x->parser);
    x->parser = NULL;
  }
  *out = (struct text){x->body, x->body_len};
  return ERR_OK;
}

void http_request_drop_body(struct http_request *rq) {
  struct http_exchange *x = rq->internal;
  if (!x->http2 || x->body_taken) /* else more of it may come */
    exchange_free_body(x);
}
