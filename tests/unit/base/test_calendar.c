/* Where hours, days, weeks and months begin in different zones, and moments as people write them. */
#include "base/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define US   INT64_C(1000000)
#define HOUR INT64_C(3600)

/* at, start and end are seconds since 1970. */
static void expect(enum calendar_unit unit, int64_t at, int64_t start, int64_t end) {
  int64_t got_start = -1, got_end = -1;
  calendar_span(unit, at * US + 999999, &got_start, &got_end);
  assert_int_equal(got_start, start * US);
  assert_int_equal(got_end, end * US);
}

static void an_hour_is_one_of_the_clock_on_the_wall(void **state) {
  calendar_set_zone(TEXT("Asia/Kathmandu")); /* 5:45 ahead */
  expect(CALENDAR_HOUR, 1795219200, 1795219200 - 45 * 60, 1795219200 + 15 * 60);
  calendar_set_zone(TEXT("America/New_York")); /* 2026-11-01: 01:00 to 02:00 twice, from 05:00 UTC */
  expect(CALENDAR_HOUR, 1793509200 + 60, 1793509200, 1793509200 + HOUR);
  expect(CALENDAR_HOUR, 1793509200 + HOUR + 60, 1793509200 + HOUR, 1793509200 + 2 * HOUR);
  expect(CALENDAR_DAY, 1793509200, 1793509200 - HOUR, 1793509200 + 24 * HOUR);
  calendar_set_zone(TEXT("UTC"));
  expect(CALENDAR_HOUR, -1, -HOUR, 0);
  expect(CALENDAR_DAY, -1, -24 * HOUR, 0);
}

static void weeks_and_months(void **state) {
  calendar_set_zone(TEXT("Asia/Seoul"));
  int64_t day = 1795219200 - 9 * HOUR; /* 2026-11-21, a Saturday */
  expect(CALENDAR_DAY, 1795219200, day, day + 24 * HOUR);
  expect(CALENDAR_WEEK, 1795219200, day - 5 * 24 * HOUR, day + 2 * 24 * HOUR);
  expect(CALENDAR_MONTH, 1795219200, day - 20 * 24 * HOUR, day + 10 * 24 * HOUR);
}

static void expect_read(const char *text, int64_t seconds) {
  int64_t got = -1;
  if (!calendar_read(text_of(text), 1795219200 * US, &got))
    fail_msg("%s is not read", text);
  assert_int_equal(got, seconds * US);
}

static void moments_are_read_in_the_zone(void **state) {
  calendar_set_zone(TEXT("Asia/Seoul"));
  expect_read("2026-11-21", 1795219200 - 9 * HOUR);
  expect_read("2026-11-21T09:00", 1795219200);
  expect_read("2026-11-21 09:00:59", 1795219200 + 59);
  expect_read("now", 1795219200);
  expect_read("36h", 1795219200 - 36 * HOUR);
  expect_read("7d", 1795219200 - 7 * 24 * HOUR);
}

static void what_is_no_moment_is_refused(void **state) {
  static const char *const bad[] = {"",
                                    "soon",
                                    "2026-11-31",
                                    "2026-13-01",
                                    "2026-1-1",
                                    "2026-11-21T",
                                    "2026-11-21x",
                                    "2026-11-21T24:00",
                                    "2026-11-21T10:00:60",
                                    "2026-11-21T1:00",
                                    "-3h",
                                    "99999999d"};
  int64_t got = 77;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (calendar_read(text_of(bad[i]), 1795219200 * US, &got))
      fail_msg("\"%s\" is read as %lld", bad[i], (long long)got);
  assert_int_equal(got, 77);
}

static void moments_are_written_in_the_zone(void **state) {
  char out[32];
  calendar_set_zone(TEXT("Asia/Kathmandu"));
  calendar_write(1795219200 * US, true, out);
  assert_string_equal(out, "2026-11-21 05:45:00");
  calendar_write(1795219200 * US, false, out);
  assert_string_equal(out, "2026-11-21");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_hour_is_one_of_the_clock_on_the_wall),
      cmocka_unit_test(weeks_and_months),
      cmocka_unit_test(moments_are_read_in_the_zone),
      cmocka_unit_test(what_is_no_moment_is_refused),
      cmocka_unit_test(moments_are_written_in_the_zone),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
