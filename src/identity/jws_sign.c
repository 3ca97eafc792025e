/* Ed25519 by libsodium, and the few lines of JSON around a key. What a token says is not looked at. Called by mint.c.
 */
#include "identity/jws_sign.h"

#include "base/secret.h"

#include <sodium.h>

_Static_assert(JWS_SEED_BYTES == crypto_sign_SEEDBYTES && JWS_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519");

void jws_make_key(uint8_t seed[JWS_SEED_BYTES], uint8_t public_key[JWS_PUBLIC_BYTES]) {
  secret_start();
  randombytes_buf(seed, JWS_SEED_BYTES);
  jws_public_of(seed, public_key);
}

void jws_public_of(const uint8_t seed[JWS_SEED_BYTES], uint8_t public_key[JWS_PUBLIC_BYTES]) {
  unsigned char key[crypto_sign_SECRETKEYBYTES];
  crypto_sign_seed_keypair(public_key, key, seed);
  sodium_memzero(key, sizeof key);
}

void jws_thumbprint(const uint8_t public_key[JWS_PUBLIC_BYTES], char out[JWS_THUMBPRINT_BYTES]) {
  unsigned char sum[crypto_hash_sha256_BYTES];
  char x[44] = "", jwk[128];
  text_base64url(public_key, JWS_PUBLIC_BYTES, x);
  int n = snprintf(jwk, sizeof jwk, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", x);
  crypto_hash_sha256(sum, (const unsigned char *)jwk, (unsigned long long)n);
  text_base64url(sum, sizeof sum, out);
}

static void add_encoded(struct buf *out, struct text t) {
  char *room = buf_reserve(out, (t.len * 4 + 2) / 3);
  if (room)
    buf_commit(out, text_base64url(t.at, t.len, room));
}

void jws_sign(const uint8_t seed[JWS_SEED_BYTES], struct text header, struct text payload, struct buf *out) {
  unsigned char key[crypto_sign_SECRETKEYBYTES], public_key[JWS_PUBLIC_BYTES], signature[crypto_sign_BYTES];
  size_t from = out->len;
  add_encoded(out, header);
  buf_add_char(out, '.');
  add_encoded(out, payload);
  if (buf_check(out) != ERR_OK)
    return;
  struct text input = text_skip(buf_text(out), from);
  crypto_sign_seed_keypair(public_key, key, seed);
  crypto_sign_detached(signature, NULL, (const unsigned char *)input.at, input.len, key);
  sodium_memzero(key, sizeof key);
  buf_add_char(out, '.');
  add_encoded(out, (struct text){(const char *)signature, sizeof signature});
}

bool jws_is_signed(const uint8_t public_key[JWS_PUBLIC_BYTES], struct text input, struct text signature) {
  return signature.len == crypto_sign_BYTES &&
         crypto_sign_verify_detached((const unsigned char *)signature.at, (const unsigned char *)input.at, input.len,
                                     public_key) == 0;
}

void jws_write_public(struct json_writer *w, const uint8_t public_key[JWS_PUBLIC_BYTES], struct text kid) {
  char x[44];
  struct text encoded = {x, text_base64url(public_key, JWS_PUBLIC_BYTES, x)};
  json_object(w);
  json_field_str(w, "kty", "OKP");
  json_field_str(w, "crv", "Ed25519");
  json_field_str(w, "alg", "EdDSA");
  json_field_str(w, "use", "sig");
  json_field_text(w, "kid", kid);
  json_field_text(w, "x", encoded);
  json_object_end(w);
}
