/* Settings and tools of Responses requests, and what answers repeat of them. */
#include "responses_test.h"

#define IN "\"model\":\"m\",\"input\":\"hi\""

static void settings_are_read(void **state) {
  struct asked x;
  ask_well(&x,
           "{" IN ",\"instructions\":\"brief\",\"stream\":true,\"max_output_tokens\":99,\"temperature\":0.70,"
           "\"top_p\":1e-1,\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\"},\"store\":true,"
           "\"parallel_tool_calls\":false,\"metadata\":{\"k\":\"v\"},\"user\":\"u\",\"service_tier\":\"fast\","
           "\"include\":[\"reasoning.encrypted_content\"],\"prompt_cache_key\":\"key\","
           "\"prompt_cache_options\":{\"mode\":\"explicit\",\"ttl\":\"12h\"},\"prompt_cache_retention\":\"24h\","
           "\"text\":{\"verbosity\":\"low\",\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"description\":\"d\","
           "\"schema\":{\"a\":1.50},\"strict\":true}}}");
  const struct llm_request *rq = &x.rq;
  EXPECT_TEXT(rq->model, TEXT("m"));
  assert_true(rq->stream);
  assert_int_equal(rq->max_tokens, 99);
  EXPECT_TEXT(rq->temperature, TEXT("0.70"));
  EXPECT_TEXT(rq->top_p, TEXT("1e-1"));
  assert_int_equal(rq->thinking, LLM_THINKING_ADAPTIVE);
  assert_int_equal(rq->display, LLM_DISPLAY_SUMMARY);
  EXPECT_TEXT(rq->effort, TEXT("high"));
  assert_int_equal(rq->store, LLM_YES);
  assert_int_equal(rq->parallel_tools, LLM_NO);
  assert_int_equal(rq->metadata_count, 1);
  EXPECT_TEXT(rq->metadata[0].value, TEXT("v"));
  EXPECT_TEXT(rq->user_id, TEXT("u"));
  assert_string_equal(rq->names->user_id, "user");
  EXPECT_TEXT(rq->service_tier, TEXT("priority"));
  assert_true(rq->wants_encrypted_reasoning && rq->cache_explicit);
  EXPECT_TEXT(rq->cache_key, TEXT("key"));
  EXPECT_TEXT(rq->cache_options_ttl, TEXT("12h"));
  EXPECT_TEXT(rq->cache_retention, TEXT("24h"));
  EXPECT_TEXT(rq->verbosity, TEXT("low"));
  assert_int_equal(rq->output, LLM_OUTPUT_SCHEMA);
  EXPECT_TEXT(rq->output_name, TEXT("n"));
  EXPECT_TEXT(rq->output_description, TEXT("d"));
  EXPECT_TEXT(rq->output_schema, TEXT("{\"a\":1.50}"));
  assert_int_equal(rq->output_strict, LLM_YES);
  assert_int_equal(rq->messages[0].role, LLM_SYSTEM);
  EXPECT_TEXT(rq->messages[0].blocks[0].text, TEXT("brief"));
  asked_done(&x);
}

static void what_is_so_anyway_says_nothing(void **state) {
  struct asked x;
  ask_well(&x,
           "{" IN ",\"background\":false,\"truncation\":\"disabled\",\"top_logprobs\":0,\"service_tier\":\"auto\","
           "\"stream_options\":{\"include_obfuscation\":true},\"text\":{\"format\":{\"type\":\"text\"},\"verbosity\":"
           "\"medium\"},\"context_management\":[],\"prompt\":null,\"conversation\":null,\"moderation\":null,"
           "\"max_tool_calls\":null,\"reasoning\":{\"mode\":\"standard\",\"context\":\"auto\",\"effort\":null},"
           "\"prompt_cache_retention\":\"in_memory\",\"prompt_cache_options\":{\"mode\":\"implicit\",\"ttl\":\"30m\","
           "\"prewarm\":false},"
           "\"image\":{\"context_compression\":\"auto\"},\"zork\":null}");
  assert_true(text_is_empty(x.rq.service_tier) && text_is_empty(x.rq.verbosity) && text_is_empty(x.rq.cache_retention));
  assert_int_equal(x.rq.thinking, LLM_THINKING_NOT_GIVEN);
  assert_int_equal(x.rq.output, LLM_OUTPUT_TEXT);
  assert_false(x.rq.cache_explicit);
  EXPECT_TEXT(x.rq.cache_options_ttl, TEXT_NONE);
  asked_done(&x);
}

