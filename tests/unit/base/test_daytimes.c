/* Times of the day: what is one, and when it was last, also where clocks are changed. */
#include "base/daytimes.h"

#include "base/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define US   INT64_C(1000000)
#define HOUR INT64_C(3600)
#define DAY  (24 * HOUR)
#define NOON INT64_C(1796040000) /* 2026-11-30 12:00:00 UTC */

static void a_list_of_times_is_one_and_nothing_else(void **state) {
  static const char *const good[] = {"00:00", "23:59", "03:30", "03:30, 15:30", "03:30,15:30,", " 03:30 "};
  static const char *const bad[] = {"",      "24:00", "3:30", "03:60",      "03:30x",  "03:30 15:30",
                                    "03-30", "0330",  ",",    "30 3 * * *", "03:30, x"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!daytimes_are_valid(text_of(good[i])))
      fail_msg("\"%s\" is refused", good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (daytimes_are_valid(text_of(bad[i])) || daytimes_latest(text_of(bad[i]), NOON * US) != 0)
      fail_msg("\"%s\" is taken", bad[i]);
}

static void expect(const char *times, int64_t now, int64_t want) {
  int64_t got = daytimes_latest(text_of(times), now * US + 999999);
  if (got != want * US)
    fail_msg("%s at %lld: %lld, expected %lld", times, (long long)now, (long long)(got / US), (long long)want);
}

static void the_latest_is_today_s_or_yesterday_s(void **state) {
  calendar_set_zone(TEXT("UTC"));
  expect("12:00", NOON, NOON);
  expect("12:01", NOON, NOON + 60 - DAY);
  expect("03:30", NOON, NOON - 8 * HOUR - 1800);
  expect("03:30, 11:00, 15:30", NOON, NOON - HOUR);
  expect("15:30", NOON, NOON + 3 * HOUR + 1800 - DAY);
  calendar_set_zone(TEXT("Asia/Seoul")); /* 21:00 there */
  expect("20:00", NOON, NOON - HOUR);
}

static void a_day_of_23_or_25_hours_has_it_once(void **state) {
  calendar_set_zone(TEXT("Europe/Berlin"));
  const int64_t spring = 1774746000; /* 2026-03-29 01:00 UTC: 02:00 becomes 03:00 */
  int64_t at = daytimes_latest(TEXT("02:30"), (spring + 6 * HOUR) * US) / US;
  assert_in_range(at, spring - 1800 - HOUR, spring + 1800 + HOUR);
  expect("04:00", spring + 6 * HOUR, spring + HOUR);
  const int64_t autumn = 1792890000; /* 2026-10-25 01:00 UTC: 03:00 becomes 02:00 */
  at = daytimes_latest(TEXT("02:30"), (autumn + 6 * HOUR) * US) / US;
  assert_in_range(at, autumn - 1800, autumn + 1800);
  expect("04:00", autumn + 6 * HOUR, autumn + 2 * HOUR);
  calendar_set_zone(TEXT("UTC"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_list_of_times_is_one_and_nothing_else),
      cmocka_unit_test(the_latest_is_today_s_or_yesterday_s),
      cmocka_unit_test(a_day_of_23_or_25_hours_has_it_once),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
