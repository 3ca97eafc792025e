/* Messages of a chat completions request: roles, reasoning, calls and the results that answer them. */
#include "chat_test.h"

#define CALL                                                                                                           \
  "{'role':'assistant','content':null,'tool_calls':[{'id':'c1','type':'function','function':{'name':'f','arguments':'" \
  "{}'}},"                                                                                                             \
  "{'id':'c2','type':'custom','custom':{'name':'p','input':'x'}}]}"

static void roles_keep_their_places(void **state) {
  static const enum llm_role want[] = {LLM_SYSTEM, LLM_DEVELOPER, LLM_USER, LLM_ASSISTANT, LLM_SYSTEM};
  struct chat c;
  chat_open(&c);
  chat_reads_messages(&c, "{'role':'system','content':'a'},{'role':'developer','content':[{'type':'text','text':'b'}]},"
                          "{'role':'user','name':'ann','content':'c'},{'role':'assistant','content':'d'},"
                          "{'role':'system','content':'e'}");
  assert_int_equal(c.rq.message_count, 5);
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(c.rq.messages[i].role, want[i]);
    assert_int_equal(c.rq.messages[i].place.at[0], i);
    assert_int_equal(c.rq.messages[i].count, 1);
  }
  EXPECT_TEXT(c.rq.messages[1].blocks[0].text, TEXT("b"));
  EXPECT_TEXT(c.rq.messages[2].name, TEXT("ann"));
  chat_close(&c);
}

static void consecutive_results_share_a_message(void **state) {
  struct chat c;
  chat_open(&c);
  chat_reads_messages(&c,
                      CALL ",{'role':'tool','tool_call_id':'c2','content':'r2'},"
                           "{'role':'tool','tool_call_id':'c1','name':'f','content':[{'type':'text','text':'r1'}]},"
                           "{'role':'user','content':'u'}," CALL ",{'role':'tool','tool_call_id':'c1','content':''}");
  assert_int_equal(c.rq.message_count, 5);
  const struct llm_message *results = &c.rq.messages[1];
  assert_int_equal(results->role, LLM_USER);
  assert_int_equal(results->count, 2);
  assert_int_equal(results->blocks[0].kind, LLM_TOOL_RESULT);
  EXPECT_TEXT(results->blocks[0].id, TEXT("c2"));
  assert_true(results->blocks[0].is_custom && !results->blocks[1].is_custom);
  EXPECT_TEXT(results->blocks[1].content[0].text, TEXT("r1"));
  assert_int_equal(results->blocks[1].place.at[0], 2);
  assert_int_equal(c.rq.messages[4].blocks[0].content_count, 0);
  chat_close(&c);
}

static void a_result_answers_a_call_that_was_made_before(void **state) {
  chat_fails_messages("{'role':'tool','tool_call_id':'c1','content':'r'}", ERR_BAD_REQUEST, "messages[0].tool_call_id");
  chat_fails_messages(CALL ",{'role':'tool','tool_call_id':'c3','content':'r'}", ERR_BAD_REQUEST,
                      "messages[1].tool_call_id");
  chat_fails_messages("{'role':'tool','tool_call_id':'c1','content':'r'}," CALL, ERR_BAD_REQUEST,
                      "messages[0].tool_call_id");
  chat_fails_messages(CALL ",{'role':'tool','content':'r'}", ERR_BAD_REQUEST, "messages[1].tool_call_id");
  chat_fails_messages(CALL ",{'role':'tool','tool_call_id':'c1','name':'g','content':'r'}", ERR_BAD_REQUEST,
                      "messages[1].name");
}

static void what_a_library_added_to_an_answer_may_come_back(void **state) {
  struct chat c;
  chat_open(&c);
  chat_reads_messages(&c, "{'role':'user','content':'a'},{'role':'assistant','content':'{}','parsed':{'a':1},"
                          "'tool_calls':[{'id':'c1','type':'function','function':{'name':'f','arguments':'{}',"
                          "'parsed_arguments':{}}}]},{'role':'tool','tool_call_id':'c1','content':'r'}");
  assert_int_equal(c.rq.messages[1].count, 2);
  EXPECT_TEXT(c.rq.messages[1].blocks[0].text, TEXT("{}"));
  chat_close(&c);
  chat_fails_messages("{'role':'user','content':'a','parsed':{}}", ERR_BAD_REQUEST, "messages[0].parsed");
}

