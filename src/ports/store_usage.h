/* The port of the store, usage: the request log, which is the ledger read in pages with filters. Every function blocks;
 * errors and threads as in ports/store.h. */
#ifndef PORTS_STORE_USAGE_H
#define PORTS_STORE_USAGE_H

#include "ports/store.h"

#define USAGE_LOG_FAILED "failed" /* as an outcome to look for: every one but "ok" */

/* What to look for; what is 0 or empty does not matter. */
struct usage_log_ask {
  int64_t since_us, until_us;                   /* settled at or after since_us and before until_us */
  int64_t below_us, below_id;                   /* the last row of the page before: its settled_us and id */
  int64_t key_id;                               /* exactly this key */
  struct text user, workspace, provider, model; /* exactly these */
  struct text outcome;                          /* exactly this, or USAGE_LOG_FAILED */
  size_t max;
};

struct store_usage_ops {
  /* A page of the request log: by settlement, newest first. Whole when it has max rows; the next one is asked for with
   * the last row's settled_us and id as below_us and below_id. */
  enum err (*log)(struct store *s, const struct usage_log_ask *ask, struct arena *a, struct ledger_row **out,
                  size_t *out_count, struct fault *f);
};

#endif
