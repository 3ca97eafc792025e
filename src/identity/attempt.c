/* Counting attempts to sign in: asks lockout.c what follows from the counts and has the store keep them, so that of
 * many attempts at the same time each is counted. Called by signin.c and second.c.
 * house: tested-by tests/unit/identity/test_signin.c */
#include "identity/lockout.h"
#include "identity/signin_inner.h"

#define TRIES 16

static enum err too_often(int64_t wait_us, struct fault *f) {
  int64_t s = (wait_us + 999999) / 1000000;
  enum err e = fault_set(f, ERR_RATE_LIMITED, NULL, "too many attempts: try again in %lld seconds", (long long)s);
  if (f)
    f->retry_after_s = (int)s;
  return e;
}

enum err attempt_begin(const struct attempt *a, struct fault *f) {
  const struct store_signin_ops *ops = a->desk->store->ops->signin;
  uint8_t scopes[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES];
  struct signin_attempts seen[LOCKOUT_SCOPES], next[LOCKOUT_SCOPES];
  lockout_scopes(a->desk->server_secret, a->email, a->visit->address, scopes);
  for (unsigned i = 0; i < TRIES; i++) {
    enum err e = ops->attempts_get(a->desk->store, scopes, LOCKOUT_SCOPES, seen, f);
    if (e != ERR_OK)
      return e;
    int64_t wait_us = lockout_wait_us(seen, a->visit->now_us);
    if (wait_us > 0)
      return too_often(wait_us, f);
    lockout_count(seen, a->visit->now_us, next);
    e = ops->attempts_put(a->desk->store, scopes, LOCKOUT_SCOPES, seen, next, f);
    if (e != ERR_STORE_STALE)
      return e;
  }
  return too_often(1000000, f);
}

/* That it cannot be taken back is no reason to turn away somebody who was right: it is forgotten with time. */
void attempt_end(const struct attempt *a, bool was_whole) {
  const struct store_signin_ops *ops = a->desk->store->ops->signin;
  uint8_t scopes[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES];
  struct signin_attempts seen[LOCKOUT_SCOPES], next[LOCKOUT_SCOPES];
  enum err e = ERR_STORE_STALE;
  lockout_scopes(a->desk->server_secret, a->email, a->visit->address, scopes);
  for (unsigned i = 0; i < TRIES && e == ERR_STORE_STALE; i++) {
    e = ops->attempts_get(a->desk->store, scopes, LOCKOUT_SCOPES, seen, NULL);
    lockout_clear(seen, a->visit->now_us, was_whole, next);
    if (e == ERR_OK)
      e = ops->attempts_put(a->desk->store, scopes, LOCKOUT_SCOPES, seen, next, NULL);
  }
}
