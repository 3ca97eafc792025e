/* Loading and looking up: files, defaults, secrets, references, models and prices. */
#include "config/config.h"

#include "expect.h"

#include <pthread.h>
#include <unistd.h>

static const char full[] =
    "listen: [127.0.0.1:8080]\n"
    "data_dir: /var/lib/weir\n"
    "store: memory\nstore_replicas: []\nredis: \"\"\nworkers: 3\n"
    "tls: {cert: \"\", key: \"\"}\n"
    "providers:\n"
    "  - name: anthropic\n    kind: anthropic\n    base_url: https://api.anthropic.com\n"
    "    credentials: [{name: main, api_key: \"${SECRET}\"}]\n"
    "  - {name: local, kind: openai, base_url: \"http://127.0.0.1:9/v1\"}\n"
    "models:\n"
    "  - name: claude-sonnet\n    strategy: ordered\n    display_name: Sonnet\n    context_tokens: 200000\n"
    "    targets:\n"
    "      - {provider: anthropic, model: claude-sonnet-4-5, billable: false, weight: 2}\n"
    "      - {provider: local, model: sonnet-copy}\n"
    "  - {name: \"openai/*\", wire: openai, targets: [{provider: local, model: \"*\"}]}\n"
    "  - {name: \"*\", wire: anthropic, targets: [{provider: anthropic, model: \"*\"}]}\n"
    "  - {name: \"*\", wire: openai_embeddings, targets: [{provider: local, model: embed}]}\n"
    "prices:\n"
    "  - {provider: anthropic, model: \"claude-sonnet-*\", input: 3.00, output: 15.00}\n"
    "  - {provider: anthropic, model: \"*\", input: 1, output: 2}\n"
    "keys:\n"
    "  - {name: ci, value: \"${SECRET}\", models: [\"claude-*\", x], rpm: 600, tpm: 0, concurrency: 4,\n"
    "     expires: 2027-01-31T00:00:00Z, blocked: true, user: robot}\n"
    "users: []\noidc: []\njwt_issuers: []\n"
    "cache: {enabled: false, l1_bytes: 67108864, ttl: 300s}\n"
    "telemetry: {log_level: warn, otlp_endpoint: \"\", metrics: false}\n"
    "timezone: UTC\n";

static void an_empty_file_gives_the_defaults(void **state) {
  struct config *c = load("");
  EXPECT_TEXT(c->listen[0], TEXT("127.0.0.1:8080"));
  EXPECT_TEXT(c->data_dir, TEXT("./weir-data"));
  EXPECT_TEXT(c->public_url, TEXT("http://127.0.0.1:8080"));
  EXPECT_TEXT(c->timezone, TEXT("UTC"));
  assert_int_equal(c->store, CONFIG_STORE_SQLITE);
  assert_int_equal(c->workers, 0);
  assert_int_equal(c->limits.body_bytes, 33554432);
  assert_int_equal(c->limits.header_bytes, 65536);
  assert_int_equal(c->limits.connections, 10000);
  assert_int_equal(c->limits.fibers, 20000);
  assert_int_equal(c->limits.response_bytes, 33554432);
  assert_int_equal(c->limits.event_bytes, 16777216);
  assert_int_equal(c->limits.json_depth, 128);
  assert_int_equal(c->timeouts.connect_ms, 5000);
  assert_int_equal(c->timeouts.first_byte_ms, 300000);
  assert_int_equal(c->timeouts.between_bytes_ms, 120000);
  assert_int_equal(c->timeouts.total_ms, 3600000);
  assert_int_equal(c->timeouts.drain_ms, 60000);
  assert_int_equal(c->timeouts.handover_ms, 3600000);
  assert_int_equal(c->timeouts.head_ms, 10000);
  assert_int_equal(c->timeouts.idle_ms, 75000);
  assert_int_equal(c->timeouts.body_ms, 30000);
  assert_int_equal(c->timeouts.write_ms, 60000);
  assert_int_equal(c->breaker.failures, 3);
  assert_int_equal(c->breaker.window_ms, 60000);
  assert_int_equal(c->breaker.open_ms, 1800000);
  assert_int_equal(c->log_level, LOG_LEVEL_INFO);
  assert_true(c->metrics);
  assert_int_equal(c->provider_count + c->model_count + c->price_count + c->key_count, 0);
  config_unref(c);
}

