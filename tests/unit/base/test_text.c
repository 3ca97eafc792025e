/* Slices: cutting, lists, globs, UTF-8, distance, hash. */
#include "base/text.h"

#include "expect.h"

static void slices_compare_by_bytes_and_length(void **state) {
  assert_true(text_equal(TEXT("abc"), text_of("abc")));
  assert_false(text_equal(TEXT("abc"), TEXT("abd")));
  assert_false(text_equal(TEXT("abc"), TEXT("ab")));
  assert_true(text_equal(TEXT_NONE, TEXT("")));
  assert_true(text_is_empty(text_of(NULL)));
  assert_true(text_equal_nocase(TEXT("X-Api-Key"), TEXT("x-aPI-kEY")));
  assert_false(text_equal_nocase(TEXT("a["), TEXT("a{")));
  assert_true(text_starts(TEXT("Bearer x"), TEXT("Bearer ")));
  assert_false(text_starts(TEXT("Bea"), TEXT("Bearer ")));
  assert_true(text_ends(TEXT("data.json"), TEXT(".json")));
  assert_false(text_ends(TEXT("json"), TEXT(".json")));
}

static void skipping_and_heading_stop_at_the_end(void **state) {
  EXPECT_TEXT(text_skip(TEXT("abc"), 1), TEXT("bc"));
  EXPECT_TEXT(text_skip(TEXT("abc"), 9), TEXT(""));
  EXPECT_TEXT(text_skip(TEXT_NONE, 9), TEXT(""));
  EXPECT_TEXT(text_head(TEXT("abc"), 2), TEXT("ab"));
  EXPECT_TEXT(text_head(TEXT("abc"), 9), TEXT("abc"));
  EXPECT_TEXT(text_trim(TEXT(" \t a b \t")), TEXT("a b"));
  EXPECT_TEXT(text_trim(TEXT(" \t ")), TEXT(""));
}

static void finding_gives_offsets(void **state) {
  assert_int_equal(text_find(TEXT("hello"), TEXT("lo")), 3);
  assert_int_equal(text_find(TEXT("hello"), TEXT("xo")), -1);
  assert_int_equal(text_find(TEXT("he"), TEXT("hello")), -1);
  assert_int_equal(text_find(TEXT_NONE, TEXT("")), 0);
  assert_int_equal(text_find_char(TEXT("a:b"), ':'), 1);
  assert_int_equal(text_find_char(TEXT_NONE, ':'), -1);
  assert_true(text_has_nocase(TEXT("a Key"), TEXT("KEY")) && text_has_nocase(TEXT("a"), TEXT_NONE));
  assert_false(text_has_nocase(TEXT("ke"), TEXT("key")) || text_has_nocase(TEXT_NONE, TEXT("a")));
  struct text first = TEXT("untouched"), rest = TEXT_NONE;
  assert_false(text_cut(TEXT("ab"), ':', &first, &rest));
  EXPECT_TEXT(first, TEXT("untouched"));
  assert_true(text_cut(TEXT("a:b:c"), ':', &first, &rest));
  EXPECT_TEXT(first, TEXT("a"));
  EXPECT_TEXT(rest, TEXT("b:c"));
}

static void list_elements_are_trimmed_and_empty_ones_skipped(void **state) {
  struct text list = TEXT(" , a,b c\t,,  d ,"), element;
  assert_true(text_next_in_list(&list, &element));
  EXPECT_TEXT(element, TEXT("a"));
  assert_true(text_next_in_list(&list, &element));
  EXPECT_TEXT(element, TEXT("b c"));
  assert_true(text_next_in_list(&list, &element));
  EXPECT_TEXT(element, TEXT("d"));
  assert_false(text_next_in_list(&list, &element));
}

