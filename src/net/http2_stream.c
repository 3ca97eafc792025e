/* One stream of an HTTP/2 connection: its life, its fiber, its answer; what http_respond.c is for HTTP/1.1, and called
 * by it. An answer's pieces are made into frames as far as the windows and the socket allow at once; for the rest the
 * fiber waits. Sessions and sockets are http2.c's, bodies of requests http2_body.c's. */
#include "net/http2.h"

#include <nghttp2/nghttp2.h>

#define HEAD_ADDED_FIELDS    3 /* :status, date, content-length */
#define TARGET_SHOWN_BYTES   256
#define FIELD_OVERHEAD_BYTES 32

static struct http_server *server_of(const struct http2_stream *s) { return s->x.c->server; }

static int64_t now_of(const struct http2_stream *s) { return loop_now_us(server_of(s)->loop); }

static bool is_gone(const struct http2_stream *s) { return s->x.gone_us > 0; }

struct http2_stream *http2_stream_new(struct http2_session *h, int32_t id) {
  struct http2_stream *s = calloc(1, sizeof(*s));
  if (!s)
    abort();
  arena_init(&s->arena);
  arena_reserve(&s->arena, REQUEST_ARENA_BYTES);
  http2_head_init(&s->head, &s->arena, &h->c->server->options.head);
  http_serve_begin(&s->x, h->c, &s->arena);
  s->h = h;
  s->id = id;
  s->x.http2 = s;
  s->next = h->streams;
  if (s->next)
    s->next->previous = s;
  h->streams = s;
  h->live++;
  h->open++;
  return s;
}

void http2_stream_free_unused(struct http2_stream *s) {
  struct http2_session *h = s->h;
  if (!s->closed || s->x.fiber || s->queued)
    return;
  if (s->previous)
    s->previous->next = s->next;
  else
    h->streams = s->next;
  if (s->next)
    s->next->previous = s->previous;
  h->live--;
  exchange_free_body(&s->x);
  arena_done(&s->arena);
  free(s);
}

enum err http2_stream_wait(struct http2_stream *s, int64_t deadline_us) {
  s->waiting = true;
  enum err e = fiber_park(deadline_us);
  s->waiting = false;
  return e;
}

void http2_stream_wake(const struct http2_stream *s) {
  if (s->waiting)
    fiber_wake(s->x.fiber);
}

static void reset(struct http2_stream *s, uint32_t code) {
  s->x.broken = true;
  s->pending = 0;
  s->ending = false;
  if (s->closed)
    return;
  http2_must(nghttp2_submit_rst_stream(s->h->ng, NGHTTP2_FLAG_NONE, s->id, code));
  http2_session_flush(s->h);
}

void http2_stream_take_head(struct http2_stream *s, bool ends_stream) {
  struct http_exchange *x = &s->x;
  x->body_done = ends_stream;
  x->is_head = text_equal(s->head.head.method, TEXT("HEAD"));
  s->last_data_us = now_of(s);
  if (http2_head_finish(&s->head, ends_stream, &x->rq.head, &s->head.fault) == ERR_OK)
    (void)!exchange_check_expect(&x->rq.head, &s->head.fault);
}

void http2_stream_closed(struct http2_stream *s) {
  s->closed = true;
  if (--s->h->open == 0)
    s->h->idle_since_us = now_of(s);
  http2_body_give_back(s);
  if (!s->has_end_sent && !s->x.broken)
    http_disconnect_note(&s->x);
  http2_stream_wake(s);
}

void http2_stream_make_data(struct http2_stream *s, const void *frame_header, size_t len, struct buf *out) {
  buf_add(out, (struct text){frame_header, HTTP2_FRAME_HEADER_BYTES});
  s->pending -= len;
  while (len > 0) {
    size_t left = s->pieces->iov_len - s->piece_at, n = len < left ? len : left;
    buf_add(out, (struct text){(const char *)s->pieces->iov_base + s->piece_at, n});
    s->piece_at += n;
    len -= n;
    if (s->piece_at == s->pieces->iov_len) {
      s->pieces++;
      s->piece_at = 0;
    }
  }
  s->progress_us = now_of(s);
  if (s->pending == 0)
    http2_stream_wake(s);
}

/* nghttp2 asks what the next DATA frame could hold. */
static ssize_t offer_data(nghttp2_session *ng, int32_t id, uint8_t *into, size_t cap, uint32_t *flags,
                          nghttp2_data_source *source, void *session) {
  (void)into, (void)source, (void)session;
  const struct http2_stream *s = nghttp2_session_get_stream_user_data(ng, id);
  if (!s || (s->pending == 0 && !s->ending))
    return NGHTTP2_ERR_DEFERRED;
  size_t n = s->pending < cap ? s->pending : cap;
  if (n > 0)
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (n == s->pending && s->ending)
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)n;
}

