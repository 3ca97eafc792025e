/* What is no sound database of Weir is refused with advice and left byte for byte as it was, whatever its size. */
#include "store/sqlite_check.h"

#include "backup_fixture.h"
#include "store/backup.h"

#include <sys/wait.h>

static void expect_refused(enum err want, const char *word) {
  struct store *s = NULL;
  struct bytes before = bytes_of_file(test_db);
  EXPECT_ERR(store_open_sqlite(test_db, &s, &test_fault), want);
  EXPECT_MENTIONS(word);
  struct bytes after = bytes_of_file(test_db);
  assert_int_equal(after.len, before.len);
  assert_memory_equal(after.at, before.at, before.len);
  free(before.at);
  free(after.at);
}

/* A closed database with so many rows. */
static struct bytes database_of(size_t rows) {
  struct store *s = open_store();
  for (size_t i = 0; i < rows; i += 2000)
    add_rows(s, 1 + (int64_t)i, 2000);
  s->ops->close(s);
  return bytes_of_file(test_db);
}

/* Whether another process sees that somebody works with the database: the lock that SQLite holds in the 510 bytes
 * behind PENDING_BYTE (sqlite.org/lockingv3.html). */
static bool is_locked(void) {
  int status = -1;
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000002, .l_len = 510};
    int fd = open(test_db, O_RDWR | O_CLOEXEC);
    _exit(fd < 0 || fcntl(fd, F_GETLK, &l) != 0 ? 2 : l.l_type != F_UNLCK);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
  return WEXITSTATUS(status) == 1;
}

/* Another process that ends would remove the log otherwise, with everything that is written to it from then on. */
static void a_database_in_use_can_be_checked_and_backed_up_and_stays_locked(void **state) {
  struct path to = in_dir("copy.backup");
  struct backup_made made;
  struct store *s = open_store();
  add_rows(s, 1, 100);
  assert_true(is_locked());
  EXPECT_OK(sqlite_check_file(test_db, false, true, &test_fault));
  assert_true(is_locked());
  const struct backup_request r = {.database = test_db, .path = to.text, .out = -1};
  EXPECT_OK(backup_make(&r, &made, &test_fault));
  assert_true(is_locked());
  s->ops->close(s);
  assert_false(is_locked());
}

static void an_empty_file_where_weir_has_worked_is_refused(void **state) {
  assert_int_equal(mkdir(in_dir("journal").text, 0700), 0);
  write_bytes(test_db, "", 0);
  expect_refused(ERR_STORE_CORRUPT, "weir restore");
}

static void a_missing_file_where_weir_has_worked_is_refused_and_not_made(void **state) {
  struct store *s = NULL;
  assert_int_equal(mkdir(in_dir("journal").text, 0700), 0);
  EXPECT_ERR(store_open_sqlite(test_db, &s, &test_fault), ERR_STORE_CORRUPT);
  EXPECT_MENTIONS("weir restore");
  EXPECT_MENTIONS("begin anew");
  assert_false(exists("weir.db"));
  assert_int_equal(rename(in_dir("journal").text, in_dir("journal.old").text), 0);
  s = open_store();
  s->ops->close(s);
}

/* SQLite would throw the log away. */
static void an_empty_or_missing_file_with_a_log_is_refused(void **state) {
  struct store *s = NULL;
  write_bytes(in_dir("weir.db-wal").text, "log", 3);
  EXPECT_ERR(store_open_sqlite(test_db, &s, &test_fault), ERR_STORE_CORRUPT);
  EXPECT_MENTIONS("weir restore");
  assert_false(exists("weir.db"));
  write_bytes(test_db, "", 0);
  expect_refused(ERR_STORE_CORRUPT, "weir restore");
  assert_true(exists("weir.db-wal"));
}

static void an_empty_file_of_a_killed_first_start_becomes_a_database(void **state) {
  write_bytes(test_db, "", 0);
  struct store *s = open_store();
  s->ops->close(s);
}

static void a_file_cut_anywhere_is_refused(void **state) {
  struct bytes b = database_of(2000);
  for (size_t len = b.len - 1; len > 100; len = len * 2 / 3) {
    write_bytes(test_db, b.at, len);
    expect_refused(ERR_STORE_CORRUPT, "damaged");
  }
  free(b.at);
}

static void a_garbled_head_is_refused(void **state) {
  struct bytes b = database_of(100);
  memset(b.at, 'x', 100);
  write_bytes(test_db, b.at, b.len);
  expect_refused(ERR_STORE_CORRUPT, "weir restore");
  free(b.at);
}

