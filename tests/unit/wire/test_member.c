/* Single members of requests and answers. */
#include "wire/member.h"

#include "wire_test.h"

static void counts_are_cut_or_ignored_never_trusted(void **state) {
  const struct {
    const char *json;
    bool found;
    uint64_t want;
  } cases[] = {{"{\"n\":7}", true, 7},
               {"{\"n\":0}", true, 0},
               {"{\"n\":7.9}", true, 7},
               {"{\"n\":1e3}", true, 1000},
               {"{\"n\":-1}", false, 0},
               {"{\"n\":-0.5}", false, 0},
               {"{\"n\":-9223372036854775808}", false, 0},
               {"{\"n\":18446744073709551615}", true, USAGE_MAX_TOKENS},
               {"{\"n\":1e300}", true, USAGE_MAX_TOKENS},
               {"{\"n\":\"7\"}", false, 0},
               {"{\"n\":null}", false, 0},
               {"{\"n\":[7]}", false, 0},
               {"{\"m\":7}", false, 0},
               {"[7]", false, 0}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct json doc = {0};
    uint64_t n = 99;
    assert_int_equal(json_read(text_of(cases[i].json), NULL, &doc, NULL), ERR_OK);
    if (member_count(doc.root, "n", &n) != cases[i].found)
      fail_msg("%s: %s", cases[i].json, cases[i].found ? "not found" : "found");
    assert_int_equal(n, cases[i].found ? cases[i].want : 99);
    json_done(&doc);
    const struct json_limits raw = {.raw_numbers = true};
    assert_int_equal(json_read(text_of(cases[i].json), &raw, &doc, NULL), ERR_OK);
    n = 99;
    assert_int_equal(member_count(doc.root, "n", &n), cases[i].found);
    assert_int_equal(n, cases[i].found ? cases[i].want : 99);
    json_done(&doc);
  }
  uint64_t n = 99;
  assert_false(member_count(NULL, "n", &n));
}

static void copies_are_cut_at_a_character(void **state) {
  struct json doc = {0};
  char out[6] = "old";
  assert_int_equal(
      json_read(TEXT("{\"a\":\"ab\",\"b\":\"abcdefgh\",\"c\":\"abc\xf0\x9f\x8c\x8a\",\"d\":7}"), NULL, &doc, NULL),
      ERR_OK);
  member_copy(doc.root, "d", out, sizeof(out));
  assert_string_equal(out, "old");
  member_copy(doc.root, "a", out, sizeof(out));
  assert_string_equal(out, "ab");
  member_copy(doc.root, "b", out, sizeof(out));
  assert_string_equal(out, "abcde");
  member_copy(doc.root, "c", out, sizeof(out));
  assert_string_equal(out, "abc");
  json_done(&doc);
}

static void bytes_are_summed_over_all_strings_inside(void **state) {
  struct json doc = {0};
  assert_int_equal(json_read(TEXT("{\"a\":[\"12\",{\"k\":\"345\"},7,[]],\"z\":\"not counted\"}"), NULL, &doc, NULL),
                   ERR_OK);
  assert_int_equal(member_bytes(json_get(doc.root, "a")), 2 + 1 + 3);
  assert_int_equal(member_bytes(NULL), 0);
  json_done(&doc);
}

