/* Where an hour, day, week or month begins and ends. mktime does the calendar: it normalises day 0 and month 12 and
 * knows the zone's daylight saving rules, so no arithmetic on 24-hour days happens here. Called by budgets' periods
 * (traffic/period.c), by the roll-ups and by the commands that take or print a moment. */
#include "base/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void calendar_set_zone(struct text name) {
  char zone[128];
  snprintf(zone, sizeof zone, "%.*s", TEXT_ARGS(name));
  setenv("TZ", zone, 1);
  tzset();
}

/* Rounds down, also before 1970. */
static time_t seconds_of(int64_t at_us) {
  return (time_t)(at_us / CALENDAR_US_PER_S - (at_us % CALENDAR_US_PER_S < 0));
}

static int64_t midnight_us(struct tm day) {
  day.tm_hour = day.tm_min = day.tm_sec = 0;
  day.tm_isdst = -1;
  return (int64_t)mktime(&day) * CALENDAR_US_PER_S;
}

void calendar_span(enum calendar_unit unit, int64_t at_us, int64_t *out_start_us, int64_t *out_end_us) {
  time_t at = seconds_of(at_us);
  struct tm start;
  memset(&start, 0, sizeof start);
  localtime_r(&at, &start);
  struct tm end = start;
  switch (unit) {
  case CALENDAR_HOUR:
    *out_start_us = ((int64_t)at - start.tm_min * 60 - start.tm_sec) * CALENDAR_US_PER_S;
    *out_end_us = *out_start_us + 3600 * CALENDAR_US_PER_S;
    return;
  case CALENDAR_DAY: end.tm_mday += 1; break;
  case CALENDAR_WEEK:
    start.tm_mday -= (start.tm_wday + 6) % 7;
    end = start;
    end.tm_mday += 7;
    break;
  case CALENDAR_MONTH:
    start.tm_mday = 1;
    end = start;
    end.tm_mon += 1;
    break;
  }
  *out_start_us = midnight_us(start);
  *out_end_us = midnight_us(end);
}

/* Takes exactly `digits` digits and what must follow them (0 for nothing) off the front of t. */
static bool take_number(struct text *t, size_t digits, char then, int *out) {
  int n = 0;
  for (size_t i = 0; i < digits; i++) {
    if (i >= t->len || t->at[i] < '0' || t->at[i] > '9')
      return false;
    n = n * 10 + (t->at[i] - '0');
  }
  *t = text_skip(*t, digits);
  if (then && (t->len == 0 || t->at[0] != then))
    return false;
  *t = text_skip(*t, then ? 1 : 0);
  *out = n;
  return true;
}

static bool read_day(struct text *t, struct tm *out) {
  if (!take_number(t, 4, '-', &out->tm_year) || !take_number(t, 2, '-', &out->tm_mon) ||
      !take_number(t, 2, 0, &out->tm_mday))
    return false;
  out->tm_year -= 1900;
  out->tm_mon -= 1;
  return true;
}

static bool read_time(struct text t, struct tm *out) {
  if (t.len == 0)
    return true;
  if (t.at[0] != 'T' && t.at[0] != ' ')
    return false;
  t = text_skip(t, 1);
  if (!take_number(&t, 2, ':', &out->tm_hour) || !take_number(&t, 2, 0, &out->tm_min))
    return false;
  if (t.len == 0)
    return true;
  return t.at[0] == ':' && (t = text_skip(t, 1), take_number(&t, 2, 0, &out->tm_sec)) && t.len == 0;
}

static bool read_ago(struct text t, int64_t now_us, int64_t *out_us) {
  int64_t ago_ms = 0;
  if (!text_to_duration_ms(t, &ago_ms) || ago_ms < 0 || ago_ms > now_us / 1000)
    return false;
  *out_us = now_us - ago_ms * 1000;
  return true;
}

bool calendar_read(struct text t, int64_t now_us, int64_t *out_us) {
  struct tm want;
  memset(&want, 0, sizeof want);
  if (text_equal(t, TEXT("now"))) {
    *out_us = now_us;
    return true;
  }
  if (t.len < 10 || t.at[4] != '-')
    return read_ago(t, now_us, out_us);
  if (!read_day(&t, &want) || !read_time(t, &want))
    return false;
  want.tm_isdst = -1;
  struct tm got = want;
  time_t at = mktime(&got);
  bool is_day = got.tm_year == want.tm_year && got.tm_mon == want.tm_mon && got.tm_mday == want.tm_mday;
  if (!is_day || want.tm_hour > 23 || want.tm_min > 59 || want.tm_sec > 59)
    return false;
  *out_us = (int64_t)at * CALENDAR_US_PER_S;
  return true;
}

void calendar_write(int64_t at_us, bool with_time, char out[32]) {
  time_t at = seconds_of(at_us);
  struct tm local;
  memset(&local, 0, sizeof local);
  localtime_r(&at, &local);
  strftime(out, 32, with_time ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d", &local);
}
