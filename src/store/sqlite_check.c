/* Refusing what is not a sound database of Weir, with advice. Looking is bounded, so that a start stays quick: a small
 * file is checked whole, of a large one the newest rows of every table are read for a while, for what was
 * written last is what a crash would have hurt. Called when a store is opened and by backup and restore. */
#include "store/sqlite_check.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADVICE           "restore a backup (`weir restore FILE`) or point data_dir elsewhere"
#define PATH_MAX_BYTES   1200
#define PROGRESS_OPCODES 2000

static int64_t bytes_beside(const char *path, const char *ending) {
  char name[PATH_MAX_BYTES];
  struct stat st;
  snprintf(name, sizeof name, "%s%s", path, ending);
  return stat(name, &st) == 0 ? st.st_size : 0;
}

static int64_t log_bytes(const char *path) { return bytes_beside(path, "-wal"); }

/* The ledger makes the folder "journal" after the database is complete, so an empty or missing database beside one has
 * lost what it held. (Or another kind of store worked here, which is no better reason to begin anew without a word.) */
static bool has_lived(const char *path) {
  char copy[PATH_MAX_BYTES], journal[PATH_MAX_BYTES + 16];
  snprintf(copy, sizeof copy, "%s", path);
  snprintf(journal, sizeof journal, "%s/journal", dirname(copy));
  return log_bytes(path) > 0 || access(journal, F_OK) == 0;
}

/* SQLite reads what is missing of the last page as zeros. Only while a log is there to repair it may a page be half
 * written. Bytes 16 and 17 are the page's size, 1 for 65536 (sqlite.org/fileformat.html section 1.3). */
static bool is_cut(const char *path, int fd, const uint8_t *head) {
  struct stat st;
  int64_t page = head[16] << 8 | head[17];
  page = page == 1 ? 65536 : page;
  return page >= 512 && fstat(fd, &st) == 0 && st.st_size % page != 0 && log_bytes(path) == 0 &&
         bytes_beside(path, "-journal") == 0;
}

static enum err head_check(const char *path, int fd, bool encrypted, struct fault *f) {
  static const char magic[16] = "SQLite format 3";
  uint8_t head[18] = {0};
  ssize_t n = pread(fd, head, sizeof head, 0);
  if (n < 0)
    return fault_set(f, ERR_STORE, NULL, "cannot read %s: %s", path, strerror(errno));
  if (n == 0 && has_lived(path))
    return fault_set(f, ERR_STORE_CORRUPT, NULL,
                     "%s is empty although weir has worked here; nothing was changed: " ADVICE
                     ", or remove the file to begin anew",
                     path);
  bool is_clear = n >= (ssize_t)sizeof magic && memcmp(head, magic, sizeof magic) == 0;
  if (encrypted && is_clear)
    return fault_set(f, ERR_FORBIDDEN, "store_key",
                     "%s is not encrypted, and store_key is set: `weir store copy --encrypt` makes one that is", path);
  if (encrypted)
    return ERR_OK;
  if (n > 0 && !is_clear)
    return fault_set(f, ERR_STORE_CORRUPT, NULL,
                     "%s is not an SQLite database, or one that is encrypted (store_key); nothing was changed: " ADVICE,
                     path);
  if (n > 0 && is_cut(path, fd, head))
    return fault_set(f, ERR_STORE_CORRUPT, NULL,
                     "%s is damaged (cut in the middle of a page); nothing was changed: " ADVICE, path);
  return ERR_OK;
}

enum err sqlite_check_file(const char *path, bool encrypted, bool create, struct fault *f) {
  if (strlen(path) >= PATH_MAX_BYTES - 8)
    return fault_set(f, ERR_LIMIT, NULL, "the path of the database is longer than %d bytes", PATH_MAX_BYTES - 9);
  if (access(path, F_OK) != 0 && log_bytes(path) > 0)
    return fault_set(f, ERR_STORE_CORRUPT, NULL,
                     "%s is gone while its log %s-wal is there; nothing was changed: " ADVICE
                     ", or remove the log to begin anew",
                     path, path);
  if (create && access(path, F_OK) != 0 && errno == ENOENT && has_lived(path))
    return fault_set(f, ERR_STORE_CORRUPT, NULL,
                     "%s is not there although weir has worked here (the folder journal is beside it); nothing was "
                     "changed: put it back, " ADVICE ", or move that folder away to begin anew",
                     path);
  int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
  if (fd < 0 && errno == ENOENT && !create)
    return fault_set(f, ERR_NOT_FOUND, NULL, "%s: there is no such file", path);
  if (fd < 0)
    return fault_set(f, errno == ENOSPC || errno == EDQUOT ? ERR_STORE_FULL : ERR_STORE, NULL,
                     "cannot open the store's database %s: %s", path, strerror(errno));
  enum err e = head_check(path, fd, encrypted, f);
  close(fd);
  return e;
}

