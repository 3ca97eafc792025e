/* Stretches of a subject's rows: whatever has been added up, by whom, and what has come late or left for the archive
 * meanwhile, pages of the request log hold exactly the rows that fit; and what lies between is not read. */
#include "store/log_stretches.h"

#include "base/calendar.h"
#include "contract.h"
#include "store/store_usage.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>

#define ROWS    2400
#define BATCH   100
#define MINUTE  TALLY_MINUTE_US
#define QUARTER TALLY_SLOT_US
#define START   (1700000000000000LL / QUARTER * QUARTER)

static const char *const users[] = {"ann", "ben", "", "dan", "zoé"}, *const spaces[] = {"lab", "", "shop"},
                         *const models[] = {"claude", "gpt", "rare"}, *const providers[] = {"sim", "other"},
                         *const outcomes[] = {"ok", "ok", "ok", "error", "cut"};
static struct ledger_row rows[ROWS];
static size_t added;
static bool gone[ROWS]; /* to the archive */
static uint64_t seed;
static char folder[64];

static uint64_t below(uint64_t n) {
  seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
  return (seed >> 33) % n;
}

/* Of two hours: some anywhere, some on the edges of minutes, many in one minute and many of these at one moment. */
static int64_t some_moment(void) {
  switch (below(4)) {
  case 0: return START + (int64_t)below(8) * QUARTER + (int64_t)below(QUARTER);
  case 1: return START + (int64_t)below(120) * MINUTE - (int64_t)below(2);
  case 2: return START + 50 * MINUTE + (int64_t)below(3);
  default: return START + 50 * MINUTE + (int64_t)below(MINUTE);
  }
}

static void begin_with(uint64_t from_seed) {
  seed = from_seed;
  added = 0;
  memset(gone, 0, sizeof gone);
  calendar_set_zone(TEXT("UTC"));
  snprintf(folder, sizeof folder, "/tmp/weir-test-stretches-XXXXXX");
  assert_non_null(mkdtemp(folder));
  for (int i = 0; i < ROWS; i++) {
    rows[i] = make_row(i + 1, below(10) ? 1 + (int64_t)below(6) : 7 + (int64_t)below(60), 1, some_moment());
    rows[i].user = text_of(users[below(5)]);
    rows[i].workspace = text_of(spaces[below(3)]);
    rows[i].model = text_of(models[below(20) ? below(2) : 2]);
    rows[i].provider = text_of(providers[below(2)]);
    rows[i].outcome = text_of(outcomes[below(5)]);
  }
}

static void end_with(void) {
  DIR *d = opendir(folder);
  for (struct dirent *entry; d && (entry = readdir(d));)
    unlinkat(dirfd(d), entry->d_name, 0);
  if (d)
    closedir(d);
  rmdir(folder);
}

static bool is(struct text have, struct text want) { return !want.len || text_equal(have, want); }

static bool fits(const struct ledger_row *r, const struct usage_log_ask *q) {
  bool failed = !text_equal(r->outcome, TEXT("ok"));
  return (!q->since_us || r->settled_us >= q->since_us) && (!q->until_us || r->settled_us < q->until_us) &&
         (!q->key_id || r->key_id == q->key_id) && is(r->user, q->user) && is(r->workspace, q->workspace) &&
         is(r->provider, q->provider) && is(r->model, q->model) &&
         (is(r->outcome, q->outcome) || (failed && text_equal(q->outcome, TEXT(USAGE_LOG_FAILED))));
}

static bool is_newer(const struct ledger_row *a, const struct ledger_row *b) {
  return a->settled_us != b->settled_us ? a->settled_us > b->settled_us : a->id > b->id;
}

static int newest_first(const void *a, const void *b) {
  const struct ledger_row *x = *(const struct ledger_row *const *)a, *y = *(const struct ledger_row *const *)b;
  return is_newer(x, y) ? -1 : is_newer(y, x);
}

/* What walking through everything that was added gives. */
static size_t walk_all(const struct usage_log_ask *q, const struct ledger_row *out[ROWS]) {
  size_t n = 0;
  for (size_t i = 0; i < added; i++)
    if (!gone[i] && fits(&rows[i], q))
      out[n++] = &rows[i];
  qsort(out, n, sizeof *out, newest_first);
  return n;
}

static void expect_pages(struct store *s, struct usage_log_ask q) {
  static const struct ledger_row *want[ROWS];
  size_t all = walk_all(&q, want), seen = 0, count = 0;
  do {
    struct ledger_row *page = NULL;
    struct arena a;
    arena_init(&a);
    EXPECT_OK(s->ops->usage->log(s, &q, &a, &page, &count, &test_fault));
    for (size_t i = 0; i < count; i++, seen++) {
      if (seen >= all || page[i].id != want[seen]->id)
        fail_msg("row %zu is %lld, expected %lld", seen, (long long)page[i].id,
                 seen < all ? (long long)want[seen]->id : -1LL);
      q.below_us = page[i].settled_us;
      q.below_id = page[i].id;
    }
    arena_done(&a);
  } while (count == q.max);
  assert_int_equal(seen, all);
}

