/* Randomness from the kernel through libsodium, and the ids made of it. Safe from any thread. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/text.h"

/* Seeds text_hash; call once at start. Idempotent. */
void random_start(void);
void random_bytes(void *out, size_t n);
uint64_t random_u64(void);
/* Cheap per-thread generator for request ids and jitter (xoshiro seeded from the kernel); not for secrets. */
uint64_t random_fast(void);

#endif
