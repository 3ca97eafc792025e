/* The live feed: whose rows reach whom, what waits and what is dropped, coming back, and rows that others have stored.
 */
#include "../net/http_wire.h"

#include "base/random.h"
#include "control/feed.h"
#include "ports/store_people.h"
#include "store/store.h"
#include "support/actor.h"

struct world {
  struct store *store;
  struct feed *feed;
  int64_t last_id;
};

static void (*test)(struct world *w);

static void run_world(void *arg) {
  struct world w = {0};
  random_start();
  CHECK_ERR(store_open_memory(&w.store, NULL), ERR_OK);
  w.feed = feed_new(w.store);
  CHECK_ERR(feed_start(w.feed, NULL), ERR_OK);
  test(&w);
  settle();
  feed_free(w.feed);
  w.store->ops->close(w.store);
}

static void run(void (*fn)(struct world *w)) {
  test = fn;
  run_fiber(run_world, NULL);
}

static struct ledger_row row_of(struct world *w) {
  return (struct ledger_row){.id = ++w->last_id,
                             .settled_us = loop_wall_us(),
                             .attempt = 1,
                             .key_id = 3,
                             .user = TEXT("ann"),
                             .provider = TEXT("a"),
                             .model = TEXT("m"),
                             .outcome = TEXT("ok"),
                             .first_token_us = -1};
}

static struct feed_reader *open_as(struct world *w, const struct feed_filter *filter) {
  struct feed_reader *r = NULL;
  bool known = false;
  CHECK_ERR(feed_open(w->feed, filter, (struct feed_place){0}, &r, &known, NULL), ERR_OK);
  return r;
}

/* Ids of what comes until there are so many, or nothing for long; and how many were dropped. */
static size_t take(struct feed_reader *r, int64_t *ids, size_t want, uint64_t *dropped) {
  size_t n = 0;
  int64_t until_us = after(20 * SECOND_US);
  *dropped = 0;
  while (n < want && loop_now_us(loop_current()) < until_us) {
    struct feed_item *items[64];
    uint64_t lost = 0;
    size_t got = feed_take(r, items, want - n < 64 ? want - n : 64, &lost);
    *dropped += lost;
    for (size_t i = 0; i < got; i++) {
      ids[n++] = feed_item_id(items[i]);
      feed_item_unref(items[i]);
    }
    if (got == 0)
      (void)!fiber_park(after(100 * 1000));
  }
  return n;
}

static void expect_next(struct feed_reader *r, int64_t id, int line) {
  int64_t got = 0;
  uint64_t dropped = 0;
  check_int_at((long long)take(r, &got, 1, &dropped), 1, "rows", line);
  check_int_at(got, id, "id", line);
  check_int_at((long long)dropped, 0, "dropped", line);
}
#define EXPECT_NEXT(r, id) expect_next(r, id, __LINE__)

static void filters(struct world *w) {
  static const struct feed_filter wanted[] = {{0},
                                              {.key_id = 4},
                                              {.user = TEXT("ben")},
                                              {.workspace = TEXT("lab")},
                                              {.provider = TEXT("b")},
                                              {.model = TEXT("n")},
                                              {.outcome = TEXT("cut")},
                                              {.outcome = TEXT("failed")},
                                              {.user = TEXT("ben"), .model = TEXT("n")}};
  /* Which of the rows below each of them is for. */
  static const unsigned of[] = {0x1ff, 0x002, 0x104, 0x008, 0x010, 0x120, 0x040, 0x0c0, 0x100};
  struct feed_reader *r[9];
  static struct ledger_row rows[10];
  for (size_t i = 0; i < 9; i++)
    r[i] = open_as(w, &wanted[i]);
  for (size_t i = 0; i < 10; i++)
    rows[i] = row_of(w);
  rows[1].key_id = 4;
  rows[2].user = rows[8].user = TEXT("ben");
  rows[3].workspace = TEXT("lab");
  rows[4].provider = TEXT("b");
  rows[5].model = rows[8].model = TEXT("n");
  rows[6].outcome = TEXT("cut");
  rows[7].outcome = TEXT("error");
  feed_stored(w->feed, rows, 9);
  for (size_t i = 0; i < 9; i++) {
    for (int64_t n = 0; n < 9; n++)
      if (of[i] & 1u << n)
        EXPECT_NEXT(r[i], rows[n].id);
  }
  /* And nothing else: the next one is one for everybody. */
  rows[9].key_id = 4;
  rows[9].user = TEXT("ben");
  rows[9].workspace = TEXT("lab");
  rows[9].provider = TEXT("b");
  rows[9].model = TEXT("n");
  rows[9].outcome = TEXT("cut");
  feed_stored(w->feed, &rows[9], 1);
  for (size_t i = 0; i < 9; i++) {
    EXPECT_NEXT(r[i], rows[9].id);
    feed_close(r[i]);
  }
}

static void a_reader_gets_the_rows_of_its_filter_in_order(void **state) { run(filters); }

