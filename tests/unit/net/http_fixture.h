/* For tests of the HTTP server and client: a server on a real loopback socket of the running loop, and a client that
 * sends bytes as they are written in the test and reads answers with the parser of http1.h. Everything runs in the
 * fiber of run_fiber (net_fixture.h). */
#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include "http_wire.h"

#include "net/http_server.h"
#include "net/listen.h"

#ifndef COUNT_OF
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#endif
#define MS_US ((int64_t)1000)

struct site {
  struct http_server_options options;
  struct http_server *srv;
  struct listener *listener;
  struct addr at;
  void (*serve)(struct site *site, struct http_request *rq);
  unsigned served;
  enum err last; /* for handlers to leave what they saw */
  bool was_cancelled;
  void *data;
};

static inline void site_refuse(void *ctx, const struct fault *f, struct text target, struct text id, struct buf *out) {
  (void)ctx;
  buf_add_format(out, "%s [%.*s] %.*s", fault_text(f), TEXT_ARGS(target), TEXT_ARGS(id));
}

/* Answers "METHOD target body". */
static inline void site_echo(struct site *site, struct http_request *rq) {
  struct text body = TEXT_NONE;
  struct fault f = {0};
  site->last = http_request_body(rq, 1 << 20, &body, &f);
  if (site->last != ERR_OK) {
    if (site->last != ERR_NETWORK && site->last != ERR_CANCELLED)
      CHECK_ERR(http_respond(rq, fault_status(&f), NULL, 0, text_of(fault_text(&f))), ERR_OK);
    else
      http_respond_abort(rq);
    return;
  }
  struct text answer = arena_format(rq->arena, "%.*s %.*s %.*s", TEXT_ARGS(rq->head.method), TEXT_ARGS(rq->head.target),
                                    TEXT_ARGS(body));
  site->last = http_respond(rq, 200, NULL, 0, answer);
}

static inline void site_serve(void *ctx, struct http_request *rq) {
  struct site *site = ctx;
  site->served++;
  site->serve(site, rq);
}

static inline void site_accept(void *ctx, struct stream *s, const struct addr *peer) {
  http_server_accept(((struct site *)ctx)->srv, s, peer);
}

static inline struct site site_options(void) {
  return (struct site){.serve = site_echo,
                       .options = {.head = {.max_head_bytes = 4096, .max_headers = 32},
                                   .head_timeout_us = 10 * SECOND_US,
                                   .idle_timeout_us = 10 * SECOND_US,
                                   .body_timeout_us = 10 * SECOND_US,
                                   .write_timeout_us = 10 * SECOND_US,
                                   .max_connections = 100}};
}

static inline void site_open(struct site *site) {
  struct addr any;
  int fd = -1;
  site->options.serve = site_serve;
  site->options.refuse = site_refuse;
  site->options.ctx = site;
  CHECK_ERR(http_server_new(loop_current(), &site->options, &site->srv), ERR_OK);
  CHECK_ERR(addr_parse(TEXT("127.0.0.1:0"), &any, NULL), ERR_OK);
  CHECK_ERR(listen_bind(&any, false, &fd, NULL), ERR_OK);
  CHECK_ERR(listen_addr(fd, &site->at), ERR_OK);
  CHECK_ERR(listener_start(loop_current(), fd, false, site_accept, site, &site->listener), ERR_OK);
}

static inline void site_close(struct site *site) {
  listener_stop(site->listener);
  http_server_close(site->srv);
}

static inline struct wire *wire_open(const struct site *site) { return wire_of(connect_to(&site->at)); }

#endif
