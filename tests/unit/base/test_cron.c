/* Schedules in cron's notation: what is one, when the next moment is, and what becomes of hours that the clock leaves
 * out or shows twice. */
#include "base/cron.h"

#include "base/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define US INT64_C(1000000)

static struct fault fault;

static struct cron parse(const char *text) {
  struct cron c = {0};
  if (cron_parse(text_of(text), &c, &fault) != ERR_OK)
    fail_msg("%s: %s", text, fault.text);
  return c;
}

static int64_t moment(const char *text) {
  int64_t us = 0;
  if (!calendar_read(text_of(text), 0, &us))
    fail_msg("no moment: %s", text);
  return us;
}

/* In the zone that is set. */
static void expect_next(const char *cron, const char *after, const char *want) {
  struct cron c = parse(cron);
  int64_t got = 0;
  char text[32];
  if (!cron_next(&c, moment(after), &cron_zone_local, &got))
    fail_msg("%s: there is none after %s", cron, after);
  calendar_write(got, true, text);
  if (strcmp(text, want) != 0)
    fail_msg("%s after %s: %s, expected %s", cron, after, text, want);
}

static void the_next_moment_is_the_first_that_matches(void **state) {
  calendar_set_zone(TEXT("UTC"));
  expect_next("* * * * *", "2026-11-30 12:00:00", "2026-11-30 12:01:00");
  expect_next("* * * * *", "2026-11-30 12:00:59", "2026-11-30 12:01:00");
  expect_next("*/15 * * * *", "2026-11-30 12:46:00", "2026-11-30 13:00:00");
  expect_next("7/20 * * * *", "2026-11-30 12:08:00", "2026-11-30 12:27:00");
  expect_next("30 3 * * *", "2026-11-30 03:30:00", "2026-12-01 03:30:00");
  expect_next("0 8-18/5 * * *", "2026-11-30 09:00:00", "2026-11-30 13:00:00");
  expect_next("0,30 9,17 * * *", "2026-11-30 09:30:00", "2026-11-30 17:00:00");
  expect_next("0 0 1 jan *", "2026-11-30 09:30:00", "2027-01-01 00:00:00");
  expect_next("0 0 * * Mon-FRI", "2026-11-27 09:30:00", "2026-11-30 00:00:00");
  expect_next("0 0 * * 7", "2026-11-30 09:30:00", "2026-12-06 00:00:00");
  expect_next("0 0 * * fri-sun", "2026-11-30 09:30:00", "2026-12-04 00:00:00");
  expect_next("0 0 31 * *", "2026-11-01 00:00:00", "2026-12-31 00:00:00");
  expect_next("0 0 29 2 *", "2096-03-01 00:00:00", "2104-02-29 00:00:00"); /* 2100 is no leap year */
}

static void of_two_kinds_of_days_one_suffices(void **state) {
  calendar_set_zone(TEXT("UTC"));
  expect_next("0 0 13 * fri", "2026-11-30 00:00:00", "2026-12-04 00:00:00");
  expect_next("0 0 13 * fri", "2026-12-12 00:00:00", "2026-12-13 00:00:00");
  expect_next("0 0 */2 * fri", "2026-11-30 00:00:00", "2026-12-11 00:00:00"); /* a star: both must hold */
}

static void words_stand_for_the_usual_schedules(void **state) {
  calendar_set_zone(TEXT("UTC"));
  expect_next("@hourly", "2026-11-30 12:10:00", "2026-11-30 13:00:00");
  expect_next("@daily", "2026-11-30 12:10:00", "2026-12-01 00:00:00");
  expect_next("@midnight", "2026-11-30 12:10:00", "2026-12-01 00:00:00");
  expect_next("@weekly", "2026-11-30 12:10:00", "2026-12-06 00:00:00");
  expect_next("@monthly", "2026-11-30 12:10:00", "2026-12-01 00:00:00");
  expect_next("@Yearly", "2026-11-30 12:10:00", "2027-01-01 00:00:00");
  expect_next("  @annually ", "2026-11-30 12:10:00", "2027-01-01 00:00:00");
}

static void what_is_no_schedule_is_refused(void **state) {
  static const char *const wrong[] = {"",           "* * * *",      "* * * * * *", "60 * * * *",   "* 24 * * *",
                                      "* * 0 * *",  "* * 32 * *",   "* * * 13 *",  "* * * * 8",    "*/0 * * * *",
                                      "1- * * * *", "5-1 * * * *",  ", * * * *",   "1,,2 * * * *", "* * * foo *",
                                      "-1 * * * *", "@never",       "1.5 * * * *", "*/61 * * * *", "** * * * *",
                                      "0 0 31 2 *", "0 0 31 2,4 *", "001 * * * *"};
  struct cron c = {.minutes = 7};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    if (cron_parse(text_of(wrong[i]), &c, &fault) != ERR_BAD_REQUEST)
      fail_msg("\"%s\" is taken", wrong[i]);
    assert_int_equal(c.minutes, 7);
  }
  char longest[CRON_TEXT_MAX + 2];
  memset(longest, ' ', sizeof longest);
  assert_int_equal(cron_parse((struct text){longest, sizeof longest}, &c, &fault), ERR_BAD_REQUEST);
  assert_int_equal(cron_parse(TEXT("* * * foo *"), &c, &fault), ERR_BAD_REQUEST);
  if (!strstr(fault.text, "\"foo\" is no month"))
    fail_msg("%s", fault.text);
}

