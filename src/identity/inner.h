/* What the files of the adapter share: the process's map, and its question to the store. Not for other rooms. */
#ifndef IDENTITY_INNER_H
#define IDENTITY_INNER_H

#include "base/map.h"
#include "identity/apikey.h"

#include <pthread.h>

struct apikey_identity {
  struct identity port; /* first */
  struct store *store;
  struct offload *pool;
  const struct secret *server_secret;
  pthread_mutex_t lock;
  struct map *declared; /* fingerprint -> const struct principal * */
  struct map *pairs;    /* access key id -> struct declared_pair * */
  struct map *entries;  /* fingerprint -> struct entry * */
  uint64_t forgotten;   /* how often something was: an answer that was asked for before is not remembered */
  bool is_away;         /* the store did not answer when it was asked last */
  bool is_probing;      /* one caller asks whether it does again */
  int64_t away_us;      /* when that was noticed, by the callers' clock */
};

/* What is looked for: a key by itself, or a stored key by the id of its pair. */
struct apikey_question {
  struct text text;
  bool is_pair_id; /* text is of the form of APIKEY_PAIR_ID_BYTES */
};
struct apikey_answer {
  const struct principal *principal;     /* a reference */
  char secret[APIKEY_PAIR_SECRET_BYTES]; /* of the pair, when one was asked for */
};

/* From the map or, waiting, from the store. ERR_UNAUTHENTICATED when there is no such key. Says nothing about expiry.
 */
enum err apikey_resolve(struct apikey_identity *i, struct apikey_question q, int64_t now_us, struct apikey_answer *out,
                        struct fault *f) MUST_CHECK;

/* signed.c */
enum err signed_find(struct identity *self, const struct sigv4_request *rq, struct text authorization, int64_t now_us,
                     const struct principal **out, struct fault *f);
/* The bytes in a pair's id. False for a text of another form. */
bool signed_read_pair_id(struct text id, uint8_t out[STORE_ACCESS_BYTES]);
/* A map of the pairs among declared keys. */
struct map *signed_pairs_new(const struct apikey_declared *keys, size_t count);
void signed_pairs_free(struct map *pairs); /* NULL is fine */

#endif
