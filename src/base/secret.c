/* Secrets on libsodium: one heap copy each, wiped when freed, compared in constant time, and the keyed hash under which
 * keys are stored. It neither reads nor prints them. Called by config, store and the provider adapters. */
#include "base/secret.h"

#include <pthread.h>
#include <sodium.h>

struct secret {
  size_t len;
  char bytes[];
};

static unsigned char fingerprint_key[crypto_shorthash_siphashx24_KEYBYTES];

_Static_assert(SECRET_FINGERPRINT_BYTES == crypto_shorthash_siphashx24_BYTES, "SipHash-x-2-4 gives 16 bytes");
_Static_assert(SECRET_HMAC_BYTES == crypto_auth_hmacsha256_BYTES, "HMAC-SHA-256 gives 32 bytes");

static void start(void) {
  if (sodium_init() < 0)
    abort();
  randombytes_buf(fingerprint_key, sizeof fingerprint_key);
}

void secret_start(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, start);
}

void secret_fingerprint(struct text message, uint8_t out[SECRET_FINGERPRINT_BYTES]) {
  secret_start();
  crypto_shorthash_siphashx24(out, (const unsigned char *)(message.at == NULL ? "" : message.at), message.len,
                              fingerprint_key);
}

struct secret *secret_new(struct text t) {
  struct secret *s = malloc(sizeof *s + t.len);
  if (s == NULL)
    abort();
  s->len = t.len;
  if (t.len > 0)
    memcpy(s->bytes, t.at, t.len);
  return s;
}

void secret_free(struct secret *s) {
  if (s == NULL)
    return;
  sodium_memzero(s, sizeof *s + s->len);
  free(s);
}

struct text secret_reveal(const struct secret *s) {
  return s == NULL ? TEXT_NONE : (struct text){s->bytes, s->len};
}

bool secret_is_empty(const struct secret *s) { return s == NULL || s->len == 0; }

bool secret_equal(struct text a, struct text b) {
  return a.len == b.len && (a.len == 0 || sodium_memcmp(a.at, b.at, a.len) == 0);
}

void secret_hmac(const struct secret *s, struct text message, uint8_t out[SECRET_HMAC_BYTES]) {
  crypto_auth_hmacsha256_state state;
  struct text key = secret_reveal(s);
  crypto_auth_hmacsha256_init(&state, (const unsigned char *)(key.at == NULL ? "" : key.at), key.len);
  crypto_auth_hmacsha256_update(&state, (const unsigned char *)(message.at == NULL ? "" : message.at), message.len);
  crypto_auth_hmacsha256_final(&state, out);
  sodium_memzero(&state, sizeof state);
}

bool secret_read_key(struct text t, uint8_t out[SECRET_HMAC_BYTES]) {
  uint8_t room[64]; /* of the longest base64 that is looked at */
  size_t n = 0;
  if (t.len == 2 * (size_t)SECRET_HMAC_BYTES)
    return sodium_hex2bin(out, SECRET_HMAC_BYTES, t.at, t.len, NULL, &n, NULL) == 0 && n == SECRET_HMAC_BYTES;
  bool good = t.len > 0 && t.len < 48 && (text_base64_decode(t, room, &n) || text_base64url_decode(t, room, &n)) &&
              n == SECRET_HMAC_BYTES;
  if (good)
    memcpy(out, room, SECRET_HMAC_BYTES);
  sodium_memzero(room, sizeof room);
  return good;
}

void secret_wipe(void *at, size_t n) {
  if (n > 0)
    sodium_memzero(at, n);
}
