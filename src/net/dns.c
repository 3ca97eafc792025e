/* Names to addresses through the system's resolver, with a small cache.
 *
 * Called by the dialler. getaddrinfo blocks, so it runs on the offload pool, in a fiber of its own: whoever waits for a
 * name can give up at a deadline while the resolver goes on and fills the cache. One look-up a name and loop runs at a
 * time; the lock is held only to look at the tables. */
#include "net/dns.h"

#include "base/map.h"
#include "fiber/fiber.h"
#include "fiber/sync.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAMES      1024
#define NAME_MAX_BYTES 253
#define POSITIVE_US    (30 * 1000 * 1000)
#define NEGATIVE_US    (2 * 1000 * 1000)

/* What the resolver said: addresses without port, or why not. */
struct answer {
  struct addr addrs[DNS_MAX_ADDRS];
  size_t count;
  char failure[96];
};

struct entry {
  struct answer answer;
  int64_t expires_us;
};

/* A look-up in flight. Everything but the list links is touched on its loop only. */
struct query {
  struct query *next;
  struct dns *dns;
  struct loop *loop;
  char name[NAME_MAX_BYTES + 1];
  struct wait_queue waiters;
  bool is_done;
  size_t users;
  struct answer answer;
};

struct dns {
  struct offload *pool;
  pthread_mutex_t lock;
  struct map *cache; /* struct entry */
  struct query *running;
};

struct dns *dns_new(struct offload *pool) {
  struct dns *d = calloc(1, sizeof(*d));
  if (d == NULL || pthread_mutex_init(&d->lock, NULL) != 0)
    abort();
  d->pool = pool;
  d->cache = map_new(MAX_NAMES);
  return d;
}

void dns_free(struct dns *d) {
  if (d == NULL)
    return;
  size_t cursor = 0;
  struct text name;
  void *entry = NULL;
  while (map_next(d->cache, &cursor, &name, &entry))
    free(entry);
  map_free(d->cache);
  pthread_mutex_destroy(&d->lock);
  free(d);
}

static const char *failure_text(int code, char *out, size_t cap) {
  switch (code) {
  case EAI_NONAME:
#ifdef EAI_NODATA
  case EAI_NODATA:
#endif
    return "there is no such host";
  case EAI_AGAIN: return "the name servers do not answer";
  case EAI_SYSTEM: return strerror_r(errno, out, cap);
  default: return gai_strerror(code);
  }
}

/* The next address of that family at or behind *at, or NULL. */
static const struct addrinfo *next_of(const struct addrinfo *at, int family) {
  while (at != NULL && (at->ai_family != family || at->ai_addrlen > sizeof(struct sockaddr_storage)))
    at = at->ai_next;
  return at;
}

/* The resolver's order within a family, families taking turns, IPv6 first. */
static void interleave(const struct addrinfo *list, struct answer *out) {
  const struct addrinfo *of[2] = {next_of(list, AF_INET6), next_of(list, AF_INET)};
  static const int family[2] = {AF_INET6, AF_INET};
  for (size_t turn = 0; out->count < DNS_MAX_ADDRS && (of[0] != NULL || of[1] != NULL); turn ^= 1) {
    const struct addrinfo *a = of[turn];
    if (a == NULL)
      continue;
    struct addr *to = &out->addrs[out->count++];
    *to = (struct addr){.len = a->ai_addrlen};
    memcpy(&to->as, a->ai_addr, a->ai_addrlen);
    of[turn] = next_of(a->ai_next, family[turn]);
  }
}

/* On a thread of the pool. */
static enum err ask_resolver(void *arg) {
  struct query *q = arg;
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
  char why[sizeof(q->answer.failure)] = "";
  int code = getaddrinfo(q->name, NULL, &hints, &list);
  if (code == 0) {
    interleave(list, &q->answer);
    freeaddrinfo(list);
  }
  if (q->answer.count == 0)
    (void)snprintf(q->answer.failure, sizeof(q->answer.failure), "%s",
                   failure_text(code == 0 ? EAI_NONAME : code, why, sizeof(why)));
  return ERR_OK;
}

/* Makes room: what has expired goes, or else any one entry. */
static void cache_trim(struct dns *d, int64_t now_us) {
  size_t cursor = 0, count = 0;
  struct text name, victims[64] = {TEXT_NONE};
  void *value = NULL;
  while (count < 64 && map_next(d->cache, &cursor, &name, &value)) {
    const struct entry *e = value;
    if (count == 0 || e->expires_us <= now_us)
      victims[count++] = name;
  }
  for (size_t i = 0; i < count; i++) {
    char copy[NAME_MAX_BYTES];
    memcpy(copy, victims[i].at, victims[i].len);
    free(map_remove(d->cache, (struct text){copy, victims[i].len}));
  }
}

