/* What the tests of single kinds share: a store and an arena of the test's own, a job in them, rows of the ledger. */
#ifndef TESTS_UNIT_JOBS_KIND_TEST_H
#define TESTS_UNIT_JOBS_KIND_TEST_H

#include "jobs_test.h"

static struct store *store;
static struct arena arena;

static inline int begin(void **state) {
  test_fault = (struct fault){0};
  store = open_memory();
  arena_init(&arena);
  return 0;
}

static inline int end(void **state) {
  arena_done(&arena);
  store->ops->close(store);
  config_unref(test_config);
  test_config = NULL;
  return 0;
}

static inline struct job job_of(const struct job_world *world) {
  return (struct job){.args = TEXT("{}"), .attempt = 1, .world = world, .arena = &arena};
}

static inline int64_t now(void) {
  int64_t now_us = 0;
  EXPECT_OK(store->ops->jobs->now(store, &now_us, &test_fault));
  return now_us;
}

/* Settled attempts of one key, with ids from id on. */
static inline void add_rows(int64_t id, int count, int64_t settled_us) {
  for (int i = 0; i < count; i++) {
    const struct ledger_row row = {.id = id + i,
                                   .reserved_us = settled_us,
                                   .settled_us = settled_us,
                                   .request_id = TEXT("req"),
                                   .attempt = 1,
                                   .key_id = 1,
                                   .outcome = TEXT("ok"),
                                   .cost = {.total = 5, .known = true}};
    EXPECT_OK(store->ops->ledger_append(store, &row, 1, TEXT("j"), (uint64_t)(id + i), &test_fault));
  }
}

#endif
