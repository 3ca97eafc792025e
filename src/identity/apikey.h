/* Virtual keys: "weir_" and 43 base64url characters of 32 random bytes, shown once; kept as HMAC-SHA-256 under the
 * server's secret and found by that hash alone, so that neither a look-up nor its timing says anything about other
 * keys. This is the adapter behind ports/identity.h: a map of the process in front of the store. A cached answer, good
 * or bad, is trusted for APIKEY_TRUST_US; a revoked key is refused everywhere within a second. While the store does not
 * answer, a key it has confirmed within the last 5 minutes goes on working; of any other nobody can tell (ERR_STORE).
 * At most one caller at a time asks a store that did not answer last time, so that one that hangs holds up nobody else.
 */
#ifndef IDENTITY_APIKEY_H
#define IDENTITY_APIKEY_H

#include "base/secret.h"
#include "fiber/offload.h"
#include "ports/identity.h"
#include "ports/store.h"

#define APIKEY_TRUST_US          INT64_C(500000)
#define APIKEY_MIN_BYTES         8
#define APIKEY_MAX_BYTES         512
#define APIKEY_TEXT_BYTES        48 /* of a generated key */
#define APIKEY_PREFIX_BYTES      12

#define APIKEY_PAIR_PREFIX       "WEIR"
#define APIKEY_PAIR_ID_BYTES     20 /* "WEIR" and 16 upper-case hexadecimal digits */
#define APIKEY_PAIR_SECRET_BYTES 43 /* base64url of 32 bytes */

/* A key declared in the configuration; texts are copied. */
struct apikey_declared {
  struct text value, name, user;
  const struct text *models;
  size_t model_count;
  int64_t rpm, tpm, concurrency, budget_nano;
  enum principal_period budget_period;
  int64_t expires_us;
  bool blocked;
  struct text access_key_id, secret_access_key;         /* a pair for signing; id empty: none, secret empty: value */
  struct text workspace, policy;                        /* "" for none */
  const struct text *routes, *allow_ips, *cors_origins; /* where it may be used; none: everywhere */
  size_t route_count, allow_ip_count, cors_origin_count;
  int64_t org_id; /* 0: the first */
};

struct apikey_identity; /* embeds struct identity first */

/* Store, pool and secret must outlive it. pool may be NULL: the store is then asked on the calling thread. */
struct apikey_identity *apikey_identity_new(struct store *store, struct offload *pool,
                                            const struct secret *server_secret);
void apikey_identity_free(struct apikey_identity *i);
struct identity *apikey_identity_port(struct apikey_identity *i);
/* Replaces all declared keys at once (start, reload). Two with the same value: the first counts. */
void apikey_identity_declare(struct apikey_identity *i, const struct apikey_declared *keys, size_t count);
/* What is remembered of the stored key of this id is dropped, so that its next use asks the store; 0: of every key, and
 * of what is none. An answer of the store that is on its way is not remembered either. Any thread; never waits. */
void apikey_identity_forget(struct apikey_identity *i, int64_t key_id);
/* Whether a call could be let in without asking the store: a key is declared, or the store has confirmed one within the
 * time that one is trusted while the store is away (5 minutes). Any thread; never waits. */
bool apikey_identity_can_serve(struct apikey_identity *i, int64_t now_us);
/* Writes the last use of stored keys seen since the last call to the store. Blocks. */
enum err apikey_identity_flush(struct apikey_identity *i, struct fault *f) MUST_CHECK;

/* The pair for signing of a stored key: its id is the beginning of the key's hash, its secret is derived from the hash
 * under the server's secret and stored nowhere. No zeros are added. */
void apikey_pair(const struct secret *server_secret, const uint8_t hash[STORE_HASH_BYTES],
                 char id[APIKEY_PAIR_ID_BYTES], char secret[APIKEY_PAIR_SECRET_BYTES]);
/* A new key into out (APIKEY_TEXT_BYTES, no zero). */
void apikey_generate(char out[APIKEY_TEXT_BYTES]);
/* Length and alphabet: 8 to 512 visible ASCII characters. ERR_UNAUTHENTICATED. */
enum err apikey_check_form(struct text key, struct fault *f) MUST_CHECK;
/* The server's hashing secret from data_dir/server.key (0600), made at first start. data_dir NULL: a random one for
 * this process. ERR_CONFIG when the file is not 32 bytes or open to others. */
enum err apikey_load_secret(const char *data_dir, struct secret **out, struct fault *f) MUST_CHECK;

#endif
