/* Making a backup: the copy of a database in use, its check, and the file that appears only when it is complete. The
 * copy is SQLite's own, out of a read transaction, so that no writer makes it begin again. Called by `weir backup`. */
#include "store/backup.h"

#include "base/secret.h"
#include "store/backup_files.h"
#include "store/backup_seal.h"
#include "store/embedded.h"
#include "store/sqlite_check.h"
#include "store/sqlite_key.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP_PAGES      128
#define BUSY_TIMEOUT_MS 5000

struct making {
  const struct backup_request *request;
  char partial[BACKUP_PATH_MAX + 16], copy[BACKUP_PATH_MAX + 16];
  int file;     /* PARTIAL, locked while it is written */
  int database; /* the copy */
  struct backup_head head;
  uint64_t stored_bytes;
};

/* Nothing but a backup is ever replaced by one: a slip of the hand must not cost a database. */
static bool may_replace(const char *path) {
  uint8_t head[16];
  size_t n = sizeof head;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  enum err e = fd >= 0 ? backup_read_some(fd, head, sizeof head, &n, NULL) : ERR_STORE;
  if (fd >= 0)
    close(fd);
  return e == ERR_OK && (n == 0 || backup_head_is_one(head, n));
}

static enum err path_check(const struct backup_request *r, struct fault *f) {
  struct stat st;
  if (r->out >= 0 || lstat(r->path, &st) != 0)
    return ERR_OK;
  if (!S_ISREG(st.st_mode))
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "%s is not an ordinary file", r->path);
  if (!r->replace)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "%s exists already; --force replaces it", r->path);
  if (!may_replace(r->path))
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "%s is not a backup; it is not replaced", r->path);
  return ERR_OK;
}

