/* One breaker, rule by rule, on a virtual clock. Four tests stand for faults of an earlier system: streams that neither
 * asked the breaker nor told it anything, a half-open breaker that let everything through, a failed probe that did not
 * open it again, and a success that did not clear the count. */
#include "traffic/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define OPEN   (1800 * SECOND)
#define PROBE  (120 * SECOND)

static const struct breaker_rule three_in_60 = {3, 60 * SECOND, OPEN, PROBE};

struct fixture {
  struct breaker *b;
  struct breaker_rule rule;
  int64_t now_us;
};

static struct fixture begin(void) {
  struct breaker_name name = {TEXT("vendor"), TEXT("https://vendor.test"), TEXT("main")};
  return (struct fixture){breaker_new(&name, NULL), three_in_60, 5 * SECOND};
}

static struct breaker_view look(struct fixture *f) {
  struct breaker_view v;
  breaker_look(f->b, &f->rule, f->now_us, &v);
  return v;
}

/* Enters, and asks breaker_lets for the same before. */
static bool enters(struct fixture *f, struct breaker_pass *out) {
  bool lets = breaker_lets(f->b, &f->rule, f->now_us);
  bool result = breaker_enter(f->b, &f->rule, f->now_us, out);
  assert_int_equal(result, lets);
  if (!result) {
    assert_null(out->breaker);
  }
  return result;
}

static struct breaker_pass pass_of(struct fixture *f, bool is_probe) {
  struct breaker_pass p;
  assert_true(enters(f, &p));
  assert_ptr_equal(p.breaker, f->b);
  assert_int_equal(p.is_probe, is_probe);
  return p;
}

/* Leaves, and checks that the result tells what became of the breaker. */
static void leave(struct fixture *f, struct breaker_pass *p, enum breaker_verdict v) {
  struct breaker_view before = look(f), after;
  bool turned = breaker_leave(p, &f->rule, v, v == BREAKER_FAILURE ? "server_error" : NULL, f->now_us);
  assert_null(p->breaker);
  after = look(f);
  assert_int_equal(turned, after.times_opened > before.times_opened || after.state < before.state);
}

static void call(struct fixture *f, enum breaker_verdict v) {
  struct breaker_pass p = pass_of(f, false);
  leave(f, &p, v);
}

static void expect_refused(struct fixture *f) {
  struct breaker_pass p;
  assert_false(enters(f, &p));
}

static void expect_state(struct fixture *f, enum breaker_state state) { assert_int_equal(look(f).state, state); }

static void open_it(struct fixture *f) {
  for (int64_t i = 0; i < f->rule.failures; i++)
    call(f, BREAKER_FAILURE);
  expect_state(f, BREAKER_OPEN);
}

/* --- closed --- */

static void three_failures_within_60_s_open_it(void **state) {
  struct fixture f = begin();
  call(&f, BREAKER_FAILURE);
  f.now_us += 30 * SECOND;
  call(&f, BREAKER_FAILURE);
  f.now_us += 30 * SECOND - 1;
  expect_state(&f, BREAKER_CLOSED);
  assert_int_equal(look(&f).failures_in_window, 2);
  call(&f, BREAKER_FAILURE);
  struct breaker_view v = look(&f);
  assert_int_equal(v.state, BREAKER_OPEN);
  assert_int_equal(v.opened_us, f.now_us);
  assert_int_equal(v.until_us, f.now_us + OPEN);
  assert_int_equal(v.times_opened, 1);
  assert_int_equal(v.failures, 3);
  assert_int_equal(v.failures_in_window, 0);
  assert_string_equal(v.reason, "server_error");
  expect_refused(&f);
  assert_int_equal(look(&f).refused, 1);
  breaker_free(f.b);
}

