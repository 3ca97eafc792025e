/* Roll-ups: whatever order rows come in, from how many hands, and while they are being added up, the sums of every
 * stretch are those of the rows; doing it again changes nothing; a change of the time zone makes the days anew. */
#include "store/store_usage.h"

#include "base/calendar.h"
#include "contract.h"

#include <pthread.h>
#include <stdatomic.h>

#define ROWS    400
#define MINUTE  60000000LL
#define HOUR    (60 * MINUTE)
#define DST_END 1793509200000000LL /* 2026-11-01 05:00 UTC: New York shows 01:00 for the second time an hour later */

static struct ledger_row rows[ROWS];
static uint64_t seed;

static uint64_t random_below(uint64_t n) {
  seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
  return (seed >> 33) % n;
}

static void make_rows(uint64_t from_seed) {
  static const char *const users[] = {"ann", "", "zoé"}, *const spaces[] = {"", "lab"}, *const models[] = {"a", "b"},
                           *const outcomes[] = {"ok", "ok", "error", "cut"};
  seed = from_seed;
  for (int i = 0; i < ROWS; i++) {
    int64_t at_us = i % 3 ? DST_END + (int64_t)random_below(72 * 3600) * 1000000 - 36 * HOUR
                          : driver_now_us() - (int64_t)random_below(3600) * 1000000;
    struct ledger_row *r = &rows[i];
    *r = make_row(i + 1, (int64_t)random_below(3) - 1, (int64_t)random_below(1000), at_us);
    r->user = text_of(users[random_below(3)]);
    r->workspace = text_of(spaces[random_below(2)]);
    r->model = text_of(models[random_below(2)]);
    r->outcome = text_of(outcomes[random_below(4)]);
    r->attempt = (uint32_t)random_below(2) + 1;
    r->billable = random_below(4) != 0;
    r->duration_us = (int64_t)random_below(100) - 20;
    r->first_token_us = (int64_t)random_below(50) - 20;
    r->usage.input = random_below(5000);
    r->usage.cache_read = random_below(70);
  }
  for (size_t i = ROWS - 1; i > 0; i--) {
    size_t other = random_below(i + 1);
    struct ledger_row kept = rows[i];
    rows[i] = rows[other];
    rows[other] = kept;
  }
}

static size_t roll_up(struct store *s, const char *zone, size_t max) {
  size_t minutes = 0;
  const struct usage_roll_up_ask ask = {.zone = text_of(zone), .max = max};
  EXPECT_OK(s->ops->usage->roll_up(s, &ask, &minutes, &test_fault));
  return minutes;
}

static void roll_up_all(struct store *s, const char *zone) {
  while (roll_up(s, zone, 200))
    continue;
}

/* What a sum is told apart by; the other texts of it are empty. */
static bool alike(unsigned by, enum usage_by bit, struct text of_row, struct text of_sum) {
  return text_equal(by & bit ? of_row : TEXT(""), of_sum);
}

static bool is_of(const struct ledger_row *r, const struct usage_sum *u, unsigned by, bool whole_time) {
  struct text outcome = text_equal(r->outcome, TEXT("ok")) ? TEXT("ok") : TEXT("error");
  return (whole_time || (r->settled_us >= u->start_us && r->settled_us < u->end_us)) &&
         (by & USAGE_BY_KEY ? r->key_id : 0) == u->key_id && alike(by, USAGE_BY_USER, r->user, u->user) &&
         alike(by, USAGE_BY_WORKSPACE, r->workspace, u->workspace) &&
         alike(by, USAGE_BY_PROVIDER, r->provider, u->provider) && alike(by, USAGE_BY_MODEL, r->model, u->model) &&
         alike(by, USAGE_BY_OUTCOME, outcome, u->outcome);
}

