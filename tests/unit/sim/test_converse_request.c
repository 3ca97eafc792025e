/* What is taken from good Converse requests, and parameters that are refused. */
#include "sim/converse_request.h"

#include "converse_test.h"

static void the_path_says_model_and_stream(void **state) {
  accepts("{'messages':[" HI "],'inferenceConfig':{'maxTokens':9,'stopSequences':['a','b']}}");
  EXPECT_TEXT(ask.model, TEXT("us.anthropic.sim-text-v1:0"));
  assert_true(ask.stream);
  assert_int_equal(ask.max_tokens, 9);
  assert_int_equal(ask.stop_count, 2);
  EXPECT_TEXT(ask.stop[1], TEXT("b"));
}

static void tools_can_be_forced(void **state) {
  accepts("{'messages':[" HI "]," TOOLS "}");
  assert_int_equal(ask.tool_count, 1);
  assert_false(ask.tools_forced);
#define TWO                                                                                                            \
  "{'tools':[{'toolSpec':{'name':'a','inputSchema':{'json':{'type':'object'}}}},{'toolSpec':{'name':'b','inputSchema'" \
  ":{'json':{'type':'object'}}}}],'toolChoice':"
  accepts("{'messages':[" HI "],'toolConfig':" TWO "{'any':{}}}}");
  assert_true(ask.tools_forced);
  assert_int_equal(ask.tool_count, 2);
  accepts("{'messages':[" HI "],'toolConfig':" TWO "{'tool':{'name':'b'}}}}");
  EXPECT_TEXT(ask.tool[0].name, TEXT("b"));
  assert_int_equal(ask.tool_count, 1);
  refuses("{'messages':[" HI "],'toolConfig':" TWO "{'tool':{'name':'c'}}}}", "'c' of toolChoice");
  refuses("{'messages':[" HI
          "],'toolConfig':{'tools':[{'toolSpec':{'name':'a','inputSchema':{'json':{'type':'array'}}}}]}}",
          "inputSchema.json.type");
}

static void tools_can_be_chosen_in_the_models_own_fields(void **state) {
#define OWN(choice) "{'messages':[" HI "]," TOOLS ",'additionalModelRequestFields':{'tool_choice':" choice "}}"
  accepts(OWN("{'type':'any','disable_parallel_tool_use':true}"));
  assert_true(ask.tools_forced && ask.one_tool_only);
  accepts(OWN("{'type':'auto'}"));
  assert_false(ask.tools_forced || ask.one_tool_only);
  refuses(OWN("{'type':'tool','name':'nobody'}"), "'nobody' of toolChoice");
  accepts(OWN("{'type':'tool','name':'w'}"));
  assert_true(ask.tools_forced);
  accepts(OWN("{'type':'none'}"));
  assert_true(ask.tools_refused);
  refuses(OWN("{'type':'some'}"), "tool_choice: Input should be 'auto', 'any', 'none' or 'tool'");
  refuses("{'messages':[" HI "],'additionalModelRequestFields':{'tool_choice':{'type':'any'}}}",
          "while providing tools");
  refuses("{'messages':[" HI "],'toolConfig':" TWO
          "{'any':{}}},'additionalModelRequestFields':{'tool_choice':{'type':'any'}}}",
          "conflicts with toolConfig.toolChoice");
}

static void thinking_is_asked_for_in_the_models_own_fields(void **state) {
  accepts("{'messages':[" HI "],'additionalModelRequestFields':{'thinking':{'type':'enabled','budget_tokens':1024}}}");
  assert_true(ask.thinks);
  refuses("{'messages':[" HI "],'additionalModelRequestFields':{'thinking':{'type':'enabled','budget_tokens':10}}}",
          "budget_tokens");
}

static void a_schema_is_json_inside_json(void **state) {
  accepts("{'messages':[" HI "],'outputConfig':{'textFormat':{'type':'json_schema','structure':{'jsonSchema':{'schema':"
          "'{}'}}}}}");
  assert_true(ask.wants_json);
  refuses("{'messages':[" HI "],'outputConfig':{'textFormat':{'type':'json_schema','structure':{'jsonSchema':{'schema':"
          "'{'}}}}}",
          "is not valid JSON");
  refuses("{'messages':[" HI "],'outputConfig':{'textFormat':{'type':'json_schema','structure':{'jsonSchema':{'schema':"
          "'7'}}}}}",
          "must be a JSON schema");
}

static void metadata_is_narrow(void **state) {
  accepts("{'messages':[" HI "],'requestMetadata':{'a:_@$#=/+,-.Z9':'','b':'x y'}}");
  refuses("{'messages':[" HI "],'requestMetadata':{'a':'!'}}", "not so at 'a'");
  refuses("{'messages':[" HI "],'requestMetadata':{'':'x'}}", "1 to 256");
  refuses("{'messages':[" HI "],'requestMetadata':{'a':1}}", "not so at 'a'");
  char many[400] = "{'messages':[" HI "],'requestMetadata':{'k':'v'";
  for (int i = 0; i < 16; i++)
    snprintf(many + strlen(many), sizeof(many) - strlen(many), ",'k%d':'v'", i);
  snprintf(many + strlen(many), sizeof(many) - strlen(many), "}}");
  refuses(many, "less than or equal to 16");
}

static void a_value_of_257_characters_is_too_long(void **state) {
  char value[258] = {0};
  memset(value, 'x', 257);
  refuses(arena_format(&arena, "{'messages':[" HI "],'requestMetadata':{'a':'%s'}}", value).at, "not so at 'a'");
  accepts(arena_format(&arena, "{'messages':[" HI "],'requestMetadata':{'a':'%s'}}", value + 1).at);
}

static void counting_reads_the_same_prompt(void **state) {
  struct json doc = test_json(&arena, "{'messages':[" HI "],'system':[{'text':'12345678'}]}");
  struct sim_ask count;
  assert_int_equal(sim_converse_read_count(doc.root, TEXT("m"), &arena, &count, &fault), ERR_OK);
  accepts("{'messages':[" HI "],'system':[{'text':'12345678'}]}");
  assert_int_equal(count.digest.bytes, ask.digest.bytes);
  json_done(&doc);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(the_path_says_model_and_stream),
      CASE(tools_can_be_forced),
      CASE(tools_can_be_chosen_in_the_models_own_fields),
      CASE(thinking_is_asked_for_in_the_models_own_fields),
      CASE(a_schema_is_json_inside_json),
      CASE(metadata_is_narrow),
      CASE(a_value_of_257_characters_is_too_long),
      CASE(counting_reads_the_same_prompt),
  };
  return RUN_TESTS(tests);
}