static void expect_some_pages(struct store *s, int times) {
  for (int i = 0; i < times; i++)
    expect_pages(s, (struct usage_log_ask){.since_us = below(3) ? 0 : some_moment(),
                                           .until_us = below(3) ? 0 : some_moment(),
                                           .key_id = below(2) ? 0 : 1 + (int64_t)below(70),
                                           .user = text_of(below(3) ? "" : users[below(5)]),
                                           .workspace = text_of(below(3) ? "" : spaces[below(3)]),
                                           .model = text_of(below(3) ? "" : models[below(3)]),
                                           .provider = text_of(below(4) ? "" : providers[below(2)]),
                                           .outcome = text_of(below(3)   ? ""
                                                              : below(2) ? USAGE_LOG_FAILED
                                                                         : "cut"),
                                           .max = 1 + below(120)});
}

static void roll_up(struct store *s, size_t max, bool all) {
  const struct usage_roll_up_ask ask = {
      .zone = TEXT("UTC"), .minutes_since_us = START + (int64_t)below(120) * MINUTE, .max = max};
  size_t minutes = 1;
  do
    EXPECT_OK(s->ops->usage->roll_up(s, &ask, &minutes, &test_fault));
  while (all && minutes);
}

/* As an older program leaves what it adds up: it knows neither stretches nor the parts of days. */
static void add_up_as_an_older_program(struct store *s) {
  char sql[600];
  int64_t at_us = START + (int64_t)below(8) * QUARTER;
  snprintf(sql, sizeof sql,
           "DELETE FROM weir_ledger_stretches WHERE first_us >= %lld AND first_us < %lld;"
           "UPDATE weir_usage SET complete = 0 WHERE level = 1 AND start_us = %lld;"
           "UPDATE weir_usage SET complete = 0 WHERE level = 2; DELETE FROM weir_usage WHERE level IN (4, 5)",
           (long long)at_us, (long long)at_us + QUARTER, (long long)at_us);
  contract_exec(s, sql);
}

static void archive_some(struct store *s) {
  static const struct ledger_row *here[ROWS];
  const struct usage_archive_ask ask = {.folder = folder, .before_us = some_moment(), .max = 1 + below(40)};
  const struct usage_log_ask older = {.until_us = ask.before_us};
  size_t left = walk_all(&older, here), moved = 0;
  EXPECT_OK(s->ops->usage->archive(s, &ask, &moved, &test_fault));
  assert_int_equal(moved, left < ask.max ? left : ask.max);
  for (size_t i = 0; i < moved; i++)
    gone[here[left - 1 - i] - rows] = true;
}

static void pages_are_what_walking_all_rows_gives(void **state) {
  struct store *s = contract_store(state);
  begin_with(7);
  while (added < ROWS) {
    append(s, &rows[added], BATCH, added / BATCH + 1);
    added += BATCH;
    switch (below(6)) {
    case 0: break;
    case 1: add_up_as_an_older_program(s); break;
    case 2: archive_some(s); break;
    case 3: roll_up(s, 1000, true); break;
    default: roll_up(s, 1 + below(40), false);
    }
    expect_some_pages(s, 8);
  }
  roll_up(s, 1000, true);
  expect_some_pages(s, 40);
  add_up_as_an_older_program(s);
  expect_some_pages(s, 10);
  end_with();
}

struct question {
  const char *sql;
  int64_t number;
};

static enum err ask_on(struct driver_link *l, void *args, struct fault *f) {
  struct question *q = args;
  bool row = false;
  enum err e = l->driver->prepare_text(l, q->sql, f);
  if (!e)
    e = l->driver->step(l, &row, "asking", f);
  if (!e)
    q->number = l->driver->number(l, 0);
  l->driver->reset(l);
  return e;
}

static int64_t ask_number(struct store *s, const char *sql) {
  struct question q = {sql, 0};
  EXPECT_OK(driver_run(s, DRIVER_READ, false, ask_on, &q, &test_fault));
  return q.number;
}

#define OPEN                                                                                                           \
  "SELECT CAST((SELECT count(*) FROM weir_usage_dirty) + (SELECT count(*) FROM weir_usage WHERE level IN (1, 2) AND "  \
  "complete = 0) AS BIGINT)"