static void many_calls_are_found_again(void **state) {
  struct chat c;
  struct buf b;
  chat_open(&c);
  buf_init(&b, 1 << 20);
  buf_add(&b, TEXT("{'model':'m','messages':[{'role':'assistant','tool_calls':["));
  for (int i = 0; i < 300; i++)
    buf_add_format(&b, "%s{'id':'c%d','function':{'name':'f%d'}}", i ? "," : "", i, i);
  buf_add(&b, TEXT("]}"));
  for (int i = 299; i >= 0; i--)
    buf_add_format(&b, ",{'role':'tool','tool_call_id':'c%d','name':'f%d','content':'r'}", i, i);
  buf_add(&b, TEXT("]}"));
  chat_reads(&c, arena_copy(&c.arena, buf_text(&b)).at);
  assert_int_equal(c.rq.messages[1].count, 300);
  buf_done(&b);
  chat_close(&c);
}

static void an_assistant_says_more_than_text(void **state) {
  static const enum llm_kind want[] = {LLM_THINKING, LLM_TEXT, LLM_REFUSAL, LLM_TOOL_USE, LLM_TOOL_USE};
  struct chat c;
  chat_open(&c);
  chat_reads_messages(
      &c, "{'role':'assistant','content':'t','refusal':'no','reasoning_content':'hm',"
          "'reasoning':'hm','annotations':[{'type':'url_citation','url_citation':{'url':'https://a',"
          "'title':'b','start_index':0,'end_index':1}}],'tool_calls':[{'id':'c1','type':'function','index':0,"
          "'function':{'name':'f','arguments':'{\\'a\\':1.0}'}},{'id':'c2','type':'custom','custom':{"
          "'name':'p','input':'not json'}}]}");
  const struct llm_message *m = &c.rq.messages[0];
  assert_int_equal(m->count, 5);
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(m->blocks[i].kind, want[i]);
  EXPECT_TEXT(m->blocks[0].format, TEXT(LLM_FORMAT_NONE));
  assert_int_equal(m->blocks[1].citation_count, 1);
  assert_int_equal(m->blocks[1].citations[0].end, 1);
  EXPECT_TEXT(m->blocks[3].input, TEXT("{\"a\":1.0}"));
  EXPECT_TEXT(m->blocks[4].input, TEXT("not json"));
  chat_close(&c);
}

static void a_mark_on_a_message_is_one_on_its_last_block(void **state) {
  struct chat c;
  chat_open(&c);
  chat_reads_messages(&c, "{'role':'user','content':[{'type':'text','text':'a'},{'type':'text','text':'b'}],"
                          "'cache_control':{'type':'ephemeral','ttl':'1h'}}," CALL
                          ",{'role':'tool','tool_call_id':'c1','content':'r','cache_control':{'type':'ephemeral'}},"
                          "{'role':'tool','tool_call_id':'c2','content':[{'type':'text','text':'x',"
                          "'prompt_cache_breakpoint':{'mode':'explicit'}}]}");
  assert_int_equal(c.rq.messages[0].blocks[0].cache, LLM_CACHE_NONE);
  assert_int_equal(c.rq.messages[0].blocks[1].cache, LLM_CACHE_1H);
  assert_int_equal(c.rq.messages[2].blocks[0].cache, LLM_CACHE_DEFAULT);
  assert_int_equal(c.rq.messages[2].blocks[1].cache, LLM_CACHE_DEFAULT);
  assert_int_equal(c.rq.messages[2].blocks[1].content[0].cache, LLM_CACHE_NONE);
  chat_close(&c);
}

