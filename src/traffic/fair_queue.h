/* Whose turn it is among waiters of many keys. Data only: no lock, no clock, nothing waits in here; slots.h does that.
 *
 * The next is of the key with the fewest calls running; among equals of the key whose last call began the longest ago,
 * so that keys take turns also where there is one place only; among those whose calls never began, of the key whose
 * first waiter has the earliest deadline. Within a key the earliest deadline is first. Equal deadlines: first come. */
#ifndef TRAFFIC_FAIR_QUEUE_H
#define TRAFFIC_FAIR_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct fair_queue;
struct fair_key; /* internal */

/* Embedded in its owner, who keeps it in place while it waits. */
struct fair_waiter {
  int64_t key_id, deadline_us;         /* set by the owner before fair_queue_add, then left alone */
  struct fair_waiter *previous, *next; /* internal, as all below */
  struct fair_key *key;
  uint64_t arrival;
};

struct fair_queue *fair_queue_new(void);
void fair_queue_free(struct fair_queue *q); /* waiters are not touched; NULL is fine */

void fair_queue_add(struct fair_queue *q, struct fair_waiter *w);
void fair_queue_remove(struct fair_queue *q, struct fair_waiter *w); /* w must be waiting */
/* The next one, who goes on waiting; NULL when nobody does. */
struct fair_waiter *fair_queue_first(const struct fair_queue *q);
/* Who has to go when the queue is full and a call of key_id comes: the last of the key with the most waiters (among
 * equals of the key whose last has the latest deadline). NULL when key_id itself has as many, or nobody waits. */
struct fair_waiter *fair_queue_last_of_greediest(const struct fair_queue *q, int64_t key_id);

/* A call of the key has begun; one that had begun has ended. */
void fair_queue_start(struct fair_queue *q, int64_t key_id);
void fair_queue_end(struct fair_queue *q, int64_t key_id);

/* How many wait, and how many calls have begun and not ended, of all keys. */
size_t fair_queue_waiting(const struct fair_queue *q);
size_t fair_queue_running(const struct fair_queue *q);

#endif
