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

static struct key_rotation rotation(int64_t id, uint8_t hash, int64_t now_us, int64_t until_us) {
  struct key_rotation r = {.id = id, .prefix = TEXT("weir_new"), .now_us = now_us, .until_us = until_us};
  memset(r.hash, hash, sizeof r.hash);
  return r;
}

static enum err find(struct store *s, uint8_t byte, struct store_key *out) {
  uint8_t hash[STORE_HASH_BYTES];
  memset(hash, byte, sizeof hash);
  return s->ops->key_find(s, hash, &arena, out, &test_fault);
}

static void a_rotated_key_is_found_by_both_hashes_and_the_old_one_has_an_end(void **state) {
  struct store *s = contract_store(state);
  struct store_key k = make_key("ci", 1), found = {0};
  struct key_rotation r = rotation(1, 2, 1000, 5000);
  struct audit_row *rows;
  int64_t id = 0;
  uint8_t access[STORE_ACCESS_BYTES];
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_rotate(s, &r, TEST_ACTOR, &test_fault));
  EXPECT_OK(find(s, 2, &found));
  assert_int_equal(found.old_until_us, 0);
  EXPECT_TEXT(found.prefix, TEXT("weir_new"));
  EXPECT_OK(find(s, 1, &found));
  assert_int_equal(found.id, id);
  assert_int_equal(found.old_until_us, 5000);
  EXPECT_TEXT(found.name, TEXT("ci"));
  assert_int_equal(found.hash[0], 1);
  memset(access, 1, sizeof access);
  EXPECT_OK(s->ops->key_find_by_access_id(s, access, &arena, &found, &test_fault));
  assert_int_equal(found.old_until_us, 5000);
  assert_int_equal(found.hash[31], 1);
  memset(access, 2, sizeof access);
  EXPECT_OK(s->ops->key_find_by_access_id(s, access, &arena, &found, &test_fault));
  assert_int_equal(found.old_until_us, 0);
  assert_int_equal(entries(s, &rows), 2);
  EXPECT_TEXT(rows[1].action, TEXT("key.rotate"));
  assert_true(text_find(rows[1].after, TEXT("\"prefix\":\"weir_new\"")) > 0);
  assert_true(text_find(rows[1].after, TEXT("\"old_until_us\":5000")) > 0);
  expect_sound(s);
}

static void rotating_again_ends_the_older_one_at_once(void **state) {
  struct store *s = contract_store(state);
  struct store_key k = make_key("ci", 1), found = {0};
  struct key_rotation first = rotation(1, 2, 1000, 9000), second = rotation(1, 3, 2000, 8000);
  int64_t id = 0;
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_rotate(s, &first, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->key_rotate(s, &second, TEST_ACTOR, &test_fault));
  EXPECT_OK(find(s, 1, &found));
  assert_int_equal(found.old_until_us, 2000);
  EXPECT_OK(find(s, 2, &found));
  assert_int_equal(found.old_until_us, 8000);
  EXPECT_OK(find(s, 3, &found));
  assert_int_equal(found.old_until_us, 0);
  first.id = 77;
  EXPECT_ERR(s->ops->key_rotate(s, &first, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
}

static void a_deleted_key_is_gone_with_what_it_was_and_its_name_is_free(void **state) {
  struct store *s = contract_store(state);
  struct store_key k = make_key("ci", 1), found = {0};
  struct key_rotation r = rotation(1, 2, 1000, 9000);
  struct audit_row *rows;
  int64_t id = 0;
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_rotate(s, &r, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->key_find_by_name(s, TEXT("ci"), &arena, &found, &test_fault));
  assert_int_equal(found.id, id);
  EXPECT_OK(s->ops->key_delete(s, id, TEST_ACTOR, &test_fault));
  EXPECT_ERR(find(s, 1, &found), ERR_NOT_FOUND);
  EXPECT_ERR(find(s, 2, &found), ERR_NOT_FOUND);
  EXPECT_ERR(s->ops->key_find_by_name(s, TEXT("ci"), &arena, &found, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(s->ops->key_delete(s, id, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  assert_int_equal(id, 2);
  assert_int_equal(entries(s, &rows), 4);
  EXPECT_TEXT(rows[2].action, TEXT("key.delete"));
  EXPECT_TEXT(rows[2].after, TEXT("null"));
  assert_true(text_find(rows[2].before, TEXT("\"name\":\"ci\"")) > 0);
  expect_sound(s);
}

static void an_expiry_is_noted_once_and_old_hashes_are_forgotten_in_time(void **state) {
  struct store *s = contract_store(state);
  struct store_key k = make_key("ci", 1), never = make_key("never", 2), later = make_key("later", 3), found = {0};
  struct key_rotation r = rotation(2, 4, 1000, 2000);
  struct key_sweep done = {9, 9};
  struct audit_row *rows;
  int64_t id = 0;
  k.expires_us = 500;
  later.expires_us = 5000;
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_create(s, &never, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_create(s, &later, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_rotate(s, &r, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->key_sweep(s, 499, 10, TEST_ACTOR, &done, &test_fault));
  assert_int_equal(done.expired + done.forgotten, 0);
  EXPECT_OK(s->ops->key_sweep(s, 3000, 10, TEST_ACTOR, &done, &test_fault));
  assert_int_equal(done.expired, 1);
  assert_int_equal(done.forgotten, 0);
  EXPECT_OK(s->ops->key_sweep(s, 3000, 10, TEST_ACTOR, &done, &test_fault));
  assert_int_equal(done.expired, 0);
  EXPECT_OK(find(s, 2, &found));
  EXPECT_OK(s->ops->key_sweep(s, 2001 + STORE_OLD_HASH_KEPT_US, 10, TEST_ACTOR, &done, &test_fault));
  assert_int_equal(done.expired, 1);
  assert_int_equal(done.forgotten, 1);
  EXPECT_ERR(find(s, 2, &found), ERR_NOT_FOUND);
  assert_int_equal(entries(s, &rows), 6);
  EXPECT_TEXT(rows[4].action, TEXT("key.expire"));
  EXPECT_TEXT(rows[4].subject, TEXT("key:1"));
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
      CONTRACT(a_rotated_key_is_found_by_both_hashes_and_the_old_one_has_an_end),
      CONTRACT(rotating_again_ends_the_older_one_at_once),
      CONTRACT(a_deleted_key_is_gone_with_what_it_was_and_its_name_is_free),
      CONTRACT(an_expiry_is_noted_once_and_old_hashes_are_forgotten_in_time),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, begin, end);
}
