/* Answers in HTTP/1.1: heads, whole bodies, chunks. Each answer or chunk leaves in one system call when the client's
 * window allows it. Which connection is closed afterwards is said in the head here and done by http_serve.c. Answers in
 * HTTP/2 are handed on to http2_stream.c. */
#include "net/http2.h"

#define HEAD_USUAL_BYTES 1500 /* taken at once, so that most heads never grow */

static const char *reason_of(int status) {
  switch (status) {
  case 200: return "OK";
  case 201: return "Created";
  case 202: return "Accepted";
  case 204: return "No Content";
  case 206: return "Partial Content";
  case 301: return "Moved Permanently";
  case 302: return "Found";
  case 303: return "See Other";
  case 304: return "Not Modified";
  case 307: return "Temporary Redirect";
  case 308: return "Permanent Redirect";
  case 400: return "Bad Request";
  case 401: return "Unauthorized";
  case 402: return "Payment Required";
  case 403: return "Forbidden";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 406: return "Not Acceptable";
  case 408: return "Request Timeout";
  case 409: return "Conflict";
  case 410: return "Gone";
  case 413: return "Content Too Large";
  case 415: return "Unsupported Media Type";
  case 417: return "Expectation Failed";
  case 422: return "Unprocessable Content";
  case 426: return "Upgrade Required";
  case 429: return "Too Many Requests";
  case 431: return "Request Header Fields Too Large";
  case 500: return "Internal Server Error";
  case 501: return "Not Implemented";
  case 502: return "Bad Gateway";
  case 503: return "Service Unavailable";
  case 504: return "Gateway Timeout";
  case 505: return "HTTP Version Not Supported";
  case 529: return "Overloaded";
  default: return "";
  }
}

static bool is_ours(struct text name) {
  static const struct text ours[] = {
      {"date", 4}, {"content-length", 14}, {"transfer-encoding", 17}, {"connection", 10}, {"keep-alive", 10}};
  for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
    if (text_equal_nocase(name, ours[i]))
      return true;
  return false;
}

bool http_respond_may_send(const struct http_header *h) {
  return !is_ours(h->name) && (h->is_parsed || http_header_is_sane(h->name, h->value));
}

static void add_field(struct buf *out, struct text name, struct text value) {
  buf_add(out, name);
  buf_add(out, TEXT(": "));
  buf_add(out, value);
  buf_add(out, TEXT("\r\n"));
}

/* Status line and date: what every answer begins with. */
static void begin_head(struct http_server *srv, int status, struct buf *out) {
  buf_add(out, TEXT("HTTP/1.1 "));
  buf_add_u64(out, (uint64_t)status);
  buf_add_char(out, ' ');
  buf_add(out, text_of(reason_of(status)));
  buf_add(out, TEXT("\r\ndate: "));
  buf_add(out, text_of(http_server_date(srv)));
  buf_add(out, TEXT("\r\n"));
}

static void add_length(struct buf *out, size_t length) {
  buf_add(out, TEXT("content-length: "));
  buf_add_u64(out, length);
  buf_add(out, TEXT("\r\n"));
}

/* A patient drain takes the requests that have been sent ahead along. */
static bool is_last(const struct http_connection *c) {
  return c->server->draining && !(c->server->patient && c->unread_len > 0);
}

/* What becomes of the connection. */
static void add_connection(struct http_exchange *x, struct buf *out) {
  const struct http1_head *request = &x->rq.head;
  x->will_close = x->will_close || !request->keep_alive || !x->body_done || is_last(x->c);
  if (x->will_close)
    buf_add(out, TEXT("connection: close\r\n"));
  else if (request->minor_version == 0)
    buf_add(out, TEXT("connection: keep-alive\r\n"));
}

/* The head but for its framing and the empty line. */
static void make_head(struct http_exchange *x, int status, const struct http_header *headers, size_t count,
                      struct buf *out) {
  x->started = true;
  x->no_body = x->is_head || status < 200 || status == 204 || status == 304;
  begin_head(x->c->server, status, out);
  for (size_t i = 0; i < count; i++)
    if (http_respond_may_send(&headers[i]))
      add_field(out, headers[i].name, headers[i].value);
  add_connection(x, out);
}

static enum err try_write(struct http_exchange *x, const struct iovec *iov, int count, size_t *out_n) {
  return x->c->stream ? stream_try_write(x->c->stream, iov, count, out_n) : ERR_NETWORK;
}

/* Parked here and not in the stream, because the client's end, too, must wake it: http_disconnect_on_event. */
static enum err wait_for_room(struct http_exchange *x) {
  struct http_connection *c = x->c;
  int64_t deadline_us = loop_now_us(c->server->loop) + c->server->options.write_timeout_us;
  enum err e = ERR_OK;
  x->writer = fiber_self();
  while (!e && c->stream && !c->stream->watch.writable)
    e = fiber_park(deadline_us);
  x->writer = NULL;
  return e;
}

