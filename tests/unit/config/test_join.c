/* What the file declares and what the store has, in one configuration: order, names, and entries that are no good,
 * which are left out and keep nothing from loading. */
#include "config/join.h"

#include "expect.h"

static const char file[] =
    "providers: [{name: a, kind: anthropic, credentials: [{name: main, api_key: \"${SECRET}\"}]}]\n"
    "policies: [{name: p, only: [a]}]\n"
    "models: [{name: m, targets: [{provider: a, model: x}]}]\n"
    "prices: [{provider: a, model: \"*\", input: 3, output: 15}]\n"
    "assignments: [{user: ann, policy: p}]\n"
    "timeouts: {total: 7s}\n";

#define ENTRY(of, number, json)                                                                                        \
  { .kind = CONFIG_KIND_##of, .id = (number), .version = 1, .position = 1, .body = TEXT(json) }

static struct config *join(const char *yaml, const struct config_entry *entries, size_t count) {
  static struct config_errors errors;
  struct config *c = NULL;
  if (config_load_joined(text_of(yaml), "weir.yaml", test_lookup, entries, count, &c, &errors) != ERR_OK) {
    char said[512];
    config_error_format(&errors, 0, said, sizeof said);
    fail_msg("not loaded: %s", said);
  }
  return c;
}
#define JOIN(yaml, ...)                                                                                                \
  join(yaml, (const struct config_entry[]){__VA_ARGS__},                                                               \
       sizeof((const struct config_entry[]){__VA_ARGS__}) / sizeof(struct config_entry))

static void expect_problem(const struct config *c, size_t i, const char *want) {
  EXPECT_TEXT(c->joined.entries[i].problem, text_of(want));
}

static void stored_entries_stand_behind_declared_ones_and_have_the_same_defaults(void **state) {
  struct config *c =
      JOIN(file, ENTRY(MODEL, 3, "{\"name\":\"s\",\"targets\":[{\"provider\":\"b\",\"model\":\"y\"}]}"),
           ENTRY(PROVIDER, 1, "{\"name\":\"b\",\"kind\":\"openai\",\"base_url\":\"http://127.0.0.1:9/v1\"}"),
           ENTRY(PRICE, 4, "{\"provider\":\"b\",\"model\":\"y\",\"input\":0.0000001,\"output\":\"2.5\"}"),
           ENTRY(POLICY, 5, "{\"name\":\"q\",\"first\":[\"b\"]}"),
           ENTRY(ASSIGNMENT, 6, "{\"workspace\":\"w\",\"policy\":\"q\"}"));
  for (size_t i = 0; i < 5; i++)
    expect_problem(c, i, "");
  assert_int_equal(c->provider_count, 2);
  EXPECT_TEXT(c->providers[0].name, TEXT("a"));
  EXPECT_TEXT(c->providers[1].name, TEXT("b"));
  assert_int_equal(c->providers[1].timeouts.total_ms, 7000);
  assert_false(c->providers[0].is_confined);
  assert_true(c->providers[1].is_confined);
  assert_int_equal(c->model_count, 2);
  assert_ptr_equal(c->models[1].targets[0].provider, &c->providers[1]);
  assert_int_equal(c->models[1].targets[0].weight, 1);
  assert_int_equal(c->price_count, 2);
  assert_int_equal(c->prices[1].input, 100);
  assert_int_equal(c->prices[1].output, INT64_C(2500000000));
  assert_int_equal(c->prices[1].cache_read, 100);
  EXPECT_TEXT(config_policy_for(c, TEXT(""), TEXT(""), TEXT(""), TEXT("w"))->name, TEXT("q"));
  EXPECT_TEXT(config_policy_for(c, TEXT(""), TEXT(""), TEXT("ann"), TEXT("w"))->name, TEXT("p"));
  EXPECT_TEXT(c->joined.entries[0].name, TEXT("s"));
  EXPECT_TEXT(c->joined.entries[2].name, TEXT("b\ny"));
  EXPECT_TEXT(c->joined.entries[4].name, TEXT("workspace\nw"));
  config_unref(c);
}

static void what_the_file_declares_is_told_without_secrets(void **state) {
  struct config *c = load(file);
  assert_int_equal(c->joined.count, 0);
  assert_int_equal(c->joined.declared_count, 5);
  EXPECT_TEXT(c->joined.declared[0].body,
              TEXT("{\"name\":\"a\",\"kind\":\"anthropic\",\"credentials\":[{\"name\":\"main\"}]}"));
  EXPECT_TEXT(c->joined.declared[4].name, TEXT("user\nann"));
  config_unref(c);
  c = load("");
  assert_int_equal(c->joined.declared_count, 0);
  config_unref(c);
}

static void a_file_without_lists_takes_entries_too(void **state) {
  struct config *c = JOIN("models:\nprices: []\n", ENTRY(PROVIDER, 1, "{\"name\":\"b\",\"kind\":\"openai\"}"),
                          ENTRY(MODEL, 2, "{\"name\":\"s\",\"targets\":[{\"provider\":\"b\",\"model\":\"y\"}]}"),
                          ENTRY(PRICE, 3, "{\"provider\":\"b\",\"model\":\"*\",\"input\":1,\"output\":1}"));
  assert_int_equal(c->provider_count + c->model_count + c->price_count, 3);
  config_unref(c);
}

static void a_declared_name_shadows_a_stored_one(void **state) {
  struct config *c =
      JOIN(file, ENTRY(PROVIDER, 1, "{\"name\":\"a\",\"kind\":\"openai\"}"),
           ENTRY(PRICE, 2, "{\"provider\":\"a\",\"model\":\"*\",\"input\":1,\"output\":1}"),
           ENTRY(ASSIGNMENT, 3, "{\"user\":\"ann\",\"policy\":\"p\"}"),
           ENTRY(MODEL, 4, "{\"name\":\"m\",\"wire\":\"openai\",\"targets\":[{\"provider\":\"a\",\"model\":\"y\"}]}"));
  for (size_t i = 0; i < 3; i++) {
    assert_true(c->joined.entries[i].is_shadowed);
    expect_problem(c, i, "");
  }
  assert_false(c->joined.entries[3].is_shadowed); /* of one wire only: another one */
  assert_int_equal(c->provider_count, 1);
  assert_int_equal(c->providers[0].kind, CONFIG_ANTHROPIC);
  assert_int_equal(c->model_count, 2);
  config_unref(c);
}

static void what_is_no_good_is_left_out_with_all_that_needs_it(void **state) {
  struct config *c = JOIN(
      file, ENTRY(PROVIDER, 1, "{\"name\":\"b\",\"kind\":\"nothing\"}"),
      ENTRY(POLICY, 2, "{\"name\":\"q\",\"only\":[\"b\"]}"), ENTRY(ASSIGNMENT, 3, "{\"key\":\"k\",\"policy\":\"q\"}"),
      ENTRY(MODEL, 4,
            "{\"name\":\"s\",\"targets\":[{\"provider\":\"a\",\"model\":\"y\"},{\"provider\":\"b\",\"model\":\"y\"}]}"),
      ENTRY(MODEL, 5, "{\"name\":\"good\",\"targets\":[{\"provider\":\"a\",\"model\":\"y\"}]}"),
      ENTRY(MODEL, 6, "{\"name\":\"good\",\"targets\":[{\"provider\":\"a\",\"model\":\"y\"}]}"), ENTRY(MODEL, 7, "[]"),
      ENTRY(MODEL, 8, "{"), ENTRY(MODEL, 9, "{\"namex\":\"x\",\"targets\":\"x\"}"),
      ENTRY(ASSIGNMENT, 10, "{\"key\":\"k2\",\"user\":\"u\",\"policy\":\"p\"}"));
  expect_problem(c, 0, "`kind` must be one of `anthropic`, `openai`, `openrouter`, `bedrock`");
  expect_problem(c, 1, "`only` names `b`, which is neither a provider nor a kind of providers");
  expect_problem(c, 2, "`policy` names the policy `q`, which is not declared");
  expect_problem(c, 3, "`targets[1].provider` names the provider `b`, which is not declared");
  expect_problem(c, 4, "");
  expect_problem(c, 5, "has the name of another one");
  expect_problem(c, 6, "must be an object");
  assert_true(c->joined.entries[7].problem.len > 0);
  expect_problem(
      c, 8, "unknown key `namex`, did you mean `name`?\n`name` is missing\n`targets` must be a list, not one value");
  expect_problem(c, 9, "must give exactly one of `key`, `user` and `workspace`");
  assert_int_equal(c->provider_count, 1);
  assert_int_equal(c->model_count, 2);
  EXPECT_TEXT(c->models[1].name, TEXT("good"));
  assert_int_equal(c->assignment_count, 1);
  config_unref(c);
}

static void the_environment_is_not_read_and_secrets_are_refused(void **state) {
  struct config *c = JOIN(
      file, ENTRY(PROVIDER, 1, "{\"name\":\"b\",\"kind\":\"openrouter\",\"title\":\"${SECRET}\"}"),
      ENTRY(PROVIDER, 2, "{\"name\":\"c\",\"kind\":\"openai\",\"credentials\":[{\"name\":\"x\",\"api_key\":\"k\"}]}"),
      ENTRY(PROVIDER, 3, "{\"name\":\"d\",\"kind\":\"openai\",\"base_url\":\"http://169.254.169.254/\"}"),
      ENTRY(PROVIDER, 4, "{\"name\":\"e\",\"kind\":\"bedrock\",\"base_url\":\"http://127.0.0.1\"}"));
  EXPECT_TEXT(c->providers[1].title, TEXT("${SECRET}"));
  assert_int_equal(c->provider_count, 2);
  expect_problem(c, 1,
                 "`credentials` are not taken here, where they could be read: credentials of providers are given "
                 "under /api/v1/credentials");
  expect_problem(c, 2, "`base_url` must not lead to link-local addresses or a cloud's metadata");
  expect_problem(c, 3, "`base_url` of a provider of kind `bedrock` is for the configuration file");
  config_unref(c);
}

static void there_are_no_more_than_the_file_may_have(void **state) {
  static struct config_entry many[300];
  static char bodies[300][64];
  for (size_t i = 0; i < 300; i++) {
    snprintf(bodies[i], sizeof bodies[i], "{\"name\":\"s%zu\",\"kind\":\"openai\"}", i);
    many[i] = (struct config_entry){.kind = CONFIG_KIND_PROVIDER, .id = (int64_t)i + 1, .body = text_of(bodies[i])};
  }
  struct config *c = join(file, many, 300);
  assert_int_equal(c->provider_count, 256);
  expect_problem(c, 254, "");
  expect_problem(c, 255, "is one too many: there may be 256 at most");
  config_unref(c);
}

static void one_that_has_a_problem_already_is_left_out(void **state) {
  struct config_entry e = ENTRY(PROVIDER, 1, "{\"name\":\"b\",\"kind\":\"openai\"}");
  e.problem = TEXT("`base_url` is none");
  struct config *c = join(file, &e, 1);
  assert_int_equal(c->provider_count, 1);
  expect_problem(c, 0, "`base_url` is none");
  config_unref(c);
}

static void a_file_that_is_no_good_is_refused_whatever_the_store_has(void **state) {
  static struct config_errors errors;
  const struct config_entry e = ENTRY(PROVIDER, 1, "{\"name\":\"b\",\"kind\":\"openai\"}");
  struct config *c = NULL;
  /* A file stands on its own: it may not name what only the store has. */
  enum err err = config_load_joined(TEXT("models: [{name: m, targets: [{provider: b, model: x}]}]"), "weir.yaml",
                                    test_lookup, &e, 1, &c, &errors);
  assert_int_equal(err, ERR_CONFIG);
  assert_null(c);
  assert_int_equal(errors.count, 1);
}

static void shared_rates_have_one_entry_each_however_it_is_written(void **state) {
  struct config *c =
      JOIN("rate_limits: [{user: ann, rpm: 1}]\n", ENTRY(LIMIT, 1, "{\"workspace\":\"w\",\"rpm\":5}"),
           ENTRY(LIMIT, 2, "{\"user\":\"ann\",\"tpm\":5}"), ENTRY(LIMIT, 3, "{\"organisation\":2,\"rpm\":5}"),
           ENTRY(LIMIT, 4, "{\"organisation\":\"02\",\"rpm\":6}"),
           ENTRY(LIMIT, 5, "{\"organisation\":0,\"model\":\"m-*\",\"concurrency\":6}"),
           ENTRY(LIMIT, 6, "{\"user\":\"bob\",\"model\":\"m\",\"rpm\":1}"), ENTRY(LIMIT, 7, "{\"user\":\"eve\"}"));
  assert_int_equal(c->rates.count, 4);
  EXPECT_TEXT(c->joined.entries[0].name, TEXT("workspace\nw"));
  assert_true(c->joined.entries[1].is_shadowed);
  EXPECT_TEXT(c->joined.entries[2].name, TEXT("organisation\n2"));
  expect_problem(c, 2, "");
  expect_problem(c, 3, "has the name of another one");
  EXPECT_TEXT(c->joined.entries[4].name, TEXT("model\nm-*"));
  expect_problem(c, 4, "");
  expect_problem(c, 5, "must give exactly one of `workspace`, `user`, `organisation` and `model`");
  expect_problem(c, 6, "must give one of `rpm`, `tpm` and `concurrency` at least");
  EXPECT_TEXT(c->rates.at[1].workspace, TEXT("w"));
  assert_int_equal(c->joined.declared_count, 1);
  EXPECT_TEXT(c->joined.declared[0].body, TEXT("{\"user\":\"ann\",\"rpm\":1}"));
  config_unref(c);
}

#define SETTING(number, key, value) ENTRY(SETTING, number, "{\"key\":\"" key "\",\"value\":" value "}")

static void a_setting_takes_the_place_of_a_default_and_not_of_the_file(void **state) {
  struct config *c = JOIN(file, SETTING(1, "breaker.failures", "9"), SETTING(2, "timeouts.total", "\"9s\""),
                          SETTING(3, "timeouts.connect", "\"9s\""), SETTING(4, "signin.access", "\"5m\""),
                          SETTING(5, "affinity.enabled", "false"));
  for (size_t i = 0; i < 5; i++)
    expect_problem(c, i, "");
  assert_int_equal(c->breaker.failures, 9);
  assert_int_equal(c->timeouts.total_ms, 7000);
  assert_true(c->joined.entries[1].is_shadowed);
  assert_int_equal(c->timeouts.connect_ms, 9000);
  assert_int_equal(c->providers[0].timeouts.connect_ms, 9000);
  assert_int_equal(c->signin.access_ms, 300000);
  assert_int_equal(c->signin.idle_ms, INT64_C(604800000));
  assert_false(c->affinity.enabled);
  EXPECT_TEXT(c->joined.entries[0].name, TEXT("breaker.failures"));
  assert_int_equal(c->joined.key_count, 1);
  EXPECT_TEXT(c->joined.keys[0], TEXT("timeouts.total"));
  config_unref(c);
}

static void settings_that_are_no_good_are_left_out(void **state) {
  struct config *c =
      JOIN(file, SETTING(1, "breaker.failures", "0"), SETTING(2, "breaker.open", "\"5m\""),
           SETTING(3, "breaker.nothing", "1"), SETTING(4, "breaker.window", "7"),
           SETTING(5, "control.cors_origins", "[\"https://a.example\"]"), SETTING(6, "limits.header_bytes", "2048"),
           ENTRY(SETTING, 7, "{\"key\":\"breaker.open\",\"value\":\"6m\"}"), ENTRY(SETTING, 8, "{"),
           ENTRY(SETTING, 9, "{\"value\":5}"), ENTRY(SETTING, 10, "[]"));
  expect_problem(c, 0, "must be a whole number from 1 to 1000000");
  expect_problem(c, 1, "");
  expect_problem(c, 2, "is of a key that this version does not have");
  expect_problem(c, 3, "must be a text such as \"250ms\", \"5s\", \"2m\" or \"1h\"");
  expect_problem(c, 4, "is given by the configuration file alone");
  expect_problem(c, 5, "takes effect only after a restart, and is given by the configuration file");
  expect_problem(c, 6, "has the key of another one");
  for (size_t i = 7; i < 10; i++)
    assert_true(c->joined.entries[i].problem.len > 0);
  assert_int_equal(c->breaker.failures, 3);
  assert_int_equal(c->breaker.open_ms, 300000);
  assert_int_equal(c->control.cors_origin_count, 0);
  config_unref(c);
}

/* Whatever a check names, what does not go with the file or with a default is what the store has, and only that. */
static void of_settings_that_clash_one_is_left_out_and_nothing_else(void **state) {
  /* With a default: `base` is 250ms, and the check names it. */
  struct config *c = JOIN(file, SETTING(1, "retry.max", "\"10ms\""), SETTING(2, "retry.attempts", "4"),
                          ENTRY(PROVIDER, 3, "{\"name\":\"b\",\"kind\":\"openai\"}"));
  expect_problem(c, 0, "`retry.base` must not be longer than `max`");
  expect_problem(c, 1, "");
  expect_problem(c, 2, "");
  assert_int_equal(c->retry.max_ms, 5000);
  assert_int_equal(c->retry.attempts, 4);
  assert_int_equal(c->provider_count, 2);
  config_unref(c);
  /* With the file's. */
  c = JOIN("retry: {base: 2s}\n", SETTING(1, "retry.max", "\"1s\""), SETTING(2, "retry.attempts", "4"));
  expect_problem(c, 0, "`retry.base` must not be longer than `max`");
  expect_problem(c, 1, "");
  assert_int_equal(c->retry.max_ms, 5000);
  config_unref(c);
  /* With each other: each is good alone. */
  c = JOIN(file, SETTING(1, "retry.base", "\"2s\""), SETTING(2, "retry.max", "\"1s\""),
           SETTING(3, "breaker.failures", "9"));
  expect_problem(c, 0, "must not be longer than `max`");
  expect_problem(c, 1, "");
  expect_problem(c, 2, "");
  assert_int_equal(c->retry.base_ms, 250);
  assert_int_equal(c->retry.max_ms, 1000);
  config_unref(c);
  /* And beside an entry that is no good for another reason. */
  c = JOIN(file, SETTING(1, "retention.ledger", "3"), ENTRY(PROVIDER, 2, "{\"name\":\"b\",\"kind\":\"nothing\"}"),
           SETTING(3, "retention.usage_minutes", "2"));
  expect_problem(c, 0, "");
  assert_true(c->joined.entries[1].problem.len > 0);
  expect_problem(c, 2, "");
  assert_int_equal(c->retention.ledger_days, 3);
  config_unref(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shared_rates_have_one_entry_each_however_it_is_written),
      cmocka_unit_test(stored_entries_stand_behind_declared_ones_and_have_the_same_defaults),
      cmocka_unit_test(what_the_file_declares_is_told_without_secrets),
      cmocka_unit_test(a_file_without_lists_takes_entries_too),
      cmocka_unit_test(a_declared_name_shadows_a_stored_one),
      cmocka_unit_test(what_is_no_good_is_left_out_with_all_that_needs_it),
      cmocka_unit_test(the_environment_is_not_read_and_secrets_are_refused),
      cmocka_unit_test(there_are_no_more_than_the_file_may_have),
      cmocka_unit_test(one_that_has_a_problem_already_is_left_out),
      cmocka_unit_test(a_file_that_is_no_good_is_refused_whatever_the_store_has),
      cmocka_unit_test(a_setting_takes_the_place_of_a_default_and_not_of_the_file),
      cmocka_unit_test(settings_that_are_no_good_are_left_out),
      cmocka_unit_test(of_settings_that_clash_one_is_left_out_and_nothing_else),
  };
  return RUN_TESTS(tests);
}
