/* Credentials inside provider text are covered, everything else stays. */
#include "gateway/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_occurrence_is_covered(void **state) {
  char text[] = "Incorrect API key provided: sk-secret-1. sk-secret-1 and sk-secret-2";
  redact(text, strlen(text), TEXT("sk-secret-1"));
  assert_string_equal(text, "Incorrect API key provided: ***********. *********** and sk-secret-2");
}

static void short_or_absent_secrets_change_nothing(void **state) {
  char text[] = "a demo of demo";
  redact(text, strlen(text), TEXT("demo"));
  redact(text, strlen(text), TEXT_NONE);
  redact(text, strlen(text), TEXT("not in there"));
  redact(text, 0, TEXT("a demo of"));
  assert_string_equal(text, "a demo of demo");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_occurrence_is_covered),
                                     cmocka_unit_test(short_or_absent_secrets_change_nothing)};
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
