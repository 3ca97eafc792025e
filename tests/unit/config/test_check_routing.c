/* Policies and assignments that mean something, waits that fit each other, and the defaults of the routing keys. */
#include "config/check.h"

#include "expect.h"

#define PROVIDERS                                                                                                      \
  "providers: [{name: a, kind: anthropic, credentials: [{name: x, api_key: k}, {name: y, api_key: l}]},\n"             \
  "            {name: b, kind: bedrock, region: us-east-1}, {name: o, kind: openai}]\n"

static void the_defaults_are_those_of_the_reference(void **state) {
  struct config *c = load(PROVIDERS "models: [{name: m, targets: [{provider: a, model: x}]}]\n");
  assert_int_equal(c->retry.attempts, 1);
  assert_int_equal(c->retry.base_ms, 250);
  assert_int_equal(c->retry.max_ms, 5000);
  assert_int_equal(c->retry.budget_percent, 20);
  assert_int_equal(c->retry.budget_floor, 10);
  assert_true(c->affinity.enabled);
  assert_int_equal(c->affinity.ttl_ms, 300000);
  assert_int_equal(c->affinity.entries, 65536);
  assert_int_equal(c->queue.size, 64);
  assert_int_equal(c->queue.wait_ms, 10000);
  assert_int_equal(c->breaker.probe_ms, 60000);
  assert_int_equal(c->timeouts.abandoned_ms, 60000);
  assert_int_equal(c->limits.requests, 20000);
  assert_int_equal(c->limits.streams, 20000);
  assert_true(c->limits.fibers >= c->limits.requests);
  assert_int_equal(c->limits.memory_bytes, 1073741824);
  assert_int_equal(c->limits.http2_streams, 128);
  assert_int_equal(c->models[0].strategy, CONFIG_STRATEGY_ORDERED);
  assert_false(c->models[0].hedge.enabled);
  assert_int_equal(c->models[0].hedge.delay_ms, 0);
  assert_int_equal(c->models[0].hedge.min_ms, 50);
  assert_int_equal(c->models[0].hedge.max_ms, 30000);
  assert_int_equal(c->models[0].targets[0].concurrency, 0);
  assert_false(c->models[0].targets[0].every_credential);
  config_unref(c);
}

static void every_strategy_has_its_place(void **state) {
  static const char *const names[] = {"ordered", "weighted", "latency", "cost", "least_busy"};
  for (int i = 0; i < 5; i++) {
    char yaml[300];
    (void)snprintf(
        yaml, sizeof yaml,
        "providers: [{name: a, kind: openai}]\npolicies: [{name: p, strategy: %s}, {name: q, strategy: \"\"}, "
        "{name: r}]\nmodels: [{name: m, strategy: %s, targets: [{provider: a, model: x}]}]\n",
        names[i], names[i]);
    struct config *c = load(yaml);
    assert_int_equal(c->models[0].strategy, i);
    assert_true(c->policies[0].has_strategy);
    assert_int_equal(c->policies[0].strategy, i);
    assert_false(c->policies[1].has_strategy);
    assert_false(c->policies[2].has_strategy);
    config_unref(c);
  }
  expect_refused("policies: [{name: p, strategy: random}]\n",
                 "weir.yaml:1:32: `policies[0].strategy` must be one of `ordered`, `weighted`, `latency`, `cost`, "
                 "`least_busy`");
}

static void a_policy_has_a_name_of_its_own(void **state) {
  expect_refused("policies: [{name: p}, {name: q}, {name: p}]\n",
                 "weir.yaml:1:41: `policies[2].name` is taken by another policy");
  expect_refused("policies: [{name: plan_first}]\n",
                 "weir.yaml:1:19: `policies[0].name` is the name of a policy that is always there");
  expect_refused("policies: [{name: openai_only}]\n",
                 "weir.yaml:1:19: `policies[0].name` is the name of a policy that is always there");
  expect_refused("policies: [{only: [anthropic]}]\n", "weir.yaml:1:12: `policies[0].name` is missing");
}

