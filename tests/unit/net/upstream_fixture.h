/* For tests of the HTTP client: an upstream that answers from a script, and a client with one origin that points at it.
 */
#ifndef UPSTREAM_FIXTURE_H
#define UPSTREAM_FIXTURE_H

#include "http_fixture.h"

#include "net/http_client.h"

enum after_script { AFTER_KEEP, AFTER_CLOSE, AFTER_RESET };

struct upstream {
  struct listener *listener;
  struct addr at;
  struct text script;      /* the answer to every request */
  size_t cut;              /* the answer leaves in two packets, cut here; 0: in one */
  enum after_script after; /* what follows each answer */
  int answers;             /* a connection is closed instead of answering more than so many requests; 0: no limit */
  bool answers_head_early; /* answer as soon as the head is there, without reading on */
  unsigned connections, requests, resets_seen;
  char request[8192]; /* the last one, with what arrived of its body */
  size_t request_len;
  struct fiber *fibers[64];
  size_t fiber_count;
};

struct upstream_connection {
  struct upstream *up;
  struct stream *s;
};

/* Reads a request with its Content-Length. */
static inline enum err upstream_read(struct upstream *up, struct stream *s) {
  size_t want = 0;
  up->request_len = 0;
  for (;;) {
    size_t n = 0;
    if (up->request_len + 1 >= sizeof(up->request))
      return ERR_LIMIT;
    enum err e = stream_read(s, up->request + up->request_len, sizeof(up->request) - 1 - up->request_len,
                             after(10 * SECOND_US), &n);
    if (e != ERR_OK)
      return e;
    up->request_len += n;
    up->request[up->request_len] = 0;
    const char *end = strstr(up->request, "\r\n\r\n"), *length = strstr(up->request, "content-length: ");
    if (end == NULL)
      continue;
    want = (size_t)(end - up->request) + 4;
    if (length != NULL && length < end && !up->answers_head_early)
      want += strtoul(length + 16, NULL, 10);
    if (up->request_len >= want)
      return ERR_OK;
  }
}

static inline enum err upstream_answer(struct upstream *up, struct stream *s) {
  struct text parts[] = {text_head(up->script, up->cut), text_skip(up->script, up->cut)};
  for (int i = 0; i < 2; i++) {
    struct iovec piece = {(void *)(uintptr_t)parts[i].at, parts[i].len};
    enum err e = stream_write(s, &piece, 1, after(10 * SECOND_US));
    if (e != ERR_OK)
      return e;
    if (i == 0 && up->cut > 0)
      settle();
  }
  return ERR_OK;
}

static inline void upstream_run(void *data) {
  struct upstream_connection *c = data;
  struct upstream *up = c->up;
  enum err e = ERR_OK;
  for (int n = 0; e == ERR_OK; n++) {
    e = upstream_read(up, c->s);
    if (e != ERR_OK)
      break;
    up->requests++;
    if (up->answers > 0 && n >= up->answers)
      break;
    e = upstream_answer(up, c->s);
    if (e == ERR_OK && up->answers_head_early)
      e = fiber_park(after(10 * SECOND_US));
    if (up->after != AFTER_KEEP)
      break;
  }
  if (e == ERR_NETWORK)
    up->resets_seen++;
  stream_close(c->s, up->after == AFTER_RESET);
  for (size_t i = 0; i < up->fiber_count; i++)
    if (up->fibers[i] == fiber_self())
      up->fibers[i] = NULL;
  free(c);
}

static inline void upstream_accept(void *ctx, struct stream *s, const struct addr *peer) {
  struct upstream *up = ctx;
  struct upstream_connection *c = malloc(sizeof(*c));
  if (!c)
    abort();
  *c = (struct upstream_connection){up, s};
  (void)peer;
  up->connections++;
  size_t slot = up->fiber_count % COUNT_OF(up->fibers);
  if (up->fiber_count < COUNT_OF(up->fibers))
    up->fiber_count++;
  up->fibers[slot] = NULL;
  struct fiber *f = NULL;
  CHECK_ERR(fiber_start(loop_current(), upstream_run, c, &f), ERR_OK);
  up->fibers[slot] = f;
}

