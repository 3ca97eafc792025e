/* The canonical request and the order of texts in it. Whole signatures are in test_sigv4.c. */
#include "aws/sigv4_hash.h"

#include "sigv4_example.h"

static void test_the_hash_of_the_published_canonical_request(void **state) {
  const struct sigv4_header headers[] = {HEADER("X-Amz-Date", "20150830T123600Z"), HEADER("unsigned", "value"),
                                         HEADER("Host", "example.amazonaws.com")};
  const struct sigv4_names names = {.at = {TEXT("host"), TEXT("x-amz-date")}, .count = 2};
  struct sigv4_request rq = {TEXT("GET"), TEXT("/"), TEXT_NONE, headers, 3, NULL, 0};
  char body[SIGV4_HEX_BYTES], request[SIGV4_HEX_BYTES];
  struct arena a = {0};
  sigv4_hash_body(&rq, body);
  assert_text((struct text){body, sizeof(body)},
              TEXT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
  sigv4_hash_request(&rq, &names, (struct text){body, sizeof(body)}, &a, request);
  assert_text((struct text){request, sizeof(request)},
              TEXT("bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63"));
  arena_done(&a);
}

static void test_the_signature_of_a_hash(void **state) {
  const struct sigv4_day day = {TEXT("20150830"), TEXT("us-east-1"), TEXT("service")};
  char signature[SIGV4_HEX_BYTES];
  struct arena a = {0};
  sigv4_signature_of(TEXT("bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63"), TEXT("20150830T123600Z"),
                     &day, EXAMPLE_SECRET, &a, signature);
  assert_text((struct text){signature, sizeof(signature)},
              TEXT("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
  arena_done(&a);
}

static void test_texts_are_ordered_by_their_bytes(void **state) {
  assert_int_equal(sigv4_compare(TEXT("a"), TEXT("a")), 0);
  assert_int_equal(sigv4_compare(TEXT_NONE, TEXT_NONE), 0);
  assert_true(sigv4_compare(TEXT_NONE, TEXT("a")) < 0);
  assert_true(sigv4_compare(TEXT("a"), TEXT("a-b")) < 0);
  assert_true(sigv4_compare(TEXT("b"), TEXT("a-b")) > 0);
  assert_true(sigv4_compare(TEXT("A"), TEXT("a")) < 0);
}

static void hash_of(struct text query, char out[SIGV4_HEX_BYTES]) {
  const struct sigv4_names none = {.count = 0};
  struct sigv4_request rq = {TEXT("GET"), TEXT("/"), query, NULL, 0, NULL, 0};
  struct arena a = {0};
  sigv4_hash_request(&rq, &none, TEXT_NONE, &a, out);
  arena_done(&a);
}

static void test_queries_that_mean_the_same_hash_the_same(void **state) {
  static const struct {
    const char *one, *other;
    bool same;
  } cases[] = {
      {"a=1&b=2", "b=2&a=1", true}, {"a", "a=", true},       {"a=%7e", "a=~", true},     {"a=!", "a=%21", true},
      {"a=%2f", "a=/", true},       {"a=%", "a=%25", true},  {"a=%4", "a=%254", true},   {"a=%zz", "a=%25zz", true},
      {"a=1&a=2", "a=2&a=1", true}, {"&a=1&&", "a=1", true}, {"a=b=c", "a=b%3Dc", true}, {"a=1", "a=2", false},
      {"a=+", "a=%20", false},      {"A=1", "a=1", false},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char one[SIGV4_HEX_BYTES], other[SIGV4_HEX_BYTES];
    hash_of(text_of(cases[i].one), one);
    hash_of(text_of(cases[i].other), other);
    if ((memcmp(one, other, sizeof(one)) == 0) != cases[i].same)
      fail_msg("\"%s\" and \"%s\" are %s", cases[i].one, cases[i].other, cases[i].same ? "different" : "the same");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_hash_of_the_published_canonical_request),
      cmocka_unit_test(test_the_signature_of_a_hash),
      cmocka_unit_test(test_texts_are_ordered_by_their_bytes),
      cmocka_unit_test(test_queries_that_mean_the_same_hash_the_same),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("sigv4_hash", tests, NULL, NULL);
}
