/* The written reference has every row; the list of keys for a restart has what differs. */
#include "config/keys.h"

#include "expect.h"

static void expect_rows(struct text document, const struct key_section *s) {
  for (size_t i = 0; i < s->count; i++) {
    char row[128];
    (void)snprintf(row, sizeof row, "\n| `%s` | ", s->keys[i].name);
    if (text_find(document, text_of(row)) < 0 || text_find(document, text_of(s->keys[i].help)) < 0)
      fail_msg("%s.%s is not in the reference", s->title, s->keys[i].name);
    if (s->keys[i].section != NULL)
      expect_rows(document, s->keys[i].section);
  }
}

static void every_key_is_in_the_reference(void **state) {
  struct buf b;
  buf_init(&b, 1 << 20);
  config_write_reference(&b);
  assert_int_equal(buf_check(&b), ERR_OK);
  expect_rows(buf_text(&b), &keys_root);
  assert_true(text_find(buf_text(&b), TEXT("## `providers[].credentials[]`")) > 0);
  assert_true(text_find(buf_text(&b), TEXT("| `body_bytes` | `33554432` | 1024 to 1073741824 | reload, API |")) > 0);
  assert_true(text_find(buf_text(&b), TEXT("| `name` | required |")) > 0);
  assert_true(text_find(buf_text(&b), TEXT("`bedrock_converse`, or a list of them")) > 0);
  assert_true(text_find(buf_text(&b), TEXT("a mapping of at most 16 names to texts")) > 0);
  assert_true(text_find(buf_text(&b), TEXT("| `store` | `sqlite` | `sqlite`, `memory`, `postgres://*` |")) > 0);
  buf_done(&b);
}

static void rows_have_five_cells(void **state) {
  struct buf b;
  buf_init(&b, 1 << 20);
  config_write_reference(&b);
  struct text rest = buf_text(&b), line;
  while (text_cut(rest, '\n', &line, &rest)) {
    size_t bars = 0;
    for (size_t i = 0; i < line.len; i++)
      bars += line.at[i] == '|' && (i == 0 || line.at[i - 1] != '\\');
    if (text_starts(line, TEXT("|")))
      assert_int_equal(bars, 6);
  }
  buf_done(&b);
}

static void expect_restart(const char *before, const char *after, const char *want) {
  struct config *a = load(before), *b = load(after);
  struct buf out;
  buf_init(&out, 1000);
  assert_int_equal(config_restart_keys(a, b, &out), want[0] != '\0');
  EXPECT_TEXT(buf_text(&out), text_of(want));
  buf_done(&out);
  config_unref(a);
  config_unref(b);
}

static void only_keys_that_need_a_restart_are_listed(void **state) {
  expect_restart("", "", "");
  expect_restart("", "limits: {body_bytes: 2048}\ntimeouts: {connect: 1s}\ntelemetry: {log_level: debug}\n", "");
  expect_restart("", "listen: 127.0.0.1:8080\nstore: sqlite\n", "");
  expect_restart("store: postgres://u:a@h/d\n", "store: postgres://u:a@h/d\n", "");
  expect_restart("store: postgres://u:a@h/d\n", "store: postgres://u:b@h/d\npostgres: {pool: 1}\n",
                 "store, postgres.pool");
  expect_restart("store: postgres://h/d\nstore_replicas: postgres://a/d\n",
                 "store: postgres://h/d\nstore_replicas: postgres://b/d\n", "store_replicas");
  expect_restart("", "listen: [127.0.0.1:8080, 127.0.0.1:8081]\n", "listen");
  expect_restart("listen: a\n", "listen: b\n", "listen");
  expect_restart("", "store: memory\nworkers: 2\nlimits: {connections: 5}\ntls: {cert: a, key: b}\n",
                 "store, workers, tls.cert, tls.key, limits.connections");
  expect_restart("",
                 "limits: {requests: 5, streams: 5, memory_bytes: 1048576}\nbreaker: {probe: 1s}\n"
                 "retry: {attempts: 2, base: 1ms, max: 2s, budget_percent: 0, budget_floor: 0}\n"
                 "affinity: {enabled: false, ttl: 1s}\nqueue: {size: 0, wait: 0s}\ntimeouts: {abandoned: 1s}\n"
                 "policies: [{name: p}]\nassignments: [{key: k, policy: p}]\nrate_limits: [{model: m, rpm: 1}]\n",
                 "");
  expect_restart("redis: \"redis://:hush@a\"\n", "redis: \"redis://:hush@b\"\nredis_ca: x\n", "redis, redis_ca");
  expect_restart("redis: \"redis://:hush@a\"\n", "redis: \"redis://:hush@a\"\n", "");
  expect_restart("", "limits: {http2_streams: 5}\naffinity: {entries: 5}\n", "limits.http2_streams, affinity.entries");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_key_is_in_the_reference),
      cmocka_unit_test(rows_have_five_cells),
      cmocka_unit_test(only_keys_that_need_a_restart_are_listed),
  };
  return RUN_TESTS(tests);
}
