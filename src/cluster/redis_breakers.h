/* Breakers shared between replicas through Redis: the adapter of ports/breaker_share.h, as one of the users of redis.h.
 * Who tells or claims only leaves a message, so no request ever waits for Redis. While Redis cannot be reached each
 * replica goes on by itself, and when it is back what each knows is told again; of a cluster this goes for the part
 * that cannot be reached. */
#ifndef CLUSTER_REDIS_BREAKERS_H
#define CLUSTER_REDIS_BREAKERS_H

#include "cluster/redis.h"
#include "traffic/breakers.h"

struct redis_breakers;

/* Joins r, which must not have been started. */
struct redis_breakers *redis_breakers_new(struct redis *r);
/* For breakers_new; lives as long as b. */
struct breaker_share *redis_breakers_share(struct redis_breakers *b);
/* Whom it tells what others say. Before redis_start. */
void redis_breakers_serve(struct redis_breakers *b, struct breakers *all);
/* After redis_stop, which delivers what was told or given back before, and after the breakers. What is put in later is
 * forgotten. NULL is fine. */
void redis_breakers_free(struct redis_breakers *b);
/* Redis is well, and what was known here has been told. Any thread. */
bool redis_breakers_are_shared(const struct redis_breakers *b);

#endif
