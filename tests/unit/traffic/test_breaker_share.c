/* Two or three tables of breakers, joined by a bus, must behave as one: what opens, closes or is forced in one does so
 * in all, and of all calls of all replicas exactly one probes, whatever the bus does to the order of messages. */
#include "breaker_bus.h"

#define SECOND INT64_C(1000000)
#define OPEN   (1800 * SECOND)
#define PROBE  (60 * SECOND)

static const struct breaker_rule rule = {3, 60 * SECOND, OPEN, PROBE};

static struct breaker *at(struct bus *bus, size_t i) {
  return breakers_find(bus->replicas[i].all, TEXT("vendor"), TEXT("https://vendor.test"), TEXT("main"));
}

static struct breaker_view look(struct bus *bus, size_t i) {
  struct breaker_view v;
  breaker_look(at(bus, i), &rule, bus_time(&bus->replicas[i]), &v);
  return v;
}

static bool enters(struct bus *bus, size_t i, struct breaker_pass *out) {
  return breaker_enter(at(bus, i), &rule, bus_time(&bus->replicas[i]), out);
}
static void leave(struct bus *bus, size_t i, struct breaker_pass *p, enum breaker_verdict v) {
  breaker_leave(p, &rule, v, "server_error", bus_time(&bus->replicas[i]));
}
static void force(struct bus *bus, size_t i, enum breaker_force f) {
  breaker_set_force(at(bus, i), f, "operator", bus_time(&bus->replicas[i]));
}
static void tick(struct bus *bus) {
  for (size_t i = 0; i < BUS_REPLICAS; i++)
    breakers_tick(bus->replicas[i].all, &rule, bus_time(&bus->replicas[i]));
}

static void open_at(struct bus *bus, size_t i) {
  for (int n = 0; n < 3; n++) {
    struct breaker_pass p;
    assert_true(enters(bus, i, &p));
    leave(bus, i, &p, BREAKER_FAILURE);
  }
}

static struct breaker_pass probe_at(struct bus *bus, size_t i) {
  struct breaker_pass p;
  assert_true(breaker_lets(at(bus, i), &rule, bus_time(&bus->replicas[i])));
  assert_true(enters(bus, i, &p));
  assert_true(p.is_probe);
  return p;
}

static void expect_refused(struct bus *bus, size_t i) {
  struct breaker_pass p;
  assert_false(enters(bus, i, &p));
}

static void expect_everywhere(struct bus *bus, enum breaker_state state) {
  for (size_t i = 0; i < BUS_REPLICAS; i++)
    assert_int_equal(look(bus, i).state, state);
}

/* A bus on which every replica has the breaker. */
static struct bus *begin(void) {
  struct bus *bus = bus_new();
  expect_everywhere(bus, BREAKER_CLOSED);
  return bus;
}
static struct bus *begin_half_open(void) {
  struct bus *bus = begin();
  open_at(bus, 0);
  bus->now_us += OPEN;
  expect_everywhere(bus, BREAKER_HALF_OPEN);
  return bus;
}

/* --- news --- */

static void opened_in_one_refuses_in_all(void **state) {
  struct bus *bus = begin();
  open_at(bus, 1);
  for (size_t i = 0; i < BUS_REPLICAS; i++) {
    struct breaker_view v = look(bus, i);
    assert_int_equal(v.state, BREAKER_OPEN);
    assert_int_equal(v.until_us - bus_time(&bus->replicas[i]), OPEN); /* each on its own clock */
    assert_string_equal(v.reason, "server_error");
    assert_int_equal(v.times_opened, i == 1);
    expect_refused(bus, i);
  }
  bus->now_us += OPEN - 1;
  expect_everywhere(bus, BREAKER_OPEN);
  bus->now_us += 1;
  expect_everywhere(bus, BREAKER_HALF_OPEN);
  bus_free(bus);
}

