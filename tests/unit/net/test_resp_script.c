/* Names of scripts. */
#include "net/resp_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_script_is_named_by_its_sha1_in_hex(void **state) {
  struct resp_script one = resp_script_of("return 1"), none = resp_script_of("");
  assert_true(text_equal(resp_script_sha(&one), TEXT("e0e1f9fabfc9d4800c877a703b823ac0578ff8db")));
  assert_true(text_equal(resp_script_sha(&none), TEXT("da39a3ee5e6b4b0d3255bfef95601890afd80709")));
  assert_string_equal(one.body, "return 1");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_script_is_named_by_its_sha1_in_hex)};
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("resp_script", tests, NULL, NULL);
}
