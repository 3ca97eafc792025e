/* Many open event streams: opens them, waits until each has brought an event, then counts events, processor time and
 * resident memory while all are open. The streams are longer than the window; a stream that ends in it is a failure.
 * Called by bench_load.c. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "load.h"

#define EVENTS_A_STREAM 100000
#define OPENING_MAX     100 /* streams asked for and not yet answered */
#define OPEN_LIMIT_MS   30000

struct stream {
  int fd;
  bool is_answered, has_begun, has_failed;
  struct response response;
};

struct crowd {
  const struct load_options *o;
  struct load_request request;
  int epoll;
  struct stream *streams;
  uint64_t opened, answered, begun, failed, events, reads;
};

static void fail_stream(struct crowd *w, struct stream *s, const char *why) {
  if (s->has_failed)
    return;
  s->has_failed = true;
  w->answered -= s->is_answered;
  if (w->failed++ == 0)
    (void)fprintf(stderr, "bench_load: first failed stream: %s, status %d\n", why, s->response.status);
  (void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, s->fd, NULL);
}

/* The request fits into an empty socket, so the write is whole or the connection is gone. */
static void open_stream(struct crowd *w) {
  struct stream *s = &w->streams[w->opened++];
  s->fd = bench_connect((uint16_t)w->o->port, 5000);
  if (s->fd < 0 || fcntl(s->fd, F_SETFL, O_NONBLOCK) != 0)
    bench_fail("connect");
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
  if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, s->fd, &event) != 0)
    bench_fail("epoll_ctl");
  if (send(s->fd, w->request.bytes, w->request.length, MSG_NOSIGNAL) != (ssize_t)w->request.length)
    fail_stream(w, s, "the request was not taken");
}

static void on_event(struct crowd *w, struct stream *s) {
  static char bytes[65536];
  ssize_t n = recv(s->fd, bytes, sizeof(bytes), 0);
  if (n < 0 && errno == EAGAIN)
    return;
  w->reads++;
  bool good = n > 0;
  uint64_t before = s->response.events;
  if (good)
    (void)response_feed(&s->response, bytes, (size_t)n, &good);
  w->events += s->response.events - before;
  if (!s->is_answered && s->response.status == 200) {
    s->is_answered = true;
    w->answered++;
  }
  if (!good || s->response.at == RESPONSE_AT_END || (s->response.status != 0 && s->response.status != 200)) {
    fail_stream(w, s, "it ended");
  } else if (!s->has_begun && s->response.events > 2) {
    s->has_begun = true;
    w->begun++;
  }
}

static void wait_events(struct crowd *w, int64_t until_ns) {
  static struct epoll_event events[512];
  int64_t left_ms = (until_ns - bench_now_ns()) / 1000000;
  int n = epoll_wait(w->epoll, events, 512, left_ms > 0 ? (int)left_ms : 0);
  for (int i = 0; i < n; i++)
    on_event(w, events[i].data.ptr);
}

static void run_for(struct crowd *w, uint64_t ms) {
  int64_t until = bench_now_ns() + (int64_t)ms * 1000000;
  while (bench_now_ns() < until)
    wait_events(w, until);
}

static void open_all(struct crowd *w) {
  int64_t until = bench_now_ns() + (int64_t)OPEN_LIMIT_MS * 1000000;
  while (w->begun + w->failed < w->o->connections && bench_now_ns() < until) {
    while (w->opened < w->o->connections && w->opened - w->answered - w->failed < OPENING_MAX)
      open_stream(w);
    wait_events(w, bench_now_ns() + 100000000);
  }
  w->failed += w->opened - w->begun > w->failed ? w->opened - w->begun - w->failed : 0;
}

static void close_all(struct crowd *w) {
  for (uint64_t i = 0; i < w->opened; i++)
    (void)close(w->streams[i].fd);
}

int load_streams(const struct load_options *o) {
  static struct crowd w;
  w.o = o;
  w.request = load_request_make(o, o->body_bytes, EVENTS_A_STREAM);
  w.streams = calloc(o->connections, sizeof(*w.streams));
  w.epoll = epoll_create1(EPOLL_CLOEXEC);
  if (w.streams == NULL || w.epoll < 0)
    bench_fail("start");
  uint64_t rss_before = processes_rss_bytes(&o->gateway);
  int64_t began = bench_now_ns();
  open_all(&w);
  double open_ms = (double)(bench_now_ns() - began) / 1e6;
  run_for(&w, o->warm_ms);
  uint64_t cpu = processes_cpu_ns(&o->gateway), events = w.events, reads = w.reads;
  int64_t from = bench_now_ns();
  run_for(&w, o->measure_ms);
  cpu = processes_cpu_ns(&o->gateway) - cpu;
  double seconds = (double)(bench_now_ns() - from) / 1e9;
  events = w.events - events;
  uint64_t rss_open = processes_rss_bytes(&o->gateway);
  close_all(&w);
  (void)poll(NULL, 0, 500);
  uint64_t rss_after = processes_rss_bytes(&o->gateway);
  double wanted = (double)o->connections * 1000 / (double)o->spacing_ms * seconds;
  printf("streams=%" PRIu64 " failed=%" PRIu64 " open_ms=%.0f events=%" PRIu64 " delivered=%.3f events_a_read=%.2f "
         "cpu_us=%.3f kb_a_stream=%.2f rss_before_kb=%.0f rss_open_kb=%.0f rss_after_kb=%.0f\n",
         w.begun, w.failed, open_ms, events, (double)events / wanted,
         (double)events / (double)(w.reads - reads + (w.reads == reads)),
         events > 0 ? (double)cpu / (double)events / 1000 : 0,
         ((double)rss_open - (double)rss_before) / 1024 / (double)o->connections, (double)rss_before / 1024,
         (double)rss_open / 1024, (double)rss_after / 1024);
  return w.failed > 0 || events == 0;
}