/* Whatever it was, nobody reads the answer any more, unless it is the writer that may not wait. */
static enum err fail_write(struct http_exchange *x, enum err e) {
  x->broken = true;
  if (e == ERR_CANCELLED)
    return e;
  http_disconnect_note(x);
  return ERR_NETWORK;
}

static void advance(struct iovec **iov, int *count, size_t n) {
  while (*count > 0 && n >= (*iov)->iov_len) {
    n -= (*iov)->iov_len;
    (*iov)++;
    (*count)--;
  }
  if (*count > 0) {
    (*iov)->iov_base = (char *)(*iov)->iov_base + n;
    (*iov)->iov_len -= n;
  }
}

/* The pieces stay where they are while this waits. Any progress starts the write timeout anew. */
static enum err write_waiting(struct http_exchange *x, struct iovec *iov, int count) {
  enum err e = ERR_OK;
  advance(&iov, &count, 0);
  while (!e && count > 0) {
    size_t n = 0;
    e = try_write(x, iov, count, &n);
    if (e == ERR_AGAIN)
      e = wait_for_room(x);
    advance(&iov, &count, n);
  }
  return e ? fail_write(x, e) : ERR_OK;
}

/* The pieces may be gone once this waits. */
static enum err write_copying(struct http_exchange *x, struct iovec *iov, int count) {
  size_t n = 0, len = 0;
  enum err e = try_write(x, iov, count, &n);
  if (e && e != ERR_AGAIN)
    return fail_write(x, e);
  advance(&iov, &count, n);
  if (count == 0)
    return ERR_OK;
  for (int i = 0; i < count; i++)
    len += iov[i].iov_len;
  char *rest = malloc(len + 1), *to = rest;
  if (!rest)
    abort();
  for (int i = 0; i < count; i++) {
    memcpy(to, iov[i].iov_base, iov[i].iov_len);
    to += iov[i].iov_len;
  }
  struct iovec whole = {rest, len};
  e = write_waiting(x, &whole, 1);
  free(rest);
  return e;
}

static struct iovec piece_of(struct text t) { return (struct iovec){(char *)(uintptr_t)t.at, t.len}; }

/* A second answer, or an answer beyond what a head may hold, is the handler's mistake: nothing sane can follow. */
enum err exchange_give_up(struct http_exchange *x) {
  x->started = x->broken = true;
  return x->gone_us > 0 ? ERR_NETWORK : ERR_INTERNAL;
}

enum err http_respond(struct http_request *rq, int status, const struct http_header *headers, size_t count,
                      struct text body) {
  struct http_exchange *x = rq->internal;
  if (x->http2)
    return http2_stream_respond(x->http2, status, headers, count, body);
  if (x->started)
    return exchange_give_up(x);
  struct buf head;
  buf_init(&head, RESPONSE_HEAD_MAX_BYTES);
  (void)buf_reserve(&head, HEAD_USUAL_BYTES);
  make_head(x, status, headers, count, &head);
  if (!x->no_body || (x->is_head && status != 204 && status != 304))
    add_length(&head, body.len);
  buf_add(&head, TEXT("\r\n"));
  if (buf_check(&head) != ERR_OK) {
    buf_done(&head);
    return exchange_give_up(x);
  }
  struct iovec iov[2] = {piece_of(buf_text(&head)), piece_of(body)};
  enum err e = write_waiting(x, iov, x->no_body ? 1 : 2);
  x->finished = !e;
  buf_done(&head);
  return e;
}

enum err http_respond_start(struct http_request *rq, int status, const struct http_header *headers, size_t count) {
  struct http_exchange *x = rq->internal;
  if (x->http2)
    return http2_stream_start(x->http2, status, headers, count);
  if (x->started)
    return exchange_give_up(x);
  buf_init(&x->head, RESPONSE_HEAD_MAX_BYTES);
  (void)buf_reserve(&x->head, HEAD_USUAL_BYTES);
  bool until_close = rq->head.minor_version == 0;
  x->will_close = x->will_close || until_close;
  make_head(x, status, headers, count, &x->head);
  x->chunked = !x->no_body && !until_close;
  if (x->chunked)
    buf_add(&x->head, TEXT("transfer-encoding: chunked\r\n"));
  buf_add(&x->head, TEXT("\r\n"));
  return buf_check(&x->head) == ERR_OK ? ERR_OK : exchange_give_up(x);
}

/* The pending head and the pieces, with `before` and `after` around them. */
static enum err write_framed(struct http_exchange *x, struct text before, const struct text *pieces, size_t count,
                             struct text after) {
  struct iovec iov[RESPONSE_PIECES_MAX + 3];
  int n = 0;
  if (x->head.len)
    iov[n++] = piece_of(buf_text(&x->head));
  if (before.len)
    iov[n++] = piece_of(before);
  for (size_t i = 0; i < count; i++)
    if (pieces[i].len)
      iov[n++] = piece_of(pieces[i]);
  if (after.len)
    iov[n++] = piece_of(after);
  enum err e = n ? write_copying(x, iov, n) : ERR_OK;
  buf_done(&x->head);
  buf_init(&x->head, RESPONSE_HEAD_MAX_BYTES);
  return e;
}

