/* The Bedrock adapter: paths, both ways of authorisation, and what its exceptions mean. */
#include "provider/table.h"

#include "aws/sigv4.h"
#include "classes.h"
#include "provider_test.h"

#define MODEL TEXT("us.anthropic.claude-v1:0")

static const struct text body[] = {{"{\"a\"", 4}, {":1}", 3}};
static const struct aws_credentials keys = {.access_key_id = {"AKIDEXAMPLE", 11},
                                            .secret_access_key = {"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40},
                                            .session_token = {"SESSION", 7}};

static struct provider_call call(enum provider_operation op, bool stream) {
  return (struct provider_call){.operation = op,
                                .stream = stream,
                                .model = MODEL,
                                .host = TEXT("bedrock-runtime.us-east-1.amazonaws.com"),
                                .region = TEXT("us-east-1"),
                                .now_s = 1440938160,
                                .body = body,
                                .body_pieces = 2,
                                .aws = &keys};
}

static void each_operation_has_its_path_and_its_accept(void **state) {
  static const struct {
    enum provider_operation op;
    bool stream;
    const char *action, *accept;
  } cases[] = {{PROVIDER_INVOKE, false, "invoke", "application/json"},
               {PROVIDER_INVOKE, true, "invoke-with-response-stream", "application/vnd.amazon.eventstream"},
               {PROVIDER_CONVERSE, false, "converse", "application/json"},
               {PROVIDER_CONVERSE, true, "converse-stream", "application/vnd.amazon.eventstream"},
               {PROVIDER_COUNT_BEDROCK, true, "count-tokens", "application/json"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a = {0};
    struct provider_call c = call(cases[i].op, cases[i].stream);
    c.base_path = TEXT("/base");
    c.query = TEXT("beta=true");
    struct provider_target t = address_ok(&provider_bedrock, c, &a);
    EXPECT_TEXT(t.path, arena_format(&a, "/base/model/us.anthropic.claude-v1%%3A0/%s", cases[i].action));
    EXPECT_TEXT(header_of(&t, "accept"), text_of(cases[i].accept));
    EXPECT_TEXT(header_of(&t, "content-type"), TEXT("application/json"));
    assert_true(provider_bedrock.serves(cases[i].op));
    arena_done(&a);
  }
}

static void other_operations_are_not_served(void **state) {
  static const enum provider_operation ops[] = {PROVIDER_MESSAGES,  PROVIDER_COUNT_TOKENS, PROVIDER_CHAT,
                                                PROVIDER_RESPONSES, PROVIDER_EMBEDDINGS,   PROVIDER_RAW};
  for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
    struct arena a = {0};
    struct provider_call c = call(ops[i], false);
    struct provider_target t;
    assert_false(provider_bedrock.serves(ops[i]));
    assert_int_equal(provider_bedrock.address(&c, &a, &t, NULL), ERR_UNSUPPORTED);
    arena_done(&a);
  }
}

/* Checked by the code that checks clients' signatures, as the request would arrive. */
static void access_keys_sign_the_request_as_it_is_sent(void **state) {
  struct arena a = {0};
  struct provider_call c = call(PROVIDER_CONVERSE, true);
  struct provider_target t = address_ok(&provider_bedrock, c, &a);
  struct sigv4_header headers[PROVIDER_MAX_HEADERS + 1] = {{TEXT("Host"), c.host}};
  struct sigv4_request rq = {TEXT("POST"), t.path, TEXT_NONE, headers, 1, body, 2};
  struct sigv4_claim claim;
  struct fault f = {0};
  for (size_t i = 0; i < t.header_count; i++)
    headers[rq.header_count++] = (struct sigv4_header){t.headers[i].name, t.headers[i].value};
  EXPECT_TEXT(header_of(&t, "x-amz-security-token"), TEXT("SESSION"));
  EXPECT_TEXT(header_of(&t, "x-amz-date"), TEXT("20150830T123600Z"));
  assert_int_equal(sigv4_read_claim(header_of(&t, "authorization"), &claim, &f), ERR_OK);
  EXPECT_TEXT(claim.service, TEXT("bedrock"));
  EXPECT_TEXT(claim.region, TEXT("us-east-1"));
  EXPECT_TEXT(claim.signed_headers, TEXT("accept;content-type;host;x-amz-date;x-amz-security-token"));
  enum err e = sigv4_check(&rq, &claim, keys.secret_access_key, c.now_s, &a, &f);
  if (e)
    fail_msg("%s", f.text);
  arena_done(&a);
}

static void a_bearer_key_needs_no_signature(void **state) {
  struct arena a = {0};
  struct aws_credentials bearer = {.bearer = TEXT("ABSK-key")};
  struct provider_call c = call(PROVIDER_INVOKE, false);
  c.aws = &bearer;
  struct provider_target t = address_ok(&provider_bedrock, c, &a);
  EXPECT_TEXT(header_of(&t, "authorization"), TEXT("Bearer ABSK-key"));
  EXPECT_TEXT(header_of(&t, "x-amz-date"), TEXT_NONE);
  c.aws = NULL;
  c.api_key = TEXT("plain-key");
  t = address_ok(&provider_bedrock, c, &a);
  EXPECT_TEXT(header_of(&t, "authorization"), TEXT("Bearer plain-key"));
  bearer.bearer = TEXT("two words");
  c.aws = &bearer;
  assert_int_equal(provider_bedrock.address(&c, &a, &t, NULL), ERR_INTERNAL);
  arena_done(&a);
}

static void a_callers_own_credentials_are_not_sent(void **state) {
  struct arena a = {0};
  struct provider_call c = call(PROVIDER_INVOKE, false);
  c.aws = NULL;
  c.own_authorization = TEXT("Bearer own");
  c.own_x_api_key = TEXT("own");
  struct provider_target t = address_ok(&provider_bedrock, c, &a);
  EXPECT_TEXT(header_of(&t, "authorization"), TEXT_NONE);
  EXPECT_TEXT(header_of(&t, "x-api-key"), TEXT_NONE);
  arena_done(&a);
}

static void a_model_that_would_change_the_path_is_refused(void **state) {
  struct arena a = {0};
  struct provider_call c = call(PROVIDER_INVOKE, false);
  struct provider_target t;
  c.model = TEXT("..");
  assert_int_equal(provider_bedrock.address(&c, &a, &t, NULL), ERR_BAD_REQUEST);
  c.model = TEXT_NONE;
  assert_int_equal(provider_bedrock.address(&c, &a, &t, NULL), ERR_BAD_REQUEST);
  c.model = TEXT("arn:aws:bedrock:us-east-1:1:application-inference-profile/x?y");
  t = address_ok(&provider_bedrock, c, &a);
  EXPECT_TEXT(t.path,
              TEXT("/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fx%3Fy/invoke"));
  arena_done(&a);
}

static void exceptions_and_statuses_have_their_classes(void **state) {
  static const struct failure_case cases[] = {
      {200, "{}", PROVIDER_OK},
      {400, "{\"message\":\"The provided model identifier is invalid.\"}", PROVIDER_CLIENT_ERROR},
      {400, "{\"message\":\"Your request exceeds the service quota for your account.\"}", PROVIDER_USAGE_LIMIT},
      {400, "{\"__type\":\"ServiceQuotaExceededException\",\"message\":\"m\"}", PROVIDER_USAGE_LIMIT},
      {400, "{\"__type\":\"ThrottlingException\"}", PROVIDER_RATE_LIMIT},
      {401, "", PROVIDER_AUTH_ERROR},
      {403, "{\"message\":\"The security token included in the request is expired; quota\"}", PROVIDER_AUTH_ERROR},
      {404, "{\"message\":\"Could not resolve the foundation model\"}", PROVIDER_CLIENT_ERROR},
      {408, "{\"message\":\"Model timeout\"}", PROVIDER_TIMEOUT},
      {424, "{\"message\":\"Model error\"}", PROVIDER_SERVER_ERROR},
      {429, "{\"message\":\"Too many requests, please wait before trying again.\"}", PROVIDER_RATE_LIMIT},
      {429, "{\"message\":\"Too many tokens, please wait before trying again.\"}", PROVIDER_RATE_LIMIT},
      {429, "{\"message\":\"Too many tokens per day, please wait before trying again.\"}", PROVIDER_USAGE_LIMIT},
      {429, "{\"message\":\"Model is not ready for inference. Wait and try your request again.\"}",
       PROVIDER_SERVER_ERROR},
      {429, "{\"__type\":\"com.amazon.bedrock#ModelNotReadyException:http://x/\"}", PROVIDER_SERVER_ERROR},
      {429, "", PROVIDER_RATE_LIMIT},
      {500, "", PROVIDER_SERVER_ERROR},
      {503, "{\"message\":\"Service unavailable\"}", PROVIDER_SERVER_ERROR},
      {502, "<html>", PROVIDER_SERVER_ERROR},
      {400, "{\"__type\":\"modelStreamErrorException\"}", PROVIDER_SERVER_ERROR},
      {400, "{\"__type\":\"UnrecognizedClientException\"}", PROVIDER_AUTH_ERROR},
      {400, "{\"__type\":\"SomethingNew\"}", PROVIDER_CLIENT_ERROR},
      {413, "{}", PROVIDER_CLIENT_ERROR},
  };
  EXPECT_CLASSES(&provider_bedrock, cases);
}

static void the_exception_may_be_named_in_the_header(void **state) {
  static const struct failure_case cases[] = {
      {400, "{\"message\":\"m\"}", PROVIDER_USAGE_LIMIT, "ServiceQuotaExceededException"},
      {429, "{\"message\":\"m\"}", PROVIDER_SERVER_ERROR, "ModelNotReadyException"},
      {429, "{\"message\":\"Too many tokens, please wait before trying again.\"}", PROVIDER_RATE_LIMIT,
       "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"},
      {429, "{\"message\":\"Too many tokens per day, please wait before trying again.\"}", PROVIDER_USAGE_LIMIT,
       "ThrottlingException"},
      {408, "{\"message\":\"m\"}", PROVIDER_TIMEOUT, "ModelTimeoutException"},
      {424, "{\"message\":\"m\"}", PROVIDER_SERVER_ERROR, "ModelErrorException"},
      {400, "{\"message\":\"m\"}", PROVIDER_AUTH_ERROR, "IncompleteSignature"},
      {400, "{\"message\":\"m\"}", PROVIDER_AUTH_ERROR, "ExpiredTokenException"},
      {400, "{\"message\":\"your quota\"}", PROVIDER_CLIENT_ERROR, "ValidationException"},
      {400, "{\"message\":\"m\"}", PROVIDER_CLIENT_ERROR, "SomethingNewException"},
  };
  assert_string_equal(provider_bedrock.error_type_header, "x-amzn-errortype");
  EXPECT_CLASSES(&provider_bedrock, cases);
}

static void exceptions_inside_streams_have_the_same_classes(void **state) {
  static const struct event_case cases[] = {
      {429, "throttlingException", "Too many requests", PROVIDER_RATE_LIMIT},
      {502, "modelStreamErrorException", "m", PROVIDER_SERVER_ERROR},
      {404, "", "the model's own 404", PROVIDER_CLIENT_ERROR},
      {408, "modelTimeoutException", "m", PROVIDER_TIMEOUT},
      {503, "serviceUnavailableException", "m", PROVIDER_SERVER_ERROR},
      {500, "internalServerException", "m", PROVIDER_SERVER_ERROR},
      {400, "validationException", "m", PROVIDER_CLIENT_ERROR},
      {529, "overloaded_error", "inside a chunk", PROVIDER_SERVER_ERROR},
  };
  EXPECT_EVENT_CLASSES(&provider_bedrock, cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_operation_has_its_path_and_its_accept),
      cmocka_unit_test(other_operations_are_not_served),
      cmocka_unit_test(access_keys_sign_the_request_as_it_is_sent),
      cmocka_unit_test(a_bearer_key_needs_no_signature),
      cmocka_unit_test(a_callers_own_credentials_are_not_sent),
      cmocka_unit_test(a_model_that_would_change_the_path_is_refused),
      cmocka_unit_test(exceptions_and_statuses_have_their_classes),
      cmocka_unit_test(the_exception_may_be_named_in_the_header),
      cmocka_unit_test(exceptions_inside_streams_have_the_same_classes),
  };
  return RUN_TESTS(tests);
}
