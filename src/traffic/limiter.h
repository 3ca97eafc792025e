/* What one key may still do right now: requests and tokens a minute, calls at once, money in the period. Decided in the
 * process without waiting; shared by all workers behind one small lock a key. Nothing is consumed by a refusal, and
 * what was admitted is given back exactly once through its ticket. Time comes in as an argument. */
#ifndef TRAFFIC_LIMITER_H
#define TRAFFIC_LIMITER_H

#include "base/text.h"

struct limiter;   /* process-wide table, one entry a key id */
struct allowance; /* one key's state; lives as long as the limiter */

struct limiter_limits { /* 0: no limit */
  int64_t rpm, tpm, concurrency, budget_nano;
  int64_t period_start_us; /* wall clock; the budget counts from here */
  int64_t period_end_us;
};
struct limiter_ask {
  uint64_t tokens;   /* upper bound of the call */
  int64_t cost_nano; /* upper bound; must be known when there is a budget */
  int64_t now_us;    /* wall clock */
};
/* Held while the call runs. Zero-initialised holds nothing. */
struct limiter_ticket {
  struct allowance *allowance;
  uint64_t tokens;
  int64_t cost_nano;
};

/* What a process that no longer decides over a key says of it (limiter_handover.h). */
struct limiter_report {
  int64_t key_id;
  int64_t given_nano; /* what its calls have cost in all */
  int64_t held_nano;  /* reserved by its calls, and what it may still reserve */
  int64_t in_flight;
};

/* max_keys bounds the table. */
struct limiter *limiter_new(size_t max_keys);
void limiter_free(struct limiter *l);
/* The entry of a key, made on first sight. NULL past max_keys. Any thread. */
struct allowance *limiter_entry(struct limiter *l, int64_t key_id);

/* True when the amount spent in the period starting at period_start_us must still be told with allowance_set_spent
 * before a budget can be decided. */
bool allowance_needs_spent(struct allowance *a, int64_t period_start_us);
/* Spent so far in that period according to the store. First one wins; open reservations are kept on top. */
void allowance_set_spent(struct allowance *a, int64_t period_start_us, int64_t spent_nano);

/* ERR_OK with a ticket, ERR_RATE_LIMITED or ERR_BUDGET_EXHAUSTED with the limit named in f (field "rpm", "tpm",
 * "concurrency", "budget") and retry_after_s, which stays 0 when a budget has money left but not enough for this call.
 * A call of more tokens than a whole minute has passes when the minute's are all there. ERR_AGAIN: there is a budget
 * and allowance_needs_spent; another caller may have moved on to another period since it was last told.
 * ERR_UNAVAILABLE: another process decides over this budget now, and what this one kept of it is used up. */
enum err allowance_take(struct allowance *a, const struct limiter_limits *limits, const struct limiter_ask *ask,
                        struct limiter_ticket *out, struct fault *f) MUST_CHECK;
/* The call has ended: actual tokens and cost replace the bounds. Idempotent: the ticket is empty afterwards. */
void allowance_give_back(struct limiter_ticket *t, uint64_t tokens, int64_t cost_nano);

/* Calls holding a ticket over all keys (for metrics and tests). */
uint64_t limiter_in_flight(struct limiter *l);

#endif
