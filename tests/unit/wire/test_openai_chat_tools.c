/* The tools of a chat completions request. */
#include "chat_test.h"

#define MESSAGES "'messages':[{'role':'user','content':'hi'}]"

static void functions_and_custom_tools_are_read(void **state) {
  struct chat c;
  chat_open(&c);
  chat_reads(&c, "{'model':'m','tools':[{'type':'function','function':{'name':'f','description':'d',"
                 "'parameters':{'type':'object','maximum':1.50},'strict':false},'cache_control':{'type':'ephemeral'}},"
                 "{'type':'custom','custom':{'name':'p','format':{'type':'grammar','grammar':{'syntax':'regex',"
                 "'definition':'a+'}}}},{'type':'custom','custom':{'name':'q','format':{'type':'text'}}},"
                 "{'type':'function','function':{'name':'bare'}}]," MESSAGES "}");
  assert_int_equal(c.rq.tool_count, 4);
  const struct llm_tool *t = c.rq.tools;
  EXPECT_TEXT(t[0].name, TEXT("f"));
  EXPECT_TEXT(t[0].description, TEXT("d"));
  EXPECT_TEXT(t[0].schema, TEXT("{\"type\":\"object\",\"maximum\":1.50}"));
  assert_int_equal(t[0].strict, LLM_NO);
  assert_int_equal(t[0].cache, LLM_CACHE_DEFAULT);
  assert_true(t[1].is_custom && t[2].is_custom && !t[3].is_custom);
  EXPECT_TEXT(t[1].format, TEXT("{\"type\":\"grammar\",\"syntax\":\"regex\",\"definition\":\"a+\"}"));
  assert_true(text_is_empty(t[2].format) && text_is_empty(t[3].schema));
  assert_int_equal(t[1].place.at[0], 1);
  chat_close(&c);
}

static void choices_are_read(void **state) {
  const struct {
    const char *choice;
    enum llm_choice want;
    const char *name;
  } cases[] = {{"'none'", LLM_CHOICE_NONE, ""},
               {"'auto'", LLM_CHOICE_AUTO, ""},
               {"'required'", LLM_CHOICE_ANY, ""},
               {"{'type':'function','function':{'name':'f'}}", LLM_CHOICE_TOOL, "f"},
               {"{'type':'custom','custom':{'name':'p'}}", LLM_CHOICE_TOOL, "p"},
               {"null", LLM_CHOICE_NOT_GIVEN, ""}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct chat c;
    chat_open(&c);
    chat_reads(&c, arena_format(&c.arena, "{'model':'m','tool_choice':%s," MESSAGES "}", cases[i].choice).at);
    assert_int_equal(c.rq.choice, cases[i].want);
    EXPECT_TEXT(c.rq.choice_name, text_of(cases[i].name));
    chat_close(&c);
  }
}

static void bad_tools_are_named(void **state) {
  const struct {
    const char *member;
    enum err err;
    const char *place;
  } cases[] = {
      {"'tools':{}", ERR_BAD_REQUEST, "tools"},
      {"'tools':[1]", ERR_BAD_REQUEST, "tools[0]"},
      {"'tools':[{'type':'function'}]", ERR_BAD_REQUEST, "tools[0].type"},
      {"'tools':[{'function':{}}]", ERR_BAD_REQUEST, "tools[0].function.name"},
      {"'tools':[{'type':'custom','function':{'name':'f'}}]", ERR_BAD_REQUEST, "tools[0].type"},
      {"'tools':[{'type':'function','function':{'name':'f','parameters':[]}}]", ERR_BAD_REQUEST,
       "tools[0].function.parameters"},
      {"'tools':[{'type':'function','function':{'name':'f','strict':1}}]", ERR_BAD_REQUEST, "tools[0].function.strict"},
      {"'tools':[{'type':'function','function':{'name':'f','zork':1}}]", ERR_UNSUPPORTED, "tools[0].function.zork"},
      {"'tools':[{'type':'function','function':{'name':'f'}},{'type':'web_search'}]", ERR_UNSUPPORTED, "tools[1].type"},
      {"'tools':[{'type':'custom','custom':{'name':'p','format':{'type':'grammar'}}}]", ERR_BAD_REQUEST,
       "tools[0].custom.format"},
      {"'tool_choice':'maybe'", ERR_BAD_REQUEST, "tool_choice"},
      {"'tool_choice':{'type':'function'}", ERR_BAD_REQUEST, "tool_choice"},
      {"'tool_choice':{'type':'function','function':{'name':1}}", ERR_BAD_REQUEST, "tool_choice.function.name"},
      {"'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'auto','tools':[]}}", ERR_UNSUPPORTED,
       "tool_choice.allowed_tools"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct chat c;
    chat_open(&c);
    chat_fails(arena_format(&c.arena, "{'model':'m',%s," MESSAGES "}", cases[i].member).at, cases[i].err,
               cases[i].place);
    chat_close(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions_and_custom_tools_are_read),
      cmocka_unit_test(choices_are_read),
      cmocka_unit_test(bad_tools_are_named),
  };
  return RUN_TESTS(tests);
}
