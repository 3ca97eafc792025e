/* Breakers shared between replicas through a Redis: the adapter of ports/breaker_share.h. A thread of its own holds two
 * connections, one to ask and one to listen; who tells or claims only leaves a message, so no request ever waits for
 * Redis. While Redis cannot be reached each replica goes on by itself, and when it is back what each knows is told
 * again. The log says when it is lost and found, once each. */
#ifndef CLUSTER_REDIS_BREAKERS_H
#define CLUSTER_REDIS_BREAKERS_H

#include "net/dns.h"
#include "net/tls.h"
#include "traffic/breakers.h"

struct redis_breakers;

struct redis_breakers_options {
  struct text url;         /* resp_url.h */
  struct dns *dns;         /* outlives the thread; may be NULL when the host is an IP literal */
  struct tls_context *tls; /* for rediss://, referenced */
  uint64_t replica;        /* random, not 0 */
  int64_t patience_us;     /* how long Redis may take over anything before it counts as lost; 0: 2 seconds */
};

/* ERR_CONFIG: the URL. Nothing runs yet. */
enum err redis_breakers_new(const struct redis_breakers_options *o, struct redis_breakers **out,
                            struct fault *f) MUST_CHECK;
/* For breakers_new; lives as long as r. */
struct breaker_share *redis_breakers_share(struct redis_breakers *r);
/* Starts the thread, before any call is served. Does not wait for Redis, which may come later. ERR_SYSTEM. */
enum err redis_breakers_start(struct redis_breakers *r, struct breakers *all, struct fault *f) MUST_CHECK;
/* Ends the thread; afterwards nothing comes out of the share, and what is put in is forgotten. NULL is fine. */
void redis_breakers_stop(struct redis_breakers *r);
void redis_breakers_free(struct redis_breakers *r); /* after the breakers; stops; NULL is fine */
/* Both connections stand, and what was known here has been told. Any thread. */
bool redis_breakers_are_shared(const struct redis_breakers *r);

#endif
