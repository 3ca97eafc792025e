/* Members of requests for responses: known ones pass, others are refused by their path. */
#include "sim/responses_shape.h"

#include "responses_test.h"

static void a_full_request_fits(void **state) {
  accepts(
      "{'model':'m','input':'x','instructions':'i','include':['reasoning.encrypted_content'],'max_output_tokens':16,"
      "'metadata':{'a':'b'},'parallel_tool_calls':false,'prompt_cache_key':'k','reasoning':{'effort':'low','summary':"
      "'auto'},'safety_identifier':'s','service_tier':'flex','store':false,'stream':true,'stream_options':{"
      "'include_obfuscation':false},'temperature':2,'text':{'format':{'type':'text'},'verbosity':'low'},'tools':[{"
      "'type':'web_search'}],'tool_choice':'auto','top_logprobs':0,'top_p':1,'truncation':'auto','user':'u'}");
}

static void unknown_members_are_refused(void **state) {
  refuses("{'model':'m','input':'x','messages':[]}", "messages", "Unknown parameter: 'messages'.");
  refuses("{'model':'m','input':'x','max_tokens':5}", "max_tokens", "Unknown parameter");
  refuses("{'model':'m','input':[{'role':'user','content':'x','cache_control':{}}]}", "input[0].cache_control",
          "Unknown parameter");
  refuses("{'model':'m','input':[{'role':'user','content':[{'type':'input_text','text':'x','y':1}]}]}",
          "input[0].content[0].y", "Unknown parameter");
  refuses("{'model':'m','input':'x','tools':[{'type':'function','name':'f','function':{}}]}", "tools[0].function",
          "Unknown parameter");
}

static void values_are_refused_outside_their_ranges(void **state) {
  refuses("{'input':'x'}", "model", "Missing required parameter: 'model'.");
  refuses("{'model':'m','input':'x','max_output_tokens':15}", "max_output_tokens", "at least 16");
  refuses("{'model':'m','input':'x','temperature':2.1}", "temperature", "between 0 and 2");
  refuses("{'model':'m','input':'x','store':'no'}", "store", "expected a boolean");
  refuses("{'model':'m','input':'x','include':['all']}", "include[0]", "Invalid value: 'all'");
  refuses("{'model':'m','input':'x','text':{'format':{'type':'xml'}}}", "text.format.type", "Invalid value: 'xml'");
  refuses("{'model':'m','input':'x','truncation':'yes'}", "truncation", "'auto', and 'disabled'");
}

static void types_have_their_rows(void **state) {
  assert_non_null(responses_item_shape(TEXT("mcp_call")));
  assert_null(responses_item_shape(TEXT("smell")));
  assert_non_null(responses_part_shape(TEXT("refusal")));
  assert_null(responses_part_shape(TEXT("text")));
  assert_non_null(responses_tool_shape(TEXT("custom")));
  assert_null(responses_tool_shape(TEXT("hammer")));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(a_full_request_fits),
      CASE(unknown_members_are_refused),
      CASE(values_are_refused_outside_their_ranges),
      CASE(types_have_their_rows),
  };
  return RUN_TESTS(tests);
}
