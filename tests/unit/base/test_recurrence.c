/* Schedules as people write them: what is one, when it is next, and when it was last, also where clocks are changed. */
#include "base/recurrence.h"

#include "base/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define US   INT64_C(1000000)
#define HOUR INT64_C(3600)
#define DAY  (24 * HOUR)
#define NOON INT64_C(1796040000) /* 2026-11-30 12:00:00 UTC */

static bool is_taken(const char *text, struct fault *f) {
  struct recurrence r;
  *f = (struct fault){0};
  return recurrence_parse(text_of(text), &r, f) == ERR_OK;
}

static void times_of_the_day_and_cron_are_taken_and_nothing_else(void **state) {
  static const char *const good[] = {"00:00",        "23:59",   "03:30",      "03:30, 15:30",
                                     "03:30,15:30,", " 03:30 ", "30 3 * * *", "@daily"};
  static const char *const bad[] = {"",      "24:00", "3:30", "03:60",    "03:30x",   "03:30 15:30",
                                    "03-30", "0330",  ",",    "30 3 * *", "03:30, x", "@daily, 03:30"};
  struct fault f;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!is_taken(good[i], &f))
      fail_msg("\"%s\" is refused: %s", good[i], fault_text(&f));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (is_taken(bad[i], &f) || f.err != ERR_BAD_REQUEST || !f.text[0])
      fail_msg("\"%s\" is taken, or refused without a word", bad[i]);
}

static void as_many_times_fit_as_a_text_has_room_for(void **state) {
  char text[RECURRENCE_TEXT_MAX + 8] = "";
  struct recurrence r;
  struct fault f = {0};
  for (int i = 0; i * 6 + 5 < RECURRENCE_TEXT_MAX; i++)
    snprintf(text + i * 6, 8, "%02d:%02d,", i % 24, i % 60);
  assert_int_equal(recurrence_parse(text_of(text), &r, &f), ERR_OK);
  assert_int_equal(r.count, strlen(text) / 6);
  memset(text, ' ', RECURRENCE_TEXT_MAX + 1);
  text[RECURRENCE_TEXT_MAX + 1] = '\0';
  assert_int_equal(recurrence_parse(text_of(text), &r, &f), ERR_BAD_REQUEST);
}

static struct recurrence read_text(const char *text) {
  struct recurrence r;
  struct fault f = {0};
  if (recurrence_parse(text_of(text), &r, &f) != ERR_OK)
    fail_msg("%s: %s", text, fault_text(&f));
  return r;
}

static int64_t latest(const char *text, int64_t now) {
  struct recurrence r = read_text(text);
  int64_t us = -1;
  assert_true(recurrence_latest(&r, now * US + 999999, &cron_zone_local, &us));
  assert_int_equal(us % US, 0);
  return us / US;
}

static void expect(const char *text, int64_t now, int64_t want) {
  int64_t got = latest(text, now);
  if (got != want)
    fail_msg("%s at %lld: %lld, expected %lld", text, (long long)now, (long long)got, (long long)want);
}

static void the_latest_is_the_last_that_has_passed(void **state) {
  calendar_set_zone(TEXT("UTC"));
  expect("12:00", NOON, NOON);
  expect("12:01", NOON, NOON + 60 - DAY);
  expect("03:30", NOON, NOON - 8 * HOUR - 1800);
  expect("03:30, 11:00, 15:30", NOON, NOON - HOUR);
  expect("15:30", NOON, NOON + 3 * HOUR + 1800 - DAY);
  expect("* * * * *", NOON + 59, NOON);
  expect("0 * * * *", NOON + 1800, NOON);
  expect("0 12 1 * *", NOON, NOON - 29 * DAY);
  expect("0 12 30 11 *", NOON - 60, NOON - 365 * DAY);
  expect("0 12 29 2 *", NOON, NOON - 1005 * DAY); /* of 2024 */
  calendar_set_zone(TEXT("Asia/Seoul"));          /* 21:00 there */
  expect("20:00", NOON, NOON - HOUR);
  calendar_set_zone(TEXT("UTC"));
}

static void the_next_is_the_first_of_all_times(void **state) {
  static const int64_t want[] = {NOON + 6300, NOON + 12600, NOON - 8 * HOUR - 1800 + DAY, NOON + 6300 + DAY};
  struct recurrence r = read_text("15:30, 13:45, 03:30");
  int64_t us = NOON * US;
  calendar_set_zone(TEXT("UTC"));
  for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
    assert_true(recurrence_next(&r, us, &cron_zone_local, &us));
    assert_int_equal(us, want[i] * US);
  }
}

static void a_day_of_23_or_25_hours_has_it_once(void **state) {
  calendar_set_zone(TEXT("Europe/Berlin"));
  const int64_t spring = 1774746000; /* 2026-03-29 01:00 UTC: 02:00 becomes 03:00 */
  expect("02:30", spring + 6 * HOUR, spring);
  expect("04:00", spring + 6 * HOUR, spring + HOUR);
  const int64_t autumn = 1792890000; /* 2026-10-25 01:00 UTC: 03:00 becomes 02:00 */
  expect("02:30", autumn + 6 * HOUR, autumn - 1800);
  expect("04:00", autumn + 6 * HOUR, autumn + 2 * HOUR);
  calendar_set_zone(TEXT("UTC"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(times_of_the_day_and_cron_are_taken_and_nothing_else),
      cmocka_unit_test(as_many_times_fit_as_a_text_has_room_for),
      cmocka_unit_test(the_latest_is_the_last_that_has_passed),
      cmocka_unit_test(the_next_is_the_first_of_all_times),
      cmocka_unit_test(a_day_of_23_or_25_hours_has_it_once),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
