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
  refuses("{'model':'m','messages':[]}", "messages", "a length of at least 1");
}

static void parameters_have_their_ranges(void **state) {
  refuses("{'model':'m','stream':1," HI "}", "stream", "expected a boolean");
  refuses("{'model':'m','temperature':2.5," HI "}", "temperature", "between 0 and 2");
  refuses("{'model':'m','n':2," HI "}", "n", "must be 1");
  refuses("{'model':'m','max_tokens':0," HI "}", "max_tokens", "a value of at least 1");
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

static void stops_are_at_most_four(void **state) {
  accepts("{'model':'m','stop':'a'," HI "}");
  assert_int_equal(ask.stop_count, 1);
  accepts("{'model':'m','stop':['a','b','c','d']," HI "}");
  assert_int_equal(ask.stop_count, 4);
  refuses("{'model':'m','stop':['a','b','c','d','e']," HI "}", "stop", "maximum length 4");
  refuses("{'model':'m','stop':5," HI "}", "stop", "Invalid type for 'stop'");
  refuses("{'model':'m','stop':[5]," HI "}", "stop", "Invalid type for 'stop[0]'");
}

static void formats_are_checked(void **state) {
  accepts(
      "{'model':'m','response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'type':'object'}}}," HI
      "}");
  assert_true(ask.wants_json && ask.json_schema);
  refuses("{'model':'m','response_format':{'type':'json_schema'}," HI "}", "response_format.json_schema",
          "Missing required");
  refuses(
      "{'model':'m','response_format':{'type':'json_schema','json_schema':{'name':'n','strict':true,'schema':{'type':"
      "'object'}}}," HI "}",
      "response_format", "Invalid schema for response_format 'n'");
  refuses("{'model':'m','response_format':{'type':'json_object'}," HI "}", "messages", "must contain the word 'json'");
  accepts("{'model':'m','response_format':{'type':'json_object'},'messages':[{'role':'user','content':'as JSON'}]}");
  refuses("{'model':'m','response_format':{'type':'xml'}," HI "}", "response_format.type", "Invalid value: 'xml'");
}

static void members_of_other_dialects_are_refused(void **state) {
  refuses("{'model':'m','system':'x'," HI "}", "system", "Unrecognized request argument supplied: system");
  refuses("{'model':'m','top_k':3," HI "}", "top_k", "Unrecognized");
  refuses("{'model':'m','reasoning':{}," HI "}", "reasoning", "Unrecognized");
  accepts("{'model':'m','nobody_knows_this':1," HI "}");
}

static void members_that_need_each_other(void **state) {
  refuses("{'model':'m','max_tokens':1,'max_completion_tokens':1," HI "}", "max_tokens", "at the same time");
  refuses("{'model':'m','top_logprobs':3," HI "}", "top_logprobs", "only allowed when 'logprobs'");
  refuses("{'model':'m','parallel_tool_calls':true," HI "}", "parallel_tool_calls", "only allowed when 'tools'");
  refuses("{'model':'m','metadata':{'a':1}," HI "}", "metadata", "expected a string");
  refuses("{'model':'m','reasoning_effort':'huge'," HI "}", "reasoning_effort", "'none', 'minimal'");
}

static void tools_are_checked(void **state) {
  accepts(
      "{'model':'m','tools':[{'type':'custom','custom':{'name':'sh'}}],'tool_choice':{'type':'custom','custom':{'name':"
      "'sh'}}," HI "}");
  assert_true(ask.tool[0].is_custom && ask.tools_forced);
  refuses("{'model':'m','tools':[{'type':'function','function':{'name':'a b'}}]," HI "}", "tools[0]",
          "does not match pattern");
  refuses("{'model':'m','tools':[{'type':'hammer'}]," HI "}", "tools[0]", "'function' and 'custom'");
  refuses("{'model':'m','tools':[{'name':'a','input_schema':{}}]," HI "}", "tools[0]", "Missing required parameter");
  refuses("{'model':'m','tools':[{'type':'function','function':{'name':'a','strict':true,'parameters':{'type':'object'}"
          "}}]," HI "}",
          "tools[0].function.parameters", "Invalid schema for function 'a'");
  refuses("{'model':'m'," TOOLS "'tool_choice':{'type':'function','function':{'name':'z'}}," HI "}", "tool_choice",
          "'z' is not one of 'tools'");
  refuses("{'model':'m'," TOOLS "'tool_choice':'any'," HI "}", "tool_choice", "Invalid value for 'tool_choice'");
  accepts("{'model':'m'," TOOLS
          "'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'required','tools':[]}}," HI "}");
  assert_true(ask.tools_forced);
}

static enum err read_as(enum chat_flavour flavour, const char *quoted) {
  const struct sim_input in = {.doc = document(quoted), .arena = &arena};
  fault = (struct fault){0};
  return sim_chat_read(&in, flavour, &ask, &fault);
}

static void openrouter_takes_its_own_members(void **state) {
  assert_int_equal(read_as(CHAT_OPENROUTER,
                           "{'model':'m','provider':{},'usage':{'include':true},'reasoning':{'effort':'low'}," HI "}"),
                   ERR_OK);
  assert_true(ask.thinks && ask.include_usage);
  assert_int_equal(read_as(CHAT_OPENROUTER, "{'model':'m','reasoning':{'max_tokens':2000,'exclude':true}," HI "}"),
                   ERR_OK);
  assert_true(ask.thinks && ask.omit_thinking);
  assert_int_equal(read_as(CHAT_OPENROUTER, "{'model':'m','reasoning':{'max_tokens':2000,'effort':'low'}," HI "}"),
                   ERR_BAD_REQUEST);
  EXPECT_INSIDE(text_of(fault.text), TEXT("Only one of"));
  assert_int_equal(read_as(CHAT_OPENROUTER, "{'model':'m','tools':[{'type':'openrouter:web_search'}]," HI "}"), ERR_OK);
}

static void a_model_in_the_path_stands_for_the_bodys(void **state) {
  const struct sim_input in = {.doc = document("{" HI "}"), .arena = &arena, .model = TEXT("sim-thinking")};
  assert_int_equal(sim_chat_read(&in, CHAT_AZURE, &ask, &fault), ERR_OK);
  EXPECT_TEXT(ask.model, TEXT("sim-thinking"));
  assert_true(ask.thinks);
  assert_int_equal(sim_openai_read_embed(document("{'input':'x'}"), TEXT("d"), &embed, &fault), ERR_OK);
  EXPECT_TEXT(embed.model, TEXT("d"));
}

static void embeddings_take_texts_and_tokens(void **state) {
  const char *good[] = {"'x'", "['x','y']", "[1,2,3]", "[[1],[2]]"};
  const char *bad[] = {"''", "[]", "['']", "5", "{}", "[-1]"};
  char doc[100];
  for (size_t i = 0; i < 4; i++) {
    snprintf(doc, sizeof(doc), "{'model':'m','input':%s}", good[i]);
    assert_int_equal(sim_openai_read_embed(document(doc), TEXT_NONE, &embed, &fault), ERR_OK);
    assert_int_equal(embed.dimensions, 1536);
  }
  for (size_t i = 0; i < 6; i++) {
    snprintf(doc, sizeof(doc), "{'model':'m','input':%s}", bad[i]);
    assert_int_equal(sim_openai_read_embed(document(doc), TEXT_NONE, &embed, &fault), ERR_BAD_REQUEST);
    assert_string_equal(fault.field, "input");
  }
}

static void embeddings_have_formats_and_dimensions(void **state) {
  assert_int_equal(
      sim_openai_read_embed(document("{'model':'m','input':'x','encoding_format':'base64','dimensions':3072}"),
                            TEXT_NONE, &embed, &fault),
      ERR_OK);
  assert_true(embed.base64);
  assert_int_equal(embed.dimensions, 3072);
  assert_int_equal(
      sim_openai_read_embed(document("{'model':'m','input':'x','encoding_format':'hex'}"), TEXT_NONE, &embed, &fault),
      ERR_BAD_REQUEST);
  assert_int_equal(
      sim_openai_read_embed(document("{'model':'m','input':'x','dimensions':3073}"), TEXT_NONE, &embed, &fault),
      ERR_BAD_REQUEST);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(required_members_are_required),
      CASE(parameters_have_their_ranges),
      CASE(stream_options_belong_to_streams),
      CASE(tool_choice_is_understood),
      CASE(stops_are_at_most_four),
      CASE(formats_are_checked),
      CASE(members_of_other_dialects_are_refused),
      CASE(members_that_need_each_other),
      CASE(tools_are_checked),
      CASE(openrouter_takes_its_own_members),
      CASE(a_model_in_the_path_stands_for_the_bodys),
      CASE(embeddings_take_texts_and_tokens),
      CASE(embeddings_have_formats_and_dimensions),
  };
  return RUN_TESTS(tests);
}
