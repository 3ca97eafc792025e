/* The answers that hold credentials: every form AWS writes them in, and those that are no credentials. */
#include "aws/credentials.h"

#include "sigv4_example.h"

static void expect(enum err e, const struct fault *f, const struct aws_credentials *c, const char *id,
                   const char *secret, const char *token, int64_t expires_s) {
  if (e != ERR_OK)
    fail_msg("%s: %s", err_name(e), f->text);
  assert_text(c->access_key_id, text_of(id));
  assert_text(c->secret_access_key, text_of(secret));
  assert_text(c->session_token, text_of(token));
  assert_int_equal(c->expires_s, expires_s);
}

static void test_an_instances_answer(void **state) {
  struct arena a = {0};
  struct fault f = {0};
  struct aws_credentials c = {0};
  enum err e = credentials_read_metadata(
      TEXT(
          "{\"Code\":\"Success\",\"LastUpdated\":\"2012-04-26T16:39:16Z\",\"Type\":\"AWS-HMAC\",\"AccessKeyId\":\"ID\","
          "\"SecretAccessKey\":\"SE/CR+ET\",\"Token\":\"TOKEN==\",\"Expiration\":\"2017-05-17T15:09:54Z\"}"),
      &a, &c, &f);
  expect(e, &f, &c, "ID", "SE/CR+ET", "TOKEN==", 1495033794);
  arena_done(&a);
}

static void test_a_containers_answer(void **state) {
  struct arena a = {0};
  struct fault f = {0};
  struct aws_credentials c = {0};
  enum err e = credentials_read_metadata(TEXT("{\"RoleArn\":\"arn\",\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"S\","
                                              "\"Token\":\"T\",\"Expiration\":\"2017-05-17T15:09:54.123Z\"}"),
                                         &a, &c, &f);
  expect(e, &f, &c, "ID", "S", "T", 1495033794);
  e = credentials_read_metadata(TEXT("{\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"S\",\"Expiration\":null}"), &a, &c,
                                &f);
  expect(e, &f, &c, "ID", "S", "", 0);
  arena_done(&a);
}

static void test_answers_that_are_no_credentials(void **state) {
  static const struct {
    const char *answer, *because;
  } cases[] = {
      {"", "not JSON"},
      {"<html>", "not JSON"},
      {"[]", "lack the access key id"},
      {"{\"Code\":\"AssumeRoleUnauthorizedAccess\"}", "says AssumeRoleUnauthorizedAccess"},
      {"{\"AccessKeyId\":\"ID\"}", "lack the access key id or its secret"},
      {"{\"AccessKeyId\":\"ID\",\"SecretAccessKey\":7}", "lack the access key id or its secret"},
      {"{\"AccessKeyId\":\"I D\",\"SecretAccessKey\":\"S\"}", "a character"},
      {"{\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"S\",\"Token\":\"a\\r\\nb: c\"}", "a character"},
      {"{\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"S\",\"Expiration\":\"tomorrow\"}", "Expiration is not a time"},
      {"{\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"S\",\"Expiration\":\"2017-05-17T15:09:54+09:00\"}",
       "Expiration is not a time"},
      {"{\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"S\",\"Expiration\":true}", "Expiration is not a time"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a = {0};
    struct fault f = {0};
    struct aws_credentials c = {.expires_s = 42};
    enum err e = credentials_read_metadata(text_of(cases[i].answer), &a, &c, &f);
    if (e != ERR_PROTOCOL || !strstr(f.text, cases[i].because) || c.expires_s != 42)
      fail_msg("%s: %s: \"%s\", expected one that says \"%s\"", cases[i].answer, err_name(e), f.text, cases[i].because);
    arena_done(&a);
  }
}

static void test_the_xml_of_sts(void **state) {
  struct arena a = {0};
  struct fault f = {0};
  struct aws_credentials c = {0};
  enum err e = credentials_read_sts(
      TEXT("<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
           "  <AssumeRoleWithWebIdentityResult>\n    <SubjectFromWebIdentityToken>amzn1</SubjectFromWebIdentityToken>\n"
           "    <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/weir</Arn></AssumedRoleUser>\n"
           "    <Credentials>\n      <SessionToken>a&amp;b&lt;c&gt;&quot;&apos;&#x</SessionToken>\n"
           "      <SecretAccessKey>S/+=</SecretAccessKey>\n      <Expiration>2014-10-24T23:00:23Z</Expiration>\n"
           "      <AccessKeyId> ASgeIAIOSFODNN7EXAMPLE </AccessKeyId>\n    </Credentials>\n"
           "  </AssumeRoleWithWebIdentityResult>\n</AssumeRoleWithWebIdentityResponse>"),
      &a, &c, &f);
  expect(e, &f, &c, "ASgeIAIOSFODNN7EXAMPLE", "S/+=", "a&b<c>\"'&#x", 1414191623);
  arena_done(&a);
}

static void test_the_json_of_sts(void **state) {
  struct arena a = {0};
  struct fault f = {0};
  struct aws_credentials c = {0};
  enum err e = credentials_read_sts(
      TEXT("{\"AssumeRoleWithWebIdentityResponse\":{\"AssumeRoleWithWebIdentityResult\":{\"Credentials\":{"
           "\"AccessKeyId\":\"ID\",\"SecretAccessKey\":\"S\",\"SessionToken\":\"T\",\"Expiration\":1.414191623E9}}}}"),
      &a, &c, &f);
  expect(e, &f, &c, "ID", "S", "T", 1414191623);
  arena_done(&a);
}

static void test_answers_of_sts_that_are_no_credentials(void **state) {
  static const char *const answers[] = {
      "",
      "{}",
      "<Credentials>",
      "<Credentials></Credentials>",
      "<Credentials><AccessKeyId>ID</AccessKeyId><Expiration>2014-10-24T23:00:23Z</Expiration></Credentials>",
      "<Credentials><AccessKeyId>ID</AccessKeyId><SecretAccessKey>S</SecretAccessKey></Credentials>",
      "<Credentials><AccessKeyId>I D</AccessKeyId><SecretAccessKey>S</SecretAccessKey></Credentials>",
      "<CredentialsX><AccessKeyId>ID</AccessKeyId></CredentialsX>",
  };
  for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
    struct arena a = {0};
    struct fault f = {0};
    struct aws_credentials c = {0};
    enum err e = credentials_read_sts(text_of(answers[i]), &a, &c, &f);
    if (e != ERR_PROTOCOL || !f.text[0])
      fail_msg("%s: %s \"%s\"", answers[i], err_name(e), f.text);
    arena_done(&a);
  }
}

