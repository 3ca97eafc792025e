/* Passwords of people: Argon2id (RFC 9106) under parameters of the configuration, which stand in each hash, so that
 * older ones stay good and are renewed when they are used. A hash takes memory and a core, so few are made at a time.
 * Everything here blocks: for a hash, and for its turn. Safe from any thread. */
#ifndef IDENTITY_PASSWORD_H
#define IDENTITY_PASSWORD_H

#include "ports/signin.h"

#define PASSWORD_MIN_CHARS  SIGNIN_CHOSEN_MIN
#define PASSWORD_MAX_BYTES  SIGNIN_CHOSEN_MAX
#define PASSWORD_HASH_BYTES 128 /* with the zero at its end */
#define PASSWORD_MEMORY_MIN 8192

struct password_cost {
  int64_t memory_kib, passes;
  size_t at_once; /* hashes at one time, in the whole process */
};

struct passwords;

struct passwords *passwords_new(const struct password_cost *cost);
void passwords_free(struct passwords *p); /* NULL is fine; nobody may be waiting */
/* From the next hash on (a reload). */
void passwords_set_cost(struct passwords *p, const struct password_cost *cost);

/* Whether somebody may have this one: at least PASSWORD_MIN_CHARS characters, at most PASSWORD_MAX_BYTES, UTF-8, no
 * NUL, not one character only, and nothing that everybody tries first. ERR_BAD_REQUEST with words for who chose it. */
enum err password_check(struct text password, struct fault *f) MUST_CHECK;
/* A new salt each time. ERR_UNAVAILABLE: too many are waiting, or there is no memory; ERR_LIMIT: too long. */
enum err password_hash(struct passwords *p, struct text password, char out[PASSWORD_HASH_BYTES],
                       struct fault *f) MUST_CHECK;
/* ERR_UNAUTHENTICATED: it is another one. An empty hash, and a password that nobody can have, take as long as any
 * other, so that the time does not tell whether there is such a user. ERR_UNAVAILABLE as above. *out_is_old: the hash
 * has other parameters than new ones get. */
enum err password_verify(struct passwords *p, struct text hash, struct text password, bool *out_is_old,
                         struct fault *f) MUST_CHECK;

#endif
