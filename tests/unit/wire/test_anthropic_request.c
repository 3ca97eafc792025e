/* Requests of the Anthropic dialect, read: what is understood, and what is refused by which name. */
#include "wire/anthropic_request.h"

#include "anthropic_test.h"

#define MESSAGES    "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define REQUEST(m)  TEXT("{\"model\":\"m\",\"max_tokens\":9," MESSAGES "," m "}")
#define CONTENT(b)  TEXT("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[" b "]}]}")
#define ANSWERED(b) TEXT("{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":[" b "]}]}")

static void what_claude_code_sends_is_understood(void **state) {
  struct arena a;
  struct llm_echo echo;
  arena_init(&a);
  const struct llm_request *rq =
      read_good(&a, &dialect_anthropic, fixture(&a, "anthropic/request/claude_code.json"), &echo);
  EXPECT_TEXT(rq->model, TEXT("claude-opus-5-5"));
  assert_true(rq->stream);
  assert_int_equal(rq->max_tokens, 128000);
  assert_int_equal(rq->message_count, 3);
  assert_int_equal(rq->messages[0].role, LLM_SYSTEM);
  assert_int_equal(rq->messages[1].role, LLM_USER);
  assert_int_equal(rq->messages[2].role, LLM_SYSTEM);
  assert_int_equal(rq->messages[1].blocks[0].cache, LLM_CACHE_DEFAULT);
  assert_int_equal(rq->messages[2].blocks[0].cache, LLM_CACHE_1H);
  assert_int_equal(rq->tools[0].defer_loading, LLM_YES);
  assert_int_equal(rq->thinking, LLM_THINKING_ADAPTIVE);
  assert_int_equal(rq->display, LLM_DISPLAY_OMITTED);
  EXPECT_TEXT(rq->effort, TEXT("high"));
  EXPECT_TEXT(rq->user_id, TEXT("{\"device\":\"d\",\"session\":\"s\"}"));
  EXPECT_TEXT(echo.model, TEXT("claude-opus-5-5"));
  assert_true(echo.omit_thinking);
  assert_non_null(rq->names);
  arena_done(&a);
}

static void settings_keep_their_digits_and_words(void **state) {
  struct arena a;
  arena_init(&a);
  const struct llm_request *rq =
      read_good(&a, &dialect_anthropic,
                REQUEST("\"temperature\":0.70,\"top_p\":1,\"top_k\":5,\"stop_sequences\":[\"x\",\"y\"],"
                        "\"service_tier\":\"standard_only\",\"tools\":[],"
                        "\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true}"),
                NULL);
  EXPECT_TEXT(rq->temperature, TEXT("0.70"));
  EXPECT_TEXT(rq->top_p, TEXT("1"));
  EXPECT_TEXT(rq->top_k, TEXT("5"));
  assert_int_equal(rq->stop_count, 2);
  EXPECT_TEXT(rq->stop[1], TEXT("y"));
  EXPECT_TEXT(rq->service_tier, TEXT("default"));
  assert_int_equal(rq->choice, LLM_CHOICE_ANY);
  assert_int_equal(rq->parallel_tools, LLM_NO);
  arena_done(&a);
}

static void schemas_and_inputs_keep_their_numbers(void **state) {
  struct arena a;
  arena_init(&a);
  const struct llm_request *rq = read_good(
      &a, &dialect_anthropic,
      TEXT("{\"tools\":[{\"name\":\"t\",\"input_schema\":{\"type\":\"object\",\"max\":1.50e3}}],\"messages\":["
           "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"t\",\"input\":{\"n\": "
           "12345678901234567890.10}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
           "\"a\",\"content\":\"r\",\"is_error\":true}]}]}"),
      NULL);
  EXPECT_TEXT(rq->tools[0].schema, TEXT("{\"type\":\"object\",\"max\":1.50e3}"));
  EXPECT_TEXT(rq->messages[0].blocks[0].input, TEXT("{\"n\":12345678901234567890.10}"));
  const struct llm_block *result = &rq->messages[1].blocks[0];
  assert_int_equal(result->kind, LLM_TOOL_RESULT);
  assert_true(result->is_error);
  assert_int_equal(result->content_count, 1);
  EXPECT_TEXT(result->content[0].text, TEXT("r"));
  arena_done(&a);
}

