/* Errors of the Bedrock runtime: types, bodies, exception frames. */
#include "wire/bedrock_error.h"

#include "aws/eventstream.h"

#include "wire_test.h"

static void every_error_of_ours_has_a_type_that_bedrock_knows(void **state) {
  const struct {
    enum err err;
    const char *type;
  } cases[] = {
      {ERR_BAD_REQUEST, "ValidationException"},        {ERR_UNSUPPORTED, "ValidationException"},
      {ERR_TOO_LARGE, "ValidationException"},          {ERR_UNAUTHENTICATED, "UnrecognizedClientException"},
      {ERR_FORBIDDEN, "AccessDeniedException"},        {ERR_NOT_FOUND, "ResourceNotFoundException"},
      {ERR_RATE_LIMITED, "ThrottlingException"},       {ERR_BUDGET_EXHAUSTED, "ThrottlingException"},
      {ERR_INTERNAL, "InternalServerException"},       {ERR_UPSTREAM_PROTOCOL, "InternalServerException"},
      {ERR_OVERLOADED, "ServiceUnavailableException"}, {ERR_DRAINING, "ServiceUnavailableException"},
      {ERR_UPSTREAM_TIMEOUT, "ModelTimeoutException"}, {ERR_REQUEST_TIMEOUT, "ModelTimeoutException"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    assert_string_equal(bedrock_error_type(&(struct fault){.err = cases[i].err}), cases[i].type);
}

static void the_status_of_an_upstream_decides_its_type(void **state) {
  const struct {
    int status;
    const char *type;
  } cases[] = {
      {400, "ValidationException"},         {402, "ValidationException"},     {403, "AccessDeniedException"},
      {404, "ResourceNotFoundException"},   {408, "ModelTimeoutException"},   {422, "ValidationException"},
      {429, "ThrottlingException"},         {500, "InternalServerException"}, {502, "InternalServerException"},
      {503, "ServiceUnavailableException"}, {504, "ModelTimeoutException"},   {529, "ServiceUnavailableException"},
      {599, "InternalServerException"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct fault f = {.err = ERR_UPSTREAM_STATUS, .status = cases[i].status};
    assert_string_equal(bedrock_error_type(&f), cases[i].type);
  }
}

static void types_are_read_from_headers_and_from_streams(void **state) {
  assert_int_equal(bedrock_error_status(TEXT("ThrottlingException")), 429);
  assert_int_equal(bedrock_error_status(TEXT("throttlingException")), 429);
  assert_int_equal(bedrock_error_status(TEXT("ValidationException:http://internal.amazon.com/coral/")), 400);
  assert_int_equal(bedrock_error_status(TEXT("ServiceQuotaExceededException")), 429);
  assert_int_equal(bedrock_error_status(TEXT("SomethingNew")), 500);
  assert_int_equal(bedrock_error_status(TEXT_NONE), 500);
  assert_true(bedrock_error_is_exception(TEXT("modelStreamErrorException")));
  assert_false(bedrock_error_is_exception(TEXT("chunk")));
  assert_false(bedrock_error_is_exception(TEXT_NONE));
}

static void a_body_is_a_message_and_says_it(void **state) {
  struct buf b;
  buf_init(&b, 4096);
  bedrock_error_write(&b, &(struct fault){.err = ERR_BAD_REQUEST, .text = "max_tokens: \"x\""}, TEXT("id"));
  expect_json(buf_text(&b), "{\"message\":\"max_tokens: \\\"x\\\"\"}");
  assert_true(bedrock_error_is(buf_text(&b)));
  buf_done(&b);
}

static void only_bodies_of_bedrock_are_taken_for_its_errors(void **state) {
  struct arena a;
  arena_init(&a);
  assert_true(bedrock_error_is(TEXT("{\"message\":\"no\"}")));
  assert_true(bedrock_error_is(TEXT("{\"Message\":\"no\"}")));
  assert_true(bedrock_error_is(TEXT("{\"message\":\"no\",\"originalStatusCode\":500,\"__type\":\"X\"}")));
  assert_false(bedrock_error_is(TEXT("{\"message\":\"\"}")));
  assert_false(bedrock_error_is(TEXT("{\"message\":{}}")));
  assert_false(bedrock_error_is(TEXT("{\"message\":\"no\",\"object\":\"error\"}")));
  assert_false(bedrock_error_is(TEXT("{\"type\":\"error\",\"error\":{\"message\":\"no\"}}")));
  assert_false(bedrock_error_is(TEXT("<html>")));
  EXPECT_TEXT(bedrock_error_message(TEXT("{\"Message\":\"why not\"}"), &a), TEXT("why not"));
  EXPECT_TEXT(bedrock_error_message(TEXT("{\"error\":{\"message\":\"other\"}}"), &a), TEXT("other"));
  EXPECT_TEXT(bedrock_error_message(TEXT("nothing"), &a), TEXT_NONE);
  arena_done(&a);
}

/* Writes the fault as a frame, reads the frame, and the exception in it. */
static void through_a_frame(const struct fault *f, const char *type, struct fault *out) {
  struct buf b;
  struct fault why = {0};
  enum err e = ERR_OK;
  struct eventstream_message m = {0};
  buf_init(&b, 4096);
  bedrock_error_write_frame(&b, f, TEXT("id"));
  struct text left = buf_text(&b);
  assert_true(eventstream_next(&left, 4096, &m, &e, &why));
  assert_int_equal(left.len, 0);
  EXPECT_TEXT(m.message_type, TEXT("exception"));
  EXPECT_TEXT(m.exception_type, text_of(type));
  assert_true(bedrock_error_is_exception(m.exception_type));
  bedrock_error_read(m.exception_type, m.payload, out);
  buf_done(&b);
}

static void a_broken_stream_is_an_exception_frame_that_reads_back(void **state) {
  static const struct {
    struct fault fault;
    const char *type;
    enum err err;
    int status;
  } cases[] = {
      {{.err = ERR_UPSTREAM_CUT}, "modelStreamErrorException", ERR_UPSTREAM_SERVER, 502},
      {{.err = ERR_UPSTREAM_TIMEOUT}, "modelStreamErrorException", ERR_UPSTREAM_TIMEOUT, 504},
      {{.err = ERR_UPSTREAM_RATE}, "throttlingException", ERR_UPSTREAM_RATE, 429},
      {{.err = ERR_INTERNAL}, "internalServerException", ERR_UPSTREAM_SERVER, 500},
      {{.err = ERR_DRAINING}, "serviceUnavailableException", ERR_UPSTREAM_SERVER, 503},
      {{.err = ERR_UPSTREAM_STATUS, .status = 400, .text = "bad"}, "validationException", ERR_UPSTREAM_STATUS, 400},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct fault got = {0};
    through_a_frame(&cases[i].fault, cases[i].type, &got);
    assert_int_equal(got.err, cases[i].err);
    assert_int_equal(got.status, cases[i].status);
    assert_string_equal(got.text, fault_text(&cases[i].fault));
  }
}

static void exceptions_without_a_readable_payload_keep_their_type(void **state) {
  struct fault f = {0};
  bedrock_error_read(TEXT("throttlingException"), TEXT("not json"), &f);
  assert_int_equal(f.err, ERR_UPSTREAM_RATE);
  assert_string_equal(fault_text(&f), err_text(ERR_UPSTREAM_RATE));
  assert_string_equal(f.names, "throttlingException");
  bedrock_error_read(TEXT("serviceQuotaExceededException"), TEXT("{\"message\":\"quota\"}"), &f);
  assert_int_equal(f.err, ERR_UPSTREAM_USAGE);
  bedrock_error_read(TEXT("modelStreamErrorException"), TEXT("{\"message\":\"m\",\"originalStatusCode\":7}"), &f);
  assert_int_equal(f.status, 502);
  assert_string_equal(f.names, "modelStreamErrorException");
}

static void the_models_own_status_says_more_than_that_its_stream_failed(void **state) {
  struct fault f = {0};
  bedrock_error_read(TEXT("modelStreamErrorException"), TEXT("{\"message\":\"m\",\"originalStatusCode\":404}"), &f);
  assert_int_equal(f.status, 404);
  assert_int_equal(f.err, ERR_UPSTREAM_STATUS);
  assert_string_equal(f.names, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_error_of_ours_has_a_type_that_bedrock_knows),
      cmocka_unit_test(the_status_of_an_upstream_decides_its_type),
      cmocka_unit_test(types_are_read_from_headers_and_from_streams),
      cmocka_unit_test(a_body_is_a_message_and_says_it),
      cmocka_unit_test(only_bodies_of_bedrock_are_taken_for_its_errors),
      cmocka_unit_test(a_broken_stream_is_an_exception_frame_that_reads_back),
      cmocka_unit_test(exceptions_without_a_readable_payload_keep_their_type),
      cmocka_unit_test(the_models_own_status_says_more_than_that_its_stream_failed),
  };
  return RUN_TESTS(tests);
}
