/* Counting attempts to sign in: asks lockout.c what follows from the counts and has the store keep them, so that of
 * many attempts at the same time each is counted; and sees from what the browser shows on which lane an attempt is.
 * Called by signin.c, second.c and mailing.c.
 * house: tested-by tests/unit/identity/test_signin_crowd.c */
#include "identity/badge.h"
#include "identity/cookie.h"
#include "identity/signin_inner.h"

#define TRIES 16

/* Whether the browser is one in which the owner of this account has signed in since their password was set. What it
 * shows is under a MAC, so only browsers of somebody make the store look. */
static bool find_device(const struct attempt *a, struct badge_device *out) {
  const struct signin_desk *d = a->desk;
  struct people_row user;
  struct text shown;
  int64_t set_us = 0;
  if (!cookie_find(a->visit->cookie, cookie_name(COOKIE_DEVICE, d->is_secure), &shown) ||
      !badge_read_device(d->server_secret, shown, a->visit->now_us, out))
    return false;
  enum err e = d->store->ops->people->get(d->store, PEOPLE_USER, 0, out->user_id, a->visit->arena, &user, NULL);
  if (e != ERR_OK || !text_equal(user.text, a->email))
    return false;
  e = d->store->ops->signin->password_changed(d->store, user.id, &set_us, NULL);
  return e == ERR_OK && out->issued_us >= set_us;
}

static void use_lane(struct attempt *a, enum lockout_lane lane, struct text place) {
  a->lane = lane;
  lockout_scopes(a->desk->server_secret, lane, a->counted, place, a->scopes);
}

static bool find_turn(const struct attempt *a, int64_t *out_us) {
  struct text shown;
  return cookie_find(a->visit->cookie, cookie_name(COOKIE_TURN, a->desk->is_secure), &shown) &&
         badge_read_turn(a->desk->server_secret, a->scopes[LOCKOUT_BOTH], shown, a->visit->now_us, out_us);
}

/* Where it is counted. Mails that somebody has others sent are counted beside failures to sign in. */
static void place(struct attempt *a) {
  struct arena *arena = a->visit->arena;
  struct badge_device device;
  char id[2 * BADGE_DEVICE_BYTES];
  a->is_placed = true;
  a->counted = a->is_mail ? arena_format(arena, "mail %.*s", TEXT_ARGS(a->email)) : a->email;
  if (a->session_id > 0) {
    use_lane(a, LOCKOUT_KNOWN, arena_format(arena, "session %lld", (long long)a->session_id));
  } else if (find_device(a, &device)) {
    use_lane(a, LOCKOUT_KNOWN, (struct text){id, text_hex(device.id, sizeof(device.id), id)});
  } else {
    use_lane(a, LOCKOUT_OPEN, a->visit->address);
    if (find_turn(a, &a->turn_us))
      use_lane(a, LOCKOUT_TURN, a->visit->address);
  }
}

/* Says how long; and gives the browser what it shows when it comes again, so that it finds its turn kept. */
static enum err too_often(const struct attempt *a, int64_t wait_us, struct fault *f) {
  int64_t s = (wait_us + 999999) / 1000000, now_us = a->visit->now_us;
  if (a->visit->turn && a->lane != LOCKOUT_KNOWN) {
    struct buf b;
    buf_init(&b, 1024);
    cookie_write(
        COOKIE_TURN, a->desk->is_secure,
        badge_write_turn(a->desk->server_secret, a->scopes[LOCKOUT_BOTH], now_us, now_us + wait_us, a->visit->arena),
        s + BADGE_TURN_LIFE_US / 1000000, &b);
    *a->visit->turn = arena_copy(a->visit->arena, buf_text(&b));
    buf_done(&b);
  }
  enum err e = fault_set(f, ERR_RATE_LIMITED, NULL, "too many attempts: try again in %lld seconds", (long long)s);
  if (f)
    f->retry_after_s = (int)s;
  return e;
}

enum err attempt_begin(struct attempt *a, struct fault *f) {
  const struct store_signin_ops *ops = a->desk->store->ops->signin;
  struct signin_attempts seen[LOCKOUT_SCOPES], next[LOCKOUT_SCOPES];
  place(a);
  for (unsigned i = 0; i < TRIES; i++) {
    enum err e = ops->attempts_get(a->desk->store, a->scopes, lockout_width(a->lane), seen, f);
    if (e != ERR_OK)
      return e;
    if (a->lane == LOCKOUT_TURN && a->turn_us <= seen[LOCKOUT_BOTH].last_us) { /* it was taken */
      use_lane(a, LOCKOUT_OPEN, a->visit->address);
      continue;
    }
    int64_t wait_us = lockout_wait_us(a->lane, seen, a->visit->now_us);
    if (wait_us > 0)
      return too_often(a, wait_us, f);
    lockout_count(a->lane, seen, a->visit->now_us, next);
    e = ops->attempts_put(a->desk->store, a->scopes, lockout_width(a->lane), seen, next, f);
    if (e != ERR_STORE_STALE)
      return e;
  }
  return too_often(a, 1000000, f);
}

/* That it cannot be taken back is no reason to turn away somebody who was right: it is forgotten with time. */
void attempt_end(struct attempt *a, bool was_whole) {
  const struct store_signin_ops *ops = a->desk->store->ops->signin;
  struct signin_attempts seen[LOCKOUT_SCOPES], next[LOCKOUT_SCOPES];
  enum err e = ERR_STORE_STALE;
  if (!a->is_placed)
    place(a);
  for (unsigned i = 0; i < TRIES && e == ERR_STORE_STALE; i++) {
    e = ops->attempts_get(a->desk->store, a->scopes, lockout_width(a->lane), seen, NULL);
    if (e != ERR_OK)
      return;
    lockout_clear(a->lane, seen, a->visit->now_us, was_whole, next);
    e = ops->attempts_put(a->desk->store, a->scopes, lockout_width(a->lane), seen, next, NULL);
  }
}
