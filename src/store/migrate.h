/* Versioned changes of the schema, carried in the program (migrations/NNNN_name.{up,down}.sql) and recorded in the
 * database's table weir_schema with a checksum. The SQL is written in the subset PostgreSQL and SQLite share, with
 * PostgreSQL's type names; the SQLite driver puts its own in their place. Each migration runs in one transaction with
 * its record. Called by the command line (`weir migrate`) and by store_open_sqlite. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "base/arena.h"

struct sqlite3;

struct migration_status {
  unsigned version;
  struct text name; /* "keys" */
  bool applied;
  int64_t applied_us; /* 0 when not applied */
};

/* On the database at path, which must be Weir's own (or new, for up). Errors as store_open_sqlite. out_count:
 * migrations applied or taken back. */
enum err migrate_up(const char *path, unsigned *out_count, struct fault *f) MUST_CHECK;
/* Takes back the newest `steps` migrations, and the data they hold with them. Fewer are taken back when there are
 * fewer. */
enum err migrate_down(const char *path, unsigned steps, unsigned *out_count, struct fault *f) MUST_CHECK;
/* Every migration this program carries, oldest first. ERR_NOT_FOUND when there is no file. */
enum err migrate_status(const char *path, struct arena *a, struct migration_status **out, size_t *out_count,
                        struct fault *f) MUST_CHECK;

/* The same on an open connection; for the store's own use. */
enum err migrate_up_on(struct sqlite3 *db, unsigned *out_count, struct fault *f) MUST_CHECK;

#endif
