/* Budget periods on the wall clock in the process's time zone (TZ, set once at start from the configuration). Weeks
 * start on Monday. */
#ifndef TRAFFIC_PERIOD_H
#define TRAFFIC_PERIOD_H

#include <stdint.h>

enum period { PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH };

/* The period that holds now_us (microseconds since 1970): [*out_start_us, *out_end_us). Daylight saving changes make a
 * day 23 or 25 hours long. */
void period_of(enum period p, int64_t now_us, int64_t *out_start_us, int64_t *out_end_us);

#endif
