/* What a Messages request must have, refused with the service's words, and what is taken from a good one. */
#include "sim/anthropic_request.h"

#include "sim_test.h"

static struct arena arena;
static struct sim_ask ask;
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

/* The ask's schemas stay readable: the document is freed with the arena's end. */
static void free_document(void *data) { json_done(data); }

static enum err read_with(const char *quoted,
                          enum err (*fn)(const struct json *, struct arena *, struct sim_ask *, struct fault *)) {
  struct json *doc = ARENA_NEW(&arena, struct json);
  *doc = test_json(&arena, quoted);
  arena_defer(&arena, free_document, doc);
  return fn(doc, &arena, &ask, &fault);
}

static void refuses(const char *quoted, const char *words) {
  enum err e = read_with(quoted, sim_anthropic_read);
  if (e != ERR_BAD_REQUEST)
    fail_msg("not refused: %s", quoted);
  if (text_find(text_of(fault.text), text_of(words)) < 0)
    fail_msg("%s: said \"%s\", expected \"%s\"", quoted, fault.text, words);
}

static void accepts(const char *quoted) {
  if (read_with(quoted, sim_anthropic_read) != ERR_OK)
    fail_msg("refused: %s: %s", quoted, fault.text);
}

#define HEAD "{'model':'sim-text','max_tokens':10,"
#define HI   "'messages':[{'role':'user','content':'hi'}]"

static void required_members_are_required(void **state) {
  refuses("[]", "Input should be an object");
  refuses("{'max_tokens':1," HI "}", "model: Field required");
  refuses("{'model':5,'max_tokens':1," HI "}", "model: Input should be a valid string");
  refuses("{'model':'','max_tokens':1," HI "}", "model: String should have");
  refuses("{'model':'m'," HI "}", "max_tokens: Field required");
  refuses("{'model':'m','max_tokens':1}", "messages: Field required");
  refuses(HEAD "'messages':[]}", "messages: at least one message is required");
  refuses(HEAD "'messages':{}}", "messages: Input should be a valid list");
}

static void members_have_their_types_and_ranges(void **state) {
  refuses("{'model':'m','max_tokens':0," HI "}", "greater than or equal to 1");
  refuses("{'model':'m','max_tokens':-1," HI "}", "greater than or equal to 1");
  refuses("{'model':'m','max_tokens':1.5," HI "}", "max_tokens: Input should be a valid integer");
  refuses(HEAD "'stream':'yes'," HI "}", "stream: Input should be a valid boolean");
  refuses(HEAD "'temperature':1.1," HI "}", "temperature: range: 0..1");
  refuses(HEAD "'system':5," HI "}", "system: Input should be");
  refuses(HEAD "'system':[{'type':'image'}]," HI "}", "system.0.type");
  refuses(HEAD "'tools':{}," HI "}", "tools: Input should be a valid list");
}

static void roles_and_their_order_are_checked(void **state) {
  refuses(HEAD "'messages':[{'role':'robot','content':'x'}]}",
          "messages.0.role: Input should be 'user' or 'assistant'");
  refuses(HEAD "'messages':[{'content':'x'}]}", "messages.0.role: Field required");
  refuses(HEAD "'messages':[{'role':'assistant','content':'x'}]}", "first message must use the \"user\" role");
  accepts(HEAD "'messages':[{'role':'user','content':'x'},{'role':'system','content':'rules'}]}");
  EXPECT_TEXT(ask.said, TEXT("x"));
}

static void a_good_request_is_read(void **state) {
  accepts(
      "{'model':'sim-long-5','max_tokens':77,'stream':true,'unknown':[1],'messages':[{'role':'user','content':'one'},"
      "{'role':'assistant','content':'two'},{'role':'user','content':[{'type':'text','text':'three'}]}]}");
  EXPECT_TEXT(ask.model, TEXT("sim-long-5"));
  assert_int_equal(ask.behaviour.long_words, 5);
  assert_int_equal(ask.max_tokens, 77);
  assert_true(ask.stream);
  EXPECT_TEXT(ask.said, TEXT("three"));
}

static void counting_needs_no_max_tokens_and_gives_the_same_count(void **state) {
  accepts(HEAD HI "}");
  uint64_t bytes = ask.digest.bytes;
  assert_int_equal(read_with("{'model':'sim-text'," HI "}", sim_anthropic_read_count), ERR_OK);
  assert_int_equal(ask.digest.bytes, bytes);
}

#define WEATHER                                                                                                        \
  "'tools':[{'name':'weather','input_schema':{'type':'object'}},{'name':'clock','input_schema':{'type':'object'}}],"

static void tools_are_checked(void **state) {
  refuses(HEAD "'tools':[{'input_schema':{'type':'object'}}]," HI "}", "tools.0.custom.name: Field required");
  refuses(HEAD "'tools':[{'name':'a b','input_schema':{'type':'object'}}]," HI "}", "String should match pattern");
  refuses(HEAD "'tools':[{'name':'a'}]," HI "}", "tools.0.custom.input_schema: Field required");
  refuses(HEAD "'tools':[{'name':'a','input_schema':{'type':'array'}}]," HI "}", "Input should be 'object'");
  refuses(HEAD "'tool_choice':{'type':'any'}," HI "}", "may only be specified while providing tools");
  refuses(HEAD WEATHER "'tool_choice':{'type':'tool','name':'x'}," HI "}", "Tool 'x' not found");
  refuses(HEAD WEATHER "'tool_choice':{'type':'sometimes'}," HI "}", "tool_choice: Input should be");
}