/* The lock tells a file that is being written from one that a killed process has left. */
static enum err partial_open(struct making *m, struct fault *f) {
  struct stat held, named;
  m->file = open(m->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (m->file < 0)
    return backup_refused("create", m->partial, f);
  if (flock(m->file, LOCK_EX | LOCK_NB) != 0 || fstat(m->file, &held) != 0 || stat(m->partial, &named) != 0 ||
      held.st_ino != named.st_ino || !S_ISREG(held.st_mode)) {
    close(m->file); /* somebody else's, so that it is not removed */
    m->file = -1;
    return fault_set(f, ERR_STORE_BUSY, NULL, "another backup to %s is being made", m->request->path);
  }
  if (ftruncate(m->file, 0) != 0 || (unlink(m->copy) != 0 && errno != ENOENT))
    return backup_refused("begin", m->partial, f);
  return ERR_OK;
}

static enum err open_database(const char *path, struct text key, int flags, sqlite3 **out, struct fault *f) {
  sqlite3 *db = NULL;
  int rc = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
  enum err e = rc == SQLITE_OK ? ERR_OK : sqlite_fail(db, "opening the database", f);
  if (!e)
    e = sqlite_key_give(db, key, f);
  if (!e) {
    sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    e = sqlite_run(db, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON", f);
  }
  if (e) {
    sqlite3_close_v2(db);
    return e;
  }
  *out = db;
  return ERR_OK;
}

/* from is in a read transaction: all steps see the same moment. */
static enum err copy_pages(sqlite3 *from, sqlite3 *to, const struct backup_stop *stop, struct fault *f) {
  sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
  if (!b)
    return sqlite_fail(to, "copying the database", f);
  int rc = SQLITE_OK;
  enum err e = ERR_OK;
  while (rc == SQLITE_OK && !(e = backup_stop_check(stop, f)))
    rc = sqlite3_backup_step(b, STEP_PAGES);
  sqlite3_backup_finish(b);
  if (e || rc == SQLITE_DONE)
    return e;
  bool source_failed = (sqlite3_errcode(from) & 0xff) == SQLITE_CORRUPT;
  return sqlite_fail(source_failed ? from : to, "copying the database", f);
}

static enum err copy_moment(struct making *m, sqlite3 *from, struct fault *f) {
  sqlite3 *to = NULL;
  int64_t tables;
  int fd = open(m->copy, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* SQLite would let others read it */
  if (fd < 0)
    return backup_refused("create", m->copy, f);
  close(fd);
  enum err e = open_database(m->copy, m->request->key, SQLITE_OPEN_READWRITE, &to, f);
  if (e)
    return e;
  e = sqlite_run(to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", f);
  if (!e)
    e = sqlite_run(from, "BEGIN", f);
  if (!e)
    e = sqlite_number(from, "SELECT count(*) FROM sqlite_schema", &tables, f); /* here the moment is */
  if (!e)
    e = copy_pages(from, to, &m->request->stop, f);
  sqlite3_close_v2(to);
  return e;
}

/* The copy says that a write-ahead log may stand beside it (bytes 18 and 19, sqlite.org/fileformat.html section 1.3).
 * None does, and a database that is one file must not ask for one. */
/* The same for one that is encrypted, where only SQLite can reach these bytes. */
static enum err drop_log(struct making *m, struct fault *f) {
  sqlite3 *db = NULL;
  enum err e = open_database(m->copy, m->request->key, SQLITE_OPEN_READWRITE, &db, f);
  if (e)
    return e;
  e = sqlite_run(db, "PRAGMA journal_mode = DELETE", f);
  sqlite3_close_v2(db);
  return e;
}

static enum err copy_open(struct making *m, struct fault *f) {
  static const uint8_t without_log[2] = {1, 1};
  struct stat st;
  bool encrypted = m->request->key.len > 0;
  m->database = open(m->copy, O_RDWR | O_CLOEXEC);
  if (m->database < 0 || fstat(m->database, &st) != 0 ||
      (!encrypted && pwrite(m->database, without_log, sizeof without_log, 18) != (ssize_t)sizeof without_log))
    return backup_refused("read", m->copy, f);
  if (st.st_size > BACKUP_DATABASE_BYTES_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "the database has more than %lld bytes", (long long)BACKUP_DATABASE_BYTES_MAX);
  m->head.database_bytes = (uint64_t)st.st_size;
  return ERR_OK;
}

enum err backup_check_balances(const struct ledger_totals *t, struct fault *f) {
  return t->mismatched_keys == 0
             ? ERR_OK
             : fault_set(f, ERR_STORE_CORRUPT, NULL, "%llu balances of the backup differ from their rows: %.*s",
                         (unsigned long long)t->mismatched_keys, TEXT_ARGS(t->first_mismatch));
}

/* Of a schema that this program knows; another one is counted by the restore, when it has been brought up. Bare, so
 * that the copy is only read. */
static enum err recount(struct making *m, struct fault *f) {
  struct database *d = NULL;
  struct ledger_totals t = {0};
  struct arena a;
  if (m->head.schema_version != embedded_migrations_count / 2) /* up and down */
    return ERR_OK;
  enum err e = sqlite_store_open(m->copy, m->request->key, false, &d, f);
  if (e)
    return e;
  arena_init(&a);
  e = d->base.ops->ledger_verify(&d->base, &a, &t, f);
  if (!e)
    e = backup_check_balances(&t, f);
  arena_done(&a);
  d->base.ops->close(&d->base);
  return e;
}

static enum err copy_database(struct making *m, struct fault *f) {
  const struct backup_request *r = m->request;
  sqlite3 *from = NULL;
  struct timespec now;
  enum err e = sqlite_check_file(r->database, r->key.len > 0, false, f);
  if (!e)
    e = open_database(r->database, r->key, SQLITE_OPEN_READONLY, &from, f);
  if (!e)
    e = sqlite_key_check(from, r->key, r->database, f);
  if (e) {
    sqlite3_close_v2(from);
    return e;
  }
  clock_gettime(CLOCK_REALTIME, &now);
  m->head.made_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
  e = copy_moment(m, from, f);
  sqlite3_close_v2(from);
  if (!e && r->key.len > 0)
    e = drop_log(m, f);
  if (!e)
    e = copy_open(m, f);
  if (!e)
    e = backup_check_file(m->copy, r->key, &m->head.schema_version, f);
  return e ? e : recount(m, f);
}

static enum err first_complaint(sqlite3 *db, struct fault *f) {
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &s, NULL) != SQLITE_OK)
    return sqlite_fail(db, "checking the database", f);
  int rc = sqlite3_step(s);
  const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
  enum err e = ERR_OK;
  if (rc != SQLITE_ROW)
    e = sqlite_fail(db, "checking the database", f);
  else if (!said || strcmp(said, "ok") != 0)
    e = fault_set(f, ERR_STORE_CORRUPT, NULL, "the database is damaged: %.120s", said ? said : "no answer");
  sqlite3_finalize(s);
  return e;
}

enum err backup_check_file(const char *path, struct text key, unsigned *out_schema_version, struct fault *f) {
  sqlite3 *db = NULL;
  int64_t id = 0, version = 0;
  enum err e = open_database(path, key, SQLITE_OPEN_READONLY, &db, f);
  if (e)
    return e;
  e = sqlite_key_check(db, key, "the database", f);
  if (!e)
    e = sqlite_number(db, "PRAGMA application_id", &id, f);
  if (!e && id != SQLITE_WEIR_ID)
    e = fault_set(f, ERR_STORE_CORRUPT, NULL, "this is not a database of Weir");
  if (!e)
    e = first_complaint(db, f);
  if (!e)
    e = sqlite_number(db, "SELECT max(version) FROM weir_schema", &version, f);
  sqlite3_close_v2(db);
  if (!e)
    *out_schema_version = (unsigned)version;
  return e;
}

enum err backup_verify(int in, struct text passphrase, struct backup_head *out, struct fault *f) {
  struct backup_content found;
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0)
    return backup_refused("open", "/dev/null", f);
  enum err e = backup_stream_read(in, passphrase, UINT64_MAX, nowhere, &found, f);
  close(nowhere);
  if (!e)
    *out = found.head;
  secret_wipe(&found, sizeof found);
  return e;
}

/* What the disk gives back, not what was sent to it. */
static enum err read_back(struct making *m, struct fault *f) {
  struct backup_head head;
  enum err e = backup_stop_check(&m->request->stop, f);
  posix_fadvise(m->file, 0, 0, POSIX_FADV_DONTNEED);
  if (!e && lseek(m->file, 0, SEEK_SET) != 0)
    e = backup_refused("read", m->partial, f);
  if (!e)
    e = backup_verify(m->file, m->request->secrets.passphrase, &head, f);
  return e;
}

/* The copy goes first: when the name is given, the next backup to it may begin. */
static enum err publish(struct making *m, struct fault *f) {
  const struct backup_request *r = m->request;
  if (fsync(m->file) != 0)
    return backup_refused("sync", m->partial, f);
  enum err e = read_back(m, f);
  if (e)
    return e;
  unlink(m->copy);
  e = backup_publish(m->partial, r->path, r->replace, f);
  if (e)
    return e;
  close(m->file);
  m->file = -1;
  return ERR_OK;
}

static enum err make(struct making *m, struct fault *f) {
  const struct backup_request *r = m->request;
  enum err e = path_check(r, f);
  if (!e)
    e = partial_open(m, f);
  if (!e)
    e = copy_database(m, f);
  if (!e && lseek(m->database, 0, SEEK_SET) != 0)
    e = backup_refused("read", m->copy, f);
  if (!e)
    e = backup_stream_write(&m->head, &r->secrets, m->database, r->out >= 0 ? r->out : m->file, &r->stop,
                            &m->stored_bytes, f);
  return e || r->out >= 0 ? e : publish(m, f);
}

static void clean_up(struct making *m) {
  if (m->database >= 0)
    close(m->database);
  if (m->file < 0)
    return;
  unlink(m->copy);
  unlink(m->partial);
  close(m->file);
}

enum err backup_make(const struct backup_request *r, struct backup_made *out, struct fault *f) {
  struct making m = {.request = r, .file = -1, .database = -1};
  if (strlen(r->path) >= BACKUP_PATH_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "the name of the backup is longer than %d bytes", BACKUP_PATH_MAX - 1);
  size_t len = r->secrets.passphrase.len;
  if (len > 0 && (len < BACKUP_PASSPHRASE_MIN || len > BACKUP_PASSPHRASE_MAX))
    return fault_set(f, ERR_LIMIT, NULL, "a passphrase has %d to %d bytes", BACKUP_PASSPHRASE_MIN,
                     BACKUP_PASSPHRASE_MAX);
  snprintf(m.partial, sizeof m.partial, "%s.partial", r->path);
  snprintf(m.copy, sizeof m.copy, "%s.partial-db", r->path);
  m.head.kdf_passes = len == 0 ? 0 : r->kdf_passes ? r->kdf_passes : BACKUP_KDF_PASSES;
  m.head.kdf_memory = len == 0 ? 0 : r->kdf_passes ? r->kdf_memory : BACKUP_KDF_MEMORY;
  enum err e = make(&m, f);
  clean_up(&m);
  if (!e)
    *out = (struct backup_made){m.head.database_bytes, m.stored_bytes, m.head.schema_version};
  return e;
}
