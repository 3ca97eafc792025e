/* The Anthropic adapter. */
#include "provider/table.h"

#include "classes.h"
#include "provider_test.h"

static void each_operation_has_its_path(void **state) {
  struct arena a;
  arena_init(&a);
  struct provider_call c = {
      .operation = PROVIDER_MESSAGES, .base_path = TEXT("/proxy"), .query = TEXT("beta=true"), .api_key = TEXT("k")};
  EXPECT_TEXT(address_ok(&provider_anthropic, c, &a).path, TEXT("/proxy/v1/messages?beta=true"));
  c.operation = PROVIDER_COUNT_TOKENS;
  c.base_path = TEXT_NONE;
  EXPECT_TEXT(address_ok(&provider_anthropic, c, &a).path, TEXT("/v1/messages/count_tokens?beta=true"));
  c.operation = PROVIDER_RAW;
  c.raw_path = TEXT("/v1/messages/batches");
  c.query = TEXT_NONE;
  EXPECT_TEXT(address_ok(&provider_anthropic, c, &a).path, TEXT("/v1/messages/batches"));
  arena_done(&a);
}

static void weirs_key_goes_out_as_x_api_key_and_hides_the_callers_own(void **state) {
  struct arena a;
  arena_init(&a);
  struct provider_call c = {.operation = PROVIDER_MESSAGES,
                            .api_key = TEXT("sk-weir"),
                            .own_x_api_key = TEXT("sk-own"),
                            .own_authorization = TEXT("Bearer own")};
  struct provider_target t = address_ok(&provider_anthropic, c, &a);
  EXPECT_TEXT(header_of(&t, "x-api-key"), TEXT("sk-weir"));
  EXPECT_TEXT(header_of(&t, "authorization"), TEXT(""));
  arena_done(&a);
}

static void without_weirs_key_the_callers_headers_go_out_as_they_came(void **state) {
  struct arena a;
  arena_init(&a);
  struct provider_call c = {.operation = PROVIDER_MESSAGES, .own_authorization = TEXT("Bearer sk-ant-oat01-own")};
  struct provider_target t = address_ok(&provider_anthropic, c, &a);
  EXPECT_TEXT(header_of(&t, "authorization"), TEXT("Bearer sk-ant-oat01-own"));
  EXPECT_TEXT(header_of(&t, "x-api-key"), TEXT(""));
  c.own_x_api_key = TEXT("sk-own");
  t = address_ok(&provider_anthropic, c, &a);
  EXPECT_TEXT(header_of(&t, "authorization"), TEXT("Bearer sk-ant-oat01-own"));
  EXPECT_TEXT(header_of(&t, "x-api-key"), TEXT("sk-own"));
  arena_done(&a);
}

static void the_version_is_added_only_when_the_client_sent_none(void **state) {
  struct arena a;
  arena_init(&a);
  struct provider_call c = {.operation = PROVIDER_MESSAGES, .api_key = TEXT("k")};
  struct provider_target t = address_ok(&provider_anthropic, c, &a);
  EXPECT_TEXT(header_of(&t, "anthropic-version"), TEXT("2023-06-01"));
  c.has_version = true;
  t = address_ok(&provider_anthropic, c, &a);
  EXPECT_TEXT(header_of(&t, "anthropic-version"), TEXT(""));
  arena_done(&a);
}

static void what_it_does_not_serve_is_refused_and_nothing_is_written(void **state) {
  const enum provider_operation foreign[] = {PROVIDER_CHAT, PROVIDER_EMBEDDINGS};
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < 2; i++) {
    struct provider_call c = {.operation = foreign[i]};
    struct provider_target t = {.header_count = 5};
    struct fault f = {0};
    assert_false(provider_anthropic.serves(foreign[i]));
    assert_int_equal(provider_anthropic.address(&c, &a, &t, &f), ERR_UNSUPPORTED);
    assert_int_equal(t.header_count, 5);
  }
  struct provider_call c = {.operation = PROVIDER_RAW, .raw_path = TEXT("/v1/../x")};
  struct provider_target t = {0};
  assert_int_equal(provider_anthropic.address(&c, &a, &t, NULL), ERR_BAD_REQUEST);
  c = (struct provider_call){.operation = PROVIDER_MESSAGES, .api_key = TEXT("a\nb")};
  assert_int_equal(provider_anthropic.address(&c, &a, &t, NULL), ERR_INTERNAL);
  arena_done(&a);
}

