/* Backups of an SQLite store: `weir backup` makes them, restore.h takes them back. A backup is one file
 * (backup_stream.h): the database as it was at one moment, compressed, with a sum over every byte.
 *
 * What it holds: every transaction committed before it began, so every key and every ledger row that had reached the
 * database, with the journals' positions. What it does not hold: the journal (calls in flight, and settlements on their
 * way into the database, which a running weir puts there within ledger.store_interval), the configuration, and, unless
 * it is encrypted, server.key and master.key, without which the stored keys and what is sealed are of no use. */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include "store/backup_stream.h"

#include "ports/store.h"

#define BACKUP_PATH_MAX       1024
#define BACKUP_KDF_PASSES     3 /* libsodium's MODERATE: about a second and 256 MiB */
#define BACKUP_KDF_MEMORY     (256 * 1024 * 1024)
#define BACKUP_PASSPHRASE_MIN 8
#define BACKUP_PASSPHRASE_MAX 4096

struct backup_request {
  const char *database; /* data_dir/weir.db; may be in use by any number of programs */
  struct text key;      /* that it is encrypted with, and stays so in the backup; empty: it is not */
  const char *path;     /* the file to be made */
  int out;              /* where the backup goes instead when it is not -1; path then only names the temporary files */
  bool replace;         /* an existing backup at path is replaced, when the new one is complete */
  struct backup_secrets secrets;
  struct backup_stop stop; /* so that a signal leaves nothing half */
  uint32_t kdf_passes;     /* 0: BACKUP_KDF_PASSES over BACKUP_KDF_MEMORY */
  uint64_t kdf_memory;
};

struct backup_made {
  uint64_t database_bytes, stored_bytes;
  unsigned schema_version;
};

/* Copies one moment of the database into PATH.partial-db, in steps that hold up neither readers nor writers (its
 * write-ahead log grows meanwhile), checks the copy as a restore would (its integrity, and its balances when the schema
 * is this program's), and packs it into PATH.partial, which is synced, read back to its last byte, and renamed last. So
 * there is room needed for the database once more, and whatever ends it early, PATH is what it was; the temporary files
 * are removed, or by the next backup to PATH when the process is killed. The file is its owner's alone (0600).
 * ERR_NOT_FOUND       there is no database ERR_STORE_CONFLICT  PATH exists and replace is false, or it is neither a
 * backup nor empty ERR_STORE_BUSY      another backup to PATH is being made; or the database is held for longer than 5
 * s ERR_STORE_CORRUPT   the database is damaged or not Weir's: a copy of it would be no backup ERR_LIMIT           a
 * passphrase of less than 8 bytes, a path or a database that is too long ERR_STORE_FULL, ERR_STORE, ERR_SYSTEM  the
 * system refused */
enum err backup_make(const struct backup_request *r, struct backup_made *out, struct fault *f) MUST_CHECK;

/* Reads a backup from its first byte to its last, as a restore would, and keeps nothing of it. Errors as
 * backup_stream_read. */
enum err backup_verify(int in, struct text passphrase, struct backup_head *out, struct fault *f) MUST_CHECK;

/* PRAGMA integrity_check on a database that nobody else has open, from its first page to its last; and whose it is.
 * ERR_STORE_CORRUPT. */
enum err backup_check_file(const char *path, struct text key, unsigned *out_schema_version, struct fault *f) MUST_CHECK;
/* What a recount must say of a database that goes into a backup or comes out of one. ERR_STORE_CORRUPT. */
enum err backup_check_balances(const struct ledger_totals *t, struct fault *f) MUST_CHECK;

#endif
