/* Questions about usage: told apart by any combination, of anything, over stretches that begin and end anywhere. */
#include "store/store_usage.h"

#include "base/calendar.h"
#include "contract.h"

#define ROWS  500
#define HOUR  3600000000LL
#define START 1793520000000000LL /* 2026-11-01 08:00 UTC */

static struct ledger_row rows[ROWS];

static void fill(struct store *s) {
  static const char *const users[] = {"ann", "ben", ""}, *const models[] = {"a", "b"};
  size_t minutes = 1;
  calendar_set_zone(TEXT("Asia/Kathmandu"));
  for (int i = 0; i < ROWS; i++) {
    rows[i] = make_row(i + 1, 1 + i % 4, i, START + i * (HOUR / 3) + i);
    rows[i].user = text_of(users[i % 3]);
    rows[i].model = text_of(models[i % 2]);
    rows[i].outcome = i % 7 ? TEXT("ok") : TEXT("cancelled");
    rows[i].key_name = i % 4 ? TEXT("key") : TEXT("main");
  }
  append(s, rows, ROWS, 1);
  const struct usage_roll_up_ask ask = {.zone = TEXT("Asia/Kathmandu"), .max = 1000};
  while (minutes)
    EXPECT_OK(s->ops->usage->roll_up(s, &ask, &minutes, &test_fault));
}

static size_t ask_for(struct store *s, struct usage_ask ask, struct arena *a, struct usage_sum **out) {
  size_t count = 0;
  EXPECT_OK(s->ops->usage->sums(s, &ask, a, out, &count, &test_fault));
  return count;
}

/* The cost of the rows that were settled in a stretch. */
static int64_t cost_between(int64_t from_us, int64_t to_us) {
  int64_t cost = 0;
  for (int i = 0; i < ROWS; i++)
    cost += rows[i].settled_us >= from_us && rows[i].settled_us < to_us ? rows[i].cost.total : 0;
  return cost;
}

static void the_whole_of_any_stretch_of_quarters_is_exact(void **state) {
  struct store *s = contract_store(state);
  struct usage_sum *sums = NULL;
  struct arena a;
  fill(s);
  for (int from = -3; from < 500; from += 17)
    for (int to = from + 1; to < 520; to += 41) {
      int64_t from_us = START + from * HOUR / 4, to_us = START + to * HOUR / 4, want = cost_between(from_us, to_us);
      arena_init(&a);
      size_t count = ask_for(s, (struct usage_ask){.since_us = from_us, .until_us = to_us}, &a, &sums);
      assert_int_equal(count ? sums[0].cost_nano : 0, want);
      assert_true(count <= 1);
      arena_done(&a);
    }
}

/* For somebody whose address was another's: not a call of before, and of their own at most those of the first minute.
 */
static void a_whole_stretch_has_nothing_of_before_it(void **state) {
  struct store *s = contract_store(state);
  fill(s);
  for (enum usage_every every = USAGE_EVERY_ALL; every <= USAGE_EVERY_MONTH; every++)
    for (int from = -1; from < 60; from += 7) {
      int64_t from_us = START + from * (HOUR / 6) + 12345, minute_us = (from_us / 60000000 + 1) * 60000000, sum = 0;
      struct usage_sum *sums = NULL;
      struct arena a;
      arena_init(&a);
      size_t count = ask_for(s, (struct usage_ask){.whole_since_us = from_us, .every = every}, &a, &sums);
      for (size_t i = 0; i < count; i++)
        sum += sums[i].cost_nano;
      assert_int_equal(sum, cost_between(minute_us, INT64_MAX));
      count = ask_for(s, (struct usage_ask){.whole_since_us = from_us, .until_us = from_us, .every = every}, &a, &sums);
      for (size_t i = 0; i < count; i++)
        assert_true(sums[i].start_us == 0 || sums[i].end_us > from_us);
      arena_done(&a);
    }
}

