/* Reading times of the day, and finding the last one that has passed. The C library knows the time zone. Used by the
 * configuration's check and by what asks for backups. */
#include "base/daytimes.h"

#include <time.h>

static bool digit(char c) { return c >= '0' && c <= '9'; }

/* "03:30" */
static bool read_one(struct text t, int *out_hour, int *out_minute) {
  if (t.len != 5 || t.at[2] != ':' || !digit(t.at[0]) || !digit(t.at[1]) || !digit(t.at[3]) || !digit(t.at[4]))
    return false;
  int hour = (t.at[0] - '0') * 10 + t.at[1] - '0', minute = (t.at[3] - '0') * 10 + t.at[4] - '0';
  if (hour > 23 || minute > 59)
    return false;
  *out_hour = hour;
  *out_minute = minute;
  return true;
}

bool daytimes_are_valid(struct text t) {
  struct text one;
  int hour, minute;
  size_t count = 0;
  for (; text_next_in_list(&t, &one); count++)
    if (!read_one(one, &hour, &minute))
      return false;
  return count > 0;
}

/* That time of the day of now, or of the days_ago-th before it. */
static int64_t moment(int64_t now_s, int days_ago, int hour, int minute) {
  struct tm local;
  const time_t now = (time_t)now_s;
  localtime_r(&now, &local);
  local.tm_mday -= days_ago;
  local.tm_hour = hour;
  local.tm_min = minute;
  local.tm_sec = 0;
  local.tm_isdst = -1;
  return (int64_t)mktime(&local);
}

int64_t daytimes_latest(struct text t, int64_t now_us) {
  int64_t now_s = now_us / 1000000, latest_s = 0;
  struct text one;
  int hour, minute;
  if (!daytimes_are_valid(t))
    return 0;
  while (text_next_in_list(&t, &one))
    for (int days_ago = 0; days_ago < 2 && read_one(one, &hour, &minute); days_ago++) {
      int64_t at_s = moment(now_s, days_ago, hour, minute);
      latest_s = at_s <= now_s && at_s > latest_s ? at_s : latest_s;
    }
  return latest_s * 1000000;
}
