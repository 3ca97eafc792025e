/* A set of public keys as an issuer publishes it (RFC 7517), read once and then immutable,
 * shared and counted. Keys that Weir has no use for
 * (for encryption, of other kinds or sizes, private ones) are passed over, since issuers mix them freely; a document
 * that is no set, or holds no key of use, is refused. Pure. */
#ifndef IDENTITY_JWKS_H
#define IDENTITY_JWKS_H

#include "identity/jws.h"

#define JWKS_MAX_BYTES (256 * 1024)
#define JWKS_MAX_KEYS  64

struct jwks;

/* ERR_PROTOCOL: not JSON, not a set, more than JWKS_MAX_KEYS keys, two keys of use with one id for one algorithm, or
 * none of use. RSA keys have 2,048 to 8,192 bits and an odd exponent of at most 32; curves are P-256 and Ed25519, and
 * points lie on them. */
enum err jwks_read(struct text document, struct jwks **out, struct fault *f) MUST_CHECK;
struct jwks *jwks_ref(struct jwks *s); /* any thread */
void jwks_unref(struct jwks *s);       /* NULL is fine */
size_t jwks_count(const struct jwks *s);
/* The key that a token says it was signed with: the one of its id that may be used with its algorithm; for a token that
 * names none, the only one that may. NULL when there is none, or, without a name, more than one. */
const struct jws_key *jwks_find(const struct jwks *s, const struct jws *t);

#endif
