/* Identity providers: what stands without a word, what is read, and what could not work or would not be safe. */
#include "config/check.h"

#include "expect.h"

#define URL "public_url: https://weir.example\n"
#define ONE "name: corp, issuer: \"https://idp.example\", client_id: weir"

static void little_needs_to_be_said(void **state) {
  struct config *c = load(URL "upstream_ca: /ca.pem\noidc: [{" ONE "}]\n");
  const struct config_oidc *o = &c->oidc[0];
  assert_int_equal(c->oidc_count, 1);
  assert_true(secret_is_empty(o->client_secret));
  assert_int_equal(o->scope_count, 0);
  assert_int_equal(o->domain_count, 0);
  assert_int_equal(o->role_count, 0);
  EXPECT_TEXT(o->default_role, TEXT(""));
  EXPECT_TEXT(o->ca, TEXT("/ca.pem"));
  assert_true(o->require_verified_email);
  assert_int_equal(o->leeway_ms, 60000);
  config_unref(c);
}

static void everything_about_it_is_read(void **state) {
  struct config *c =
      load(URL "oidc: [{" ONE ", client_secret: hush, scopes: [openid, email], domains: x.org, "
               "role_claim: groups, roles: {chiefs: admin, devs: member}, default_role: viewer, "
               "ca: /other.pem, leeway: 5s}, {name: other, issuer: \"http://127.0.0.1:1/x\", client_id: w, "
               "require_verified_email: false}]\n");
  const struct config_oidc *o = &c->oidc[0];
  assert_int_equal(c->oidc_count, 2);
  EXPECT_TEXT(o->name, TEXT("corp"));
  EXPECT_TEXT(o->issuer, TEXT("https://idp.example"));
  EXPECT_TEXT(o->client_id, TEXT("weir"));
  EXPECT_TEXT(secret_reveal(o->client_secret), TEXT("hush"));
  assert_int_equal(o->scope_count, 2);
  EXPECT_TEXT(o->domains[0], TEXT("x.org"));
  EXPECT_TEXT(o->role_claim, TEXT("groups"));
  assert_int_equal(o->role_count, 2);
  EXPECT_TEXT(o->roles[0].name, TEXT("chiefs"));
  EXPECT_TEXT(o->roles[0].value, TEXT("admin"));
  EXPECT_TEXT(o->default_role, TEXT("viewer"));
  EXPECT_TEXT(o->ca, TEXT("/other.pem"));
  assert_int_equal(o->leeway_ms, 5000);
  assert_false(c->oidc[1].require_verified_email);
  config_unref(c);
}

static void what_would_not_be_safe_is_refused(void **state) {
  expect_refused("oidc: [{" ONE "}]\n", "weir.yaml:1:7: `oidc` needs `public_url`: the address that identity "
                                        "providers send people back to");
  expect_refused("public_url: http://weir.example\noidc: [{" ONE "}]\n",
                 "weir.yaml:1:13: `public_url` must be https, or http on this machine, because `oidc` brings people "
                 "back to it");
  expect_refused(URL "oidc: [{name: a, issuer: \"http://idp.example\", client_id: w}]\n",
                 "weir.yaml:2:26: `oidc[0].issuer` must be https://host with optional port and path, or http:// on "
                 "this machine");
  expect_refused(URL "oidc: [{" ONE ", after_logout: \"http://weir.example/\"}]\n",
                 "weir.yaml:2:83: `oidc[0].after_logout` must be https://host with optional port and path, or http:// "
                 "on this machine");
  expect_refused(URL "oidc: [{" ONE "}, {" ONE "}]\n", "weir.yaml:2:77: `oidc[1].name` is that of `oidc[0]` too");
  expect_refused(URL "oidc: [{" ONE ", scopes: email}]\n", "weir.yaml:2:77: `oidc[0].scopes` must hold `openid`");
  expect_refused(URL "oidc: [{" ONE ", domains: \"@x.org\"}]\n",
                 "weir.yaml:2:78: `oidc[0].domains` must be domains such as `example.org`");
  expect_refused(URL "oidc: [{" ONE ", domains: x.org, require_verified_email: false}]\n",
                 "weir.yaml:2:78: `oidc[0].domains` says nothing of an email that nobody has verified: leave "
                 "`require_verified_email` true");
  expect_refused(URL "oidc: [{" ONE ", role_claim: groups, roles: {a: king}}]\n",
                 "weir.yaml:2:96: `oidc[0].roles` must name roles: `owner`, `admin`, `auditor`, `member` or `viewer`");
  expect_refused(URL "oidc: [{" ONE ", roles: {a: admin}}]\n",
                 "weir.yaml:2:76: `oidc[0].roles` needs `role_claim`, whose values these are");
  expect_refused(URL "oidc: [{" ONE ", role_claim: groups}]\n",
                 "weir.yaml:2:81: `oidc[0].role_claim` needs `roles`, which say what its values mean");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(little_needs_to_be_said),
      cmocka_unit_test(everything_about_it_is_read),
      cmocka_unit_test(what_would_not_be_safe_is_refused),
  };
  return RUN_TESTS(tests);
}
