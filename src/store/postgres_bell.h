/* The bell of a PostgreSQL store: a connection of its own that listens to what event_add_on notifies, behind
 * ports/store_events.h. */
#ifndef STORE_POSTGRES_BELL_H
#define STORE_POSTGRES_BELL_H

#include "ports/store.h"

/* Connects, waiting at most connect_timeout a host. ERR_STORE. */
enum err postgres_bell_open(struct store *s, struct store_bell **out, struct fault *f) MUST_CHECK;
/* Waits until a notification came, wake_fd is readable or timeout_ms are over. ERR_STORE, ERR_STORE_BUSY: lost. */
enum err postgres_bell_wait(struct store_bell *b, int wake_fd, int64_t timeout_ms, bool *out_rang,
                            struct fault *f) MUST_CHECK;
/* NULL is fine; never waits. */
void postgres_bell_close(struct store_bell *b);

#endif
