/* Signing in the compact form of RFC 7515 with EdDSA over Ed25519 (RFC 8037), the one algorithm that tokens of ours are
 * signed with, and how such a key is named and published. Pure but for the randomness of a new key. */
#ifndef IDENTITY_JWS_SIGN_H
#define IDENTITY_JWS_SIGN_H

#include "base/json.h"

#define JWS_SEED_BYTES       32 /* of which a private key is made */
#define JWS_PUBLIC_BYTES     32
#define JWS_THUMBPRINT_BYTES 43

/* A new pair. Wipe seed. */
void jws_make_key(uint8_t seed[JWS_SEED_BYTES], uint8_t public_key[JWS_PUBLIC_BYTES]);
void jws_public_of(const uint8_t seed[JWS_SEED_BYTES], uint8_t public_key[JWS_PUBLIC_BYTES]);
/* The key's thumbprint (RFC 7638), as base64url without a zero behind it. */
void jws_thumbprint(const uint8_t public_key[JWS_PUBLIC_BYTES], char out[JWS_THUMBPRINT_BYTES]);
/* Appends header.payload.signature, the first two encoded. Failure is the buf's. */
void jws_sign(const uint8_t seed[JWS_SEED_BYTES], struct text header, struct text payload, struct buf *out);
/* Whether the key made the signature of a token; for signatures of 64 bytes over anything. */
bool jws_is_signed(const uint8_t public_key[JWS_PUBLIC_BYTES], struct text input, struct text signature);
/* One key of a JWK set. */
void jws_write_public(struct json_writer *w, const uint8_t public_key[JWS_PUBLIC_BYTES], struct text kid);

#endif
