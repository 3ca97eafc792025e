/* The control API over the network in the configuration: networks and origins that are some, or a place where they are
 * not. */
#include "config/check.h"

#include "expect.h"

static void what_is_given_is_read(void **state) {
  struct config *c = load("control: { rpm: 5, allow_ips: [10.0.0.0/8, \"::1\"], cors_origins: \"https://a.example\" }\n"
                          "trusted_proxies: [unix, 192.168.0.0/16]\n");
  assert_int_equal(c->control.rpm, 5);
  assert_int_equal(c->control.allow_ip_count, 2);
  EXPECT_TEXT(c->control.allow_ips[1], TEXT("::1"));
  assert_int_equal(c->control.cors_origin_count, 1);
  assert_int_equal(c->trusted_proxy_count, 2);
  config_unref(c);
}

static void nothing_given_trusts_no_proxy_and_no_other_site(void **state) {
  struct config *c = load("");
  assert_int_equal(c->control.rpm, 600);
  assert_int_equal(c->control.allow_ip_count, 0);
  assert_int_equal(c->control.cors_origin_count, 0);
  assert_int_equal(c->trusted_proxy_count, 0);
  config_unref(c);
}

static void what_is_no_network_is_refused(void **state) {
  expect_refused(
      "control: { allow_ips: 10.0.0.1/8 }\n",
      "weir.yaml:1:23: `control.allow_ips` must hold networks such as 10.0.0.0/8, with no bit set behind the "
      "prefix, or addresses");
  expect_refused("trusted_proxies: everybody\n",
                 "weir.yaml:1:18: `trusted_proxies` must hold networks such as 10.0.0.0/8, with no bit set behind the "
                 "prefix, or addresses");
}

static void what_is_no_origin_is_refused(void **state) {
  expect_refused("control: { cors_origins: \"*\" }\n",
                 "weir.yaml:1:26: `control.cors_origins` must hold origins such as https://admin.example.org, each "
                 "without a path and in lower case");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_given_is_read),
      cmocka_unit_test(nothing_given_trusts_no_proxy_and_no_other_site),
      cmocka_unit_test(what_is_no_network_is_refused),
      cmocka_unit_test(what_is_no_origin_is_refused),
  };
  return RUN_TESTS(tests);
}
