/* Clock, loopback sockets and options of the bench programs. Knows nothing of what is measured.
 * Called by every program of this folder. */
#include "common.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void bench_fail(const char *what) {
  (void)fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
  exit(1);
}

static void refuse(const char *name, const char *why) {
  (void)fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, name, why);
  exit(2);
}

static void set_option(const struct bench_option *o, const char *value) {
  if (o->text != NULL) {
    *o->text = value;
    return;
  }
  char *end;
  errno = 0;
  unsigned long long number = strtoull(value, &end, 10);
  if (errno != 0 || end == value || *end != '\0' || *value == '-' || number > o->max)
    refuse(o->name, "not a number in range");
  *o->number = number;
}

void bench_options(int argc, char **argv, int first, const struct bench_option *options, size_t count) {
  for (int i = first; i < argc; i += 2) {
    size_t k = 0;
    while (k < count && strcmp(options[k].name, argv[i]) != 0)
      k++;
    if (k == count)
      refuse(argv[i], "unknown option");
    if (i + 1 == argc)
      refuse(argv[i], "wants a value");
    set_option(&options[k], argv[i + 1]);
  }
}

int64_t bench_now_ns(void) {
  struct timespec t;
  if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
    bench_fail("clock_gettime");
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct sockaddr_in loopback(uint16_t port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

int bench_listen(uint16_t port, uint16_t *out_port) {
  const int on = 1;
  struct sockaddr_in at = loopback(port);
  socklen_t length = sizeof(at);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
    bench_fail("socket");
  if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0)
    bench_fail("bind");
  if (getsockname(fd, (struct sockaddr *)&at, &length) != 0)
    bench_fail("getsockname");
  *out_port = ntohs(at.sin_port);
  return fd;
}

static int connect_once(uint16_t port) {
  const int on = 1;
  struct sockaddr_in at = loopback(port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    bench_fail("socket");
  if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0)
    return fd;
  (void)close(fd);
  return -1;
}

int bench_connect(uint16_t port, int wait_ms) {
  int64_t until = bench_now_ns() + (int64_t)wait_ms * 1000000;
  int fd = connect_once(port);
  while (fd < 0 && bench_now_ns() < until) {
    (void)poll(NULL, 0, 5);
    fd = connect_once(port);
  }
  return fd;
}

void bench_allow_descriptors(uint64_t needed) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    bench_fail("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (limit.rlim_max < needed || setrlimit(RLIMIT_NOFILE, &limit) != 0)
    refuse("descriptors", "this machine allows too few open files");
}
