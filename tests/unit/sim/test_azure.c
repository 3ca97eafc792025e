/* Azure's paths over loopback: deployments, versions, keys and its own errors. */
#include "sim/calls.h"

#include "sim_http.h"

#define CHAT_BODY            "{'messages':[{'role':'user','content':'hello'}]}"
#define DEPLOYED(name, rest) "POST /openai/deployments/" name rest " HTTP/1.1\r\napi-key: k"

static void status_is(struct text answer, const char *status) {
  if (!text_starts(text_skip(answer, 9), text_of(status)))
    fail_msg("expected %s: %.*s", status, TEXT_ARGS(text_head(answer, 600)));
}

static void the_deployment_is_the_model(void **state) {
  struct text answer = test_ask(DEPLOYED("sim-text", "/chat/completions?api-version=2025-01-01-preview"), CHAT_BODY);
  status_is(answer, "200");
  EXPECT_INSIDE(answer, TEXT("\"model\":\"sim-text\""));
  EXPECT_INSIDE(answer, TEXT("\"prompt_filter_results\""));
  status_is(test_ask(DEPLOYED("sim-fail-503", "/chat/completions?api-version=1"), CHAT_BODY), "503");
}

static void a_version_is_needed(void **state) {
  struct text answer = test_ask(DEPLOYED("sim-text", "/chat/completions"), CHAT_BODY);
  status_is(answer, "404");
  EXPECT_INSIDE(answer, TEXT("{\"error\":{\"code\":\"404\",\"message\":\"Resource not found\"}}"));
  status_is(test_ask(DEPLOYED("sim-text", "/embeddings?api-version="), "{'input':'x'}"), "404");
}

static void a_key_is_needed(void **state) {
  struct text answer = test_ask("POST /openai/deployments/sim-text/chat/completions?api-version=1 HTTP/1.1", CHAT_BODY);
  status_is(answer, "401");
  EXPECT_INSIDE(answer, TEXT("{\"error\":{\"code\":\"401\",\"message\":\"Access denied"));
}

static void embeddings_need_no_model_in_the_body(void **state) {
  EXPECT_INSIDE(test_ask(DEPLOYED("embed", "/embeddings?api-version=1"), "{'input':'x','dimensions':2}"),
                TEXT("\"model\":\"embed\""));
}

static void the_v1_paths_are_plain_openai(void **state) {
  struct text answer = test_ask("POST /openai/v1/chat/completions HTTP/1.1\r\napi-key: k",
                                "{'model':'sim-text','messages':[{'role':'user','content':'hello'}]}");
  status_is(answer, "200");
  assert_true(text_find(answer, TEXT("prompt_filter_results")) < 0);
  status_is(test_ask("POST /openai/v1/responses HTTP/1.1\r\napi-key: k", "{'model':'sim-text','input':'x'}"), "200");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_deployment_is_the_model),
      cmocka_unit_test(a_version_is_needed),
      cmocka_unit_test(a_key_is_needed),
      cmocka_unit_test(embeddings_need_no_model_in_the_body),
      cmocka_unit_test(the_v1_paths_are_plain_openai),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, test_sim_start, test_sim_stop);
}
