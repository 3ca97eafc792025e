/* When a provider may be asked again, by what its answer's headers say. Whether it is asked again, and what to do when
 * nothing is said, is decided where calls are retried. Called by the gateway for failed attempts.
 * RFC 9110 section 10.2.3; retry-after-ms is Azure's and OpenAI's;
 * https://docs.anthropic.com/en/api/rate-limits, https://platform.openai.com/docs/guides/rate-limits */
#include "provider/retry_after.h"

#include <time.h>

#define SECOND_US     INT64_C(1000000)
#define DAY_US        (INT64_C(86400) * SECOND_US)
#define NAME_MOST     96
#define FIFTY_YEARS_S (INT64_C(50) * 31556952)
/* Plain numbers this large are no waits but times since 1970, in seconds or in milliseconds. */
#define EPOCH_S    INT64_C(1000000000)
#define EPOCH_MS   INT64_C(1000000000000)
#define WHOLE_MOST INT64_C(9000000000000)

static bool take_digits(struct text *t, size_t n, int *out) {
  int value = 0;
  if (t->len < n)
    return false;
  for (size_t i = 0; i < n; i++) {
    if (t->at[i] < '0' || t->at[i] > '9')
      return false;
    value = value * 10 + (t->at[i] - '0');
  }
  *t = text_skip(*t, n);
  *out = value;
  return true;
}

static bool take(struct text *t, struct text what) {
  if (!text_starts(*t, what))
    return false;
  *t = text_skip(*t, what.len);
  return true;
}

static bool take_month(struct text *t, int *out) {
  static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (int i = 0; i < 12; i++)
    if (take(t, (struct text){names + (ptrdiff_t)i * 3, 3})) {
      *out = i + 1;
      return true;
    }
  return false;
}

static bool take_clock(struct text *t, struct tm *tm) {
  return take_digits(t, 2, &tm->tm_hour) && take(t, TEXT(":")) && take_digits(t, 2, &tm->tm_min) &&
         take(t, TEXT(":")) && take_digits(t, 2, &tm->tm_sec);
}

/* year and month as people count them. */
static bool seconds_of(int year, int month, const struct tm *clock, int64_t *out) {
  struct tm tm = *clock;
  if (year < 1970 || month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
      tm.tm_min > 59 || tm.tm_sec > 60)
    return false;
  tm.tm_year = year - 1900;
  tm.tm_mon = month - 1;
  *out = (int64_t)timegm(&tm);
  return true;
}

/* 06 Nov 1994 08:49:37 GMT */
static bool read_fixdate(struct text t, int64_t *out_s) {
  struct tm tm = {0};
  int year, month;
  return take_digits(&t, 2, &tm.tm_mday) && take(&t, TEXT(" ")) && take_month(&t, &month) && take(&t, TEXT(" ")) &&
         take_digits(&t, 4, &year) && take(&t, TEXT(" ")) && take_clock(&t, &tm) && text_equal(t, TEXT(" GMT")) &&
         seconds_of(year, month, &tm, out_s);
}

/* 06-Nov-94 08:49:37 GMT */
static bool read_rfc850(struct text t, int64_t now_s, int64_t *out_s) {
  struct tm tm = {0};
  int year, month;
  int64_t found;
  if (!(take_digits(&t, 2, &tm.tm_mday) && take(&t, TEXT("-")) && take_month(&t, &month) && take(&t, TEXT("-")) &&
        take_digits(&t, 2, &year) && take(&t, TEXT(" ")) && take_clock(&t, &tm) && text_equal(t, TEXT(" GMT"))))
    return false;
  for (year += 2000; seconds_of(year, month, &tm, &found) && found > now_s + FIFTY_YEARS_S; year -= 100)
    ;
  return seconds_of(year, month, &tm, out_s);
}

/* Nov  6 08:49:37 1994 */
static bool read_asctime(struct text t, int64_t *out_s) {
  struct tm tm = {0};
  int year, month;
  if (!take_month(&t, &month) || !take(&t, TEXT(" ")))
    return false;
  bool one_digit = take(&t, TEXT(" "));
  return take_digits(&t, one_digit ? 1 : 2, &tm.tm_mday) && take(&t, TEXT(" ")) && take_clock(&t, &tm) &&
         take(&t, TEXT(" ")) && take_digits(&t, 4, &year) && t.len == 0 && seconds_of(year, month, &tm, out_s);
}