static void closed_in_one_closes_in_all(void **state) {
  for (int streams = 0; streams < 2; streams++) {
    struct bus *bus = begin_half_open();
    struct breaker_pass probe = probe_at(bus, 2);
    if (streams)
      breaker_probe_answers(&probe, bus_time(&bus->replicas[2]));
    else
      leave(bus, 2, &probe, BREAKER_SUCCESS);
    expect_everywhere(bus, BREAKER_CLOSED);
    leave(bus, 2, &probe, BREAKER_SUCCESS);
    for (size_t i = 0; i < BUS_REPLICAS; i++) {
      struct breaker_pass p;
      assert_true(enters(bus, i, &p));
      assert_false(p.is_probe);
    }
    bus_free(bus);
  }
}

static void calls_under_way_elsewhere_do_not_count_after_the_opening(void **state) {
  struct bus *bus = begin();
  struct breaker_pass late[4];
  for (int i = 0; i < 4; i++)
    assert_true(enters(bus, 1, &late[i]));
  open_at(bus, 0);
  leave(bus, 1, &late[0], BREAKER_SUCCESS);
  expect_everywhere(bus, BREAKER_OPEN);
  bus->now_us += OPEN;
  struct breaker_pass probe = probe_at(bus, 0);
  leave(bus, 0, &probe, BREAKER_SUCCESS);
  for (int i = 1; i < 4; i++)
    leave(bus, 1, &late[i], BREAKER_FAILURE);
  expect_everywhere(bus, BREAKER_CLOSED);
  assert_int_equal(look(bus, 1).failures_in_window, 0);
  bus_free(bus);
}

static void a_failed_probe_opens_it_again_in_all_for_the_full_time(void **state) {
  struct bus *bus = begin_half_open();
  struct breaker_pass probe = probe_at(bus, 1);
  bus->now_us += 5 * SECOND;
  leave(bus, 1, &probe, BREAKER_FAILURE);
  for (size_t i = 0; i < BUS_REPLICAS; i++)
    assert_int_equal(look(bus, i).until_us - bus_time(&bus->replicas[i]), OPEN);
  expect_everywhere(bus, BREAKER_OPEN);
  bus->now_us += OPEN;
  probe = probe_at(bus, 2); /* and then anyone may probe */
  leave(bus, 2, &probe, BREAKER_SUCCESS);
  expect_everywhere(bus, BREAKER_CLOSED);
  bus_free(bus);
}

static void an_operators_word_holds_in_all(void **state) {
  struct bus *bus = begin();
  force(bus, 0, BREAKER_FORCED_OPEN);
  expect_everywhere(bus, BREAKER_OPEN);
  bus->now_us += 10 * OPEN;
  for (size_t i = 0; i < BUS_REPLICAS; i++) {
    expect_refused(bus, i);
    assert_int_equal(look(bus, i).force, BREAKER_FORCED_OPEN);
    assert_string_equal(look(bus, i).reason, "operator");
  }
  force(bus, 2, BREAKER_FORCED_CLOSED);
  for (int n = 0; n < 10; n++)
    open_at(bus, 1);
  expect_everywhere(bus, BREAKER_CLOSED);
  force(bus, 1, BREAKER_AUTOMATIC);
  open_at(bus, 0);
  expect_everywhere(bus, BREAKER_OPEN);
  force(bus, 2, BREAKER_AUTOMATIC); /* closes what has opened */
  expect_everywhere(bus, BREAKER_CLOSED);
  bus_free(bus);
}

static void an_opening_at_the_same_moment_does_not_drown_an_operators_word(void **state) {
  struct bus *bus = begin();
  bus->is_late = true;
  open_at(bus, 2);
  force(bus, 0, BREAKER_FORCED_CLOSED);
  bus_settle(bus);
  expect_everywhere(bus, BREAKER_CLOSED);
  for (size_t i = 0; i < BUS_REPLICAS; i++)
    assert_int_equal(look(bus, i).force, BREAKER_FORCED_CLOSED);
  bus_free(bus);
}

