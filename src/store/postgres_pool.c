/* The connections to one PostgreSQL server: at most `pool` are kept, `overflow` more are made while all are busy, and
 * who finds none waits. A connection that idled is looked at before it is lent, an old one is replaced, a broken one is
 * dropped, so that a server that was restarted is found again by itself. Called by postgres_store.c. */
#include "store/postgres.h"

#define ASK_AFTER_US 5000000 /* idle for longer: one round trip shows whether the server still answers */

static void unlock_counted(struct postgres_pool *p) {
  pthread_cond_signal(&p->changed);
  pthread_mutex_unlock(&p->lock);
}

/* Drops a connection and lets one who waits make another. */
static void drop(struct postgres_pool *p, struct postgres_link *l) {
  postgres_link_close(l);
  pthread_mutex_lock(&p->lock);
  p->total--;
  unlock_counted(p);
}

/* An idle one, or the right to make one (*out NULL), or ERR_STORE_BUSY. */
static enum err reserve(struct postgres_pool *p, struct postgres_link **out, struct fault *f) {
  const struct postgres_options *o = p->options;
  struct timespec until;
  enum err e = ERR_OK;
  int rc = 0;
  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t nsec = until.tv_nsec + o->wait_ms % 1000 * 1000000;
  until.tv_sec += o->wait_ms / 1000 + nsec / 1000000000;
  until.tv_nsec = nsec % 1000000000;
  pthread_mutex_lock(&p->lock);
  while (!p->idle && p->total >= o->pool + o->overflow && rc == 0)
    rc = pthread_cond_timedwait(&p->changed, &p->lock, &until);
  if (p->idle) {
    *out = p->idle;
    p->idle = p->idle->next;
    p->idle_count--;
  } else if (p->total < o->pool + o->overflow) {
    *out = NULL;
    p->total++;
  } else {
    fault_set(f, ERR_STORE_BUSY, NULL, "all %zu connections to the database were busy for %lld ms",
              o->pool + o->overflow, (long long)o->wait_ms);
    e = fault_set_brief(f, ERR_STORE_BUSY, "all connections are busy");
  }
  pthread_mutex_unlock(&p->lock);
  return e;
}

static bool is_old(const struct postgres_pool *p, const struct postgres_link *l) {
  return postgres_clock_us() - l->born_us > p->options->recycle_ms * 1000;
}

enum err postgres_pool_take(struct postgres_pool *p, bool fresh, struct postgres_link **out, struct fault *f) {
  struct postgres_link *l = NULL;
  for (;;) {
    enum err e = reserve(p, &l, f);
    if (e)
      return e;
    if (!l)
      break;
    bool ask = postgres_clock_us() - l->idle_since_us > ASK_AFTER_US;
    if (!fresh && !is_old(p, l) && postgres_link_is_alive(l, ask)) {
      *out = l;
      return ERR_OK;
    }
    drop(p, l); /* fresh: when one was lost the others of its time are not trusted */
  }
  enum err e = postgres_link_open(&p->address, p->options, &l, f);
  if (e) {
    drop(p, NULL);
    return e;
  }
  l->pool = p;
  l->is_replica = p->is_replica;
  *out = l;
  return ERR_OK;
}

void postgres_pool_give(struct postgres_link *l) {
  struct postgres_pool *p = l->pool;
  bool keep = !l->broken && PQtransactionStatus(l->db) == PQTRANS_IDLE && !is_old(p, l);
  l->idle_since_us = postgres_clock_us();
  pthread_mutex_lock(&p->lock);
  keep = keep && p->idle_count < p->options->pool;
  if (keep) {
    l->next = p->idle;
    p->idle = l;
    p->idle_count++;
    unlock_counted(p);
    return;
  }
  pthread_mutex_unlock(&p->lock);
  drop(p, l);
}

enum err postgres_pool_init(struct postgres_pool *p, const struct postgres_options *options, struct text url,
                            bool is_replica, struct fault *f) {
  pthread_condattr_t attributes;
  p->options = options;
  p->is_replica = is_replica;
  pthread_mutex_init(&p->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&p->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  return postgres_address_read(url, is_replica, options->connect_timeout_ms, &p->address, f);
}

void postgres_pool_done(struct postgres_pool *p) {
  while (p->idle) {
    struct postgres_link *l = p->idle;
    p->idle = l->next;
    postgres_link_close(l);
  }
  postgres_address_done(&p->address);
  pthread_cond_destroy(&p->changed);
  pthread_mutex_destroy(&p->lock);
}
