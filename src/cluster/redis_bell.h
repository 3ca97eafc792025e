/* A bell between replicas over something that stands elsewhere, in the database, and is numbered: whoever has seen a
 * new number first rings, and the others look at once instead of when they would have anyway. A ring that is lost costs
 * nothing but that time. One of the users of redis.h. */
#ifndef CLUSTER_REDIS_BELL_H
#define CLUSTER_REDIS_BELL_H

#include "cluster/redis.h"

#define REDIS_BELL_CHANNEL "weir:events"

struct redis_bell;

/* Joins r, which must not have been started. look(data) is called on Redis' thread and must not wait: when another
 * replica has rung for a number that this one has neither rung for nor heard of, and when a ring may have been missed.
 */
struct redis_bell *redis_bell_new(struct redis *r, void (*look)(void *data), void *data);
/* This replica has seen everything up to that number, which is above 0: tells the others, unless one of them has told
 * it already. Of several in quick succession the highest counts. Any thread, never waits. While Redis cannot be reached
 * nobody is told, and afterwards all look. */
void redis_bell_ring(struct redis_bell *b, int64_t number);
void redis_bell_free(struct redis_bell *b); /* after redis_stop; NULL is fine */

#endif
