/* What is taken for an answer: the dialect, the kind that was asked for, within its limit. */
#include "gateway_ask.h"

struct wrong {
  int status;
  const char *headers, *body;
  bool stream;
  const char *says;
};

static void wrong_answers(struct world *w) {
  static const struct wrong cases[] = {
      {200, JSON_TYPE, "<html>", false, "JSON"},
      {200, JSON_TYPE, "", false, "JSON"},
      {200, JSON_TYPE, "[]", false, ""},
      {200, JSON_TYPE, "{}", false, ""},
      {200, JSON_TYPE, OVERLOADED, false, "error"},
      {204, JSON_TYPE, "", false, "204"},
      {202, JSON_TYPE, MESSAGE, false, "202"},
      {200, JSON_TYPE, MESSAGE, true, "stream"},
      {200, STREAM_TYPE, "event: ping\ndata: {}\n\n", false, "stream"},
      {200, STREAM_TYPE, "", true, "first event"},
      {200, STREAM_TYPE, ": only a comment\n\n", true, "first event"},
      {200, STREAM_TYPE, "event: message_start\ndata: {\"ty\n\n", true, ""},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const struct wrong *c = &cases[i];
    w->up[0].answer = http_answer(w, c->status, c->headers, text_of(c->body));
    if (c->status == 204)
      w->up[0].answer = TEXT("HTTP/1.1 204 No Content\r\n\r\n");
    if (!CHECK_INT(ask_messages(w, c->stream ? ASK_STREAM : ASK_BODY), 502))
      (void)fprintf(stderr, "case %zu\n", i);
    CHECK_MEMBER(w, "error.type", "api_error");
    CHECK_HAS(answer_member(w, "error.message").at, c->says);
    CHECK_OUTCOME(w, "error");
    CHECK_TEXT(w->seen.last.error, TEXT("UPSTREAM_PROTOCOL"));
    CHECK_INT(newest_row(w, 0).upstream_status, c->status);
  }
}
static void test_what_is_no_answer_is_502(void **state) { run_world(wrong_answers, NULL); }

static void redirect(struct world *w) {
  w->up[0].answer = http_answer(w, 302, "location: http://elsewhere/\r\n", TEXT("moved"));
  CHECK_INT(ask_messages(w, ASK_BODY), 502);
  CHECK_HEADER(w, "location", "");
  CHECK_MEMBER(w, "type", "error");
}
static void test_a_redirect_is_not_followed_and_not_passed_on(void **state) { run_world(redirect, NULL); }

static void limit(struct world *w) {
  struct buf body;
  buf_init(&body, 1 << 16);
  buf_add(&body, TEXT(MESSAGE));
  while (body.len < 4096)
    buf_add_char(&body, ' ');
  w->up[0].answer = http_answer(w, 200, JSON_TYPE, buf_text(&body));
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(wire_text(w->c).len, 4096);
  struct text whole = buf_text(&body);
  w->up[0].answer = arena_format(
      &w->arena, "HTTP/1.1 200 X\r\n" JSON_TYPE "transfer-encoding: chunked\r\n\r\n1000\r\n%.*s\r\n0\r\n\r\n",
      TEXT_ARGS(whole));
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  buf_add_char(&body, ' ');
  w->up[0].answer = http_answer(w, 200, JSON_TYPE, buf_text(&body));
  CHECK_INT(ask_messages(w, ASK_BODY), 502);
  CHECK_HAS(answer_member(w, "error.message").at, "4096");
  buf_done(&body);
}
static void test_an_answer_may_be_as_large_as_its_limit(void **state) {
  run_world(limit, "limits: {response_bytes: 4096}\n");
}

static void dialects(struct world *w) {
  w->up[0].answer = json_answer(w, 200, COMPLETION);
  CHECK_INT(ask_messages(w, ASK_BODY), 502);
  CHECK_INT(ask_chat(w, ASK_BODY), 200);
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_chat(w, ASK_BODY), 502);
}
static void test_an_answer_of_another_dialect_is_none(void **state) { run_world(dialects, NULL); }

static void caller_error_first(struct world *w) {
  struct text event = TEXT("event: error\ndata: " INVALID "\n\n");
  w->up[0].answer = http_answer(w, 200, STREAM_TYPE, event);
  CHECK_INT(ask_messages(w, "{\"model\":\"two\",\"max_tokens\":1,\"stream\":true}"), 200);
  CHECK_TEXT(wire_text(w->c), event);
  CHECK_OUTCOME(w, "error");
  CHECK_INT(w->up[1].requests, 0);
  CHECK_INT(newest_row(w, 0).cost.total, 0);
}
static void test_a_stream_that_begins_with_the_callers_mistake_is_passed_on(void **state) {
  run_world(caller_error_first, NULL);
}

