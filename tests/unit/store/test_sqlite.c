/* Opening: a new file is private, what is stored is there again, and nothing that is not Weir's is touched. */
#include "store/sqlite.h"

#include "expect.h"

#include <fcntl.h>

static void write_file(const char *path, const void *bytes, size_t n) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, n), n);
  close(fd);
}

static char *read_all(const char *path, size_t *out_len) {
  struct stat st;
  int fd = open(path, O_RDONLY);
  assert_true(fd >= 0);
  assert_int_equal(fstat(fd, &st), 0);
  char *bytes = malloc((size_t)st.st_size + 1);
  assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
  close(fd);
  *out_len = (size_t)st.st_size;
  return bytes;
}

/* Refused, and not a byte of it is changed. */
static void expect_refused(enum err want, const char *word) {
  struct store *s = NULL;
  size_t before_len, after_len;
  char *before = read_all(test_db, &before_len);
  EXPECT_ERR(store_open_sqlite(test_db, &s, &test_fault), want);
  EXPECT_MENTIONS(word);
  assert_null(s);
  char *after = read_all(test_db, &after_len);
  assert_int_equal(after_len, before_len);
  assert_memory_equal(after, before, before_len);
  free(before);
  free(after);
}

static void a_new_file_is_readable_by_its_owner_only(void **state) {
  struct stat st;
  mode_t before = umask(0);
  struct store *s = open_store();
  umask(before);
  assert_string_equal(s->ops->name, "sqlite");
  assert_int_equal(stat(test_db, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  EXPECT_OK(s->ops->health(s, &test_fault));
  s->ops->close(s);
}

static void rows_are_there_after_opening_again(void **state) {
  struct store *s = open_store();
  struct ledger_row row = make_row(5, 7, 100, 10);
  int64_t nano = 0;
  append(s, &row, 1, 9);
  s->ops->close(s);
  s = open_store();
  uint64_t at = 0;
  EXPECT_OK(s->ops->ledger_position(s, TEXT("journal/0/1"), &at, &test_fault));
  EXPECT_OK(s->ops->ledger_spent(s, 7, 0, &nano, &test_fault));
  assert_int_equal(at, 9);
  assert_int_equal(nano, 100);
  s->ops->close(s);
}

static void commits_wait_for_the_disk_and_readers_for_nobody(void **state) {
  struct store *store = open_store();
  struct sqlite_store *s = (struct sqlite_store *)store;
  int64_t synchronous = 0, wal = 0;
  EXPECT_OK(sqlite_number(s->write.db, "PRAGMA synchronous", &synchronous, &test_fault));
  assert_int_equal(synchronous, 2);
  EXPECT_OK(sqlite_number(s->read->db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &wal, &test_fault));
  assert_int_equal(wal, 1);
  EXPECT_OK(sqlite_run(s->write.db, "BEGIN IMMEDIATE", &test_fault));
  EXPECT_OK(store->ops->health(store, &test_fault));
  EXPECT_OK(sqlite_run(s->write.db, "ROLLBACK", &test_fault));
  store->ops->close(store);
}

static int64_t spent(struct store *s, int64_t key_id) {
  int64_t nano = -1;
  EXPECT_OK(s->ops->ledger_spent(s, key_id, 0, &nano, &test_fault));
  return nano;
}

static void a_full_disk_takes_nothing_of_a_batch_and_the_store_recovers(void **state) {
  struct store *s = open_store();
  sqlite3 *db = ((struct sqlite_store *)s)->write.db;
  static struct ledger_row rows[600];
  int64_t pages = 0;
  char limit[64];
  for (int i = 0; i < 600; i++)
    rows[i] = make_row(i + 1, 7, 1, 10);
  append(s, rows, 1, 1);
  EXPECT_OK(sqlite_number(db, "PRAGMA page_count", &pages, &test_fault));
  snprintf(limit, sizeof limit, "PRAGMA max_page_count = %lld", (long long)pages + 1);
  EXPECT_OK(sqlite_run(db, limit, &test_fault));
  EXPECT_ERR(s->ops->ledger_append(s, rows, 600, TEXT("journal/0/1"), 600, &test_fault), ERR_STORE_FULL);
  EXPECT_MENTIONS("full");
  uint64_t at = 0;
  EXPECT_OK(s->ops->ledger_position(s, TEXT("journal/0/1"), &at, &test_fault));
  assert_int_equal(at, 1);
  assert_int_equal(spent(s, 7), 1);
  EXPECT_OK(sqlite_run(db, "PRAGMA max_page_count = 100000", &test_fault));
  append(s, rows, 600, 600);
  assert_int_equal(spent(s, 7), 600);
  s->ops->close(s);
}

static void a_file_that_is_no_database_is_refused(void **state) {
  static const size_t lengths[] = {1, 15, 16, 99, 511, 5000};
  static char bytes[5000];
  memset(bytes, 'x', sizeof bytes);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    write_file(test_db, bytes, lengths[i]);
    expect_refused(ERR_STORE_CORRUPT, "not an SQLite database");
  }
}

static void a_database_of_another_program_is_refused(void **state) {
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open(test_db, &db), SQLITE_OK);
  EXPECT_OK(sqlite_run(db, "CREATE TABLE letters (a)", &test_fault));
  sqlite3_close(db);
  expect_refused(ERR_STORE_CORRUPT, "another program");
}

