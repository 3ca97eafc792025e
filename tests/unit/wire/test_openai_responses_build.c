/* Requests written for a Responses provider: settings, tools and items. Requests of other dialects come here through
 * the matrix (test_matrix.c); here is what only the writer decides. */
#include "responses_test.h"

static struct llm_request request(struct arena *a, const char *model) {
  static const struct llm_names names = {.max_tokens = "max_tokens",
                                         .temperature = "temperature",
                                         .top_p = "top_p",
                                         .top_k = "top_k",
                                         .stop = "stop_sequences",
                                         .tool_choice = "tool_choice",
                                         .parallel_tools = "parallel",
                                         .thinking = "thinking",
                                         .effort = "effort",
                                         .display = "display",
                                         .output = "output",
                                         .output_description = "output.description",
                                         .user_id = "metadata.user_id",
                                         .metadata = "metadata",
                                         .service_tier = "service_tier"};
  static struct llm_block hello = {.kind = LLM_TEXT, .text = {"hi", 2}};
  static struct llm_message message = {.role = LLM_USER, .blocks = &hello, .count = 1};
  return (struct llm_request){
      .model = text_of(model), .messages = &message, .message_count = 1, .names = &names, .arena = a};
}

static enum err write(struct llm_request *rq, struct buf *out, struct fault *f) {
  buf_init(out, 1 << 20);
  return responses_write_request(rq, out, f);
}

#define HI                                                                                                             \
  "\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]"
#define HEAD "\"model\":\"m\",\"store\":false,\"include\":[\"reasoning.encrypted_content\"]"

static void expect_request(struct llm_request *rq, const char *want) {
  struct buf out;
  struct fault f = {0};
  if (write(rq, &out, &f))
    fail_msg("%s", f.text);
  expect_json(buf_text(&out), want);
  buf_done(&out);
}

static void expect_refusal(struct llm_request *rq, const char *member) {
  struct buf out;
  struct fault f = {0};
  assert_int_equal(write(rq, &out, &f), ERR_UNSUPPORTED);
  assert_string_equal(f.field, member);
  buf_done(&out);
}

static void nothing_is_left_behind_unless_asked_for(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = request(&a, "m");
  expect_request(&rq, "{" HEAD "," HI "}");
  rq.store = LLM_NO;
  rq.stream = true;
  expect_request(&rq, "{" HEAD ",\"stream\":true," HI "}");
  rq.store = LLM_YES;
  rq.stream = false;
  expect_request(&rq, "{\"model\":\"m\",\"store\":true," HI "}");
  arena_done(&a);
}

static void models_that_do_not_reason_are_not_asked_for_reasoning(void **state) {
  const struct {
    const char *model;
    bool asks;
  } cases[] = {{"gpt-5.2", true},
               {"o3", true},
               {"my-model", true},
               {"openai/gpt-5-mini", true},
               {"gpt-4.1", false},
               {"gpt-3.5-turbo", false},
               {"openai/gpt-4o", false},
               {"chatgpt-4o-latest", false},
               {"gpt-5-chat-latest", false},
               {"gpt-5.2-chat-latest", false},
               {"not-gpt-4", true}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a;
    struct buf out;
    arena_init(&a);
    struct llm_request rq = request(&a, cases[i].model);
    assert_int_equal(write(&rq, &out, NULL), ERR_OK);
    if ((text_find(buf_text(&out), TEXT("\"include\"")) >= 0) != cases[i].asks)
      fail_msg("%s: %.*s", cases[i].model, TEXT_ARGS(buf_text(&out)));
    buf_done(&out);
    arena_done(&a);
  }
}

static void settings_without_a_place_are_refused_by_the_callers_name(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = request(&a, "m");
  struct text stop = TEXT("END");
  rq.stop = &stop;
  rq.stop_count = 1;
  expect_refusal(&rq, "stop_sequences");
  rq = request(&a, "m");
  rq.top_k = TEXT("5");
  expect_refusal(&rq, "top_k");
  rq = request(&a, "m");
  rq.seed = TEXT("5");
  expect_refusal(&rq, "seed");
  rq = request(&a, "m");
  rq.frequency_penalty = TEXT("0.5");
  expect_refusal(&rq, "frequency_penalty");
  rq = request(&a, "m");
  rq.presence_penalty = TEXT("0.5");
  expect_refusal(&rq, "presence_penalty");
  rq = request(&a, "m");
  rq.max_tokens = 15;
  expect_refusal(&rq, "max_tokens");
  arena_done(&a);
}