static bool is_streaming(const struct http_exchange *x) { return x->started && !x->finished && !x->broken; }

#define CHUNK_HEAD_BYTES 18 /* sixteen digits and a line end */

/* By hand: it goes before every event of a stream, and formatting took a twelfth of an event's instructions. */
static struct text chunk_head(size_t size, char room[CHUNK_HEAD_BYTES]) {
  static const char digits[] = "0123456789abcdef";
  char *end = room + CHUNK_HEAD_BYTES, *at = end;
  *--at = '\n';
  *--at = '\r';
  do
    *--at = digits[size & 15];
  while ((size >>= 4) > 0);
  return (struct text){at, (size_t)(end - at)};
}

enum err http_respond_write(struct http_request *rq, const struct text *pieces, size_t count) {
  struct http_exchange *x = rq->internal;
  size_t total = 0;
  if (x->http2)
    return http2_stream_write(x->http2, pieces, count);
  if (!is_streaming(x) || count > RESPONSE_PIECES_MAX)
    return exchange_give_up(x);
  for (size_t i = 0; i < count; i++)
    total += pieces[i].len;
  if (total == 0 || x->no_body)
    return write_framed(x, TEXT_NONE, NULL, 0, TEXT_NONE);
  if (!x->chunked)
    return write_framed(x, TEXT_NONE, pieces, count, TEXT_NONE);
  char room[CHUNK_HEAD_BYTES];
  return write_framed(x, chunk_head(total, room), pieces, count, TEXT("\r\n"));
}

enum err http_respond_end(struct http_request *rq) {
  struct http_exchange *x = rq->internal;
  if (x->http2)
    return http2_stream_end(x->http2);
  if (!is_streaming(x))
    return exchange_give_up(x);
  enum err e = write_framed(x, TEXT_NONE, NULL, 0, x->chunked ? TEXT("0\r\n\r\n") : TEXT_NONE);
  x->finished = !e;
  return e;
}

void http_respond_abort(struct http_request *rq) {
  struct http_exchange *x = rq->internal;
  if (x->http2)
    http2_stream_abort(x->http2);
  x->started = x->broken = true;
}

bool http_respond_has_started(const struct http_request *rq) {
  return ((const struct http_exchange *)rq->internal)->started;
}

void http_refusal_write_body(struct http_server *srv, const struct fault *f, struct text target, struct text id,
                             struct buf *out) {
  srv->options.refuse(srv->options.ctx, f, target, id, out);
  if (buf_check(out) != ERR_OK)
    buf_reset(out);
}

struct http_header http_refusal_header(const struct http_server *srv, const struct fault *f, struct text target) {
  const struct http_server_options *o = &srv->options;
  return o->refusal_header ? o->refusal_header(o->ctx, f, target) : (struct http_header){0};
}

/* x: whose answer it is; NULL: the connection's, which ends with it. */
static void write_refusal(struct http_server *srv, struct http_exchange *x, const struct fault *f, struct text target,
                          struct text id, struct buf *out) {
  struct buf body;
  buf_init(&body, REFUSAL_BODY_MAX_BYTES);
  http_refusal_write_body(srv, f, target, id, &body);
  struct http_header more = http_refusal_header(srv, f, target);
  begin_head(srv, fault_status(f), out);
  if (!text_equal_nocase(more.name, TEXT("content-type")))
    add_field(out, TEXT("content-type"), TEXT("application/json"));
  add_field(out, TEXT("x-request-id"), id);
  add_field(out, TEXT("request-id"), id);
  if (f->retry_after_s > 0)
    buf_add_format(out, "retry-after: %d\r\n", f->retry_after_s);
  if (more.name.len > 0)
    add_field(out, more.name, more.value);
  add_length(out, body.len);
  if (x)
    add_connection(x, out);
  else
    buf_add(out, TEXT("connection: close\r\n"));
  buf_add(out, TEXT("\r\n"));
  if (!x || !x->is_head)
    buf_add(out, buf_text(&body));
  buf_done(&body);
}

void http_refusal_write(struct http_server *srv, const struct fault *f, struct text target, struct text id,
                        struct buf *out) {
  write_refusal(srv, NULL, f, target, id, out);
}

enum err exchange_refuse(struct http_exchange *x, const struct fault *f, struct text target) {
  if (x->http2)
    return http2_stream_refuse(x->http2, f, target);
  struct buf out;
  buf_init(&out, RESPONSE_HEAD_MAX_BYTES);
  x->started = true;
  write_refusal(x->c->server, x, f, target, x->rq.id, &out);
  struct iovec piece = piece_of(buf_text(&out));
  enum err e = write_waiting(x, &piece, 1);
  x->finished = !e;
  buf_done(&out);
  return e;
}