static void globs_match_and_tell_what_the_first_star_was(void **state) {
  static const struct {
    const char *pattern, *text, *star; /* star NULL: no match */
  } cases[] = {
      {"", "", ""},
      {"", "a", NULL},
      {"*", "", ""},
      {"*", "abc", "abc"},
      {"a", "a", ""},
      {"a", "ab", NULL},
      {"openai/*", "openai/gpt-4", "gpt-4"},
      {"openai/*", "openai", NULL},
      {"*-mini", "gpt-mini-mini", "gpt-mini"},
      {"a*b*c", "a1b2b3c", "1"},
      {"a*b*c", "a1b2b3", NULL},
      {"**", "xy", ""},
      {"claude-*-4*", "claude-sonnet-4-5", "sonnet"},
      {"*a", "aaaa", "aaa"},
      {"?", "x", NULL},
      {"a*a", "a", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct text star = TEXT("untouched");
    bool matched = text_glob(text_of(cases[i].pattern), text_of(cases[i].text), &star);
    if (matched != (cases[i].star != NULL))
      fail_msg("glob %s on %s: matched is %d", cases[i].pattern, cases[i].text, matched);
    if (matched)
      EXPECT_TEXT(star, text_of(cases[i].star));
    assert_int_equal(text_glob(text_of(cases[i].pattern), text_of(cases[i].text), NULL), matched);
  }
}

static void a_glob_of_many_stars_ends_soon(void **state) {
  static char text[20001], pattern[101];
  memset(text, 'a', sizeof text);
  for (size_t i = 0; i < sizeof pattern; i++)
    pattern[i] = i % 2 ? '*' : 'a';
  pattern[100] = 'b';
  assert_false(text_glob((struct text){pattern, sizeof pattern}, (struct text){text, sizeof text}, NULL));
}

static void utf8_is_checked_strictly(void **state) {
  static const char *const good[] = {"",
                                     "abc",
                                     "\xC2\x80",
                                     "\xDF\xBF",
                                     "\xE0\xA0\x80",
                                     "\xED\x9F\xBF",
                                     "\xEF\xBF\xBF",
                                     "\xF0\x90\x80\x80",
                                     "\xF4\x8F\xBF\xBF"};
  static const char *const bad[] = {"\x80",
                                    "\xC0\x80",
                                    "\xC1\xBF",
                                    "\xC2",
                                    "\xC2g",
                                    "\xE0\x9F\xBF",
                                    "\xED\xA0\x80",
                                    "\xE2\x82",
                                    "\xF0\x8F\xBF\xBF",
                                    "\xF4\x90\x80\x80",
                                    "\xF5\x80\x80\x80",
                                    "\xFF"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    if (!text_is_utf8(text_of(good[i])))
      fail_msg("good case %zu refused", i);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (text_is_utf8(text_of(bad[i])))
      fail_msg("bad case %zu accepted", i);
}

static void visible_ascii_has_no_space_and_no_high_bytes(void **state) {
  assert_true(text_is_visible_ascii(TEXT("!~azAZ09")));
  assert_true(text_is_visible_ascii(TEXT_NONE));
  assert_false(text_is_visible_ascii(TEXT("a b")));
  assert_false(text_is_visible_ascii(TEXT("\x7F")));
  assert_false(text_is_visible_ascii(TEXT("\xC3\xA9")));
}

static void distance_counts_edits_up_to_its_limit(void **state) {
  assert_int_equal(text_distance(TEXT("provders"), TEXT("providers"), 3), 1);
  assert_int_equal(text_distance(TEXT("kitten"), TEXT("sitting"), 9), 3);
  assert_int_equal(text_distance(TEXT("abc"), TEXT("xyzuvw"), 2), 3);
  assert_int_equal(text_distance(TEXT_NONE, TEXT("ab"), 9), 2);
  char longest[200];
  memset(longest, 'a', sizeof longest);
  assert_int_equal(text_distance((struct text){longest, sizeof longest}, (struct text){longest, 64}, 9), 0);
}

static void the_hash_depends_on_every_byte_and_on_the_seed(void **state) {
  char bytes[40] = {0};
  text_hash_seed(1);
  uint64_t plain = text_hash((struct text){bytes, sizeof bytes});
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] ^= 1;
    assert_int_not_equal(text_hash((struct text){bytes, sizeof bytes}), plain);
    bytes[i] ^= 1;
  }
  assert_int_equal(text_hash((struct text){bytes, sizeof bytes}), plain);
  assert_int_not_equal(text_hash(TEXT("a")), text_hash(TEXT("a\0")));
  text_hash_seed(0x1234567);
  assert_int_not_equal(text_hash((struct text){bytes, sizeof bytes}), plain);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slices_compare_by_bytes_and_length),
      cmocka_unit_test(skipping_and_heading_stop_at_the_end),
      cmocka_unit_test(finding_gives_offsets),
      cmocka_unit_test(list_elements_are_trimmed_and_empty_ones_skipped),
      cmocka_unit_test(globs_match_and_tell_what_the_first_star_was),
      cmocka_unit_test(a_glob_of_many_stars_ends_soon),
      cmocka_unit_test(utf8_is_checked_strictly),
      cmocka_unit_test(visible_ascii_has_no_space_and_no_high_bytes),
      cmocka_unit_test(distance_counts_edits_up_to_its_limit),
      cmocka_unit_test(the_hash_depends_on_every_byte_and_on_the_seed),
  };
  return RUN_TESTS(tests);
}
