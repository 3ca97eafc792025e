/* Follows the live feed of requests: signs in, opens a number of streams, prints "ready", and reads until its standard
 * input ends; then prints what came. With --stalled it never reads, as a client that hangs. feed.sh runs it beside
 * bench_load; it decides nothing. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "response.h"

#define ANSWER_MAX    16384
#define OPEN_LIMIT_NS INT64_C(20000000000)
#define DROPPED_NAME  "{\"count\":" /* of an event `dropped` */

struct follower {
  int fd;
  bool has_ended;
  struct response response;
  size_t matched; /* of DROPPED_NAME */
  uint64_t number;
};

struct crowd {
  struct follower *followers;
  uint64_t count, answered, refused, ended, dropped, dropped_events;
  int epoll;
};

static int connect_to(uint64_t port) {
  int fd = bench_connect((uint16_t)port, 5000);
  if (fd < 0)
    bench_fail("connect");
  return fd;
}

static void send_all(int fd, const char *bytes, size_t length) {
  if (send(fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
    bench_fail("send");
}

/* The cookie of a session, as "NAME=VALUE". */
static char *sign_in(uint64_t port, const char *email, const char *password) {
  static char answer[ANSWER_MAX], body[512], request[1024];
  int length = snprintf(body, sizeof(body), "{\"email\":\"%s\",\"password\":\"%s\"}", email, password);
  int whole = snprintf(request, sizeof(request),
                       "POST /auth/login HTTP/1.1\r\nhost: 127.0.0.1:%" PRIu64 "\r\nconnection: close\r\n"
                       "content-type: application/json\r\ncontent-length: %d\r\n\r\n%s",
                       port, length, body);
  int fd = connect_to(port);
  send_all(fd, request, (size_t)whole);
  size_t got = 0;
  for (ssize_t n = 1; n > 0 && got<sizeof(answer) - 1; got += n> 0 ? (size_t)n : 0)
    n = recv(fd, answer + got, sizeof(answer) - 1 - got, 0);
  (void)close(fd);
  char *cookie = strstr(answer, "weir_access=");
  char *end = cookie != NULL ? strchr(cookie, ';') : NULL;
  if (end == NULL) {
    (void)fprintf(stderr, "bench_follow: cannot sign in: %.300s\n", answer);
    exit(1);
  }
  *end = '\0';
  return cookie;
}

/* The number behind the name, across reads and chunks (no chunk begins within an event's number: events are whole). */
static void count_dropped(struct crowd *w, struct follower *f, const char *bytes, size_t length) {
  static const char name[] = DROPPED_NAME;
  for (size_t i = 0; i < length; i++) {
    char c = bytes[i];
    if (f->matched == sizeof(name) - 1 && c >= '0' && c <= '9') {
      f->number = f->number * 10 + (uint64_t)(c - '0');
      continue;
    }
    if (f->matched == sizeof(name) - 1) {
      w->dropped += f->number;
      w->dropped_events++;
      f->matched = f->number = 0;
    }
    f->matched = c == name[f->matched] ? f->matched + 1 : c == name[0];
  }
}

static void on_bytes(struct crowd *w, struct follower *f) {
  static char bytes[65536];
  ssize_t n = recv(f->fd, bytes, sizeof(bytes), 0);
  if (n < 0 && errno == EAGAIN)
    return;
  int before = f->response.status;
  bool good = n > 0;
  if (good) {
    (void)response_feed(&f->response, bytes, (size_t)n, &good);
    count_dropped(w, f, bytes, (size_t)n);
  }
  if (before == 0 && f->response.status == 200)
    w->answered++;
  if (before == 0 && f->response.status != 0 && f->response.status != 200)
    w->refused++;
  if (good && f->response.at != RESPONSE_AT_END)
    return;
  w->ended += f->response.status == 200;
  f->has_ended = true;
  (void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, f->fd, NULL);
}

static void open_all(struct crowd *w, uint64_t port, const char *cookie, bool is_stalled) {
  static char request[8192];
  int length =
      snprintf(request, sizeof(request),
               "GET /api/v1/requests/live HTTP/1.1\r\nhost: 127.0.0.1:%" PRIu64 "\r\ncookie: %s\r\n\r\n", port, cookie);
  for (uint64_t i = 0; i < w->count; i++) {
    struct follower *f = &w->followers[i];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = f};
    f->fd = connect_to(port);
    int little = 4096;
    if (is_stalled)
      (void)setsockopt(f->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
    if (fcntl(f->fd, F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, f->fd, &event) != 0)
      bench_fail("open");
    send_all(f->fd, request, (size_t)length);
  }
}

/* One round of waiting; false when standard input has ended. */
static bool wait_some(struct crowd *w) {
  struct epoll_event events[256];
  int n = epoll_wait(w->epoll, events, 256, 100);
  for (int i = 0; i < n; i++) {
    char byte;
    if (events[i].data.ptr != NULL)
      on_bytes(w, events[i].data.ptr);
    else if (read(STDIN_FILENO, &byte, 1) <= 0)
      return false;
  }
  return true;
}

static void await_answers(struct crowd *w) {
  int64_t until = bench_now_ns() + OPEN_LIMIT_NS;
  while (w->answered + w->refused < w->count && bench_now_ns() < until)
    (void)wait_some(w);
  if (w->answered + w->refused < w->count)
    bench_fail("the streams were not answered");
}

/* What was sent and not read yet belongs to the result of those who read. */
static void drain(struct crowd *w) {
  int64_t until = bench_now_ns() + 300000000;
  while (bench_now_ns() < until)
    (void)wait_some(w);
}

static void report(struct crowd *w) {
  uint64_t events = 0;
  for (uint64_t i = 0; i < w->count; i++)
    events += w->followers[i].response.events;
  /* Each stream begins with the time after which to come again, which is no row. */
  uint64_t others = w->answered + w->dropped_events;
  printf("followers=%" PRIu64 " refused=%" PRIu64 " ended=%" PRIu64 " rows=%" PRIu64 " dropped=%" PRIu64 "\n",
         w->answered, w->refused, w->ended, events > others ? events - others : 0, w->dropped);
}

int main(int argc, char **argv) {
  uint64_t port = 0, followers = 1, stalled = 0;
  const char *email = "bench@example.com", *password = "";
  const struct bench_option options[] = {{"--port", &port, 65535, NULL},
                                         {"--followers", &followers, 1024, NULL},
                                         {"--stalled", &stalled, 1, NULL},
                                         {"--email", NULL, 0, &email},
                                         {"--password", NULL, 0, &password}};
  bench_options(argc, argv, 1, options, sizeof(options) / sizeof(options[0]));
  struct crowd w = {.count = followers, .epoll = epoll_create1(EPOLL_CLOEXEC)};
  struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
  w.followers = calloc(followers + 1, sizeof(*w.followers));
  if (w.followers == NULL || w.epoll < 0)
    bench_fail("start");
  open_all(&w, port, sign_in(port, email, password), stalled != 0);
  await_answers(&w);
  (void)printf("ready followers=%" PRIu64 " refused=%" PRIu64 "\n", w.answered, w.refused);
  (void)fflush(stdout);
  char byte;
  if (stalled != 0)
    while (read(STDIN_FILENO, &byte, 1) > 0)
      continue;
  if (epoll_ctl(w.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0 && stalled == 0)
    bench_fail("standard input");
  while (stalled == 0 && wait_some(&w))
    continue;
  (void)epoll_ctl(w.epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
  if (stalled == 0)
    drain(&w);
  report(&w);
  free(w.followers);
  return 0;
}