static void thinking_becomes_an_effort_and_a_summary(void **state) {
  const struct {
    enum llm_thinking thinking;
    uint64_t budget;
    enum llm_display display;
    const char *effort, *want;
  } cases[] = {
      {LLM_THINKING_OFF, 0, LLM_DISPLAY_NOT_GIVEN, "", "{\"effort\":\"none\"}"},
      {LLM_THINKING_OFF, 0, LLM_DISPLAY_SUMMARY, "", "{\"effort\":\"none\"}"},
      {LLM_THINKING_ADAPTIVE, 0, LLM_DISPLAY_NOT_GIVEN, "max", "{\"effort\":\"max\"}"},
      {LLM_THINKING_ADAPTIVE, 0, LLM_DISPLAY_NOT_GIVEN, "", "{\"effort\":\"medium\"}"},
      {LLM_THINKING_ADAPTIVE, 0, LLM_DISPLAY_OMITTED, "low", "{\"effort\":\"low\"}"},
      {LLM_THINKING_ADAPTIVE, 0, LLM_DISPLAY_SUMMARY, "low", "{\"effort\":\"low\",\"summary\":\"auto\"}"},
      {LLM_THINKING_BUDGET, 4095, LLM_DISPLAY_NOT_GIVEN, "", "{\"effort\":\"low\",\"summary\":\"auto\"}"},
      {LLM_THINKING_BUDGET, 4096, LLM_DISPLAY_OMITTED, "", "{\"effort\":\"medium\"}"},
      {LLM_THINKING_BUDGET, 16384, LLM_DISPLAY_NOT_GIVEN, "", "{\"effort\":\"high\",\"summary\":\"auto\"}"},
      {LLM_THINKING_BUDGET, 16384, LLM_DISPLAY_NOT_GIVEN, "low", "{\"effort\":\"low\",\"summary\":\"auto\"}"},
      {LLM_THINKING_NOT_GIVEN, 0, LLM_DISPLAY_NOT_GIVEN, "high", "{\"effort\":\"high\"}"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a;
    arena_init(&a);
    struct llm_request rq = request(&a, "m");
    rq.thinking = cases[i].thinking;
    rq.thinking_budget = cases[i].budget;
    rq.display = cases[i].display;
    rq.effort = text_of(cases[i].effort);
    expect_request(&rq, arena_format(&a, "{" HEAD "," HI ",\"reasoning\":%s}", cases[i].want).at);
    arena_done(&a);
  }
}

static void tools_say_whether_they_are_strict(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = request(&a, "m");
  struct llm_tool tools[] = {
      {.name = TEXT("a"), .schema = TEXT("{\"x\":1.50}"), .description = TEXT("d")},
      {.name = TEXT("b"), .strict = LLM_YES, .defer_loading = LLM_YES},
      {.name = TEXT("c"), .is_custom = true, .format = TEXT("{\"type\":\"grammar\"}"), .defer_loading = LLM_NO}};
  rq.tools = tools;
  rq.tool_count = 3;
  rq.choice = LLM_CHOICE_TOOL;
  rq.choice_name = TEXT("c");
  rq.parallel_tools = LLM_NO;
  expect_request(
      &rq, "{" HEAD "," HI ",\"tools\":[{\"type\":\"function\",\"name\":\"a\",\"description\":\"d\","
           "\"parameters\":{\"x\":1.50},\"strict\":false},{\"type\":\"function\",\"name\":\"b\",\"parameters\":{"
           "\"type\":\"object\",\"properties\":{}},\"strict\":true,\"defer_loading\":true},{\"type\":\"custom\","
           "\"name\":\"c\",\"format\":{\"type\":\"grammar\"}}],\"tool_choice\":{\"type\":\"custom\",\"name\":\"c\"},"
           "\"parallel_tool_calls\":false}");
  tools[0].cache = LLM_CACHE_5M;
  tools[0].place = (struct llm_place){"tools[#]", {0}};
  expect_refusal(&rq, "tools[0].cache_control");
  arena_done(&a);
}

static void a_long_name_of_a_user_goes_where_none_is_too_long(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = request(&a, "m");
  rq.user_id = TEXT("u-1");
  expect_request(&rq, "{" HEAD "," HI ",\"safety_identifier\":\"u-1\"}");
  char *name = arena_alloc(&a, 129);
  memset(name, 'x', 129);
  rq.user_id = (struct text){name, 128};
  expect_request(&rq, arena_format(&a, "{" HEAD "," HI ",\"safety_identifier\":\"%.*s\"}", 128, name).at);
  rq.user_id = (struct text){name, 129};
  expect_request(&rq, arena_format(&a, "{" HEAD "," HI ",\"user\":\"%.*s\"}", 129, name).at);
  arena_done(&a);
}

static void instructions_are_one_plain_text_before_all_others(void **state) {
  struct llm_block plain = {.kind = LLM_TEXT, .text = TEXT("s")}, two[] = {plain, plain}, cached = plain;
  cached.cache = LLM_CACHE_5M;
  struct llm_message system = {.role = LLM_SYSTEM, .blocks = &plain, .count = 1}, user = system, twice = system,
                     marked = system, developer = system;
  user.role = LLM_USER;
  developer.role = LLM_DEVELOPER;
  twice.blocks = two;
  twice.count = 2;
  marked.blocks = &cached;
  const struct {
    const struct llm_message *first, *second;
    size_t count, want;
  } cases[] = {{&system, &user, 2, 1}, {&system, &user, 1, 1}, {&user, &system, 2, 0},    {&system, &system, 2, 0},
               {&twice, &user, 2, 0},  {&marked, &user, 2, 0}, {&developer, &user, 2, 0}, {&system, &developer, 2, 0}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct llm_message messages[2] = {*cases[i].first, *cases[i].second};
    const struct llm_request rq = {.messages = messages, .message_count = cases[i].count};
    assert_int_equal(responses_instructions(&rq), cases[i].want);
  }
  assert_int_equal(responses_instructions(&(struct llm_request){0}), 0);
}

static void expect_items(struct llm_block *blocks, size_t count, enum llm_role role, const char *want) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = request(&a, "m");
  struct llm_message message = {.role = role, .blocks = blocks, .count = count};
  rq.messages = &message;
  expect_request(&rq, arena_format(&a, "{" HEAD ",\"input\":[%s]}", want).at);
  arena_done(&a);
}