static void openings_at_the_same_moment_become_one(void **state) {
  struct bus *bus = begin();
  bus->is_late = true;
  open_at(bus, 0);
  bus->now_us += 20;
  open_at(bus, 1);
  bus_settle(bus);
  expect_everywhere(bus, BREAKER_OPEN);
  bus->now_us += OPEN;
  bus->is_late = false;
  struct breaker_pass probe = probe_at(bus, 0);
  expect_refused(bus, 1);
  expect_refused(bus, 2);
  leave(bus, 0, &probe, BREAKER_SUCCESS);
  expect_everywhere(bus, BREAKER_CLOSED);
  bus_free(bus);
}

static void news_in_the_wrong_order_do_not_open_it_again(void **state) {
  struct bus *bus = begin();
  bus->is_late = true;
  open_at(bus, 0);
  force(bus, 0, BREAKER_AUTOMATIC);
  assert_int_equal(bus->queued, 4);
  bus_take(bus, 2, true); /* to the second: closed; then opened; then closed once more */
  bus_take(bus, 0, true);
  assert_int_equal(look(bus, 1).state, BREAKER_CLOSED);
  bus_settle(bus);
  expect_everywhere(bus, BREAKER_CLOSED);
  bus_free(bus);
}

static void a_replica_that_comes_later_is_told_what_is_open_and_for_how_long(void **state) {
  struct bus *bus = begin();
  open_at(bus, 0);
  bus->now_us += 600 * SECOND;
  bus_kill(bus, 2);
  bus_start(bus, 2);
  struct breaker_view v = look(bus, 2);
  assert_int_equal(v.state, BREAKER_OPEN);
  assert_int_equal(v.until_us - bus_time(&bus->replicas[2]), 1200 * SECOND);
  assert_string_equal(v.reason, "server_error");
  expect_refused(bus, 2);
  bus_free(bus);
}

static void lost_news_are_made_good_by_the_next(void **state) {
  struct bus *bus = begin();
  bus->replicas[1].is_cut_off = true;
  open_at(bus, 0);
  assert_int_equal(look(bus, 1).state, BREAKER_CLOSED);
  bus->replicas[1].is_cut_off = false;
  open_at(bus, 1); /* an opening like the other, so nothing changes there, and it is told how old the first one is */
  expect_everywhere(bus, BREAKER_OPEN);
  bus->replicas[1].is_cut_off = true;
  force(bus, 0, BREAKER_AUTOMATIC);
  bus->replicas[1].is_cut_off = false;
  force(bus, 1, BREAKER_FORCED_OPEN);
  force(bus, 1, BREAKER_AUTOMATIC);
  expect_everywhere(bus, BREAKER_CLOSED);
  bus_free(bus);
}

static size_t breakers_at(struct bus *bus, size_t i) {
  struct breakers_row *rows;
  struct arena a;
  size_t cursor = 0;
  arena_init(&a);
  size_t n = breakers_list(bus->replicas[i].all, &rule, bus_time(&bus->replicas[i]), &cursor, 10, &a, &rows);
  arena_done(&a);
  return n;
}

static void what_was_missed_is_made_good_by_telling_everything_again(void **state) {
  struct bus *bus = begin();
  size_t cursor = 0;
  bus->replicas[0].is_cut_off = bus->replicas[1].is_cut_off = true;
  open_at(bus, 0);
  breaker_set_force(breakers_find(bus->replicas[1].all, TEXT("other"), TEXT("e"), TEXT("c")), BREAKER_FORCED_OPEN, "op",
                    0);
  bus->replicas[0].is_cut_off = bus->replicas[1].is_cut_off = false;
  assert_int_equal(look(bus, 2).state, BREAKER_CLOSED);
  assert_int_equal(breakers_tell_again(bus->replicas[0].all, &cursor, 10, bus_time(&bus->replicas[0])), 1);
  assert_int_equal(breakers_tell_again(bus->replicas[0].all, &cursor, 10, bus_time(&bus->replicas[0])), 0);
  expect_everywhere(bus, BREAKER_OPEN);
  cursor = 0; /* in steps of one */
  assert_int_equal(breakers_tell_again(bus->replicas[1].all, &cursor, 1, bus_time(&bus->replicas[1])), 1);
  assert_int_equal(breakers_tell_again(bus->replicas[1].all, &cursor, 1, bus_time(&bus->replicas[1])), 1);
  assert_int_equal(breakers_tell_again(bus->replicas[1].all, &cursor, 1, bus_time(&bus->replicas[1])), 0);
  struct breaker_view v;
  breaker_look(breakers_find(bus->replicas[2].all, TEXT("other"), TEXT("e"), TEXT("c")), &rule, 0, &v);
  assert_int_equal(v.force, BREAKER_FORCED_OPEN);
  bus_free(bus);
}

