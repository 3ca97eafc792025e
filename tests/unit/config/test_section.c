/* The generic reader: places of errors, nearest names, defaults, lists. */
#include "config/section.h"

#include "expect.h"

static void unknown_keys_are_refused_with_the_nearest_name(void **state) {
  expect_refused("listen: 127.0.0.1:1\n\n\nprovders: []\n",
                 "weir.yaml:4:1: unknown key `provders`, did you mean `providers`?");
  expect_refused("limits: {xyzzyplugh: 1}\n", "weir.yaml:1:10: unknown key `xyzzyplugh`");
  expect_refused("providers:\n  - name: a\n    kind: openai\n    base_uri: x\n",
                 "weir.yaml:4:5: unknown key `base_uri`, did you mean `base_url`?");
}

static void all_errors_are_gathered(void **state) {
  expect_refused("limits: {body_bytes: 1, bodi_bytes: 3}\n"
                 "workers: 0\n"
                 "providers:\n  - kind: foo\n  - 7\n",
                 "weir.yaml:2:10: `workers` must be `auto` or a whole number from 1 to 256\n"
                 "weir.yaml:1:25: unknown key `bodi_bytes`, did you mean `body_bytes`?\n"
                 "weir.yaml:1:22: `limits.body_bytes` must be a whole number from 1024 to 1073741824\n"
                 "weir.yaml:4:5: `providers[0].name` is missing\n"
                 "weir.yaml:4:11: `providers[0].kind` must be one of `anthropic`, `openai`, `openrouter`, `bedrock`\n"
                 "weir.yaml:5:5: `providers[1]` must be a mapping, not one value");
}

static void wrong_kinds_are_named(void **state) {
  expect_refused("limits: [1]\n", "weir.yaml:1:9: `limits` must be a mapping, not a list");
  expect_refused("data_dir: {a: 1}\n", "weir.yaml:1:11: `data_dir` must be one value, not a mapping");
  expect_refused("models: {a: 1}\n", "weir.yaml:1:9: `models` must be a list, not a mapping");
  expect_refused("- listen\n", "weir.yaml:1:1: the file must hold keys and values, such as `listen: 127.0.0.1:8080`");
  expect_refused(
      "timeouts: {connect: fast}\n",
      "weir.yaml:1:21: `timeouts.connect` must be a duration such as `250ms`, `5s`, `2m` or `1h`, from 1ms to "
      "86400s");
}

static void lists_have_bounds(void **state) {
  expect_refused("listen: []\n", "weir.yaml:1:9: `listen` must have 1 to 16 entries");
  expect_refused("listen: [a, [b]]\n", "weir.yaml:1:13: `listen` must be one value, not a list");
  expect_refused("listen: [\"\"]\n", "weir.yaml:1:10: `listen` must not be empty");
  expect_refused("models: [{name: m, targets: []}]\n",
                 "weir.yaml:1:29: `models[0].targets` must have 1 to 256 entries");
  expect_refused("models: [{name: m}]\n", "weir.yaml:1:10: `models[0].targets` is missing");
}

static void one_text_is_a_list_of_one(void **state) {
  struct config *c = load("listen: \"[::1]:1\"\n");
  assert_int_equal(c->listen_count, 1);
  EXPECT_TEXT(c->listen[0], TEXT("[::1]:1"));
  config_unref(c);
  c = load("listen: [127.0.0.1:1, \"unix:${SET}\"]\n");
  assert_int_equal(c->listen_count, 2);
  EXPECT_TEXT(c->listen[1], TEXT("unix:value"));
  config_unref(c);
}

static void a_null_value_means_the_default(void **state) {
  struct config *c = load("listen:\nlimits: ~\ntimeouts: {connect: null}\nkeys:\n");
  EXPECT_TEXT(c->listen[0], TEXT("127.0.0.1:8080"));
  assert_int_equal(c->limits.body_bytes, 33554432);
  assert_int_equal(c->timeouts.connect_ms, 5000);
  config_unref(c);
}

static void overlays_change_only_what_they_give(void **state) {
  struct config config = {0};
  static struct config_errors errors;
  struct arena a;
  struct config_timeouts t = {.connect_ms = 1, .total_ms = 2};
  struct loader l = {.config = &config, .arena = &a, .errors = &errors};
  arena_init(&a);
  errors_start(&errors, "f");
  struct node *n = node_read(TEXT("connect: 7ms\ndrain: 5s\n"), test_lookup, &a, &errors);
  section_overlay(&l, &keys_overlay, n, NULL, &t);
  assert_int_equal(t.connect_ms, 7);
  assert_int_equal(t.total_ms, 2);
  assert_int_equal(errors.count, 1);
  assert_string_equal(errors.at[0].text, "unknown key `drain`");
  arena_done(&a);
}

static void at_most_twenty_errors_are_told(void **state) {
  static struct config_errors errors;
  struct config *c = NULL;
  struct buf b;
  buf_init(&b, 10000);
  for (int i = 0; i < 50; i++)
    buf_add_format(&b, "unknown_%d: 1\n", i);
  assert_int_equal(config_load_text(buf_text(&b), "f", test_lookup, &c, &errors), ERR_CONFIG);
  assert_int_equal(errors.count, CONFIG_MAX_ERRORS);
  buf_done(&b);
}

static void pairs_are_a_mapping_of_texts(void **state) {
  static const char before[] = "providers: [{name: b, kind: bedrock, region: r, credentials: [{name: c, bearer: k}], ";
  static const struct {
    const char *metadata, *says;
  } cases[] = {
      {"metadata: [a]}]\n", "weir.yaml:1:96: `providers[0].metadata` must be a mapping, not a list"},
      {"metadata: x}]\n", "weir.yaml:1:96: `providers[0].metadata` must be a mapping, not one value"},
      {"metadata: {a: [1]}}]\n", "weir.yaml:1:100: `providers[0].metadata` must be one value, not a list"},
      {"metadata: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1, j: 1, k: 1, l: 1, m: 1, n: 1, o: 1, p: 1, q: "
       "1}}]\n",
       "weir.yaml:1:96: `providers[0].metadata` must have 0 to 16 entries"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char yaml[512];
    (void)snprintf(yaml, sizeof yaml, "%s%s", before, cases[i].metadata);
    expect_refused(yaml, cases[i].says);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pairs_are_a_mapping_of_texts),
      cmocka_unit_test(unknown_keys_are_refused_with_the_nearest_name),
      cmocka_unit_test(all_errors_are_gathered),
      cmocka_unit_test(wrong_kinds_are_named),
      cmocka_unit_test(lists_have_bounds),
      cmocka_unit_test(one_text_is_a_list_of_one),
      cmocka_unit_test(a_null_value_means_the_default),
      cmocka_unit_test(overlays_change_only_what_they_give),
      cmocka_unit_test(at_most_twenty_errors_are_told),
  };
  return RUN_TESTS(tests);
}
