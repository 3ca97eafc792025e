/* Requests of the Anthropic dialect, written: round trips, defaults of the vendor, and refusals by the caller's names.
 */
#include "wire/anthropic_build.h"

#include "anthropic_test.h"

static const struct llm_names caller = {.max_tokens = "max_completion_tokens",
                                        .temperature = "temperature",
                                        .top_p = "top_p",
                                        .top_k = "top_k",
                                        .stop = "stop",
                                        .tool_choice = "tool_choice",
                                        .parallel_tools = "parallel_tool_calls",
                                        .thinking = "reasoning",
                                        .effort = "reasoning_effort",
                                        .display = "reasoning.exclude",
                                        .output = "response_format",
                                        .output_description = "response_format.json_schema.description",
                                        .user_id = "user",
                                        .metadata = "metadata",
                                        .service_tier = "service_tier"};

static struct llm_block said = {.kind = LLM_TEXT, .text = {"hi", 2}, .place = {"messages[#].content", {0}}};
static struct llm_message hello = {.role = LLM_USER, .blocks = &said, .count = 1, .place = {"messages[#]", {0}}};
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]"

/* A request of another dialect that says nothing but "hi". */
static struct llm_request plain(struct arena *a) {
  return (struct llm_request){.arena = a,
                              .model = TEXT("claude-opus-5-5"),
                              .messages = &hello,
                              .message_count = 1,
                              .default_max_tokens = 4096,
                              .names = &caller};
}

static void expect_members(struct llm_request *rq, const char *members) {
  struct text got = written(rq->arena, &dialect_anthropic, rq);
  expect_json(got, arena_format(rq->arena, "{\"model\":\"%.*s\"," HELLO ",%s}", TEXT_ARGS(rq->model), members).at);
}

static void a_request_of_its_own_comes_back_as_it_was(void **state) {
  static const char *const sources[] = {
      "{\"model\":\"m\",\"max_tokens\":9,\"system\":[{\"type\":\"text\",\"text\":\"s\",\"cache_control\":{\"type\":"
      "\"ephemeral\",\"ttl\":\"1h\"}}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"q\"}"
      ",{"
      "\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"QQ==\"}},{\"type\":"
      "\"document\",\"title\":\"t\",\"context\":\"c\",\"citations\":{\"enabled\":true},\"source\":{\"type\":\"text\","
      "\"media_type\":\"text/plain\",\"data\":\"d\"}}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
      "\"thinking\":\"t\",\"signature\":\"s\"},{\"type\":\"redacted_thinking\",\"data\":\"d\"},{\"type\":\"tool_use\","
      "\"id\":\"toolu_1\",\"name\":\"n\",\"input\":{\"x\":1.50}}]},{\"role\":\"user\",\"content\":[{\"type\":"
      "\"tool_result\",\"tool_use_id\":\"toolu_1\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"r\"},{"
      "\"type\":\"search_result\",\"source\":\"s\",\"title\":\"t\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]}]"
      "},"
      "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"later\"}]}]}",
      "{\"model\":\"m\",\"max_tokens\":9000,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
      "\"text\",\"text\":\"q\"}]}],\"tools\":[{\"name\":\"n\",\"description\":\"d\",\"input_schema\":{\"type\":"
      "\"object\"},\"strict\":true,\"defer_loading\":true,\"cache_control\":{\"type\":\"ephemeral\"}}],\"tool_choice\":"
      "{\"type\":\"tool\",\"name\":\"n\",\"disable_parallel_tool_use\":true},\"thinking\":{\"type\":\"enabled\","
      "\"budget_tokens\":5000,\"display\":\"summarized\"},\"output_config\":{\"effort\":\"max\",\"format\":{\"type\":"
      "\"json_schema\",\"schema\":{\"type\":\"object\"}}},\"temperature\":1,\"top_p\":0.50,\"top_k\":3,"
      "\"stop_sequences\":[\"x\"],\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"standard_only\"}"};
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < 2; i++) {
    struct llm_request *rq = read_good(&a, &dialect_anthropic, text_of(sources[i]), NULL);
    struct text body = written(&a, &dialect_anthropic, rq);
    expect_json(body, sources[i]);
    EXPECT_TEXT(written(&a, &dialect_anthropic, read_good(&a, &dialect_anthropic, body, NULL)), body);
  }
  arena_done(&a);
}

