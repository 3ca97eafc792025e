/* The reservations that are not settled yet, by id: where their records stand. Grows as needed; entries are few (one
 * per call in flight). One owner, not locked. */
#ifndef LEDGER_OPENS_H
#define LEDGER_OPENS_H

#include "ledger/segment.h"

struct open_entry {
  int64_t id;              /* 0: a free place (no reservation has this id) */
  struct segment *segment; /* of the reservation; NULL in a replay */
  struct record_head *reserve;
  struct record_head *note; /* what is known best, or NULL */
};

struct opens {
  struct open_entry *at; /* a power of two places */
  size_t cap, count;
};

void opens_init(struct opens *o);
void opens_done(struct opens *o);
/* The entry of id, made (with nothing but the id) when there is none. Valid until the next add or remove. */
struct open_entry *opens_add(struct opens *o, int64_t id);
struct open_entry *opens_find(const struct opens *o, int64_t id); /* NULL when absent */
/* Takes the entry out; false when there is none. */
bool opens_remove(struct opens *o, int64_t id, struct open_entry *out);

#endif
