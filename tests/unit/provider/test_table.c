/* The table of provider kinds and the meaning of outcome classes. */
#include "provider/table.h"

#include "../base/expect.h"

static void kinds_are_found_by_their_config_name(void **state) {
  assert_ptr_equal(provider_find(TEXT("anthropic")), &provider_anthropic);
  assert_ptr_equal(provider_find(TEXT("openai")), &provider_openai);
  assert_ptr_equal(provider_find(TEXT("openrouter")), &provider_openrouter);
  assert_ptr_equal(provider_find(TEXT("bedrock")), &provider_bedrock);
  assert_null(provider_find(TEXT("OpenAI")));
  assert_null(provider_find(TEXT("")));
}

static void classes_say_whether_to_fall_over_and_whether_it_is_the_providers_health(void **state) {
  const struct {
    enum provider_class c;
    const char *name;
    bool falls_over, unhealthy;
  } want[] = {
      {PROVIDER_OK, "ok", false, false},
      {PROVIDER_RATE_LIMIT, "rate_limit", true, true},
      {PROVIDER_USAGE_LIMIT, "usage_limit", true, false},
      {PROVIDER_SERVER_ERROR, "server_error", true, true},
      {PROVIDER_TIMEOUT, "timeout", true, true},
      {PROVIDER_NETWORK_ERROR, "network_error", true, true},
      {PROVIDER_AUTH_ERROR, "auth_error", false, false},
      {PROVIDER_CLIENT_ERROR, "client_error", false, false},
  };
  for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
    assert_string_equal(provider_class_name(want[i].c), want[i].name);
    assert_int_equal(provider_class_falls_over(want[i].c), want[i].falls_over);
    assert_int_equal(provider_class_is_unhealthy(want[i].c), want[i].unhealthy);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kinds_are_found_by_their_config_name),
      cmocka_unit_test(classes_say_whether_to_fall_over_and_whether_it_is_the_providers_health),
  };
  return RUN_TESTS(tests);
}
