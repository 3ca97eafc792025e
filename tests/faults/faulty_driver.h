/* A driver of the store that stands before a real one and has its n-th call fail, in one of three ways. It also looks
 * at how it is used: a link goes back without an open transaction and without a current statement. */
#ifndef TESTS_FAULTS_FAULTY_DRIVER_H
#define TESTS_FAULTS_FAULTY_DRIVER_H

#include "store/driver.h"

enum faulty_way {
  FAULTY_REFUSED, /* the database says no; the connection stays */
  FAULTY_LOST,    /* the connection is gone, and what was not committed with it */
  FAULTY_IN_DOUBT /* as LOST, but a commit that fails has been made all the same */
};

struct faulty_link {
  struct driver_link base;
  struct driver_link *inner;
  struct faulty *owner;
  bool in_transaction, has_statement;
};

struct faulty {
  struct database base;
  struct database *inner;
  struct faulty_link link; /* one is lent at a time: the tests have one thread */
  struct store_ops ops;    /* the inner store's */
  enum faulty_way way;
  uint64_t calls, fail_at; /* fail_at 0: never */
  bool met;
  char misuse[128]; /* "" when it was used as it should be */
};

static inline struct faulty_link *faulty_of(struct driver_link *l) { return (struct faulty_link *)l; }

static inline void faulty_misuse(struct faulty *w, const char *what) {
  if (!w->misuse[0])
    snprintf(w->misuse, sizeof w->misuse, "%s", what);
}

/* Whether this call is the one; a link that was lost fails for good. */
static inline bool faulty_fails(struct faulty *w, struct faulty_link *l) {
  if (l && l->base.lost)
    return true;
  if (++w->calls != w->fail_at)
    return false;
  w->met = true;
  if (l && w->way != FAULTY_REFUSED)
    l->base.lost = true;
  return true;
}

static inline enum err faulty_error(const struct faulty *w, struct fault *f) {
  return w->way == FAULTY_REFUSED ? fault_set(f, ERR_STORE_FULL, NULL, "injected: the disk of the store is full")
                                  : fault_set(f, ERR_STORE, NULL, "injected: the connection was lost");
}

static inline enum err faulty_take(struct database *d, enum driver_use use, bool fresh, struct driver_link **out,
                                   struct fault *f) {
  struct faulty *w = (struct faulty *)d;
  struct driver_link *inner = NULL;
  if (faulty_fails(w, NULL))
    return fault_set(f, ERR_STORE_BUSY, NULL, "injected: no connection is free");
  enum err e = w->inner->driver->take(w->inner, use, false, &inner, f);
  if (e)
    return e;
  w->link = (struct faulty_link){.base = {.driver = d->driver}, .inner = inner, .owner = w};
  *out = &w->link.base;
  return ERR_OK;
}

static inline void faulty_give(struct database *d, struct driver_link *base) {
  struct faulty *w = (struct faulty *)d;
  struct faulty_link *l = faulty_of(base);
  if (l->in_transaction) {
    faulty_misuse(w, "a link was given back in a transaction");
    (void)!w->inner->driver->end(l->inner, ERR_STORE, NULL);
  }
  if (l->has_statement)
    faulty_misuse(w, "a link was given back with a statement that was not reset");
  w->inner->driver->give(w->inner, l->inner);
}

static inline enum err faulty_begin(struct driver_link *base, enum driver_use use, struct fault *f) {
  struct faulty_link *l = faulty_of(base);
  if (faulty_fails(l->owner, l))
    return faulty_error(l->owner, f);
  enum err e = l->inner->driver->begin(l->inner, use, f);
  l->in_transaction = !e;
  return e;
}

static inline enum err faulty_end(struct driver_link *base, enum err e, struct fault *f) {
  struct faulty_link *l = faulty_of(base);
  bool commits = e == ERR_OK, fails = faulty_fails(l->owner, l);
  if (!l->in_transaction)
    faulty_misuse(l->owner, "a transaction was ended that had not begun");
  l->in_transaction = false;
  if (!fails)
    return l->inner->driver->end(l->inner, e, f);
  l->base.in_doubt = l->base.lost && commits;
  if (!(commits && l->owner->way == FAULTY_IN_DOUBT))
    e = e ? e : faulty_error(l->owner, f);
  e = l->inner->driver->end(l->inner, e, f);
  return e ? e : faulty_error(l->owner, f);
}