static void a_database_address_is_kept_whole_and_never_shown(void **state) {
  struct config *c = load("store: postgres://u:hush@h:5432/db?sslmode=require\npostgres: {pool: 2, wait: 250ms}\n");
  assert_int_equal(c->store, CONFIG_STORE_POSTGRES);
  EXPECT_TEXT(secret_reveal(c->store_address), TEXT("postgres://u:hush@h:5432/db?sslmode=require"));
  assert_int_equal(c->postgres.pool, 2);
  assert_int_equal(c->postgres.overflow, 5);
  assert_int_equal(c->postgres.wait_ms, 250);
  assert_int_equal(c->postgres.recycle_ms, 1800000);
  assert_int_equal(c->postgres.statement_timeout_ms, 30000);
  assert_int_equal(c->postgres.lock_timeout_ms, 5000);
  assert_int_equal(c->postgres.connect_timeout_ms, 5000);
  config_unref(c);
  expect_refused("store: \"postgres://u:hush word@h/db\"\n",
                 "weir.yaml:1:8: `store` must be at most 4096 visible ASCII characters without spaces");
  c = load("store: postgres://h/d\nstore_replicas: [postgres://u:hush@a/d, postgres://b/d]\n");
  assert_int_equal(c->store_replica_count, 2);
  EXPECT_TEXT(secret_reveal(c->store_replicas[0]), TEXT("postgres://u:hush@a/d"));
  config_unref(c);
  expect_refused("store: postgres://h/d\nstore_replicas: [mysql://u:hush@a/d]\n",
                 "weir.yaml:2:18: `store_replicas` must be one of `postgres://*`");
  expect_refused("store_replicas: postgres://u:hush@a/d\n",
                 "weir.yaml:1:17: `store_replicas` are for a `store` that is the address of a database");
  expect_refused("store: mysql://u:hush@h/db\n",
                 "weir.yaml:1:8: `store` must be one of `sqlite`, `memory`, `postgres://*`");
}

static void a_full_file_is_read(void **state) {
  struct config *c = load(full);
  assert_int_equal(c->store, CONFIG_STORE_MEMORY);
  assert_int_equal(c->workers, 3);
  assert_int_equal(c->log_level, LOG_LEVEL_WARN);
  assert_false(c->metrics);
  assert_int_equal(c->provider_count, 2);
  EXPECT_TEXT(secret_reveal(c->providers[0].credentials[0].api_key), TEXT("sk-hush-hush"));
  assert_int_equal(c->providers[1].credential_count, 0);
  assert_int_equal(c->models[0].target_count, 2);
  assert_false(c->models[0].targets[0].billable);
  assert_int_equal(c->models[0].targets[0].weight, 2);
  EXPECT_TEXT(c->models[0].display_name, TEXT("Sonnet"));
  assert_int_equal(c->models[0].context_tokens, 200000);
  const struct config_key *k = &c->keys[0];
  EXPECT_TEXT(k->name, TEXT("ci"));
  EXPECT_TEXT(k->user, TEXT("robot"));
  EXPECT_TEXT(secret_reveal(k->value), TEXT("sk-hush-hush"));
  assert_int_equal(k->model_count, 2);
  EXPECT_TEXT(k->models[0], TEXT("claude-*"));
  assert_int_equal(k->rpm, 600);
  assert_int_equal(k->tpm, 0);
  assert_int_equal(k->concurrency, 4);
  assert_int_equal(k->budget_nano, 0);
  assert_int_equal(k->budget_period, CONFIG_PERIOD_NONE);
  assert_int_equal(k->expires_us, 1801353600000000);
  assert_true(k->blocked);
  config_unref(c);
}

static void an_empty_secret_is_allowed_only_when_written_so(void **state) {
  struct config *c = load("providers: [{name: p, kind: openai, credentials: [{name: c, api_key: \"\"}, {name: d}]}]\n");
  assert_true(secret_is_empty(c->providers[0].credentials[0].api_key));
  assert_true(secret_is_empty(c->providers[0].credentials[1].api_key));
  config_unref(c);
  expect_refused(
      "providers: [{name: p, kind: openai, credentials: [{name: c, api_key: \"${EMPTY}\"}]}]\n",
      "weir.yaml:1:70: `providers[0].credentials[0].api_key` is empty: the environment variable it names is set "
      "but has no value");
  expect_refused("providers: [{name: p, kind: openai, credentials: [{name: c, api_key: \"${UNSET}\"}]}]\n",
                 "weir.yaml:1:70: the environment variable UNSET is not set");
}

static void secrets_never_appear_in_errors(void **state) {
  static const char *const places[] = {
      "keys: [{name: k, value: \"${SECRET} ${SECRET}\"}]\n",
      "workers: ${SECRET}\n",
      "listen: [[\"${SECRET}\"]]\n",
      "store: ${SECRET}\n",
      "timezone: ${SECRET}\n",
      "public_url: ${SECRET}\n",
      "timeouts: {connect: \"${SECRET}\"}\n",
      "telemetry: {log_level: \"${SECRET}\"}\n",
      "redis: ${SECRET}\n",
      "models: [{name: m, targets: [{provider: \"${SECRET}\", model: x}]}]\n",
      "keys: [{name: a, value: hush}]\n",
  };
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    static struct config_errors errors;
    struct config *c = NULL;
    assert_int_equal(config_load_text(text_of(places[i]), "f", test_lookup, &c, &errors), ERR_CONFIG);
    assert_true(errors.count > 0);
    for (size_t k = 0; k < errors.count; k++)
      if (strstr(errors.at[k].text, "hush") != NULL)
        fail_msg("told a secret: %s", errors.at[k].text);
  }
}

