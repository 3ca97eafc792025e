/* Content parts and calls of a chat completions request. */
#include "wire/openai_chat_parts.h"

#include "chat_test.h"

#define USER(parts) "{'role':'user','content':[" parts "]}"

static void each_type_of_part_is_a_block(void **state) {
  struct chat c;
  chat_open(&c);
  chat_reads_messages(&c, USER("{'type':'text','text':'t','prompt_cache_breakpoint':{'mode':'explicit','ttl':'12h'}},"
                               "{'type':'image_url','image_url':{'url':'data:image/gif;base64,AAEC','detail':'high'}},"
                               "{'type':'image_url','image_url':{'url':'https://a/b','detail':'auto'}},"
                               "{'type':'input_audio','input_audio':{'data':'AAEC','format':'mp3'}},"
                               "{'type':'file','file':{'filename':'n','file_data':'data:text/csv;base64,AAEC'}},"
                               "{'type':'file','file':{'file_data':'AAEC'}},"
                               "{'type':'file','file':{'file_id':'file-1'},'cache_control':{'type':'ephemeral'}}"));
  const struct llm_block *b = c.rq.messages[0].blocks;
  assert_int_equal(c.rq.messages[0].count, 7);
  assert_int_equal(b[0].kind, LLM_TEXT);
  assert_int_equal(b[0].cache, LLM_CACHE_12H);
  assert_int_equal(b[1].kind, LLM_IMAGE);
  EXPECT_TEXT(b[1].media.media_type, TEXT("image/gif"));
  EXPECT_TEXT(b[1].media.detail, TEXT("high"));
  assert_int_equal(b[2].media.source, LLM_URL);
  assert_true(text_is_empty(b[2].media.detail));
  assert_int_equal(b[3].kind, LLM_AUDIO);
  EXPECT_TEXT(b[3].media.media_type, TEXT("audio/mpeg"));
  assert_int_equal(b[4].kind, LLM_DOCUMENT);
  EXPECT_TEXT(b[4].media.title, TEXT("n"));
  EXPECT_TEXT(b[4].media.media_type, TEXT("text/csv"));
  EXPECT_TEXT(b[5].media.media_type, TEXT("application/pdf"));
  assert_int_equal(b[6].media.source, LLM_FILE_ID);
  assert_int_equal(b[6].cache, LLM_CACHE_DEFAULT);
  assert_int_equal(b[6].place.at[1], 6);
  chat_close(&c);
}

static void a_string_is_one_text(void **state) {
  struct chat c;
  chat_open(&c);
  chat_reads_messages(&c, "{'role':'user','content':''}");
  assert_int_equal(c.rq.messages[0].count, 1);
  assert_string_equal(c.rq.messages[0].blocks[0].place.form, "messages[#].content");
  chat_close(&c);
}

