/* The OpenAI adapter. */
#include "provider/openai.h"

#include "classes.h"
#include "provider/table.h"
#include "provider_test.h"

static void each_operation_has_its_path_below_the_base(void **state) {
  struct arena a;
  arena_init(&a);
  struct provider_call c = {.operation = PROVIDER_CHAT, .base_path = TEXT("/v1"), .api_key = TEXT("k")};
  EXPECT_TEXT(address_ok(&provider_openai, c, &a).path, TEXT("/v1/chat/completions"));
  c.operation = PROVIDER_EMBEDDINGS;
  EXPECT_TEXT(address_ok(&provider_openai, c, &a).path, TEXT("/v1/embeddings"));
  c.operation = PROVIDER_RESPONSES;
  EXPECT_TEXT(address_ok(&provider_openai, c, &a).path, TEXT("/v1/responses"));
  c.operation = PROVIDER_MESSAGES;
  EXPECT_TEXT(address_ok(&provider_openai, c, &a).path, TEXT("/v1/messages"));
  c.operation = PROVIDER_RAW;
  c.raw_path = TEXT("/v1/files");
  c.query = TEXT("limit=3");
  EXPECT_TEXT(address_ok(&provider_openai, c, &a).path, TEXT("/v1/files?limit=3"));
  c.raw_path = TEXT("/v1beta/files");
  EXPECT_TEXT(address_ok(&provider_openai, c, &a).path, TEXT("/v1/v1beta/files?limit=3"));
  arena_done(&a);
}

static void the_key_goes_out_as_bearer_and_no_key_sends_no_header(void **state) {
  struct arena a;
  arena_init(&a);
  struct provider_call c = {
      .operation = PROVIDER_CHAT, .api_key = TEXT("sk-weir"), .own_authorization = TEXT("Bearer for another vendor")};
  struct provider_target t = address_ok(&provider_openai, c, &a);
  EXPECT_TEXT(header_of(&t, "authorization"), TEXT("Bearer sk-weir"));
  assert_int_equal(t.header_count, 1);
  c.api_key = TEXT_NONE;
  c.own_x_api_key = TEXT("sk-for-another-vendor");
  t = address_ok(&provider_openai, c, &a);
  assert_int_equal(t.header_count, 0);
  arena_done(&a);
}

static void azures_paths_name_deployment_and_version(void **state) {
  struct arena a;
  arena_init(&a);
  struct provider_call c = {.operation = PROVIDER_CHAT,
                            .base_path = TEXT("/openai"),
                            .api_key = TEXT("azure-key"),
                            .model = TEXT("my gpt"),
                            .api_version = TEXT("2024-10-21")};
  struct provider_target t = address_ok(&provider_openai, c, &a);
  EXPECT_TEXT(t.path, TEXT("/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"));
  EXPECT_TEXT(header_of(&t, "api-key"), TEXT("azure-key"));
  EXPECT_TEXT(header_of(&t, "authorization"), TEXT_NONE);
  c.operation = PROVIDER_EMBEDDINGS;
  c.query = TEXT("api-version=2020-01-01&x=1&api-version=");
  EXPECT_TEXT(address_ok(&provider_openai, c, &a).path,
              TEXT("/openai/deployments/my%20gpt/embeddings?api-version=2024-10-21&x=1"));
  c.operation = PROVIDER_RESPONSES;
  c.query = TEXT_NONE;
  EXPECT_TEXT(address_ok(&provider_openai, c, &a).path, TEXT("/openai/responses?api-version=2024-10-21"));
  c.operation = PROVIDER_RAW;
  c.raw_path = TEXT("/v1/files");
  c.model = TEXT_NONE;
  EXPECT_TEXT(address_ok(&provider_openai, c, &a).path, TEXT("/openai/files?api-version=2024-10-21"));
  c.operation = PROVIDER_CHAT;
  c.model = TEXT("..");
  assert_int_equal(openai_address(&c, &a, &t, NULL), ERR_BAD_REQUEST);
  arena_done(&a);
}

static void counts_are_not_served(void **state) {
  struct arena a;
  arena_init(&a);
  struct provider_call c = {.operation = PROVIDER_COUNT_TOKENS};
  struct provider_target t = {0};
  assert_false(openai_serves(PROVIDER_COUNT_TOKENS));
  assert_false(openai_serves(PROVIDER_INVOKE));
  assert_true(openai_serves(PROVIDER_MESSAGES));
  assert_true(openai_serves(PROVIDER_RESPONSES));
  assert_true(openai_serves(PROVIDER_CHAT));
  assert_int_equal(openai_address(&c, &a, &t, NULL), ERR_UNSUPPORTED);
  c = (struct provider_call){.operation = PROVIDER_RAW, .raw_path = TEXT("/v1/../x")};
  assert_int_equal(openai_address(&c, &a, &t, NULL), ERR_BAD_REQUEST);
  arena_done(&a);
}

