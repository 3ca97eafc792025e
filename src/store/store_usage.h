/* The operations of ports/store_usage.h on any driver, for the table in store_usage.c that every adapter gives out. Not
 * for other rooms. */
#ifndef STORE_STORE_USAGE_H
#define STORE_STORE_USAGE_H

#include "ports/store_usage.h"
#include "store/driver.h"

/* See the port. */
enum err store_usage_log(struct store *s, const struct usage_log_ask *ask, struct arena *a, struct ledger_row **out,
                         size_t *out_count, struct fault *f);

#endif
