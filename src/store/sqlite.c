/* The SQLite adapter: opening and refusing files, the two connections, their statements, transactions and errors.
 * One connection writes (the ledger's writer thread, key changes) and one reads, each behind its own lock, so that a
 * listing never waits for a batch; write-ahead logging keeps them apart. What is stored stands in sqlite_keys.c and
 * sqlite_ledger.c, the schema in migrations/. */
#include "store/sqlite.h"

#include "store/migrate.h"
#include "store/sqlite_check.h"
#include "store/store.h"

#include <errno.h>

#define BUSY_TIMEOUT_MS 5000

#define KEY_COLUMNS                                                                                                    \
  "id, name, prefix, user_name, hash, models, rpm, tpm, concurrency, budget_nano, budget_period, created_us, "         \
  "expires_us, last_used_us, blocked, workspace, policy"
#define LEDGER_COLUMNS                                                                                                 \
  "id, reserved_us, settled_us, request_id, attempt, key_id, key_name, user_name, wire, operation, provider, "         \
  "credential, model, upstream_model, upstream_request_id, outcome, error, status, upstream_status, streamed, "        \
  "billable, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, "           \
  "reasoning_tokens, usage_known, usage_estimated, cost_input_nano, cost_output_nano, cost_cache_write_nano, "         \
  "cost_cache_read_nano, cost_nano, cost_known, price_version, reserved_nano, first_token_us, duration_us, "           \
  "overhead_us"
#define BALANCE_COLUMNS                                                                                                \
  "key_id, entries, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, "    \
  "reasoning_tokens, cost_nano, billable_nano"
/* Adds to a sum that stops at the largest integer: past it SQLite would turn it into a floating-point number. */
#define ADD(table, column)                                                                                             \
  column " = CASE WHEN " table "." column " > 9223372036854775807 - excluded." column                                  \
         " THEN 9223372036854775807 ELSE " table "." column " + excluded." column " END"
#define ADD_BALANCE(column) ADD("weir_ledger_balance", column)

static const char *const statement_texts[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_HEALTH] = "SELECT max(version) FROM weir_schema",
    [SQL_KEY_NEXT_ID] = "UPDATE weir_sequence SET value = value + 1 WHERE name = 'keys' RETURNING value",
    [SQL_KEY_INSERT] = "INSERT INTO weir_keys (" KEY_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
                       "?12, ?13, ?14, ?15, ?16, ?17)",
    [SQL_KEY_FIND] = "SELECT " KEY_COLUMNS " FROM weir_keys WHERE hash = ?1",
    [SQL_KEY_FIND_BY_ACCESS_ID] = "SELECT " KEY_COLUMNS " FROM weir_keys WHERE substr(hash, 1, 8) = ?1",
    [SQL_KEY_LIST] = "SELECT " KEY_COLUMNS " FROM weir_keys WHERE id > ?1 ORDER BY id LIMIT ?2",
    [SQL_KEY_BLOCK] = "UPDATE weir_keys SET blocked = ?2 WHERE id = ?1",
    [SQL_KEY_TOUCH] = "UPDATE weir_keys SET last_used_us = ?2 WHERE id = ?1 AND last_used_us < ?2",
    [SQL_LEDGER_INSERT] =
        "INSERT INTO weir_ledger (" LEDGER_COLUMNS
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
        "?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, "
        "?37, ?38, ?39, ?40) ON CONFLICT (id) DO NOTHING",
    [SQL_LEDGER_BALANCE] =
        "INSERT INTO weir_ledger_balance (" BALANCE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) "
        "ON CONFLICT (key_id) DO UPDATE SET " ADD_BALANCE("entries") ", " ADD_BALANCE("input_tokens") ", " ADD_BALANCE("output_tokens") ", " ADD_BALANCE("cache_write_5m_tokens") ", " ADD_BALANCE(
            "cache_write_1h_tokens") ", " ADD_BALANCE("cache_read_tokens") ", " ADD_BALANCE("reasoning_tokens") ","
                                                                                                                " " ADD_BALANCE("cost_nano") ", " ADD_BALANCE(
                                                                                                                    "bi"
                                                                                                                    "ll"
                                                                                                                    "ab"
                                                                                                                    "le"
                                                                                                                    "_n"
                                                                                                                    "an"
                                                                                                                    "o"),
    [SQL_LEDGER_SPEND] = "INSERT INTO weir_ledger_spend (key_id, slot, cost_nano) VALUES (?1, ?2, ?3) "
                         "ON CONFLICT (key_id, slot) DO UPDATE SET " ADD("weir_ledger_spend", "cost_nano"),
    [SQL_LEDGER_MOVE] = "INSERT INTO weir_ledger_stream (stream, position, moved_us) VALUES (?1, ?2, ?3) ON CONFLICT "
                        "(stream) DO UPDATE "
                        "SET position = excluded.position, moved_us = excluded.moved_us "
                        "WHERE excluded.position > weir_ledger_stream.position",
    [SQL_LEDGER_POSITION] = "SELECT position FROM weir_ledger_stream WHERE stream = ?1",
    [SQL_LEDGER_FORGET] = "DELETE FROM weir_ledger_stream WHERE moved_us < ?1",
    [SQL_LEDGER_LIST] = "SELECT " LEDGER_COLUMNS " FROM weir_ledger WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
    [SQL_LEDGER_SPENT] = "SELECT cost_nano FROM weir_ledger_spend WHERE key_id = ?1 AND slot >= ?2",
    [SQL_LEDGER_SPENT_ROWS] = "SELECT cost_nano FROM weir_ledger WHERE key_id = ?1 AND billable = 1 "
                              "AND settled_us >= ?2 AND settled_us < ?3",
    [SQL_LEDGER_SUMS] = "SELECT key_id, billable, input_tokens, output_tokens, cache_write_5m_tokens, "
                        "cache_write_1h_tokens, cache_read_tokens, reasoning_tokens, cost_nano FROM weir_ledger",
    [SQL_LEDGER_BALANCES] = "SELECT " BALANCE_COLUMNS " FROM weir_ledger_balance",
    [SQL_LEDGER_SPENDS] = "SELECT key_id, cost_nano FROM weir_ledger_spend",
};

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
    if (system == ENOSPC || system == EDQUOT)
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

