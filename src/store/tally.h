/* Sums per key and time slot, kept in memory while rows are added or read again, so that balances move once a batch and
 * not once a row. Sums stop at INT64_MAX instead of wrapping. One owner, not locked. */
#ifndef STORE_TALLY_H
#define STORE_TALLY_H

#include "ports/store.h"

#define TALLY_SLOT_US   (15 * 60 * 1000000LL)
#define TALLY_MINUTE_US (60 * 1000000LL)
enum {
  TALLY_INPUT,
  TALLY_OUTPUT,
  TALLY_CACHE_WRITE_5M,
  TALLY_CACHE_WRITE_1H,
  TALLY_CACHE_READ,
  TALLY_REASONING,
  TALLY_TOKENS
};

struct tally_sum {
  int64_t key_id, slot;
  int64_t entries, tokens[TALLY_TOKENS], cost_nano, billable_nano;
};

struct tally {
  struct tally_sum *sums; /* in the order they came; count of them */
  size_t count, sums_cap;
  uint32_t *table; /* position in sums + 1, 0 for free; a power of two */
  size_t table_cap;
};

void tally_init(struct tally *t);
void tally_done(struct tally *t);
/* The sum of (key_id, slot), made when it is new. Valid until the next call. */
struct tally_sum *tally_at(struct tally *t, int64_t key_id, int64_t slot);
/* Adds a row under its key and the slot of its settlement, or under slot 0 when by_slot is false. */
void tally_add(struct tally *t, const struct ledger_row *row, bool by_slot);
/* Brings the sums into the order of key_id and slot: two programs that write them in one order never wait for each
 * other in a circle. */
void tally_sort(struct tally *t);
/* The slot of a moment; right for moments before 1970 too. */
int64_t tally_slot(int64_t at_us);
/* Counts a row under the minute of its settlement, as the slot of key 0. */
void tally_count_minute(struct tally *t, const struct ledger_row *row);
/* a + b, at most INT64_MAX; for numbers that are not negative. A negative one counts as 0. */
int64_t tally_plus(int64_t a, int64_t b);

#endif
