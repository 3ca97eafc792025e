/* What is asked of a database file before it is used: that it is one, that it is Weir's, and that it is sound. Nothing
 * here changes a file. For the store's own use. */
#ifndef STORE_SQLITE_CHECK_H
#define STORE_SQLITE_CHECK_H

#include "store/sqlite.h"

#define SQLITE_CHECKED_BYTES (8LL << 20) /* up to this size a file's integrity is checked whenever it is opened */
#define SQLITE_CHECKED_BYTES_UNCLEAN                                                                                   \
  (64LL << 20) /* and every page (quick_check) of this one while a log says that it was not closed, or is in use */
#define SQLITE_CHECK_MS         20 /* of a larger file: the newest rows, for so long */
#define SQLITE_CHECK_MS_UNCLEAN 200

/* Before SQLite opens path, which takes a short file for a new one and throws away the log of an empty one. create:
 * makes the file (0600) when there is none; else ERR_NOT_FOUND. ERR_STORE_CORRUPT: no database; empty although weir has
 * worked in its folder; or gone while its write-ahead log, or the journal beside it, is still there. encrypted: to be
 * read with a key, so that its head says nothing; ERR_FORBIDDEN when it is in the clear. ERR_STORE_FULL, ERR_STORE.
 * This process may have the database open meanwhile; its locks stay. */
enum err sqlite_check_file(const char *path, bool encrypted, bool create, struct fault *f) MUST_CHECK;
/* On a connection to it. ERR_STORE_CORRUPT: another program's, or damaged as far as the sizes and times above let one
 * look; `weir backup` and `weir ledger verify` read all of it. */
enum err sqlite_check_content(sqlite3 *db, const char *path, struct fault *f) MUST_CHECK;

#endif
