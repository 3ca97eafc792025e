/* Networks and addresses: what is one, and who is in it. */
#include "base/cidr.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static bool has(const char *network, const char *address) {
  struct cidr n, a;
  if (!cidr_read(text_of(network), &n))
    fail_msg("%s is no network", network);
  if (!cidr_read_address(text_of(address), &a))
    fail_msg("%s is no address", address);
  return cidr_has(&n, &a);
}

static void an_address_is_in_the_networks_it_is_in(void **state) {
  assert_true(has("10.0.0.0/8", "10.255.1.2"));
  assert_false(has("10.0.0.0/8", "11.0.0.1"));
  assert_true(has("192.168.1.128/25", "192.168.1.200"));
  assert_false(has("192.168.1.128/25", "192.168.1.100"));
  assert_true(has("127.0.0.1", "127.0.0.1"));
  assert_false(has("127.0.0.1", "127.0.0.2"));
  assert_true(has("0.0.0.0/0", "8.8.8.8"));
  assert_true(has("2001:db8::/32", "2001:db8:1::5"));
  assert_false(has("2001:db8::/32", "2001:db9::5"));
  assert_true(has("::1", "0:0:0:0:0:0:0:1"));
  assert_true(has("::/0", "fe80::1"));
}

static void ipv4_in_ipv6_is_ipv4(void **state) {
  assert_true(has("10.0.0.0/8", "::ffff:10.1.2.3"));
  assert_true(has("::ffff:10.0.0.0/104", "10.1.2.3"));
  assert_false(has("::/0", "10.1.2.3"));
  assert_false(has("0.0.0.0/0", "2001:db8::1"));
}

static void what_is_none_is_refused(void **state) {
  static const char *const bad[] = {
      "",           "10",          "10.0.0.0/",    "10.0.0.0/33", "10.0.0.0/-1",    "10.0.0.0/a", "/8",
      "10.0.0.1/8", "10.0.0.0/8/", "10.0.0.0/08x", "::/129",      "2001:db8::1/32", "300.1.1.1",  "10.0.0.0 /8",
      "[::1]",      "::1%lo",      "localhost",    "1.2.3.4.5",   "010.0.0.1"};
  struct cidr unused = {.bits = 77};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    if (cidr_read(text_of(bad[i]), &unused))
      fail_msg("\"%s\" was taken", bad[i]);
  }
  assert_false(cidr_read((struct text){"10.0.0.1\0", 9}, &unused));
  assert_false(cidr_read_address(TEXT("10.0.0.0/8"), &unused));
  assert_int_equal(unused.bits, 77);
}

static void lists_are_lines_or_texts(void **state) {
  const struct text list[] = {TEXT("10.0.0.0/8"), TEXT("not one"), TEXT("::1")};
  assert_true(cidr_any_has(list, 3, TEXT("::1")));
  assert_false(cidr_any_has(list, 2, TEXT("::1")));
  assert_false(cidr_any_has(list, 3, TEXT("unix")));
  assert_false(cidr_any_has(NULL, 0, TEXT("::1")));
  assert_true(cidr_lines_have(TEXT("10.0.0.0/8\n::1"), TEXT("::1")));
  assert_true(cidr_lines_have(TEXT("10.0.0.0/8\n::1"), TEXT("10.1.1.1")));
  assert_false(cidr_lines_have(TEXT("10.0.0.0/8\n::1"), TEXT("11.1.1.1")));
  assert_false(cidr_lines_have(TEXT(""), TEXT("11.1.1.1")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_address_is_in_the_networks_it_is_in),
      cmocka_unit_test(ipv4_in_ipv6_is_ipv4),
      cmocka_unit_test(what_is_none_is_refused),
      cmocka_unit_test(lists_are_lines_or_texts),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