static void a_hint_needs_a_name_a_colon_and_a_value_that_is_not_null(void **state) {
  const struct {
    const char *json;
    char want;
  } cases[] = {{"{\"usage\":{}}", '{'},
               {"{\"usage\" \n:\t {}}", '{'},
               {"{\"usage\":null}", 0},
               {"{\"usage\":null,\"x\":{\"usage\":3}}", '3'},
               {"{\"text\":\"usage\"}", 0},
               {"{\"text\":\"usage\",\"usage\":\"x\"}", '"'},
               {"[\"usage\"]", 0},
               {"{\"text\":\"a \\\"usage\\\": {}\"}", 0},
               {"{\"usage\":", 0},
               {"{\"usage\"", 0},
               {"", 0}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    if (member_hint(text_of(cases[i].json), TEXT("\"usage\"")) != cases[i].want)
      fail_msg("%s", cases[i].json);
}

static void an_error_message_is_found_in_every_common_shape(void **state) {
  static const char *const bodies[] = {"{\"error\":{\"message\":\"why\"}}", "{\"error\":\"why\"}",
                                       "{\"message\":\"why\"}", "{\"detail\":\"why\"}",
                                       "{\"type\":\"error\",\"error\":{\"type\":\"x\",\"message\":\"why\"}}"};
  static const char *const none[] = {
      "", "why", "[]", "{}", "{\"error\":{}}", "{\"error\":{\"message\":7}}", "{\"message\":[]}"};
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
    EXPECT_TEXT(member_error_message(text_of(bodies[i]), &a), TEXT("why"));
  for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
    EXPECT_TEXT(member_error_message(text_of(none[i]), &a), TEXT(""));
  arena_done(&a);
}

static void an_answer_that_is_no_object_breaks_the_protocol(void **state) {
  static const char *const bad[] = {"", "<html>", "[]", "7", "{\"a\":1", "{\"a\":\"\xff\"}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct json doc = {0};
    struct fault f = {0};
    assert_int_equal(member_read_answer(text_of(bad[i]), &doc, &f), ERR_UPSTREAM_PROTOCOL);
    assert_int_equal(f.err, ERR_UPSTREAM_PROTOCOL);
    assert_true(f.text[0] != 0);
    assert_null(doc.doc);
  }
}

static void whole_numbers_may_be_written_as_decimals_but_must_be_whole(void **state) {
  const struct {
    const char *json;
    enum err want;
    uint64_t n;
  } cases[] = {{"{}", ERR_OK, 0},
               {"{\"max_tokens\":1}", ERR_OK, 1},
               {"{\"max_tokens\":1024.0}", ERR_OK, 1024},
               {"{\"max_tokens\":99999999999999999999}", ERR_OK, USAGE_MAX_TOKENS},
               {"{\"max_tokens\":0}", ERR_BAD_REQUEST, 0},
               {"{\"max_tokens\":-5}", ERR_BAD_REQUEST, 0},
               {"{\"max_tokens\":0.5}", ERR_BAD_REQUEST, 0},
               {"{\"max_tokens\":1.5}", ERR_BAD_REQUEST, 0},
               {"{\"max_tokens\":\"1\"}", ERR_BAD_REQUEST, 0},
               {"{\"max_tokens\":true}", ERR_BAD_REQUEST, 0},
               {"{\"max_tokens\":null}", ERR_BAD_REQUEST, 0}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct json doc = {0};
    struct fault f = {0};
    uint64_t n = 0;
    assert_int_equal(json_read(text_of(cases[i].json), NULL, &doc, NULL), ERR_OK);
    if (member_positive(&doc, "max_tokens", false, &n, &f) != cases[i].want)
      fail_msg("%s: %s", cases[i].json, f.text);
    assert_int_equal(n, cases[i].n);
    assert_string_equal(f.field, cases[i].want ? "max_tokens" : "");
    json_done(&doc);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_are_cut_or_ignored_never_trusted),
      cmocka_unit_test(copies_are_cut_at_a_character),
      cmocka_unit_test(bytes_are_summed_over_all_strings_inside),
      cmocka_unit_test(a_hint_needs_a_name_a_colon_and_a_value_that_is_not_null),
      cmocka_unit_test(an_error_message_is_found_in_every_common_shape),
      cmocka_unit_test(an_answer_that_is_no_object_breaks_the_protocol),
      cmocka_unit_test(whole_numbers_may_be_written_as_decimals_but_must_be_whole),
  };
  return RUN_TESTS(tests);
}
