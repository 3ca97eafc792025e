/* Whole answers of Converse. */
#include "wire/converse.h"

#include "converse_stream_test.h"

static struct text written_answer(struct arena *a, const struct llm_answer *answer, const struct llm_echo *echo) {
  struct buf out;
  buf_init(&out, 1 << 20);
  dialect_converse.write_answer(answer, echo, &out);
  struct text t = arena_copy(a, buf_text(&out));
  buf_done(&out);
  return t;
}

static void what_is_written_reads_as_the_same_answer(void **state) {
  const struct llm_echo echo = {.members = TEXT(" /delta/stop_sequence")};
  for (size_t i = 0; i < COUNT_OF(both_forms); i++) {
    struct arena a;
    arena_init(&a);
    struct llm_answer answer = read_plain_fixture(&a, both_forms[i]);
    struct llm_answer again = read_plain(&a, written_answer(&a, &answer, &echo));
    print_message("# %s\n", both_forms[i]);
    expect_same_answer(&a, &again, &answer);
    arena_done(&a);
  }
}

static void an_answer_has_all_that_clients_look_for(void **state) {
  const struct llm_echo echo = {.members = TEXT(" /stop_sequence /delta/stop_sequence")};
  struct llm_block block = {.text = TEXT("hi")};
  struct arena a;
  const struct llm_answer answer = {
      .blocks = &block,
      .block_count = 1,
      .stop = LLM_STOP_SEQUENCE,
      .stop_sequence = TEXT("x"),
      .service_tier = TEXT("priority"),
      .usage = {.input = 5, .output = 7, .cache_read = 1, .cache_write_1h = 2, .known = true}};
  arena_init(&a);
  expect_json(
      written_answer(&a, &answer, &echo),
      quoted(&a, "{'output':{'message':{'role':'assistant','content':[{'text':'hi'}]}},'stopReason':'stop_sequence',"
                 "'usage':{'inputTokens':5,'outputTokens':7,'totalTokens':15,'cacheReadInputTokens':1,"
                 "'cacheWriteInputTokens':2,'cacheDetails':[{'ttl':'1h','inputTokens':2}]},'metrics':{'latencyMs':0},"
                 "'additionalModelResponseFields':{'stop_sequence':'x','delta':{'stop_sequence':'x'}},"
                 "'serviceTier':{'type':'priority'}}")
          .at);
  arena_done(&a);
}

static void what_has_no_place_is_noted(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_answer answer = read_plain_fixture(&a, "guardrail");
  assert_int_equal(answer.notes.count, 2);
  assert_string_equal(answer.notes.at[0], "trace");
  assert_string_equal(answer.notes.at[1], "metrics");
  answer = read_plain_fixture(&a, "unknown_stop");
  assert_string_equal(answer.notes.at[0], "stopReason");
  answer = read_plain_fixture(&a, "citations_document");
  assert_string_equal(answer.notes.at[0], "citationsContent.citations");
  arena_done(&a);
}

static void what_is_no_answer_breaks_the_protocol(void **state) {
  const char *const rows[] = {
      "{}",
      "{'output':{'message':{'content':{}}},'stopReason':'end_turn'}",
      "{'output':{'message':{'content':[]}}}",
      "{'output':{'message':{'content':[7]}},'stopReason':'end_turn'}",
      "{'output':{'message':{'content':[{}]}},'stopReason':'end_turn'}",
      "{'output':{'message':{'content':[{'text':1}]}},'stopReason':'end_turn'}",
      "{'output':{'message':{'content':[{'image':{}}]}},'stopReason':'end_turn'}",
      "{'output':{'message':{'content':[{'toolUse':{'name':'f'}}]}},'stopReason':'end_turn'}",
      "{'output':{'message':{'content':[{'toolUse':{'toolUseId':'t','name':'f','input':'x'}}]}},'stopReason':'end_turn'"
      "}",
      "{'output':{'message':{'content':[{'toolUse':{'toolUseId':'t','name':'f','type':'server_tool_use'}}]}},'"
      "stopReason':'x'}",
      "{'output':{'message':{'content':[{'reasoningContent':{'dream':1}}]}},'stopReason':'end_turn'}",
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct arena a;
    struct llm_answer answer;
    struct fault f = {0};
    arena_init(&a);
    enum err e = dialect_converse.read_answer(raw_json(&a, rows[i]), &a, &answer, &f);
    if (e != ERR_UPSTREAM_PROTOCOL)
      fail_msg("%s: got %s", rows[i], err_name(e));
    arena_done(&a);
  }
}

static void refusals_are_text(void **state) {
  struct llm_block block = {.kind = LLM_REFUSAL, .text = TEXT("no")};
  const struct llm_answer answer = {.blocks = &block, .block_count = 1, .stop = LLM_STOP_REFUSAL};
  const struct llm_echo echo = {0};
  struct arena a;
  arena_init(&a);
  struct llm_answer again = read_plain(&a, written_answer(&a, &answer, &echo));
  EXPECT_TEXT(again.blocks[0].text, TEXT("no"));
  assert_int_equal(again.stop, LLM_STOP_CONTENT_FILTER);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_reads_as_the_same_answer),
      cmocka_unit_test(an_answer_has_all_that_clients_look_for),
      cmocka_unit_test(what_has_no_place_is_noted),
      cmocka_unit_test(what_is_no_answer_breaks_the_protocol),
      cmocka_unit_test(refusals_are_text),
  };
  return RUN_TESTS(tests);
}
