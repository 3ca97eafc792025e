/* Settings and tools written into a chat completions request. */
#include "chat_test.h"

#define HI "'messages':[{'role':'user','content':'hi'}]"

static struct llm_block hello[1];

static void say_hello(struct chat *c) {
  hello[0] = (struct llm_block){.kind = LLM_TEXT, .text = TEXT("hi")};
  (void)chat_one_message(c, LLM_USER, hello, 1);
}

/* Settings that mean the same on the way back come out as they went in. */
static void what_is_read_is_written(void **state) {
  static const char *const members[] = {
      "'temperature':0.70,'top_p':1e-1",
      "'frequency_penalty':-0.5,'presence_penalty':0.25,'seed':12345678901234567890",
      "'stop':['a','b','c','d']",
      "'max_tokens':12",
      "'reasoning_effort':'high'",
      "'reasoning_effort':'none'",
      "'reasoning_effort':'max'",
      "'verbosity':'low'",
      "'response_format':{'type':'json_object'}",
      "'response_format':{'type':'json_schema','json_schema':{'name':'n','description':'d','schema':{'a':1.5},"
      "'strict':false}}",
      "'user':'u','metadata':{'a':'b','c':'d'}",
      "'service_tier':'priority','store':true",
      "'prompt_cache_key':'k','prompt_cache_retention':'24h','prompt_cache_options':{'mode':'explicit','ttl':'12h'}",
      "'stream':true,'stream_options':{'include_usage':true}",
      "'tools':[{'type':'function','function':{'name':'f','description':'d','parameters':{'x':1.5},'strict':true}},"
      "{'type':'custom','custom':{'name':'p','format':{'type':'grammar','grammar':{'syntax':'lark',"
      "'definition':'a'}}}}],'tool_choice':{'type':'custom','custom':{'name':'p'}},'parallel_tool_calls':false",
      "'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':'required'",
      "'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':'none'",
      "'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':{'type':'function','function':{'name':'f'}"
      "}"};
  for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
    struct chat c;
    chat_open(&c);
    const char *body = arena_format(&c.arena, "{'model':'m',%s," HI "}", members[i]).at;
    chat_reads(&c, body);
    chat_writes(&c, body);
    chat_close(&c);
  }
}

static void the_limit_has_the_name_that_the_model_knows(void **state) {
  const struct {
    const char *model;
    bool is_new;
  } cases[] = {{"gpt-5.6", true},        {"gpt-4o", true},        {"o3-mini", true},
               {"ft:gpt-4o:acme", true}, {"gpt-oss-120b", false}, {"openai/gpt-5", false},
               {"llama3", false},        {"olmo-2", false},       {"o", false},
               {"mistral-large", false}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct chat c;
    chat_open(&c);
    say_hello(&c);
    c.rq.model = text_of(cases[i].model);
    c.rq.max_tokens = 5;
    chat_writes(&c, arena_format(&c.arena, "{'model':'%s'," HI ",'%s':5}", cases[i].model,
                                 cases[i].is_new ? "max_completion_tokens" : "max_tokens")
                        .at);
    chat_close(&c);
  }
}

static void budgets_become_efforts_and_openrouter_takes_both(void **state) {
  const struct {
    enum llm_thinking thinking;
    uint64_t budget;
    const char *effort, *plain, *openrouter;
  } cases[] = {{LLM_THINKING_BUDGET, 2000, "", ",'reasoning_effort':'low'", ",'reasoning':{'max_tokens':2000}"},
               {LLM_THINKING_BUDGET, 2000, "high", ",'reasoning_effort':'high'", ",'reasoning':{'max_tokens':2000}"},
               {LLM_THINKING_ADAPTIVE, 0, "", "", ",'reasoning':{'enabled':true}"},
               {LLM_THINKING_ADAPTIVE, 0, "max", ",'reasoning_effort':'max'", ",'reasoning':{'effort':'xhigh'}"},
               {LLM_THINKING_NOT_GIVEN, 0, "low", ",'reasoning_effort':'low'", ",'reasoning':{'effort':'low'}"},
               {LLM_THINKING_OFF, 0, "low", ",'reasoning_effort':'none'", ",'reasoning':{'effort':'none'}"},
               {LLM_THINKING_NOT_GIVEN, 0, "", "", ""}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct chat c;
    chat_open(&c);
    say_hello(&c);
    c.rq.thinking = cases[i].thinking;
    c.rq.thinking_budget = cases[i].budget;
    c.rq.effort = text_of(cases[i].effort);
    chat_writes(&c, arena_format(&c.arena, "{'model':'m'," HI "%s}", cases[i].plain).at);
    c.rq.accent = LLM_ACCENT_OPENROUTER;
    chat_writes(&c, arena_format(&c.arena, "{'model':'m'," HI ",'usage':{'include':true}%s}", cases[i].openrouter).at);
    chat_close(&c);
  }
}

