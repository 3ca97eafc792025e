/* What belongs to one kind of provider only. */
#include "config/check.h"

#include "expect.h"

#define BEDROCK(rest)   "providers: [{name: b, kind: bedrock, " rest "}]\n"
#define CREDENTIAL(way) BEDROCK("region: us-east-1, credentials: [{name: aws, " way "}]")

static const char *region;

static const char *with_region(const char *name) { return strcmp(name, "AWS_DEFAULT_REGION") == 0 ? region : NULL; }

static struct config *load_in(const char *environment_region, const char *yaml) {
  static struct config_errors errors;
  struct config *c = NULL;
  region = environment_region;
  if (config_load_text(text_of(yaml), "weir.yaml", with_region, &c, &errors) != ERR_OK)
    fail_msg("not loaded: %s", errors.at[0].text);
  return c;
}

static void bedrock_has_the_address_of_its_region(void **state) {
  static const struct {
    const char *environment, *yaml, *region, *url;
  } cases[] = {
      {NULL, BEDROCK("region: eu-west-1, credentials: [{name: c, from: environment}]"), "eu-west-1",
       "https://bedrock-runtime.eu-west-1.amazonaws.com"},
      {"ap-southeast-2", BEDROCK("credentials: [{name: c, bearer: k}]"), "ap-southeast-2",
       "https://bedrock-runtime.ap-southeast-2.amazonaws.com"},
      {"ap-southeast-2",
       BEDROCK(
           "base_url: \"https://bedrock-runtime.us-west-2.amazonaws.com/\", credentials: [{name: c, from: profile}]"),
       "us-west-2", "https://bedrock-runtime.us-west-2.amazonaws.com"},
      {"ap-southeast-2",
       BEDROCK("region: us-east-1, base_url: \"http://127.0.0.1:1/x\", credentials: [{name: c, from: instance}]"),
       "us-east-1", "http://127.0.0.1:1/x"},
      {NULL, BEDROCK("base_url: \"http://127.0.0.1:1\", credentials: [{name: c, bearer: k}]"), "",
       "http://127.0.0.1:1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct config *c = load_in(cases[i].environment, cases[i].yaml);
    EXPECT_TEXT(c->providers[0].region, text_of(cases[i].region));
    EXPECT_TEXT(c->providers[0].base_url, text_of(cases[i].url));
    EXPECT_TEXT(c->providers[0].kind_name, TEXT("bedrock"));
    assert_int_equal(c->providers[0].kind, CONFIG_BEDROCK);
    config_unref(c);
  }
  expect_refused(
      BEDROCK("credentials: [{name: c, bearer: k}]"),
      "weir.yaml:1:13: `providers[0].region` is needed, because AWS_REGION and AWS_DEFAULT_REGION are not set "
      "either");
  expect_refused(
      BEDROCK("base_url: \"http://h\", credentials: [{name: c, from: environment}]"),
      "weir.yaml:1:13: `providers[0].region` is needed, because AWS_REGION and AWS_DEFAULT_REGION are not set "
      "either");
  expect_refused(BEDROCK("region: us.evil, credentials: [{name: c, bearer: k}]"),
                 "weir.yaml:1:46: `providers[0].region` must be a region of AWS, such as `us-east-1`");
}

static void each_way_to_credentials_is_read(void **state) {
  struct config *c = load(CREDENTIAL("access_key_id: AKID, secret_access_key: hush, session_token: s"));
  const struct config_credential *k = &c->providers[0].credentials[0];
  EXPECT_TEXT(secret_reveal(k->access_key_id), TEXT("AKID"));
  EXPECT_TEXT(secret_reveal(k->secret_access_key), TEXT("hush"));
  EXPECT_TEXT(secret_reveal(k->session_token), TEXT("s"));
  assert_int_equal(k->from, CONFIG_FROM_FIXED);
  assert_true(secret_is_empty(k->bearer) && secret_is_empty(k->api_key));
  config_unref(c);
  c = load(CREDENTIAL("bearer: \"${SECRET}\""));
  EXPECT_TEXT(secret_reveal(c->providers[0].credentials[0].bearer), TEXT("sk-hush-hush"));
  config_unref(c);
  c = load(CREDENTIAL("from: profile, profile: work"));
  EXPECT_TEXT(c->providers[0].credentials[0].profile, TEXT("work"));
  assert_int_equal(c->providers[0].credentials[0].from, CONFIG_FROM_PROFILE);
  config_unref(c);
  static const struct {
    const char *yaml;
    enum config_from from;
  } cases[] = {{CREDENTIAL("from: environment"), CONFIG_FROM_ENVIRONMENT},
               {CREDENTIAL("from: web_identity"), CONFIG_FROM_WEB_IDENTITY},
               {CREDENTIAL("from: container"), CONFIG_FROM_CONTAINER},
               {CREDENTIAL("from: instance"), CONFIG_FROM_INSTANCE}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    c = load(cases[i].yaml);
    assert_int_equal(c->providers[0].credentials[0].from, cases[i].from);
    config_unref(c);
  }
}

static void a_credential_is_one_whole_way(void **state) {
  static const char more[] = "weir.yaml:1:71: `providers[0].credentials[0]` gives more than one credential; choose one "
                             "of `api_key`, `bearer`, "
                             "`access_key_id` with `secret_access_key`, and `from`";
  static const char half[] =
      "weir.yaml:1:71: `providers[0].credentials[0]` needs both `access_key_id` and `secret_access_key`";
  expect_refused(CREDENTIAL("bearer: k, from: environment"), more);
  expect_refused(CREDENTIAL("bearer: k, access_key_id: i, secret_access_key: s"), more);
  expect_refused(CREDENTIAL("session_token: k, from: environment"), more);
  expect_refused(CREDENTIAL("access_key_id: i"), half);
  expect_refused(CREDENTIAL("secret_access_key: i"), half);
  expect_refused(CREDENTIAL("session_token: i"), half);
  expect_refused(CREDENTIAL("from: environment, profile: p"),
                 "weir.yaml:1:111: `providers[0].credentials[0].profile` is of no use without `from: profile`");
  expect_refused(CREDENTIAL("from: somewhere"),
                 "weir.yaml:1:89: `providers[0].credentials[0].from` must be one of `environment`, `profile`, "
                 "`web_identity`, `container`, `instance`");
}

static void bedrock_takes_credentials_of_its_own_or_those_of_the_environment(void **state) {
  struct config *c = load(BEDROCK("region: us-east-1"));
  assert_int_equal(c->providers[0].credential_count, 0);
  config_unref(c);
  expect_refused(BEDROCK("base_url: \"http://h\""),
                 "weir.yaml:1:13: `providers[0].region` is needed, because AWS_REGION "
                 "and AWS_DEFAULT_REGION are not set either");
  expect_refused(CREDENTIAL("api_key: k"), "weir.yaml:1:70: `providers[0].credentials` has an `api_key` in entry 0; "
                                           "Bedrock's API keys are `bearer`");
  expect_refused(CREDENTIAL("bearer: \"\""),
                 "weir.yaml:1:70: `providers[0].credentials` has no credential in entry 0; give `bearer`, "
                 "`access_key_id` with `secret_access_key`, or `from`");
  expect_refused("providers: [{name: a, kind: anthropic, credentials: [{name: c, from: environment}]}]\n",
                 "weir.yaml:1:53: `providers[0].credentials` has one of AWS in entry 0, which is for providers of kind "
                 "`bedrock` only");
  expect_refused("providers: [{name: a, kind: openai, credentials: [{name: c, bearer: k}]}]\n",
                 "weir.yaml:1:50: `providers[0].credentials` has one of AWS in entry 0, which is for providers of kind "
                 "`bedrock` only");
}

static void request_metadata_is_what_bedrock_takes(void **state) {
  struct config *c =
      load(BEDROCK("region: us-east-1, credentials: [{name: c, bearer: k}], metadata: {team: a b, cost-center: \"\"}"));
  assert_int_equal(c->providers[0].metadata_count, 2);
  EXPECT_TEXT(c->providers[0].metadata[0].name, TEXT("team"));
  EXPECT_TEXT(c->providers[0].metadata[0].value, TEXT("a b"));
  EXPECT_TEXT(c->providers[0].metadata[1].name, TEXT("cost-center"));
  EXPECT_TEXT(c->providers[0].metadata[1].value, TEXT(""));
  config_unref(c);
  expect_refused(
      BEDROCK("region: us-east-1, credentials: [{name: c, bearer: k}], metadata: {team: \"a;b\"}"),
      "weir.yaml:1:104: `providers[0].metadata` may hold names and texts of at most 256 letters, digits, spaces "
      "and `:_@$#=/+,-.` only");
  expect_refused("providers: [{name: a, kind: openai, metadata: {team: a}}]\n",
                 "weir.yaml:1:47: `providers[0].metadata` is for providers of kind `bedrock` only");
}

static void openrouter_is_told_weir_unless_something_else_is_given(void **state) {
  struct config *c = load("providers: [{name: a, kind: openrouter}, {name: b, kind: openrouter, title: Mine, referer: "
                          "\"https://x\"}, {name: c, kind: openrouter, title: \"\"}, {name: d, kind: openai}]\n");
  EXPECT_TEXT(c->providers[0].title, TEXT("Weir"));
  EXPECT_TEXT(c->providers[0].referer, TEXT(""));
  EXPECT_TEXT(c->providers[1].title, TEXT("Mine"));
  EXPECT_TEXT(c->providers[1].referer, TEXT("https://x"));
  EXPECT_TEXT(c->providers[2].title, TEXT(""));
  EXPECT_TEXT(c->providers[3].title, TEXT(""));
  config_unref(c);
  expect_refused("providers: [{name: a, kind: openai, title: x}]\n",
                 "weir.yaml:1:44: `providers[0].title` is for providers of kind `openrouter` only");
  expect_refused("providers: [{name: a, kind: openrouter, referer: \"caf\xc3\xa9\"}]\n",
                 "weir.yaml:1:13: `providers[0]` must have ASCII characters only in `referer` and `title`");
}

static void azures_version_is_for_openai(void **state) {
  struct config *c = load("providers: [{name: a, kind: openai, api_version: 2024-10-21}]\n");
  EXPECT_TEXT(c->providers[0].api_version, TEXT("2024-10-21"));
  config_unref(c);
  expect_refused("providers: [{name: a, kind: anthropic, api_version: 2024-10-21}]\n",
                 "weir.yaml:1:53: `providers[0].api_version` is for providers of kind `openai` only");
  expect_refused("providers: [{name: a, kind: openai, api_version: \"x&y\"}]\n",
                 "weir.yaml:1:50: `providers[0].api_version` must be a version such as `2024-10-21`");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bedrock_has_the_address_of_its_region),
      cmocka_unit_test(each_way_to_credentials_is_read),
      cmocka_unit_test(a_credential_is_one_whole_way),
      cmocka_unit_test(bedrock_takes_credentials_of_its_own_or_those_of_the_environment),
      cmocka_unit_test(request_metadata_is_what_bedrock_takes),
      cmocka_unit_test(openrouter_is_told_weir_unless_something_else_is_given),
      cmocka_unit_test(azures_version_is_for_openai),
  };
  return RUN_TESTS(tests);
}
