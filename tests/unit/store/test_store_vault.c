/* What the vault keeps: the first master key stays the one, and of two signing keys with one id one is kept. */
#include "contract.h"

#include "ports/store_vault.h"

static const struct audit_actor by = {TEXT("system:vault"), TEXT("start")};

static void the_first_master_key_is_the_one(void **state) {
  struct store *s = contract_store(state);
  const struct store_vault_state first = {TEXT("aa"), TEXT("sealed"), TEXT("")};
  const struct store_vault_state second = {TEXT("bb"), TEXT("other"), TEXT("")};
  struct store_vault_state found;
  struct audit_row *rows;
  size_t count;
  struct arena a;
  arena_init(&a);
  EXPECT_OK(s->ops->vault->state(s, &a, &found, &test_fault));
  EXPECT_TEXT(found.check, TEXT(""));
  EXPECT_OK(s->ops->vault->begin(s, &first, &by, &a, &found, &test_fault));
  EXPECT_TEXT(found.check, TEXT("aa"));
  EXPECT_OK(s->ops->vault->begin(s, &second, &by, &a, &found, &test_fault));
  EXPECT_TEXT(found.check, TEXT("aa"));
  EXPECT_TEXT(found.kept, TEXT("sealed"));
  EXPECT_OK(s->ops->vault->state(s, &a, &found, &test_fault));
  EXPECT_TEXT(found.check, TEXT("aa"));
  EXPECT_TEXT(found.kept, TEXT("sealed"));
  EXPECT_TEXT(found.next, TEXT(""));
  EXPECT_OK(s->ops->audit->list(s, &(struct audit_filter){.max = 9}, &a, &rows, &count, &test_fault));
  assert_int_equal(count, 1);
  EXPECT_TEXT(rows[0].action, TEXT("vault.begin"));
  EXPECT_TEXT(rows[0].actor, TEXT("system:vault"));
  arena_done(&a);
}

static struct store_signing_key make_key(int64_t id, const char *kid) {
  struct store_signing_key k = {.id = id,
                                .kid = text_of(kid),
                                .sealed = TEXT("\0sealed\xff"),
                                .version = 3,
                                .created_us = 100 + id,
                                .signs_us = 200 + id};
  memset(k.public_key, (int)id, sizeof k.public_key);
  return k;
}

static int64_t newest_event(struct store *s) {
  int64_t id = 0;
  EXPECT_OK(s->ops->events->newest(s, &id, &test_fault));
  return id;
}

static void signing_keys_come_back_as_they_were_oldest_first(void **state) {
  struct store *s = contract_store(state);
  const struct store_signing_key one = make_key(1, "one"), two = make_key(2, "two");
  struct store_signing_key *got;
  size_t count = 0;
  struct arena a;
  arena_init(&a);
  EXPECT_OK(s->ops->vault->signing_add(s, &one, &by, &test_fault));
  int64_t before = newest_event(s);
  EXPECT_OK(s->ops->vault->signing_add(s, &two, &by, &test_fault));
  assert_int_equal(newest_event(s), before + 1);
  EXPECT_OK(s->ops->vault->signing_list(s, &a, &got, &count, &test_fault));
  assert_int_equal(count, 2);
  EXPECT_TEXT(got[0].kid, TEXT("one"));
  EXPECT_TEXT(got[1].kid, TEXT("two"));
  EXPECT_TEXT(got[1].sealed, two.sealed);
  assert_memory_equal(got[1].public_key, two.public_key, sizeof two.public_key);
  assert_int_equal(got[1].id, 2);
  assert_int_equal(got[1].version, 3);
  assert_int_equal(got[1].created_us, 102);
  assert_int_equal(got[1].signs_us, 202);
  arena_done(&a);
}

static void of_two_with_one_id_the_first_is_kept(void **state) {
  struct store *s = contract_store(state);
  const struct store_signing_key one = make_key(1, "one"), other = make_key(1, "other");
  struct store_signing_key *got;
  size_t count = 0;
  struct arena a;
  arena_init(&a);
  EXPECT_OK(s->ops->vault->signing_add(s, &one, &by, &test_fault));
  EXPECT_ERR(s->ops->vault->signing_add(s, &other, &by, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_OK(s->ops->vault->signing_list(s, &a, &got, &count, &test_fault));
  assert_int_equal(count, 1);
  EXPECT_TEXT(got[0].kid, TEXT("one"));
  arena_done(&a);
}

static void one_that_is_removed_is_gone_and_noted(void **state) {
  struct store *s = contract_store(state);
  const struct store_signing_key one = make_key(1, "one");
  struct store_signing_key *got;
  struct audit_row *rows;
  size_t count = 0;
  struct arena a;
  arena_init(&a);
  EXPECT_OK(s->ops->vault->signing_add(s, &one, &by, &test_fault));
  EXPECT_OK(s->ops->vault->signing_remove(s, 1, &by, &test_fault));
  EXPECT_ERR(s->ops->vault->signing_remove(s, 1, &by, &test_fault), ERR_NOT_FOUND);
  EXPECT_OK(s->ops->vault->signing_list(s, &a, &got, &count, &test_fault));
  assert_int_equal(count, 0);
  EXPECT_OK(s->ops->audit->list(s, &(struct audit_filter){.max = 9}, &a, &rows, &count, &test_fault));
  assert_int_equal(count, 2);
  EXPECT_TEXT(rows[0].action, TEXT("signing_key.remove"));
  EXPECT_TEXT(rows[1].after, TEXT("{\"kid\":\"one\",\"signs_us\":201}"));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(the_first_master_key_is_the_one),
      CONTRACT(signing_keys_come_back_as_they_were_oldest_first),
      CONTRACT(of_two_with_one_id_the_first_is_kept),
      CONTRACT(one_that_is_removed_is_gone_and_noted),
  };
  return RUN_CONTRACT(tests);
}
