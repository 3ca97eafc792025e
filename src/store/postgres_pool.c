/* The connections of a PostgreSQL store: at most `pool` are kept, `overflow` more are made while all are busy, and who
 * finds none waits. A connection that idled is looked at before it is lent, an old one is replaced, a broken one is
 * dropped, so that a server that was restarted is found again by itself. */
#include "store/postgres.h"

#define ASK_AFTER_US 5000000 /* idle for longer: one round trip shows whether the server still answers */

static void unlock_counted(struct postgres_store *s) {
  pthread_cond_signal(&s->changed);
  pthread_mutex_unlock(&s->lock);
}

/* Drops a connection and lets one who waits make another. */
static void drop(struct postgres_store *s, struct postgres_link *l) {
  postgres_link_close(l);
  pthread_mutex_lock(&s->lock);
  s->total--;
  unlock_counted(s);
}

/* An idle one, or the right to make one (*out NULL), or ERR_STORE_BUSY. */
static enum err reserve(struct postgres_store *s, struct postgres_link **out, struct fault *f) {
  const struct postgres_options *o = &s->options;
  struct timespec until;
  enum err e = ERR_OK;
  int rc = 0;
  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t nsec = until.tv_nsec + o->wait_ms % 1000 * 1000000;
  until.tv_sec += o->wait_ms / 1000 + nsec / 1000000000;
  until.tv_nsec = nsec % 1000000000;
  pthread_mutex_lock(&s->lock);
  while (!s->idle && s->total >= o->pool + o->overflow && rc == 0)
    rc = pthread_cond_timedwait(&s->changed, &s->lock, &until);
  if (s->idle) {
    *out = s->idle;
    s->idle = s->idle->next;
    s->idle_count--;
  } else if (s->total < o->pool + o->overflow) {
    *out = NULL;
    s->total++;
  } else {
    e = fault_set(f, ERR_STORE_BUSY, NULL, "all %zu connections to the database were busy for %lld ms",
                  o->pool + o->overflow, (long long)o->wait_ms);
  }
  pthread_mutex_unlock(&s->lock);
  return e;
}

static bool is_old(const struct postgres_store *s, const struct postgres_link *l) {
  return postgres_clock_us() - l->born_us > s->options.recycle_ms * 1000;
}

enum err postgres_take(struct database *d, enum driver_use use, bool fresh, struct driver_link **out, struct fault *f) {
  struct postgres_store *s = (struct postgres_store *)d;
  struct postgres_link *l = NULL;
  for (;;) {
    enum err e = reserve(s, &l, f);
    if (e)
      return e;
    if (!l)
      break;
    bool ask = postgres_clock_us() - l->idle_since_us > ASK_AFTER_US;
    if (!fresh && !is_old(s, l) && postgres_link_is_alive(l, ask)) {
      *out = &l->base;
      return ERR_OK;
    }
    drop(s, l); /* fresh: when one was lost the others of its time are not trusted */
  }
  enum err e = postgres_link_open(&s->address, &s->options, &l, f);
  if (e) {
    drop(s, NULL);
    return e;
  }
  *out = &l->base;
  return ERR_OK;
}

void postgres_give(struct database *d, struct driver_link *base) {
  struct postgres_store *s = (struct postgres_store *)d;
  struct postgres_link *l = (struct postgres_link *)base;
  bool keep = !l->broken && PQtransactionStatus(l->db) == PQTRANS_IDLE && !is_old(s, l);
  l->idle_since_us = postgres_clock_us();
  pthread_mutex_lock(&s->lock);
  keep = keep && s->idle_count < s->options.pool;
  if (keep) {
    l->next = s->idle;
    s->idle = l;
    s->idle_count++;
    unlock_counted(s);
    return;
  }
  pthread_mutex_unlock(&s->lock);
  drop(s, l);
}

static void close_store(struct store *store) {
  struct postgres_store *s = (struct postgres_store *)store;
  if (!s)
    return;
  while (s->idle) {
    struct postgres_link *l = s->idle;
    s->idle = l->next;
    postgres_link_close(l);
  }
  postgres_address_done(&s->address);
  pthread_cond_destroy(&s->changed);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

static const struct store_ops ops = {.name = "postgres", .close = close_store, DRIVER_OPS};

static struct postgres_store *store_new(const struct postgres_options *o) {
  struct postgres_store *s = calloc(1, sizeof *s);
  pthread_condattr_t attributes;
  if (!s)
    abort();
  s->base = (struct database){{&ops}, &postgres_driver};
  s->options = *o;
  s->options.url = TEXT_NONE;
  pthread_mutex_init(&s->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&s->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  return s;
}

enum err postgres_store_open(const struct postgres_options *o, struct database **out, struct fault *f) {
  struct postgres_store *s = store_new(o);
  struct driver_link *first = NULL;
  enum err e = postgres_address_read(o->url, o->connect_timeout_ms, &s->address, f);
  if (!e)
    e = postgres_take(&s->base, DRIVER_READ, false, &first, f);
  if (e) {
    close_store(&s->base.base);
    return e;
  }
  postgres_give(&s->base, first);
  *out = &s->base;
  return ERR_OK;
}
