/* Slices as numbers and durations, and the encodings. */
#include "base/text.h"

#include "expect.h"

static void whole_numbers_are_digits_only(void **state) {
  uint64_t u = 77;
  int64_t i = 77;
  assert_true(text_to_u64(TEXT("18446744073709551615"), &u));
  assert_true(u == UINT64_MAX);
  static const char *const bad[] = {
      "", "+1", "-1", " 1", "1 ", "0x1", "1.0", "18446744073709551616", "99999999999999999999"};
  u = 77;
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
    if (text_to_u64(text_of(bad[k]), &u))
      fail_msg("accepted %s", bad[k]);
  assert_int_equal(u, 77);
  assert_true(text_to_i64(TEXT("-9223372036854775808"), &i));
  assert_true(i == INT64_MIN);
  assert_true(text_to_i64(TEXT("9223372036854775807"), &i));
  assert_true(i == INT64_MAX);
  assert_false(text_to_i64(TEXT("9223372036854775808"), &i));
  assert_false(text_to_i64(TEXT("-9223372036854775809"), &i));
  assert_false(text_to_i64(TEXT("--1"), &i));
  assert_false(text_to_i64(TEXT("-"), &i));
}

static void decimals_are_scaled_exactly(void **state) {
  static const struct {
    const char *text;
    int scale;
    int64_t want;
  } good[] = {{"3.75", 9, 3750000000},
              {"3", 9, 3000000000},
              {"0.000000001", 9, 1},
              {"-0.5", 1, -5},
              {"15.00", 2, 1500},
              {"7", 0, 7},
              {"9223372036.854775807", 9, INT64_MAX}};
  static const struct {
    const char *text;
    int scale;
  } bad[] = {{"", 2},
             {".5", 2},
             {"5.", 2},
             {"1.234", 2},
             {"1e3", 2},
             {"1.-5", 3},
             {"9223372036.854775808", 9},
             {"99999999999", 9},
             {"1", 19},
             {"1", -1},
             {"1.5", 0},
             {"1.2.3", 5}};
  for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
    int64_t got = -1;
    assert_true(text_to_scaled(text_of(good[k].text), good[k].scale, &got));
    assert_int_equal(got, good[k].want);
  }
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
    int64_t got = 77;
    if (text_to_scaled(text_of(bad[k].text), bad[k].scale, &got))
      fail_msg("accepted %s", bad[k].text);
    assert_int_equal(got, 77);
  }
}

static void durations_carry_their_unit(void **state) {
  static const struct {
    const char *text;
    int64_t ms;
  } good[] = {{"250ms", 250},      {"5s", 5000}, {"2m", 120000}, {"1h", 3600000},
              {"30d", 2592000000}, {"7", 7000},  {"0", 0}};
  static const char *const bad[] = {
      "", "s", "5 s", "-5s", "1.5s", "5S", "5sec", "300000000000000d", "9223372036854775808ms"};
  for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
    int64_t got = -1;
    assert_true(text_to_duration_ms(text_of(good[k].text), &got));
    assert_int_equal(got, good[k].ms);
  }
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
    int64_t got;
    if (text_to_duration_ms(text_of(bad[k]), &got))
      fail_msg("accepted %s", bad[k]);
  }
}

static void bytes_are_written_as_hex(void **state) {
  char out[32];
  assert_int_equal(text_hex("\x00\xFF\x1a", 3, out), 6);
  EXPECT_TEXT(((struct text){out, 6}), TEXT("00ff1a"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whole_numbers_are_digits_only),
      cmocka_unit_test(decimals_are_scaled_exactly),
      cmocka_unit_test(durations_carry_their_unit),
      cmocka_unit_test(bytes_are_written_as_hex),
  };
  return RUN_TESTS(tests);
}
