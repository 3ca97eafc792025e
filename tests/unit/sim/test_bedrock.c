/* Exceptions, headers and frames of Bedrock, and invocations with Anthropic bodies. */
#include "sim/bedrock.h"

#include "bedrock_test.h"

static struct fault fault;

static void exceptions_have_the_names_of_their_status(void **state) {
  static const struct {
    int status;
    const char *name;
  } rows[] = {{400, "ValidationException"},     {403, "AccessDeniedException"},      {404, "ResourceNotFoundException"},
              {408, "ModelTimeoutException"},   {424, "ModelErrorException"},        {429, "ThrottlingException"},
              {500, "InternalServerException"}, {503, "ServiceUnavailableException"}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct fault f = {.err = ERR_UPSTREAM_STATUS, .status = rows[i].status};
    assert_string_equal(bedrock_error_name(&f), rows[i].name);
  }
  struct fault f = {.err = ERR_FORBIDDEN, .field = "InvalidSignatureException"};
  assert_string_equal(bedrock_error_name(&f), "InvalidSignatureException");
}

static void errors_are_a_message_and_a_header(void **state) {
  struct fault f = {.err = ERR_BAD_REQUEST, .text = "no"};
  struct sim_headers h = {0};
  bedrock_write_error(&out, &f, TEXT("r"), false);
  EXPECT_TEXT(buf_text(&out), TEXT("{\"message\":\"no\"}"));
  bedrock_add_headers(&h, &(struct sim_outcome){400, TEXT("r1"), &f, NULL, &arena});
  EXPECT_TEXT(h.at[0].name, TEXT("x-amzn-requestid"));
  EXPECT_TEXT(h.at[0].value, TEXT("r1"));
  EXPECT_TEXT(h.at[1].name, TEXT("x-amzn-errortype"));
  EXPECT_INSIDE(h.at[1].value, TEXT("ValidationException:"));
}

static struct text exception_of(enum behaviour_break by) {
  struct sim_cursor cursor = {0};
  struct eventstream_message m;
  enum err e;
  buf_reset(&out);
  bedrock_write_stream_error(&out, &answer, &cursor, by);
  struct text left = buf_text(&out);
  assert_true(eventstream_next(&left, 10000, &m, &e, NULL));
  EXPECT_TEXT(m.message_type, TEXT("exception"));
  expect_json(m.payload);
  return m.exception_type;
}

static void stream_errors_are_exception_frames(void **state) {
  EXPECT_TEXT(exception_of(BEHAVIOUR_BREAK_ERROR), TEXT("modelStreamErrorException"));
  EXPECT_TEXT(exception_of(BEHAVIOUR_BREAK_THROTTLE), TEXT("throttlingException"));
  EXPECT_TEXT(exception_of(BEHAVIOUR_BREAK_INTERNAL), TEXT("internalServerException"));
  EXPECT_TEXT(exception_of(BEHAVIOUR_BREAK_INVALID), TEXT("validationException"));
  EXPECT_TEXT(exception_of(BEHAVIOUR_BREAK_UNAVAILABLE), TEXT("serviceUnavailableException"));
}

static enum err invoke(const char *model, const char *quoted) {
  struct json doc = test_json(&arena, quoted);
  const struct sim_input in = {.doc = &doc, .arena = &arena, .model = text_of(model), .stream = true};
  fault = (struct fault){0};
  enum err e = sim_invoke.read(&in, &ask, &fault);
  json_done(&doc);
  return e;
}

static void refuses(const char *model, const char *quoted, const char *words) {
  assert_int_equal(invoke(model, quoted), ERR_BAD_REQUEST);
  EXPECT_INSIDE(text_of(fault.text), text_of(words));
}

#define BODY "'max_tokens':9,'messages':[{'role':'user','content':'hi'}]"
#define ID   "us.anthropic.sim-tools-v1:0"

static void invocations_are_anthropic_bodies_without_model_and_stream(void **state) {
  assert_int_equal(invoke(ID, "{'anthropic_version':'bedrock-2023-05-31'," BODY "}"), ERR_OK);
  EXPECT_TEXT(ask.model, TEXT(ID));
  assert_true(ask.stream && ask.behaviour.tools);
  assert_false(ask.is_modern);
  assert_int_equal(invoke(ID, "{'anthropic_version':'2026-10-21'," BODY "}"), ERR_OK);
  assert_true(ask.is_modern);
  refuses(ID, "{" BODY "}", "anthropic_version: Field required");
  refuses(ID, "{'anthropic_version':'2020-01-01'," BODY "}", "anthropic_version: Input should be");
  refuses(ID, "{'anthropic_version':'bedrock-2023-05-31','model':'m'," BODY "}", "model: Extra inputs");
  refuses(ID, "{'anthropic_version':'bedrock-2023-05-31','stream':true," BODY "}", "stream: Extra inputs");
  refuses(ID, "{'anthropic_version':'bedrock-2023-05-31','messages':[{'role':'user','content':'hi'}]}",
          "max_tokens: Field required");
  refuses("amazon.nova-lite-v1:0", "{'anthropic_version':'bedrock-2023-05-31'," BODY "}", "only models of anthropic");
}

static void events_travel_as_base64_in_chunks(void **state) {
  struct text all = test_stream(&sim_invoke), line, rest = all;
  struct buf plain;
  buf_init(&plain, 1 << 20);
  while (text_cut(rest, '\n', &line, &rest)) {
    struct text json, before = TEXT("chunk {\"bytes\":\"");
    assert_true(text_starts(line, before));
    line = text_skip(line, before.len);
    assert_true(digest_base64_decode(&arena, text_head(line, line.len - 2), &json));
    expect_json(json);
    buf_add(&plain, json);
  }
  EXPECT_INSIDE(buf_text(&plain), TEXT("{\"type\":\"message_start\""));
  assert_true(text_find(buf_text(&plain), TEXT("\"ping\"")) < 0);
  assert_true(text_ends(buf_text(&plain), TEXT("{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":{"
                                               "\"inputTokenCount\":10,\"outputTokenCount\":15,\"invocationLatency\":7,"
                                               "\"firstByteLatency\":7,\"cacheReadInputTokenCount\":0,"
                                               "\"cacheWriteInputTokenCount\":0}}")));
  buf_done(&plain);
}

static void counts_are_headers_too(void **state) {
  struct sim_headers h = {0};
  answer_plan(&ask, 1, NULL, &arena, &answer);
  sim_invoke.add_headers(&h, &(struct sim_outcome){200, TEXT("r"), NULL, &answer, &arena});
  for (size_t i = 0; i < h.count; i++) {
    if (text_equal(h.at[i].name, TEXT("x-amzn-bedrock-input-token-count"))) {
      EXPECT_TEXT(h.at[i].value, TEXT("10"));
      return;
    }
  }
  fail_msg("no header with the count");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(exceptions_have_the_names_of_their_status), CASE(errors_are_a_message_and_a_header),
      CASE(stream_errors_are_exception_frames),        CASE(invocations_are_anthropic_bodies_without_model_and_stream),
      CASE(events_travel_as_base64_in_chunks),         CASE(counts_are_headers_too),
  };
  return RUN_TESTS(tests);
}
