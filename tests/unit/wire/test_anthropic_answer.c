/* Plain answers of the Anthropic dialect, read and written. */
#include "wire/anthropic_answer.h"

#include "anthropic_test.h"
#include "wire/anthropic_parts.h"

static enum err read_answer(struct arena *a, struct text body, struct llm_answer *out, struct fault *f) {
  return anthropic_answer_read(raw_doc(a, body), a, out, f);
}

static struct text write_answer(struct arena *a, const struct llm_answer *answer, const struct llm_echo *echo) {
  struct buf b;
  buf_init(&b, 1 << 20);
  anthropic_answer_write(answer, echo, &b);
  assert_int_equal(buf_check(&b), ERR_OK);
  struct text copy = arena_copy(a, buf_text(&b));
  buf_done(&b);
  return copy;
}

static const struct llm_echo echo = {.model = {"asked-for", 9}, .id = {"abc", 3}, .input_tokens = 77};

static void answers_of_the_newest_version_come_back_as_they_were(void **state) {
  static const char *const names[] = {
      "text",     "unicode", "tools", "tools_parallel",       "thinking_tools", "stop_sequence",
      "length",   "empty",   "pause", "thinking_interleaved", "context_full",   "redacted_thinking",
      "citations"};
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    struct text body = arena_copy(&a, fixture(&a, arena_format(&a, "answers/anthropic/%s.json", names[i]).at));
    struct llm_answer answer;
    struct fault f = {0};
    if (read_answer(&a, body, &answer, &f))
      fail_msg("%s: %s", names[i], f.text);
    assert_int_equal(answer.notes.count, 0);
    expect_json(write_answer(&a, &answer, &echo), body.at);
  }
  arena_done(&a);
}

static void usage_is_read_by_class(void **state) {
  struct arena a;
  struct llm_answer answer;
  arena_init(&a);
  assert_int_equal(read_answer(&a, fixture(&a, "answers/anthropic/cache_usage.json"), &answer, NULL), ERR_OK);
  expect_usage(
      &answer.usage,
      (struct usage){
          .input = 7, .output = 9, .cache_read = 20480, .cache_write_5m = 500, .cache_write_1h = 1000, .known = true});
  assert_int_equal(read_answer(&a, fixture(&a, "answers/anthropic/thinking.json"), &answer, NULL), ERR_OK);
  assert_int_equal(answer.usage.reasoning, 71);
  arena_done(&a);
}

static void what_has_no_counterpart_is_noted(void **state) {
  struct arena a;
  struct llm_answer answer;
  arena_init(&a);
  assert_int_equal(
      read_answer(
          &a,
          TEXT("{\"type\":\"message\",\"content\":[{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"n\",\"input\":{"
               "},\"caller\":{\"type\":\"code_execution_20260120\"}},{\"type\":\"text\",\"text\":\"x\","
               "\"citations\":[{\"type\":\"page_location\"}]}],\"stop_reason\":\"bored\",\"container\":{},"
               "\"diagnostics\":null,\"tomorrow\":1,\"usage\":{\"speed\":\"fast\",\"service_tier\":\"batch\"}}"),
          &answer, NULL),
      ERR_OK);
  static const char *const want[] = {"stop_reason", "usage.speed",      "container",
                                     "*",           "content[].caller", "content[].citations[]"};
  assert_int_equal(answer.notes.count, sizeof(want) / sizeof(want[0]));
  for (size_t i = 0; i < answer.notes.count; i++)
    assert_string_equal(answer.notes.at[i], want[i]);
  assert_int_equal(answer.stop, LLM_STOP_END);
  EXPECT_TEXT(answer.service_tier, TEXT("batch"));
  arena_done(&a);
}

static void content_that_is_not_understood_is_never_dropped(void **state) {
  static const struct {
    struct text body;
    const char *field;
  } cases[] = {
      {TEXT("{}"), ""},
      {TEXT("{\"type\":\"message\",\"content\":\"x\"}"), ""},
      {TEXT("{\"type\":\"error\",\"content\":[]}"), ""},
      {TEXT("{\"type\":\"message\",\"content\":[{\"type\":\"hologram\"}]}"), "type"},
      {TEXT("{\"type\":\"message\",\"content\":[{}]}"), "type"},
      {TEXT("{\"type\":\"message\",\"content\":[7]}"), "type"},
      {TEXT("{\"type\":\"message\",\"content\":[{\"type\":\"text\"}]}"), "text"},
      {TEXT("{\"type\":\"message\",\"content\":[{\"type\":\"thinking\"}]}"), "thinking"},
      {TEXT("{\"type\":\"message\",\"content\":[{\"type\":\"redacted_thinking\",\"data\":7}]}"), "data"},
      {TEXT("{\"type\":\"message\",\"content\":[{\"type\":\"tool_use\",\"name\":\"n\",\"input\":{}}]}"), "id"},
      {TEXT("{\"type\":\"message\",\"content\":[{\"type\":\"tool_use\",\"id\":\"i\",\"input\":{}}]}"), "name"},
      {TEXT("{\"type\":\"message\",\"content\":[{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"n\",\"input\":[]}]}"),
       "input"},
  };
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct llm_answer answer;
    struct fault f = {0};
    enum err e = read_answer(&a, cases[i].body, &answer, &f);
    if (e != ERR_UPSTREAM_PROTOCOL || strcmp(f.field, cases[i].field) != 0)
      fail_msg("%.*s: got %s at \"%s\"", TEXT_ARGS(cases[i].body), err_name(e), f.field);
  }
  arena_done(&a);
}

