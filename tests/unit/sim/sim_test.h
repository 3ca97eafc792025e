/* Helpers of the simulator's tests: reading requests from JSON written with ' for ", asserting on texts and refusals.
 */
#ifndef TESTS_UNIT_SIM_TEST_H
#define TESTS_UNIT_SIM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

#define EXPECT_TEXT(got, want)                                                                                         \
  do {                                                                                                                 \
    struct text got_ = (got), want_ = (want);                                                                          \
    if (!text_equal(got_, want_))                                                                                      \
      fail_msg("got \"%.*s\", expected \"%.*s\"", TEXT_ARGS(got_), TEXT_ARGS(want_));                                  \
  } while (0)
#define EXPECT_INSIDE(whole, part)                                                                                     \
  do {                                                                                                                 \
    struct text whole_ = (whole), part_ = (part);                                                                      \
    if (text_find(whole_, part_) < 0)                                                                                  \
      fail_msg("\"%.*s\" is not inside \"%.*s\"", TEXT_ARGS(part_), TEXT_ARGS(text_head(whole_, 3000)));               \
  } while (0)

/* Parses quoted, in which ' stands for "; memory in a. Call json_done. */
static inline struct json test_json(struct arena *a, const char *quoted) {
  struct text src = arena_copy(a, text_of(quoted));
  char *bytes = (char *)(uintptr_t)src.at;
  struct json doc;
  struct fault f = {0};
  for (size_t i = 0; i < src.len; i++) {
    if (bytes[i] == '\'')
      bytes[i] = '"';
  }
  if (json_read(src, NULL, &doc, &f) != ERR_OK)
    fail_msg("test JSON is bad: %s in %.*s", f.text, TEXT_ARGS(src));
  return doc;
}

/* Asserts that text is one valid JSON value. */
static inline void expect_json(struct text t) {
  struct json doc;
  struct fault f = {0};
  if (json_read(t, NULL, &doc, &f) != ERR_OK)
    fail_msg("not JSON (%s): %.*s", f.text, TEXT_ARGS(text_head(t, 2000)));
  json_done(&doc);
}

#endif