static int64_t make_organisation(struct world *w, const char *name) {
  const struct people_row r = {.name = text_of(name), .timezone = TEXT("UTC"), .week_start = TEXT("monday")};
  int64_t id = 0;
  CHECK_ERR(w->store->ops->people->create(w->store, PEOPLE_ORGANISATION, &r, TEST_ACTOR, &id, NULL), ERR_OK);
  return id;
}

static void organisations(struct world *w) {
  int64_t other = make_organisation(w, "other"), id = 0;
  const struct people_row lab = {.org_id = other, .name = TEXT("lab")};
  CHECK_ERR(w->store->ops->people->create(w->store, PEOPLE_WORKSPACE, &lab, TEST_ACTOR, &id, NULL), ERR_OK);
  struct feed_reader *all = open_as(w, &(struct feed_filter){0});
  struct feed_reader *first = open_as(w, &(struct feed_filter){.org_id = 1});
  struct feed_reader *second = open_as(w, &(struct feed_filter){.org_id = other});
  struct ledger_row rows[] = {row_of(w), row_of(w), row_of(w), row_of(w)};
  rows[1].workspace = TEXT("lab");
  rows[2].workspace = TEXT("declared");
  rows[3].workspace = TEXT("lab");
  rows[3].settled_us += 3600 * SECOND_US;
  struct feed_reader *later = open_as(w, &(struct feed_filter){.since_us = rows[3].settled_us});
  feed_stored(w->feed, rows, 4);
  for (size_t i = 0; i < 4; i++)
    EXPECT_NEXT(all, rows[i].id);
  EXPECT_NEXT(second, rows[1].id);
  EXPECT_NEXT(second, rows[3].id);
  EXPECT_NEXT(later, rows[3].id);
  EXPECT_NEXT(first, rows[0].id);
  EXPECT_NEXT(first, rows[2].id);
  feed_close(all);
  feed_close(later);
  feed_close(first);
  feed_close(second);
}

static void an_organisation_s_calls_are_those_of_its_workspaces(void **state) { run(organisations); }

static void slow(struct world *w) {
  struct feed_reader *r = open_as(w, &(struct feed_filter){.user = TEXT("ann")});
  struct feed_reader *quick = open_as(w, &(struct feed_filter){0});
  static int64_t ids[FEED_QUEUE + 100];
  int64_t first = w->last_id + 1;
  uint64_t dropped = 0, mine = 0;
  for (int i = 0; i < FEED_QUEUE + 10; i++) {
    struct ledger_row rows[] = {row_of(w), row_of(w)};
    rows[1].user = TEXT("ben");
    feed_stored(w->feed, rows, 2);
    CHECK_INT(take(quick, ids, 2, &mine), 2);
    dropped += mine;
  }
  CHECK_INT(dropped, 0);
  CHECK_INT(take(r, ids, FEED_QUEUE, &dropped), FEED_QUEUE);
  CHECK_INT(dropped, 10); /* of its own only */
  CHECK_INT(ids[0], first + 20);
  CHECK_INT(ids[FEED_QUEUE - 1], first + 2 * (FEED_QUEUE + 9));
  struct ledger_row next = row_of(w);
  feed_stored(w->feed, &next, 1);
  EXPECT_NEXT(r, next.id);
  feed_close(r);
  feed_close(quick);
}

static void who_is_slow_loses_the_oldest_and_hears_how_many(void **state) { run(slow); }

static void back(struct world *w) {
  struct feed_reader *stays = open_as(w, &(struct feed_filter){0}), *r = NULL;
  bool known = false;
  struct ledger_row rows[] = {row_of(w), row_of(w), row_of(w), row_of(w)};
  rows[2].user = TEXT("ben");
  feed_stored(w->feed, rows, 4);
  for (size_t i = 0; i < 4; i++)
    EXPECT_NEXT(stays, rows[i].id);
  const struct feed_filter ann = {.user = TEXT("ann")};
  CHECK_ERR(feed_open(w->feed, &ann, (struct feed_place){1, rows[0].id, feed_process(w->feed)}, &r, &known, NULL),
            ERR_OK);
  CHECK_INT(known, true);
  EXPECT_NEXT(r, rows[1].id);
  EXPECT_NEXT(r, rows[3].id);
  feed_close(r);
  CHECK_ERR(feed_open(w->feed, &ann, (struct feed_place){1, 999, feed_process(w->feed)}, &r, &known, NULL), ERR_OK);
  CHECK_INT(known, false);
  feed_close(r);
  /* Another process has sent in another order. */
  CHECK_ERR(feed_open(w->feed, &ann, (struct feed_place){1, rows[0].id, feed_process(w->feed) + 1}, &r, &known, NULL),
            ERR_OK);
  CHECK_INT(known, false);
  feed_close(r);
  /* Nothing is kept when nobody is left. */
  feed_close(stays);
  CHECK_ERR(feed_open(w->feed, &ann, (struct feed_place){1, rows[0].id, feed_process(w->feed)}, &r, &known, NULL),
            ERR_OK);
  CHECK_INT(known, false);
  feed_close(r);
}

static void who_comes_back_gets_what_came_meanwhile(void **state) { run(back); }

