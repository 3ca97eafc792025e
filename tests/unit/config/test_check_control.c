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

#define KEY "keys: [ { name: a, value: aaaaaaaa, "

static void a_declared_key_may_be_confined(void **state) {
  struct config *c =
      load(KEY "routes: [anthropic, /openai], allow_ips: \"::1\", cors_origins: [\"*\"] }, { name: b, value: "
               "bbbbbbbb } ]\n");
  assert_int_equal(c->keys[0].route_count, 2);
  EXPECT_TEXT(c->keys[0].routes[1], TEXT("/openai"));
  assert_int_equal(c->keys[0].allow_ip_count, 1);
  assert_int_equal(c->keys[0].cors_origin_count, 1);
  assert_int_equal(c->keys[1].route_count + c->keys[1].allow_ip_count + c->keys[1].cors_origin_count, 0);
  config_unref(c);
  expect_refused(
      KEY "allow_ips: [10.0.0.1/8] } ]\n",
      "weir.yaml:1:48: `keys[0].allow_ips` must hold networks such as 10.0.0.0/8, with no bit set behind the "
      "prefix, or addresses");
  expect_refused(KEY "cors_origins: [\"https://a.example/\"] } ]\n",
                 "weir.yaml:1:51: `keys[0].cors_origins` must hold origins such as https://app.example.org, or *");
  expect_refused(KEY "routes: [teleport] } ]\n",
                 "weir.yaml:1:46: `keys[0].routes` must be one of `anthropic`, `openai_chat`, `openai_responses`, "
                 "`openai_embeddings`, `bedrock_invoke`, `bedrock_converse`, `/anthropic`, `/openai`, `/openrouter`, "
                 "`/bedrock`");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_declared_key_may_be_confined),
      cmocka_unit_test(what_is_given_is_read),
      cmocka_unit_test(nothing_given_trusts_no_proxy_and_no_other_site),
      cmocka_unit_test(what_is_no_network_is_refused),
      cmocka_unit_test(what_is_no_origin_is_refused),
  };
  return RUN_TESTS(tests);
}