static void answers_of_others_are_filled_up(void **state) {
  struct arena a;
  arena_init(&a);
  struct llm_answer answer = {.stop = LLM_STOP_CONTENT_FILTER, .service_tier = TEXT("flex")};
  expect_json(write_answer(&a, &answer, &echo),
              "{\"id\":\"msg_abc\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"asked-for\",\"content\":[],"
              "\"stop_reason\":\"refusal\",\"stop_sequence\":null,\"stop_details\":{\"type\":\"refusal\",\"category\":"
              "null,\"explanation\":\"a content filter intervened\"},\"usage\":{\"input_tokens\":77,"
              "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":0,"
              "\"output_tokens_details\":null,\"server_tool_use\":null,\"cache_creation\":{"
              "\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"service_tier\":null,"
              "\"inference_geo\":null,\"speed\":null},\"container\":null,\"diagnostics\":null}");
  arena_done(&a);
}

/* What a client is given of another vendor's reasoning, it can send back, and it is what it was. */
static void foreign_reasoning_is_sealed_and_comes_back(void **state) {
  struct llm_block blocks[] = {{.kind = LLM_THINKING,
                                .text = TEXT("sum"),
                                .format = TEXT(LLM_FORMAT_RESPONSES),
                                .id = TEXT("rs_1"),
                                .signature = TEXT("enc\"\\")},
                               {.kind = LLM_REDACTED_THINKING, .format = TEXT("google-v1"), .signature = TEXT("data")},
                               {.kind = LLM_THINKING, .text = TEXT("plain"), .format = TEXT(LLM_FORMAT_NONE)}};
  struct llm_answer answer = {.blocks = blocks, .block_count = 3};
  struct llm_echo unused;
  struct arena a;
  arena_init(&a);
  struct json *doc = raw_doc(&a, write_answer(&a, &answer, &echo));
  struct text content = json_value_text(json_get(doc->root, "content"), &a);
  const struct llm_request *rq = read_good(
      &a, &dialect_anthropic,
      arena_format(&a, "{\"messages\":[{\"role\":\"assistant\",\"content\":%.*s}]}", TEXT_ARGS(content)), &unused);
  for (size_t i = 0; i < 3; i++) {
    const struct llm_block *got = &rq->messages[0].blocks[i];
    assert_int_equal(got->kind, blocks[i].kind);
    EXPECT_TEXT(got->text, blocks[i].text);
    EXPECT_TEXT(got->format, blocks[i].format);
    EXPECT_TEXT(got->id, blocks[i].id);
    EXPECT_TEXT(got->signature, blocks[i].signature);
  }
  arena_done(&a);
}

static void reasoning_that_is_not_to_be_read_keeps_its_signature(void **state) {
  struct llm_block b = {
      .kind = LLM_THINKING, .text = TEXT("secret"), .format = TEXT(LLM_FORMAT_ANTHROPIC), .signature = TEXT("sig")};
  struct llm_answer answer = {.blocks = &b, .block_count = 1};
  const struct llm_echo silent = {.omit_thinking = true};
  struct arena a;
  arena_init(&a);
  struct text body = write_answer(&a, &answer, &silent);
  assert_true(text_find(body, TEXT("secret")) < 0);
  assert_true(text_find(body, TEXT("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"sig\"}")) > 0);
  arena_done(&a);
}

static void free_text_of_a_tool_is_an_object_with_one_member(void **state) {
  struct llm_block b = {
      .kind = LLM_TOOL_USE, .id = TEXT("i"), .name = TEXT("n"), .input = TEXT("a\nb"), .is_custom = true};
  struct llm_answer answer = {.blocks = &b, .block_count = 1};
  struct arena a;
  arena_init(&a);
  assert_true(text_find(write_answer(&a, &answer, &echo), TEXT("\"input\":{\"input\":\"a\\nb\"}")) > 0);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_of_the_newest_version_come_back_as_they_were),
      cmocka_unit_test(usage_is_read_by_class),
      cmocka_unit_test(what_has_no_counterpart_is_noted),
      cmocka_unit_test(content_that_is_not_understood_is_never_dropped),
      cmocka_unit_test(answers_of_others_are_filled_up),
      cmocka_unit_test(foreign_reasoning_is_sealed_and_comes_back),
      cmocka_unit_test(reasoning_that_is_not_to_be_read_keeps_its_signature),
      cmocka_unit_test(free_text_of_a_tool_is_an_object_with_one_member),
  };
  return RUN_TESTS(tests);
}
