/* Budget periods, which are units of the calendar; what a day or a month is in a zone is known there
 * (base/calendar.h). Called by the gateway's admit stage. */
#include "traffic/period.h"

#include "base/calendar.h"

void period_of(enum period p, int64_t now_us, int64_t *out_start_us, int64_t *out_end_us) {
  static const enum calendar_unit units[] = {
      [PERIOD_DAY] = CALENDAR_DAY, [PERIOD_WEEK] = CALENDAR_WEEK, [PERIOD_MONTH] = CALENDAR_MONTH};
  calendar_span(units[p], now_us, out_start_us, out_end_us);
}
