/* What the tests of the ledger share: a directory of their own, rows, a store in memory that can be told to fail, and
 * asserts that print. */
#ifndef TESTS_UNIT_LEDGER_EXPECT_H
#define TESTS_UNIT_LEDGER_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/ledger.h"

#include <dirent.h>
#include <pthread.h>
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
static char test_dir[64], test_journal[96];

static inline size_t clean_journal(void) {
  char path[400];
  size_t count = 0;
  DIR *dir = opendir(test_journal);
  for (struct dirent *e; dir && (e = readdir(dir));)
    if (e->d_name[0] != '.') {
      snprintf(path, sizeof path, "%s/%s", test_journal, e->d_name);
      unlink(path);
      count++;
    }
  if (dir)
    closedir(dir);
  return count;
}

static inline int make_dir(void **state) {
  snprintf(test_dir, sizeof test_dir, "/tmp/weir-test-ledger-XXXXXX");
  if (!mkdtemp(test_dir))
    return -1;
  snprintf(test_journal, sizeof test_journal, "%s/journal", test_dir);
  test_fault = (struct fault){0};
  return mkdir(test_journal, 0700);
}

static inline int drop_dir(void **state) {
  char path[96];
  clean_journal();
  rmdir(test_journal);
  snprintf(path, sizeof path, "%s/lock", test_dir);
  unlink(path);
  return rmdir(test_dir);
}
#define TEST_WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, drop_dir)

static inline size_t count_files(const char *ending) {
  size_t count = 0;
  DIR *dir = opendir(test_journal);
  for (struct dirent *e; dir && (e = readdir(dir));)
    count += e->d_name[0] != '.' && text_ends(text_of(e->d_name), text_of(ending));
  if (dir)
    closedir(dir);
  return count;
}

static inline struct ledger_row make_row(int64_t id) {
  return (struct ledger_row){.id = id,
                             .request_id = TEXT("req_1"),
                             .attempt = 1,
                             .key_id = 7,
                             .key_name = TEXT("team"),
                             .wire = TEXT("anthropic"),
                             .model = TEXT("claude"),
                             .billable = true,
                             .reserved_nano = 1000 + id % 1000};
}

static inline void fill_settlement(struct ledger_row *row, int64_t cost_nano) {
  row->usage = (struct usage){.input = 10, .output = (uint64_t)cost_nano, .known = true};
  row->cost = (struct cost){.output = cost_nano, .total = cost_nano, .known = true};
  row->outcome = TEXT("ok");
  row->status = 200;
  row->settled_us = 1790000000000000;
}

#endif
