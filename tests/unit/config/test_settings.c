/* Settings as a snapshot has them: every one of the table with its default, its bounds and where it comes from; and
 * each that the API may give, given its default, its bounds and what is beyond them. */
#include "config/settings.h"

#include "base/json.h"
#include "expect.h"

static struct arena arena;

static const struct config_setting *find(const struct config *c, const char *key) {
  struct config_setting *all = NULL;
  size_t count = config_settings(c, &arena, &all);
  for (size_t i = 0; i < count; i++)
    if (text_equal(all[i].key, text_of(key)))
      return &all[i];
  return NULL;
}

static void expect_setting(const struct config *c, const char *key, const char *value,
                           enum config_setting_source source) {
  const struct config_setting *s = find(c, key);
  if (s == NULL) {
    fail_msg("no %s", key);
    return;
  }
  EXPECT_TEXT(s->value, text_of(value));
  assert_int_equal(s->source, source);
}

static struct config *with(const char *yaml, const char *key, const char *value) {
  static struct config_errors errors;
  static char body[512];
  struct config *c = NULL;
  snprintf(body, sizeof body, "{\"key\":\"%s\",\"value\":%s}", key, value);
  const struct config_entry e = {.kind = CONFIG_KIND_SETTING, .id = 1, .version = 1, .body = text_of(body)};
  assert_int_equal(config_load_joined(text_of(yaml), "weir.yaml", test_lookup, &e, 1, &c, &errors), ERR_OK);
  return c;
}

static void values_are_typed_and_know_who_gave_them(void **state) {
  struct config *c =
      load("breaker: {failures: 7, open: 90s}\nlisten: [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n"
           "control: {allow_ips: 10.0.0.0/8}\naffinity: {enabled: false}\nsmtp: {from_name: \"a \\\"b\"}\n");
  expect_setting(c, "breaker.failures", "7", CONFIG_SETTING_FILE);
  expect_setting(c, "breaker.open", "\"90s\"", CONFIG_SETTING_FILE);
  expect_setting(c, "breaker.window", "\"1m\"", CONFIG_SETTING_DEFAULT);
  expect_setting(c, "listen", "[\"127.0.0.1:1\",\"127.0.0.1:2\"]", CONFIG_SETTING_FILE);
  expect_setting(c, "control.allow_ips", "[\"10.0.0.0/8\"]", CONFIG_SETTING_FILE);
  expect_setting(c, "control.cors_origins", "[]", CONFIG_SETTING_DEFAULT);
  expect_setting(c, "affinity.enabled", "false", CONFIG_SETTING_FILE);
  expect_setting(c, "telemetry.log_level", "\"info\"", CONFIG_SETTING_DEFAULT);
  expect_setting(c, "workers", "\"auto\"", CONFIG_SETTING_DEFAULT);
  expect_setting(c, "smtp.from_name", "\"a \\\"b\"", CONFIG_SETTING_FILE);
  expect_setting(c, "backup.max_age", "\"2d\"", CONFIG_SETTING_DEFAULT);
  EXPECT_TEXT(find(c, "listen")->initial, TEXT("[\"127.0.0.1:8080\"]"));
  EXPECT_TEXT(find(c, "breaker.open")->initial, TEXT("\"30m\""));
  EXPECT_TEXT(find(c, "breaker.open")->minimum, TEXT("\"1ms\""));
  EXPECT_TEXT(find(c, "breaker.open")->maximum, TEXT("\"1d\""));
  EXPECT_TEXT(find(c, "queue.size")->minimum, TEXT("0"));
  EXPECT_TEXT(find(c, "telemetry.log_level")->allowed, TEXT("`debug`, `info`, `warn`, `error`"));
  assert_true(find(c, "listen")->needs_restart);
  assert_true(find(c, "control.allow_ips")->is_file_only);
  config_unref(c);
}

/* By their rows: whatever has a secret type may hold one. */
static void secrets_are_not_among_them(void **state) {
  struct config *c = load("smtp: {url: \"smtp://h:587\", from: a@b.example, user: u, password: hush-hush}\n"
                          "redis: \"redis://u:hush@127.0.0.1/0\"\nserver_key: "
                          "\"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a\"\n");
  static const char *const none[] = {"smtp.password", "redis", "server_key", "store_key", "vault.master_key", "store"};
  struct config_setting *all = NULL;
  size_t count = config_settings(c, &arena, &all);
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
    assert_null(find(c, none[i]));
  for (size_t i = 0; i < count; i++)
    if (text_find(all[i].value, TEXT("hush")) >= 0 || text_find(all[i].value, TEXT("0a0a")) >= 0)
      fail_msg("%.*s shows a secret", TEXT_ARGS(all[i].key));
  assert_true(count > 80);
  config_unref(c);
}

