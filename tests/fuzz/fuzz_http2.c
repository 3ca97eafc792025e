/* What follows the preface of HTTP/2, to a real server over a socket: whatever comes, requests that are served are
 * sane, and at the end nothing is left. The first byte says into how many pieces the rest is cut. */
#include "net/http2_budget.h"
#include "net/http_server.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct site {
  struct loop *loop;
  struct text bytes;
  size_t step;
};

static void must(bool holds) {
  if (!holds)
    abort();
}

static void refuse(void *ctx, const struct fault *f, struct text target, struct text id, struct buf *out) {
  (void)ctx, (void)f, (void)target, (void)id;
  buf_add(out, TEXT("{}"));
}

static void serve(void *ctx, struct http_request *rq) {
  (void)ctx;
  struct text body = TEXT_NONE;
  must(rq->path.len > 0 && rq->path.at[0] == '/' && text_is_visible_ascii(rq->head.target));
  must(http_is_token(rq->head.method) && http_header_find(&rq->head.headers, TEXT("host")) != NULL);
  for (size_t i = 0; i < rq->head.headers.count; i++)
    must(http_header_is_sane(rq->head.headers.at[i].name, rq->head.headers.at[i].value));
  enum err e = http_request_body(rq, 4096, &body, NULL);
  must(e != ERR_OK || !rq->head.has_length || rq->head.length == body.len);
  http_request_cancel_on_disconnect(rq, true);
  if (rq->query.len > 0) {
    (void)!http_respond_start(rq, 200, NULL, 0);
    (void)!http_respond_write(rq, &body, 1);
    (void)!http_respond_end(rq);
  } else {
    (void)!http_respond(rq, e ? 400 : 200, NULL, 0, body);
  }
}

static void settle(void) {
  for (int i = 0; i < 3; i++)
    (void)!fiber_yield();
}

static void talk(struct site *site, int fd) {
  struct text left = site->bytes;
  char answers[2048];
  must(write(fd, HTTP2_PREFACE, HTTP2_PREFACE_BYTES) == HTTP2_PREFACE_BYTES);
  while (left.len > 0) {
    ssize_t n = send(fd, left.at, left.len < site->step ? left.len : site->step, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0)
      break;
    left = text_skip(left, (size_t)n);
    settle();
    while (recv(fd, answers, sizeof(answers), MSG_DONTWAIT) > 0)
      continue;
  }
  settle();
}

static void run(void *arg) {
  struct site *site = arg;
  const struct http_server_options options = {.head = {.max_head_bytes = 2048, .max_headers = 16},
                                              .head_timeout_us = 1000000,
                                              .idle_timeout_us = 1000000,
                                              .body_timeout_us = 1000000,
                                              .write_timeout_us = 1000000,
                                              .max_connections = 10,
                                              .max_streams = 8,
                                              .serve = serve,
                                              .refuse = refuse};
  struct http_server *server = NULL;
  struct stream *s = NULL;
  int fds[2];
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
  must(http_server_new(site->loop, &options, &server) == ERR_OK);
  must(stream_plain_new(site->loop, fds[0], &s) == ERR_OK);
  http_server_accept(server, s, NULL);
  talk(site, fds[1]);
  close(fds[1]);
  settle();
  must(http_server_active(server) == 0);
  http_server_close(server);
  loop_stop(site->loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  struct site site = {.bytes = {(const char *)data + 1, size - 1}, .step = data[0] > 0 ? data[0] : 65536};
  must(loop_new(NULL, &site.loop) == ERR_OK);
  must(fiber_start(site.loop, run, &site, NULL) == ERR_OK);
  loop_run(site.loop);
  loop_free(site.loop);
  return 0;
}
