/* What the files of the SQLite adapter share: two connections, their prepared statements, and the translation of
 * SQLite's errors. Not for other rooms. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include "ports/store.h"

#include <pthread.h>
#include <sqlite3.h>

#define SQLITE_STREAM_KEPT_US                                                                                          \
  (30LL * 24 * 3600 * 1000000)    /* positions of journals this long gone are dropped at open */
#define SQLITE_WEIR_ID 0x57656972 /* application_id, "Weir" */

enum sqlite_statement {
  SQL_BEGIN,
  SQL_COMMIT,
  SQL_ROLLBACK,
  SQL_HEALTH,
  SQL_KEY_NEXT_ID,
  SQL_KEY_INSERT,
  SQL_KEY_FIND,
  SQL_KEY_FIND_BY_ACCESS_ID,
  SQL_KEY_LIST,
  SQL_KEY_BLOCK,
  SQL_KEY_TOUCH,
  SQL_LEDGER_INSERT,
  SQL_LEDGER_BALANCE,
  SQL_LEDGER_SPEND,
  SQL_LEDGER_MOVE,
  SQL_LEDGER_POSITION,
  SQL_LEDGER_FORGET,
  SQL_LEDGER_LIST,
  SQL_LEDGER_SPENT,
  SQL_LEDGER_SPENT_ROWS,
  SQL_LEDGER_SUMS,
  SQL_LEDGER_BALANCES,
  SQL_LEDGER_SPENDS,
  SQL_COUNT
};

/* One connection, its lock and its statements (prepared when first used). */
struct sqlite_link {
  sqlite3 *db;
  pthread_mutex_t lock;
  sqlite3_stmt *statements[SQL_COUNT];
};

struct sqlite_store {
  struct store base;
  struct sqlite_link write;
  struct sqlite_link reader;
  struct sqlite_link *read; /* &reader; &write for a database in memory, which only one connection can see */
};

/* Opens path without changing it and refuses what is not Weir's: see store_open_sqlite. create: make the file when
 * there is none (else ERR_NOT_FOUND). Close with sqlite3_close_v2. */
enum err sqlite_open_file(const char *path, bool create, sqlite3 **out, struct fault *f) MUST_CHECK;
/* Runs statements without parameters. */
enum err sqlite_run(sqlite3 *db, const char *sql, struct fault *f) MUST_CHECK;
/* The error SQLite reported last on db, as one of the port's; doing: "adding ledger rows". */
enum err sqlite_fail(sqlite3 *db, const char *doing, struct fault *f);
/* One number from a statement without parameters; 0 when it has no row. */
enum err sqlite_number(sqlite3 *db, const char *sql, int64_t *out, struct fault *f) MUST_CHECK;

/* The link is locked by the caller in all of these. A statement comes back reset and without bindings; end with
 * sqlite3_reset. */
enum err sqlite_prepare(struct sqlite_link *l, enum sqlite_statement which, sqlite3_stmt **out,
                        struct fault *f) MUST_CHECK;
/* Runs a statement that yields no row, and resets it. */
enum err sqlite_finish(struct sqlite_link *l, sqlite3_stmt *s, const char *doing, struct fault *f) MUST_CHECK;
enum err sqlite_begin(struct sqlite_link *l, struct fault *f) MUST_CHECK;
/* Commits when e is ERR_OK, otherwise (or when the commit fails) rolls back; returns what stands in the end. */
enum err sqlite_end(struct sqlite_link *l, enum err e, struct fault *f) MUST_CHECK;

void sqlite_bind_text(sqlite3_stmt *s, int at, struct text t); /* the text must live until the statement is reset */
struct text sqlite_text(sqlite3_stmt *s, int column, struct arena *a);

/* The port's operations, by file. */
enum err sqlite_key_create(struct store *s, const struct store_key *k, int64_t *out_id, struct fault *f);
enum err sqlite_key_find_by_access_id(struct store *s, const uint8_t id[STORE_ACCESS_BYTES], struct arena *a,
                                      struct store_key *out, struct fault *f);
enum err sqlite_key_find(struct store *s, const uint8_t hash[STORE_HASH_BYTES], struct arena *a, struct store_key *out,
                         struct fault *f);
enum err sqlite_key_list(struct store *s, int64_t after_id, size_t max, struct arena *a, struct store_key **out,
                         size_t *out_count, struct fault *f);
enum err sqlite_key_set_blocked(struct store *s, int64_t id, bool blocked, struct fault *f);
enum err sqlite_key_touch(struct store *s, const int64_t *ids, const int64_t *last_used_us, size_t count,
                          struct fault *f);

enum err sqlite_ledger_append(struct store *s, const struct ledger_row *rows, size_t count, struct text stream,
                              uint64_t position, struct fault *f);
enum err sqlite_ledger_position(struct store *s, struct text stream, uint64_t *out, struct fault *f);
enum err sqlite_ledger_list(struct store *s, int64_t before_id, size_t max, struct arena *a, struct ledger_row **out,
                            size_t *out_count, struct fault *f);
enum err sqlite_ledger_spent(struct store *s, int64_t key_id, int64_t since_us, int64_t *out_nano, struct fault *f);
enum err sqlite_ledger_verify(struct store *s, struct arena *a, struct ledger_totals *out, struct fault *f);
/* Drops positions of journals that have not moved since before_us. */
enum err sqlite_ledger_forget(struct sqlite_store *s, int64_t before_us, struct fault *f) MUST_CHECK;

#endif
