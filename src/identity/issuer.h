/* The public keys of one external issuer over time: fetched when the first token asks for them, again when they are old
 * or a token names one that is not among them, and never more often than every `pause`, whatever strangers send. While
 * one caller fetches, those who have a key go on and the others wait for the outcome, a bounded number of them. Keys
 * that were good stay in use for a day while the issuer cannot be reached. Called on workers, from fibers, and on
 * threads that may wait. */
#ifndef IDENTITY_ISSUER_H
#define IDENTITY_ISSUER_H

#include "fiber/offload.h"
#include "identity/jwks.h"

struct issuer;

/* GET of one address: ERR_OK and the body of a 200 in the arena; anything else is an error with its reason in f.
 * Blocks. */
typedef enum err issuer_fetch(void *data, struct text url, struct text ca_file, struct arena *a, struct text *out,
                              struct fault *f);

struct issuer_options {
  struct text issuer;   /* as `iss` says it */
  struct text jwks_uri; /* "": the one that {issuer}/.well-known/openid-configuration names */
  struct text ca_file;  /* PEM; "": the system's */
  int64_t refresh_us;   /* keys older than this are fetched anew */
  int64_t pause_us;     /* between two fetches, good or bad */
  issuer_fetch *fetch;  /* NULL: over the network */
  void *fetch_data;
};

/* Copies the options. Fetches nothing yet. One reference. */
struct issuer *issuer_new(const struct issuer_options *o);
struct issuer *issuer_ref(struct issuer *i); /* any thread */
void issuer_unref(struct issuer *i);         /* NULL is fine */
/* Whether it was made with equal options, so that its keys may be kept over a reload. */
bool issuer_is(const struct issuer *i, const struct issuer_options *o);

/* The key that made the token's signature, by its own word, with a reference to the set that holds it. pool: where it
 * is fetched; NULL: on the calling thread. ERR_UNAUTHENTICATED: the issuer has no such key. ERR_UNAVAILABLE: its keys
 * cannot be had now, or too many wait for them; f->retry_after_s is set. ERR_CANCELLED. */
enum err issuer_find_key(struct issuer *i, struct offload *pool, const struct jws *t, struct jwks **out_set,
                         const struct jws_key **out_key, struct fault *f) MUST_CHECK;

/* Where keys may be fetched: https, or http on this machine (a loopback address or localhost), without a query. */
bool issuer_is_safe_url(struct text url);

#endif
