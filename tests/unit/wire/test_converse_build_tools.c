/* toolConfig written into Converse requests. */
#include "wire/converse_build.h"

#include "converse_test.h"

#define HI "'messages':[{'role':'user','content':[{'text':'hi'}]}]"

static void tools_without_schema_get_an_empty_one(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = ask_well(&a, with_text(&a, "")).rq;
  struct llm_tool tools[] = {{.name = TEXT("f"), .cache = LLM_CACHE_DEFAULT},
                             {.name = TEXT("g"), .schema = TEXT("{\"a\":1}"), .strict = LLM_NO}};
  rq.tools = tools;
  rq.tool_count = 2;
  rq.choice = LLM_CHOICE_ANY;
  expect_written(&a, &rq,
                 "{" HI ",'toolConfig':{'tools':[{'toolSpec':{'name':'f','inputSchema':{'json':{'type':'object',"
                 "'properties':{}}}}},{'cachePoint':{'type':'default'}},{'toolSpec':{'name':'g','inputSchema':{'json':"
                 "{'a':1}},'strict':false}}],'toolChoice':{'any':{}}}}");
  arena_done(&a);
}

static void what_a_tool_cannot_be_is_refused(void **state) {
  static const struct {
    struct llm_tool tool;
    enum llm_choice choice;
    const char *field;
  } rows[] = {{{.name = TEXT("f"), .is_custom = true, .place = {"tools[#]", {4}}}, LLM_CHOICE_AUTO, "tools[4].type"},
              {{.name = TEXT("f"), .defer_loading = LLM_YES, .place = {"tools[#]", {4}}},
               LLM_CHOICE_AUTO,
               "tools[4].defer_loading"},
              {{.name = TEXT("f"), .cache = LLM_CACHE_12H, .place = {"tools[#]", {4}}},
               LLM_CHOICE_AUTO,
               "tools[4].cache_control"},
              {{.name = TEXT("f")}, LLM_CHOICE_NONE, "toolConfig.toolChoice"}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct arena a;
    struct llm_tool tool = rows[i].tool;
    arena_init(&a);
    struct llm_request rq = ask_well(&a, with_text(&a, "")).rq;
    rq.tools = &tool;
    rq.tool_count = 1;
    rq.choice = rows[i].choice;
    expect_refused(&a, &rq, ERR_UNSUPPORTED, rows[i].field);
    arena_done(&a);
  }
}

static void one_call_at_a_time_is_told_to_anthropics_models_in_their_own_field(void **state) {
  const struct {
    enum llm_choice choice;
    const char *want;
  } rows[] = {{LLM_CHOICE_NOT_GIVEN, "'type':'auto'"},
              {LLM_CHOICE_ANY, "'type':'any'"},
              {LLM_CHOICE_TOOL, "'type':'tool','name':'f'"}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct arena a;
    struct llm_tool tool = {.name = TEXT("f"), .schema = TEXT("{}")};
    arena_init(&a);
    struct llm_request rq = ask_well(&a, with_text(&a, "")).rq;
    rq.model = TEXT("us.anthropic.claude-opus-5");
    rq.tools = &tool;
    rq.tool_count = 1;
    rq.choice = rows[i].choice;
    rq.choice_name = TEXT("f");
    rq.parallel_tools = LLM_NO;
    const char *want =
        arena_format(&a,
                     "{" HI ",'toolConfig':{'tools':[{'toolSpec':{'name':'f','inputSchema':{'json':{}}}}]},"
                     "'additionalModelRequestFields':{'tool_choice':{%s,"
                     "'disable_parallel_tool_use':true}}}",
                     rows[i].want)
            .at;
    expect_written(&a, &rq, want);
    arena_done(&a);
  }
}

static void calls_without_definitions_are_refused(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq =
      ask_well(&a, "{'messages':[{'role':'user','content':[{'text':'a'}]},{'role':'assistant','content':[{"
                   "'toolUse':{'toolUseId':'t','name':'f','input':{}}}]}]}")
          .rq;
  expect_refused(&a, &rq, ERR_UNSUPPORTED, "tools");
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tools_without_schema_get_an_empty_one),
      cmocka_unit_test(what_a_tool_cannot_be_is_refused),
      cmocka_unit_test(one_call_at_a_time_is_told_to_anthropics_models_in_their_own_field),
      cmocka_unit_test(calls_without_definitions_are_refused),
  };
  return RUN_TESTS(tests);
}
