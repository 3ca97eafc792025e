/* Credentials of providers, on every adapter: they come back as they were, a name is a provider's once, a change asks
 * for the version it was made from, what is sealed is reached by a new master key, and no secret is in the audit log.
 */
#include "ports/store_credentials.h"

#include "contract.h"
#include "ports/store_vault.h"

static struct store_credential make(struct store *s, const char *provider, const char *name) {
  struct store_credential c = {.provider = text_of(provider),
                               .name = text_of(name),
                               .workspace = TEXT("research"),
                               .kind = TEXT("api_key"),
                               .last4 = TEXT("wxyz"),
                               .sealed = TEXT("\0sealed\xff"),
                               .sealed_version = 1,
                               .weight = 3,
                               .is_active = true,
                               .created_us = 5};
  EXPECT_OK(s->ops->credentials->number(s, &c.id, &test_fault));
  return c;
}

static enum err add(struct store *s, const struct store_credential *c) {
  return s->ops->credentials->add(s, c, TEST_ACTOR, &test_fault);
}

static struct store_credential get(struct store *s, int64_t id, struct arena *a) {
  struct store_credential got = {0};
  EXPECT_OK(s->ops->credentials->get(s, id, a, &got, &test_fault));
  return got;
}

static int64_t newest_event(struct store *s) {
  int64_t id = 0;
  EXPECT_OK(s->ops->events->newest(s, &id, &test_fault));
  return id;
}

