/* How many calls a target may have at one time, and the bounded queue before it, shared by all workers: fibers of any
 * loop wait here and wake each other across threads. The places are shared fairly between keys (see fair_queue.h for
 * the order); what is asked for comes with every call, so a configuration that was read again counts from the next call
 * on. The limit of the newest ask, or of slots_set_limit, is the one in force: raised, it lets waiters in at once;
 * lowered, it lets nobody in until enough calls have ended. */
#ifndef TRAFFIC_SLOTS_H
#define TRAFFIC_SLOTS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct slots;

/* One place, held. Zeroed: nothing is held. */
struct slot {
  struct slots *slots;
  int64_t key_id;
};

struct slots_ask {
  int64_t limit;    /* calls at one time; 0: none, and everybody who waits is let in */
  size_t queue_max; /* waiters, all keys together; those that wait already stay when it was lowered */
  int64_t key_id;
  int64_t deadline_us; /* the call's own end, on the scale of loop_now_us */
  int64_t wait_us;     /* at most so long in the queue */
};

struct slots *slots_new(void);
/* Nobody waits, and every place was given back. NULL is fine. */
void slots_free(struct slots *s);

/* A place when one is free and nobody waits for it, else ERR_AGAIN. Does not wait; any thread. s may be NULL: no limit
 * is kept, and the slot stays empty. */
enum err slots_try(struct slots *s, const struct slots_ask *a, struct slot *out) MUST_CHECK;
/* The same, but waits in the running fiber. Else:
 *   ERR_OVERLOADED  the queue is full, no place came in wait_us or before the deadline, or the queue was full and this
 *                   waiter, the last of the key with the most waiters, had to make room for a key with fewer.
 *                   f->retry_after_s says how long a newcomer would wait as the queue moves at present: 1 to 60
 *   ERR_CANCELLED   a place that was on its way has gone to the next waiter
 * A fiber whose cancel is pending gets a place that is free, as nothing waits then. */
enum err slots_wait(struct slots *s, const struct slots_ask *a, struct slot *out, struct fault *f) MUST_CHECK;
/* Ends the call: its place goes to whose turn it is, and *slot is empty. Idempotent, any thread, never waits. */
void slot_give_back(struct slot *slot);

/* Another limit without a call. Any thread, does not wait; s may be NULL. */
void slots_set_limit(struct slots *s, int64_t limit);
/* Calls that hold a place, and fibers that wait for one, at this moment. Any thread; 0 for NULL. */
size_t slots_running(struct slots *s);
size_t slots_waiting(struct slots *s);

#endif
