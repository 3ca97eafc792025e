/* When to come back: each form a vendor uses, and what is no form at all. */
#include "provider/retry_after.h"

#include "../base/expect.h"

#define SECOND INT64_C(1000000)
#define NOW    (INT64_C(784111777) * SECOND) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DAY    (86400 * SECOND)

static void an_http_date_has_three_forms(void **state) {
  static const char *const same[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                     "Sun Nov  6 08:49:37 1994"};
  int64_t us;
  for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
    us = 0;
    if (!retry_after_http_date(text_of(same[i]), NOW, &us) || us != NOW)
      fail_msg("%s is %lld", same[i], (long long)us);
  }
  assert_true(retry_after_http_date(TEXT("Mon Nov 16 08:49:37 2026"), NOW, &us));
  assert_int_equal(us, INT64_C(1794818977) * SECOND);
  assert_true(retry_after_http_date(TEXT("Thu, 29 Feb 2024 23:59:60 GMT"), NOW, &us));
  assert_int_equal(us, INT64_C(1709251200) * SECOND);
}

static void a_year_of_two_digits_is_at_most_fifty_years_ahead(void **state) {
  int64_t us;
  assert_true(retry_after_http_date(TEXT("Tuesday, 01-Jan-30 00:00:00 GMT"), NOW, &us));
  assert_int_equal(us, INT64_C(1893456000) * SECOND); /* 2030 is 35 years from then */
  assert_true(retry_after_http_date(TEXT("Monday, 01-Jan-90 00:00:00 GMT"), NOW, &us));
  assert_int_equal(us, INT64_C(631152000) * SECOND); /* 2090 would be 95 */
}

static void what_is_no_http_date_is_refused(void **state) {
  static const char *const bad[] = {"",
                                    "Sun",
                                    "Sun, 06 Nov 1994 08:49:37",
                                    "Sun, 06 Nov 1994 08:49:37 CET",
                                    "Sun, 6 Nov 1994 08:49:37 GMT",
                                    "Sun, 06 Nop 1994 08:49:37 GMT",
                                    "Sun, 06 Nov 1994 24:49:37 GMT",
                                    "Sun, 00 Nov 1994 08:49:37 GMT",
                                    "Sun, 06 Nov 1969 08:49:37 GMT",
                                    "Sun, 06 Nov 1994 08:49:37 GMT and more",
                                    "Sun Nov 6 08:49:37 1994",
                                    "Sun Nov  6 08:49:37 1994 GMT",
                                    "Sunday, 06-Nov-1994 08:49:37 GMT",
                                    "Sunday, 32-Nov-94 08:49:37 GMT",
                                    "1994-11-06T08:49:37Z"};
  int64_t us = 7;
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    if (retry_after_http_date(text_of(bad[i]), NOW, &us))
      fail_msg("%s is read", bad[i]);
  assert_int_equal(us, 7);
}

static void an_rfc_3339_time_has_a_fraction_or_an_offset(void **state) {
  static const char *const bad[] = {"",
                                    "1994-11-06",
                                    "1994-11-06T08:49:37",
                                    "1994-13-06T08:49:37Z",
                                    "1994-11-06T08:49:37.Z",
                                    "1994-11-06T08:49:37+1:00",
                                    "1994-11-06T08:49:37+01:60",
                                    "1994-11-06T08:49:37Zz"};
  int64_t us = 7;
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    if (retry_after_rfc3339(text_of(bad[i]), &us))
      fail_msg("%s is read", bad[i]);
  assert_int_equal(us, 7);
  assert_true(retry_after_rfc3339(TEXT("1994-11-06T08:49:37Z"), &us));
  assert_int_equal(us, NOW);
  assert_true(retry_after_rfc3339(TEXT("1994-11-06t09:49:37.25+01:00"), &us));
  assert_int_equal(us, NOW + SECOND / 4);
  assert_true(retry_after_rfc3339(TEXT("1994-11-06 03:19:37.1234567-05:30"), &us));
  assert_int_equal(us, NOW + 123456);
}

static void a_duration_is_a_sum_of_numbers_with_units(void **state) {
  static const struct {
    const char *text;
    int64_t us;
  } good[] = {{"1s", SECOND},     {"6m0s", 360 * SECOND},
              {"12ms", 12000},    {"1h2m3.5s", 3723500000},
              {"7.66s", 7660000}, {"250us", 250},
              {"0s", 0},          {"1d", DAY},
              {"2d", DAY},        {"99999999999999999999h", DAY},
              {"23h59m61s", DAY}};
  static const char *const bad[] = {"", "1", "s", "1s1", "1 s", "-1s", "1.s", ".5s", "1w", "1sm"};
  int64_t us = 7;
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    if (retry_after_duration(text_of(bad[i]), &us))
      fail_msg("%s is read", bad[i]);
  assert_int_equal(us, 7);
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
    if (!retry_after_duration(text_of(good[i].text), &us) || us != good[i].us)
      fail_msg("%s is %lld, expected %lld", good[i].text, (long long)us, (long long)good[i].us);
}

/* "name: value\n" lines. */
static int64_t after(const char *lines) {
  struct provider_header headers[8];
  size_t count = 0;
  struct text rest = text_of(lines), line;
  while (text_cut(rest, '\n', &line, &rest)) {
    assert_true(text_cut(line, ':', &headers[count].name, &headers[count].value));
    count++;
  }
  return provider_retry_after_us(headers, count, NOW);
}

static void expect_after(const char *lines, int64_t want) {
  int64_t got = after(lines);
  if (got != want)
    fail_msg("%sis %lld, expected %lld", lines, (long long)got, (long long)want);
}

