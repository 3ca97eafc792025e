/* OpenRouter's errors, before and inside a stream. */
#include "sim/dialect.h"

#include "sim_test.h"

static struct arena arena;
static struct buf out;

static int fresh(void **state) {
  arena_init(&arena);
  buf_init(&out, 1 << 16);
  return 0;
}
static int done(void **state) {
  arena_done(&arena);
  buf_done(&out);
  return 0;
}

static void errors_have_code_message_and_metadata(void **state) {
  struct fault f = {.err = ERR_UPSTREAM_STATUS, .status = 503, .text = "down"};
  sim_openrouter.write_error(&out, &f, TEXT("r"), false);
  EXPECT_TEXT(buf_text(&out), TEXT("{\"error\":{\"message\":\"down\",\"code\":503,\"metadata\":{\"provider_name\":"
                                   "\"WeirSim\",\"raw\":\"down\"}},\"user_id\":\"user_weirsim\"}"));
  buf_reset(&out);
  f.status = 402;
  sim_openrouter.write_error(&out, &f, TEXT("r"), true);
  EXPECT_INSIDE(buf_text(&out), TEXT("\"message\":\"Insufficient credits."));
  assert_int_equal(sim_openrouter.usage_limit_status, 402);
}

static void errors_in_a_stream_are_chunks(void **state) {
  struct sim_answer answer = {.model = TEXT("m"), .id = TEXT("x")};
  struct sim_cursor c = {0};
  sim_openrouter.write_stream_error(&out, &answer, &c, BEHAVIOUR_BREAK_THROTTLE);
  struct text chunk = buf_text(&out);
  assert_true(text_starts(chunk, TEXT("data: ")));
  expect_json(text_trim(text_head(text_skip(chunk, 6), chunk.len - 8)));
  EXPECT_INSIDE(chunk, TEXT("\"error\":{\"code\":429,"));
  EXPECT_INSIDE(chunk, TEXT("\"finish_reason\":\"error\""));
}

static void a_limited_answer_says_when_to_come_back(void **state) {
  struct sim_headers h = {0};
  sim_openrouter.add_headers(&h, &(struct sim_outcome){.status = 429, .request_id = TEXT("r")});
  EXPECT_TEXT(h.at[1].name, TEXT("retry-after"));
  h.count = 0;
  sim_openrouter.add_headers(&h, &(struct sim_outcome){.status = 200, .request_id = TEXT("r")});
  assert_int_equal(h.count, 1);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(errors_have_code_message_and_metadata),
      CASE(errors_in_a_stream_are_chunks),
      CASE(a_limited_answer_says_when_to_come_back),
  };
  return RUN_TESTS(tests);
}