static void test_the_code_of_an_error_of_sts(void **state) {
  struct arena a = {0};
  assert_text(credentials_sts_error(TEXT("<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredTokenException</Code>"
                                         "<Message>m</Message></Error></ErrorResponse>"),
                                    &a),
              TEXT("ExpiredTokenException"));
  assert_text(credentials_sts_error(TEXT("{\"Error\":{\"Code\":\"AccessDenied\"}}"), &a), TEXT("AccessDenied"));
  assert_text(credentials_sts_error(TEXT("gateway timeout"), &a), TEXT_NONE);
  assert_text(credentials_sts_error(TEXT("{}"), &a), TEXT_NONE);
  arena_done(&a);
}

static void test_what_may_be_used(void **state) {
  static char longest[8193];
  memset(longest, 'k', sizeof(longest));
  const struct {
    struct aws_credentials c;
    enum err expected;
  } cases[] = {
      {{.bearer = TEXT("b")}, ERR_OK},
      {{.access_key_id = TEXT("i"), .secret_access_key = TEXT("s")}, ERR_OK},
      {{.access_key_id = TEXT("i")}, ERR_PROTOCOL},
      {{.secret_access_key = TEXT("s")}, ERR_PROTOCOL},
      {{.bearer = TEXT("b\n")}, ERR_PROTOCOL},
      {{.bearer = {longest, 8192}}, ERR_OK},
      {{.bearer = {longest, 8193}}, ERR_PROTOCOL},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    enum err e = credentials_check(&cases[i].c, NULL);
    if (e != cases[i].expected)
      fail_msg("case %zu: %s", i, err_name(e));
  }
}

static void test_a_copy_stands_alone_and_can_be_wiped(void **state) {
  struct arena a = {0};
  char secret[] = "secret";
  struct aws_credentials c = {.access_key_id = TEXT("i"), .secret_access_key = text_of(secret), .expires_s = 7};
  struct aws_credentials copy = credentials_copy(&c, &a);
  memset(secret, 'x', 6);
  assert_text(copy.secret_access_key, TEXT("secret"));
  assert_int_equal(copy.expires_s, 7);
  const char *at = copy.secret_access_key.at;
  credentials_wipe(&copy);
  assert_memory_equal(at, "\0\0\0\0\0\0", 6);
  assert_true(text_is_empty(copy.secret_access_key));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_an_instances_answer),
      cmocka_unit_test(test_a_containers_answer),
      cmocka_unit_test(test_answers_that_are_no_credentials),
      cmocka_unit_test(test_the_xml_of_sts),
      cmocka_unit_test(test_the_json_of_sts),
      cmocka_unit_test(test_answers_of_sts_that_are_no_credentials),
      cmocka_unit_test(test_the_code_of_an_error_of_sts),
      cmocka_unit_test(test_what_may_be_used),
      cmocka_unit_test(test_a_copy_stands_alone_and_can_be_wiped),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