static void tool_choice_is_understood(void **state) {
  accepts(HEAD WEATHER "'tool_choice':{'type':'tool','name':'clock'}," HI "}");
  assert_int_equal(ask.tool_count, 1);
  EXPECT_TEXT(ask.tool[0].name, TEXT("clock"));
  assert_true(ask.tools_forced);
  accepts(HEAD WEATHER "'tool_choice':{'type':'any','disable_parallel_tool_use':true}," HI "}");
  assert_int_equal(ask.tool_count, 2);
  assert_true(ask.tools_forced && ask.one_tool_only);
  accepts(HEAD WEATHER "'tool_choice':{'type':'none'}," HI "}");
  assert_true(ask.tools_refused);
}

static void thinking_is_checked(void **state) {
  refuses(HEAD "'thinking':{}," HI "}", "thinking.type: Field required");
  refuses(HEAD "'thinking':{'type':'maybe'}," HI "}", "Input tag 'maybe'");
  refuses(HEAD "'thinking':{'type':'enabled','budget_tokens':1000}," HI "}", "greater than or equal to 1024");
  refuses(HEAD "'thinking':{'type':'enabled','budget_tokens':1024}," HI "}", "`max_tokens` must be greater than");
  accepts("{'model':'m','max_tokens':2000,'thinking':{'type':'enabled','budget_tokens':1024,'display':'omitted'}," HI
          "}");
  assert_true(ask.thinks && ask.omit_thinking);
  accepts("{'model':'sim-thinking','max_tokens':20,'thinking':{'type':'disabled'}," HI "}");
  assert_false(ask.thinks);
  accepts("{'model':'sim-thinking','max_tokens':20," HI "}");
  assert_true(ask.thinks);
}

#define MARK "'cache_control':{'type':'ephemeral'}"
#define HOUR "'cache_control':{'type':'ephemeral','ttl':'1h'}"

static void breakpoints_are_found_in_the_order_of_the_prompt(void **state) {
  accepts(HEAD "'messages':[{'role':'user','content':[{'type':'text','text':'hi'," MARK "}]}],"
               "'system':[{'type':'text','text':'long rules'," HOUR "}]}");
  assert_int_equal(ask.breakpoint_count, 2);
  assert_true(ask.breakpoint[0].one_hour && !ask.breakpoint[1].one_hour);
  assert_true(ask.breakpoint[0].tokens < ask.breakpoint[1].tokens);
}

static void five_breakpoints_are_too_many(void **state) {
#define BLOCK "{'type':'text','text':'x'," MARK "}"
  refuses(HEAD "'messages':[{'role':'user','content':[" BLOCK "," BLOCK "," BLOCK "," BLOCK "," BLOCK "]}]}",
          "Found 5");
}

static void an_output_may_have_a_schema(void **state) {
  accepts("{'model':'m','max_tokens':9,'output_config':{'effort':'low','format':{'type':'json_schema','schema':{'type':"
          "'object'"
          "}}}," HI "}");
  assert_true(ask.wants_json && ask.json_schema);
  accepts("{'model':'m','max_tokens':9,'output_format':{'type':'json_schema','schema':{'type':'object'}}," HI "}");
  assert_true(ask.wants_json);
  refuses("{'model':'m','max_tokens':9,'output_config':{'format':{'type':'xml'}}," HI "}", "output_config.format.type");
  refuses("{'model':'m','max_tokens':9,'output_config':{'format':{'type':'json_schema'}}," HI "}",
          "output_config.format.schema: Field required");
  refuses("{'model':'m','max_tokens':9,'output_config':{'effort':'huge'}," HI "}", "output_config.effort");
}

static void stop_sequences_are_texts(void **state) {
  accepts("{'model':'m','max_tokens':9,'stop_sequences':['a','b']," HI "}");
  assert_int_equal(ask.stop_count, 2);
  refuses("{'model':'m','max_tokens':9,'stop_sequences':'a'," HI "}", "stop_sequences: Input should be a valid list");
  refuses("{'model':'m','max_tokens':9,'stop_sequences':[1]," HI "}", "stop_sequences.0");
  refuses("{'model':'m','max_tokens':9,'stop_sequences':[' ']," HI "}", "non-whitespace");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(an_output_may_have_a_schema),
      CASE(stop_sequences_are_texts),
      CASE(required_members_are_required),
      CASE(members_have_their_types_and_ranges),
      CASE(roles_and_their_order_are_checked),
      CASE(a_good_request_is_read),
      CASE(counting_needs_no_max_tokens_and_gives_the_same_count),
      CASE(tools_are_checked),
      CASE(tool_choice_is_understood),
      CASE(thinking_is_checked),
      CASE(breakpoints_are_found_in_the_order_of_the_prompt),
      CASE(five_breakpoints_are_too_many),
  };
  return RUN_TESTS(tests);
}
