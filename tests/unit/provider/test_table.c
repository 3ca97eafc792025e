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
    bool falls_over, retried, unhealthy;
  } want[] = {
      {PROVIDER_OK, "ok", false, false, false},
      {PROVIDER_RATE_LIMIT, "rate_limit", true, true, true},
      {PROVIDER_USAGE_LIMIT, "usage_limit", true, false, false},
      {PROVIDER_SERVER_ERROR, "server_error", true, true, true},
      {PROVIDER_TIMEOUT, "timeout", true, true, true},
      {PROVIDER_NETWORK_ERROR, "network_error", true, true, true},
      {PROVIDER_AUTH_ERROR, "auth_error", false, false, false},
      {PROVIDER_CLIENT_ERROR, "client_error", false, false, false},
  };
  for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
    assert_string_equal(provider_class_name(want[i].c), want[i].name);
    assert_int_equal(provider_class_falls_over(want[i].c), want[i].falls_over);
    assert_int_equal(provider_class_is_retried(want[i].c), want[i].retried);
    assert_int_equal(provider_class_is_unhealthy(want[i].c), want[i].unhealthy);
  }
}

static void errors_of_ours_have_a_class_and_classes_an_error(void **state) {
  static const struct {
    enum err err;
    enum provider_class want;
  } cases[] = {
      {ERR_OK, PROVIDER_OK},
      {ERR_UPSTREAM_RATE, PROVIDER_RATE_LIMIT},
      {ERR_UPSTREAM_USAGE, PROVIDER_USAGE_LIMIT},
      {ERR_UPSTREAM_SERVER, PROVIDER_SERVER_ERROR},
      {ERR_UPSTREAM_PROTOCOL, PROVIDER_SERVER_ERROR},
      {ERR_UPSTREAM_TIMEOUT, PROVIDER_TIMEOUT},
      {ERR_UPSTREAM_NETWORK, PROVIDER_NETWORK_ERROR},
      {ERR_UPSTREAM_STALE, PROVIDER_NETWORK_ERROR},
      {ERR_UPSTREAM_CUT, PROVIDER_NETWORK_ERROR},
      {ERR_UPSTREAM_STATUS, PROVIDER_CLIENT_ERROR},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    assert_int_equal(provider_class_of_err(cases[i].err), cases[i].want);
  for (int c = PROVIDER_OK; c <= PROVIDER_NETWORK_ERROR; c++)
    assert_int_equal(provider_class_of_err(provider_err_of_class((enum provider_class)c)), c);
  assert_int_equal(provider_err_of_class(PROVIDER_AUTH_ERROR), ERR_UPSTREAM_STATUS);
  assert_int_equal(provider_err_of_class((enum provider_class)99), ERR_UPSTREAM_SERVER);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kinds_are_found_by_their_config_name),
      cmocka_unit_test(classes_say_whether_to_fall_over_and_whether_it_is_the_providers_health),
      cmocka_unit_test(errors_of_ours_have_a_class_and_classes_an_error),
  };
  return RUN_TESTS(tests);
}
