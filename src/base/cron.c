/* The notation of cron and its next moment. Minutes on the wall are walked forward with jumps over days and hours that
 * do not match, and every jump that crosses a change of the zone stops at the change. Called by the schedules of jobs
 * and by the check of the configuration. */
#include "base/cron.h"

#include <time.h>

#define DAY_MINUTES    1440
#define SEARCH_DAYS    (9 * 366) /* a 29th of February may be eight years away */
#define CHANGE_LONGEST 180       /* minutes */

struct field {
  const char *name;
  unsigned first, last;
  const char *names; /* three letters each, from `first` on */
};

static const struct field fields[] = {
    {"minute", 0, 59, ""},
    {"hour", 0, 23, ""},
    {"day of month", 1, 31, ""},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"day of week", 0, 7, "sunmontuewedthufrisatsun"},
};

static enum err refuse(const struct field *d, struct text got, struct fault *f) {
  return fault_set(f, ERR_BAD_REQUEST, "schedule", "\"%.*s\" is no %s of a schedule", TEXT_ARGS(text_head(got, 32)),
                   d->name);
}

static bool read_value(const struct field *d, struct text t, unsigned *out) {
  uint64_t n;
  if (t.len <= 2 && text_to_u64(t, &n) && n >= d->first && n <= d->last) {
    *out = (unsigned)n;
    return true;
  }
  for (unsigned i = 0; t.len == 3 && d->names[i * 3]; i++) {
    if (text_equal_nocase(t, (struct text){d->names + (size_t)i * 3, 3})) {
      *out = d->first + i;
      return true;
    }
  }
  return false;
}

/* One element of a list: a star, a value or a range, each with or without a step. */
static bool read_element(const struct field *d, struct text t, uint64_t *bits) {
  struct text range = t, step_text, low, high;
  unsigned from = d->first, to = d->last;
  uint64_t step = 1;
  bool has_step = text_cut(t, '/', &range, &step_text);
  if (has_step && (!text_to_u64(step_text, &step) || step < 1 || step > 60))
    return false;
  if (text_cut(range, '-', &low, &high)) {
    if (!read_value(d, low, &from) || !read_value(d, high, &to))
      return false;
    if (to < from && to == 0 && d->last == 7)
      to = 7; /* fri-sun */
    if (to < from)
      return false;
  } else if (!text_equal(range, TEXT("*"))) {
    if (!read_value(d, range, &from))
      return false;
    to = has_step ? d->last : from;
  } else if (d->last == 7) {
    to = 6;
  }
  for (unsigned i = from; i <= to; i += (unsigned)step)
    *bits |= UINT64_C(1) << i;
  return true;
}

static enum err read_field(const struct field *d, struct text t, uint64_t *out, struct fault *f) {
  struct text rest = t, element;
  uint64_t bits = 0;
  bool more = true;
  while (more) {
    struct text tail = TEXT_NONE;
    more = text_cut(rest, ',', &element, &tail);
    if (!more)
      element = rest;
    if (!read_element(d, element, &bits))
      return refuse(d, element, f);
    rest = tail;
  }
  *out = bits;
  return ERR_OK;
}

