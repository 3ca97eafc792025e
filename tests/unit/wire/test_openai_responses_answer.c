/* Plain Responses answers, read and written, and the response object around them. */
#include "responses_test.h"

#include "wire/openai_responses_output.h"

struct answered {
  struct arena a;
  struct json doc;
  struct llm_answer answer;
  struct fault f;
  enum err err;
};

static void answer(struct answered *x, struct text json) {
  const struct json_limits limits = {.lenient = true, .raw_numbers = true};
  *x = (struct answered){0};
  arena_init(&x->a);
  assert_int_equal(json_read(json, &limits, &x->doc, &x->f), ERR_OK);
  x->err = responses_read_answer(&x->doc, &x->a, &x->answer, &x->f);
}

static void answered_done(struct answered *x) {
  json_done(&x->doc);
  arena_done(&x->a);
}

static const struct llm_echo echo = {
    .model = {"alias", 5}, .now_s = 1700000000, .id = {"abc", 3}, .members = {"\"tools\":[]", 10}};

static void an_answer_is_read_item_by_item(void **state) {
  struct answered x;
  answer(
      &x,
      TEXT("{\"id\":\"resp_1\",\"created_at\":1763700000.5,\"model\":\"gpt\",\"status\":\"completed\",\"service_tier\":"
           "\"flex\",\"output\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\","
           "\"text\":"
           "\"why\"}],\"encrypted_content\":\"enc\"},{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\","
           "\"phase\":\"commentary\",\"content\":[{\"type\":\"output_text\",\"text\":\"a\",\"annotations\":[{\"type\":"
           "\"url_citation\",\"url\":\"u\",\"title\":\"t\",\"start_index\":0,\"end_index\":1},{\"type\":\"file_path\","
           "\"file_id\":\"f\",\"index\":0}],\"logprobs\":[1]},{\"type\":\"refusal\",\"refusal\":\"no\"}]},{\"type\":"
           "\"function_call\",\"call_id\":\"c1\",\"name\":\"n\",\"arguments\":\"\"},{\"type\":\"custom_tool_call\","
           "\"call_id\":\"c2\",\"name\":\"m\",\"input\":\"free\"}],\"usage\":{\"input_tokens\":9,\"output_tokens\":4,"
           "\"cost\":0.5}"
           "}"));
  assert_int_equal(x.err, ERR_OK);
  const struct llm_block *b = x.answer.blocks;
  assert_int_equal(x.answer.block_count, 5);
  EXPECT_TEXT(x.answer.id, TEXT("resp_1"));
  assert_int_equal(x.answer.created_s, 1763700000);
  EXPECT_TEXT(x.answer.service_tier, TEXT("flex"));
  EXPECT_TEXT(b[0].signature, TEXT("enc"));
  EXPECT_TEXT(b[0].text, TEXT("why"));
  assert_int_equal(b[1].citation_count, 1);
  assert_int_equal(b[2].kind, LLM_REFUSAL);
  EXPECT_TEXT(b[3].input, TEXT("{}"));
  assert_true(b[4].is_custom);
  EXPECT_TEXT(b[4].input, TEXT("free"));
  assert_int_equal(x.answer.stop, LLM_STOP_REFUSAL);
  assert_int_equal(x.answer.usage.input, 9);
  assert_int_equal(x.answer.cost_nano, 500000000);
  assert_int_equal(x.answer.notes.count, 3);
  answered_done(&x);
}

static void how_it_ended_is_a_stop_reason(void **state) {
  const struct {
    const char *json;
    enum llm_stop want;
    size_t notes;
  } cases[] = {
      {"{\"output\":[]}", LLM_STOP_END, 0},
      {"{\"status\":\"completed\",\"output\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"n\","
       "\"arguments\":\"{}\"}]}",
       LLM_STOP_TOOL_USE, 0},
      {"{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"output\":[]}",
       LLM_STOP_LENGTH, 0},
      {"{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"content_filter\"},\"output\":[]}",
       LLM_STOP_CONTENT_FILTER, 0},
      {"{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"steered\"},\"output\":[]}", LLM_STOP_END, 1}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct answered x;
    answer(&x, text_of(cases[i].json));
    assert_int_equal(x.err, ERR_OK);
    assert_int_equal(x.answer.stop, cases[i].want);
    assert_int_equal(x.answer.notes.count, cases[i].notes);
    answered_done(&x);
  }
}

