/* Counts, stop reasons and what stands beside an answer. */
#include "wire/converse_usage.h"

#include "converse_test.h"

static struct usage usage_of(const char *single, struct usage before) {
  struct arena a;
  arena_init(&a);
  converse_read_usage(raw_json(&a, single)->root, &before);
  arena_done(&a);
  return before;
}

static void counts_are_read_by_class(void **state) {
  const struct {
    const char *usage;
    struct usage want;
  } rows[] = {
      {"{'inputTokens':1,'outputTokens':2,'totalTokens':3}", {.input = 1, .output = 2, .known = true}},
      {"{'cacheReadInputTokens':4,'cacheWriteInputTokens':5}", {.cache_read = 4, .cache_write_5m = 5, .known = true}},
      {"{'cacheWriteInputTokens':5,'cacheDetails':[{'ttl':'1h','inputTokens':5}]}",
       {.cache_write_1h = 5, .known = true}},
      {"{'cacheWriteInputTokens':9,'cacheDetails':[{'ttl':'1h','inputTokens':4},{'ttl':'5m','inputTokens':3}]}",
       {.cache_write_5m = 5, .cache_write_1h = 4, .known = true}},
      {"{'cacheWriteInputTokens':2,'cacheDetails':[{'ttl':'1h','inputTokens':4}]}",
       {.cache_write_1h = 2, .known = true}},
      {"{'cacheDetails':[{'ttl':'5m','inputTokens':3}]}", {.cache_write_5m = 3, .known = true}},
      {"{'inputTokens':-4,'outputTokens':'x'}", {0}},
      {"{}", {0}},
      {"null", {0}},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct usage got = usage_of(rows[i].usage, (struct usage){0});
    expect_usage(&got, rows[i].want);
  }
}

static void what_is_absent_changes_nothing(void **state) {
  const struct usage before = {.input = 9, .output = 8, .cache_write_1h = 7, .known = true};
  struct usage got = usage_of("{'outputTokens':10}", before);
  expect_usage(&got, (struct usage){.input = 9, .output = 10, .cache_write_1h = 7, .known = true});
}

static void stop_reasons_are_told_both_ways(void **state) {
  const struct {
    const char *word;
    enum llm_stop stop;
  } rows[] = {{"end_turn", LLM_STOP_END},
              {"max_tokens", LLM_STOP_LENGTH},
              {"stop_sequence", LLM_STOP_SEQUENCE},
              {"tool_use", LLM_STOP_TOOL_USE},
              {"content_filtered", LLM_STOP_CONTENT_FILTER},
              {"model_context_window_exceeded", LLM_STOP_CONTEXT_FULL}};
  struct llm_notes notes = {0};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    assert_int_equal(converse_read_stop(text_of(rows[i].word), &notes), rows[i].stop);
    EXPECT_TEXT(converse_stop_word(rows[i].stop), text_of(rows[i].word));
  }
  assert_int_equal(notes.count, 0);
  assert_int_equal(converse_read_stop(TEXT("guardrail_intervened"), &notes), LLM_STOP_CONTENT_FILTER);
  assert_int_equal(converse_read_stop(TEXT("malformed_tool_use"), &notes), LLM_STOP_END);
  assert_int_equal(notes.count, 1);
  EXPECT_TEXT(converse_stop_word(LLM_STOP_REFUSAL), TEXT("content_filtered"));
  EXPECT_TEXT(converse_stop_word(LLM_STOP_PAUSE), TEXT("end_turn"));
}

static void fields_beside_the_content_are_read_or_noted(void **state) {
  struct arena a;
  struct llm_notes notes = {0};
  struct text sequence = TEXT_NONE, tier = TEXT_NONE;
  arena_init(&a);
  converse_read_beside(raw_json(&a,
                                "{'additionalModelResponseFields':{'stop_sequence':'x'},'serviceTier':{'type':'flex'},"
                                "'performanceConfig':{'latency':'standard'},'trace':{},'metrics':null}")
                           ->root,
                       &notes, &sequence, &tier);
  EXPECT_TEXT(sequence, TEXT("x"));
  EXPECT_TEXT(tier, TEXT("flex"));
  assert_int_equal(notes.count, 0);
  converse_read_beside(
      raw_json(&a, "{'additionalModelResponseFields':{'delta':{'stop_sequence':'y','more':1}},"
                   "'performanceConfig':{'latency':'optimized'},'trace':{'x':1},'metrics':{'latencyMs':1}}")
          ->root,
      &notes, &sequence, &tier);
  EXPECT_TEXT(sequence, TEXT("y"));
  assert_int_equal(notes.count, 4);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_are_read_by_class),
      cmocka_unit_test(what_is_absent_changes_nothing),
      cmocka_unit_test(stop_reasons_are_told_both_ways),
      cmocka_unit_test(fields_beside_the_content_are_read_or_noted),
  };
  return RUN_TESTS(tests);
}
