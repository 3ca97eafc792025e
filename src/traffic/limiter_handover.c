/* Handing the keys and subjects of a limiter over, and following those who handed theirs over to us. Both sides are the
 * same struct: `handed_over` and a lease on the old side, a list of shares on the new one. Called by app, at an upgrade
 * and while old processes last. */
#include "traffic/limiter_handover.h"

#include "base/map.h"
#include "traffic/limiter_inner.h"

#include <stdlib.h>

/* The old process sees few requests more, those of connections that were open; the new one sees all others. */
#define LEASE_PART 4

/* Every entry in turn, with its lock held. */
static void each(struct limiter *l, void (*fn)(void *ctx, int64_t key_id, struct allowance *a), void *ctx) {
  struct text key;
  void *value;
  pthread_mutex_lock(&l->lock);
  for (size_t i = 0; i < sizeof(l->entries) / sizeof(l->entries[0]); i++) {
    for (size_t cursor = 0; map_next(l->entries[i], &cursor, &key, &value);) {
      struct allowance *a = value;
      int64_t key_id;
      memcpy(&key_id, key.at, sizeof(key_id));
      pthread_mutex_lock(&a->lock);
      fn(ctx, key_id, a);
      pthread_mutex_unlock(&a->lock);
    }
  }
  pthread_mutex_unlock(&l->lock);
}

static void mark(struct limiter *l, bool handed_over) {
  pthread_mutex_lock(&l->lock);
  l->handed_over = handed_over;
  pthread_mutex_unlock(&l->lock);
}

static struct limiter_report report_of(int64_t key_id, const struct allowance *a) {
  return (struct limiter_report){key_id, a->given_nano, a->reserved_nano + a->lease_nano, a->in_flight};
}

static int64_t narrow(__int128 level) {
  return level > INT64_MAX ? INT64_MAX : level < -INT64_MAX ? -INT64_MAX : (int64_t)level;
}

struct accounts {
  void (*see)(void *ctx, const struct limiter_account *a);
  void *ctx;
};

static void hand_over_one(void *ctx, int64_t key_id, struct allowance *a) {
  const struct accounts *to = ctx;
  int64_t room = a->budget_nano - a->spent_nano - a->reserved_nano - a->others_nano;
  a->handed_over = true;
  a->lease_nano = a->spent_is_known && room > 0 ? room / LEASE_PART : 0;
  a->reported = report_of(key_id, a);
  to->see(to->ctx, &(struct limiter_account){.report = a->reported,
                                             .period_start_us = a->period_start_us,
                                             .spent_nano = a->spent_nano,
                                             .spent_is_known = a->spent_is_known,
                                             .rpm = a->requests.limit,
                                             .rpm_level = narrow(a->requests.level),
                                             .rpm_at_us = a->requests.at_us,
                                             .tpm = a->tokens.limit,
                                             .tpm_level = narrow(a->tokens.level),
                                             .tpm_at_us = a->tokens.at_us});
}

void limiter_hand_over(struct limiter *l, void (*see)(void *ctx, const struct limiter_account *a), void *ctx) {
  struct accounts to = {see, ctx};
  mark(l, true);
  each(l, hand_over_one, &to);
}

static void take_back_one(void *ctx, int64_t key_id, struct allowance *a) {
  (void)ctx, (void)key_id;
  a->handed_over = false;
  a->lease_nano = 0;
}

void limiter_take_back(struct limiter *l) {
  mark(l, false);
  each(l, take_back_one, NULL);
}

struct reports {
  void (*see)(void *ctx, const struct limiter_report *r);
  void *ctx;
};

static void report_one(void *ctx, int64_t key_id, struct allowance *a) {
  const struct reports *to = ctx;
  struct limiter_report now = report_of(key_id, a);
  if (now.given_nano == a->reported.given_nano && now.held_nano == a->reported.held_nano &&
      now.in_flight == a->reported.in_flight)
    return;
  a->reported = now;
  to->see(to->ctx, &now);
}

void limiter_report(struct limiter *l, void (*see)(void *ctx, const struct limiter_report *r), void *ctx) {
  struct reports to = {see, ctx};
  each(l, report_one, &to);
}

static void end_lease(void *ctx, int64_t key_id, struct allowance *a) {
  (void)ctx, (void)key_id;
  a->lease_nano = 0;
}

void limiter_end_leases(struct limiter *l) { each(l, end_lease, NULL); }

struct shares {
  void (*see)(void *ctx, uint64_t process, const struct limiter_report *r);
  void *ctx;
};

static void shares_one(void *ctx, int64_t key_id, struct allowance *a) {
  const struct shares *to = ctx;
  for (const struct share *s = a->shares; s; s = s->next)
    to->see(to->ctx, s->process, &(struct limiter_report){key_id, s->given_nano, s->held_nano, s->in_flight});
}

