/* The request log: newest settlement first, in pages that neither repeat nor lose a row, and every filter alone and
 * together with others. */
#include "store/store_usage.h"

#include "contract.h"

#define ROWS 400

static const char *const users[] = {"ann", "ben", "", "dan"}, *const spaces[] = {"lab", "", "shop"},
                         *const models[] = {"claude", "gpt"}, *const outcomes[] = {"ok", "ok", "error", "cut", "ok"};
static struct ledger_row rows[ROWS];

/* Settled in another order than begun, several at the same moment. */
static void add_rows(struct store *s) {
  for (int i = 0; i < ROWS; i++) {
    rows[i] = make_row(i + 1, 1 + i % 7, 1, 1000 + (i * 37) % ROWS / 3);
    rows[i].user = text_of(users[i % 4]);
    rows[i].workspace = text_of(spaces[i % 3]);
    rows[i].model = text_of(models[i % 2]);
    rows[i].outcome = text_of(outcomes[i % 5]);
    rows[i].provider = i % 11 ? TEXT("sim") : TEXT("rare");
  }
  append(s, rows, ROWS, 1);
}

static bool fits(const struct ledger_row *r, const struct usage_log_ask *q) {
  bool failed = !text_equal(r->outcome, TEXT("ok"));
  return (!q->since_us || r->settled_us >= q->since_us) && (!q->until_us || r->settled_us < q->until_us) &&
         (!q->key_id || r->key_id == q->key_id) && (!q->user.len || text_equal(r->user, q->user)) &&
         (!q->workspace.len || text_equal(r->workspace, q->workspace)) &&
         (!q->provider.len || text_equal(r->provider, q->provider)) &&
         (!q->model.len || text_equal(r->model, q->model)) &&
         (!q->outcome.len || text_equal(r->outcome, q->outcome) ||
          (failed && text_equal(q->outcome, TEXT(USAGE_LOG_FAILED))));
}

/* All pages of a question hold exactly the rows that fit, once each, in order. */
static void expect_pages(struct store *s, struct usage_log_ask q) {
  size_t want = 0, got = 0, count;
  for (int i = 0; i < ROWS; i++)
    want += fits(&rows[i], &q);
  do {
    struct ledger_row *page = NULL;
    struct arena a;
    arena_init(&a);
    count = 0;
    EXPECT_OK(s->ops->usage->log(s, &q, &a, &page, &count, &test_fault));
    for (size_t i = 0; i < count; i++) {
      const struct ledger_row *r = &page[i];
      assert_true(fits(r, &q));
      if (q.below_us && (r->settled_us > q.below_us || (r->settled_us == q.below_us && r->id >= q.below_id)))
        fail_msg("row %lld is not below (%lld, %lld)", (long long)r->id, (long long)q.below_us, (long long)q.below_id);
      q.below_us = r->settled_us;
      q.below_id = r->id;
    }
    got += count;
    arena_done(&a);
  } while (count == q.max);
  assert_int_equal(got, want);
}

static void pages_hold_every_row_once_newest_first(void **state) {
  struct store *s = contract_store(state);
  add_rows(s);
  expect_pages(s, (struct usage_log_ask){.max = 7});
  expect_pages(s, (struct usage_log_ask){.max = ROWS});
}

static void every_filter_alone(void **state) {
  struct store *s = contract_store(state);
  add_rows(s);
  const struct usage_log_ask asks[] = {{.since_us = 1050},
                                       {.until_us = 1060},
                                       {.since_us = 1030, .until_us = 1031},
                                       {.key_id = 3},
                                       {.key_id = 99},
                                       {.user = TEXT("ann")},
                                       {.workspace = TEXT("shop")},
                                       {.provider = TEXT("rare")},
                                       {.model = TEXT("gpt")},
                                       {.outcome = TEXT("ok")},
                                       {.outcome = TEXT("cut")},
                                       {.outcome = TEXT(USAGE_LOG_FAILED)}};
  for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
    struct usage_log_ask q = asks[i];
    q.max = 9;
    expect_pages(s, q);
  }
}

static void filters_together(void **state) {
  struct store *s = contract_store(state);
  add_rows(s);
  for (unsigned mask = 0; mask < 256; mask++)
    expect_pages(s, (struct usage_log_ask){.since_us = mask & 1 ? 1020 : 0,
                                           .until_us = mask & 2 ? 1100 : 0,
                                           .key_id = mask & 4 ? 2 : 0,
                                           .user = mask & 8 ? TEXT("ben") : TEXT_NONE,
                                           .workspace = mask & 16 ? TEXT("lab") : TEXT_NONE,
                                           .provider = mask & 32 ? TEXT("sim") : TEXT_NONE,
                                           .model = mask & 64 ? TEXT("gpt") : TEXT_NONE,
                                           .outcome = mask & 128 ? TEXT(USAGE_LOG_FAILED) : TEXT_NONE,
                                           .max = 50});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CONTRACT(pages_hold_every_row_once_newest_first),
      CONTRACT(every_filter_alone),
      CONTRACT(filters_together),
  };
  return RUN_CONTRACT(tests);
}