static void the_window_slides_and_is_exact(void **state) {
  struct fixture f = begin();
  for (int i = 0; i < 1000; i++) { /* never three within 60 s, for hours */
    call(&f, BREAKER_FAILURE);
    f.now_us += 30 * SECOND;
  }
  expect_state(&f, BREAKER_CLOSED);
  assert_int_equal(look(&f).failures_in_window, 1);
  f.now_us -= 1; /* the last but one is a microsecond within the window again */
  assert_int_equal(look(&f).failures_in_window, 2);
  call(&f, BREAKER_FAILURE);
  expect_state(&f, BREAKER_OPEN);
  breaker_free(f.b);
}

static void earlier_fault_a_success_while_closed_clears_the_count(void **state) {
  struct fixture f = begin();
  for (int i = 0; i < 100; i++) {
    call(&f, BREAKER_FAILURE);
    call(&f, BREAKER_FAILURE);
    assert_int_equal(look(&f).failures_in_window, 2);
    call(&f, BREAKER_SUCCESS);
    assert_int_equal(look(&f).failures_in_window, 0);
  }
  expect_state(&f, BREAKER_CLOSED);
  assert_int_equal(look(&f).successes, 100);
  breaker_free(f.b);
}

static void a_neutral_verdict_neither_counts_nor_clears(void **state) {
  struct fixture f = begin();
  call(&f, BREAKER_FAILURE);
  call(&f, BREAKER_FAILURE);
  for (int i = 0; i < 10; i++)
    call(&f, BREAKER_NEUTRAL);
  assert_int_equal(look(&f).failures_in_window, 2);
  call(&f, BREAKER_FAILURE);
  expect_state(&f, BREAKER_OPEN);
  assert_int_equal(look(&f).successes, 0);
  assert_int_equal(look(&f).failures, 3);
  breaker_free(f.b);
}

static void a_verdict_is_given_once(void **state) {
  struct fixture f = begin();
  struct breaker_pass p = pass_of(&f, false);
  for (int i = 0; i < 5; i++)
    leave(&f, &p, BREAKER_FAILURE);
  assert_int_equal(look(&f).failures, 1);
  assert_int_equal(look(&f).failures_in_window, 1);
  breaker_free(f.b);
}

static void no_breaker_is_one_that_is_closed(void **state) {
  struct fixture f = {.rule = three_in_60};
  struct breaker_pass p = {.epoch = 7};
  struct breaker_view v;
  assert_true(breaker_lets(NULL, &f.rule, 0));
  assert_true(breaker_enter(NULL, &f.rule, 0, &p));
  assert_null(p.breaker);
  assert_int_equal(p.epoch, 0);
  breaker_probe_answers(&p, 0);
  breaker_leave(&p, &f.rule, BREAKER_FAILURE, "x", 0);
  breaker_set_force(NULL, BREAKER_FORCED_OPEN, "x", 0);
  breaker_look(NULL, &f.rule, 0, &v);
  assert_int_equal(v.state, BREAKER_CLOSED);
  assert_string_equal(v.reason, "");
  breaker_free(NULL);
}

static void a_million_failures_can_be_borne(void **state) {
  struct fixture f = begin();
  f.rule.failures = 1000000;
  for (int i = 0; i < 999999; i++)
    call(&f, BREAKER_FAILURE);
  assert_int_equal(look(&f).failures_in_window, 999999);
  expect_state(&f, BREAKER_CLOSED);
  call(&f, BREAKER_FAILURE);
  expect_state(&f, BREAKER_OPEN);
  breaker_free(f.b);
}

/* --- open and half open --- */

static void it_stays_open_for_1800_s_whatever_comes(void **state) {
  struct fixture f = begin();
  open_it(&f);
  for (int i = 0; i < 1800; i++) {
    expect_refused(&f);
    expect_state(&f, BREAKER_OPEN);
    f.now_us += SECOND;
  }
  assert_int_equal(look(&f).refused, 1800);
  expect_state(&f, BREAKER_HALF_OPEN);
  f.now_us--;
  expect_state(&f, BREAKER_OPEN);
  expect_refused(&f);
  breaker_free(f.b);
}

