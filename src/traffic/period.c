/* Where a day, week or month begins and ends. mktime does the calendar: it normalises day 0 and month 12 and knows the
 * zone's daylight saving rules, so no arithmetic on 24-hour days happens here. Called by the gateway's admit stage. */
#include "traffic/period.h"

#include <string.h>
#include <time.h>

#define US_PER_S INT64_C(1000000)

static int64_t midnight_us(struct tm day) {
  day.tm_hour = day.tm_min = day.tm_sec = 0;
  day.tm_isdst = -1;
  return (int64_t)mktime(&day) * US_PER_S;
}

void period_of(enum period p, int64_t now_us, int64_t *out_start_us, int64_t *out_end_us) {
  time_t now = (time_t)(now_us / US_PER_S);
  struct tm start;
  memset(&start, 0, sizeof(start));
  localtime_r(&now, &start);
  struct tm end = start;
  switch (p) {
  case PERIOD_DAY: end.tm_mday += 1; break;
  case PERIOD_WEEK:
    start.tm_mday -= (start.tm_wday + 6) % 7;
    end = start;
    end.tm_mday += 7;
    break;
  case PERIOD_MONTH:
    start.tm_mday = 1;
    end = start;
    end.tm_mon += 1;
    break;
  }
  *out_start_us = midnight_us(start);
  *out_end_us = midnight_us(end);
}
