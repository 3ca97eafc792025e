/* Restoring: verified first, exchanged in one instant, and no log of the old database is ever taken for the new one's.
 */
#include "store/restore.h"

#include "store/migrate.h"

#include "backup_fixture.h"

#include <sqlite3.h>

#define KEPT (in_dir("weir.db.before-restore-X").text)

/* A backup of `rows` rows, and no database. */
static void backup_of(size_t rows) {
  struct store *s = open_store();
  struct backup_made made;
  add_rows(s, 1, rows);
  s->ops->close(s);
  struct backup_request r = {.database = test_db, .path = in_dir("b").text, .out = -1, .replace = true};
  struct path path = in_dir("b");
  r.path = path.text;
  EXPECT_OK(backup_make(&r, &made, &test_fault));
  assert_int_equal(unlink(test_db), 0);
}

static enum err prepare(struct restore_found *found) {
  int in = open(in_dir("b").text, O_RDONLY | O_CLOEXEC);
  assert_true(in >= 0);
  enum err e = restore_prepare(in, &(struct restore_database){.path = test_db}, TEXT_NONE, found, &test_fault);
  close(in);
  return e;
}

static void expect_nothing_left(void) {
  static const char *const names[] = {"weir.db.restoring", "weir.db.restoring-wal", "weir.db.restoring-shm"};
  for (size_t i = 0; i < 3; i++)
    if (exists(names[i]))
      fail_msg("%s was left", names[i]);
}

static void put(bool want_kept) {
  bool kept = !want_kept;
  EXPECT_OK(restore_put(&(struct restore_database){.path = test_db}, KEPT, &kept, &test_fault));
  assert_int_equal(kept, want_kept);
  expect_nothing_left();
}

static void into_a_folder_without_a_database(void **state) {
  struct restore_found found = {0};
  backup_of(100);
  EXPECT_OK(prepare(&found));
  assert_int_equal(found.rows, 100);
  assert_int_equal(found.keys, 3);
  assert_int_equal(found.cost_nano, 10000);
  assert_false(exists("weir.db"));
  put(false);
  assert_int_equal(totals_of(test_db).rows, 100);
}

