/* Versioned changes of the schema, carried in the program (migrations/NNNN_name.{up,down}.sql) and recorded in the
 * database's table weir_schema with a checksum. The SQL is written in the subset PostgreSQL and SQLite share, with
 * PostgreSQL's type names; for SQLite its own are put in their place. Each migration runs in one transaction with its
 * record, and behind a lock, so that of several programs one applies it and the others find it applied. Called by the
 * command line (`weir migrate`) and by store_open. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "base/arena.h"
#include "store/store.h"

struct database;

struct migration_status {
  unsigned version;
  struct text name; /* "keys" */
  bool applied;
  int64_t applied_us; /* 0 when not applied */
};

/* On the database at the place, which must be Weir's own (or new, for up). Errors as store_open. out_count: migrations
 * applied or taken back. */
enum err migrate_up(const struct store_place *place, unsigned *out_count, struct fault *f) MUST_CHECK;
/* Takes back the newest `steps` migrations, and the data they hold with them. Fewer are taken back when there are
 * fewer. */
enum err migrate_down(const struct store_place *place, unsigned steps, unsigned *out_count, struct fault *f) MUST_CHECK;
/* Every migration this program carries, oldest first. ERR_NOT_FOUND when there is no file. */
enum err migrate_status(const struct store_place *place, struct arena *a, struct migration_status **out,
                        size_t *out_count, struct fault *f) MUST_CHECK;

/* The same on an open database; for the store's own use. */
enum err migrate_up_on(struct database *d, unsigned *out_count, struct fault *f) MUST_CHECK;

#endif
