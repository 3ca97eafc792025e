/* Changes of keys: each leaves an entry in the audit log that says how the key was and is, without what is secret. */
#include "contract.h"

static struct arena arena;

static struct store_key make_key(const char *name, uint8_t hash) {
  struct store_key k = {.name = text_of(name),
                        .prefix = TEXT("weir_abcdefg"),
                        .user = TEXT("ann"),
                        .workspace = TEXT("lab"),
                        .policy = TEXT(""),
                        .models = TEXT("claude-*\ngpt-*"),
                        .rpm = 1,
                        .budget_period = TEXT(""),
                        .created_us = 5};
  memset(k.hash, hash, sizeof k.hash);
  return k;
}

static size_t entries(struct store *s, struct audit_row **out) {
  size_t count = 0;
  EXPECT_OK(s->ops->audit->page(s, 0, 100, &arena, out, &count, &test_fault));
  return count;
}

static void expect_sound(struct store *s) {
  struct audit_verdict v;
  EXPECT_OK(s->ops->audit->verify(s, NULL, &arena, &v, &test_fault));
  if (v.bad_id)
    fail_msg("%.*s", TEXT_ARGS(v.why));
}

static void making_a_key_is_audited_without_its_hash(void **state) {
  struct store *s = contract_store(state);
  struct audit_row *rows;
  struct store_key k = make_key("ci", 'h');
  int64_t id = 0;
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  assert_int_equal(entries(s, &rows), 1);
  EXPECT_TEXT(rows[0].actor, TEXT("local:tester"));
  EXPECT_TEXT(rows[0].action, TEXT("key.create"));
  EXPECT_TEXT(rows[0].subject, TEXT("key:1"));
  EXPECT_TEXT(rows[0].before, TEXT("null"));
  EXPECT_TEXT(
      rows[0].after,
      TEXT("{\"name\":\"ci\",\"prefix\":\"weir_abcdefg\",\"user\":\"ann\",\"workspace\":\"lab\",\"policy\":\"\","
           "\"models\":[\"claude-*\",\"gpt-*\"],\"rpm\":1,\"tpm\":0,\"concurrency\":0,\"budget_nano\":0,"
           "\"budget_period\":\"\",\"created_us\":5,\"expires_us\":0,\"blocked\":false}"));
  expect_sound(s);
}

static void what_was_refused_is_not_audited(void **state) {
  struct store *s = contract_store(state);
  struct audit_row *rows;
  struct store_key k = make_key("ci", 1), other = make_key("ci", 2);
  int64_t id = 0;
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  EXPECT_ERR(s->ops->key_create(s, &other, TEST_ACTOR, &id, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_ERR(s->ops->key_set_blocked(s, 99, true, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  assert_int_equal(entries(s, &rows), 1);
  expect_sound(s);
}

static void blocking_is_audited_when_it_changes_something(void **state) {
  struct store *s = contract_store(state);
  struct audit_row *rows;
  struct store_key k = make_key("ci", 1);
  int64_t id = 0;
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_set_blocked(s, id, true, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->key_set_blocked(s, id, true, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->key_set_blocked(s, id, false, TEST_ACTOR, &test_fault));
  assert_int_equal(entries(s, &rows), 3);
  EXPECT_TEXT(rows[1].action, TEXT("key.block"));
  assert_true(text_find(rows[1].before, TEXT("\"blocked\":false")) > 0);
  assert_true(text_find(rows[1].after, TEXT("\"blocked\":true")) > 0);
  EXPECT_TEXT(rows[2].action, TEXT("key.unblock"));
  expect_sound(s);
}

static int begin(void **state) {
  arena_init(&arena);
  return 0;
}

static int end(void **state) {
  arena_done(&arena);
  return contract_end(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(making_a_key_is_audited_without_its_hash),
      CONTRACT(what_was_refused_is_not_audited),
      CONTRACT(blocking_is_audited_when_it_changes_something),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, begin, end);
}
