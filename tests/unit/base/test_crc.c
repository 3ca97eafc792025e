/* CRC-32C against the values of RFC 3720, and the two ways against each other. */
#include "base/crc.h"

#include "base/random.h"
#include "expect.h"

static void values_are_those_of_rfc_3720(void **state) {
  unsigned char bytes[32];
  memset(bytes, 0, sizeof bytes);
  assert_int_equal(crc32c(0, bytes, 32), 0x8A9136AA);
  memset(bytes, 0xFF, sizeof bytes);
  assert_int_equal(crc32c(0, bytes, 32), 0x62A8AB43);
  for (unsigned char i = 0; i < 32; i++)
    bytes[i] = i;
  assert_int_equal(crc32c(0, bytes, 32), 0x46DD794E);
  assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
  assert_int_equal(crc32c_portable(0, "123456789", 9), 0xE3069283);
  assert_int_equal(crc32c(0, "", 0), 0);
}

static void both_ways_agree_at_every_length_and_start(void **state) {
  unsigned char bytes[80];
  random_bytes(bytes, sizeof bytes);
  for (size_t start = 0; start < 8; start++)
    for (size_t n = 0; n < 70; n++)
      assert_int_equal(crc32c(5, bytes + start, n), crc32c_portable(5, bytes + start, n));
}

static void a_sum_may_be_continued(void **state) {
  assert_int_equal(crc32c(crc32c(0, "12345", 5), "6789", 4), crc32c(0, "123456789", 9));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_are_those_of_rfc_3720),
      cmocka_unit_test(both_ways_agree_at_every_length_and_start),
      cmocka_unit_test(a_sum_may_be_continued),
  };
  return RUN_TESTS(tests);
}