/* One sum against the rows it is of, one by one. */
static int64_t expect_sum(const struct usage_sum *u, unsigned by, bool whole_time) {
  struct usage_sum want = {0};
  for (int i = 0; i < ROWS; i++) {
    const struct ledger_row *r = &rows[i];
    if (!is_of(r, u, by, whole_time))
      continue;
    want.attempts++;
    want.requests += r->attempt == 1;
    want.input_tokens += (int64_t)r->usage.input;
    want.cache_read_tokens += (int64_t)r->usage.cache_read;
    want.reasoning_tokens += (int64_t)r->usage.reasoning;
    want.cost_nano += r->cost.total;
    want.billable_nano += r->billable ? r->cost.total : 0;
    want.duration_us += r->duration_us > 0 ? r->duration_us : 0;
    want.durations += r->duration_us >= 0;
    want.first_token_us += r->first_token_us > 0 ? r->first_token_us : 0;
    want.first_tokens += r->first_token_us >= 0;
  }
  assert_int_equal(u->attempts, want.attempts);
  assert_int_equal(u->requests, want.requests);
  assert_int_equal(u->input_tokens, want.input_tokens);
  assert_int_equal(u->cache_read_tokens, want.cache_read_tokens);
  assert_int_equal(u->reasoning_tokens, want.reasoning_tokens);
  assert_int_equal(u->cost_nano, want.cost_nano);
  assert_int_equal(u->billable_nano, want.billable_nano);
  assert_int_equal(u->duration_us, want.duration_us);
  assert_int_equal(u->durations, want.durations);
  assert_int_equal(u->first_token_us, want.first_token_us);
  assert_int_equal(u->first_tokens, want.first_tokens);
  return u->attempts;
}

/* Every sum is right, and together they hold every row. */
static void expect_exact_by(struct store *s, enum usage_every every, unsigned by) {
  const struct usage_ask ask = {.every = every, .by = by};
  struct usage_sum *sums = NULL;
  struct arena a;
  size_t count = 0;
  int64_t held = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->usage->sums(s, &ask, &a, &sums, &count, &test_fault));
  for (size_t i = 0; i < count; i++)
    held += expect_sum(&sums[i], by, every == USAGE_EVERY_ALL);
  assert_int_equal(held, ROWS);
  arena_done(&a);
}

#define WHOM (USAGE_BY_KEY | USAGE_BY_USER | USAGE_BY_WORKSPACE)
#define WHAT (USAGE_BY_PROVIDER | USAGE_BY_MODEL | USAGE_BY_OUTCOME)

static void expect_exact(struct store *s) {
  static const unsigned kinds[] = {WHOM | WHAT, WHOM, WHAT, USAGE_BY_USER, USAGE_BY_MODEL, 0};
  for (enum usage_every every = USAGE_EVERY_ALL; every <= USAGE_EVERY_MONTH; every++)
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
      expect_exact_by(s, every, kinds[i]);
}

static void in_zone(const char *zone) { calendar_set_zone(text_of(zone)); }

static void sums_are_those_of_the_rows_in_any_zone(void **state) {
  static const char *const zones[] = {"Asia/Seoul", "Asia/Kathmandu", "America/New_York", "UTC"};
  struct store *s = contract_store(state);
  make_rows(1);
  for (size_t i = 0; i < ROWS; i += 100)
    append(s, &rows[i], 100, i + 1);
  for (size_t i = 0; i < 4; i++) {
    in_zone(zones[i]);
    roll_up_all(s, zones[i]);
    expect_exact(s);
  }
}

static void adding_up_again_changes_nothing(void **state) {
  struct store *s = contract_store(state);
  in_zone("UTC");
  make_rows(2);
  append(s, rows, ROWS, 1);
  roll_up_all(s, "UTC");
  expect_exact(s);
  append(s, rows, ROWS, 2); /* known rows mark nothing */
  assert_int_equal(roll_up(s, "UTC", 100), 0);
  contract_exec(s, "INSERT INTO weir_usage_dirty SELECT DISTINCT settled_us / 60000000, 5 FROM weir_ledger");
  assert_int_equal(roll_up(s, "UTC", 7), 7);
  expect_exact(s);
  roll_up_all(s, "UTC");
  expect_exact(s);
}

static int64_t attempts_by(struct store *s, unsigned by) {
  struct usage_sum *sums = NULL;
  struct arena a;
  size_t count = 0;
  int64_t attempts = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->usage->sums(s, &(struct usage_ask){.by = by}, &a, &sums, &count, &test_fault));
  for (size_t i = 0; i < count; i++)
    attempts += sums[i].attempts;
  arena_done(&a);
  return attempts;
}

