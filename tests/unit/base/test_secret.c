/* Secrets: kept, compared, hashed. */
#include "base/secret.h"

#include "expect.h"

static int start(void **state) {
  secret_start();
  secret_start();
  return 0;
}

static void a_secret_is_a_copy(void **state) {
  char word[] = "sk-test";
  struct secret *s = secret_new(text_of(word));
  secret_wipe(word, sizeof word);
  assert_int_equal(word[0], 0);
  EXPECT_TEXT(secret_reveal(s), TEXT("sk-test"));
  assert_false(secret_is_empty(s));
  secret_free(s);
}

static void nothing_is_an_empty_secret(void **state) {
  assert_true(secret_is_empty(NULL));
  assert_int_equal(secret_reveal(NULL).len, 0);
  struct secret *s = secret_new(TEXT_NONE);
  assert_true(secret_is_empty(s));
  secret_free(s);
  secret_free(NULL);
}

static void comparing_looks_at_all_bytes(void **state) {
  assert_true(secret_equal(TEXT("abc"), TEXT("abc")));
  assert_true(secret_equal(TEXT_NONE, TEXT("")));
  assert_false(secret_equal(TEXT("abc"), TEXT("abd")));
  assert_false(secret_equal(TEXT("abc"), TEXT("xbc")));
  assert_false(secret_equal(TEXT("abc"), TEXT("abcd")));
}

static void hmac_matches_rfc_4231(void **state) {
  uint8_t out[SECRET_HMAC_BYTES];
  char hex[2 * SECRET_HMAC_BYTES], long_key[131];
  struct secret *s = secret_new(TEXT("Jefe"));
  secret_hmac(s, TEXT("what do ya want for nothing?"), out);
  (void)text_hex(out, sizeof out, hex);
  EXPECT_TEXT(((struct text){hex, sizeof hex}),
              TEXT("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  secret_free(s);
  memset(long_key, 0xAA, sizeof long_key);
  s = secret_new((struct text){long_key, sizeof long_key});
  secret_hmac(s, TEXT("Test Using Larger Than Block-Size Key - Hash Key First"), out);
  (void)text_hex(out, sizeof out, hex);
  EXPECT_TEXT(((struct text){hex, sizeof hex}),
              TEXT("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
  secret_free(s);
}

static void a_key_is_read_from_hexadecimal_and_base64(void **state) {
  static const char *const good[] = {
      "fbf0ff00000000000000000000000000000000000000000000000000000000fb",
      "FBF0FF00000000000000000000000000000000000000000000000000000000FB",
      "+/D/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPs=", "-_D_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPs"};
  static const char *const bad[] = {
      "",
      "hunter2",
      "fbf0ff",
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
      "xbf0ff00000000000000000000000000000000000000000000000000000000fb",
      "fbf0ff00000000000000000000000000000000000000000000000000000000fbaa",
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="};
  uint8_t out[SECRET_HMAC_BYTES];
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    memset(out, 0, sizeof out);
    assert_true(secret_read_key(text_of(good[i]), out));
    assert_true(out[0] == 0xfb && out[1] == 0xf0 && out[2] == 0xff && out[3] == 0 && out[31] == 0xfb);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(secret_read_key(text_of(bad[i]), out));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_secret_is_a_copy, start), cmocka_unit_test(nothing_is_an_empty_secret),
      cmocka_unit_test(comparing_looks_at_all_bytes),    cmocka_unit_test(a_key_is_read_from_hexadecimal_and_base64),
      cmocka_unit_test(hmac_matches_rfc_4231),
  };
  return RUN_TESTS(tests);
}
