/* The SQLite driver: statements, transactions and errors on its connections. One connection writes (the ledger's writer
 * thread, key changes) and one reads, each behind its own lock, so that a listing never waits for a batch; write-ahead
 * logging keeps them apart. Opening and refusing files is in sqlite_open.c, what is stored in store_keys.c and
 * store_ledger.c, the schema in migrations/. */
#include "store/sqlite.h"

#include <errno.h>

enum err sqlite_fail(sqlite3 *db, const char *doing, struct fault *f) {
  int code = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
  int system = db ? sqlite3_system_errno(db) : 0;
  const char *text = db ? sqlite3_errmsg(db) : "out of memory";
  switch (code & 0xff) {
  case SQLITE_FULL: return fault_set(f, ERR_STORE_FULL, NULL, "%s: the disk of the store is full", doing);
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return fault_set(f, ERR_STORE_BUSY, NULL, "%s: another program holds the store's database", doing);
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return fault_set(f, ERR_STORE_CORRUPT, NULL, "%s: the store's database is damaged (%s); restore it from a backup",
                     doing, text);
  case SQLITE_CONSTRAINT:
    if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
      return fault_set(f, ERR_STORE_CONFLICT, NULL, "%s: it exists already", doing);
    break;
  case SQLITE_IOERR:
    if (system == ENOSPC || system == EDQUOT || system == EFBIG)
      return fault_set(f, ERR_STORE_FULL, NULL, "%s: the disk of the store is full", doing);
    break;
  default: break;
  }
  return fault_set(f, ERR_STORE, NULL, "%s: %s", doing, text);
}

enum err sqlite_run(sqlite3 *db, const char *sql, struct fault *f) {
  return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : sqlite_fail(db, "setting up the store", f);
}

enum err sqlite_number(sqlite3 *db, const char *sql, int64_t *out, struct fault *f) {
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
    return sqlite_fail(db, "reading the store", f);
  int rc = sqlite3_step(s);
  int64_t n = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
  enum err e = rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_OK : sqlite_fail(db, "reading the store", f);
  sqlite3_finalize(s);
  if (!e)
    *out = n;
  return e;
}

static void sum_step(sqlite3_context *c, int count, sqlite3_value **values) {
  int64_t *sum = sqlite3_aggregate_context(c, sizeof *sum);
  if (sum)
    *sum = tally_plus(*sum, sqlite3_value_int64(values[0]));
}

static void sum_end(sqlite3_context *c) {
  const int64_t *sum = sqlite3_aggregate_context(c, 0);
  sqlite3_result_int64(c, sum ? *sum : 0);
}

/* SQLite's own sum() fails at the largest integer. */
enum err sqlite_functions(sqlite3 *db, struct fault *f) {
  int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  int rc = sqlite3_create_function_v2(db, "weir_sum", 1, flags, NULL, NULL, sum_step, sum_end, NULL);
  return rc == SQLITE_OK ? ERR_OK : sqlite_fail(db, "setting up the store", f);
}

static struct sqlite_link *link_of(struct driver_link *l) { return (struct sqlite_link *)l; }

static enum err take(struct database *d, enum driver_use use, bool fresh, struct driver_link **out, struct fault *f) {
  struct sqlite_store *s = (struct sqlite_store *)d;
  struct sqlite_link *l = use == DRIVER_READ || use == DRIVER_LIST ? s->read : &s->write;
  pthread_mutex_lock(&l->lock);
  *out = &l->base;
  return ERR_OK;
}

static void give(struct database *d, struct driver_link *l) { pthread_mutex_unlock(&link_of(l)->lock); }

static enum err begin(struct driver_link *l, enum driver_use use, struct fault *f) {
  return sqlite_run(link_of(l)->db, use == DRIVER_READ ? "BEGIN" : "BEGIN IMMEDIATE", f);
}

