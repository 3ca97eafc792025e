/* Converse answers, whole and event by event. */
#include "bedrock_test.h"

static void a_plain_answer_has_output_stop_usage_and_metrics(void **state) {
  ask.behaviour.cache = true;
  answer_plan(&ask, 1, NULL, &arena, &answer);
  sim_converse.write_plain(&out, &answer, &arena);
  expect_json(buf_text(&out));
  EXPECT_INSIDE(buf_text(&out),
                TEXT("{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"This is"));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":10,\"outputTokens\":15,"
                                     "\"totalTokens\":2365,\"cacheReadInputTokens\":2000,\"cacheWriteInputTokens\":340,"
                                     "\"cacheDetails\":[{\"ttl\":\"5m\",\"inputTokens\":300},{\"ttl\":\"1h\","
                                     "\"inputTokens\":40}]},\"metrics\":{\"latencyMs\":7}}"));
}

static void a_text_stream_has_no_block_start(void **state) {
  ask.max_tokens = 3;
  EXPECT_TEXT(test_stream(&sim_converse),
              TEXT("messageStart {\"role\":\"assistant\"}\n"
                   "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"This is a si\"}}\n"
                   "contentBlockStop {\"contentBlockIndex\":0}\n"
                   "messageStop {\"stopReason\":\"max_tokens\"}\n"
                   "metadata {\"usage\":{\"inputTokens\":10,\"outputTokens\":3,\"totalTokens\":13,"
                   "\"cacheReadInputTokens\":0,\"cacheWriteInputTokens\":0},\"metrics\":{\"latencyMs\":7}}\n"));
}

static void tools_and_reasoning_stream_in_their_own_deltas(void **state) {
  ask.behaviour.tools = ask.behaviour.redacted = ask.thinks = ask.one_tool_only = true;
  ask.tool[0] = (struct sim_tool){TEXT("w"), NULL, false};
  ask.tool_count = 1;
  struct text all = test_stream(&sim_converse);
  EXPECT_INSIDE(
      all, TEXT("contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"weir-sim"));
  EXPECT_INSIDE(all, TEXT("{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"signature\":\""));
  EXPECT_INSIDE(all, TEXT("{\"contentBlockIndex\":1,\"delta\":{\"reasoningContent\":{\"redactedContent\":\""));
  EXPECT_INSIDE(all, TEXT("contentBlockStart {\"contentBlockIndex\":3,\"start\":{\"toolUse\":{\"name\":\"w\","
                          "\"toolUseId\":\"tooluse_"));
  EXPECT_INSIDE(all, TEXT("{\"contentBlockIndex\":3,\"delta\":{\"toolUse\":{\"input\":\"{}\"}}}\n"));
  EXPECT_INSIDE(all, TEXT("messageStop {\"stopReason\":\"tool_use\"}"));
  buf_reset(&out);
  sim_converse.write_plain(&out, &answer, &arena);
  expect_json(buf_text(&out));
  EXPECT_INSIDE(buf_text(&out), TEXT("{\"reasoningContent\":{\"reasoningText\":{\"text\":\"weir-sim pretends"));
  EXPECT_INSIDE(buf_text(&out), TEXT(",\"name\":\"w\",\"input\":{}}}"));
}

static void stop_reasons_have_their_names(void **state) {
  ask.behaviour.filter = true;
  EXPECT_INSIDE(test_stream(&sim_converse), TEXT("\"stopReason\":\"content_filtered\""));
  ask.behaviour.filter = false;
  ask.stop[0] = TEXT("simulated");
  ask.stop_count = 1;
  EXPECT_INSIDE(test_stream(&sim_converse), TEXT("\"stopReason\":\"stop_sequence\""));
  EXPECT_TEXT(answer.block[0].text, TEXT("This is a "));
}

static void an_empty_answer_has_no_blocks(void **state) {
  ask.behaviour.empty = ask.behaviour.no_usage = true;
  EXPECT_TEXT(test_stream(&sim_converse), TEXT("messageStart {\"role\":\"assistant\"}\n"
                                               "messageStop {\"stopReason\":\"end_turn\"}\n"
                                               "metadata {\"metrics\":{\"latencyMs\":7}}\n"));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(a_plain_answer_has_output_stop_usage_and_metrics),
      CASE(a_text_stream_has_no_block_start),
      CASE(tools_and_reasoning_stream_in_their_own_deltas),
      CASE(stop_reasons_have_their_names),
      CASE(an_empty_answer_has_no_blocks),
  };
  return RUN_TESTS(tests);
}