static void a_damaged_page_of_a_small_file_is_found(void **state) {
  struct bytes b = database_of(2000);
  assert_true(b.len <= SQLITE_CHECKED_BYTES);
  memset(b.at + b.len / 2 / 16384 * 16384, 0x5a, 100); /* where a page begins */
  write_bytes(test_db, b.at, b.len);
  expect_refused(ERR_STORE_CORRUPT, "weir restore");
  free(b.at);
}

/* The page is sound, but its table and the index no longer say the same. */
static void a_row_that_its_index_does_not_know_is_found_in_a_small_file(void **state) {
  struct store *s = open_store();
  s->ops->close(s);
  execute(test_db, "INSERT INTO weir_meta VALUES ('a name that is indexed', 'v')");
  struct bytes b = bytes_of_file(test_db);
  misname(b, "a name that is indexed");
  write_bytes(test_db, b.at, b.len);
  expect_refused(ERR_STORE_CORRUPT, "weir restore");
  free(b.at);
}

static void a_damaged_newest_page_of_a_large_file_is_found(void **state) {
  struct bytes b = database_of(60000);
  sqlite3 *db = NULL;
  if ((int64_t)b.len <= SQLITE_CHECKED_BYTES)
    fail_msg("the database has only %zu bytes", b.len);
  struct store *s = open_store(); /* it is sound */
  s->ops->close(s);
  /* The last page is the newest: rows are only ever added. The last one in use of all tables may be another's. */
  assert_int_equal(sqlite3_open(test_db, &db), SQLITE_OK);
  int64_t page_bytes = 0, pages = 0;
  EXPECT_OK(sqlite_number(db, "PRAGMA page_size", &page_bytes, &test_fault));
  EXPECT_OK(sqlite_number(db, "PRAGMA page_count", &pages, &test_fault));
  sqlite3_close(db);
  memset(b.at + (pages - 1) * page_bytes, 0x5a, 100);
  write_bytes(test_db, b.at, b.len);
  expect_refused(ERR_STORE_CORRUPT, "weir restore");
  free(b.at);
}

/* Larger than what is checked whole: the time is what bounds it. */
static void a_check_of_a_large_file_ends_in_time(void **state) {
  struct bytes b = database_of(60000);
  struct timespec from, to;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
  struct store *s = open_store();
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
  s->ops->close(s);
  int64_t ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
  if (ms > 500)
    fail_msg("%lld ms", (long long)ms);
  free(b.at);
}

static void a_newer_schema_is_refused(void **state) {
  sqlite3 *db = NULL;
  struct store *s = open_store();
  s->ops->close(s);
  assert_int_equal(sqlite3_open(test_db, &db), SQLITE_OK);
  EXPECT_OK(sqlite_run(db, "PRAGMA journal_mode = WAL; INSERT INTO weir_schema VALUES (9999, 'future', '', 1, 9999)",
                       &test_fault));
  sqlite3_close(db);
  expect_refused(ERR_STORE, "newer Weir");
}

static void a_path_that_is_too_long_is_refused(void **state) {
  char path[2000];
  memset(path, 'p', sizeof path);
  path[sizeof path - 1] = '\0';
  EXPECT_ERR(sqlite_check_file(path, false, false, &test_fault), ERR_LIMIT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_FILES(a_database_in_use_can_be_checked_and_backed_up_and_stays_locked),
      TEST_WITH_FILES(an_empty_file_where_weir_has_worked_is_refused),
      TEST_WITH_FILES(a_missing_file_where_weir_has_worked_is_refused_and_not_made),
      TEST_WITH_FILES(an_empty_or_missing_file_with_a_log_is_refused),
      TEST_WITH_FILES(an_empty_file_of_a_killed_first_start_becomes_a_database),
      TEST_WITH_FILES(a_file_cut_anywhere_is_refused),
      TEST_WITH_FILES(a_garbled_head_is_refused),
      TEST_WITH_FILES(a_damaged_page_of_a_small_file_is_found),
      TEST_WITH_FILES(a_row_that_its_index_does_not_know_is_found_in_a_small_file),
      TEST_WITH_FILES(a_damaged_newest_page_of_a_large_file_is_found),
      TEST_WITH_FILES(a_check_of_a_large_file_ends_in_time),
      TEST_WITH_FILES(a_newer_schema_is_refused),
      TEST_WITH_FILES(a_path_that_is_too_long_is_refused),
  };
  return RUN_TESTS(tests);
}
