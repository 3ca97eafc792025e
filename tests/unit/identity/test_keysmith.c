/* New keys, and answers that only who asked can read. */
#include "identity/keysmith.h"

#include "base/random.h"
#include "identity/apikey.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

struct smiths {
  struct secret *one, *other;
  struct keysmith_adapter a, b;
};

static int make_smiths(void **state) {
  static struct smiths s;
  static const uint8_t raw[2][32] = {{1}, {2}};
  random_start();
  secret_start();
  s.one = secret_new((struct text){(const char *)raw[0], 32});
  s.other = secret_new((struct text){(const char *)raw[1], 32});
  keysmith_init(&s.a, s.one);
  keysmith_init(&s.b, s.other);
  *state = &s;
  return 0;
}

static int free_smiths(void **state) {
  struct smiths *s = *state;
  secret_free(s->one);
  secret_free(s->other);
  return 0;
}

static void a_key_is_what_the_store_finds_it_by(void **state) {
  struct smiths *s = *state;
  struct keysmith_key k, next;
  uint8_t hash[SECRET_HMAC_BYTES];
  char id[APIKEY_PAIR_ID_BYTES], secret[APIKEY_PAIR_SECRET_BYTES];
  s->a.port.make(&s->a.port, &k);
  s->a.port.make(&s->a.port, &next);
  assert_memory_not_equal(k.key, next.key, sizeof(k.key));
  assert_memory_equal(k.key, "weir_", 5);
  secret_hmac(s->one, (struct text){k.key, sizeof(k.key)}, hash);
  assert_memory_equal(k.hash, hash, sizeof(hash));
  apikey_pair(s->one, hash, id, secret);
  assert_memory_equal(k.pair_id, id, sizeof(id));
  assert_memory_equal(k.pair_secret, secret, sizeof(secret));
}

static void sums_differ_by_text_and_by_secret_and_are_no_key_s_hash(void **state) {
  struct smiths *s = *state;
  uint8_t one[32], again[32], more[32], other[32], hash[32];
  s->a.port.sum(&s->a.port, TEXT("x"), one);
  s->a.port.sum(&s->a.port, TEXT("x"), again);
  s->a.port.sum(&s->a.port, TEXT("x2"), more);
  s->b.port.sum(&s->b.port, TEXT("x"), other);
  secret_hmac(s->one, TEXT("x"), hash);
  assert_memory_equal(one, again, 32);
  assert_memory_not_equal(one, more, 32);
  assert_memory_not_equal(one, other, 32);
  assert_memory_not_equal(one, hash, 32);
}

static void what_is_sealed_opens_for_who_asked(void **state) {
  struct smiths *s = *state;
  struct buf sealed, plain;
  buf_init(&sealed, 4096);
  buf_init(&plain, 4096);
  s->a.port.seal(&s->a.port, TEXT("word"), TEXT("the answer"), &sealed);
  assert_int_equal(text_find(buf_text(&sealed), TEXT("answer")), -1);
  assert_int_equal(s->a.port.open(&s->a.port, TEXT("word"), buf_text(&sealed), &plain, NULL), ERR_OK);
  assert_true(text_equal(buf_text(&plain), TEXT("the answer")));
  buf_done(&sealed);
  buf_done(&plain);
}

static void nothing_else_opens_it(void **state) {
  struct smiths *s = *state;
  struct buf sealed, plain;
  buf_init(&sealed, 4096);
  buf_init(&plain, 4096);
  s->a.port.seal(&s->a.port, TEXT("word"), TEXT("the answer"), &sealed);
  struct text t = buf_text(&sealed);
  assert_int_equal(s->a.port.open(&s->a.port, TEXT("words"), t, &plain, NULL), ERR_STORE_CORRUPT);
  assert_int_equal(s->b.port.open(&s->b.port, TEXT("word"), t, &plain, NULL), ERR_STORE_CORRUPT);
  for (size_t n = 0; n < t.len; n++) {
    assert_int_equal(s->a.port.open(&s->a.port, TEXT("word"), text_head(t, n), &plain, NULL), ERR_STORE_CORRUPT);
    sealed.at[n] ^= 1;
    assert_int_equal(s->a.port.open(&s->a.port, TEXT("word"), t, &plain, NULL), ERR_STORE_CORRUPT);
    sealed.at[n] ^= 1;
  }
  assert_int_equal(plain.len, 0);
  buf_done(&sealed);
  buf_done(&plain);
}

static void nothing_is_sealed_too(void **state) {
  struct smiths *s = *state;
  struct buf sealed, plain;
  buf_init(&sealed, 4096);
  buf_init(&plain, 4096);
  s->a.port.seal(&s->a.port, TEXT(""), TEXT(""), &sealed);
  assert_int_equal(s->a.port.open(&s->a.port, TEXT(""), buf_text(&sealed), &plain, NULL), ERR_OK);
  assert_int_equal(plain.len, 0);
  buf_done(&sealed);
  buf_done(&plain);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_key_is_what_the_store_finds_it_by),
      cmocka_unit_test(sums_differ_by_text_and_by_secret_and_are_no_key_s_hash),
      cmocka_unit_test(what_is_sealed_opens_for_who_asked),
      cmocka_unit_test(nothing_else_opens_it),
      cmocka_unit_test(nothing_is_sealed_too),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, make_smiths, free_smiths);
}