static void outputs_are_a_string_or_parts(void **state) {
  struct llm_block text = {.kind = LLM_TEXT, .text = TEXT("t")},
                   image = {.kind = LLM_IMAGE, .media = {.source = LLM_URL, .data = TEXT("https://a/b")}};
  struct llm_block both[] = {text, image}, result = {.kind = LLM_TOOL_RESULT, .id = TEXT("c")};
#define OUT(output) "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":" output "}"
#define IMAGE_PART  "{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":\"https://a/b\"}"
#define MARK        "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\",\"ttl\":\"12h\"}"
  expect_items(&result, 1, LLM_USER, OUT("\"\""));
  result.is_error = true;
  expect_items(&result, 1, LLM_USER, OUT("\"Error: the call failed\""));
  result.content = &text;
  result.content_count = 1;
  expect_items(&result, 1, LLM_USER, OUT("\"Error: t\""));
  result.content = both;
  result.content_count = 2;
  expect_items(&result, 1, LLM_USER, OUT("[{\"type\":\"input_text\",\"text\":\"Error: t\"}," IMAGE_PART "]"));
  result.content = &image;
  result.content_count = 1;
  expect_items(&result, 1, LLM_USER,
               OUT("[{\"type\":\"input_text\",\"text\":\"Error: the call failed\"}," IMAGE_PART "]"));
  result.is_error = false;
  result.cache = LLM_CACHE_1H;
  result.content = &text;
  expect_items(&result, 1, LLM_USER, OUT("[{\"type\":\"input_text\",\"text\":\"t\"," MARK "}]"));
  result.content_count = 0;
  expect_items(&result, 1, LLM_USER, OUT("[{\"type\":\"input_text\",\"text\":\"\"," MARK "}]"));
  result.cache = LLM_CACHE_NONE;
  result.is_custom = true;
  expect_items(&result, 1, LLM_USER, "{\"type\":\"custom_tool_call_output\",\"call_id\":\"c\",\"output\":\"\"}");
}

