/* Messages of chat completions, alone and against each other. */
#include "sim/openai_messages.h"

#include "sim/openai_request.h"
#include "sim_test.h"

static struct arena arena;
static struct sim_ask ask;
static struct fault fault;

static int fresh(void **state) {
  arena_init(&arena);
  return 0;
}
static int done(void **state) {
  arena_done(&arena);
  return 0;
}

static void free_document(void *data) { json_done(data); }

static enum err read_as(enum chat_flavour flavour, const char *quoted_messages) {
  struct json *doc = ARENA_NEW(&arena, struct json);
  *doc = test_json(&arena, arena_format(&arena, "{'model':'m','messages':[%s]}", quoted_messages).at);
  arena_defer(&arena, free_document, doc);
  const struct sim_input in = {.doc = doc, .arena = &arena};
  fault = (struct fault){0};
  return sim_chat_read(&in, flavour, &ask, &fault);
}

static void accepts(const char *messages) {
  if (read_as(CHAT_OPENAI, messages) != ERR_OK)
    fail_msg("refused: %s: %s", messages, fault.text);
}
static void refuses(const char *messages, const char *field, const char *words) {
  if (read_as(CHAT_OPENAI, messages) != ERR_BAD_REQUEST)
    fail_msg("not refused: %s", messages);
  assert_string_equal(fault.field, field);
  if (text_find(text_of(fault.text), text_of(words)) < 0)
    fail_msg("%s: said \"%s\", expected \"%s\"", messages, fault.text, words);
}

#define HI          "{'role':'user','content':'hi'}"
#define CALL(id)    "{'id':'" id "','type':'function','function':{'name':'n','arguments':'{}'}}"
#define TOOL(id)    "{'role':'tool','tool_call_id':'" id "','content':'r-" id "'}"
#define ASKS(calls) "{'role':'assistant','content':null,'tool_calls':[" calls "]}"

static void roles_and_contents_are_checked(void **state) {
  refuses("{'content':'x'}", "messages[0].role", "Missing required parameter");
  refuses("{'role':'robot','content':'x'}", "messages[0].role", "Invalid value: 'robot'");
  refuses("{'role':'user','content':null}", "messages[0].content", "got null");
  refuses("{'role':'user','content':[]}", "messages[0].content", "minimum length 1");
  refuses("{'role':'user','content':5}", "messages[0].content", "expected one of a string");
  refuses("{'role':'user','content':'x','cache_control':{}}", "messages[0].cache_control", "Unknown parameter");
  accepts("{'role':'system','content':'s'},{'role':'developer','content':[{'type':'text','text':'d'}]}," HI);
  EXPECT_TEXT(ask.said, TEXT("hi"));
}

static void what_an_assistant_said_may_come_back(void **state) {
  accepts(HI ",{'role':'assistant','content':'x','refusal':null,'annotations':[],'reasoning_content':'hm'}," HI);
  accepts(HI ",{'role':'assistant','content':null,'refusal':'no'}," HI);
  refuses(HI ",{'role':'assistant','content':null}," HI, "messages[1].content", "got null");
}

static void parts_belong_to_roles(void **state) {
  refuses("{'role':'user','content':[{'type':'smell'}]}", "messages[0].content[0]", "Invalid value: 'smell'");
  refuses("{'role':'system','content':[{'type':'image_url','image_url':{'url':'https://x/y'}}]}",
          "messages[0].content[0]", "Supported values are: 'text'.");
  refuses("{'role':'user','content':[{'type':'refusal','refusal':'x'}]}", "messages[0].content[0]", "Invalid value");
  refuses("{'role':'user','content':[{'type':'text','text':'x','cache_control':{'type':'ephemeral'}}]}",
          "messages[0].content[0].cache_control", "Unknown parameter");
  refuses("{'role':'user','content':[{'text':'x'}]}", "messages[0].content[0]", "Missing required parameter");
  refuses("{'role':'user','content':[{'type':'text'}]}", "messages[0].content[0].text", "Missing required parameter");
}

