/* The parts of the configuration about work in the background. Part of config.h. */
#ifndef CONFIG_JOBS_H
#define CONFIG_JOBS_H

#include <stdint.h>

/* For how many days each class of data is kept; 0: for ever. */
struct config_retention {
  int64_t jobs_days; /* that have ended */
};

#endif
