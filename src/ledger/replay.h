/* What processes that have ended left in the journal directory is carried into the store: settlements as they are,
 * reservations without one as "recovered" rows with the best usage and cost known. Runs before the ledger opens its own
 * journals, and later for processes it has followed while they finished their calls. */
#ifndef LEDGER_REPLAY_H
#define LEDGER_REPLAY_H

#include "ledger/opens.h"

#define REPLAY_BATCH_ROWS 2000

/* The number that tells a store from every other, in its database under REPLAY_HOME and made there when there is none.
 * A copy of a store and a restored backup have it too: they go on from the same past. A journal is replayed only into
 * the store whose number it bears, for it names keys by their ids. 0: the store has no room to keep one. */
#define REPLAY_HOME "journal_home"
enum err replay_home(struct store *store, uint32_t *out, struct fault *f) MUST_CHECK;

struct replay_result {
  uint64_t segments;  /* files read */
  uint64_t settled;   /* settlements handed to the store (it knows those it has) */
  uint64_t recovered; /* reservations settled here */
  uint64_t damaged; /* records that could not be read although others follow them; their files are kept as *.damaged */
  int64_t max_id;   /* the largest id seen */
};

/* p->home is the store's number; the store is asked for it where that is 0.
 * Files are removed only when everything in them is in the store; those of living processes (lives.h) are not looked
 * at. ERR_STORE: a file cannot be read, was written by a newer Weir or for another store (f names it); otherwise the
 * store's errors. Nothing has been stored then.
 * Nothing is lost by a failure: it can be run again. */
enum err replay_run(const struct journal_place *p, struct store *store, struct replay_result *out,
                    struct fault *f) MUST_CHECK;

#endif