/* Rows that nobody looks at may be broken: the page does not depend on the walk over others. */
static void a_page_reads_no_row_outside_the_stretches(void **state) {
  struct store *s = contract_store(state);
  struct ledger_row *page = NULL;
  struct arena a;
  size_t count = 0;
  begin_with(8);
  append(s, rows, ROWS, 1);
  added = ROWS;
  roll_up(s, 1000, true);
  assert_int_equal(ask_number(s, OPEN), 0);
  contract_exec(s, "DELETE FROM weir_ledger_stretches WHERE kind = 1 AND subject = '3'");
  arena_init(&a);
  EXPECT_OK(s->ops->usage->log(s, &(struct usage_log_ask){.key_id = 3, .max = 50}, &a, &page, &count, &test_fault));
  assert_int_equal(count, 0);
  EXPECT_OK(s->ops->usage->log(s, &(struct usage_log_ask){.key_id = 4, .max = 50}, &a, &page, &count, &test_fault));
  assert_int_equal(count, 50);
  arena_done(&a);
  assert_true(ask_number(s, "SELECT count(*) FROM weir_ledger_stretches WHERE kind > 10") > 0);
  end_with();
}

static void what_an_older_program_added_up_is_made_whole(void **state) {
  struct store *s = contract_store(state);
  begin_with(9);
  append(s, rows, ROWS, 1);
  added = ROWS;
  roll_up(s, 1000, true);
  int64_t before = ask_number(s, "SELECT count(*) FROM weir_ledger_stretches");
  int64_t parts = ask_number(s, "SELECT count(*) FROM weir_usage WHERE level IN (4, 5)");
  for (int i = 0; i < 20; i++)
    add_up_as_an_older_program(s);
  assert_true(ask_number(s, OPEN) > 0);
  assert_true(ask_number(s, "SELECT count(*) FROM weir_ledger_stretches") < before);
  roll_up(s, 40, true);
  assert_int_equal(ask_number(s, OPEN), 0);
  assert_int_equal(ask_number(s, "SELECT count(*) FROM weir_ledger_stretches"), before);
  assert_int_equal(ask_number(s, "SELECT count(*) FROM weir_usage WHERE level IN (4, 5)"), parts);
  assert_true(parts > 0);
  end_with();
}

static void stretches_of_archived_rows_go_with_them(void **state) {
  struct store *s = contract_store(state);
  size_t moved = 1;
  begin_with(10);
  append(s, rows, ROWS, 1);
  roll_up(s, 1000, true);
  const struct usage_archive_ask ask = {.folder = folder, .before_us = START + 100 * MINUTE, .max = 500};
  while (moved)
    EXPECT_OK(s->ops->usage->archive(s, &ask, &moved, &test_fault));
  char sql[120];
  snprintf(sql, sizeof sql, "SELECT count(*) FROM weir_ledger_stretches WHERE first_us < %lld",
           (long long)(START + 6 * QUARTER));
  assert_int_equal(ask_number(s, sql), 0);
  assert_true(ask_number(s, "SELECT count(*) FROM weir_ledger_stretches") > 0);
  end_with();
}

static atomic_bool ended;

static void *add_up_meanwhile(void *arg) {
  struct store *s = arg;
  const struct usage_roll_up_ask ask = {.zone = TEXT("UTC"), .max = 20};
  struct fault f = {0};
  size_t minutes;
  enum err e = ERR_OK;
  while (!atomic_load(&ended) && (!e || e == ERR_STORE_BUSY))
    e = s->ops->usage->roll_up(s, &ask, &minutes, &f);
  return e && e != ERR_STORE_BUSY ? arg : NULL;
}

static void a_row_is_on_the_page_as_soon_as_it_is_added(void **state) {
  struct store *s = contract_store(state);
  pthread_t thread;
  void *failed = NULL;
  begin_with(11);
  atomic_store(&ended, false);
  assert_int_equal(pthread_create(&thread, NULL, add_up_meanwhile, s), 0);
  for (int i = 0; i < 150; i++) {
    struct ledger_row row = make_row(i + 1, 1 + i % 3, 1, START + i * (MINUTE / 20)), *page = NULL;
    struct arena a;
    size_t count = 0;
    append(s, &row, 1, (uint64_t)i + 1);
    arena_init(&a);
    EXPECT_OK(s->ops->usage->log(s, &(struct usage_log_ask){.key_id = 1 + i % 3, .max = 500}, &a, &page, &count,
                                 &test_fault));
    assert_int_equal(count, i / 3 + 1);
    assert_int_equal(page[0].id, i + 1);
    arena_done(&a);
  }
  atomic_store(&ended, true);
  pthread_join(thread, &failed);
  assert_null(failed);
  end_with();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(pages_are_what_walking_all_rows_gives),        CONTRACT(a_page_reads_no_row_outside_the_stretches),
      CONTRACT(what_an_older_program_added_up_is_made_whole), CONTRACT(stretches_of_archived_rows_go_with_them),
      CONTRACT(a_row_is_on_the_page_as_soon_as_it_is_added),
  };
  return RUN_CONTRACT(tests);
}
