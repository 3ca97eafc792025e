/* A real Redis Cluster for tests: servers of redis_server.h that know each other, each primary with its share of the
 * slots. Slots can be moved by hand, and primaries have replicas where that is asked for. */
#ifndef SUPPORT_REDIS_CLUSTER_H
#define SUPPORT_REDIS_CLUSTER_H

#include "support/redis_server.h"

#include <sys/time.h>

#define REDIS_CLUSTER_MAX 6

struct redis_cluster {
  struct redis_server nodes[REDIS_CLUSTER_MAX]; /* primaries, then as many replicas or none */
  size_t primaries, count;
};

/* One command as a line; what is answered goes into out, as far as it fits and comes at once, as text. Waits. */
static inline const char *redis_tell(const struct redis_server *s, const char *line, char *out, size_t cap) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(s->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const struct timeval patience = {.tv_sec = 10};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
  assert_int_equal(send(fd, line, strlen(line), MSG_NOSIGNAL), (ssize_t)strlen(line));
  assert_int_equal(send(fd, "\r\n", 2, MSG_NOSIGNAL), 2);
  ssize_t n = recv(fd, out, cap - 1, 0);
  out[n > 0 ? n : 0] = 0;
  close(fd);
  return out;
}

/* The command must succeed. */
static inline void redis_must(const struct redis_server *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline void redis_must(const struct redis_server *s, const char *format, ...) {
  char line[400], answer[400];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  if (redis_tell(s, line, answer, sizeof(answer))[0] == '-' || answer[0] == 0)
    fail_msg("%s: %s", line, answer);
}

/* Until the answer to the command has the text in it. */
static inline void redis_await(const struct redis_server *s, const char *line, const char *expected) {
  char answer[3000] = "";
  for (int i = 0; i < 3000; i++) {
    if (strstr(redis_tell(s, line, answer, sizeof(answer)), expected))
      return;
    (void)poll(NULL, 0, 10);
  }
  fail_msg("%s: never \"%s\": %s", line, expected, answer);
}

/* Its id in the cluster, without line ends. */
static inline void redis_id(const struct redis_server *s, char out[64]) {
  char answer[200];
  const char *at = strchr(redis_tell(s, "CLUSTER MYID", answer, sizeof(answer)), '\n');
  assert_non_null(at);
  (void)snprintf(out, 64, "%.40s", at + 1);
}

static inline void redis_cluster_await(const struct redis_cluster *c) {
  char known[64];
  (void)snprintf(known, sizeof(known), "cluster_known_nodes:%zu", c->count);
  for (size_t i = 0; i < c->count; i++) {
    redis_await(&c->nodes[i], "CLUSTER INFO", known);
    redis_await(&c->nodes[i], "CLUSTER INFO", "cluster_state:ok");
    redis_await(&c->nodes[i], "CLUSTER INFO", "cluster_slots_ok:16384");
  }
}

/* extra: further arguments of every node, NULL at the end; at most 8. */
static inline void redis_cluster_start(struct redis_cluster *c, size_t primaries, bool with_replicas,
                                       const char *const *extra) {
  const char *arguments[20] = {"--cluster-enabled",          "yes", "--cluster-node-timeout", "1500",
                               "--repl-diskless-sync-delay", "0"};
  size_t n = 6;
  for (size_t i = 0; extra && extra[i] && n < 19; i++)
    arguments[n++] = extra[i];
  *c = (struct redis_cluster){.primaries = primaries, .count = with_replicas ? 2 * primaries : primaries};
  for (size_t i = 0; i < c->count; i++)
    redis_server_start(&c->nodes[i], arguments);
  for (size_t i = 0; i < primaries; i++) {
    redis_must(&c->nodes[i], "CLUSTER SET-CONFIG-EPOCH %zu", i + 1);
    redis_must(&c->nodes[i], "CLUSTER ADDSLOTSRANGE %zu %zu", i * 16384 / primaries, (i + 1) * 16384 / primaries - 1);
  }
  for (size_t i = 1; i < c->count; i++)
    redis_must(&c->nodes[i], "CLUSTER MEET 127.0.0.1 %u", c->nodes[0].port);
  redis_cluster_await(c);
  for (size_t i = primaries; i < c->count; i++) {
    char id[64];
    redis_id(&c->nodes[i - primaries], id);
    redis_await(&c->nodes[i], "CLUSTER NODES", id);
    redis_must(&c->nodes[i], "CLUSTER REPLICATE %s", id);
  }
  for (size_t i = primaries; i < c->count; i++)
    redis_await(&c->nodes[i], "INFO replication", "master_link_status:up");
}

static inline void redis_cluster_end(struct redis_cluster *c) {
  for (size_t i = 0; i < c->count; i++)
    redis_server_end(&c->nodes[i]);
}

/* Which primary has the slot at the start. */
static inline size_t redis_cluster_owner(const struct redis_cluster *c, unsigned slot) {
  size_t i = 0;
  while (slot >= (i + 1) * 16384 / c->primaries)
    i++;
  return i;
}

/* The slot is on its way: keys that are not at `from` any more are asked of `to`. */
static inline void redis_cluster_begin_move(const struct redis_cluster *c, unsigned slot, size_t from, size_t to) {
  char from_id[64], to_id[64];
  redis_id(&c->nodes[from], from_id);
  redis_id(&c->nodes[to], to_id);
  redis_must(&c->nodes[to], "CLUSTER SETSLOT %u IMPORTING %s", slot, from_id);
  redis_must(&c->nodes[from], "CLUSTER SETSLOT %u MIGRATING %s", slot, to_id);
}

/* The last step of what redis_cluster_begin_move has begun; no key of the slot may be left at `from`. */
static inline void redis_cluster_end_move(const struct redis_cluster *c, unsigned slot, size_t to) {
  char to_id[64];
  redis_id(&c->nodes[to], to_id);
  redis_must(&c->nodes[to], "CLUSTER SETSLOT %u NODE %s", slot, to_id);
  for (size_t i = 0; i < c->primaries; i++)
    redis_must(&c->nodes[i], "CLUSTER SETSLOT %u NODE %s", slot, to_id);
}

/* The whole move of a slot without keys. */
static inline void redis_cluster_move(const struct redis_cluster *c, unsigned slot, size_t from, size_t to) {
  redis_cluster_begin_move(c, slot, from, to);
  redis_cluster_end_move(c, slot, to);
}

#endif
