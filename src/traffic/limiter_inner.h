/* What the limiter's files know of each other's insides. Included nowhere else. */
#ifndef TRAFFIC_LIMITER_INNER_H
#define TRAFFIC_LIMITER_INNER_H

#include "traffic/limiter.h"

#include <pthread.h>

/* A bucket holds at most `limit` units and refills by `limit` a minute. The level is kept in units * 60e6 so that
 * refilling is exact in integers: each microsecond adds `limit` of these fine units. */
struct bucket {
  int64_t limit;
  __int128 level;
  int64_t at_us;
};

/* What another process that still finishes its calls has of this key, as it said last. */
struct share {
  uint64_t process;
  int64_t given_nano; /* what its calls have cost in all, so that only what is new is added */
  int64_t held_nano, in_flight;
  struct share *next;
};

struct allowance {
  pthread_mutex_t lock;
  struct bucket requests, tokens;
  int64_t in_flight;
  int64_t period_start_us, spent_nano, reserved_nano;
  bool spent_is_known;
  int64_t budget_nano; /* of the newest call that had one */
  int64_t given_nano;  /* what calls have cost since the start of the process, whatever the period */
  int64_t since_nano;  /* the same since limiter_recount_begin */
  struct share *shares;
  int64_t others_nano, others_in_flight; /* sums over shares */
  bool handed_over;                      /* another process decides; this one has lease_nano left to reserve */
  int64_t lease_nano;
  struct limiter_report reported; /* to that process, last */
};

struct limiter {
  pthread_mutex_t lock;
  struct map *entries[2];                   /* by id: keys, subjects */
  struct map *names[LIMITER_SUBJECT_COUNT]; /* of subjects, to the same allowances; of keys NULL */
  bool handed_over;                         /* those seen first from now on, too */
};

#endif
