/* Rows that leave for files: balances, spending and roll-ups stay what they are, whenever the process dies, and also
 * when rows of the time that is archived come late. */
#include "store/store_usage.h"

#include "base/calendar.h"
#include "contract.h"
#include "store/archive_file.h"

#include <dirent.h>
#include <sys/time.h>
#include <sys/wait.h>

#define ROWS  300
#define SLOT  TALLY_SLOT_US
#define START (1700000000000000LL / SLOT * SLOT)

static struct ledger_row rows[ROWS];
static char folder[64];

static void begin_with(struct store *s) {
  snprintf(folder, sizeof folder, "/tmp/weir-test-archive-XXXXXX");
  assert_non_null(mkdtemp(folder));
  calendar_set_zone(TEXT("UTC"));
  for (int i = 0; i < ROWS; i++) {
    rows[i] = make_row(i + 1, 1 + i % 3, i, START + i * (SLOT / 30));
    rows[i].billable = i % 4 != 0;
  }
  append(s, rows, ROWS, 1);
}

static void end_with(void) {
  DIR *d = opendir(folder);
  for (struct dirent *entry; d && (entry = readdir(d));)
    unlinkat(dirfd(d), entry->d_name, 0);
  if (d)
    closedir(d);
  rmdir(folder);
}

static void roll_up(struct store *s) {
  const struct usage_roll_up_ask ask = {.zone = TEXT("UTC"), .minutes_since_us = INT64_MAX, .max = 1000};
  size_t minutes = 1;
  while (minutes)
    EXPECT_OK(s->ops->usage->roll_up(s, &ask, &minutes, &test_fault));
}

static size_t archive(struct store *s, int64_t before_us, size_t max) {
  const struct usage_archive_ask ask = {.folder = folder, .before_us = before_us, .max = max};
  size_t gone = 0;
  EXPECT_OK(s->ops->usage->archive(s, &ask, &gone, &test_fault));
  return gone;
}

/* Every row is counted once by everything that counts. */
static void expect_whole(struct store *s, uint64_t all, uint64_t archived) {
  struct ledger_totals t;
  struct usage_archive *list = NULL;
  struct usage_sum *sums = NULL;
  struct arena a;
  size_t count = 0;
  uint64_t in_files = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->ledger_verify(s, &a, &t, &test_fault));
  if (t.mismatched_keys)
    fail_msg("%.*s", TEXT_ARGS(t.first_mismatch));
  assert_int_equal(t.rows, all);
  assert_int_equal(t.archived, archived);
  EXPECT_OK(s->ops->usage->archives(s, &a, &list, &count, &test_fault));
  for (size_t i = 0; i < count; i++) {
    EXPECT_OK(archive_file_check(folder, list[i].name, list[i].digest, list[i].entries, &test_fault));
    in_files += list[i].entries;
  }
  assert_int_equal(in_files, archived);
  roll_up(s);
  for (enum usage_every every = USAGE_EVERY_ALL; every <= USAGE_EVERY_MONTH; every++) {
    const struct usage_ask ask = {.every = every, .by = USAGE_BY_KEY};
    int64_t attempts = 0, cost = 0;
    if (every == USAGE_EVERY_MINUTE)
      continue;
    EXPECT_OK(s->ops->usage->sums(s, &ask, &a, &sums, &count, &test_fault));
    for (size_t i = 0; i < count; i++) {
      attempts += sums[i].attempts;
      cost += sums[i].cost_nano;
    }
    assert_int_equal(attempts, all);
    assert_int_equal(cost, t.cost_nano);
  }
  arena_done(&a);
}

static int64_t spent(struct store *s, int64_t since_us) {
  int64_t nano = -1;
  EXPECT_OK(s->ops->ledger_spent(s, 1, since_us, &nano, &test_fault));
  return nano;
}

static void sums_stay_when_rows_leave(void **state) {
  struct store *s = contract_store(state);
  begin_with(s);
  int64_t all = spent(s, 0), late = spent(s, START + 5 * SLOT);
  roll_up(s);
  expect_whole(s, ROWS, 0);
  uint64_t gone = 0;
  for (size_t n; (n = archive(s, rows[200].settled_us, 37)) > 0; gone += n)
    expect_whole(s, ROWS, gone + n);
  assert_int_equal(gone, 200);
  assert_int_equal(spent(s, 0), all);
  assert_int_equal(spent(s, START + 5 * SLOT), late);
  assert_int_equal(archive(s, INT64_MAX, 1000), ROWS - 200);
  expect_whole(s, ROWS, ROWS);
  assert_int_equal(spent(s, 0), all);
  end_with();
}

