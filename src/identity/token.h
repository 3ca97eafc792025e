/* Callers who show a token that a configured external issuer has signed (a JWT, RFC 7519) in place of a Weir key: the
 * adapter behind ports/identity.h that stands before the keys' and passes on to it whatever is no such token. A token
 * that was found right is remembered until it expires, under the whole SHA-256 of its bytes, so that only its first
 * call in this process pays for the signature. Every subject of an issuer is a principal of its own, with the issuer's
 * limits. */
#ifndef IDENTITY_TOKEN_H
#define IDENTITY_TOKEN_H

#include "identity/apikey.h"
#include "identity/claims.h"
#include "identity/issuer.h"

/* An issuer of the configuration; everything is copied. */
struct token_issuer {
  struct text name; /* short, unique: a subject S is known as "jwt:name/S" */
  struct issuer_options keys;
  struct claims_rule rule;       /* its issuer is keys.issuer's */
  unsigned algorithms;           /* a bit for each enum jws_algorithm that is allowed */
  struct apikey_declared limits; /* models, limits, budget, workspace, policy; the rest is the token's */
  struct text role;              /* a built-in role that its subjects have in the control API; "" for none */
};

/* Who a token is about. Texts live in the arena. */
struct token_bearer {
  struct text name, subject, user; /* name: of the issuer */
  struct text role;
};

struct token_identity;

/* keys takes all that is no token of these issuers; it and pool (where keys are fetched; may be NULL) must outlive it.
 * Without issuers it is keys and nothing more. */
struct token_identity *token_identity_new(struct identity *keys, struct offload *pool);
void token_identity_free(struct token_identity *t); /* NULL is fine */
struct identity *token_identity_port(struct token_identity *t);
/* Replaces all issuers at once (start, reload); what was fetched of those that stay the same is kept, remembered tokens
 * are not. */
void token_identity_declare(struct token_identity *t, const struct token_issuer *issuers, size_t count);
/* For the control API: verifies a token each time. ERR_UNAUTHENTICATED: it is none, of none of these issuers, or not
 * good; ERR_FORBIDDEN: of one whose subjects have no role there. ERR_UNAVAILABLE: its keys cannot be had now. Waits. */
enum err token_identity_read(struct token_identity *t, struct text token, int64_t now_us, struct arena *a,
                             struct token_bearer *out, struct fault *f) MUST_CHECK;

#endif
