/* The endpoints of responses over loopback: make, look up, go on, delete, count. */
#include "sim/calls.h"

#include "sim_http.h"

#define KEYED(line) line " HTTP/1.1\r\nauthorization: Bearer k"

static void status_is(struct text answer, const char *status) {
  if (!text_starts(text_skip(answer, 9), text_of(status)))
    fail_msg("expected %s: %.*s", status, TEXT_ARGS(text_head(answer, 600)));
}

static void a_response_lives_until_it_is_deleted(void **state) {
  char id[40] = {0}, line[200];
  struct text answer = test_ask(KEYED("POST /v1/responses"), "{'model':'sim-text','input':'hello'}");
  status_is(answer, "200");
  memcpy(id, answer.at + text_find(answer, TEXT("resp_")), 27);
  snprintf(line, sizeof(line), "GET /v1/responses/%s HTTP/1.1\r\nauthorization: Bearer k", id);
  EXPECT_INSIDE(test_ask(line, ""), TEXT("You said: hello"));
  snprintf(line, sizeof(line), "{'model':'sim-text','input':'more','previous_response_id':'%s'}", id);
  EXPECT_INSIDE(test_ask(KEYED("POST /v1/responses"), line), text_of(id));
  snprintf(line, sizeof(line), "DELETE /v1/responses/%s HTTP/1.1\r\nauthorization: Bearer k", id);
  EXPECT_INSIDE(test_ask(line, ""), TEXT("\"deleted\":true"));
  answer = test_ask(line, "");
  status_is(answer, "404");
  EXPECT_INSIDE(answer, TEXT("\"message\":\"Response with id '"));
}

static void a_reset_forgets_responses(void **state) {
  char line[200] = {0}, id[40] = {0};
  struct text answer = test_ask(KEYED("POST /v1/responses"), "{'model':'sim-text','input':'hello'}");
  memcpy(id, answer.at + text_find(answer, TEXT("resp_")), 27);
  status_is(test_ask("POST /__reset HTTP/1.1", ""), "200");
  snprintf(line, sizeof(line), "GET /v1/responses/%s HTTP/1.1\r\nauthorization: Bearer k", id);
  status_is(test_ask(line, ""), "404");
}

static void prompts_are_counted(void **state) {
  EXPECT_INSIDE(test_ask(KEYED("POST /v1/responses/input_tokens"), "{'model':'m','input':'12345678'}"),
                TEXT("{\"object\":\"response.input_tokens\",\"input_tokens\":2}"));
  status_is(test_ask(KEYED("POST /v1/responses/input_tokens"), "{'model':'m','stream':true}"), "400");
}

static void streams_are_events(void **state) {
  struct text answer = test_ask(KEYED("POST /v1/responses"), "{'model':'sim-text','input':'x','stream':true}");
  EXPECT_INSIDE(answer, TEXT("content-type: text/event-stream"));
  EXPECT_INSIDE(answer, TEXT("event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0"));
  EXPECT_INSIDE(answer, TEXT("event: response.completed\n"));
  status_is(test_ask("POST /v1/responses HTTP/1.1", "{'model':'sim-text','input':'x'}"), "401");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_response_lives_until_it_is_deleted),
      cmocka_unit_test(a_reset_forgets_responses),
      cmocka_unit_test(prompts_are_counted),
      cmocka_unit_test(streams_are_events),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, test_sim_start, test_sim_stop);
}
