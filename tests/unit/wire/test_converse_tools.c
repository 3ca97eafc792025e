/* toolConfig of Converse requests. */
#include "wire/converse_settings.h"

#include "converse_test.h"

#define TOOL "{'toolSpec':{'name':'f','description':'d','inputSchema':{'json':{'type':'object'}}}}"

static void tools_marks_and_choice_are_read(void **state) {
  struct arena a;
  arena_init(&a);
  struct asked q =
      ask_well(&a, with_text(&a, "'toolConfig':{'tools':[" TOOL ",{'cachePoint':{'type':'default','ttl':'1h'}},"
                                 "{'toolSpec':{'name':'g','inputSchema':{'json':{}},'strict':false}}],"
                                 "'toolChoice':{'tool':{'name':'g'}}}"));
  assert_int_equal(q.rq.tool_count, 2);
  EXPECT_TEXT(q.rq.tools[0].description, TEXT("d"));
  EXPECT_TEXT(q.rq.tools[0].schema, TEXT("{\"type\":\"object\"}"));
  assert_int_equal(q.rq.tools[0].cache, LLM_CACHE_1H);
  assert_int_equal(q.rq.tools[0].strict, LLM_NOT_GIVEN);
  assert_int_equal(q.rq.tools[1].strict, LLM_NO);
  assert_int_equal(q.rq.choice, LLM_CHOICE_TOOL);
  EXPECT_TEXT(q.rq.choice_name, TEXT("g"));
  arena_done(&a);
}

static void every_choice_is_known(void **state) {
  const struct {
    const char *choice;
    enum llm_choice want;
  } rows[] = {{"{'auto':{}}", LLM_CHOICE_AUTO}, {"{'any':{}}", LLM_CHOICE_ANY}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct arena a;
    arena_init(&a);
    struct asked q = ask_well(
        &a, with_text(&a, arena_format(&a, "'toolConfig':{'tools':[" TOOL "],'toolChoice':%s}", rows[i].choice).at));
    assert_int_equal(q.rq.choice, rows[i].want);
    arena_done(&a);
  }
}

static void wrong_tools_are_named(void **state) {
  struct arena a;
  arena_init(&a);
  const struct trouble rows[] = {
      {with_text(&a, "'toolConfig':[]"), "toolConfig"},
      {with_text(&a, "'toolConfig':{}"), "toolConfig.tools"},
      {with_text(&a, "'toolConfig':{'tools':[{}]}"), "toolConfig.tools[0]"},
      {with_text(&a, "'toolConfig':{'tools':[{'toolSpec':{'name':''}}]}"), "toolConfig.tools[0].toolSpec.name"},
      {with_text(&a, "'toolConfig':{'tools':[{'toolSpec':{'name':'f'}}]}"), "toolConfig.tools[0].toolSpec.inputSchema"},
      {with_text(&a, "'toolConfig':{'tools':[{'toolSpec':{'name':'f','inputSchema':{'json':'x'}}}]}"),
       "toolConfig.tools[0].toolSpec.inputSchema.json"},
      {with_text(&a, "'toolConfig':{'tools':[{'toolSpec':{'name':'f','inputSchema':{'json':{}},'strict':1}}]}"),
       "toolConfig.tools[0].toolSpec.strict"},
      {with_text(&a, "'toolConfig':{'tools':[{'cachePoint':{'type':'default'}}]}"), "toolConfig.tools[0].cachePoint"},
      {with_text(&a, "'toolConfig':{'tools':[" TOOL
                     ",{'cachePoint':{'type':'default'}},{'cachePoint':{'type':'default'}}]}"),
       "toolConfig.tools[2].cachePoint"},
      {with_text(&a, "'toolConfig':{'tools':[" TOOL "],'toolChoice':{'tool':{}}}"), "toolConfig.toolChoice.tool.name"},
      {with_text(&a, "'toolConfig':{'tools':[" TOOL "],'toolChoice':'auto'}"), "toolConfig.toolChoice"},
  };
  expect_troubles(rows, COUNT_OF(rows), ERR_BAD_REQUEST);
  arena_done(&a);
}

static void tools_of_the_provider_are_refused(void **state) {
  struct arena a;
  arena_init(&a);
  const struct trouble rows[] = {
      {with_text(&a, "'toolConfig':{'tools':[{'systemTool':{'name':'nova_grounding'}}]}"),
       "toolConfig.tools[0].systemTool"},
      {with_text(&a, "'toolConfig':{'tools':[" TOOL "],'toolChoice':{'never':{}}}"), "toolConfig.toolChoice.never"},
  };
  expect_troubles(rows, COUNT_OF(rows), ERR_UNSUPPORTED);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tools_marks_and_choice_are_read),
      cmocka_unit_test(every_choice_is_known),
      cmocka_unit_test(wrong_tools_are_named),
      cmocka_unit_test(tools_of_the_provider_are_refused),
  };
  return RUN_TESTS(tests);
}
