/* Signatures of AWS's published examples (same names), and of requests as Bedrock gets them; the latter's values were
 * computed by AWS's own JavaScript signer. */
#include "aws/sigv4.h"

#include "sigv4_example.h"

#define JSON_TYPE HEADER("content-type", "application/json")

struct vector {
  const char *name, *method, *path, *query, *service, *body, *signed_headers, *signature;
  bool session;
  struct sigv4_header more[3];
};

static const struct vector vectors[] = {
    {"get-vanilla",
     "GET",
     "/",
     "",
     "service",
     "",
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     false,
     {{{0}}}},
    {"an empty path is the root",
     "GET",
     "",
     "",
     "service",
     "",
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     false,
     {{{0}}}},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/",
     "Param2=value2&Param1=value1",
     "service",
     "",
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
     false,
     {{{0}}}},
    {"get-vanilla-query-unreserved",
     "GET",
     "/",
     "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
     "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "service",
     "",
     "host;x-amz-date",
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
     false,
     {{{0}}}},
    {"get-unreserved",
     "GET",
     "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "",
     "service",
     "",
     "host;x-amz-date",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
     false,
     {{{0}}}},
    {"get-utf8",
     "GET",
     "/\xe1\x88\xb4",
     "",
     "service",
     "",
     "host;x-amz-date",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
     false,
     {{{0}}}},
    {"get-header-key-duplicate",
     "GET",
     "/",
     "",
     "service",
     "",
     "host;my-header1;x-amz-date",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
     false,
     {HEADER("My-Header1", "value2"), HEADER("My-Header1", "value2"), HEADER("My-Header1", "value1")}},
    {"get-header-value-trim",
     "GET",
     "/",
     "",
     "service",
     "",
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
     false,
     {HEADER("My-Header1", " value1"), HEADER("My-Header2", " \"a   b \tc\" ")}},
    {"post-vanilla",
     "POST",
     "/",
     "",
     "service",
     "",
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
     false,
     {{{0}}}},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     "",
     "service",
     "Param1=value1",
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
     false,
     {HEADER("Content-Type", "application/x-www-form-urlencoded")}},
    {"a query is decoded, encoded and sorted",
     "GET",
     "/",
     "a-b=1&Param1=value2&Param3=x&&Param1=Value1&Param2=a%20b%2Bc%2f%c3%A9!&empty&a=2",
     "service",
     "",
     "host;x-amz-date",
     "75b88bbdac79291c2460fc0731b02c74760b9b56488f91ccd20f02f9567846c8",
     false,
     {{{0}}}},
    {"a colon that travels raw",
     "POST",
     "/model/us.anthropic.claude-v1:0/invoke",
     "",
     "bedrock",
     "{\"a\":1}",
     "content-type;host;x-amz-date",
     "fa64b131517c425d226884572d52a2fff619da2e4733bb77d2893f9fe8bb9d8c",
     false,
     {JSON_TYPE}},
    {"a colon that travels encoded",
     "POST",
     "/model/us.anthropic.claude-v1%3A0/invoke",
     "",
     "bedrock",
     "{\"a\":1}",
     "content-type;host;x-amz-date",
     "dc76c4021a5b3f259a9f7837cb950e579cfe7d1739cd4648f17265b904e5ea32",
     false,
     {JSON_TYPE}},
    {"a profile's ARN",
     "POST",
     "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x-v1%3A0/converse-stream",
     "",
     "bedrock",
     "{}",
     "accept;content-type;host;x-amz-date",
     "b8ef55782f41df11d62e8f91323a0a5a58d71495fd2c17e3fc2aa32452f17a06",
     false,
     {JSON_TYPE, HEADER("accept", "application/vnd.amazon.eventstream")}},
    {"reserved characters of a path",
     "GET",
     "/model/a!'()*@$&=+,;x/invoke",
     "",
     "service",
     "",
     "host;x-amz-date",
     "235fb5df8a8898410a0f0f09a8eeec46058d91ce0f2109b42c54f2543c12af3f",
     false,
     {{{0}}}},
    {"a session",
     "POST",
     "/model/m/invoke",
     "",
     "bedrock",
     "{\"a\":1}",
     "content-type;host;x-amz-date;x-amz-security-token",
     "9133d02f3821305cabd1f1c8d45dec158d3247e5651f02403fac99ac23515f7b",
     true,
     {JSON_TYPE}},
    {"a hash of the body that is sent",
     "POST",
     "/model/m/invoke",
     "",
     "bedrock",
     "{\"a\":1}",
     "content-type;host;x-amz-content-sha256;x-amz-date",
     "dac97c9da792c39eae29f5930ee9baaca691d8581488ad560382da525e40699d",
     false,
     {JSON_TYPE, HEADER("x-amz-content-sha256", "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862")}},
};

