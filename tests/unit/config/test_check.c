/* Checks between keys, and the values that follow from others. */
#include "config/check.h"

#include "expect.h"

#define PROVIDER "providers: [{name: p, kind: openai, credentials: [{name: one, api_key: k1}, {name: two}]}]\n"

static void addresses_are_checked(void **state) {
  static const char *const good[] = {"http://h", "https://api.example.com/v1", "http://127.0.0.1:8080/",
                                     "http://[::1]:1", "https://a_b-c.d"};
  static const char *const bad[] = {
      "",           "http://",          "https:///v1",  "ftp://h",     "h",          "http://h:0", "http://h:65536",
      "http://h:",  "http://u:p@h",     "http://h?q",   "http://h/#f", "http://h /", "HTTP://h",   "http://[::1",
      "http://[x]", "http://h\xC3\xA9", "http://[::1]x"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    if (!check_is_http_url(text_of(good[i])))
      fail_msg("refused %s", good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (check_is_http_url(text_of(bad[i])))
      fail_msg("accepted %s", bad[i]);
  expect_refused("public_url: nowhere\n",
                 "weir.yaml:1:13: `public_url` must be http://host or https://host, with optional "
                 "port and path");
  expect_refused(
      "providers: [{name: p, kind: openai, base_url: \"http://u:hush@h\"}]\n",
      "weir.yaml:1:47: `providers[0].base_url` must be http://host or https://host, with optional port and path");
}

static void backups_are_scheduled_at_times_of_the_day_or_as_cron_has_it(void **state) {
  struct config *c = load("backup: { schedule: \"03:30, 15:30\", keep: 3 }\n");
  EXPECT_TEXT(c->backup.schedule, TEXT("03:30, 15:30"));
  assert_int_equal(c->backup.keep, 3);
  config_unref(c);
  c = load("backup: { schedule: \"30 3 * * sat\" }\n");
  EXPECT_TEXT(c->backup.schedule, TEXT("30 3 * * sat"));
  config_unref(c);
  expect_refused("backup: { schedule: \"03:30, 25:00\" }\n",
                 "weir.yaml:1:21: `backup.schedule` is not a schedule: \"25:00\" is no time of the day, such as 03:30");
  expect_refused("backup: { schedule: nightly }\n",
                 "weir.yaml:1:21: `backup.schedule` is not a schedule: a schedule is \"minute hour day-of-month month "
                 "day-of-week\" or a word such as @daily");
}

static void a_store_key_is_long_enough_and_never_quoted(void **state) {
  struct config *c = load("store_key: correct-horse-battery\n");
  EXPECT_TEXT(secret_reveal(c->store_key), TEXT("correct-horse-battery"));
  config_unref(c);
  expect_refused("store_key: hush\n", "weir.yaml:1:12: `store_key` must have 8 bytes or more");
}

static void a_server_key_has_32_bytes(void **state) {
  struct config *c = load("server_key: ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=\n");
  assert_int_equal(secret_reveal(c->server_key).len, 44);
  config_unref(c);
  expect_refused("server_key: hunter2hunter2\n",
                 "weir.yaml:1:13: `server_key` must be 32 bytes in base64 or hexadecimal");
}

static void a_redis_is_named_by_a_url_that_no_error_quotes(void **state) {
  struct config *c = load("redis: \"rediss://u:hush@cache:6380/2\"\nredis_ca: /etc/ca.pem\n");
  EXPECT_TEXT(secret_reveal(c->redis), TEXT("rediss://u:hush@cache:6380/2"));
  EXPECT_TEXT(c->redis_ca, TEXT("/etc/ca.pem"));
  config_unref(c);
  c = load("redis: \"\"\n");
  assert_true(secret_is_empty(c->redis));
  config_unref(c);
  c = load("redis: \"rediss+cluster://u:hush@a:6380,b\"\n");
  EXPECT_TEXT(secret_reveal(c->redis), TEXT("rediss+cluster://u:hush@a:6380,b"));
  config_unref(c);
  expect_refused("redis: \"cache:6379\"\n",
                 "weir.yaml:1:8: `redis` must start with redis://, rediss://, redis+cluster:// or rediss+cluster://");
  expect_refused("redis: \"redis+sentinel://u:hush@h\"\n",
                 "weir.yaml:1:8: `redis` sentinels are not asked: give redis+cluster:// or one name that leads to the "
                 "primary");
  expect_refused("redis: \"redis://u:hu sh@h\"\n",
                 "weir.yaml:1:8: `redis` must be 0 to 4096 visible ASCII characters without spaces");
}

static void a_provider_has_the_address_of_its_kind(void **state) {
  struct config *c =
      load("providers:\n"
           "  - {name: a, kind: anthropic}\n  - {name: b, kind: openai}\n  - {name: c, kind: openrouter}\n"
           "  - {name: d, kind: openai, base_url: \"http://127.0.0.1:1/v1//\"}\n");
  EXPECT_TEXT(c->providers[0].base_url, TEXT("https://api.anthropic.com"));
  EXPECT_TEXT(c->providers[1].base_url, TEXT("https://api.openai.com/v1"));
  EXPECT_TEXT(c->providers[2].base_url, TEXT("https://openrouter.ai/api/v1"));
  EXPECT_TEXT(c->providers[3].base_url, TEXT("http://127.0.0.1:1/v1"));
  EXPECT_TEXT(c->providers[2].kind_name, TEXT("openrouter"));
  assert_int_equal(c->providers[2].kind, CONFIG_OPENROUTER);
  assert_int_equal(c->providers[3].index, 3);
  config_unref(c);
}

static void names_are_unique(void **state) {
  expect_refused("providers: [{name: p, kind: openai}, {name: p, kind: anthropic}]\n",
                 "weir.yaml:1:45: `providers[1].name` is taken by another provider");
  expect_refused("providers: [{name: p, kind: openai, credentials: [{name: c}, {name: c}]}]\n",
                 "weir.yaml:1:50: `providers[0].credentials` has one name for entries 0 and 1");
  expect_refused("keys:\n  - {name: k, value: 12345678}\n  - {name: k, value: 12345679}\n",
                 "weir.yaml:3:5: `keys[1]` has the same name as `keys[0]`");
  expect_refused("keys:\n  - {name: k, value: 12345678}\n  - {name: l, value: 12345678}\n",
                 "weir.yaml:3:5: `keys[1]` has the same value as `keys[0]`");
}

static void a_name_given_twice_is_one_error(void **state) {
  expect_refused("providers: [{name: p, kind: openai, credentials: [{name: one, api_key: k1}]},\n"
                 "  {name: p, kind: openai, credentials: [{name: two, api_key: k2}]}]\n"
                 "models: [{name: m, targets: [{provider: p, model: x, credential: two}]}]\n",
                 "weir.yaml:2:10: `providers[1].name` is taken by another provider");
}

static void targets_name_what_exists(void **state) {
  expect_refused(PROVIDER "models: [{name: m, targets: [{provider: q, model: x}]}]\n",
                 "weir.yaml:2:41: `models[0].targets[0].provider` names the provider `q`, which is not declared");
  expect_refused(PROVIDER "models: [{name: m, targets: [{provider: \"${SET}\", model: x}]}]\n",
                 "weir.yaml:2:41: `models[0].targets[0].provider` names the provider that is not declared");
  expect_refused(PROVIDER "prices: [{provider: q, model: x, input: 1, output: 1}]\n",
                 "weir.yaml:2:21: `prices[0].provider` names the provider `q`, which is not declared");
  struct config *c = load("models: [{name: m, targets: [{provider: p, model: x, credential: two}]}]\n" PROVIDER);
  const struct config_target *t = c->models[0].targets;
  assert_ptr_equal(t->provider, &c->providers[0]);
  assert_ptr_equal(t->credential, &c->providers[0].credentials[1]);
  assert_true(t->billable);
  assert_int_equal(t->weight, 1);
  config_unref(c);
  c = load(PROVIDER "models: [{name: m, targets: [{provider: p, model: x, credential: of-the-store}]}]\n");
  assert_null(c->models[0].targets[0].credential);
  config_unref(c);
}

static void a_star_in_a_target_needs_one_in_the_name(void **state) {
  expect_refused(
      PROVIDER "models: [{name: m, targets: [{provider: p, model: x}, {provider: p, model: \"*\"}]}]\n",
      "weir.yaml:2:29: `models[0].targets` has a `*` in the model of entry 1, but the name of this model has none "
      "for it to stand for");
  expect_refused(PROVIDER "models: [{name: \"m*\", targets: [{provider: p, model: \"*{*}\"}]}]\n",
                 "weir.yaml:2:54: `models[0].targets[0].model` may hold one `*` at most");
  struct config *c = load(PROVIDER "models: [{name: \"m/*\", targets: [{provider: p, model: \"x-{*}-y\"}]}]\n");
  EXPECT_TEXT(c->models[0].targets[0].model, TEXT("x-*-y"));
  config_unref(c);
}

static void timeouts_lie_over_each_other(void **state) {
  struct config *c = load("models: [{name: m, targets: [{provider: p, model: x, timeouts: {total: 3s}}]}]\n"
                          "providers: [{name: p, kind: openai, timeouts: {connect: 7ms, total: 2s}}]\n"
                          "timeouts: {first_byte: 11ms, connect: 12ms, idle: 13ms}\n");
  const struct config_timeouts *p = &c->providers[0].timeouts, *t = &c->models[0].targets[0].timeouts;
  assert_int_equal(c->timeouts.connect_ms, 12);
  assert_int_equal(p->connect_ms, 7);
  assert_int_equal(p->first_byte_ms, 11);
  assert_int_equal(p->total_ms, 2000);
  assert_int_equal(t->connect_ms, 7);
  assert_int_equal(t->total_ms, 3000);
  assert_int_equal(t->idle_ms, 13);
  config_unref(c);
  expect_refused("providers: [{name: p, kind: openai, timeouts: {drain: 1s}}]\n",
                 "weir.yaml:1:48: unknown key `drain`");
}

static void prices_are_exact_and_versioned(void **state) {
  struct config *c =
      load(PROVIDER "prices:\n"
                    "  - {provider: p, model: a, input: 3.00, output: 15, cache_write: 3.75, cache_read: 0.3}\n"
                    "  - {provider: p, model: b, input: 3, output: 15.000000001}\n"
                    "  - {provider: p, model: c, input: 3, output: 15, cache_read: 0, cache_write_1h: 6}\n"
                    "  - {provider: p, model: d, input: 3.0, output: 15.0, cache_write: 3.750, cache_read: 0.30}\n");
  const struct config_price *a = &c->prices[0], *b = &c->prices[1], *third = &c->prices[2];
  assert_int_equal(a->input, 3000000000);
  assert_int_equal(a->output, 15000000000);
  assert_int_equal(a->cache_write_5m, 3750000000);
  assert_int_equal(a->cache_write_1h, 3750000000);
  assert_int_equal(a->cache_read, 300000000);
  assert_int_equal(b->output, 15000000001);
  assert_int_equal(b->cache_read, b->input);
  assert_int_equal(b->cache_write_5m, b->input);
  assert_int_equal(third->cache_read, 0);
  assert_int_equal(third->cache_write_1h, 6000000000);
  assert_int_equal(third->cache_write_5m, 3000000000);
  assert_int_equal(a->version, c->prices[3].version);
  assert_int_equal(a->version, 0x105f30b8);
  assert_int_not_equal(a->version, b->version);
  config_unref(c);
}

static void a_budget_needs_amount_and_period(void **state) {
  static const char want[] = "weir.yaml:1:47: `keys[0].budget` needs both `usd` (above 0) and `period`, or neither";
  expect_refused("keys: [{name: k, value: \"12345678\", budget:   {usd: 5}}]\n", want);
  expect_refused("keys: [{name: k, value: \"12345678\", budget:   {period: day}}]\n", want);
  struct config *c = load("keys: [{name: k, value: \"12345678\", budget: {usd: 5.00, period: month}}]\n");
  assert_int_equal(c->keys[0].budget_nano, 5000000000);
  assert_int_equal(c->keys[0].budget_period, CONFIG_PERIOD_MONTH);
  config_unref(c);
}

static void tls_needs_certificate_and_key(void **state) {
  expect_refused("tls: {cert: c.pem}\n", "weir.yaml:1:6: `tls` needs both `cert` and `key`, or neither");
  struct config *c = load("tls: {cert: c.pem, key: k.pem}\n");
  EXPECT_TEXT(c->tls_key, TEXT("k.pem"));
  config_unref(c);
}

static void time_zones_are_known_names(void **state) {
  static const char *const bad[] = {"Nowhere/Land", "/etc/passwd", "../../../etc/passwd", "U TC", "../zoneinfo/UTC"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char yaml[64];
    (void)snprintf(yaml, sizeof yaml, "timezone: %s\n", bad[i]);
    expect_refused(yaml,
                   "weir.yaml:1:11: `timezone` is not a time zone this machine knows, such as `UTC` or `Asia/Seoul`");
  }
  config_unref(load("timezone: UTC\n"));
}

static void what_a_target_may_leave_out_is_a_list_of_names(void **state) {
  struct config *c = load(
      PROVIDER "models: [{name: m, targets: [{provider: p, model: x, leave_out: [top_k, tools.defer_loading]}]}]\n");
  assert_int_equal(c->models[0].targets[0].leave_out_count, 2);
  EXPECT_TEXT(c->models[0].targets[0].leave_out[1], TEXT("tools.defer_loading"));
  config_unref(c);
  expect_refused(PROVIDER "models: [{name: m, targets: [{provider: p, model: x, leave_out: [a, "
                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]}]}]\n",
                 "weir.yaml:2:65: `models[0].targets[0].leave_out` has an entry of more than 64 bytes");
}

