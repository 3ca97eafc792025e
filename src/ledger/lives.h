/* Which processes have journals in a directory, and which of them still live. Each holds a lock on a file
 * "<boot>-<seat>.lock" beside its segments for as long as it runs, so that its journal is replayed by another only
 * after its end, however it ends. The seat tells processes that live at the same time apart in the ids they make. */
#ifndef LEDGER_LIVES_H
#define LEDGER_LIVES_H

#include "ledger/segment.h"

#define LIVES_SEATS_MAX 64

struct life {
  uint64_t boot;
  unsigned seat;
  bool ended; /* and its lock is held by whoever looked, until lives_done */
  int fd;     /* of an ended one, else -1 */
};

struct lives {
  struct life *at;
  size_t count, cap;
};

/* Every process that left a lock file, the caller's own among the living. ERR_STORE when the directory cannot be read
 * or holds too many such files. */
enum err lives_look(const struct journal_place *p, struct lives *out, struct fault *f) MUST_CHECK;
/* Lets go of what lives_look holds and frees; remove: the lock files of those that have ended go. */
void lives_done(const struct journal_place *p, struct lives *l, bool remove);
/* Whether the process of this boot still lives. One without a lock file does not: it ended in order, or it was of a
 * version that made none. Only to be asked about segments listed before lives_look: a process makes its lock file
 * before its first segment. */
bool lives_has(const struct lives *l, uint64_t boot);

/* Takes the lowest seat that no living process has, and the lock on the caller's own file (p->boot). One process at a
 * time may do this in a directory: the lock on data_dir sees to it. ERR_LIMIT: every seat is taken. ERR_STORE. */
enum err lives_join(const struct journal_place *p, unsigned *out_seat, int *out_fd, struct fault *f) MUST_CHECK;
/* The caller's journal is done with: its lock file goes. fd -1 is fine. */
void lives_leave(const struct journal_place *p, unsigned seat, int fd);

#endif