static void a_damaged_database_is_refused(void **state) {
  struct store *s = open_store();
  static struct ledger_row rows[500];
  size_t len;
  for (int i = 0; i < 500; i++)
    rows[i] = make_row(i + 1, 7, 100, 10);
  append(s, rows, 500, 500);
  s->ops->close(s);
  char *bytes = read_all(test_db, &len);
  memset(bytes + len / 2, 0x5a, len / 2);
  write_file(test_db, bytes, len);
  free(bytes);
  expect_refused(ERR_STORE_CORRUPT, "backup");
}

static void an_empty_file_becomes_a_database(void **state) {
  write_file(test_db, "", 0);
  struct store *s = open_store();
  s->ops->close(s);
}

static void a_directory_that_does_not_exist_is_named(void **state) {
  struct store *s = NULL;
  EXPECT_ERR(store_open_sqlite("/nonexistent/weir.db", &s, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("/nonexistent/weir.db");
}

static void errors_of_sqlite_become_those_of_the_port(void **state) {
  struct store *store = open_store();
  struct sqlite_store *s = (struct sqlite_store *)store;
  sqlite3 *other = NULL;
  assert_int_equal(sqlite3_open(test_db, &other), SQLITE_OK);
  EXPECT_OK(sqlite_run(s->write.db, "BEGIN IMMEDIATE", &test_fault));
  EXPECT_ERR(sqlite_run(other, "BEGIN IMMEDIATE", &test_fault), ERR_STORE_BUSY);
  EXPECT_OK(sqlite_run(s->write.db, "ROLLBACK", &test_fault));
  EXPECT_ERR(sqlite_run(s->write.db, "INSERT INTO weir_ledger_stream VALUES ('a', 'text', 0)", &test_fault), ERR_STORE);
  EXPECT_OK(sqlite_run(s->write.db, "INSERT INTO weir_ledger_stream VALUES ('a', 1, 0)", &test_fault));
  EXPECT_ERR(sqlite_run(s->write.db, "INSERT INTO weir_ledger_stream VALUES ('a', 1, 0)", &test_fault),
             ERR_STORE_CONFLICT);
  sqlite3_close(other);
  store->ops->close(store);
}

/* A build with SQLCipher is tried by test_sqlcipher.c. */
static void a_key_is_refused_by_a_build_that_cannot_encrypt(void **state) {
  struct store *s = NULL;
  const struct store_place place = {.kind = STORE_SQLITE, .path = test_db, .key = TEXT("correct horse battery")};
  if (store_takes_key())
    skip();
  EXPECT_ERR(store_open(&place, &s, &test_fault), ERR_UNSUPPORTED);
  EXPECT_MENTIONS("SQLCipher");
}

static void a_store_in_memory_works_and_says_what_it_is(void **state) {
  struct store *s = open_memory();
  assert_string_equal(s->ops->name, "memory");
  EXPECT_OK(s->ops->health(s, &test_fault));
  s->ops->close(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_DIR(a_new_file_is_readable_by_its_owner_only),
      TEST_WITH_DIR(rows_are_there_after_opening_again),
      TEST_WITH_DIR(commits_wait_for_the_disk_and_readers_for_nobody),
      TEST_WITH_DIR(a_full_disk_takes_nothing_of_a_batch_and_the_store_recovers),
      TEST_WITH_DIR(a_file_that_is_no_database_is_refused),
      TEST_WITH_DIR(a_database_of_another_program_is_refused),
      TEST_WITH_DIR(a_damaged_database_is_refused),
      TEST_WITH_DIR(an_empty_file_becomes_a_database),
      cmocka_unit_test(a_directory_that_does_not_exist_is_named),
      TEST_WITH_DIR(errors_of_sqlite_become_those_of_the_port),
      TEST_WITH_DIR(a_key_is_refused_by_a_build_that_cannot_encrypt),
      cmocka_unit_test(a_store_in_memory_works_and_says_what_it_is),
  };
  return RUN_TESTS(tests);
}