/* Weir's own mark, or nothing at all in it yet. */
static enum err owner_check(sqlite3 *db, const char *path, struct fault *f) {
  int64_t tables = 0, id = 0;
  enum err e = sqlite_number(db, "SELECT count(*) FROM sqlite_schema", &tables, f);
  if (!e)
    e = sqlite_number(db, "PRAGMA application_id", &id, f);
  if (e || id == SQLITE_WEIR_ID || (tables == 0 && id == 0))
    return e;
  return fault_set(f, ERR_STORE_CORRUPT, NULL,
                   "%s is a database of another program; nothing was changed. Point data_dir elsewhere", path);
}

static enum err damaged(const char *path, const char *how, struct fault *f) {
  return fault_set(f, ERR_STORE_CORRUPT, NULL, "%s is damaged (%.120s); nothing was changed: " ADVICE, path, how);
}

static enum err whole_check(sqlite3 *db, const char *path, struct fault *f) {
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK)
    return sqlite_fail(db, "checking the store", f);
  enum err e = ERR_OK;
  int rc = sqlite3_step(s);
  const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
  if (rc != SQLITE_ROW)
    e = sqlite_fail(db, "checking the store", f);
  else if (!said || strcmp(said, "ok") != 0)
    e = damaged(path, said ? said : "no answer", f);
  sqlite3_finalize(s);
  return e;
}

static int64_t clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int is_late(void *until_us) { return clock_us() >= *(const int64_t *)until_us; }

/* Every column of every row, from the newest on, for at most half of the time that is left: the others get the rest. */
static enum err rows_check(sqlite3 *db, const char *path, const char *sql, int64_t until_us, struct fault *f) {
  int64_t now_us = clock_us(), own_us = now_us + (until_us - now_us) / 2;
  sqlite3_stmt *s = NULL;
  int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
  sqlite3_progress_handler(db, PROGRESS_OPCODES, is_late, &own_us);
  int columns = rc == SQLITE_OK ? sqlite3_column_count(s) : 0;
  if (rc == SQLITE_OK)
    for (rc = sqlite3_step(s); rc == SQLITE_ROW; rc = sqlite3_step(s))
      for (int i = 0; i < columns; i++)
        (void)sqlite3_column_bytes(s, i);
  sqlite3_progress_handler(db, 0, NULL, NULL);
  enum err e = ERR_OK;
  if ((rc & 0xff) == SQLITE_CORRUPT)
    e = damaged(path, sqlite3_errmsg(db), f);
  else if (rc != SQLITE_DONE && rc != SQLITE_INTERRUPT)
    e = sqlite_fail(db, "checking the store", f);
  sqlite3_finalize(s);
  return e;
}

/* The largest tables come last, and before them the order of the ledger, which is an index of its own. */
static enum err newest_check(sqlite3 *db, const char *path, int64_t within_ms, struct fault *f) {
  sqlite3_stmt *s = NULL;
  static const char list[] =
      "SELECT CASE type WHEN 'table' THEN printf('SELECT * FROM \"%w\" ORDER BY 1 DESC', name) ELSE "
      "'SELECT settled_us, id, key_id FROM weir_ledger ORDER BY settled_us DESC' END FROM sqlite_schema "
      "WHERE type = 'table' OR name = 'weir_ledger_settled' "
      "ORDER BY name IN ('weir_ledger', 'weir_ledger_spend'), name";
  int64_t until_us = clock_us() + within_ms * 1000;
  int rc = SQLITE_DONE;
  if (sqlite3_prepare_v2(db, list, -1, &s, NULL) != SQLITE_OK)
    return sqlite_fail(db, "checking the store", f);
  enum err e = ERR_OK;
  while (!e && (rc = sqlite3_step(s)) == SQLITE_ROW)
    e = rows_check(db, path, (const char *)sqlite3_column_text(s, 0), until_us, f);
  if (!e && rc != SQLITE_DONE)
    e = sqlite_fail(db, "checking the store", f);
  sqlite3_finalize(s);
  return e;
}

enum err sqlite_check_content(sqlite3 *db, const char *path, struct fault *f) {
  struct stat st;
  bool unclean = log_bytes(path) > 0; /* the last one to close a database removes its log */
  int64_t whole = unclean ? SQLITE_CHECKED_BYTES_UNCLEAN : SQLITE_CHECKED_BYTES;
  enum err e = owner_check(db, path, f);
  if (e)
    return e;
  if (stat(path, &st) != 0 || st.st_size <= whole)
    return whole_check(db, path, f);
  return newest_check(db, path, unclean ? SQLITE_CHECK_MS_UNCLEAN : SQLITE_CHECK_MS, f);
}