static inline enum err faulty_exec(struct driver_link *base, const char *sql, struct fault *f) {
  struct faulty_link *l = faulty_of(base);
  return faulty_fails(l->owner, l) ? faulty_error(l->owner, f) : l->inner->driver->exec(l->inner, sql, f);
}

static inline enum err faulty_prepare(struct driver_link *base, enum sql which, struct fault *f) {
  struct faulty_link *l = faulty_of(base);
  if (l->has_statement)
    faulty_misuse(l->owner, "a statement was prepared while another was current");
  if (faulty_fails(l->owner, l))
    return faulty_error(l->owner, f);
  enum err e = l->inner->driver->prepare(l->inner, which, f);
  l->has_statement = !e;
  return e;
}

static inline enum err faulty_prepare_text(struct driver_link *base, const char *sql, struct fault *f) {
  struct faulty_link *l = faulty_of(base);
  if (faulty_fails(l->owner, l))
    return faulty_error(l->owner, f);
  enum err e = l->inner->driver->prepare_text(l->inner, sql, f);
  l->has_statement = !e;
  return e;
}

static inline enum err faulty_step(struct driver_link *base, bool *out_row, const char *doing, struct fault *f) {
  struct faulty_link *l = faulty_of(base);
  return faulty_fails(l->owner, l) ? faulty_error(l->owner, f) : l->inner->driver->step(l->inner, out_row, doing, f);
}

static inline void faulty_reset(struct driver_link *base) {
  struct faulty_link *l = faulty_of(base);
  l->has_statement = false;
  l->inner->driver->reset(l->inner);
}

static inline void faulty_bind(struct driver_link *l, int at, int64_t n) {
  faulty_of(l)->inner->driver->bind(faulty_of(l)->inner, at, n);
}
static inline void faulty_bind_text(struct driver_link *l, int at, struct text t) {
  faulty_of(l)->inner->driver->bind_text(faulty_of(l)->inner, at, t);
}
static inline void faulty_bind_bytes(struct driver_link *l, int at, struct text t) {
  faulty_of(l)->inner->driver->bind_bytes(faulty_of(l)->inner, at, t);
}
static inline int64_t faulty_number(struct driver_link *l, int column) {
  return faulty_of(l)->inner->driver->number(faulty_of(l)->inner, column);
}
static inline struct text faulty_bytes(struct driver_link *l, int column) {
  return faulty_of(l)->inner->driver->bytes(faulty_of(l)->inner, column);
}
static inline bool faulty_is_null(struct driver_link *l, int column) {
  return faulty_of(l)->inner->driver->is_null(faulty_of(l)->inner, column);
}
static inline int64_t faulty_changes(struct driver_link *l) {
  return faulty_of(l)->inner->driver->changes(faulty_of(l)->inner);
}

/* Row by row on both databases: the bulk ways of PostgreSQL need its own links. */
static inline void faulty_init(struct faulty *w, struct database *inner) {
  static struct driver driver;
  driver = (struct driver){.dialect = inner->driver->dialect,
                           .take = faulty_take,
                           .give = faulty_give,
                           .begin = faulty_begin,
                           .end = faulty_end,
                           .exec = faulty_exec,
                           .prepare = faulty_prepare,
                           .prepare_text = faulty_prepare_text,
                           .is_null = faulty_is_null,
                           .clean = inner->driver->clean,
                           .bind = faulty_bind,
                           .bind_text = faulty_bind_text,
                           .bind_bytes = faulty_bind_bytes,
                           .step = faulty_step,
                           .number = faulty_number,
                           .bytes = faulty_bytes,
                           .changes = faulty_changes,
                           .reset = faulty_reset};
  *w = (struct faulty){.base = {.driver = &driver}, .inner = inner, .ops = *inner->base.ops};
  w->base.base.ops = &w->ops;
}

#endif
