/* The exact ledger: reserve before the first upstream byte, settle exactly once, survive kill -9. Reservations and
 * settlements go to the journal (journal.h), from there in idempotent batches into the store. Worker functions never
 * wait and make no system call on the ordinary path. */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "ports/store.h"

struct ledger;
struct journal_sys;

struct ledger_options {
  const char *data_dir; /* journal segments live in data_dir/journal; NULL: no journal, memory only (store: memory) */
  unsigned workers;
  int64_t sync_interval_ms;  /* fdatasync in groups; 0 means 50 */
  int64_t flush_interval_ms; /* rows reach the store at the latest after this; 0 means 50 */
  size_t segment_bytes;      /* of the journal's files; 0 means 8 MiB, at least 64 KiB */
  size_t max_segments; /* per worker, while the store does not take rows: then ledger_reserve refuses; 0 means 128 */
  const struct journal_sys *sys; /* NULL; tests put faults here (ledger/segment.h) */
  int held_lock; /* 0: data_dir/lock is taken here; else a descriptor that holds it already, handed over by the process
                    that runs on this data_dir; taken over, also when opening fails */
  int64_t (*seat_clock_us)(void); /* NULL; tests let the lease of a seat end (ledger/seat.h) */
  /* Told of rows that the writer has just committed; what they point to is valid for the call. On the writer's thread,
   * which it must not hold up. NULL: nobody asks. */
  void (*on_stored)(void *data, const struct ledger_row *rows, size_t count);
  void *on_stored_data;
};

/* Opens, replays what ended processes left (open reservations are settled as "recovered" with the best known usage and
 * all cost they are known to have), starts the writer thread. Refuses when another process holds the data_dir (lock
 * file): ERR_STORE_BUSY; a held_lock of another data_dir: ERR_CONFIG; too many processes that finish their calls on it:
 * ERR_LIMIT. out_recovered: reservations settled by the replay. The store must outlive the ledger. On a store that is
 * shared the process first takes a seat among all that work on it: ERR_LIMIT when there is none. */
enum err ledger_open(const struct ledger_options *o, struct store *store, struct ledger **out, uint64_t *out_recovered,
                     struct fault *f) MUST_CHECK;
/* Waits until all is in the store (or the store refuses for drain_ms), then frees. */
void ledger_close(struct ledger *l, int64_t drain_ms);

/* Journals a reservation for one attempt: every text and number of *row known so far (usage, cost, outcome are
 * ignored). Sets row->id and row->reserved_us. Called on worker `worker` (0-based) only from its thread. ERR_STORE_FULL
 * / ERR_STORE when the journal cannot take it or be made durable, or when the seat on a shared store was lost because
 * the store could not be reached for 20 hours: the call must then be refused with 503. */
enum err ledger_reserve(struct ledger *l, unsigned worker, struct ledger_row *row, struct fault *f) MUST_CHECK;
/* Journals what is known so far of an open attempt (usage after message_start), so that a crash settles with it.
 * Dropped only when the journal cannot grow. */
void ledger_note(struct ledger *l, unsigned worker, const struct ledger_row *row);
/* Journals the settlement of a reserved attempt (settled_us 0 becomes now); must be called exactly once for each.
 * Cannot fail for want of room: ledger_reserve keeps room for it. */
void ledger_settle(struct ledger *l, unsigned worker, const struct ledger_row *row);

/* Replays what has been left by processes that ended since (they were finishing their calls beside this one): exactly
 * what ledger_open does with what it finds. Blocks; any thread, one at a time. *out_recovered: reservations settled. */
enum err ledger_adopt(struct ledger *l, uint64_t *out_recovered, struct fault *f) MUST_CHECK;
/* The random number in the names of this process's journal and of its lock there; and whether the process of such a
 * number still lives (lives.h), which is said to be so when it cannot be found out. False for memory. */
uint64_t ledger_boot(const struct ledger *l);
bool ledger_is_living(const struct ledger *l, uint64_t boot);
/* The descriptor of data_dir/lock for a successor, which shares it from then on; -1 for memory. Stays the ledger's. */
int ledger_lock(const struct ledger *l);
/* From now on this process is the one named in data_dir/lock. Done by ledger_open itself unless held_lock was given. */
void ledger_hold(struct ledger *l);
/* Lets go of data_dir/lock; a successor holds it. Calls may still be settled. */
void ledger_let_go(struct ledger *l);

struct ledger_stats {
  uint64_t reserved, settled, stored, recovered; /* since start; recovered: of other processes, at open and adopted */
  uint64_t open;                                 /* reserved and not yet settled */
  uint64_t pending;                              /* settled and not yet in the store */
  bool store_failing;                            /* the last batch was refused; it is tried again */
  bool journal_failing;    /* the disk refuses to make it durable (then reservations are refused too), or there is
                              no room to make it ready ahead (then they will be when it is full) */
  const char *store_brief; /* why the store refuses, in words that name nothing (fault_brief); NULL when it does not */
  char store_fault[160];   /* why, or why the journal cannot be made durable or ready ahead; "" when all is well */
  uint64_t damaged; /* records that replays found unreadable; their files are kept as data_dir/journal/NAME.damaged */
};
struct ledger_stats ledger_stats(struct ledger *l); /* any thread */
/* Whether ledger_reserve would take a reservation now; its errors. One that was refused for want of room counts until
 * there is room again, though none is asked for meanwhile. Any thread; never waits. */
enum err ledger_check(struct ledger *l, struct fault *f) MUST_CHECK;

#endif
