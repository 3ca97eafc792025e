/* A signed token in the compact form of RFC 7515 and the check of its signature, for the four algorithms of RFC 7518
 * and RFC 8037 that Weir takes: RS256, PS256, ES256 and EdDSA (Ed25519). What the claims say is claims.h's; whose keys
 * there are is jwks.h's. The header only ever chooses among the keys that are configured: members that bring or name a
 * key (jwk, jku, x5u, x5c) are not looked at. Pure: it holds nothing and waits for nothing. */
#ifndef IDENTITY_JWS_H
#define IDENTITY_JWS_H

#include "base/arena.h"

#define JWS_MAX_BYTES    8192 /* of a token */
#define JWS_KEY_ID_BYTES 256

enum jws_algorithm { JWS_RS256, JWS_PS256, JWS_ES256, JWS_EDDSA, JWS_ALGORITHMS };

/* "RS256" ... */
struct text jws_algorithm_name(enum jws_algorithm a);
/* By its exact name; false for any other, "none" and the symmetric ones among them. */
bool jws_algorithm_read(struct text name, enum jws_algorithm *out);

struct jws {
  enum jws_algorithm algorithm;
  struct text key_id;    /* "" when the header has none */
  struct text payload;   /* decoded, in the arena */
  struct text signature; /* decoded, in the arena */
  struct text input;     /* what is signed: a slice of the token */
};

/* Three non-empty parts of base64url without padding: whether that is a token of this kind at all. */
bool jws_has_form(struct text token);
/* Reads everything but the claims. ERR_UNAUTHENTICATED with the reason in f: not of the form, longer than
 * JWS_MAX_BYTES, a header that is not one JSON object with each name once, an algorithm other than the four, a `typ`
 * other than JWT or at+jwt, extensions that must be understood (`crit`), a payload that is not signed as it stands
 * (`b64`). token must outlive *out. */
enum err jws_read(struct text token, struct arena *a, struct jws *out, struct fault *f) MUST_CHECK;

struct jws_key; /* a public key with the algorithms it may be used with; immutable, from jwks.h */

/* Whether the key made the signature. ERR_UNAUTHENTICATED when not, or when the key is not one of the algorithm's. */
enum err jws_verify(const struct jws *t, const struct jws_key *key, struct fault *f) MUST_CHECK;

#endif