static void stretches_are_those_of_the_calendar(void **state) {
  struct store *s = contract_store(state);
  fill(s);
  for (enum usage_every every = USAGE_EVERY_MINUTE; every <= USAGE_EVERY_MONTH; every++) {
    struct usage_sum *sums = NULL;
    struct arena a;
    int64_t sum = 0;
    arena_init(&a);
    size_t count = ask_for(s, (struct usage_ask){.every = every}, &a, &sums);
    for (size_t i = 0; i < count; i++) {
      assert_int_equal(sums[i].cost_nano, cost_between(sums[i].start_us, sums[i].end_us));
      assert_true(i == 0 || sums[i].start_us >= sums[i - 1].end_us);
      sum += sums[i].cost_nano;
    }
    assert_int_equal(sum, cost_between(0, INT64_MAX));
    arena_done(&a);
  }
}

static void parts_are_told_apart_by_what_was_asked_and_nothing_else(void **state) {
  struct store *s = contract_store(state);
  fill(s);
  for (unsigned by = 0; by < 64; by++) {
    size_t kinds = by & USAGE_BY_KEY ? 4 : by & USAGE_BY_MODEL ? 2 : 1;
    size_t want = kinds * (by & USAGE_BY_OUTCOME ? 2u : 1u) *
                  (by & USAGE_BY_USER ? 3u : 1u); /* keys 1 and 3 use one model, 2 and 4 the other */
    struct usage_sum *sums = NULL;
    struct arena a;
    int64_t sum = 0;
    arena_init(&a);
    size_t count = ask_for(s, (struct usage_ask){.by = by}, &a, &sums);
    assert_int_equal(count, want);
    for (size_t i = 0; i < count; i++) {
      sum += sums[i].cost_nano;
      assert_true(i == 0 || sums[i].cost_nano <= sums[i - 1].cost_nano);
      assert_int_equal(sums[i].key_id != 0, (by & USAGE_BY_KEY) != 0);
      assert_int_equal(sums[i].key_name.len != 0, (by & USAGE_BY_KEY) != 0);
      assert_int_equal(sums[i].model.len != 0, (by & USAGE_BY_MODEL) != 0);
      assert_int_equal(sums[i].outcome.len != 0, (by & USAGE_BY_OUTCOME) != 0);
    }
    assert_int_equal(sum, cost_between(0, INT64_MAX));
    arena_done(&a);
  }
}

static void a_question_may_be_about_some_only(void **state) {
  struct store *s = contract_store(state);
  struct usage_sum *sums = NULL;
  struct arena a;
  int64_t key = 0, ann = 0, both = 0, errors = 0;
  fill(s);
  for (int i = 0; i < ROWS; i++) {
    key += i % 4 == 2 ? i : 0;
    ann += i % 3 == 0 ? i : 0;
    both += i % 3 == 0 && i % 2 == 1 ? i : 0;
    errors += i % 7 == 0 ? i : 0;
  }
  arena_init(&a);
  assert_int_equal(ask_for(s, (struct usage_ask){.key_id = 3}, &a, &sums), 1);
  assert_int_equal(sums[0].cost_nano, key);
  assert_int_equal(ask_for(s, (struct usage_ask){.user = TEXT("ann")}, &a, &sums), 1);
  assert_int_equal(sums[0].cost_nano, ann);
  assert_int_equal(ask_for(s, (struct usage_ask){.user = TEXT("ann"), .model = TEXT("b")}, &a, &sums), 1);
  assert_int_equal(sums[0].cost_nano, both);
  assert_int_equal(ask_for(s, (struct usage_ask){.outcome = TEXT("error")}, &a, &sums), 1);
  assert_int_equal(sums[0].cost_nano, errors);
  assert_int_equal(ask_for(s, (struct usage_ask){.workspace = TEXT("lab"), .provider = TEXT("sim")}, &a, &sums), 1);
  assert_int_equal(ask_for(s, (struct usage_ask){.workspace = TEXT("none")}, &a, &sums), 0);
  arena_done(&a);
}

static int64_t attempts_of(struct store *s, struct usage_ask ask) {
  struct usage_sum *sums = NULL;
  struct arena a;
  int64_t attempts = 0;
  arena_init(&a);
  size_t count = ask_for(s, ask, &a, &sums);
  for (size_t i = 0; i < count; i++)
    attempts += sums[i].attempts;
  arena_done(&a);
  return attempts;
}

