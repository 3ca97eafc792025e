/* Makes keys, key sets and tokens for tests: right ones, and wrong ones in every way. */
#ifndef TEST_TOKEN_FORGE_H
#define TEST_TOKEN_FORGE_H

#include "identity/token.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

struct forge {
  EVP_PKEY *rsa, *p256, *ed25519;
  struct arena arena;
};

static inline void forge_open(struct forge *g) {
  arena_init(&g->arena);
  g->rsa = EVP_RSA_gen(2048);
  g->p256 = EVP_EC_gen("P-256");
  g->ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
  assert_true(g->rsa && g->p256 && g->ed25519);
}

static inline void forge_close(struct forge *g) {
  EVP_PKEY_free(g->rsa);
  EVP_PKEY_free(g->p256);
  EVP_PKEY_free(g->ed25519);
  arena_done(&g->arena);
}

static inline struct text forge_base64(struct arena *a, const void *bytes, size_t n) {
  char *out = arena_alloc(a, n * 2 + 4);
  return (struct text){out, text_base64url(bytes, n, out)};
}

static inline struct text forge_number(struct arena *a, EVP_PKEY *key, const char *name, size_t pad) {
  BIGNUM *n = NULL;
  unsigned char bytes[1100];
  assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
  int len = pad ? BN_bn2binpad(n, bytes, (int)pad) : BN_bn2bin(n, bytes);
  BN_free(n);
  return forge_base64(a, bytes, (size_t)len);
}

/* {"kty":...,MORE} of the public half; more: further members with a comma before them, or "". */
static inline struct text forge_jwk(struct arena *a, EVP_PKEY *key, const char *more) {
  if (EVP_PKEY_is_a(key, "RSA"))
    return arena_format(a, "{\"kty\":\"RSA\",\"n\":\"%.*s\",\"e\":\"%.*s\"%s}",
                        TEXT_ARGS(forge_number(a, key, OSSL_PKEY_PARAM_RSA_N, 0)),
                        TEXT_ARGS(forge_number(a, key, OSSL_PKEY_PARAM_RSA_E, 0)), more);
  if (EVP_PKEY_is_a(key, "EC"))
    return arena_format(a, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%.*s\",\"y\":\"%.*s\"%s}",
                        TEXT_ARGS(forge_number(a, key, OSSL_PKEY_PARAM_EC_PUB_X, 32)),
                        TEXT_ARGS(forge_number(a, key, OSSL_PKEY_PARAM_EC_PUB_Y, 32)), more);
  unsigned char raw[32];
  size_t n = sizeof(raw);
  assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &n), 1);
  return arena_format(a, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%.*s\"%s}", TEXT_ARGS(forge_base64(a, raw, n)),
                      more);
}

static inline size_t forge_raw_ecdsa(unsigned char *signature, size_t len) {
  const unsigned char *at = signature;
  ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)len);
  assert_non_null(s);
  unsigned char raw[64];
  BN_bn2binpad(ECDSA_SIG_get0_r(s), raw, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(s), raw + 32, 32);
  ECDSA_SIG_free(s);
  memcpy(signature, raw, sizeof(raw));
  return sizeof(raw);
}

/* HEADER.PAYLOAD.SIGNATURE, signed with the key in the way of the algorithm, whatever the header says. */
static inline struct text forge_token(struct arena *a, EVP_PKEY *key, enum jws_algorithm algorithm, struct text header,
                                      struct text payload) {
  struct text input = arena_format(a, "%.*s.%.*s", TEXT_ARGS(forge_base64(a, header.at, header.len)),
                                   TEXT_ARGS(forge_base64(a, payload.at, payload.len)));
  unsigned char signature[1100];
  size_t len = sizeof(signature);
  EVP_PKEY_CTX *with = NULL;
  EVP_MD_CTX *c = EVP_MD_CTX_new();
  assert_int_equal(EVP_DigestSignInit(c, &with, algorithm == JWS_EDDSA ? NULL : EVP_sha256(), NULL, key), 1);
  if (algorithm == JWS_PS256) {
    EVP_PKEY_CTX_set_rsa_padding(with, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(with, RSA_PSS_SALTLEN_DIGEST);
  }
  assert_int_equal(EVP_DigestSign(c, signature, &len, (const unsigned char *)input.at, input.len), 1);
  EVP_MD_CTX_free(c);
  if (algorithm == JWS_ES256)
    len = forge_raw_ecdsa(signature, len);
  return arena_format(a, "%.*s.%.*s", TEXT_ARGS(input), TEXT_ARGS(forge_base64(a, signature, len)));
}

static inline void forge_expect(enum err got, enum err wanted, const struct fault *f, const char *part) {
  if (got != wanted || (part && !strstr(f->text, part)))
    fail_msg("got %s \"%s\", wanted %s with \"%s\"", err_name(got), f->text, err_name(wanted), part ? part : "");
}

#endif
