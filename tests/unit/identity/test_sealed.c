/* Sealed secrets: they open where they belong and nowhere else, and no byte of one can be changed. */
#include "identity/sealed.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const struct vault_place home = {"weir_credentials", "sealed", 3, 7, 2};
static struct sealed_key key, other;

static int make_keys(void **state) {
  uint8_t raw[SEALED_KEY_BYTES];
  random_bytes(raw, sizeof raw);
  sealed_key_init(&key, raw);
  random_bytes(raw, sizeof raw);
  sealed_key_init(&other, raw);
  return 0;
}

static struct text seal(struct buf *b, const char *plain) {
  buf_init(b, VAULT_SEALED_MAX);
  assert_int_equal(sealed_write(&key, &home, text_of(plain), b, NULL), ERR_OK);
  return buf_text(b);
}

static enum err try_open(const struct sealed_key *k, const struct vault_place *p, struct text sealed) {
  struct secret *s = NULL;
  struct fault f = {0};
  enum err e = sealed_open(k, p, sealed, &s, &f);
  if (e)
    assert_null(s);
  secret_free(s);
  return e;
}

static void expect_corrupt(enum err e, const char *what) {
  if (e != ERR_STORE_CORRUPT)
    fail_msg("%s: %s", what, err_name(e));
}

