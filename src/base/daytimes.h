/* Times of the day as people write them, "03:30" or "03:30, 15:30", in the process's time zone (calendar.h). */
#ifndef BASE_DAYTIMES_H
#define BASE_DAYTIMES_H

#include "base/text.h"

/* Whether t is a list of one or more times, 00:00 to 23:59. */
bool daytimes_are_valid(struct text t);
/* The latest moment at or before now_us at which one of them was on the clock, microseconds since 1970; 0 when t is not
 * valid. A time that a day does not have, because clocks went forward, is the one an hour beside it. */
int64_t daytimes_latest(struct text t, int64_t now_us);

#endif
