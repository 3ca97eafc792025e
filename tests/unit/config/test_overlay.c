/* Credentials that are not of the file, laid over a snapshot: a provider has those of the file and then these, targets
 * find them by name, and both snapshots live as long as somebody uses them. */
#include "config/overlay.h"

#include "expect.h"

#define YAML                                                                                                           \
  "providers: [{name: p, kind: openai, credentials: [{name: one, api_key: k1}]}, {name: q, kind: openai}]\n"           \
  "models: [{name: m, targets: [{provider: p, model: x, credential: two}, {provider: q, model: x, credential: "        \
  "\"*\"}, "                                                                                                           \
  "{provider: p, model: x, credential: one}]}]\n"

static void put(struct overlay *s, const char *provider, const char *name, const char *workspace, const char *key) {
  const struct config_credential c = {
      .name = text_of(name), .workspace = text_of(workspace), .weight = 2, .api_key = secret_new(text_of(key))};
  overlay_add(s, text_of(provider), &c);
}

static void those_of_the_store_come_behind_those_of_the_file(void **state) {
  struct config *base = load(YAML);
  struct overlay *s = overlay_new();
  for (int i = 0; i < 20; i++) { /* more than there is room for at first */
    char name[16];
    snprintf(name, sizeof name, "n%d", i);
    put(s, "q", name, "", "kq");
  }
  put(s, "p", "two", "w", "k2");
  put(s, "nobody", "x", "", "k3");
  assert_int_equal(overlay_count(s), 22);
  struct config *c = overlay_join(base, s);
  overlay_unref(s);
  config_unref(base);
  assert_int_equal(c->providers[0].credential_count, 2);
  assert_true(c->providers[0].has_stored);
  EXPECT_TEXT(secret_reveal(c->providers[0].credentials[0].api_key), TEXT("k1"));
  EXPECT_TEXT(secret_reveal(c->providers[0].credentials[1].api_key), TEXT("k2"));
  EXPECT_TEXT(secret_reveal(c->providers[0].credentials[1].bearer), TEXT(""));
  EXPECT_TEXT(c->providers[0].credentials[1].workspace, TEXT("w"));
  assert_int_equal(c->providers[0].credentials[1].weight, 2);
  assert_int_equal(c->providers[1].credential_count, 20);
  EXPECT_TEXT(c->providers[1].credentials[19].name, TEXT("n19"));
  const struct config_target *t = c->models[0].targets;
  assert_ptr_equal(t[0].provider, &c->providers[0]);
  assert_ptr_equal(t[0].credential, &c->providers[0].credentials[1]);
  assert_ptr_equal(t[1].provider, &c->providers[1]);
  assert_null(t[1].credential);
  assert_ptr_equal(t[2].credential, &c->providers[0].credentials[0]);
  config_unref(c);
}

static void one_with_a_name_of_the_file_is_not_used(void **state) {
  struct config *base = load(YAML);
  struct overlay *s = overlay_new();
  put(s, "p", "one", "", "other");
  struct config *c = overlay_join(base, s);
  assert_int_equal(c->providers[0].credential_count, 1);
  EXPECT_TEXT(secret_reveal(c->providers[0].credentials[0].api_key), TEXT("k1"));
  assert_false(base->providers[0].has_stored);
  config_unref(c);
  overlay_unref(s);
  config_unref(base);
}

static void a_provider_whose_credentials_rest_has_some_all_the_same(void **state) {
  struct config *base = load(YAML);
  struct overlay *s = overlay_new();
  overlay_add(s, TEXT("q"), NULL);
  assert_int_equal(overlay_count(s), 0);
  struct config *c = overlay_join(base, s);
  assert_true(c->providers[1].has_stored);
  assert_int_equal(c->providers[1].credential_count, 0);
  assert_false(c->providers[0].has_stored);
  config_unref(c);
  overlay_unref(s);
  c = overlay_join(base, NULL);
  assert_false(c->providers[1].has_stored);
  assert_int_equal(c->generation, base->generation);
  config_unref(c);
  config_unref(base);
}

static void a_workspace_s_own_goes_before_those_for_all(void **state) {
  struct config *base = load(YAML);
  struct overlay *s = overlay_new();
  put(s, "p", "of-w", "w", "k");
  put(s, "p", "also-of-w", "w", "k");
  put(s, "q", "of-v", "v", "k");
  struct config *c = overlay_join(base, s);
  EXPECT_TEXT(overlay_first(&c->providers[0], TEXT("w"))->name, TEXT("of-w"));
  EXPECT_TEXT(overlay_first(&c->providers[0], TEXT("v"))->name, TEXT("one"));
  EXPECT_TEXT(overlay_first(&c->providers[0], TEXT(""))->name, TEXT("one"));
  EXPECT_TEXT(overlay_first(&c->providers[1], TEXT("v"))->name, TEXT("of-v"));
  assert_null(overlay_first(&c->providers[1], TEXT("w")));
  assert_null(overlay_first(&c->providers[1], TEXT("")));
  config_unref(c);
  overlay_unref(s);
  config_unref(base);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(those_of_the_store_come_behind_those_of_the_file),
      cmocka_unit_test(one_with_a_name_of_the_file_is_not_used),
      cmocka_unit_test(a_provider_whose_credentials_rest_has_some_all_the_same),
      cmocka_unit_test(a_workspace_s_own_goes_before_those_for_all),
  };
  secret_start();
  return RUN_TESTS(tests);
}
