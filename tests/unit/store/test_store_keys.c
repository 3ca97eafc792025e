/* Stored keys: what goes in comes out, names and hashes are unique, blocking, touching, listing in pages. */
#include "contract.h"

static struct store_key make_key(const char *name, uint8_t hash) {
  struct store_key k = {.name = text_of(name),
                        .prefix = TEXT("wk-abc"),
                        .user = TEXT("ann"),
                        .workspace = TEXT("lab"),
                        .policy = TEXT("bedrock_only"),
                        .models = TEXT("claude-*\ngpt-*"),
                        .rpm = 1,
                        .tpm = 2,
                        .concurrency = 3,
                        .budget_nano = 4,
                        .budget_period = TEXT("month"),
                        .created_us = 5,
                        .expires_us = 6,
                        .last_used_us = 7};
  memset(k.hash, hash, sizeof k.hash);
  return k;
}

static void expect_key(const struct store_key *got, const struct store_key *want) {
  EXPECT_TEXT(got->name, want->name);
  EXPECT_TEXT(got->prefix, want->prefix);
  EXPECT_TEXT(got->user, want->user);
  EXPECT_TEXT(got->workspace, want->workspace);
  EXPECT_TEXT(got->policy, want->policy);
  EXPECT_TEXT(got->models, want->models);
  EXPECT_TEXT(got->budget_period, want->budget_period);
  assert_memory_equal(got->hash, want->hash, STORE_HASH_BYTES);
  const int64_t a[] = {got->rpm,        got->tpm,        got->concurrency, got->budget_nano,
                       got->created_us, got->expires_us, got->last_used_us};
  const int64_t b[] = {want->rpm,        want->tpm,        want->concurrency, want->budget_nano,
                       want->created_us, want->expires_us, want->last_used_us};
  for (size_t i = 0; i < sizeof a / sizeof *a; i++)
    assert_int_equal(a[i], b[i]);
  assert_int_equal(got->blocked, want->blocked);
}

static void a_key_is_found_by_its_hash_with_every_member(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct store_key k = make_key("ci", 9), found = {0};
  int64_t id = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  assert_int_equal(id, 1);
  EXPECT_OK(s->ops->key_find(s, k.hash, &a, &found, &test_fault));
  assert_int_equal(found.id, 1);
  expect_key(&found, &k);
  k.hash[31] ^= 1;
  EXPECT_ERR(s->ops->key_find(s, k.hash, &a, &found, &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

static void a_key_is_found_by_the_beginning_of_its_hash(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct store_key k = make_key("ci", 9), other = make_key("cd", 8), found = {0};
  int64_t id = 0;
  uint8_t access_id[STORE_ACCESS_BYTES];
  arena_init(&a);
  EXPECT_OK(s->ops->key_create(s, &other, TEST_ACTOR, &id, &test_fault));
  memset(k.hash, 7, STORE_ACCESS_BYTES);
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  memcpy(access_id, k.hash, sizeof access_id);
  EXPECT_OK(s->ops->key_find_by_access_id(s, access_id, &a, &found, &test_fault));
  assert_int_equal(found.id, id);
  expect_key(&found, &k);
  access_id[7] ^= 1;
  EXPECT_ERR(s->ops->key_find_by_access_id(s, access_id, &a, &found, &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

static void a_second_key_of_the_same_name_is_refused(void **state) {
  struct store *s = contract_store(state);
  struct store_key k = make_key("ci", 1), other = make_key("ci", 2), third = make_key("cd", 3);
  int64_t id = 0;
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  EXPECT_ERR(s->ops->key_create(s, &other, TEST_ACTOR, &id, &test_fault), ERR_STORE_CONFLICT);
  assert_string_equal(test_fault.field, "name");
  EXPECT_MENTIONS("ci");
  EXPECT_OK(s->ops->key_create(s, &third, TEST_ACTOR, &id, &test_fault));
  assert_int_equal(id, 2);
}

static void blocking_changes_the_key_and_needs_one(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct store_key k = make_key("ci", 1), found = {0};
  int64_t id = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_set_blocked(s, id, true, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->key_find(s, k.hash, &a, &found, &test_fault));
  assert_true(found.blocked);
  EXPECT_OK(s->ops->key_set_blocked(s, id, false, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->key_find(s, k.hash, &a, &found, &test_fault));
  assert_false(found.blocked);
  EXPECT_ERR(s->ops->key_set_blocked(s, 99, true, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

static void keys_are_listed_in_pages_oldest_first(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct store_key *keys = NULL;
  size_t count = 0;
  arena_init(&a);
  for (uint8_t i = 0; i < 40; i++) {
    char name[8];
    int64_t id;
    snprintf(name, sizeof name, "k%d", i);
    struct store_key k = make_key(name, i);
    EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  }
  EXPECT_OK(s->ops->key_list(s, 0, 100, &a, &keys, &count, &test_fault));
  assert_int_equal(count, 40);
  EXPECT_TEXT(keys[39].name, TEXT("k39"));
  EXPECT_OK(s->ops->key_list(s, 10, 5, &a, &keys, &count, &test_fault));
  assert_int_equal(count, 5);
  assert_int_equal(keys[0].id, 11);
  EXPECT_OK(s->ops->key_list(s, 40, 5, &a, &keys, &count, &test_fault));
  assert_int_equal(count, 0);
  arena_done(&a);
}

static void the_last_use_only_moves_forward(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct store_key k = make_key("ci", 1), found = {0};
  const int64_t later = 100, earlier = 50;
  int64_t id = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_touch(s, &id, &later, 1, &test_fault));
  EXPECT_OK(s->ops->key_touch(s, &id, &earlier, 1, &test_fault));
  EXPECT_OK(s->ops->key_touch(s, NULL, NULL, 0, &test_fault));
  EXPECT_OK(s->ops->key_find(s, k.hash, &a, &found, &test_fault));
  assert_int_equal(found.last_used_us, 100);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(a_key_is_found_by_the_beginning_of_its_hash), CONTRACT(a_key_is_found_by_its_hash_with_every_member),
      CONTRACT(a_second_key_of_the_same_name_is_refused),    CONTRACT(blocking_changes_the_key_and_needs_one),
      CONTRACT(keys_are_listed_in_pages_oldest_first),       CONTRACT(the_last_use_only_moves_forward),
  };
  return RUN_CONTRACT(tests);
}