static size_t rows_of(struct store *s, struct usage_log_ask ask) {
  struct ledger_row *found = NULL;
  struct arena a;
  size_t count = 0;
  ask.max = ROWS;
  arena_init(&a);
  EXPECT_OK(s->ops->usage->log(s, &ask, &a, &found, &count, &test_fault));
  arena_done(&a);
  return count;
}

/* Workspaces "a" and "b", and none; "b" is another organisation's. */
static void calls_are_of_the_organisation_of_their_workspace(void **state) {
  struct store *s = contract_store(state);
  static const char *const workspaces[] = {"a", "b", ""};
  size_t minutes = 1;
  contract_exec(s, "INSERT INTO weir_workspace_names (name, org_id) VALUES ('b', 2)");
  calendar_set_zone(TEXT("UTC"));
  for (int i = 0; i < 60; i++) {
    rows[i] = make_row(i + 1, 1, i, START + i * HOUR);
    rows[i].workspace = text_of(workspaces[i % 3]);
    rows[i].user = i < 30 ? TEXT("ann") : TEXT("ben");
  }
  append(s, rows, 60, 1);
  const struct usage_roll_up_ask all = {.zone = TEXT("UTC"), .max = 1000};
  while (minutes)
    EXPECT_OK(s->ops->usage->roll_up(s, &all, &minutes, &test_fault));
  static const int64_t want[] = {60, 40, 20, 0};
  for (int64_t org = 0; org < 4; org++) {
    assert_int_equal(attempts_of(s, (struct usage_ask){.org_id = org}), want[org]);
    assert_int_equal(attempts_of(s, (struct usage_ask){.org_id = org, .by = USAGE_BY_MODEL}), want[org]);
    assert_int_equal(attempts_of(s, (struct usage_ask){.org_id = org, .every = USAGE_EVERY_DAY, .by = 63}), want[org]);
    assert_int_equal(attempts_of(s, (struct usage_ask){.org_id = org, .every = USAGE_EVERY_MINUTE}), want[org]);
    assert_int_equal(rows_of(s, (struct usage_log_ask){.org_id = org}), want[org]);
    assert_int_equal(rows_of(s, (struct usage_log_ask){.org_id = org, .user = TEXT("ann")}), want[org] / 2);
  }
  assert_int_equal(rows_of(s, (struct usage_log_ask){.org_id = 2, .workspace = TEXT("a")}), 0);
  assert_int_equal(rows_of(s, (struct usage_log_ask){.org_id = 2, .workspace = TEXT("b")}), 20);
  assert_int_equal(attempts_of(s, (struct usage_ask){.org_id = 1, .workspace = TEXT("b")}), 0);
}

static void too_many_sums_are_refused(void **state) {
  struct store *s = contract_store(state);
  struct usage_sum *sums = NULL;
  struct arena a;
  size_t count = 0;
  const struct usage_ask ask = {.every = USAGE_EVERY_MINUTE, .by = USAGE_BY_KEY};
  contract_exec(
      s, strcmp(s->ops->name, "postgres") == 0
             ? "INSERT INTO weir_usage SELECT 0, 60000000::bigint * i, i, '', '', '', '', '', '', 1, 1, 0, 0, 0, 0, "
               "0, 0, 0, 0, 0, 0, 0, 0, 1 FROM generate_series(1, 200001) i"
             : "INSERT INTO weir_usage WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < "
               "200001) SELECT 0, 60000000 * i, i, '', '', '', '', '', '', 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "
               "0, 0, 1 FROM c");
  arena_init(&a);
  EXPECT_ERR(s->ops->usage->sums(s, &ask, &a, &sums, &count, &test_fault), ERR_LIMIT);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(the_whole_of_any_stretch_of_quarters_is_exact),
      CONTRACT(a_whole_stretch_has_nothing_of_before_it),
      CONTRACT(stretches_are_those_of_the_calendar),
      CONTRACT(parts_are_told_apart_by_what_was_asked_and_nothing_else),
      CONTRACT(a_question_may_be_about_some_only),
      CONTRACT(calls_are_of_the_organisation_of_their_workspace),
      CONTRACT(too_many_sums_are_refused),
  };
  return RUN_CONTRACT(tests);
}