static void earlier_fault_half_open_lets_exactly_one_through(void **state) {
  struct fixture f = begin();
  open_it(&f);
  f.now_us += OPEN;
  assert_true(breaker_lets(f.b, &f.rule, f.now_us)); /* asking takes nothing */
  assert_true(breaker_lets(f.b, &f.rule, f.now_us));
  assert_false(look(&f).probing);
  struct breaker_pass probe = pass_of(&f, true);
  for (int i = 0; i < 50; i++)
    expect_refused(&f);
  f.now_us += PROBE - 1;
  expect_refused(&f);
  assert_true(look(&f).probing);
  assert_int_equal(look(&f).until_us, f.now_us + 1);
  expect_state(&f, BREAKER_HALF_OPEN);
  leave(&f, &probe, BREAKER_SUCCESS);
  expect_state(&f, BREAKER_CLOSED);
  assert_string_equal(look(&f).reason, "");
  call(&f, BREAKER_SUCCESS);
  breaker_free(f.b);
}

static void earlier_fault_one_failed_probe_opens_it_again_for_the_full_time(void **state) {
  struct fixture f = begin();
  open_it(&f);
  for (uint64_t i = 2; i < 20; i++) {
    f.now_us += OPEN;
    struct breaker_pass probe = pass_of(&f, true);
    f.now_us += 7 * SECOND;
    breaker_leave(&probe, &f.rule, BREAKER_FAILURE, "timeout", f.now_us);
    struct breaker_view v = look(&f);
    assert_int_equal(v.state, BREAKER_OPEN);
    assert_int_equal(v.opened_us, f.now_us);
    assert_int_equal(v.until_us, f.now_us + OPEN);
    assert_int_equal(v.times_opened, i);
    assert_string_equal(v.reason, "timeout");
    f.now_us += OPEN - 1;
    expect_refused(&f);
    f.now_us -= OPEN - 1;
  }
  breaker_free(f.b);
}

static void after_the_probe_the_count_starts_afresh(void **state) {
  struct fixture f = begin();
  open_it(&f);
  f.now_us += OPEN;
  struct breaker_pass probe = pass_of(&f, true);
  leave(&f, &probe, BREAKER_SUCCESS);
  call(&f, BREAKER_FAILURE);
  call(&f, BREAKER_FAILURE);
  expect_state(&f, BREAKER_CLOSED);
  call(&f, BREAKER_FAILURE);
  expect_state(&f, BREAKER_OPEN);
  breaker_free(f.b);
}

static void a_neutral_probe_frees_the_place_for_the_next(void **state) {
  struct fixture f = begin();
  open_it(&f);
  f.now_us += OPEN;
  for (int i = 0; i < 5; i++) {
    struct breaker_pass probe = pass_of(&f, true);
    expect_refused(&f);
    leave(&f, &probe, BREAKER_NEUTRAL);
    expect_state(&f, BREAKER_HALF_OPEN);
    assert_false(look(&f).probing);
  }
  struct breaker_pass probe = pass_of(&f, true);
  leave(&f, &probe, BREAKER_SUCCESS);
  expect_state(&f, BREAKER_CLOSED);
  breaker_free(f.b);
}

static void a_probe_without_a_verdict_is_given_up(void **state) {
  struct fixture f = begin();
  open_it(&f);
  f.now_us += OPEN;
  struct breaker_pass lost = pass_of(&f, true);
  f.now_us += PROBE;
  assert_false(look(&f).probing);
  struct breaker_pass next = pass_of(&f, true);
  expect_refused(&f);
  leave(&f, &lost, BREAKER_FAILURE); /* too late: another one has its place */
  expect_state(&f, BREAKER_HALF_OPEN);
  assert_true(look(&f).probing);
  leave(&f, &next, BREAKER_SUCCESS);
  expect_state(&f, BREAKER_CLOSED);
  breaker_free(f.b);
}

static void a_late_probe_decides_as_long_as_no_other_has_its_place(void **state) {
  for (int v = BREAKER_SUCCESS; v <= BREAKER_FAILURE; v++) {
    struct fixture f = begin();
    open_it(&f);
    f.now_us += OPEN;
    struct breaker_pass late = pass_of(&f, true);
    f.now_us += 10 * PROBE;
    leave(&f, &late, (enum breaker_verdict)v);
    expect_state(&f, v == BREAKER_SUCCESS ? BREAKER_CLOSED : BREAKER_OPEN);
    breaker_free(f.b);
  }
}