static void wires_are_known_ones(void **state) {
  struct config *c = load("providers: [{name: p, kind: openai, wires: [openai_responses, anthropic]}]\n"
                          "models: [{name: m, wire: bedrock, targets: [{provider: p, model: x}]}]\n");
  assert_int_equal(c->providers[0].wire_count, 2);
  EXPECT_TEXT(c->providers[0].wires[0], TEXT("openai_responses"));
  assert_non_null(config_find_model(c, TEXT("m"), TEXT("bedrock_converse"), NULL));
  assert_non_null(config_find_model(c, TEXT("m"), TEXT("bedrock_invoke"), NULL));
  assert_null(config_find_model(c, TEXT("m"), TEXT("anthropic"), NULL));
  config_unref(c);
  expect_refused("providers: [{name: p, kind: openai, wires: [openai]}]\n",
                 "weir.yaml:1:45: `providers[0].wires` must be one of `anthropic`, `openai_chat`, `openai_responses`, "
                 "`openai_embeddings`, `bedrock_invoke`, `bedrock_converse`");
}

static void a_declared_key_may_have_a_pair_for_signing(void **state) {
  struct config *c = load("keys:\n  - {name: k, value: 12345678, access_key_id: AKWEIR, secret_access_key: hush}\n"
                          "  - {name: l, value: 12345679, access_key_id: AKOTHER}\n  - {name: m, value: 12345670}\n");
  EXPECT_TEXT(c->keys[0].access_key_id, TEXT("AKWEIR"));
  EXPECT_TEXT(secret_reveal(c->keys[0].secret_access_key), TEXT("hush"));
  assert_true(secret_is_empty(c->keys[1].secret_access_key));
  EXPECT_TEXT(c->keys[2].access_key_id, TEXT(""));
  config_unref(c);
  expect_refused("keys: [{name: k, value: 12345678, secret_access_key: s}]\n",
                 "weir.yaml:1:54: `keys[0].secret_access_key` is of no use without `access_key_id`");
  expect_refused("keys: [{name: k, value: 12345678, access_key_id: \"a b\"}]\n",
                 "weir.yaml:1:50: `keys[0].access_key_id` must be visible ASCII characters without a comma");
  expect_refused("keys:\n  - {name: k, value: 12345678, access_key_id: A}\n"
                 "  - {name: l, value: 12345679, access_key_id: A}\n",
                 "weir.yaml:3:5: `keys[1]` has the same access_key_id as `keys[0]`");
}

