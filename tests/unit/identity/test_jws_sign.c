/* Signing with EdDSA: the published example, and that the reader of tokens takes what comes out. */
#include "identity/jws_sign.h"

#include "identity/jwks.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static uint8_t seed[JWS_SEED_BYTES], public_key[JWS_PUBLIC_BYTES];

/* RFC 8037 appendix A.1. */
static int read_key(void **state) {
  size_t n = 0;
  uint8_t room[64];
  assert_true(text_base64url_decode(TEXT("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"), room, &n));
  assert_int_equal(n, sizeof seed);
  memcpy(seed, room, n);
  jws_public_of(seed, public_key);
  return 0;
}

static void the_published_example_comes_out(void **state) {
  struct buf b;
  char x[44] = "";
  text_base64url(public_key, sizeof public_key, x);
  assert_string_equal(x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"); /* A.2 */
  buf_init(&b, 4096);
  jws_sign(seed, TEXT("{\"alg\":\"EdDSA\"}"), TEXT("Example of Ed25519 signing"), &b); /* A.4 */
  assert_true(text_equal(buf_text(&b),
                         TEXT("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
                              "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")));
  buf_done(&b);
}

static void the_thumbprint_is_the_published_one(void **state) {
  char kid[JWS_THUMBPRINT_BYTES];
  jws_thumbprint(public_key, kid); /* A.3 */
  assert_memory_equal(kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", sizeof kid);
}

static void others_verify_it_with_the_published_key(void **state) {
  struct json_writer w;
  struct jwks *set = NULL;
  struct fault f = {0};
  struct buf doc, token;
  struct arena a;
  struct jws t;
  arena_init(&a);
  buf_init(&doc, 4096);
  buf_init(&token, 4096);
  json_writer_init(&w, &doc);
  json_object(&w);
  json_name(&w, "keys");
  json_array(&w);
  jws_write_public(&w, public_key, TEXT("one"));
  json_array_end(&w);
  json_object_end(&w);
  assert_int_equal(jwks_read(buf_text(&doc), &set, &f), ERR_OK);
  jws_sign(seed, TEXT("{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"one\"}"), TEXT("{}"), &token);
  assert_int_equal(jws_read(buf_text(&token), &a, &t, &f), ERR_OK);
  assert_non_null(jwks_find(set, &t));
  assert_int_equal(jws_verify(&t, jwks_find(set, &t), &f), ERR_OK);
  assert_true(jws_is_signed(public_key, t.input, t.signature));
  assert_false(jws_is_signed(public_key, text_skip(t.input, 1), t.signature));
  assert_false(jws_is_signed(public_key, t.input, text_skip(t.signature, 1)));
  jwks_unref(set);
  buf_done(&doc);
  buf_done(&token);
  arena_done(&a);
}

static void keys_are_made_at_random(void **state) {
  uint8_t one[JWS_SEED_BYTES], two[JWS_SEED_BYTES], of_one[JWS_PUBLIC_BYTES], again[JWS_PUBLIC_BYTES];
  jws_make_key(one, of_one);
  jws_make_key(two, again);
  assert_memory_not_equal(one, two, sizeof one);
  jws_public_of(one, again);
  assert_memory_equal(of_one, again, sizeof again);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_published_example_comes_out),
      cmocka_unit_test(the_thumbprint_is_the_published_one),
      cmocka_unit_test(others_verify_it_with_the_published_key),
      cmocka_unit_test(keys_are_made_at_random),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("jws_sign", tests, read_key, NULL);
}
