/* The limits of one key, decided in the process. An allowance is a mutex and a few counters: two token buckets
 * (requests and tokens a minute, refilled lazily), the calls in flight, and the money of the current budget period as
 * spent plus reserved. It knows neither keys nor clocks nor the store: the gateway's admit stage brings limits and
 * time, settle brings the truth. */
#include "traffic/limiter.h"

#include "base/map.h"
#include "traffic/limiter_inner.h"

#include <inttypes.h>
#include <stdlib.h>

#define US_PER_MINUTE INT64_C(60000000)
#define US_PER_S      INT64_C(1000000)

/* Nano-USD, 0 or more, as dollars with nine decimals. */
#define USD_FORMAT     "%" PRId64 ".%09" PRId64
#define USD_ARGS(nano) (nano) / 1000000000, (nano) % 1000000000

struct limiter *limiter_new(size_t max_keys) {
  struct limiter *l = calloc(1, sizeof(*l));
  if (!l)
    abort();
  pthread_mutex_init(&l->lock, NULL);
  l->entries = map_new(max_keys);
  return l;
}

void limiter_free(struct limiter *l) {
  if (!l)
    return;
  size_t cursor = 0;
  struct text key;
  void *value;
  while (map_next(l->entries, &cursor, &key, &value)) {
    struct allowance *a = value;
    pthread_mutex_destroy(&a->lock);
    for (struct share *s = a->shares, *next; s; s = next) {
      next = s->next;
      free(s);
    }
    free(a);
  }
  map_free(l->entries);
  pthread_mutex_destroy(&l->lock);
  free(l);
}

struct allowance *limiter_entry(struct limiter *l, int64_t key_id) {
  struct text key = {(const char *)&key_id, sizeof(key_id)};
  pthread_mutex_lock(&l->lock);
  struct allowance *a = map_get(l->entries, key);
  if (!a) {
    a = calloc(1, sizeof(*a));
    if (!a)
      abort();
    pthread_mutex_init(&a->lock, NULL);
    a->handed_over = l->handed_over;
    a->reported.key_id = key_id;
    if (map_set(l->entries, key, a, NULL) != ERR_OK) {
      pthread_mutex_destroy(&a->lock);
      free(a);
      a = NULL;
    }
  }
  pthread_mutex_unlock(&l->lock);
  return a;
}

/* A changed limit starts with a full bucket; a clock that went backwards refills nothing. */
static void bucket_refill(struct bucket *b, int64_t limit, int64_t now_us) {
  __int128 full = (__int128)limit * US_PER_MINUTE;
  if (b->limit != limit) {
    b->limit = limit;
    b->level = full;
    b->at_us = now_us;
    return;
  }
  if (now_us <= b->at_us)
    return;
  b->level += (__int128)(now_us - b->at_us) * limit;
  if (b->level > full)
    b->level = full;
  b->at_us = now_us;
}

static __int128 bucket_units(uint64_t n) { return (__int128)n * US_PER_MINUTE; }

/* Seconds until the bucket holds n units, at least 1. */
static int bucket_wait_s(const struct bucket *b, uint64_t n) {
  __int128 missing = bucket_units(n) - b->level;
  __int128 wait_us = missing / (b->limit > 0 ? b->limit : 1) + 1;
  __int128 wait_s = wait_us / US_PER_S + 1;
  return wait_s > 3600 ? 3600 : (int)wait_s;
}

/* What is reserved stays: a call counts in the period in which it ends, as it does in the store. */
static void roll_period(struct allowance *a, int64_t period_start_us) {
  if (a->period_start_us == period_start_us)
    return;
  a->period_start_us = period_start_us;
  a->spent_nano = 0;
  a->spent_is_known = false;
}

bool allowance_needs_spent(struct allowance *a, int64_t period_start_us) {
  pthread_mutex_lock(&a->lock);
  roll_period(a, period_start_us);
  bool needs = !a->spent_is_known && !a->handed_over;
  pthread_mutex_unlock(&a->lock);
  return needs;
}

void allowance_set_spent(struct allowance *a, int64_t period_start_us, int64_t spent_nano) {
  pthread_mutex_lock(&a->lock);
  roll_period(a, period_start_us);
  if (!a->spent_is_known) {
    a->spent_nano += spent_nano;
    a->spent_is_known = true;
  }
  pthread_mutex_unlock(&a->lock);
}

static enum err refuse(struct fault *f, enum err e, const char *field, int retry_after_s, int64_t limit,
                       const char *what) {
  fault_set(f, e, field, "this key is limited to %" PRId64 " %s", limit, what);
  if (f)
    f->retry_after_s = retry_after_s;
  return e;
}

/* The budget has money left, but less than this call may cost: waiting for the next period is not the only way out, a
 * smaller call is another. */
static enum err refuse_cost(struct fault *f, const struct limiter_limits *limits, int64_t cost_nano, int64_t room) {
  return fault_set(f, ERR_BUDGET_EXHAUSTED, "budget",
                   "this call may cost up to " USD_FORMAT " USD; of the budget of " USD_FORMAT " USD, " USD_FORMAT
                   " are left",
                   USD_ARGS(cost_nano), USD_ARGS(limits->budget_nano), USD_ARGS(room));
}

