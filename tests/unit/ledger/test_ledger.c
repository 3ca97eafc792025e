/* The whole ledger with its threads: against a model, with a failing store, over restarts, with four workers at once.
 */
#include "ledger/ledger.h"

#include "expect.h"
#include "fake_store.h"
#include "faulty_sys.h"

#include <fcntl.h>

static struct ledger_options options(const char *dir, unsigned workers) {
  return (struct ledger_options){
      .data_dir = dir, .workers = workers, .sync_interval_ms = 1, .flush_interval_ms = 1, .segment_bytes = 64 * 1024};
}

static struct ledger *open_ledger(const struct ledger_options *o, struct fake_store *s, uint64_t want_recovered) {
  struct ledger *l = NULL;
  uint64_t recovered = 99;
  EXPECT_OK(ledger_open(o, &s->base, &l, &recovered, &test_fault));
  assert_int_equal(recovered, want_recovered);
  return l;
}

static int64_t reserve(struct ledger *l, unsigned worker) {
  struct ledger_row row = make_row(0);
  EXPECT_OK(ledger_reserve(l, worker, &row, &test_fault));
  assert_true(row.id > 0 && row.reserved_us > 0);
  return row.id;
}

static void settle(struct ledger *l, unsigned worker, int64_t id) {
  struct ledger_row row = make_row(id);
  fill_settlement(&row, id % 100000);
  ledger_settle(l, worker, &row);
}

static void settled_attempts_are_in_the_store_after_closing(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(test_dir, 2);
  struct ledger *l = open_ledger(&o, s, 0);
  static int64_t ids[500];
  for (unsigned i = 0; i < 500; i++) {
    ids[i] = reserve(l, i % 2);
    settle(l, i % 2, ids[i]);
  }
  ledger_close(l, 10000);
  assert_int_equal(s->count, 500);
  for (unsigned i = 0; i < 500; i++)
    assert_int_equal(fake_row(s, ids[i])->cost.total, ids[i] % 100000);
  assert_int_equal(count_files(""), 0);
  fake_free(s);
}

/* What the writer has told of: rows that were in the store by then. */
struct told {
  struct fake_store *store;
  unsigned count, early;
  int64_t sum;
};

static void note_stored(void *data, const struct ledger_row *rows, size_t count) {
  struct told *t = data;
  for (size_t i = 0; i < count; i++) {
    const struct ledger_row *stored = fake_row(t->store, rows[i].id);
    t->count++;
    t->early += stored == NULL;
    t->sum += rows[i].cost.total;
  }
}

static void whoever_asks_is_told_of_each_row_once_it_is_stored(void **state) {
  struct fake_store *s = fake_new();
  struct told t = {.store = s};
  struct ledger_options o = options(test_dir, 1);
  o.on_stored = note_stored;
  o.on_stored_data = &t;
  struct ledger *l = open_ledger(&o, s, 0);
  int64_t sum = 0;
  for (unsigned i = 0; i < 300; i++) {
    int64_t id = reserve(l, 0);
    sum += id % 100000;
    settle(l, 0, id);
  }
  ledger_close(l, 10000);
  assert_int_equal(t.count, 300);
  assert_int_equal(t.early, 0);
  assert_int_equal(t.sum, sum);
  fake_free(s);
}

static void what_was_open_at_closing_is_recovered_at_opening(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(test_dir, 1);
  struct ledger *l = open_ledger(&o, s, 0);
  int64_t open_id = reserve(l, 0), noted_id = reserve(l, 0), settled_id = reserve(l, 0);
  struct ledger_row note = make_row(noted_id);
  fill_settlement(&note, 42);
  note.provider_metadata = TEXT("{\"service_tier\":\"flex\"}");
  ledger_note(l, 0, &note);
  settle(l, 0, settled_id);
  ledger_close(l, 10000);
  assert_int_equal(s->count, 1);
  l = open_ledger(&o, s, 2);
  assert_int_equal(ledger_stats(l).recovered, 2);
  assert_int_equal(s->count, 3);
  EXPECT_TEXT(fake_row(s, open_id)->outcome, TEXT("recovered"));
  assert_int_equal(fake_row(s, noted_id)->cost.total, 42);
  EXPECT_TEXT(fake_row(s, noted_id)->provider_metadata, note.provider_metadata);
  EXPECT_TEXT(fake_row(s, open_id)->provider_metadata, TEXT(""));
  ledger_close(l, 10000);
  l = open_ledger(&o, s, 0);
  ledger_close(l, 10000);
  assert_int_equal(s->count, 3);
  fake_free(s);
}

