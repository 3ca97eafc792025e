/* When something happens again and again, as people write it: in cron's notation (cron.h), or as times of the day,
 * "03:30" or "03:30, 15:30". For the schedules of jobs and the check of the configuration. Pure: the time zone comes in
 * as a function. */
#ifndef BASE_RECURRENCE_H
#define BASE_RECURRENCE_H

#include "base/cron.h"

#define RECURRENCE_TEXT_MAX  256
#define RECURRENCE_TIMES_MAX 48 /* more times of the day than a text has room for */

struct recurrence {
  struct cron at[RECURRENCE_TIMES_MAX]; /* each of them */
  size_t count;
};

/* With a colon in it t is a list of one or more times, 00:00 to 23:59, else cron's notation. ERR_BAD_REQUEST says what
 * is wrong. */
enum err recurrence_parse(struct text t, struct recurrence *out, struct fault *f) MUST_CHECK;
/* The first moment after after_us, as cron_next has it for a change of the clocks too. False when there is none in the
 * next nine years. */
bool recurrence_next(const struct recurrence *r, int64_t after_us, const struct cron_zone *zone, int64_t *out_us);
/* The last moment at or before at_us. False when there was none in nine years. */
bool recurrence_latest(const struct recurrence *r, int64_t at_us, const struct cron_zone *zone, int64_t *out_us);

#endif
