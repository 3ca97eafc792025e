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

static void a_turn_is_made_from_the_state_that_was_seen_only(void **state) {
  struct store *s = contract_store(state);
  const struct store_vault_state first = {TEXT("aa"), TEXT("k"), TEXT("")}, next = {TEXT("aa"), TEXT("k"), TEXT("n")},
                                 last = {TEXT("bb"), TEXT(""), TEXT("")};
  struct store_vault_state found;
  struct audit_row *rows;
  size_t count;
  struct arena a;
  arena_init(&a);
  EXPECT_OK(s->ops->vault->begin(s, &first, &by, &a, &found, &test_fault));
  int64_t before = newest_event(s);
  EXPECT_OK(s->ops->vault->turn(s, &first, &next, TEXT("vault.rewrap.begin"), &by, &test_fault));
  assert_int_equal(newest_event(s), before + 1);
  EXPECT_ERR(s->ops->vault->turn(s, &first, &last, TEXT("x"), &by, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_OK(s->ops->vault->turn(s, &next, &last, TEXT("vault.rewrap.end"), &by, &test_fault));
  EXPECT_OK(s->ops->vault->state(s, &a, &found, &test_fault));
  EXPECT_TEXT(found.check, TEXT("bb"));
  EXPECT_TEXT(found.kept, TEXT(""));
  EXPECT_TEXT(found.next, TEXT(""));
  EXPECT_OK(s->ops->audit->list(s, &(struct audit_filter){.max = 9}, &a, &rows, &count, &test_fault));
  assert_int_equal(count, 3);
  EXPECT_TEXT(rows[0].action, TEXT("vault.rewrap.end"));
  arena_done(&a);
}

static void a_record_is_exchanged_only_if_it_is_what_was_read(void **state) {
  struct store *s = contract_store(state);
  const struct store_signing_key one = make_key(1, "one"), two = make_key(2, "two");
  struct store_sealed *got;
  size_t count = 0, column = 0;
  struct arena a;
  arena_init(&a);
  EXPECT_OK(s->ops->vault->signing_add(s, &one, &by, &test_fault));
  EXPECT_OK(s->ops->vault->signing_add(s, &two, &by, &test_fault));
  EXPECT_OK(s->ops->vault->sealed_list(s, column, 0, 1, &a, &got, &count, &test_fault));
  assert_int_equal(count, 1);
  assert_int_equal(got->place.id, 1);
  assert_int_equal(got->place.version, 3);
  assert_string_equal(got->place.table, "weir_signing_keys");
  assert_string_equal(got->place.column, "sealed");
  EXPECT_TEXT(got->sealed, one.sealed);
  EXPECT_OK(s->ops->vault->sealed_put(s, got, TEXT("\0fresh"), &test_fault));
  EXPECT_ERR(s->ops->vault->sealed_put(s, got, TEXT("late"), &test_fault), ERR_STORE_STALE);
  EXPECT_OK(s->ops->vault->sealed_list(s, column, 0, 9, &a, &got, &count, &test_fault));
  assert_int_equal(count, 2);
  EXPECT_TEXT(got[0].sealed, TEXT("\0fresh"));
  EXPECT_TEXT(got[1].sealed, two.sealed);
  struct store_sealed nowhere = got[0];
  nowhere.place.column = "kid";
  EXPECT_ERR(s->ops->vault->sealed_put(s, &nowhere, TEXT("x"), &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

/* A column that is sealed is called so, or "secret", and a new master key must reach it. */
static void every_sealed_column_is_in_the_list(void **state) {
  struct store *s = open_memory();
  struct database *d = (struct database *)s;
  struct driver_link *l;
  bool row = false;
  size_t seen = 0;
  EXPECT_OK(d->driver->take(d, DRIVER_READ, false, &l, &test_fault));
  EXPECT_OK(d->driver->prepare_text(l,
                                    "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE "
                                    "m.type = 'table' AND (c.name LIKE '%sealed' OR c.name = 'secret') ORDER BY 1, 2",
                                    &test_fault));
  while (!d->driver->step(l, &row, "looking", &test_fault) && row)
    seen++;
  d->driver->reset(l);
  d->driver->give(d, l);
  assert_int_equal(seen, *s->ops->vault->sealed_columns);
  s->ops->close(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(the_first_master_key_is_the_one),
      CONTRACT(signing_keys_come_back_as_they_were_oldest_first),
      CONTRACT(of_two_with_one_id_the_first_is_kept),
      CONTRACT(one_that_is_removed_is_gone_and_noted),
      CONTRACT(a_turn_is_made_from_the_state_that_was_seen_only),
      CONTRACT(a_record_is_exchanged_only_if_it_is_what_was_read),
      cmocka_unit_test(every_sealed_column_is_in_the_list),
  };
  return RUN_CONTRACT(tests);
}
