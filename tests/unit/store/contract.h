/* The contract of the store port: a case is written once, takes an open and empty store as its state, and runs on every
 * adapter. `const struct CMUnitTest tests[] = {CONTRACT(case), ...}`. */
#ifndef TESTS_UNIT_STORE_CONTRACT_H
#define TESTS_UNIT_STORE_CONTRACT_H

#include "expect.h"
#include "store/driver.h"
#include "support/actor.h"
#include "support/postgres.h"

static struct postgres_server contract_server;
static char contract_address[256]; /* of the last database made */

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

static inline const struct store_place *contract_place(const char *address) {
  static struct store_place place;
  place = (struct store_place){.kind = STORE_POSTGRES,
                               .postgres = {.url = text_of(address),
                                            .pool = 5,
                                            .overflow = 5,
                                            .wait_ms = 30000,
                                            .recycle_ms = 1800000,
                                            .statement_timeout_ms = 30000,
                                            .lock_timeout_ms = 5000,
                                            .connect_timeout_ms = 5000}};
  return &place;
}

/* An empty database's address; NULL when there is no server on this machine. */
static inline const char *contract_database(void) {
  if (postgres_server_missing())
    return NULL;
  if (!contract_server.pid && !postgres_server_start(&contract_server))
    fail_msg("%s", contract_server.why);
  if (!postgres_server_database(&contract_server, contract_server.databases % 2, contract_address,
                                sizeof contract_address))
    fail_msg("%s", contract_server.why);
  return contract_address;
}

static inline int contract_postgres(void **state) {
  struct store *s = NULL;
  test_fault = (struct fault){0};
  const char *address = contract_database();
  if (address)
    EXPECT_OK(store_open(contract_place(address), &s, &test_fault));
  *state = s;
  return 0;
}

/* The store of the case, or the case is left out. */
static inline struct store *contract_store(void **state) {
  if (!*state) {
    print_message("# %s\n", postgres_server_missing());
    skip();
  }
  return *state;
}

static inline int contract_end(void **state) {
  postgres_server_stop(&contract_server);
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
  {#test " (memory)", test, contract_memory, contract_close, NULL},                                                    \
      {#test " (sqlite)", test, contract_sqlite, contract_close, NULL}, {                                              \
#test " (postgres)", test, contract_postgres, contract_close, NULL                                                 \
  }
#define RUN_CONTRACT(tests)                                                                                            \
  (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, contract_end))

/* Statements from outside the port, to break what it keeps. */
static inline enum err contract_exec_on(struct driver_link *l, void *sql, struct fault *f) {
  return l->driver->exec(l, sql, f);
}

static inline void contract_exec(struct store *s, const char *sql) {
  EXPECT_OK(driver_run(s, DRIVER_WRITE, false, contract_exec_on, (void *)(uintptr_t)sql, &test_fault));
}

#endif
