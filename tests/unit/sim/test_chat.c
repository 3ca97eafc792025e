/* Chat completions, plain and streamed, of each service, and when they tell the usage. */
#include "sim/chat.h"

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

static struct text stream_of(enum chat_flavour flavour) {
  struct sim_cursor cursor = {0};
  answer_plan(&ask, 1, NULL, &arena, &answer);
  buf_reset(&out);
  while (chat_write_event(&out, &answer, &cursor, flavour)) {
  }
  assert_int_equal(buf_check(&out), ERR_OK);
  return buf_text(&out);
}

static struct text stream(void) { return stream_of(CHAT_OPENAI); }

static struct text plain_of(enum chat_flavour flavour) {
  answer_plan(&ask, 1, NULL, &arena, &answer);
  buf_reset(&out);
  chat_write_plain(&out, &answer, flavour);
  expect_json(buf_text(&out));
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
  chat_write_plain(&out, &answer, CHAT_OPENAI);
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
  chat_write_plain(&out, &answer, CHAT_OPENAI);
  expect_json(buf_text(&out));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"content\":null,\"tool_calls\":[{"));
}

static void cached_tokens_are_part_of_the_prompt(void **state) {
  ask.behaviour.cache = true;
  answer_plan(&ask, 1, NULL, &arena, &answer);
  chat_write_plain(&out, &answer, CHAT_OPENAI);
  EXPECT_INSIDE(buf_text(&out), TEXT("\"prompt_tokens\":2350,"));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"cached_tokens\":2000"));
}

static void refusals_have_a_member_of_their_own(void **state) {
  ask.behaviour.refuse = true;
  EXPECT_INSIDE(plain_of(CHAT_OPENAI), TEXT("\"content\":null,\"refusal\":\"This is a simulated refusal"));
  struct text all = stream();
  EXPECT_INSIDE(all, TEXT("\"delta\":{\"refusal\":\"This is a simu\"}"));
  EXPECT_INSIDE(all, TEXT("\"role\":\"assistant\",\"content\":null"));
}

static void finish_reasons_have_their_names(void **state) {
  ask.behaviour.filter = true;
  EXPECT_INSIDE(plain_of(CHAT_OPENAI), TEXT("\"finish_reason\":\"content_filter\""));
  EXPECT_INSIDE(plain_of(CHAT_OPENROUTER), TEXT("\"native_finish_reason\":\"refusal\""));
  ask.behaviour.filter = false;
  ask.max_tokens = 3;
  EXPECT_INSIDE(plain_of(CHAT_OPENAI), TEXT("\"finish_reason\":\"length\""));
}

static void custom_calls_stream_their_input(void **state) {
  ask.behaviour.tools = ask.one_tool_only = true;
  ask.tool[0] = (struct sim_tool){TEXT("sh"), NULL, true};
  ask.tool_count = 1;
  struct text all = stream();
  EXPECT_INSIDE(all, TEXT("\"type\":\"custom\",\"custom\":{\"name\":\"sh\",\"input\":\"\"}}]"));
  EXPECT_INSIDE(all, TEXT("\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"a simulated"));
}

static void azure_tells_what_its_filters_think(void **state) {
  EXPECT_INSIDE(plain_of(CHAT_AZURE), TEXT("\"prompt_filter_results\":[{\"prompt_index\":0,"));
  struct text all = stream_of(CHAT_AZURE);
  assert_true(text_starts(all, TEXT("data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\"")));
  assert_int_equal(count(all, TEXT("prompt_filter_results")), 1);
}

static void openrouter_comments_names_the_provider_and_tells_the_cost(void **state) {
  EXPECT_INSIDE(plain_of(CHAT_OPENROUTER), TEXT("\"provider\":\"WeirSim\""));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"cost\":0."));
  ask.include_usage = true;
  struct text all = stream_of(CHAT_OPENROUTER);
  assert_true(text_starts(all, TEXT(": OPENROUTER PROCESSING\n\ndata: {\"id\":\"gen-")));
  assert_true(count(all, TEXT(": OPENROUTER PROCESSING\n\n")) > 1);
  assert_int_equal(count(all, TEXT("\"usage\":{")), 1);
  EXPECT_INSIDE(all, TEXT("\"native_finish_reason\":\"end_turn\""));
  assert_true(text_ends(all, TEXT("data: [DONE]\n\n")));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(a_plain_answer_has_the_members_of_a_completion),
      CASE(a_stream_without_the_option_never_mentions_usage),
      CASE(a_stream_with_the_option_ends_with_one_usage_chunk),
      CASE(tool_calls_have_index_id_and_name_once),
      CASE(cached_tokens_are_part_of_the_prompt),
      CASE(refusals_have_a_member_of_their_own),
      CASE(finish_reasons_have_their_names),
      CASE(custom_calls_stream_their_input),
      CASE(azure_tells_what_its_filters_think),
      CASE(openrouter_comments_names_the_provider_and_tells_the_cost),
  };
  return RUN_TESTS(tests);
}
