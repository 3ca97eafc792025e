/* What the tests of jobs share: a store in memory, a world around it with a configuration, and asserts. */
#ifndef TESTS_UNIT_JOBS_JOBS_TEST_H
#define TESTS_UNIT_JOBS_JOBS_TEST_H

#include "../store/expect.h"
#include "jobs/kinds.h"

static struct config *test_config;

static inline const char *test_no_variable(const char *name) { return NULL; }

static inline void test_configure(const char *yaml) {
  static struct config_errors errors;
  config_unref(test_config);
  test_config = NULL;
  assert_int_equal(config_load_text(text_of(yaml), "weir.yaml", test_no_variable, &test_config, &errors), ERR_OK);
}

static inline struct config *test_config_get(void *ctx) { return config_ref(test_config); }

static inline struct job_world test_world(struct store *s) {
  return (struct job_world){.store = s, .config = test_config_get};
}

static inline int64_t test_enqueue(struct store *s, const char *kind, struct text args, int64_t attempts) {
  struct store_job_new n = {.kind = text_of(kind), .args = args, .max_attempts = attempts};
  int64_t id = 0, now_us = 0;
  EXPECT_OK(s->ops->jobs->now(s, &now_us, &test_fault));
  EXPECT_OK(s->ops->jobs->enqueue(s, &n, now_us, &id, &test_fault));
  return id;
}

#endif
