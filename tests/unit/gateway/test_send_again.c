/* What the gateway learns of its targets and does with it: breakers, further rounds, retry-after, the budget for
 * further calls, the queue before a target, the target that holds a prompt cache. Time is pretended. */
#include "gateway_ask.h"

#define TWO        "{\"model\":\"two\",\"max_tokens\":10,\"messages\":[]}"
#define TWO_STREAM "{\"model\":\"two\",\"max_tokens\":10,\"stream\":true,\"messages\":[]}"

static struct breaker_view view_of(struct world *w, const char *provider, const char *credential) {
  struct breaker_view view;
  const struct config *c = w->worker.snapshot->config;
  const struct breaker_rule rule = routes_breaker_rule(c);
  struct text url = TEXT_NONE;
  for (size_t i = 0; i < c->provider_count; i++)
    if (text_equal(c->providers[i].name, text_of(provider)))
      url = c->providers[i].base_url;
  breaker_look(breakers_find(w->gateway.state.breakers, text_of(provider), url, text_of(credential)), &rule,
               loop_clock_us(), &view);
  return view;
}

/* Kept connections do not live that long. */
static void pass(struct world *w, int64_t us) {
  if (w->c)
    wire_close(w->c);
  w->c = NULL;
  loop_pretend_pass(loop_current(), us);
}

/* A stream cut after its first event, as bytes. */
static struct text cut_stream(struct world *w) {
  return arena_format(&w->arena, "HTTP/1.1 200 X\r\n%scontent-length: 9999\r\n\r\n%s", STREAM_TYPE,
                      EVENT_START EVENT_TOKEN);
}

static void opens(struct world *w) {
  w->up[0].answer = json_answer(w, 500, OVERLOADED);
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  for (int i = 0; i < 5; i++)
    CHECK_INT(ask_messages(w, TWO), 200);
  CHECK_INT(w->up[0].requests, 3);
  CHECK_INT(w->up[1].requests, 5);
  CHECK_HEADER(w, "x-weir-attempts", "1");
  CHECK_INT(view_of(w, "a", "c").state, BREAKER_OPEN);
  pass(w, 1799 * SECOND_US);
  CHECK_INT(ask_messages(w, TWO), 200);
  CHECK_INT(w->up[0].requests, 3);
  pass(w, 1 * SECOND_US);
  CHECK_INT(ask_messages(w, TWO), 200); /* the probe, which fails and falls over */
  CHECK_INT(w->up[0].requests, 4);
  CHECK_INT(ask_messages(w, TWO), 200);
  CHECK_INT(w->up[0].requests, 4);
  pass(w, 1800 * SECOND_US);
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, TWO), 200);
  CHECK_HEADER(w, "x-weir-provider", "a");
  CHECK_INT(view_of(w, "a", "c").state, BREAKER_CLOSED);
}
static void test_three_failures_open_a_breaker_and_one_probe_decides(void **state) { run_learning_world(opens, NULL); }

