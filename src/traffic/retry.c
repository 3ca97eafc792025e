/* Waiting before another try, and the budget that keeps tries from multiplying a failure: sixty slots of a second. What
 * every request does, counting its call, is an addition without a lock; the lock is for a new second and for extras.
 * What failed and whether trying again can help is decided elsewhere (provider/classify.c, the gateway's send stage,
 * which calls this). */
#include "traffic/retry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define US_PER_S INT64_C(1000000)
#define SLOTS    60

struct second {
  _Atomic uint64_t calls;
  uint64_t extras; /* under the lock */
};

struct retry_budget {
  pthread_mutex_t lock;
  struct second slots[SLOTS]; /* of second s at s % SLOTS */
  _Atomic int64_t newest_s;   /* the slots are those of this second and the 59 before; changed under the lock */
};

static int64_t not_below_0(int64_t n) { return n > 0 ? n : 0; }

int64_t retry_delay_us(const struct retry_rule *r, unsigned round, uint64_t random, int64_t retry_after_us) {
  int64_t base_us = not_below_0(r->base_us), longest_us = not_below_0(r->max_us);
  if (round < 63 && base_us <= longest_us >> round)
    longest_us = base_us << round;
  else if (base_us == 0)
    longest_us = 0;
  int64_t delay_us = (int64_t)(((unsigned __int128)random * ((uint64_t)longest_us + 1)) >> 64);
  return delay_us < retry_after_us ? retry_after_us : delay_us;
}

struct retry_budget *retry_budget_new(void) {
  struct retry_budget *b = calloc(1, sizeof *b);
  if (!b)
    abort();
  pthread_mutex_init(&b->lock, NULL);
  return b;
}

void retry_budget_free(struct retry_budget *b) {
  if (!b)
    return;
  pthread_mutex_destroy(&b->lock);
  free(b);
}

static void empty(struct second *s) {
  atomic_store_explicit(&s->calls, 0, memory_order_relaxed);
  s->extras = 0;
}

/* Under the lock: the slot of now. Those that the minute has left behind are emptied. */
static struct second *slot_now(struct retry_budget *b, int64_t now_us) {
  int64_t now_s = not_below_0(now_us) / US_PER_S, newest_s = atomic_load(&b->newest_s);
  int64_t from_s = now_s - newest_s > SLOTS ? now_s - SLOTS : newest_s;
  for (int64_t s = from_s + 1; s <= now_s; s++)
    empty(&b->slots[s % SLOTS]);
  newest_s = now_s > newest_s ? now_s : newest_s;
  atomic_store(&b->newest_s, newest_s);
  return &b->slots[newest_s % SLOTS];
}

/* A call that is counted while the second changes may fall into either. */
void retry_budget_note_call(struct retry_budget *b, int64_t now_us) {
  int64_t newest_s = atomic_load(&b->newest_s);
  struct second *slot = &b->slots[newest_s % SLOTS];
  if (now_us / US_PER_S > newest_s) {
    pthread_mutex_lock(&b->lock);
    slot = slot_now(b, now_us);
    pthread_mutex_unlock(&b->lock);
  }
  atomic_fetch_add_explicit(&slot->calls, 1, memory_order_relaxed);
}

/* Under the lock. */
static struct retry_minute sum(const struct retry_budget *b) {
  struct retry_minute m = {0};
  for (size_t i = 0; i < SLOTS; i++) {
    m.calls += atomic_load_explicit(&b->slots[i].calls, memory_order_relaxed);
    m.extras += b->slots[i].extras;
  }
  return m;
}

static bool is_allowed(const struct retry_minute *sums, const struct retry_rule *r) {
  unsigned __int128 hundredths = (unsigned __int128)sums->calls * (uint64_t)not_below_0(r->budget_percent);
  return sums->extras < (uint64_t)not_below_0(r->budget_floor) ||
         (unsigned __int128)(sums->extras + 1) * 100 <= hundredths;
}

bool retry_budget_take(struct retry_budget *b, const struct retry_rule *r, int64_t now_us) {
  pthread_mutex_lock(&b->lock);
  struct second *slot = slot_now(b, now_us);
  const struct retry_minute sums = sum(b);
  bool allowed = is_allowed(&sums, r);
  slot->extras += allowed;
  pthread_mutex_unlock(&b->lock);
  return allowed;
}

struct retry_minute retry_budget_minute(struct retry_budget *b, int64_t now_us) {
  pthread_mutex_lock(&b->lock);
  (void)slot_now(b, now_us);
  struct retry_minute sums = sum(b);
  pthread_mutex_unlock(&b->lock);
  return sums;
}
