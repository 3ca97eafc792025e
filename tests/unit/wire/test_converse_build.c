/* Requests written as Converse: system, messages, blocks. */
#include "wire/converse_build.h"

#include "converse_test.h"

#define A_BLOCK "messages[2].content[1]"

/* A request with one user message of these blocks. */
static struct llm_request of_blocks(struct arena *a, struct llm_block *blocks, size_t count, enum llm_role role) {
  static const struct llm_names names = {"max_tokens",  "temperature",        "top_p",    "top_k",    "stop",
                                         "tool_choice", "parallel_tools",     "thinking", "effort",   "display",
                                         "output",      "output_description", "user_id",  "metadata", "service_tier"};
  static struct llm_tool tool = {.name = {"f", 1}, .schema = {"{}", 2}};
  struct llm_message *m = ARENA_NEW(a, struct llm_message);
  *m = (struct llm_message){.role = role, .place = {"messages[#]", {2}}, .blocks = blocks, .count = count};
  for (size_t i = 0; i < count; i++)
    blocks[i].place = (struct llm_place){"messages[#].content[#]", {2, 1}};
  return (struct llm_request){.arena = a,
                              .model = TEXT("claude-x"),
                              .default_max_tokens = 4096,
                              .names = &names,
                              .messages = m,
                              .message_count = 1,
                              .tools = &tool,
                              .tool_count = 1};
}

static void messages_of_one_role_become_one(void **state) {
  struct arena a;
  arena_init(&a);
  struct asked q =
      ask_well(&a, "{'messages':[{'role':'user','content':[{'text':'a'}]},{'role':'user','content':[{'text':''}]},"
                   "{'role':'user','content':[{'text':'b'}]},{'role':'assistant','content':[{'text':''}]},"
                   "{'role':'user','content':[{'text':'c'}]},{'role':'assistant','content':[{'text':'d'}]}]}");
  expect_written(&a, &q.rq,
                 "{'messages':[{'role':'user','content':[{'text':'a'},{'text':'b'},{'text':'c'}]},"
                 "{'role':'assistant','content':[{'text':'d'}]}]}");
  arena_done(&a);
}

static void a_request_without_content_is_refused(void **state) {
  struct arena a;
  arena_init(&a);
  struct asked q = ask_well(&a, "{'system':[{'text':'s'}],'messages':[{'role':'user','content':[]}]}");
  expect_refused(&a, &q.rq, ERR_BAD_REQUEST, "messages");
  arena_done(&a);
}

static void instructions_come_first_and_later_ones_keep_their_place(void **state) {
  struct arena a;
  struct llm_block text = {.text = TEXT("x"), .cache = LLM_CACHE_30M}, hi = {.text = TEXT("hi")};
  struct llm_message messages[] = {{.role = LLM_DEVELOPER, .blocks = &text, .count = 1},
                                   {.role = LLM_SYSTEM, .blocks = &text, .count = 1},
                                   {.role = LLM_USER, .blocks = &hi, .count = 1},
                                   {.role = LLM_SYSTEM, .place = {"messages[#]", {3}}, .blocks = &hi, .count = 1}};
  arena_init(&a);
  struct llm_request rq = of_blocks(&a, &hi, 1, LLM_USER);
  rq.messages = messages;
  rq.message_count = 3;
  rq.tool_count = 0;
  expect_written(&a, &rq,
                 "{'system':[{'text':'x'},{'cachePoint':{'type':'default','ttl':'1h'}},{'text':'x'},{'cachePoint':{"
                 "'type':'default','ttl':'1h'}}],'messages':[{'role':'user','content':[{'text':'hi'}]}]}");
  rq.message_count = 4;
  expect_written(
      &a, &rq,
      "{'system':[{'text':'x'},{'cachePoint':{'type':'default','ttl':'1h'}},{'text':'x'},{'cachePoint':{"
      "'type':'default','ttl':'1h'}}],'messages':[{'role':'user','content':[{'text':'hi'}]},{'role':'system',"
      "'content':[{'text':'hi'}]}]}");
  arena_done(&a);
}

