/* Putting a backup in place of a database: unpacked beside it, checked, and exchanged by one rename. The old database
 * is first made one file, under a lock that keeps every other program out, so that no log of one can ever be taken for
 * the log of the other. Called by `weir restore`. */
#include "store/restore.h"

#include "store/backup_files.h"
#include "store/sqlite_check.h"
#include "store/sqlite_key.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NAME_BYTES (BACKUP_PATH_MAX + 64)

struct name {
  char text[NAME_BYTES];
};

static struct name name_of(const char *path, const char *ending) {
  struct name n;
  snprintf(n.text, sizeof n.text, "%.*s%s", NAME_BYTES - 16, path, ending);
  return n;
}

static struct name restoring(const char *database) { return name_of(database, ".restoring"); }

static const char *const companions[] = {"-wal", "-shm", "-journal"};

void restore_discard(const char *database) {
  struct name n = restoring(database);
  unlink(n.text);
  for (size_t i = 0; i < sizeof companions / sizeof *companions; i++)
    unlink(name_of(n.text, companions[i]).text);
}

static enum err unpack(int in, const char *path, struct text passphrase, struct restore_found *found, struct fault *f) {
  struct statvfs disk;
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || fstatvfs(fd, &disk) != 0) {
    enum err e = backup_refused("create", path, f);
    if (fd >= 0)
      close(fd);
    return e;
  }
  enum err e = backup_stream_read(in, passphrase, (uint64_t)disk.f_bavail * disk.f_frsize, fd, &found->content, f);
  if (!e && fsync(fd) != 0)
    e = backup_refused("sync", path, f);
  close(fd);
  return e;
}

/* Opening applies migrations that are missing and refuses a schema that is newer. */
static enum err verify(const char *path, struct text key, struct restore_found *found, struct fault *f) {
  struct store *s = NULL;
  struct ledger_totals t = {0};
  struct arena a;
  unsigned version;
  enum err e = sqlite_check_file(path, key.len > 0, false, f);
  if (!e)
    e = backup_check_file(path, key, &version, f);
  if (!e)
    e = store_open(&(struct store_place){.kind = STORE_SQLITE, .path = path, .key = key}, &s, f);
  if (e)
    return e;
  arena_init(&a);
  e = s->ops->ledger_verify(s, &a, &t, f);
  if (!e)
    e = backup_check_balances(&t, f);
  arena_done(&a);
  s->ops->close(s);
  if (e)
    return e;
  found->rows = t.rows;
  found->keys = t.keys;
  found->cost_nano = t.cost_nano;
  return access(name_of(path, "-wal").text, F_OK) != 0
             ? ERR_OK
             : fault_set(f, ERR_STORE, NULL, "%s was opened by another program", path);
}

enum err restore_prepare(int in, const struct restore_database *d, struct text passphrase, struct restore_found *out,
                         struct fault *f) {
  const char *database = d->path;
  struct restore_found found = {0};
  if (strlen(database) >= BACKUP_PATH_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "the path of the database is longer than %d bytes", BACKUP_PATH_MAX - 1);
  restore_discard(database);
  struct name path = restoring(database);
  enum err e = unpack(in, path.text, passphrase, &found, f);
  if (!e)
    e = verify(path.text, d->key, &found, f);
  if (e) {
    restore_discard(database);
    return e;
  }
  *out = found;
  return ERR_OK;
}

/* Makes the old database one file, and begins a transaction that keeps every other program out until *out is closed.
 * Not one that came between: then there is a log again. */
static enum err take_alone(const char *database, sqlite3 *db, struct fault *f) {
  enum err e = sqlite_run(db, "PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE", f);
  if (!e && access(name_of(database, "-wal").text, F_OK) == 0)
    e = ERR_STORE_BUSY;
  return e == ERR_STORE_BUSY ? fault_set(f, e, NULL, "another program has %s open", database) : e;
}

/* A program that waits for the lock finds the file renamed then and gets an error from SQLite (READONLY_DBMOVED). What
 * is no sound database of ours cannot be treated so: *out stays NULL, and it is put aside as it is. */
static enum err quiesce(const char *database, struct text key, sqlite3 **out, struct fault *f) {
  sqlite3 *db = NULL;
  int64_t id = 0;
  if (sqlite_check_file(database, key.len > 0, false, NULL) != ERR_OK)
    return ERR_OK;
  int rc = sqlite3_open_v2(database, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
  enum err e = rc == SQLITE_OK ? ERR_OK : sqlite_fail(db, "opening the database", f);
  if (!e)
    e = sqlite_key_give(db, key, f);
  if (!e)
    sqlite3_busy_timeout(db, 1000);
  if (!e)
    e = sqlite_number(db, "PRAGMA application_id", &id, f);
  if (!e && id == SQLITE_WEIR_ID)
    e = take_alone(database, db, f);
  if (!e && id == SQLITE_WEIR_ID) {
    *out = db;
    return ERR_OK;
  }
  sqlite3_close_v2(db);
  return e == ERR_STORE_BUSY || e == ERR_STORE_FULL ? e : ERR_OK;
}

/* A second name, so that the first is never without a file. */
static enum err keep(const char *path, const char *kept, struct fault *f) {
  if (link(path, kept) == 0)
    return ERR_OK;
  if (errno == EEXIST)
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "%s exists already", kept);
  enum err e = backup_refused("keep the replaced database as", kept, f);
  if (errno == EPERM || errno == EOPNOTSUPP)
    fault_set(f, e, NULL, "the file system has no hard links; move %s away and restore again", path);
  return e;
}

/* The log and the rollback journal of the old database must not stand beside the new one: SQLite would play them into
 * it. Not inlined: its names are large. */
static __attribute__((noinline)) enum err move_companions(const char *database, const char *kept, struct fault *f) {
  for (size_t i = 0; i < sizeof companions / sizeof *companions; i++) {
    struct name from = name_of(database, companions[i]);
    if (access(from.text, F_OK) == 0 && rename(from.text, name_of(kept, companions[i]).text) != 0)
      return backup_refused("move", from.text, f);
  }
  return ERR_OK;
}

enum err restore_put(const struct restore_database *d, const char *kept, bool *out_kept, struct fault *f) {
  const char *database = d->path;
  struct name fresh = restoring(database);
  sqlite3 *old = NULL;
  struct stat st;
  bool any = lstat(database, &st) == 0;
  if (strlen(kept) >= BACKUP_PATH_MAX)
    return fault_set(f, ERR_LIMIT, NULL, "the name to keep the replaced database under is too long");
  if (any && !S_ISREG(st.st_mode))
    return fault_set(f, ERR_STORE_CONFLICT, NULL, "%s is not an ordinary file", database);
  enum err e = any ? quiesce(database, d->key, &old, f) : ERR_OK;
  if (!e && any)
    e = keep(database, kept, f);
  if (!e)
    e = move_companions(database, kept, f);
  if (!e)
    e = backup_publish(fresh.text, database, any, f);
  sqlite3_close_v2(old);
  if (!e)
    *out_kept = any;
  return e;
}