static void a_policy_names_providers_or_kinds(void **state) {
  struct config *c = load(PROVIDERS "policies: [{name: p, only: [b, anthropic], first: openrouter}]\n");
  assert_int_equal(c->policies[0].only_count, 2);
  EXPECT_TEXT(c->policies[0].only[1], TEXT("anthropic"));
  EXPECT_TEXT(c->policies[0].first[0], TEXT("openrouter"));
  assert_false(c->policies[0].own_credentials_first);
  config_unref(c);
  expect_refused(PROVIDERS "policies:\n- {name: p, only: [b, antropic, o, q]}\n",
                 "weir.yaml:4:23: `policies[0].only` names `antropic`, which is neither a provider nor a kind of "
                 "providers\n"
                 "weir.yaml:4:36: `policies[0].only` names `q`, which is neither a provider nor a kind of providers");
  expect_refused("policies:\n- {name: p, first: nobody}\n",
                 "weir.yaml:2:20: `policies[0].first` names `nobody`, which is neither a provider nor a kind of "
                 "providers");
  expect_refused("policies:\n- {name: p, first: \"${SECRET}\"}\n",
                 "weir.yaml:2:20: `policies[0].first` names what is neither a provider nor a kind of providers");
}

#define FOUR       "openai, bedrock, anthropic, openrouter, "
#define THIRTY_TWO FOUR FOUR FOUR FOUR FOUR FOUR FOUR "openai, openai, openai, openai"

static void a_policy_names_thirty_two_providers_at_most(void **state) {
  struct config *c = load("policies: [{name: p, only: [" THIRTY_TWO "]}]\n");
  assert_int_equal(c->policies[0].only_count, 32);
  config_unref(c);
  expect_refused("policies: [{name: p, only: [" THIRTY_TWO ", openai]}]\n",
                 "weir.yaml:1:28: `policies[0].only` must have 0 to 32 entries");
}

static void an_assignment_is_to_one_and_names_a_policy(void **state) {
  struct config *c =
      load("policies: [{name: p}]\nassignments: [{key: k, policy: p}, {workspace: w, policy: plan_first}]\n");
  assert_ptr_equal(c->assignments[0].policy, &c->policies[0]);
  EXPECT_TEXT(c->assignments[1].policy->name, TEXT("plan_first"));
  config_unref(c);
  expect_refused("assignments: [{policy: plan_first}]\n",
                 "weir.yaml:1:15: `assignments[0]` must give exactly one of `key`, `user` and `workspace`");
  expect_refused("assignments: [{user: u, key: k, policy: plan_first}]\n",
                 "weir.yaml:1:15: `assignments[0]` must give exactly one of `key`, `user` and `workspace`");
  expect_refused("assignments: [{user: u, policy: q}]\n",
                 "weir.yaml:1:33: `assignments[0].policy` names the policy `q`, which is not declared");
  expect_refused("assignments: [{user: u}]\n", "weir.yaml:1:15: `assignments[0].policy` is missing");
}

static void nobody_is_assigned_twice(void **state) {
  expect_refused("assignments:\n- {user: u, policy: plan_first}\n- {key: u, policy: plan_first}\n"
                 "- {user: u, policy: bedrock_only}\n",
                 "weir.yaml:2:1: `assignments[2]` is for the same as `assignments[0]`");
}

static void a_declared_key_names_a_policy_that_exists(void **state) {
  struct config *c = load("keys: [{name: k, value: 12345678, workspace: lab, policy: p}]\npolicies: [{name: p}]\n");
  EXPECT_TEXT(c->keys[0].workspace, TEXT("lab"));
  EXPECT_TEXT(c->keys[0].policy, TEXT("p"));
  config_unref(c);
  expect_refused("keys: [{name: k, value: 12345678, policy: q}]\n",
                 "weir.yaml:1:43: `keys[0].policy` names the policy `q`, which is not declared");
}

static void waits_fit_each_other(void **state) {
  struct config *c = load("retry: {base: 1s, max: 1s}\n");
  assert_int_equal(c->retry.base_ms, 1000);
  config_unref(c);
  expect_refused("retry: {base: 6s}\n", "weir.yaml:1:15: `retry.base` must not be longer than `max`");
  expect_refused("retry: {max: 100ms}\n", "weir.yaml:1:8: `retry.base` must not be longer than `max`");
  expect_refused("retry: {attempts: 11}\n", "weir.yaml:1:19: `retry.attempts` must be a whole number from 0 to 10");
  expect_refused(PROVIDERS "models: [{name: m, targets: [{provider: a, model: x}], hedge: {min: 2s, max: 1s}}]\n",
                 "weir.yaml:3:69: `models[0].hedge.min` must not be longer than `max`");
}

