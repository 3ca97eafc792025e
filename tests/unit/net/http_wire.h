/* For tests of HTTP: a client that sends bytes as they are written in the test and reads answers with the parser of
 * http1.h. */
#ifndef HTTP_WIRE_H
#define HTTP_WIRE_H

#include "net_fixture.h"

#include "net/http1.h"

struct wire {
  struct stream *s;
  struct http1 *parser;
  struct arena arena;
  struct http1_head head; /* of the last answer */
  char body[524288];
  size_t body_len;
  char held[65536]; /* read and not yet looked at */
  size_t held_len;
  enum err end; /* how the connection ended */
};

static inline struct stream *connect_to(const struct addr *at) {
  int fd = socket(at->as.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_INT(connect(fd, &at->as.any, at->len), 0);
  return stream_of(fd);
}

static inline struct wire *wire_of(struct stream *s) {
  static const struct http1_limits limits = {.max_head_bytes = 65536, .max_headers = 100};
  struct wire *w = calloc(1, sizeof(*w));
  if (!w)
    abort();
  w->s = s;
  w->parser = http1_new(HTTP1_RESPONSE, &limits);
  arena_init(&w->arena);
  return w;
}

static inline void wire_close(struct wire *w) {
  stream_close(w->s, false);
  http1_free(w->parser);
  arena_done(&w->arena);
  free(w);
}

static inline void wire_send(struct wire *w, struct text bytes) {
  struct iovec piece = {(void *)(uintptr_t)bytes.at, bytes.len};
  CHECK_ERR(stream_write(w->s, &piece, 1, after(5 * SECOND_US)), ERR_OK);
}

static inline bool wire_fill(struct wire *w) {
  size_t n = 0;
  if (w->held_len < sizeof(w->held))
    w->end = stream_read(w->s, w->held + w->held_len, sizeof(w->held) - w->held_len, after(5 * SECOND_US), &n);
  w->held_len += n;
  return w->end == ERR_OK;
}

static inline void wire_drop(struct wire *w, size_t n) {
  memmove(w->held, w->held + n, w->held_len - n);
  w->held_len -= n;
}

static inline bool wire_body(struct wire *w) {
  bool done = false;
  while (!done) {
    size_t used = 0, body = 0;
    if (http1_body_feed(w->parser, w->held, w->held_len, &used, &body, &done, NULL) != ERR_OK)
      return false;
    CHECK_INT(w->body_len + body <= sizeof(w->body), 1);
    memcpy(w->body + w->body_len, w->held, body);
    w->body_len += body;
    wire_drop(w, used);
    if (!done && !wire_fill(w))
      return w->end == ERR_END && http1_end(w->parser, NULL) == ERR_OK;
  }
  return true;
}

/* Reads one answer. Its status, or 0 when the connection ended or what came is not an answer. */
static inline int wire_answer_to(struct wire *w, bool head_request) {
  bool done = false;
  w->body_len = 0;
  http1_begin(w->parser, &w->arena, head_request);
  while (!done) {
    size_t used = 0;
    if (w->held_len == 0 && !wire_fill(w))
      return 0;
    if (http1_head_feed(w->parser, (struct text){w->held, w->held_len}, &used, &done, &w->head, NULL) != ERR_OK)
      return 0;
    wire_drop(w, used);
  }
  return !w->head.has_body || wire_body(w) ? w->head.status : 0;
}

static inline int wire_answer(struct wire *w) { return wire_answer_to(w, false); }

static inline struct text wire_text(const struct wire *w) { return (struct text){w->body, w->body_len}; }

static inline struct text wire_header(const struct wire *w, const char *name) {
  return http_header_value(&w->head.headers, text_of(name));
}

/* ERR_END or ERR_NETWORK once the server has closed, ERR_OK when there are bytes instead. */
static inline enum err wire_end(struct wire *w) {
  if (w->held_len == 0 && w->end == ERR_OK)
    (void)wire_fill(w);
  return w->held_len ? ERR_OK : w->end;
}

/* Lets everything that is ready happen. */
static inline void settle(void) {
  for (int i = 0; i < 10; i++)
    CHECK_ERR(fiber_yield(), ERR_OK);
}

static inline void wire_send_split(struct wire *w, struct text bytes, size_t first) {
  wire_send(w, text_head(bytes, first));
  settle();
  if (first < bytes.len)
    wire_send(w, text_skip(bytes, first));
}

#endif
