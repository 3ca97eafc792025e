/* Parameters, tools and formats of requests for responses. */
#include "sim/responses_request.h"

#include "responses_test.h"

#define X(members) "{'model':'sim-text','input':'x'," members "}"
#define TOOL       "{'type':'function','name':'w','parameters':{'type':'object'}}"

static void input_or_an_earlier_response_is_needed(void **state) {
  refuses("{'model':'m'}", "input", "Missing required parameter: 'input'.");
  refuses(X("'background':true"), "background", "in the background");
  refuses(X("'conversation':'c'"), "conversation", "keeps no prompts");
  refuses(X("'stream_options':{}"), "stream_options", "only allowed when 'stream' is enabled");
  refuses(X("'metadata':{'a':1}"), "metadata", "expected a string");
}

static void reasoning_is_asked_for_in_several_ways(void **state) {
  accepts(X("'store':true"));
  assert_false(ask.thinks);
  accepts(X("'reasoning':{'effort':'none'}"));
  assert_false(ask.thinks);
  accepts(X("'reasoning':{'effort':'low'}"));
  assert_true(ask.thinks && ask.omit_thinking);
  accepts(X("'reasoning':{'summary':'auto'},'include':['reasoning.encrypted_content']"));
  assert_true(ask.thinks && !ask.omit_thinking && ask.wants_sealed);
}

static void tools_can_be_forced_and_refused(void **state) {
  accepts(X("'tools':[" TOOL ",{'type':'custom','name':'c'}],'tool_choice':'required'"));
  assert_int_equal(ask.tool_count, 2);
  assert_true(ask.tools_forced && ask.tool[1].is_custom);
  accepts(X("'tools':[" TOOL ",{'type':'custom','name':'c'}],'tool_choice':{'type':'custom','name':'c'}"));
  EXPECT_TEXT(ask.tool[0].name, TEXT("c"));
  assert_int_equal(ask.tool_count, 1);
  accepts(X("'tools':[" TOOL "],'tool_choice':'none'"));
  assert_true(ask.tools_refused);
  accepts(X("'tools':[" TOOL "],'tool_choice':{'type':'allowed_tools','mode':'required','tools':[]}"));
  assert_true(ask.tools_forced);
  refuses(X("'tools':[" TOOL "],'tool_choice':{'type':'function','name':'z'}"), "tool_choice", "'z' not found");
  refuses(X("'tool_choice':'required'"), "tool_choice", "require 'tools'");
  refuses(X("'tools':[" TOOL "],'tool_choice':5"), "tool_choice", "Invalid value for 'tool_choice'");
}

static void tools_are_checked(void **state) {
  refuses(X("'tools':[{'type':'function','name':'a b'}]"), "tools[0]", "does not match pattern");
  refuses(X("'tools':[{'name':'a'}]"), "tools[0]", "Missing required parameter: 'tools[0].type'");
  refuses(X("'tools':[{'type':'hammer'}]"), "tools[0]", "not a known type of tool");
  refuses(X("'tools':[{'type':'function','name':'a','strict':true,'parameters':{'type':'object'}}]"),
          "tools[0].parameters", "Invalid schema for function 'a'");
}

static void formats_are_checked(void **state) {
  accepts(X("'text':{'format':{'type':'json_schema','name':'n','schema':{'type':'object'}}}"));
  assert_true(ask.wants_json && ask.json_schema);
  accepts(X("'text':{'format':{'type':'json_object'}}"));
  assert_true(ask.wants_json);
  refuses(X("'text':{'format':{'type':'json_schema','schema':{}}}"), "text.format.name", "Missing required parameter");
  refuses(X("'text':{'format':{'type':'json_schema','name':'n'}}"), "text.format.schema", "Missing required parameter");
  refuses(X("'text':{'format':{'type':'json_schema','name':'n','strict':true,'schema':{'type':'object'}}}"),
          "text.format.schema", "Invalid schema for response_format 'n'");
}

static void the_answer_repeats_what_was_asked(void **state) {
  accepts(X("'store':false,'metadata':{'k':'v'},'temperature':0.5"));
  assert_false(ask.is_kept);
  EXPECT_INSIDE(ask.echo, TEXT("\"metadata\":{\"k\":\"v\"}"));
  EXPECT_INSIDE(ask.echo, TEXT("\"temperature\":0.5"));
  EXPECT_INSIDE(ask.echo, TEXT("\"top_p\":1.0"));
  assert_true(text_ends(ask.echo, TEXT("}")));
}

static void counting_takes_fewer_members(void **state) {
  struct json doc = test_json(&arena, "{'model':'m','input':'12345678'}");
  struct json bad = test_json(&arena, "{'model':'m','input':'x','store':true}");
  assert_int_equal(sim_responses_read_count(&(struct sim_input){.doc = &doc, .arena = &arena}, &ask, &fault), ERR_OK);
  assert_int_equal(digest_tokens(ask.digest.bytes), 2);
  assert_int_equal(sim_responses_read_count(&(struct sim_input){.doc = &bad, .arena = &arena}, &ask, &fault),
                   ERR_BAD_REQUEST);
  json_done(&doc);
  json_done(&bad);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(input_or_an_earlier_response_is_needed),
      CASE(reasoning_is_asked_for_in_several_ways),
      CASE(tools_can_be_forced_and_refused),
      CASE(tools_are_checked),
      CASE(formats_are_checked),
      CASE(the_answer_repeats_what_was_asked),
      CASE(counting_takes_fewer_members),
  };
  return RUN_TESTS(tests);
}
