/* Slots of keys, against what a Redis says (CLUSTER KEYSLOT) and the examples of the specification. */
#include "net/resp_slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void expect(const char *key, unsigned slot) {
  unsigned got = resp_slot(text_of(key));
  if (got != slot)
    fail_msg("\"%s\" is in slot %u, expected %u", key, got, slot);
}

static void a_key_is_in_the_slot_that_redis_says(void **state) {
  expect("123456789", 0x31c3);
  expect("", 0);
  expect("foo", 12182);
  expect("weir:breaker:[\"openai\",\"https://api.openai.com\",\"main\"]", 7585);
  assert_int_equal(resp_slot((struct text){"a\0\xff\r\n", 5}), 11256);
}

static void of_a_key_with_a_tag_only_the_tag_counts(void **state) {
  unsigned tag = resp_slot(TEXT("user1000"));
  expect("{user1000}.following", tag);
  expect("a{user1000}b{other}", tag);
  expect("foo{{bar}}zap", resp_slot(TEXT("{bar")));
  expect("foo{bar", 15278);
  expect("foo{}{bar}", 8363); /* an empty tag is none */
  expect("}{user1000}", tag);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_key_is_in_the_slot_that_redis_says),
      cmocka_unit_test(of_a_key_with_a_tag_only_the_tag_counts),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("resp_slot", tests, NULL, NULL);
}