/* --- streams --- */

static void earlier_fault_streams_are_asked_and_feed_it_like_plain_calls(void **state) {
  struct fixture f = begin();
  struct breaker_pass streams[4];
  for (int i = 0; i < 4; i++)
    streams[i] = pass_of(&f, false);
  for (int i = 0; i < 4; i++) {
    assert_false(breaker_probe_answers(&streams[i],
                                       f.now_us)); /* a stream of a closed breaker begins: that decides nothing yet */
    assert_false(streams[i].is_probe);
  }
  assert_int_equal(look(&f).successes, 0);
  f.now_us += 600 * SECOND;
  leave(&f, &streams[0], BREAKER_FAILURE); /* cut before its last event */
  leave(&f, &streams[1], BREAKER_FAILURE);
  call(&f, BREAKER_SUCCESS);
  leave(&f, &streams[2], BREAKER_SUCCESS);
  assert_int_equal(look(&f).failures_in_window, 0);
  call(&f, BREAKER_FAILURE);
  leave(&f, &streams[3], BREAKER_FAILURE);
  call(&f, BREAKER_FAILURE);
  expect_state(&f, BREAKER_OPEN);
  expect_refused(&f);
  breaker_free(f.b);
}

static void a_probe_that_streams_closes_it_with_its_first_event(void **state) {
  struct fixture f = begin();
  open_it(&f);
  f.now_us += OPEN;
  struct breaker_pass probe = pass_of(&f, true);
  assert_true(breaker_probe_answers(&probe, f.now_us));
  assert_ptr_equal(probe.breaker, f.b);
  assert_false(probe.is_probe);
  expect_state(&f, BREAKER_CLOSED);
  call(&f, BREAKER_NEUTRAL);
  assert_false(breaker_probe_answers(&probe, f.now_us));
  f.now_us += 600 * SECOND;
  leave(&f, &probe, BREAKER_FAILURE); /* cut later: an ordinary failure, one of three */
  expect_state(&f, BREAKER_CLOSED);
  assert_int_equal(look(&f).failures_in_window, 1);
  breaker_free(f.b);
}

static void a_probe_that_was_replaced_closes_nothing(void **state) {
  struct fixture f = begin();
  open_it(&f);
  f.now_us += OPEN;
  struct breaker_pass lost = pass_of(&f, true);
  f.now_us += PROBE;
  struct breaker_pass next = pass_of(&f, true);
  breaker_probe_answers(&lost, f.now_us);
  expect_state(&f, BREAKER_HALF_OPEN);
  leave(&f, &lost, BREAKER_SUCCESS);
  expect_state(&f, BREAKER_HALF_OPEN);
  leave(&f, &next, BREAKER_FAILURE);
  expect_state(&f, BREAKER_OPEN);
  breaker_free(f.b);
}

/* --- verdicts of an earlier epoch --- */

static void late_verdicts_do_not_touch_an_open_breaker(void **state) {
  struct fixture f = begin();
  struct breaker_pass late[6];
  for (int i = 0; i < 6; i++)
    late[i] = pass_of(&f, false);
  open_it(&f);
  struct breaker_view before = look(&f);
  f.now_us += 100 * SECOND;
  for (int i = 0; i < 3; i++)
    leave(&f, &late[i], BREAKER_FAILURE); /* do not extend it */
  for (int i = 3; i < 6; i++)
    leave(&f, &late[i], BREAKER_SUCCESS); /* do not close it */
  struct breaker_view v = look(&f);
  assert_int_equal(v.state, BREAKER_OPEN);
  assert_int_equal(v.until_us, before.until_us);
  assert_int_equal(v.times_opened, 1);
  assert_int_equal(v.failures, 6);
  assert_int_equal(v.successes, 3);
  breaker_free(f.b);
}