static void rows_may_leave_before_they_were_added_up_and_come_after_others_left(void **state) {
  struct store *s = contract_store(state);
  begin_with(s);
  assert_int_equal(archive(s, rows[100].settled_us, 100), 100); /* nothing was added up yet */
  expect_whole(s, ROWS, 100);
  struct ledger_row late = make_row(ROWS + 1, 2, 77, rows[50].settled_us + 1);
  append(s, &late, 1, 2);
  expect_whole(s, ROWS + 1, 100);
  assert_int_equal(archive(s, rows[60].settled_us, 100), 1);
  expect_whole(s, ROWS + 1, 101);
  contract_exec(s, "DELETE FROM weir_usage WHERE level < 3");
  contract_exec(s, "INSERT INTO weir_usage_dirty SELECT DISTINCT settled_us / 60000000, 1 FROM weir_ledger");
  contract_exec(s, "DELETE FROM weir_usage_zone"); /* days anew, from what is archived as well */
  expect_whole(s, ROWS + 1, 101);
  end_with();
}

static void a_file_whose_rows_did_not_leave_is_replaced(void **state) {
  struct store *s = contract_store(state);
  const struct usage_archive_ask ask = {.folder = folder, .before_us = INT64_MAX, .max = 50};
  bool lite = strcmp(s->ops->name, "postgres") != 0;
  size_t gone = 7;
  begin_with(s);
  contract_exec(s, lite ? "CREATE TRIGGER stop BEFORE INSERT ON weir_archives BEGIN SELECT RAISE(ABORT, 'stop'); END"
                        : "ALTER TABLE weir_archives ADD CONSTRAINT stop CHECK (entries < 0)");
  assert_int_not_equal(s->ops->usage->archive(s, &ask, &gone, &test_fault), ERR_OK);
  assert_int_equal(gone, 7);
  expect_whole(s, ROWS, 0);
  contract_exec(s, lite ? "DROP TRIGGER stop" : "ALTER TABLE weir_archives DROP CONSTRAINT stop");
  struct ledger_row older = make_row(ROWS + 1, 1, 3, START - 1); /* so that the next file has another name */
  append(s, &older, 1, 2);
  assert_int_equal(archive(s, INT64_MAX, 50), 50);
  expect_whole(s, ROWS + 1, 50);
  DIR *d = opendir(folder);
  size_t files = 0;
  for (struct dirent *entry; (entry = readdir(d));)
    files += entry->d_name[0] != '.';
  closedir(d);
  assert_int_equal(files, 1);
  end_with();
}

/* A process that archives in small pieces, and is killed by an alarm wherever it is then. */
static void archive_and_die(const struct store_place *place, unsigned after_us) {
  pid_t pid = fork();
  if (pid == 0) {
    struct store *s = NULL;
    struct fault f = {0};
    const struct usage_archive_ask ask = {.folder = folder, .before_us = INT64_MAX, .max = 7};
    size_t gone = 1;
    const struct itimerval death = {.it_value = {0, (suseconds_t)after_us}};
    if (store_open(place, &s, &f) != ERR_OK || setitimer(ITIMER_REAL, &death, NULL) != 0)
      _exit(1);
    while (gone > 0 && s->ops->usage->archive(s, &ask, &gone, &f) == ERR_OK)
      continue;
    _exit(0);
  }
  assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Whatever the moment is that each of them dies at. */
static void no_row_is_lost_or_counted_twice_when_the_process_is_killed(void **state) {
  struct store *s = contract_store(state);
  struct store_place place = {.kind = STORE_SQLITE, .path = test_db};
  if (strcmp(s->ops->name, "postgres") == 0)
    place = *contract_place(contract_address);
  begin_with(s);
  for (unsigned round = 0; round < 8; round++) {
    struct ledger_totals t;
    struct arena a;
    archive_and_die(&place, 500 + round * round * 700);
    arena_init(&a);
    EXPECT_OK(s->ops->ledger_verify(s, &a, &t, &test_fault));
    arena_done(&a);
    expect_whole(s, ROWS, t.archived);
  }
  while (archive(s, INT64_MAX, 100))
    continue;
  expect_whole(s, ROWS, ROWS);
  end_with();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(sums_stay_when_rows_leave),
      CONTRACT(rows_may_leave_before_they_were_added_up_and_come_after_others_left),
      CONTRACT(a_file_whose_rows_did_not_leave_is_replaced),
      /* one in memory dies with its process */
      {"no_row_is_lost_or_counted_twice_when_the_process_is_killed (sqlite)",
       no_row_is_lost_or_counted_twice_when_the_process_is_killed, contract_sqlite, contract_close, NULL},
      {"no_row_is_lost_or_counted_twice_when_the_process_is_killed (postgres)",
       no_row_is_lost_or_counted_twice_when_the_process_is_killed, contract_postgres, contract_close, NULL},
  };
  return RUN_CONTRACT(tests);
}
