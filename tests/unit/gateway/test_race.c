/* A second target raced until the first token: who wins, what becomes of the other, and what is recorded. Time is
 * pretended. */
#include "gateway_ask.h"

#define RACED        "{\"model\":\"raced\",\"max_tokens\":10,\"messages\":[]}"
#define RACED_STREAM "{\"model\":\"raced\",\"max_tokens\":10,\"stream\":true,\"messages\":[]}"

static enum err nap(int64_t us) { return fiber_sleep(us); }

/* Answers after `data` microseconds. */
static void play_late(struct upstream *up, struct stream *s) {
  if (nap(*(const int64_t *)up->data) == ERR_OK)
    upstream_say_answer(up, s);
}

/* The head and the first event at once, the first token late. */
static void play_late_token(struct upstream *up, struct stream *s) {
  size_t head = (size_t)text_find(up->answer, TEXT("event: content_block_delta"));
  (void)!say(up, s, text_head(up->answer, head));
  if (nap(*(const int64_t *)up->data) == ERR_OK)
    (void)!say(up, s, text_skip(up->answer, head));
}

static void late(struct world *w, int which, int64_t *us, const char *body, bool stream) {
  w->up[which].answer = stream ? http_answer(w, 200, STREAM_TYPE, text_of(body)) : json_answer(w, 200, body);
  w->up[which].play = play_late;
  w->up[which].data = us;
}

static void check_rows(struct world *w, const char *winner, const char *loser_outcome) {
  struct ledger_row a = newest_row(w, 0), b = newest_row(w, 1);
  const struct ledger_row *won = text_equal(a.provider, text_of(winner)) ? &a : &b, *lost = won == &a ? &b : &a;
  CHECK_INT(row_count(w), 2);
  CHECK_TEXT(won->provider, text_of(winner));
  CHECK_TEXT(won->outcome, TEXT("ok"));
  CHECK_INT(won->cost.total, COST_OF_MESSAGE);
  CHECK_TEXT(lost->outcome, text_of(loser_outcome));
  CHECK_INT(lost->cost.total, 0);
  CHECK_INT(lost->usage.input + lost->usage.output, 0);
  CHECK_TEXT(lost->request_id, won->request_id);
  CHECK_INT(w->seen.last.cost.total, COST_OF_MESSAGE);
}

