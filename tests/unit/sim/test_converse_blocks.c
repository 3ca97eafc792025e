/* Turns, tool results, attachments and reasoning of Converse messages. */
#include "sim/converse_blocks.h"

#include "converse_test.h"

static void turns_alternate_and_begin_with_the_user(void **state) {
  refuses("{'messages':[]}", "must start with a user message");
  refuses("{}", "must start with a user message");
  refuses("{'messages':[{'role':'assistant','content':[{'text':'x'}]}]}", "must start with a user message");
  refuses("{'messages':[" HI "," HI "]}", "must alternate");
  accepts("{'messages':[" HI
          ",{'role':'assistant','content':[{'text':'x'}]},{'role':'user','content':[{'text':'y'}]}]}");
  EXPECT_TEXT(ask.said, TEXT("y"));
  accepts("{'messages':[" HI ",{'role':'system','content':[{'text':'s'}]}]}");
  EXPECT_TEXT(ask.said, TEXT("hi"));
}

static void blank_texts_and_empty_contents_are_refused(void **state) {
  refuses("{'messages':[{'role':'user','content':[]}]}", "content field in the Message object at messages.0 is empty");
  refuses("{'messages':[{'role':'user','content':[{'text':' '}]}]}", "messages.0.content.0 is blank");
}

static void results_answer_the_calls_before_them(void **state) {
  accepts("{'messages':[" HI "," USE ",{'role':'user','content':[{'toolResult':{'toolUseId':'u1','content':[{'text':"
          "'sunny'}],'status':'error'}}]}]," TOOLS "}");
  assert_true(ask.has_tool_result);
  EXPECT_TEXT(ask.tool_result, TEXT("sunny"));
  refuses("{'messages':[" HI "," USE ",{'role':'user','content':[{'text':'x'}]}]," TOOLS "}",
          "Expected toolResult blocks at messages.2.content for the following Ids: u1");
  refuses("{'messages':[" HI "," USE "]," TOOLS "}", "Expected toolResult blocks at messages.2.content");
  refuses("{'messages':[{'role':'user','content':[{'toolResult':{'toolUseId':'u1','content':[]}}]}]," TOOLS "}",
          "exceeds the number of toolUse blocks");
  refuses("{'messages':[" HI "," USE
          ",{'role':'user','content':[{'toolResult':{'toolUseId':'u2','content':[]}}]}]," TOOLS "}",
          "exceeds the number of toolUse blocks");
}

static void tool_blocks_need_a_tool_config(void **state) {
  refuses("{'messages':[" HI "," USE ",{'role':'user','content':[{'toolResult':{'toolUseId':'u1','content':[]}}]}]}",
          "toolConfig field must be defined");
}

static void calls_have_names_ids_and_objects(void **state) {
  refuses("{'messages':[" HI
          ",{'role':'assistant','content':[{'toolUse':{'toolUseId':'u 1','name':'w','input':{}}}]}]," TOOLS "}",
          "regular expression pattern");
  refuses("{'messages':[" HI
          ",{'role':'assistant','content':[{'toolUse':{'toolUseId':'u1','name':'w','input':'x'}}]}]," TOOLS "}",
          "Provide a json object");
}

static void kinds_belong_to_roles(void **state) {
  refuses("{'messages':[{'role':'user','content':[{'toolUse':{'toolUseId':'u1','name':'w','input':{}}}]}]," TOOLS "}",
          "toolUse is not allowed in a message of the role user");
  refuses("{'messages':[" HI ",{'role':'assistant','content':[{'image':{'format':'png','source':{'bytes':'AAAA'}}}]}]}",
          "image is not allowed in a message of the role assistant");
}

static void attachments_are_described_and_named_well(void **state) {
  accepts("{'messages':[{'role':'user','content':[{'text':'see'},{'image':{'format':'png','source':{'bytes':'AAAA'}}},"
          "{'document':{'format':'pdf','name':'My file [2] (a-b)','source':{'bytes':'AAAA'}}}]}]}");
  assert_int_equal(ask.attachment_count, 2);
  EXPECT_TEXT(ask.attachment[0].media_type, TEXT("png"));
  assert_int_equal(ask.attachment[1].bytes, 3);
  refuses(
      "{'messages':[{'role':'user','content':[{'text':'x'},{'document':{'name':'a.pdf','source':{'bytes':'AAAA'}}}]}]}",
      "document file name can only contain");
  refuses(
      "{'messages':[{'role':'user','content':[{'text':'x'},{'document':{'name':'a  b','source':{'bytes':'AAAA'}}}]}]}",
      "document file name can only contain");
  refuses("{'messages':[{'role':'user','content':[{'document':{'name':'a','source':{'bytes':'AAAA'}}}]}]}",
          "must also have a text block");
}

static void reasoning_comes_back_as_it_was_given(void **state) {
  struct text signature = digest_signature(&arena, TEXT("hm")), sealed = digest_seal(&arena, TEXT("x"));
  struct text good =
      arena_format(&arena,
                   "{'messages':[" HI ",{'role':'assistant','content':[{'reasoningContent':{'reasoningText':"
                   "{'text':'hm','signature':'%.*s'}}},{'reasoningContent':{'redactedContent':'%.*s'}},"
                   "{'text':'x'}]},{'role':'user','content':[{'text':'y'}]}]}",
                   TEXT_ARGS(signature), TEXT_ARGS(sealed));
  accepts(good.at);
  refuses("{'messages':[" HI ",{'role':'assistant','content':[{'reasoningContent':{'reasoningText':{'text':'hm',"
          "'signature':'x'}}}]}]}",
          "messages.1.content.0: Invalid `signature`");
  refuses("{'messages':[" HI ",{'role':'assistant','content':[{'reasoningContent':{'redactedContent':'AAAA'}}]}]}",
          "Invalid `data`");
}

static void cache_points_are_breakpoints_up_to_four(void **state) {
#define POINT "{'cachePoint':{'type':'default'}}"
  accepts("{'messages':[{'role':'user','content':[{'text':'a'}," POINT ",{'text':'b'},{'cachePoint':{'type':'default',"
          "'ttl':'1h'}}]}]}");
  assert_int_equal(ask.breakpoint_count, 2);
  assert_false(ask.breakpoint[0].one_hour);
  assert_true(ask.breakpoint[1].one_hour);
  assert_true(ask.breakpoint[1].hash != ask.breakpoint[0].hash);
  refuses("{'messages':[{'role':'user','content':[{'text':'a'}," POINT "," POINT "," POINT "," POINT "," POINT "]}]}",
          "cache checkpoints");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(turns_alternate_and_begin_with_the_user),  CASE(blank_texts_and_empty_contents_are_refused),
      CASE(results_answer_the_calls_before_them),     CASE(tool_blocks_need_a_tool_config),
      CASE(calls_have_names_ids_and_objects),         CASE(kinds_belong_to_roles),
      CASE(attachments_are_described_and_named_well), CASE(reasoning_comes_back_as_it_was_given),
      CASE(cache_points_are_breakpoints_up_to_four),
  };
  return RUN_TESTS(tests);
}
