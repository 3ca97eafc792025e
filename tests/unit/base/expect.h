/* Asserting on slices so that a failure prints both texts. */
#ifndef TESTS_UNIT_BASE_EXPECT_H
#define TESTS_UNIT_BASE_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

#define EXPECT_TEXT(got, want)                                                                                         \
  do {                                                                                                                 \
    struct text got_ = (got), want_ = (want);                                                                          \
    if (!text_equal(got_, want_))                                                                                      \
      fail_msg("got \"%.*s\", expected \"%.*s\"", TEXT_ARGS(got_), TEXT_ARGS(want_));                                  \
  } while (0)

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

#endif