static void late_verdicts_do_not_touch_the_breaker_after_the_probe(void **state) {
  struct fixture f = begin();
  struct breaker_pass late[6];
  for (int i = 0; i < 6; i++)
    late[i] = pass_of(&f, false);
  open_it(&f);
  f.now_us += OPEN;
  struct breaker_pass probe = pass_of(&f, true);
  leave(&f, &late[0], BREAKER_FAILURE); /* nor the probe */
  leave(&f, &late[1], BREAKER_SUCCESS);
  assert_true(look(&f).probing);
  leave(&f, &probe, BREAKER_SUCCESS);
  call(&f, BREAKER_FAILURE);
  call(&f, BREAKER_FAILURE);
  for (int i = 2; i < 5; i++)
    leave(&f, &late[i], BREAKER_FAILURE);
  expect_state(&f, BREAKER_CLOSED);
  leave(&f, &late[5], BREAKER_SUCCESS);
  assert_int_equal(look(&f).failures_in_window, 2); /* and clears nothing */
  breaker_free(f.b);
}

/* --- an operator's word --- */

static void forced_open_lets_nothing_through_for_ever(void **state) {
  struct fixture f = begin();
  struct breaker_pass late = pass_of(&f, false);
  call(&f, BREAKER_FAILURE);
  breaker_set_force(f.b, BREAKER_FORCED_OPEN, "maintenance", f.now_us);
  leave(&f, &late, BREAKER_SUCCESS);
  for (int i = 0; i < 10; i++) {
    expect_refused(&f);
    f.now_us += 10 * OPEN;
  }
  struct breaker_view v = look(&f);
  assert_int_equal(v.state, BREAKER_OPEN);
  assert_int_equal(v.force, BREAKER_FORCED_OPEN);
  assert_int_equal(v.opened_us, f.now_us - 100 * OPEN);
  assert_true(v.until_us == INT64_MAX);
  assert_string_equal(v.reason, "maintenance");
  assert_int_equal(v.times_opened, 0);
  breaker_set_force(f.b, BREAKER_AUTOMATIC, NULL, f.now_us);
  expect_state(&f, BREAKER_CLOSED);
  call(&f, BREAKER_FAILURE);
  assert_int_equal(look(&f).failures_in_window, 1);
  breaker_free(f.b);
}

static void forced_closed_lets_everything_through_and_counts_nothing(void **state) {
  struct fixture f = begin();
  open_it(&f);
  breaker_set_force(f.b, BREAKER_FORCED_CLOSED, "we know", f.now_us);
  struct breaker_pass late = pass_of(&f, false);
  for (int i = 0; i < 100; i++)
    call(&f, BREAKER_FAILURE);
  struct breaker_view v = look(&f);
  assert_int_equal(v.state, BREAKER_CLOSED);
  assert_int_equal(v.force, BREAKER_FORCED_CLOSED);
  assert_int_equal(v.failures, 103);
  assert_int_equal(v.times_opened, 1);
  assert_int_equal(v.failures_in_window, 0);
  assert_int_equal(v.opened_us, 0);
  assert_string_equal(v.reason, "we know");
  breaker_set_force(f.b, BREAKER_AUTOMATIC, "", f.now_us);
  leave(&f, &late, BREAKER_FAILURE); /* let in by the operator's word, not by the rule */
  assert_int_equal(look(&f).failures_in_window, 0);
  open_it(&f);
  breaker_free(f.b);
}

static void automatic_closes_what_had_opened_by_itself(void **state) {
  struct fixture f = begin();
  open_it(&f);
  f.now_us += OPEN;
  struct breaker_pass probe = pass_of(&f, true);
  breaker_set_force(f.b, BREAKER_AUTOMATIC, "looked at", f.now_us);
  expect_state(&f, BREAKER_CLOSED);
  leave(&f, &probe, BREAKER_FAILURE); /* its epoch is over */
  expect_state(&f, BREAKER_CLOSED);
  assert_int_equal(look(&f).failures_in_window, 0);
  breaker_free(f.b);
}

