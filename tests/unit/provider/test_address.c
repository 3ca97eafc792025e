/* Paths and headers of calls. */
#include "provider/address.h"

#include "../base/expect.h"

static void the_query_follows_the_path_with_or_without_its_mark(void **state) {
  struct arena a;
  struct provider_call c = {.base_path = TEXT("/base"), .query = TEXT("beta=true")};
  arena_init(&a);
  EXPECT_TEXT(address_path(&c, &a, TEXT("/v1/x")), TEXT("/base/v1/x?beta=true"));
  c.query = TEXT("?beta=true");
  EXPECT_TEXT(address_path(&c, &a, TEXT("/v1/x")), TEXT("/base/v1/x?beta=true"));
  c.query = TEXT_NONE;
  c.base_path = TEXT_NONE;
  EXPECT_TEXT(address_path(&c, &a, TEXT("/v1/x")), TEXT("/v1/x"));
  arena_done(&a);
}

static void a_raw_path_may_not_climb_or_carry_anything_else(void **state) {
  static const char *const good[] = {"/v1/messages/batches",
                                     "/v1/files/file_1/content",
                                     "/v1/.well",
                                     "/v1/a..b",
                                     "/v1/...",
                                     "/",
                                     "/v1/files/",
                                     "/v1/a%20b"};
  static const char *const bad[] = {
      "",        "v1/files", "/v1/../admin", "/..",     "/v1/./x", "/v1/%2e%2E/x", "/v1/.%2e",
      "/v1/%2e", "/v1/a b",  "/v1/a\r\nb",   "/v1/a?b", "/v1/a#b", "/v1/\\..\\x",  "/v1/\xc3\xa9"};
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
    if (address_check_raw(text_of(good[i]), NULL))
      fail_msg("\"%s\" was refused", good[i]);
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct fault f = {0};
    if (address_check_raw(text_of(bad[i]), &f) != ERR_BAD_REQUEST)
      fail_msg("\"%s\" passed", bad[i]);
    assert_string_equal(f.field, "path");
  }
}

static void a_key_that_would_break_the_header_is_refused_without_showing_it(void **state) {
  struct fault f = {0};
  assert_int_equal(address_check_key(TEXT("sk-ant-123"), &f), ERR_OK);
  assert_int_equal(address_check_key(TEXT_NONE, &f), ERR_OK);
  assert_int_equal(address_check_key(TEXT("sk-secret\r\nx: y"), &f), ERR_INTERNAL);
  assert_null(strstr(f.text, "secret"));
}

static void a_segment_holds_no_character_with_a_meaning(void **state) {
  static const struct {
    const char *name, *segment;
  } cases[] = {{"claude-v1:0", "claude-v1%3A0"},
               {"a/b?c#d%e", "a%2Fb%3Fc%23d%25e"},
               {"A.z_0~-", "A.z_0~-"},
               {"caf\xc3\xa9", "caf%C3%A9"},
               {"...", "..."}};
  struct arena a = {0};
  struct text out;
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    assert_int_equal(address_segment(text_of(cases[i].name), &a, &out, NULL), ERR_OK);
    EXPECT_TEXT(out, text_of(cases[i].segment));
  }
  assert_int_equal(address_segment(TEXT_NONE, &a, &out, NULL), ERR_BAD_REQUEST);
  assert_int_equal(address_segment(TEXT("."), &a, &out, NULL), ERR_BAD_REQUEST);
  assert_int_equal(address_segment(TEXT(".."), &a, &out, NULL), ERR_BAD_REQUEST);
  arena_done(&a);
}

static void empty_headers_are_left_out_and_there_is_a_most(void **state) {
  struct provider_target t = {0};
  address_add(&t, TEXT("x"), TEXT_NONE);
  assert_int_equal(t.header_count, 0);
  for (int i = 0; i < PROVIDER_MAX_HEADERS + 3; i++)
    address_add(&t, TEXT("x"), TEXT("y"));
  assert_int_equal(t.header_count, PROVIDER_MAX_HEADERS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_query_follows_the_path_with_or_without_its_mark),
      cmocka_unit_test(a_raw_path_may_not_climb_or_carry_anything_else),
      cmocka_unit_test(a_key_that_would_break_the_header_is_refused_without_showing_it),
      cmocka_unit_test(a_segment_holds_no_character_with_a_meaning),
      cmocka_unit_test(empty_headers_are_left_out_and_there_is_a_most),
  };
  return RUN_TESTS(tests);
}
