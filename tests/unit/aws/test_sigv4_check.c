/* Requests that clients signed: those that are accepted and every way to be refused. Most are signed here with
 * sigv4_sign, whose signatures test_sigv4.c holds against published ones. */
#include "aws/sigv4.h"

#include "sigv4_example.h"

#define MAX_HEADERS 8

struct signed_request {
  struct arena a;
  struct sigv4_header headers[MAX_HEADERS];
  struct text body;
  struct sigv4_request rq;
  struct text authorization;
};

static void begin(struct signed_request *s, struct text path) {
  *s = (struct signed_request){.body = TEXT("{\"a\":1}")};
  s->headers[0] = (struct sigv4_header)HEADER("Host", "example.amazonaws.com");
  s->headers[1] = (struct sigv4_header)HEADER("Content-Type", "application/json");
  s->rq = (struct sigv4_request){TEXT("POST"), path, TEXT_NONE, s->headers, 2, &s->body, 1};
}

static void sign(struct signed_request *s) {
  struct sigv4_scope scope = {TEXT("eu-west-1"), TEXT("bedrock"), EXAMPLE_TIME_S};
  struct aws_credentials c = {.access_key_id = EXAMPLE_ID, .secret_access_key = EXAMPLE_SECRET};
  struct sigv4_signature signature;
  assert_int_equal(sigv4_sign(&s->rq, &scope, &c, &s->a, &signature), ERR_OK);
  s->headers[s->rq.header_count++] = (struct sigv4_header){TEXT("X-Amz-Date"), signature.amz_date};
  s->authorization = signature.authorization;
}

static enum err check_at(struct signed_request *s, struct text secret, int64_t now_s, struct fault *f) {
  struct sigv4_claim claim;
  enum err e = sigv4_read_claim(s->authorization, &claim, f);
  return e ? e : sigv4_check(&s->rq, &claim, secret, now_s, &s->a, f);
}

static void expect_refusal(struct signed_request *s, const char *because) {
  struct fault f = {0};
  enum err e = check_at(s, EXAMPLE_SECRET, EXAMPLE_TIME_S, &f);
  if (e != ERR_UNAUTHENTICATED || !strstr(f.text, because))
    fail_msg("%s: \"%s\", expected one that says \"%s\"", err_name(e), f.text, because);
  arena_done(&s->a);
}

static void expect_accepted(struct signed_request *s) {
  struct fault f = {0};
  enum err e = check_at(s, EXAMPLE_SECRET, EXAMPLE_TIME_S, &f);
  if (e != ERR_OK)
    fail_msg("%s: \"%s\"", err_name(e), f.text);
  arena_done(&s->a);
}

static void replace(struct signed_request *s, struct text old, struct text with) {
  ptrdiff_t at = text_find(s->authorization, old);
  assert_true(at >= 0);
  const struct text parts[] = {text_head(s->authorization, (size_t)at), with,
                               text_skip(s->authorization, (size_t)at + old.len)};
  s->authorization = arena_join(&s->a, parts, 3);
}

/* Two requests as AWS's JavaScript signer signed them. */
static void test_both_ways_to_send_a_colon_are_accepted(void **state) {
  static const struct {
    const char *path, *signature;
  } cases[] = {
      {"/model/us.anthropic.claude-v1:0/invoke", "fa64b131517c425d226884572d52a2fff619da2e4733bb77d2893f9fe8bb9d8c"},
      {"/model/us.anthropic.claude-v1%3A0/invoke", "dc76c4021a5b3f259a9f7837cb950e579cfe7d1739cd4648f17265b904e5ea32"}};
  for (size_t i = 0; i < 2; i++) {
    struct signed_request s;
    begin(&s, text_of(cases[i].path));
    s.headers[s.rq.header_count++] = (struct sigv4_header)HEADER("x-amz-date", "20150830T123600Z");
    s.authorization = arena_format(&s.a,
                                   "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, "
                                   "SignedHeaders=content-type;host;x-amz-date, Signature=%s",
                                   cases[i].signature);
    expect_accepted(&s);
  }
}

static void test_a_colon_sent_otherwise_than_signed_is_refused(void **state) {
  struct signed_request s;
  begin(&s, TEXT("/model/m:0/invoke"));
  sign(&s);
  s.rq.path = TEXT("/model/m%3A0/invoke");
  expect_refusal(&s, "not the one");
}

