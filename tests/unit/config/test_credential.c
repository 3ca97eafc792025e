/* Secrets of credentials as text: each kind comes back as it was written, a provider takes its kinds alone, and little
 * is shown of a secret and nothing of a short one. */
#include "config/credential.h"

#include "expect.h"

static const struct config_provider vendor = {.kind = CONFIG_OPENAI};
static const struct config_provider bedrock = {.kind = CONFIG_BEDROCK, .region = TEXT("eu-west-1")};
static const struct config_provider nowhere = {.kind = CONFIG_BEDROCK};

static void expect_member(const struct config_provider *p, const char *kind, const char *id, const char *secret,
                          const char *want) {
  const char *member = "";
  const char *why = credential_refusal(p, text_of(kind), text_of(id), text_of(secret), &member);
  if (strcmp(member, want) != 0 || (why == NULL) != (*want == '\0'))
    fail_msg("%s %s: got \"%s\" (%s), expected \"%s\"", kind, id, member, why ? why : "fine", want);
}

static void a_provider_takes_its_kinds_alone(void **state) {
  expect_member(&vendor, "api_key", "", "sk-1", "");
  expect_member(&vendor, "bearer", "", "sk-1", "kind");
  expect_member(&vendor, "aws", "AKIA", "s", "kind");
  expect_member(&bedrock, "bearer", "", "t", "");
  expect_member(&bedrock, "aws", "AKIA", "s", "");
  expect_member(&bedrock, "api_key", "", "t", "kind");
  expect_member(&nowhere, "bearer", "", "t", "");
  expect_member(&nowhere, "aws", "AKIA", "s", "kind");
  expect_member(&vendor, "api_key", "AKIA", "s", "access_key_id");
  expect_member(&bedrock, "aws", "", "s", "access_key_id");
  expect_member(&bedrock, "aws", "A\nB", "s", "access_key_id");
  expect_member(&vendor, "api_key", "", "", "secret");
  expect_member(&vendor, "api_key", "", "a b", "secret");
  expect_member(&vendor, "api_key", "", "a\nb", "secret");
  EXPECT_TEXT(credential_default_kind(&vendor), TEXT("api_key"));
  EXPECT_TEXT(credential_default_kind(&bedrock), TEXT("bearer"));
}

static void each_kind_comes_back_as_it_was_written(void **state) {
  struct config_credential c = {0};
  struct buf b;
  buf_init(&b, 1000);
  credential_write(TEXT("AKIAEXAMPLE"), TEXT("secret"), &b);
  assert_true(credential_read(TEXT("aws"), buf_text(&b), &c));
  EXPECT_TEXT(secret_reveal(c.access_key_id), TEXT("AKIAEXAMPLE"));
  EXPECT_TEXT(secret_reveal(c.secret_access_key), TEXT("secret"));
  assert_false(credential_read(TEXT("aws"), TEXT("without a line's end"), &c));
  assert_false(credential_read(TEXT("other"), TEXT("x"), &c));
  b.len = 0;
  credential_write(TEXT(""), TEXT("sk-1"), &b);
  assert_true(credential_read(TEXT("api_key"), buf_text(&b), &c));
  assert_true(credential_read(TEXT("bearer"), buf_text(&b), &c));
  EXPECT_TEXT(secret_reveal(c.api_key), TEXT("sk-1"));
  EXPECT_TEXT(secret_reveal(c.bearer), TEXT("sk-1"));
  secret_free(c.access_key_id);
  secret_free(c.secret_access_key);
  secret_free(c.api_key);
  secret_free(c.bearer);
  buf_done(&b);
}

static void nothing_is_shown_of_a_short_one(void **state) {
  EXPECT_TEXT(credential_last4(TEXT("sk-0123456789abcdef")), TEXT("cdef"));
  EXPECT_TEXT(credential_last4(TEXT("0123456789abcdef")), TEXT(""));
  EXPECT_TEXT(credential_last4(TEXT("")), TEXT(""));
}

static void names_are_of_few_characters(void **state) {
  assert_true(credential_name_is_good(TEXT("Team-a_1.x")));
  assert_false(credential_name_is_good(TEXT("")));
  assert_false(credential_name_is_good(TEXT("*")));
  assert_false(credential_name_is_good(TEXT("a b")));
  assert_false(credential_name_is_good(TEXT("0123456789012345678901234567890123456789012345678901234567890123x")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_provider_takes_its_kinds_alone),
      cmocka_unit_test(each_kind_comes_back_as_it_was_written),
      cmocka_unit_test(nothing_is_shown_of_a_short_one),
      cmocka_unit_test(names_are_of_few_characters),
  };
  secret_start();
  return RUN_TESTS(tests);
}
