/* Messages written into a chat completions request. */
#include "chat_test.h"

#define CALL                                                                                                           \
  "{'role':'assistant','content':null,'tool_calls':[{'id':'c1','type':'function','function':{'name':'f',"              \
  "'arguments':'{}'}},{'id':'c2','type':'custom','custom':{'name':'p','input':'x'}}]}"

/* Messages that mean the same on the way back come out as they went in. */
static void what_is_read_is_written(void **state) {
  static const char *const messages[] = {
      "{'role':'system','content':'a'},{'role':'developer','name':'dev','content':'b'},{'role':'user','content':'c'},"
      "{'role':'system','content':'d'}",
      "{'role':'user','content':[{'type':'text','text':'a'},{'type':'text','text':'b','prompt_cache_breakpoint':{"
      "'mode':'explicit','ttl':'30m'}}]}",
      "{'role':'user','content':[{'type':'image_url','image_url':{'url':'data:image/png;base64,AAEC','detail':'low'}},"
      "{'type':'image_url','image_url':{'url':'https://a/b'}},{'type':'input_audio','input_audio':{'data':'AAEC',"
      "'format':'wav'}},{'type':'file','file':{'filename':'n','file_data':'data:application/pdf;base64,AAEC'}},"
      "{'type':'file','file':{'file_id':'file-1'}}]}",
      CALL ",{'role':'tool','tool_call_id':'c1','content':'r'},{'role':'tool','tool_call_id':'c2','content':[{"
           "'type':'text','text':'s'},{'type':'text','text':'t','prompt_cache_breakpoint':{'mode':'explicit'}}]},"
           "{'role':'user','content':'u'}",
      "{'role':'assistant','content':'t','refusal':'no','reasoning_content':'hm','reasoning_details':[{'type':"
      "'reasoning.text','text':'hm','signature':'s','format':'anthropic-claude-v1','index':0},{'type':"
      "'reasoning.encrypted','data':'d','format':'anthropic-claude-v1','index':1}]}",
      "{'role':'assistant','content':'','reasoning_content':'hm'}",
      "{'role':'assistant','content':'text','annotations':[{'type':'url_citation','url_citation':{'url':'https://a',"
      "'title':'b','start_index':1,'end_index':3,'content':'c'}}]}",
      "{'role':'assistant','content':null,'refusal':'no'}"};
  for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
    struct chat c;
    chat_open(&c);
    const char *body = arena_format(&c.arena, "{'model':'m','messages':[%s]}", messages[i]).at;
    chat_reads(&c, body);
    chat_writes(&c, body);
    chat_close(&c);
  }
}

static void results_come_before_what_they_cannot_hold(void **state) {
  struct llm_block image = {.kind = LLM_IMAGE,
                            .media = {.source = LLM_BASE64, .media_type = TEXT("image/png"), .data = TEXT("AAEC")}};
  struct llm_block inner[2] = {{.kind = LLM_TEXT, .text = TEXT("seen")}, image};
  struct llm_block blocks[] = {{.kind = LLM_TEXT, .text = TEXT("and you?")},
                               {.kind = LLM_TOOL_RESULT, .id = TEXT("c1"), .content = inner, .content_count = 2},
                               {.kind = LLM_TOOL_RESULT, .id = TEXT("c2"), .content = &image, .content_count = 1},
                               {.kind = LLM_TOOL_RESULT, .id = TEXT("c3")}};
  struct chat c;
  chat_open(&c);
  (void)chat_one_message(&c, LLM_USER, blocks, 4);
  chat_writes(&c,
              "{'model':'m','messages':[{'role':'tool','tool_call_id':'c1','content':[{'type':'text','text':'seen'}]},"
              "{'role':'tool','tool_call_id':'c2','content':'the content follows in the next message'},"
              "{'role':'tool','tool_call_id':'c3','content':''},{'role':'user','content':["
              "{'type':'text','text':'Content of the result of tool call c1'},"
              "{'type':'image_url','image_url':{'url':'data:image/png;base64,AAEC'}},"
              "{'type':'text','text':'Content of the result of tool call c2'},"
              "{'type':'image_url','image_url':{'url':'data:image/png;base64,AAEC'}},"
              "{'type':'text','text':'and you?'}]}]}");
  chat_close(&c);
}

