/* The live feed: every row that reaches the request log, handed to whoever listens. The ledger's writer gives what this
 * process has stored; what other processes have stored is read from the log once a second. While nobody listens neither
 * happens, and nothing is kept. How what is heard goes out is live.c's. */
#ifndef CONTROL_FEED_H
#define CONTROL_FEED_H

#include "fiber/loop.h"
#include "ports/store.h"

#define FEED_READERS_MAX 64
#define FEED_QUEUE       256  /* rows that wait for one reader; with one more the oldest goes, and is counted */
#define FEED_KEPT        4096 /* rows for readers that come back */
#define FEED_INBOX       4096 /* rows that were stored and not sorted yet */
#define FEED_OVERLAP_US                                                                                                \
  INT64_C(5000000) /* how much later than others a row may reach the log, and clocks may differ                        \
                    */

/* Which rows: what is 0 or "" does not matter. As in struct usage_log_ask. */
struct feed_filter {
  int64_t org_id, key_id, since_us;
  struct text user, workspace, provider, model, outcome;
};

/* A row's place: in the log, and in what a process has sent, which is in another order in each. */
struct feed_place {
  int64_t settled_us, id;
  uint32_t process;
};

/* A row as it is sent. Immutable, counted. */
struct feed_item;
int64_t feed_item_id(const struct feed_item *i);
int64_t feed_item_settled_us(const struct feed_item *i);
struct text feed_item_json(const struct feed_item *i); /* as listRequests shows it */
void feed_item_unref(struct feed_item *i);

struct feed;
struct feed_reader;

struct feed *feed_new(struct store *store); /* which outlives it */
enum err feed_start(struct feed *f, struct fault *fault) MUST_CHECK;
/* No reader is left. NULL is fine. */
void feed_free(struct feed *f);
/* The service ends: no reader comes any more, and those that are here should go. Any thread. */
void feed_end(struct feed *f);
bool feed_has_ended(const struct feed *f);
uint32_t feed_process(const struct feed *f); /* this one's number in places; by chance, not 0 */
/* Rows that were committed; feed is a struct feed (the ledger's on_stored). Any thread; never waits. One atomic load
 * while nobody listens. */
void feed_stored(void *feed, const struct ledger_row *rows, size_t count);

/* On a fiber of a loop, which is woken when there is something to take. after.id not 0: what has come since that row
 * is in the queue at once, if this process has sent it and still knows (*out_known); else the queue begins now.
 * ERR_UNAVAILABLE: FEED_READERS_MAX listen already, or the service ends. */
enum err feed_open(struct feed *f, const struct feed_filter *filter, struct feed_place after, struct feed_reader **out,
                   bool *out_known, struct fault *fault) MUST_CHECK;
void feed_close(struct feed_reader *r); /* by the fiber that opened it */
/* From now on these rows; of those that wait, those that are not of them are forgotten. */
void feed_filter_set(struct feed_reader *r, const struct feed_filter *filter);
/* At most max, in order, to be unreferenced. *out_dropped: how many went before them because there were too many. */
size_t feed_take(struct feed_reader *r, struct feed_item **out, size_t max, uint64_t *out_dropped);

#endif
