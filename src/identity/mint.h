/* Weir as an issuer of tokens: short-lived JWTs (RFC 7519, RFC 9068) for service accounts and for sessions of people,
 * signed with EdDSA (RFC 8037) under keys that rotate: a new key is published before it signs, an old one as long as
 * its tokens may live. Private keys are in the store, sealed by the vault. Keys are shared by all replicas. Safe from
 * any thread. */
#ifndef IDENTITY_MINT_H
#define IDENTITY_MINT_H

#include "base/buf.h"
#include "ports/store.h"
#include "ports/vault.h"

struct mint;

#define MINT_LIFE_MAX_US INT64_C(86400000000)   /* of a token */
#define MINT_KEY_AGE_US  INT64_C(2592000000000) /* 30 days: then the next key is made */
#define MINT_PUBLISH_US  INT64_C(3600000000)    /* so long before it signs it is published */
#define MINT_LEEWAY_S    30                     /* for clocks of replicas that differ */

/* What a token of ours says, besides iss, aud, iat, nbf, exp and jti. */
struct mint_claims {
  struct text subject; /* "user:12", "service:3" */
  int64_t org_id, session_id;
  struct text scope; /* names of permissions separated by spaces, to which a token is narrowed; "" for no narrowing */
  int64_t expires_us;
};

/* issuer: public_url of the configuration. Store and vault must outlive it. Reads no key yet. */
struct mint *mint_new(struct store *store, struct vault *vault, struct text issuer);
void mint_free(struct mint *m); /* NULL is fine */
/* The issuer, for as long as the mint lives: the configuration it came from may be gone after a reload. */
struct text mint_issuer(const struct mint *m);
/* Appends a signed token. Blocks: the first time, and every minute to hear of rotated keys. ERR_LIMIT: it would live
 * longer than MINT_LIFE_MAX_US. */
enum err mint_sign(struct mint *m, const struct mint_claims *c, int64_t now_us, struct buf *out,
                   struct fault *f) MUST_CHECK;
/* Whether this text says that it is a token of ours (its iss); nothing is verified. */
bool mint_is_ours(const struct mint *m, struct text token);
/* Verifies and reads; texts live in the arena. ERR_UNAUTHENTICATED: forged, expired or of another audience. Blocks when
 * its key is not known in this process yet, at most once a second for unknown ones. */
enum err mint_check(struct mint *m, struct text token, int64_t now_us, struct arena *a, struct mint_claims *out,
                    struct fault *f) MUST_CHECK;
/* The public keys as a JWK set (RFC 7517), as JSON. Blocks. */
enum err mint_write_jwks(struct mint *m, int64_t now_us, struct buf *out, struct fault *f) MUST_CHECK;
/* Makes the next key when the current one is old, and removes those whose tokens have all expired. Does nothing where
 * no token was ever signed. For the job `keys`. Blocks. */
enum err mint_rotate(struct mint *m, int64_t now_us, struct fault *f) MUST_CHECK;

/* Keys were made or removed somewhere (event `signing`): what is known of them is read again when it is needed. */
void mint_forget(struct mint *m);

#endif
