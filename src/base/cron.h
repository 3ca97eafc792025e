/* When something is to happen again and again, in the notation of cron: minute, hour, day of month, month, day of week,
 * with a star, lists (1,15), ranges (mon-fri), steps (8-18/2), names of months and days, 7 for Sunday, or one of
 * @yearly @annually @monthly @weekly @daily @midnight @hourly. Where both days are given without a leading star one of
 * them suffices, as everywhere in cron. Pure: the time zone comes in as a function. */
#ifndef BASE_CRON_H
#define BASE_CRON_H

#include "base/text.h"

#define CRON_TEXT_MAX 128

struct cron {
  uint64_t minutes;
  uint32_t hours, days;      /* bit 1 is the first of a month */
  uint16_t months;           /* bit 1 is January */
  uint8_t weekdays;          /* bit 0 is Sunday */
  bool any_day, any_weekday; /* the field begins with '*' */
  bool every_hour;           /* the hours' field begins with '*' */
};

/* Seconds east of Greenwich at a moment (seconds since 1970). A zone changes at most once a day, by at most 3 hours. */
struct cron_zone {
  int64_t (*offset_s)(void *ctx, int64_t at_s);
  void *ctx;
};
/* The process's own (TZ). */
extern const struct cron_zone cron_zone_local;

/* ERR_BAD_REQUEST names the field that is wrong; also for a day that never comes (the 31st of February). */
enum err cron_parse(struct text t, struct cron *out, struct fault *f) MUST_CHECK;
/* The first moment after after_us, a whole minute. Where the clocks are put forward, what lies in the hour that is left
 * out happens once at the moment of the change; where they are put back, what lies in the doubled hour happens in the
 * first of the two. With every hour meant (the hours' field begins with '*') it follows the elapsed time instead:
 * nothing for the hour that is left out, and both of the doubled ones. False when there is none in the next nine years.
 */
bool cron_next(const struct cron *c, int64_t after_us, const struct cron_zone *zone, int64_t *out_us);

#endif
