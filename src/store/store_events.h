/* Adding an event inside somebody else's transaction, for the operations of the store that change what other processes
 * keep a copy of. */
#ifndef STORE_STORE_EVENTS_H
#define STORE_STORE_EVENTS_H

#include "store/driver.h"

/* Adds an event in the link's open transaction; it is seen, and the bell rings, when that commits. Takes a lock that is
 * held until then, which puts events in the order of commits: best called last. subject at most 256 bytes. */
enum err event_add_on(struct driver_link *l, const char *kind, struct text subject, struct fault *f) MUST_CHECK;
/* The same with a number as subject. */
enum err event_add_id_on(struct driver_link *l, const char *kind, int64_t subject, struct fault *f) MUST_CHECK;

#endif
