/* The Anthropic adapter. */
#include "provider/table.h"

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

static void a_used_up_account_is_a_usage_limit_though_it_comes_as_400(void **state) {
  assert_int_equal(provider_anthropic.classify(
                       400, TEXT("{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your "
                                 "credit balance is too low to access the Anthropic API.\"}}")),
                   PROVIDER_USAGE_LIMIT);
  assert_int_equal(
      provider_anthropic.classify(
          400, TEXT("{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"You have reached "
                    "your specified API usage limits. You will regain access on 2026-12-01\"}}")),
      PROVIDER_USAGE_LIMIT);
  assert_int_equal(provider_anthropic.classify(400, TEXT("{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_"
                                                         "error\",\"message\":\"messages: usage limit\"}}")),
                   PROVIDER_CLIENT_ERROR);
  assert_int_equal(provider_anthropic.classify(529, TEXT_NONE), PROVIDER_SERVER_ERROR);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_operation_has_its_path),
      cmocka_unit_test(weirs_key_goes_out_as_x_api_key_and_hides_the_callers_own),
      cmocka_unit_test(without_weirs_key_the_callers_headers_go_out_as_they_came),
      cmocka_unit_test(the_version_is_added_only_when_the_client_sent_none),
      cmocka_unit_test(what_it_does_not_serve_is_refused_and_nothing_is_written),
      cmocka_unit_test(a_used_up_account_is_a_usage_limit_though_it_comes_as_400),
  };
  return RUN_TESTS(tests);
}