static void efforts_tell_whether_to_think(void **state) {
  const struct {
    const char *json;
    enum llm_thinking want;
    const char *effort;
  } cases[] = {{"{" IN ",\"reasoning\":{\"effort\":\"none\"}}", LLM_THINKING_OFF, ""},
               {"{" IN ",\"reasoning\":{\"effort\":\"minimal\"}}", LLM_THINKING_ADAPTIVE, "minimal"},
               {"{" IN ",\"reasoning\":{\"summary\":\"concise\"}}", LLM_THINKING_ADAPTIVE, ""},
               {"{" IN ",\"reasoning\":{\"generate_summary\":\"auto\",\"effort\":\"none\"}}", LLM_THINKING_OFF, ""},
               {"{" IN ",\"reasoning\":{}}", LLM_THINKING_NOT_GIVEN, ""}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct asked x;
    ask_well(&x, cases[i].json);
    assert_int_equal(x.rq.thinking, cases[i].want);
    EXPECT_TEXT(x.rq.effort, text_of(cases[i].effort));
    asked_done(&x);
  }
}

static void wrong_types_are_named(void **state) {
  static const struct refused cases[] = {
      {"{\"input\":\"hi\"}", "model", ERR_BAD_REQUEST},
      {"{\"model\":\"\",\"input\":\"hi\"}", "model", ERR_BAD_REQUEST},
      {"{\"model\":\"m\"}", "input", ERR_BAD_REQUEST},
      {"{" IN ",\"instructions\":[]}", "instructions", ERR_BAD_REQUEST},
      {"{" IN ",\"stream\":\"yes\"}", "stream", ERR_BAD_REQUEST},
      {"{" IN ",\"max_output_tokens\":1.5}", "max_output_tokens", ERR_BAD_REQUEST},
      {"{" IN ",\"max_output_tokens\":0}", "max_output_tokens", ERR_BAD_REQUEST},
      {"{" IN ",\"temperature\":\"1\"}", "temperature", ERR_BAD_REQUEST},
      {"{" IN ",\"top_p\":true}", "top_p", ERR_BAD_REQUEST},
      {"{" IN ",\"store\":1}", "store", ERR_BAD_REQUEST},
      {"{" IN ",\"include\":\"x\"}", "include", ERR_BAD_REQUEST},
      {"{" IN ",\"include\":[7]}", "include[0]", ERR_BAD_REQUEST},
      {"{" IN ",\"metadata\":[]}", "metadata", ERR_BAD_REQUEST},
      {"{" IN ",\"metadata\":{\"k\":1}}", "metadata.k", ERR_BAD_REQUEST},
      {"{" IN ",\"user\":1}", "user", ERR_BAD_REQUEST},
      {"{" IN ",\"reasoning\":\"high\"}", "reasoning", ERR_BAD_REQUEST},
      {"{" IN ",\"reasoning\":{\"effort\":\"huge\"}}", "reasoning.effort", ERR_BAD_REQUEST},
      {"{" IN ",\"reasoning\":{\"summary\":\"none\"}}", "reasoning.summary", ERR_BAD_REQUEST},
      {"{" IN ",\"text\":{\"format\":{\"type\":\"xml\"}}}", "text.format.type", ERR_BAD_REQUEST},
      {"{" IN ",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\"}}}", "text.format.schema",
       ERR_BAD_REQUEST},
      {"{" IN ",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":[]}}}", "text.format.schema",
       ERR_BAD_REQUEST},
      {"{" IN ",\"text\":{\"verbosity\":\"loud\"}}", "text.verbosity", ERR_BAD_REQUEST},
      {"{" IN ",\"prompt_cache_options\":{\"mode\":\"x\"}}", "prompt_cache_options.mode", ERR_BAD_REQUEST},
      {"{" IN ",\"prompt_cache_options\":{\"ttl\":\"1h\"}}", "prompt_cache_options.ttl", ERR_BAD_REQUEST},
      {"{" IN ",\"stream_options\":{\"include_obfuscation\":1}}", "stream_options.include_obfuscation",
       ERR_BAD_REQUEST},
      {"{" IN ",\"tools\":{}}", "tools", ERR_BAD_REQUEST},
      {"{" IN ",\"tools\":[1]}", "tools[0]", ERR_BAD_REQUEST},
      {"{" IN ",\"tools\":[{}]}", "tools[0].type", ERR_BAD_REQUEST},
      {"{" IN ",\"tools\":[{\"type\":\"function\"}]}", "tools[0].name", ERR_BAD_REQUEST},
      {"{" IN ",\"tools\":[{\"type\":\"function\",\"name\":\"n\",\"parameters\":\"{}\"}]}", "tools[0].parameters",
       ERR_BAD_REQUEST},
      {"{" IN ",\"tools\":[{\"type\":\"function\",\"name\":\"n\",\"strict\":\"yes\"}]}", "tools[0].strict",
       ERR_BAD_REQUEST},
      {"{" IN ",\"tools\":[{\"type\":\"custom\",\"name\":\"n\",\"format\":{\"type\":\"grammar\"}}]}", "tools[0].format",
       ERR_BAD_REQUEST},
      {"{" IN ",\"tool_choice\":\"some\"}", "tool_choice", ERR_BAD_REQUEST},
      {"{" IN ",\"tool_choice\":{\"type\":\"function\"}}", "tool_choice.name", ERR_BAD_REQUEST},
  };
  EXPECT_REFUSED(cases);
}

