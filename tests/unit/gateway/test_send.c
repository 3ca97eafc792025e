/* Which failures go to the next target, which are the caller's to see, and what is left in the ledger of each. */
#include "gateway_ask.h"

#include "../net/fake_resolver.h"

#define TWO         "{\"model\":\"two\",\"max_tokens\":10,\"messages\":[]}"
#define TWO_STREAM  "{\"model\":\"two\",\"max_tokens\":10,\"stream\":true,\"messages\":[]}"
#define ERROR_EVENT "event: error\ndata: " OVERLOADED "\n\n"

static void check_second_answered(struct world *w, const char *class) {
  CHECK_MEMBER(w, "content.0.text", "hello");
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_HEADER(w, "x-weir-model", "two-b");
  CHECK_HEADER(w, "x-weir-attempts", "2");
  CHECK_OUTCOME(w, "ok");
  CHECK_INT(w->seen.last.attempts, 2);
  CHECK_INT(w->seen.last.cost.total, COST_OF_MESSAGE);
  struct ledger_row second = newest_row(w, 0), first = newest_row(w, 1);
  CHECK_TEXT(second.outcome, TEXT("ok"));
  CHECK_INT(second.attempt, 2);
  CHECK_INT(second.cost.total, COST_OF_MESSAGE);
  CHECK_TEXT(first.outcome, TEXT("failed_over"));
  CHECK_TEXT(first.error, text_of(class));
  CHECK_INT(first.attempt, 1);
  CHECK_INT(first.status, 0);
  CHECK_TEXT(first.request_id, second.request_id);
}

static void statuses(struct world *w) {
  static const struct {
    int status;
    const char *class;
  } cases[] = {{429, "rate_limit"}, {500, "server_error"}, {503, "server_error"}, {529, "server_error"}};
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    w->up[0].answer = json_answer(w, cases[i].status, OVERLOADED);
    CHECK_INT(ask_messages(w, TWO), 200);
    check_second_answered(w, cases[i].class);
    CHECK_INT(newest_row(w, 1).upstream_status, cases[i].status);
    CHECK_HAS(w->up[1].request, "\"model\":\"two-b\"");
  }
}
static void test_a_failing_status_goes_to_the_next_target(void **state) { run_world(statuses, NULL); }

static void usage_limit(struct world *w) {
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  w->up[0].answer = json_answer(w, 400,
                                "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your "
                                "credit balance is too low to access the API\"}}");
  CHECK_INT(ask_messages(w, TWO), 200);
  check_second_answered(w, "usage_limit");
}
static void test_a_used_up_credit_goes_to_the_next_target(void **state) { run_world(usage_limit, NULL); }

static void refused(struct world *w) {
  upstream_stop(&w->up[0]);
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, TWO), 200);
  check_second_answered(w, "network_error");
}
static void test_a_refused_connection_goes_to_the_next_target(void **state) { run_world(refused, NULL); }

/* The name was good when the provider was made by the control API, and means the cloud's metadata now. */
static void rebound(struct world *w) {
  struct fault f = {0};
  struct config *c = world_config(w, "");
  resolver_script = "rebound.test 169.254.169.254";
  c->providers[0].is_confined = true;
  c->providers[0].base_url = TEXT("http://rebound.test/latest");
  CHECK_ERR(gateway_worker_use(&w->worker, c, &f), ERR_OK);
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, TWO), 200);
  check_second_answered(w, "network_error");
  CHECK_INT(ask_messages(w, ASK_BODY), 502);
  CHECK_TEXT(newest_row(w, 0).error, TEXT("UPSTREAM_ADDRESS"));
}
static void test_a_stored_provider_that_leads_to_metadata_is_not_called(void **state) { run_world(rebound, NULL); }

static void cut_before_head(struct world *w) {
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  w->up[0].answer = TEXT("HTTP/1.1 200 OK\r\ncontent-le");
  w->up[0].then = CALL_RESET;
  CHECK_INT(ask_messages(w, TWO), 200);
  check_second_answered(w, "network_error");
}
static void test_a_connection_lost_in_the_head_goes_to_the_next_target(void **state) {
  run_world(cut_before_head, NULL);
}

static void cut_in_body(struct world *w) {
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  w->up[0].answer = TEXT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"id\":");
  w->up[0].then = CALL_CLOSE;
  CHECK_INT(ask_messages(w, TWO), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_TEXT(newest_row(w, 1).outcome, TEXT("failed_over"));
}
static void test_a_plain_answer_cut_in_its_body_goes_to_the_next_target(void **state) { run_world(cut_in_body, NULL); }

static void play_silent(struct upstream *up, struct stream *s) {
  char c;
  size_t n;
  (void)up;
  (void)!stream_read(s, &c, 1, after(UPSTREAM_WAIT_US), &n);
}

