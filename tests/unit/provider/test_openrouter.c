/* The OpenRouter adapter. */
#include "provider/table.h"

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

static void its_payment_and_key_limits_are_usage_limits(void **state) {
  assert_int_equal(
      provider_openrouter.classify(402, TEXT("{\"error\":{\"code\":402,\"message\":\"Insufficient credits\"}}")),
      PROVIDER_USAGE_LIMIT);
  assert_int_equal(provider_openrouter.classify(
                       403, TEXT("{\"error\":{\"code\":403,\"message\":\"Key limit exceeded (total limit)\"}}")),
                   PROVIDER_USAGE_LIMIT);
  assert_int_equal(provider_openrouter.classify(502, TEXT_NONE), PROVIDER_SERVER_ERROR);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_speaks_openai_below_its_own_base),
      cmocka_unit_test(it_is_told_who_calls_when_that_is_known),
      cmocka_unit_test(its_payment_and_key_limits_are_usage_limits),
  };
  return RUN_TESTS(tests);
}
