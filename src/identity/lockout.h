/* Who has to wait before the next attempt to sign in, and how long: pure decisions over counts that the store keeps.
 * Three counts stand side by side: of an account from one address, of the account from anywhere, and of the address
 * for any account. The first has teeth. The second is slow and does not hold those addresses from which the account's
 * owner has come before, so nobody can lock others out of their account; the third slows down who tries one password
 * on many accounts. Addresses are whole (IPv4) or networks of 64 bits (IPv6). */
#ifndef IDENTITY_LOCKOUT_H
#define IDENTITY_LOCKOUT_H

#include "base/secret.h"
#include "ports/store_signin.h"

enum lockout_scope { LOCKOUT_BOTH, LOCKOUT_ACCOUNT, LOCKOUT_ADDRESS, LOCKOUT_SCOPES };

/* The names under which the store counts: hashes under the server's secret, of emails whether anybody has them or not.
 */
void lockout_scopes(const struct secret *server_secret, struct text email, struct text address,
                    uint8_t out[LOCKOUT_SCOPES][SIGNIN_SCOPE_BYTES]);
/* How long until the next attempt is looked at, in microseconds; 0: now. */
int64_t lockout_wait_us(const struct signin_attempts seen[LOCKOUT_SCOPES], int64_t now_us);
/* The counts with one more attempt, before it is looked at: of many that come at once each is counted. */
void lockout_count(const struct signin_attempts seen[LOCKOUT_SCOPES], int64_t now_us,
                   struct signin_attempts out[LOCKOUT_SCOPES]);
/* The counts when it was right: what lockout_count added goes, and what the account had from this address. was_whole
 * false: the password was right but a second factor is still missing, and only what was added goes. */
void lockout_clear(const struct signin_attempts seen[LOCKOUT_SCOPES], int64_t now_us, bool was_whole,
                   struct signin_attempts out[LOCKOUT_SCOPES]);

#endif
