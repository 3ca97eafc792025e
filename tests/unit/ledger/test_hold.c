/* Holding a data_dir: not while anybody works there, and what is left in its journal goes where it belongs. */
#include "ledger/hold.h"

#include "ledger/ledger.h"
#include "ledger/lives.h"

#include "expect.h"
#include "fake_store.h"

#include <sys/wait.h>

static struct ledger *open_ledger(struct store *s) {
  struct ledger_options o = {.data_dir = test_dir, .workers = 1};
  struct ledger *l = NULL;
  uint64_t recovered;
  EXPECT_OK(ledger_open(&o, s, &l, &recovered, &test_fault));
  return l;
}

static struct hold *take(void) {
  struct hold *h = NULL;
  EXPECT_OK(hold_take(test_dir, &h, &test_fault));
  return h;
}

/* What a ledger leaves bears the number of its store. */
static void a_journal_is_carried_only_into_the_store_it_was_written_for(void **state) {
  struct fake_store *store = fake_new(), *other = fake_new();
  snprintf(other->home, sizeof other->home, "00000abc");
  struct ledger *l = open_ledger(&store->base);
  uint64_t settled = 0, recovered = 0;
  struct ledger_row row = make_row(0);
  store->fails = true;
  EXPECT_OK(ledger_reserve(l, 0, &row, &test_fault));
  ledger_close(l, 0);
  store->fails = false;
  struct hold *h = take();
  EXPECT_ERR(hold_carry(h, &other->base, &settled, &recovered, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("another store (fake 0000beef)");
  assert_int_equal(other->count, 0);
  EXPECT_OK(hold_carry(h, &store->base, &settled, &recovered, &test_fault));
  assert_int_equal(recovered, 1);
  assert_int_equal(store->count, 1);
  hold_release(h);
  fake_free(store);
  fake_free(other);
}

static void one_holds_at_a_time(void **state) {
  struct hold *h = take(), *second = NULL;
  char pid[32];
  snprintf(pid, sizeof pid, "process id %ld", (long)getpid());
  EXPECT_ERR(hold_take(test_dir, &second, &test_fault), ERR_STORE_BUSY);
  EXPECT_MENTIONS(pid);
  assert_null(second);
  hold_release(h);
  h = take();
  hold_release(h);
  hold_release(NULL);
}

static void a_serving_weir_keeps_others_out_and_is_kept_out(void **state) {
  struct fake_store *store = fake_new();
  struct ledger *l = open_ledger(&store->base);
  struct hold *h = NULL;
  EXPECT_ERR(hold_take(test_dir, &h, &test_fault), ERR_STORE_BUSY);
  ledger_close(l, 1000);
  h = take();
  struct ledger_options o = {.data_dir = test_dir, .workers = 1};
  uint64_t recovered;
  EXPECT_ERR(ledger_open(&o, &store->base, &l, &recovered, &test_fault), ERR_STORE_BUSY);
  hold_release(h);
  fake_free(store);
}

/* After an upgrade the old process has let go of the lock and still finishes its calls. */
static void a_replaced_weir_that_still_works_keeps_others_out(void **state) {
  struct journal_place p = {.sys = &journal_sys_real, .boot = 0xabc, .dir_fd = -1};
  struct hold *h = NULL;
  unsigned seat;
  int fd;
  snprintf(p.dir, sizeof p.dir, "%s", test_journal);
  EXPECT_OK(lives_join(&p, &seat, &fd, &test_fault));
  EXPECT_ERR(hold_take(test_dir, &h, &test_fault), ERR_STORE_BUSY);
  EXPECT_MENTIONS("finish their calls");
  lives_leave(&p, seat, fd);
  h = take();
  hold_release(h);
}

/* A process that ended with one call settled and one open, and a store that had taken neither. */
static void leave_a_journal(void) {
  pid_t pid = fork();
  if (pid == 0) {
    struct fake_store *store = fake_new();
    fake_set_failing(store, true);
    struct ledger *l = open_ledger(&store->base);
    struct ledger_row first = make_row(0), second = make_row(0);
    if (ledger_reserve(l, 0, &first, NULL) || ledger_reserve(l, 0, &second, NULL))
      _exit(1);
    fill_settlement(&first, 500);
    ledger_settle(l, 0, &first);
    _exit(0);
  }
  int status = 1;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
}

static size_t segments(void) {
  size_t n = 0;
  EXPECT_OK(hold_segments(test_dir, &n, &test_fault));
  return n;
}

static void what_was_left_is_carried_over_once(void **state) {
  struct fake_store *store = fake_new();
  uint64_t settled = 9, recovered = 9;
  leave_a_journal();
  struct hold *h = take();
  assert_true(segments() > 0);
  fake_set_failing(store, true);
  EXPECT_ERR(hold_carry(h, &store->base, &settled, &recovered, &test_fault), ERR_STORE_FULL);
  assert_int_equal(settled, 9);
  assert_true(segments() > 0);
  fake_set_failing(store, false);
  EXPECT_OK(hold_carry(h, &store->base, &settled, &recovered, &test_fault));
  assert_int_equal(settled, 1);
  assert_int_equal(recovered, 1);
  assert_int_equal(store->count, 2);
  assert_int_equal(segments(), 0);
  hold_release(h);
  fake_free(store);
}

static void a_journal_set_aside_is_not_replayed(void **state) {
  struct fake_store *store = fake_new();
  char aside[128];
  snprintf(aside, sizeof aside, "%s/journal.aside", test_dir);
  leave_a_journal();
  struct hold *h = take();
  EXPECT_OK(hold_set_aside(h, aside, &test_fault));
  EXPECT_OK(hold_set_aside(h, aside, &test_fault)); /* there is none any more */
  assert_int_equal(segments(), 0);
  uint64_t settled = 9, recovered = 9;
  EXPECT_OK(hold_carry(h, &store->base, &settled, &recovered, &test_fault));
  assert_int_equal(settled + recovered, 0);
  hold_release(h);
  ledger_close(open_ledger(&store->base), 1000);
  assert_int_equal(store->count, 0);
  h = take();
  EXPECT_ERR(hold_set_aside(h, aside, &test_fault), ERR_STORE_CONFLICT);
  hold_release(h);
  /* Moved back, it is what it was. */
  clean_journal();
  assert_int_equal(rmdir(test_journal), 0);
  assert_int_equal(rename(aside, test_journal), 0);
  ledger_close(open_ledger(&store->base), 1000);
  assert_int_equal(store->count, 2);
  fake_free(store);
}

static void a_folder_that_does_not_exist_is_named(void **state) {
  struct hold *h = NULL;
  char path[1200];
  EXPECT_ERR(hold_take("/nonexistent", &h, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("/nonexistent/lock");
  memset(path, 'p', sizeof path);
  path[sizeof path - 1] = '\0';
  EXPECT_ERR(hold_take(path, &h, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("longer than");
  size_t n = 7;
  EXPECT_ERR(hold_segments(path, &n, &test_fault), ERR_STORE);
  assert_int_equal(n, 7);
  EXPECT_OK(hold_segments("/nonexistent", &n, &test_fault));
  assert_int_equal(n, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_DIR(one_holds_at_a_time),
      TEST_WITH_DIR(a_journal_is_carried_only_into_the_store_it_was_written_for),
      TEST_WITH_DIR(a_serving_weir_keeps_others_out_and_is_kept_out),
      TEST_WITH_DIR(a_replaced_weir_that_still_works_keeps_others_out),
      TEST_WITH_DIR(what_was_left_is_carried_over_once),
      TEST_WITH_DIR(a_journal_set_aside_is_not_replayed),
      cmocka_unit_test(a_folder_that_does_not_exist_is_named),
  };
  return RUN_TESTS(tests);
}
