/* Reading and checking signed tokens. Strict where readers have been fooled: one encoding for every byte, each header
 * name once, the algorithm chosen by us from a short list and bound to the kind of key, never by the token alone.
 * Signatures are OpenSSL's work. Called by token.c, and by the fuzzer. */
#include "identity/jws.h"

#include "base/json.h"
#include "identity/jws_key.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#define HEADER_DEPTH   8
#define ED25519_BYTES  64
#define P256_BYTES     64 /* r and s, 32 bytes each */
#define P256_DER_BYTES 80

static const char *const names[JWS_ALGORITHMS] = {"RS256", "PS256", "ES256", "EdDSA"};

struct text jws_algorithm_name(enum jws_algorithm a) {
  return text_of(names[a]);
}

bool jws_algorithm_read(struct text name, enum jws_algorithm *out) {
  for (unsigned i = 0; i < JWS_ALGORITHMS; i++) {
    if (!text_equal(name, text_of(names[i])))
      continue;
    *out = (enum jws_algorithm)i;
    return true;
  }
  return false;
}

static enum err refuse(struct fault *f, const char *why) {
  return fault_set(f, ERR_UNAUTHENTICATED, NULL, "the token %s", why);
}

struct parts {
  struct text header, payload, signature;
};

static bool split(struct text token, struct parts *out) {
  struct text rest;
  return text_cut(token, '.', &out->header, &rest) && text_cut(rest, '.', &out->payload, &out->signature) &&
         text_find_char(out->signature, '.') < 0 && out->header.len > 0 && out->payload.len > 0 &&
         out->signature.len > 0;
}

bool jws_has_form(struct text token) {
  struct parts p;
  size_t ignored;
  return token.len <= JWS_MAX_BYTES && split(token, &p) && text_base64url_decode(p.header, NULL, &ignored) &&
         text_base64url_decode(p.payload, NULL, &ignored) && text_base64url_decode(p.signature, NULL, &ignored);
}

static bool decode(struct text t, struct arena *a, struct text *out) {
  char *bytes = arena_alloc(a, t.len / 4 * 3 + 3);
  size_t n = 0;
  if (!text_base64url_decode(t, bytes, &n))
    return false;
  *out = (struct text){bytes, n};
  return true;
}

/* A token made for another purpose by the same issuer says so in its type (RFC 8725 section 3.11). */
static bool is_type_of_ours(yyjson_val *typ) {
  struct text t = json_text(typ);
  if (!typ)
    return true;
  if (t.len > 12 && text_equal_nocase(text_head(t, 12), TEXT("application/")))
    t = text_skip(t, 12);
  return text_equal_nocase(t, TEXT("JWT")) || text_equal_nocase(t, TEXT("at+jwt"));
}

static enum err read_header(yyjson_val *root, struct arena *a, struct jws *out, struct fault *f) {
  struct text name;
  yyjson_val *id = json_get(root, "kid");
  if (!yyjson_is_obj(root))
    return refuse(f, "has a header that is not a JSON object");
  if (!json_get_text(root, "alg", &name))
    return refuse(f, "names no algorithm");
  if (!jws_algorithm_read(name, &out->algorithm))
    return refuse(f, "is not signed with RS256, PS256, ES256 or EdDSA");
  if (json_get(root, "crit") || json_get(root, "b64"))
    return refuse(f, "uses extensions that are not supported");
  if (json_get(root, "enc") || json_get(root, "zip"))
    return refuse(f, "is encrypted or compressed, which is not supported");
  if (!is_type_of_ours(json_get(root, "typ")))
    return refuse(f, "is of a type that is no proof of identity here");
  if (id && (!yyjson_is_str(id) || json_text(id).len > JWS_KEY_ID_BYTES))
    return refuse(f, "names its key in a form that is not supported");
  out->key_id = arena_copy(a, json_text(id));
  return ERR_OK;
}

enum err jws_read(struct text token, struct arena *a, struct jws *out, struct fault *f) {
  const struct json_limits limits = {.max_depth = HEADER_DEPTH};
  struct jws t = {0};
  struct parts p;
  struct text header;
  struct json j;
  if (token.len > JWS_MAX_BYTES)
    return refuse(f, "is too long");
  if (!split(token, &p) || !decode(p.header, a, &header) || !decode(p.payload, a, &t.payload) ||
      !decode(p.signature, a, &t.signature))
    return refuse(f, "is not three parts of base64url");
  if (json_read(header, &limits, &j, NULL) != ERR_OK)
    return refuse(f, "has a header that is not valid JSON with each name once");
  enum err e = read_header(j.root, a, &t, f);
  json_done(&j);
  if (e != ERR_OK)
    return e;
  t.input = text_head(token, p.header.len + 1 + p.payload.len);
  *out = t;
  return ERR_OK;
}

/* r and s side by side become the DER that OpenSSL wants. */
static bool to_der(struct text raw, unsigned char *der, size_t *out_len) {
  if (raw.len != P256_BYTES)
    return false;
  const unsigned char *at = (const unsigned char *)raw.at;
  ECDSA_SIG *s = ECDSA_SIG_new();
  BIGNUM *r = BN_bin2bn(at, P256_BYTES / 2, NULL), *v = BN_bin2bn(at + P256_BYTES / 2, P256_BYTES / 2, NULL);
  if (!s || !r || !v || ECDSA_SIG_set0(s, r, v) != 1)
    abort();
  unsigned char *to = der;
  int n = i2d_ECDSA_SIG(s, &to);
  ECDSA_SIG_free(s);
  if (n <= 0)
    return false;
  *out_len = (size_t)n;
  return true;
}

static bool is_right(const struct jws *t, EVP_PKEY *key, const unsigned char *signature, size_t len) {
  const EVP_MD *digest = t->algorithm == JWS_EDDSA ? NULL : EVP_sha256();
  EVP_PKEY_CTX *with = NULL;
  EVP_MD_CTX *c = EVP_MD_CTX_new();
  if (!c)
    abort();
  bool ok = EVP_DigestVerifyInit(c, &with, digest, NULL, key) == 1;
  if (ok && t->algorithm == JWS_PS256)
    ok = EVP_PKEY_CTX_set_rsa_padding(with, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(with, RSA_PSS_SALTLEN_DIGEST) == 1;
  ok = ok && EVP_DigestVerify(c, signature, len, (const unsigned char *)t->input.at, t->input.len) == 1;
  EVP_MD_CTX_free(c);
  return ok;
}

enum err jws_verify(const struct jws *t, const struct jws_key *key, struct fault *f) {
  unsigned char der[P256_DER_BYTES];
  const unsigned char *signature = (const unsigned char *)t->signature.at;
  size_t len = t->signature.len;
  bool ok = (key->algorithms & 1U << t->algorithm) != 0;
  if (ok && t->algorithm == JWS_ES256) {
    ok = to_der(t->signature, der, &len);
    signature = der;
  }
  if (ok && t->algorithm == JWS_EDDSA)
    ok = len == ED25519_BYTES;
  ok = ok && is_right(t, key->key, signature, len);
  return ok ? ERR_OK : refuse(f, "has a signature that its issuer's key did not make");
}
