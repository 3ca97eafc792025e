/* What the tests of backups share: files in memory, and reading and writing them whole. */
#ifndef TESTS_UNIT_STORE_BACKUP_FIXTURE_H
#define TESTS_UNIT_STORE_BACKUP_FIXTURE_H

#include "expect.h"

#include "store/backup_stream.h"
#include "store/sqlite.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>

struct bytes {
  uint8_t *at;
  size_t len;
};

static inline int memory_file(const void *at, size_t len) {
  int fd = memfd_create("weir-test", MFD_CLOEXEC);
  assert_true(fd >= 0);
  if (len > 0)
    assert_int_equal(pwrite(fd, at, len, 0), len);
  return fd;
}

static inline struct bytes bytes_of_fd(int fd) {
  struct stat st;
  assert_int_equal(fstat(fd, &st), 0);
  struct bytes b = {malloc((size_t)st.st_size + 1), (size_t)st.st_size};
  assert_non_null(b.at);
  assert_int_equal(pread(fd, b.at, b.len, 0), b.len);
  return b;
}

static inline struct bytes bytes_of_file(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    fail_msg("cannot open %s", path);
  struct bytes b = bytes_of_fd(fd);
  close(fd);
  return b;
}

static inline void write_bytes(const char *path, const void *at, size_t len) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, at, len), len);
  close(fd);
}

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  return remove(path);
}
static inline int drop_all(void **state) { return nftw(test_dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }
#define TEST_WITH_FILES(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_all)

struct path {
  char text[128];
};
static inline struct path in_dir(const char *name) {
  struct path p;
  snprintf(p.text, sizeof p.text, "%s/%s", test_dir, name);
  return p;
}
static inline bool exists(const char *name) { return access(in_dir(name).text, F_OK) == 0; }

static inline void execute(const char *path, const char *sql) {
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(db));
  sqlite3_close(db);
}

/* Changes a letter of the first place where the text stands: of a row, or of its entry in an index, not of both. */
static inline void misname(struct bytes b, const char *text) {
  uint8_t *at = memmem(b.at, b.len, text, strlen(text));
  assert_non_null(at);
  at[0] ^= 1;
}

/* Rows first..first+count-1, one batch, through the port. */
static inline void add_rows(struct store *s, int64_t first, size_t count) {
  struct ledger_row *rows = calloc(count, sizeof *rows);
  assert_non_null(rows);
  for (size_t i = 0; i < count; i++)
    rows[i] = make_row(first + (int64_t)i, 7 + (int64_t)(i % 3), 100, 1790000000000000 + (int64_t)i);
  append(s, rows, count, (uint64_t)first + count);
  free(rows);
}

static inline struct ledger_totals totals_of(const char *path) {
  struct store *s = NULL;
  struct arena a;
  struct ledger_totals t = {0};
  EXPECT_OK(store_open_sqlite(path, &s, &test_fault));
  arena_init(&a);
  EXPECT_OK(s->ops->ledger_verify(s, &a, &t, &test_fault));
  arena_done(&a);
  s->ops->close(s);
  assert_int_equal(t.mismatched_keys, 0);
  return t;
}

/* The cheapest derivation that is allowed, or each test would take seconds. */
#define TEST_KDF_PASSES 1
#define TEST_KDF_MEMORY BACKUP_KDF_MEMORY_MIN

#endif