static void bad_parts_are_named(void **state) {
  const struct {
    const char *part;
    enum err err;
    const char *place;
  } cases[] = {
      {"1", ERR_BAD_REQUEST, ""},
      {"{}", ERR_BAD_REQUEST, ".type"},
      {"{'type':7}", ERR_BAD_REQUEST, ".type"},
      {"{'type':'video_url','video_url':{}}", ERR_UNSUPPORTED, ".type"},
      {"{'type':'refusal','refusal':'x'}", ERR_UNSUPPORTED, ".type"},
      {"{'type':'text'}", ERR_BAD_REQUEST, ".text"},
      {"{'type':'text','text':1}", ERR_BAD_REQUEST, ".text"},
      {"{'type':'text','text':'x','zork':1}", ERR_UNSUPPORTED, ".zork"},
      {"{'type':'text','text':'x','image_url':{}}", ERR_BAD_REQUEST, ".image_url"},
      {"{'type':'text','text':'x','prompt_cache_breakpoint':{}}", ERR_BAD_REQUEST, ".prompt_cache_breakpoint.mode"},
      {"{'type':'text','text':'x','cache_control':{'type':'ephemeral','ttl':'2h'}}", ERR_BAD_REQUEST, ".cache_control"},
      {"{'type':'text','text':'x','cache_control':{'type':'forever'}}", ERR_BAD_REQUEST, ".cache_control"},
      {"{'type':'image_url'}", ERR_BAD_REQUEST, ".image_url"},
      {"{'type':'image_url','image_url':'https://a'}", ERR_BAD_REQUEST, ".image_url"},
      {"{'type':'image_url','image_url':{'url':'nope'}}", ERR_BAD_REQUEST, ".image_url.url"},
      {"{'type':'image_url','image_url':{'url':'data:image/bmp;base64,AAEC'}}", ERR_BAD_REQUEST, ".image_url.url"},
      {"{'type':'image_url','image_url':{'url':'data:image/png;base64,A*EC'}}", ERR_BAD_REQUEST, ".image_url.url"},
      {"{'type':'image_url','image_url':{'url':'https://a','zork':1}}", ERR_UNSUPPORTED, ".image_url.zork"},
      {"{'type':'input_audio','input_audio':{'data':'AAEC','format':'ogg'}}", ERR_BAD_REQUEST, ".input_audio.format"},
      {"{'type':'input_audio','input_audio':{'data':'!','format':'wav'}}", ERR_BAD_REQUEST, ".input_audio.data"},
      {"{'type':'file','file':{}}", ERR_BAD_REQUEST, ".file"},
      {"{'type':'file','file':{'file_id':'a','file_data':'AAEC'}}", ERR_BAD_REQUEST, ".file"},
      {"{'type':'file','file':{'file_data':'A'}}", ERR_BAD_REQUEST, ".file.file_data"},
      {"{'type':'file','file':{'file_id':1}}", ERR_BAD_REQUEST, ".file.file_id"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct chat c;
    chat_open(&c);
    const char *messages =
        arena_format(&c.arena, "{'role':'user','content':[{'type':'text','text':'a'},%s]}", cases[i].part).at;
    chat_fails_messages(messages, cases[i].err, arena_format(&c.arena, "messages[0].content[1]%s", cases[i].place).at);
    chat_close(&c);
  }
  chat_fails_messages("{'role':'system','content':[{'type':'image_url','image_url':{'url':'https://a'}}]}",
                      ERR_UNSUPPORTED, "messages[0].content[0].type");
}

static void bad_calls_are_named(void **state) {
  const struct {
    const char *call;
    enum err err;
    const char *place;
  } cases[] = {
      {"1", ERR_BAD_REQUEST, ""},
      {"{'id':'c','type':'function','function':{'name':'f','arguments':'[]'}}", ERR_BAD_REQUEST, ".function.arguments"},
      {"{'id':'c','type':'function','function':{'name':'f','arguments':'{'}}", ERR_BAD_REQUEST, ".function.arguments"},
      {"{'id':'c','type':'function','function':{'name':'f','arguments':{}}}", ERR_BAD_REQUEST, ".function.arguments"},
      {"{'id':'c','type':'function','function':{}}", ERR_BAD_REQUEST, ".function.name"},
      {"{'id':'c','type':'custom','custom':{}}", ERR_BAD_REQUEST, ".custom.name"},
      {"{'type':'function','function':{'name':'f'}}", ERR_BAD_REQUEST, ".id"},
      {"{'id':'c','type':'other','function':{'name':'f'}}", ERR_BAD_REQUEST, ".type"},
      {"{'id':'c','type':'function','function':{'name':'f'},'extra_content':{}}", ERR_UNSUPPORTED, ".extra_content"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct chat c;
    chat_open(&c);
    chat_fails_messages(arena_format(&c.arena, "{'role':'assistant','tool_calls':[%s]}", cases[i].call).at,
                        cases[i].err, arena_format(&c.arena, "messages[0].tool_calls[0]%s", cases[i].place).at);
    chat_close(&c);
  }
}

static void arguments_are_an_object_or_nothing(void **state) {
  struct text out = TEXT_NONE;
  assert_true(openai_chat_read_arguments(TEXT(""), &out));
  EXPECT_TEXT(out, TEXT("{}"));
  assert_true(openai_chat_read_arguments(TEXT(" {\"a\" : 1e400}"), &out));
  EXPECT_TEXT(out, TEXT(" {\"a\" : 1e400}"));
  assert_false(openai_chat_read_arguments(TEXT("null"), &out) || openai_chat_read_arguments(TEXT("{}x"), &out));
}

static void what_may_be_left_out_leaves_the_rest(void **state) {
  static const struct text names[] = {{"type", 4}};
  struct chat c;
  chat_open(&c);
  c.rq = (struct llm_request){.arena = &c.arena, .leave_out = names, .leave_out_count = 1};
  assert_int_equal(dialect_openai_chat.read_request(
                       parsed(&c.arena, json_of(&c.arena, "{'model':'m','messages':[{'role':'user','content':["
                                                          "{'type':'video_url','video_url':{}},"
                                                          "{'type':'refusal','refusal':'x'},{'type':'text','text':'t'}"
                                                          "]}]}")),
                       &c.rq, &c.echo, &c.f),
                   ERR_OK);
  assert_int_equal(c.rq.messages[0].count, 1);
  EXPECT_TEXT(c.rq.messages[0].blocks[0].text, TEXT("t"));
  assert_int_equal(c.rq.left_out_count, 2);
  chat_close(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_type_of_part_is_a_block),
      cmocka_unit_test(a_string_is_one_text),
      cmocka_unit_test(bad_parts_are_named),
      cmocka_unit_test(bad_calls_are_named),
      cmocka_unit_test(arguments_are_an_object_or_nothing),
      cmocka_unit_test(what_may_be_left_out_leaves_the_rest),
  };
  return RUN_TESTS(tests);
}