static enum err closed_early(struct http2_stream *s) {
  s->x.started = s->x.broken = true;
  return ERR_NETWORK;
}

/* Any progress starts the write timeout anew. */
static enum err wait_for_room(struct http2_stream *s) {
  int64_t timeout_us = server_of(s)->options.write_timeout_us;
  enum err e = http2_stream_wait(s, s->progress_us + timeout_us);
  if (e != ERR_TIMEOUT)
    return e;
  return now_of(s) < s->progress_us + timeout_us ? ERR_OK : ERR_NETWORK;
}

/* What is pending into memory of its own, which the caller frees. */
static char *copy_pending(struct http2_stream *s, struct iovec *out_whole) {
  char *copy = malloc(s->pending), *to = copy;
  if (!copy)
    abort();
  for (size_t left = s->pending, at = s->piece_at; left > 0; s->pieces++, at = 0) {
    size_t n = s->pieces->iov_len - at;
    memcpy(to, (const char *)s->pieces->iov_base + at, n);
    to += n;
    left -= n;
  }
  *out_whole = (struct iovec){copy, s->pending};
  s->pieces = out_whole;
  s->piece_at = 0;
  return copy;
}

/* With moves, the pieces may be gone once this waits. */
static enum err send_pieces(struct http2_stream *s, struct iovec *pieces, int count, bool moves) {
  struct iovec whole;
  char *copy = NULL;
  enum err e = ERR_OK;
  s->pieces = pieces;
  s->piece_at = 0;
  s->progress_us = now_of(s);
  for (int i = 0; i < count; i++)
    s->pending += pieces[i].iov_len;
  (void)nghttp2_session_resume_data(s->h->ng, s->id); /* refused while it is not held back, and then not needed */
  http2_session_flush(s->h);
  while (!e && s->pending > 0 && !s->closed) {
    if (moves && !copy)
      copy = copy_pending(s, &whole);
    e = wait_for_room(s);
  }
  if (s->pending > 0 && !e)
    e = closed_early(s);
  if (e)
    reset(s, NGHTTP2_CANCEL);
  if (e && e != ERR_CANCELLED)
    http_disconnect_note(&s->x);
  s->pieces = NULL;
  free(copy);
  return e;
}

struct fields {
  nghttp2_nv *at;
  size_t count, bytes;
};

static void add_field(struct fields *all, struct text name, struct text value) {
  all->bytes += name.len + value.len + FIELD_OVERHEAD_BYTES;
  all->at[all->count++] = (nghttp2_nv){(uint8_t *)(uintptr_t)name.at, (uint8_t *)(uintptr_t)value.at, name.len,
                                       value.len, NGHTTP2_NV_FLAG_NONE};
}

/* RFC 9113 section 8.2.2; http_respond_may_send knows the others. */
static bool is_of_connections(struct text name) {
  return text_equal_nocase(name, TEXT("upgrade")) || text_equal_nocase(name, TEXT("proxy-connection"));
}

static struct fields make_fields(struct http2_stream *s, int status, const struct http_header *headers, size_t count,
                                 const size_t *length) {
  struct arena *arena = &s->arena;
  struct fields all = {.at = arena_alloc(arena, (count + HEAD_ADDED_FIELDS) * sizeof(nghttp2_nv))};
  add_field(&all, TEXT(":status"), arena_format(arena, "%d", status));
  add_field(&all, TEXT("date"), text_of(http_server_date(server_of(s))));
  for (size_t i = 0; i < count; i++)
    if (http_respond_may_send(&headers[i]) && !is_of_connections(headers[i].name))
      add_field(&all, headers[i].name, headers[i].value);
  if (length)
    add_field(&all, TEXT("content-length"), arena_format(arena, "%zu", *length));
  return all;
}

/* Hands the head over to nghttp2, which copies it, names in lower case; it leaves with the next flush. length: of the
 * body, if it is known. */
