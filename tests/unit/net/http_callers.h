/* For tests of the HTTP server that must hold however the client came: over HTTP/1.1 or HTTP/2, in clear or over TLS.
 * One kind of client for all four, ways to leave, and what must be as it was before when all is over. */
#ifndef HTTP_CALLERS_H
#define HTTP_CALLERS_H

#include "http2_wire.h"
#include "tls_fixture.h"

#include "net/tls_context.h"

#include <dirent.h>

enum transport { PLAIN, TLS, HTTP2, HTTP2_TLS, TRANSPORTS };

static struct tls_world world, world_http2; /* the client of the second offers HTTP/2 */

/* --- one client of any kind --- */
struct caller {
  enum transport by;
  struct wire *w;
  struct h2 *h;
  struct h2_reply *reply;
};

static inline struct stream *connect_tls(const struct site *site, struct tls_context *client) {
  struct stream *s = NULL;
  struct fault f = {0};
  CHECK_ERR(tls_connect(client, connect_to(&site->at), TEXT("example.test"), after(5 * SECOND_US), &s, &f), ERR_OK);
  return s;
}

static inline struct caller caller_open(const struct site *site, enum transport by) {
  struct caller c = {.by = by};
  if (by == HTTP2)
    c.h = h2_open(site);
  else if (by == HTTP2_TLS)
    c.h = h2_open_with(connect_tls(site, world_http2.client), NULL, 0);
  else
    c.w = by == TLS ? wire_of(connect_tls(site, world.client)) : wire_open(site);
  return c;
}

/* POST / with a body of announced bytes of which these are sent. In HTTP/2 the rest can follow through reply->upload.
 */
static inline void caller_post(struct caller *c, size_t announced, struct text sent) {
  char length[24];
  (void)snprintf(length, sizeof(length), "%zu", announced);
  const struct h2_header fields[] = {
      {":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}, {"content-length", length}};
  if (c->h) {
    c->reply = h2_ask(c->h, fields, COUNT_OF(fields), sent, announced > sent.len);
    h2_send(c->h);
    return;
  }
  struct buf all;
  buf_init(&all, 64 << 20);
  buf_add_format(&all, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %s\r\n\r\n", length);
  buf_add(&all, sent);
  wire_send(c->w, buf_text(&all));
  buf_done(&all);
}

/* The status of the answer, 0 without one. */
static inline int caller_answer(struct caller *c) { return c->h ? h2_answer(c->h, c->reply) : wire_answer(c->w); }

static inline struct text caller_text(const struct caller *c) {
  return c->h ? buf_text(&c->reply->body) : wire_text(c->w);
}

static inline bool caller_is_told_to_retry(const struct caller *c) {
  return c->h ? h2_has_header(c->reply, "retry-after: 1\n") : text_equal(wire_header(c->w, "retry-after"), TEXT("1"));
}

/* Does the header x-kind say so? */
static inline bool caller_is_told_the_kind(const struct caller *c, struct text kind) {
  char line[64];
  (void)snprintf(line, sizeof(line), "x-kind: %.*s\n", TEXT_ARGS(kind));
  return c->h ? h2_has_header(c->reply, line) : text_equal(wire_header(c->w, "x-kind"), kind);
}

static inline struct caller call(const struct site *site, enum transport by) {
  struct caller c = caller_open(site, by);
  caller_post(&c, 1, TEXT("x"));
  return c;
}

static inline void use_transport(struct site *site, enum transport by) {
  site->options.tls = by == TLS ? world.server : by == HTTP2_TLS ? world_http2.server : NULL;
}

static inline void over_every_transport(void (*check)(void *transport)) {
  for (int by = 0; by < TRANSPORTS; by++)
    run_fiber(check, &by);
}

enum leaving { CLOSES, RESETS, RESETS_STREAM };

static inline void leave(struct caller *c, enum leaving how) {
  if (how == RESETS_STREAM && c->h) {
    CHECK_INT(nghttp2_submit_rst_stream(c->h->ng, NGHTTP2_FLAG_NONE, c->reply->id, NGHTTP2_CANCEL), 0);
    h2_settle(c->h);
    return;
  }
  struct stream **s = c->h ? &c->h->s : &c->w->s;
  stream_close(*s, how == RESETS);
  *s = NULL;
}

static inline void caller_free(struct caller *c) {
  if (c->h)
    h2_close(c->h);
  else
    wire_close(c->w);
}

/* --- what must be as it was --- */
static inline size_t open_descriptors(void) {
  size_t n = 0;
  DIR *d = opendir("/proc/self/fd");
  if (!d)
    abort();
  while (readdir(d))
    n++;
  closedir(d);
  return n;
}

struct balance {
  size_t descriptors, timers, watches, fibers;
};

/* A sleep takes the sleeper's own timer out of the count. */
static inline struct balance balance_now(void) {
  CHECK_ERR(fiber_sleep(MS_US), ERR_OK);
  struct loop_stats s = loop_stats(loop_current());
  return (struct balance){open_descriptors(), s.timers, s.watches, s.fibers};
}

static inline void check_balance(const struct balance *before) {
  struct balance now = balance_now();
  CHECK_INT(now.descriptors, before->descriptors);
  CHECK_INT(now.timers, before->timers);
  CHECK_INT(now.watches, before->watches);
  CHECK_INT(now.fibers, before->fibers);
}

static inline void callers_start(void) {
  const struct identity_options names = {.names = "DNS:example.test"};
  world = tls_world_new(&names, false);
  tls_folder_remove(); /* the second has one of its own */
  world_http2 = tls_world_new(&names, false);
  if (SSL_CTX_set_alpn_protos(world_http2.client->ssl, (const unsigned char *)"\x02h2\x08http/1.1", 12) != 0)
    abort();
}

static inline void callers_stop(void) {
  tls_context_unref(world.server);
  tls_context_unref(world.client);
  identity_free(&world.leaf);
  identity_free(&world.ca);
  tls_world_free(&world_http2);
}

#endif