static void narrow(struct world *w) {
  struct feed_reader *r = open_as(w, &(struct feed_filter){0}), *all = open_as(w, &(struct feed_filter){0});
  struct ledger_row rows[] = {row_of(w), row_of(w), row_of(w)};
  rows[0].user = rows[2].user = TEXT("ben");
  feed_stored(w->feed, rows, 2);
  EXPECT_NEXT(all, rows[0].id);
  EXPECT_NEXT(all, rows[1].id);
  feed_filter_set(r, &(struct feed_filter){.user = TEXT("ann")});
  feed_stored(w->feed, &rows[2], 1);
  EXPECT_NEXT(all, rows[2].id);
  EXPECT_NEXT(r, rows[1].id);
  struct ledger_row last = row_of(w);
  feed_stored(w->feed, &last, 1);
  EXPECT_NEXT(r, last.id);
  feed_close(r);
  feed_close(all);
}

static void who_may_see_less_loses_what_still_waited(void **state) { run(narrow); }

static void others(struct world *w) {
  struct ledger_row before = row_of(w);
  before.settled_us -= 3 * SECOND_US;
  CHECK_ERR(w->store->ops->ledger_append(w->store, &before, 1, TEXT(""), 0, NULL), ERR_OK);
  struct feed_reader *r = open_as(w, &(struct feed_filter){0});
  struct ledger_row own = row_of(w), theirs = row_of(w);
  theirs.settled_us++;
  CHECK_ERR(w->store->ops->ledger_append(w->store, &own, 1, TEXT("j"), 1, NULL), ERR_OK);
  feed_stored(w->feed, &own, 1);
  EXPECT_NEXT(r, own.id);
  CHECK_ERR(w->store->ops->ledger_append(w->store, &theirs, 1, TEXT("k"), 1, NULL), ERR_OK);
  EXPECT_NEXT(r, theirs.id);
  /* What was settled a little earlier and is stored later comes too; nothing comes twice. */
  struct ledger_row late = row_of(w);
  late.settled_us = own.settled_us;
  CHECK_ERR(w->store->ops->ledger_append(w->store, &late, 1, TEXT("k"), 2, NULL), ERR_OK);
  EXPECT_NEXT(r, late.id);
  struct ledger_row last = row_of(w);
  feed_stored(w->feed, &last, 1);
  EXPECT_NEXT(r, last.id);
  feed_close(r);
}

static void rows_of_other_processes_come_from_the_log_and_once(void **state) { run(others); }

static void many(struct world *w) {
  struct feed_reader *r = open_as(w, &(struct feed_filter){0});
  static int64_t ids[3000];
  static struct ledger_row rows[1500];
  uint64_t dropped = 0, all = 0;
  size_t got = 0;
  for (size_t i = 0; i < 1500; i++)
    rows[i] = row_of(w);
  CHECK_ERR(w->store->ops->ledger_append(w->store, rows, 1500, TEXT("k"), 1, NULL), ERR_OK);
  /* Three pages of the log, of which a reader that sleeps keeps the newest. */
  for (int64_t until_us = after(20 * SECOND_US); got + all < 1500 && loop_now_us(loop_current()) < until_us;) {
    got += take(r, ids, 1, &dropped);
    all += dropped;
  }
  CHECK_INT(got + all, 1500);
  feed_close(r);
}

static void a_log_of_many_pages_is_read_whole(void **state) { run(many); }

static void full(struct world *w) {
  struct feed_reader *r[FEED_READERS_MAX], *more = NULL;
  struct fault f = {0};
  bool known = false;
  for (size_t i = 0; i < FEED_READERS_MAX; i++)
    r[i] = open_as(w, &(struct feed_filter){0});
  CHECK_ERR(feed_open(w->feed, &(struct feed_filter){0}, (struct feed_place){0}, &more, &known, &f), ERR_UNAVAILABLE);
  CHECK_INT(f.retry_after_s > 0, 1);
  feed_close(r[0]);
  r[0] = open_as(w, &(struct feed_filter){0});
  feed_end(w->feed);
  CHECK_INT(feed_has_ended(w->feed), true);
  for (size_t i = 0; i < FEED_READERS_MAX; i++)
    feed_close(r[i]);
  CHECK_ERR(feed_open(w->feed, &(struct feed_filter){0}, (struct feed_place){0}, &more, &known, &f), ERR_UNAVAILABLE);
}

static void there_is_room_for_so_many_and_for_none_at_the_end(void **state) { run(full); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_reader_gets_the_rows_of_its_filter_in_order),
      cmocka_unit_test(an_organisation_s_calls_are_those_of_its_workspaces),
      cmocka_unit_test(who_is_slow_loses_the_oldest_and_hears_how_many),
      cmocka_unit_test(who_comes_back_gets_what_came_meanwhile),
      cmocka_unit_test(who_may_see_less_loses_what_still_waited),
      cmocka_unit_test(rows_of_other_processes_come_from_the_log_and_once),
      cmocka_unit_test(a_log_of_many_pages_is_read_whole),
      cmocka_unit_test(there_is_room_for_so_many_and_for_none_at_the_end),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
