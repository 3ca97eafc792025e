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
static bool is_cut(const char *path, const uint8_t *head) {
  struct stat st;
  int64_t page = head[16] << 8 | head[17];
  page = page == 1 ? 65536 : page;
  return page >= 512 && stat(path, &st) == 0 && st.st_size % page != 0 && log_bytes(path) == 0 &&
         bytes_beside(path, "-journal") == 0;
}

static enum err cannot_open(const char *path, int why, struct fault *f) {
  return fault_set(f, why == ENOSPC || why == EDQUOT ? ERR_STORE_FULL : ERR_STORE, NULL,
                   "cannot open the store's database %s: %s", path, strerror(why));
}

/* The first bytes, by SQLite's own hands. With open and close a process would drop every lock it has on the file (that
 * is POSIX's rule, and this one may be serving on it), the next command that ends would find itself alone with the
 * database and remove the log, and all that is written into the removed log would be lost. SQLite closes a file when
 * nothing of this process is locked in it any more. out: zeros where the file is shorter; *out_n: what it has. */
static enum err read_head(const char *path, uint8_t *out, size_t cap, size_t *out_n, struct fault *f) {
  sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
  sqlite3_file *file = vfs ? calloc(1, (size_t)vfs->szOsFile) : NULL;
  int flags = 0;
  if (!file)
    abort();
  errno = 0;
  int rc = vfs->xOpen(vfs, path, file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MAIN_DB, &flags);
  bool is_open = rc == SQLITE_OK && !(flags & SQLITE_OPEN_READONLY);
  enum err e = is_open ? ERR_OK : cannot_open(path, errno ? errno : EACCES, f);
  struct stat st = {0}; /* SQLite says 0 of a file of one byte */
  if (!e) {
    rc = file->pMethods->xRead(file, out, (int)cap, 0);
    if ((rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ) || stat(path, &st) != 0)
      e = fault_set(f, ERR_STORE, NULL, "cannot read %s: %s", path, sqlite3_errstr(rc));
  }
  if (file->pMethods)
    file->pMethods->xClose(file);
  free(file);
  if (!e)
    *out_n = st.st_size < (off_t)cap ? (size_t)st.st_size : cap;
  return e;
}

static enum err head_check(const char *path, bool encrypted, struct fault *f) {
  static const char magic[16] = "SQLite format 3";
  uint8_t head[18] = {0};
  size_t n = 0;
  enum err e = read_head(path, head, sizeof head, &n, f);
  if (e)
    return e;
  if (n == 0 && has_lived(path))
    return fault_set(f, ERR_STORE_CORRUPT, NULL,
                     "%s is empty although weir has worked here; nothing was changed: " ADVICE
                     ", or remove the file to begin anew",
                     path);
  bool is_clear = n >= sizeof magic && memcmp(head, magic, sizeof magic) == 0;
  if (encrypted && is_clear)
    return fault_set(f, ERR_FORBIDDEN, "store_key",
                     "%s is not encrypted, and store_key is set: `weir store copy --encrypt` makes one that is", path);
  if (encrypted)
    return ERR_OK;
  if (n > 0 && !is_clear)
    return fault_set(f, ERR_STORE_CORRUPT, NULL,
                     "%s is not an SQLite database, or one that is encrypted (store_key); nothing was changed: " ADVICE,
                     path);
  if (n > 0 && is_cut(path, head))
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
  bool is_missing = access(path, F_OK) != 0 && errno == ENOENT;
  if (is_missing && !create)
    return fault_set(f, ERR_NOT_FOUND, NULL, "%s: there is no such file", path);
  if (is_missing) {
    int fd = open(path, O_RDWR | O_CLOEXEC | O_CREAT, 0600); /* SQLite would let others read it */
    if (fd < 0)
      return cannot_open(path, errno, f);
    close(fd);
  }
  return head_check(path, encrypted, f);
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

/* thorough: also that every index has what its table has, which a restore asks of a backup too. */
static enum err whole_check(sqlite3 *db, const char *path, bool thorough, struct fault *f) {
  sqlite3_stmt *s = NULL;
  const char *sql = thorough ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)";
  if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
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
  struct stat st = {0};
  bool unclean = log_bytes(path) > 0; /* the last one to close a database removes its log */
  int64_t whole = unclean ? SQLITE_CHECKED_BYTES_UNCLEAN : SQLITE_CHECKED_BYTES;
  enum err e = owner_check(db, path, f);
  if (e)
    return e;
  if (stat(path, &st) != 0 || st.st_size <= whole)
    return whole_check(db, path, st.st_size <= SQLITE_CHECKED_BYTES, f);
  return newest_check(db, path, unclean ? SQLITE_CHECK_MS_UNCLEAN : SQLITE_CHECK_MS, f);
}
