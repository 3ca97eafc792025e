/* Waiting before another try, and the budget that keeps tries from multiplying a failure: sixty slots of a second and
 * their sums behind a lock that is held for an addition. What failed and whether trying again can help is decided
 * elsewhere (provider/classify.c, the gateway's send stage, which calls this). */
#include "traffic/retry.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define US_PER_S INT64_C(1000000)
#define SLOTS    60

struct retry_budget {
  pthread_mutex_t lock;
  struct retry_minute slots[SLOTS]; /* of second s at s % SLOTS */
  struct retry_minute sums;
  int64_t newest_s; /* the slots are those of this second and the 59 before */
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

/* The slot of now. Those that the minute has left behind are emptied. */
static struct retry_minute *slot_now(struct retry_budget *b, int64_t now_us) {
  int64_t now_s = not_below_0(now_us) / US_PER_S;
  if (now_s - b->newest_s >= SLOTS) {
    memset(b->slots, 0, sizeof b->slots);
    b->sums = (struct retry_minute){0};
    b->newest_s = now_s;
  }
  while (b->newest_s < now_s) {
    struct retry_minute *left = &b->slots[++b->newest_s % SLOTS];
    b->sums.calls -= left->calls;
    b->sums.extras -= left->extras;
    *left = (struct retry_minute){0};
  }
  return &b->slots[b->newest_s % SLOTS];
}

void retry_budget_note_call(struct retry_budget *b, int64_t now_us) {
  pthread_mutex_lock(&b->lock);
  slot_now(b, now_us)->calls++;
  b->sums.calls++;
  pthread_mutex_unlock(&b->lock);
}

static bool is_allowed(const struct retry_minute *sums, const struct retry_rule *r) {
  unsigned __int128 hundredths = (unsigned __int128)sums->calls * (uint64_t)not_below_0(r->budget_percent);
  return sums->extras < (uint64_t)not_below_0(r->budget_floor) ||
         (unsigned __int128)(sums->extras + 1) * 100 <= hundredths;
}

bool retry_budget_take(struct retry_budget *b, const struct retry_rule *r, int64_t now_us) {
  pthread_mutex_lock(&b->lock);
  struct retry_minute *slot = slot_now(b, now_us);
  bool allowed = is_allowed(&b->sums, r);
  slot->extras += allowed;
  b->sums.extras += allowed;
  pthread_mutex_unlock(&b->lock);
  return allowed;
}

struct retry_minute retry_budget_minute(struct retry_budget *b, int64_t now_us) {
  pthread_mutex_lock(&b->lock);
  (void)slot_now(b, now_us);
  struct retry_minute sums = b->sums;
  pthread_mutex_unlock(&b->lock);
  return sums;
}
