/* Secrets of service accounts, on every adapter: of one's own organisation alone, so many and no more, and gone with
 * the account. */
#include "ports/store_service_secrets.h"

#include "contract.h"
#include "ports/store_people.h"

static int64_t make_account(struct store *s, const char *name) {
  const struct people_row r = {.org_id = 1, .name = text_of(name), .created_us = 5};
  int64_t id = 0;
  EXPECT_OK(s->ops->people->create(s, PEOPLE_SERVICE, &r, TEST_ACTOR, &id, &test_fault));
  return id;
}

static enum err try_add(struct store *s, int64_t org_id, int64_t service_id, uint8_t fill, int64_t *out) {
  struct store_service_secret n = {
      .org_id = org_id, .service_id = service_id, .prefix = TEXT("weirsecabcd"), .created_us = 7, .expires_us = 9};
  memset(n.hash, fill, sizeof n.hash);
  return s->ops->service_secrets->add(s, &n, TEST_ACTOR, out, &test_fault);
}

static enum err find(struct store *s, uint8_t fill, struct store_service_secret *out, struct arena *a) {
  uint8_t hash[STORE_HASH_BYTES];
  memset(hash, fill, sizeof hash);
  return s->ops->service_secrets->find(s, hash, a, out, &test_fault);
}

static void a_secret_is_found_by_its_hash_until_it_is_removed(void **state) {
  struct store *s = contract_store(state);
  struct store_service_secret got, *all;
  struct audit_row *rows;
  size_t count = 0;
  int64_t id = 0, before = 0, after = 0;
  struct arena a;
  arena_init(&a);
  int64_t account = make_account(s, "robot"), other = make_account(s, "other");
  EXPECT_OK(s->ops->events->newest(s, &before, &test_fault));
  EXPECT_OK(try_add(s, 0, account, 1, &id));
  EXPECT_OK(s->ops->events->newest(s, &after, &test_fault));
  assert_int_equal(after, before + 1);
  EXPECT_OK(find(s, 1, &got, &a));
  assert_int_equal(got.id, id);
  assert_int_equal(got.org_id, 1);
  assert_int_equal(got.service_id, account);
  assert_int_equal(got.created_us, 7);
  assert_int_equal(got.expires_us, 9);
  EXPECT_TEXT(got.prefix, TEXT("weirsecabcd"));
  EXPECT_ERR(find(s, 2, &got, &a), ERR_NOT_FOUND);
  EXPECT_OK(s->ops->service_secrets->list(s, 1, account, &a, &all, &count, &test_fault));
  assert_int_equal(count, 1);
  EXPECT_OK(s->ops->service_secrets->list(s, 1, other, &a, &all, &count, &test_fault));
  assert_int_equal(count, 0);
  EXPECT_ERR(s->ops->service_secrets->remove(s, 0, other, id, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(s->ops->service_secrets->remove(s, 1, account, id, TEST_ACTOR, &test_fault));
  EXPECT_ERR(find(s, 1, &got, &a), ERR_NOT_FOUND);
  EXPECT_OK(s->ops->audit->list(s, &(struct audit_filter){.max = 2}, &a, &rows, &count, &test_fault));
  EXPECT_TEXT(rows[0].action, TEXT("service_secret.remove"));
  EXPECT_TEXT(rows[1].action, TEXT("service_secret.create"));
  arena_done(&a);
}

static void another_organisation_s_account_is_not_there(void **state) {
  struct store *s = contract_store(state);
  struct store_service_secret *all;
  size_t count = 9;
  int64_t id = 0;
  struct arena a;
  arena_init(&a);
  int64_t account = make_account(s, "robot");
  EXPECT_ERR(try_add(s, 2, account, 1, &id), ERR_NOT_FOUND);
  EXPECT_ERR(try_add(s, 1, account + 50, 1, &id), ERR_NOT_FOUND);
  EXPECT_OK(try_add(s, 1, account, 1, &id));
  EXPECT_OK(s->ops->service_secrets->list(s, 2, account, &a, &all, &count, &test_fault));
  assert_int_equal(count, 0);
  EXPECT_ERR(s->ops->service_secrets->remove(s, 2, account, id, TEST_ACTOR, &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

static void there_are_so_many_and_they_go_with_the_account(void **state) {
  struct store *s = contract_store(state);
  struct store_service_secret got;
  int64_t id = 0;
  struct arena a;
  arena_init(&a);
  int64_t account = make_account(s, "robot");
  for (uint8_t i = 1; i <= SERVICE_SECRETS_MAX; i++)
    EXPECT_OK(try_add(s, 1, account, i, &id));
  EXPECT_ERR(try_add(s, 1, account, 99, &id), ERR_LIMIT);
  EXPECT_OK(s->ops->people->remove(s, PEOPLE_SERVICE, 1, account, 0, TEST_ACTOR, &test_fault));
  EXPECT_ERR(find(s, 1, &got, &a), ERR_NOT_FOUND);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(a_secret_is_found_by_its_hash_until_it_is_removed),
      CONTRACT(another_organisation_s_account_is_not_there),
      CONTRACT(there_are_so_many_and_they_go_with_the_account),
  };
  return RUN_CONTRACT(tests);
}