static void streams_feed(struct world *w) {
  w->up[0].answer = cut_stream(w);
  w->up[0].then = CALL_CLOSE;
  w->up[1].answer = http_answer(w, 200, STREAM_TYPE, TEXT(EVENTS_OF_MESSAGE));
  for (int i = 0; i < 3; i++) {
    CHECK_INT(ask_messages(w, TWO_STREAM), 200);
    CHECK_OUTCOME(w, "cut");
  }
  CHECK_INT(view_of(w, "a", "c").state, BREAKER_OPEN);
  CHECK_INT(ask_messages(w, TWO_STREAM), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_INT(w->up[0].requests, 3);
}
static void test_streams_that_break_open_a_breaker_and_streams_heed_it(void **state) {
  run_learning_world(streams_feed, NULL);
}

static void play_hang(struct upstream *up, struct stream *s) {
  (void)up, (void)s;
  (void)!fiber_sleep(20 * SECOND_US);
}

/* Head, first event, and a token a second for as long as somebody listens. */
static void play_endless(struct upstream *up, struct stream *s) {
  enum err e = say(up, s, up->answer);
  while (e == ERR_OK && fiber_sleep(SECOND_US) == ERR_OK)
    e = say(up, s, TEXT(EVENT_TOKEN));
}

/* The request's own end says nothing about a provider that is still speaking. */
static void own_end(struct world *w) {
  w->up[0].answer =
      arena_format(&w->arena, "HTTP/1.1 200 X\r\n%scontent-length: 999999\r\n\r\n%s", STREAM_TYPE, EVENT_START);
  w->up[0].play = play_endless;
  for (int i = 0; i < 3; i++) {
    CHECK_INT(ask_messages(w, TWO_STREAM), 200);
    CHECK_OUTCOME(w, "cut");
  }
  CHECK_INT(view_of(w, "a", "c").failures, 0);
  CHECK_INT(view_of(w, "a", "c").state, BREAKER_CLOSED);
}
static void test_a_stream_that_outlives_its_request_opens_no_breaker(void **state) {
  run_learning_world(own_end, "timeouts: {total: 5s}\n");
}

static void play_slow(struct upstream *up, struct stream *s) {
  if (fiber_sleep(SECOND_US) == ERR_OK)
    upstream_say_answer(up, s);
}

/* Nor is there blame for one that was asked when hardly any time was left. */
static void little_time(struct world *w) {
  w->up[0].play = play_hang;
  w->up[1].play = play_slow;
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  for (int i = 0; i < 3; i++) {
    CHECK_INT(ask_messages(w, TWO), 504);
    CHECK_HEADER(w, "x-weir-provider", "b");
  }
  CHECK_INT(view_of(w, "a", "c").state, BREAKER_OPEN);
  CHECK_INT(view_of(w, "b", "c").failures, 0);
  CHECK_INT(ask_messages(w, TWO), 200);
}
static void test_a_target_that_got_hardly_any_time_is_not_blamed(void **state) {
  run_learning_world(little_time, "timeouts: {total: 2s, first_byte: 1600ms}\n");
}

static void hangs(struct world *w) {
  w->up[0].play = play_hang;
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  for (int i = 0; i < 3; i++)
    CHECK_INT(ask_messages(w, TWO), 504);
  CHECK_INT(view_of(w, "a", "c").state, BREAKER_OPEN);
  CHECK_INT(ask_messages(w, TWO), 200);
}
static void test_a_target_that_hangs_until_the_requests_end_is_blamed(void **state) {
  run_learning_world(hangs, "timeouts: {total: 2s}\n");
}

static void success_clears(struct world *w) {
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  for (int i = 0; i < 4; i++) {
    w->up[0].answer = json_answer(w, 500, OVERLOADED);
    CHECK_INT(ask_messages(w, TWO), 200);
    CHECK_INT(ask_messages(w, TWO), 200);
    w->up[0].answer = json_answer(w, 200, MESSAGE);
    CHECK_INT(ask_messages(w, TWO), 200);
  }
  CHECK_INT(view_of(w, "a", "c").state, BREAKER_CLOSED);
  CHECK_INT(w->up[0].requests, 12);
}
static void test_a_success_between_failures_keeps_a_breaker_closed(void **state) {
  run_learning_world(success_clears, NULL);
}

static void not_counted(struct world *w) {
  static const int statuses[] = {400, 401, 403, 404, 413, 422};
  for (size_t i = 0; i < COUNT_OF(statuses); i++) {
    w->up[0].answer = json_answer(w, statuses[i], INVALID);
    CHECK_INT(ask_messages(w, TWO), statuses[i]);
  }
  w->up[0].answer = json_answer(w, 429,
                                "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"You have "
                                "reached your usage limit\"}}");
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  for (int i = 0; i < 4; i++)
    CHECK_INT(ask_messages(w, TWO), 200);
  CHECK_INT(view_of(w, "a", "c").state, BREAKER_CLOSED);
  CHECK_INT(view_of(w, "a", "c").failures, 0);
}
static void test_mistakes_of_callers_and_used_up_plans_open_nothing(void **state) {
  run_learning_world(not_counted, NULL);
}

static void all_rest(struct world *w) {
  w->up[0].answer = w->up[1].answer = json_answer(w, 500, OVERLOADED);
  for (int i = 0; i < 3; i++)
    CHECK_INT(ask_messages(w, TWO), 500);
  CHECK_INT(ask_messages(w, TWO), 503);
  CHECK_MEMBER(w, "error.type", "overloaded_error");
  CHECK_HEADER(w, "retry-after", "1801");
  CHECK_OUTCOME(w, "refused");
  CHECK_INT(w->up[0].requests, 3);
}
static void test_when_all_targets_rest_the_caller_is_told_for_how_long(void **state) {
  run_learning_world(all_rest, NULL);
}

/* The first n requests are answered with the status, later ones well. */
struct flaky {
  unsigned bad;
  struct text bad_answer, good_answer;
};
static void play_flaky(struct upstream *up, struct stream *s) {
  const struct flaky *f = up->data;
  up->answer = up->requests <= f->bad ? f->bad_answer : f->good_answer;
  upstream_say_answer(up, s);
}

static void rounds(struct world *w) {
  struct flaky flaky = {1, json_answer(w, 529, OVERLOADED), json_answer(w, 200, MESSAGE)};
  w->up[0].play = play_flaky;
  w->up[0].data = &flaky;
  int64_t before_us = loop_clock_us();
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(loop_clock_us() - before_us <= 2 * SECOND_US, 1);
  CHECK_HEADER(w, "x-weir-attempts", "2");
  CHECK_INT(w->up[0].requests, 2);
  flaky.bad = 100;
  CHECK_INT(ask_messages(w, ASK_BODY), 529);
  CHECK_INT(w->up[0].requests, 5); /* one call and two further rounds */
  CHECK_TEXT(wire_text(w->c), TEXT(OVERLOADED));
}
static void test_when_all_have_failed_they_are_tried_again_after_a_pause(void **state) {
  run_learning_world(rounds, "retry: {attempts: 2, base: 1s}\nbreaker: {failures: 100}\n");
}

static void retry_after(struct world *w) {
  struct flaky flaky = {1, http_answer(w, 429, JSON_TYPE "retry-after: 3\r\n", TEXT(OVERLOADED)),
                        json_answer(w, 200, MESSAGE)};
  w->up[0].play = play_flaky;
  w->up[0].data = &flaky;
  int64_t before_us = loop_clock_us();
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(loop_clock_us() - before_us >= 3 * SECOND_US, 1);
  CHECK_INT(loop_clock_us() - before_us < 4 * SECOND_US, 1);
  w->up[0].requests = 0;
  flaky.bad_answer = http_answer(w, 429, JSON_TYPE "retry-after: 60\r\n", TEXT(OVERLOADED));
  before_us = loop_clock_us();
  CHECK_INT(ask_messages(w, ASK_BODY), 429);
  CHECK_HEADER(w, "retry-after", "60");
  CHECK_INT(loop_clock_us() - before_us < SECOND_US, 1);
  CHECK_INT(w->up[0].requests, 1);
}
static void test_retry_after_is_honoured_or_passed_on(void **state) {
  run_learning_world(retry_after, "retry: {attempts: 1, base: 100ms, max: 5s}\n");
}

static void each_its_own(struct world *w) {
  w->up[0].answer = http_answer(w, 429, JSON_TYPE "retry-after: 4\r\n", TEXT(OVERLOADED));
  w->up[1].answer = http_answer(w, 429, JSON_TYPE "retry-after: 1\r\n", TEXT(OVERLOADED));
  int64_t before_us = loop_clock_us();
  CHECK_INT(ask_messages(w, TWO), 429);
  CHECK_INT(loop_clock_us() - before_us < 2 * SECOND_US, 1);
  CHECK_INT(w->up[0].requests, 1); /* it is not the one that may be asked again so soon */
  CHECK_INT(w->up[1].requests, 2);
}
static void test_each_targets_own_retry_after_is_honoured(void **state) {
  run_learning_world(each_its_own, "retry: {attempts: 1, base: 100ms, max: 5s}\n");
}

static void own_pause(struct world *w) {
  struct flaky flaky = {100, json_answer(w, 500, OVERLOADED), json_answer(w, 200, MESSAGE)};
  w->up[0].answer = http_answer(w, 429, JSON_TYPE "retry-after: 3\r\n", TEXT(OVERLOADED));
  w->up[1].play = play_flaky;
  w->up[1].data = &flaky;
  int64_t before_us = loop_clock_us();
  CHECK_INT(ask_messages(w, TWO), 500);
  CHECK_INT(loop_clock_us() - before_us < SECOND_US, 1);
  CHECK_INT(w->up[0].requests, 1); /* it is left alone for as long as it asks */
  CHECK_INT(w->up[1].requests, 3);
  flaky.bad = w->up[1].requests + 1;
  CHECK_INT(ask_messages(w, TWO), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_HEADER(w, "x-weir-attempts", "3");
}
static void test_each_target_is_left_alone_for_as_long_as_it_asks(void **state) {
  run_learning_world(own_pause, "retry: {attempts: 2, base: 100ms, max: 5s}\nbreaker: {failures: 100}\n");
}

static void not_again(struct world *w) {
  w->up[0].answer = json_answer(w, 402, "{\"error\":{\"message\":\"credits\"}}");
  CHECK_INT(ask_messages(w, ASK_BODY), 402);
  CHECK_INT(w->up[0].requests, 1);
  w->up[0].answer = json_answer(w, 400, INVALID);
  CHECK_INT(ask_messages(w, ASK_BODY), 400);
  CHECK_INT(w->up[0].requests, 2);
}
static void test_used_up_plans_and_mistakes_are_not_tried_again(void **state) {
  run_learning_world(not_again, "retry: {attempts: 5}\n");
}

static void deadline(struct world *w) {
  w->up[0].answer = json_answer(w, 500, OVERLOADED);
  int64_t before_us = loop_clock_us();
  CHECK_INT(ask_messages(w, ASK_BODY), 500);
  CHECK_INT(loop_clock_us() - before_us <= 3 * SECOND_US, 1);
}
static void test_no_round_begins_behind_the_requests_own_end(void **state) {
  run_learning_world(deadline, "retry: {attempts: 10, base: 5s, max: 60s}\ntimeouts: {total: 3s}\nbreaker: {failures: "
                               "100}\n");
}

static void budget(struct world *w) {
  w->up[0].answer = json_answer(w, 500, OVERLOADED);
  for (int i = 0; i < 20; i++)
    CHECK_INT(ask_messages(w, ASK_BODY), 500);
  CHECK_INT(w->up[0].requests, 20 + 4); /* 20 % */
}
static void test_further_rounds_stay_within_a_share_of_the_calls(void **state) {
  run_learning_world(budget, "retry: {attempts: 1, base: 1ms, budget_percent: 20, budget_floor: 0}\nbreaker: "
                             "{failures: 1000}\n");
}

/* --- the queue --- */

struct client {
  struct world *w;
  struct wire *c;
  int status;
  bool over;
  const char *body;
};

static void client_run(void *arg) {
  struct client *c = arg;
  c->c = wire_open(&c->w->site);
  wire_send(c->c, request_of(c->w, MESSAGES, X_API_KEY JSON_TYPE, text_of(c->body)));
  c->status = wire_answer(c->c);
  c->over = true;
}

static void client_start(struct client *c, struct world *w, const char *body) {
  *c = (struct client){.w = w, .body = body};
  CHECK_ERR(fiber_start(loop_current(), client_run, c, NULL), ERR_OK);
}

static void client_end(struct client *c) {
  for (int i = 0; i < 3000 && !c->over; i++)
    wait_a_little();
  CHECK_INT(c->over, 1);
  wire_close(c->c);
}

static void play_gated(struct upstream *up, struct stream *s) {
  unsigned mine = up->requests;
  if (gate_wait(up, mine) == ERR_OK)
    upstream_say_answer(up, s);
}

static void queue(struct world *w) {
  struct client clients[4];
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->up[0].play = play_gated;
  for (size_t i = 0; i < 3; i++) {
    client_start(&clients[i], w, "{\"model\":\"narrow\",\"max_tokens\":1,\"messages\":[]}");
    turns(20);
  }
  CHECK_INT(w->up[0].requests, 1); /* one place: two wait */
  client_start(&clients[3], w, "{\"model\":\"narrow\",\"max_tokens\":1,\"messages\":[]}");
  turns(20);
  CHECK_INT(clients[3].over, 1); /* the queue of two is full */
  CHECK_INT(clients[3].status, 529);
  CHECK_INT(text_is_empty(wire_header(clients[3].c, "retry-after")), 0);
  for (size_t i = 0; i < 3; i++) {
    gate_open(&w->up[0]);
    turns(20);
  }
  for (size_t i = 0; i < 4; i++)
    client_end(&clients[i]);
  for (size_t i = 0; i < 3; i++)
    CHECK_INT(clients[i].status, 200);
  CHECK_INT(w->up[0].requests, 3);
}
static void test_calls_beyond_a_targets_places_wait_and_a_full_queue_refuses(void **state) {
  run_learning_world(queue, "queue: {size: 2, wait: 60s}\n");
}

static void spill(struct world *w) {
  struct client first, second;
  w->up[0].answer = w->up[1].answer = json_answer(w, 200, MESSAGE);
  w->up[0].play = play_gated;
  client_start(&first, w, "{\"model\":\"narrow-two\",\"max_tokens\":1,\"messages\":[]}");
  turns(20);
  client_start(&second, w, "{\"model\":\"narrow-two\",\"max_tokens\":1,\"messages\":[]}");
  client_end(&second);
  CHECK_INT(second.status, 200);
  CHECK_INT(w->up[1].requests, 1);
  gate_open(&w->up[0]);
  client_end(&first);
  CHECK_INT(first.status, 200);
}
static void test_a_target_without_a_place_is_passed_over_for_one_with(void **state) { run_learning_world(spill, NULL); }

/* Another entry for the same model at the same provider, which knows of no limit. */
static void no_limit(struct world *w) {
  struct client first, second, other;
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->up[0].play = play_gated;
  client_start(&first, w, "{\"model\":\"narrow\",\"max_tokens\":1,\"messages\":[]}");
  turns(20);
  client_start(&second, w, "{\"model\":\"narrow\",\"max_tokens\":1,\"messages\":[]}");
  turns(20);
  client_start(&other, w, ASK_BODY);
  turns(20);
  CHECK_INT(w->up[0].requests, 2); /* the first and the other */
  for (size_t i = 0; i < 3; i++) {
    gate_open(&w->up[0]);
    turns(20);
  }
  client_end(&first);
  client_end(&second);
  client_end(&other);
  CHECK_INT(w->up[0].requests, 3);
}
static void test_a_target_without_a_limit_lifts_no_other_ones(void **state) {
  run_learning_world(no_limit, "queue: {size: 2, wait: 60s}\n");
}

static size_t known_targets(struct world *w) {
  struct load_row row;
  size_t cursor = 0, count = 0;
  while (loads_next(w->gateway.state.loads, &cursor, loop_clock_us(), &row))
    count++;
  return count;
}

/* Names that callers make up get no places of their own, and leave nothing behind. */
static void made_up_names(struct world *w) {
  struct client first, second;
  size_t before = known_targets(w);
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->up[0].play = play_gated;
  client_start(&first, w, "{\"model\":\"narrow-1\",\"max_tokens\":1,\"messages\":[]}");
  turns(20);
  client_start(&second, w, "{\"model\":\"narrow-2\",\"max_tokens\":1,\"messages\":[]}");
  turns(20);
  CHECK_INT(w->up[0].requests, 1);
  gate_open(&w->up[0]);
  gate_open(&w->up[0]);
  client_end(&first);
  client_end(&second);
  w->up[0].play = NULL;
  for (int i = 0; i < 200; i++) {
    const char *body = arena_format(&w->arena, "{\"model\":\"narrow-x%d\",\"max_tokens\":1,\"messages\":[]}", i).at;
    CHECK_INT(ask_messages(w, body), 200);
  }
  CHECK_INT(known_targets(w), before);
}
static void test_a_limit_holds_for_all_names_that_a_star_stands_for(void **state) {
  run_learning_world(made_up_names, "queue: {size: 2, wait: 60s}\n");
}

static void waited_too_long(struct world *w) {
  struct client first, second;
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->up[0].play = play_gated;
  client_start(&first, w, "{\"model\":\"narrow\",\"max_tokens\":1,\"messages\":[]}");
  turns(20);
  client_start(&second, w, "{\"model\":\"narrow\",\"max_tokens\":1,\"messages\":[]}");
  client_end(&second);
  CHECK_INT(second.status, 529);
  gate_open(&w->up[0]);
  client_end(&first);
}
static void test_nobody_waits_longer_than_the_queue_allows(void **state) {
  run_learning_world(waited_too_long, "queue: {size: 2, wait: 2s}\n");
}

/* --- who holds the cache --- */

#define CACHED                                                                                                         \
  "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"hello\"}]" \
  ",\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":2000,"                 \
  "\"output_tokens\":20}}"
#define TURN(more)                                                                                                     \
  "{\"model\":\"two\",\"max_tokens\":10,\"system\":\"be brief\",\"messages\":[{\"role\":\"user\","                     \
  "\"content\":\"" more "\"}]}"

static void affinity(struct world *w) {
  w->up[0].answer = json_answer(w, 500, OVERLOADED);
  w->up[1].answer = json_answer(w, 200, CACHED);
  CHECK_INT(ask_messages(w, TURN("first")), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  w->up[0].answer = json_answer(w, 200, CACHED);
  CHECK_INT(ask_messages(w, TURN("first")), 200);
  CHECK_HEADER(w, "x-weir-provider", "b"); /* where its cache is */
  CHECK_INT(ask_messages(w, TURN("another conversation")), 200);
  CHECK_HEADER(w, "x-weir-provider", "a");
  pass(w, 301 * SECOND_US);
  CHECK_INT(ask_messages(w, TURN("first")), 200);
  CHECK_HEADER(w, "x-weir-provider", "a"); /* the cache is cold by now */
}
static void test_a_conversation_stays_where_its_prompt_cache_is(void **state) { run_learning_world(affinity, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_three_failures_open_a_breaker_and_one_probe_decides),
      cmocka_unit_test(test_streams_that_break_open_a_breaker_and_streams_heed_it),
      cmocka_unit_test(test_a_stream_that_outlives_its_request_opens_no_breaker),
      cmocka_unit_test(test_a_target_that_got_hardly_any_time_is_not_blamed),
      cmocka_unit_test(test_a_target_that_hangs_until_the_requests_end_is_blamed),
      cmocka_unit_test(test_a_success_between_failures_keeps_a_breaker_closed),
      cmocka_unit_test(test_mistakes_of_callers_and_used_up_plans_open_nothing),
      cmocka_unit_test(test_when_all_targets_rest_the_caller_is_told_for_how_long),
      cmocka_unit_test(test_when_all_have_failed_they_are_tried_again_after_a_pause),
      cmocka_unit_test(test_retry_after_is_honoured_or_passed_on),
      cmocka_unit_test(test_each_targets_own_retry_after_is_honoured),
      cmocka_unit_test(test_each_target_is_left_alone_for_as_long_as_it_asks),
      cmocka_unit_test(test_used_up_plans_and_mistakes_are_not_tried_again),
      cmocka_unit_test(test_no_round_begins_behind_the_requests_own_end),
      cmocka_unit_test(test_further_rounds_stay_within_a_share_of_the_calls),
      cmocka_unit_test(test_calls_beyond_a_targets_places_wait_and_a_full_queue_refuses),
      cmocka_unit_test(test_a_target_without_a_place_is_passed_over_for_one_with),
      cmocka_unit_test(test_a_target_without_a_limit_lifts_no_other_ones),
      cmocka_unit_test(test_a_limit_holds_for_all_names_that_a_star_stands_for),
      cmocka_unit_test(test_nobody_waits_longer_than_the_queue_allows),
      cmocka_unit_test(test_a_conversation_stays_where_its_prompt_cache_is),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("send_again", tests, NULL, NULL);
}
