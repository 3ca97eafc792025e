/* Names in paths: escapes undone once, and nothing that is no name. */
#include "gateway/percent.h"

#include "../base/expect.h"

static void names_are_decoded_once(void **state) {
  static const struct {
    const char *in, *want;
  } cases[] = {{"", ""},     {"a.b-v1%3A0", "a.b-v1:0"}, {"a%2fb", "a/b"},
               {"%25", "%"}, {"%253A", "%3A"},           {"%C3%A9", "\xC3\xA9"}};
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct text out = TEXT("untouched");
    assert_true(percent_decode(text_of(cases[i].in), 16, &a, &out));
    EXPECT_TEXT(out, text_of(cases[i].want));
  }
  arena_done(&a);
}

static void what_is_no_name_is_refused(void **state) {
  static const char *const bad[] = {"%",   "%4",    "a%4x", "%00", "%0d%0a",
                                    "%7F", "a b\n", "%C3",  "%FF", "12345678901234567"};
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct text out;
    if (percent_decode(text_of(bad[i]), 16, &a, &out))
      fail_msg("\"%s\" was taken", bad[i]);
  }
  struct text out;
  assert_true(percent_decode(TEXT("%61234567890123456"), 16, &a, &out));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_decoded_once),
      cmocka_unit_test(what_is_no_name_is_refused),
  };
  return RUN_TESTS(tests);
}
