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

static void assert_path(const char *path, const char *expected) {
  char room[128], got[128];
  (void)snprintf(got, sizeof(got), "%.*s", TEXT_ARGS(redact_path(text_of(path), room)));
  assert_string_equal(got, expected);
}

static void the_segment_behind_ak_is_covered_wherever_it_stands(void **state) {
  assert_path("/v1/messages", "/v1/messages");
  assert_path("/ak/secret-1/v1/messages", "/ak/********/v1/messages");
  assert_path("/anthropic/ak/secret-1/v1/messages", "/anthropic/ak/********/v1/messages");
  assert_path("/ak/secret-1/ak/secret-2", "/ak/********/ak/********");
  assert_path("/anthropic/ak/secret-1", "/anthropic/ak/********");
  assert_path("/ak/ak/secret-1/v1", "/ak/**/secret-1/v1");
  assert_path("/anthropic/ak/", "/anthropic/ak/");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_occurrence_is_covered),
                                     cmocka_unit_test(short_or_absent_secrets_change_nothing),
                                     cmocka_unit_test(the_segment_behind_ak_is_covered_wherever_it_stands)};
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