static void pictures_and_files_are_checked(void **state) {
  accepts(
      "{'role':'user','content':[{'type':'image_url','image_url':{'url':'data:image/png;base64,AAAA','detail':'low'}},"
      "{'type':'image_url','image_url':{'url':'https://x/y'}},{'type':'file','file':{'filename':'a','file_data':"
      "'data:application/pdf;base64,AAAA'}},{'type':'text','text':'see'}]}");
  EXPECT_TEXT(ask.said, TEXT("see"));
  assert_int_equal(ask.attachment_count, 3);
  EXPECT_TEXT(ask.attachment[0].media_type, TEXT("image/png"));
  assert_int_equal(ask.attachment[0].bytes, 3);
  refuses("{'role':'user','content':[{'type':'image_url','image_url':{'url':'http://x/y'}}]}",
          "messages[0].content[0].image_url.url", "Expected a valid URL");
  refuses("{'role':'user','content':[{'type':'image_url','image_url':{'url':'data:image/tiff;base64,AAAA'}}]}",
          "messages[0].content[0].image_url.url", "unsupported MIME type");
  refuses("{'role':'user','content':[{'type':'image_url','image_url':{'url':'data:image/png;base64,A'}}]}",
          "messages[0].content[0].image_url.url", "not valid base64");
  refuses("{'role':'user','content':[{'type':'file','file':{}}]}", "messages[0].content[0]", "file_data");
  refuses("{'role':'user','content':[{'type':'input_audio','input_audio':{'data':'!','format':'wav'}}]}",
          "messages[0].content[0].input_audio.data", "expected base64");
}

static void tool_messages_answer_tool_calls(void **state) {
  refuses("{'role':'tool','tool_call_id':'c1','content':'x'}", "messages[0].role", "must be a response");
  refuses(HI "," ASKS(CALL("c1") "," CALL("c2")) "," TOOL("c1"), "messages", "did not have response messages: c2");
  refuses(HI "," ASKS(CALL("c1")) "," HI, "messages", "did not have response messages: c1");
  refuses(HI "," ASKS(CALL("c1")) "," TOOL("c1") "," TOOL("c1"), "messages[3].role", "must be a response");
  accepts(HI "," ASKS(CALL("c1") "," CALL("c2")) "," TOOL("c2") "," TOOL("c1"));
  assert_true(ask.has_tool_result);
  EXPECT_TEXT(ask.tool_result, TEXT("r-c1"));
  accepts(HI "," ASKS(CALL("c1")) "," TOOL("c1") "," HI);
  assert_false(ask.has_tool_result);
}

static void calls_are_whole(void **state) {
  refuses(HI "," ASKS("{'id':'c','function':{'name':'n','arguments':'{}'}}"), "messages[1].tool_calls[0].type",
          "Missing required parameter");
  refuses(HI "," ASKS("{'id':'c','type':'function','function':{'name':'n','arguments':{}}}"),
          "messages[1].tool_calls[0].function.arguments", "expected a string, but got an object");
  refuses(HI "," ASKS("{'id':'c','type':'custom','function':{'name':'n','arguments':''}}"), "messages[1].tool_calls",
          "'messages[1].tool_calls[0].custom'");
  accepts(HI "," ASKS("{'id':'c','type':'custom','custom':{'name':'n','input':'x'}}") "," TOOL("c"));
}

static void breakpoints_are_noted(void **state) {
  accepts("{'role':'user','content':[{'type':'text','text':'12345678','prompt_cache_breakpoint':{'mode':'explicit'}},{'"
          "type':"
          "'text','text':'b'}]}");
  assert_int_equal(ask.breakpoint_count, 1);
  assert_true(ask.breakpoint[0].tokens < digest_tokens(ask.digest.bytes));
}

static void openrouter_takes_cache_control_and_reasoning(void **state) {
  assert_int_equal(read_as(CHAT_OPENROUTER,
                           "{'role':'user','content':[{'type':'text','text':'x','cache_control':{'type':"
                           "'ephemeral','ttl':'1h'}}]}"),
                   ERR_OK);
  assert_int_equal(ask.breakpoint_count, 1);
  assert_true(ask.breakpoint[0].one_hour);
  assert_int_equal(read_as(CHAT_OPENROUTER,
                           "{'role':'user','content':[{'type':'text','text':'x','cache_control':{'type':"
                           "'forever'}}]}"),
                   ERR_BAD_REQUEST);
  assert_int_equal(read_as(CHAT_OPENROUTER, HI ",{'role':'assistant','content':'x','reasoning_details':[{'type':"
                                               "'reasoning.text','text':'a','signature':'b'}]}," HI),
                   ERR_BAD_REQUEST);
  EXPECT_INSIDE(text_of(fault.text), TEXT("messages[1].reasoning_details[0]: Invalid `signature`"));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(roles_and_contents_are_checked),  CASE(what_an_assistant_said_may_come_back),
      CASE(parts_belong_to_roles),           CASE(pictures_and_files_are_checked),
      CASE(tool_messages_answer_tool_calls), CASE(calls_are_whole),
      CASE(breakpoints_are_noted),           CASE(openrouter_takes_cache_control_and_reasoning),
  };
  return RUN_TESTS(tests);
}
