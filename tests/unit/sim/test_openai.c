/* Answers, streams and errors of the OpenAI dialect, and when they tell the usage. */
#include "sim/openai.h"

#include "sim_test.h"

static struct arena arena;
static struct sim_ask ask;
static struct sim_answer answer;
static struct buf out;

static int fresh(void **state) {
  arena_init(&arena);
  buf_init(&out, 1 << 20);
  ask = (struct sim_ask){.model = TEXT("sim-text"), .said = TEXT("hi"), .digest = {1, 40}};
  return 0;
}
static int done(void **state) {
  buf_done(&out);
  arena_done(&arena);
  return 0;
}

static struct text stream(void) {
  struct sim_cursor cursor = {0};
  answer_plan(&ask, 1, NULL, &arena, &answer);
  while (sim_openai.write_event(&out, &answer, &cursor)) {
  }
  assert_int_equal(buf_check(&out), ERR_OK);
  return buf_text(&out);
}

static size_t count(struct text t, struct text part) {
  size_t n = 0;
  for (ptrdiff_t at; (at = text_find(t, part)) >= 0; n++)
    t = text_skip(t, (size_t)at + part.len);
  return n;
}

static void a_plain_answer_has_the_members_of_a_completion(void **state) {
  answer_plan(&ask, 1, NULL, &arena, &answer);
  sim_openai.write_plain(&out, &answer, &arena);
  expect_json(buf_text(&out));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"object\":\"chat.completion\",\"created\":1767225600,"));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,"));
}

static void a_stream_without_the_option_never_mentions_usage(void **state) {
  struct text all = stream();
  assert_int_equal(count(all, TEXT("usage")), 0);
  assert_true(text_ends(all, TEXT("\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")));
  assert_int_equal(count(all, TEXT("\"role\":\"assistant\"")), 1);
  assert_int_equal(count(all, answer.id), count(all, TEXT("data: {")));
}

static void a_stream_with_the_option_ends_with_one_usage_chunk(void **state) {
  ask.include_usage = true;
  struct text all = stream();
  assert_int_equal(count(all, TEXT("\"usage\":{")), 1);
  assert_int_equal(count(all, TEXT("\"usage\":null")), count(all, TEXT("data: {")) - 1);
  EXPECT_INSIDE(all, TEXT("\"choices\":[],\"usage\":{\"prompt_tokens\":10,"));
}

static void tool_calls_have_index_id_and_name_once(void **state) {
  ask.behaviour.tools = true;
  ask.tool[0] = (struct sim_tool){TEXT("weather"), NULL};
  ask.tool_count = 1;
  struct text all = stream();
  assert_int_equal(count(all, TEXT("\"id\":\"call_")), 2);
  assert_int_equal(count(all, TEXT("\"name\":\"weather\"")), 2);
  EXPECT_INSIDE(all, TEXT("\"tool_calls\":[{\"index\":1,\"id\":\"call_"));
  EXPECT_INSIDE(all, TEXT("\"role\":\"assistant\",\"content\":null"));
  EXPECT_INSIDE(all, TEXT("\"finish_reason\":\"tool_calls\""));
  buf_reset(&out);
  sim_openai.write_plain(&out, &answer, &arena);
  expect_json(buf_text(&out));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"content\":null,\"tool_calls\":[{"));
}

static void thinking_shows_only_as_reasoning_tokens(void **state) {
  ask.thinks = true;
  answer_plan(&ask, 1, NULL, &arena, &answer);
  sim_openai.write_plain(&out, &answer, &arena);
  assert_true(text_find(buf_text(&out), TEXT("pretends to think")) < 0);
  assert_true(text_find(buf_text(&out), TEXT("\"reasoning_tokens\":0")) < 0);
}

static void cached_tokens_are_part_of_the_prompt(void **state) {
  ask.behaviour.cache = true;
  answer_plan(&ask, 1, NULL, &arena, &answer);
  sim_openai.write_plain(&out, &answer, &arena);
  EXPECT_INSIDE(buf_text(&out), TEXT("\"prompt_tokens\":2350,"));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"cached_tokens\":2000"));
}

static void errors_have_message_type_param_and_code(void **state) {
  struct fault f = {.err = ERR_BAD_REQUEST, .field = "messages", .text = "Missing required parameter: 'messages'."};
  sim_openai.write_error(&out, &f, TEXT("req_1"), false);
  EXPECT_TEXT(
      buf_text(&out),
      TEXT("{\"error\":{\"message\":\"Missing required parameter: 'messages'.\",\"type\":\"invalid_request_error\","
           "\"param\":\"messages\",\"code\":\"missing_required_parameter\"}}"));
  buf_reset(&out);
  f = (struct fault){.err = ERR_UPSTREAM_STATUS, .status = 429};
  sim_openai.write_error(&out, &f, TEXT("req_1"), true);
  EXPECT_INSIDE(buf_text(&out), TEXT("\"code\":\"insufficient_quota\""));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(a_plain_answer_has_the_members_of_a_completion),
      CASE(a_stream_without_the_option_never_mentions_usage),
      CASE(a_stream_with_the_option_ends_with_one_usage_chunk),
      CASE(tool_calls_have_index_id_and_name_once),
      CASE(thinking_shows_only_as_reasoning_tokens),
      CASE(cached_tokens_are_part_of_the_prompt),
      CASE(errors_have_message_type_param_and_code),
  };
  return RUN_TESTS(tests);
}
