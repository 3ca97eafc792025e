/* What chat and embedding requests must have, and what is taken from good ones. */
#include "sim/openai_request.h"

#include "sim_test.h"

static struct arena arena;
static struct sim_ask ask;
static struct sim_embed_ask embed;
static struct fault fault;

static int fresh(void **state) {
  arena_init(&arena);
  fault = (struct fault){0};
  return 0;
}
static int done(void **state) {
  arena_done(&arena);
  return 0;
}

static void free_document(void *data) { json_done(data); }

static struct json *document(const char *quoted) {
  struct json *doc = ARENA_NEW(&arena, struct json);
  *doc = test_json(&arena, quoted);
  arena_defer(&arena, free_document, doc);
  return doc;
}

static void refuses(const char *quoted, const char *field, const char *words) {
  if (sim_openai_read(document(quoted), &arena, &ask, &fault) != ERR_BAD_REQUEST)
    fail_msg("not refused: %s", quoted);
  assert_string_equal(fault.field, field);
  if (text_find(text_of(fault.text), text_of(words)) < 0)
    fail_msg("%s: said \"%s\", expected \"%s\"", quoted, fault.text, words);
}

static void accepts(const char *quoted) {
  if (sim_openai_read(document(quoted), &arena, &ask, &fault) != ERR_OK)
    fail_msg("refused: %s: %s", quoted, fault.text);
}

#define HI "'messages':[{'role':'user','content':'hi'}]"

static void required_members_are_required(void **state) {
  refuses("{" HI "}", "model", "you must provide a model parameter");
  refuses("{'model':'m'}", "messages", "Missing required parameter: 'messages'.");
  refuses("{'model':'m','messages':[]}", "messages", "minimum length 1");
  refuses("{'model':'m','messages':[{'content':'x'}]}", "messages[0].role", "Missing required parameter");
  refuses("{'model':'m','messages':[{'role':'robot','content':'x'}]}", "messages[0].role", "Invalid value: 'robot'");
  refuses("{'model':'m','messages':[{'role':'user','content':null}]}", "messages[0].content", "got null");
}

static void parameters_have_their_ranges(void **state) {
  refuses("{'model':'m','stream':1," HI "}", "stream", "expected a boolean");
  refuses("{'model':'m','temperature':2.5," HI "}", "temperature", "between 0 and 2");
  refuses("{'model':'m','n':2," HI "}", "n", "must be 1");
  refuses("{'model':'m','max_tokens':0," HI "}", "max_tokens", "below minimum");
  refuses("{'model':'m','max_completion_tokens':'5'," HI "}", "max_completion_tokens", "expected an integer");
  accepts("{'model':'m','max_completion_tokens':5,'temperature':2,'n':1," HI "}");
  assert_int_equal(ask.max_tokens, 5);
}

static void stream_options_belong_to_streams(void **state) {
  refuses("{'model':'m','stream_options':{'include_usage':true}," HI "}", "stream_options",
          "only allowed when 'stream' is enabled");
  accepts("{'model':'m','stream':true,'stream_options':{'include_usage':true}," HI "}");
  assert_true(ask.include_usage);
  accepts("{'model':'m','stream':true,'stream_options':{}," HI "}");
  assert_false(ask.include_usage);
}

#define CALLS                                                                                                          \
  "{'role':'assistant','content':null,'tool_calls':[{'id':'c1','function':{'name':'n','arguments':'{}'}},{'id':'c2','" \
  "function':{'name':'n','arguments':'{}'}}]}"

static void tool_messages_answer_tool_calls(void **state) {
  refuses("{'model':'m','messages':[{'role':'tool','tool_call_id':'c1','content':'x'}]}", "messages[0].role",
          "must be a response");
  refuses("{'model':'m','messages':[{'role':'user','content':'x'}," CALLS
          ",{'role':'tool','tool_call_id':'c1','content':'r'}]}",
          "messages", "did not have response messages: c2");
  accepts("{'model':'m','messages':[{'role':'user','content':'x'}," CALLS
          ",{'role':'tool','tool_call_id':'c1','content':'r1'},{'role':'tool','tool_call_id':'c2','content':'r2'}]}");
  assert_true(ask.has_tool_result);
  EXPECT_TEXT(ask.tool_result, TEXT("r2"));
}

