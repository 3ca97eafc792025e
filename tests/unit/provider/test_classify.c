/* The engine: statuses, names, openings and words; what all vendors share; events. */
#include "provider/classify.h"

#include "classes.h"

/* A vendor without rows of its own. */
static const struct provider plain = {.kind = "plain"};

static void statuses_alone_decide_most_classes(void **state) {
  static const struct failure_case cases[] = {
      {200, "", PROVIDER_OK},           {204, "", PROVIDER_OK},           {299, "", PROVIDER_OK},
      {100, "", PROVIDER_SERVER_ERROR}, {0, "", PROVIDER_SERVER_ERROR},   {301, "", PROVIDER_SERVER_ERROR},
      {307, "", PROVIDER_SERVER_ERROR}, {400, "", PROVIDER_CLIENT_ERROR}, {401, "", PROVIDER_AUTH_ERROR},
      {402, "", PROVIDER_USAGE_LIMIT},  {403, "", PROVIDER_AUTH_ERROR},   {404, "", PROVIDER_CLIENT_ERROR},
      {408, "", PROVIDER_TIMEOUT},      {413, "", PROVIDER_CLIENT_ERROR}, {422, "", PROVIDER_CLIENT_ERROR},
      {429, "", PROVIDER_RATE_LIMIT},   {499, "", PROVIDER_CLIENT_ERROR}, {500, "", PROVIDER_SERVER_ERROR},
      {503, "", PROVIDER_SERVER_ERROR}, {504, "", PROVIDER_TIMEOUT},      {529, "", PROVIDER_SERVER_ERROR},
      {600, "", PROVIDER_SERVER_ERROR}, {-1, "", PROVIDER_SERVER_ERROR}};
  EXPECT_CLASSES(&plain, cases);
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
      ("{\"error\":{\"code\":\"429\",\"message\":\"Requests to the ChatCompletions_Create Operation have exceeded call "
       "rate limit of your current OpenAI S0 pricing tier. Please retry after 24 seconds. Please go here: "
       "https://aka.ms/oai/quotaincrease\"}}"),
  };
  for (size_t i = 0; i < sizeof(used_up) / sizeof(used_up[0]); i++)
    if (provider_classify(&plain, 429, text_of(used_up[i]), TEXT_NONE) != PROVIDER_USAGE_LIMIT)
      fail_msg("not a usage limit: %s", used_up[i]);
  for (size_t i = 0; i < sizeof(too_fast) / sizeof(too_fast[0]); i++)
    if (provider_classify(&plain, 429, text_of(too_fast[i]), TEXT_NONE) != PROVIDER_RATE_LIMIT)
      fail_msg("not a rate limit: %s", too_fast[i]);
}

static void a_403_that_speaks_of_credits_is_a_usage_limit(void **state) {
  static const struct failure_case cases[] = {
      {403, "{\"error\":{\"message\":\"Key limit exceeded (total limit)\",\"code\":403}}", PROVIDER_USAGE_LIMIT},
      {403, "{\"error\":{\"message\":\"forbidden\"}}", PROVIDER_AUTH_ERROR},
  };
  EXPECT_CLASSES(&plain, cases);
}

static void words_of_a_success_or_a_client_error_do_not_matter(void **state) {
  static const char body[] = "{\"error\":{\"message\":\"usage limit\",\"type\":\"insufficient_quota\"}}";
  static const struct failure_case cases[] = {
      {200, body, PROVIDER_OK}, {400, body, PROVIDER_CLIENT_ERROR}, {500, body, PROVIDER_SERVER_ERROR}};
  EXPECT_CLASSES(&plain, cases);
}

static const struct provider_failure rows[] = {
    {400, 402, .opening = "You have", .class = PROVIDER_USAGE_LIMIT},
    {.name = "Busy", .opening = "Wait", .class = PROVIDER_RATE_LIMIT},
    {.name = "Busy", .class = PROVIDER_TIMEOUT},
    {500, 500, .used_up = true, .class = PROVIDER_USAGE_LIMIT},
    {418, 418, .class = PROVIDER_SERVER_ERROR},
};
static const struct provider own = {.kind = "own", FAILURES(rows), .error_type_header = "x-type"};