/* A name that others understand differently: nothing of it leaves this replica, and it asks nobody. */
static void a_breaker_of_this_replica_alone_is_told_to_nobody(void **state) {
  struct bus *bus = begin();
  int64_t now_us = bus_time(&bus->replicas[0]);
  struct breaker *own = breakers_find_alone(bus->replicas[0].all, TEXT("vendor"), TEXT("e"), TEXT("caller 1"));
  struct breaker *other = breakers_find_alone(bus->replicas[1].all, TEXT("vendor"), TEXT("e"), TEXT("caller 1"));
  struct breaker_view v;
  struct breaker_pass p;
  size_t cursor = 0;
  for (int n = 0; n < 3; n++) {
    assert_true(breaker_enter(own, &rule, now_us, &p));
    breaker_leave(&p, &rule, BREAKER_FAILURE, "auth", now_us);
  }
  assert_false(breaker_enter(own, &rule, now_us, &p));
  while (breakers_tell_again(bus->replicas[0].all, &cursor, 10, now_us) > 0)
    continue;
  breaker_look(other, &rule, bus_time(&bus->replicas[1]), &v);
  assert_int_equal(v.state, BREAKER_CLOSED);
  assert_true(breaker_enter(own, &rule, now_us + OPEN, &p));
  assert_true(p.is_probe);
  breaker_leave(&p, &rule, BREAKER_SUCCESS, NULL, now_us + OPEN);
  assert_int_equal(bus->claims, 0);
  assert_ptr_equal(breakers_find_alone(bus->replicas[0].all, TEXT("vendor"), TEXT("e"), TEXT("caller 1")), own);
  bus_free(bus);
}

static void a_breaker_appears_elsewhere_only_when_there_is_something_to_say(void **state) {
  struct bus *bus = bus_new();
  at(bus, 0);
  assert_int_equal(breakers_at(bus, 1), 0);
  open_at(bus, 0);
  assert_int_equal(breakers_at(bus, 1), 1);
  assert_int_equal(look(bus, 1).state, BREAKER_OPEN);
  bus_free(bus);
}

static struct breaker_news news_of(struct breaker_version version, bool is_open) {
  return (struct breaker_news){.name = {TEXT("vendor"), TEXT("https://vendor.test"), TEXT("main")},
                               .state_version = version,
                               .is_open = is_open,
                               .opened_ago_us = is_open ? OPEN : 0};
}

static void closed_elsewhere_means_nothing_to_the_calls_of_a_closed_one(void **state) {
  struct bus *bus = begin();
  struct breaker_news news = news_of((struct breaker_version){8, 99}, false);
  struct breaker_pass late[3];
  for (int i = 0; i < 3; i++)
    assert_true(enters(bus, 0, &late[i]));
  leave(bus, 0, &late[0], BREAKER_FAILURE);
  breakers_hear(bus->replicas[0].all, &news, bus_time(&bus->replicas[0]));
  leave(bus, 0, &late[1], BREAKER_FAILURE);
  leave(bus, 0, &late[2], BREAKER_FAILURE);
  expect_everywhere(bus, BREAKER_OPEN);
  bus_free(bus);
}

