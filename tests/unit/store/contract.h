/* The contract of the store port: a case is written once, takes an open and empty store as its state, and runs on every
 * adapter. `const struct CMUnitTest tests[] = {CONTRACT(case), ...}`. */
#ifndef TESTS_UNIT_STORE_CONTRACT_H
#define TESTS_UNIT_STORE_CONTRACT_H

#include "expect.h"
#include "store/driver.h"

static inline int contract_memory(void **state) {
  test_fault = (struct fault){0};
  *state = open_memory();
  return 0;
}

static inline int contract_sqlite(void **state) {
  if (make_dir(state) != 0)
    return -1;
  *state = open_store();
  return 0;
}

static inline int contract_close(void **state) {
  struct store *s = *state;
  bool is_file = s && strcmp(s->ops->name, "sqlite") == 0;
  if (s)
    s->ops->close(s);
  return is_file ? drop_dir(state) : 0;
}

#define CONTRACT(test)                                                                                                 \
  {#test " (memory)", test, contract_memory, contract_close, NULL}, {                                                  \
#test " (sqlite)", test, contract_sqlite, contract_close, NULL                                                     \
  }

/* Statements from outside the port, to break what it keeps. */
static inline enum err contract_exec_on(struct driver_link *l, void *sql, struct fault *f) {
  return l->driver->exec(l, sql, f);
}

static inline void contract_exec(struct store *s, const char *sql) {
  EXPECT_OK(driver_run(s, DRIVER_WRITE, false, contract_exec_on, (void *)(uintptr_t)sql, &test_fault));
}

#endif
