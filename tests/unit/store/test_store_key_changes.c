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
  EXPECT_OK(s->ops->key_delete(s, id, 0, TEST_ACTOR, &test_fault));
  EXPECT_ERR(find(s, 1, &found), ERR_NOT_FOUND);
  EXPECT_ERR(find(s, 2, &found), ERR_NOT_FOUND);
  EXPECT_ERR(s->ops->key_find_by_name(s, TEXT("ci"), &arena, &found, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(s->ops->key_delete(s, id, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
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

static void an_update_changes_all_that_may_change_and_the_version(void **state) {
  struct store *s = contract_store(state);
  struct store_key k = make_key("ci", 1), found = {0};
  struct audit_row *rows;
  int64_t id = 0;
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_get(s, 1, id, &arena, &k, &test_fault));
  assert_int_equal(k.org_id, 1);
  assert_int_equal(k.version, 1);
  k.name = TEXT("cd"), k.user = TEXT("bob"), k.workspace = TEXT("shop"), k.policy = TEXT("p"), k.models = TEXT("*");
  k.rpm = 2, k.tpm = 3, k.concurrency = 4, k.budget_nano = 5, k.budget_period = TEXT("day"), k.expires_us = 6;
  k.blocked = true, k.routes = TEXT("anthropic"), k.allow_ips = TEXT("10.0.0.0/8\n::1"), k.cors_origins = TEXT("*");
  EXPECT_OK(s->ops->key_update(s, &k, 1, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->key_get(s, 0, id, &arena, &found, &test_fault));
  EXPECT_TEXT(found.name, k.name);
  EXPECT_TEXT(found.user, k.user);
  EXPECT_TEXT(found.workspace, k.workspace);
  EXPECT_TEXT(found.policy, k.policy);
  EXPECT_TEXT(found.models, k.models);
  EXPECT_TEXT(found.budget_period, k.budget_period);
  EXPECT_TEXT(found.routes, k.routes);
  EXPECT_TEXT(found.allow_ips, k.allow_ips);
  EXPECT_TEXT(found.cors_origins, k.cors_origins);
  assert_int_equal(found.rpm * 1000 + found.tpm * 100 + found.concurrency * 10 + found.budget_nano, 2345);
  assert_int_equal(found.expires_us, 6);
  assert_int_equal(found.blocked, 1);
  assert_int_equal(found.version, 2);
  assert_int_equal(found.hash[0], 1);
  assert_int_equal(entries(s, &rows), 2);
  EXPECT_TEXT(rows[1].action, TEXT("key.update"));
  assert_true(text_find(rows[1].after, TEXT("\"allow_ips\":[\"10.0.0.0/8\",\"::1\"]")) > 0);
  expect_sound(s);
}

static void a_change_from_another_version_is_refused(void **state) {
  struct store *s = contract_store(state);
  struct store_key k = make_key("ci", 1), other = make_key("cd", 2);
  struct key_rotation r = rotation(1, 3, 1000, 2000);
  struct audit_row *rows;
  int64_t id = 0;
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_create(s, &other, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_set_blocked(s, 1, true, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->key_get(s, 0, 1, &arena, &k, &test_fault));
  assert_int_equal(k.version, 2);
  k.blocked = false;
  EXPECT_ERR(s->ops->key_update(s, &k, 1, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
  EXPECT_ERR(s->ops->key_update(s, &k, -1, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
  EXPECT_ERR(s->ops->key_delete(s, 1, 3, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
  r.version = 1;
  EXPECT_ERR(s->ops->key_rotate(s, &r, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
  assert_int_equal(entries(s, &rows), 3);
  EXPECT_OK(s->ops->key_update(s, &k, 2, TEST_ACTOR, &test_fault));
  assert_int_equal(entries(s, &rows), 4);
  EXPECT_TEXT(rows[3].action, TEXT("key.unblock"));
  EXPECT_OK(s->ops->key_update(s, &k, 3, TEST_ACTOR, &test_fault)); /* as it is: no new version */
  assert_int_equal(entries(s, &rows), 4);
  k.name = TEXT("cd");
  EXPECT_ERR(s->ops->key_update(s, &k, 3, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  k.id = 99;
  EXPECT_ERR(s->ops->key_update(s, &k, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  r.version = 3;
  EXPECT_OK(s->ops->key_rotate(s, &r, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->key_delete(s, 1, 4, TEST_ACTOR, &test_fault));
  expect_sound(s);
}

static void keys_of_another_organisation_are_not_there(void **state) {
  struct store *s = contract_store(state);
  struct store_key k = make_key("ci", 1), other = make_key("cd", 2), found = {.id = -1};
  int64_t id = 0;
  other.org_id = 2;
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
  EXPECT_ERR(s->ops->key_create(s, &other, TEST_ACTOR, &id, &test_fault), ERR_BAD_REQUEST); /* "lab" is the first's */
  EXPECT_TEXT(text_of(test_fault.field), TEXT("workspace"));
  other.workspace = TEXT("");
  EXPECT_ERR(s->ops->key_create(s, &other, TEST_ACTOR, &id, &test_fault), ERR_BAD_REQUEST);
  other.workspace = TEXT("nowhere");
  EXPECT_ERR(s->ops->key_create(s, &other, TEST_ACTOR, &id, &test_fault), ERR_BAD_REQUEST);
  contract_exec(s, "INSERT INTO weir_workspace_names (name, org_id) VALUES ('theirs', 2)");
  other.workspace = TEXT("theirs");
  EXPECT_OK(s->ops->key_create(s, &other, TEST_ACTOR, &id, &test_fault));
  EXPECT_ERR(s->ops->key_get(s, 1, 2, &arena, &found, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(s->ops->key_get(s, 2, 1, &arena, &found, &test_fault), ERR_NOT_FOUND);
  assert_int_equal(found.id, -1);
  EXPECT_OK(s->ops->key_get(s, 2, 2, &arena, &found, &test_fault));
  EXPECT_OK(s->ops->key_get(s, 0, 2, &arena, &found, &test_fault));
  struct key_filter q = {.org_id = 2, .max = 10};
  struct store_key *keys;
  size_t count = 0;
  EXPECT_OK(s->ops->key_page(s, &q, &arena, &keys, &count, &test_fault));
  assert_int_equal(count, 1);
  EXPECT_TEXT(keys[0].name, TEXT("cd"));
}

static void a_workspace_s_name_says_whose_a_key_is(void **state) {
  struct store *s = contract_store(state);
  struct store_key k = make_key("ci", 1), other = make_key("cd", 2), found;
  int64_t id = 0;
  contract_exec(s, "INSERT INTO weir_workspace_names (name, org_id) VALUES ('theirs', 2)");
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault)); /* takes "lab" for the first organisation */
  other.workspace = TEXT("theirs");
  EXPECT_OK(s->ops->key_create(s, &other, TEST_ACTOR, &id, &test_fault)); /* by who does not say of which */
  EXPECT_OK(s->ops->key_get(s, 0, id, &arena, &found, &test_fault));
  assert_int_equal(found.org_id, 2);
  found.workspace = TEXT("lab");
  EXPECT_ERR(s->ops->key_update(s, &found, 0, TEST_ACTOR, &test_fault), ERR_BAD_REQUEST);
  found.workspace = TEXT("");
  EXPECT_ERR(s->ops->key_update(s, &found, 0, TEST_ACTOR, &test_fault), ERR_BAD_REQUEST);
  EXPECT_OK(s->ops->key_get(s, 0, 1, &arena, &found, &test_fault));
  found.workspace = TEXT("theirs");
  EXPECT_ERR(s->ops->key_update(s, &found, 0, TEST_ACTOR, &test_fault), ERR_BAD_REQUEST);
  found.workspace = TEXT("new");
  EXPECT_OK(s->ops->key_update(s, &found, 0, TEST_ACTOR, &test_fault));
  found.workspace = TEXT("");
  EXPECT_OK(s->ops->key_update(s, &found, 0, TEST_ACTOR, &test_fault));
  other = make_key("ce", 3);
  other.org_id = 1;
  other.workspace = TEXT("theirs");
  EXPECT_ERR(s->ops->key_create(s, &other, TEST_ACTOR, &id, &test_fault), ERR_BAD_REQUEST);
  expect_sound(s);
}

static void add_named(struct store *s, const char *name, uint8_t hash, const char *user, bool blocked) {
  struct store_key k = make_key(name, hash);
  int64_t id = 0;
  k.user = text_of(user);
  k.blocked = blocked;
  EXPECT_OK(s->ops->key_create(s, &k, TEST_ACTOR, &id, &test_fault));
}

static void expect_page(struct store *s, struct key_filter q, const char *ids) {
  struct store_key *keys;
  char found[64] = "";
  size_t count = 0;
  q.max = q.max ? q.max : 10;
  EXPECT_OK(s->ops->key_page(s, &q, &arena, &keys, &count, &test_fault));
  for (size_t i = 0; i < count; i++)
    snprintf(found + strlen(found), sizeof found - strlen(found), "%lld ", (long long)keys[i].id);
  EXPECT_TEXT(text_of(found), text_of(ids));
}

static void keys_are_paged_by_what_is_asked_for(void **state) {
  struct store *s = contract_store(state);
  add_named(s, "Ant", 1, "ann", false);
  add_named(s, "bee", 2, "bob", true);
  add_named(s, "plant", 3, "ann", false);
  add_named(s, "100%_", 4, "' OR 1=1 --", false);
  expect_page(s, (struct key_filter){0}, "1 2 3 4 ");
  expect_page(s, (struct key_filter){.newest_first = true, .max = 2}, "4 3 ");
  expect_page(s, (struct key_filter){.newest_first = true, .after_id = 3}, "2 1 ");
  expect_page(s, (struct key_filter){.after_id = 2}, "3 4 ");
  expect_page(s, (struct key_filter){.user = TEXT("ann")}, "1 3 ");
  expect_page(s, (struct key_filter){.user = TEXT("' OR 1=1 --")}, "4 ");
  expect_page(s, (struct key_filter){.search = TEXT("AN")}, "1 3 ");
  expect_page(s, (struct key_filter){.search = TEXT("%")}, "4 ");
  expect_page(s, (struct key_filter){.search = TEXT("'")}, "");
  expect_page(s, (struct key_filter){.only_blocked = true}, "2 ");
  expect_page(s, (struct key_filter){.only_open = true}, "1 3 4 ");
  expect_page(s, (struct key_filter){.workspace = TEXT("lab"), .user = TEXT("bob")}, "2 ");
  expect_page(s, (struct key_filter){.workspace = TEXT("la")}, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(an_update_changes_all_that_may_change_and_the_version),
      CONTRACT(a_change_from_another_version_is_refused),
      CONTRACT(keys_of_another_organisation_are_not_there),
      CONTRACT(a_workspace_s_name_says_whose_a_key_is),
      CONTRACT(keys_are_paged_by_what_is_asked_for),
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
