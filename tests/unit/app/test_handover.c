/* Records between an old and a new process: whole or not at all, each with its own descriptor. */
#include "app/handover.h"

#include "fiber/loop.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct handover_record record;

static int64_t soon(void) { return loop_clock_us() + 5000000; }

static void links(int ends[2]) { assert_int_equal(handover_open(ends), ERR_OK); }

static void close_both(const int ends[2]) {
  close(ends[0]);
  close(ends[1]);
}

static void expect_text(struct text got, const char *want) {
  if (!text_equal(got, text_of(want)))
    fail_msg("got \"%.*s\", expected \"%s\"", TEXT_ARGS(got), want);
}

static void records_arrive_whole_and_in_order(void **state) {
  int ends[2];
  links(ends);
  assert_int_equal(handover_receive(ends[1], &record), ERR_AGAIN);
  assert_int_equal(handover_send(ends[0], TEXT("first\nand more\n"), -1, soon()), ERR_OK);
  assert_int_equal(handover_send(ends[0], TEXT("second\n"), -1, soon()), ERR_OK);
  assert_int_equal(handover_receive(ends[1], &record), ERR_OK);
  expect_text((struct text){record.bytes, record.len}, "first\nand more\n");
  assert_int_equal(record.fd, -1);
  assert_int_equal(handover_receive(ends[1], &record), ERR_OK);
  expect_text((struct text){record.bytes, record.len}, "second\n");
  assert_int_equal(handover_receive(ends[1], &record), ERR_AGAIN);
  close(ends[0]);
  assert_int_equal(handover_receive(ends[1], &record), ERR_END);
  assert_int_equal(handover_send(ends[1], TEXT("late\n"), -1, soon()), ERR_NETWORK);
  close(ends[1]);
}

static void a_descriptor_comes_with_its_record_and_does_not_leak(void **state) {
  int ends[2], pair[2];
  struct stat sent, got;
  links(ends);
  assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
  assert_int_equal(handover_send(ends[0], TEXT("lock\n"), pair[0], soon()), ERR_OK);
  assert_int_equal(handover_receive(ends[1], &record), ERR_OK);
  assert_true(record.fd >= 0 && record.fd != pair[0]);
  assert_int_equal(fstat(pair[0], &sent), 0);
  assert_int_equal(fstat(record.fd, &got), 0);
  assert_int_equal(got.st_ino, sent.st_ino);
  assert_true((fcntl(record.fd, F_GETFD) & FD_CLOEXEC) != 0);
  close(record.fd);
  close(pair[0]);
  close(pair[1]);
  close_both(ends);
}

static void what_is_too_long_is_no_record(void **state) {
  static char large[HANDOVER_RECORD_MAX + 1];
  int ends[2];
  links(ends);
  memset(large, 'x', sizeof(large));
  assert_int_equal(handover_send(ends[0], (struct text){large, sizeof(large)}, -1, soon()), ERR_OK);
  assert_int_equal(handover_receive(ends[1], &record), ERR_PROTOCOL);
  assert_int_equal(handover_send(ends[0], (struct text){large, HANDOVER_RECORD_MAX}, -1, soon()), ERR_OK);
  assert_int_equal(handover_receive(ends[1], &record), ERR_OK);
  assert_int_equal(record.len, HANDOVER_RECORD_MAX);
  close_both(ends);
}

static void a_side_that_does_not_read_is_waited_for_and_no_longer(void **state) {
  static char large[HANDOVER_RECORD_MAX];
  int ends[2];
  enum err e = ERR_OK;
  links(ends);
  memset(large, 'x', sizeof(large));
  for (int i = 0; i < 10000 && e == ERR_OK; i++)
    e = handover_send(ends[0], (struct text){large, sizeof(large)}, -1, loop_clock_us());
  assert_int_equal(e, ERR_TIMEOUT);
  close_both(ends);
}

static void lines_are_cut_into_words(void **state) {
  struct text lines = TEXT("one 1 -2\ntwo\n\nthree a b c"), verb, arguments;
  uint64_t u = 0;
  int64_t i = 0;
  assert_true(handover_next(&lines, &verb, &arguments));
  expect_text(verb, "one");
  assert_true(handover_u64(&arguments, &u) && u == 1);
  assert_true(handover_i64(&arguments, &i) && i == -2);
  assert_false(handover_i64(&arguments, &i));
  assert_true(handover_next(&lines, &verb, &arguments));
  expect_text(verb, "two");
  expect_text(arguments, "");
  assert_true(handover_next(&lines, &verb, &arguments));
  expect_text(verb, "");
  assert_true(handover_next(&lines, &verb, &arguments));
  expect_text(verb, "three");
  expect_text(arguments, "a b c");
  assert_false(handover_u64(&arguments, &u));
  assert_false(handover_next(&lines, &verb, &arguments));
}

/* The arguments of the one line in b, after its verb. */
static struct text arguments_of(const struct buf *b, const char *verb) {
  struct text lines = buf_text(b), got, arguments;
  assert_true(handover_next(&lines, &got, &arguments));
  expect_text(got, verb);
  assert_int_equal(lines.len, 0);
  return arguments;
}

