/* The server around the endpoints: credentials, versions, paths, limits, statistics. */
#include "sim/sim.h"

#include "sim_http.h"

#define HELLO "{'model':'sim-text','max_tokens':50,'messages':[{'role':'user','content':'hello'}]}"

static void status_is(struct text answer, const char *status) {
  if (!text_starts(text_skip(answer, 9), text_of(status)))
    fail_msg("expected %s: %.*s", status, TEXT_ARGS(text_head(answer, 600)));
}

static void a_message_is_answered(void **state) {
  struct text answer = test_ask(MESSAGES, HELLO);
  status_is(answer, "200");
  EXPECT_INSIDE(answer, TEXT("You said: hello"));
  EXPECT_INSIDE(answer, TEXT("request-id: req_011"));
}

static void credentials_are_required_in_either_place(void **state) {
  struct text answer = test_ask("POST /v1/messages HTTP/1.1\r\nanthropic-version: 2023-06-01", HELLO);
  status_is(answer, "401");
  EXPECT_INSIDE(answer, TEXT("{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\""));
  answer = test_ask("POST /v1/chat/completions HTTP/1.1", HELLO);
  status_is(answer, "401");
  EXPECT_INSIDE(answer, TEXT("\"code\":\"invalid_api_key\""));
  status_is(test_ask("POST /v1/messages HTTP/1.1\r\nauthorization: bearer k\r\nanthropic-version: x", HELLO), "200");
  status_is(test_ask("POST /v1/chat/completions HTTP/1.1\r\nx-api-key: k", HELLO), "200");
  status_is(test_ask("POST /v1/chat/completions HTTP/1.1\r\nx-api-key: invalid", HELLO), "401");
}

static void the_version_is_required(void **state) {
  struct text answer = test_ask("POST /v1/messages HTTP/1.1\r\nx-api-key: k", HELLO);
  status_is(answer, "400");
  EXPECT_INSIDE(answer, TEXT("anthropic-version: header is required"));
}

static void a_later_version_has_more_members(void **state) {
  struct text answer = test_ask("POST /v1/messages HTTP/1.1\r\nx-api-key: k\r\nanthropic-version: 2026-10-21", HELLO);
  EXPECT_INSIDE(answer, TEXT("\"stop_details\":null"));
  assert_true(text_find(test_ask(MESSAGES, HELLO), TEXT("stop_details")) < 0);
}

static void unknown_paths_methods_and_bodies_are_refused(void **state) {
  status_is(test_ask("POST /v1/nothing HTTP/1.1\r\nx-api-key: k", "{}"), "404");
  status_is(test_ask("DELETE /v1/chat/completions HTTP/1.1\r\nx-api-key: k", "{}"), "405");
  struct text answer = test_ask(MESSAGES, "{'model':");
  status_is(answer, "400");
  EXPECT_INSIDE(answer, TEXT("invalid_request_error"));
}

static void a_body_over_the_limit_is_413(void **state) {
  static char body[5000];
  memset(body, 'x', sizeof(body) - 1);
  body[sizeof(body) - 1] = 0;
  struct text answer = test_ask(MESSAGES, body);
  status_is(answer, "413");
  EXPECT_INSIDE(answer, TEXT("request_too_large"));
}

static void the_dialect_of_models_follows_the_version_header(void **state) {
  EXPECT_INSIDE(test_ask("GET /v1/models HTTP/1.1\r\nx-api-key: k", ""), TEXT("{\"object\":\"list\""));
  EXPECT_INSIDE(test_ask("GET /v1/models?limit=1 HTTP/1.1\r\nx-api-key: k\r\nanthropic-version: x", ""),
                TEXT("\"has_more\":true"));
}

static void the_header_beats_the_model(void **state) {
  status_is(test_ask(MESSAGES "\r\nx-sim-behaviour: fail-418", HELLO), "418");
  status_is(test_ask(MESSAGES "\r\nx-sim-behaviour: nonsense", HELLO), "400");
}

static void requests_are_shown_and_forgotten(void **state) {
  status_is(test_ask("POST /__reset HTTP/1.1", ""), "200");
  struct text first = test_ask(MESSAGES, HELLO);
  ptrdiff_t at = text_find(first, TEXT("msg_01"));
  assert_true(at > 0);
  char id[29] = {0};
  memcpy(id, first.at + at, 28);
  struct text stats = test_ask(STATS, "");
  EXPECT_INSIDE(stats, TEXT("\"requests\":1"));
  EXPECT_INSIDE(stats, TEXT("\"outcome\":\"answered\""));
  status_is(test_ask("POST /__reset HTTP/1.1", ""), "200");
  EXPECT_INSIDE(test_ask(STATS, ""), TEXT("\"recent\":[]"));
  EXPECT_INSIDE(test_ask(MESSAGES, HELLO), text_of(id));
}

static void a_taken_address_is_told(void **state) {
  struct addr a;
  struct loop *loop;
  struct sim *sim = NULL;
  struct fault f = {0};
  const struct sim_options options = {0};
  assert_int_equal(addr_parse(text_skip(text_of(sim_background_url(test_sim)), 7), &a, NULL), ERR_OK);
  assert_int_equal(loop_new(NULL, &loop), ERR_OK);
  assert_int_equal(sim_start(loop, &a, &options, &sim, &f), ERR_SYSTEM);
  assert_null(sim);
  EXPECT_INSIDE(text_of(f.text), TEXT("already in use"));
  loop_free(loop);
  sim_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_message_is_answered),
      cmocka_unit_test(credentials_are_required_in_either_place),
      cmocka_unit_test(the_version_is_required),
      cmocka_unit_test(a_later_version_has_more_members),
      cmocka_unit_test(unknown_paths_methods_and_bodies_are_refused),
      cmocka_unit_test(a_body_over_the_limit_is_413),
      cmocka_unit_test(the_dialect_of_models_follows_the_version_header),
      cmocka_unit_test(the_header_beats_the_model),
      cmocka_unit_test(requests_are_shown_and_forgotten),
      cmocka_unit_test(a_taken_address_is_told),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, test_sim_start, test_sim_stop);
}
