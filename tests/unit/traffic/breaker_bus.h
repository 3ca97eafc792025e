/* For tests: replicas in one process. Each is a table of breakers with a clock of its own; a bus carries what they tell
 * each other, at once or late, in any order and some of it twice, and keeps the leases of the right to probe. */
#ifndef BREAKER_BUS_H
#define BREAKER_BUS_H

#include "traffic/breakers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#define BUS_REPLICAS   3
#define BUS_LEASES     4
#define BUS_QUEUE      1024
#define BUS_NAME_BYTES 32

struct bus;
struct replica {
  struct breaker_share share; /* first: the share is the replica */
  struct bus *bus;
  struct breakers *all;
  int64_t clock_ahead_us;
  bool is_cut_off; /* nothing leaves it and nothing arrives */
};
enum bus_kind { BUS_NEWS, BUS_CLAIM, BUS_GRANT, BUS_RELEASE };
struct bus_message {
  enum bus_kind kind;
  size_t to; /* of news and grants */
  struct breaker_news news;
  struct breaker_claim claim;
  char names[3][BUS_NAME_BYTES], reasons[2][BREAKER_REASON_BYTES];
  int64_t sent_us;
};
struct bus_lease {
  bool is_taken;
  struct breaker_name name;
  char names[3][BUS_NAME_BYTES];
  struct breaker_claim claim; /* the newest that was granted, without its name */
  int64_t until_us;
};
struct bus {
  pthread_mutex_t lock; /* of the leases */
  _Atomic int64_t now_us;
  bool is_late; /* messages wait in the queue */
  struct replica replicas[BUS_REPLICAS];
  struct bus_lease leases[BUS_LEASES];
  struct bus_message queue[BUS_QUEUE];
  size_t queued;
  uint64_t next_replica, claims, grants;
};

static inline int64_t bus_time(const struct replica *r) { return r->bus->now_us + r->clock_ahead_us; }

static inline struct text bus_keep(char *place, size_t size, struct text t) {
  assert_in_range(t.len, 0, size - 1);
  if (t.len > 0)
    memcpy(place, t.at, t.len);
  place[t.len] = 0;
  return (struct text){place, t.len};
}
static inline struct breaker_name bus_keep_name(char names[3][BUS_NAME_BYTES], const struct breaker_name *n) {
  return (struct breaker_name){bus_keep(names[0], BUS_NAME_BYTES, n->provider),
                               bus_keep(names[1], BUS_NAME_BYTES, n->endpoint),
                               bus_keep(names[2], BUS_NAME_BYTES, n->credential)};
}

static inline bool bus_same_name(const struct breaker_name *a, const struct breaker_name *b) {
  return text_equal(a->provider, b->provider) && text_equal(a->endpoint, b->endpoint) &&
         text_equal(a->credential, b->credential);
}

/* The lease of that name; a name that is new takes the first free one. With the lock held. */
static inline struct bus_lease *bus_lease_of(struct bus *bus, const struct breaker_claim *c) {
  for (size_t i = 0; i < BUS_LEASES; i++) {
    struct bus_lease *l = &bus->leases[i];
    if (!l->is_taken) {
      l->is_taken = true;
      l->name = bus_keep_name(l->names, &c->name);
    }
    if (bus_same_name(&l->name, &c->name))
      return l;
  }
  fail_msg("no lease is left");
  return NULL;
}

static inline int bus_compare(struct breaker_version a, struct breaker_version b) {
  if (a.count != b.count)
    return a.count < b.count ? -1 : 1;
  return a.replica == b.replica ? 0 : a.replica < b.replica ? -1 : 1;
}

static inline bool bus_grants(struct bus *bus, const struct breaker_claim *c) {
  pthread_mutex_lock(&bus->lock);
  struct bus_lease *l = bus_lease_of(bus, c);
  int order = bus_compare(c->version, l->claim.version);
  bool grants = order > 0 || (order == 0 && (bus->now_us >= l->until_us || l->claim.replica == c->replica));
  if (grants) {
    l->claim = *c;
    l->until_us = bus->now_us + c->hold_us;
    bus->grants++;
  }
  bus->claims++;
  pthread_mutex_unlock(&bus->lock);
  return grants;
}

static inline void bus_frees(struct bus *bus, const struct breaker_claim *c) {
  pthread_mutex_lock(&bus->lock);
  struct bus_lease *l = bus_lease_of(bus, c);
  if (bus_compare(c->version, l->claim.version) == 0 && l->claim.replica == c->replica &&
      l->claim.asked_us == c->asked_us)
    l->until_us = bus->now_us;
  pthread_mutex_unlock(&bus->lock);
}

static inline size_t bus_place_of(struct bus *bus, uint64_t replica) {
  size_t i = 0;
  while (i < BUS_REPLICAS && bus->replicas[i].share.replica != replica)
    i++;
  return i; /* BUS_REPLICAS: gone */
}