static void the_first_model_that_matches_wins(void **state) {
  struct config *c = load(full);
  struct text star = TEXT_NONE;
  assert_ptr_equal(config_find_model(c, TEXT("claude-sonnet"), TEXT("openai_chat"), &star), &c->models[0]);
  EXPECT_TEXT(star, TEXT(""));
  assert_ptr_equal(config_find_model(c, TEXT("openai/gpt-5"), TEXT("openai_chat"), &star), &c->models[1]);
  EXPECT_TEXT(star, TEXT("gpt-5"));
  assert_ptr_equal(config_find_model(c, TEXT("openai/gpt-5"), TEXT("anthropic"), &star), &c->models[2]);
  EXPECT_TEXT(star, TEXT("openai/gpt-5"));
  assert_ptr_equal(config_find_model(c, TEXT("other"), TEXT("openai_embeddings"), NULL), &c->models[3]);
  assert_null(config_find_model(c, TEXT("other"), TEXT("openai_chat"), NULL));
  assert_null(config_find_model(c, TEXT("openai/x"), TEXT("open"), NULL));
  config_unref(c);
}

static void the_first_price_that_matches_wins(void **state) {
  struct config *c = load(full);
  assert_ptr_equal(config_find_price(c, TEXT("anthropic"), TEXT("claude-sonnet-4-5")), &c->prices[0]);
  assert_ptr_equal(config_find_price(c, TEXT("anthropic"), TEXT("claude-haiku")), &c->prices[1]);
  assert_null(config_find_price(c, TEXT("local"), TEXT("claude-haiku")));
  config_unref(c);
}

static void a_snapshot_lives_until_its_last_reference(void **state) {
  struct config *c = load(full), *next = load(full);
  struct config *held = config_ref(c);
  assert_ptr_equal(held, c);
  assert_int_equal(next->generation, c->generation + 1);
  config_unref(c);
  EXPECT_TEXT(held->data_dir, TEXT("/var/lib/weir"));
  config_unref(held);
  config_unref(next);
  config_unref(NULL);
}

static void *take_and_drop(void *data) {
  for (int i = 0; i < 1000; i++)
    config_unref(config_ref(data));
  config_unref(data);
  return NULL;
}

static void references_may_be_taken_on_any_thread(void **state) {
  struct config *c = load(full);
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, take_and_drop, config_ref(c)), 0);
  config_unref(c);
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void files_are_read_and_what_is_wrong_with_them_said(void **state) {
  static struct config_errors errors;
  char path[] = "/tmp/weir-config-XXXXXX", said[800];
  struct config *c = NULL;
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, full, sizeof full - 1), sizeof full - 1);
  assert_int_equal(config_load_file(path, test_lookup, &c, &errors), ERR_OK);
  assert_int_equal(c->provider_count, 2);
  config_unref(c);
  c = NULL;
  assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
  assert_int_equal(config_load_file(path, test_lookup, &c, &errors), ERR_CONFIG);
  assert_string_equal(errors.at[0].text, "longer than 1048576 bytes");
  (void)close(fd);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(config_load_file(path, test_lookup, &c, &errors), ERR_CONFIG);
  config_error_format(&errors, 0, said, sizeof said);
  assert_non_null(strstr(said, path));
  assert_non_null(strstr(said, ": cannot be read: No such file or directory"));
  assert_int_equal(config_load_file("/", test_lookup, &c, &errors), ERR_CONFIG);
  assert_string_equal(errors.at[0].text, "cannot be read: Is a directory");
  assert_null(c);
}

static void the_environment_of_the_process_is_the_default(void **state) {
  static struct config_errors errors;
  struct config *c = NULL;
  assert_int_equal(setenv("WEIR_TEST_DATA_DIR", "/from/environment", 1), 0);
  assert_int_equal(config_load_text(TEXT("data_dir: \"${WEIR_TEST_DATA_DIR}\"\n"), "f", NULL, &c, &errors), ERR_OK);
  EXPECT_TEXT(c->data_dir, TEXT("/from/environment"));
  config_unref(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_file_gives_the_defaults),
      cmocka_unit_test(a_database_address_is_kept_whole_and_never_shown),
      cmocka_unit_test(a_full_file_is_read),
      cmocka_unit_test(an_empty_secret_is_allowed_only_when_written_so),
      cmocka_unit_test(secrets_never_appear_in_errors),
      cmocka_unit_test(the_first_model_that_matches_wins),
      cmocka_unit_test(the_first_price_that_matches_wins),
      cmocka_unit_test(a_snapshot_lives_until_its_last_reference),
      cmocka_unit_test(references_may_be_taken_on_any_thread),
      cmocka_unit_test(files_are_read_and_what_is_wrong_with_them_said),
      cmocka_unit_test(the_environment_of_the_process_is_the_default),
  };
  return RUN_TESTS(tests);
}