void limiter_shares(struct limiter *l, void (*see)(void *ctx, uint64_t process, const struct limiter_report *r),
                    void *ctx) {
  struct shares to = {see, ctx};
  each(l, shares_one, &to);
}

/* The share of a process, made at first sight. */
static struct share *share_of(struct allowance *a, uint64_t process) {
  struct share *s = a->shares;
  while (s && s->process != process)
    s = s->next;
  if (s)
    return s;
  s = calloc(1, sizeof(*s));
  if (!s)
    abort();
  s->process = process;
  s->next = a->shares;
  a->shares = s;
  return s;
}

static void set_share(struct allowance *a, struct share *s, const struct limiter_report *r) {
  a->others_nano += r->held_nano - s->held_nano;
  a->others_in_flight += r->in_flight - s->in_flight;
  s->given_nano = r->given_nano;
  s->held_nano = r->held_nano;
  s->in_flight = r->in_flight;
}

void limiter_import(struct limiter *l, uint64_t process, const struct limiter_account *from) {
  struct allowance *a = limiter_entry(l, from->report.key_id);
  if (!a)
    return;
  pthread_mutex_lock(&a->lock);
  a->period_start_us = from->period_start_us;
  a->spent_nano = from->spent_nano;
  a->spent_is_known = from->spent_is_known;
  a->requests = (struct bucket){from->rpm, from->rpm_level, from->rpm_at_us};
  a->tokens = (struct bucket){from->tpm, from->tpm_level, from->tpm_at_us};
  set_share(a, share_of(a, process), &from->report);
  pthread_mutex_unlock(&a->lock);
}

void limiter_import_share(struct limiter *l, uint64_t process, const struct limiter_report *r) {
  struct allowance *a = limiter_entry(l, r->key_id);
  if (!a)
    return;
  pthread_mutex_lock(&a->lock);
  set_share(a, share_of(a, process), r);
  pthread_mutex_unlock(&a->lock);
}

void limiter_heed(struct limiter *l, uint64_t process, const struct limiter_report *r) {
  struct allowance *a = limiter_entry(l, r->key_id);
  if (!a)
    return;
  pthread_mutex_lock(&a->lock);
  struct share *s = share_of(a, process);
  int64_t cost_nano = r->given_nano - s->given_nano;
  a->spent_nano += cost_nano;
  a->since_nano += cost_nano;
  set_share(a, s, r);
  pthread_mutex_unlock(&a->lock);
}

static void forget_one(void *ctx, int64_t key_id, struct allowance *a) {
  uint64_t process = *(const uint64_t *)ctx;
  (void)key_id;
  for (struct share **link = &a->shares; *link; link = &(*link)->next) {
    struct share *s = *link;
    if (s->process != process)
      continue;
    set_share(a, s, &(struct limiter_report){.given_nano = s->given_nano});
    *link = s->next;
    free(s);
    return;
  }
}

void limiter_forget(struct limiter *l, uint64_t process) { each(l, forget_one, &process); }

static void recount_one(void *ctx, int64_t key_id, struct allowance *a) {
  (void)ctx, (void)key_id;
  a->since_nano = 0;
}

void limiter_recount_begin(struct limiter *l) { each(l, recount_one, NULL); }

struct keys {
  struct limiter_key *at;
  size_t count, cap;
};

static void add_key(void *ctx, int64_t key_id, struct allowance *a) {
  struct keys *k = ctx;
  if (!a->spent_is_known)
    return;
  if (k->count == k->cap) {
    k->cap = k->cap ? k->cap * 2 : 64;
    k->at = reallocarray(k->at, k->cap, sizeof(*k->at));
    if (!k->at)
      abort();
  }
  k->at[k->count++] = (struct limiter_key){key_id, a->period_start_us};
}

size_t limiter_recount_keys(struct limiter *l, struct limiter_key **out) {
  struct keys k = {0};
  each(l, add_key, &k);
  *out = k.at;
  return k.count;
}

/* Reports of processes that still run may be ahead of the store; so the larger amount is the true one. */
void limiter_recount_end(struct limiter *l, struct limiter_key key, int64_t spent_nano) {
  struct allowance *a = limiter_entry(l, key.key_id);
  if (!a)
    return;
  pthread_mutex_lock(&a->lock);
  int64_t fresh_nano = spent_nano + a->since_nano;
  if (a->period_start_us == key.period_start_us && a->spent_is_known && fresh_nano > a->spent_nano)
    a->spent_nano = fresh_nano;
  pthread_mutex_unlock(&a->lock);
}