static void retry_after_is_seconds_or_a_date(void **state) {
  expect_after("Retry-After: 7\n", 7 * SECOND);
  expect_after("retry-after: 0\n", 0);
  expect_after("retry-after: 1.5\n", 3 * SECOND / 2);
  expect_after("retry-after: Sun, 06 Nov 1994 08:50:00 GMT\n", 23 * SECOND);
  expect_after("retry-after: Sun, 06 Nov 1994 08:00:00 GMT\n", 0);
  expect_after("retry-after: 86401\n", DAY);
  expect_after("retry-after: 99999999999999999999999\n", DAY);
  expect_after("retry-after: Sun, 06 Nov 2094 08:50:00 GMT\n", DAY);
}

static void retry_after_ms_is_more_exact(void **state) {
  expect_after("retry-after: 8\nretry-after-ms: 7250\n", 7250000);
  expect_after("retry-after-ms: 7.5\n", 7500);
  expect_after("retry-after-ms: soon\nretry-after: 3\n", 3 * SECOND);
}

static void what_cannot_be_read_counts_as_not_there(void **state) {
  expect_after("", -1);
  expect_after("content-type: application/json\n", -1);
  expect_after("retry-after: soon\n", -1);
  expect_after("retry-after: -1\n", -1);
  expect_after("retry-after:\n", -1);
  expect_after("retry-after: 7s\n", -1);
  expect_after("x-ratelimit-reset-tokens: later\n", -1);
  assert_int_equal(provider_retry_after_us(NULL, 0, NOW), -1);
}

static void a_used_up_rate_says_when_it_starts_anew(void **state) {
  expect_after("anthropic-ratelimit-requests-remaining: 0\n"
               "anthropic-ratelimit-requests-reset: 1994-11-06T08:50:37Z\n"
               "anthropic-ratelimit-tokens-remaining: 1000\n"
               "anthropic-ratelimit-tokens-reset: 1994-11-06T09:49:37Z\n",
               60 * SECOND);
  expect_after("x-ratelimit-remaining-requests: 12\nx-ratelimit-reset-requests: 12ms\n"
               "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 6m0s\n",
               360 * SECOND);
  expect_after("x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 2s\n"
               "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 1s\n",
               2 * SECOND);
  expect_after("retry-after: 5\nx-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 6m0s\n", 5 * SECOND);
}

static void rates_that_are_not_used_up_say_nothing(void **state) {
  expect_after("anthropic-ratelimit-tokens-remaining: 1\nanthropic-ratelimit-tokens-reset: 1994-11-06T09:49:37Z\n", -1);
  expect_after("x-ratelimit-remaining-tokens: -1\nx-ratelimit-reset-tokens: 0\n", -1);
  expect_after("x-ratelimit-limit-tokens: 0\n", -1);
}

static void a_reset_alone_counts(void **state) {
  expect_after("x-ratelimit-reset-tokens: 30\n", 30 * SECOND);
  expect_after("X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 784111787000\n", DAY); /* seconds since 1970: far off */
  expect_after("x-ratelimit-preset-tokens: 30\n", -1);
  expect_after("x-ratelimit-resets: 30\n", -1);
}

static void a_large_number_is_a_time(void **state) {
  const int64_t now = INT64_C(1800000000) * SECOND;
  const struct provider_header seconds[] = {{TEXT("x-ratelimit-reset"), TEXT("1800000042")}};
  const struct provider_header millis[] = {{TEXT("x-ratelimit-reset"), TEXT("1800000042500")}};
  const struct provider_header past[] = {{TEXT("x-ratelimit-reset"), TEXT("1799999999")}};
  assert_int_equal(provider_retry_after_us(seconds, 1, now), 42 * SECOND);
  assert_int_equal(provider_retry_after_us(millis, 1, now), 42500000);
  assert_int_equal(provider_retry_after_us(past, 1, now), 0);
}

static void of_a_subscription_the_window_that_counts_does(void **state) {
  const int64_t now = INT64_C(1800000000) * SECOND;
  struct provider_header headers[] = {{TEXT("anthropic-ratelimit-unified-status"), TEXT("rejected")},
                                      {TEXT("anthropic-ratelimit-unified-reset"), TEXT("1800003600")},
                                      {TEXT("anthropic-ratelimit-unified-7d-status"), TEXT("rejected")},
                                      {TEXT("anthropic-ratelimit-unified-7d-reset"), TEXT("1800080000")}};
  assert_int_equal(provider_retry_after_us(headers, 4, now), 3600 * SECOND);
  headers[0].value = TEXT("allowed");
  assert_int_equal(provider_retry_after_us(headers, 4, now), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_http_date_has_three_forms),
      cmocka_unit_test(a_year_of_two_digits_is_at_most_fifty_years_ahead),
      cmocka_unit_test(what_is_no_http_date_is_refused),
      cmocka_unit_test(an_rfc_3339_time_has_a_fraction_or_an_offset),
      cmocka_unit_test(a_duration_is_a_sum_of_numbers_with_units),
      cmocka_unit_test(retry_after_is_seconds_or_a_date),
      cmocka_unit_test(retry_after_ms_is_more_exact),
      cmocka_unit_test(what_cannot_be_read_counts_as_not_there),
      cmocka_unit_test(a_used_up_rate_says_when_it_starts_anew),
      cmocka_unit_test(rates_that_are_not_used_up_say_nothing),
      cmocka_unit_test(a_reset_alone_counts),
      cmocka_unit_test(a_large_number_is_a_time),
      cmocka_unit_test(of_a_subscription_the_window_that_counts_does),
  };
  return RUN_TESTS(tests);
}
