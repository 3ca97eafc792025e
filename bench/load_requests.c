/* Plain requests: closed loop (as fast as they are answered) and open loop (at a rate). Each connection has one request
 * at a time. Latency is counted from when a request was due, so a gateway that stalls is charged for the requests that
 * had to wait. Called by bench_load.c. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"
#include "load.h"

#define LATENCIES_MAX 4000000
#define WAITING_MAX   65536 /* requests due while every connection is busy; more are failures */

struct client {
  int fd;
  bool is_busy;
  size_t sent;
  int64_t due_ns;
  struct response response;
};

/* What is known at one edge of the measured window. */
struct edge {
  int64_t at_ns;
  uint64_t cpu_ns, answered, allocations, frees;
};

struct run {
  const struct load_options *o;
  struct load_request request;
  int epoll;
  bool is_open, is_measuring;
  struct client *clients;
  struct client **idle;
  size_t idle_count;
  int64_t *waiting; /* ring of due times */
  uint64_t waiting_from, waiting_to;
  uint64_t answered, failed, closed, latency_count;
  uint32_t *latencies_us;
};

static void *zeroed(size_t count, size_t size) {
  void *p = calloc(count, size);
  if (p == NULL)
    bench_fail("calloc");
  return p;
}

static void connect_client(struct run *r, struct client *c) {
  c->fd = bench_connect((uint16_t)r->o->port, 5000);
  if (c->fd < 0 || fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
    bench_fail("connect");
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
  if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
    bench_fail("epoll_ctl");
  c->is_busy = false;
}

/* False when the connection failed. */
static bool send_more(struct run *r, struct client *c) {
  while (c->sent < r->request.length) {
    ssize_t n = send(c->fd, r->request.bytes + c->sent, r->request.length - c->sent, MSG_NOSIGNAL);
    if (n < 0)
      return errno == EAGAIN;
    c->sent += (size_t)n;
  }
  return true;
}

static void begin(struct run *r, struct client *c, int64_t due_ns) {
  c->is_busy = true;
  c->sent = 0;
  c->due_ns = due_ns;
  memset(&c->response, 0, offsetof(struct response, line));
  (void)send_more(r, c); /* a failure shows as the end of the connection */
}

/* The client is free: its next request, if there is one. */
static void next(struct run *r, struct client *c) {
  c->is_busy = false;
  if (!r->is_open)
    begin(r, c, bench_now_ns());
  else if (r->waiting_from < r->waiting_to)
    begin(r, c, r->waiting[r->waiting_from++ % WAITING_MAX]);
  else
    r->idle[r->idle_count++] = c;
}

static void finish(struct run *r, struct client *c) {
  r->answered++;
  if (c->response.status != (int)r->o->status) {
    if (r->failed++ == 0)
      (void)fprintf(stderr, "bench_load: first failed answer: status %d\n", c->response.status);
  } else if (r->is_measuring && r->latency_count < LATENCIES_MAX) {
    r->latencies_us[r->latency_count++] = (uint32_t)((bench_now_ns() - c->due_ns) / 1000);
  }
  if (c->response.closes) {
    r->closed++;
    (void)close(c->fd);
    connect_client(r, c);
  }
  next(r, c);
}

/* An idle connection may be closed by the server; one in use may not. */
static void reconnect(struct run *r, struct client *c) {
  bool was_busy = c->is_busy;
  if (was_busy && r->failed++ == 0)
    (void)fputs("bench_load: a connection ended within a request\n", stderr);
  (void)close(c->fd);
  connect_client(r, c);
  if (was_busy)
    next(r, c);
}

static void on_event(struct run *r, struct client *c) {
  static char bytes[65536];
  if (c->is_busy && !send_more(r, c)) {
    reconnect(r, c);
    return;
  }
  for (;;) {
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
    if (n < 0 && errno == EAGAIN)
      return;
    bool good = n > 0 && c->is_busy;
    size_t taken = good ? response_feed(&c->response, bytes, (size_t)n, &good) : 0;
    if (!good || taken != (size_t)n) {
      reconnect(r, c);
      return;
    }
    if (c->response.at == RESPONSE_AT_END) {
      finish(r, c);
      return;
    }
    if ((size_t)n < sizeof(bytes))
      return;
  }
}

static void wait_events(struct run *r, int64_t until_ns) {
  struct epoll_event events[128];
  int64_t left = until_ns - bench_now_ns();
  if (left < 0)
    left = 0;
  const struct timespec t = {left / 1000000000, left % 1000000000};
  int n = epoll_pwait2(r->epoll, events, 128, &t, NULL);
  for (int i = 0; i < n; i++)
    on_event(r, events[i].data.ptr);
}

static struct edge edge_now(const struct run *r) {
  return (struct edge){.at_ns = bench_now_ns(),
                       .cpu_ns = processes_cpu_ns(&r->o->gateway),
                       .answered = r->answered,
                       .allocations = r->o->counts != NULL ? r->o->counts[0] : 0,
                       .frees = r->o->counts != NULL ? r->o->counts[1] : 0};
}

/* Until the time, or until so many answers when that is not 0. */
static void run_closed(struct run *r, int64_t until_ns, uint64_t answers) {
  uint64_t stop_at = answers > 0 ? r->answered + answers : UINT64_MAX;
  while (r->answered < stop_at && bench_now_ns() < until_ns)
    wait_events(r, until_ns);
}

static void run_open(struct run *r, int64_t until_ns) {
  int64_t step = 1000000000 / (int64_t)r->o->rate, due = bench_now_ns() + step;
  while (due < until_ns) {
    for (int64_t now = bench_now_ns(); due <= now; due += step) {
      if (r->idle_count > 0)
        begin(r, r->idle[--r->idle_count], due);
      else if (r->waiting_to - r->waiting_from < WAITING_MAX)
        r->waiting[r->waiting_to++ % WAITING_MAX] = due;
      else
        r->failed++;
    }
    wait_events(r, due);
  }
}

static int compare_latency(const void *a, const void *b) {
  const uint32_t *x = a, *y = b;
  return *x < *y ? -1 : *x > *y;
}

static double percentile(const struct run *r, double share) {
  return r->latency_count == 0 ? 0 : r->latencies_us[(size_t)((double)(r->latency_count - 1) * share)];
}

static int report(struct run *r, const struct edge *from, const struct edge *to) {
  double requests = (double)(to->answered - from->answered);
  qsort(r->latencies_us, r->latency_count, sizeof(*r->latencies_us), compare_latency);
  printf("requests=%.0f failed=%" PRIu64 " closed=%" PRIu64
         " rps=%.0f cpu_us=%.3f p50_us=%.0f p90_us=%.0f p99_us=%.0f rss_kb=%.1f",
         requests, r->failed, r->closed, requests / ((double)(to->at_ns - from->at_ns) / 1e9),
         requests > 0 ? (double)(to->cpu_ns - from->cpu_ns) / requests / 1000 : 0, percentile(r, 0.5),
         percentile(r, 0.9), percentile(r, 0.99), (double)processes_rss_bytes(&r->o->gateway) / 1024);
  if (r->o->counts != NULL && requests > 0)
    printf(" allocations=%.2f frees=%.2f", (double)(to->allocations - from->allocations) / requests,
           (double)(to->frees - from->frees) / requests);
  printf("\n");
  return r->failed > 0 || requests < 1;
}

static void start(struct run *r, const struct load_options *o, bool is_open) {
  r->o = o;
  r->is_open = is_open;
  r->request = load_request_make(o, o->body_bytes, 0);
  r->clients = zeroed(o->connections, sizeof(*r->clients));
  r->idle = zeroed(o->connections, sizeof(struct client *));
  r->waiting = zeroed(WAITING_MAX, sizeof(*r->waiting));
  r->latencies_us = zeroed(LATENCIES_MAX, sizeof(*r->latencies_us));
  r->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (r->epoll < 0)
    bench_fail("epoll_create1");
  for (uint64_t i = 0; i < o->connections; i++)
    connect_client(r, &r->clients[i]);
  for (uint64_t i = 0; i < o->connections; i++)
    next(r, &r->clients[i]);
}

static int64_t in_ms(uint64_t ms) { return bench_now_ns() + (int64_t)ms * 1000000; }

int load_closed(const struct load_options *o) {
  static struct run r;
  start(&r, o, false);
  run_closed(&r, in_ms(o->warm_ms), 0);
  r.is_measuring = true;
  struct edge from = edge_now(&r);
  run_closed(&r, in_ms(o->requests > 0 ? 60000 : o->measure_ms), o->requests);
  struct edge to = edge_now(&r);
  return report(&r, &from, &to);
}

int load_open(const struct load_options *o) {
  static struct run r;
  start(&r, o, true);
  run_open(&r, in_ms(o->warm_ms));
  r.is_measuring = true;
  struct edge from = edge_now(&r);
  run_open(&r, in_ms(o->measure_ms));
  struct edge to = edge_now(&r);
  return report(&r, &from, &to);
}