static void days_of_fewer_kinds_are_read_unless_an_older_program_added_up(void **state) {
  struct store *s = contract_store(state);
  in_zone("UTC");
  make_rows(6);
  append(s, rows, ROWS, 1);
  roll_up_all(s, "UTC");
  contract_exec(s, "UPDATE weir_usage SET attempts = 0 WHERE level IN (4, 5)");
  assert_int_equal(attempts_by(s, USAGE_BY_USER), 0);
  assert_int_equal(attempts_by(s, USAGE_BY_MODEL), 0);
  assert_int_equal(attempts_by(s, USAGE_BY_USER | USAGE_BY_MODEL), ROWS);
  contract_exec(s, "UPDATE weir_usage SET complete = 0 WHERE level = 2");
  expect_exact(s);
  contract_exec(s, "INSERT INTO weir_usage SELECT 5, 86400000000, 0, '', '', 'p', 'm', 'ok', '', 1, 1, 0, 0, 0, 0, 0, "
                   "0, 0, 0, 0, 0, 0, 0, 1"); /* of a day that is no more */
  roll_up_all(s, "UTC");
  expect_exact(s);
  contract_exec(s, "DELETE FROM weir_usage WHERE level = 2");
  assert_int_equal(attempts_by(s, USAGE_BY_USER), ROWS);
}

static void a_changed_row_is_added_up_anew_where_it_is_marked(void **state) {
  struct store *s = contract_store(state);
  in_zone("UTC");
  make_rows(3);
  append(s, rows, ROWS, 1);
  roll_up_all(s, "UTC");
  char sql[200];
  rows[5].cost.total = 123456789;
  rows[5].user = TEXT("somebody else");
  snprintf(sql, sizeof sql, "UPDATE weir_ledger SET cost_nano = 123456789, user_name = 'somebody else' WHERE id = %lld",
           (long long)rows[5].id);
  contract_exec(s, sql);
  snprintf(sql, sizeof sql, "INSERT INTO weir_usage_dirty VALUES (%lld, 1)", (long long)(rows[5].settled_us / MINUTE));
  contract_exec(s, sql);
  roll_up_all(s, "UTC");
  expect_exact(s);
}

struct hand {
  struct store *store;
  size_t from, to;
  bool failed;
};

static atomic_int adding;

/* SQLite lets one write at a time and gives up on the others after a while; who adds rows tries again. */
static void *add_in_batches(void *arg) {
  struct hand *h = arg;
  struct fault f = {0};
  for (size_t i = h->from; i < h->to && !h->failed;) {
    size_t n = 1 + (i * 7) % 20;
    n = n < h->to - i ? n : h->to - i;
    enum err e = h->store->ops->ledger_append(h->store, &rows[i], n, TEXT_NONE, 0, &f);
    h->failed = e && e != ERR_STORE_BUSY;
    i += e ? 0 : n;
  }
  atomic_fetch_sub(&adding, 1);
  return NULL;
}

static void *add_up_meanwhile(void *arg) {
  struct hand *h = arg;
  const struct usage_roll_up_ask ask = {.zone = TEXT("UTC"), .max = 3};
  size_t minutes;
  while (atomic_load(&adding) > 0 && !h->failed) {
    struct fault f = {0};
    enum err e = h->store->ops->usage->roll_up(h->store, &ask, &minutes, &f);
    h->failed = e && e != ERR_STORE_BUSY;
  }
  return NULL;
}

static void nothing_is_lost_that_is_added_meanwhile(void **state) {
  struct store *s = contract_store(state), *other = s;
  pthread_t threads[4];
  in_zone("UTC");
  if (strcmp(s->ops->name, "sqlite") == 0)
    other = open_store(); /* as another program has it open */
  make_rows(4);
  for (int i = 0; i < ROWS; i++) /* all in a few minutes, which everybody meets in */
    rows[i].settled_us = driver_now_us() / HOUR * HOUR - (i % 3) * MINUTE;
  struct hand hands[4] = {
      {s, 0, ROWS / 2, false}, {other, ROWS / 2, ROWS, false}, {s, 0, 0, false}, {other, 0, 0, false}};
  atomic_store(&adding, 2);
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, i < 2 ? add_in_batches : add_up_meanwhile, &hands[i]), 0);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  for (int i = 0; i < 4; i++)
    assert_false(hands[i].failed);
  roll_up_all(s, "UTC");
  expect_exact(s);
  if (other != s)
    other->ops->close(other);
}