static void max_tokens_is_always_said(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = plain(&a);
  expect_members(&rq, "\"max_tokens\":4096");
  rq.max_tokens = 7;
  expect_members(&rq, "\"max_tokens\":7");
  arena_done(&a);
}

static void effort_is_adaptive_reasoning_or_a_budget_by_the_age_of_the_model(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = plain(&a);
  rq.effort = TEXT("minimal");
  expect_members(&rq,
                 "\"max_tokens\":4096,\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"low\"}");
  rq.effort = TEXT("none");
  expect_members(&rq, "\"max_tokens\":4096,\"thinking\":{\"type\":\"disabled\"}");
  rq.effort = TEXT("low");
  rq.model = TEXT("claude-sonnet-4-5-20250929");
  expect_members(&rq, "\"max_tokens\":4096,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}");
  rq.effort = TEXT("xhigh");
  expect_members(&rq, "\"max_tokens\":28672,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":24576}");
  rq.max_tokens = 24577;
  expect_members(&rq, "\"max_tokens\":24577,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":24576}");
  rq.max_tokens = 24576;
  expect_not_written(&dialect_anthropic, &rq, ERR_UNSUPPORTED, "max_completion_tokens");
  rq.effort = TEXT_NONE;
  rq.thinking = LLM_THINKING_ADAPTIVE;
  expect_members(&rq, "\"max_tokens\":24576,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8192}");
  arena_done(&a);
}

