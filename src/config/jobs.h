/* The parts of the configuration about work in the background. Part of config.h. */
#ifndef CONFIG_JOBS_H
#define CONFIG_JOBS_H

#include "base/text.h"

/* For how many days each class of data is kept; 0: for ever. */
struct config_retention {
  int64_t jobs_days;   /* that have ended */
  int64_t events_days; /* between processes */
};

/* What differs from a kind's own schedule. */
struct config_job {
  struct text kind, schedule; /* schedule "": the kind's own */
  bool enabled;               /* by the clock; by hand it always runs */
};

#endif
