/* What the files of the ledger share: the ledger itself and its two threads. Not for other rooms. */
#ifndef LEDGER_INNER_H
#define LEDGER_INNER_H

#include "ledger/ids.h"
#include "ledger/journal.h"
#include "ledger/ledger.h"
#include "ledger/seat.h"

#define LEDGER_SEGMENT_BYTES (8u << 20)
#define LEDGER_SEGMENTS_MAX  128 /* per worker: 1 GiB of the default size */
#define LEDGER_INTERVAL_MS   50
#define LEDGER_REPAIR_MS     100 /* between two tries of what the disk refused */
#define LEDGER_IDLE_ROUNDS   20  /* rounds without work after which a thread sleeps until it is woken */

enum { LEDGER_WRITER = 1u, LEDGER_KEEPER = 2u };

struct ledger_worker {
  struct journal *journal;
  struct ids ids;
  unsigned seat;       /* the one in ids */
  atomic_bool no_room; /* its last reservation was refused by the journal */
} __attribute__((aligned(64)));

struct ledger {
  struct journal_place place;
  struct store *store;
  struct ledger_worker *workers;
  unsigned worker_count;
  int64_t sync_interval_ms, flush_interval_ms;
  void (*on_stored)(void *data, const struct ledger_row *rows, size_t count);
  void *on_stored_data;
  int lock_fd;        /* of data_dir/lock, -1 for memory */
  bool shares_disk;   /* the journal with data_dir, so with a store that is a file there */
  int life_fd;        /* of this process's own lock beside its segments, -1 for memory */
  unsigned life_seat; /* in the name of that lock; the seat in the ids too, unless there is a lease */
  struct seat *lease; /* on a store that others share, else NULL */
  _Atomic uint64_t recovered, damaged;
  _Atomic uint64_t stored;
  _Atomic uint64_t released; /* segments the writer has found to be done */
  atomic_bool not_durable;   /* the last sync was refused: no reservation is taken until one succeeds */
  _Atomic unsigned asleep;   /* LEDGER_WRITER, LEDGER_KEEPER: sleeping until woken */
  pthread_t writer, keeper;
  unsigned threads_started; /* LEDGER_WRITER | LEDGER_KEEPER */
  pthread_mutex_t lock;     /* protects what follows */
  pthread_cond_t changed;   /* monotonic clock */
  bool writer_stops, keeper_stops;
  int64_t stop_by_us; /* monotonic; until then a failing store is tried again */
  bool store_failing;
  char store_fault[160];
  const char *store_brief; /* of that fault */
  char journal_fault[160];
};

/* A number that grows with everything the thread `who` would have to look at: records appended, and for the keeper
 * segments released too. */
uint64_t ledger_work(struct ledger *l, unsigned who);
/* Waits wait_ms, or, when idle, until ledger_wake, unless there is more than `seen` work already. True when this thread
 * is to stop. */
bool ledger_nap(struct ledger *l, unsigned who, int64_t wait_ms, bool idle, uint64_t seen);
/* Wakes idle threads; costs one load when there are none. To be called after the work has become visible. */
void ledger_wake(struct ledger *l);
/* Waits wait_ms before the store is tried again; false when the ledger is closing and its time is up. */
bool ledger_wait_to_retry(struct ledger *l, int64_t wait_ms);

/* writer.c: the thread that carries settlements into the store. */
void *ledger_writer_run(void *ledger);
/* keeper.c: the thread that prepares, syncs and removes segments. */
void *ledger_keeper_run(void *ledger);

#endif
