/* Opening the adapters of the store port. What comes back is used through ports/store.h and freed with ops->close. Safe
 * for calls from several threads; every call may block. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "ports/store.h"

/* Opens the SQLite database at path, creating it (mode 0600; the directory must exist) and applying the migrations it
 * lacks. An existing file is never overwritten: ERR_STORE_CORRUPT  not a database, a database of another program, or
 * damaged; f says what to do ERR_STORE          cannot be opened, or its schema was written by a newer or a changed
 * program ERR_STORE_BUSY, ERR_STORE_FULL  another program holds it; no room on the disk The whole file is checked when
 * it is at most 64 MiB, so that opening stays quick; `ledger_verify` reads every row of a larger one. */
enum err store_open_sqlite(const char *path, struct store **out, struct fault *f) MUST_CHECK;

/* The same adapter on a database that lives in memory and dies with the store; its name is "memory". */
enum err store_open_memory(struct store **out, struct fault *f) MUST_CHECK;

#endif
