/* Key sets: what is taken, what is passed over, what is refused. */
#include "identity/jwks.h"

#include "base/buf.h"
#include "token_forge.h"

static struct forge forge;

static int open_forge(void **state) {
  forge_open(&forge);
  return 0;
}

static int close_forge(void **state) {
  forge_close(&forge);
  return 0;
}

static enum err read(struct text document, struct jwks **out, struct fault *f) {
  *f = (struct fault){0};
  return jwks_read(document, out, f);
}

static struct text jwk(EVP_PKEY *key, const char *more) { return forge_jwk(&forge.arena, key, more); }

static void documents_that_are_no_sets_are_refused(void **state) {
  static const struct {
    const char *document, *why;
  } cases[] = {
      {"", "valid JSON"},
      {"{", "valid JSON"},
      {"[]", "no list"},
      {"{}", "no list"},
      {"{\"keys\":{}}", "no list"},
      {"{\"keys\":[]}", "none of its 0 keys"},
      {"{\"keys\":[1,\"a\",null,{}]}", "none of its 4 keys"},
      {"{\"keys\":[],\"keys\":[]}", "valid JSON"},
      {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}", "none of its 1 keys"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct jwks *s = NULL;
    struct fault f;
    forge_expect(read(text_of(cases[i].document), &s, &f), ERR_PROTOCOL, &f, cases[i].why);
    assert_null(s);
  }
}

/* One good key beside one that is of no use: the set has one. */
static void keys_of_no_use_are_passed_over(void **state) {
  EVP_PKEY *small = EVP_RSA_gen(1024), *p384 = EVP_EC_gen("P-384");
  struct arena *a = &forge.arena;
  struct text useless[] = {
      jwk(forge.rsa, ",\"use\":\"enc\""),
      jwk(forge.rsa, ",\"key_ops\":[\"encrypt\"]"),
      jwk(forge.rsa, ",\"alg\":\"RS512\""),
      jwk(forge.rsa, ",\"alg\":\"ES256\""),
      jwk(forge.rsa, ",\"alg\":1"),
      jwk(forge.rsa, ",\"kid\":1"),
      jwk(forge.rsa, ",\"kid\":\"\""),
      jwk(forge.rsa, ",\"d\":\"AQAB\""),
      jwk(small, ""),
      TEXT("{\"kty\":\"RSA\",\"n\":\"AQAB\"}"),
      TEXT("{\"kty\":\"RSA\",\"n\":\"****\",\"e\":\"AQAB\"}"),
      TEXT("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAB\"}"),
      TEXT("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"),
      /* not on the curve */
      TEXT("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
           "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}"),
      TEXT("{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
           "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"),
  };
  for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
    struct jwks *s = NULL;
    struct fault f;
    struct text document = arena_format(a, "{\"keys\":[%.*s,%.*s]}", TEXT_ARGS(useless[i]),
                                        TEXT_ARGS(jwk(forge.ed25519, ",\"use\":\"sig\",\"key_ops\":[\"verify\"]")));
    forge_expect(read(document, &s, &f), ERR_OK, &f, NULL);
    if (jwks_count(s) != 1)
      fail_msg("%.*s is taken", TEXT_ARGS(useless[i]));
    jwks_unref(s);
  }
  EVP_PKEY_free(small);
  EVP_PKEY_free(p384);
}

static void an_even_modulus_or_exponent_is_no_key(void **state) {
  static const char *const exponents[] = {"AQ", "Ag", "AQAA"};
  struct arena *a = &forge.arena;
  struct text n = forge_number(a, forge.rsa, OSSL_PKEY_PARAM_RSA_N, 0);
  for (size_t i = 0; i < 3; i++) {
    struct jwks *s = NULL;
    struct fault f;
    struct text document =
        arena_format(a, "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"%.*s\",\"e\":\"%s\"}]}", TEXT_ARGS(n), exponents[i]);
    forge_expect(read(document, &s, &f), ERR_PROTOCOL, &f, "none of its 1 keys");
  }
}

static void a_key_is_found_by_its_id_or_alone(void **state) {
  struct arena *a = &forge.arena;
  struct forge other;
  forge_open(&other);
  struct jwks *s = NULL;
  struct fault f;
  struct text document =
      arena_format(a, "{\"keys\":[%.*s,%.*s,%.*s]}", TEXT_ARGS(jwk(forge.rsa, ",\"kid\":\"one\",\"alg\":\"RS256\"")),
                   TEXT_ARGS(jwk(other.rsa, ",\"kid\":\"two\"")), TEXT_ARGS(jwk(forge.p256, ",\"kid\":\"one\"")));
  forge_expect(read(document, &s, &f), ERR_OK, &f, NULL);
  struct jws t = {.algorithm = JWS_RS256, .key_id = TEXT("one")};
  assert_non_null(jwks_find(s, &t));
  t.key_id = TEXT("two");
  assert_non_null(jwks_find(s, &t));
  t.key_id = TEXT("three");
  assert_null(jwks_find(s, &t));
  t.key_id = TEXT_NONE; /* two may be meant */
  assert_null(jwks_find(s, &t));
  t.algorithm = JWS_PS256; /* the first is for RS256 only */
  assert_non_null(jwks_find(s, &t));
  t.algorithm = JWS_ES256;
  assert_non_null(jwks_find(s, &t));
  t.algorithm = JWS_EDDSA;
  assert_null(jwks_find(s, &t));
  jwks_unref(s);
  forge_close(&other);
}

static void two_keys_of_one_id_are_refused(void **state) {
  struct arena *a = &forge.arena;
  struct jwks *s = NULL;
  struct fault f;
  struct text k = jwk(forge.p256, ",\"kid\":\"one\"");
  struct text document = arena_format(a, "{\"keys\":[%.*s,%.*s]}", TEXT_ARGS(k), TEXT_ARGS(k));
  forge_expect(read(document, &s, &f), ERR_PROTOCOL, &f, "one id");
}

static void a_set_has_a_limit(void **state) {
  struct buf b;
  struct jwks *s = NULL;
  struct fault f;
  buf_init(&b, JWKS_MAX_BYTES + 16);
  buf_add(&b, TEXT("{\"keys\":["));
  for (int i = 0; i <= JWKS_MAX_KEYS; i++)
    buf_add(&b, i ? TEXT(",{}") : TEXT("{}"));
  buf_add(&b, TEXT("]}"));
  forge_expect(read(buf_text(&b), &s, &f), ERR_PROTOCOL, &f, "more than 64 keys");
  while (b.len <= JWKS_MAX_BYTES)
    buf_add(&b, TEXT(" "));
  forge_expect(read(buf_text(&b), &s, &f), ERR_PROTOCOL, &f, "bytes");
  buf_done(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(documents_that_are_no_sets_are_refused), cmocka_unit_test(keys_of_no_use_are_passed_over),
      cmocka_unit_test(an_even_modulus_or_exponent_is_no_key),  cmocka_unit_test(a_key_is_found_by_its_id_or_alone),
      cmocka_unit_test(two_keys_of_one_id_are_refused),         cmocka_unit_test(a_set_has_a_limit),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, open_forge, close_forge);
}
