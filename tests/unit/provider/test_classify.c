/* Status and body to class. */
#include "provider/classify.h"

#include "../base/expect.h"

static void statuses_alone_decide_most_classes(void **state) {
  const struct {
    int status;
    enum provider_class want;
  } cases[] = {{200, PROVIDER_OK},           {204, PROVIDER_OK},           {299, PROVIDER_OK},
               {100, PROVIDER_SERVER_ERROR}, {0, PROVIDER_SERVER_ERROR},   {301, PROVIDER_SERVER_ERROR},
               {307, PROVIDER_SERVER_ERROR}, {400, PROVIDER_CLIENT_ERROR}, {401, PROVIDER_AUTH_ERROR},
               {402, PROVIDER_USAGE_LIMIT},  {403, PROVIDER_AUTH_ERROR},   {404, PROVIDER_CLIENT_ERROR},
               {408, PROVIDER_TIMEOUT},      {413, PROVIDER_CLIENT_ERROR}, {422, PROVIDER_CLIENT_ERROR},
               {429, PROVIDER_RATE_LIMIT},   {499, PROVIDER_CLIENT_ERROR}, {500, PROVIDER_SERVER_ERROR},
               {503, PROVIDER_SERVER_ERROR}, {504, PROVIDER_SERVER_ERROR}, {529, PROVIDER_SERVER_ERROR},
               {600, PROVIDER_SERVER_ERROR}, {-1, PROVIDER_SERVER_ERROR}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    if (classify_common(cases[i].status, TEXT_NONE) != cases[i].want)
      fail_msg("%d is %s, expected %s", cases[i].status,
               provider_class_name(classify_common(cases[i].status, TEXT_NONE)), provider_class_name(cases[i].want));
}

static void a_429_is_a_usage_limit_when_its_words_say_used_up(void **state) {
  static const char *const used_up[] = {
      ("{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"You have reached your Usage "
       "Limit.\"}}"),
      ("{\"error\":{\"message\":\"You exceeded your current quota, please check your plan and billing "
       "details.\",\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}"),
      "{\"error\":{\"message\":\"no\",\"type\":null,\"code\":\"insufficient_quota\"}}",
      "{\"error\":{\"message\":\"no\",\"type\":\"usage_limit_reached\"}}",
      "{\"error\":{\"message\":\"Your credit balance is too low\"}}",
      "{\"error\":\"usage limit exceeded\"}",
      "{\"message\":\"monthly usage reached\"}",
      "usage limit exceeded",
  };
  static const char *const too_fast[] = {
      "",
      "{}",
      "[]",
      "slow down",
      ("{\"error\":{\"message\":\"Rate limit reached for gpt-4.1 on tokens per min (TPM): Limit 30000, Used 29900, "
       "Requested 200. Visit "
       "https://platform.openai.com/account/billing\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}"),
      ("{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"This would exceed the rate limit. "
       "See the response headers for current usage.\"}}"),
      "{\"error\":{\"message\":\"Quota exceeded for requests per minute\"}}",
      "{\"error\":{\"message\":{\"quota\":1},\"type\":7}}",
  };
  for (size_t i = 0; i < sizeof(used_up) / sizeof(used_up[0]); i++)
    if (classify_common(429, text_of(used_up[i])) != PROVIDER_USAGE_LIMIT)
      fail_msg("not a usage limit: %s", used_up[i]);
  for (size_t i = 0; i < sizeof(too_fast) / sizeof(too_fast[0]); i++)
    if (classify_common(429, text_of(too_fast[i])) != PROVIDER_RATE_LIMIT)
      fail_msg("not a rate limit: %s", too_fast[i]);
}

static void a_403_that_speaks_of_credits_is_a_usage_limit(void **state) {
  assert_int_equal(
      classify_common(403, TEXT("{\"error\":{\"message\":\"Key limit exceeded (total limit)\",\"code\":403}}")),
      PROVIDER_USAGE_LIMIT);
  assert_int_equal(classify_common(403, TEXT("{\"error\":{\"message\":\"forbidden\"}}")), PROVIDER_AUTH_ERROR);
}

static void words_of_a_success_or_a_client_error_do_not_matter(void **state) {
  struct text body = TEXT("{\"error\":{\"message\":\"usage limit\",\"type\":\"insufficient_quota\"}}");
  assert_int_equal(classify_common(200, body), PROVIDER_OK);
  assert_int_equal(classify_common(400, body), PROVIDER_CLIENT_ERROR);
  assert_int_equal(classify_common(500, body), PROVIDER_SERVER_ERROR);
}

static void openings_are_looked_for_at_the_start_of_the_message_only(void **state) {
  const struct text openings[] = {TEXT("Your credit"), TEXT("You have")};
  assert_true(classify_message_starts(TEXT("{\"error\":{\"message\":\"You have none\"}}"), openings, 2));
  assert_false(classify_message_starts(TEXT("{\"error\":{\"message\":\"messages: You have none\"}}"), openings, 2));
  assert_false(classify_message_starts(TEXT("You have none"), openings, 2));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statuses_alone_decide_most_classes),
      cmocka_unit_test(a_429_is_a_usage_limit_when_its_words_say_used_up),
      cmocka_unit_test(a_403_that_speaks_of_credits_is_a_usage_limit),
      cmocka_unit_test(words_of_a_success_or_a_client_error_do_not_matter),
      cmocka_unit_test(openings_are_looked_for_at_the_start_of_the_message_only),
  };
  return RUN_TESTS(tests);
}
