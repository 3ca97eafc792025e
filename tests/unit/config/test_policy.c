/* Policies are found by name, those of the file and those that are always there; and the right one is found for a
 * request. */
#include "config/policy.h"

#include "expect.h"

static void some_policies_are_always_there(void **state) {
  static const char *const only[][2] = {{"anthropic_only", "anthropic"},
                                        {"bedrock_only", "bedrock"},
                                        {"openrouter_only", "openrouter"},
                                        {"openai_only", "openai"}};
  struct config *c = load("");
  for (size_t i = 0; i < sizeof only / sizeof only[0]; i++) {
    const struct config_policy *p = config_find_policy(c, text_of(only[i][0]));
    assert_non_null(p);
    EXPECT_TEXT(p->name, text_of(only[i][0]));
    assert_int_equal(p->only_count, 1);
    EXPECT_TEXT(p->only[0], text_of(only[i][1]));
    assert_int_equal(p->first_count, 0);
    assert_false(p->own_credentials_first);
    assert_false(p->has_strategy);
    assert_ptr_equal(policy_built_in(text_of(only[i][0])), p);
  }
  const struct config_policy *plan = config_find_policy(c, TEXT("plan_first"));
  assert_true(plan->own_credentials_first);
  assert_int_equal(plan->only_count, 0);
  assert_int_equal(plan->first_count, 1);
  EXPECT_TEXT(plan->first[0], TEXT("anthropic"));
  assert_null(config_find_policy(c, TEXT("plan_last")));
  assert_null(config_find_policy(c, TEXT("")));
  config_unref(c);
}

#define POLICIES                                                                                                       \
  "policies: [{name: one}, {name: two}, {name: three}]\n"                                                              \
  "assignments:\n"                                                                                                     \
  "  - {workspace: lab, policy: three}\n"                                                                              \
  "  - {user: ann, policy: two}\n"                                                                                     \
  "  - {key: ci, policy: one}\n"                                                                                       \
  "  - {user: ci, policy: bedrock_only}\n"                                                                             \
  "  - {key: ci2, policy: openai_only}\n"

static void expect_policy(const struct config *c, const char *own, const char *key, const char *user,
                          const char *workspace, const char *want) {
  const struct config_policy *p = config_policy_for(c, text_of(own), text_of(key), text_of(user), text_of(workspace));
  EXPECT_TEXT(p != NULL ? p->name : TEXT("none"), text_of(want));
}

static void a_keys_own_policy_comes_before_its_users_and_its_workspaces(void **state) {
  struct config *c = load(POLICIES);
  expect_policy(c, "openrouter_only", "ci", "ann", "lab", "openrouter_only");
  expect_policy(c, "", "ci", "ann", "lab", "one");
  expect_policy(c, "", "other", "ann", "lab", "two");
  expect_policy(c, "", "other", "bob", "lab", "three");
  expect_policy(c, "", "other", "bob", "shop", "none");
  config_unref(c);
}

static void keys_users_and_workspaces_of_one_name_are_different(void **state) {
  struct config *c = load(POLICIES);
  expect_policy(c, "", "ci", "", "", "one");
  expect_policy(c, "", "", "ci", "", "bedrock_only");
  expect_policy(c, "", "", "", "ci", "none");
  expect_policy(c, "", "ci2", "", "", "openai_only");
  expect_policy(c, "", "c", "", "", "none");
  expect_policy(c, "", "ann", "lab", "", "none");
  config_unref(c);
}

static void nobody_is_under_no_policy(void **state) {
  struct config *c = load(POLICIES);
  expect_policy(c, "", "", "", "", "none");
  config_unref(c);
  c = load("");
  expect_policy(c, "", "ci", "ann", "lab", "none");
  config_unref(c);
}

/* After a reload without it. What the key may not do, it may not do because somebody forgot. */
static void a_keys_policy_that_is_gone_lets_it_go_nowhere(void **state) {
  struct config *c =
      load("providers: [{name: p, kind: openai}, {name: q, kind: anthropic}, {name: r, kind: openrouter},\n"
           "  {name: s, kind: bedrock, region: us-east-1}]\n");
  const struct config_policy *p = config_policy_for(c, TEXT("gone"), TEXT("ci"), TEXT(""), TEXT(""));
  assert_non_null(p);
  assert_int_equal(p->only_count, 1);
  for (size_t i = 0; i < c->provider_count; i++)
    assert_false(config_entry_means(p->only[0], &c->providers[i]));
  config_unref(c);
}

static void many_assignments_are_all_found(void **state) {
  static char yaml[400000];
  size_t used = (size_t)snprintf(yaml, sizeof yaml, "assignments:\n");
  for (int i = 0; i < 5000; i++)
    used += (size_t)snprintf(yaml + used, sizeof yaml - used, "- {user: u%d, policy: %s}\n", i * 7919 % 5000,
                             i * 7919 % 5000 % 2 ? "openai_only" : "bedrock_only");
  struct config *c = load(yaml);
  for (int i = 0; i < 5000; i++) {
    char user[16];
    (void)snprintf(user, sizeof user, "u%d", i);
    expect_policy(c, "", "k", user, "", i % 2 ? "openai_only" : "bedrock_only");
  }
  expect_policy(c, "", "k", "u5000", "", "none");
  config_unref(c);
}

static void an_entry_means_a_provider_by_its_name_or_kind(void **state) {
  struct config *c = load("providers: [{name: mine, kind: openai}, {name: openai, kind: openrouter}]\n");
  assert_true(config_entry_means(TEXT("mine"), &c->providers[0]));
  assert_true(config_entry_means(TEXT("openai"), &c->providers[0]));
  assert_true(config_entry_means(TEXT("openai"), &c->providers[1]));
  assert_true(config_entry_means(TEXT("openrouter"), &c->providers[1]));
  assert_false(config_entry_means(TEXT("openrouter"), &c->providers[0]));
  assert_false(config_entry_means(TEXT("min"), &c->providers[0]));
  assert_true(policy_is_kind(TEXT("bedrock")));
  assert_false(policy_is_kind(TEXT("mine")));
  config_unref(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(some_policies_are_always_there),
      cmocka_unit_test(a_keys_own_policy_comes_before_its_users_and_its_workspaces),
      cmocka_unit_test(keys_users_and_workspaces_of_one_name_are_different),
      cmocka_unit_test(nobody_is_under_no_policy),
      cmocka_unit_test(a_keys_policy_that_is_gone_lets_it_go_nowhere),
      cmocka_unit_test(many_assignments_are_all_found),
      cmocka_unit_test(an_entry_means_a_provider_by_its_name_or_kind),
  };
  return RUN_TESTS(tests);
}
