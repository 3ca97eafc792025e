/* Requests to upstreams: building them, finding a connection, sending, reading the head of the answer. The body is
 * http_reply.c's, idle connections are http_pool.c's. Retrying on another target is the gateway's decision; the only
 * repetition here is for a pooled connection that the other side had already closed. */
#include "net/http_client.h"

#include "net/http_upstream.h"

#define ORIGINS_MAX       1024
#define HEAD_MAX_BYTES    (256 * 1024)
#define HEAD_USUAL_BYTES  1500 /* taken at once, so that most heads never grow */
#define STALE_WITHIN_US   INT64_C(250000)
#define PIECES_MAX        1000
#define INFORMATIONAL_MAX 8

enum err http_client_new(struct loop *loop, const struct http_client_options *o, struct http_client **out) {
  struct http_client *c = calloc(1, sizeof(*c));
  if (!c)
    abort();
  c->options = *o;
  if (o->tls)
    c->options.tls = tls_context_ref(o->tls);
  c->origins = map_new(ORIGINS_MAX);
  http_pool_init(&c->pool, loop, o);
  *out = c;
  return ERR_OK;
}

void http_client_free(struct http_client *c) {
  if (!c)
    return;
  http_pool_done(&c->pool);
  map_free(c->origins);
  tls_context_unref(c->options.tls);
  free(c);
}

enum err http_client_origin(struct http_client *c, const struct url *u, bool is_confined, struct http_origin **out) {
  char key[320];
  if (u->host.len > 255)
    return ERR_LIMIT;
  int n = snprintf(key, sizeof(key), "%s%s %.*s:%u", is_confined ? "confined " : "", u->tls ? "https" : "http",
                   TEXT_ARGS(u->host), (unsigned)u->port);
  for (int i = 0; i < n; i++)
    if (key[i] >= 'A' && key[i] <= 'Z')
      key[i] = (char)(key[i] + 'a' - 'A');
  struct text name = {key, (size_t)n};
  struct http_origin *o = map_get(c->origins, name);
  if (!o) {
    if (map_count(c->origins) >= ORIGINS_MAX)
      return ERR_LIMIT;
    o = http_pool_add_origin(&c->pool, u);
    o->is_confined = is_confined;
    enum err e = map_set(c->origins, name, o, NULL);
    if (e)
      return e;
  }
  *out = o;
  return ERR_OK;
}

struct text http_origin_name(const struct http_origin *o) {
  return o->name;
}

size_t http_client_idle(const struct http_client *c) { return c->pool.idle; }

size_t http_client_busy(const struct http_client *c) { return c->busy; }

static bool is_ours(struct text name) {
  static const struct text ours[] = {{"host", 4},        {"content-length", 14}, {"connection", 10},
                                     {"keep-alive", 10}, {"expect", 6},          {"transfer-encoding", 17}};
  for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
    if (text_equal_nocase(name, ours[i]))
      return true;
  return false;
}

static void add_field(struct buf *out, struct text name, struct text value) {
  buf_add(out, name);
  buf_add(out, TEXT(": "));
  buf_add(out, value);
  buf_add(out, TEXT("\r\n"));
}

static bool body_is_usual(struct text method) {
  return text_equal(method, TEXT("POST")) || text_equal(method, TEXT("PUT")) || text_equal(method, TEXT("PATCH"));
}

static enum err make_head(const struct http_origin *o, const struct http_client_request *rq, struct buf *out,
                          struct fault *f) {
  bool sane = http_is_token(rq->method) && text_is_visible_ascii(rq->target) && text_starts(rq->target, TEXT("/")) &&
              text_find_char(rq->target, '#') < 0;
  if (!sane || rq->body_pieces > PIECES_MAX)
    return fault_set(f, ERR_BAD_REQUEST, NULL, "a request to a provider needs a method and a path that can be sent");
  buf_add(out, rq->method);
  buf_add_char(out, ' ');
  buf_add(out, rq->target);
  buf_add(out, TEXT(" HTTP/1.1\r\n"));
  add_field(out, TEXT("host"), o->name);
  for (size_t i = 0; i < rq->header_count; i++) {
    const struct http_header *h = &rq->headers[i];
    if (!h->is_parsed && !http_header_is_sane(h->name, h->value))
      return fault_set(f, ERR_BAD_REQUEST, NULL, "the header \"%.*s\" cannot be sent",
                       TEXT_ARGS(text_head(h->name, 64)));
    if (!is_ours(h->name))
      add_field(out, h->name, h->value);
  }
  uint64_t length = 0;
  for (size_t i = 0; i < rq->body_pieces; i++)
    length += rq->body[i].len;
  if (length > 0 || body_is_usual(rq->method)) {
    buf_add(out, TEXT("content-length: "));
    buf_add_u64(out, length);
    buf_add(out, TEXT("\r\n"));
  }
  buf_add(out, TEXT("\r\n"));
  return buf_check(out) == ERR_OK ? ERR_OK : fault_set(f, ERR_BAD_REQUEST, NULL, "the headers to be sent are too long");
}

