/* What this process knows of each target, that is of a model at a provider with a credential: calls in flight, the time
 * to the first token of a stream and that of a whole plain answer, and its places (slots.h). One table for all workers;
 * every function may be called by any thread and none waits or takes a lock, but loads_find on the first sight of a
 * target. Times come in as arguments, from a clock that does not go back. */
#ifndef TRAFFIC_LOAD_H
#define TRAFFIC_LOAD_H

#include "base/text.h"

struct loads; /* the table */
struct load;  /* one target */
struct slots;

#define LOAD_FRESH_US INT64_C(300000000) /* an average that nobody added to for longer is unknown */
#define LOAD_P95_MIN  20                 /* samples */

/* max bounds the table. */
struct loads *loads_new(size_t max);
void loads_free(struct loads *all); /* nobody holds or waits for a place of any target; NULL is fine */
/* The target of these names, made on first sight (the names are copied); it lives as long as the table. NULL past max:
 * such a target is not measured and has no places. The functions below take NULL. */
struct load *loads_find(struct loads *all, struct text provider, struct text credential, struct text model);

/* A call has begun; one that had begun has ended. */
void load_begin(struct load *l);
void load_end(struct load *l);
/* Calls begun and not ended; 0 for NULL. */
uint32_t load_in_flight(const struct load *l);

/* A stream's first token, or a plain answer (which shows nothing before it is whole), came after took_us; a negative
 * time reads as 0. The two are measured apart. */
void load_note_first_token(struct load *l, bool streamed, int64_t took_us, int64_t now_us);
/* The moving average, to which a new sample adds an eighth. -1: unknown, or older than LOAD_FRESH_US. */
int64_t load_first_token_us(const struct load *l, bool streamed, int64_t now_us);
/* The 95th percentile of the last two and a half to five minutes, at most 6.25 % away from the sample it stands for
 * (samples of more than 4.7 hours read as that). -1 for fewer than LOAD_P95_MIN samples. */
int64_t load_first_token_p95_us(const struct load *l, bool streamed, int64_t now_us);

/* The target's places; NULL for NULL. */
struct slots *load_slots(struct load *l);

/* Calls in flight over all targets, for metrics and tests. */
uint64_t loads_in_flight(struct loads *all);
/* Calls that wait for a place, likewise. Takes the lock of each target's slots for a moment. */
uint64_t loads_waiting(struct loads *all);

/* One target for operators. The names live as long as the table. */
struct load_row {
  struct text provider, credential, model;
  uint32_t in_flight;
  int64_t first_token_us, first_token_p95_us; /* of streams, as the functions above say */
  int64_t answer_us, answer_p95_us;           /* of plain answers, likewise */
  size_t waiting;                             /* for a place */
};
/* The targets in the order of their first sight: start with *cursor = 0; false at the end. Others may come meanwhile.
 * Takes the lock of each target's slots for a moment. */
bool loads_next(struct loads *all, size_t *cursor, int64_t now_us, struct load_row *out);

#endif
