/* The port of the store, usage: the request log, which is the ledger read in pages with filters, and the roll-ups,
 * which are sums over the ledger kept per minute, quarter of an hour and day; and the archive. Sums stop at INT64_MAX.
 * Every function blocks; errors and threads as in ports/store.h. Times are microseconds since 1970. */
#ifndef PORTS_STORE_USAGE_H
#define PORTS_STORE_USAGE_H

#include "ports/store.h"

#define USAGE_LOG_FAILED "failed" /* as an outcome to look for: every one but "ok" */
#define USAGE_SUMS_MAX   200000   /* of one question */

/* What to look for; what is 0 or empty does not matter. */
struct usage_log_ask {
  int64_t since_us, until_us;                   /* settled at or after since_us and before until_us */
  int64_t below_us, below_id;                   /* the last row of the page before: its settled_us and id */
  int64_t org_id;                               /* calls of this organisation: those of its workspaces, and for the
                                                   first one all that are of no other's; 0: every one */
  int64_t key_id;                               /* exactly this key */
  struct text user, workspace, provider, model; /* exactly these */
  struct text outcome;                          /* exactly this, or USAGE_LOG_FAILED */
  size_t max;
};

enum usage_every {
  USAGE_EVERY_ALL, /* one sum over the whole time */
  USAGE_EVERY_MINUTE,
  USAGE_EVERY_QUARTER, /* of an hour */
  USAGE_EVERY_HOUR,
  USAGE_EVERY_DAY,
  USAGE_EVERY_WEEK,
  USAGE_EVERY_MONTH
};

/* What sums are told apart by, to be combined. */
enum usage_by {
  USAGE_BY_KEY = 1,
  USAGE_BY_USER = 2,
  USAGE_BY_WORKSPACE = 4,
  USAGE_BY_PROVIDER = 8,
  USAGE_BY_MODEL = 16,
  USAGE_BY_OUTCOME = 32
};

struct usage_ask {
  int64_t since_us, until_us; /* 0: from the beginning, to the end. Rounded outwards to what is summed: minutes for
                                 USAGE_EVERY_MINUTE, days for days, weeks and months, quarters of an hour else */
  int64_t whole_since_us; /* 0; else nothing of before it: rounded inwards, to the next minute, or quarter of an hour
                             where minutes are not kept any more */
  enum usage_every every;
  unsigned by;                                           /* enum usage_by */
  int64_t org_id;                                        /* as of usage_log_ask */
  int64_t key_id;                                        /* 0: every key */
  struct text user, workspace, provider, model, outcome; /* "": every one. An outcome is "ok" or "error" */
};

struct usage_sum {
  int64_t start_us, end_us; /* of the stretch in the process's time zone; 0 for USAGE_EVERY_ALL */
  int64_t key_id;           /* this and the texts: 0 and "" unless told apart by it */
  struct text key_name, user, workspace, provider, model, outcome;
  int64_t requests, attempts; /* a request has one first attempt, and as many more as it took */
  int64_t input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens;
  int64_t reasoning_tokens;
  int64_t cost_nano, billable_nano;
  int64_t duration_us, durations;       /* of the attempts whose duration is known, and how many these are */
  int64_t first_token_us, first_tokens; /* likewise, until the first token */
};

struct usage_roll_up_ask {
  struct text zone;         /* the name of the process's time zone: when it is another one than last time, days are
                               made anew */
  int64_t minutes_since_us; /* older minutes are kept in quarters and days only */
  size_t max;               /* minutes of one transaction */
};

struct usage_archive_ask {
  const char *folder; /* made when it is not there */
  int64_t before_us;  /* rows settled before */
  size_t max;         /* rows of one file and one transaction */
};

struct usage_archive {
  struct text name, digest; /* BLAKE2b-256 of the file in hexadecimal */
  uint64_t entries, bytes;
  int64_t cost_nano, first_us, last_us, made_us;
};

struct store_usage_ops {
  /* A page of the request log: by settlement, newest first. Whole when it has max rows; the next one is asked for with
   * the last row's settled_us and id as below_us and below_id. One key's, user's, workspace's, provider's or model's
   * rows are found without passing over others' where they are added up; else it takes longer and is as exact. */
  enum err (*log)(struct store *s, const struct usage_log_ask *ask, struct arena *a, struct ledger_row **out,
                  size_t *out_count, struct fault *f);
  /* Adds up again what rows have changed since, the newest minutes first: exactly what the rows say at that moment,
   * however often it is done and whoever else adds rows meanwhile. *out_minutes: how many; 0 when all was up to date.
   */
  enum err (*roll_up)(struct store *s, const struct usage_roll_up_ask *ask, size_t *out_minutes, struct fault *f);
  /* Compares the days with the balances, which every program moves, also one that knows no roll-ups; when they differ,
   * the stretches whose rows are not the ones added up are marked for roll_up. *out_wrong says so. For when nothing is
   * left to add up, now and then: it reads every day, and the whole ledger's order when it has to. */
  enum err (*recheck)(struct store *s, bool *out_wrong, struct fault *f);
  /* The sums asked for, in order of time and then of cost, the dearest first. As of the last roll_up. ERR_LIMIT when
   * they are more than USAGE_SUMS_MAX. */
  enum err (*sums)(struct store *s, const struct usage_ask *ask, struct arena *a, struct usage_sum **out,
                   size_t *out_count, struct fault *f);
  /* Moves the oldest rows into a file of the folder: balances, roll-ups and what a key spent stay what they are.
   * *out_rows: how many; 0 when none is that old. Until the call is done the rows stay where they are, also when the
   * process dies. Minutes of the time they were settled in are not kept. ERR_STORE_CONFLICT: others were added between
   * them meanwhile; try again. */
  enum err (*archive)(struct store *s, const struct usage_archive_ask *ask, size_t *out_rows, struct fault *f);
  /* Every file that rows have left into, the oldest first. */
  enum err (*archives)(struct store *s, struct arena *a, struct usage_archive **out, size_t *out_count,
                       struct fault *f);
};

#endif
