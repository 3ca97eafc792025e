/* Key sets: JSON members into OpenSSL's keys, each bound to the algorithms its kind and its own words allow. Called by
 * issuer.c when a set has been fetched, and by the fuzzer. */
#include "identity/jwks.h"

#include "base/json.h"
#include "identity/jws_key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdatomic.h>
#include <stdlib.h>

#define DEPTH          8
#define RSA_MIN_BITS   2048
#define RSA_MAX_BYTES  1024
#define EXPONENT_BYTES 4
#define POINT_BYTES    32

struct jwks {
  atomic_int refs;
  struct arena arena;
  struct jws_key keys[JWKS_MAX_KEYS];
  size_t count;
};

/* A member of base64url; false when it is missing, something else or longer than max. */
static bool bytes_of(yyjson_val *k, const char *name, size_t max, unsigned char *out, size_t *out_len) {
  struct text t;
  if (!json_get_text(k, name, &t) || t.len == 0 || t.len > (max * 4 + 2) / 3)
    return false;
  return text_base64url_decode(t, out, out_len) && *out_len <= max;
}

static EVP_PKEY *from_params(const char *kind, OSSL_PARAM_BLD *b) {
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
  EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
  EVP_PKEY *key = NULL;
  if (!params || !c)
    abort();
  if (EVP_PKEY_fromdata_init(c) != 1 || EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
    key = NULL;
  EVP_PKEY_CTX_free(c);
  OSSL_PARAM_free(params);
  return key;
}

/* Is the key sound in itself: a point of the curve, a modulus that may be one? */
static EVP_PKEY *checked(EVP_PKEY *key) {
  EVP_PKEY_CTX *c = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
  bool ok = c && EVP_PKEY_public_check(c) == 1;
  EVP_PKEY_CTX_free(c);
  if (ok)
    return key;
  EVP_PKEY_free(key);
  return NULL;
}

static EVP_PKEY *rsa_of(yyjson_val *k) {
  unsigned char modulus[RSA_MAX_BYTES + 3], exponent[EXPONENT_BYTES + 3];
  size_t modulus_len, exponent_len;
  if (!bytes_of(k, "n", RSA_MAX_BYTES, modulus, &modulus_len) ||
      !bytes_of(k, "e", EXPONENT_BYTES, exponent, &exponent_len))
    return NULL;
  BIGNUM *n = BN_bin2bn(modulus, (int)modulus_len, NULL), *e = BN_bin2bn(exponent, (int)exponent_len, NULL);
  OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
  if (!n || !e || !b)
    abort();
  EVP_PKEY *key = NULL;
  if (BN_num_bits(n) >= RSA_MIN_BITS && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e)) {
    if (!OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) || !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e))
      abort();
    key = from_params("RSA", b);
  }
  OSSL_PARAM_BLD_free(b);
  BN_free(n);
  BN_free(e);
  return key;
}

static EVP_PKEY *p256_of(yyjson_val *k) {
  unsigned char x[POINT_BYTES + 3], y[POINT_BYTES + 3], point[1 + 2 * POINT_BYTES] = {4};
  size_t x_len, y_len;
  if (!bytes_of(k, "x", POINT_BYTES, x, &x_len) || !bytes_of(k, "y", POINT_BYTES, y, &y_len) || x_len != POINT_BYTES ||
      y_len != POINT_BYTES)
    return NULL;
  memcpy(point + 1, x, POINT_BYTES);
  memcpy(point + 1 + POINT_BYTES, y, POINT_BYTES);
  OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
  if (!b || !OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) ||
      !OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)))
    abort();
  EVP_PKEY *key = checked(from_params("EC", b));
  OSSL_PARAM_BLD_free(b);
  return key;
}

static EVP_PKEY *ed25519_of(yyjson_val *k) {
  unsigned char x[POINT_BYTES + 3];
  size_t len;
  if (!bytes_of(k, "x", POINT_BYTES, x, &len) || len != POINT_BYTES)
    return NULL;
  return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, len);
}

static bool is_member(yyjson_val *k, const char *name, struct text value) {
  struct text t;
  return json_get_text(k, name, &t) && text_equal(t, value);
}

static bool is_for_verifying(yyjson_val *k) {
  yyjson_val *operations = json_get(k, "key_ops"), *one;
  size_t i, most;
  if (json_get(k, "use") && !is_member(k, "use", TEXT("sig")))
    return false;
  if (!operations)
    return true;
  yyjson_arr_foreach (operations, i, most, one) {
    if (text_equal(json_text(one), TEXT("verify")))
      return true;
  }
  return false;
}