bool retry_after_http_date(struct text t, int64_t now_us, int64_t *out) {
  struct text weekday, rest;
  int64_t s;
  bool good;
  if (text_cut(t, ',', &weekday, &rest) && take(&rest, TEXT(" ")))
    good = read_fixdate(rest, &s) || read_rfc850(rest, now_us / SECOND_US, &s);
  else
    good = text_cut(t, ' ', &weekday, &rest) && weekday.len == 3 && read_asctime(rest, &s);
  if (good)
    *out = s * SECOND_US;
  return good;
}

/* A decimal without a sign, in millionths; digits beyond the sixth place do not count, and from WHOLE_MOST on it is as
 * good as any. */
static bool take_decimal(struct text *t, int64_t *out_millionths) {
  int64_t whole = 0, fraction = 0, place = SECOND_US / 10;
  size_t i = 0;
  for (; i < t->len && t->at[i] >= '0' && t->at[i] <= '9'; i++)
    whole = whole < WHOLE_MOST ? whole * 10 + (t->at[i] - '0') : whole;
  if (i == 0)
    return false;
  if (i < t->len && t->at[i] == '.') {
    size_t point = i++;
    for (; i < t->len && t->at[i] >= '0' && t->at[i] <= '9'; i++, place /= 10)
      fraction += (t->at[i] - '0') * place;
    if (i == point + 1)
      return false;
  }
  *t = text_skip(*t, i);
  *out_millionths = (whole < WHOLE_MOST ? whole : WHOLE_MOST) * SECOND_US + fraction;
  return true;
}

static int64_t to_us(int64_t millionths, int64_t unit_us) {
  if (unit_us < SECOND_US)
    return millionths / (SECOND_US / unit_us);
  int64_t times = unit_us / SECOND_US;
  return millionths > INT64_MAX / times ? INT64_MAX : millionths * times;
}

static bool read_offset(struct text t, int64_t *out_s) {
  int hours, minutes;
  int64_t sign = text_starts(t, TEXT("-")) ? -1 : 1;
  if (text_equal_nocase(t, TEXT("Z"))) {
    *out_s = 0;
    return true;
  }
  if (!take(&t, TEXT("+")) && !take(&t, TEXT("-")))
    return false;
  if (!take_digits(&t, 2, &hours) || !take(&t, TEXT(":")) || !take_digits(&t, 2, &minutes) || t.len > 0 || hours > 23 ||
      minutes > 59)
    return false;
  *out_s = sign * (hours * 3600 + minutes * 60);
  return true;
}

bool retry_after_rfc3339(struct text t, int64_t *out) {
  struct tm tm = {0};
  int year, month;
  int64_t s, offset, us = 0;
  if (!take_digits(&t, 4, &year) || !take(&t, TEXT("-")) || !take_digits(&t, 2, &month) || !take(&t, TEXT("-")) ||
      !take_digits(&t, 2, &tm.tm_mday) || !(take(&t, TEXT("T")) || take(&t, TEXT("t")) || take(&t, TEXT(" "))) ||
      !take_clock(&t, &tm))
    return false;
  if (take(&t, TEXT("."))) {
    int digit, digits = 0;
    for (int64_t place = SECOND_US / 10; take_digits(&t, 1, &digit); place /= 10, digits++)
      us += digit * place;
    if (digits == 0)
      return false;
  }
  if (!read_offset(t, &offset) || !seconds_of(year, month, &tm, &s))
    return false;
  *out = (s - offset) * SECOND_US + us;
  return true;
}

static bool take_unit(struct text *t, int64_t *out_us) {
  static const struct {
    const char *name;
    int64_t us;
  } units[] = {{"ms", 1000},          {"us", 1},        {"h", 3600 * SECOND_US},
               {"m", 60 * SECOND_US}, {"s", SECOND_US}, {"d", DAY_US}};
  for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
    if (take(t, text_of(units[i].name))) {
      *out_us = units[i].us;
      return true;
    }
  return false;
}

static int64_t bounded(int64_t us) { return us < 0 ? 0 : us > DAY_US ? DAY_US : us; }

bool retry_after_duration(struct text t, int64_t *out) {
  int64_t sum = 0;
  if (t.len == 0)
    return false;
  while (t.len > 0) {
    int64_t number, unit_us;
    if (!take_decimal(&t, &number) || !take_unit(&t, &unit_us))
      return false;
    sum = bounded(sum + bounded(to_us(number, unit_us)));
  }
  *out = sum;
  return true;
}

