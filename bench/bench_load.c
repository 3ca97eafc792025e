/* The load generator: one thread, epoll, keep-alive. Sends Anthropic requests and reads, at the edges of the measured
 * window, what the gateway's processes have used. `bench_load closed|open|streams|ports`; README.md has the options.
 * Decides nothing about what is compared: run.sh does. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common.h"
#include "load.h"

static const char usage[] =
    "usage: bench_load closed|open|streams --port N [--connections N] [--body BYTES] [--pids N,N]\n"
    "         [--warm MS] [--measure MS] [--requests N] [--rate N] [--spacing MS] [--counts FILE] [--model NAME]\n"
    "         [--status N]\n"
    "       bench_load ports --count N\n";

struct load_request load_request_make(const struct load_options *o, uint64_t body_bytes, uint64_t streamed_events) {
  static const char words[] =
      "  if (node->left != NULL) {\\n\\tprintf(\\\"%s: %d\\\", name, size);\\n  } // keep going ";
  char front[512], head[512];
  int front_length = snprintf(front, sizeof(front),
                              "{\"model\":\"%s\",\"max_tokens\":%" PRIu64 "%s,"
                              "\"metadata\":{\"user_id\":\"spacing-%" PRIu64 "\"},"
                              "\"messages\":[{\"role\":\"user\",\"content\":\"",
                              o->model, streamed_events > 0 ? streamed_events : 200,
                              streamed_events > 0 ? ",\"stream\":true" : "", o->spacing_ms);
  static const char back[] = "\"}]}";
  size_t fixed = (size_t)front_length + sizeof(back) - 1, text = body_bytes > fixed ? (size_t)body_bytes - fixed : 1;
  int head_length = snprintf(head, sizeof(head),
                             "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1:%" PRIu64 "\r\n"
                             "x-api-key: bench-key-0123456789abcdef0123456789abcdef\r\n"
                             "anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n"
                             "accept: application/json\r\nuser-agent: weir-bench\r\ncontent-length: %zu\r\n\r\n",
                             o->port, fixed + text);
  struct load_request r = {.bytes = malloc((size_t)head_length + fixed + text + 1), .length = 0};
  if (r.bytes == NULL)
    bench_fail("malloc");
  char *at = stpcpy(stpcpy(r.bytes, head), front);
  /* Whole copies, so that no escape is cut; then spaces. */
  size_t filled = 0;
  for (; filled + sizeof(words) - 1 <= text; filled += sizeof(words) - 1)
    at = stpcpy(at, words);
  memset(at, ' ', text - filled);
  at = stpcpy(at + (text - filled), back);
  r.length = (size_t)(at - r.bytes);
  return r;
}

/* Prints ports that were free a moment ago, all different. */
static int print_ports(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    uint16_t port;
    (void)bench_listen(0, &port);
    printf("%u\n", port);
  }
  return 0;
}

static const uint64_t *map_counts(const char *path) {
  if (*path == '\0')
    return NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    bench_fail(path);
  void *map = mmap(NULL, 2 * sizeof(uint64_t), PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED)
    bench_fail("mmap");
  (void)close(fd);
  return map;
}

int main(int argc, char **argv) {
  struct load_options o = {.model = "claude-bench",
                           .connections = 32,
                           .body_bytes = 1024,
                           .warm_ms = 300,
                           .measure_ms = 1500,
                           .rate = 1000,
                           .spacing_ms = 20,
                           .status = 200};
  uint64_t count = 1;
  const char *pids = "", *counts = "";
  const struct bench_option options[] = {
      {"--port", &o.port, 65535, NULL},
      {"--connections", &o.connections, 9000, NULL},
      {"--body", &o.body_bytes, 1 << 24, NULL},
      {"--pids", NULL, 0, &pids},
      {"--warm", &o.warm_ms, 60000, NULL},
      {"--measure", &o.measure_ms, 60000, NULL},
      {"--requests", &o.requests, 1000000, NULL},
      {"--rate", &o.rate, 100000, NULL},
      {"--spacing", &o.spacing_ms, 1000, NULL},
      {"--counts", NULL, 0, &counts},
      {"--model", NULL, 0, &o.model},
      {"--status", &o.status, 599, NULL},
      {"--count", &count, 64, NULL},
  };
  bench_options(argc, argv, 2, options, sizeof(options) / sizeof(options[0]));
  if (argc < 2 || o.connections == 0 || o.rate == 0) {
    (void)fputs(usage, stderr);
    return 2;
  }
  if (strcmp(argv[1], "ports") == 0)
    return print_ports(count);
  /* A request due in 50 us must not be sent 50 us late. */
  (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  bench_allow_descriptors(o.connections + 64);
  o.gateway = processes_parse(pids);
  o.counts = map_counts(counts);
  if (strcmp(argv[1], "closed") == 0)
    return load_closed(&o);
  if (strcmp(argv[1], "open") == 0)
    return load_open(&o);
  if (strcmp(argv[1], "streams") == 0)
    return load_streams(&o);
  (void)fputs(usage, stderr);
  return 2;
}