static void a_run_of_messages_with_results_stays_together(void **state) {
  struct llm_block first[] = {{.kind = LLM_TOOL_RESULT, .id = TEXT("c1")}, {.kind = LLM_TEXT, .text = TEXT("a")}};
  struct llm_block second[] = {{.kind = LLM_TOOL_RESULT, .id = TEXT("c2")}, {.kind = LLM_TEXT, .text = TEXT("b")}};
  struct llm_message messages[] = {{.role = LLM_USER, .blocks = first, .count = 2},
                                   {.role = LLM_USER, .blocks = second, .count = 2}};
  struct chat c;
  chat_open(&c);
  (void)chat_one_message(&c, LLM_USER, first, 2);
  c.rq.messages = messages;
  c.rq.message_count = 2;
  chat_writes(&c, "{'model':'m','messages':[{'role':'tool','tool_call_id':'c1','content':''},"
                  "{'role':'tool','tool_call_id':'c2','content':''},"
                  "{'role':'user','content':[{'type':'text','text':'a'}]},"
                  "{'role':'user','content':[{'type':'text','text':'b'}]}]}");
  chat_close(&c);
}

static void failed_results_say_so(void **state) {
  struct llm_block inner[2] = {{.kind = LLM_TEXT, .text = TEXT("no \"disk\"")}, {.kind = LLM_TEXT, .text = TEXT("x")}};
  struct llm_block blocks[] = {
      {.kind = LLM_TOOL_RESULT, .id = TEXT("c1"), .is_error = true, .content = inner, .content_count = 1},
      {.kind = LLM_TOOL_RESULT, .id = TEXT("c2"), .is_error = true, .content = inner, .content_count = 2},
      {.kind = LLM_TOOL_RESULT, .id = TEXT("c3"), .is_error = true}};
  struct chat c;
  chat_open(&c);
  (void)chat_one_message(&c, LLM_USER, blocks, 3);
  chat_writes(&c, "{'model':'m','messages':[{'role':'tool','tool_call_id':'c1','content':'Error: no \\'disk\\''},"
                  "{'role':'tool','tool_call_id':'c2','content':[{'type':'text','text':'Error: no \\'disk\\''},"
                  "{'type':'text','text':'x'}]},{'role':'tool','tool_call_id':'c3','content':'Error: '}]}");
  chat_close(&c);
}

static void documents_of_text_and_search_results_are_texts(void **state) {
  struct llm_block found[2] = {{.kind = LLM_TEXT, .text = TEXT("one")}, {.kind = LLM_TEXT, .text = TEXT("two")}};
  struct llm_block blocks[] = {
      {.kind = LLM_DOCUMENT,
       .media = {.source = LLM_PLAIN, .data = TEXT("body"), .title = TEXT("title"), .context = TEXT("context")}},
      {.kind = LLM_SEARCH_RESULT,
       .text = TEXT("https://a"),
       .media = {.title = TEXT("page")},
       .content = found,
       .content_count = 2}};
  struct chat c;
  chat_open(&c);
  (void)chat_one_message(&c, LLM_USER, blocks, 2);
  chat_writes(&c, "{'model':'m','messages':[{'role':'user','content':[{'type':'text','text':'title\\ncontext\\nbody'},"
                  "{'type':'text','text':'page\\nhttps://a\\none\\ntwo'}]}]}");
  chat_close(&c);
}

static void openrouter_takes_anthropics_marks(void **state) {
  struct llm_block blocks[] = {{.kind = LLM_TEXT, .text = TEXT("a"), .cache = LLM_CACHE_DEFAULT},
                               {.kind = LLM_TEXT, .text = TEXT("b"), .cache = LLM_CACHE_5M},
                               {.kind = LLM_TEXT, .text = TEXT("c"), .cache = LLM_CACHE_30M},
                               {.kind = LLM_TEXT, .text = TEXT("d"), .cache = LLM_CACHE_1H}};
  struct chat c;
  chat_open(&c);
  c.rq.accent = LLM_ACCENT_OPENROUTER;
  (void)chat_one_message(&c, LLM_USER, blocks, 4);
  chat_writes(&c, "{'model':'m','usage':{'include':true},'messages':[{'role':'user','content':["
                  "{'type':'text','text':'a','cache_control':{'type':'ephemeral'}},"
                  "{'type':'text','text':'b','cache_control':{'type':'ephemeral','ttl':'5m'}},"
                  "{'type':'text','text':'c','cache_control':{'type':'ephemeral','ttl':'1h'}},"
                  "{'type':'text','text':'d','cache_control':{'type':'ephemeral','ttl':'1h'}}]}]}");
  blocks[3].cache = LLM_CACHE_12H;
  chat_refuses(&c, "messages[0].content[3].prompt_cache_breakpoint");
  chat_close(&c);
}

static void openrouter_takes_details_without_the_plain_text(void **state) {
  struct llm_block blocks[] = {{.kind = LLM_THINKING, .text = TEXT("hm"), .format = TEXT(LLM_FORMAT_NONE)},
                               {.kind = LLM_TEXT, .text = TEXT("t")}};
  struct chat c;
  chat_open(&c);
  c.rq.accent = LLM_ACCENT_OPENROUTER;
  (void)chat_one_message(&c, LLM_ASSISTANT, blocks, 2);
  chat_writes(&c, "{'model':'m','usage':{'include':true},'messages':[{'role':'assistant','content':'t',"
                  "'reasoning_details':[{'type':'reasoning.text','text':'hm','format':'unknown','index':0}]}]}");
  chat_close(&c);
}