static void what_cannot_be_understood_breaks_the_protocol(void **state) {
  static const char *const bad[] = {
      "[]",
      "{}",
      "{\"output\":7}",
      "{\"output\":[],\"status\":\"in_progress\"}",
      "{\"output\":[],\"status\":\"failed\"}",
      "{\"output\":[],\"error\":{\"code\":\"server_error\",\"message\":\"x\"}}",
      "{\"output\":[7]}",
      "{\"output\":[{\"type\":\"web_search_call\"}]}",
      "{\"output\":[{\"type\":\"message\"}]}",
      "{\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_audio\"}]}]}",
      "{\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\"}]}]}",
      "{\"output\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"n\",\"arguments\":\"{\"}]}",
      "{\"output\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"arguments\":\"{}\"}]}",
      "{\"output\":[{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"n\"}]}",
      "{\"output\":[{\"type\":\"reasoning\",\"summary\":7}]}",
  };
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct answered x;
    answer(&x, text_of(bad[i]));
    if (x.err != ERR_UPSTREAM_PROTOCOL)
      fail_msg("%s gave %s", bad[i], err_name(x.err));
    assert_true(x.f.text[0] != 0);
    answered_done(&x);
  }
}

static void an_answer_is_written_with_ids_and_what_it_repeats(void **state) {
  struct llm_citation citation = {.url = TEXT("u"), .title = TEXT("t"), .cited_text = TEXT("q")};
  struct llm_block blocks[] = {
      {.kind = LLM_THINKING,
       .text = TEXT("why"),
       .format = TEXT(LLM_FORMAT_RESPONSES),
       .id = TEXT("rs_own"),
       .signature = TEXT("e")},
      {.kind = LLM_TEXT, .text = TEXT("\xc3\xa4\xc3\xb6"), .citations = &citation, .citation_count = 1},
      {.kind = LLM_TEXT, .text = TEXT("b\n\"")},
      {.kind = LLM_TOOL_USE, .id = TEXT("toolu_1"), .name = TEXT("n"), .input = TEXT("{\"x\":1}")},
      {.kind = LLM_TOOL_USE, .id = TEXT("c2"), .name = TEXT("m"), .input = TEXT("free"), .is_custom = true}};
  const struct llm_answer a = {.blocks = blocks,
                               .block_count = 5,
                               .stop = LLM_STOP_TOOL_USE,
                               .usage = {.input = 5,
                                         .output = 7,
                                         .cache_read = 3,
                                         .cache_write_5m = 1,
                                         .cache_write_1h = 1,
                                         .reasoning = 2,
                                         .known = true}};
  struct buf out;
  buf_init(&out, 1 << 16);
  responses_write_answer(&a, &echo, &out);
  expect_json(
      buf_text(&out),
      "{\"status\":\"completed\",\"id\":\"resp_abc\",\"object\":\"response\",\"created_at\":1700000000,\"model\":"
      "\"alias\","
      "\"error\":null,\"incomplete_details\":null,\"output\":[{\"status\":\"completed\",\"type\":\"reasoning\",\"id\":"
      "\"rs_own\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"why\"}],\"encrypted_content\":\"e\"},{\"status\":"
      "\"completed\",\"type\":\"message\",\"id\":\"msg_abc_1\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_"
      "text\","
      "\"text\":\"\xc3\xa4\xc3\xb6\",\"annotations\":[{\"type\":\"url_citation\",\"url\":\"u\",\"title\":\"t\",\"start_"
      "index\":0,"
      "\"end_index\":2,\"content\":\"q\"}],\"logprobs\":[]},{\"type\":\"output_text\",\"text\":\"b\\n\\\"\","
      "\"annotations\":[],"
      "\"logprobs\":[]}]},{\"status\":\"completed\",\"type\":\"function_call\",\"id\":\"fc_abc_2\",\"call_id\":\"toolu_"
      "1\","
      "\"name\":\"n\",\"arguments\":\"{\\\"x\\\":1}\"},{\"status\":\"completed\",\"type\":\"custom_tool_call\",\"id\":"
      "\"ctc_abc_3\",\"call_id\":\"c2\",\"name\":\"m\",\"input\":\"free\"}],\"usage\":{\"input_tokens\":10,"
      "\"input_tokens_details\":{\"cached_tokens\":3,\"cache_write_tokens\":2},\"output_tokens\":7,"
      "\"output_tokens_details\":{\"reasoning_tokens\":2},\"total_tokens\":17},\"service_tier\":null,\"tools\":[]}");
  buf_done(&out);
}

