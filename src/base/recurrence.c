/* Times of the day are read as one schedule in cron's notation each, so that all that is known of calendars and clocks
 * is in cron.c. Called by the schedules of jobs and by the check of the configuration. */
#include "base/recurrence.h"

#define MINUTE_US INT64_C(60000000)
#define DAY       INT64_C(1440) /* minutes */

static bool digit(char c) { return c >= '0' && c <= '9'; }

/* "03:30" */
static bool read_time(struct text t, struct cron *out) {
  char notation[32];
  if (t.len != 5 || t.at[2] != ':' || !digit(t.at[0]) || !digit(t.at[1]) || !digit(t.at[3]) || !digit(t.at[4]))
    return false;
  snprintf(notation, sizeof notation, "%.2s %.2s * * *", t.at + 3, t.at);
  return cron_parse(text_of(notation), out, NULL) == ERR_OK;
}

static enum err read_times(struct text t, struct recurrence *out, struct fault *f) {
  struct text one;
  out->count = 0;
  while (text_next_in_list(&t, &one)) {
    if (out->count == RECURRENCE_TIMES_MAX || !read_time(one, &out->at[out->count]))
      return fault_set(f, ERR_BAD_REQUEST, "schedule", "\"%.*s\" is no time of the day, such as 03:30",
                       TEXT_ARGS(text_head(one, 32)));
    out->count++;
  }
  return out->count > 0 ? ERR_OK : fault_set(f, ERR_BAD_REQUEST, "schedule", "there is no time of the day in it");
}

enum err recurrence_parse(struct text t, struct recurrence *out, struct fault *f) {
  struct recurrence r = {.count = 1};
  if (t.len > RECURRENCE_TEXT_MAX)
    return fault_set(f, ERR_BAD_REQUEST, "schedule", "a schedule has at most %d bytes", RECURRENCE_TEXT_MAX);
  enum err e = text_find_char(t, ':') >= 0 ? read_times(t, &r, f) : cron_parse(t, &r.at[0], f);
  if (e == ERR_OK)
    *out = r;
  return e;
}

bool recurrence_next(const struct recurrence *r, int64_t after_us, const struct cron_zone *zone, int64_t *out_us) {
  int64_t first_us = INT64_MAX, us;
  for (size_t i = 0; i < r->count; i++)
    if (cron_next(&r->at[i], after_us, zone, &us) && us < first_us)
      first_us = us;
  if (first_us == INT64_MAX)
    return false;
  *out_us = first_us;
  return true;
}

/* Cron is only known forwards: from ever longer ago, so that what happens often is found near and what is rare has few
 * moments to be walked through. */
bool recurrence_latest(const struct recurrence *r, int64_t at_us, const struct cron_zone *zone, int64_t *out_us) {
  static const int64_t minutes[] = {60, DAY, 32 * DAY, 366 * DAY, 9 * 366 * DAY};
  for (size_t i = 0; i < sizeof minutes / sizeof *minutes; i++) {
    int64_t us = at_us - minutes[i] * MINUTE_US, next_us;
    bool found = false;
    while (recurrence_next(r, us, zone, &next_us) && next_us <= at_us) {
      us = next_us;
      found = true;
    }
    if (found) {
      *out_us = us;
      return true;
    }
  }
  return false;
}