static void what_an_older_program_added_is_found(void **state) {
  struct store *s = contract_store(state);
  bool wrong = true;
  in_zone("UTC");
  make_rows(5);
  append(s, rows, ROWS, 1);
  roll_up_all(s, "UTC");
  EXPECT_OK(s->ops->usage->recheck(s, &wrong, &test_fault));
  assert_false(wrong);
  struct ledger_row late = make_row(ROWS + 1, 1, 5, DST_END), kept = rows[7];
  append(s, &late, 1, 2);
  EXPECT_OK(s->ops->usage->recheck(s, &wrong, &test_fault));
  assert_false(wrong);                              /* it is marked */
  contract_exec(s, "DELETE FROM weir_usage_dirty"); /* as if it had not been */
  EXPECT_OK(s->ops->usage->recheck(s, &wrong, &test_fault));
  assert_true(wrong);
  roll_up_all(s, "UTC");
  EXPECT_OK(s->ops->usage->recheck(s, &wrong, &test_fault));
  assert_false(wrong);
  contract_exec(s, "DELETE FROM weir_ledger WHERE id = 401");
  contract_exec(s, "INSERT INTO weir_usage_dirty VALUES (29891820, 1)"); /* DST_END's minute */
  roll_up_all(s, "UTC");
  rows[7] = kept;
  expect_exact(s);
}

static void sums_past_the_largest_number_stop_there(void **state) {
  struct store *s = contract_store(state);
  const struct usage_ask ask = {.by = USAGE_BY_KEY};
  struct usage_sum *sums = NULL;
  struct arena a;
  size_t count = 0;
  in_zone("UTC");
  arena_init(&a);
  for (int i = 0; i < 5; i++) {
    struct ledger_row row = make_row(i + 1, 1, INT64_MAX - 1, DST_END + i * 20 * MINUTE);
    row.usage.output = UINT64_MAX;
    append(s, &row, 1, (uint64_t)i + 1);
  }
  roll_up_all(s, "UTC");
  EXPECT_OK(s->ops->usage->sums(s, &ask, &a, &sums, &count, &test_fault));
  assert_int_equal(count, 1);
  assert_int_equal(sums[0].cost_nano, INT64_MAX);
  assert_int_equal(sums[0].output_tokens, INT64_MAX);
  assert_int_equal(sums[0].attempts, 5);
  arena_done(&a);
}

static void older_minutes_are_kept_in_quarters_and_days_only(void **state) {
  struct store *s = contract_store(state);
  struct usage_sum *sums = NULL;
  struct arena a;
  size_t count = 9, minutes;
  in_zone("UTC");
  struct ledger_row row = make_row(1, 1, 5, DST_END);
  append(s, &row, 1, 1);
  const struct usage_roll_up_ask ask = {.zone = TEXT("UTC"), .minutes_since_us = DST_END + MINUTE, .max = 10};
  EXPECT_OK(s->ops->usage->roll_up(s, &ask, &minutes, &test_fault));
  arena_init(&a);
  EXPECT_OK(s->ops->usage->sums(s, &(struct usage_ask){.every = USAGE_EVERY_MINUTE}, &a, &sums, &count, &test_fault));
  assert_int_equal(count, 0);
  EXPECT_OK(s->ops->usage->sums(s, &(struct usage_ask){.every = USAGE_EVERY_QUARTER}, &a, &sums, &count, &test_fault));
  assert_int_equal(count, 1);
  assert_int_equal(sums[0].cost_nano, 5);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(sums_are_those_of_the_rows_in_any_zone),
      CONTRACT(adding_up_again_changes_nothing),
      CONTRACT(days_of_fewer_kinds_are_read_unless_an_older_program_added_up),
      CONTRACT(a_changed_row_is_added_up_anew_where_it_is_marked),
      CONTRACT(nothing_is_lost_that_is_added_meanwhile),
      CONTRACT(what_an_older_program_added_is_found),
      CONTRACT(sums_past_the_largest_number_stop_there),
      CONTRACT(older_minutes_are_kept_in_quarters_and_days_only),
  };
  return RUN_CONTRACT(tests);
}
