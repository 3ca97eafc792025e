/* Names of persons who were erased, on their way into the ledger: a journal may bring rows of theirs later. Not for
 * other rooms. */
#ifndef STORE_PERSON_VEIL_H
#define STORE_PERSON_VEIL_H

#include "ports/store_persons.h"
#include "store/driver.h"

/* In the transaction that adds the rows: those of an erased person that were reserved before the erasure, or
 * PERSON_GRACE_US after it, are replaced by copies in the arena, with the pseudonym as user and key's name. Reading the
 * list keeps an erasure from beginning until the transaction ends, so that it misses no row. */
enum err person_veil_on(struct driver_link *l, const struct ledger_row **rows, size_t count, struct arena *a,
                        struct fault *f) MUST_CHECK;

/* One of the list. */
struct person_veil {
  uint8_t salt[32], sum[32];
  struct text pseudonym;
  int64_t erased_us;
};
/* The list, in the arena. */
enum err person_veils_read(struct driver_link *l, struct arena *a, struct person_veil **out, size_t *out_count,
                           struct fault *f) MUST_CHECK;
bool person_veil_fits(const struct person_veil *v, struct text name);
/* Whether the name gives way in a call that began at reserved_us: one from before the erasure, or from PERSON_GRACE_US
 * after it. */
bool person_veil_hides(const struct person_veil *v, struct text user, int64_t reserved_us);
/* Sets the salt, which is random, and the sum. */
void person_veil_make(struct person_veil *v, struct text name);

#endif