static void second_wins(struct world *w) {
  int64_t slow = 5 * SECOND_US, quick = SECOND_US / 10;
  late(w, 0, &slow, MESSAGE, false);
  late(w, 1, &quick, MESSAGE, false);
  int64_t before_us = loop_clock_us();
  CHECK_INT(ask_messages(w, RACED), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_HEADER(w, "x-weir-attempts", "2");
  CHECK_INT(loop_clock_us() - before_us < SECOND_US, 1);
  CHECK_INT(w->seen.last.hedged, 1);
  CHECK_INT(w->seen.last.hedge_won, 1);
  check_rows(w, "b", "hedge_lost");
}
static void test_a_slow_target_is_raced_and_may_lose(void **state) { run_learning_world(second_wins, NULL); }

static void first_wins(struct world *w) {
  int64_t slow = 5 * SECOND_US, middling = 7 * SECOND_US / 10;
  late(w, 0, &middling, MESSAGE, false);
  late(w, 1, &slow, MESSAGE, false);
  CHECK_INT(ask_messages(w, RACED), 200);
  CHECK_HEADER(w, "x-weir-provider", "a");
  CHECK_INT(w->seen.last.hedge_won, 0);
  check_rows(w, "a", "hedge_lost");
}
static void test_the_first_may_still_win(void **state) { run_learning_world(first_wins, NULL); }

static void quick(struct world *w) {
  int64_t soon = SECOND_US / 10;
  late(w, 0, &soon, MESSAGE, false);
  CHECK_INT(ask_messages(w, RACED), 200);
  CHECK_INT(w->up[1].requests, 0);
  CHECK_INT(row_count(w), 1);
  CHECK_INT(w->seen.last.hedged, 0);
}
static void test_a_quick_target_is_not_raced(void **state) { run_learning_world(quick, NULL); }

static void first_token_decides(struct world *w) {
  int64_t slow = 5 * SECOND_US, soon = SECOND_US / 10;
  late(w, 0, &slow, EVENTS_OF_MESSAGE, true);
  w->up[0].play = play_late_token; /* it has begun, but says nothing */
  late(w, 1, &soon, EVENTS_OF_MESSAGE, true);
  CHECK_INT(ask_messages(w, RACED_STREAM), 200);
  CHECK_TEXT(wire_text(w->c), TEXT(EVENTS_OF_MESSAGE));
  CHECK_HEADER(w, "x-weir-provider", "b");
  check_rows(w, "b", "hedge_lost");
}
static void test_in_a_stream_the_first_token_decides(void **state) { run_learning_world(first_token_decides, NULL); }

static void first_fails(struct world *w) {
  int64_t slow = SECOND_US, slower = 2 * SECOND_US;
  late(w, 0, &slow, MESSAGE, false);
  w->up[0].answer = json_answer(w, 500, OVERLOADED);
  late(w, 1, &slower, MESSAGE, false);
  CHECK_INT(ask_messages(w, RACED), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  check_rows(w, "b", "failed_over");
}
static void test_when_one_fails_the_other_is_waited_for(void **state) { run_learning_world(first_fails, NULL); }

static void fails_early(struct world *w) {
  int64_t soon = SECOND_US / 10;
  late(w, 0, &soon, MESSAGE, false);
  w->up[0].answer = json_answer(w, 500, OVERLOADED);
  late(w, 1, &soon, MESSAGE, false);
  CHECK_INT(ask_messages(w, RACED), 200);
  CHECK_INT(w->seen.last.hedged, 0);
  check_rows(w, "b", "failed_over");
}
static void test_a_failure_before_the_race_falls_over_as_ever(void **state) { run_learning_world(fails_early, NULL); }

static void both_fail(struct world *w) {
  int64_t slow = SECOND_US, slower = 2 * SECOND_US;
  late(w, 0, &slow, MESSAGE, false);
  late(w, 1, &slower, MESSAGE, false);
  w->up[0].answer = json_answer(w, 500, OVERLOADED);
  w->up[1].answer = json_answer(w, 503, OVERLOADED);
  CHECK_INT(ask_messages(w, RACED), 503);
  CHECK_INT(row_count(w), 2);
  CHECK_TEXT(newest_row(w, 0).outcome, TEXT("error"));
  CHECK_TEXT(newest_row(w, 1).outcome, TEXT("failed_over"));
  world_rest(w);
  CHECK_INT(w->seen.last.hedged, 1);
  CHECK_INT(w->seen.last.hedge_won, 0);
}
static void test_when_both_fail_the_last_failure_is_the_answer(void **state) { run_learning_world(both_fail, NULL); }

static void together(struct world *w) {
  int64_t slow = 7 * SECOND_US / 10, rest = 2 * SECOND_US / 10; /* the second starts after half a second */
  late(w, 0, &slow, MESSAGE, false);
  late(w, 1, &rest, MESSAGE, false);
  w->up[0].answer = json_answer(w, 500, OVERLOADED);
  CHECK_INT(ask_messages(w, RACED), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  check_rows(w, "b", "failed_over");
}
static void test_a_failure_and_an_answer_at_one_moment_are_an_answer(void **state) {
  run_learning_world(together, NULL);
}

static void used_up(struct world *w) {
  int64_t slow = SECOND_US, slower = 2 * SECOND_US;
  late(w, 0, &slow, MESSAGE, false);
  late(w, 1, &slower, MESSAGE, false);
  w->up[0].answer = json_answer(w, 402, "{\"error\":{\"message\":\"add credits\"}}");
  w->up[1].answer = json_answer(w, 503, OVERLOADED);
  CHECK_INT(ask_messages(w, RACED), 503);
  CHECK_INT(w->up[0].requests, 1); /* waiting does not help it */
  CHECK_INT(w->up[1].requests, 2);
  w->up[0].answer = json_answer(w, 503, OVERLOADED);
  w->up[1].answer = json_answer(w, 402, "{\"error\":{\"message\":\"add credits\"}}");
  (void)ask_messages(w, RACED);
  CHECK_INT(w->up[0].requests, 3);
  CHECK_INT(w->up[1].requests, 3);
}
static void test_what_fails_in_a_race_is_known_in_the_next_round(void **state) {
  run_learning_world(used_up, "retry: {attempts: 1, base: 10ms}\n");
}

static void mistake(struct world *w) {
  int64_t slow = SECOND_US, slower = 20 * SECOND_US;
  late(w, 0, &slow, MESSAGE, false);
  w->up[0].answer = json_answer(w, 400, INVALID);
  late(w, 1, &slower, MESSAGE, false);
  CHECK_INT(ask_messages(w, RACED), 400);
  CHECK_TEXT(wire_text(w->c), TEXT(INVALID));
  CHECK_INT(row_count(w), 2);
}
static void test_the_callers_mistake_ends_the_race(void **state) { run_learning_world(mistake, NULL); }

static unsigned failures_of(struct world *w, const char *provider) {
  struct breakers_row *rows = NULL;
  const struct breaker_rule rule = routes_breaker_rule(w->worker.snapshot->config);
  size_t cursor = 0,
         count = breakers_list(w->gateway.state.breakers, &rule, loop_clock_us(), &cursor, 100, &w->arena, &rows);
  unsigned failures = 0;
  for (size_t i = 0; i < count; i++)
    failures += text_equal(rows[i].name.provider, text_of(provider)) ? (unsigned)rows[i].view.failures : 0;
  return failures;
}

/* Both have ended by the time the race looks. */
static void at_once(struct world *w) {
  int64_t later = 3 * SECOND_US / 2, sooner = SECOND_US;
  late(w, 0, &later, MESSAGE, false);
  late(w, 1, &sooner, MESSAGE, false);
  w->up[0].answer = json_answer(w, 500, OVERLOADED);
  CHECK_INT(ask_messages(w, RACED), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  check_rows(w, "b", "failed_over");
  CHECK_INT(failures_of(w, "a"), 1);
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->up[1].answer = json_answer(w, 500, OVERLOADED);
  CHECK_INT(ask_messages(w, RACED), 200);
  CHECK_HEADER(w, "x-weir-provider", "a");
  CHECK_TEXT(newest_row(w, 0).outcome, TEXT("failed_over"));
  CHECK_INT(failures_of(w, "b"), 1);
}
static void test_a_failure_of_the_same_moment_takes_nothing_from_the_one_that_is_good(void **state) {
  run_learning_world(at_once, NULL);
}

/* What the second target alone refuses is no answer while the first may still give one. */
static void second_refuses(struct world *w) {
  int64_t slow = 3 * SECOND_US, soon = SECOND_US / 10;
  static const int statuses[] = {400, 401, 403, 404};
  late(w, 0, &slow, MESSAGE, false);
  late(w, 1, &soon, MESSAGE, false);
  for (size_t i = 0; i < COUNT_OF(statuses); i++) {
    w->up[1].answer = json_answer(w, statuses[i], INVALID);
    CHECK_INT(ask_messages(w, RACED), 200);
    CHECK_HEADER(w, "x-weir-provider", "a");
    CHECK_INT(w->seen.last.hedge_won, 0);
  }
}
static void test_what_only_the_second_target_refuses_is_not_the_answer(void **state) {
  run_learning_world(second_refuses, NULL);
}

/* A failure in a race counts for later rounds like any other. */
static void not_again(struct world *w) {
  int64_t slow = SECOND_US, slower = 2 * SECOND_US;
  late(w, 0, &slow, MESSAGE, false);
  late(w, 1, &slower, MESSAGE, false);
  w->up[0].answer = json_answer(w, 402, OVERLOADED); /* used up: nothing comes of trying it again */
  w->up[1].answer = json_answer(w, 500, OVERLOADED);
  CHECK_INT(ask_messages(w, RACED), 500);
  CHECK_INT(w->up[0].requests, 1);
  CHECK_INT(w->up[1].requests, 2);
}
static void test_what_failed_for_good_in_a_race_is_not_tried_again(void **state) {
  run_learning_world(not_again, "retry: {attempts: 1, base: 1ms}\n");
}

static void exact_delay(struct world *w) {
  int64_t slow = 5 * SECOND_US, soon = SECOND_US / 100;
  late(w, 0, &slow, MESSAGE, false);
  late(w, 1, &soon, MESSAGE, false);
  int64_t before_us = loop_clock_us();
  CHECK_INT(ask_messages(w, "{\"model\":\"raced-soon-1\",\"max_tokens\":10,\"messages\":[]}"), 200);
  CHECK_INT(loop_clock_us() - before_us < SECOND_US / 25, 1);
}
static void test_a_delay_that_is_given_counts_as_it_is(void **state) { run_learning_world(exact_delay, NULL); }

static void abandoned(struct world *w) {
  int64_t slow = 20 * SECOND_US;
  late(w, 0, &slow, MESSAGE, false);
  late(w, 1, &slow, MESSAGE, false);
  struct wire *c = wire_open(&w->site);
  wire_send(c, request_of(w, MESSAGES, X_API_KEY JSON_TYPE, TEXT(RACED)));
  CHECK_ERR(fiber_sleep(SECOND_US), ERR_OK); /* the race is on */
  CHECK_INT(w->up[0].requests, 1);
  CHECK_INT(w->up[1].requests, 1);
  wire_close(c);
  world_rest(w);
  CHECK_INT(row_count(w), 2);
  CHECK_TEXT(newest_row(w, 0).outcome, TEXT("cancelled"));
  CHECK_TEXT(newest_row(w, 1).outcome, TEXT("cancelled"));
  CHECK_OUTCOME(w, "cancelled");
}
static void test_a_client_that_leaves_stops_both(void **state) { run_learning_world(abandoned, NULL); }

static void charged(struct world *w) {
  int64_t slow = 5 * SECOND_US, soon = SECOND_US / 10;
  late(w, 0, &slow, MESSAGE, false);
  late(w, 1, &soon, MESSAGE, false);
  CHECK_INT(ask_messages(w, "{\"model\":\"raced-charged\",\"max_tokens\":10,\"messages\":[]}"), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  struct ledger_row a = newest_row(w, 0), b = newest_row(w, 1), lost = text_equal(a.provider, TEXT("paid")) ? a : b;
  CHECK_TEXT(lost.outcome, TEXT("hedge_lost"));
  CHECK_INT(lost.usage.estimated, 1);
  CHECK_INT(lost.usage.input > 0, 1);
  CHECK_INT(lost.usage.output, 0); /* never for words nobody saw */
  CHECK_INT(lost.cost.total > 0, 1);
}
static void test_a_provider_that_bills_what_was_cancelled_has_its_prompt_recorded(void **state) {
  run_learning_world(charged, NULL);
}

static void learned_delay(struct world *w) {
  int64_t usual = SECOND_US / 5, slow = 5 * SECOND_US;
  late(w, 0, &usual, MESSAGE, false);
  late(w, 1, &usual, MESSAGE, false);
  for (int i = 0; i < 30; i++)
    CHECK_INT(ask_messages(w, "{\"model\":\"raced-learned\",\"max_tokens\":10,\"messages\":[]}"), 200);
  CHECK_INT(w->up[1].requests, 0);
  w->up[0].data = &slow;
  int64_t before_us = loop_clock_us();
  CHECK_INT(ask_messages(w, "{\"model\":\"raced-learned\",\"max_tokens\":10,\"messages\":[]}"), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_INT(loop_clock_us() - before_us < SECOND_US, 1);
}
static void test_without_a_delay_of_its_own_the_95th_percentile_counts(void **state) {
  run_learning_world(learned_delay, NULL);
}

static void budget(struct world *w) {
  int64_t slow = SECOND_US;
  late(w, 0, &slow, MESSAGE, false);
  late(w, 1, &slow, MESSAGE, false);
  for (int i = 0; i < 20; i++)
    CHECK_INT(ask_messages(w, RACED), 200);
  CHECK_INT(w->up[1].requests, 4);
}
static void test_races_stay_within_the_budget_of_further_calls(void **state) {
  run_learning_world(budget, "retry: {budget_percent: 20, budget_floor: 0}\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_slow_target_is_raced_and_may_lose),
      cmocka_unit_test(test_the_first_may_still_win),
      cmocka_unit_test(test_a_quick_target_is_not_raced),
      cmocka_unit_test(test_in_a_stream_the_first_token_decides),
      cmocka_unit_test(test_when_one_fails_the_other_is_waited_for),
      cmocka_unit_test(test_a_failure_before_the_race_falls_over_as_ever),
      cmocka_unit_test(test_when_both_fail_the_last_failure_is_the_answer),
      cmocka_unit_test(test_a_failure_and_an_answer_at_one_moment_are_an_answer),
      cmocka_unit_test(test_what_fails_in_a_race_is_known_in_the_next_round),
      cmocka_unit_test(test_the_callers_mistake_ends_the_race),
      cmocka_unit_test(test_a_failure_of_the_same_moment_takes_nothing_from_the_one_that_is_good),
      cmocka_unit_test(test_what_only_the_second_target_refuses_is_not_the_answer),
      cmocka_unit_test(test_what_failed_for_good_in_a_race_is_not_tried_again),
      cmocka_unit_test(test_a_delay_that_is_given_counts_as_it_is),
      cmocka_unit_test(test_a_client_that_leaves_stops_both),
      cmocka_unit_test(test_a_provider_that_bills_what_was_cancelled_has_its_prompt_recorded),
      cmocka_unit_test(test_without_a_delay_of_its_own_the_95th_percentile_counts),
      cmocka_unit_test(test_races_stay_within_the_budget_of_further_calls),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