static void what_no_other_provider_has_is_refused_by_name(void **state) {
  static const struct refused cases[] = {
      {"{" IN ",\"zork\":1}", "zork", ERR_UNSUPPORTED},
      {"{" IN ",\"background\":true}", "background", ERR_UNSUPPORTED},
      {"{" IN ",\"previous_response_id\":\"r\"}", "previous_response_id", ERR_UNSUPPORTED},
      {"{" IN ",\"prompt_cache_options\":{\"comparison_response_id\":\"r\"}}",
       "prompt_cache_options.comparison_response_id", ERR_UNSUPPORTED},
      {"{" IN ",\"reasoning\":{\"zork\":1}}", "reasoning.zork", ERR_UNSUPPORTED},
      {"{" IN ",\"text\":{\"zork\":1}}", "text.zork", ERR_UNSUPPORTED},
      {"{" IN ",\"text\":{\"format\":{\"type\":\"text\",\"zork\":1}}}", "text.format.zork", ERR_UNSUPPORTED},
      {"{" IN ",\"tools\":[{\"type\":\"function\",\"name\":\"n\",\"zork\":1}]}", "tools[0].zork", ERR_UNSUPPORTED},
      {"{" IN ",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[]}]}", "tools[0].type", ERR_UNSUPPORTED},
      {"{" IN ",\"tools\":[{\"type\":\"custom\",\"name\":\"n\",\"async\":true}]}", "tools[0].async", ERR_UNSUPPORTED},
      {"{" IN ",\"tool_choice\":{\"type\":\"mcp\",\"server_label\":\"s\"}}", "tool_choice.type", ERR_UNSUPPORTED},
      {"{" IN ",\"user\":\"a\",\"safety_identifier\":\"b\"}", "user", ERR_UNSUPPORTED},
  };
  EXPECT_REFUSED(cases);
}