static void how_it_stopped_is_its_status(void **state) {
  const struct {
    enum llm_stop stop;
    bool has_refusal;
    enum responses_status want;
  } cases[] = {{LLM_STOP_END, false, RESPONSES_COMPLETED},
               {LLM_STOP_SEQUENCE, false, RESPONSES_COMPLETED},
               {LLM_STOP_TOOL_USE, false, RESPONSES_COMPLETED},
               {LLM_STOP_PAUSE, false, RESPONSES_COMPLETED},
               {LLM_STOP_LENGTH, false, RESPONSES_INCOMPLETE},
               {LLM_STOP_CONTEXT_FULL, false, RESPONSES_INCOMPLETE},
               {LLM_STOP_CONTENT_FILTER, true, RESPONSES_INCOMPLETE},
               {LLM_STOP_REFUSAL, true, RESPONSES_COMPLETED},
               {LLM_STOP_REFUSAL, false, RESPONSES_INCOMPLETE}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    assert_int_equal(responses_status_of(cases[i].stop, cases[i].has_refusal), cases[i].want);
}

static void failures_have_openais_words(void **state) {
  const struct {
    enum err err;
    int status;
    const char *want;
  } cases[] = {{ERR_UPSTREAM_SERVER, 0, "server_error"},      {ERR_UPSTREAM_RATE, 0, "rate_limit_exceeded"},
               {ERR_UPSTREAM_USAGE, 0, "insufficient_quota"}, {ERR_BUDGET_EXHAUSTED, 0, "insufficient_quota"},
               {ERR_UPSTREAM_STATUS, 400, "invalid_prompt"},  {ERR_UPSTREAM_CUT, 0, "server_error"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const struct fault f = {.err = cases[i].err, .status = cases[i].status};
    assert_string_equal(responses_error_code(&f), cases[i].want);
  }
}

/* Every fixture: what is read, written and read again is the same answer. */
static void an_answer_written_and_read_is_the_same(void **state) {
  static const char *const names[] = {"text",     "unicode",          "tools",          "tools_parallel",
                                      "thinking", "thinking_content", "citations",      "two_parts",
                                      "refusal",  "length",           "content_filter", "redacted_thinking",
                                      "empty"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    struct arena a;
    struct answered first, again;
    struct buf out;
    arena_init(&a);
    answer(&first, fixture(&a, arena_format(&a, "answers/openai_responses/%s.json", names[i]).at));
    assert_int_equal(first.err, ERR_OK);
    buf_init(&out, 1 << 16);
    responses_write_answer(&first.answer, &echo, &out);
    answer(&again, buf_text(&out));
    assert_int_equal(again.err, ERR_OK);
    assert_int_equal(again.answer.block_count, first.answer.block_count);
    assert_int_equal(again.answer.stop, first.answer.stop);
    expect_usage(&again.answer.usage, first.answer.usage);
    EXPECT_TEXT(again.answer.id, first.answer.id);
    for (size_t k = 0; k < first.answer.block_count; k++) {
      const struct llm_block *one = &first.answer.blocks[k], *two = &again.answer.blocks[k];
      assert_int_equal(two->kind, one->kind);
      EXPECT_TEXT(two->text, one->text);
      EXPECT_TEXT(two->id, one->id);
      EXPECT_TEXT(two->input, one->input);
      EXPECT_TEXT(two->signature, one->signature);
      assert_int_equal(two->citation_count, one->citation_count);
    }
    answered_done(&first);
    answered_done(&again);
    buf_done(&out);
    arena_done(&a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_answer_is_read_item_by_item),
      cmocka_unit_test(how_it_ended_is_a_stop_reason),
      cmocka_unit_test(what_cannot_be_understood_breaks_the_protocol),
      cmocka_unit_test(an_answer_is_written_with_ids_and_what_it_repeats),
      cmocka_unit_test(how_it_stopped_is_its_status),
      cmocka_unit_test(failures_have_openais_words),
      cmocka_unit_test(an_answer_written_and_read_is_the_same),
  };
  return RUN_TESTS(tests);
}