/* --- the right to probe --- */

static void of_all_replicas_calls_exactly_one_probes(void **state) {
  struct bus *bus = begin_half_open();
  struct breaker_pass probe = probe_at(bus, 1);
  for (int n = 0; n < 55; n++) {
    for (size_t i = 0; i < BUS_REPLICAS; i++)
      expect_refused(bus, i);
    tick(bus);
    bus->now_us += SECOND;
  }
  assert_true(look(bus, 1).probing);
  leave(bus, 1, &probe, BREAKER_SUCCESS);
  expect_everywhere(bus, BREAKER_CLOSED);
  bus_free(bus);
}

static void a_neutral_probe_frees_the_place_in_all(void **state) {
  struct bus *bus = begin_half_open();
  for (size_t i = 0; i < 4 * BUS_REPLICAS; i++) {
    struct breaker_pass probe = probe_at(bus, i % BUS_REPLICAS);
    leave(bus, i % BUS_REPLICAS, &probe, BREAKER_NEUTRAL);
    bus->now_us += SECOND;
  }
  expect_everywhere(bus, BREAKER_HALF_OPEN);
  bus_free(bus);
}

static void a_lost_replicas_probe_is_given_up(void **state) {
  struct bus *bus = begin_half_open();
  probe_at(bus, 0);
  bus_kill(bus, 0);
  bus->now_us += PROBE - SECOND;
  expect_refused(bus, 1);
  bus->now_us += SECOND;
  struct breaker_pass probe = probe_at(bus, 1);
  bus_start(bus, 0);
  assert_int_equal(look(bus, 0).state, BREAKER_HALF_OPEN);
  expect_refused(bus, 0);
  leave(bus, 1, &probe, BREAKER_SUCCESS);
  expect_everywhere(bus, BREAKER_CLOSED);
  bus_free(bus);
}

static void a_probe_given_up_here_is_given_up_everywhere(void **state) {
  struct bus *bus = begin_half_open();
  struct breaker_pass lost = probe_at(bus, 0);
  bus->now_us += PROBE - 1;
  assert_true(look(bus, 0).probing);
  assert_int_equal(look(bus, 0).until_us, bus_time(&bus->replicas[0]) + 1);
  expect_refused(bus, 2);
  bus->now_us += SECOND;
  struct breaker_pass probe = probe_at(bus, 2);
  expect_refused(bus, 0);
  leave(bus, 2, &probe, BREAKER_FAILURE);
  leave(bus, 0, &lost, BREAKER_SUCCESS); /* its epoch is over: another one's probe has failed since */
  expect_everywhere(bus, BREAKER_OPEN);
  bus_free(bus);
}

/* The answer is under way: the call that asked is refused, the next one probes. */
static void a_right_that_is_granted_later_serves_the_next_call(void **state) {
  struct bus *bus = begin_half_open();
  bus->is_late = true;
  expect_refused(bus, 0);
  expect_refused(bus, 1);
  assert_false(breaker_lets(at(bus, 0), &rule, bus_time(&bus->replicas[0])));
  bus_settle(bus);
  assert_int_equal(bus->claims, 2);
  assert_int_equal(bus->grants, 1);
  assert_true(breaker_lets(at(bus, 0), &rule, bus_time(&bus->replicas[0])));
  expect_refused(bus, 1);
  bus->now_us += PROBE / 4 - 1;
  struct breaker_pass probe = probe_at(bus, 0);
  /* It has what is left of the lease. */
  bus->now_us += PROBE - PROBE / 4;
  assert_true(look(bus, 0).probing);
  bus->now_us += 1;
  assert_false(look(bus, 0).probing);
  leave(bus, 0, &probe, BREAKER_SUCCESS);
  bus_settle(bus);
  expect_everywhere(bus, BREAKER_CLOSED);
  bus_free(bus);
}