static void one_comes_back_as_it_was(void **state) {
  struct store *s = contract_store(state);
  struct store_credential one = make(s, "p", "one"), two = make(s, "q", "two"), *all, got;
  struct store_event *events;
  size_t count = 0;
  struct arena a;
  arena_init(&a);
  int64_t before = newest_event(s);
  assert_int_not_equal(one.id, two.id);
  EXPECT_OK(add(s, &one));
  EXPECT_OK(add(s, &two));
  EXPECT_OK(s->ops->events->list(s, before, 9, &a, &events, &count, &test_fault));
  assert_int_equal(count, 2);
  EXPECT_TEXT(events[0].kind, TEXT("credential"));
  EXPECT_OK(s->ops->credentials->list(s, &a, &all, &count, &test_fault));
  assert_int_equal(count, 2);
  EXPECT_TEXT(all[0].name, TEXT("one"));
  EXPECT_TEXT(all[1].provider, TEXT("q"));
  got = get(s, one.id, &a);
  EXPECT_TEXT(got.provider, TEXT("p"));
  EXPECT_TEXT(got.workspace, TEXT("research"));
  EXPECT_TEXT(got.kind, TEXT("api_key"));
  EXPECT_TEXT(got.last4, TEXT("wxyz"));
  EXPECT_TEXT(got.sealed, one.sealed);
  assert_int_equal(got.version, 1);
  assert_int_equal(got.sealed_version, 1);
  assert_int_equal(got.weight, 3);
  assert_true(got.is_active);
  assert_int_equal(got.created_us, 5);
  assert_int_equal(got.changed_us, 5);
  EXPECT_ERR(s->ops->credentials->get(s, two.id + 9, &a, &got, &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

static void a_name_is_a_provider_s_once(void **state) {
  struct store *s = contract_store(state);
  struct store_credential one = make(s, "p", "one"), again = make(s, "p", "one"), other = make(s, "q", "one"), got;
  struct arena a;
  arena_init(&a);
  EXPECT_OK(add(s, &one));
  EXPECT_ERR(add(s, &again), ERR_STORE_CONFLICT);
  assert_string_equal(test_fault.field, "name");
  again.name = TEXT("two");
  EXPECT_OK(add(s, &again));
  EXPECT_OK(add(s, &other));
  got = get(s, again.id, &a);
  got.name = TEXT("one");
  EXPECT_ERR(s->ops->credentials->change(s, &got, 1, TEST_ACTOR, &test_fault), ERR_STORE_CONFLICT);
  arena_done(&a);
}

static void a_change_asks_for_the_version_it_was_made_from(void **state) {
  struct store *s = contract_store(state);
  struct store_credential one = make(s, "p", "one"), got;
  struct arena a;
  arena_init(&a);
  EXPECT_OK(add(s, &one));
  got = get(s, one.id, &a);
  got.name = TEXT("other");
  got.workspace = TEXT("");
  got.weight = 9;
  got.is_active = false;
  got.changed_us = 8;
  got.provider = TEXT("never");
  EXPECT_OK(s->ops->credentials->change(s, &got, 1, TEST_ACTOR, &test_fault));
  EXPECT_ERR(s->ops->credentials->change(s, &got, 1, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
  got = get(s, one.id, &a);
  assert_int_equal(got.version, 2);
  EXPECT_TEXT(got.provider, TEXT("p"));
  EXPECT_TEXT(got.name, TEXT("other"));
  EXPECT_TEXT(got.workspace, TEXT(""));
  EXPECT_TEXT(got.sealed, one.sealed);
  assert_int_equal(got.weight, 9);
  assert_false(got.is_active);
  assert_int_equal(got.changed_us, 8);
  EXPECT_ERR(s->ops->credentials->remove(s, one.id, 1, TEST_ACTOR, &test_fault), ERR_STORE_STALE);
  EXPECT_OK(s->ops->credentials->remove(s, one.id, 2, TEST_ACTOR, &test_fault));
  EXPECT_ERR(s->ops->credentials->remove(s, one.id, 0, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(s->ops->credentials->change(s, &got, 2, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

/* A change that leaves the secret alone does not undo a new master key's work. */
static void what_is_sealed_is_reached_by_a_new_master_key(void **state) {
  struct store *s = contract_store(state);
  struct store_credential one = make(s, "p", "one"), read;
  struct store_sealed *got;
  size_t count = 0, column = 0;
  struct arena a;
  arena_init(&a);
  EXPECT_OK(add(s, &one));
  read = get(s, one.id, &a);
  for (bool found = false; !found; column++) {
    assert_true(column < *s->ops->vault->sealed_columns);
    EXPECT_OK(s->ops->vault->sealed_list(s, column, 0, 9, &a, &got, &count, &test_fault));
    found = count > 0 && strcmp(got->place.table, "weir_credentials") == 0;
  }
  assert_int_equal(count, 1);
  const struct vault_place place = store_credential_place(one.id, 1);
  assert_string_equal(got->place.column, place.column);
  assert_int_equal(got->place.org_id, place.org_id);
  assert_int_equal(got->place.id, place.id);
  assert_int_equal(got->place.version, place.version);
  EXPECT_OK(s->ops->vault->sealed_put(s, got, TEXT("wrapped anew"), &test_fault));
  read.weight = 7;
  EXPECT_OK(s->ops->credentials->change(s, &read, 1, TEST_ACTOR, &test_fault));
  EXPECT_TEXT(get(s, one.id, &a).sealed, TEXT("wrapped anew"));
  arena_done(&a);
}

static void the_audit_log_says_how_it_ends_and_no_more(void **state) {
  struct store *s = contract_store(state);
  struct store_credential one = make(s, "p", "one"), got;
  struct audit_row *rows;
  size_t count = 0;
  struct arena a;
  arena_init(&a);
  one.sealed = TEXT("SEALED BYTES");
  EXPECT_OK(add(s, &one));
  got = get(s, one.id, &a);
  got.sealed = TEXT("OTHER BYTES");
  got.sealed_version = 2;
  got.last4 = TEXT("abcd");
  EXPECT_OK(s->ops->credentials->change(s, &got, 1, TEST_ACTOR, &test_fault));
  EXPECT_TEXT(get(s, one.id, &a).sealed, TEXT("OTHER BYTES"));
  EXPECT_OK(s->ops->credentials->remove(s, one.id, 0, TEST_ACTOR, &test_fault));
  EXPECT_OK(s->ops->audit->list(s, &(struct audit_filter){.max = 9}, &a, &rows, &count, &test_fault));
  assert_int_equal(count, 3);
  EXPECT_TEXT(rows[0].action, TEXT("credential.delete"));
  EXPECT_TEXT(rows[1].action, TEXT("credential.rotate"));
  EXPECT_TEXT(rows[2].action, TEXT("credential.create"));
  EXPECT_TEXT(rows[1].after,
              TEXT("{\"provider\":\"p\",\"name\":\"one\",\"workspace\":\"research\",\"kind\":\"api_key\","
                   "\"last4\":\"abcd\",\"secret_version\":2,\"weight\":3,\"active\":true}"));
  for (size_t i = 0; i < count; i++)
    assert_true(text_find(rows[i].before, TEXT("BYTES")) < 0 && text_find(rows[i].after, TEXT("BYTES")) < 0);
  arena_done(&a);
}

static void there_are_so_many_and_no_more(void **state) {
  struct store *s = contract_store(state);
  struct store_credential one = make(s, "p", "one");
  bool pg = strcmp(s->ops->name, "postgres") == 0;
  char sql[512];
  snprintf(sql, sizeof sql,
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO weir_credentials "
           "SELECT 100 + i, 1, 1, 'q', 'n' || i, '', 'api_key', '', %s, 1, 1, 1, 0, 0 FROM n",
           STORE_CREDENTIALS_MAX, pg ? "'\\x00'" : "x'00'");
  contract_exec(s, sql);
  EXPECT_ERR(add(s, &one), ERR_LIMIT);
  contract_exec(s, "DELETE FROM weir_credentials WHERE id = 101");
  EXPECT_OK(add(s, &one));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(one_comes_back_as_it_was),
      CONTRACT(a_name_is_a_provider_s_once),
      CONTRACT(a_change_asks_for_the_version_it_was_made_from),
      CONTRACT(what_is_sealed_is_reached_by_a_new_master_key),
      CONTRACT(the_audit_log_says_how_it_ends_and_no_more),
      CONTRACT(there_are_so_many_and_no_more),
  };
  return RUN_CONTRACT(tests);
}