static void the_master_key_of_the_vault_is_whole_and_in_one_place(void **state) {
  struct config *c =
      load("vault: { master_key: \"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\" }\n");
  assert_false(secret_is_empty(c->vault.master_key));
  config_unref(c);
  c = load("vault: { aws_kms: alias/weir, region: eu-north-1, endpoint: \"https://kms.example.org\" }\n");
  EXPECT_TEXT(c->vault.aws_kms, TEXT("alias/weir"));
  config_unref(c);
  expect_refused("vault: { master_key: \"${SECRET}\" }\n",
                 "weir.yaml:1:22: `vault.master_key` must be 32 bytes in base64 or hexadecimal");
  expect_refused("vault: { aws_kms: a, aws_secret: b }\n",
                 "weir.yaml:1:8: `vault` may name one place of the master key: master_key, aws_kms or aws_secret");
  expect_refused("vault: { aws_kms: a, endpoint: kms.example.org }\n",
                 "weir.yaml:1:32: `vault.endpoint` must be https://host or http://host");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_master_key_of_the_vault_is_whole_and_in_one_place),
      cmocka_unit_test(what_a_target_may_leave_out_is_a_list_of_names),
      cmocka_unit_test(wires_are_known_ones),
      cmocka_unit_test(a_declared_key_may_have_a_pair_for_signing),
      cmocka_unit_test(addresses_are_checked),
      cmocka_unit_test(backups_are_scheduled_at_times_of_the_day_or_as_cron_has_it),
      cmocka_unit_test(a_store_key_is_long_enough_and_never_quoted),
      cmocka_unit_test(a_server_key_has_32_bytes),
      cmocka_unit_test(a_redis_is_named_by_a_url_that_no_error_quotes),
      cmocka_unit_test(a_provider_has_the_address_of_its_kind),
      cmocka_unit_test(names_are_unique),
      cmocka_unit_test(a_name_given_twice_is_one_error),
      cmocka_unit_test(targets_name_what_exists),
      cmocka_unit_test(a_star_in_a_target_needs_one_in_the_name),
      cmocka_unit_test(timeouts_lie_over_each_other),
      cmocka_unit_test(prices_are_exact_and_versioned),
      cmocka_unit_test(a_budget_needs_amount_and_period),
      cmocka_unit_test(tls_needs_certificate_and_key),
      cmocka_unit_test(time_zones_are_known_names),
  };
  return RUN_TESTS(tests);
}