/* draft-irtf-cfrg-xchacha-03 appendix A.3.1: the primitive is the one we think it is. */
static void the_published_vector_comes_out(void **state) {
  static const char plain[] = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
                              "future, sunscreen would be it.";
  static const char wanted[] =
      "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216"
      "cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13"
      "b52ec0875924c1c7987947deafd8780acf49";
  static const unsigned char ad[] = {0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
  unsigned char k[32], nonce[24], box[sizeof plain - 1 + 16];
  char hex[2 * sizeof box];
  for (unsigned i = 0; i < sizeof k; i++)
    k[i] = (unsigned char)(0x80 + i);
  for (unsigned i = 0; i < sizeof nonce; i++)
    nonce[i] = (unsigned char)(0x40 + i);
  crypto_aead_xchacha20poly1305_ietf_encrypt(box, NULL, (const unsigned char *)plain, sizeof plain - 1, ad, sizeof ad,
                                             NULL, nonce, k);
  assert_int_equal(text_hex(box, sizeof box, hex), strlen(wanted));
  assert_memory_equal(hex, wanted, strlen(wanted));
}

static void what_was_sealed_comes_back(void **state) {
  static char large[VAULT_PLAIN_MAX + 1];
  struct secret *s = NULL;
  struct buf b, big;
  assert_int_equal(sealed_open(&key, &home, seal(&b, "sk-hush"), &s, NULL), ERR_OK);
  assert_true(text_equal(secret_reveal(s), TEXT("sk-hush")));
  assert_int_equal(b.len, SEALED_EXTRA_BYTES + 7);
  secret_free(s);
  buf_done(&b);
  assert_int_equal(try_open(&key, &home, seal(&b, "")), ERR_OK);
  buf_done(&b);
  buf_init(&big, VAULT_SEALED_MAX);
  assert_int_equal(sealed_write(&key, &home, (struct text){large, VAULT_PLAIN_MAX}, &big, NULL), ERR_OK);
  assert_int_equal(try_open(&key, &home, buf_text(&big)), ERR_OK);
  assert_int_equal(sealed_write(&key, &home, (struct text){large, VAULT_PLAIN_MAX + 1}, &big, NULL), ERR_LIMIT);
  buf_done(&big);
}

static void the_same_secret_never_looks_the_same(void **state) {
  struct buf a, b;
  struct text one = seal(&a, "sk-hush"), two = seal(&b, "sk-hush");
  for (size_t at = 1 + SEALED_KEY_ID_BYTES; at + 16 <= one.len; at += 16)
    assert_memory_not_equal(one.at + at, two.at + at, 16);
  buf_done(&a);
  buf_done(&b);
}

static void every_bit_of_a_sealed_secret_counts(void **state) {
  struct buf b;
  struct text sealed = seal(&b, "a secret of some length");
  for (size_t i = 0; i < sealed.len; i++) {
    for (int bit = 0; bit < 8; bit++) {
      b.at[i] = (char)(b.at[i] ^ 1 << bit);
      expect_corrupt(try_open(&key, &home, sealed), "a flipped bit");
      b.at[i] = (char)(b.at[i] ^ 1 << bit);
    }
  }
  assert_int_equal(try_open(&key, &home, sealed), ERR_OK);
  buf_done(&b);
}

static void a_cut_or_lengthened_one_does_not_open(void **state) {
  struct buf b;
  struct text sealed = seal(&b, "a secret");
  for (size_t n = 0; n < sealed.len; n++) {
    char *exact = malloc(n + 1); /* so that a read behind the end is seen */
    memcpy(exact, sealed.at, n);
    expect_corrupt(try_open(&key, &home, (struct text){exact, n}), "a cut one");
    free(exact);
  }
  buf_add_char(&b, 'x');
  expect_corrupt(try_open(&key, &home, buf_text(&b)), "a longer one");
  buf_done(&b);
}

static void it_opens_in_its_own_place_only(void **state) {
  static const struct vault_place elsewhere[] = {
      {"weir_credential", "sealed", 3, 7, 2},   {"weir_credentials", "seale", 3, 7, 2},
      {"weir_credentialss", "ealed", 3, 7, 2},  {"weir_credentials", "sealed", 4, 7, 2},
      {"weir_credentials", "sealed", 3, 8, 2},  {"weir_credentials", "sealed", 3, 7, 1},
      {"weir_credentials", "sealed", 7, 3, 2},  {"weir_credentials", "sealed", 3, 2, 7},
      {"weir_signing_keys", "sealed", 3, 7, 2}, {"", "", 0, 0, 0},
  };
  struct buf b;
  struct text sealed = seal(&b, "a secret");
  for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
    expect_corrupt(try_open(&key, &elsewhere[i], sealed), "in another place");
  buf_done(&b);
}

static void parts_of_two_do_not_mix(void **state) {
  struct buf a, b;
  struct text one = seal(&a, "a secret"), two = seal(&b, "another!");
  for (size_t cut = 1; cut < one.len; cut++) {
    char mixed[256];
    memcpy(mixed, one.at, cut);
    memcpy(mixed + cut, two.at + cut, two.len - cut);
    /* Up to the end of the master key's id the two are the same. */
    if (cut > 1 + SEALED_KEY_ID_BYTES)
      expect_corrupt(try_open(&key, &home, (struct text){mixed, one.len}), "a mixture");
  }
  buf_done(&a);
  buf_done(&b);
}

static void under_another_master_key_it_stays_shut(void **state) {
  struct buf b;
  struct text sealed = seal(&b, "a secret");
  expect_corrupt(try_open(&other, &home, sealed), "under another key");
  memcpy(b.at + 1, other.id, sizeof other.id); /* though it says so */
  expect_corrupt(try_open(&other, &home, sealed), "under another key");
  buf_done(&b);
}

static void another_master_key_takes_over_without_the_secret(void **state) {
  struct buf old, fresh;
  struct secret *s = NULL;
  struct text sealed = seal(&old, "a secret");
  buf_init(&fresh, VAULT_SEALED_MAX);
  assert_int_equal(sealed_rewrap(&key, &other, &home, sealed, &fresh, NULL), ERR_OK);
  assert_int_equal(sealed_open(&other, &home, buf_text(&fresh), &s, NULL), ERR_OK);
  assert_true(text_equal(secret_reveal(s), TEXT("a secret")));
  secret_free(s);
  expect_corrupt(try_open(&key, &home, buf_text(&fresh)), "under the old key");
  const struct vault_place wrong = {"weir_credentials", "sealed", 3, 8, 2};
  buf_reset(&fresh);
  assert_int_equal(sealed_rewrap(&key, &other, &wrong, sealed, &fresh, NULL), ERR_STORE_CORRUPT);
  assert_int_equal(sealed_rewrap(&other, &key, &home, sealed, &fresh, NULL), ERR_STORE_CORRUPT);
  assert_int_equal(fresh.len, 0);
  buf_done(&old);
  buf_done(&fresh);
}

static void a_check_gives_nothing_of_the_key_away(void **state) {
  uint8_t raw[SEALED_KEY_BYTES] = {1, 2, 3};
  struct sealed_key k;
  sealed_key_init(&k, raw);
  assert_memory_not_equal(k.wrapping, raw, sizeof raw);
  assert_memory_not_equal(k.id, k.wrapping, sizeof k.id);
  assert_int_equal(strncmp(k.check, key.check, sizeof k.check) == 0, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_published_vector_comes_out),
      cmocka_unit_test(what_was_sealed_comes_back),
      cmocka_unit_test(the_same_secret_never_looks_the_same),
      cmocka_unit_test(every_bit_of_a_sealed_secret_counts),
      cmocka_unit_test(a_cut_or_lengthened_one_does_not_open),
      cmocka_unit_test(it_opens_in_its_own_place_only),
      cmocka_unit_test(parts_of_two_do_not_mix),
      cmocka_unit_test(under_another_master_key_it_stays_shut),
      cmocka_unit_test(another_master_key_takes_over_without_the_secret),
      cmocka_unit_test(a_check_gives_nothing_of_the_key_away),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("sealed", tests, make_keys, NULL);
}
