/* A queue of fibers of one loop that wait for somebody to wake them, oldest first. It holds no value: what is waited
 * for belongs to the caller. Used by connection pools, limiters and coalesced calls. Not for fibers of different loops
 * (mailbox.h is). */
#include "fiber/sync.h"

/* On the waiting fiber's stack. */
struct wait_entry {
  struct wait_entry *previous, *next;
  struct fiber *fiber;
  bool woken;
};

static void unlink_entry(struct wait_queue *q, struct wait_entry *e) {
  if (e->previous != NULL) {
    e->previous->next = e->next;
  } else {
    q->head = e->next;
  }
  if (e->next != NULL) {
    e->next->previous = e->previous;
  } else {
    q->tail = e->previous;
  }
}

static void append_entry(struct wait_queue *q, struct wait_entry *e) {
  e->previous = q->tail;
  if (q->tail != NULL) {
    q->tail->next = e;
  } else {
    q->head = e;
  }
  q->tail = e;
}

/* A wake that was handed to this fiber is never lost, even when a cancel or the deadline came in the same turn: a
 * cancel is still seen by the next wait, while the wake would be missing to everybody else in the queue. */
enum err wait_queue_wait(struct wait_queue *q, int64_t deadline_us) {
  struct wait_entry entry = {.fiber = fiber_self()};
  append_entry(q, &entry);
  while (!entry.woken) {
    enum err e = fiber_park(deadline_us);
    if (e != ERR_OK && !entry.woken) {
      unlink_entry(q, &entry);
      return e;
    }
  }
  return ERR_OK;
}

bool wait_queue_wake_one(struct wait_queue *q) {
  struct wait_entry *e = q->head;
  if (e == NULL) {
    return false;
  }
  unlink_entry(q, e);
  e->woken = true;
  fiber_wake(e->fiber);
  return true;
}

void wait_queue_wake_all(struct wait_queue *q) {
  while (wait_queue_wake_one(q)) {
  }
}

bool wait_queue_is_empty(const struct wait_queue *q) { return q->head == NULL; }
