/* What one key may still do right now: requests and tokens a minute, calls at once, money in the period; and what its
 * user, workspace and organisation and the model may still do together with others. Decided in the process without
 * waiting; shared by all workers behind one small lock each. A call takes from all of them or from none: nothing is
 * consumed by a refusal, and what was admitted is given back exactly once through its tickets. Time comes in as an
 * argument. */
#ifndef TRAFFIC_LIMITER_H
#define TRAFFIC_LIMITER_H

#include "base/text.h"

struct limiter;   /* process-wide table, one entry a key id, one a subject */
struct allowance; /* the state of one of them; lives as long as the limiter */

/* Whom a limit is for. */
enum limiter_subject {
  LIMITER_KEY,
  LIMITER_USER,
  LIMITER_WORKSPACE,
  LIMITER_ORGANISATION,
  LIMITER_MODEL,
  LIMITER_SUBJECT_COUNT
};

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
/* One of what a call has to pass. */
struct limiter_want {
  struct allowance *allowance;
  enum limiter_subject subject; /* for the refusal, with the name */
  struct text name;
  struct limiter_limits limits; /* a budget: of a key alone */
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

/* max_keys bounds the keys, and apart from them the subjects of all kinds. */
struct limiter *limiter_new(size_t max_keys);
void limiter_free(struct limiter *l);
/* The entry of a key, made on first sight. NULL past max_keys. Any thread. */
struct allowance *limiter_entry(struct limiter *l, int64_t key_id);
/* That of a user, a workspace, an organisation or a model, by its name; likewise. It has an id as keys do, below all of
 * theirs, which is the same in every process. */
struct allowance *limiter_subject_entry(struct limiter *l, enum limiter_subject kind, struct text name);

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
/* The same of all wants at once, at most LIMITER_SUBJECT_COUNT of different kinds, the key's first: as many tickets, or
 * nothing is taken anywhere. Of several rates that refuse, f names the one that is to be waited for longest. */
enum err limiter_take(const struct limiter_want *wants, size_t count, const struct limiter_ask *ask,
                      struct limiter_ticket *out, struct fault *f) MUST_CHECK;
/* The call has ended: actual tokens and cost replace the bounds. Idempotent: the ticket is empty afterwards. */
void allowance_give_back(struct limiter_ticket *t, uint64_t tokens, int64_t cost_nano);

/* Calls holding a ticket over all keys, and over all other subjects (for metrics and tests). */
uint64_t limiter_in_flight(struct limiter *l);
uint64_t limiter_subjects_in_flight(struct limiter *l);

#endif
