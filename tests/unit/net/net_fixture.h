/* For tests of streams: a loop that runs one fiber to its end, connected pairs of real sockets, and checks that may
 * fail inside a fiber (a cmocka assert would jump off the fiber's stack; these print both values and are counted, and
 * run_fiber asserts that there were none). */
#ifndef NET_FIXTURE_H
#define NET_FIXTURE_H

#include "net/addr.h"
#include "net/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND_US ((int64_t)1000 * 1000)

static int check_failures;

static inline bool check_int_at(long long got, long long expected, const char *what, int line) {
  if (got == expected)
    return true;
  (void)fprintf(stderr, "line %d: %s is %lld, expected %lld\n", line, what, got, expected);
  check_failures++;
  return false;
}
static inline bool check_err_at(enum err got, enum err expected, const char *what, int line) {
  if (got == expected)
    return true;
  (void)fprintf(stderr, "line %d: %s is %s, expected %s\n", line, what, err_name(got), err_name(expected));
  check_failures++;
  return false;
}
static inline bool check_text_at(struct text got, struct text expected, int line) {
  if (text_equal(got, expected))
    return true;
  (void)fprintf(stderr, "line %d: text is \"%.*s\", expected \"%.*s\"\n", line, TEXT_ARGS(text_head(got, 300)),
                TEXT_ARGS(text_head(expected, 300)));
  check_failures++;
  return false;
}
static inline bool check_has_at(const char *got, const char *part, int line) {
  if (strstr(got, part) != NULL)
    return true;
  (void)fprintf(stderr, "line %d: \"%s\" does not say \"%s\"\n", line, got, part);
  check_failures++;
  return false;
}
#define CHECK_INT(got, expected)  check_int_at((long long)(got), (long long)(expected), #got, __LINE__)
#define CHECK_ERR(got, expected)  check_err_at((got), (expected), #got, __LINE__)
#define CHECK_TEXT(got, expected) check_text_at((got), (expected), __LINE__)
#define CHECK_HAS(got, part)      check_has_at((got), (part), __LINE__)

static inline int64_t after(int64_t us) { return loop_now_us(loop_current()) + us; }

struct fixture_main {
  void (*fn)(void *arg);
  void *arg;
  struct loop *loop;
};
static inline void fixture_main_fiber(void *data) {
  struct fixture_main *m = data;
  m->fn(m->arg);
  loop_stop(m->loop);
}
/* Runs fn(arg) as a fiber on a new loop until it and the fibers it started have ended. */
static inline void run_fiber(void (*fn)(void *arg), void *arg) {
  struct loop *loop = NULL;
  check_failures = 0;
  assert_int_equal(loop_new(NULL, &loop), ERR_OK);
  struct fixture_main m = {fn, arg, loop};
  assert_int_equal(fiber_start(loop, fixture_main_fiber, &m, NULL), ERR_OK);
  loop_run(loop);
  loop_free(loop);
  assert_int_equal(check_failures, 0);
}
/* Starts another fiber of this loop. */
static inline struct fiber *start(void (*fn)(void *arg), void *arg) {
  struct fiber *f = NULL;
  CHECK_ERR(fiber_start(loop_current(), fn, arg, &f), ERR_OK);
  return f;
}

/* A listening TCP socket on 127.0.0.1, blocking. */
static inline int listen_loopback(struct addr *out) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  *out = (struct addr){.len = sizeof(out->as.v4)};
  out->as.v4.sin_family = AF_INET;
  out->as.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_INT(bind(fd, &out->as.any, out->len), 0);
  CHECK_INT(listen(fd, 16), 0);
  CHECK_INT(getsockname(fd, &out->as.any, &out->len), 0);
  return fd;
}

/* Connected non-blocking TCP sockets; buffer_bytes 0: the system's sizes. */
static inline void tcp_pair(int out[2], int buffer_bytes) {
  struct addr a;
  int l = listen_loopback(&a);
  out[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (buffer_bytes > 0) {
    CHECK_INT(setsockopt(l, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes)), 0);
    CHECK_INT(setsockopt(l, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes)), 0);
    CHECK_INT(setsockopt(out[0], SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes)), 0);
    CHECK_INT(setsockopt(out[0], SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes)), 0);
  }
  CHECK_INT(connect(out[0], &a.as.any, a.len), 0);
  out[1] = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  CHECK_INT(out[1] >= 0, 1);
  close(l);
  for (size_t i = 0; i < 2; i++) { /* as dial and listen do */
    int on = 1;
    CHECK_INT(setsockopt(out[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
  }
}
static inline struct stream *stream_of(int fd) {
  struct stream *s = NULL;
  int flags = fcntl(fd, F_GETFL);
  CHECK_INT(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
  CHECK_ERR(stream_plain_new(loop_current(), fd, &s), ERR_OK);
  return s;
}
struct pair {
  struct stream *a, *b;
};
static inline struct pair stream_pair(int buffer_bytes) {
  int fds[2];
  tcp_pair(fds, buffer_bytes);
  return (struct pair){stream_of(fds[0]), stream_of(fds[1])};
}

static inline enum err send_text(struct stream *s, const char *zero_terminated) {
  struct iovec piece = {(void *)(uintptr_t)zero_terminated, strlen(zero_terminated)};
  return stream_write(s, &piece, 1, after(5 * SECOND_US));
}
/* Reads until `want` bytes are there or the stream ends. */
static inline enum err read_exactly(struct stream *s, char *into, size_t want) {
  size_t have = 0;
  while (have < want) {
    size_t n = 0;
    enum err e = stream_read(s, into + have, want - have, after(5 * SECOND_US), &n);
    if (e != ERR_OK)
      return e;
    have += n;
  }
  return ERR_OK;
}
/* What reading gives next, as an error. */
static inline enum err next_read(struct stream *s) {
  char c;
  size_t n = 0;
  return stream_read(s, &c, 1, after(5 * SECOND_US), &n);
}
/* The byte that stands at offset i of every long test transfer. */
static inline char pattern(size_t i) { return (char)(i * 31 + i / 251); }

#endif
