/* The parts of the configuration about work in the background. Part of config.h. */
#ifndef CONFIG_JOBS_H
#define CONFIG_JOBS_H

#include "base/text.h"

/* For how many days each class of data is kept; 0: for ever. */
struct config_retention {
  int64_t jobs_days;   /* that have ended */
  int64_t events_days; /* between processes */
  int64_t ledger_days; /* rows; then they are archived, never deleted */
  int64_t usage_minutes_days;
  int64_t audit_days;
  int64_t signin_days; /* sessions and links that are over, counts of attempts */
};

/* What differs from a kind's own schedule. */
struct config_job {
  struct text kind, schedule; /* schedule "": the kind's own */
  bool enabled;               /* by the clock; by hand it always runs */
};

#endif
