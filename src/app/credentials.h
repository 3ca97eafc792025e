/* Credentials of providers that are in the store: read and opened once when they change, and laid over the
 * configuration. A thread of its own does it, because the store and the master key's keeper may take their time; when
 * it could not, it tries again until it can, and what it had stays in use. */
#ifndef APP_CREDENTIALS_H
#define APP_CREDENTIALS_H

#include "config/overlay.h"
#include "ports/store.h"
#include "ports/vault.h"

struct credential_desk_options {
  struct store *store;
  struct vault *vault;
  void (*on_news)(void *ctx); /* there is something new to join; on the desk's thread */
  void *ctx;
};

struct credential_desk;

/* What o points to outlives it. */
struct credential_desk *credential_desk_new(const struct credential_desk_options *o);
/* Reads them in the caller's thread; blocks. One that cannot be opened is logged and left out. A keeper that cannot be
 * asked is no error: they are there when it can. Errors of the store. */
enum err credential_desk_load(struct credential_desk *d, struct fault *f) MUST_CHECK;
/* From now on in a thread of its own. ERR_SYSTEM. */
enum err credential_desk_start(struct credential_desk *d, struct fault *f) MUST_CHECK;
/* Any thread: they have changed, look. */
void credential_desk_wake(struct credential_desk *d);
/* Any thread: whether something new was read since the last call. */
bool credential_desk_has_news(struct credential_desk *d);
/* The snapshot with what was read last; both references are the caller's. A target that names a credential which is not
 * there is logged. Any thread. */
struct config *credential_desk_join(struct credential_desk *d, const struct config *base);
/* Ends the thread. NULL is fine. */
void credential_desk_free(struct credential_desk *d);

#endif