static void what_a_block_cannot_be_is_refused(void **state) {
  static const struct {
    struct llm_block block;
    enum llm_role role;
    const char *field;
  } rows[] = {
      {{.text = TEXT("x"), .cache = LLM_CACHE_12H}, LLM_USER, A_BLOCK ".cache_control"},
      {{.text = TEXT(""), .cache = LLM_CACHE_5M}, LLM_USER, A_BLOCK ".cache_control"},
      {{.kind = LLM_TOOL_USE, .is_custom = true}, LLM_ASSISTANT, A_BLOCK},
      {{.kind = LLM_TOOL_RESULT, .is_custom = true}, LLM_USER, A_BLOCK},
      {{.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_NONE), .text = TEXT("t")}, LLM_ASSISTANT, A_BLOCK ".thinking"},
      {{.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_RESPONSES), .signature = TEXT("s")},
       LLM_ASSISTANT,
       A_BLOCK ".thinking"},
      {{.kind = LLM_REDACTED_THINKING, .format = TEXT(LLM_FORMAT_RESPONSES), .signature = TEXT("AAAA")},
       LLM_ASSISTANT,
       A_BLOCK ".thinking"},
      {{.kind = LLM_REDACTED_THINKING, .format = TEXT(LLM_FORMAT_ANTHROPIC), .signature = TEXT("?")},
       LLM_ASSISTANT,
       A_BLOCK ".thinking"},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct arena a;
    struct llm_block block = rows[i].block;
    arena_init(&a);
    struct llm_request rq = of_blocks(&a, &block, 1, rows[i].role);
    expect_refused(&a, &rq, ERR_UNSUPPORTED, rows[i].field);
    arena_done(&a);
  }
}

static void other_models_may_be_shown_unsigned_reasoning(void **state) {
  struct llm_block block = {.kind = LLM_THINKING, .format = TEXT(LLM_FORMAT_NONE), .text = TEXT("hm")};
  struct arena a;
  arena_init(&a);
  struct llm_request rq = of_blocks(&a, &block, 1, LLM_ASSISTANT);
  rq.model = TEXT("deepseek.r1-v1:0");
  rq.tool_count = 0;
  expect_written(
      &a, &rq, "{'messages':[{'role':'assistant','content':[{'reasoningContent':{'reasoningText':{'text':'hm'}}}]}]}");
  arena_done(&a);
}

static void a_mark_inside_a_result_moves_behind_it(void **state) {
  struct llm_block inner[] = {{.text = TEXT("a")}, {.text = TEXT("b"), .cache = LLM_CACHE_5M}};
  struct llm_block block = {.kind = LLM_TOOL_RESULT, .id = TEXT("t"), .content = inner, .content_count = 2};
  struct arena a;
  arena_init(&a);
  struct llm_request rq = of_blocks(&a, &block, 1, LLM_USER);
  expect_written(&a, &rq,
                 "{'messages':[{'role':'user','content':[{'toolResult':{'toolUseId':'t','content':[{'text':'a'},"
                 "{'text':'b'}]}},{'cachePoint':{'type':'default','ttl':'5m'}}]}],'toolConfig':{'tools':[{'toolSpec':"
                 "{'name':'f','inputSchema':{'json':{}}}}]}}");
  inner[0].cache = LLM_CACHE_5M;
  inner[0].place = (struct llm_place){"messages[#].content[#].content[#]", {2, 1, 0}};
  expect_refused(&a, &rq, ERR_UNSUPPORTED, A_BLOCK ".content[0].cache_control");
  arena_done(&a);
}

static void refusals_are_text_and_names_are_refused(void **state) {
  struct llm_block block = {.kind = LLM_REFUSAL, .text = TEXT("no")};
  struct arena a;
  arena_init(&a);
  struct llm_request rq = of_blocks(&a, &block, 1, LLM_ASSISTANT);
  rq.tool_count = 0;
  expect_written(&a, &rq, "{'messages':[{'role':'assistant','content':[{'text':'no'}]}]}");
  rq.messages[0].name = TEXT("bob");
  expect_refused(&a, &rq, ERR_UNSUPPORTED, "messages[2].name");
  arena_done(&a);
}

static void a_full_buffer_is_an_error(void **state) {
  struct arena a;
  struct buf out;
  struct fault f = {0};
  arena_init(&a);
  struct asked q = ask_well(&a, with_text(&a, ""));
  buf_init(&out, 16);
  assert_int_equal(dialect_converse.write_request(&q.rq, &out, &f), ERR_NO_ROOM);
  buf_done(&out);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_of_one_role_become_one),
      cmocka_unit_test(a_request_without_content_is_refused),
      cmocka_unit_test(instructions_come_first_and_later_ones_keep_their_place),
      cmocka_unit_test(what_a_block_cannot_be_is_refused),
      cmocka_unit_test(other_models_may_be_shown_unsigned_reasoning),
      cmocka_unit_test(a_mark_inside_a_result_moves_behind_it),
      cmocka_unit_test(refusals_are_text_and_names_are_refused),
      cmocka_unit_test(a_full_buffer_is_an_error),
  };
  return RUN_TESTS(tests);
}
