/* Principals from both sources, what they may, and when they are refused. */
#include "identity/principal.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static void assert_text(struct text got, const char *expected) {
  if (!text_equal(got, text_of(expected)))
    fail_msg("got \"%.*s\", expected \"%s\"", TEXT_ARGS(got), expected);
}

static void test_a_declared_key_keeps_its_own_copies(void **state) {
  char name[] = "team", model[] = "claude-*", policy[] = "plan_first", workspace[] = "lab";
  char route[] = "/openai";
  const struct text models[] = {text_of(model), TEXT("gpt")}, routes[] = {TEXT("anthropic"), text_of(route)},
                    networks[] = {TEXT("10.0.0.0/8")};
  struct apikey_declared d = {.value = TEXT("secret-value"),
                              .name = text_of(name),
                              .user = TEXT("ada"),
                              .workspace = text_of(workspace),
                              .policy = text_of(policy),
                              .models = models,
                              .model_count = 2,
                              .rpm = 1,
                              .tpm = 2,
                              .concurrency = 3,
                              .budget_nano = 4,
                              .budget_period = PRINCIPAL_WEEK,
                              .routes = routes,
                              .route_count = 2,
                              .allow_ips = networks,
                              .allow_ip_count = 1};
  const struct principal *p = principal_from_declared(&d);
  memset(name, 'x', 4);
  memset(route, 'x', 7);
  memset(model, 'x', 8);
  memset(policy, 'x', 10);
  memset(workspace, 'x', 3);
  assert_text(p->name, "team");
  assert_text(p->user, "ada");
  assert_text(p->workspace, "lab");
  assert_int_equal(p->org_id, 1); /* unless it says another */
  assert_text(p->policy, "plan_first");
  assert_text(p->models[0], "claude-*");
  assert_int_equal(p->rpm, 1);
  assert_int_equal(p->tpm, 2);
  assert_int_equal(p->concurrency, 3);
  assert_int_equal(p->budget_nano, 4);
  assert_int_equal(p->budget_period, PRINCIPAL_WEEK);
  assert_text(p->routes, "anthropic\n/openai");
  assert_text(p->allow_ips, "10.0.0.0/8");
  assert_text(p->cors_origins, "");
  assert_true(p->id < 0);
  principal_unref(p);
  principal_unref(NULL);
}

static void test_a_declared_keys_id_is_the_same_every_time(void **state) {
  struct apikey_declared d = {.name = TEXT("team")}, other = {.name = TEXT("teams")};
  const struct principal *a = principal_from_declared(&d), *b = principal_from_declared(&d),
                         *c = principal_from_declared(&other);
  assert_int_equal(a->id, b->id);
  assert_true(a->id != c->id);
  principal_unref(a);
  principal_unref(b);
  principal_unref(c);
}

static void test_a_stored_keys_lists_are_read(void **state) {
  static const struct {
    const char *period;
    enum principal_period expected;
  } periods[] = {
      {"day", PRINCIPAL_DAY}, {"week", PRINCIPAL_WEEK}, {"month", PRINCIPAL_MONTH}, {"", PRINCIPAL_NO_BUDGET}};
  for (size_t i = 0; i < 4; i++) {
    struct store_key k = {.id = 5,
                          .org_id = 3,
                          .name = TEXT("n"),
                          .models = TEXT("a*\n\nb\n"),
                          .budget_period = text_of(periods[i].period),
                          .workspace = TEXT("lab"),
                          .policy = TEXT("bedrock_only")};
    const struct principal *p = principal_from_stored(&k);
    assert_int_equal(p->id, 5);
    assert_int_equal(p->org_id, 3);
    assert_int_equal(p->model_count, 2);
    assert_text(p->models[0], "a*");
    assert_text(p->models[1], "b");
    assert_text(p->workspace, "lab");
    assert_text(p->policy, "bedrock_only");
    assert_int_equal(p->budget_period, periods[i].expected);
    principal_unref(p);
  }
}

static void test_a_list_longer_than_most_is_read_to_its_end(void **state) {
  struct buf models;
  buf_init(&models, 65536);
  for (int i = 0; i < 200; i++)
    buf_add_format(&models, "model-%d\n", i);
  struct store_key k = {.id = 5, .models = buf_text(&models)};
  const struct principal *p = principal_from_stored(&k);
  assert_true(principal_allows_model(p, TEXT("model-0")));
  assert_true(principal_allows_model(p, TEXT("model-199")));
  assert_false(principal_allows_model(p, TEXT("model-200")));
  principal_unref(p);
  buf_done(&models);
}

static void test_models_are_allowed_by_glob(void **state) {
  static const struct {
    const char *list, *model;
    bool allowed;
  } cases[] = {{"", "anything", true},      {"*", "anything", true}, {"claude-*", "claude-x", true},
               {"claude-*", "gpt", false},  {"a\nb", "b", true},     {"a\nb", "ab", false},
               {"gpt\n*", "anything", true}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct store_key k = {.models = text_of(cases[i].list)};
    const struct principal *p = principal_from_stored(&k);
    assert_int_equal(principal_allows_model(p, text_of(cases[i].model)), cases[i].allowed);
    principal_unref(p);
  }
}

static void test_expiry_and_blocking(void **state) {
  struct store_key k = {.name = TEXT("n"), .expires_us = INT64_C(1000000) * 86400};
  struct fault f = {0};
  const struct principal *p = principal_from_stored(&k);
  assert_int_equal(principal_check(p, k.expires_us - 1, &f), ERR_OK);
  assert_int_equal(principal_check(p, k.expires_us, &f), ERR_UNAUTHENTICATED);
  assert_non_null(strstr(f.text, "1970-01-02T00:00:00Z"));
  principal_unref(p);
  k.blocked = true;
  p = principal_from_stored(&k);
  assert_int_equal(principal_check(p, 0, &f), ERR_FORBIDDEN);
  assert_non_null(strstr(f.text, "blocked"));
  principal_unref(p);
  k.blocked = false;
  k.is_owner_away = true;
  p = principal_from_stored(&k);
  assert_int_equal(principal_check(p, 0, &f), ERR_FORBIDDEN);
  assert_non_null(strstr(f.text, "disabled"));
  principal_unref(p);
}

static void test_a_reference_keeps_it_alive(void **state) {
  struct store_key k = {.name = TEXT("n")};
  const struct principal *p = principal_from_stored(&k);
  assert_ptr_equal(principal_ref(p), p);
  principal_unref(p);
  assert_text(p->name, "n");
  principal_unref(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_declared_key_keeps_its_own_copies),
      cmocka_unit_test(test_a_declared_keys_id_is_the_same_every_time),
      cmocka_unit_test(test_a_stored_keys_lists_are_read),
      cmocka_unit_test(test_a_list_longer_than_most_is_read_to_its_end),
      cmocka_unit_test(test_models_are_allowed_by_glob),
      cmocka_unit_test(test_expiry_and_blocking),
      cmocka_unit_test(test_a_reference_keeps_it_alive),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("principal", tests, NULL, NULL);
}
