/* For tests of the gateway: a provider on the test's own loop. Every request is recorded and handed to `play`, a
 * function of the test that runs in the connection's fiber and says bytes, waits for the test or cuts the connection;
 * without one, `answer` is said. */
#ifndef GATEWAY_UPSTREAM_H
#define GATEWAY_UPSTREAM_H

#include "../net/http_fixture.h"

#include "fiber/sync.h"

enum call_end { CALL_KEEP, CALL_CLOSE, CALL_RESET };

struct upstream {
  struct listener *listener;
  struct addr at;
  void (*play)(struct upstream *up, struct stream *s);
  struct text answer;   /* head and body as they go over the wire */
  size_t piece;         /* the answer leaves in pieces of so many bytes, each seen before the next; 0: whole */
  size_t split;         /* or in two pieces, cut here */
  enum call_end then;   /* what follows the answer */
  unsigned connections; /* accepted so far */
  unsigned open;        /* now */
  unsigned requests;
  char *request; /* the last one, zero-terminated */
  size_t request_len, head_len;
  size_t said;             /* bytes written to the gateway */
  unsigned gate;           /* see gate_wait */
  struct wait_queue waits; /* fibers at the gate */
  void *data;
};

#define UPSTREAM_REQUEST_MAX (1 << 20)
#define UPSTREAM_WAIT_US     (20 * SECOND_US)

static inline enum err say(struct upstream *up, struct stream *s, struct text bytes) {
  struct iovec piece = {(void *)(uintptr_t)bytes.at, bytes.len};
  enum err e = bytes.len ? stream_write(s, &piece, 1, after(UPSTREAM_WAIT_US)) : ERR_OK;
  if (e == ERR_OK)
    up->said += bytes.len;
  return e;
}

/* In play: until the test has opened the gate n times. */
static inline enum err gate_wait(struct upstream *up, unsigned n) {
  enum err e = ERR_OK;
  while (up->gate < n && e == ERR_OK)
    e = wait_queue_wait(&up->waits, after(UPSTREAM_WAIT_US));
  return e;
}
static inline void gate_open(struct upstream *up) {
  up->gate++;
  wait_queue_wake_all(&up->waits);
}

/* A few turns: long enough for bytes to cross the loopback and be read. */
static inline void turns(int n) {
  for (int i = 0; i < n; i++)
    CHECK_ERR(fiber_yield(), ERR_OK);
}

/* For what ends by itself: turns, or where time is pretended, time. */
static bool time_is_pretended;
static inline void wait_a_little(void) {
  if (time_is_pretended)
    CHECK_ERR(fiber_sleep(SECOND_US / 10), ERR_OK);
  else
    turns(1);
}

static inline void upstream_say_answer(struct upstream *up, struct stream *s) {
  struct text rest = up->answer;
  size_t first = up->split ? up->split : up->piece ? up->piece : rest.len;
  while (rest.len > 0) {
    if (say(up, s, text_head(rest, first)) != ERR_OK)
      return;
    rest = text_skip(rest, first);
    if (up->split)
      first = rest.len;
    if (rest.len > 0)
      turns(2);
  }
}

/* Reads one request with its Content-Length. What the last one left stays until the next is complete. */
static inline enum err upstream_read(struct upstream *up, struct stream *s, char *into) {
  size_t have = 0;
  for (;;) {
    size_t n = 0;
    enum err e = stream_read(s, into + have, UPSTREAM_REQUEST_MAX - 1 - have, after(UPSTREAM_WAIT_US), &n);
    if (e != ERR_OK)
      return e;
    have += n;
    into[have] = 0;
    const char *end = strstr(into, "\r\n\r\n"), *length = strcasestr(into, "content-length: ");
    if (!end)
      continue;
    size_t head = (size_t)(end - into) + 4, body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
    if (have < head + body)
      continue;
    memcpy(up->request, into, have + 1);
    up->request_len = have;
    up->head_len = head;
    return ERR_OK;
  }
}

static inline struct text upstream_body(const struct upstream *up) {
  return (struct text){up->request + up->head_len, up->request_len - up->head_len};
}

struct upstream_connection {
  struct upstream *up;
  struct stream *s;
  char into[UPSTREAM_REQUEST_MAX];
};

static inline void upstream_run(void *data) {
  struct upstream_connection *c = data;
  struct upstream *up = c->up;
  while (upstream_read(up, c->s, c->into) == ERR_OK) {
    up->requests++;
    if (up->play)
      up->play(up, c->s);
    else
      upstream_say_answer(up, c->s);
    if (up->then != CALL_KEEP)
      break;
  }
  stream_close(c->s, up->then == CALL_RESET);
  up->open--;
  free(c);
}

static inline void upstream_accept(void *ctx, struct stream *s, const struct addr *peer) {
  struct upstream_connection *c = malloc(sizeof(*c));
  if (!c)
    abort();
  (void)peer;
  c->up = ctx;
  c->s = s;
  c->up->connections++;
  c->up->open++;
  CHECK_ERR(fiber_start(loop_current(), upstream_run, c, NULL), ERR_OK);
}

static inline void upstream_open(struct upstream *up) {
  struct addr any;
  int fd = -1;
  up->request = calloc(1, UPSTREAM_REQUEST_MAX);
  CHECK_ERR(addr_parse(TEXT("127.0.0.1:0"), &any, NULL), ERR_OK);
  CHECK_ERR(listen_bind(&any, false, &fd, NULL), ERR_OK);
  CHECK_ERR(listen_addr(fd, &up->at), ERR_OK);
  CHECK_ERR(listener_start(loop_current(), fd, false, upstream_accept, up, &up->listener), ERR_OK);
}

/* From here on nobody answers on the port: connections are refused. */
static inline void upstream_stop(struct upstream *up) {
  listener_stop(up->listener);
  up->listener = NULL;
}

/* After the gateway's client is gone, so that every connection has ended. */
static inline void upstream_close(struct upstream *up) {
  if (up->listener)
    upstream_stop(up);
  up->then = CALL_CLOSE;
  while (!wait_queue_is_empty(&up->waits))
    gate_open(up);
  for (int i = 0; i < 1000 && up->open > 0; i++)
    wait_a_little();
  CHECK_INT(up->open, 0);
  free(up->request);
}

#endif
