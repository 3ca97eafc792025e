/* base64 both ways: RFC 4648's own examples, and everything a strict reader refuses. */
#include "expect.h"

#include <string.h>

static void the_examples_of_the_standard_go_both_ways(void **state) {
  static const struct {
    const char *in, *url, *plain; /* RFC 4648 section 10, and the two digits that differ */
  } cases[] = {{"", "", ""},
               {"f", "Zg", "Zg=="},
               {"fo", "Zm8", "Zm8="},
               {"foo", "Zm9v", "Zm9v"},
               {"foob", "Zm9vYg", "Zm9vYg=="},
               {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
               {"\xFB\xFF", "-_8", "+/8="}};
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    char out[32], back[32];
    size_t len = strlen(cases[k].in), n = text_base64url(cases[k].in, len, out), got = 99;
    EXPECT_TEXT(((struct text){out, n}), text_of(cases[k].url));
    assert_true(text_base64url_decode((struct text){out, n}, back, &got));
    EXPECT_TEXT(((struct text){back, got}), text_of(cases[k].in));
    n = text_base64(cases[k].in, len, out);
    EXPECT_TEXT(((struct text){out, n}), text_of(cases[k].plain));
    assert_true(text_base64_decode((struct text){out, n}, back, &got));
    EXPECT_TEXT(((struct text){back, got}), text_of(cases[k].in));
    assert_true(text_base64_decode((struct text){out, n}, NULL, &got));
    assert_int_equal(got, len);
  }
}

static void what_two_readers_could_read_twice_is_refused(void **state) {
  static const char *const bad[] = {"Z",    "Zg",     "Zg=",  "Zh==", "Zm9=",     "Zm9v=",    "====", "Z===",
                                    "Zm 9", "Zm9v\n", "Zm-_", "=Zm9", "Zg==Zg==", "Zm9v====", "Z*9v"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    size_t n = 7;
    if (text_base64_decode(text_of(bad[i]), NULL, &n))
      fail_msg("\"%s\" was taken for base64", bad[i]);
    assert_int_equal(n, 7);
  }
  static const char *const bad_url[] = {"Z", "Zh", "Zm9=", "Zm+/", "Zg=="};
  for (size_t i = 0; i < sizeof bad_url / sizeof bad_url[0]; i++) {
    size_t n;
    if (text_base64url_decode(text_of(bad_url[i]), NULL, &n))
      fail_msg("\"%s\" was taken for base64url", bad_url[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_examples_of_the_standard_go_both_ways),
      cmocka_unit_test(what_two_readers_could_read_twice_is_refused),
  };
  return RUN_TESTS(tests);
}