static void system_stands_first_wherever_it_was_written(void **state) {
  struct arena a;
  arena_init(&a);
  const struct llm_request *rq = read_good(&a, &dialect_anthropic, REQUEST("\"system\":\"be brief\""), NULL);
  assert_int_equal(rq->message_count, 2);
  assert_int_equal(rq->messages[0].role, LLM_SYSTEM);
  EXPECT_TEXT(rq->messages[0].blocks[0].text, TEXT("be brief"));
  rq = read_good(&a, &dialect_anthropic, REQUEST("\"system\":[]"), NULL);
  assert_int_equal(rq->message_count, 1);
  arena_done(&a);
}

static void a_mark_on_the_request_is_one_on_its_last_block(void **state) {
  struct arena a;
  arena_init(&a);
  const struct llm_request *rq =
      read_good(&a, &dialect_anthropic, REQUEST("\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"), NULL);
  assert_int_equal(rq->messages[0].blocks[0].cache, LLM_CACHE_1H);
  rq = read_good(&a, &dialect_anthropic,
                 TEXT("{\"cache_control\":{\"type\":\"ephemeral\"},\"messages\":[{\"role\":\"user\",\"content\":[{"
                      "\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"5m\"}}]},{"
                      "\"role\":\"assistant\",\"content\":[{\"type\":\"redacted_thinking\",\"data\":\"x\"}]}]}"),
                 NULL);
  assert_int_equal(rq->messages[0].blocks[0].cache, LLM_CACHE_5M);
  assert_int_equal(rq->messages[1].blocks[0].cache, LLM_CACHE_NONE);
  arena_done(&a);
}

static void reasoning_says_who_can_check_it(void **state) {
  struct arena a;
  arena_init(&a);
  const struct llm_request *rq =
      read_good(&a, &dialect_anthropic,
                ANSWERED("{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"s\"},"
                         "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"\"},"
                         "{\"type\":\"redacted_thinking\",\"data\":\"d\"},"
                         /* {"f":"openai-responses-v1","i":"rs_1","s":"enc"} */
                         "{\"type\":\"thinking\",\"thinking\":\"sum\",\"signature\":\"weir1."
                         "eyJmIjoib3BlbmFpLXJlc3BvbnNlcy12MSIsImkiOiJyc18xIiwicyI6ImVuYyJ9\"}"),
                NULL);
  const struct llm_block *b = rq->messages[0].blocks;
  EXPECT_TEXT(b[0].format, TEXT(LLM_FORMAT_ANTHROPIC));
  EXPECT_TEXT(b[1].format, TEXT(LLM_FORMAT_NONE));
  EXPECT_TEXT(b[2].format, TEXT(LLM_FORMAT_ANTHROPIC));
  EXPECT_TEXT(b[2].signature, TEXT("d"));
  EXPECT_TEXT(b[3].format, TEXT(LLM_FORMAT_RESPONSES));
  EXPECT_TEXT(b[3].id, TEXT("rs_1"));
  EXPECT_TEXT(b[3].signature, TEXT("enc"));
  EXPECT_TEXT(b[3].text, TEXT("sum"));
  arena_done(&a);
}

