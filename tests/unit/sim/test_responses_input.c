/* Items of requests for responses, alone and against each other. */
#include "sim/responses_input.h"

#include "responses_test.h"

#define IN(items) "{'model':'m','input':[" items "]}"
#define HI        "{'role':'user','content':'hi'}"
#define CALL(id)  "{'type':'function_call','call_id':'" id "','name':'w','arguments':'{}'}"
#define OUT(id)   "{'type':'function_call_output','call_id':'" id "','output':'sunny'}"

static void messages_are_text_or_parts_of_their_role(void **state) {
  accepts(
      IN("{'role':'system','content':'s'},{'type':'message','role':'user','content':[{'type':'input_text','text':'a'},"
         "{'type':'input_text','text':'b'}]}"));
  EXPECT_TEXT(ask.said, TEXT("b"));
  accepts(IN(HI ",{'role':'assistant','content':[{'type':'output_text','text':'x','annotations':[]}]}," HI));
  refuses(IN("{'role':'user','content':[{'type':'output_text','text':'x'}]}"), "input[0].content[0]", "'input_text'");
  refuses(IN("{'role':'assistant','content':[{'type':'input_text','text':'x'}]}"), "input[0].content[0]",
          "'output_text' and 'refusal'");
  refuses(IN("{'role':'user','content':5}"), "input[0].content", "expected one of a string or an array");
  refuses(IN("{'role':'robot','content':'x'}"), "input[0].role", "Invalid value: 'robot'");
  refuses(IN("{'type':'smell'}"), "input[0]", "not a known type of item");
  refuses(IN("7"), "input[0]", "expected an object");
  refuses("{'model':'m','input':7}", "input", "expected one of a string or an array");
}

static void pictures_and_files_are_checked(void **state) {
  accepts(IN("{'role':'user','content':[{'type':'input_image','image_url':'data:image/png;base64,AAAA'},{'type':"
             "'input_file','filename':'a.pdf','file_data':'data:application/pdf;base64,AAAA'}]}"));
  assert_int_equal(ask.attachment_count, 2);
  refuses(IN("{'role':'user','content':[{'type':'input_image','image_url':'http://x/y'}]}"),
          "input[0].content[0].image_url", "Expected a valid URL");
  refuses(IN("{'role':'user','content':[{'type':'input_image'}]}"), "input[0].content[0]", "image_url");
  refuses(IN("{'role':'user','content':[{'type':'input_file'}]}"), "input[0].content[0]", "file_data");
  refuses(IN("{'role':'user','content':[{'type':'input_file','file_data':'data:a/b;base64,AAAA'}]}"),
          "input[0].content[0]", "filename");
}

static void outputs_and_calls_need_each_other(void **state) {
  accepts(IN(HI "," CALL("c1") "," CALL("c2") "," OUT("c2") "," OUT("c1")));
  assert_true(ask.has_tool_result);
  EXPECT_TEXT(ask.tool_result, TEXT("sunny"));
  refuses(IN(HI "," OUT("c1")), "input", "No tool call found for function call output with call_id c1.");
  refuses(IN(HI "," OUT("c1") "," CALL("c1")), "input", "No tool call found");
  refuses(IN(HI "," CALL("c1")), "input", "No tool output found for function call c1.");
  refuses(IN(HI "," CALL("c1") "," OUT("c1") "," OUT("c1")), "input", "No tool call found");
  refuses(IN(HI ",{'type':'function_call','call_id':'c','name':'a b','arguments':'{}'}"), "input[1].name", "pattern");
}

static void ids_have_the_prefix_of_their_kind(void **state) {
  refuses(IN("{'type':'function_call','id':'call_1','call_id':'c','name':'w','arguments':'{}'}"), "input[0].id",
          "Expected an ID that begins with 'fc'");
  refuses(IN("{'type':'reasoning','id':'msg_1','summary':[]}"), "input[0].id", "begins with 'rs'");
}

