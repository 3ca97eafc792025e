/* Versioned changes of the schema, carried in the program (migrations/NNNN_name.{up,down}.sql) and recorded in the
 * database's table weir_schema with a checksum. The SQL is written in the subset PostgreSQL and SQLite share, with
 * PostgreSQL's type names; for SQLite its own are put in their place. Each migration runs in one transaction with its
 * record, and behind a lock, so that of several programs one applies it and the others find it applied.
 *
 * A migration that begins with the line "-- compatible: N" says that a program which knows the schema up to version N,
 * and not this one, may go on working: it adds what such a program does not miss. That is recorded with it, so that an
 * older program can tell. Without the line only programs that know the migration open the database. Called by the
 * command line (`weir migrate`) and by store_open. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "base/arena.h"
#include "store/store.h"

struct database;
struct embedded_file;

struct migration_status {
  unsigned version;
  struct text name; /* "keys" */
  bool applied;
  int64_t applied_us; /* 0 when not applied */
  struct text checksum;
  unsigned compatible; /* programs that know at least this version work with it */
  bool known;          /* this program carries it; else a newer one has applied it */
};

/* The migrations of a program: pairs of files, up and down, in order of version. */
struct migrate_program {
  const struct embedded_file *files;
  size_t count;
};

/* On the database at the place, which must be Weir's own (or new, for up). Errors as store_open. out_count: migrations
 * applied or taken back. */
enum err migrate_up(const struct store_place *place, unsigned *out_count, struct fault *f) MUST_CHECK;
/* Takes back the newest `steps` migrations, and the data they hold with them. Fewer are taken back when there are
 * fewer. ERR_STORE_BUSY: a replica was seen on a shared database less than COPY_SILENT_US ago. For a file the caller
 * holds its data_dir (ledger/hold.h). */
enum err migrate_down(const struct store_place *place, unsigned steps, unsigned *out_count, struct fault *f) MUST_CHECK;
/* Every migration this program carries, and behind them those that a newer one has applied, oldest first.
 * ERR_NOT_FOUND when there is no file. */
enum err migrate_status(const struct store_place *place, struct arena *a, struct migration_status **out,
                        size_t *out_count, struct fault *f) MUST_CHECK;

/* The same on an open database; for the store's own use. */
enum err migrate_up_on(struct database *d, unsigned *out_count, struct fault *f) MUST_CHECK;

/* As another program would do it, which carries these; for tests of what an older and a newer one do. */
enum err migrate_up_as(const struct store_place *place, const struct migrate_program *program, unsigned *out_count,
                       struct fault *f) MUST_CHECK;
enum err migrate_down_as(const struct store_place *place, const struct migrate_program *program, unsigned steps,
                         unsigned *out_count, struct fault *f) MUST_CHECK;

#endif