/* All moments between two, as hours and minutes on the wall. */
static void expect_between(const char *cron, int64_t from_s, int64_t until_s, const char *want) {
  struct cron c = parse(cron);
  char got[512] = "", text[32];
  int64_t us = from_s * US;
  while (cron_next(&c, us, &cron_zone_local, &us) && us < until_s * US) {
    calendar_write(us, true, text);
    snprintf(got + strlen(got), sizeof got - strlen(got), "%.5s ", text + 11);
  }
  if (strcmp(got, want) != 0)
    fail_msg("%s: %s, expected %s", cron, got, want);
}

/* Berlin, 2027-03-28: at 01:00 UTC the clock goes from 02:00 to 03:00. */
static void an_hour_left_out_is_made_up_for_at_the_change(void **state) {
  int64_t change = 1806195600;
  calendar_set_zone(TEXT("Europe/Berlin"));
  expect_between("30 2 * * *", change - 7200, change + 7200, "03:00 ");
  expect_between("0,10,50 2 * * *", change - 7200, change + 7200, "03:00 "); /* once */
  expect_between("0 3 * * *", change - 7200, change + 7200, "03:00 ");
  expect_between("0,30 1-3 * * *", change - 3601, change + 3600, "01:00 01:30 03:00 03:30 ");
  expect_between("*/30 * * * *", change - 3601, change + 3601, "01:00 01:30 03:00 03:30 04:00 ");
  expect_between("15 * * * *", change - 3601, change + 3601, "01:15 03:15 ");
}

/* Berlin, 2026-10-25: at 01:00 UTC the clock goes from 03:00 back to 02:00. */
static void a_doubled_hour_counts_once_unless_every_hour_is_meant(void **state) {
  int64_t change = 1792890000;
  calendar_set_zone(TEXT("Europe/Berlin"));
  expect_between("30 2 * * *", change - 7200, change + 7200, "02:30 ");
  expect_between("0,30 2 * * *", change - 7200, change + 7200, "02:00 02:30 ");
  expect_between("0 2-4 * * *", change - 7200, change + 7201, "02:00 03:00 04:00 ");
  expect_between("*/30 * * * *", change - 3601, change + 3601, "02:00 02:30 02:00 02:30 03:00 ");
}

static void half_hours_and_southern_changes_are_the_same(void **state) {
  calendar_set_zone(TEXT("Australia/Lord_Howe")); /* half an hour: 2026-10-04, 02:00 to 02:30, at 15:30 UTC */
  expect_between("15 2 * * *", 1791041400 - 7200, 1791041400 + 7200, "02:30 ");
  calendar_set_zone(TEXT("Asia/Kathmandu"));
  expect_next("0 12 * * *", "2026-11-30 11:59:00", "2026-11-30 12:00:00");
  calendar_set_zone(TEXT("UTC"));
}

static int64_t minus_five(void *ctx, int64_t at_s) { return -5 * 3600; }

static void the_zone_is_the_callers(void **state) {
  struct cron_zone zone = {minus_five, NULL};
  struct cron c = parse("0 0 * * *");
  int64_t us = -1;
  assert_true(cron_next(&c, 0, &zone, &us));
  assert_int_equal(us, 5 * 3600 * US);
  assert_true(cron_next(&c, -30 * 3600 * US, &zone, &us)); /* before 1970 */
  assert_int_equal(us, -19 * 3600 * US);
}

/* The walk with jumps against one that looks at every minute. */
static void no_moment_is_jumped_over(void **state) {
  static const char *const texts[] = {"*/7 3,14 * * *", "0 0 1,15 * wed", "59 23 28-31 * *", "5 4 * * sun",
                                      "0 */5 * * *"};
  calendar_set_zone(TEXT("America/New_York"));
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct cron c = parse(texts[i]);
    int64_t at = 1772200800 * US, end = at + 40 * 86400 * US, us = 0; /* over the change of March 2026 */
    for (int64_t minute = at + 60 * US; minute < end; minute += 60 * US) {
      int64_t next = 0;
      assert_true(cron_next(&c, minute - 60 * US, &cron_zone_local, &next));
      if (next == minute)
        us = minute;
      else
        assert_true(next > minute);
    }
    assert_true(us > 0);
  }
  calendar_set_zone(TEXT("UTC"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_next_moment_is_the_first_that_matches),
      cmocka_unit_test(of_two_kinds_of_days_one_suffices),
      cmocka_unit_test(words_stand_for_the_usual_schedules),
      cmocka_unit_test(what_is_no_schedule_is_refused),
      cmocka_unit_test(an_hour_left_out_is_made_up_for_at_the_change),
      cmocka_unit_test(a_doubled_hour_counts_once_unless_every_hour_is_meant),
      cmocka_unit_test(half_hours_and_southern_changes_are_the_same),
      cmocka_unit_test(the_zone_is_the_callers),
      cmocka_unit_test(no_moment_is_jumped_over),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