#define ERROR(type, code, message)                                                                                     \
  "{\"error\":{\"type\":\"" type "\",\"code\":\"" code "\",\"message\":\"" message "\"}}"

static void its_billing_errors_are_usage_limits_and_its_rates_are_rates(void **state) {
  static const struct failure_case cases[] = {
      {429, ERROR("insufficient_quota", "insufficient_quota", "You exceeded your current quota"), PROVIDER_USAGE_LIMIT},
      {429, ERROR("insufficient_quota", "credit_balance_exhausted", "m"), PROVIDER_USAGE_LIMIT},
      {429, ERROR("t", "project_spend_limit_exceeded", "m"), PROVIDER_USAGE_LIMIT},
      {429, ERROR("t", "organization_usage_limit_exceeded", "m"), PROVIDER_USAGE_LIMIT},
      {429, ERROR("billing_not_active", "billing_not_active", "m"), PROVIDER_USAGE_LIMIT},
      {400, ERROR("t", "billing_hard_limit_reached", "m"), PROVIDER_USAGE_LIMIT},
      {429, ERROR("tokens", "rate_limit_exceeded", "Limit 30000 of your quota"), PROVIDER_RATE_LIMIT},
      {429, ERROR("rate_limit_error", "slow_down", "m"), PROVIDER_RATE_LIMIT},
      {503, ERROR("service_unavailable_error", "slow_down", "m"), PROVIDER_SERVER_ERROR},
      {503, ERROR("service_unavailable_error", "server_is_overloaded", "m"), PROVIDER_SERVER_ERROR},
      {500, ERROR("server_error", "", "m"), PROVIDER_SERVER_ERROR},
      {401, ERROR("invalid_request_error", "invalid_api_key", "m"), PROVIDER_AUTH_ERROR},
      {403, ERROR("t", "unsupported_country_region_territory", "m"), PROVIDER_AUTH_ERROR},
      {404, ERROR("invalid_request_error", "model_not_found", "m"), PROVIDER_CLIENT_ERROR},
      {499, "", PROVIDER_CLIENT_ERROR},
  };
  EXPECT_CLASSES(&provider_openai, cases);
}

static void azures_errors_have_their_classes(void **state) {
  static const struct failure_case cases[] = {
      {429,
       "{\"error\":{\"code\":\"429\",\"message\":\"Requests to the ChatCompletions_Create Operation under Azure OpenAI "
       "API version 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry "
       "after "
       "24 seconds. Please go here: https://aka.ms/oai/quotaincrease\"}}",
       PROVIDER_RATE_LIMIT},
      {429, "{\"error\":{\"code\":\"RateLimitReached\",\"message\":\"see https://aka.ms/oai/quotaincrease\"}}",
       PROVIDER_RATE_LIMIT},
      {400,
       "{\"error\":{\"message\":\"The response was filtered\",\"type\":null,\"param\":\"prompt\",\"code\":"
       "\"content_filter\",\"status\":400,\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}",
       PROVIDER_CLIENT_ERROR},
      {404, "{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"m\"}}", PROVIDER_CLIENT_ERROR},
      {408, "", PROVIDER_TIMEOUT},
  };
  EXPECT_CLASSES(&provider_openai, cases);
}

static void its_error_events_have_the_same_classes(void **state) {
  static const struct event_case cases[] = {
      {429, "credit_balance_exhausted insufficient_quota", "m", PROVIDER_USAGE_LIMIT},
      {429, "rate_limit_exceeded tokens", "m", PROVIDER_RATE_LIMIT},
      {500, "server_error", "m", PROVIDER_SERVER_ERROR},
      {500, "billing_hard_limit_reached", "m", PROVIDER_USAGE_LIMIT},
      {400, "invalid_prompt", "m", PROVIDER_CLIENT_ERROR},
      {504, "vector_store_timeout", "m", PROVIDER_TIMEOUT},
  };
  EXPECT_EVENT_CLASSES(&provider_openai, cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_operation_has_its_path_below_the_base),
      cmocka_unit_test(the_key_goes_out_as_bearer_and_no_key_sends_no_header),
      cmocka_unit_test(azures_paths_name_deployment_and_version),
      cmocka_unit_test(counts_are_not_served),
      cmocka_unit_test(its_billing_errors_are_usage_limits_and_its_rates_are_rates),
      cmocka_unit_test(azures_errors_have_their_classes),
      cmocka_unit_test(its_error_events_have_the_same_classes),
  };
  return RUN_TESTS(tests);
}