static void items_keep_the_order_of_blocks(void **state) {
  struct llm_block blocks[] = {{.kind = LLM_THINKING,
                                .format = TEXT(LLM_FORMAT_RESPONSES),
                                .id = TEXT("rs_1"),
                                .text = TEXT("why"),
                                .signature = TEXT("enc")},
                               {.kind = LLM_TEXT, .text = TEXT("a")},
                               {.kind = LLM_REFUSAL, .text = TEXT("no")},
                               {.kind = LLM_TOOL_USE, .id = TEXT("c"), .name = TEXT("n"), .input = TEXT("{\"x\": 1}")},
                               {.kind = LLM_TEXT, .text = TEXT("b")}};
  expect_items(
      blocks, 5, LLM_ASSISTANT,
      "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"why\"}],"
      "\"encrypted_content\":\"enc\"},{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":"
      "\"output_text\",\"text\":\"a\",\"annotations\":[]},{\"type\":\"refusal\",\"refusal\":\"no\"}]},{\"type\":"
      "\"function_call\",\"call_id\":\"c\",\"name\":\"n\",\"arguments\":\"{\\\"x\\\": 1}\"},{\"type\":\"message\","
      "\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"b\",\"annotations\":[]}]}");
}

static void reasoning_in_parts_is_put_together_again(void **state) {
  struct llm_block b = {.kind = LLM_THINKING,
                        .format = TEXT(LLM_FORMAT_RESPONSES),
                        .text = TEXT("joined"),
                        .signature = TEXT("enc"),
                        .details = TEXT("{\"content\":[7],\"summary\":[1.50,2],\"other\":3}")};
  expect_items(&b, 1, LLM_ASSISTANT,
               "{\"type\":\"reasoning\",\"summary\":[1.50,2],\"content\":[7],\"encrypted_content\":\"enc\"}");
  b.details = TEXT("{}");
  expect_items(&b, 1, LLM_ASSISTANT, "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"enc\"}");
}

static void files_are_data_of_some_type(void **state) {
  struct llm_block file = {.kind = LLM_DOCUMENT, .media = {.data = TEXT("JVBERg=="), .title = TEXT("a.odd")}};
#define FILE_OF(name, data)                                                                                            \
  "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"filename\":\"" name                 \
  "\",\"file_data\":\"data:" data "\"}]}"
  expect_items(&file, 1, LLM_USER, FILE_OF("a.odd", "application/octet-stream;base64,JVBERg=="));
  file.media = (struct llm_media){.source = LLM_PLAIN, .data = TEXT("%PDF")};
  expect_items(&file, 1, LLM_USER, FILE_OF("document.txt", "text/plain;base64,JVBERg=="));
  file.media = (struct llm_media){.data = TEXT("JVBERg=="), .media_type = TEXT("application/pdf")};
  expect_items(&file, 1, LLM_USER, FILE_OF("document.pdf", "application/pdf;base64,JVBERg=="));
}

