/* Places of a target and who waits for them: a count and a fair queue behind one small lock that is never held across
 * a wait. Whose turn it is decides fair_queue.c; nothing here knows targets or configuration. The gateway's send stage
 * takes a place before a call and gives it back when the call has ended.
 *
 * A waiter stands on its fiber's stack. Whoever decides about it (a place, a refusal) takes it out of the queue under
 * the lock and then posts a message to its loop. From the decision until the message has run the waiter is still
 * pointed to, so its fiber stays in here for that moment, even when it was cancelled or its time is over. */
#include "traffic/slots.h"

#include "fiber/fiber.h"
#include "fiber/mailbox.h"
#include "traffic/fair_queue.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>

#define US_PER_S           INT64_C(1000000)
#define RETRY_AFTER_MAX_US (60 * US_PER_S)
#define PACE_SHARE         8 /* of a new figure in the moving average: one in so many */

enum verdict { VERDICT_NONE, VERDICT_PLACE, VERDICT_REFUSED };

struct waiter {
  struct mailbox_message message; /* first: the message is the waiter */
  struct fair_waiter queued;
  struct waiter *next; /* among those to tell */
  struct loop *loop;
  struct fiber *fiber;
  enum verdict verdict; /* under the lock until told */
  bool told;            /* the message has run; on the loop's thread only */
};

struct slots {
  pthread_mutex_t lock;
  struct fair_queue *queue;
  int64_t limit;
  int64_t pace_us;  /* from one waiter let in to the next, on average; -1: nobody was yet */
  int64_t moved_us; /* the last one let in, or the first one come since the queue was empty */
};

/* Waiters decided about while the lock was held, told once it is not. */
struct decided {
  struct waiter *first, **end;
};

struct slots *slots_new(void) {
  struct slots *s = calloc(1, sizeof *s);
  if (!s)
    abort();
  pthread_mutex_init(&s->lock, NULL);
  s->queue = fair_queue_new();
  s->pace_us = -1;
  return s;
}