static void a_long_reason_is_cut_between_characters(void **state) {
  struct fixture f = begin();
  char reason[100];
  memset(reason, 'r', sizeof(reason));
  memcpy(reason + 62, "\xC3\xA9t\xC3\xA9", 6);
  breaker_set_force(f.b, BREAKER_FORCED_OPEN, reason, f.now_us);
  assert_int_equal(strlen(look(&f).reason), 62);
  memmove(reason, reason + 1, sizeof(reason) - 1);
  breaker_set_force(f.b, BREAKER_FORCED_OPEN, reason, f.now_us);
  assert_int_equal(strlen(look(&f).reason), 63);
  memmove(reason, reason + 4, sizeof(reason) - 4);
  breaker_set_force(f.b, BREAKER_FORCED_OPEN, reason, f.now_us);
  assert_string_equal(look(&f).reason, reason);
  breaker_free(f.b);
}

/* --- a reload --- */

static void a_changed_rule_takes_effect_at_once(void **state) {
  struct fixture f = begin();
  open_it(&f);
  f.now_us += 60 * SECOND;
  expect_refused(&f);
  f.rule.open_us = 60 * SECOND; /* shorter: over already */
  struct breaker_pass probe = pass_of(&f, true);
  f.now_us += SECOND;
  expect_refused(&f);
  f.rule.probe_us = SECOND; /* the probe's time too */
  struct breaker_pass next = pass_of(&f, true);
  f.rule.open_us = OPEN; /* longer: open again, and the probe under way still decides */
  expect_state(&f, BREAKER_OPEN);
  expect_refused(&f);
  leave(&f, &next, BREAKER_SUCCESS);
  leave(&f, &probe, BREAKER_FAILURE);
  expect_state(&f, BREAKER_CLOSED);
  f.rule.failures = 5;
  for (int i = 0; i < 4; i++)
    call(&f, BREAKER_FAILURE);
  f.rule.failures = 2; /* four are there already: the next one opens it */
  expect_state(&f, BREAKER_CLOSED);
  call(&f, BREAKER_FAILURE);
  expect_state(&f, BREAKER_OPEN);
  breaker_free(f.b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(three_failures_within_60_s_open_it),
      cmocka_unit_test(the_window_slides_and_is_exact),
      cmocka_unit_test(earlier_fault_a_success_while_closed_clears_the_count),
      cmocka_unit_test(a_neutral_verdict_neither_counts_nor_clears),
      cmocka_unit_test(a_verdict_is_given_once),
      cmocka_unit_test(no_breaker_is_one_that_is_closed),
      cmocka_unit_test(a_million_failures_can_be_borne),
      cmocka_unit_test(it_stays_open_for_1800_s_whatever_comes),
      cmocka_unit_test(earlier_fault_half_open_lets_exactly_one_through),
      cmocka_unit_test(earlier_fault_one_failed_probe_opens_it_again_for_the_full_time),
      cmocka_unit_test(after_the_probe_the_count_starts_afresh),
      cmocka_unit_test(a_neutral_probe_frees_the_place_for_the_next),
      cmocka_unit_test(a_probe_without_a_verdict_is_given_up),
      cmocka_unit_test(a_late_probe_decides_as_long_as_no_other_has_its_place),
      cmocka_unit_test(earlier_fault_streams_are_asked_and_feed_it_like_plain_calls),
      cmocka_unit_test(a_probe_that_streams_closes_it_with_its_first_event),
      cmocka_unit_test(a_probe_that_was_replaced_closes_nothing),
      cmocka_unit_test(late_verdicts_do_not_touch_an_open_breaker),
      cmocka_unit_test(late_verdicts_do_not_touch_the_breaker_after_the_probe),
      cmocka_unit_test(forced_open_lets_nothing_through_for_ever),
      cmocka_unit_test(forced_closed_lets_everything_through_and_counts_nothing),
      cmocka_unit_test(automatic_closes_what_had_opened_by_itself),
      cmocka_unit_test(a_long_reason_is_cut_between_characters),
      cmocka_unit_test(a_changed_rule_takes_effect_at_once),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
