/* The limits of keys and of what keys share, decided in the process. An allowance is a mutex and a few counters: two
 * token buckets (requests and tokens a minute, refilled lazily), the calls in flight, and the money of the current
 * budget period as spent plus reserved. It knows neither keys nor clocks nor the store: the gateway's admit stage
 * brings limits and time, settle brings the truth. */
#include "traffic/limiter.h"

#include "base/map.h"
#include "base/secret.h"
#include "traffic/limiter_inner.h"

#include <inttypes.h>
#include <stdlib.h>

#define US_PER_MINUTE INT64_C(60000000)
#define US_PER_S      INT64_C(1000000)
#define NAME_MOST     128 /* of a refusal */

/* Nano-USD, 0 or more, as dollars with nine decimals. */
#define USD_FORMAT     "%" PRId64 ".%09" PRId64
#define USD_ARGS(nano) (nano) / 1000000000, (nano) % 1000000000

/* Declared keys have ids from -2^62 on (store_key_declared_id). */
#define SUBJECT_IDS_BELOW (-(INT64_C(1) << 62))

enum { KEYS, SUBJECTS };

struct limiter *limiter_new(size_t max_keys) {
  struct limiter *l = calloc(1, sizeof(*l));
  if (!l)
    abort();
  pthread_mutex_init(&l->lock, NULL);
  l->entries[KEYS] = map_new(max_keys);
  l->entries[SUBJECTS] = map_new(max_keys);
  for (size_t i = LIMITER_KEY + 1; i < LIMITER_SUBJECT_COUNT; i++)
    l->names[i] = map_new(max_keys);
  return l;
}

static void free_entries(struct map *entries) {
  size_t cursor = 0;
  struct text key;
  void *value;
  while (map_next(entries, &cursor, &key, &value)) {
    struct allowance *a = value;
    pthread_mutex_destroy(&a->lock);
    for (struct share *s = a->shares, *next; s; s = next) {
      next = s->next;
      free(s);
    }
    free(a);
  }
  map_free(entries);
}

void limiter_free(struct limiter *l) {
  if (!l)
    return;
  free_entries(l->entries[KEYS]);
  free_entries(l->entries[SUBJECTS]);
  for (size_t i = LIMITER_KEY + 1; i < LIMITER_SUBJECT_COUNT; i++)
    map_free(l->names[i]);
  pthread_mutex_destroy(&l->lock);
  free(l);
}

/* With the limiter's lock held. */
static struct allowance *find_or_make(struct limiter *l, int64_t id) {
  struct text key = {(const char *)&id, sizeof(id)};
  struct map *entries = l->entries[id < SUBJECT_IDS_BELOW ? SUBJECTS : KEYS];
  struct allowance *a = map_get(entries, key);
  if (a)
    return a;
  a = calloc(1, sizeof(*a));
  if (!a)
    abort();
  pthread_mutex_init(&a->lock, NULL);
  a->handed_over = l->handed_over;
  a->reported.key_id = id;
  if (map_set(entries, key, a, NULL) == ERR_OK)
    return a;
  pthread_mutex_destroy(&a->lock);
  free(a);
  return NULL;
}

struct allowance *limiter_entry(struct limiter *l, int64_t key_id) {
  pthread_mutex_lock(&l->lock);
  struct allowance *a = find_or_make(l, key_id);
  pthread_mutex_unlock(&l->lock);
  return a;
}

/* The same in every process, so that an account that is handed over is found again; and nobody can choose a name that
 * shares somebody else's. */
static int64_t subject_id(enum limiter_subject kind, struct text name) {
  char label[] = "weir limit 0";
  uint8_t hash[SECRET_HMAC_BYTES];
  uint64_t n;
  label[sizeof(label) - 2] = (char)('0' + kind);
  struct secret *under = secret_new(text_of(label));
  secret_hmac(under, name, hash);
  secret_free(under);
  memcpy(&n, hash, sizeof(n));
  return INT64_MIN + (int64_t)(n >> 2);
}