static void ids_stay_above_those_of_the_store(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_row far = make_row(INT64_MAX / 2);
  fake_add(s, &far, true);
  struct ledger_options o = options(NULL, 2);
  struct ledger *l = open_ledger(&o, s, 0);
  int64_t a = reserve(l, 0), b = reserve(l, 1);
  assert_true(a > far.id && b > far.id && a != b);
  settle(l, 0, a);
  settle(l, 1, b);
  ledger_close(l, 10000);
  fake_free(s);
}

static void a_second_process_is_refused_with_a_reason(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(test_dir, 1);
  struct ledger *l = open_ledger(&o, s, 0), *other = NULL;
  uint64_t recovered;
  char pid[32];
  EXPECT_ERR(ledger_open(&o, &s->base, &other, &recovered, &test_fault), ERR_STORE_BUSY);
  snprintf(pid, sizeof pid, "process id %ld", (long)getpid());
  EXPECT_MENTIONS(pid);
  EXPECT_MENTIONS(test_dir);
  ledger_close(l, 10000);
  l = open_ledger(&o, s, 0);
  ledger_close(l, 10000);
  fake_free(s);
}

static void expect_holder(long pid) {
  char path[96], text[32] = "", want[32];
  snprintf(path, sizeof path, "%s/lock", test_dir);
  int fd = open(path, O_RDONLY);
  assert_true(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
  close(fd);
  snprintf(want, sizeof want, "%ld\n", pid);
  assert_string_equal(text, want);
}

static void write_holder(const char *text) {
  char path[96];
  snprintf(path, sizeof path, "%s/lock", test_dir);
  int fd = open(path, O_WRONLY | O_TRUNC);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  close(fd);
}

/* The old process and its successor are two ledgers here: what tells them apart is the boot, not the process. */
static void a_successor_works_beside_the_old_one_and_adopts_what_that_leaves(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(test_dir, 2);
  struct ledger *old = open_ledger(&o, s, 0), *other = NULL;
  int64_t old_open = reserve(old, 0), old_settled = reserve(old, 1), old_left = reserve(old, 1);
  write_holder("12345\n");
  o.held_lock = fcntl(ledger_lock(old), F_DUPFD_CLOEXEC, 3);
  struct ledger *fresh = open_ledger(&o, s, 0);
  expect_holder(12345);
  ledger_hold(fresh);
  expect_holder((long)getpid());
  ledger_let_go(old);
  assert_int_equal(ledger_lock(old), -1);
  int64_t fresh_id = reserve(fresh, 0);
  assert_true(fresh_id != old_open && fresh_id != old_settled && fresh_id != old_left);
  settle(fresh, 0, fresh_id);
  settle(old, 1, old_settled);
  uint64_t recovered = 99;
  EXPECT_OK(ledger_adopt(fresh, &recovered, &test_fault));
  assert_int_equal(recovered, 0);
  settle(old, 0, old_open);
  assert_true(ledger_boot(old) != ledger_boot(fresh) && ledger_is_living(fresh, ledger_boot(old)));
  assert_false(ledger_is_living(fresh, ledger_boot(old) + 1));
  uint64_t boot_of_old = ledger_boot(old);
  o.held_lock = 0;
  EXPECT_ERR(ledger_open(&o, &s->base, &other, &recovered, &test_fault), ERR_STORE_BUSY);
  ledger_close(old, 10000); /* with old_left open */
  assert_false(ledger_is_living(fresh, boot_of_old));
  assert_int_equal(ledger_stats(fresh).recovered, 0);
  EXPECT_OK(ledger_adopt(fresh, &recovered, &test_fault));
  assert_int_equal(recovered, 1);
  assert_int_equal(ledger_stats(fresh).recovered, 1);
  EXPECT_TEXT(fake_row(s, old_left)->outcome, TEXT("recovered"));
  EXPECT_OK(ledger_adopt(fresh, &recovered, &test_fault));
  assert_int_equal(recovered, 0);
  ledger_close(fresh, 10000);
  assert_int_equal(s->count, 4);
  assert_int_equal(count_files(""), 0);
  fake_free(s);
}

static void a_lock_of_another_directory_is_refused(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(test_dir, 1);
  struct ledger *l = NULL;
  uint64_t recovered;
  char path[96];
  snprintf(path, sizeof path, "%s/other", test_dir);
  o.held_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  EXPECT_ERR(ledger_open(&o, &s->base, &l, &recovered, &test_fault), ERR_CONFIG);
  EXPECT_MENTIONS("needs a restart");
  assert_int_equal(fcntl(o.held_lock, F_GETFD), -1);
  unlink(path);
  fake_free(s);
}

static void memory_has_nothing_to_adopt_or_to_hand_over(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(NULL, 1);
  struct ledger *l = open_ledger(&o, s, 0);
  uint64_t recovered = 99;
  EXPECT_OK(ledger_adopt(l, &recovered, &test_fault));
  assert_int_equal(recovered, 0);
  assert_int_equal(ledger_lock(l), -1);
  assert_false(ledger_is_living(l, ledger_boot(l)));
  ledger_hold(l);
  ledger_let_go(l);
  ledger_close(l, 10000);
  fake_free(s);
}

static void wrong_options_and_directories_are_refused(void **state) {
  struct fake_store *s = fake_new();
  struct ledger *l = NULL;
  uint64_t recovered;
  struct ledger_options o = options(NULL, 0);
  EXPECT_ERR(ledger_open(&o, &s->base, &l, &recovered, &test_fault), ERR_CONFIG);
  o = options(NULL, 65);
  EXPECT_ERR(ledger_open(&o, &s->base, &l, &recovered, &test_fault), ERR_CONFIG);
  o = options("/nonexistent/deep", 1);
  EXPECT_ERR(ledger_open(&o, &s->base, &l, &recovered, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("/nonexistent/deep");
  o = options("/dev/null", 1);
  EXPECT_ERR(ledger_open(&o, &s->base, &l, &recovered, &test_fault), ERR_STORE);
  assert_null(l);
  fake_free(s);
}

static void a_failing_store_loses_nothing_and_is_told(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(test_dir, 1);
  struct ledger *l = open_ledger(&o, s, 0);
  struct ledger_stats stats;
  fake_set_failing(s, true);
  for (int i = 0; i < 100; i++)
    settle(l, 0, reserve(l, 0));
  do
    stats = ledger_stats(l);
  while (!stats.store_failing);
  assert_string_equal(stats.store_fault, "the fake is full");
  assert_int_equal(stats.pending, 100);
  assert_int_equal(stats.open, 0);
  fake_set_failing(s, false);
  do
    stats = ledger_stats(l);
  while (stats.pending || stats.store_failing);
  assert_string_equal(stats.store_fault, "");
  assert_int_equal(stats.stored, 100);
  ledger_close(l, 10000);
  assert_int_equal(s->count, 100);
  fake_free(s);
}

static void a_journal_that_cannot_be_made_durable_refuses_calls_until_it_can(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(test_dir, 1);
  struct ledger_row refused = make_row(0);
  struct ledger_stats stats;
  o.sys = &faulty_sys;
  struct ledger *l = open_ledger(&o, s, 0);
  int64_t open = reserve(l, 0);
  atomic_store(&sys_syncs_fail, true);
  settle(l, 0, reserve(l, 0));
  do /* a spare file that cannot be made ready may be told of first */
    stats = ledger_stats(l);
  while (strcmp(stats.store_fault, "the journal cannot be made durable: the disk refuses") != 0);
  EXPECT_ERR(ledger_reserve(l, 0, &refused, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("durable");
  EXPECT_ERR(ledger_check(l, &test_fault), ERR_STORE);
  assert_string_equal(fault_brief(&test_fault), "the disk refuses");
  settle(l, 0, open); /* what had begun may end */
  atomic_store(&sys_syncs_fail, false);
  do /* nothing wakes the keeper now */
    stats = ledger_stats(l);
  while (stats.journal_failing || stats.pending);
  EXPECT_OK(ledger_check(l, &test_fault));
  settle(l, 0, reserve(l, 0));
  ledger_close(l, 10000);
  assert_int_equal(s->count, 3);
  fake_free(s);
}

static void closing_with_a_failing_store_keeps_the_journal(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(test_dir, 1);
  struct ledger *l = open_ledger(&o, s, 0);
  fake_set_failing(s, true);
  for (int i = 0; i < 100; i++)
    settle(l, 0, reserve(l, 0));
  ledger_close(l, 20);
  assert_int_equal(s->count, 0);
  fake_set_failing(s, false);
  l = open_ledger(&o, s, 0);
  assert_int_equal(s->count, 100);
  ledger_close(l, 10000);
  fake_free(s);
}

static void a_full_journal_refuses_until_the_store_takes_rows_again(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(test_dir, 1);
  o.max_segments = 3;
  struct ledger *l = open_ledger(&o, s, 0);
  struct ledger_row row = make_row(0);
  uint64_t count = 0;
  fake_set_failing(s, true);
  do { /* one that the keeper is making just then may be the last */
    while (ledger_reserve(l, 0, &row, &test_fault) == ERR_OK) {
      settle(l, 0, row.id);
      count++;
    }
    assert_int_equal(test_fault.err, ERR_STORE_FULL);
  } while (ledger_check(l, &test_fault) == ERR_OK);
  assert_string_equal(fault_brief(&test_fault), "no room");
  fake_set_failing(s, false);
  while (ledger_check(l, &test_fault) != ERR_OK)
    ; /* though nobody asks for a reservation */
  while (ledger_reserve(l, 0, &row, &test_fault) != ERR_OK)
    ;
  settle(l, 0, row.id);
  ledger_close(l, 10000);
  assert_int_equal(s->count, count + 1);
  fake_free(s);
}

/* They share a disk: would the journal take what room there is, the store would never get any. */
static void while_the_store_has_no_room_the_journal_takes_none(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(test_dir, 1);
  struct ledger *l = open_ledger(&o, s, 0);
  struct ledger_row row = make_row(0);
  uint64_t count = 1;
  fake_set_failing(s, true);
  settle(l, 0, reserve(l, 0));
  while (!ledger_stats(l).store_failing)
    ;
  while (ledger_reserve(l, 0, &row, &test_fault) == ERR_OK) {
    settle(l, 0, row.id);
    count++;
  }
  assert_int_equal(test_fault.err, ERR_STORE_FULL);
  EXPECT_MENTIONS("goes to the store first");
  pthread_mutex_lock(&s->lock);
  s->takes = 1; /* a little room, for the first row alone */
  pthread_mutex_unlock(&s->lock);
  while (ledger_stats(l).stored == 0 || !ledger_stats(l).store_failing)
    if (ledger_reserve(l, 0, &row, &test_fault) == ERR_OK) {
      settle(l, 0, row.id);
      count++;
    }
  size_t files = count_files(".journal");
  if (files > 8) /* of the 128 that it may have */
    fail_msg("%zu segments", files);
  fake_set_failing(s, false);
  while (ledger_reserve(l, 0, &row, &test_fault) != ERR_OK)
    ;
  settle(l, 0, row.id);
  ledger_close(l, 10000);
  assert_int_equal(s->count, count + 1);
  fake_free(s);
}

static void a_long_call_does_not_hold_the_segments_after_it(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(test_dir, 1);
  o.max_segments = 6;
  struct ledger *l = open_ledger(&o, s, 0);
  int64_t long_id = reserve(l, 0);
  struct ledger_row row = make_row(0);
  for (int i = 0; i < 5000; i++) { /* many times what six segments hold */
    while (ledger_reserve(l, 0, &row, &test_fault) != ERR_OK)
      ;
    settle(l, 0, row.id);
  }
  settle(l, 0, long_id);
  ledger_close(l, 10000);
  assert_int_equal(s->count, 5001);
  fake_free(s);
}

/* Random calls, notes, restarts and refused batches, on two workers; the store must agree with a simple list. */
#define MODEL_MAX 4000
static struct {
  int64_t id, noted;
  unsigned worker;
  bool settled;
} model[MODEL_MAX];

static void expect_model(struct fake_store *s, size_t count) {
  assert_int_equal(s->count, count);
  for (size_t i = 0; i < count; i++) {
    const struct ledger_row *r = fake_row(s, model[i].id);
    EXPECT_TEXT(r->outcome, model[i].settled ? TEXT("ok") : TEXT("recovered"));
    assert_int_equal(r->cost.total, model[i].settled ? model[i].id % 100000 : model[i].noted);
  }
}

static void it_agrees_with_a_simple_model_over_restarts(void **state) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(test_dir, 2);
  struct ledger *l = open_ledger(&o, s, 0);
  size_t count = 0, first_open = 0, open = 0;
  uint64_t random = 7;
  memset(model, 0, sizeof model);
  while (count < MODEL_MAX) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    unsigned dice = (unsigned)(random >> 40) % 1000;
    size_t at = first_open + (size_t)(random >> 20) % (count - first_open + 1);
    if (dice < 400) {
      model[count].worker = dice % 2;
      model[count].id = reserve(l, model[count].worker);
      count++;
      open++;
    } else if (dice < 996 && at < count && !model[at].settled) {
      if (dice % 5 == 0) {
        struct ledger_row note = make_row(model[at].id);
        model[at].noted += 3;
        fill_settlement(&note, model[at].noted);
        ledger_note(l, model[at].worker, &note);
      } else {
        settle(l, model[at].worker, model[at].id);
        model[at].settled = true;
        open--;
      }
    } else if (dice >= 998) {
      ledger_close(l, 10000);
      l = open_ledger(&o, s, open);
      expect_model(s, count);
      first_open = count;
      open = 0;
    } else if (dice == 997) {
      pthread_mutex_lock(&s->lock);
      s->fail_at = s->calls + 1;
      pthread_mutex_unlock(&s->lock);
    }
  }
  ledger_close(l, 10000);
  l = open_ledger(&o, s, open);
  ledger_close(l, 10000);
  expect_model(s, count);
  fake_free(s);
}

#define HAMMER_WORKERS 4
#define HAMMER_CALLS   3000
struct hammer {
  struct ledger *ledger;
  unsigned worker;
};

static void *hammer_run(void *arg) {
  struct hammer *h = arg;
  struct ledger_row window[5];
  struct fault f;
  size_t open = 0;
  for (unsigned i = 0; i < HAMMER_CALLS; i++) {
    window[open] = make_row(0);
    if (ledger_reserve(h->ledger, h->worker, &window[open], &f))
      abort();
    if (i % 4 == 0)
      ledger_note(h->ledger, h->worker, &window[open]);
    if (++open == 5 || i == HAMMER_CALLS - 1)
      while (open > 0) {
        fill_settlement(&window[--open], 1);
        ledger_settle(h->ledger, h->worker, &window[open]);
      }
  }
  return NULL;
}

static void hammer_on(const char *dir) {
  struct fake_store *s = fake_new();
  struct ledger_options o = options(dir, HAMMER_WORKERS);
  struct ledger *l = open_ledger(&o, s, 0);
  struct hammer hammers[HAMMER_WORKERS];
  pthread_t threads[HAMMER_WORKERS];
  for (unsigned i = 0; i < HAMMER_WORKERS; i++) {
    hammers[i] = (struct hammer){l, i};
    assert_int_equal(pthread_create(&threads[i], NULL, hammer_run, &hammers[i]), 0);
  }
  struct ledger_stats stats;
  do {
    stats = ledger_stats(l);
    assert_true(stats.reserved >= stats.settled && stats.settled >= stats.stored);
  } while (stats.settled < HAMMER_WORKERS * HAMMER_CALLS);
  for (unsigned i = 0; i < HAMMER_WORKERS; i++)
    pthread_join(threads[i], NULL);
  ledger_close(l, 30000);
  assert_int_equal(s->count, HAMMER_WORKERS * HAMMER_CALLS);
  fake_free(s);
}

static void four_workers_at_once_lose_nothing(void **state) {
  hammer_on(test_dir);
  assert_int_equal(count_files(""), 0);
}

static void memory_only_works_the_same_way(void **state) { hammer_on(NULL); }

static void an_idle_ledger_wakes_for_the_next_call(void **state) {
  pthread_cond_t never = PTHREAD_COND_INITIALIZER;
  struct fake_store *s = fake_new();
  struct ledger_options o = options(NULL, 1);
  struct ledger *l = open_ledger(&o, s, 0);
  for (uint64_t i = 1; i <= 5; i++) {
    settle(l, 0, reserve(l, 0));
    while (ledger_stats(l).stored < i)
      ;
    /* The threads fall asleep after a number of empty rounds; the next call must be seen whenever it comes. */
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)i * 10000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&s->lock);
    while (pthread_cond_timedwait(&never, &s->lock, &until) == 0)
      ;
    pthread_mutex_unlock(&s->lock);
  }
  ledger_close(l, 10000);
  assert_int_equal(s->count, 5);
  fake_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST_WITH_DIR(settled_attempts_are_in_the_store_after_closing),
      TEST_WITH_DIR(whoever_asks_is_told_of_each_row_once_it_is_stored),
      TEST_WITH_DIR(what_was_open_at_closing_is_recovered_at_opening),
      cmocka_unit_test(ids_stay_above_those_of_the_store),
      TEST_WITH_DIR(a_second_process_is_refused_with_a_reason),
      TEST_WITH_DIR(a_successor_works_beside_the_old_one_and_adopts_what_that_leaves),
      TEST_WITH_DIR(a_lock_of_another_directory_is_refused),
      cmocka_unit_test(memory_has_nothing_to_adopt_or_to_hand_over),
      cmocka_unit_test(wrong_options_and_directories_are_refused),
      TEST_WITH_DIR(a_failing_store_loses_nothing_and_is_told),
      TEST_WITH_DIR(a_journal_that_cannot_be_made_durable_refuses_calls_until_it_can),
      TEST_WITH_DIR(closing_with_a_failing_store_keeps_the_journal),
      TEST_WITH_DIR(while_the_store_has_no_room_the_journal_takes_none),
      TEST_WITH_DIR(a_full_journal_refuses_until_the_store_takes_rows_again),
      TEST_WITH_DIR(a_long_call_does_not_hold_the_segments_after_it),
      TEST_WITH_DIR(it_agrees_with_a_simple_model_over_restarts),
      TEST_WITH_DIR(four_workers_at_once_lose_nothing),
      cmocka_unit_test(memory_only_works_the_same_way),
      cmocka_unit_test(an_idle_ledger_wakes_for_the_next_call),
  };
  return RUN_TESTS(tests);
}