static void a_right_not_used_in_time_is_of_no_use(void **state) {
  struct bus *bus = begin_half_open();
  bus->is_late = true;
  expect_refused(bus, 0);
  bus_settle(bus);
  bus->now_us += PROBE / 4;
  expect_refused(bus, 0); /* asks anew */
  bus_settle(bus);
  struct breaker_pass probe = probe_at(bus, 0);
  leave(bus, 0, &probe, BREAKER_NEUTRAL);
  bus_free(bus);
}

static void a_grant_that_comes_too_late_or_twice_lets_nobody_in(void **state) {
  struct bus *bus = begin_half_open();
  bus->is_late = true;
  expect_refused(bus, 0);
  bus_take(bus, 0, false); /* the claim; the grant waits now */
  bus_take(bus, 0, true);
  struct breaker_pass probe = probe_at(bus, 0);
  leave(bus, 0, &probe, BREAKER_NEUTRAL);
  bus_take(bus, 1, false); /* the release overtakes the second grant */
  assert_int_equal(bus->queued, 1);
  bus->is_late = false;
  probe = probe_at(bus, 1);
  bus_settle(bus);
  bus->is_late = true;
  expect_refused(bus, 0);
  bus->queued = 0;
  leave(bus, 1, &probe, BREAKER_NEUTRAL);
  bus_settle(bus);
  expect_refused(bus, 2);
  bus_take(bus, 0, false);
  bus->now_us += PROBE / 4; /* too old to begin with, so it is given back */
  bus_settle(bus);
  bus->is_late = false;
  probe = probe_at(bus, 0);
  leave(bus, 0, &probe, BREAKER_NEUTRAL);
  bus_free(bus);
}

static void a_grant_for_an_earlier_state_lets_nobody_in(void **state) {
  struct bus *bus = begin_half_open();
  struct breaker_news news = news_of((struct breaker_version){1, 99}, true);
  bus->is_late = true;
  expect_refused(bus, 0);
  bus_take(bus, 0, false);
  breakers_hear(bus->replicas[0].all, &news, bus_time(&bus->replicas[0])); /* opened there at the same time */
  assert_int_equal(look(bus, 0).state, BREAKER_HALF_OPEN);
  bus_take(bus, 0, false);
  expect_refused(bus, 0);
  bus_free(bus);
}

/* Ten minutes between calls, and every answer takes a second. */
static void rare_calls_find_the_right_to_probe_waiting(void **state) {
  struct bus *bus = begin_half_open();
  bus->is_late = true;
  expect_refused(bus, 1);
  for (int s = 0; s < 600; s++) {
    bus->now_us += SECOND;
    bus_settle(bus);
    if (s % 5 == 0)
      tick(bus);
  }
  int calls = 0;
  struct breaker_pass probe = {0};
  while (!enters(bus, 1, &probe)) {
    assert_in_range(++calls, 0, 20); /* the replica where it opened may have the right just then */
    for (int s = 0; s < 597; s++) {
      bus->now_us += SECOND;
      bus_settle(bus);
      if (s % 5 == 0)
        tick(bus);
    }
  }
  assert_true(probe.is_probe);
  bus_free(bus);
}

static void an_unused_right_goes_to_the_replica_that_has_calls(void **state) {
  struct bus *bus = begin_half_open();
  tick(bus); /* where it opened a call may want to probe, so the right is asked for */
  assert_int_equal(bus->grants, 1);
  expect_refused(bus, 1);
  bus->now_us += PROBE / 4;
  tick(bus); /* and given back when none did */
  struct breaker_pass probe = probe_at(bus, 1);
  leave(bus, 1, &probe, BREAKER_SUCCESS);
  expect_everywhere(bus, BREAKER_CLOSED);
  tick(bus);
  assert_int_equal(bus->grants, 2);
  bus_free(bus);
}

