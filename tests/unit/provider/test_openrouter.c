/* The OpenRouter adapter. */
#include "provider/table.h"

#include "classes.h"
#include "provider_test.h"

static void it_speaks_openai_below_its_own_base(void **state) {
  struct arena a;
  arena_init(&a);
  struct provider_call c = {.operation = PROVIDER_CHAT, .base_path = TEXT("/api/v1"), .api_key = TEXT("sk-or")};
  struct provider_target t = address_ok(&provider_openrouter, c, &a);
  EXPECT_TEXT(t.path, TEXT("/api/v1/chat/completions"));
  EXPECT_TEXT(header_of(&t, "authorization"), TEXT("Bearer sk-or"));
  arena_done(&a);
}

static void it_is_told_who_calls_when_that_is_known(void **state) {
  struct arena a;
  arena_init(&a);
  struct provider_call c = {.operation = PROVIDER_MESSAGES,
                            .base_path = TEXT("/api/v1"),
                            .api_key = TEXT("sk-or"),
                            .referer = TEXT("https://weir.example"),
                            .title = TEXT("Weir")};
  struct provider_target t = address_ok(&provider_openrouter, c, &a);
  EXPECT_TEXT(t.path, TEXT("/api/v1/messages"));
  EXPECT_TEXT(header_of(&t, "http-referer"), TEXT("https://weir.example"));
  EXPECT_TEXT(header_of(&t, "x-title"), TEXT("Weir"));
  c.referer = c.title = TEXT_NONE;
  t = address_ok(&provider_openrouter, c, &a);
  assert_int_equal(t.header_count, 1);
  arena_done(&a);
}

#define ERROR(code, message, source)                                                                                   \
  "{\"error\":{\"code\":" code ",\"message\":\"" message "\",\"metadata\":{\"limit_source\":\"" source "\"}}}"

static void its_payment_and_key_limits_are_usage_limits(void **state) {
  static const struct failure_case cases[] = {
      {402, "{\"error\":{\"code\":402,\"message\":\"Insufficient credits\"}}", PROVIDER_USAGE_LIMIT},
      {402, ERROR("402", "m", "openrouter_credits"), PROVIDER_USAGE_LIMIT},
      {402, ERROR("402", "m", "openrouter_in_flight_budget"), PROVIDER_RATE_LIMIT},
      {403, "{\"error\":{\"code\":403,\"message\":\"Key limit exceeded (total limit)\"}}", PROVIDER_USAGE_LIMIT},
      {403, ERROR("403", "Budget limit exceeded", "openrouter_workspace_budget"), PROVIDER_USAGE_LIMIT},
      {403, ERROR("403", "m", "openrouter_guardrail_budget"), PROVIDER_USAGE_LIMIT},
      {403, "{\"error\":{\"code\":403,\"message\":\"m\"}}", PROVIDER_AUTH_ERROR},
      {403,
       "{\"error\":{\"code\":403,\"message\":\"flagged\",\"metadata\":{\"error_type\":\"content_policy_violation\"}}}",
       PROVIDER_CLIENT_ERROR},
      {408, "{\"error\":{\"code\":408,\"message\":\"m\"}}", PROVIDER_TIMEOUT},
      {429, "{\"error\":{\"code\":429,\"message\":\"Rate limit exceeded: free-models-per-min\"}}", PROVIDER_RATE_LIMIT},
      {502, "{\"error\":{\"code\":502,\"message\":\"Provider returned error\"}}", PROVIDER_SERVER_ERROR},
      {502, "", PROVIDER_SERVER_ERROR},
      {503, "", PROVIDER_SERVER_ERROR},
  };
  EXPECT_CLASSES(&provider_openrouter, cases);
}

static void its_error_events_have_the_same_classes(void **state) {
  static const struct event_case cases[] = {
      {502, "", "Provider disconnected", PROVIDER_SERVER_ERROR},
      {402, "payment_required openrouter_credits", "m", PROVIDER_USAGE_LIMIT},
      {429, "", "slow down", PROVIDER_RATE_LIMIT},
      {400, "context_length_exceeded", "m", PROVIDER_CLIENT_ERROR},
  };
  EXPECT_EVENT_CLASSES(&provider_openrouter, cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_speaks_openai_below_its_own_base),
      cmocka_unit_test(it_is_told_who_calls_when_that_is_known),
      cmocka_unit_test(its_payment_and_key_limits_are_usage_limits),
      cmocka_unit_test(its_error_events_have_the_same_classes),
  };
  return RUN_TESTS(tests);
}