/* After a handover: the lease is all that this process may still give away. */
static enum err check_lease(const struct allowance *a, int64_t cost_nano, struct fault *f) {
  if (cost_nano <= a->lease_nano)
    return ERR_OK;
  fault_set(f, ERR_UNAVAILABLE, "budget", "this process has been replaced and the new one holds this key's budget");
  if (f)
    f->retry_after_s = 1;
  return ERR_UNAVAILABLE;
}

static enum err refuse_budget(struct fault *f, const struct allowance *a, const struct limiter_limits *limits,
                              int64_t now_us) {
  int64_t left = (limits->period_end_us - now_us) / US_PER_S + 1;
  fault_set(f, ERR_BUDGET_EXHAUSTED, "budget",
            "the budget of this key is used up: spent " USD_FORMAT " and reserved " USD_FORMAT " of " USD_FORMAT " USD",
            USD_ARGS(a->spent_nano), USD_ARGS(a->reserved_nano + a->others_nano), USD_ARGS(limits->budget_nano));
  if (f)
    f->retry_after_s = left > 0 && left < INT32_MAX ? (int)left : 1;
  return ERR_BUDGET_EXHAUSTED;
}

/* Looks only; nothing is consumed unless every limit agrees. A single call larger than a whole minute of tokens passes
 * when the bucket is full, else it could never run. */
static enum err check(struct allowance *a, const struct limiter_limits *limits, const struct limiter_ask *ask,
                      struct fault *f) {
  if (limits->concurrency > 0 && a->in_flight + a->others_in_flight >= limits->concurrency) {
    return refuse(f, ERR_RATE_LIMITED, "concurrency", 1, limits->concurrency, "calls at once");
  }
  if (limits->rpm > 0) {
    bucket_refill(&a->requests, limits->rpm, ask->now_us);
    if (a->requests.level < bucket_units(1)) {
      return refuse(f, ERR_RATE_LIMITED, "rpm", bucket_wait_s(&a->requests, 1), limits->rpm, "requests a minute");
    }
  }
  if (limits->tpm > 0) {
    bucket_refill(&a->tokens, limits->tpm, ask->now_us);
    uint64_t need = ask->tokens < (uint64_t)limits->tpm ? ask->tokens : (uint64_t)limits->tpm;
    if (a->tokens.level < bucket_units(need)) {
      return refuse(f, ERR_RATE_LIMITED, "tpm", bucket_wait_s(&a->tokens, need), limits->tpm, "tokens a minute");
    }
  }
  if (limits->budget_nano > 0) {
    roll_period(a, limits->period_start_us);
    if (a->handed_over)
      return check_lease(a, ask->cost_nano, f);
    if (!a->spent_is_known)
      return fault_set(f, ERR_AGAIN, "budget", "what this period has cost so far is not known yet");
    int64_t room = limits->budget_nano - a->spent_nano - a->reserved_nano - a->others_nano;
    if (room <= 0)
      return refuse_budget(f, a, limits, ask->now_us);
    if (ask->cost_nano > room)
      return refuse_cost(f, limits, ask->cost_nano, room);
  }
  return ERR_OK;
}

enum err allowance_take(struct allowance *a, const struct limiter_limits *limits, const struct limiter_ask *ask,
                        struct limiter_ticket *out, struct fault *f) {
  pthread_mutex_lock(&a->lock);
  enum err e = check(a, limits, ask, f);
  if (e == ERR_OK) {
    a->in_flight++;
    if (limits->rpm > 0)
      a->requests.level -= bucket_units(1);
    if (limits->tpm > 0)
      a->tokens.level -= bucket_units(ask->tokens);
    int64_t cost_nano = limits->budget_nano > 0 ? ask->cost_nano : 0;
    a->reserved_nano += cost_nano;
    if (a->handed_over)
      a->lease_nano -= cost_nano;
    else if (limits->budget_nano > 0)
      a->budget_nano = limits->budget_nano;
    *out = (struct limiter_ticket){a, limits->tpm > 0 ? ask->tokens : 0, cost_nano};
  }
  pthread_mutex_unlock(&a->lock);
  return e;
}

void allowance_give_back(struct limiter_ticket *t, uint64_t tokens, int64_t cost_nano) {
  struct allowance *a = t->allowance;
  if (!a)
    return;
  pthread_mutex_lock(&a->lock);
  a->in_flight--;
  if (t->tokens > 0) {
    a->tokens.level += bucket_units(t->tokens) - bucket_units(tokens);
    __int128 full = bucket_units((uint64_t)a->tokens.limit);
    if (a->tokens.level > full)
      a->tokens.level = full;
  }
  a->reserved_nano -= t->cost_nano;
  a->spent_nano += cost_nano;
  a->given_nano += cost_nano;
  a->since_nano += cost_nano;
  pthread_mutex_unlock(&a->lock);
  *t = (struct limiter_ticket){0};
}

uint64_t limiter_in_flight(struct limiter *l) {
  uint64_t sum = 0;
  size_t cursor = 0;
  struct text key;
  void *value;
  pthread_mutex_lock(&l->lock);
  while (map_next(l->entries, &cursor, &key, &value)) {
    struct allowance *a = value;
    pthread_mutex_lock(&a->lock);
    sum += (uint64_t)a->in_flight;
    pthread_mutex_unlock(&a->lock);
  }
  pthread_mutex_unlock(&l->lock);
  return sum;
}