/* The body in three pieces, the middle one empty. */
static void sign(const struct vector *v, struct arena *a, struct sigv4_signature *out) {
  struct text body = text_of(v->body);
  const struct text pieces[] = {text_head(body, 3), TEXT_NONE, text_skip(body, 3)};
  struct sigv4_header headers[4] = {{TEXT("Host"), EXAMPLE_HOST}};
  struct sigv4_request rq = {text_of(v->method), text_of(v->path), text_of(v->query), headers, 1, pieces, 3};
  struct sigv4_scope scope = {TEXT("us-east-1"), text_of(v->service), EXAMPLE_TIME_S};
  struct aws_credentials c = {.access_key_id = EXAMPLE_ID, .secret_access_key = EXAMPLE_SECRET};
  if (v->session)
    c.session_token = EXAMPLE_TOKEN;
  for (size_t i = 0; i < 3 && v->more[i].name.len; i++)
    headers[rq.header_count++] = v->more[i];
  assert_int_equal(sigv4_sign(&rq, &scope, &c, a, out), ERR_OK);
}

static void test_signatures_are_those_of_the_published_examples(void **state) {
  for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
    const struct vector *v = &vectors[i];
    struct arena a = {0};
    struct sigv4_signature s;
    sign(v, &a, &s);
    struct text expected = arena_format(&a,
                                        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/%s/aws4_request, "
                                        "SignedHeaders=%s, Signature=%s",
                                        v->service, v->signed_headers, v->signature);
    if (!text_equal(s.authorization, expected))
      fail_msg("%s: got \"%.*s\", expected \"%.*s\"", v->name, TEXT_ARGS(s.authorization), TEXT_ARGS(expected));
    assert_text(s.amz_date, TEXT("20150830T123600Z"));
    assert_text(s.security_token, v->session ? EXAMPLE_TOKEN : TEXT_NONE);
    arena_done(&a);
  }
}

static void test_its_own_headers_are_put_in_place_of_given_ones(void **state) {
  const struct sigv4_header headers[] = {HEADER("X-Amz-Date", "19990101T000000Z"), HEADER("Authorization", "Bearer x"),
                                         HEADER("x-amz-security-token", "old"),
                                         HEADER("host", "example.amazonaws.com")};
  struct sigv4_request rq = {TEXT("GET"), TEXT("/"), TEXT_NONE, headers, 4, NULL, 0};
  struct sigv4_scope scope = {TEXT("us-east-1"), TEXT("service"), EXAMPLE_TIME_S};
  struct aws_credentials c = {.access_key_id = EXAMPLE_ID, .secret_access_key = EXAMPLE_SECRET};
  struct arena a = {0};
  struct sigv4_signature s;
  assert_int_equal(sigv4_sign(&rq, &scope, &c, &a, &s), ERR_OK);
  assert_true(text_ends(s.authorization, TEXT("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")));
  arena_done(&a);
}

static void test_more_headers_than_the_limit_are_refused(void **state) {
  struct sigv4_header headers[SIGV4_HEADERS_MAX];
  struct sigv4_request rq = {TEXT("GET"), TEXT("/"), TEXT_NONE, headers, SIGV4_HEADERS_MAX - 1, NULL, 0};
  struct sigv4_scope scope = {TEXT("us-east-1"), TEXT("service"), EXAMPLE_TIME_S};
  struct aws_credentials c = {.access_key_id = EXAMPLE_ID, .secret_access_key = EXAMPLE_SECRET};
  struct arena a = {0};
  struct sigv4_signature s;
  for (size_t i = 0; i < SIGV4_HEADERS_MAX; i++)
    headers[i] = (struct sigv4_header){arena_format(&a, "x-h-%zu", i), TEXT("v")};
  assert_int_equal(sigv4_sign(&rq, &scope, &c, &a, &s), ERR_OK);
  rq.header_count++;
  assert_int_equal(sigv4_sign(&rq, &scope, &c, &a, &s), ERR_LIMIT);
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_signatures_are_those_of_the_published_examples),
      cmocka_unit_test(test_its_own_headers_are_put_in_place_of_given_ones),
      cmocka_unit_test(test_more_headers_than_the_limit_are_refused),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