static void a_star_stands_for_every_credential(void **state) {
  struct config *c = load(PROVIDERS "models: [{name: m, targets: [{provider: a, model: x, credential: \"*\"}]}]\n");
  assert_true(c->models[0].targets[0].every_credential);
  assert_null(c->models[0].targets[0].credential);
  config_unref(c);
  c = load(PROVIDERS "models: [{name: m, targets: [{provider: o, model: x, credential: \"*\"}]}]\n");
  assert_true(c->models[0].targets[0].every_credential); /* there may be some in the store */
  config_unref(c);
}

static void what_a_client_that_leaves_costs_follows_from_the_kind(void **state) {
  struct config *c = load(PROVIDERS);
  assert_int_equal(c->providers[0].on_disconnect, CONFIG_DISCONNECT_CANCEL);
  assert_int_equal(c->providers[1].on_disconnect, CONFIG_DISCONNECT_DRAIN);
  assert_int_equal(c->providers[2].on_disconnect, CONFIG_DISCONNECT_CANCEL);
  assert_false(c->providers[0].charges_cancelled);
  assert_true(c->providers[1].charges_cancelled);
  config_unref(c);
  c = load("providers: [{name: a, kind: anthropic, on_disconnect: drain, charges_cancelled: true},\n"
           "  {name: b, kind: bedrock, region: us-east-1, on_disconnect: cancel, charges_cancelled: false},\n"
           "  {name: c, kind: bedrock, region: us-east-1, on_disconnect: \"\"}]\n");
  assert_int_equal(c->providers[0].on_disconnect, CONFIG_DISCONNECT_DRAIN);
  assert_true(c->providers[0].charges_cancelled);
  assert_int_equal(c->providers[1].on_disconnect, CONFIG_DISCONNECT_CANCEL);
  assert_false(c->providers[1].charges_cancelled);
  assert_int_equal(c->providers[2].on_disconnect, CONFIG_DISCONNECT_DRAIN);
  config_unref(c);
  expect_refused("providers: [{name: a, kind: openai, on_disconnect: stop}]\n",
                 "weir.yaml:1:52: `providers[0].on_disconnect` must be one of `cancel`, `drain`");
}

static void an_abandoned_answer_has_a_time_of_its_own_where_it_is_given(void **state) {
  struct config *c = load("timeouts: {abandoned: 30s}\n"
                          "providers: [{name: a, kind: openai, timeouts: {abandoned: 5s}}, {name: b, kind: openai}]\n"
                          "models: [{name: m, targets: [{provider: a, model: x},\n"
                          "  {provider: b, model: x, timeouts: {abandoned: 1s}}]}]\n");
  assert_int_equal(c->providers[0].timeouts.abandoned_ms, 5000);
  assert_int_equal(c->providers[1].timeouts.abandoned_ms, 30000);
  assert_int_equal(c->models[0].targets[0].timeouts.abandoned_ms, 5000);
  assert_int_equal(c->models[0].targets[1].timeouts.abandoned_ms, 1000);
  config_unref(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_defaults_are_those_of_the_reference),
      cmocka_unit_test(every_strategy_has_its_place),
      cmocka_unit_test(a_policy_has_a_name_of_its_own),
      cmocka_unit_test(a_policy_names_providers_or_kinds),
      cmocka_unit_test(a_policy_names_thirty_two_providers_at_most),
      cmocka_unit_test(an_assignment_is_to_one_and_names_a_policy),
      cmocka_unit_test(nobody_is_assigned_twice),
      cmocka_unit_test(a_declared_key_names_a_policy_that_exists),
      cmocka_unit_test(waits_fit_each_other),
      cmocka_unit_test(a_star_stands_for_every_credential),
      cmocka_unit_test(what_a_client_that_leaves_costs_follows_from_the_kind),
      cmocka_unit_test(an_abandoned_answer_has_a_time_of_its_own_where_it_is_given),
  };
  return RUN_TESTS(tests);
}
