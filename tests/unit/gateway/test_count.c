/* Token counts that no target can make are estimated here, and say so. */
#include "gateway_ask.h"

#define COUNT "POST /v1/messages/count_tokens"
#define ASKED                                                                                                          \
  "{\"model\":\"only-openai\",\"system\":\"You are a careful "                                                         \
  "helper.\",\"messages\":[{\"role\":\"user\",\"content\":\"" WORDS "\"}]}"
#define WORDS "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"

static void estimated(struct world *w) {
  CHECK_INT(ask(w, COUNT, X_API_KEY JSON_TYPE "anthropic-version: 2023-06-01\r\n", TEXT(ASKED)), 200);
  CHECK_HEADER(w, "x-weir-token-count", "estimate");
  uint64_t tokens = 0;
  CHECK_INT(text_to_u64(answer_member(w, "input_tokens"), &tokens), 1);
  if (tokens < 20 || tokens > 80)
    CHECK_INT((int)tokens, 30);
  CHECK_INT(w->up[0].requests + w->up[1].requests, 0);
  CHECK_OUTCOME(w, "ok");
  CHECK_INT(ledger_stats(w->ledger).reserved, 0);
  CHECK_INT(ask(w, COUNT, X_API_KEY JSON_TYPE "anthropic-version: 2023-06-01\r\n",
                TEXT("{\"model\":\"only-openai\",\"messages\":[{\"role\":7}]}")),
            400);
  CHECK_HAS(answer_member(w, "error.message").at, "messages[0].role");
}
static void test_a_count_is_estimated_where_nobody_counts(void **state) { run_world(estimated, NULL); }

static void bedrock(struct world *w) {
  CHECK_INT(ask(w, "POST /bedrock/model/only-openai/count-tokens", X_API_KEY JSON_TYPE,
                TEXT("{\"input\":{\"converse\":{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" WORDS
                     "\"}]}]}}}")),
            200);
  CHECK_INT(text_is_empty(answer_member(w, "inputTokens")), 0);
  CHECK_INT(ask(w, "POST /bedrock/model/only-openai/count-tokens", X_API_KEY JSON_TYPE, TEXT("{\"input\":{}}")), 400);
  CHECK_HEADER(w, "x-amzn-errortype", "ValidationException");
  CHECK_INT(ask(w, "POST /bedrock/model/only-openai/count-tokens", X_API_KEY JSON_TYPE,
                TEXT("{\"input\":{\"invokeModel\":{\"body\":\"*\"}}}")),
            400);
}
static void test_bedrocks_count_holds_the_request_of_another_operation(void **state) { run_world(bedrock, NULL); }

static void asked(struct world *w) {
  w->up[0].answer = json_answer(w, 200, "{\"input_tokens\":12}");
  CHECK_INT(ask(w, COUNT, X_API_KEY JSON_TYPE "anthropic-version: 2023-06-01\r\n", TEXT(ASK_BODY)), 200);
  CHECK_HEADER(w, "x-weir-token-count", "");
  CHECK_MEMBER(w, "input_tokens", "12");
}
static void test_who_can_count_is_asked(void **state) { run_world(asked, NULL); }

static void wrapped(struct world *w) {
  w->up[0].answer = json_answer(w, 200, "{\"inputTokens\":42}");
  CHECK_INT(ask(w, COUNT, X_API_KEY JSON_TYPE "anthropic-version: 2023-06-01\r\n",
                TEXT("{\"model\":\"claude-aws\",\"messages\":[]}")),
            200);
  CHECK_MEMBER(w, "input_tokens", "42");
  CHECK_HEADER(w, "x-weir-token-count", "");
  CHECK_INT(strncmp(w->up[0].request, "POST /model/anthropic.claude-v1%3A0/count-tokens ", 49), 0);
  struct text body = upstream_body(&w->up[0]), front = TEXT("{\"input\":{\"invokeModel\":{\"body\":\"");
  CHECK_INT(text_starts(body, front), 1);
  char *inner = arena_zalloc(&w->arena, body.len);
  size_t len = 0;
  CHECK_INT(text_base64_decode(text_head(text_skip(body, front.len), body.len - front.len - 4), inner, &len), 1);
  CHECK_HAS(inner, "\"max_tokens\":1");
  CHECK_HAS(inner, "\"anthropic_version\":\"bedrock-2023-05-31\"");
  CHECK_HAS(inner, "\"messages\":[]");
  CHECK_INT(strstr(inner, "\"model\"") == NULL, 1);
  CHECK_INT(newest_row(w, 0).cost.total, 0);
}
static void test_claude_on_bedrock_is_asked_in_its_own_way(void **state) { run_world(wrapped, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_count_is_estimated_where_nobody_counts),
      cmocka_unit_test(test_bedrocks_count_holds_the_request_of_another_operation),
      cmocka_unit_test(test_claude_on_bedrock_is_asked_in_its_own_way),
      cmocka_unit_test(test_who_can_count_is_asked),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("count", tests, NULL, NULL);
}
