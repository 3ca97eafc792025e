/* Settings of Converse requests. */
#include "wire/converse_settings.h"

#include "converse_test.h"

static void settings_are_read(void **state) {
  struct arena a;
  arena_init(&a);
  struct asked q = ask_well(
      &a, with_text(
              &a, "'inferenceConfig':{'maxTokens':100,'temperature':0.70,'topP':1e-1,'stopSequences':['x','y']},"
                  "'requestMetadata':{'user_id':'u1','team':'blue'},'serviceTier':{'type':'flex'},"
                  "'additionalModelRequestFields':{'top_k':40,'thinking':{'type':'enabled','budget_tokens':2048,"
                  "'display':'omitted'},'output_config':{'effort':'low'}},'outputConfig':{'textFormat':{'type':"
                  "'json_schema','structure':{'jsonSchema':{'schema':'{\\\"type\\\":\\\"object\\\"}','name':'n'}}}}"));
  assert_int_equal(q.rq.max_tokens, 100);
  EXPECT_TEXT(q.rq.temperature, TEXT("0.70"));
  EXPECT_TEXT(q.rq.top_p, TEXT("1e-1"));
  EXPECT_TEXT(q.rq.top_k, TEXT("40"));
  assert_int_equal(q.rq.stop_count, 2);
  EXPECT_TEXT(q.rq.stop[1], TEXT("y"));
  EXPECT_TEXT(q.rq.user_id, TEXT("u1"));
  assert_int_equal(q.rq.metadata_count, 1);
  EXPECT_TEXT(q.rq.metadata[0].value, TEXT("blue"));
  EXPECT_TEXT(q.rq.service_tier, TEXT("flex"));
  assert_int_equal(q.rq.thinking, LLM_THINKING_BUDGET);
  assert_int_equal(q.rq.thinking_budget, 2048);
  EXPECT_TEXT(q.rq.effort, TEXT("low"));
  assert_int_equal(q.rq.output, LLM_OUTPUT_SCHEMA);
  EXPECT_TEXT(q.rq.output_schema, TEXT("{\"type\":\"object\"}"));
  assert_true(q.echo.omit_thinking);
  arena_done(&a);
}

static void one_call_at_a_time_is_said_in_a_field_of_anthropics(void **state) {
  struct arena a;
  arena_init(&a);
  struct asked q = ask_well(&a, with_text(&a, "'additionalModelRequestFields':{'tool_choice':{'type':'tool','name':'f',"
                                              "'disable_parallel_tool_use':true}}"));
  assert_int_equal(q.rq.choice, LLM_CHOICE_TOOL);
  EXPECT_TEXT(q.rq.choice_name, TEXT("f"));
  assert_int_equal(q.rq.parallel_tools, LLM_NO);
  q = ask_well(&a, with_text(&a, "'additionalModelRequestFields':{'tool_choice':{'type':'auto'}}"));
  assert_int_equal(q.rq.choice, LLM_CHOICE_AUTO);
  assert_int_equal(q.rq.parallel_tools, LLM_NOT_GIVEN);
  arena_done(&a);
}

static void thinking_has_three_kinds(void **state) {
  const struct {
    const char *fields;
    enum llm_thinking thinking;
    const char *effort;
  } rows[] = {{"'thinking':{'type':'adaptive'}", LLM_THINKING_ADAPTIVE, ""},
              {"'thinking':{'type':'disabled'}", LLM_THINKING_OFF, ""},
              {"'reasoning_effort':'none'", LLM_THINKING_OFF, ""},
              {"'reasoning_effort':'medium'", LLM_THINKING_NOT_GIVEN, "medium"}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct arena a;
    arena_init(&a);
    struct asked q =
        ask_well(&a, with_text(&a, arena_format(&a, "'additionalModelRequestFields':{%s}", rows[i].fields).at));
    assert_int_equal(q.rq.thinking, rows[i].thinking);
    EXPECT_TEXT(q.rq.effort, text_of(rows[i].effort));
    arena_done(&a);
  }
}

static void the_paths_to_a_stop_sequence_are_remembered(void **state) {
  struct arena a;
  arena_init(&a);
  struct asked q = ask_well(&a, with_text(&a, "'additionalModelResponseFieldPaths':['/delta/stop_sequence']"));
  EXPECT_TEXT(q.echo.members, TEXT(" /delta/stop_sequence"));
  arena_done(&a);
}

