/* External issuers: what is taken, their defaults, and what is refused with its place. */
#include "config/check.h"

#include "expect.h"

#define ISSUER(rest) "jwt_issuers: [{issuer: \"https://idp.example:8443/realm\", audience: weir" rest "}]\n"

static void an_issuer_needs_little(void **state) {
  struct config *c = load("upstream_ca: /etc/ca.pem\n" ISSUER(""));
  const struct config_issuer *i = &c->issuers[0];
  assert_int_equal(c->issuer_count, 1);
  EXPECT_TEXT(i->name, TEXT("idp.example"));
  EXPECT_TEXT(i->issuer, TEXT("https://idp.example:8443/realm"));
  EXPECT_TEXT(i->audiences[0], TEXT("weir"));
  EXPECT_TEXT(i->user_claim, TEXT("email"));
  EXPECT_TEXT(i->role, TEXT(""));
  EXPECT_TEXT(i->ca, TEXT("/etc/ca.pem"));
  assert_int_equal(i->algorithm_count, 0);
  assert_int_equal(i->leeway_ms, 60000);
  assert_int_equal(i->refresh_ms, 900000);
  assert_int_equal(i->pause_ms, 10000);
  assert_false(i->nbf_optional);
  config_unref(c);
}

static void everything_about_an_issuer_is_read(void **state) {
  struct config *c = load("policies: [{name: p}]\n" ISSUER(
      ", name: idp, jwks_uri: \"http://127.0.0.1:9/k\", algorithms: [ES256, EdDSA], scopes: [a, b], user_claim: upn,"
      " role: auditor, nbf_optional: true, leeway: 5s, ca: c.pem, models: [\"m-*\"], rpm: 1, tpm: 2, concurrency: 3,"
      " budget: {usd: 4, period: week}, workspace: w, policy: p"));
  const struct config_issuer *i = &c->issuers[0];
  EXPECT_TEXT(i->name, TEXT("idp"));
  EXPECT_TEXT(i->jwks_uri, TEXT("http://127.0.0.1:9/k"));
  EXPECT_TEXT(i->algorithms[1], TEXT("EdDSA"));
  EXPECT_TEXT(i->scopes[1], TEXT("b"));
  EXPECT_TEXT(i->user_claim, TEXT("upn"));
  EXPECT_TEXT(i->role, TEXT("auditor"));
  EXPECT_TEXT(i->ca, TEXT("c.pem"));
  EXPECT_TEXT(i->limits.models[0], TEXT("m-*"));
  EXPECT_TEXT(i->limits.workspace, TEXT("w"));
  EXPECT_TEXT(i->limits.policy, TEXT("p"));
  assert_true(i->nbf_optional);
  assert_int_equal(i->leeway_ms, 5000);
  assert_int_equal(i->limits.rpm, 1);
  assert_int_equal(i->limits.tpm, 2);
  assert_int_equal(i->limits.concurrency, 3);
  assert_int_equal(i->limits.budget_nano, 4000000000);
  assert_int_equal(i->limits.budget_period, CONFIG_PERIOD_WEEK);
  config_unref(c);
}

static void an_issuer_that_could_not_be_trusted_is_refused(void **state) {
  expect_refused("jwt_issuers: [{audience: weir}]\n", "weir.yaml:1:15: `jwt_issuers[0].issuer` is missing");
  expect_refused("jwt_issuers: [{issuer: \"https://i\"}]\n", "weir.yaml:1:15: `jwt_issuers[0].audience` is missing");
  expect_refused("jwt_issuers: [{issuer: \"https://i\", audience: []}]\n",
                 "weir.yaml:1:47: `jwt_issuers[0].audience` must have 1 to 16 entries");
  expect_refused(ISSUER(", algorithms: [none]"),
                 "weir.yaml:1:87: `jwt_issuers[0].algorithms` must be one of `RS256`, `PS256`, `ES256`, `EdDSA`");
  expect_refused(
      ISSUER(", jwks_uri: \"http://idp.example/keys\""),
      "weir.yaml:1:84: `jwt_issuers[0].jwks_uri` must be https://host with optional port and path, or http:// "
      "on this machine");
  expect_refused("jwt_issuers: [{issuer: accounts, audience: weir}]\n",
                 "weir.yaml:1:24: `jwt_issuers[0].issuer` is no address where its keys could be found: it must be "
                 "https://host with optional port and path, or http:// on this machine; or give `jwks_uri`");
  expect_refused(ISSUER(", policy: nowhere"),
                 "weir.yaml:1:82: `jwt_issuers[0].policy` names the policy `nowhere`, which is not declared");
  expect_refused(ISSUER(", budget: {usd: 4}"),
                 "weir.yaml:1:82: `jwt_issuers[0].budget` needs both `usd` (above 0) and `period`, or neither");
}

static void two_issuers_are_told_apart(void **state) {
  expect_refused("jwt_issuers:\n"
                 "  - {issuer: \"https://i/a\", audience: weir}\n"
                 "  - {issuer: \"https://i/b\", audience: weir}\n",
                 "weir.yaml:3:5: `jwt_issuers[1].name` is that of `jwt_issuers[0]` too");
  expect_refused("jwt_issuers:\n"
                 "  - {issuer: \"https://i/a\", audience: weir}\n"
                 "  - {issuer: \"https://i/a\", audience: other}\n",
                 "weir.yaml:3:14: `jwt_issuers[1].issuer` stands in `jwt_issuers[0]` already");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_issuer_needs_little),
      cmocka_unit_test(everything_about_an_issuer_is_read),
      cmocka_unit_test(an_issuer_that_could_not_be_trusted_is_refused),
      cmocka_unit_test(two_issuers_are_told_apart),
  };
  return RUN_TESTS(tests);
}
