/* The seat of a process among all that share a database: what keeps their ledger ids apart (ids.h). It is leased from
 * the store for 24 hours of the database's clock and renewed every few seconds by a thread; a process that could not
 * renew it for 20 hours of its own clock takes it for lost, long before anyone else may sit there. */
#ifndef LEDGER_SEAT_H
#define LEDGER_SEAT_H

#include "ports/store.h"

#define SEAT_RENEW_MS 5000
#define SEAT_TRUST_US INT64_C(72000000000)

struct seat;

struct seat_options {
  struct store *store;       /* must outlive the seat */
  uint64_t boot;             /* of this process, random */
  unsigned first;            /* the lowest that will do */
  int64_t renew_ms;          /* 0: SEAT_RENEW_MS */
  int64_t (*clock_us)(void); /* runs on while the machine sleeps; NULL: CLOCK_BOOTTIME. Tests let days pass */
};

/* Blocks until a seat is taken. Errors as the port's claim. */
enum err seat_take(const struct seat_options *o, struct seat **out, struct fault *f) MUST_CHECK;
/* Its number. Another one when it was lost and a new one was found; *out_above: ids made there must be above this one.
 * Any thread; never waits. */
unsigned seat_number(struct seat *s, int64_t *out_above);
/* Whether ids may be made now. Any thread; never waits. */
bool seat_is_held(struct seat *s);
/* Stops the thread and frees. goodbye: all this process has done is in the store, so the seat is free for others at
 * once; otherwise it stays taken until whoever replays the journal gives it back. Waits for the store. NULL is fine. */
void seat_leave(struct seat *s, bool goodbye);
/* The largest id in the store, 0 when it has none. Blocks. */
enum err seat_newest_id(struct store *store, int64_t *out, struct fault *f) MUST_CHECK;

#endif
