/* What the tests of the store share: a database file of their own, rows with every member set, asserts that print. */
#ifndef TESTS_UNIT_STORE_EXPECT_H
#define TESTS_UNIT_STORE_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#include <sys/stat.h>
#include <unistd.h>

#define EXPECT_TEXT(got, want)                                                                                         \
  do {                                                                                                                 \
    struct text got_ = (got), want_ = (want);                                                                          \
    if (!text_equal(got_, want_))                                                                                      \
      fail_msg("got \"%.*s\", expected \"%.*s\"", TEXT_ARGS(got_), TEXT_ARGS(want_));                                  \
  } while (0)
#define EXPECT_OK(call)                                                                                                \
  do {                                                                                                                 \
    enum err err_ = (call);                                                                                            \
    if (err_)                                                                                                          \
      fail_msg("%s: %s (%s)", #call, err_name(err_), test_fault.text);                                                 \
  } while (0)
#define EXPECT_ERR(call, want)                                                                                         \
  do {                                                                                                                 \
    enum err err_ = (call), want_err_ = (want);                                                                        \
    if (err_ != want_err_)                                                                                             \
      fail_msg("%s: %s (%s), expected %s", #call, err_name(err_), test_fault.text, err_name(want_err_));               \
  } while (0)
#define EXPECT_MENTIONS(word)                                                                                          \
  do {                                                                                                                 \
    if (!strstr(test_fault.text, (word)))                                                                              \
      fail_msg("the fault \"%s\" does not mention \"%s\"", test_fault.text, (word));                                   \
  } while (0)

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

static struct fault test_fault;
static char test_dir[64], test_db[96];

static inline int make_dir(void **state) {
  snprintf(test_dir, sizeof test_dir, "/tmp/weir-test-store-XXXXXX");
  if (!mkdtemp(test_dir))
    return -1;
  snprintf(test_db, sizeof test_db, "%s/weir.db", test_dir);
  test_fault = (struct fault){0};
  return 0;
}

static inline int drop_dir(void **state) {
  static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
  char path[128];
  for (size_t i = 0; i < 4; i++) {
    snprintf(path, sizeof path, "%s%s", test_db, endings[i]);
    unlink(path);
  }
  return rmdir(test_dir);
}
#define TEST_WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)

static inline struct store *open_store(void) {
  struct store *s = NULL;
  EXPECT_OK(store_open_sqlite(test_db, &s, &test_fault));
  return s;
}

static inline struct store *open_memory(void) {
  struct store *s = NULL;
  EXPECT_OK(store_open_memory(&s, &test_fault));
  return s;
}

static inline struct ledger_row make_row(int64_t id, int64_t key_id, int64_t cost_nano, int64_t settled_us) {
  return (struct ledger_row){
      .id = id,
      .reserved_us = settled_us - 5,
      .settled_us = settled_us,
      .request_id = TEXT("req_1"),
      .attempt = 2,
      .key_id = key_id,
      .key_name = TEXT("team"),
      .user = TEXT("someone"),
      .workspace = TEXT("lab"),
      .wire = TEXT("anthropic"),
      .operation = TEXT("messages"),
      .provider = TEXT("sim"),
      .credential = TEXT("main"),
      .model = TEXT("claude"),
      .upstream_model = TEXT("claude-1"),
      .upstream_request_id = TEXT("req_up"),
      .outcome = TEXT("ok"),
      .error = TEXT("none"),
      .provider_metadata = TEXT("{\"service_tier\":\"priority\"}"),
      .status = 200,
      .upstream_status = 201,
      .streamed = true,
      .billable = true,
      .usage = {.input = 1,
                .output = 2,
                .cache_write_5m = 3,
                .cache_write_1h = 4,
                .cache_read = 5,
                .reasoning = 6,
                .known = true,
                .estimated = true},
      .cost = {.input = 10, .output = 20, .cache_write = 30, .cache_read = 40, .total = cost_nano, .known = true},
      .price_version = 4000000000U,
      .reserved_nano = 77,
      .first_token_us = -1,
      .duration_us = 88,
      .overhead_us = 9};
}

static inline void append(struct store *s, const struct ledger_row *rows, size_t count, uint64_t position) {
  EXPECT_OK(s->ops->ledger_append(s, rows, count, TEXT("journal/0/1"), position, &test_fault));
}

#endif
