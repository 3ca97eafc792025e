/* Waiting for each other between fibers of one loop: a queue of waiters. */
#ifndef FIBER_SYNC_H
#define FIBER_SYNC_H

#include "fiber/fiber.h"

struct wait_entry;
/* First in, first out. Zero-initialised is empty. */
struct wait_queue {
  struct wait_entry *head, *tail;
};
/* Parks the running fiber in the queue. ERR_OK when woken by wait_queue_wake_* (also when a cancel or the deadline came
 * in the same turn: a wake is never lost), else ERR_TIMEOUT or ERR_CANCELLED (and it has left the queue). */
enum err wait_queue_wait(struct wait_queue *q, int64_t deadline_us) MUST_CHECK;
bool wait_queue_wake_one(struct wait_queue *q); /* false when nobody waits */
void wait_queue_wake_all(struct wait_queue *q);
bool wait_queue_is_empty(const struct wait_queue *q);

#endif