struct attempt {
  struct http_reply *r;
  struct arena *arena;
  const struct http_client_request *rq;
  struct iovec *iov; /* what is left to be sent */
  int count;
  unsigned informational;
  bool is_head, complete;
};

static void fill_pieces(struct attempt *a, const struct buf *head, struct iovec *iov) {
  int n = 0;
  iov[n++] = (struct iovec){head->at, head->len};
  for (size_t i = 0; i < a->rq->body_pieces; i++)
    if (a->rq->body[i].len)
      iov[n++] = (struct iovec){(char *)(uintptr_t)a->rq->body[i].at, a->rq->body[i].len};
  a->iov = iov;
  a->count = n;
}

static void advance(struct attempt *a, size_t n) {
  while (a->count > 0 && n >= a->iov->iov_len) {
    n -= a->iov->iov_len;
    a->iov++;
    a->count--;
  }
  if (a->count > 0) {
    a->iov->iov_base = (char *)a->iov->iov_base + n;
    a->iov->iov_len -= n;
  }
}

/* A failed write is not the end: the other side may have answered early and closed. The read that follows will tell. */
static void send_some(struct attempt *a) {
  size_t n = 0;
  enum err e = ERR_OK;
  while (!e && a->count > 0) {
    e = stream_try_write(a->r->stream, a->iov, a->count, &n);
    if (!e)
      advance(a, n);
  }
  if (e && e != ERR_AGAIN) {
    a->r->is_doubtful = true;
    a->count = 0;
  }
}

static enum err malformed(struct fault *f, const struct fault *why) {
  return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider's answer is malformed: %s", fault_text(why));
}

static void keep_rest(struct http_reply *r, struct text rest) {
  if (rest.len == 0)
    return;
  r->unread = malloc(rest.len);
  if (!r->unread)
    abort();
  memcpy(r->unread, rest.at, rest.len);
  r->unread_len = rest.len;
}

/* Bytes of the answer. A 1xx head is skipped (RFC 9110 section 15.2); 101 was not asked for. */
static enum err take_answer(struct attempt *a, struct text bytes, struct fault *f) {
  struct http_reply *r = a->r;
  r->has_answer = true;
  while (bytes.len > 0) {
    size_t used = 0;
    bool done = false;
    struct fault why = {0};
    if (http1_head_feed(r->parser, bytes, &used, &done, &r->head, &why) != ERR_OK)
      return malformed(f, &why);
    bytes = text_skip(bytes, used);
    if (!done)
      continue;
    if (r->head.status >= 200) {
      a->complete = true;
      keep_rest(r, bytes);
      return ERR_OK;
    }
    if (r->head.status == 101 || ++a->informational > INFORMATIONAL_MAX)
      return fault_set(f, ERR_UPSTREAM_PROTOCOL, NULL, "the provider sent a status %d that cannot be used here",
                       r->head.status);
    http1_begin(r->parser, a->arena, a->is_head);
  }
  return ERR_OK;
}

/* Until the socket can be written, or something can be read: an answer may come before the request is out. */
static enum err wait_either(struct stream *s, int64_t deadline_us) {
  s->watch.reader = s->watch.writer = fiber_self();
  enum err e = fiber_park(deadline_us);
  s->watch.reader = s->watch.writer = NULL;
  return e;
}

static enum err wait_for_news(struct attempt *a, struct fault *f) {
  struct http_reply *r = a->r;
  int64_t limit_us = r->has_answer ? r->timeouts.between_bytes_us : r->timeouts.first_byte_us;
  int64_t deadline_us = reply_deadline(r, limit_us);
  enum err e = a->count > 0 ? wait_either(r->stream, deadline_us) : stream_wait_readable(r->stream, deadline_us);
  if (e == ERR_TIMEOUT)
    return reply_timed_out(
        r, r->has_answer ? "the head of the provider's answer" : "waiting for the provider's first byte", limit_us, f);
  return e ? fault_set(f, e, NULL, "%s", err_text(e)) : ERR_OK;
}

static enum err exchange(struct attempt *a, struct fault *f) {
  struct http_reply *r = a->r;
  enum err e = ERR_OK;
  while (!e && !a->complete) {
    size_t n = 0;
    send_some(a);
    e = stream_try_read(r->stream, stream_scratch(), STREAM_SCRATCH_BYTES, &n);
    if (!e)
      e = take_answer(a, (struct text){stream_scratch(), n}, f);
    else if (e == ERR_AGAIN)
      e = wait_for_news(a, f);
    else
      e = fault_set(f, ERR_UPSTREAM_NETWORK, NULL, "the provider closed the connection before it had answered");
  }
  if (!e && a->count > 0)
    r->is_doubtful = true;
  return e;
}

