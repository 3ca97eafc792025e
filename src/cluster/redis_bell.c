/* The bell: one message on one channel, which says only who rang, so that nobody is woken by himself. Called by app/,
 * on behalf of those who share events through the database. */
#include "cluster/redis_bell.h"

#include <stdlib.h>

struct redis_bell {
  struct redis_user user;
  void (*look)(void *data);
  void *data;
  char own[24]; /* this replica in hex */
  atomic_bool is_rung;
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

static void heard(struct redis_user *u, struct text message) {
  const struct redis_bell *b = bell_of(u);
  if (!text_equal(message, text_of(b->own)))
    b->look(b->data);
}

static void missed(struct redis_user *u) {
  const struct redis_bell *b = bell_of(u);
  b->look(b->data);
}

static void publish(struct redis_bell *b) {
  const struct text arguments[] = {TEXT("PUBLISH"), TEXT(REDIS_BELL_CHANNEL), text_of(b->own)};
  struct redis_call c = {.key = TEXT(REDIS_BELL_CHANNEL), .arguments = arguments, .count = 3};
  redis_run(&b->user, &c, 1);
  b->is_well = c.err == ERR_OK;
  redis_note(&b->user, c.fault);
  redis_calls_done(&c, 1);
}

/* One ring of its own when Redis is found shows that this user may ring at all. */
static void run(struct redis_user *u) {
  struct redis_bell *b = bell_of(u);
  enum err e = ERR_OK;
  while (e == ERR_OK && !redis_is_ending(u)) {
    bool rings = atomic_exchange(&b->is_rung, false);
    if (b->is_found && (rings || !b->is_well))
      publish(b);
    if (!atomic_load(&b->is_rung))
      e = redis_user_wait(u, b->is_found && !b->is_well ? loop_now_us(loop_current()) + 1000000 : INT64_MAX);
  }
  if (b->is_found && atomic_load(&b->is_rung) && !fiber_is_cancelled(fiber_self()))
    publish(b);
}

struct redis_bell *redis_bell_new(struct redis *r, void (*look)(void *data), void *data) {
  struct redis_bell *b = calloc(1, sizeof(*b));
  if (!b)
    abort();
  b->look = look;
  b->data = data;
  (void)snprintf(b->own, sizeof(b->own), "%016llx", (unsigned long long)redis_replica(r));
  b->user = (struct redis_user){
      .channel = TEXT(REDIS_BELL_CHANNEL), .run = run, .found = found, .heard = heard, .missed = missed};
  redis_join(r, &b->user);
  return b;
}

void redis_bell_ring(struct redis_bell *b) {
  if (!atomic_exchange(&b->is_rung, true))
    redis_user_wake(&b->user);
}

void redis_bell_free(struct redis_bell *b) { free(b); }
