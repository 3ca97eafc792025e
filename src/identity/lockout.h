/* Who has to wait before the next attempt to sign in, and how long: pure decisions over counts that the store keeps.
 * Whoever shows nothing is counted three times: an account from one address, which has teeth; the account from
 * anywhere, which is slow and does not hold those addresses from which the account's owner has come before; and the
 * address for any account, which slows down who tries one password on many. Two others go past a crowd: who was told
 * to wait and has waited takes turns that are kept for such (LOCKOUT_TURN); and who shows a browser in which the
 * account's owner has signed in before is counted for that browser alone (LOCKOUT_KNOWN). Addresses are whole (IPv4)
 * or networks of 64 bits (IPv6). */
#ifndef IDENTITY_LOCKOUT_H
#define IDENTITY_LOCKOUT_H

#include "base/secret.h"
#include "ports/store_signin.h"

enum lockout_scope { LOCKOUT_BOTH, LOCKOUT_ACCOUNT, LOCKOUT_ADDRESS, LOCKOUT_SCOPES };
enum lockout_lane { LOCKOUT_OPEN, LOCKOUT_TURN, LOCKOUT_KNOWN };

/* The names under which the store counts: hashes under the server's secret, of emails whether anybody has them or not.
 * place: the address; with LOCKOUT_KNOWN whatever tells the browser from others. On LOCKOUT_TURN the second is not of
 * the account but of its turns. */
void lockout_scopes(const struct secret *server_secret, enum lockout_lane lane, struct text email, struct text place,
                    uint8_t out[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES]);
/* How many of the scopes, from the first, count on a lane: below so many are looked at and set. */
size_t lockout_width(enum lockout_lane lane);
/* How long until the next attempt is looked at, in microseconds; 0: now. */
int64_t lockout_wait_us(enum lockout_lane lane, const struct signin_attempts seen[], int64_t now_us);
/* The counts with one more attempt, before it is looked at: of many that come at once each is counted. */
void lockout_count(enum lockout_lane lane, const struct signin_attempts seen[], int64_t now_us,
                   struct signin_attempts out[]);
/* The counts when it was right: what lockout_count added goes, and what the account had from this address or browser.
 * was_whole false: the password was right but a second factor is still missing, and only what was added goes. */
void lockout_clear(enum lockout_lane lane, const struct signin_attempts seen[], int64_t now_us, bool was_whole,
                   struct signin_attempts out[]);

#endif