static enum err end(struct driver_link *l, enum err e, struct fault *f) {
  sqlite3 *db = link_of(l)->db;
  if (!e && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
    e = sqlite_fail(db, "writing to the store", f);
  /* SQLite ends a transaction itself after some errors (a full disk); rolling back again would only fail. */
  if (e && !sqlite3_get_autocommit(db))
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* the first error is the one to tell */
  return e;
}

static enum err exec(struct driver_link *l, const char *sql, struct fault *f) {
  return sqlite_run(link_of(l)->db, sql, f);
}

static enum err prepare(struct driver_link *base, enum sql which, struct fault *f) {
  struct sqlite_link *l = link_of(base);
  sqlite3_stmt **s = &l->statements[which];
  if (!*s &&
      sqlite3_prepare_v3(l->db, sql_text(which, SQL_SQLITE), -1, SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK)
    return sqlite_fail(l->db, "preparing a statement", f);
  sqlite3_reset(*s);
  sqlite3_clear_bindings(*s);
  l->current = *s;
  return ERR_OK;
}

static enum err prepare_text(struct driver_link *base, const char *sql, struct fault *f) {
  struct sqlite_link *l = link_of(base);
  if (!l->unlisted || strcmp(sqlite3_sql(l->unlisted), sql) != 0) {
    sqlite3_finalize(l->unlisted);
    l->unlisted = NULL;
    if (sqlite3_prepare_v2(l->db, sql, -1, &l->unlisted, NULL) != SQLITE_OK)
      return sqlite_fail(l->db, "preparing a statement", f);
  }
  sqlite3_reset(l->unlisted);
  sqlite3_clear_bindings(l->unlisted);
  l->current = l->unlisted;
  return ERR_OK;
}

static void bind(struct driver_link *l, int at, int64_t n) { sqlite3_bind_int64(link_of(l)->current, at, n); }

static int size_of(struct text t) { return (int)(t.len > INT32_MAX ? INT32_MAX : t.len); }

static void bind_text(struct driver_link *l, int at, struct text t) {
  sqlite3_bind_text(link_of(l)->current, at, t.len ? t.at : "", size_of(t), SQLITE_STATIC);
}

static void bind_bytes(struct driver_link *l, int at, struct text t) {
  sqlite3_bind_blob(link_of(l)->current, at, t.len ? t.at : "", size_of(t), SQLITE_STATIC);
}

static enum err step(struct driver_link *l, bool *out_row, const char *doing, struct fault *f) {
  int rc = sqlite3_step(link_of(l)->current);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    return sqlite_fail(link_of(l)->db, doing, f);
  *out_row = rc == SQLITE_ROW;
  return ERR_OK;
}

static int64_t number(struct driver_link *l, int column) { return sqlite3_column_int64(link_of(l)->current, column); }

static struct text bytes(struct driver_link *l, int column) {
  const char *at = sqlite3_column_blob(link_of(l)->current, column);
  return (struct text){at, at ? (size_t)sqlite3_column_bytes(link_of(l)->current, column) : 0};
}

static bool is_null(struct driver_link *l, int column) {
  return sqlite3_column_type(link_of(l)->current, column) == SQLITE_NULL;
}

static int64_t changes(struct driver_link *l) { return sqlite3_changes(link_of(l)->db); }

static void reset(struct driver_link *l) { sqlite3_reset(link_of(l)->current); }

const struct driver sqlite_driver = {.dialect = SQL_SQLITE,
                                     .take = take,
                                     .give = give,
                                     .begin = begin,
                                     .end = end,
                                     .exec = exec,
                                     .prepare = prepare,
                                     .prepare_text = prepare_text,
                                     .bind = bind,
                                     .bind_text = bind_text,
                                     .bind_bytes = bind_bytes,
                                     .step = step,
                                     .number = number,
                                     .bytes = bytes,
                                     .is_null = is_null,
                                     .changes = changes,
                                     .reset = reset};
