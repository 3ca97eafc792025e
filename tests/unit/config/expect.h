/* Loading small configurations in tests: an environment of their own, and asserts that print what was said. */
#ifndef TESTS_UNIT_CONFIG_EXPECT_H
#define TESTS_UNIT_CONFIG_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"

#define EXPECT_TEXT(got, want)                                                                                         \
  do {                                                                                                                 \
    struct text got_ = (got), want_ = (want);                                                                          \
    if (!text_equal(got_, want_))                                                                                      \
      fail_msg("got \"%.*s\", expected \"%.*s\"", TEXT_ARGS(got_), TEXT_ARGS(want_));                                  \
  } while (0)

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

/* SET=value, EMPTY="", SECRET, WEIR_KEY; everything else is unset. */
static inline const char *test_lookup(const char *name) {
  static const char *const variables[][2] = {
      {"SET", "value"}, {"EMPTY", ""}, {"SECRET", "sk-hush-hush"}, {"HOSTILE", "x\", evil: [1], y: \"${SET}"}};
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
    if (strcmp(name, variables[i][0]) == 0)
      return variables[i][1];
  return NULL;
}

static inline struct config *load(const char *yaml) {
  static struct config_errors errors;
  struct config *c = NULL;
  if (config_load_text(text_of(yaml), "weir.yaml", test_lookup, &c, &errors) != ERR_OK) {
    char said[512];
    config_error_format(&errors, 0, said, sizeof said);
    fail_msg("not loaded: %s", said);
  }
  return c;
}

/* The file is refused; its errors, one a line, are what is expected. */
static inline void expect_refused(const char *yaml, const char *want) {
  static struct config_errors errors;
  static char said[16384];
  struct config *c = NULL;
  size_t used = 0;
  said[0] = '\0';
  if (config_load_text(text_of(yaml), "weir.yaml", test_lookup, &c, &errors) == ERR_OK) {
    config_unref(c);
    fail_msg("loaded, but expected: %s", want);
  }
  assert_null(c);
  for (size_t i = 0; i < errors.count; i++) {
    if (i > 0)
      said[used++] = '\n';
    config_error_format(&errors, i, said + used, sizeof said - used);
    used += strlen(said + used);
  }
  assert_string_equal(said, want);
}

#endif