#define TOOLS "'tools':[{'type':'function','function':{'name':'a'}},{'type':'function','function':{'name':'b'}}],"

static void tool_choice_is_understood(void **state) {
  refuses("{'model':'m','tool_choice':'auto'," HI "}", "tool_choice", "only allowed when 'tools' are specified");
  accepts("{'model':'m'," TOOLS "'tool_choice':{'type':'function','function':{'name':'b'}}," HI "}");
  assert_int_equal(ask.tool_count, 1);
  EXPECT_TEXT(ask.tool[0].name, TEXT("b"));
  accepts("{'model':'m'," TOOLS "'tool_choice':'required','parallel_tool_calls':false," HI "}");
  assert_true(ask.tools_forced && ask.one_tool_only && ask.tool_count == 2);
  accepts("{'model':'m'," TOOLS "'tool_choice':'none'," HI "}");
  assert_true(ask.tools_refused);
}

static void parts_of_content_are_read(void **state) {
  accepts("{'model':'m','messages':[{'role':'user','content':[{'type':'image_url','image_url':{'url':'data:image/"
          "png;base64,AAAA'}},"
          "{'type':'image_url','image_url':{'url':'https://x/y'}},{'type':'text','text':'see'}]}]}");
  EXPECT_TEXT(ask.said, TEXT("see"));
  assert_int_equal(ask.attachment_count, 2);
  EXPECT_TEXT(ask.attachment[0].media_type, TEXT("image/png"));
  assert_int_equal(ask.attachment[0].bytes, 3);
  EXPECT_TEXT(ask.attachment[1].media_type, TEXT("url"));
  refuses("{'model':'m','messages':[{'role':'user','content':[{'type':'smell'}]}]}", "messages[0].content",
          "Invalid value: 'smell'");
}

static void embeddings_take_texts_and_tokens(void **state) {
  const char *good[] = {"'x'", "['x','y']", "[1,2,3]", "[[1],[2]]"};
  const char *bad[] = {"''", "[]", "['']", "5", "{}", "[-1]"};
  char doc[100];
  for (size_t i = 0; i < 4; i++) {
    snprintf(doc, sizeof(doc), "{'model':'m','input':%s}", good[i]);
    assert_int_equal(sim_openai_read_embed(document(doc), &embed, &fault), ERR_OK);
    assert_int_equal(embed.dimensions, 1536);
  }
  for (size_t i = 0; i < 6; i++) {
    snprintf(doc, sizeof(doc), "{'model':'m','input':%s}", bad[i]);
    assert_int_equal(sim_openai_read_embed(document(doc), &embed, &fault), ERR_BAD_REQUEST);
    assert_string_equal(fault.field, "input");
  }
}

static void embeddings_have_formats_and_dimensions(void **state) {
  assert_int_equal(
      sim_openai_read_embed(document("{'model':'m','input':'x','encoding_format':'base64','dimensions':3072}"), &embed,
                            &fault),
      ERR_OK);
  assert_true(embed.base64);
  assert_int_equal(embed.dimensions, 3072);
  assert_int_equal(sim_openai_read_embed(document("{'model':'m','input':'x','encoding_format':'hex'}"), &embed, &fault),
                   ERR_BAD_REQUEST);
  assert_int_equal(sim_openai_read_embed(document("{'model':'m','input':'x','dimensions':3073}"), &embed, &fault),
                   ERR_BAD_REQUEST);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(required_members_are_required),    CASE(parameters_have_their_ranges),
      CASE(stream_options_belong_to_streams), CASE(tool_messages_answer_tool_calls),
      CASE(tool_choice_is_understood),        CASE(parts_of_content_are_read),
      CASE(embeddings_take_texts_and_tokens), CASE(embeddings_have_formats_and_dimensions),
  };
  return RUN_TESTS(tests);
}
