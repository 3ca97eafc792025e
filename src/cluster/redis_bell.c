/* The bell: one channel on which numbers are called out. Each replica knows the highest that it has called or heard, so
 * a number goes over the channel about once, however many replicas see it. Called by app/, on behalf of those who share
 * events through the database. */
#include "cluster/redis_bell.h"

#include <stdlib.h>

/* A user who may not ring tries again after so long. */
#define AGAIN_US INT64_C(1000000)

struct redis_bell {
  struct redis_user user;
  void (*look)(void *data);
  void *data;
  _Atomic int64_t known, rung; /* the highest called or heard; the highest to be called */
  bool is_found, is_well;
};

static struct redis_bell *bell_of(struct redis_user *u) {
  return (struct redis_bell *)(void *)((char *)u - offsetof(struct redis_bell, user));
}

static void found(struct redis_user *u, bool is_found) {
  struct redis_bell *b = bell_of(u);
  b->is_found = is_found;
  b->is_well = false;
}

/* False: that much was known. */
static bool learn(struct redis_bell *b, int64_t number) {
  int64_t known = atomic_load(&b->known);
  while (number > known) {
    if (atomic_compare_exchange_weak(&b->known, &known, number))
      return true;
  }
  return false;
}

static void heard(struct redis_user *u, struct text message) {
  struct redis_bell *b = bell_of(u);
  int64_t number;
  if (text_to_i64(message, &number) && learn(b, number))
    b->look(b->data);
}

static void missed(struct redis_user *u) {
  const struct redis_bell *b = bell_of(u);
  b->look(b->data);
}

static void publish(struct redis_bell *b, int64_t number) {
  char digits[24];
  int n = snprintf(digits, sizeof(digits), "%lld", (long long)number);
  const struct text arguments[] = {TEXT("PUBLISH"), TEXT(REDIS_BELL_CHANNEL), {digits, (size_t)n}};
  struct redis_call c = {.key = TEXT(REDIS_BELL_CHANNEL), .arguments = arguments, .count = 3};
  redis_run(&b->user, &c, 1);
  b->is_well = c.err == ERR_OK;
  redis_note(&b->user, c.fault);
  redis_calls_done(&c, 1);
}

static void ring_if_due(struct redis_bell *b) {
  int64_t number = atomic_exchange(&b->rung, 0);
  if (b->is_found && (number > 0 || !b->is_well))
    publish(b, number); /* 0 shows that this user may ring at all */
}

static void run(struct redis_user *u) {
  struct redis_bell *b = bell_of(u);
  enum err e = ERR_OK;
  while (e == ERR_OK && !redis_is_ending(u)) {
    ring_if_due(b);
    if (atomic_load(&b->rung) == 0)
      e = redis_user_wait(u, b->is_found && !b->is_well ? loop_now_us(loop_current()) + AGAIN_US : INT64_MAX);
  }
  if (e == ERR_OK && atomic_load(&b->rung) > 0)
    ring_if_due(b);
}

struct redis_bell *redis_bell_new(struct redis *r, void (*look)(void *data), void *data) {
  struct redis_bell *b = calloc(1, sizeof(*b));
  if (!b)
    abort();
  b->look = look;
  b->data = data;
  b->user = (struct redis_user){
      .channel = TEXT(REDIS_BELL_CHANNEL), .run = run, .found = found, .heard = heard, .missed = missed};
  redis_join(r, &b->user);
  return b;
}

void redis_bell_ring(struct redis_bell *b, int64_t number) {
  if (!learn(b, number))
    return;
  int64_t rung = atomic_load(&b->rung);
  while (number > rung && !atomic_compare_exchange_weak(&b->rung, &rung, number))
    ;
  redis_user_wake(&b->user);
}

void redis_bell_free(struct redis_bell *b) { free(b); }
