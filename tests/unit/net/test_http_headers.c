/* Finding headers and judging what may be sent or passed on. */
#include "net/http_headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct http_header fields[] = {
    {{"Connection", 10}, {"X-Internal , close", 18}},
    {{"X-A", 3}, {"1", 1}},
    {{"x-a", 3}, {"2", 1}},
    {{"connection", 10}, {"upgrade", 7}},
};
static const struct http_headers headers = {fields, 4};

static void test_find_ignores_case_and_takes_the_first(void **state) {
  assert_ptr_equal(http_header_find(&headers, TEXT("x-A")), &fields[1]);
  assert_null(http_header_find(&headers, TEXT("x-b")));
  assert_int_equal(http_header_value(&headers, TEXT("x-b")).len, 0);
}

static void test_lists_look_at_every_line(void **state) {
  assert_true(http_header_lists(&headers, TEXT("connection"), TEXT("Upgrade")));
  assert_true(http_header_lists(&headers, TEXT("connection"), TEXT("close")));
  assert_false(http_header_lists(&headers, TEXT("connection"), TEXT("keep-alive")));
}

static void test_hop_by_hop_by_nature_or_by_name(void **state) {
  static const char *const hop[] = {"Connection", "TE",      "Transfer-Encoding",   "upgrade",
                                    "Keep-Alive", "Trailer", "Proxy-Authorization", "x-internal"};
  for (size_t i = 0; i < sizeof(hop) / sizeof(hop[0]); i++)
    assert_true(http_header_is_hop_by_hop(&headers, text_of(hop[i])));
  assert_false(http_header_is_hop_by_hop(&headers, TEXT("x-a")));
  assert_false(http_header_is_hop_by_hop(&headers, TEXT("content-type")));
}

static void test_sane_headers_cannot_break_out(void **state) {
  assert_true(http_header_is_sane(TEXT("x-a"), TEXT("a\tb \xc3\xa4")));
  assert_true(http_header_is_sane(TEXT("x-a"), TEXT_NONE));
  struct text values[] = {TEXT("a\r\nb: c"), TEXT("a\nb"), TEXT("a\rb"), TEXT("a\0b"), TEXT("\x7f"), TEXT("\x1b")};
  for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
    assert_false(http_header_is_sane(TEXT("x-a"), values[i]));
  struct text names[] = {TEXT_NONE, TEXT("a b"), TEXT("a:"), TEXT("a\r"), TEXT("\xc3\xa4"), TEXT("a\0")};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    assert_false(http_header_is_sane(names[i], TEXT("x")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_find_ignores_case_and_takes_the_first),
      cmocka_unit_test(test_lists_look_at_every_line),
      cmocka_unit_test(test_hop_by_hop_by_nature_or_by_name),
      cmocka_unit_test(test_sane_headers_cannot_break_out),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
