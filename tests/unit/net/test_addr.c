#include "net/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void addresses_read_back_as_written(void **state) {
  static const struct {
    const char *in, *out;
    uint16_t port;
  } cases[] = {
      {"127.0.0.1:8080", "127.0.0.1:8080", 8080},
      {"[::1]:80", "[::1]:80", 80},
      {":8080", "[::]:8080", 8080},
      {"localhost:1", "127.0.0.1:1", 1},
      {"LocalHost:0", "127.0.0.1:0", 0},
      {"0.0.0.0:65535", "0.0.0.0:65535", 65535},
      {"[2001:db8::ff]:443", "[2001:db8::ff]:443", 443},
      {"unix:/run/weir.sock", "unix:/run/weir.sock", 0},
      {"unix:a:1", "unix:a:1", 0},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct addr a;
    struct fault f = {0};
    char text[ADDR_TEXT_MAX];
    enum err e = addr_parse(text_of(cases[i].in), &a, &f);
    assert_string_equal(f.text, "");
    assert_int_equal(e, ERR_OK);
    assert_string_equal(addr_format(&a, text, sizeof(text)), cases[i].out);
    assert_int_equal(addr_port(&a), cases[i].port);
  }
}

static void what_is_not_an_address_is_refused_with_a_reason(void **state) {
  static const char *const cases[][2] = {
      {"", "HOST:PORT"},
      {"8080", "HOST:PORT"},
      {"127.0.0.1", "HOST:PORT"},
      {"127.0.0.1:", "not a port"},
      {"127.0.0.1:65536", "not a port"},
      {"127.0.0.1:+80", "not a port"},
      {"127.0.0.1: 80", "not a port"},
      {"127.0.0.1:000000080", "not a port"},
      {"::1:80", "in brackets"},
      {"[::1]80", "not a port"},
      {"[::1:80", "in brackets"},
      {"example.com:80", "not an IP address"},
      {"127.0.0.256:80", "not an IP address"},
      {"[]:80", "not an IP address"},
      {"unix:", "missing"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct addr a = {.len = 99};
    struct fault f = {0};
    assert_int_equal(addr_parse(text_of(cases[i][0]), &a, &f), ERR_BAD_REQUEST);
    assert_int_equal(a.len, 99);
    if (strstr(f.text, cases[i][1]) == NULL)
      fail_msg("\"%s\" says \"%s\", expected \"%s\"", cases[i][0], f.text, cases[i][1]);
  }
}

static void unix_paths_are_bounded_by_the_kernels_limit(void **state) {
  char path[5 + 109] = "unix:";
  struct addr a;
  struct fault f = {0};
  memset(path + 5, 'p', sizeof(path) - 5);
  assert_int_equal(addr_parse((struct text){path, 5 + 107}, &a, &f), ERR_OK);
  assert_true(addr_is_unix(&a));
  assert_int_equal(addr_parse((struct text){path, 5 + 108}, &a, &f), ERR_BAD_REQUEST);
  assert_non_null(strstr(f.text, "at most 107 bytes"));
  path[20] = '\0';
  assert_int_equal(addr_parse((struct text){path, 5 + 50}, &a, &f), ERR_BAD_REQUEST);
}

static void formatting_is_cut_to_fit(void **state) {
  struct addr a;
  char text[8];
  assert_int_equal(addr_parse(TEXT("127.0.0.1:8080"), &a, NULL), ERR_OK);
  assert_string_equal(addr_format(&a, text, sizeof(text)), "127.0.0");
  struct addr unnamed = {.as.any.sa_family = AF_UNIX, .len = sizeof(sa_family_t)};
  assert_string_equal(addr_format(&unnamed, text, sizeof(text)), "unix");
}

static void mapped_addresses_read_as_ipv4(void **state) {
  struct addr a, v4;
  char text[ADDR_TEXT_MAX];
  assert_int_equal(addr_parse(TEXT("[::ffff:10.1.2.3]:99"), &a, NULL), ERR_OK);
  assert_int_equal(addr_parse(TEXT("10.1.2.3:99"), &v4, NULL), ERR_OK);
  assert_string_equal(addr_format(&a, text, sizeof(text)), "10.1.2.3:99");
  assert_false(addr_equal(&a, &v4));
  addr_unmap(&a);
  assert_true(addr_equal(&a, &v4));
}

static void equality_looks_at_family_address_and_port(void **state) {
  static const char *const all[] = {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.2:1", "[::1]:1",
                                    "[::1]:2",     "[::2]:1",     "unix:/a",     "unix:/ab"};
  enum { COUNT = sizeof(all) / sizeof(all[0]) };
  for (size_t i = 0; i < COUNT; i++) {
    for (size_t j = 0; j < COUNT; j++) {
      struct addr a, b;
      assert_int_equal(addr_parse(text_of(all[i]), &a, NULL), ERR_OK);
      assert_int_equal(addr_parse(text_of(all[j]), &b, NULL), ERR_OK);
      assert_int_equal(addr_equal(&a, &b), i == j);
    }
  }
}

static void literals_are_told_from_names(void **state) {
  assert_true(addr_is_ip(TEXT("1.2.3.4")));
  assert_true(addr_is_ip(TEXT("::1")));
  assert_false(addr_is_ip(TEXT("[::1]")));
  assert_false(addr_is_ip(TEXT("1.2.3")));
  assert_false(addr_is_ip(TEXT("fe80::1%eth0")));
  assert_false(addr_is_ip(TEXT("1.2.3.4\0")));
  assert_false(addr_is_ip(TEXT("host")));
  assert_false(addr_is_ip(TEXT("")));
}

static void the_port_can_be_set_later(void **state) {
  struct addr a;
  assert_true(addr_from_ip(TEXT("::1"), 5, &a));
  addr_set_port(&a, 6);
  assert_int_equal(addr_port(&a), 6);
  assert_true(addr_from_ip(TEXT("1.1.1.1"), 5, &a));
  addr_set_port(&a, 65535);
  assert_int_equal(addr_port(&a), 65535);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(addresses_read_back_as_written),
      cmocka_unit_test(what_is_not_an_address_is_refused_with_a_reason),
      cmocka_unit_test(unix_paths_are_bounded_by_the_kernels_limit),
      cmocka_unit_test(formatting_is_cut_to_fit),
      cmocka_unit_test(mapped_addresses_read_as_ipv4),
      cmocka_unit_test(equality_looks_at_family_address_and_port),
      cmocka_unit_test(literals_are_told_from_names),
      cmocka_unit_test(the_port_can_be_set_later),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
