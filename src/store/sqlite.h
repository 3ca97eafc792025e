/* What the files of the SQLite driver share: two connections, their prepared statements, and the translation of
 * SQLite's errors. Not for other rooms. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include "store/driver.h"

#include <pthread.h>
#include <sqlite3.h>

#define SQLITE_WEIR_ID 0x57656972 /* application_id, "Weir" */

/* One connection, its lock and its statements (prepared when first used). */
struct sqlite_link {
  struct driver_link base;
  sqlite3 *db;
  pthread_mutex_t lock;
  sqlite3_stmt *statements[SQL_COUNT];
  sqlite3_stmt *unlisted; /* the last one that is not in the table of statements */
  sqlite3_stmt *current;
};

struct sqlite_store {
  struct database base;
  struct sqlite_link write;
  struct sqlite_link reader;
  struct sqlite_link *read; /* &reader; &write for a database in memory, which only one connection can see */
};

extern const struct driver sqlite_driver;

/* A store with one connection to the file, without a look at its schema. Opens path without changing it and refuses
 * what is not Weir's: see store_open. create: make the file when there is none (else ERR_NOT_FOUND). path NULL: in
 * memory. key: see sqlite_key.h. */
enum err sqlite_store_open(const char *path, struct text key, bool create, struct database **out,
                           struct fault *f) MUST_CHECK;
/* Makes commits durable; then, after the migrations, opens the connection for reading. Not for a store in memory. */
enum err sqlite_store_durable(struct database *d, const char *path, struct fault *f) MUST_CHECK;
enum err sqlite_store_reader(struct database *d, const char *path, struct text key, struct fault *f) MUST_CHECK;

/* Gives a connection the functions that statements of the store use: weir_sum. */
enum err sqlite_functions(sqlite3 *db, struct fault *f) MUST_CHECK;
/* Runs statements without parameters. */
enum err sqlite_run(sqlite3 *db, const char *sql, struct fault *f) MUST_CHECK;
/* The error SQLite reported last on db, as one of the port's; doing: "adding ledger rows". */
enum err sqlite_fail(sqlite3 *db, const char *doing, struct fault *f);
/* One number from a statement without parameters; 0 when it has no row. */
enum err sqlite_number(sqlite3 *db, const char *sql, int64_t *out, struct fault *f) MUST_CHECK;

#endif
