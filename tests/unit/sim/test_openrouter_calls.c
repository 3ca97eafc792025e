/* OpenRouter's endpoints over loopback. */
#include "sim/calls.h"

#include "sim_http.h"

#define KEYED(line) line " HTTP/1.1\r\nauthorization: Bearer k"

static void status_is(struct text answer, const char *status) {
  if (!text_starts(text_skip(answer, 9), text_of(status)))
    fail_msg("expected %s: %.*s", status, TEXT_ARGS(text_head(answer, 600)));
}

static void completions_are_answered_and_attribution_is_recorded(void **state) {
  struct text answer =
      test_ask(KEYED("POST /api/v1/chat/completions") "\r\nHTTP-Referer: https://weir.example\r\nX-Title: W",
               "{'model':'openai/sim-text','messages':[{'role':'user','content':'hello'}]}");
  status_is(answer, "200");
  EXPECT_INSIDE(answer, TEXT("\"provider\":\"WeirSim\""));
  EXPECT_INSIDE(answer, TEXT("You said: hello"));
  answer = test_ask(STATS, "");
  EXPECT_INSIDE(answer, TEXT("[\"HTTP-Referer\",\"https://weir.example\"],[\"X-Title\",\"W\"]"));
  EXPECT_INSIDE(answer, TEXT("\"POST /api/v1/chat/completions\":1"));
}

static void the_catalogue_is_public_and_has_prices(void **state) {
  struct text answer = test_ask("GET /api/v1/models HTTP/1.1", "");
  status_is(answer, "200");
  EXPECT_INSIDE(answer, TEXT("{\"id\":\"anthropic/sim-text\""));
  EXPECT_INSIDE(answer, TEXT("\"pricing\":{\"prompt\":\"0.000003\",\"completion\":\"0.000015\",\"request\":\"0\""));
  EXPECT_INSIDE(answer, TEXT("\"input_cache_read\":\"0.0000003\",\"input_cache_write\":\"0.00000375\""));
  EXPECT_INSIDE(answer, TEXT("\"top_provider\":{\"context_length\":200000,\"max_completion_tokens\":64000"));
  EXPECT_INSIDE(answer, TEXT("\"input_modalities\":[\"text\",\"image\",\"file\"]"));
}

static void a_key_tells_its_limits(void **state) {
  EXPECT_INSIDE(test_ask(KEYED("GET /api/v1/key"), ""), TEXT("\"limit_remaining\":98.5"));
  struct text answer = test_ask("GET /api/v1/key HTTP/1.1", "");
  status_is(answer, "401");
  EXPECT_INSIDE(answer, TEXT("\"code\":401"));
}

static void embeddings_tell_their_cost(void **state) {
  EXPECT_INSIDE(test_ask(KEYED("POST /api/v1/embeddings"), "{'model':'m','input':'12345678','dimensions':2}"),
                TEXT("\"usage\":{\"prompt_tokens\":2,\"total_tokens\":2,\"cost\":0.000006}"));
}

static void an_exhausted_plan_is_402(void **state) {
  status_is(test_ask(KEYED("POST /api/v1/chat/completions"),
                     "{'model':'sim-usage-limit','messages':[{'role':'user','content':'hello'}]}"),
            "402");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(completions_are_answered_and_attribution_is_recorded),
      cmocka_unit_test(the_catalogue_is_public_and_has_prices),
      cmocka_unit_test(a_key_tells_its_limits),
      cmocka_unit_test(embeddings_tell_their_cost),
      cmocka_unit_test(an_exhausted_plan_is_402),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, test_sim_start, test_sim_stop);
}