static void blocks_without_a_place_are_refused(void **state) {
  static struct llm_citation quote = {.url = {"u", 1}, .cited_text = {"q", 1}};
  static const struct {
    struct llm_block block;
    enum llm_role role;
    const char *member;
  } cases[] = {
      {{.kind = LLM_AUDIO}, LLM_USER, "at.type"},
      {{.kind = LLM_SEARCH_RESULT}, LLM_USER, "at.type"},
      {{.kind = LLM_IMAGE, .media.source = LLM_S3}, LLM_USER, "at.source"},
      {{.kind = LLM_DOCUMENT, .cites = true}, LLM_USER, "at.citations"},
      {{.kind = LLM_DOCUMENT, .media.context = {"c", 1}}, LLM_USER, "at.context"},
      {{.kind = LLM_TOOL_USE, .input = {"{}", 2}, .cache = LLM_CACHE_5M}, LLM_ASSISTANT, "at.cache_control"},
      {{.kind = LLM_TEXT, .cache = LLM_CACHE_5M}, LLM_ASSISTANT, "at.cache_control"},
      {{.kind = LLM_TEXT, .citations = &quote, .citation_count = 1}, LLM_ASSISTANT, "at.citations"},
      {{.kind = LLM_IMAGE}, LLM_ASSISTANT, "at.type"},
      {{.kind = LLM_THINKING,
        .format = {LLM_FORMAT_ANTHROPIC, sizeof(LLM_FORMAT_ANTHROPIC) - 1},
        .signature = {"s", 1}},
       LLM_ASSISTANT,
       "at.thinking"},
      {{.kind = LLM_THINKING, .format = {LLM_FORMAT_NONE, sizeof(LLM_FORMAT_NONE) - 1}}, LLM_ASSISTANT, "at.thinking"},
      {{.kind = LLM_THINKING, .format = {LLM_FORMAT_RESPONSES, sizeof(LLM_FORMAT_RESPONSES) - 1}},
       LLM_ASSISTANT,
       "at.thinking"},
      {{.kind = LLM_REDACTED_THINKING, .format = {LLM_FORMAT_ANTHROPIC, sizeof(LLM_FORMAT_ANTHROPIC) - 1}},
       LLM_ASSISTANT,
       "at.thinking"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a;
    arena_init(&a);
    struct llm_request rq = request(&a, "m");
    struct llm_block block = cases[i].block;
    block.place.form = "at";
    struct llm_message message = {.role = cases[i].role, .blocks = &block, .count = 1};
    rq.messages = &message;
    expect_refusal(&rq, cases[i].member);
    arena_done(&a);
  }
}

static void names_of_participants_are_refused(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = request(&a, "m");
  struct llm_message named = rq.messages[0];
  named.name = TEXT("bob");
  named.place = (struct llm_place){"messages[#]", {0}};
  rq.messages = &named;
  expect_refusal(&rq, "messages[0].name");
  arena_done(&a);
}

static void a_request_read_and_written_says_the_same(void **state) {
  expect_written(
      "{\"model\":\"m\",\"store\":false,\"instructions\":\"s\",\"include\":[\"reasoning.encrypted_content\"],"
      "\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"u\","
      "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}}]},{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],"
      "\"encrypted_content\":\"e\"},{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"n\",\"arguments\":"
      "\"{ }\"},{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"o\"}],\"temperature\":0.70,"
      "\"text\":{\"format\":{\"type\":\"json_object\"},\"verbosity\":\"high\"},\"metadata\":{\"a\":\"b\"},"
      "\"tool_choice\":\"required\",\"service_tier\":\"flex\",\"prompt_cache_key\":\"k\","
      "\"prompt_cache_options\":{\"mode\":\"explicit\",\"ttl\":\"12h\"},\"prompt_cache_retention\":\"24h\"}",
      "{\"model\":\"m\",\"store\":false,\"instructions\":\"s\",\"include\":[\"reasoning.encrypted_content\"],"
      "\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"u\","
      "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}}]},{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],"
      "\"encrypted_content\":\"e\"},{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"n\",\"arguments\":"
      "\"{ }\"},{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"o\"}],\"temperature\":0.70,"
      "\"text\":{\"format\":{\"type\":\"json_object\"},\"verbosity\":\"high\"},\"metadata\":{\"a\":\"b\"},"
      "\"tool_choice\":\"required\",\"service_tier\":\"flex\",\"prompt_cache_key\":\"k\","
      "\"prompt_cache_options\":{\"mode\":\"explicit\",\"ttl\":\"12h\"},\"prompt_cache_retention\":\"24h\"}");
}

static void too_little_room_is_told(void **state) {
  struct arena a;
  struct buf out;
  arena_init(&a);
  struct llm_request rq = request(&a, "m");
  buf_init(&out, 40);
  assert_int_equal(responses_write_request(&rq, &out, NULL), ERR_NO_ROOM);
  buf_done(&out);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_left_behind_unless_asked_for),
      cmocka_unit_test(models_that_do_not_reason_are_not_asked_for_reasoning),
      cmocka_unit_test(settings_without_a_place_are_refused_by_the_callers_name),
      cmocka_unit_test(thinking_becomes_an_effort_and_a_summary),
      cmocka_unit_test(tools_say_whether_they_are_strict),
      cmocka_unit_test(a_long_name_of_a_user_goes_where_none_is_too_long),
      cmocka_unit_test(instructions_are_one_plain_text_before_all_others),
      cmocka_unit_test(outputs_are_a_string_or_parts),
      cmocka_unit_test(items_keep_the_order_of_blocks),
      cmocka_unit_test(reasoning_in_parts_is_put_together_again),
      cmocka_unit_test(files_are_data_of_some_type),
      cmocka_unit_test(blocks_without_a_place_are_refused),
      cmocka_unit_test(names_of_participants_are_refused),
      cmocka_unit_test(a_request_read_and_written_says_the_same),
      cmocka_unit_test(too_little_room_is_told),
  };
  return RUN_TESTS(tests);
}
