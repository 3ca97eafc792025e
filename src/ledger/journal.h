/* The journal of one worker: a chain of segments it appends to, with room kept for the settlement of everything it has
 * reserved. Three threads meet here without locks on the ordinary path: the owner appends; the ledger's writer reads
 * behind it; the keeper prepares, syncs and removes segments. */
#ifndef LEDGER_JOURNAL_H
#define LEDGER_JOURNAL_H

#include "ledger/segment.h"

#include <pthread.h>

#define JOURNAL_SEGMENT_BYTES_MIN (64 * 1024)

struct journal {
  const struct journal_place *place;
  unsigned stream;
  size_t max_segments;
  size_t slots_per_segment; /* largest records a fresh segment holds */
  /* Only for the owner. */
  struct segment *current;
  uint64_t sequence, open; /* last record; reservations not settled */
  /* Written by the owner, read by all. */
  _Atomic uint64_t appended; /* = sequence, after the record is published */
  _Atomic uint64_t reserved, settled;
  /* Only for the keeper: every segment in use, oldest first. */
  struct segment *first;
  pthread_mutex_t lock; /* protects what follows */
  struct segment *spares;
  uint64_t next_number;
  size_t segments;
  _Atomic size_t spare_count; /* written under the lock */
  atomic_bool held_back;      /* written by the ledger's writer */
};

/* With one segment in use, so that the first reservation needs no room made. Errors as segment_create. */
enum err journal_open(const struct journal_place *p, unsigned stream, size_t max_segments, struct journal **out,
                      struct fault *f) MUST_CHECK;
/* No thread may use it any more. remove_files: everything in it is stored. NULL is fine. */
void journal_close(struct journal *j, bool remove_files);

/* Owner. Appends a reservation, when room is left (or can be had, which is the only case that waits) for it and for the
 * settlement of every open one. ERR_STORE_FULL: no room on the disk or max_segments in use. ERR_STORE: the system
 * refused. */
enum err journal_reserve(struct journal *j, const struct ledger_row *row, struct fault *f) MUST_CHECK;
/* Owner. Appends a note, in a new segment if need be; false when none can be had, for room kept for settlements is not
 * given up. */
bool journal_note(struct journal *j, const struct ledger_row *row);
/* Owner. Appends the settlement of an open reservation; always succeeds. Were it called without one, with the journal
 * full, the record would go to memory only. */
void journal_settle(struct journal *j, const struct ledger_row *row);

/* Where the ledger's writer stands in a journal. */
struct journal_reader {
  struct segment *segment;
  size_t at;
  struct segment
      *left; /* segments read to their end, chained by next_left, newest first; the reader's owner takes them off */
};
void journal_reader_init(struct journal_reader *r, struct journal *j); /* before the owner starts */
/* The next published record and the segment it is in, or NULL when there is none yet. The record stays until its
 * segment is done. */
struct record_head *journal_read(struct journal_reader *r, struct segment **out_segment);

/* Keeper. Makes spare segments until they hold twice what open reservations could need. ERR_STORE_FULL, ERR_STORE. */
enum err journal_prepare(struct journal *j, struct fault *f) MUST_CHECK;
/* Any thread. While held back no segment is made beyond those there are, and what needs one is refused with
 * ERR_STORE_FULL: the store has the room of the disk first. */
void journal_hold_back(struct journal *j, bool held_back);
/* Keeper. Makes published records durable; false when the system refuses. */
bool journal_sync(struct journal *j);
/* Keeper. Removes the segments that are done. */
void journal_sweep(struct journal *j);

#endif
