/* Settings of the store in the file's tree: which keys may be given, of which types, and that the tree is as it was
 * when they are taken out. */
#include "config/setting_node.h"

#include "config/settings.h"
#include "expect.h"

static void expect_body(const char *body, const char *key, const char *problem) {
  struct arena a;
  struct fault f = {0};
  struct text got = TEXT_NONE;
  struct node *n = NULL;
  arena_init(&a);
  enum err e = setting_read(text_of(body), 3, &a, &got, &n, &f);
  EXPECT_TEXT(text_of(e == ERR_OK ? "" : fault_text(&f)), text_of(problem));
  EXPECT_TEXT(got, text_of(key));
  assert_int_equal(n != NULL, e == ERR_OK);
  if (n != NULL)
    assert_int_equal(n->entry, 3);
  arena_done(&a);
}

static void a_value_is_of_its_rows_type(void **state) {
  expect_body("{\"key\":\"breaker.failures\",\"value\":3}", "breaker.failures", "");
  expect_body("{\"key\":\"breaker.failures\",\"value\":\"3\"}", "breaker.failures", "must be a whole number");
  expect_body("{\"key\":\"breaker.failures\",\"value\":null}", "breaker.failures", "must be a whole number");
  expect_body("{\"key\":\"breaker.failures\",\"value\":[3]}", "breaker.failures", "must be a whole number");
  expect_body("{\"key\":\"breaker.failures\"}", "breaker.failures", "is missing");
  expect_body("{\"key\":\"breaker.open\",\"value\":\"5m\"}", "breaker.open", "");
  expect_body("{\"key\":\"breaker.open\",\"value\":5}", "breaker.open",
              "must be a text such as \"250ms\", \"5s\", \"2m\" or \"1h\"");
  expect_body("{\"key\":\"affinity.enabled\",\"value\":false}", "affinity.enabled", "");
  expect_body("{\"key\":\"affinity.enabled\",\"value\":\"false\"}", "affinity.enabled", "must be true or false");
  expect_body("{\"key\":\"telemetry.log_level\",\"value\":\"warn\"}", "telemetry.log_level", "");
  expect_body("{\"key\":\"telemetry.log_level\",\"value\":1}", "telemetry.log_level", "must be a text");
}

static void what_is_for_the_file_or_is_no_setting_is_refused(void **state) {
  static const char *const files[] = {"control.allow_ips",
                                      "control.cors_origins",
                                      "trusted_proxies",
                                      "backup.dir",
                                      "backup.passphrase_file",
                                      "backup.schedule",
                                      "backup.keep",
                                      "backup.max_age",
                                      "smtp.url",
                                      "smtp.ca",
                                      "signin.password.memory_kib",
                                      "signin.password.passes",
                                      "retention.audit"};
  static const char *const none[] = {
      "",         "breaker",          "breaker.",           ".failures",     "models",
      "models.0", "smtp.password",    "server_key",         "store",         "redis",
      "nothing",  "vault.master_key", "breaker.failures.x", "cache.enabled", "keys.name"};
  static const char *const restart[] = {"data_dir", "listen", "limits.header_bytes", "workers", "vault.aws_kms"};
  char body[128];
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    snprintf(body, sizeof body, "{\"key\":\"%s\",\"value\":\"x\"}", files[i]);
    expect_body(body, files[i], "is given by the configuration file alone");
  }
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    snprintf(body, sizeof body, "{\"key\":\"%s\",\"value\":\"x\"}", none[i]);
    expect_body(body, none[i], "is of a key that this version does not have");
  }
  for (size_t i = 0; i < sizeof restart / sizeof restart[0]; i++) {
    snprintf(body, sizeof body, "{\"key\":\"%s\",\"value\":\"x\"}", restart[i]);
    expect_body(body, restart[i], "takes effect only after a restart, and is given by the configuration file");
  }
}

static const struct key_section *section_of(const char *name) { return keys_find(&keys_root, text_of(name))->section; }

/* A row that tells of paths, networks or addresses is not to come in unseen: who adds one decides, and says so here. */
static void what_names_paths_or_places_is_for_the_file(void **state) {
  static const char *const sections[] = {"backup", "smtp"};
  for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
    const struct key_section *s = section_of(sections[i]);
    for (size_t k = 0; k < s->count; k++)
      assert_false(setting_is_changeable(&s->keys[k]));
  }
  const struct config_setting *all;
  struct config_setting *list = NULL;
  struct arena a;
  struct config *c = load("");
  arena_init(&a);
  size_t count = config_settings(c, &a, &list), texts = 0;
  all = list;
  for (size_t i = 0; i < count; i++)
    texts += !all[i].needs_restart && !all[i].is_file_only &&
             (text_equal(text_of(all[i].type), TEXT("text")) || text_equal(text_of(all[i].type), TEXT("texts")));
  assert_int_equal(texts, 0); /* numbers, durations, choices and switches alone are changed by the API */
  arena_done(&a);
  config_unref(c);
}

static void the_tree_is_as_it_was_when_they_are_out(void **state) {
  static struct config_errors errors;
  struct arena a;
  struct fault f = {0};
  arena_init(&a);
  errors_start(&errors, "x");
  struct node *root = node_read(TEXT("breaker: {open: 1s, failures: }\nretry:\n"), test_lookup, &a, &errors);
  static const char *const keys[] = {"breaker.failures", "retry.attempts", "signin.access", "retry.budget_floor"};
  assert_non_null(root);
  assert_true(setting_is_given(root, TEXT("breaker.open")));
  assert_false(setting_is_given(root, TEXT("breaker.failures"))); /* without a value */
  assert_false(setting_is_given(root, TEXT("retry.attempts")));
  assert_false(setting_is_given(root, TEXT("signin.password.passes")));
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < 4; i++) {
      char body[96];
      struct text key;
      struct node *n = NULL;
      snprintf(body, sizeof body, "{\"key\":\"%s\",\"value\":%s}", keys[i], i == 2 ? "\"5m\"" : "7");
      assert_int_equal(setting_read(text_of(body), 1, &a, &key, &n, &f), ERR_OK);
      setting_add(root, key, n, &a);
      assert_false(setting_is_given(root, key));
    }
    const struct node *breaker = node_child(root, "breaker"), *retry = node_child(root, "retry");
    EXPECT_TEXT(node_child(breaker, "failures")->text, TEXT("7"));
    EXPECT_TEXT(node_child(breaker, "open")->text, TEXT("1s"));
    EXPECT_TEXT(node_child(retry, "budget_floor")->text, TEXT("7"));
    EXPECT_TEXT(node_child(node_child(root, "signin"), "access")->text, TEXT("5m"));
    setting_take_away(root);
    assert_null(node_child(breaker, "failures"));
    assert_non_null(node_child(breaker, "open"));
    assert_null(retry->first);
    assert_null(node_child(root, "signin")->first);
  }
  size_t count = 0;
  struct text *given = setting_all_given(root, &a, &count);
  assert_int_equal(count, 1);
  EXPECT_TEXT(given[0], TEXT("breaker.open"));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_value_is_of_its_rows_type),
      cmocka_unit_test(what_is_for_the_file_or_is_no_setting_is_refused),
      cmocka_unit_test(what_names_paths_or_places_is_for_the_file),
      cmocka_unit_test(the_tree_is_as_it_was_when_they_are_out),
  };
  return RUN_TESTS(tests);
}