/* A number alone, of unit_us each. */
static bool read_number(struct text t, int64_t unit_us, int64_t *out) {
  int64_t number;
  if (!take_decimal(&t, &number) || t.len > 0)
    return false;
  *out = to_us(number, unit_us);
  return true;
}

/* A reset is a time or a wait. */
static bool read_reset(struct text t, int64_t now_us, int64_t *out) {
  int64_t us;
  if (retry_after_rfc3339(t, &us)) {
    *out = bounded(us - now_us);
    return true;
  }
  if (!read_number(t, SECOND_US, &us))
    return retry_after_duration(t, out);
  if (us >= EPOCH_MS * SECOND_US)
    us = us / 1000 - now_us;
  else if (us >= EPOCH_S * SECOND_US)
    us -= now_us;
  *out = bounded(us);
  return true;
}

static struct text header(const struct provider_header *headers, size_t count, struct text name) {
  for (size_t i = 0; i < count; i++)
    if (text_equal_nocase(headers[i].name, name))
      return text_trim(headers[i].value);
  return TEXT_NONE;
}

/* The header beside a reset: "x-ratelimit-remaining-tokens" for "x-ratelimit-reset-tokens". */
static struct text beside(const struct provider_header *headers, size_t count, struct text reset, size_t at,
                          struct text word) {
  char name[NAME_MOST + 16];
  size_t tail = at + sizeof("reset") - 1;
  int n = snprintf(name, sizeof(name), "%.*s%.*s%.*s", TEXT_ARGS(text_head(reset, at)), TEXT_ARGS(word),
                   TEXT_ARGS(text_skip(reset, tail)));
  return header(headers, count, (struct text){name, n > 0 ? (size_t)n : 0});
}

/* A subscription tells its windows one by one, and beside them which of them counts:
 * "anthropic-ratelimit-unified-reset" is that one's. */
static bool is_part_of_plan(struct text name, size_t at) {
  const struct text plan = TEXT("anthropic-ratelimit-unified-");
  return text_equal_nocase(text_head(name, plan.len), plan) && at != plan.len;
}

/* Where "reset" stands in the name of a header that tells when a rate starts anew; -1 in any other. */
static ptrdiff_t reset_at(struct text name) {
  static const char *const families[] = {"anthropic-ratelimit-", "x-ratelimit-"};
  const struct text word = TEXT("reset");
  for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
    struct text family = text_of(families[i]);
    if (name.len > NAME_MOST || !text_equal_nocase(text_head(name, family.len), family))
      continue;
    for (size_t at = family.len; at + word.len <= name.len; at++) {
      struct text rest = text_skip(name, at);
      bool is_whole = name.at[at - 1] == '-' && (rest.len == word.len || rest.at[word.len] == '-');
      if (is_whole && text_equal_nocase(text_head(rest, word.len), word))
        return is_part_of_plan(name, at) ? -1 : (ptrdiff_t)at;
    }
  }
  return -1;
}

/* Most answers tell all their rates, of which only those that are used up say when to come back. */
static bool is_used_up(const struct provider_header *headers, size_t count, struct text reset, size_t at) {
  struct text remaining = beside(headers, count, reset, at, TEXT("remaining"));
  struct text status = beside(headers, count, reset, at, TEXT("status"));
  int64_t left;
  if (!text_is_empty(status))
    return text_equal_nocase(status, TEXT("rejected"));
  if (text_is_empty(remaining))
    return true;
  return read_number(remaining, SECOND_US, &left) && left == 0;
}

static int64_t longest_reset(const struct provider_header *headers, size_t count, int64_t now_us) {
  int64_t longest = -1, us;
  for (size_t i = 0; i < count; i++) {
    ptrdiff_t at = reset_at(headers[i].name);
    if (at < 0 || !is_used_up(headers, count, headers[i].name, (size_t)at))
      continue;
    if (read_reset(text_trim(headers[i].value), now_us, &us) && us > longest)
      longest = us;
  }
  return longest;
}

int64_t provider_retry_after_us(const struct provider_header *headers, size_t count, int64_t wall_now_us) {
  struct text after = header(headers, count, TEXT("retry-after"));
  int64_t us;
  if (read_number(header(headers, count, TEXT("retry-after-ms")), 1000, &us) || read_number(after, SECOND_US, &us))
    return bounded(us);
  if (retry_after_http_date(after, wall_now_us, &us))
    return bounded(us - wall_now_us);
  return longest_reset(headers, count, wall_now_us);
}
