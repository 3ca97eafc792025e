/* Seats of processes on a shared database, and the few values they must agree on; on any driver. Claims take turns on a
 * row of weir_sequence; time is the database's, so that no machine's clock decides when a seat is free. Called by the
 * ledger (ledger/seat.c) and by app. */
#include "store/driver.h"

static const char doing_seat[] = "taking a seat among the replicas";

struct boot_text {
  char at[17];
};

static struct boot_text text_of_boot(uint64_t boot) {
  struct boot_text t;
  snprintf(t.at, sizeof t.at, "%016llx", (unsigned long long)boot);
  return t;
}

static uint64_t boot_of_text(struct text t) {
  char copy[17] = "";
  memcpy(copy, t.at, t.len < 16 ? t.len : 16);
  return strtoull(copy, NULL, 16);
}

struct claim {
  const struct store_replica *replica;
  struct boot_text boot;
  unsigned first, seat;
};

/* Goes through the taken seats: the caller's own, or the lowest that is free. */
static enum err find_seat(struct driver_link *l, struct claim *w, int64_t now_us, struct fault *f) {
  bool row = false, gap = false;
  enum err e = l->driver->prepare(l, SQL_REPLICA_LIST, f);
  if (e)
    return e;
  w->seat = w->first;
  while (!(e = l->driver->step(l, &row, doing_seat, f)) && row) {
    unsigned seat = (unsigned)l->driver->number(l, 0);
    if (text_equal(l->driver->bytes(l, 1), text_of(w->boot.at))) {
      w->seat = seat;
      break;
    }
    bool taken = now_us - l->driver->number(l, 5) < STORE_SEAT_LEASE_US;
    gap = gap || seat > w->seat || (seat == w->seat && !taken);
    w->seat += !gap && seat == w->seat;
  }
  l->driver->reset(l);
  return e;
}

static enum err sit_down(struct driver_link *l, const struct claim *w, int64_t now_us, struct fault *f) {
  enum err e = l->driver->prepare(l, SQL_REPLICA_CLAIM, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->seat);
  l->driver->bind_text(l, 2, text_of(w->boot.at));
  l->driver->bind_text(l, 3, w->replica->name);
  l->driver->bind_text(l, 4, w->replica->version);
  l->driver->bind(l, 5, now_us);
  return driver_finish(l, doing_seat, NULL, f);
}

static enum err claim_in_turn(struct driver_link *l, struct claim *w, struct fault *f) {
  int64_t turn = 0, now_us = 0;
  enum err e = driver_number(l, SQL_REPLICA_TURN, doing_seat, &turn, f);
  if (!e)
    e = driver_number(l, SQL_NOW, doing_seat, &now_us, f);
  if (!e)
    e = find_seat(l, w, now_us, f);
  if (!e && w->seat >= STORE_SEATS_MAX)
    return fault_set(f, ERR_LIMIT, NULL,
                     "all %d seats of the database are taken by processes that were seen within the last 24 hours",
                     STORE_SEATS_MAX);
  return e ? e : sit_down(l, w, now_us, f);
}

static enum err claim(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  return e ? e : l->driver->end(l, claim_in_turn(l, args, f), f);
}

/* Twice is once: the second finds the seat that the first took. */
static enum err replicas_claim(struct store *s, const struct store_replica *r, unsigned first_seat, unsigned *out_seat,
                               struct fault *f) {
  struct claim w = {.replica = r, .boot = text_of_boot(r->boot), .first = first_seat};
  enum err e = driver_run(s, DRIVER_WRITE, false, claim, &w, f);
  if (!e)
    *out_seat = w.seat;
  return e;
}

struct renew {
  unsigned seat;
  struct boot_text boot;
};

static enum err renew(struct driver_link *l, void *args, struct fault *f) {
  const struct renew *w = args;
  int64_t now_us = 0, changes = 0;
  enum err e = driver_number(l, SQL_NOW, "renewing a seat", &now_us, f);
  if (!e)
    e = l->driver->prepare(l, SQL_REPLICA_RENEW, f);
  if (e)
    return e;
  l->driver->bind(l, 1, w->seat);
  l->driver->bind_text(l, 2, text_of(w->boot.at));
  l->driver->bind(l, 3, now_us);
  e = driver_finish(l, "renewing a seat", &changes, f);
  return e || changes ? e : fault_set(f, ERR_NOT_FOUND, NULL, "seat %u is not this process's any more", w->seat);
}