/* The algorithms of the key's kind, or the one that its own `alg` says. */
static unsigned algorithms_of(yyjson_val *k, unsigned of_kind) {
  struct text name;
  enum jws_algorithm a;
  if (!json_get(k, "alg"))
    return of_kind;
  return json_get_text(k, "alg", &name) && jws_algorithm_read(name, &a) ? of_kind & 1U << a : 0;
}

/* *out->key stays NULL for one that is of no use. */
static void read_key(yyjson_val *k, struct arena *a, struct jws_key *out) {
  *out = (struct jws_key){0};
  if (!yyjson_is_obj(k) || json_get(k, "d") || json_get(k, "k") || !is_for_verifying(k))
    return;
  if (json_get(k, "kid") && (!json_get_text(k, "kid", &out->id) || out->id.len == 0 || out->id.len > JWS_KEY_ID_BYTES))
    return;
  out->id = arena_copy(a, out->id);
  bool is_rsa = is_member(k, "kty", TEXT("RSA"));
  bool is_p256 = is_member(k, "kty", TEXT("EC")) && is_member(k, "crv", TEXT("P-256"));
  bool is_ed25519 = is_member(k, "kty", TEXT("OKP")) && is_member(k, "crv", TEXT("Ed25519"));
  unsigned of_kind = is_rsa       ? 1U << JWS_RS256 | 1U << JWS_PS256
                     : is_p256    ? 1U << JWS_ES256
                     : is_ed25519 ? 1U << JWS_EDDSA
                                  : 0;
  out->algorithms = algorithms_of(k, of_kind);
  if (out->algorithms)
    out->key = is_rsa ? rsa_of(k) : is_p256 ? p256_of(k) : ed25519_of(k);
}

static bool is_taken(const struct jwks *s, const struct jws_key *k) {
  for (size_t i = 0; i < s->count; i++) {
    if (k->id.len > 0 && text_equal(s->keys[i].id, k->id) && (s->keys[i].algorithms & k->algorithms))
      return true;
  }
  return false;
}

static enum err read_keys(yyjson_val *list, struct jwks *s, struct fault *f) {
  yyjson_val *one;
  size_t i, most;
  if (!yyjson_is_arr(list))
    return fault_set(f, ERR_PROTOCOL, NULL, "it is not a set of keys: there is no list `keys`");
  if (yyjson_arr_size(list) > JWKS_MAX_KEYS)
    return fault_set(f, ERR_PROTOCOL, NULL, "it holds more than %d keys", JWKS_MAX_KEYS);
  yyjson_arr_foreach (list, i, most, one) {
    struct jws_key k;
    read_key(one, &s->arena, &k);
    if (!k.key)
      continue;
    if (is_taken(s, &k)) {
      EVP_PKEY_free(k.key);
      return fault_set(f, ERR_PROTOCOL, NULL, "two of its keys have one id for one algorithm");
    }
    s->keys[s->count++] = k;
  }
  return s->count > 0 ? ERR_OK
                      : fault_set(f, ERR_PROTOCOL, NULL,
                                  "none of its %zu keys can check a signature by RS256, PS256, ES256 or EdDSA",
                                  yyjson_arr_size(list));
}

enum err jwks_read(struct text document, struct jwks **out, struct fault *f) {
  const struct json_limits limits = {.max_depth = DEPTH};
  struct json j;
  struct fault why;
  if (document.len > JWKS_MAX_BYTES)
    return fault_set(f, ERR_PROTOCOL, NULL, "it has more than %d bytes", JWKS_MAX_BYTES);
  if (json_read(document, &limits, &j, &why) != ERR_OK)
    return fault_set(f, ERR_PROTOCOL, NULL, "it is not valid JSON");
  struct jwks *s = calloc(1, sizeof(*s));
  if (!s)
    abort();
  atomic_init(&s->refs, 1);
  arena_init(&s->arena);
  enum err e = read_keys(json_get(j.root, "keys"), s, f);
  json_done(&j);
  if (e != ERR_OK) {
    jwks_unref(s);
    return e;
  }
  *out = s;
  return ERR_OK;
}

struct jwks *jwks_ref(struct jwks *s) {
  atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
  return s;
}

void jwks_unref(struct jwks *s) {
  if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
    return;
  for (size_t i = 0; i < s->count; i++)
    EVP_PKEY_free(s->keys[i].key);
  arena_done(&s->arena);
  free(s);
}

size_t jwks_count(const struct jwks *s) { return s->count; }

const struct jws_key *jwks_find(const struct jwks *s, const struct jws *t) {
  const struct jws_key *only = NULL;
  for (size_t i = 0; i < s->count; i++) {
    const struct jws_key *k = &s->keys[i];
    if (!(k->algorithms & 1U << t->algorithm) || (t->key_id.len > 0 && !text_equal(k->id, t->key_id)))
      continue;
    if (only)
      return NULL; /* it names none, and there are several */
    only = k;
  }
  return only;
}