static void test_headers_added_on_the_way_do_no_harm(void **state) {
  struct signed_request s;
  begin(&s, TEXT("/model/m/invoke"));
  sign(&s);
  s.headers[s.rq.header_count++] = (struct sigv4_header)HEADER("X-Forwarded-For", "203.0.113.9");
  s.headers[1].value = TEXT("  application/json ");
  expect_accepted(&s);
}

static void test_any_change_of_what_is_signed_is_refused(void **state) {
  for (int i = 0; i < 7; i++) {
    struct signed_request s;
    begin(&s, TEXT("/model/m/invoke"));
    s.rq.query = TEXT("x=1");
    sign(&s);
    switch (i) {
    case 0: s.rq.method = TEXT("PUT"); break;
    case 1: s.rq.path = TEXT("/model/n/invoke"); break;
    case 2: s.rq.query = TEXT("x=2"); break;
    case 3: s.body = TEXT("{\"a\":2}"); break;
    case 4: s.headers[0].value = TEXT("other.example"); break;
    case 5: s.headers[1].value = TEXT("text/plain"); break;
    default: s.headers[2].value = TEXT("20150830T123601Z"); break;
    }
    expect_refusal(&s, "not the one");
  }
}

static void test_another_secret_is_refused(void **state) {
  struct signed_request s;
  struct fault f = {0};
  begin(&s, TEXT("/model/m/invoke"));
  sign(&s);
  assert_int_equal(check_at(&s, TEXT("another secret"), EXAMPLE_TIME_S, &f), ERR_UNAUTHENTICATED);
  arena_done(&s.a);
}

static void test_the_time_may_be_five_minutes_off(void **state) {
  static const struct {
    int64_t off_s;
    enum err expected;
  } cases[] = {{300, ERR_OK}, {-300, ERR_OK}, {301, ERR_UNAUTHENTICATED}, {-301, ERR_UNAUTHENTICATED}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct signed_request s;
    struct fault f = {0};
    begin(&s, TEXT("/"));
    sign(&s);
    assert_int_equal(check_at(&s, EXAMPLE_SECRET, EXAMPLE_TIME_S + cases[i].off_s, &f), cases[i].expected);
    if (cases[i].expected)
      assert_non_null(strstr(f.text, "5 minutes"));
    arena_done(&s.a);
  }
}

static void test_a_date_that_is_none_or_another_day_is_refused(void **state) {
  static const char *const none[] = {"20150830T1236Z",   "20151330T123600Z", "20150830T243600Z", "20150830 123600Z",
                                     "20150830T126000Z", "2015083aT123600Z", "20150832T123600Z", ""};
  struct signed_request s;
  for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
    begin(&s, TEXT("/"));
    sign(&s);
    s.headers[2].value = text_of(none[i]);
    expect_refusal(&s, "x-amz-date is missing or not of the form");
  }
  begin(&s, TEXT("/"));
  sign(&s);
  replace(&s, TEXT("/20150830/"), TEXT("/20150831/"));
  expect_refusal(&s, "different days");
}

static void test_what_must_be_signed(void **state) {
  struct signed_request s;
  begin(&s, TEXT("/"));
  sign(&s);
  s.rq.header_count--;
  expect_refusal(&s, "a signed header is missing");
  begin(&s, TEXT("/"));
  sign(&s);
  replace(&s, TEXT(";host"), TEXT_NONE);
  expect_refusal(&s, "host is not among");
  begin(&s, TEXT("/"));
  sign(&s);
  s.headers[s.rq.header_count++] = (struct sigv4_header)HEADER("X-Amz-Target", "other");
  expect_refusal(&s, "x-amz- header that was sent is not among");
}