static void wrong_values_are_named(void **state) {
  struct arena a;
  arena_init(&a);
  const struct trouble rows[] = {
      {with_text(&a, "'inferenceConfig':[]"), "inferenceConfig"},
      {with_text(&a, "'inferenceConfig':{'maxTokens':0}"), "inferenceConfig.maxTokens"},
      {with_text(&a, "'inferenceConfig':{'maxTokens':1.5}"), "inferenceConfig.maxTokens"},
      {with_text(&a, "'inferenceConfig':{'maxTokens':'9'}"), "inferenceConfig.maxTokens"},
      {with_text(&a, "'inferenceConfig':{'temperature':'hot'}"), "inferenceConfig.temperature"},
      {with_text(&a, "'inferenceConfig':{'topP':true}"), "inferenceConfig.topP"},
      {with_text(&a, "'inferenceConfig':{'stopSequences':'x'}"), "inferenceConfig.stopSequences"},
      {with_text(&a, "'inferenceConfig':{'stopSequences':['']}"), "inferenceConfig.stopSequences"},
      {with_text(&a, "'outputConfig':{'effort':'huge'}"), "outputConfig.effort"},
      {with_text(&a, "'outputConfig':{'effort':'low'},'additionalModelRequestFields':{'reasoning_effort':'high'}"),
       "additionalModelRequestFields.reasoning_effort"},
      {with_text(&a, "'outputConfig':{'textFormat':{'type':'json_schema'}}"), "outputConfig.textFormat.structure"},
      {with_text(&a, "'outputConfig':{'textFormat':{'type':'json_schema','structure':{'jsonSchema':{'schema':'{'}}}}"),
       "outputConfig.textFormat.structure.jsonSchema.schema"},
      {with_text(&a, "'outputConfig':{'textFormat':{'type':'json_schema','structure':{'jsonSchema':{'schema':'[]'}}}}"),
       "outputConfig.textFormat.structure.jsonSchema.schema"},
      {with_text(&a, "'additionalModelRequestFields':7"), "additionalModelRequestFields"},
      {with_text(&a, "'additionalModelRequestFields':{'top_k':'many'}"), "additionalModelRequestFields.top_k"},
      {with_text(&a, "'additionalModelRequestFields':{'thinking':{'type':'enabled'}}"),
       "additionalModelRequestFields.thinking.budget_tokens"},
      {with_text(&a, "'additionalModelRequestFields':{'thinking':{'type':'adaptive','budget_tokens':5}}"),
       "additionalModelRequestFields.thinking.budget_tokens"},
      {with_text(&a, "'additionalModelRequestFields':{'thinking':{'type':'adaptive','display':'loud'}}"),
       "additionalModelRequestFields.thinking.display"},
      {with_text(&a, "'additionalModelRequestFields':{'thinking':{'type':'deep'}}"),
       "additionalModelRequestFields.thinking.type"},
      {with_text(&a, "'additionalModelRequestFields':{'tool_choice':{'type':'some'}}"),
       "additionalModelRequestFields.tool_choice.type"},
      {with_text(&a, "'additionalModelRequestFields':{'tool_choice':{'type':'tool'}}"),
       "additionalModelRequestFields.tool_choice.name"},
      {with_text(&a, "'additionalModelRequestFields':{'tool_choice':{'type':'any','disable_parallel_tool_use':1}}"),
       "additionalModelRequestFields.tool_choice.disable_parallel_tool_use"},
      {with_text(&a, "'toolConfig':{'tools':[{'toolSpec':{'name':'f','inputSchema':{'json':{'type':'object'}}}}],"
                     "'toolChoice':{'any':{}}},'additionalModelRequestFields':{'tool_choice':{'type':'any'}}"),
       "additionalModelRequestFields.tool_choice"},
      {with_text(&a, "'requestMetadata':[]"), "requestMetadata"},
      {with_text(&a, "'requestMetadata':{'k':7}"), "requestMetadata.k"},
      {with_text(&a, "'serviceTier':{}"), "serviceTier.type"},
      {with_text(&a, "'additionalModelResponseFieldPaths':'/x'"), "additionalModelResponseFieldPaths"},
  };
  expect_troubles(rows, COUNT_OF(rows), ERR_BAD_REQUEST);
  arena_done(&a);
}

static void fields_of_single_models_are_refused(void **state) {
  struct arena a;
  arena_init(&a);
  const struct trouble rows[] = {
      {with_text(&a, "'additionalModelRequestFields':{'anthropic_beta':['x']}"),
       "additionalModelRequestFields.anthropic_beta"},
      {with_text(&a, "'additionalModelRequestFields':{'output_config':{'task_budget':{}}}"),
       "additionalModelRequestFields.output_config.task_budget"},
      {with_text(&a, "'inferenceConfig':{'topK':5}"), "inferenceConfig.topK"},
      {with_text(&a, "'outputConfig':{'textFormat':{'type':'grammar'}}"), "outputConfig.textFormat.type"},
  };
  expect_troubles(rows, COUNT_OF(rows), ERR_UNSUPPORTED);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(settings_are_read),        cmocka_unit_test(one_call_at_a_time_is_said_in_a_field_of_anthropics),
      cmocka_unit_test(thinking_has_three_kinds), cmocka_unit_test(the_paths_to_a_stop_sequence_are_remembered),
      cmocka_unit_test(wrong_values_are_named),   cmocka_unit_test(fields_of_single_models_are_refused),
  };
  return RUN_TESTS(tests);
}
