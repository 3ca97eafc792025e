/* Copying a whole store into another, empty one, of the same kind or not: `weir store copy`. The caller sees to it that
 * no weir works on either (ledger/hold.h) and that the source's journal has been carried over. */
#ifndef STORE_STORE_COPY_H
#define STORE_STORE_COPY_H

#include "store/copy_table.h"
#include "store/store.h"

#define COPY_SILENT_US INT64_C(60000000) /* a replica that was not seen for so long has ended */

struct copy_report {
  uint64_t tables, rows; /* that were copied */
  uint64_t ledger_rows;  /* among them */
  uint64_t keys;         /* with calls */
  int64_t cost_nano;     /* of all calls */
};

/* Copies every table of copy_list.h out of one moment of the source, in one transaction of the target that is committed
 * only when what the target holds has been read back, adds up to the same sums, and every balance is the sum of its
 * rows. Until then, and after every failure, the target holds nothing new.
 *   PostgreSQL  the schema is made there if need be (and stays, empty, after a failure); the tables are locked against
 *               other programs while they are filled
 *   SQLite      path must name no file; the database is made in the folder PATH.copying and renamed at the end
 * Memory use does not depend on the size of the tables, but for the recount of balances (some 100 bytes for each key).
 *   ERR_STORE_BUSY      a replica lives on the source or the target (ports/store_replicas.h)
 *   ERR_STORE_CONFLICT  the target is not empty, or path exists
 *   ERR_STORE_CORRUPT   a balance of the source is not the sum of its rows, or what was read back differs
 *   ERR_UNSUPPORTED     the source has a table that this program does not know; the target is in memory
 *   others as store_open, and what watch->tell returns */
enum err store_copy(struct store *from, const struct store_place *to, const struct copy_watch *watch,
                    struct copy_report *out, struct fault *f) MUST_CHECK;
/* ERR_STORE_BUSY: a replica was seen on the store less than COPY_SILENT_US ago; which: "source", in the message. */
enum err store_copy_refuse_living(struct store *s, const char *which, struct fault *f) MUST_CHECK;

#endif
