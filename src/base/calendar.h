/* The calendar in the process's time zone (TZ, set once at the start from the configuration): where an hour, a day, a
 * week or a month begins and ends, and moments as people write them. Moments are microseconds since 1970. */
#ifndef BASE_CALENDAR_H
#define BASE_CALENDAR_H

#include "base/text.h"

#define CALENDAR_US_PER_S INT64_C(1000000)

enum calendar_unit { CALENDAR_HOUR, CALENDAR_DAY, CALENDAR_WEEK, CALENDAR_MONTH };

/* Makes name ("Europe/Berlin") the process's zone. Before other threads run. */
void calendar_set_zone(struct text name);
/* The unit that holds at_us: [*out_start_us, *out_end_us). Weeks start on Monday. Daylight saving changes make a day 23
 * or 25 hours long; an hour is one of the clock on the wall, and the one that is shown twice is two. */
void calendar_span(enum calendar_unit unit, int64_t at_us, int64_t *out_start_us, int64_t *out_end_us);
/* Reads "2026-11-30", "2026-11-30T12:00", "2026-11-30 12:00:05", "now", or a duration such as "36h" or "7d", which is
 * that long before now_us. False for anything else, and for a day or hour that is none (the 31st of November). */
bool calendar_read(struct text t, int64_t now_us, int64_t *out_us);
/* "2026-11-30 12:00:05" in out, which has room for 32; with_time false: the day alone. */
void calendar_write(int64_t at_us, bool with_time, char out[32]);

#endif