static enum err submit_head(struct http2_stream *s, int status, const struct http_header *headers, size_t count,
                            const size_t *length) {
  struct http_exchange *x = &s->x;
  const nghttp2_data_provider body = {.read_callback = offer_data};
  if (x->started || status < 200)
    return exchange_give_up(x);
  if (s->closed)
    return closed_early(s);
  x->started = true;
  x->no_body = x->is_head || status == 204 || status == 304;
  struct fields all = make_fields(s, status, headers, count, status == 204 || status == 304 ? NULL : length);
  if (all.bytes > RESPONSE_HEAD_MAX_BYTES)
    return exchange_give_up(x);
  bool ends = x->no_body || (length && *length == 0);
  int result = nghttp2_submit_response(s->h->ng, s->id, all.at, all.count, ends ? NULL : &body);
  http2_must(result);
  return result == 0 ? ERR_OK : exchange_give_up(x);
}

enum err http2_stream_respond(struct http2_stream *s, int status, const struct http_header *headers, size_t count,
                              struct text body) {
  struct http_exchange *x = &s->x;
  struct iovec piece = {(char *)(uintptr_t)body.at, body.len};
  enum err e = submit_head(s, status, headers, count, &body.len);
  if (e)
    return e;
  s->ending = true;
  e = send_pieces(s, &piece, x->no_body || body.len == 0 ? 0 : 1, false);
  if (!e && is_gone(s))
    e = closed_early(s);
  x->finished = !e;
  return e;
}

enum err http2_stream_start(struct http2_stream *s, int status, const struct http_header *headers, size_t count) {
  return submit_head(s, status, headers, count, NULL);
}

static bool is_streaming(const struct http_exchange *x) { return x->started && !x->finished && !x->broken; }

enum err http2_stream_write(struct http2_stream *s, const struct text *pieces, size_t count) {
  struct http_exchange *x = &s->x;
  struct iovec iov[RESPONSE_PIECES_MAX];
  int n = 0;
  if (!is_streaming(x) || count > RESPONSE_PIECES_MAX)
    return exchange_give_up(x);
  for (size_t i = 0; i < count && !x->no_body; i++)
    if (pieces[i].len)
      iov[n++] = (struct iovec){(char *)(uintptr_t)pieces[i].at, pieces[i].len};
  return is_gone(s) ? closed_early(s) : send_pieces(s, iov, n, true);
}

enum err http2_stream_end(struct http2_stream *s) {
  struct http_exchange *x = &s->x;
  if (!is_streaming(x))
    return exchange_give_up(x);
  if (is_gone(s))
    return closed_early(s);
  s->ending = true;
  enum err e = send_pieces(s, NULL, 0, false);
  if (!e && is_gone(s))
    e = closed_early(s);
  x->finished = !e;
  return e;
}

void http2_stream_abort(struct http2_stream *s) { reset(s, NGHTTP2_INTERNAL_ERROR); }

enum err http2_stream_refuse(struct http2_stream *s, const struct fault *f, struct text target) {
  struct http_header headers[5] = {{TEXT("content-type"), TEXT("application/json"), false},
                                   {TEXT("x-request-id"), s->x.rq.id, false},
                                   {TEXT("request-id"), s->x.rq.id, false}};
  size_t count = 3;
  struct buf body;
  buf_init(&body, REFUSAL_BODY_MAX_BYTES);
  http_refusal_write_body(server_of(s), f, target, s->x.rq.id, &body);
  if (f->retry_after_s > 0)
    headers[count++] =
        (struct http_header){TEXT("retry-after"), arena_format(&s->arena, "%d", f->retry_after_s), false};
  struct http_header more = http_refusal_header(server_of(s), f, target);
  if (text_equal(more.name, headers[0].name))
    headers[0] = more;
  else if (more.name.len > 0)
    headers[count++] = more;
  enum err e = http2_stream_respond(s, fault_status(f), headers, count, buf_text(&body));
  buf_done(&body);
  return e;
}

static void answer_bad_head(struct http2_stream *s) {
  struct text target = text_head(s->head.head.target, TARGET_SHOWN_BYTES);
  (void)!exchange_refuse(&s->x, &s->head.fault, text_is_visible_ascii(target) ? target : TEXT_NONE);
}

/* What is not answered to its end is reset, so that nobody takes it for complete. */
static void finish(struct http2_stream *s) {
  if (!s->closed && (s->x.broken || !s->x.finished))
    reset(s, NGHTTP2_INTERNAL_ERROR);
  s->discard = true;
  http2_body_give_back(s);
  exchange_free_body(&s->x);
  arena_done(&s->arena);
}

void http2_stream_run(void *stream) {
  struct http2_stream *s = stream;
  if (s->head.fault.err)
    answer_bad_head(s);
  else if (!is_gone(s))
    exchange_call_handler(&s->x);
  finish(s);
  http2_session_release(s);
}