static void openai_itself_takes_no_reasoning(void **state) {
  struct llm_block blocks[] = {
      {.kind = LLM_THINKING, .text = TEXT("hm"), .signature = TEXT("s"), .format = TEXT(LLM_FORMAT_ANTHROPIC)},
      {.kind = LLM_TEXT, .text = TEXT("t")}};
  const struct text thinking = TEXT("thinking");
  struct chat c;
  chat_open(&c);
  c.rq.accent = LLM_ACCENT_OPENAI;
  (void)chat_one_message(&c, LLM_ASSISTANT, blocks, 2);
  chat_refuses(&c, "messages[0].content[0].thinking");
  c.rq.leave_out = &thinking;
  c.rq.leave_out_count = 1;
  chat_writes(&c, "{'model':'m','messages':[{'role':'assistant','content':'t'}]}");
  chat_close(&c);
}

static void what_cannot_be_said_is_refused_by_its_place(void **state) {
  static const struct {
    enum llm_role role;
    struct llm_block block;
    const char *member;
  } cases[] = {
      {LLM_USER, {.kind = LLM_IMAGE, .media = {.source = LLM_FILE_ID, .data = TEXT("f")}}, "source"},
      {LLM_USER, {.kind = LLM_IMAGE, .media = {.source = LLM_S3, .data = TEXT("{}")}}, "source"},
      {LLM_USER, {.kind = LLM_AUDIO, .media = {.source = LLM_BASE64, .media_type = TEXT("audio/ogg")}}, "source"},
      {LLM_USER, {.kind = LLM_DOCUMENT, .media = {.source = LLM_URL, .data = TEXT("https://a")}}, "source"},
      {LLM_USER, {.kind = LLM_DOCUMENT, .media = {.source = LLM_FILE_ID, .data = TEXT("file_011C")}}, "source"},
      {LLM_USER,
       {.kind = LLM_DOCUMENT, .media = {.source = LLM_BASE64, .data = TEXT("AAEC"), .context = TEXT("x")}},
       "context"},
      {LLM_USER, {.kind = LLM_DOCUMENT, .cites = true, .media = {.source = LLM_PLAIN}}, "citations"},
      {LLM_USER, {.kind = LLM_SEARCH_RESULT, .cites = true}, "citations"},
      {LLM_USER, {.kind = LLM_THINKING}, "type"},
      {LLM_USER, {.kind = LLM_TOOL_RESULT, .id = TEXT("c"), .cache = LLM_CACHE_5M}, "cache_control"},
      {LLM_SYSTEM, {.kind = LLM_IMAGE, .media = {.source = LLM_URL}}, "type"},
      {LLM_ASSISTANT, {.kind = LLM_IMAGE, .media = {.source = LLM_URL}}, "type"},
      {LLM_ASSISTANT, {.kind = LLM_TOOL_USE, .input = TEXT("{}"), .cache = LLM_CACHE_5M}, "cache_control"},
      {LLM_ASSISTANT, {.kind = LLM_THINKING, .cache = LLM_CACHE_5M}, "cache_control"},
      {LLM_ASSISTANT, {.kind = LLM_REFUSAL, .cache = LLM_CACHE_5M}, "cache_control"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct chat c;
    struct llm_block block = cases[i].block;
    struct text names[] = {text_of(cases[i].member)}, out;
    chat_open(&c);
    (void)chat_one_message(&c, cases[i].role, &block, 1);
    chat_refuses(&c, arena_format(&c.arena, "messages[0].content[0].%s", cases[i].member).at);
    c.rq.leave_out = names;
    c.rq.leave_out_count = 1;
    assert_int_equal(chat_write(&c, &out), ERR_OK);
    assert_int_equal(c.rq.left_out_count, 1);
    (void)parsed(&c.arena, out);
    chat_close(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_read_is_written),
      cmocka_unit_test(results_come_before_what_they_cannot_hold),
      cmocka_unit_test(a_run_of_messages_with_results_stays_together),
      cmocka_unit_test(failed_results_say_so),
      cmocka_unit_test(documents_of_text_and_search_results_are_texts),
      cmocka_unit_test(openrouter_takes_anthropics_marks),
      cmocka_unit_test(openrouter_takes_details_without_the_plain_text),
      cmocka_unit_test(openai_itself_takes_no_reasoning),
      cmocka_unit_test(what_cannot_be_said_is_refused_by_its_place),
  };
  return RUN_TESTS(tests);
}