static enum err replicas_renew(struct store *s, unsigned seat, uint64_t boot, struct fault *f) {
  struct renew w = {seat, text_of_boot(boot)};
  return driver_run(s, DRIVER_WRITE, false, renew, &w, f);
}

static enum err release(struct driver_link *l, void *args, struct fault *f) {
  const struct boot_text *boot = args;
  enum err e = l->driver->prepare(l, SQL_REPLICA_RELEASE, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, text_of(boot->at));
  return driver_finish(l, "giving a seat back", NULL, f);
}

static enum err replicas_release(struct store *s, uint64_t boot, struct fault *f) {
  struct boot_text text = text_of_boot(boot);
  return driver_run(s, DRIVER_WRITE, false, release, &text, f);
}

struct list {
  struct arena *arena;
  struct store_replica *at;
  size_t count;
};

static enum err list(struct driver_link *l, void *args, struct fault *f) {
  struct list *w = args;
  bool row = false;
  int64_t now_us = 0;
  enum err e = driver_number(l, SQL_NOW, "listing the replicas", &now_us, f);
  if (!e)
    e = l->driver->prepare(l, SQL_REPLICA_LIST, f);
  if (e)
    return e;
  w->count = 0;
  w->at = arena_alloc(w->arena, STORE_SEATS_MAX * sizeof *w->at);
  while (w->count < STORE_SEATS_MAX && !(e = l->driver->step(l, &row, "listing the replicas", f)) && row)
    w->at[w->count++] = (struct store_replica){.seat = (unsigned)l->driver->number(l, 0),
                                               .boot = boot_of_text(l->driver->bytes(l, 1)),
                                               .name = driver_text(l, 2, w->arena),
                                               .version = driver_text(l, 3, w->arena),
                                               .started_us = l->driver->number(l, 4),
                                               .age_us = now_us - l->driver->number(l, 5)};
  l->driver->reset(l);
  return e;
}

static enum err replicas_list(struct store *s, struct arena *a, struct store_replica **out, size_t *out_count,
                              struct fault *f) {
  struct list w = {.arena = a};
  enum err e = driver_run(s, DRIVER_READ, false, list, &w, f);
  if (!e) {
    *out = w.at;
    *out_count = w.count;
  }
  return e;
}

struct agree {
  struct text name, value, found;
  struct arena *arena;
};

static enum err agreed(struct driver_link *l, void *args, struct fault *f) {
  struct agree *w = args;
  bool row = false;
  enum err e = l->driver->prepare(l, SQL_META_FIND, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, w->name);
  e = l->driver->step(l, &row, "reading what the replicas agree on", f);
  if (!e)
    w->found = row ? driver_text(l, 0, w->arena) : TEXT("");
  l->driver->reset(l);
  return e;
}

static enum err agree(struct driver_link *l, void *args, struct fault *f) {
  const struct agree *w = args;
  enum err e = l->driver->prepare(l, SQL_META_ADD, f);
  if (e)
    return e;
  l->driver->bind_text(l, 1, w->name);
  l->driver->bind_text(l, 2, w->value);
  e = driver_finish(l, "noting what the replicas agree on", NULL, f);
  return e ? e : agreed(l, args, f);
}

static enum err replicas_agree(struct store *s, struct text name, struct text value, struct arena *a, struct text *out,
                               struct fault *f) {
  struct agree w = {.name = name, .value = value, .arena = a};
  enum err e = driver_run(s, DRIVER_WRITE, false, agree, &w, f);
  if (!e)
    *out = w.found;
  return e;
}

static enum err replicas_agreed(struct store *s, struct text name, struct arena *a, struct text *out, struct fault *f) {
  struct agree w = {.name = name, .arena = a};
  enum err e = driver_run(s, DRIVER_READ, false, agreed, &w, f);
  if (!e)
    *out = w.found;
  return e;
}

const struct store_replicas_ops store_replicas = {.claim = replicas_claim,
                                                  .renew = replicas_renew,
                                                  .release = replicas_release,
                                                  .list = replicas_list,
                                                  .agree = replicas_agree,
                                                  .agreed = replicas_agreed};