static void schemas_say_that_they_are_objects(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = plain(&a);
  static const struct {
    const char *schema, *want;
  } cases[] = {{"", "{\"type\":\"object\",\"properties\":{}}"},
               {"{}", "{\"type\":\"object\"}"},
               {"{\"properties\":{\"type\":{}}}", "{\"type\":\"object\",\"properties\":{\"type\":{}}}"},
               {"{\"required\":[],\"type\":\"object\"}", "{\"required\":[],\"type\":\"object\"}"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct llm_tool tool = {.name = TEXT("n"), .schema = text_of(cases[i].schema)};
    rq.tools = &tool;
    rq.tool_count = 1;
    expect_members(
        &rq,
        arena_format(&a, "\"max_tokens\":4096,\"tools\":[{\"name\":\"n\",\"input_schema\":%s}]", cases[i].want).at);
  }
  arena_done(&a);
}

static void a_description_of_the_output_goes_into_its_schema(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = plain(&a);
  rq.output = LLM_OUTPUT_SCHEMA;
  rq.output_schema = TEXT("{\"type\":\"object\"}");
  rq.output_description = TEXT("a \"b\"");
  expect_members(&rq, "\"max_tokens\":4096,\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{"
                      "\"description\":\"a \\\"b\\\"\",\"type\":\"object\"}}}");
  rq.output_schema = TEXT("{\"type\":\"object\",\"description\":\"own\"}");
  expect_not_written(&dialect_anthropic, &rq, ERR_UNSUPPORTED, "response_format.json_schema.description");
  arena_done(&a);
}

static void one_call_at_a_time_needs_a_choice_and_tools(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = plain(&a);
  struct llm_tool tool = {.name = TEXT("n"), .schema = TEXT("{\"type\":\"object\"}")};
  rq.parallel_tools = LLM_NO;
  expect_members(&rq, "\"max_tokens\":4096");
  rq.tools = &tool;
  rq.tool_count = 1;
  expect_members(&rq, "\"max_tokens\":4096,\"tools\":[{\"name\":\"n\",\"input_schema\":{\"type\":\"object\"}}],"
                      "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}");
  arena_done(&a);
}

static void the_callers_names_stand_in_refusals(void **state) {
  struct arena a;
  arena_init(&a);
  const struct llm_request base = plain(&a);
  struct llm_request rq;
  struct llm_pair pair = {TEXT("team"), TEXT("x")};
#define REFUSED(field, ...)                                                                                            \
  do {                                                                                                                 \
    rq = base;                                                                                                         \
    __VA_ARGS__;                                                                                                       \
    expect_not_written(&dialect_anthropic, &rq, ERR_UNSUPPORTED, field);                                               \
  } while (0)
  REFUSED("temperature", rq.temperature = TEXT("1.01"));
  REFUSED("frequency_penalty", rq.frequency_penalty = TEXT("0.1"));
  REFUSED("presence_penalty", rq.presence_penalty = TEXT("-1"));
  REFUSED("seed", rq.seed = TEXT("0"));
  REFUSED("verbosity", rq.verbosity = TEXT("low"));
  REFUSED("prompt_cache_key", rq.cache_key = TEXT("k"));
  REFUSED("prompt_cache_retention", rq.cache_retention = TEXT("24h"));
  REFUSED("store", rq.store = LLM_YES);
  REFUSED("service_tier", rq.service_tier = TEXT("flex"));
  REFUSED("response_format", rq.output = LLM_OUTPUT_JSON);
  REFUSED("metadata.team", rq.metadata = &pair; rq.metadata_count = 1);
  REFUSED("tool_choice", rq.choice = LLM_CHOICE_ANY);
  REFUSED("messages", rq.message_count = 0);
#undef REFUSED
  rq = base;
  rq.frequency_penalty = TEXT("0.0");
  rq.verbosity = TEXT("medium");
  rq.service_tier = TEXT("auto");
  rq.store = LLM_NO;
  rq.cache_explicit = true;
  expect_members(&rq, "\"max_tokens\":4096,\"service_tier\":\"auto\"");
  arena_done(&a);
}

static void expect_block(struct arena *a, struct llm_block b, const char *want) {
  struct llm_message m = {.role = LLM_USER, .blocks = &b, .count = 1};
  struct llm_request rq = plain(a);
  b.place = (struct llm_place){"messages[#].content[#]", {0}};
  rq.messages = &m;
  expect_json(written(a, &dialect_anthropic, &rq),
              arena_format(a,
                           "{\"model\":\"claude-opus-5-5\",\"max_tokens\":4096,\"messages\":[{\"role\":\"user\","
                           "\"content\":[%s]}]}",
                           want)
                  .at);
}

static void expect_no_block(struct arena *a, struct llm_block b, const char *field) {
  struct llm_message m = {.role = LLM_USER, .blocks = &b, .count = 1, .place = {"messages[#]", {0}}};
  struct llm_request rq = plain(a);
  b.place = (struct llm_place){"messages[#].content[#]", {0}};
  rq.messages = &m;
  expect_not_written(&dialect_anthropic, &rq, ERR_UNSUPPORTED, field);
}

static void blocks_of_others_are_told_in_its_words(void **state) {
  struct arena a;
  struct llm_citation cited = {.url = TEXT("https://x"), .title = TEXT("T"), .cited_text = TEXT("a\"b")};
  arena_init(&a);
  expect_block(&a, (struct llm_block){.kind = LLM_REFUSAL, .text = TEXT("no")}, "{\"type\":\"text\",\"text\":\"no\"}");
  expect_block(&a, (struct llm_block){.kind = LLM_TEXT, .text = TEXT("w"), .citations = &cited, .citation_count = 1},
               "{\"type\":\"text\",\"text\":\"w\"},"
               "{\"type\":\"text\",\"text\":\"Sources:\\n- T <https://x>: \\\"a\\\"b\\\"\"}");
  expect_block(&a, (struct llm_block){.kind = LLM_TEXT, .text = TEXT("w"), .cache = LLM_CACHE_30M},
               "{\"type\":\"text\",\"text\":\"w\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}");
  expect_block(
      &a,
      (struct llm_block){.kind = LLM_DOCUMENT, .media = {.media_type = TEXT("text/markdown"), .data = TEXT("IyBo")}},
      "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"# h\"}}");
  expect_block(&a, (struct llm_block){.kind = LLM_TOOL_USE, .id = TEXT("functions.f:0"), .name = TEXT("f")},
               "{\"type\":\"tool_use\",\"id\":\"functions_2ef_3a0\",\"name\":\"f\",\"input\":{}}");
  expect_block(&a, (struct llm_block){.kind = LLM_TOOL_RESULT, .id = TEXT("functions.f:0")},
               "{\"type\":\"tool_result\",\"tool_use_id\":\"functions_2ef_3a0\",\"content\":[]}");
  arena_done(&a);
}

#define WORD(literal)                                                                                                  \
  { (literal), sizeof(literal) - 1 }
static void blocks_that_cannot_be_told_are_refused_by_their_place(void **state) {
  struct arena a;
  arena_init(&a);
  static const struct {
    struct llm_block b;
    const char *field;
  } cases[] = {
      {{.kind = LLM_AUDIO}, "messages[0].content[0].type"},
      {{.kind = LLM_TEXT, .text = WORD("x"), .cache = LLM_CACHE_12H}, "messages[0].content[0].cache_control"},
      {{.kind = LLM_IMAGE, .media = {.source = LLM_S3}}, "messages[0].content[0].source"},
      {{.kind = LLM_IMAGE, .media = {.media_type = WORD("image/tiff")}}, "messages[0].content[0].media_type"},
      {{.kind = LLM_IMAGE, .media = {.source = LLM_URL, .detail = WORD("low")}}, "messages[0].content[0].detail"},
      {{.kind = LLM_DOCUMENT, .media = {.media_type = WORD("text/csv"), .data = WORD("/w==")}},
       "messages[0].content[0].media_type"},
      {{.kind = LLM_TOOL_USE, .is_custom = true}, "messages[0].content[0].type"},
      {{.kind = LLM_THINKING, .text = WORD("t"), .format = WORD(LLM_FORMAT_NONE)}, "messages[0].content[0].thinking"},
      {{.kind = LLM_THINKING, .text = WORD("t"), .format = WORD(LLM_FORMAT_ANTHROPIC)},
       "messages[0].content[0].thinking"},
      {{.kind = LLM_REDACTED_THINKING, .signature = WORD("s"), .format = WORD(LLM_FORMAT_RESPONSES)},
       "messages[0].content[0].thinking"},
      {{.kind = LLM_TEXT}, "messages[0].content"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    expect_no_block(&a, cases[i].b, cases[i].field);
  arena_done(&a);
}

static void empty_texts_are_left_out_and_empty_answers_too(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request *rq = read_good(
      &a, &dialect_anthropic,
      TEXT("{\"model\":\"m\",\"max_tokens\":9,\"system\":\"\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
           "\"text\",\"text\":\"\"},{\"type\":\"text\",\"text\":\"x\"}]},{\"role\":\"assistant\",\"content\":[]},{"
           "\"role\":\"user\",\"content\":\"y\"}]}"),
      NULL);
  expect_json(written(&a, &dialect_anthropic, rq),
              "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
              "\"text\":\"x\"}]},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"y\"}]}]}");
  arena_done(&a);
}

static void bedrocks_body_has_a_version_and_no_model(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_request rq = plain(&a);
  rq.stream = true;
  expect_json(written(&a, &dialect_invoke, &rq),
              "{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":4096," HELLO "}");
  arena_done(&a);
}

static void a_body_beyond_its_limit_is_an_error(void **state) {
  struct arena a;
  struct buf b;
  arena_init(&a);
  struct llm_request rq = plain(&a);
  buf_init(&b, 16);
  assert_int_equal(dialect_anthropic.write_request(&rq, &b, NULL), ERR_NO_ROOM);
  buf_done(&b);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_of_its_own_comes_back_as_it_was),
      cmocka_unit_test(max_tokens_is_always_said),
      cmocka_unit_test(effort_is_adaptive_reasoning_or_a_budget_by_the_age_of_the_model),
      cmocka_unit_test(schemas_say_that_they_are_objects),
      cmocka_unit_test(a_description_of_the_output_goes_into_its_schema),
      cmocka_unit_test(one_call_at_a_time_needs_a_choice_and_tools),
      cmocka_unit_test(the_callers_names_stand_in_refusals),
      cmocka_unit_test(blocks_of_others_are_told_in_its_words),
      cmocka_unit_test(blocks_that_cannot_be_told_are_refused_by_their_place),
      cmocka_unit_test(empty_texts_are_left_out_and_empty_answers_too),
      cmocka_unit_test(bedrocks_body_has_a_version_and_no_model),
      cmocka_unit_test(a_body_beyond_its_limit_is_an_error),
  };
  return RUN_TESTS(tests);
}