enum err sqlite_prepare(struct sqlite_link *l, enum sqlite_statement which, sqlite3_stmt **out, struct fault *f) {
  sqlite3_stmt **s = &l->statements[which];
  if (!*s && sqlite3_prepare_v3(l->db, statement_texts[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK)
    return sqlite_fail(l->db, "preparing a statement", f);
  sqlite3_reset(*s);
  sqlite3_clear_bindings(*s);
  *out = *s;
  return ERR_OK;
}

enum err sqlite_finish(struct sqlite_link *l, sqlite3_stmt *s, const char *doing, struct fault *f) {
  int rc = sqlite3_step(s);
  enum err e = rc == SQLITE_DONE || rc == SQLITE_ROW ? ERR_OK : sqlite_fail(l->db, doing, f);
  sqlite3_reset(s);
  return e;
}

static enum err sqlite_simple(struct sqlite_link *l, enum sqlite_statement which, struct fault *f) {
  sqlite3_stmt *s = NULL;
  enum err e = sqlite_prepare(l, which, &s, f);
  return e ? e : sqlite_finish(l, s, "writing to the store", f);
}

enum err sqlite_begin(struct sqlite_link *l, struct fault *f) { return sqlite_simple(l, SQL_BEGIN, f); }

enum err sqlite_end(struct sqlite_link *l, enum err e, struct fault *f) {
  if (!e)
    e = sqlite_simple(l, SQL_COMMIT, f);
  /* SQLite ends a transaction itself after some errors (a full disk); rolling back again would only fail. */
  if (e && !sqlite3_get_autocommit(l->db)) {
    enum err undone = sqlite_simple(l, SQL_ROLLBACK, NULL);
    (void)undone; /* the first error is the one to tell; an open transaction makes the next begin fail */
  }
  return e;
}

void sqlite_bind_text(sqlite3_stmt *s, int at, struct text t) {
  sqlite3_bind_text(s, at, t.len ? t.at : "", (int)(t.len > INT32_MAX ? INT32_MAX : t.len), SQLITE_STATIC);
}

struct text sqlite_text(sqlite3_stmt *s, int column, struct arena *a) {
  const char *at = (const char *)sqlite3_column_text(s, column);
  struct text t = {at, at ? (size_t)sqlite3_column_bytes(s, column) : 0};
  return arena_copy(a, t);
}

static enum err sqlite_health(struct store *store, struct fault *f) {
  struct sqlite_store *s = (struct sqlite_store *)store;
  sqlite3_stmt *statement = NULL;
  pthread_mutex_lock(&s->read->lock);
  enum err e = sqlite_prepare(s->read, SQL_HEALTH, &statement, f);
  if (!e)
    e = sqlite_finish(s->read, statement, "checking the store", f);
  pthread_mutex_unlock(&s->read->lock);
  return e;
}

static void link_close(struct sqlite_link *l) {
  for (size_t i = 0; i < SQL_COUNT; i++)
    sqlite3_finalize(l->statements[i]);
  sqlite3_close_v2(l->db);
  pthread_mutex_destroy(&l->lock);
}

static void sqlite_close(struct store *store) {
  struct sqlite_store *s = (struct sqlite_store *)store;
  if (!s)
    return;
  link_close(&s->reader); /* the writer last: closing it moves the write-ahead log into the file */
  link_close(&s->write);
  free(s);
}

#define SQLITE_OPS(shown)                                                                                              \
  {                                                                                                                    \
    .name = shown, .close = sqlite_close, .health = sqlite_health, .key_create = sqlite_key_create,                    \
    .key_find = sqlite_key_find, .key_find_by_access_id = sqlite_key_find_by_access_id, .key_list = sqlite_key_list,   \
    .key_set_blocked = sqlite_key_set_blocked, .key_touch = sqlite_key_touch, .ledger_append = sqlite_ledger_append,   \
    .ledger_position = sqlite_ledger_position, .ledger_list = sqlite_ledger_list, .ledger_spent = sqlite_ledger_spent, \
    .ledger_verify = sqlite_ledger_verify                                                                              \
  }
static const struct store_ops ops_sqlite = SQLITE_OPS("sqlite");
static const struct store_ops ops_memory = SQLITE_OPS("memory");

static enum err connect(const char *path, sqlite3 **out, struct fault *f) {
  sqlite3 *db = NULL;
  int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
  enum err e = rc == SQLITE_OK ? ERR_OK : sqlite_fail(db, "opening the store", f);
  if (!e) {
    sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    e = sqlite_run(
        db,
        "PRAGMA page_size = 16384; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON;",
        f);
  }
  if (e) {
    sqlite3_close_v2(db);
    return e;
  }
  *out = db;
  return ERR_OK;
}

enum err sqlite_open_file(const char *path, bool create, sqlite3 **out, struct fault *f) {
  sqlite3 *db = NULL;
  enum err e = sqlite_check_file(path, create, f);
  if (!e)
    e = connect(path, &db, f);
  if (!e)
    e = sqlite_check_content(db, path, f);
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

static struct sqlite_store *store_new(const struct store_ops *ops) {
  struct sqlite_store *s = calloc(1, sizeof *s);
  if (!s)
    abort();
  s->base.ops = ops;
  pthread_mutex_init(&s->write.lock, NULL);
  pthread_mutex_init(&s->reader.lock, NULL);
  s->read = &s->reader;
  return s;
}

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

enum err store_open_sqlite(const char *path, struct store **out, struct fault *f) {
  struct sqlite_store *s = store_new(&ops_sqlite);
  unsigned applied;
  enum err e = sqlite_open_file(path, true, &s->write.db, f);
  if (!e)
    e = make_durable(s->write.db, path, f);
  if (!e)
    e = migrate_up_on(s->write.db, &applied, f);
  if (!e)
    e = connect(path, &s->reader.db, f);
  if (!e)
    e = sqlite_run(s->reader.db, "PRAGMA query_only = ON", f);
  if (!e)
    e = sqlite_ledger_forget(s, now_us() - SQLITE_STREAM_KEPT_US, f);
  if (e) {
    sqlite_close(&s->base);
    return e;
  }
  *out = &s->base;
  return ERR_OK;
}

enum err store_open_memory(struct store **out, struct fault *f) {
  struct sqlite_store *s = store_new(&ops_memory);
  unsigned applied;
  s->read = &s->write;
  enum err e = connect(":memory:", &s->write.db, f);
  if (!e)
    e = migrate_up_on(s->write.db, &applied, f);
  if (e) {
    sqlite_close(&s->base);
    return e;
  }
  *out = &s->base;
  return ERR_OK;
}