void slots_free(struct slots *s) {
  if (!s)
    return;
  assert(fair_queue_waiting(s->queue) == 0);
  fair_queue_free(s->queue);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

static struct waiter *waiter_of(struct fair_waiter *queued) {
  return (struct waiter *)(void *)((char *)queued - offsetof(struct waiter, queued));
}

static void message_came(struct mailbox_message *m) {
  struct waiter *w = (struct waiter *)(void *)m;
  w->told = true;
  fiber_wake(w->fiber);
}

/* Under the lock. */
static void decide(struct slots *s, struct waiter *w, enum verdict verdict, struct decided *out) {
  fair_queue_remove(s->queue, &w->queued);
  w->verdict = verdict;
  w->next = NULL;
  *out->end = w;
  out->end = &w->next;
}

/* Under the lock. */
static bool has_place(const struct slots *s) {
  return s->limit <= 0 || fair_queue_running(s->queue) < (size_t)s->limit;
}

/* Under the lock: after anything that may have made a place free. Then nobody waits or nothing is free. */
static void hand_out(struct slots *s, struct decided *out) {
  struct fair_waiter *next;
  while (has_place(s) && (next = fair_queue_first(s->queue))) {
    int64_t key_id = next->key_id;
    decide(s, waiter_of(next), VERDICT_PLACE, out);
    fair_queue_start(s->queue, key_id);
  }
}

/* Not under the lock. A waiter may be gone as soon as its message is posted. */
static void tell(struct waiter *w) {
  while (w) {
    struct waiter *next = w->next;
    mailbox_post(w->loop, &w->message);
    w = next;
  }
}

/* Under the lock. Those who wait go first. */
static bool take_now(struct slots *s, const struct slots_ask *a, struct slot *out, struct decided *decided) {
  s->limit = a->limit;
  hand_out(s, decided);
  if (!has_place(s))
    return false;
  fair_queue_start(s->queue, a->key_id);
  *out = (struct slot){s, a->key_id};
  return true;
}

enum err slots_try(struct slots *s, const struct slots_ask *a, struct slot *out) {
  if (!s) {
    *out = (struct slot){0};
    return ERR_OK;
  }
  struct decided decided = {.end = &decided.first};
  pthread_mutex_lock(&s->lock);
  bool taken = take_now(s, a, out, &decided);
  pthread_mutex_unlock(&s->lock);
  tell(decided.first);
  return taken ? ERR_OK : ERR_AGAIN;
}

void slot_give_back(struct slot *slot) {
  struct slots *s = slot->slots;
  if (!s)
    return;
  struct decided decided = {.end = &decided.first};
  pthread_mutex_lock(&s->lock);
  fair_queue_end(s->queue, slot->key_id);
  hand_out(s, &decided);
  pthread_mutex_unlock(&s->lock);
  tell(decided.first);
  *slot = (struct slot){0};
}

void slots_set_limit(struct slots *s, int64_t limit) {
  if (!s)
    return;
  struct decided decided = {.end = &decided.first};
  pthread_mutex_lock(&s->lock);
  s->limit = limit;
  hand_out(s, &decided);
  pthread_mutex_unlock(&s->lock);
  tell(decided.first);
}

/* Under the lock. The average speaks of the past: a queue that stands still is at least as slow as it has stood. */
static int retry_after_s(const struct slots *s, int64_t now_us) {
  size_t waiting = fair_queue_waiting(s->queue);
  int64_t stood_us = waiting > 0 ? now_us - s->moved_us : 0;
  int64_t pace_us = s->pace_us > stood_us ? s->pace_us : stood_us;
  if (pace_us > RETRY_AFTER_MAX_US / (int64_t)(waiting + 1))
    return (int)(RETRY_AFTER_MAX_US / US_PER_S);
  return 1 + (int)((pace_us * (int64_t)(waiting + 1) - 1) / US_PER_S);
}

static enum err refuse(struct slots *s, const struct slots_ask *a, int64_t now_us, const char *why, struct fault *f) {
  pthread_mutex_lock(&s->lock);
  int wait_s = retry_after_s(s, now_us);
  pthread_mutex_unlock(&s->lock);
  fault_set(f, ERR_OVERLOADED, NULL, "all %" PRId64 " places of this target are taken and %s", a->limit, why);
  if (f)
    f->retry_after_s = wait_s;
  return ERR_OVERLOADED;
}

/* Under the lock. False: the queue is full, and nobody in it has to go for this one. */
static bool join(struct slots *s, const struct slots_ask *a, struct waiter *w, int64_t now_us,
                 struct decided *decided) {
  if (fair_queue_waiting(s->queue) == 0)
    s->moved_us = now_us;
  if (fair_queue_waiting(s->queue) >= a->queue_max) {
    struct fair_waiter *last = a->queue_max > 0 ? fair_queue_last_of_greediest(s->queue, a->key_id) : NULL;
    if (!last)
      return false;
    decide(s, waiter_of(last), VERDICT_REFUSED, decided);
  }
  fair_queue_add(s->queue, &w->queued);
  return true;
}

/* The verdict's message is on its way to this fiber's stack: nothing but its arrival ends this. A cancel is kept for
 * the fiber's next wait. */
static void await_message(const struct waiter *w) {
  bool cancelled = false;
  while (!w->told) {
    if (fiber_is_cancelled(w->fiber)) {
      cancelled = true;
      fiber_clear_cancel();
    }
    (void)!fiber_park(FIBER_NO_DEADLINE); /* whatever ends it, w->told decides */
  }
  if (cancelled)
    fiber_cancel(w->fiber);
}

/* ERR_OK: there is a verdict and it has arrived. Else the waiter has left the queue. */
static enum err await_verdict(struct slots *s, struct waiter *w, int64_t until_us) {
  enum err e = ERR_OK;
  while (!w->told && e == ERR_OK)
    e = fiber_park(until_us);
  if (w->told)
    return ERR_OK;
  pthread_mutex_lock(&s->lock);
  bool is_decided = w->verdict != VERDICT_NONE;
  if (!is_decided)
    fair_queue_remove(s->queue, &w->queued);
  pthread_mutex_unlock(&s->lock);
  if (!is_decided)
    return e;
  await_message(w);
  return ERR_OK;
}

static void note_pace(struct slots *s, int64_t now_us) {
  pthread_mutex_lock(&s->lock);
  int64_t took_us = now_us > s->moved_us ? now_us - s->moved_us : 0;
  s->pace_us = s->pace_us < 0 ? took_us : s->pace_us + (took_us - s->pace_us) / PACE_SHARE;
  if (now_us > s->moved_us)
    s->moved_us = now_us;
  pthread_mutex_unlock(&s->lock);
}

/* A fiber that stood in the queue and is out of it, one way or another. */
static enum err leave(struct slots *s, const struct slots_ask *a, const struct waiter *w, enum err waited,
                      struct slot *out, struct fault *f) {
  struct slot place = {w->verdict == VERDICT_PLACE ? s : NULL, a->key_id};
  if (waited == ERR_CANCELLED || fiber_is_cancelled(w->fiber)) {
    slot_give_back(&place);
    return fault_set(f, ERR_CANCELLED, NULL, "cancelled while waiting for a place");
  }
  int64_t now_us = loop_now_us(w->loop);
  if (w->verdict == VERDICT_REFUSED)
    return refuse(s, a, now_us, "its queue is full; other keys have fewer calls in it", f);
  if (w->verdict == VERDICT_NONE)
    return refuse(s, a, now_us, "none came free in time", f);
  note_pace(s, now_us);
  *out = place;
  return ERR_OK;
}

static int64_t wait_end_us(const struct slots_ask *a, int64_t now_us) {
  int64_t wait_us = a->wait_us > 0 ? a->wait_us : 0;
  int64_t end_us = wait_us > INT64_MAX - now_us ? INT64_MAX : now_us + wait_us;
  return end_us < a->deadline_us ? end_us : a->deadline_us;
}

enum err slots_wait(struct slots *s, const struct slots_ask *a, struct slot *out, struct fault *f) {
  if (!s)
    return slots_try(s, a, out);
  struct fiber *self = fiber_self();
  assert(self);
  struct loop *loop = fiber_loop(self);
  struct waiter w = {.message = {.run = message_came},
                     .queued = {.key_id = a->key_id, .deadline_us = a->deadline_us},
                     .loop = loop,
                     .fiber = self};
  struct decided decided = {.end = &decided.first};
  int64_t now_us = loop_now_us(loop), until_us = wait_end_us(a, now_us);
  bool may_wait = until_us > now_us;
  pthread_mutex_lock(&s->lock);
  bool taken = take_now(s, a, out, &decided);
  bool waits = !taken && may_wait && join(s, a, &w, now_us, &decided);
  pthread_mutex_unlock(&s->lock);
  tell(decided.first);
  if (taken)
    return ERR_OK;
  if (!waits)
    return refuse(s, a, now_us, may_wait ? "its queue is full" : "there is no time to wait for one", f);
  return leave(s, a, &w, await_verdict(s, &w, until_us), out, f);
}

size_t slots_running(struct slots *s) {
  if (!s)
    return 0;
  pthread_mutex_lock(&s->lock);
  size_t running = fair_queue_running(s->queue);
  pthread_mutex_unlock(&s->lock);
  return running;
}

size_t slots_waiting(struct slots *s) {
  if (!s)
    return 0;
  pthread_mutex_lock(&s->lock);
  size_t waiting = fair_queue_waiting(s->queue);
  pthread_mutex_unlock(&s->lock);
  return waiting;
}