static void what_the_operator_lets_go_is_left_out_and_noted(void **state) {
  const struct json_limits limits = {.raw_numbers = true};
  const struct text names[] = {TEXT("background"), TEXT("type")};
  struct asked x = {0};
  arena_init(&x.a);
  x.rq.arena = &x.a;
  x.rq.leave_out = names;
  x.rq.leave_out_count = 2;
  assert_int_equal(
      json_read(TEXT("{" IN ",\"background\":true,\"tools\":[{\"type\":\"web_search\"}]}"), &limits, &x.doc, NULL),
      ERR_OK);
  assert_int_equal(responses_read_request(&x.doc, &x.rq, &x.echo, &x.f), ERR_OK);
  assert_int_equal(x.rq.left_out_count, 2);
  EXPECT_TEXT(x.rq.left_out[0], TEXT("background"));
  EXPECT_TEXT(x.rq.left_out[1], TEXT("tools[0].type"));
  assert_int_equal(x.rq.tool_count, 0);
  asked_done(&x);
}

static void tools_and_the_choice_among_them_are_read(void **state) {
  struct asked x;
  ask_well(
      &x,
      "{" IN ",\"tools\":[{\"type\":\"function\",\"name\":\"a\",\"description\":\"d\",\"parameters\":{\"x\":1e400},"
      "\"strict\":true,\"defer_loading\":true},{\"type\":\"custom\",\"name\":\"b\",\"format\":{\"type\":\"grammar\","
      "\"syntax\":\"regex\",\"definition\":\"a+\"}},{\"type\":\"custom\",\"name\":\"c\",\"format\":{\"type\":"
      "\"text\"}}],\"tool_choice\":{\"type\":\"custom\",\"name\":\"b\"}}");
  assert_int_equal(x.rq.tool_count, 3);
  EXPECT_TEXT(x.rq.tools[0].schema, TEXT("{\"x\":1e400}"));
  assert_int_equal(x.rq.tools[0].strict, LLM_YES);
  assert_int_equal(x.rq.tools[0].defer_loading, LLM_YES);
  assert_true(x.rq.tools[1].is_custom && !x.rq.tools[0].is_custom);
  EXPECT_TEXT(x.rq.tools[1].format, TEXT("{\"type\":\"grammar\",\"syntax\":\"regex\",\"definition\":\"a+\"}"));
  EXPECT_TEXT(x.rq.tools[2].format, TEXT_NONE);
  assert_int_equal(x.rq.choice, LLM_CHOICE_TOOL);
  EXPECT_TEXT(x.rq.choice_name, TEXT("b"));
  asked_done(&x);
}

static void answers_repeat_the_request_or_say_what_is_taken_without(void **state) {
  struct asked x;
  ask_well(&x, "{" IN
               ",\"temperature\":0.50,\"instructions\":\"a\\nb\",\"tools\":[{\"type\":\"function\",\"name\":\"n\"}]}");
  struct text whole = arena_format(&x.a, "{%.*s}", TEXT_ARGS(x.echo.members));
  expect_json(whole,
              "{\"background\":false,\"instructions\":\"a\\nb\",\"max_output_tokens\":null,\"max_tool_calls\":null,"
              "\"metadata\":{},\"parallel_tool_calls\":true,\"previous_response_id\":null,\"prompt_cache_key\":null,"
              "\"reasoning\":{\"effort\":null,\"summary\":null},\"safety_identifier\":null,\"store\":false,"
              "\"temperature\":0.5,\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[{"
              "\"type\":\"function\",\"name\":\"n\"}],\"top_logprobs\":0,\"top_p\":1.0,\"truncation\":\"disabled\","
              "\"user\":null}");
  assert_true(text_find(whole, TEXT("0.50")) > 0);
  assert_true(text_find(whole, TEXT("\n")) < 0);
  EXPECT_TEXT(x.echo.model, TEXT("m"));
  assert_false(x.echo.omit_thinking);
  asked_done(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(settings_are_read),
      cmocka_unit_test(what_is_so_anyway_says_nothing),
      cmocka_unit_test(efforts_tell_whether_to_think),
      cmocka_unit_test(wrong_types_are_named),
      cmocka_unit_test(what_no_other_provider_has_is_refused_by_name),
      cmocka_unit_test(what_the_operator_lets_go_is_left_out_and_noted),
      cmocka_unit_test(tools_and_the_choice_among_them_are_read),
      cmocka_unit_test(answers_repeat_the_request_or_say_what_is_taken_without),
  };
  return RUN_TESTS(tests);
}