static void cache_put(struct dns *d, struct text name, const struct answer *answer) {
  struct entry *e = malloc(sizeof(*e));
  void *old = NULL;
  int64_t now_us = loop_clock_us();
  if (e == NULL)
    abort();
  e->answer = *answer;
  e->expires_us = now_us + (answer->count > 0 ? POSITIVE_US : NEGATIVE_US);
  if (map_count(d->cache) >= MAX_NAMES && map_get(d->cache, name) == NULL)
    cache_trim(d, now_us);
  if (map_set(d->cache, name, e, &old) != ERR_OK)
    old = e;
  free(old);
}

static bool cache_get(struct dns *d, struct text name, struct answer *out) {
  pthread_mutex_lock(&d->lock);
  const struct entry *e = map_get(d->cache, name);
  bool is_fresh = e != NULL && e->expires_us > loop_clock_us();
  if (is_fresh)
    *out = e->answer;
  pthread_mutex_unlock(&d->lock);
  return is_fresh;
}

static void query_leave(struct query *q) {
  if (--q->users == 0)
    free(q);
}

static void query_unlink(struct query *q) {
  struct query **at = &q->dns->running;
  while (*at != q)
    at = &(*at)->next;
  *at = q->next;
}

static void run_query(void *arg) {
  struct query *q = arg;
  struct dns *d = q->dns;
  enum err e = offload_call(d->pool, ask_resolver, q);
  if (e != ERR_OK)
    (void)snprintf(q->answer.failure, sizeof(q->answer.failure), "too many look-ups are waiting");
  pthread_mutex_lock(&d->lock);
  query_unlink(q);
  if (e == ERR_OK)
    cache_put(d, text_of(q->name), &q->answer);
  pthread_mutex_unlock(&d->lock);
  q->is_done = true;
  wait_queue_wake_all(&q->waiters);
  query_leave(q);
}

/* The running look-up of this loop for that name, or a new one. NULL when no fiber can be had. */
static struct query *query_join(struct dns *d, struct loop *loop, struct text name) {
  pthread_mutex_lock(&d->lock);
  struct query *q = d->running;
  while (q != NULL && (q->loop != loop || !text_equal(text_of(q->name), name)))
    q = q->next;
  pthread_mutex_unlock(&d->lock);
  if (q != NULL) {
    q->users++;
    return q;
  }
  q = calloc(1, sizeof(*q));
  if (q == NULL)
    abort();
  q->dns = d;
  q->loop = loop;
  q->users = 2;
  memcpy(q->name, name.at, name.len);
  pthread_mutex_lock(&d->lock);
  q->next = d->running;
  d->running = q;
  pthread_mutex_unlock(&d->lock);
  if (fiber_start(loop, run_query, q, NULL) == ERR_OK)
    return q;
  pthread_mutex_lock(&d->lock);
  query_unlink(q);
  pthread_mutex_unlock(&d->lock);
  free(q);
  return NULL;
}

static enum err ask(struct dns *d, struct text name, int64_t deadline_us, struct answer *out, struct fault *f) {
  struct query *q = query_join(d, loop_current(), name);
  enum err e = ERR_OK;
  if (q == NULL)
    return fault_set(f, ERR_DNS, NULL, "look up %.*s: too many fibers are running", TEXT_ARGS(name));
  while (!q->is_done && e == ERR_OK)
    e = wait_queue_wait(&q->waiters, deadline_us);
  if (e == ERR_OK)
    *out = q->answer;
  query_leave(q);
  if (e == ERR_TIMEOUT)
    return fault_set(f, e, NULL, "look up %.*s: timed out", TEXT_ARGS(name));
  return e;
}

enum err dns_lookup(struct dns *d, struct text host, uint16_t port, int64_t deadline_us, struct addr out[DNS_MAX_ADDRS],
                    size_t *out_count, struct fault *f) {
  struct answer answer;
  if (addr_from_ip(host, port, &out[0])) {
    *out_count = 1;
    return ERR_OK;
  }
  if (host.len == 0 || host.len > NAME_MAX_BYTES || text_find_char(host, '\0') >= 0)
    return fault_set(f, ERR_DNS, NULL, "\"%.*s\" is not a host name", TEXT_ARGS(text_head(host, 100)));
  if (!cache_get(d, host, &answer)) {
    answer = (struct answer){.count = 0};
    enum err e = ask(d, host, deadline_us, &answer, f);
    if (e != ERR_OK)
      return e;
  }
  if (answer.count == 0)
    return fault_set(f, ERR_DNS, NULL, "look up %.*s: %s", TEXT_ARGS(host), answer.failure);
  for (size_t i = 0; i < answer.count; i++) {
    out[i] = answer.addrs[i];
    addr_set_port(&out[i], port);
  }
  *out_count = answer.count;
  return ERR_OK;
}
