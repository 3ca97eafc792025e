/* Migrations: all at once, back step by step, and refusals of what this program did not write. */
#include "store/migrate.h"

#include "expect.h"
#include "store/sqlite.h"

#define MIGRATIONS 4

static const struct store_place *place(void) {
  static struct store_place at = {.kind = STORE_SQLITE, .path = test_db};
  return &at;
}

static void change(const char *sql) {
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open(test_db, &db), SQLITE_OK);
  EXPECT_OK(sqlite_run(db, sql, &test_fault));
  sqlite3_close(db);
}

static void expect_applied(unsigned want) {
  struct arena a;
  struct migration_status *status = NULL;
  size_t count = 0;
  arena_init(&a);
  EXPECT_OK(migrate_status(place(), &a, &status, &count, &test_fault));
  assert_int_equal(count, MIGRATIONS);
  EXPECT_TEXT(status[0].name, TEXT("keys"));
  EXPECT_TEXT(status[1].name, TEXT("ledger"));
  EXPECT_TEXT(status[2].name, TEXT("key_access_ids"));
  EXPECT_TEXT(status[3].name, TEXT("key_policies"));
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(status[i].version, i + 1);
    assert_int_equal(status[i].applied, i < want);
    assert_int_equal(status[i].applied_us > 0, i < want);
  }
  arena_done(&a);
}

static void up_applies_what_is_missing_once(void **state) {
  unsigned count = 99;
  EXPECT_OK(migrate_up(place(), &count, &test_fault));
  assert_int_equal(count, MIGRATIONS);
  expect_applied(MIGRATIONS);
  EXPECT_OK(migrate_up(place(), &count, &test_fault));
  assert_int_equal(count, 0);
}

static void down_takes_back_the_newest_first_and_up_brings_them_again(void **state) {
  unsigned count = 99;
  EXPECT_OK(migrate_up(place(), &count, &test_fault));
  EXPECT_OK(migrate_down(place(), 1, &count, &test_fault));
  assert_int_equal(count, 1);
  expect_applied(MIGRATIONS - 1);
  EXPECT_OK(migrate_down(place(), 99, &count, &test_fault));
  assert_int_equal(count, MIGRATIONS - 1);
  expect_applied(0);
  EXPECT_OK(migrate_up(place(), &count, &test_fault));
  assert_int_equal(count, MIGRATIONS);
  struct store *s = open_store();
  struct ledger_row row = make_row(1, 1, 1, 1);
  append(s, &row, 1, 1);
  s->ops->close(s);
}

static void a_key_of_an_older_weir_has_neither_workspace_nor_policy(void **state) {
  unsigned count;
  struct arena a;
  struct store_key key = {0};
  uint8_t hash[STORE_HASH_BYTES];
  memset(hash, 0xab, sizeof hash);
  EXPECT_OK(migrate_up(place(), &count, &test_fault));
  EXPECT_OK(migrate_down(place(), MIGRATIONS - 3, &count, &test_fault));
  change("INSERT INTO weir_keys VALUES (1, 'old', 'weir_x', 'ann', "
         "x'abababababababababababababababababababababababababababababababab', '*', 1, 2, 3, 4, 'day', 5, 6, 7, 0)");
  struct store *s = open_store();
  arena_init(&a);
  EXPECT_OK(s->ops->key_find(s, hash, &a, &key, &test_fault));
  EXPECT_TEXT(key.user, TEXT("ann"));
  EXPECT_TEXT(key.workspace, TEXT(""));
  EXPECT_TEXT(key.policy, TEXT(""));
  arena_done(&a);
  s->ops->close(s);
  EXPECT_OK(migrate_down(place(), MIGRATIONS - 3, &count, &test_fault));
  change("UPDATE weir_keys SET name = 'kept' WHERE name = 'old' AND blocked = 0");
}

static void down_leaves_nothing_but_the_history(void **state) {
  unsigned count;
  sqlite3 *db = NULL;
  int64_t tables = 0;
  EXPECT_OK(migrate_up(place(), &count, &test_fault));
  EXPECT_OK(migrate_down(place(), 99, &count, &test_fault));
  assert_int_equal(sqlite3_open(test_db, &db), SQLITE_OK);
  EXPECT_OK(sqlite_number(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'", &tables, &test_fault));
  assert_int_equal(tables, 1);
  sqlite3_close(db);
}

static void every_table_is_strict(void **state) {
  unsigned count;
  sqlite3 *db = NULL;
  int64_t loose = 99, tables = 0;
  EXPECT_OK(migrate_up(place(), &count, &test_fault));
  assert_int_equal(sqlite3_open(test_db, &db), SQLITE_OK);
  EXPECT_OK(sqlite_number(db, "SELECT count(*) FROM pragma_table_list WHERE name LIKE 'weir_%'", &tables, &test_fault));
  EXPECT_OK(sqlite_number(db, "SELECT count(*) FROM pragma_table_list WHERE name LIKE 'weir_%' AND strict = 0", &loose,
                          &test_fault));
  assert_int_equal(tables, 7);
  assert_int_equal(loose, 0);
  sqlite3_close(db);
}

static void a_newer_schema_is_refused(void **state) {
  struct store *s = open_store();
  s->ops->close(s);
  change("INSERT INTO weir_schema VALUES (99, 'future', 'abc', 1)");
  EXPECT_ERR(store_open_sqlite(test_db, &s, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("newer Weir");
  unsigned count;
  EXPECT_ERR(migrate_down(place(), 1, &count, &test_fault), ERR_STORE);
}

static void a_changed_migration_is_refused(void **state) {
  struct store *s = open_store();
  s->ops->close(s);
  change("UPDATE weir_schema SET checksum = 'other' WHERE version = 1");
  EXPECT_ERR(store_open_sqlite(test_db, &s, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("migration 1");
}

static void a_failing_migration_leaves_nothing_behind(void **state) {
  unsigned count;
  EXPECT_OK(migrate_up(place(), &count, &test_fault));
  EXPECT_OK(migrate_down(place(), MIGRATIONS - 1, &count, &test_fault));
  change("CREATE TABLE weir_ledger_stream (a)"); /* the last table of migration 2 */
  EXPECT_ERR(migrate_up(place(), &count, &test_fault), ERR_STORE);
  expect_applied(1);
  change("DROP TABLE weir_ledger_stream");
  EXPECT_OK(migrate_up(place(), &count, &test_fault));
  assert_int_equal(count, MIGRATIONS - 1);
}

static void status_and_down_need_a_file(void **state) {
  struct arena a;
  struct migration_status *status;
  size_t count;
  unsigned steps;
  arena_init(&a);
  EXPECT_ERR(migrate_status(place(), &a, &status, &count, &test_fault), ERR_NOT_FOUND);
  EXPECT_ERR(migrate_down(place(), 1, &steps, &test_fault), ERR_NOT_FOUND);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_DIR(up_applies_what_is_missing_once),
      TEST_WITH_DIR(down_takes_back_the_newest_first_and_up_brings_them_again),
      TEST_WITH_DIR(a_key_of_an_older_weir_has_neither_workspace_nor_policy),
      TEST_WITH_DIR(down_leaves_nothing_but_the_history),
      TEST_WITH_DIR(every_table_is_strict),
      TEST_WITH_DIR(a_newer_schema_is_refused),
      TEST_WITH_DIR(a_changed_migration_is_refused),
      TEST_WITH_DIR(a_failing_migration_leaves_nothing_behind),
      TEST_WITH_DIR(status_and_down_need_a_file),
  };
  return RUN_TESTS(tests);
}