static void the_replaced_database_is_kept_whole(void **state) {
  struct restore_found found;
  struct stat st;
  backup_of(100);
  struct store *old = open_store();
  add_rows(old, 1000, 7);
  old->ops->close(old);
  EXPECT_OK(prepare(&found));
  assert_int_equal(totals_of(test_db).rows, 7); /* nothing has happened to it */
  put(true);
  assert_int_equal(totals_of(test_db).rows, 100);
  assert_int_equal(totals_of(KEPT).rows, 7);
  assert_int_equal(stat(test_db, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
}

/* As after kill -9: the newest rows stand in the log only. */
static void rows_in_the_log_go_with_the_replaced_database(void **state) {
  struct restore_found found;
  backup_of(100);
  struct store *old = open_store();
  add_rows(old, 1000, 7);
  struct bytes db = bytes_of_file(test_db), log = bytes_of_file(in_dir("weir.db-wal").text);
  old->ops->close(old);
  assert_true(log.len > 0);
  write_bytes(test_db, db.at, db.len);
  write_bytes(in_dir("weir.db-wal").text, log.at, log.len);
  EXPECT_OK(prepare(&found));
  put(true);
  assert_false(exists("weir.db-wal"));
  assert_int_equal(totals_of(test_db).rows, 100);
  assert_int_equal(totals_of(KEPT).rows, 7);
  free(db.at);
  free(log.at);
}

static void a_damaged_database_is_kept_with_its_log(void **state) {
  struct restore_found found;
  backup_of(100);
  write_bytes(test_db, "this was a database once", 24);
  write_bytes(in_dir("weir.db-wal").text, "log", 3);
  write_bytes(in_dir("weir.db-journal").text, "journal", 7);
  EXPECT_OK(prepare(&found));
  put(true);
  assert_int_equal(totals_of(test_db).rows, 100);
  struct bytes kept = bytes_of_file(KEPT), log = bytes_of_file(in_dir("weir.db.before-restore-X-wal").text);
  assert_int_equal(kept.len, 24);
  assert_memory_equal(log.at, "log", 3);
  assert_true(exists("weir.db.before-restore-X-journal"));
  free(kept.at);
  free(log.at);
}

static void a_log_without_its_database_is_moved_away(void **state) {
  struct restore_found found;
  backup_of(100);
  write_bytes(in_dir("weir.db-wal").text, "log", 3);
  EXPECT_OK(prepare(&found));
  put(false);
  assert_true(exists("weir.db.before-restore-X-wal"));
  assert_int_equal(totals_of(test_db).rows, 100);
}

static void a_database_in_use_is_not_replaced(void **state) {
  struct restore_found found;
  bool kept = true;
  backup_of(100);
  struct store *old = open_store();
  add_rows(old, 1000, 7);
  EXPECT_OK(prepare(&found));
  EXPECT_ERR(restore_put(&(struct restore_database){.path = test_db}, KEPT, &kept, &test_fault), ERR_STORE_BUSY);
  EXPECT_MENTIONS("another program");
  add_rows(old, 2000, 3);
  old->ops->close(old);
  assert_int_equal(totals_of(test_db).rows, 10);
  put(true);
  assert_int_equal(totals_of(KEPT).rows, 10);
}

/* One that waits for the old database must not write beside the new one. */
static void a_program_that_opened_the_old_file_cannot_write_any_more(void **state) {
  struct restore_found found;
  sqlite3 *db = NULL;
  backup_of(100);
  struct store *old = open_store();
  old->ops->close(old);
  assert_int_equal(sqlite3_open(test_db, &db), SQLITE_OK);
  EXPECT_OK(prepare(&found));
  put(true);
  int rc = sqlite3_exec(db, "PRAGMA journal_mode = WAL; INSERT INTO weir_ledger_stream VALUES ('a', 1, 1)", NULL, NULL,
                        NULL);
  assert_int_not_equal(rc, SQLITE_OK);
  sqlite3_close(db);
  assert_false(exists("weir.db-wal"));
  assert_int_equal(totals_of(test_db).rows, 100);
}

static void what_is_kept_already_is_not_overwritten(void **state) {
  struct restore_found found;
  bool kept;
  backup_of(100);
  struct store *old = open_store();
  old->ops->close(old);
  write_bytes(KEPT, "kept before", 11);
  EXPECT_OK(prepare(&found));
  EXPECT_ERR(restore_put(&(struct restore_database){.path = test_db}, KEPT, &kept, &test_fault), ERR_STORE_CONFLICT);
  assert_int_equal(totals_of(test_db).rows, 0);
  restore_discard(test_db);
  expect_nothing_left();
}

static void a_database_that_is_no_file_is_left_alone(void **state) {
  struct restore_found found;
  bool kept;
  backup_of(10);
  assert_int_equal(mkdir(test_db, 0700), 0);
  EXPECT_OK(prepare(&found));
  EXPECT_ERR(restore_put(&(struct restore_database){.path = test_db}, KEPT, &kept, &test_fault), ERR_STORE_CONFLICT);
  EXPECT_MENTIONS("not an ordinary file");
}

static void what_a_killed_restore_left_is_replaced(void **state) {
  struct restore_found found;
  backup_of(100);
  write_bytes(in_dir("weir.db.restoring").text, "half", 4);
  write_bytes(in_dir("weir.db.restoring-wal").text, "half a log", 10);
  EXPECT_OK(prepare(&found));
  put(false);
  assert_int_equal(totals_of(test_db).rows, 100);
}

static void a_damaged_backup_leaves_everything_as_it_was(void **state) {
  struct restore_found found;
  backup_of(100);
  struct bytes b = bytes_of_file(in_dir("b").text);
  b.at[b.len / 2] ^= 1;
  write_bytes(in_dir("b").text, b.at, b.len);
  EXPECT_ERR(prepare(&found), ERR_STORE_CORRUPT);
  expect_nothing_left();
  write_bytes(in_dir("b").text, b.at, 10);
  EXPECT_ERR(prepare(&found), ERR_STORE_CORRUPT);
  expect_nothing_left();
  free(b.at);
}

/* A backup file in order around a database that is not: packed by hand, since backup_make would refuse. */
static void backup_of_file(const char *path) {
  struct bytes db = bytes_of_file(path);
  struct backup_head h = {.database_bytes = db.len, .made_us = 1, .schema_version = 4};
  struct backup_secrets none = {TEXT_NONE, TEXT_NONE};
  uint64_t stored;
  int from = open(path, O_RDONLY | O_CLOEXEC),
      to = open(in_dir("b").text, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  EXPECT_OK(backup_stream_write(&h, &none, from, to, NULL, &stored, &test_fault));
  close(from);
  close(to);
  free(db.at);
}

static struct path other_database(const char *sql) {
  struct path p = in_dir("other.db");
  struct store *s = NULL;
  EXPECT_OK(store_open_sqlite(p.text, &s, &test_fault));
  add_rows(s, 1, 2000);
  s->ops->close(s);
  execute(p.text, sql);
  return p;
}

static void expect_refused(enum err want, const char *word) {
  struct restore_found found = {.rows = 9};
  EXPECT_ERR(prepare(&found), want);
  EXPECT_MENTIONS(word);
  assert_int_equal(found.rows, 9);
  expect_nothing_left();
}

static void a_newer_schema_is_refused(void **state) {
  struct path p = other_database("INSERT INTO weir_schema VALUES (9999, 'future', '', 1, 9999)");
  backup_of_file(p.text);
  expect_refused(ERR_STORE, "newer Weir");
}

static void an_older_schema_is_brought_up(void **state) {
  struct restore_found found;
  struct path p = other_database("SELECT 1");
  const struct store_place place = {.kind = STORE_SQLITE, .path = p.text};
  struct migration_status *status;
  struct arena a;
  size_t count;
  unsigned steps;
  arena_init(&a);
  EXPECT_OK(migrate_status(&place, &a, &status, &count, &test_fault));
  EXPECT_OK(migrate_down(&place, (unsigned)count - 3, &steps, &test_fault));
  arena_done(&a);
  backup_of_file(p.text);
  EXPECT_OK(prepare(&found));
  put(false);
  execute(test_db, "SELECT policy FROM weir_keys");
}

static void balances_that_are_wrong_are_refused(void **state) {
  struct path p = other_database("UPDATE weir_ledger_balance SET cost_nano = cost_nano + 1 WHERE key_id = 8");
  backup_of_file(p.text);
  expect_refused(ERR_STORE_CORRUPT, "key 8: its balance says");
}

static void a_database_that_is_damaged_inside_is_refused(void **state) {
  struct path p = other_database("PRAGMA journal_mode = DELETE");
  struct bytes b = bytes_of_file(p.text);
  memset(b.at + b.len / 2, 0x5a, 40000);
  write_bytes(p.text, b.at, b.len);
  backup_of_file(p.text);
  expect_refused(ERR_STORE_CORRUPT, "damaged");
  free(b.at);
}

static void a_database_of_another_program_is_refused(void **state) {
  struct path p = in_dir("foreign.db");
  execute(p.text, "CREATE TABLE letters (a); INSERT INTO letters VALUES (1)");
  backup_of_file(p.text);
  expect_refused(ERR_STORE_CORRUPT, "not a database of Weir");
}

static void what_is_no_database_is_refused(void **state) {
  char text[2000];
  memset(text, 'x', sizeof text);
  write_bytes(in_dir("text").text, text, sizeof text);
  backup_of_file(in_dir("text").text);
  expect_refused(ERR_STORE_CORRUPT, "not an SQLite database");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_FILES(into_a_folder_without_a_database),
      TEST_WITH_FILES(the_replaced_database_is_kept_whole),
      TEST_WITH_FILES(rows_in_the_log_go_with_the_replaced_database),
      TEST_WITH_FILES(a_damaged_database_is_kept_with_its_log),
      TEST_WITH_FILES(a_log_without_its_database_is_moved_away),
      TEST_WITH_FILES(a_database_in_use_is_not_replaced),
      TEST_WITH_FILES(a_program_that_opened_the_old_file_cannot_write_any_more),
      TEST_WITH_FILES(what_is_kept_already_is_not_overwritten),
      TEST_WITH_FILES(a_database_that_is_no_file_is_left_alone),
      TEST_WITH_FILES(what_a_killed_restore_left_is_replaced),
      TEST_WITH_FILES(a_damaged_backup_leaves_everything_as_it_was),
      TEST_WITH_FILES(a_newer_schema_is_refused),
      TEST_WITH_FILES(an_older_schema_is_brought_up),
      TEST_WITH_FILES(balances_that_are_wrong_are_refused),
      TEST_WITH_FILES(a_database_that_is_damaged_inside_is_refused),
      TEST_WITH_FILES(a_database_of_another_program_is_refused),
      TEST_WITH_FILES(what_is_no_database_is_refused),
  };
  return RUN_TESTS(tests);
}
