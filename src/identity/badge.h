/* Two things that a browser may show when somebody signs in, and which are no session: that this account's owner has
 * signed in with it before (a device), and that it was told to wait and has (a turn). Both are text under a MAC of the
 * server's secret, so every replica can read what another wrote, and the store holds nothing of them. Pure. */
#ifndef IDENTITY_BADGE_H
#define IDENTITY_BADGE_H

#include "base/arena.h"
#include "base/secret.h"
#include "ports/store_signin.h"

#define BADGE_DEVICE_BYTES   16
#define BADGE_DEVICE_LIFE_US INT64_C(31536000000000) /* a year after the last sign-in or refresh */
#define BADGE_TURN_LIFE_US   INT64_C(60000000)       /* how late one may come to a turn */

struct badge_device {
  int64_t user_id, issued_us;
  uint8_t id[BADGE_DEVICE_BYTES];
};

/* Of token characters, in the arena. */
struct text badge_write_device(const struct secret *server_secret, const struct badge_device *d, struct arena *a);
/* False: it is none, was made elsewhere, or is older than BADGE_DEVICE_LIFE_US. Whether the user's password has been
 * changed since is the caller's to ask. */
bool badge_read_device(const struct secret *server_secret, struct text badge, int64_t now_us, struct badge_device *out);

/* A turn is of one scope (an account from an address) and is taken from from_us on. */
struct text badge_write_turn(const struct secret *server_secret, const uint8_t scope[SIGNIN_SCOPE_BYTES],
                             int64_t issued_us, int64_t from_us, struct arena *a);
/* False: it is none, of another scope, or it is too early or too late. That it is good once is the caller's to see to:
 * *out_issued_us is not after the last attempt of the scope then. */
bool badge_read_turn(const struct secret *server_secret, const uint8_t scope[SIGNIN_SCOPE_BYTES], struct text badge,
                     int64_t now_us, int64_t *out_issued_us);

#endif