/* Its fault must not lie under the exchange that follows. */
static __attribute__((noinline)) enum err connect_fresh(struct http_reply *r, struct fault *f) {
  struct http_origin *o = r->origin;
  struct http_client *c = r->client;
  struct fault why = {0};
  r->was_reused = r->is_doubtful = false;
  enum err e = (o->is_confined ? dial_confined : dial)(c->options.dns, o->tls ? c->options.tls : NULL, o->host, o->port,
                                                       reply_deadline(r, r->timeouts.connect_us), &r->stream, &why);
  if (e == ERR_TIMEOUT)
    return reply_timed_out(r, "connecting to the provider", r->timeouts.connect_us, f);
  if (e == ERR_FORBIDDEN)
    return fault_set(f, ERR_UPSTREAM_ADDRESS, NULL, "%s: %s", err_text(ERR_UPSTREAM_ADDRESS), why.text);
  if (e && e != ERR_CANCELLED)
    return fault_set(f, ERR_UPSTREAM_NETWORK, NULL, "the provider could not be reached: %s",
                     why.text[0] ? why.text : err_text(e));
  return e ? fault_set(f, e, NULL, "%s", err_text(e)) : ERR_OK;
}

static enum err run_attempt(struct attempt *a, const struct buf *head, struct iovec *iov, struct fault *f) {
  fill_pieces(a, head, iov);
  http1_begin(a->r->parser, a->arena, a->is_head);
  a->informational = 0;
  return exchange(a, f);
}

/* A kept connection that its server had closed before our request came says so within a round trip. Where nothing of
 * the request had left, a fresh connection takes over unseen; else the caller decides, for it may have been read. A
 * server that ends the connection later has perhaps done the work: that is a failure like any other. */
static enum err send_on_kept(struct attempt *a, const struct buf *head, struct iovec *iov, struct fault *f) {
  struct http_reply *r = a->r;
  uint64_t sent_before = r->stream->bytes_out;
  int64_t before_us = loop_clock_us();
  enum err e = run_attempt(a, head, iov, f);
  if (e != ERR_UPSTREAM_NETWORK || r->has_answer)
    return e;
  bool unsent = r->stream->bytes_out == sent_before;
  reply_drop_connection(r, true);
  if (unsent)
    return ERR_AGAIN;
  if (loop_clock_us() - before_us > STALE_WITHIN_US)
    return e;
  return fault_set(f, ERR_UPSTREAM_STALE, NULL, "%s", err_text(ERR_UPSTREAM_STALE));
}

static enum err send_request(struct attempt *a, const struct buf *head, struct fault *f) {
  struct http_reply *r = a->r;
  struct iovec *iov = arena_alloc(a->arena, (a->rq->body_pieces + 1) * sizeof(*iov));
  r->stream = a->rq->fresh ? NULL : http_pool_take(r->origin);
  r->was_reused = r->stream != NULL;
  enum err e = r->was_reused ? send_on_kept(a, head, iov, f) : ERR_AGAIN;
  if (e != ERR_AGAIN)
    return e;
  e = connect_fresh(r, f);
  return e ? e : run_attempt(a, head, iov, f);
}

enum err http_client_send(struct http_client *c, struct http_origin *o, const struct http_client_request *rq,
                          struct arena *arena, struct http_reply **out, struct fault *f) {
  if (o->tls && !c->options.tls)
    return fault_set(f, ERR_UPSTREAM_NETWORK, NULL, "there is no TLS set up for https providers");
  struct buf head;
  buf_init(&head, HEAD_MAX_BYTES);
  (void)buf_reserve(&head, HEAD_USUAL_BYTES);
  struct http_reply *r = ARENA_NEW(arena, struct http_reply);
  *r = (struct http_reply){.client = c, .origin = o, .timeouts = rq->timeouts};
  struct attempt a = {.r = r, .arena = arena, .rq = rq, .is_head = text_equal(rq->method, TEXT("HEAD"))};
  enum err e = make_head(o, rq, &head, f);
  if (!e) {
    r->parser = http1_new(HTTP1_RESPONSE, &c->options.head);
    e = send_request(&a, &head, f);
  }
  buf_done(&head);
  if (e) {
    reply_drop_connection(r, true);
    http1_free(r->parser);
    return e;
  }
  r->body_done = !r->head.has_body;
  c->busy++;
  *out = r;
  return ERR_OK;
}