static void expect_taken(const char *key, const char *value, bool is_taken, const char *why) {
  struct config *c = with("", key, value), *plain = load("");
  const struct config_setting *s = find(c, key), *was = find(plain, key);
  if ((s->source == CONFIG_SETTING_STORE) != is_taken)
    fail_msg("%s = %s (%s): %s, \"%.*s\"", key, value, why, is_taken ? "left out" : "taken",
             TEXT_ARGS(c->joined.entries[0].problem));
  if (is_taken)
    EXPECT_TEXT(s->value, text_of(value));
  else
    EXPECT_TEXT(s->value, was->value);
  assert_ptr_equal(s->entry, &c->joined.entries[0]);
  config_unref(plain);
  config_unref(c);
}

/* One less or more in the same unit; of durations in milliseconds, or a second behind the last. */
static void expect_beyond(const struct config_setting *s, bool is_duration) {
  char beyond[96];
  long long n = 0;
  int64_t ms = 0;
  struct text max = s->maximum, min = s->minimum;
  if (is_duration) {
    max = (struct text){max.at + 1, max.len - 2};
    min = (struct text){min.at + 1, min.len - 2};
    assert_true(text_to_duration_ms(max, &ms));
    snprintf(beyond, sizeof beyond, "\"%llds\"", (long long)ms / 1000 + 1);
    expect_taken(s->key.at, beyond, false, "beyond the maximum");
    assert_true(text_to_duration_ms(min, &ms));
    n = (long long)ms - 1;
    snprintf(beyond, sizeof beyond, "\"%lldms\"", n);
  } else {
    assert_true(text_to_i64(max, &ms));
    snprintf(beyond, sizeof beyond, "%lld", (long long)ms + 1);
    expect_taken(s->key.at, beyond, false, "beyond the maximum");
    assert_true(text_to_i64(min, &ms));
    n = (long long)ms - 1;
    snprintf(beyond, sizeof beyond, "%lld", n);
  }
  expect_taken(s->key.at, beyond, false, "below the minimum");
}

static const char *zero_terminated(struct text t) { return arena_format(&arena, "%.*s", TEXT_ARGS(t)).at; }

static void every_one_takes_its_default_and_nothing_beyond_its_bounds(void **state) {
  struct config *c = load("");
  struct config_setting *all = NULL;
  size_t count = config_settings(c, &arena, &all), changeable = 0;
  for (size_t i = 0; i < count; i++) {
    struct text type = text_of(all[i].type);
    const char *key = all[i].key.at;
    EXPECT_TEXT(all[i].value, all[i].initial);
    assert_true(all[i].help[0] != '\0' && all[i].allowed.len > 0);
    bool is_open = !all[i].needs_restart && !all[i].is_file_only;
    expect_taken(key, zero_terminated(all[i].initial), is_open, "its default");
    changeable += is_open;
    if (!is_open)
      continue;
    expect_taken(key, "{}", false, "an object");
    expect_taken(key, "null", false, "null");
    expect_taken(key, "[[]]", false, "a list");
    if (text_equal(type, TEXT("integer")))
      expect_beyond(&all[i], false);
    else if (text_equal(type, TEXT("duration")))
      expect_beyond(&all[i], true);
    else if (text_equal(type, TEXT("boolean")))
      expect_taken(key, "1", false, "a number");
    else
      expect_taken(key, "\"nothing of the kind\"", false, "no choice");
  }
  assert_true(changeable >= 40);
  config_unref(c);
}

static int end_arena(void **state) {
  arena_done(&arena);
  return 0;
}

static int begin_arena(void **state) {
  arena_init(&arena);
  return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_arena, end_arena)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(values_are_typed_and_know_who_gave_them),
      TEST(secrets_are_not_among_them),
      TEST(every_one_takes_its_default_and_nothing_beyond_its_bounds),
  };
  return RUN_TESTS(tests);
}