static void what_only_openrouter_takes_is_refused_elsewhere(void **state) {
  struct chat c;
  chat_open(&c);
  say_hello(&c);
  c.rq.top_k = TEXT("40");
  chat_refuses(&c, "top_k");
  c.rq.accent = LLM_ACCENT_OPENROUTER;
  chat_writes(&c, "{'model':'m'," HI ",'top_k':40,'usage':{'include':true}}");
  c.rq.top_k = TEXT_NONE;
  c.rq.store = LLM_YES;
  chat_refuses(&c, "store");
  chat_close(&c);
}

static void at_most_four_stop_sequences(void **state) {
  struct text stop[5] = {TEXT("a"), TEXT("b"), TEXT("c"), TEXT("d"), TEXT("e")};
  const struct text names[] = {TEXT("stop_sequences")};
  struct chat c;
  chat_open(&c);
  say_hello(&c);
  c.rq.stop = stop;
  c.rq.stop_count = 5;
  chat_refuses(&c, "stop_sequences");
  c.rq.leave_out = names;
  c.rq.leave_out_count = 1;
  chat_writes(&c, "{'model':'m'," HI "}");
  assert_int_equal(c.rq.left_out_count, 1);
  chat_close(&c);
}

static void tools_cannot_be_marked_or_loaded_later(void **state) {
  struct llm_tool tool = {.name = TEXT("f"), .place = {.form = "tools[#]", .at = {4}}, .defer_loading = LLM_NO};
  struct chat c;
  chat_open(&c);
  say_hello(&c);
  c.rq.tools = &tool;
  c.rq.tool_count = 1;
  chat_writes(&c, "{'model':'m'," HI ",'tools':[{'type':'function','function':{'name':'f'}}]}");
  tool.cache = LLM_CACHE_5M;
  chat_refuses(&c, "tools[4].cache_control");
  tool.cache = LLM_CACHE_NONE;
  tool.defer_loading = LLM_YES;
  chat_refuses(&c, "tools[4].defer_loading");
  tool = (struct llm_tool){
      .is_custom = true, .name = TEXT("p"), .format = TEXT("{\"type\":\"odd\"}"), .place = tool.place};
  chat_refuses(&c, "tools[4].format");
  chat_close(&c);
}

static void choices_without_tools_are_not_said(void **state) {
  struct chat c;
  chat_open(&c);
  say_hello(&c);
  c.rq.choice = LLM_CHOICE_AUTO;
  c.rq.parallel_tools = LLM_NO;
  chat_writes(&c, "{'model':'m'," HI "}");
  c.rq.choice = LLM_CHOICE_ANY;
  chat_writes(&c, "{'model':'m'," HI ",'tool_choice':'required'}");
  chat_close(&c);
}

static void a_schema_without_a_name_gets_one(void **state) {
  struct chat c;
  chat_open(&c);
  say_hello(&c);
  c.rq.output = LLM_OUTPUT_SCHEMA;
  c.rq.output_schema = TEXT("{}");
  chat_writes(&c, "{'model':'m'," HI
                  ",'response_format':{'type':'json_schema','json_schema':{'name':'answer','schema':{}}}}");
  chat_close(&c);
}

static void a_body_has_a_limit(void **state) {
  struct chat c;
  struct buf b;
  chat_open(&c);
  say_hello(&c);
  buf_init(&b, 20);
  assert_int_equal(dialect_openai_chat.write_request(&c.rq, &b, &c.f), ERR_NO_ROOM);
  buf_done(&b);
  chat_close(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_read_is_written),
      cmocka_unit_test(the_limit_has_the_name_that_the_model_knows),
      cmocka_unit_test(budgets_become_efforts_and_openrouter_takes_both),
      cmocka_unit_test(what_only_openrouter_takes_is_refused_elsewhere),
      cmocka_unit_test(at_most_four_stop_sequences),
      cmocka_unit_test(tools_cannot_be_marked_or_loaded_later),
      cmocka_unit_test(choices_without_tools_are_not_said),
      cmocka_unit_test(a_schema_without_a_name_gets_one),
      cmocka_unit_test(a_body_has_a_limit),
  };
  return RUN_TESTS(tests);
}
