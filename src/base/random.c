/* Randomness: the kernel's through libsodium for anything that must not be guessed, and a quick generator a thread
 * (xoshiro256**) for request ids and jitter. It makes no ids itself. Called by app at start, then from anywhere. */
#include "base/random.h"

#include "base/secret.h"

#include <sodium.h>

struct generator {
  uint64_t s[4];
  bool seeded;
};

static _Thread_local struct generator generator;

void random_start(void) {
  static bool started;
  if (started)
    return;
  secret_start();
  text_hash_seed(random_u64());
  started = true;
}

void random_bytes(void *out, size_t n) {
  if (n > 0)
    randombytes_buf(out, n);
}

uint64_t random_u64(void) {
  uint64_t n;
  randombytes_buf(&n, sizeof n);
  return n;
}

static uint64_t rotate(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

uint64_t random_fast(void) {
  struct generator *g = &generator;
  if (!g->seeded) {
    randombytes_buf(g->s, sizeof g->s);
    g->s[0] |= 1; /* the all-zero state is the one that stands still */
    g->seeded = true;
  }
  uint64_t result = rotate(g->s[1] * 5, 7) * 9, shifted = g->s[1] << 17;
  g->s[2] ^= g->s[0];
  g->s[3] ^= g->s[1];
  g->s[1] ^= g->s[2];
  g->s[0] ^= g->s[3];
  g->s[2] ^= shifted;
  g->s[3] = rotate(g->s[3], 45);
  return result;
}