static void accounts_reports_and_shares_come_back_as_they_were(void **state) {
  struct limiter_account account = {.report = {-5, 6, 7, 8},
                                    .period_start_us = INT64_MAX,
                                    .spent_nano = 9,
                                    .spent_is_known = true,
                                    .rpm = 10,
                                    .rpm_level = -11,
                                    .rpm_at_us = 12,
                                    .tpm = 13,
                                    .tpm_level = INT64_MIN + 1,
                                    .tpm_at_us = 14},
                         read = {0};
  struct limiter_report report = {0};
  uint64_t process = 0;
  struct buf b;
  buf_init(&b, 1000);
  handover_put_account(&b, &account);
  assert_true(handover_read_account(arguments_of(&b, "account"), &read));
  assert_memory_equal(&read.report, &account.report, sizeof(report));
  assert_true(read.spent_is_known);
  assert_int_equal(read.period_start_us, account.period_start_us);
  assert_int_equal(read.spent_nano, 9);
  assert_int_equal(read.rpm + read.rpm_level + read.rpm_at_us, 11);
  assert_int_equal(read.tpm, 13);
  assert_int_equal(read.tpm_level, account.tpm_level);
  assert_int_equal(read.tpm_at_us, 14);
  buf_reset(&b);
  handover_put_report(&b, &account.report);
  assert_true(handover_read_report(arguments_of(&b, "report"), &report));
  assert_memory_equal(&report, &account.report, sizeof(report));
  buf_reset(&b);
  handover_put_share(&b, 77, &account.report);
  memset(&report, 0, sizeof(report));
  assert_true(handover_read_share(arguments_of(&b, "share"), &process, &report));
  assert_int_equal(process, 77);
  assert_memory_equal(&report, &account.report, sizeof(report));
  buf_done(&b);
}

static void breakers_come_back_as_they_were(void **state) {
  const struct breaker_news news = {.name = {TEXT("vendor"), TEXT("https://e/v1"), TEXT("caller -7")},
                                    .state_version = {3, 0},
                                    .is_open = true,
                                    .opened_ago_us = 5,
                                    .reason = TEXT("server_error"),
                                    .force_version = {INT64_MAX, 0},
                                    .force = BREAKER_FORCED_OPEN,
                                    .force_reason = TEXT("two\twords\nand more")},
                            nameless = {.name = {TEXT("a\tb"), TEXT("e"), TEXT("c")}};
  struct breaker_news read = {0};
  bool for_all = true;
  struct buf b;
  buf_init(&b, 1000);
  handover_put_breaker(&b, &nameless, false);
  assert_int_equal(b.len, 0);
  handover_put_breaker(&b, &news, false);
  assert_true(handover_read_breaker(arguments_of(&b, "breaker"), &read, &for_all));
  assert_false(for_all);
  expect_text(read.name.provider, "vendor");
  expect_text(read.name.endpoint, "https://e/v1");
  expect_text(read.name.credential, "caller -7");
  assert_int_equal(read.state_version.count, 3);
  assert_true(read.is_open);
  assert_int_equal(read.opened_ago_us, 5);
  expect_text(read.reason, "server_error");
  assert_int_equal(read.force_version.count, INT64_MAX);
  assert_int_equal(read.force, BREAKER_FORCED_OPEN);
  expect_text(read.force_reason, "two words and more");
  buf_reset(&b);
  handover_put_breaker(&b, &news, true);
  assert_true(handover_read_breaker(arguments_of(&b, "breaker"), &read, &for_all));
  assert_true(for_all);
  static const char *const bad[] = {"",
                                    "1 1 1 1 1 1",
                                    "1 1 1 1 1 1\tp\te\tc",
                                    "1 1 1 1 1\tp\te\tc\tr\tf",
                                    "1 1 1 1 1 1 1\tp\te\tc\tr\tf",
                                    "1 1 1 1 3 1\tp\te\tc\tr\tf",
                                    "1 1 1 -1 1 1\tp\te\tc\tr\tf",
                                    "1 1 1 1 1 x\tp\te\tc\tr\tf"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_false(handover_read_breaker(text_of(bad[i]), &read, &for_all));
  buf_done(&b);
}

static void what_is_cut_or_has_more_is_not_read(void **state) {
  struct limiter_account account = {.spent_nano = 42};
  struct limiter_report report = {.held_nano = 42};
  uint64_t process = 42;
  static const char *const bad[] = {"",         "1",        "1 2 3",    "1 2 3 x",  "1 2 3 4 5",
                                    "1 2 3 4 ", " 1 2 3 4", "1  2 3 4", "1 2 3 +4", "1 2 3 99999999999999999999"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    if (i != 5)
      assert_false(handover_read_report(text_of(bad[i]), &report));
    assert_false(handover_read_account(text_of(bad[i]), &account));
    if (i != 4)
      assert_false(handover_read_share(text_of(bad[i]), &process, &report));
  }
  assert_false(handover_read_account(TEXT("1 2 3 4 5 6 1 8 9 10 11 12 13 14"), &account));
  assert_false(handover_read_account(TEXT("1 2 3 4 5 6 1 8 9 10 11 12"), &account));
  assert_int_equal(account.spent_nano, 42);
  assert_int_equal(report.held_nano, 42);
  assert_int_equal(process, 42);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_arrive_whole_and_in_order),
      cmocka_unit_test(a_descriptor_comes_with_its_record_and_does_not_leak),
      cmocka_unit_test(what_is_too_long_is_no_record),
      cmocka_unit_test(a_side_that_does_not_read_is_waited_for_and_no_longer),
      cmocka_unit_test(lines_are_cut_into_words),
      cmocka_unit_test(accounts_reports_and_shares_come_back_as_they_were),
      cmocka_unit_test(breakers_come_back_as_they_were),
      cmocka_unit_test(what_is_cut_or_has_more_is_not_read),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