static void first_byte(struct world *w) {
  w->up[0].play = play_silent;
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, TWO), 200);
  check_second_answered(w, "timeout");
  w->up[1].play = play_silent;
  CHECK_INT(ask_messages(w, TWO), 504);
  CHECK_MEMBER(w, "error.type", "timeout_error");
  CHECK_OUTCOME(w, "error");
  CHECK_TEXT(newest_row(w, 0).error, TEXT("UPSTREAM_TIMEOUT"));
  CHECK_INT(newest_row(w, 0).status, 504);
}
static void test_a_silent_provider_is_left_after_the_first_byte_timeout(void **state) {
  run_world(first_byte, "timeouts: {first_byte: 30ms}\n");
}

static void not_retried(struct world *w) {
  static const int statuses[] = {400, 401, 403, 404, 413, 422};
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  for (size_t i = 0; i < COUNT_OF(statuses); i++) {
    w->up[0].answer = json_answer(w, statuses[i], INVALID);
    CHECK_INT(ask_messages(w, TWO), statuses[i]);
    CHECK_TEXT(wire_text(w->c), TEXT(INVALID));
    CHECK_HEADER(w, "x-weir-attempts", "1");
    CHECK_OUTCOME(w, "error");
    CHECK_TEXT(w->seen.last.error, TEXT("UPSTREAM_STATUS"));
    struct ledger_row row = newest_row(w, 0);
    CHECK_TEXT(row.outcome, TEXT("error"));
    CHECK_INT(row.status, statuses[i]);
    CHECK_INT(text_is_empty(row.error), 0);
    CHECK_INT(row.cost.total, 0);
  }
  CHECK_INT(w->up[1].requests, 0);
}
static void test_the_callers_own_mistakes_are_returned_as_they_are(void **state) { run_world(not_retried, NULL); }

static void last_failure(struct world *w) {
  upstream_stop(&w->up[0]);
  w->up[1].answer = http_answer(w, 429, JSON_TYPE "retry-after: 17\r\nanthropic-ratelimit-requests-remaining: 0\r\n",
                                TEXT(OVERLOADED));
  CHECK_INT(ask_messages(w, TWO), 429);
  CHECK_TEXT(wire_text(w->c), TEXT(OVERLOADED));
  CHECK_HEADER(w, "retry-after", "17");
  CHECK_HEADER(w, "anthropic-ratelimit-requests-remaining", "0");
  CHECK_TEXT(w->seen.last.error, TEXT("UPSTREAM_RATE"));
  CHECK_INT(w->seen.last.attempts, 2);
  w->up[1].answer = http_answer(w, 503, "content-type: text/html\r\nretry-after: 5\r\n", TEXT("<html>no</html>"));
  CHECK_INT(ask_messages(w, TWO), 503);
  CHECK_MEMBER(w, "type", "error");
  CHECK_HEADER(w, "retry-after", "5");
  CHECK_HEADER(w, "content-type", "application/json");
  CHECK_INT(ask_chat(w, TWO), 503);
  CHECK_MEMBER(w, "type", "");
  CHECK_INT(text_is_empty(answer_member(w, "error.message")), 0);
}
static void test_the_last_failure_comes_in_the_callers_wire_with_its_retry_after(void **state) {
  run_world(last_failure, NULL);
}

static void unreachable(struct world *w) {
  upstream_stop(&w->up[0]);
  CHECK_INT(ask_messages(w, ASK_BODY), 502);
  CHECK_MEMBER(w, "error.type", "api_error");
  CHECK_HEADER(w, "x-weir-provider", "a");
  CHECK_OUTCOME(w, "error");
  CHECK_INT(w->seen.last.status, 502);
  struct ledger_row row = newest_row(w, 0);
  CHECK_TEXT(row.outcome, TEXT("error"));
  CHECK_TEXT(row.error, TEXT("UPSTREAM_NETWORK"));
  CHECK_INT(row.status, 502);
  CHECK_INT(row.usage.input, 0);
}
static void test_an_unreachable_provider_is_502(void **state) { run_world(unreachable, NULL); }