static void every_wrong_type_is_named_by_its_place(void **state) {
  static const struct {
    struct text src;
    const char *field;
  } cases[] = {
      {TEXT("[]"), ""},
      {TEXT("{\"model\":\"m\"}"), "messages"},
      {TEXT("{\"messages\":{}}"), "messages"},
      {TEXT("{\"messages\":[7]}"), "messages[0]"},
      {TEXT("{\"messages\":[{\"role\":\"user\"}]}"), "messages[0].content"},
      {TEXT("{\"messages\":[{\"role\":\"user\",\"content\":7}]}"), "messages[0].content"},
      {TEXT("{\"messages\":[{\"role\":\"robot\",\"content\":\"x\"}]}"), "messages[0].role"},
      {TEXT("{\"messages\":[{\"content\":\"x\"}]}"), "messages[0].role"},
      {CONTENT("7"), "messages[0].content[0]"},
      {CONTENT("{\"text\":\"x\"}"), "messages[0].content[0].type"},
      {CONTENT("{\"type\":7}"), "messages[0].content[0].type"},
      {CONTENT("{\"type\":\"text\"}"), "messages[0].content[0].text"},
      {CONTENT("{\"type\":\"text\",\"text\":7}"), "messages[0].content[0].text"},
      {CONTENT("{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"text\",\"text\":null}"), "messages[0].content[1].text"},
      {CONTENT("{\"type\":\"text\",\"text\":\"x\",\"cache_control\":7}"), "messages[0].content[0].cache_control"},
      {CONTENT("{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"forever\"}}"),
       "messages[0].content[0].cache_control"},
      {CONTENT("{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"2h\"}}"),
       "messages[0].content[0].cache_control"},
      {CONTENT("{\"type\":\"image\"}"), "messages[0].content[0].source"},
      {CONTENT("{\"type\":\"image\",\"source\":7}"), "messages[0].content[0].source"},
      {CONTENT("{\"type\":\"image\",\"source\":{\"type\":\"moon\"}}"), "messages[0].content[0].source.type"},
      {CONTENT("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"@@@@\"}}"),
       "messages[0].content[0].source.data"},
      {CONTENT("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"QQ\"}}"),
       "messages[0].content[0].source.data"},
      {CONTENT("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/bmp\",\"data\":\"QQ==\"}}"),
       "messages[0].content[0].source.media_type"},
      {CONTENT("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"QQ==\"}}"),
       "messages[0].content[0].source.media_type"},
      {CONTENT("{\"type\":\"image\",\"source\":{\"type\":\"url\"}}"), "messages[0].content[0].source.url"},
      {CONTENT("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://a\",\"data\":\"QQ==\"}}"),
       "messages[0].content[0].source.data"},
      {CONTENT("{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f\",\"url\":\"https://a\"}}"),
       "messages[0].content[0].source.url"},
      {CONTENT("{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":\"x\",\"file_id\":\"f\"}}"),
       "messages[0].content[0].source.file_id"},
      {CONTENT("{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"x\","
               "\"content\":\"y\"}}"),
       "messages[0].content[0].source.content"},
      {CONTENT(
           "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"text/html\",\"data\":\"QQ==\"}}"),
       "messages[0].content[0].source.media_type"},
      {CONTENT("{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/html\",\"data\":\"x\"}}"),
       "messages[0].content[0].source.media_type"},
      {CONTENT("{\"type\":\"search_result\",\"source\":\"s\",\"title\":\"t\"}"), "messages[0].content[0].content"},
      {CONTENT("{\"type\":\"search_result\",\"source\":\"s\",\"title\":\"t\",\"content\":[{\"type\":\"image\"}]}"),
       "messages[0].content[0].content[0].type"},
      {CONTENT("{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"n\",\"input\":{}}"), "messages[0].content[0].type"},
      {ANSWERED("{\"type\":\"image\"}"), "messages[0].content[0].type"},
      {ANSWERED("{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"n\",\"input\":[]}"), "messages[0].content[0].input"},
      {ANSWERED("{\"type\":\"tool_use\",\"id\":\"\",\"name\":\"n\",\"input\":{}}"), "messages[0].content[0].id"},
      {ANSWERED("{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"n\",\"input\":{}},"
                "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"n\",\"input\":{}}"),
       "messages[0].content[1].id"},
      {ANSWERED("{\"type\":\"thinking\",\"thinking\":\"t\"}"), "messages[0].content[0].signature"},
      {ANSWERED("{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"weir1.!\"}"), "messages[0].content[0]"},
      {CONTENT("{\"type\":\"tool_result\",\"tool_use_id\":\"a\"}"), "messages[0].content[0].tool_use_id"},
      {REQUEST("\"system\":7"), "system"},
      {REQUEST("\"system\":[{\"type\":\"image\"}]"), "system[0].type"},
      {REQUEST("\"stream\":1"), "stream"},
      {REQUEST("\"temperature\":\"1\""), "temperature"},
      {REQUEST("\"stop_sequences\":[7]"), "stop_sequences"},
      {REQUEST("\"metadata\":7"), "metadata"},
      {REQUEST("\"metadata\":{\"user_id\":7}"), "metadata.user_id"},
      {REQUEST("\"tools\":{}"), "tools"},
      {REQUEST("\"tools\":[7]"), "tools[0]"},
      {REQUEST("\"tools\":[{\"name\":\"n\"}]"), "tools[0].input_schema"},
      {REQUEST("\"tools\":[{\"input_schema\":{}}]"), "tools[0].name"},
      {REQUEST("\"tools\":[{\"type\":7,\"name\":\"n\",\"input_schema\":{}}]"), "tools[0].type"},
      {REQUEST("\"tools\":[{\"name\":\"n\",\"input_schema\":{},\"strict\":\"yes\"}]"), "tools[0].strict"},
      {REQUEST("\"tool_choice\":{\"type\":\"maybe\"}"), "tool_choice.type"},
      {REQUEST("\"tool_choice\":{\"type\":\"tool\"}"), "tool_choice.name"},
      {REQUEST("\"thinking\":{\"type\":\"deep\"}"), "thinking.type"},
      {REQUEST("\"thinking\":{\"type\":\"enabled\"}"), "thinking.budget_tokens"},
      {REQUEST("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1.5}"), "thinking.budget_tokens"},
      {REQUEST("\"output_config\":{\"effort\":\"huge\"}"), "output_config.effort"},
      {REQUEST("\"output_config\":{\"format\":{\"type\":\"json_schema\"}}"), "output_config.format"},
      {REQUEST("\"context_management\":{\"edits\":[7]}"), "context_management.edits[0]"},
      {REQUEST("\"service_tier\":\"gold\""), "service_tier"},
  };
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    expect_refused(&a, &dialect_anthropic, cases[i].src, ERR_BAD_REQUEST, cases[i].field);
  arena_done(&a);
}