static inline void bus_send(struct bus *bus, const struct bus_message *m);

static inline void bus_deliver(struct bus *bus, const struct bus_message *m) {
  struct replica *to = m->to < BUS_REPLICAS ? &bus->replicas[m->to] : NULL;
  bool arrives = to && to->all && !to->is_cut_off;
  if (m->kind == BUS_NEWS && arrives)
    breakers_hear(to->all, &m->news, bus_time(to));
  if (m->kind == BUS_GRANT && arrives)
    breakers_granted(to->all, &m->claim, bus_time(to));
  if (m->kind == BUS_RELEASE)
    bus_frees(bus, &m->claim);
  if (m->kind == BUS_CLAIM && bus_grants(bus, &m->claim)) {
    struct bus_message grant = {.kind = BUS_GRANT, .to = bus_place_of(bus, m->claim.replica), .claim = m->claim};
    bus_send(bus, &grant);
  }
}

/* Points the texts at the message's own copies. */
static inline void bus_own(struct bus_message *m) {
  m->news.name = (struct breaker_name){text_of(m->names[0]), text_of(m->names[1]), text_of(m->names[2])};
  m->claim.name = m->news.name;
  m->news.reason = text_of(m->reasons[0]);
  m->news.force_reason = text_of(m->reasons[1]);
}

static inline void bus_send(struct bus *bus, const struct bus_message *m) {
  if (!bus->is_late) {
    bus_deliver(bus, m);
    return;
  }
  assert_in_range(bus->queued, 0, BUS_QUEUE - 1);
  struct bus_message *q = &bus->queue[bus->queued++];
  *q = *m;
  q->sent_us = bus->now_us;
  bus_keep_name(q->names, m->kind == BUS_NEWS ? &m->news.name : &m->claim.name);
  bus_keep(q->reasons[0], BREAKER_REASON_BYTES, m->news.reason);
  bus_keep(q->reasons[1], BREAKER_REASON_BYTES, m->news.force_reason);
}

/* Delivers the i-th that waits; twice: it stays there to come again. */
static inline void bus_take(struct bus *bus, size_t i, bool twice) {
  struct bus_message m = bus->queue[i];
  bus_own(&m);
  if (!twice)
    memmove(&bus->queue[i], &bus->queue[i + 1], (--bus->queued - i) * sizeof(m));
  bus_deliver(bus, &m);
}

/* Everything that waits, oldest first. */
static inline void bus_settle(struct bus *bus) {
  while (bus->queued > 0)
    bus_take(bus, 0, false);
}

static inline void bus_tell(struct breaker_share *self, const struct breaker_news *news) {
  struct replica *r = (struct replica *)(void *)self;
  for (size_t i = 0; i < BUS_REPLICAS && !r->is_cut_off; i++) {
    struct bus_message m = {.kind = BUS_NEWS, .to = i, .news = *news};
    if (&r->bus->replicas[i] != r)
      bus_send(r->bus, &m);
  }
}
static inline void bus_claim(struct breaker_share *self, const struct breaker_claim *claim) {
  struct replica *r = (struct replica *)(void *)self;
  struct bus_message m = {.kind = BUS_CLAIM, .claim = *claim};
  if (!r->is_cut_off)
    bus_send(r->bus, &m);
}
static inline void bus_release(struct breaker_share *self, const struct breaker_claim *claim) {
  struct replica *r = (struct replica *)(void *)self;
  struct bus_message m = {.kind = BUS_RELEASE, .claim = *claim};
  if (!r->is_cut_off)
    bus_send(r->bus, &m);
}

/* A replica starts at place i, knowing nothing. */
static inline struct replica *bus_start(struct bus *bus, size_t i) {
  struct replica *r = &bus->replicas[i];
  *r = (struct replica){
      .share = {.replica = ++bus->next_replica, .tell = bus_tell, .claim = bus_claim, .release = bus_release},
      .bus = bus,
      .clock_ahead_us = (int64_t)(bus->next_replica * 7919 % 1000) * INT64_C(1000000007) - INT64_C(300000000000)};
  r->all = breakers_new(100, &r->share);
  return r;
}
static inline void bus_kill(struct bus *bus, size_t i) {
  breakers_free(bus->replicas[i].all);
  bus->replicas[i].all = NULL;
  bus->replicas[i].share.replica = 0;
}

static inline struct bus *bus_new(void) {
  struct bus *bus = calloc(1, sizeof(*bus));
  assert_non_null(bus);
  pthread_mutex_init(&bus->lock, NULL);
  for (size_t i = 0; i < BUS_REPLICAS; i++)
    bus_start(bus, i);
  return bus;
}
static inline void bus_free(struct bus *bus) {
  for (size_t i = 0; i < BUS_REPLICAS; i++)
    bus_kill(bus, i);
  pthread_mutex_destroy(&bus->lock);
  free(bus);
}

#endif
