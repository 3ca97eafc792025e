/* A bell between replicas: who has something new for the others rings, and each of the others is told at once that
 * there is something to look at. What it is stands elsewhere, in the database; a ring that is lost only means that the
 * others look when they would have anyway. One of the users of redis.h. */
#ifndef CLUSTER_REDIS_BELL_H
#define CLUSTER_REDIS_BELL_H

#include "cluster/redis.h"

#define REDIS_BELL_CHANNEL "weir:events"

struct redis_bell;

/* Joins r, which must not have been started. look(data) is called on Redis' thread and must not wait: when another
 * replica has rung, and when a ring may have been missed. */
struct redis_bell *redis_bell_new(struct redis *r, void (*look)(void *data), void *data);
/* Tells the others, after what is new has been committed. Any thread; never waits. Rings in quick succession become
 * one. While Redis cannot be reached it does nothing. */
void redis_bell_ring(struct redis_bell *b);
void redis_bell_free(struct redis_bell *b); /* after redis_stop; NULL is fine */

#endif
