/* Where days, weeks and months begin and end in different zones. */
#include "traffic/period.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#define US   INT64_C(1000000)
#define HOUR 3600

static void in_zone(const char *tz) {
  setenv("TZ", tz, 1);
  tzset();
}

/* now, start and end are seconds since 1970. */
static void expect(enum period p, int64_t now, int64_t start, int64_t end) {
  int64_t got_start = -1, got_end = -1;
  period_of(p, now * US + 999999, &got_start, &got_end);
  assert_int_equal(got_start, start * US);
  assert_int_equal(got_end, end * US);
}

#define SAT_2026_11_21 INT64_C(1795219200) /* 00:00 UTC */

static void test_utc(void **state) {
  in_zone("UTC");
  expect(PERIOD_DAY, SAT_2026_11_21, SAT_2026_11_21, SAT_2026_11_21 + 24 * HOUR);
  expect(PERIOD_DAY, SAT_2026_11_21 - 1, SAT_2026_11_21 - 24 * HOUR, SAT_2026_11_21);
  int64_t monday = SAT_2026_11_21 - 5 * 24 * HOUR;
  expect(PERIOD_WEEK, SAT_2026_11_21, monday, monday + 7 * 24 * HOUR);
  expect(PERIOD_WEEK, monday, monday, monday + 7 * 24 * HOUR);
  expect(PERIOD_WEEK, monday - 1, monday - 7 * 24 * HOUR, monday);
  int64_t november = SAT_2026_11_21 - 20 * 24 * HOUR;
  expect(PERIOD_MONTH, SAT_2026_11_21, november, november + 30 * 24 * HOUR);
  expect(PERIOD_MONTH, november + 30 * 24 * HOUR, november + 30 * 24 * HOUR, november + 61 * 24 * HOUR);
}

static void test_seoul_is_nine_hours_ahead(void **state) {
  in_zone("Asia/Seoul");
  int64_t day = SAT_2026_11_21 - 9 * HOUR; /* the 21st in Seoul */
  expect(PERIOD_DAY, SAT_2026_11_21, day, day + 24 * HOUR);
  expect(PERIOD_DAY, day - 1, day - 24 * HOUR, day);
  expect(PERIOD_MONTH, SAT_2026_11_21, day - 20 * 24 * HOUR, day + 10 * 24 * HOUR);
  expect(PERIOD_WEEK, SAT_2026_11_21, day - 5 * 24 * HOUR, day + 2 * 24 * HOUR);
}

/* 2026: clocks go forward on Sunday 29 March at 01:00 UTC and back on Sunday 25 October at 01:00 UTC. */
static void test_berlin_has_a_day_of_23_and_one_of_25_hours(void **state) {
  in_zone("Europe/Berlin");
  int64_t march_29 = INT64_C(1774738800); /* 00:00 CET */
  expect(PERIOD_DAY, march_29 + 12 * HOUR, march_29, march_29 + 23 * HOUR);
  expect(PERIOD_DAY, march_29 + 23 * HOUR - 1, march_29, march_29 + 23 * HOUR);
  expect(PERIOD_DAY, march_29 + 23 * HOUR, march_29 + 23 * HOUR, march_29 + 47 * HOUR);
  expect(PERIOD_WEEK, march_29 + HOUR, march_29 - 6 * 24 * HOUR, march_29 + 23 * HOUR);
  int64_t october_25 = INT64_C(1792879200); /* 00:00 CEST */
  for (int hour = 0; hour < 25; hour++)
    expect(PERIOD_DAY, october_25 + hour * HOUR, october_25, october_25 + 25 * HOUR);
  expect(PERIOD_DAY, october_25 + 25 * HOUR, october_25 + 25 * HOUR, october_25 + 49 * HOUR);
  int64_t october_1 = october_25 - 24 * 24 * HOUR;
  expect(PERIOD_MONTH, october_25 + 3 * HOUR, october_1, october_1 + (31 * 24 + 1) * HOUR);
}

static void test_every_moment_is_in_its_own_period(void **state) {
  static const char *const zones[] = {"UTC", "Asia/Seoul", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"};
  for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
    in_zone(zones[z]);
    for (int64_t now = INT64_C(1767225600); now < INT64_C(1767225600) + 400 * 24 * HOUR; now += 7001) {
      for (enum period p = PERIOD_DAY; p <= PERIOD_MONTH; p++) {
        int64_t start, end, next_start, next_end;
        period_of(p, now * US, &start, &end);
        assert_true(start <= now * US && now * US < end);
        period_of(p, end, &next_start, &next_end);
        assert_int_equal(next_start, end);
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_utc),
      cmocka_unit_test(test_seoul_is_nine_hours_ahead),
      cmocka_unit_test(test_berlin_has_a_day_of_23_and_one_of_25_hours),
      cmocka_unit_test(test_every_moment_is_in_its_own_period),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("period", tests, NULL, NULL);
}
