/* New keys and sealed answers under the server's secret. What is derived from it is told apart by a purpose, so that no
 * sum made here is a key's hash. Nothing is kept. Called by the control API through its port. */
#include "identity/keysmith.h"

#include "base/random.h"
#include "identity/apikey.h"
#include "identity/client_secret.h"

#include <sodium.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES   crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(sizeof(((struct keysmith_key *)0)->key) == APIKEY_TEXT_BYTES, "a key has room");
_Static_assert(sizeof(((struct keysmith_key *)0)->pair_id) == APIKEY_PAIR_ID_BYTES, "a pair's id has room");
_Static_assert(sizeof(((struct keysmith_key *)0)->pair_secret) == APIKEY_PAIR_SECRET_BYTES, "its secret has room");
_Static_assert(sizeof(((struct keysmith_key *)0)->hash) == sizeof(((struct store_key *)0)->hash), "hashes are alike");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == SECRET_HMAC_BYTES, "a sum is a key");
_Static_assert(sizeof(((struct keysmith_client *)0)->secret) == CLIENT_SECRET_BYTES, "a client's secret has room");
_Static_assert(KEYSMITH_CLIENT_PREFIX_BYTES == CLIENT_SECRET_PREFIX_BYTES, "so have their beginnings");
_Static_assert(KEYSMITH_PREFIX_BYTES == APIKEY_PREFIX_BYTES, "prefixes are alike");

static void make(struct keysmith *self, struct keysmith_key *out) {
  const struct secret *secret = ((struct keysmith_adapter *)self)->server_secret;
  apikey_generate(out->key);
  secret_hmac(secret, (struct text){out->key, sizeof(out->key)}, out->hash);
  apikey_pair(secret, out->hash, out->pair_id, out->pair_secret);
}

static void make_client(struct keysmith *self, struct keysmith_client *out) {
  client_secret_make(out->secret);
  client_secret_hash(((struct keysmith_adapter *)self)->server_secret, (struct text){out->secret, sizeof(out->secret)},
                     out->hash);
}

/* The purpose begins with a byte that no key holds. */
static void derive(struct keysmith *self, const char *purpose, struct text of, uint8_t out[KEYSMITH_SUM_BYTES]) {
  struct buf message;
  buf_init(&message, of.len + 64);
  buf_add_char(&message, '\x02');
  buf_add(&message, text_of(purpose));
  buf_add_char(&message, '\0');
  buf_add(&message, of);
  secret_hmac(((struct keysmith_adapter *)self)->server_secret, buf_text(&message), out);
  buf_done(&message);
}

static void sum(struct keysmith *self, struct text of, uint8_t out[KEYSMITH_SUM_BYTES]) {
  derive(self, "sum", of, out);
}

static void seal(struct keysmith *self, struct text under, struct text plain, struct buf *out) {
  uint8_t key[KEYSMITH_SUM_BYTES], nonce[NONCE_BYTES];
  unsigned long long sealed_bytes = 0;
  derive(self, "seal", under, key);
  random_bytes(nonce, sizeof(nonce));
  buf_add(out, (struct text){(const char *)nonce, sizeof(nonce)});
  char *room = buf_reserve(out, plain.len + TAG_BYTES);
  if (room) {
    crypto_aead_xchacha20poly1305_ietf_encrypt((unsigned char *)room, &sealed_bytes, (const unsigned char *)plain.at,
                                               plain.len, NULL, 0, NULL, nonce, key);
    buf_commit(out, sealed_bytes);
  }
  secret_wipe(key, sizeof(key));
}

static enum err open_sealed(struct keysmith *self, struct text under, struct text sealed, struct buf *out,
                            struct fault *f) {
  uint8_t key[KEYSMITH_SUM_BYTES];
  unsigned long long plain_bytes = 0;
  if (sealed.len < NONCE_BYTES + TAG_BYTES)
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "an answer that was kept is damaged");
  char *room = buf_reserve(out, sealed.len);
  if (!room)
    return ERR_NO_ROOM;
  derive(self, "seal", under, key);
  int bad = crypto_aead_xchacha20poly1305_ietf_decrypt(
      (unsigned char *)room, &plain_bytes, NULL, (const unsigned char *)sealed.at + NONCE_BYTES,
      sealed.len - NONCE_BYTES, NULL, 0, (const unsigned char *)sealed.at, key);
  secret_wipe(key, sizeof(key));
  if (bad)
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "an answer that was kept is damaged");
  buf_commit(out, plain_bytes);
  return ERR_OK;
}

void keysmith_init(struct keysmith_adapter *k, const struct secret *server_secret) {
  *k = (struct keysmith_adapter){{make, make_client, sum, seal, open_sealed}, server_secret};
}
