/* Opening the adapters of the store port. What comes back is used through ports/store.h and freed with ops->close. Safe
 * for calls from several threads; every call may block. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "ports/store.h"
#include "store/postgres_options.h"

enum store_kind { STORE_SQLITE, STORE_MEMORY, STORE_POSTGRES };

/* Which database. Texts must live as long as the call. */
struct store_place {
  enum store_kind kind;
  const char *path;                 /* SQLite: the file */
  struct text key;                  /* that it is encrypted with; empty: it is not (sqlite_key.h) */
  struct postgres_options postgres; /* PostgreSQL */
};

/* Opens the database and applies the migrations it lacks; one program at a time does that.
 *   SQLite: the file is created when there is none (mode 0600; the directory must exist). An existing file is never
 *   overwritten. A small one is checked whole, of a larger one the newest rows, so that opening stays quick (the bounds
 *   are in sqlite_check.h); `ledger_verify` reads every row.
 *   Memory: the SQLite adapter on a database that lives in memory and dies with the store; its name is "memory".
 *   PostgreSQL: connections are made when they are needed (postgres_options.h); the first one here.
 * ERR_STORE_CORRUPT  not a database, a database of another program, or damaged; f says what to do
 * ERR_STORE          cannot be opened or reached, or its schema was written by a newer or a changed program
 * ERR_CONFIG         the address of a PostgreSQL database is not one
 * ERR_FORBIDDEN      the file is encrypted and the key is missing or not the one; or it is not encrypted, and there is
 * a key ERR_STORE_BUSY, ERR_STORE_FULL  another program holds it; no room on the disk No password is ever in f. */
enum err store_open(const struct store_place *place, struct store **out, struct fault *f) MUST_CHECK;

/* Whether url is the address of a PostgreSQL database, without going there. ERR_CONFIG, and nothing of it in f. */
enum err store_check_address(struct text url, struct fault *f) MUST_CHECK;
/* Whether this program was built to encrypt files. Without that a place with a key is refused (ERR_UNSUPPORTED). */
bool store_takes_key(void);
/* The two without options, for tests and tools. */
enum err store_open_sqlite(const char *path, struct store **out, struct fault *f) MUST_CHECK;
enum err store_open_memory(struct store **out, struct fault *f) MUST_CHECK;

#endif