static void the_largest_image_is_20_mib(void **state) {
  const size_t limit = (size_t)20 * 1024 * 1024, coded = (limit + 2) / 3 * 4;
  static const char head[] = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":"
                             "\"base64\",\"media_type\":\"image/png\",\"data\":\"";
  static const char tail[] = "\"}}]}]}";
  struct arena a;
  arena_init(&a);
  size_t len = sizeof(head) - 1 + coded + 4 + sizeof(tail) - 1;
  char *at = arena_alloc(&a, len);
  memset(at, 'A', len);
  memcpy(at, head, sizeof(head) - 1);
  memcpy(at + len - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
  expect_refused(&a, &dialect_anthropic, (struct text){at, len}, ERR_BAD_REQUEST, "messages[0].content[0].source.data");
  arena_done(&a);
}

static void what_nobody_else_can_say_may_be_left_out_by_the_operator(void **state) {
  const struct text allowed[] = {TEXT("type"), TEXT("container"), TEXT("citations")};
  struct arena a;
  arena_init(&a);
  struct llm_request rq = {.arena = &a, .leave_out = allowed, .leave_out_count = 3};
  struct llm_echo echo = {0};
  struct fault f = {0};
  struct text src = TEXT(
      "{\"container\":\"c\",\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"},{\"name\":\"n\",\"input_schema\":"
      "{}}],\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"server_tool_use\"},{\"type\":\"text\","
      "\"text\":\"x\",\"citations\":[{\"type\":\"page_location\"}]}]}]}");
  if (dialect_anthropic.read_request(raw_doc(&a, src), &rq, &echo, &f))
    fail_msg("%s", f.text);
  assert_int_equal(rq.left_out_count, 4);
  assert_int_equal(rq.tool_count, 1);
  assert_int_equal(rq.messages[0].count, 1);
  assert_int_equal(rq.messages[0].blocks[0].citation_count, 0);
  arena_done(&a);
}

static void bedrocks_bodies_say_neither_model_nor_stream(void **state) {
  struct arena a;
  arena_init(&a);
  const struct llm_request *rq = read_good(
      &a, &dialect_invoke,
      TEXT("{\"anthropic_version\":\"bedrock-2023-05-31\",\"anthropic_beta\":[\"b\"],\"max_tokens\":9," MESSAGES "}"),
      NULL);
  assert_int_equal(rq->max_tokens, 9);
  assert_int_equal(rq->message_count, 1);
  expect_refused(&a, &dialect_invoke, REQUEST("\"x\":1"), ERR_BAD_REQUEST, "model");
  expect_refused(&a, &dialect_invoke, TEXT("{" MESSAGES ",\"stream\":false}"), ERR_BAD_REQUEST, "stream");
  expect_refused(&a, &dialect_invoke, TEXT("{" MESSAGES ",\"anthropic_beta\":\"b\"}"), ERR_BAD_REQUEST,
                 "anthropic_beta");
  expect_refused(&a, &dialect_anthropic, REQUEST("\"anthropic_version\":\"x\""), ERR_UNSUPPORTED, "anthropic_version");
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_claude_code_sends_is_understood),
      cmocka_unit_test(settings_keep_their_digits_and_words),
      cmocka_unit_test(schemas_and_inputs_keep_their_numbers),
      cmocka_unit_test(system_stands_first_wherever_it_was_written),
      cmocka_unit_test(a_mark_on_the_request_is_one_on_its_last_block),
      cmocka_unit_test(reasoning_says_who_can_check_it),
      cmocka_unit_test(every_wrong_type_is_named_by_its_place),
      cmocka_unit_test(the_largest_image_is_20_mib),
      cmocka_unit_test(what_nobody_else_can_say_may_be_left_out_by_the_operator),
      cmocka_unit_test(bedrocks_bodies_say_neither_model_nor_stream),
  };
  return RUN_TESTS(tests);
}