struct allowance *limiter_subject_entry(struct limiter *l, enum limiter_subject kind, struct text name) {
  pthread_mutex_lock(&l->lock);
  struct allowance *a = map_get(l->names[kind], name);
  if (!a) {
    a = find_or_make(l, subject_id(kind, name));
    if (a && map_set(l->names[kind], name, a, NULL) != ERR_OK)
      a = NULL;
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

static enum err refuse(struct fault *f, const struct limiter_want *w, const char *field, int retry_after_s,
                       int64_t limit, const char *what) {
  static const char *const whose[LIMITER_SUBJECT_COUNT] = {"this key", "the user", "the workspace", "this organisation",
                                                           "the model"};
  bool is_named = w->subject != LIMITER_KEY && w->subject != LIMITER_ORGANISATION;
  struct text name = is_named ? text_head(w->name, NAME_MOST) : TEXT_NONE;
  fault_set(f, ERR_RATE_LIMITED, field, "%s%s%.*s%s is limited to %" PRId64 " %s", whose[w->subject],
            is_named ? " \"" : "", TEXT_ARGS(name), is_named ? "\"" : "", limit, what);
  if (f)
    f->retry_after_s = retry_after_s;
  return ERR_RATE_LIMITED;
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

/* What the key may spend. */
static enum err check_budget(struct allowance *a, const struct limiter_limits *limits, const struct limiter_ask *ask,
                             struct fault *f) {
  roll_period(a, limits->period_start_us);
  if (a->handed_over)
    return check_lease(a, ask->cost_nano, f);
  if (!a->spent_is_known)
    return fault_set(f, ERR_AGAIN, "budget", "what this period has cost so far is not known yet");
  int64_t room = limits->budget_nano - a->spent_nano - a->reserved_nano - a->others_nano;
  if (room <= 0)
    return refuse_budget(f, a, limits, ask->now_us);
  return ask->cost_nano > room ? refuse_cost(f, limits, ask->cost_nano, room) : ERR_OK;
}

/* Looks only; nothing is consumed unless every limit agrees. A single call larger than a whole minute of tokens passes
 * when the bucket is full, else it could never run. */
static enum err check(const struct limiter_want *w, const struct limiter_ask *ask, struct fault *f) {
  struct allowance *a = w->allowance;
  const struct limiter_limits *limits = &w->limits;
  if (limits->concurrency > 0 && a->in_flight + a->others_in_flight >= limits->concurrency)
    return refuse(f, w, "concurrency", 1, limits->concurrency, "calls at once");
  if (limits->rpm > 0) {
    bucket_refill(&a->requests, limits->rpm, ask->now_us);
    if (a->requests.level < bucket_units(1))
      return refuse(f, w, "rpm", bucket_wait_s(&a->requests, 1), limits->rpm, "requests a minute");
  }
  if (limits->tpm > 0) {
    bucket_refill(&a->tokens, limits->tpm, ask->now_us);
    uint64_t need = ask->tokens < (uint64_t)limits->tpm ? ask->tokens : (uint64_t)limits->tpm;
    if (a->tokens.level < bucket_units(need))
      return refuse(f, w, "tpm", bucket_wait_s(&a->tokens, need), limits->tpm, "tokens a minute");
  }
  return limits->budget_nano > 0 ? check_budget(a, limits, ask, f) : ERR_OK;
}

/* What is no rate goes before all rates: it is the key's, and its caller may ask in another way. */
static enum err check_all(const struct limiter_want *wants, size_t count, const struct limiter_ask *ask,
                          struct fault *f) {
  struct fault one, longest;
  bool is_limited = false;
  for (size_t i = 0; i < count; i++) {
    enum err e = check(&wants[i], ask, &one);
    if (e != ERR_OK && e != ERR_RATE_LIMITED) {
      if (f)
        *f = one;
      return e;
    }
    if (e != ERR_OK && (!is_limited || one.retry_after_s > longest.retry_after_s)) {
      longest = one;
      is_limited = true;
    }
  }
  if (is_limited && f)
    *f = longest;
  return is_limited ? ERR_RATE_LIMITED : ERR_OK;
}

static struct limiter_ticket take(const struct limiter_want *w, const struct limiter_ask *ask) {
  struct allowance *a = w->allowance;
  const struct limiter_limits *limits = &w->limits;
  int64_t cost_nano = limits->budget_nano > 0 ? ask->cost_nano : 0;
  a->in_flight++;
  if (limits->rpm > 0)
    a->requests.level -= bucket_units(1);
  if (limits->tpm > 0)
    a->tokens.level -= bucket_units(ask->tokens);
  a->reserved_nano += cost_nano;
  if (a->handed_over)
    a->lease_nano -= cost_nano;
  else if (limits->budget_nano > 0)
    a->budget_nano = limits->budget_nano;
  return (struct limiter_ticket){a, limits->tpm > 0 ? ask->tokens : 0, cost_nano};
}

/* By address, so that two calls never wait for each other. The same one does not come twice. */
static size_t in_order(const struct limiter_want *wants, size_t count, struct allowance **out) {
  size_t n = 0;
  for (size_t i = 0; i < count; i++) {
    size_t at = n;
    while (at > 0 && (uintptr_t)out[at - 1] > (uintptr_t)wants[i].allowance)
      at--;
    if (at > 0 && out[at - 1] == wants[i].allowance)
      continue;
    memmove(out + at + 1, out + at, (n - at) * sizeof(struct allowance *));
    out[at] = wants[i].allowance;
    n++;
  }
  return n;
}

enum err limiter_take(const struct limiter_want *wants, size_t count, const struct limiter_ask *ask,
                      struct limiter_ticket *out, struct fault *f) {
  struct allowance *locked[LIMITER_SUBJECT_COUNT];
  size_t n = in_order(wants, count, locked);
  for (size_t i = 0; i < n; i++)
    pthread_mutex_lock(&locked[i]->lock);
  enum err e = check_all(wants, count, ask, f);
  for (size_t i = 0; i < count && e == ERR_OK; i++)
    out[i] = take(&wants[i], ask);
  for (size_t i = 0; i < n; i++)
    pthread_mutex_unlock(&locked[i]->lock);
  return e;
}

enum err allowance_take(struct allowance *a, const struct limiter_limits *limits, const struct limiter_ask *ask,
                        struct limiter_ticket *out, struct fault *f) {
  const struct limiter_want want = {a, LIMITER_KEY, TEXT_NONE, *limits};
  return limiter_take(&want, 1, ask, out, f);
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

static uint64_t in_flight(struct limiter *l, struct map *entries) {
  uint64_t sum = 0;
  size_t cursor = 0;
  struct text key;
  void *value;
  pthread_mutex_lock(&l->lock);
  while (map_next(entries, &cursor, &key, &value)) {
    struct allowance *a = value;
    pthread_mutex_lock(&a->lock);
    sum += (uint64_t)a->in_flight;
    pthread_mutex_unlock(&a->lock);
  }
  pthread_mutex_unlock(&l->lock);
  return sum;
}

uint64_t limiter_in_flight(struct limiter *l) { return in_flight(l, l->entries[KEYS]); }

uint64_t limiter_subjects_in_flight(struct limiter *l) { return in_flight(l, l->entries[SUBJECTS]); }