static void first_event_error(struct world *w) {
  w->up[0].answer = http_answer(w, 200, STREAM_TYPE, TEXT(": hi\n\n" ERROR_EVENT));
  w->up[1].answer = http_answer(w, 200, STREAM_TYPE, TEXT(EVENTS_OF_MESSAGE));
  for (size_t piece = 0; piece < 8; piece += 7) {
    w->up[0].piece = piece;
    CHECK_INT(ask_messages(w, TWO_STREAM), 200);
    CHECK_TEXT(wire_text(w->c), TEXT(EVENTS_OF_MESSAGE));
    CHECK_HEADER(w, "x-weir-attempts", "2");
    CHECK_OUTCOME(w, "ok");
    CHECK_INT(w->seen.last.cost.total, COST_OF_MESSAGE);
    CHECK_TEXT(newest_row(w, 1).outcome, TEXT("failed_over"));
    CHECK_INT(newest_row(w, 1).cost.total, 0);
  }
  w->up[1].answer = w->up[0].answer;
  CHECK_INT(ask_messages(w, TWO_STREAM), 529);
  CHECK_MEMBER(w, "error.type", "overloaded_error");
}
static void test_a_stream_that_begins_with_an_error_goes_to_the_next_target(void **state) {
  run_world(first_event_error, NULL);
}

static void after_first_byte(struct world *w) {
  w->up[0].answer =
      arena_format(&w->arena, "HTTP/1.1 200 X\r\n%scontent-length: 9999\r\n\r\n%.300s", STREAM_TYPE, EVENTS_OF_MESSAGE);
  w->up[0].then = CALL_RESET;
  w->up[1].answer = http_answer(w, 200, STREAM_TYPE, TEXT(EVENTS_OF_MESSAGE));
  CHECK_INT(ask_messages(w, TWO_STREAM), 200);
  CHECK_INT(w->up[1].requests, 0);
  CHECK_OUTCOME(w, "cut");
  CHECK_INT(w->seen.last.attempts, 1);
}
static void test_nothing_is_retried_after_the_first_byte(void **state) { run_world(after_first_byte, NULL); }

static void reused(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  for (int i = 0; i < 5; i++)
    CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(w->up[0].connections, 1);
  CHECK_INT(w->up[0].requests, 5);
  CHECK_INT(http_client_idle(w->worker.client), 1);
}
static void test_connections_are_kept_for_the_next_call(void **state) { run_world(reused, NULL); }

/* Answers, then closes the kept connection instead of answering the second request. */
static void play_stale(struct upstream *up, struct stream *s) {
  up->then = up->requests == 2 ? CALL_CLOSE : CALL_KEEP;
  if (up->requests != 2)
    upstream_say_answer(up, s);
}

static void stale(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->up[0].play = play_stale;
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_HEADER(w, "x-weir-attempts", "2");
  CHECK_INT(w->up[0].requests, 3);
  struct ledger_row row = newest_row(w, 0);
  CHECK_INT(row.attempt, 2);
  CHECK_TEXT(row.outcome, TEXT("ok"));
  row = newest_row(w, 1);
  CHECK_INT(row.attempt, 1);
  CHECK_TEXT(row.outcome, TEXT("failed_over"));
  CHECK_INT(row.cost.total, 0);
}
static void test_a_request_sent_twice_is_recorded_twice(void **state) { run_world(stale, NULL); }

static void quoted_key(struct world *w) {
  w->up[0].answer =
      json_answer(w, 401,
                  "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"no such "
                  "key: vendor-secret-a\"}}");
  CHECK_INT(ask_messages(w, ASK_BODY), 401);
  CHECK_HAS(wire_text(w->c).at, "no such key: ***************");
  CHECK_INT(text_find(wire_text(w->c), TEXT("vendor-secret")), -1);
  CHECK_INT(text_find(w->seen.last.detail, TEXT("no such key")), -1);
}
static void test_a_provider_that_quotes_our_key_is_covered(void **state) { run_world(quoted_key, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_failing_status_goes_to_the_next_target),
      cmocka_unit_test(test_a_used_up_credit_goes_to_the_next_target),
      cmocka_unit_test(test_a_refused_connection_goes_to_the_next_target),
      cmocka_unit_test(test_a_stored_provider_that_leads_to_metadata_is_not_called),
      cmocka_unit_test(test_a_connection_lost_in_the_head_goes_to_the_next_target),
      cmocka_unit_test(test_a_plain_answer_cut_in_its_body_goes_to_the_next_target),
      cmocka_unit_test(test_a_silent_provider_is_left_after_the_first_byte_timeout),
      cmocka_unit_test(test_the_callers_own_mistakes_are_returned_as_they_are),
      cmocka_unit_test(test_the_last_failure_comes_in_the_callers_wire_with_its_retry_after),
      cmocka_unit_test(test_an_unreachable_provider_is_502),
      cmocka_unit_test(test_a_stream_that_begins_with_an_error_goes_to_the_next_target),
      cmocka_unit_test(test_nothing_is_retried_after_the_first_byte),
      cmocka_unit_test(test_connections_are_kept_for_the_next_call),
      cmocka_unit_test(test_a_request_sent_twice_is_recorded_twice),
      cmocka_unit_test(test_a_provider_that_quotes_our_key_is_covered),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("send", tests, NULL, NULL);
}
