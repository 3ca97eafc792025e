/* Codes that change with time: the vectors of RFC 4226 appendix D and RFC 6238 appendix B, replay, and recovery. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "identity/totp.h"

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

static const uint8_t secret[] = "12345678901234567890";
#define LEN 20
#define S   INT64_C(1000000)

static void the_vectors_of_rfc_4226(void **state) {
  static const uint32_t codes[] = {755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489};
  for (uint64_t i = 0; i < 10; i++)
    assert_int_equal(totp_code(secret, LEN, i, 6), codes[i]);
}

static void the_vectors_of_rfc_6238(void **state) {
  static const struct {
    uint64_t at_s;
    uint32_t code;
  } rows[] = {{59, 94287082},         {1111111109, 7081804},  {1111111111, 14050471},
              {1234567890, 89005924}, {2000000000, 69279037}, {20000000000, 65353130}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    assert_int_equal(totp_code(secret, LEN, rows[i].at_s / 30, 8), rows[i].code);
}

static bool check(const char *code, int64_t at_s, int64_t after, int64_t *step) {
  return totp_check(secret, LEN, text_of(code), at_s * S, after, step);
}

static void a_code_is_good_now_and_one_step_either_way(void **state) {
  int64_t step = -1; /* 287082 is that of step 1: 30 to 59 */
  assert_true(check("287082", 30, 0, &step));
  assert_int_equal(step, 1);
  assert_true(check("287082", 0, 0, &step));
  assert_true(check("287082", 89, 0, &step));
  assert_false(check("287082", 90, 0, &step));
  assert_true(check("287 082", 45, 0, &step));
}

static void a_step_that_was_used_is_refused(void **state) {
  int64_t step = -1;
  assert_false(check("287082", 45, 1, &step));
  assert_false(check("287082", 45, 2, &step));
  assert_int_equal(step, -1);
  assert_true(check("359152", 45, 1, &step));
  assert_int_equal(step, 2);
}

static void what_is_no_code_is_refused(void **state) {
  static const char *const rows[] = {"",        "28708",        "2870820", "28708a", "-87082",
                                     "287082x", "２８７０８２", "0",       "      "};
  int64_t step = -1;
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (check(rows[i], 45, 0, &step))
      fail_msg("\"%s\" was taken", rows[i]);
  }
  assert_false(totp_check(secret, LEN, (struct text){"287082\0", 7}, 45 * S, 0, &step));
}

static void base32_is_that_of_rfc_4648(void **state) {
  static const char *const rows[][2] = {{"", ""},
                                        {"f", "MY"},
                                        {"\146o", "MZXQ"},
                                        {"foo", "MZXW6"},
                                        {"foob", "MZXW6YQ"},
                                        {"fooba", "MZXW6YTB"},
                                        {"foobar", "MZXW6YTBOI"}};
  char out[32];
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    size_t n = totp_base32((const uint8_t *)rows[i][0], strlen(rows[i][0]), out);
    assert_int_equal(n, strlen(rows[i][1]));
    assert_memory_equal(out, rows[i][1], n);
  }
}

static void an_app_reads_the_address(void **state) {
  struct buf b;
  buf_init(&b, 1024);
  totp_write_uri(TEXT("a+b@x.org"), secret, &b);
  buf_add_char(&b, '\0');
  assert_string_equal(b.at, "otpauth://totp/Weir:a%2Bb%40x.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Weir&"
                            "algorithm=SHA1&digits=6&period=30");
  buf_done(&b);
}

static void recovery_codes_are_read_as_people_type_them(void **state) {
  char made[TOTP_RECOVERY_BYTES], again[TOTP_RECOVERY_BYTES], typed[64];
  totp_new_recovery_code(made);
  totp_new_recovery_code(again);
  assert_memory_not_equal(made, again, sizeof(made));
  assert_true(totp_read_recovery_code((struct text){made, sizeof(made)}, again));
  assert_memory_equal(made, again, sizeof(made));
  snprintf(typed, sizeof(typed), "ABCDE fgh-JK");
  assert_true(totp_read_recovery_code(text_of(typed), again));
  assert_memory_equal(again, "abcde-fghjk", sizeof(again));
  assert_false(totp_read_recovery_code(TEXT("abcde-fghj"), again));
  assert_false(totp_read_recovery_code(TEXT("abcde-fghjkm"), again));
  assert_false(totp_read_recovery_code(TEXT("abcde-fghj0"), again));
  assert_false(totp_read_recovery_code(TEXT("abcde-fghj\0"), again));
  assert_false(totp_read_recovery_code(TEXT("287082"), again));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_vectors_of_rfc_4226),
      cmocka_unit_test(the_vectors_of_rfc_6238),
      cmocka_unit_test(a_code_is_good_now_and_one_step_either_way),
      cmocka_unit_test(a_step_that_was_used_is_refused),
      cmocka_unit_test(what_is_no_code_is_refused),
      cmocka_unit_test(base32_is_that_of_rfc_4648),
      cmocka_unit_test(an_app_reads_the_address),
      cmocka_unit_test(recovery_codes_are_read_as_people_type_them),
  };
  return RUN_TESTS(tests);
}
