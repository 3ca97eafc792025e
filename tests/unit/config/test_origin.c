/* What a browser's origin looks like. */
#include "config/origin.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static void origins_are_taken_as_browsers_write_them(void **state) {
  static const char *const good[] = {"https://a.example", "http://localhost:3000", "https://a-b.example:8443",
                                     "https://[::1]", "http://[::1]:8080"};
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    if (!origin_is_one(text_of(good[i])))
      fail_msg("%s was refused", good[i]);
  }
}

static void nothing_else_is(void **state) {
  static const char *const bad[] = {"",
                                    "*",
                                    "null",
                                    "a.example",
                                    "https://",
                                    "https://a.example/",
                                    "https://A.example",
                                    "https://a.example:443",
                                    "http://a.example:80",
                                    "https://a.example:0",
                                    "https://a.example:65536",
                                    "https://a.example:x",
                                    "https://u@a.example",
                                    "https://a.example?x",
                                    "https://a.example#x",
                                    "ftp://a.example",
                                    "https://*.example",
                                    "https://[::1",
                                    "https://[]",
                                    "https://[::1]x",
                                    "https://.example",
                                    "https://:80",
                                    "https://a.example ",
                                    "http://127.0.0.1:80801"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    if (origin_is_one(text_of(bad[i])))
      fail_msg("%s was taken", bad[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(origins_are_taken_as_browsers_write_them),
      cmocka_unit_test(nothing_else_is),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
