/* The limiter of a process that is replaced, and that of the one in its place, so that together they hold a key to one
 * budget. The old one tells all it knows of each key and keeps a part of what is left as a lease for requests that
 * still reach it; from then on it reports what its calls cost and what they hold, until it ends. Money is handed over
 * exactly; rates are as they were at the handover, and each side counts on by itself. Any thread. */
#ifndef TRAFFIC_LIMITER_HANDOVER_H
#define TRAFFIC_LIMITER_HANDOVER_H

#include "traffic/limiter.h"

/* What a process says of one key in the moment of the handover. */
struct limiter_account {
  struct limiter_report report;
  int64_t period_start_us, spent_nano; /* spent by all processes so far */
  bool spent_is_known;                 /* else spent_nano is what has been spent beside what the store knows */
  int64_t rpm, rpm_level, rpm_at_us;   /* the bucket of requests: its limit, its level in units * 60e6, since when */
  int64_t tpm, tpm_level, tpm_at_us;
};

/* --- the old process --- */

/* From now on another process decides; see(ctx, account) for every key. A budgeted call is taken from the lease alone,
 * a quarter of what was left; past it the call is refused as ERR_UNAVAILABLE: the other process would have to be asked.
 */
void limiter_hand_over(struct limiter *l, void (*see)(void *ctx, const struct limiter_account *a), void *ctx);
/* The handover has failed: this process decides again. What was leased and not used is its own again. */
void limiter_take_back(struct limiter *l);
/* see(ctx, report) for every key whose report differs from the last one. */
void limiter_report(struct limiter *l, void (*see)(void *ctx, const struct limiter_report *r), void *ctx);
/* No new call is to be expected any more: the leases end. */
void limiter_end_leases(struct limiter *l);
/* What others hold, as they reported last, for a successor: see(ctx, process, report). */
void limiter_shares(struct limiter *l, void (*see)(void *ctx, uint64_t process, const struct limiter_report *r),
                    void *ctx);

/* --- the new process; process names an old one, such as by its generation --- */

void limiter_import(struct limiter *l, uint64_t process, const struct limiter_account *a);
/* A share as an old process had it from an older one: what that one has spent is in the old one's account already. */
void limiter_import_share(struct limiter *l, uint64_t process, const struct limiter_report *r);
/* A later report of that process: the cost of calls that ended counts as spent, in the period that is now. */
void limiter_heed(struct limiter *l, uint64_t process, const struct limiter_report *r);
/* That process has ended, and its last report said so, or the keys were recounted. */
void limiter_forget(struct limiter *l, uint64_t process);

/* --- an old process has died without its last report: the store is asked anew --- */

/* Begins to note what is given back, so that the amounts of the store can be told apart from what came after them. */
void limiter_recount_begin(struct limiter *l);
struct limiter_key {
  int64_t key_id, period_start_us;
};
/* The keys whose amount spent is known and therefore has to be asked for again; the caller frees *out. */
size_t limiter_recount_keys(struct limiter *l, struct limiter_key **out);
/* The store's amount for one of them. It must hold all that was given back before limiter_recount_begin; a call that
 * ended since may count twice until the period ends, none is left out. */
void limiter_recount_end(struct limiter *l, struct limiter_key key, int64_t spent_nano);

#endif
