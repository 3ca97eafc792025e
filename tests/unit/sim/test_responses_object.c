/* The response object in its states, and the items in it. */
#include "sim/responses_object.h"

#include "sim_test.h"

static struct arena arena;
static struct buf out;
static struct sim_ask ask;
static struct sim_answer answer;

static int fresh(void **state) {
  arena_init(&arena);
  buf_init(&out, 1 << 20);
  ask = (struct sim_ask){.model = TEXT("m"), .said = TEXT("hello"), .digest = {1, 40}, .echo = TEXT("\"tools\":[]}")};
  return 0;
}
static int done(void **state) {
  arena_done(&arena);
  buf_done(&out);
  return 0;
}

static struct text object(enum responses_state s) {
  answer_plan(&ask, 1, NULL, &arena, &answer);
  buf_reset(&out);
  sim_responses_put_object(&out, &answer, s);
  expect_json(buf_text(&out));
  return buf_text(&out);
}

static void states_differ_in_status_output_and_usage(void **state) {
  struct text t = object(RESPONSES_BEGUN);
  EXPECT_INSIDE(t, TEXT("\"status\":\"in_progress\""));
  EXPECT_INSIDE(t, TEXT("\"output\":[],\"usage\":null"));
  t = object(RESPONSES_ENDED);
  EXPECT_INSIDE(t, TEXT("\"status\":\"completed\""));
  EXPECT_INSIDE(t, TEXT("\"usage\":{\"input_tokens\":10,\"input_tokens_details\":{\"cached_tokens\":0,"
                        "\"cache_write_tokens\":0},\"output_tokens\":15,\"output_tokens_details\":{"
                        "\"reasoning_tokens\":0},\"total_tokens\":25},\"tools\":[]}"));
  t = object(RESPONSES_FAILED);
  EXPECT_INSIDE(t, TEXT("\"status\":\"failed\",\"background\":false,\"error\":{\"code\":\"server_error\""));
}

static void an_answer_cut_short_is_incomplete(void **state) {
  ask.max_tokens = 3;
  EXPECT_INSIDE(object(RESPONSES_ENDED), TEXT("\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"));
  assert_string_equal(responses_status(&answer), "incomplete");
  ask.max_tokens = 0;
  ask.behaviour.filter = true;
  EXPECT_INSIDE(object(RESPONSES_ENDED), TEXT("\"incomplete_details\":{\"reason\":\"content_filter\"}"));
}

static void refusals_are_parts(void **state) {
  ask.behaviour.refuse = true;
  EXPECT_INSIDE(object(RESPONSES_ENDED), TEXT("\"content\":[{\"type\":\"refusal\",\"refusal\":\"This is"));
}

static void reasoning_is_sealed_only_when_asked(void **state) {
  ask.thinks = true;
  assert_true(text_find(object(RESPONSES_ENDED), TEXT("encrypted_content")) < 0);
  EXPECT_INSIDE(buf_text(&out),
                TEXT("\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"weir-sim"));
  ask.wants_sealed = true;
  struct text t = object(RESPONSES_ENDED), plain, before = TEXT("\"encrypted_content\":\"");
  t = text_skip(t, (size_t)text_find(t, before) + before.len);
  assert_true(digest_unseal(&arena, text_head(t, (size_t)text_find_char(t, '"')), &plain));
  ask.thinks = false;
  ask.behaviour.redacted = true;
  EXPECT_INSIDE(object(RESPONSES_ENDED), TEXT("\"summary\":[],\"encrypted_content\":"));
}

static void calls_have_two_ids(void **state) {
  ask.behaviour.tools = true;
  ask.tool[0] = (struct sim_tool){TEXT("w"), NULL, false};
  ask.tool[1] = (struct sim_tool){TEXT("c"), NULL, true};
  ask.tool_count = 2;
  struct text t = object(RESPONSES_ENDED);
  EXPECT_INSIDE(t, TEXT("{\"id\":\"fc_"));
  EXPECT_INSIDE(t, TEXT("\"arguments\":\"{}\",\"call_id\":\"call_"));
  EXPECT_INSIDE(t, TEXT("{\"id\":\"ctc_"));
  EXPECT_INSIDE(t, TEXT("\"type\":\"custom_tool_call\",\"status\":\"completed\",\"input\":\"a simulated"));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(states_differ_in_status_output_and_usage),
      CASE(an_answer_cut_short_is_incomplete),
      CASE(refusals_are_parts),
      CASE(reasoning_is_sealed_only_when_asked),
      CASE(calls_have_two_ids),
  };
  return RUN_TESTS(tests);
}
