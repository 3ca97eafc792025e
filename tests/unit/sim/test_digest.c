/* Hashes that are equal in every process, ids, signatures and base64. */
#include "sim/digest.h"

#include "sim_test.h"

static struct digest digest_of(struct arena *a, const char *quoted) {
  struct json doc = test_json(a, quoted);
  struct digest d = {0};
  digest_json(&d, doc.root);
  json_done(&doc);
  return d;
}

static void the_hash_is_the_same_in_every_process(void **state) {
  struct digest d = {0};
  digest_text(&d, TEXT("the same everywhere"));
  digest_u64(&d, 7);
  assert_int_equal(d.bytes, 19);
  struct digest again = {0};
  digest_text(&again, TEXT("the same everywhere"));
  assert_int_not_equal(d.hash, again.hash);
  digest_u64(&again, 7);
  assert_int_equal(d.hash, again.hash);
}

static void different_values_have_different_hashes(void **state) {
  struct arena a;
  arena_init(&a);
  const char *values[] = {"'a'",     "'b'",        "['a','b']",   "['ab']",     "{'a':1}",
                          "{'a':2}", "{'a':true}", "{'a':false}", "'abcdefgh'", "'abcdefghi'"};
  for (size_t i = 0; i < 10; i++) {
    for (size_t k = 0; k < i; k++)
      assert_int_not_equal(digest_of(&a, values[i]).hash, digest_of(&a, values[k]).hash);
  }
  arena_done(&a);
}

static void cache_control_is_not_part_of_a_prompt(void **state) {
  struct arena a;
  arena_init(&a);
  struct digest marked = digest_of(&a, "{'type':'text','text':'x','cache_control':{'type':'ephemeral'}}");
  struct digest plain = digest_of(&a, "{'type':'text','text':'x'}");
  assert_int_equal(marked.hash, plain.hash);
  assert_int_equal(marked.bytes, plain.bytes);
  arena_done(&a);
}

static void base64_data_counts_little(void **state) {
  struct arena a;
  arena_init(&a);
  char doc[2000];
  snprintf(doc, sizeof(doc), "{'type':'base64','data':'%01280d'}", 0);
  assert_in_range(digest_of(&a, doc).bytes, 20, 60);
  arena_done(&a);
}

static void four_bytes_are_a_token(void **state) {
  assert_int_equal(digest_tokens(0), 1);
  assert_int_equal(digest_tokens(4), 1);
  assert_int_equal(digest_tokens(5), 2);
}

static void ids_have_prefix_length_and_letters(void **state) {
  struct arena a;
  arena_init(&a);
  struct text one = digest_id(&a, "msg_", 22, 1), two = digest_id(&a, "msg_", 22, 2);
  assert_int_equal(one.len, 26);
  assert_false(text_equal(one, two));
  assert_true(text_is_visible_ascii(one));
  assert_int_equal(digest_id(&a, "", 100, 5).len, 40);
  EXPECT_TEXT(digest_id(&a, "msg_", 22, 1), one);
  arena_done(&a);
}

static void signatures_belong_to_their_text(void **state) {
  struct arena a;
  size_t bytes = 0;
  arena_init(&a);
  struct text one = digest_signature(&a, TEXT("I think"));
  assert_int_equal(one.len, 128);
  assert_true(digest_base64_length(one, &bytes));
  assert_int_equal(bytes, 96);
  EXPECT_TEXT(digest_signature(&a, TEXT("I think")), one);
  assert_false(text_equal(digest_signature(&a, TEXT("I thinl")), one));
  arena_done(&a);
}

static void base64_is_checked_and_measured(void **state) {
  size_t n = 99;
  assert_true(digest_base64_length(TEXT("TWFu"), &n) && n == 3);
  assert_true(digest_base64_length(TEXT("TWE="), &n) && n == 2);
  assert_true(digest_base64_length(TEXT("TQ=="), &n) && n == 1);
  assert_true(digest_base64_length(TEXT(""), &n) && n == 0);
  n = 99;
  assert_false(digest_base64_length(TEXT("TQ="), &n));
  assert_false(digest_base64_length(TEXT("T==="), &n));
  assert_false(digest_base64_length(TEXT("TW-u"), &n));
  assert_int_equal(n, 99);
}

static void base64_is_written_as_in_the_rfc(void **state) {
  char out[16];
  EXPECT_TEXT(((struct text){out, digest_base64("foobar", 6, out)}), TEXT("Zm9vYmFy"));
  EXPECT_TEXT(((struct text){out, digest_base64("fooba", 5, out)}), TEXT("Zm9vYmE="));
  EXPECT_TEXT(((struct text){out, digest_base64("foob", 4, out)}), TEXT("Zm9vYg=="));
}

static void what_is_sealed_is_opened_and_nothing_else(void **state) {
  struct arena a;
  struct text plain = TEXT_NONE;
  arena_init(&a);
  struct text sealed = digest_seal(&a, TEXT("secret thought"));
  assert_true(digest_unseal(&a, sealed, &plain));
  EXPECT_TEXT(plain, TEXT("secret thought"));
  char *bytes = (char *)(uintptr_t)sealed.at;
  for (size_t i = 0; i < sealed.len; i++) {
    char before = bytes[i];
    bytes[i] = before == 'A' ? 'B' : 'A';
    assert_false(digest_unseal(&a, sealed, &plain));
    bytes[i] = before;
  }
  assert_false(digest_unseal(&a, TEXT("AAAA"), &plain));
  assert_false(digest_unseal(&a, TEXT("!"), &plain));
  arena_done(&a);
}

static void base64_is_decoded_strictly(void **state) {
  struct arena a;
  struct text out = TEXT_NONE;
  arena_init(&a);
  assert_true(digest_base64_decode(&a, TEXT("aGVsbG8="), &out));
  EXPECT_TEXT(out, TEXT("hello"));
  assert_true(digest_base64_decode(&a, TEXT_NONE, &out));
  assert_int_equal(out.len, 0);
  assert_false(digest_base64_decode(&a, TEXT("aGVsbG8"), &out));
  assert_false(digest_base64_decode(&a, TEXT("aGV bG8="), &out));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_sealed_is_opened_and_nothing_else),
      cmocka_unit_test(base64_is_decoded_strictly),
      cmocka_unit_test(the_hash_is_the_same_in_every_process),
      cmocka_unit_test(different_values_have_different_hashes),
      cmocka_unit_test(cache_control_is_not_part_of_a_prompt),
      cmocka_unit_test(base64_data_counts_little),
      cmocka_unit_test(four_bytes_are_a_token),
      cmocka_unit_test(ids_have_prefix_length_and_letters),
      cmocka_unit_test(signatures_belong_to_their_text),
      cmocka_unit_test(base64_is_checked_and_measured),
      cmocka_unit_test(base64_is_written_as_in_the_rfc),
  };
  return RUN_TESTS(tests);
}