static void reasoning_must_be_the_simulators_and_lead_somewhere(void **state) {
  struct text sealed = digest_seal(&arena, TEXT("x"));
  struct text good = arena_format(
      &arena,
      IN(HI ",{'type':'reasoning','id':'rs_1','summary':[],'encrypted_content':'%.*s'}," CALL("c") "," OUT("c")),
      TEXT_ARGS(sealed));
  accepts(good.at);
  struct text last = arena_format(
      &arena, IN("{'type':'reasoning','id':'rs_1','summary':[],'encrypted_content':'%.*s'}"), TEXT_ARGS(sealed));
  refuses(last.at, "input", "'rs_1' of type 'reasoning' was provided without its required following item");
  struct text user = arena_format(
      &arena, IN("{'type':'reasoning','id':'rs_1','summary':[],'encrypted_content':'%.*s'}," HI), TEXT_ARGS(sealed));
  refuses(user.at, "input", "without its required following item");
  refuses(
      IN("{'type':'reasoning','id':'rs_1','summary':[],'encrypted_content':'AAAAAAAAAAAA'}," CALL("c") "," OUT("c")),
      "input[0].encrypted_content", "could not be verified");
}

static void items_without_content_must_be_kept_here(void **state) {
  refuses(IN("{'type':'reasoning','id':'rs_1','summary':[]}," CALL("c") "," OUT("c")), "input",
          "Item with id 'rs_1' not found");
  responses_store_keep(
      store, TEXT("resp_1"),
      TEXT("{\"output\":[{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[]},{\"id\":\"fc_1\",\"type\":"
           "\"function_call\",\"call_id\":\"c\",\"name\":\"w\",\"arguments\":\"{}\"}]}"),
      (struct digest){0});
  accepts(IN("{'type':'reasoning','id':'rs_1','summary':[]}," CALL("c") "," OUT("c")));
  accepts(IN("{'id':'fc_1'}," OUT("c")));
  refuses(IN("{'type':'item_reference','id':'fc_1'}"), "input", "No tool output found for function call c.");
  refuses(IN("{'type':'item_reference','id':'fc_2'}"), "input", "Item with id 'fc_2' not found");
}

static void an_earlier_response_goes_on(void **state) {
  responses_store_keep(store, TEXT("resp_1"),
                       TEXT("{\"output\":[{\"id\":\"fc_1\",\"type\":\"function_call\",\"call_id\":\"c\"}]}"),
                       (struct digest){5, 400});
  accepts("{'model':'m','previous_response_id':'resp_1','input':[" OUT("c") "]}");
  assert_true(ask.digest.bytes > 400);
  refuses("{'model':'m','previous_response_id':'resp_1','input':'x'}", "input",
          "No tool output found for function call c.");
  refuses("{'model':'m','previous_response_id':'resp_2','input':'x'}", "previous_response_id",
          "Previous response with id 'resp_2' not found.");
}

static void breakpoints_are_noted(void **state) {
  accepts(IN("{'role':'user','content':[{'type':'input_text','text':'a','prompt_cache_breakpoint':{'mode':'explicit'}},"
             "{'type':'input_text','text':'b'}]}"));
  assert_int_equal(ask.breakpoint_count, 1);
  refuses(IN("{'role':'user','content':[{'type':'input_text','text':'a','prompt_cache_breakpoint':{'mode':'auto'}}]}"),
          "input[0].content[0].prompt_cache_breakpoint.mode", "Invalid value: 'auto'");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(messages_are_text_or_parts_of_their_role),
      CASE(pictures_and_files_are_checked),
      CASE(outputs_and_calls_need_each_other),
      CASE(ids_have_the_prefix_of_their_kind),
      CASE(reasoning_must_be_the_simulators_and_lead_somewhere),
      CASE(items_without_content_must_be_kept_here),
      CASE(an_earlier_response_goes_on),
      CASE(breakpoints_are_noted),
  };
  return RUN_TESTS(tests);
}
