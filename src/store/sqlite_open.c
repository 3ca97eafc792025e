/* Opening an SQLite database: sqlite_check.c looks at it first, then connections are made and set up for durable
 * commits. Does not look at the schema. Called by store.c; the connections are then used through sqlite.c. */
#include "store/sqlite.h"
#include "store/sqlite_check.h"
#include "store/sqlite_key.h"

#define BUSY_TIMEOUT_MS 5000

static enum err connect(const char *path, struct text key, sqlite3 **out, struct fault *f) {
  sqlite3 *db = NULL;
  int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
  enum err e = rc == SQLITE_OK ? ERR_OK : sqlite_fail(db, "opening the store", f);
  if (!e)
    e = sqlite_key_give(db, key, f);
  if (!e) {
    sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    e = sqlite_run(
        db,
        "PRAGMA page_size = 16384; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON;",
        f);
  }
  if (!e)
    e = sqlite_functions(db, f);
  if (e) {
    sqlite3_close_v2(db);
    return e;
  }
  *out = db;
  return ERR_OK;
}

/* Commits wait until they are on the disk; a reader never waits for them. */
static enum err make_durable(sqlite3 *db, const char *path, struct fault *f) {
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &s, NULL) != SQLITE_OK)
    return sqlite_fail(db, "setting up the store", f);
  int rc = sqlite3_step(s);
  const char *mode = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
  enum err e = ERR_OK;
  if (rc != SQLITE_ROW)
    e = sqlite_fail(db, "setting up the store", f);
  else if (!mode || strcmp(mode, "wal") != 0)
    e = fault_set(f, ERR_STORE, NULL, "%s: the file system cannot hold a write-ahead log; use a local disk", path);
  sqlite3_finalize(s);
  if (!e)
    e = sqlite_run(db, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;", f);
  return e;
}

static void link_init(struct sqlite_link *l) {
  l->base.driver = &sqlite_driver;
  pthread_mutex_init(&l->lock, NULL);
}

static void link_close(struct sqlite_link *l) {
  for (size_t i = 0; i < SQL_COUNT; i++)
    sqlite3_finalize(l->statements[i]);
  sqlite3_finalize(l->unlisted);
  sqlite3_close_v2(l->db);
  pthread_mutex_destroy(&l->lock);
}

static void close_store(struct store *store) {
  struct sqlite_store *s = (struct sqlite_store *)store;
  if (!s)
    return;
  link_close(&s->reader); /* the writer last: closing it moves the write-ahead log into the file */
  link_close(&s->write);
  free(s);
}

static const struct store_ops ops_sqlite = {
    .name = "sqlite", .close = close_store, DRIVER_OPS, .events = &store_events};
static const struct store_ops ops_memory = {
    .name = "memory", .close = close_store, DRIVER_OPS, .events = &store_events};

enum err sqlite_store_open(const char *path, struct text key, bool create, struct database **out, struct fault *f) {
  struct sqlite_store *s = calloc(1, sizeof *s);
  if (!s)
    abort();
  s->base = (struct database){{path ? &ops_sqlite : &ops_memory}, &sqlite_driver};
  link_init(&s->write);
  link_init(&s->reader);
  s->read = &s->write;
  enum err e = path ? sqlite_check_file(path, key.len > 0, create, f) : ERR_OK;
  if (!e)
    e = connect(path ? path : ":memory:", path ? key : TEXT_NONE, &s->write.db, f);
  if (!e && path)
    e = sqlite_key_check(s->write.db, key, path, f);
  if (!e && path)
    e = sqlite_check_content(s->write.db, path, f);
  if (e) {
    close_store(&s->base.base);
    return e;
  }
  *out = &s->base;
  return ERR_OK;
}

enum err sqlite_store_durable(struct database *d, const char *path, struct fault *f) {
  return make_durable(((struct sqlite_store *)d)->write.db, path, f);
}

enum err sqlite_store_reader(struct database *d, const char *path, struct text key, struct fault *f) {
  struct sqlite_store *s = (struct sqlite_store *)d;
  enum err e = connect(path, key, &s->reader.db, f);
  if (!e)
    e = sqlite_run(s->reader.db, "PRAGMA query_only = ON", f);
  if (!e)
    s->read = &s->reader;
  return e;
}
