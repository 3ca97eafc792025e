/* Errors and headers that all dialects of OpenAI share. */
#include "sim/openai.h"

#include "sim_test.h"

static struct buf out;

static int fresh(void **state) {
  buf_init(&out, 1 << 16);
  return 0;
}
static int done(void **state) {
  buf_done(&out);
  return 0;
}

static void errors_have_message_type_param_and_code(void **state) {
  struct fault f = {.err = ERR_BAD_REQUEST, .field = "messages", .text = "Missing required parameter: 'messages'."};
  sim_openai_write_error(&out, &f, TEXT("req_1"), false);
  EXPECT_TEXT(
      buf_text(&out),
      TEXT("{\"error\":{\"message\":\"Missing required parameter: 'messages'.\",\"type\":\"invalid_request_error\","
           "\"param\":\"messages\",\"code\":\"missing_required_parameter\"}}"));
  buf_reset(&out);
  f = (struct fault){.err = ERR_UPSTREAM_STATUS, .status = 429};
  sim_openai_write_error(&out, &f, TEXT("req_1"), true);
  EXPECT_INSIDE(buf_text(&out), TEXT("\"code\":\"insufficient_quota\""));
}

static void codes_follow_the_words(void **state) {
  static const char *const rows[][2] = {{"Unknown parameter: 'x'.", "unknown_parameter"},
                                        {"Invalid value: 'x'.", "invalid_value"},
                                        {"Previous response with id 'x' not found.", "previous_response_not_found"},
                                        {"The encrypted content x could not", "invalid_encrypted_content"}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct fault f = {0};
    (void)fault_set(&f, ERR_BAD_REQUEST, NULL, "%s", rows[i][0]);
    buf_reset(&out);
    sim_openai_write_error(&out, &f, TEXT("r"), false);
    EXPECT_INSIDE(buf_text(&out), text_of(rows[i][1]));
  }
}

static void stream_errors_have_a_type(void **state) {
  sim_openai_write_stream_error(&out, NULL, NULL, BEHAVIOUR_BREAK_ERROR);
  EXPECT_INSIDE(buf_text(&out), TEXT("data: {\"error\":{\"message\":\"The server had an error"));
  sim_openai_write_stream_error(&out, NULL, NULL, BEHAVIOUR_BREAK_THROTTLE);
  EXPECT_INSIDE(buf_text(&out), TEXT("\"type\":\"rate_limit_exceeded\""));
}

static void a_limited_answer_says_when_to_come_back(void **state) {
  struct sim_headers h = {0};
  sim_openai_add_headers(&h, &(struct sim_outcome){.status = 429, .request_id = TEXT("r1")});
  EXPECT_TEXT(h.at[0].value, TEXT("r1"));
  for (size_t i = 0; i < h.count; i++) {
    if (text_equal(h.at[i].name, TEXT("retry-after")))
      return;
  }
  fail_msg("no retry-after");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(errors_have_message_type_param_and_code),
      CASE(codes_follow_the_words),
      CASE(stream_errors_have_a_type),
      CASE(a_limited_answer_says_when_to_come_back),
  };
  return RUN_TESTS(tests);
}