static void used_up_first(struct world *w) {
  w->up[0].answer =
      http_answer(w, 200, STREAM_TYPE,
                  TEXT("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
                       "\"message\":\"Your credit balance is too low to access the API\"}}\n\n"));
  w->up[1].answer = http_answer(w, 200, STREAM_TYPE, TEXT("event: error\ndata: " INVALID "\n\n"));
  CHECK_INT(ask_messages(w, "{\"model\":\"two\",\"max_tokens\":1,\"stream\":true}"), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_TEXT(newest_row(w, 1).error, TEXT("usage_limit"));
}
static void test_an_error_event_is_judged_by_the_providers_own_table(void **state) { run_world(used_up_first, NULL); }

static void exception_in_header(struct world *w) {
  w->up[0].answer = http_answer(w, 400, JSON_TYPE "x-amzn-errortype: ServiceQuotaExceededException:http://x/\r\n",
                                TEXT("{\"message\":\"m\"}"));
  (void)ask_messages(w, "{\"model\":\"nova\",\"max_tokens\":10,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
  CHECK_TEXT(w->seen.last.error, TEXT("UPSTREAM_USAGE"));
  w->up[0].answer = json_answer(w, 400, "{\"message\":\"m\"}");
  (void)ask_messages(w, "{\"model\":\"nova\",\"max_tokens\":10,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
  CHECK_TEXT(w->seen.last.error, TEXT("UPSTREAM_STATUS"));
}
static void test_an_exception_named_in_the_header_is_known(void **state) { run_world(exception_in_header, NULL); }

static void unreadable(struct world *w) {
  w->up[0].answer = http_answer(w, 400, JSON_TYPE "content-encoding: br\r\n", TEXT("\x0b\x02\x80"));
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, "{\"model\":\"two\",\"max_tokens\":10,\"messages\":[]}"), 400);
  CHECK_MEMBER(w, "error.type", "invalid_request_error");
  CHECK_HEADER(w, "content-encoding", "");
  CHECK_INT(w->up[1].requests, 0);
  CHECK_TEXT(newest_row(w, 0).error, TEXT("UPSTREAM_STATUS"));
}
static void test_a_failure_that_cannot_be_read_is_known_by_its_status(void **state) { run_world(unreadable, NULL); }

static void ping_first(struct world *w) {
  w->up[0].answer = http_answer(w, 200, STREAM_TYPE,
                                TEXT("event: ping\ndata: {\"type\":\"ping\"}\n\n"
                                     "event: error\ndata: " OVERLOADED "\n\n"));
  w->up[1].answer = http_answer(w, 200, STREAM_TYPE, TEXT(EVENTS_OF_MESSAGE));
  CHECK_INT(ask_messages(w, "{\"model\":\"two\",\"max_tokens\":1,\"stream\":true}"), 200);
  CHECK_TEXT(wire_text(w->c), TEXT(EVENTS_OF_MESSAGE));
  CHECK_HEADER(w, "x-weir-provider", "b");
  w->up[0].answer =
      http_answer(w, 200, STREAM_TYPE, TEXT("event: ping\ndata: {\"type\":\"ping\"}\n\n" EVENTS_OF_MESSAGE));
  CHECK_INT(ask_messages(w, "{\"model\":\"two\",\"max_tokens\":1,\"stream\":true}"), 200);
  CHECK_TEXT(wire_text(w->c), TEXT("event: ping\ndata: {\"type\":\"ping\"}\n\n" EVENTS_OF_MESSAGE));
}
static void test_an_event_that_keeps_the_connection_alive_begins_no_answer(void **state) {
  run_world(ping_first, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_no_answer_is_502),
      cmocka_unit_test(test_a_redirect_is_not_followed_and_not_passed_on),
      cmocka_unit_test(test_an_answer_may_be_as_large_as_its_limit),
      cmocka_unit_test(test_an_answer_of_another_dialect_is_none),
      cmocka_unit_test(test_a_stream_that_begins_with_the_callers_mistake_is_passed_on),
      cmocka_unit_test(test_an_error_event_is_judged_by_the_providers_own_table),
      cmocka_unit_test(test_an_exception_named_in_the_header_is_known),
      cmocka_unit_test(test_a_failure_that_cannot_be_read_is_known_by_its_status),
      cmocka_unit_test(test_an_event_that_keeps_the_connection_alive_begins_no_answer),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