static void bad_messages_are_named(void **state) {
  const struct {
    const char *messages;
    enum err err;
    const char *place;
  } cases[] = {
      {"1", ERR_BAD_REQUEST, "messages[0]"},
      {"{'content':'x'}", ERR_BAD_REQUEST, "messages[0].role"},
      {"{'role':'robot','content':'x'}", ERR_BAD_REQUEST, "messages[0].role"},
      {"{'role':1,'content':'x'}", ERR_BAD_REQUEST, "messages[0].role"},
      {"{'role':'user'}", ERR_BAD_REQUEST, "messages[0].content"},
      {"{'role':'user','content':null}", ERR_BAD_REQUEST, "messages[0].content"},
      {"{'role':'user','content':[]}", ERR_BAD_REQUEST, "messages[0].content"},
      {"{'role':'user','content':{}}", ERR_BAD_REQUEST, "messages[0].content"},
      {"{'role':'user','content':'x','tool_calls':[]}", ERR_BAD_REQUEST, "messages[0].tool_calls"},
      {"{'role':'user','content':'x','refusal':'no'}", ERR_BAD_REQUEST, "messages[0].refusal"},
      {"{'role':'user','content':'x','reasoning_details':[]}", ERR_BAD_REQUEST, "messages[0].reasoning_details"},
      {"{'role':'user','content':'x','tool_call_id':'c'}", ERR_BAD_REQUEST, "messages[0].tool_call_id"},
      {"{'role':'assistant','content':'x','tool_call_id':'c'}", ERR_BAD_REQUEST, "messages[0].tool_call_id"},
      {"{'role':'assistant'}", ERR_BAD_REQUEST, "messages[0].content"},
      {"{'role':'assistant','content':'x','tool_calls':{}}", ERR_BAD_REQUEST, "messages[0].tool_calls"},
      {"{'role':'assistant','content':'x','reasoning_details':{}}", ERR_BAD_REQUEST, "messages[0].reasoning_details"},
      {"{'role':'assistant','content':'x','reasoning_details':[{'type':'reasoning.text','text':7}]}", ERR_BAD_REQUEST,
       "messages[0].reasoning_details[0].text"},
      {"{'role':'assistant','content':'x','annotations':{}}", ERR_BAD_REQUEST, "messages[0].annotations"},
      {"{'role':'user','content':'x','annotations':'y'}", ERR_BAD_REQUEST, "messages[0].annotations"},
      {"{'role':'assistant','content':'x','annotations':[{'type':'file'}]}", ERR_UNSUPPORTED,
       "messages[0].annotations[0].type"},
      {"{'role':'assistant','content':'x','audio':{'id':'a'}}", ERR_UNSUPPORTED, "messages[0].audio"},
      {"{'role':'assistant','content':'x','function_call':{}}", ERR_UNSUPPORTED, "messages[0].function_call"},
      {"{'role':'function','name':'f','content':'x'}", ERR_UNSUPPORTED, "messages[0].role"},
      {"{'role':'user','content':'x','zork':1}", ERR_UNSUPPORTED, "messages[0].zork"},
      {"{'role':'assistant','content':[],'cache_control':{'type':'ephemeral'},'refusal':''}", ERR_BAD_REQUEST,
       "messages[0].content"},
      {"", ERR_BAD_REQUEST, "messages"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    chat_fails_messages(cases[i].messages, cases[i].err, cases[i].place);
  chat_fails("{'model':'m'}", ERR_BAD_REQUEST, "messages");
  chat_fails("{'model':'m','messages':{}}", ERR_BAD_REQUEST, "messages");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(roles_keep_their_places),
      cmocka_unit_test(consecutive_results_share_a_message),
      cmocka_unit_test(a_result_answers_a_call_that_was_made_before),
      cmocka_unit_test(what_a_library_added_to_an_answer_may_come_back),
      cmocka_unit_test(many_calls_are_found_again),
      cmocka_unit_test(an_assistant_says_more_than_text),
      cmocka_unit_test(a_mark_on_a_message_is_one_on_its_last_block),
      cmocka_unit_test(bad_messages_are_named),
  };
  return RUN_TESTS(tests);
}