static struct text spelt_out(struct text t) {
  static const char *const words[][2] = {
      {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
      {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (text_equal_nocase(t, text_of(words[i][0])))
      return text_of(words[i][1]);
  return t;
}

/* The next word; words are parted by spaces and tabs. */
static bool next_word(struct text *rest, struct text *out) {
  size_t n = 0;
  *rest = text_trim(*rest);
  while (n < rest->len && rest->at[n] != ' ' && rest->at[n] != '\t')
    n++;
  *out = text_head(*rest, n);
  *rest = text_skip(*rest, n);
  return n > 0;
}

/* Whether one of the days of month is in one of the months. */
static bool has_a_day(const struct cron *c) {
  static const unsigned longest[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (unsigned m = 1; m <= 12; m++)
    for (unsigned d = 1; d <= longest[m]; d++)
      if ((c->months >> m & 1) && (c->days >> d & 1))
        return true;
  return false;
}

enum err cron_parse(struct text t, struct cron *out, struct fault *f) {
  struct text word[5], rest = spelt_out(text_trim(t)), extra;
  uint64_t bits[5];
  size_t count = 0;
  if (t.len > CRON_TEXT_MAX)
    return fault_set(f, ERR_BAD_REQUEST, "schedule", "a schedule has at most %d bytes", CRON_TEXT_MAX);
  while (count < 5 && next_word(&rest, &word[count]))
    count++;
  if (count < 5 || next_word(&rest, &extra))
    return fault_set(f, ERR_BAD_REQUEST, "schedule",
                     "a schedule is \"minute hour day-of-month month day-of-week\" or a word such as @daily");
  for (size_t i = 0; i < 5; i++) {
    enum err e = read_field(&fields[i], word[i], &bits[i], f);
    if (e)
      return e;
  }
  struct cron c = {.minutes = bits[0],
                   .hours = (uint32_t)bits[1],
                   .days = (uint32_t)bits[2],
                   .months = (uint16_t)bits[3],
                   .weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f),
                   .any_day = word[2].at[0] == '*',
                   .any_weekday = word[4].at[0] == '*',
                   .every_hour = word[1].at[0] == '*'};
  if ((c.any_day || c.any_weekday) && !has_a_day(&c))
    return fault_set(f, ERR_BAD_REQUEST, "schedule", "the day of the schedule \"%.*s\" never comes", TEXT_ARGS(t));
  *out = c;
  return ERR_OK;
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Month and day of month of a day counted from 1970, in the Gregorian calendar: by years that begin in March, whose
 * months' lengths repeat every five. */
static void date_of(int64_t day, unsigned *out_month, unsigned *out_day) {
  int64_t z = day + 719468, era = floor_div(z, 146097), of_era = z - era * 146097;
  int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
  *out_day = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
  *out_month = (unsigned)(month < 10 ? month + 3 : month - 9);
}

static bool day_matches(const struct cron *c, int64_t day) {
  unsigned month, of_month, weekday = (unsigned)(((day + 4) % 7 + 7) % 7); /* the first of 1970 was a Thursday */
  date_of(day, &month, &of_month);
  bool by_day = c->days >> of_month & 1, by_weekday = c->weekdays >> weekday & 1;
  return (c->months >> month & 1) && (c->any_day || c->any_weekday ? by_day && by_weekday : by_day || by_weekday);
}

/* local: minutes since 1970 as the clock on the wall has them. */
static bool matches(const struct cron *c, int64_t local) {
  int64_t day = floor_div(local, DAY_MINUTES), of_day = local - day * DAY_MINUTES;
  return (c->minutes >> (of_day % 60) & 1) && (c->hours >> (of_day / 60) & 1) && day_matches(c, day);
}

/* How many minutes on from local the next one is that may match. */
static int64_t stride(const struct cron *c, int64_t local) {
  int64_t day = floor_div(local, DAY_MINUTES), of_day = local - day * DAY_MINUTES;
  if (!day_matches(c, day))
    return DAY_MINUTES - of_day;
  return c->hours >> (of_day / 60) & 1 ? 1 : 60 - of_day % 60;
}

static int64_t offset_at(const struct cron_zone *z, int64_t minute) {
  return floor_div(z->offset_s(z->ctx, minute * 60), 60);
}

/* The first minute in (low, high] whose offset is not that of low. */
static int64_t find_change(const struct cron_zone *z, int64_t low, int64_t high) {
  int64_t before = offset_at(z, low);
  while (high - low > 1) {
    int64_t middle = low + (high - low) / 2;
    if (offset_at(z, middle) == before)
      low = middle;
    else
      high = middle;
  }
  return high;
}

static bool any_matches(const struct cron *c, int64_t from, int64_t until) {
  for (int64_t local = from; local < until && local < from + DAY_MINUTES; local++)
    if (matches(c, local))
      return true;
  return false;
}

/* The clock showed this minute before, and was then put back. */
static bool is_shown_again(const struct cron_zone *z, int64_t at, int64_t offset) {
  int64_t earlier = offset_at(z, at - CHANGE_LONGEST);
  return earlier > offset && offset_at(z, at + offset - earlier) == earlier;
}

bool cron_next(const struct cron *c, int64_t after_us, const struct cron_zone *zone, int64_t *out_us) {
  int64_t last = floor_div(after_us, 60000000), at = last + 1, end = at + (int64_t)SEARCH_DAYS * DAY_MINUTES;
  int64_t offset = offset_at(zone, last);
  while (at < end) {
    bool found = false;
    if (offset_at(zone, at) != offset) {
      at = find_change(zone, last, at);
      int64_t before = offset;
      offset = offset_at(zone, at);
      found = !c->every_hour && any_matches(c, at + before, at + offset); /* empty when it was put back */
    }
    if (found || (matches(c, at + offset) && (c->every_hour || !is_shown_again(zone, at, offset)))) {
      *out_us = at * 60000000;
      return true;
    }
    last = at;
    at += stride(c, at + offset);
  }
  return false;
}

static int64_t local_offset_s(void *ctx, int64_t at_s) {
  time_t t = (time_t)at_s;
  struct tm local;
  return localtime_r(&t, &local) ? local.tm_gmtoff : 0;
}

const struct cron_zone cron_zone_local = {local_offset_s, NULL};