static inline void upstream_open(struct upstream *up) {
  struct addr any;
  int fd = -1;
  CHECK_ERR(addr_parse(TEXT("127.0.0.1:0"), &any, NULL), ERR_OK);
  CHECK_ERR(listen_bind(&any, false, &fd, NULL), ERR_OK);
  CHECK_ERR(listen_addr(fd, &up->at), ERR_OK);
  CHECK_ERR(listener_start(loop_current(), fd, false, upstream_accept, up, &up->listener), ERR_OK);
}

static inline void upstream_close(struct upstream *up) {
  listener_stop(up->listener);
  for (size_t i = 0; i < up->fiber_count; i++)
    if (up->fibers[i])
      fiber_cancel(up->fibers[i]);
  settle();
}

/* --- the client --- */

struct caller {
  struct dns *dns;
  struct http_client *client;
  struct http_origin *origin;
  struct arena arena;
  struct fault fault;
  struct http_timeouts timeouts;
  struct http_reply *reply;
  struct buf body;
  bool fresh;
};

static inline struct http_client_options caller_options(void) {
  return (struct http_client_options){
      .max_idle_per_origin = 4, .idle_timeout_us = 10 * SECOND_US, .head = {.max_head_bytes = 8192, .max_headers = 64}};
}

static inline void caller_open(struct caller *c, const struct addr *at, const struct http_client_options *o) {
  struct http_client_options options = *o;
  struct url u = {.host = TEXT("127.0.0.1"), .port = addr_port(at)};
  *c = (struct caller){.dns = dns_new(NULL)};
  options.dns = c->dns;
  CHECK_ERR(http_client_new(loop_current(), &options, &c->client), ERR_OK);
  CHECK_ERR(http_client_origin(c->client, &u, false, &c->origin), ERR_OK);
  arena_init(&c->arena);
  buf_init(&c->body, 1 << 20);
  c->timeouts = (struct http_timeouts){5 * SECOND_US, 5 * SECOND_US, 5 * SECOND_US, after(60 * SECOND_US)};
}

static inline void caller_close(struct caller *c) {
  CHECK_INT(http_client_busy(c->client), 0);
  http_client_free(c->client);
  dns_free(c->dns);
  arena_done(&c->arena);
  buf_done(&c->body);
}

static inline enum err caller_send(struct caller *c, const char *method, struct text body) {
  struct http_header header = {TEXT("x-test"), TEXT("1")};
  struct http_client_request rq = {.method = text_of(method),
                                   .target = TEXT("/v1/x?y"),
                                   .headers = &header,
                                   .header_count = 1,
                                   .body = &body,
                                   .body_pieces = body.len ? 1 : 0,
                                   .timeouts = c->timeouts,
                                   .fresh = c->fresh};
  c->fault = (struct fault){0};
  return http_client_send(c->client, c->origin, &rq, &c->arena, &c->reply, &c->fault);
}

/* Sends, reads the whole answer into c->body and closes the reply. */
static inline enum err caller_ask(struct caller *c, const char *method, struct text body) {
  enum err e = caller_send(c, method, body);
  buf_reset(&c->body);
  if (e != ERR_OK)
    return e;
  e = http_reply_read_all(c->reply, &c->body, &c->fault);
  http_reply_close(c->reply);
  return e;
}

/* The two together, for most tests. */
struct talk {
  struct upstream up;
  struct caller c;
};
static inline struct talk *talk_open(struct text script) {
  struct talk *t = calloc(1, sizeof(*t));
  if (!t)
    abort();
  struct http_client_options o = caller_options();
  t->up.script = script;
  upstream_open(&t->up);
  caller_open(&t->c, &t->up.at, &o);
  return t;
}
static inline void talk_close(struct talk *t) {
  caller_close(&t->c);
  upstream_close(&t->up);
  free(t);
}

#define OK_ANSWER "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"

#endif
