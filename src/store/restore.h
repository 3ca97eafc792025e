/* Taking a backup back: `weir restore`. The caller holds data_dir (ledger/hold.h), so that no weir works in it, and
 * decides what becomes of the journal, which belongs to the replaced database.
 *
 * The two steps are apart so that nothing is touched before the new database has passed every check. */
#ifndef STORE_RESTORE_H
#define STORE_RESTORE_H

#include "store/backup.h"

#include "ports/store.h"

/* DATABASE below. */
struct restore_database {
  const char *path;
  struct text key; /* that it and the one in the backup are encrypted with; empty: they are not */
};

struct restore_found {
  struct backup_content content;
  uint64_t rows, keys;
  int64_t cost_nano;
};

/* Unpacks the backup read from `in` into DATABASE.restoring and looks at it: integrity_check, a schema that this
 * program knows (an older one is brought up to it, as a start would), and that every balance is the sum of its rows.
 * What a killed restore has left there is replaced. On failure it is removed. Errors as backup_stream_read and
 * store_open_sqlite; ERR_STORE_CORRUPT when balances differ. wipe the keys in out->content after use. */
enum err restore_prepare(int in, const struct restore_database *d, struct text passphrase, struct restore_found *out,
                         struct fault *f) MUST_CHECK;
/* Puts it at DATABASE in one instant; before, at every point, DATABASE is the old one and usable. What was there is
 * kept as `kept`, whole (its log moved into it; a log that cannot be is kept beside it as kept-wal). *out_kept: there
 * was something. ERR_STORE_BUSY: another program has it open. ERR_STORE_CONFLICT: kept exists, or a database has
 * appeared meanwhile. ERR_STORE: among others, a file system without hard links. */
enum err restore_put(const struct restore_database *d, const char *kept, bool *out_kept, struct fault *f) MUST_CHECK;
/* Removes what restore_prepare has made; nothing when it is not there. */
void restore_discard(const char *database);

#endif