static void nothing_is_claimed_while_open_closed_or_forced(void **state) {
  struct bus *bus = begin();
  open_at(bus, 0);
  for (int n = 0; n < 100; n++) {
    expect_refused(bus, 0);
    tick(bus);
    bus->now_us += SECOND;
  }
  force(bus, 1, BREAKER_FORCED_OPEN);
  bus->now_us += 2 * OPEN;
  expect_refused(bus, 0);
  tick(bus);
  force(bus, 1, BREAKER_AUTOMATIC);
  tick(bus);
  assert_int_equal(bus->claims, 0);
  bus_free(bus);
}

static void a_claim_that_is_not_granted_is_not_repeated_at_once(void **state) {
  struct bus *bus = begin_half_open();
  probe_at(bus, 0);
  for (int n = 0; n < 1000; n++) {
    expect_refused(bus, 1);
    bus->now_us += SECOND / 100;
  }
  assert_int_equal(bus->claims, 1 + 10);
  bus_free(bus);
}

static void news_of_an_unknown_kind_are_left_alone(void **state) {
  struct bus *bus = begin();
  struct breaker_news news = news_of((struct breaker_version){5, 99}, true);
  news.force_version = news.state_version;
  news.force = (enum breaker_force)3;
  breakers_hear(bus->replicas[0].all, &news, bus_time(&bus->replicas[0]));
  assert_int_equal(look(bus, 0).state, BREAKER_CLOSED);
  news.force = BREAKER_AUTOMATIC;
  news.opened_ago_us = -5; /* a clock of theirs went back */
  breakers_hear(bus->replicas[0].all, &news, bus_time(&bus->replicas[0]));
  assert_int_equal(look(bus, 0).state, BREAKER_OPEN);
  assert_int_equal(look(bus, 0).opened_us, bus_time(&bus->replicas[0]));
  bus_free(bus);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opened_in_one_refuses_in_all),
      cmocka_unit_test(closed_in_one_closes_in_all),
      cmocka_unit_test(calls_under_way_elsewhere_do_not_count_after_the_opening),
      cmocka_unit_test(a_failed_probe_opens_it_again_in_all_for_the_full_time),
      cmocka_unit_test(an_operators_word_holds_in_all),
      cmocka_unit_test(an_opening_at_the_same_moment_does_not_drown_an_operators_word),
      cmocka_unit_test(openings_at_the_same_moment_become_one),
      cmocka_unit_test(news_in_the_wrong_order_do_not_open_it_again),
      cmocka_unit_test(a_replica_that_comes_later_is_told_what_is_open_and_for_how_long),
      cmocka_unit_test(lost_news_are_made_good_by_the_next),
      cmocka_unit_test(what_was_missed_is_made_good_by_telling_everything_again),
      cmocka_unit_test(a_breaker_of_this_replica_alone_is_told_to_nobody),
      cmocka_unit_test(a_breaker_appears_elsewhere_only_when_there_is_something_to_say),
      cmocka_unit_test(closed_elsewhere_means_nothing_to_the_calls_of_a_closed_one),
      cmocka_unit_test(of_all_replicas_calls_exactly_one_probes),
      cmocka_unit_test(a_neutral_probe_frees_the_place_in_all),
      cmocka_unit_test(a_lost_replicas_probe_is_given_up),
      cmocka_unit_test(a_probe_given_up_here_is_given_up_everywhere),
      cmocka_unit_test(a_right_that_is_granted_later_serves_the_next_call),
      cmocka_unit_test(a_right_not_used_in_time_is_of_no_use),
      cmocka_unit_test(a_grant_that_comes_too_late_or_twice_lets_nobody_in),
      cmocka_unit_test(a_grant_for_an_earlier_state_lets_nobody_in),
      cmocka_unit_test(rare_calls_find_the_right_to_probe_waiting),
      cmocka_unit_test(an_unused_right_goes_to_the_replica_that_has_calls),
      cmocka_unit_test(nothing_is_claimed_while_open_closed_or_forced),
      cmocka_unit_test(a_claim_that_is_not_granted_is_not_repeated_at_once),
      cmocka_unit_test(news_of_an_unknown_kind_are_left_alone),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("breaker_share", tests, NULL, NULL);
}
