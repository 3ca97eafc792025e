/* What the files of signing in through identity providers share. Not for other rooms. */
#ifndef IDENTITY_OIDC_INNER_H
#define IDENTITY_OIDC_INNER_H

#include "identity/issuer.h"
#include "identity/oidc.h"
#include "identity/signin_inner.h"

#include <pthread.h>

#define OIDC_RANDOM_TEXT 43 /* 32 random bytes as base64url: state, nonce, verifier */

/* Of a provider's discovery document. */
struct oidc_endpoints {
  struct text authorization, token, userinfo, end_session; /* the last two "": none */
  bool takes_basic, takes_post;                            /* how it lets a client prove itself */
  bool names_itself;                                       /* its answers always say `iss` (RFC 9207) */
};

struct oidc_provider {
  struct oidc_declared o; /* texts in the set's arena */
  struct secret *client_secret;
  struct issuer *keys;
  oidc_fetch *fetch;
  void *fetch_data;
  int64_t pause_us;
  pthread_mutex_t lock; /* of what follows; also held while it is fetched, which others then need not do */
  struct arena *arena;  /* of known; NULL: nothing is known yet */
  struct oidc_endpoints known;
  int64_t fetched_us, not_before_us;
  struct fault failure;
};

struct oidc_desk {
  struct oidc port; /* first */
  struct signin_desk *door;
  oidc_fetch *fetch;
  void *fetch_data;
  int64_t pause_us;
  uint8_t key[SECRET_HMAC_BYTES]; /* of the cookies */
  pthread_mutex_t lock;
  struct oidc_providers *providers; /* under lock */
};

/* An attempt between leaving and coming back. */
struct oidc_pending {
  int64_t begun_us;
  struct text name, state, nonce, verifier, return_to;
};

/* oidc_pending.c */
struct oidc_pending oidc_pending_new(struct text name, struct text return_to, int64_t now_us, struct arena *a);
/* "Set-Cookie" of a sealed one. */
struct text oidc_pending_cookie(const struct oidc_desk *d, const struct oidc_pending *p, struct arena *a);
/* The one of the browser's cookies, if it is of this provider and not too old. ERR_UNAUTHENTICATED */
enum err oidc_pending_find(const struct oidc_desk *d, const struct signin_visit *v, struct text name,
                           struct oidc_pending *out, struct fault *f) MUST_CHECK;
/* A path of this site and nothing else, whatever a browser makes of it; "": the one there always is. False */
bool oidc_read_return(struct text path, struct text *out);

/* oidc_client.c: what is asked of a provider. ERR_UNAVAILABLE: it cannot be asked now, or does not answer as it
 * must. */
enum err oidc_find_endpoints(struct oidc_provider *p, struct arena *a, struct oidc_endpoints *out,
                             struct fault *f) MUST_CHECK;
/* Everything but the unreserved (RFC 3986 section 2.3) as %XX. */
void oidc_encode(struct buf *out, struct text t);
struct oidc_tokens {
  struct text id, access; /* access "": none */
};
struct oidc_exchange {
  struct text code, verifier, redirect_uri;
};
/* ERR_UNAUTHENTICATED: the code is not good, or not any more. */
enum err oidc_exchange_code(struct oidc_provider *p, const struct oidc_endpoints *e, const struct oidc_exchange *x,
                            struct arena *a, struct oidc_tokens *out, struct fault *f) MUST_CHECK;
enum err oidc_fetch_userinfo(struct oidc_provider *p, const struct oidc_endpoints *e, struct text access_token,
                             struct arena *a, struct text *out, struct fault *f) MUST_CHECK;

/* Whom a provider vouches for. */
struct oidc_person {
  struct text subject, email, name; /* email in lower case; "" */
  bool is_verified;                 /* the email */
  bool has_claim;                   /* the one that says what they are was there */
  bool has_role;
  enum builtin_role role;
};

/* oidc_claims.c. Pure. What an ID token must say beyond claims.h's: made for us alone, for this attempt, and for this
 * access token. ERR_UNAUTHENTICATED */
struct oidc_expected {
  struct text client_id, nonce, access_token;
  enum jws_algorithm algorithm;
};
enum err oidc_check_token(struct text payload, const struct oidc_expected *x, struct fault *f) MUST_CHECK;
/* Adds what the claims say to what is known: a member that was there already stays. subject is set when it is the first
 * document, else must be equal: ERR_UNAUTHENTICATED. */
enum err oidc_read_person(struct text claims, const struct oidc_declared *o, struct arena *a, struct oidc_person *out,
                          struct fault *f) MUST_CHECK;
/* Whether they may come in at all by their email: ERR_FORBIDDEN. */
enum err oidc_check_email(const struct oidc_person *p, const struct oidc_declared *o, struct fault *f) MUST_CHECK;

/* oidc_people.c: the user that this is here, with the role that the provider says, made if there is none. */
enum err oidc_find_user(struct oidc_desk *d, const struct oidc_provider *p, const struct signin_visit *v,
                        const struct oidc_person *who, struct people_row *out, struct fault *f) MUST_CHECK;

#endif
