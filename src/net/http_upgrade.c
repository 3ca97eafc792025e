/* A connection that stops speaking HTTP/1.1 (RFC 9110 section 7.8): the 101, and from then on reading and waiting
 * beside http_respond_write, which writes what it is given as it is. What is spoken instead is the handler's business.
 */
#include "net/http2.h"

bool http_request_wants_upgrade(const struct http_request *rq, struct text protocol) {
  const struct http_exchange *x = rq->internal;
  const struct http_headers *h = &rq->head.headers;
  return !x->http2 && rq->head.minor_version == 1 && !rq->head.has_body &&
         http_header_lists(h, TEXT("upgrade"), protocol) && http_header_lists(h, TEXT("connection"), TEXT("upgrade"));
}

static void add_line(struct buf *out, struct text name, struct text value) {
  buf_add(out, name);
  buf_add(out, TEXT(": "));
  buf_add(out, value);
  buf_add(out, TEXT("\r\n"));
}

enum err http_upgrade(struct http_request *rq, struct text protocol, const struct http_header *headers, size_t count) {
  struct http_exchange *x = rq->internal;
  if (x->started || x->http2 || !x->body_done)
    return exchange_give_up(x);
  buf_init(&x->head, RESPONSE_HEAD_MAX_BYTES);
  buf_add(&x->head, TEXT("HTTP/1.1 101 Switching Protocols\r\n"));
  add_line(&x->head, TEXT("date"), text_of(http_server_date(x->c->server)));
  add_line(&x->head, TEXT("connection"), TEXT("Upgrade"));
  add_line(&x->head, TEXT("upgrade"), protocol);
  for (size_t i = 0; i < count; i++)
    if (http_respond_may_send(&headers[i]))
      add_line(&x->head, headers[i].name, headers[i].value);
  buf_add(&x->head, TEXT("\r\n"));
  x->started = x->will_close = x->upgraded = true;
  return buf_check(&x->head) == ERR_OK ? http_respond_write(rq, NULL, 0) : exchange_give_up(x);
}

enum err http_upgraded_read(struct http_request *rq, void *into, size_t cap, size_t *out_n) {
  struct http_exchange *x = rq->internal;
  struct http_connection *c = x->c;
  if (c->unread_len > 0) {
    size_t n = c->unread_len < cap ? c->unread_len : cap;
    memcpy(into, c->unread, n);
    connection_drop_unread(c, n);
    *out_n = n;
    return ERR_OK;
  }
  if (!c->stream || c->ended)
    return ERR_END;
  return stream_try_read(c->stream, into, cap, out_n);
}

enum err http_request_park(struct http_request *rq, int64_t deadline_us) {
  struct http_exchange *x = rq->internal;
  x->reader = x->upgraded ? fiber_self() : NULL;
  enum err e = fiber_park(deadline_us);
  x->reader = NULL;
  return e;
}