static void test_the_hash_of_the_body_when_it_is_sent(void **state) {
  static const struct {
    const char *value;
    bool accepted;
  } cases[] = {{"015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862", true},
               {"UNSIGNED-PAYLOAD", false},
               {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", false},
               {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", false}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct signed_request s;
    begin(&s, TEXT("/"));
    s.headers[s.rq.header_count++] = (struct sigv4_header){TEXT("x-amz-content-sha256"), text_of(cases[i].value)};
    sign(&s);
    if (cases[i].accepted)
      expect_accepted(&s);
    else
      expect_refusal(&s, "x-amz-content-sha256 is not the SHA-256 of the body");
  }
}

#define SCOPE     "Credential=ID/20150830/us-east-1/bedrock/aws4_request"
#define SIGNATURE "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"

static void test_a_claim_is_taken_apart(void **state) {
  struct sigv4_claim c;
  struct fault f = {0};
  assert_int_equal(sigv4_read_claim(TEXT("AWS4-HMAC-SHA256  SignedHeaders=a;host," SIGNATURE
                                         " ,Credential=weir_a/b=c/20150830/us-east-1/bedrock/aws4_request"),
                                    &c, &f),
                   ERR_OK);
  assert_text(c.access_key_id, TEXT("weir_a/b=c"));
  assert_text(c.date, TEXT("20150830"));
  assert_text(c.region, TEXT("us-east-1"));
  assert_text(c.service, TEXT("bedrock"));
  assert_text(c.signed_headers, TEXT("a;host"));
  assert_text(c.signature, TEXT("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
}

static void test_malformed_claims_are_refused_with_the_reason(void **state) {
  static const struct {
    const char *header, *because;
  } cases[] = {
      {"Bearer x", "the scheme is not"},
      {"AWS4-HMAC-SHA256", "Credential must be"},
      {"AWS4-HMAC-SHA256 Credential", "has no value"},
      {"AWS4-HMAC-SHA256 " SCOPE ", " SCOPE ", SignedHeaders=host, " SIGNATURE, "repeated"},
      {"AWS4-HMAC-SHA256 " SCOPE ", SignedHeaders=, " SIGNATURE, "empty"},
      {"AWS4-HMAC-SHA256 " SCOPE ", SignedHeaders=host, Other=1, " SIGNATURE, "unknown"},
      {"AWS4-HMAC-SHA256 Credential=ID/20150830/us-east-1/aws4_request, SignedHeaders=host, " SIGNATURE,
       "Credential must be"},
      {"AWS4-HMAC-SHA256 Credential=/20150830/us-east-1/bedrock/aws4_request, SignedHeaders=host, " SIGNATURE,
       "Credential must be"},
      {"AWS4-HMAC-SHA256 Credential=ID/2015083/us-east-1/bedrock/aws4_request, SignedHeaders=host, " SIGNATURE,
       "Credential must be"},
      {"AWS4-HMAC-SHA256 Credential=ID/20150830/us-east-1/bedrock/aws5_request, SignedHeaders=host, " SIGNATURE,
       "does not end in aws4_request"},
      {"AWS4-HMAC-SHA256 " SCOPE ", " SIGNATURE, "SignedHeaders is missing"},
      {"AWS4-HMAC-SHA256 " SCOPE ", SignedHeaders=host, Signature=5FA0", "64 lower-case"},
      {"AWS4-HMAC-SHA256 " SCOPE ", SignedHeaders=host", "64 lower-case"},
      {"AWS4-HMAC-SHA256 " SCOPE
       ", SignedHeaders=host, Signature=5FA00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
       "64 lower-case"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct sigv4_claim c;
    struct fault f = {0};
    enum err e = sigv4_read_claim(text_of(cases[i].header), &c, &f);
    if (e != ERR_UNAUTHENTICATED || !strstr(f.text, cases[i].because))
      fail_msg("%s: %s: \"%s\", expected one that says \"%s\"", cases[i].header, err_name(e), f.text, cases[i].because);
    assert_string_equal(f.field, "authorization");
  }
}

static void test_lists_of_headers_must_be_in_order(void **state) {
  static const char *const lists[] = {"host;content-type;x-amz-date", "content-type;host;host;x-amz-date",
                                      "Content-Type;host;x-amz-date", "content-type;host;x-amz-date;", ";host"};
  struct signed_request s;
  for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
    begin(&s, TEXT("/"));
    sign(&s);
    replace(&s, TEXT("content-type;host;x-amz-date"), text_of(lists[i]));
    expect_refusal(&s, "SignedHeaders must be lower-case names in ascending order");
  }
  begin(&s, TEXT("/"));
  sign(&s);
  struct text many = TEXT("a");
  for (int i = 0; i < SIGV4_HEADERS_MAX; i++)
    many = arena_format(&s.a, "%.*s;b%03d", TEXT_ARGS(many), i);
  replace(&s, TEXT("content-type;host;x-amz-date"), many);
  expect_refusal(&s, "too many headers");
}

/* What AWS's SDK for JavaScript sends over HTTP/2, where there is no host header: as seen on the wire. */
static void test_over_http2_the_authority_may_be_signed_for_the_host(void **state) {
  static const char names[] = ":authority;amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;"
                              "x-amz-content-sha256;x-amz-date;x-amz-user-agent";
  const struct sigv4_header sent[] = {
      HEADER("host", "127.0.0.1:34003"),
      HEADER("content-type", "application/json"),
      HEADER("content-length", "55"),
      HEADER("x-amz-user-agent", "aws-sdk-js/3.1161.0"),
      HEADER("amz-sdk-invocation-id", "12fa1285-ea0a-4914-9688-456a24fbefe9"),
      HEADER("amz-sdk-request", "attempt=1; max=1"),
      HEADER("x-amz-date", "20261121T073411Z"),
      HEADER("x-amz-content-sha256", "fc547f6afbe65321ced6955c0da5dd252eb0a1c4e04d3b871e7e144deb39b067"),
  };
  const struct text body = TEXT("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]}");
  const struct sigv4_request rq = {TEXT("POST"), TEXT("/bedrock/model/m%3A0/converse"), TEXT_NONE, sent, 8, &body, 1};
  const struct sigv4_request elsewhere = {rq.method, rq.path, TEXT_NONE, sent + 1, 7, &body, 1};
  const struct sigv4_claim claim = {
      .access_key_id = TEXT("AKIAX"),
      .date = TEXT("20261121"),
      .region = TEXT("us-east-1"),
      .service = TEXT("bedrock"),
      .signed_headers = text_of(names),
      .signature = TEXT("d528ccffd653a44d5ef5c97608251655311a6652520dff7593bfcf6ee9003ed5"),
  };
  struct arena a = {0};
  struct fault f = {0};
  enum err e = sigv4_check(&rq, &claim, TEXT("s"), 1795246451, &a, &f);
  if (e != ERR_OK)
    fail_msg("%s: \"%s\"", err_name(e), f.text);
  assert_int_equal(sigv4_check(&elsewhere, &claim, TEXT("s"), 1795246451, &a, &f), ERR_UNAUTHENTICATED);
  arena_done(&a);
}

static void test_the_scheme_is_told_from_others(void **state) {
  assert_true(sigv4_is_claim(TEXT("AWS4-HMAC-SHA256 Credential=x")));
  assert_true(sigv4_is_claim(TEXT("aws4-hmac-sha256 Credential=x")));
  assert_true(sigv4_is_claim(TEXT("AWS4-HMAC-SHA256")));
  assert_false(sigv4_is_claim(TEXT("AWS4-HMAC-SHA2567 x")));
  assert_false(sigv4_is_claim(TEXT("Bearer AWS4-HMAC-SHA256")));
  assert_false(sigv4_is_claim(TEXT_NONE));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_both_ways_to_send_a_colon_are_accepted),
      cmocka_unit_test(test_a_colon_sent_otherwise_than_signed_is_refused),
      cmocka_unit_test(test_headers_added_on_the_way_do_no_harm),
      cmocka_unit_test(test_any_change_of_what_is_signed_is_refused),
      cmocka_unit_test(test_another_secret_is_refused),
      cmocka_unit_test(test_the_time_may_be_five_minutes_off),
      cmocka_unit_test(test_a_date_that_is_none_or_another_day_is_refused),
      cmocka_unit_test(test_what_must_be_signed),
      cmocka_unit_test(test_the_hash_of_the_body_when_it_is_sent),
      cmocka_unit_test(test_a_claim_is_taken_apart),
      cmocka_unit_test(test_malformed_claims_are_refused_with_the_reason),
      cmocka_unit_test(test_lists_of_headers_must_be_in_order),
      cmocka_unit_test(test_over_http2_the_authority_may_be_signed_for_the_host),
      cmocka_unit_test(test_the_scheme_is_told_from_others),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("sigv4_check", tests, NULL, NULL);
}