static void the_first_row_that_fits_decides_and_the_shared_ones_come_last(void **state) {
  static const struct failure_case cases[] = {
      {400, "{\"error\":{\"message\":\"You have none\"}}", PROVIDER_USAGE_LIMIT},
      {402, "{\"message\":\"You have none\"}", PROVIDER_USAGE_LIMIT},
      {403, "{\"message\":\"You have none\"}", PROVIDER_AUTH_ERROR},
      {400, "{\"error\":{\"message\":\"messages: You have none\"}}", PROVIDER_CLIENT_ERROR},
      {400, "{\"error\":{\"message\":\"you have none\"}}", PROVIDER_CLIENT_ERROR},
      {400, "You have none", PROVIDER_CLIENT_ERROR},
      {400, "{\"error\":{\"code\":\"busy\",\"message\":\"Wait a minute\"}}", PROVIDER_RATE_LIMIT},
      {400, "{\"error\":{\"code\":\"busy\",\"message\":\"No\"}}", PROVIDER_TIMEOUT},
      {500, "{\"error\":{\"message\":\"quota\"}}", PROVIDER_USAGE_LIMIT},
      {500, "{\"error\":{\"message\":\"no\"}}", PROVIDER_SERVER_ERROR},
      {418, "", PROVIDER_SERVER_ERROR},
      {200, "{\"error\":{\"code\":\"busy\"}}", PROVIDER_OK},
  };
  EXPECT_CLASSES(&own, cases);
}

static void a_name_stands_in_many_places(void **state) {
  static const struct failure_case cases[] = {
      {400, "{\"error\":{\"type\":\"Busy\"}}", PROVIDER_TIMEOUT},
      {400, "{\"error\":{\"code\":\"BUSY\"}}", PROVIDER_TIMEOUT},
      {400, "{\"error\":{\"details\":{\"error_code\":\"busy\"}}}", PROVIDER_TIMEOUT},
      {400, "{\"error\":{\"metadata\":{\"error_type\":\"busy\"}}}", PROVIDER_TIMEOUT},
      {400, "{\"error\":{\"metadata\":{\"limit_source\":\"busy\"}}}", PROVIDER_TIMEOUT},
      {400, "{\"__type\":\"com.vendor#Busy:http://x/\"}", PROVIDER_TIMEOUT},
      {400, "{}", PROVIDER_TIMEOUT, "Busy"},
      {400, "<html>", PROVIDER_TIMEOUT, "Busy:http://internal/"},
      {400, "", PROVIDER_CLIENT_ERROR, "Busyness"},
      {400, "{\"type\":\"Busy\"}", PROVIDER_CLIENT_ERROR},
      {400, "{\"error\":{\"code\":7,\"type\":null}}", PROVIDER_CLIENT_ERROR},
  };
  EXPECT_CLASSES(&own, cases);
}

static void an_event_is_judged_by_the_same_rows(void **state) {
  static const struct event_case cases[] = {
      {500, "busy", "", PROVIDER_TIMEOUT},
      {500, "other busy", "Wait", PROVIDER_RATE_LIMIT},
      {400, "", "You have none", PROVIDER_USAGE_LIMIT},
      {400, "", "no", PROVIDER_CLIENT_ERROR},
      {429, "rate_limit_error", "slow down", PROVIDER_RATE_LIMIT},
      {429, "rate_limit_error", "usage limit reached", PROVIDER_USAGE_LIMIT},
      {529, "", "", PROVIDER_SERVER_ERROR},
      {200, "", "", PROVIDER_SERVER_ERROR},
      {0, "", "", PROVIDER_SERVER_ERROR}, /* of the error's row: 502 */
  };
  EXPECT_EVENT_CLASSES(&own, cases);
}

static void every_failure_has_a_shared_row(void **state) {
  size_t count = 0;
  const struct provider_failure *shared = classify_shared(&count), *last = &shared[count - 1];
  assert_true(count > 0);
  assert_int_equal(last->high, 0);
  assert_null(last->name);
  assert_null(last->opening);
  assert_false(last->used_up);
  assert_int_equal(last->class, PROVIDER_SERVER_ERROR);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statuses_alone_decide_most_classes),
      cmocka_unit_test(a_429_is_a_usage_limit_when_its_words_say_used_up),
      cmocka_unit_test(a_403_that_speaks_of_credits_is_a_usage_limit),
      cmocka_unit_test(words_of_a_success_or_a_client_error_do_not_matter),
      cmocka_unit_test(the_first_row_that_fits_decides_and_the_shared_ones_come_last),
      cmocka_unit_test(a_name_stands_in_many_places),
      cmocka_unit_test(an_event_is_judged_by_the_same_rows),
      cmocka_unit_test(every_failure_has_a_shared_row),
  };
  return RUN_TESTS(tests);
}
