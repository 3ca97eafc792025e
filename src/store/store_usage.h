/* The operations of ports/store_usage.h on any driver, one file each, for the table in store_usage.c that every adapter
 * gives out. Not for other rooms. */
#ifndef STORE_STORE_USAGE_H
#define STORE_STORE_USAGE_H

#include "ports/store_usage.h"
#include "store/driver.h"

/* As they stand in weir_usage. */
enum usage_level {
  USAGE_LEVEL_MINUTE,
  USAGE_LEVEL_QUARTER,
  USAGE_LEVEL_DAY,
  USAGE_LEVEL_ARCHIVED, /* quarters of rows that have left */
  USAGE_LEVEL_WHOM,     /* days by key, user and workspace alone */
  USAGE_LEVEL_WHAT      /* days by provider, model and outcome alone */
};

/* See the port. */
enum err store_usage_log(struct store *s, const struct usage_log_ask *ask, struct arena *a, struct ledger_row **out,
                         size_t *out_count, struct fault *f);
enum err store_usage_roll_up(struct store *s, const struct usage_roll_up_ask *ask, size_t *out_minutes,
                             struct fault *f);
enum err store_usage_recheck(struct store *s, bool *out_wrong, struct fault *f);
enum err store_usage_sums(struct store *s, const struct usage_ask *ask, struct arena *a, struct usage_sum **out,
                          size_t *out_count, struct fault *f);

/* See the port. */
enum err store_usage_archive(struct store *s, const struct usage_archive_ask *ask, size_t *out_rows, struct fault *f);
enum err store_usage_archives(struct store *s, struct arena *a, struct usage_archive **out, size_t *out_count,
                              struct fault *f);

/* For who changes rows of the ledger inside a transaction of their own: the minute of at_us has to be added up again.
 */
enum err usage_mark_on(struct driver_link *l, int64_t at_us, struct fault *f) MUST_CHECK;
/* Also inside one: until it ends nobody else adds up or archives. Before anything else that these write. */
enum err usage_lock_on(struct driver_link *l, struct fault *f) MUST_CHECK;
/* Inside one, with the lock: adds up a quarter of an hour anew from the rows; its minutes stay as they are. */
enum err usage_quarter_on(struct driver_link *l, int64_t start_us, struct fault *f) MUST_CHECK;

#endif