#define ERROR(type, rest) "{\"type\":\"error\",\"error\":{\"type\":\"" type "\"," rest "}}"

static void a_used_up_account_is_a_usage_limit_though_it_comes_as_400(void **state) {
  static const struct failure_case cases[] = {
      {400,
       ERROR("invalid_request_error", "\"message\":\"Your credit balance is too low to access the Anthropic API.\""),
       PROVIDER_USAGE_LIMIT},
      {400,
       ERROR("invalid_request_error", "\"message\":\"You have reached your specified API usage limits. You will regain "
                                      "access on 2026-12-01\""),
       PROVIDER_USAGE_LIMIT},
      {400,
       ERROR("invalid_request_error", "\"message\":\"You have reached your specified workspace API usage limits.\""),
       PROVIDER_USAGE_LIMIT},
      {400, ERROR("invalid_request_error", "\"message\":\"messages: usage limit\""), PROVIDER_CLIENT_ERROR},
      {402, ERROR("billing_error", "\"message\":\"no card\""), PROVIDER_USAGE_LIMIT},
  };
  EXPECT_CLASSES(&provider_anthropic, cases);
}

static void its_error_types_have_their_classes(void **state) {
  static const struct failure_case cases[] = {
      {429, ERROR("rate_limit_error", "\"message\":\"Number of requests has exceeded your per-minute rate limit\""),
       PROVIDER_RATE_LIMIT},
      {429,
       ERROR("rate_limit_error", "\"message\":\"m\",\"details\":{\"error_code\":\"enforced_spend_limit_reached\"}"),
       PROVIDER_USAGE_LIMIT},
      {401, ERROR("authentication_error", "\"message\":\"m\""), PROVIDER_AUTH_ERROR},
      {403, ERROR("permission_error", "\"message\":\"m\""), PROVIDER_AUTH_ERROR},
      {404, ERROR("not_found_error", "\"message\":\"m\""), PROVIDER_CLIENT_ERROR},
      {409, ERROR("conflict_error", "\"message\":\"m\""), PROVIDER_CLIENT_ERROR},
      {413, ERROR("request_too_large", "\"message\":\"m\""), PROVIDER_CLIENT_ERROR},
      {500, ERROR("api_error", "\"message\":\"m\""), PROVIDER_SERVER_ERROR},
      {504, ERROR("timeout_error", "\"message\":\"m\""), PROVIDER_TIMEOUT},
      {529, ERROR("overloaded_error", "\"message\":\"Overloaded\""), PROVIDER_SERVER_ERROR},
      {529, "", PROVIDER_SERVER_ERROR},
  };
  EXPECT_CLASSES(&provider_anthropic, cases);
}

static void its_error_events_have_the_same_classes(void **state) {
  static const struct event_case cases[] = {
      {529, "overloaded_error", "Overloaded", PROVIDER_SERVER_ERROR},
      {429, "rate_limit_error", "too fast", PROVIDER_RATE_LIMIT},
      {429, "rate_limit_error enforced_spend_limit_reached", "m", PROVIDER_USAGE_LIMIT},
      {402, "billing_error", "m", PROVIDER_USAGE_LIMIT},
      {400, "invalid_request_error", "Your credit balance is too low to go on", PROVIDER_USAGE_LIMIT},
      {400, "invalid_request_error", "prompt is too long", PROVIDER_CLIENT_ERROR},
      {504, "timeout_error", "m", PROVIDER_TIMEOUT},
  };
  EXPECT_EVENT_CLASSES(&provider_anthropic, cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_operation_has_its_path),
      cmocka_unit_test(weirs_key_goes_out_as_x_api_key_and_hides_the_callers_own),
      cmocka_unit_test(without_weirs_key_the_callers_headers_go_out_as_they_came),
      cmocka_unit_test(the_version_is_added_only_when_the_client_sent_none),
      cmocka_unit_test(what_it_does_not_serve_is_refused_and_nothing_is_written),
      cmocka_unit_test(a_used_up_account_is_a_usage_limit_though_it_comes_as_400),
      cmocka_unit_test(its_error_types_have_their_classes),
      cmocka_unit_test(its_error_events_have_the_same_classes),
  };
  return RUN_TESTS(tests);
}
