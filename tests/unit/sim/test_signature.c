/* Signatures made elsewhere (by hand, with another program) are accepted; whatever is changed is refused in the
 * service's words. */
#include "sim/signature.h"

#include "sim_test.h"

#define NOW   1767323045 /* 2026-01-02T03:04:05Z */
#define SCOPE "20260102/us-east-1/bedrock/aws4_request"
#define AUTH(id, names, signature)                                                                                     \
  "AWS4-HMAC-SHA256 Credential=" id "/" SCOPE ", SignedHeaders=" names ", Signature=" signature
#define RAW_COLON   "664b2144f46c97ebdba8060f3ec87c7a94e22ac601d3f5f60d4b24e0b9a0fce9"
#define CODED_COLON "fc0d03b1d440b345012513e87ade41d2ed1bc74adf2ae8bb5866e351a0faee7d"
#define WITH_QUERY  "daf2dc097def86da386fbf591fea771068b308dc2996885000df193ef168cc19"
#define SESSION     "609c273434f7ba1df8409e7f0307fcc79cbbf05eb9ac528a364d7fd328660d9b"

static struct http_header kept[16];
static struct http_headers headers = {.at = kept};
static struct signature_request rq;
static struct fault fault;

static void add(const char *name, const char *value) {
  kept[headers.count++] = (struct http_header){text_of(name), text_of(value)};
}

static int fresh(void **state) {
  headers.count = 0;
  rq = (struct signature_request){.method = TEXT("POST"),
                                  .path = TEXT("/model/anthropic.sim-text-v1:0/converse"),
                                  .headers = &headers,
                                  .body = TEXT("{}")};
  add("Host", "sim");
  add("X-Amz-Date", "20260102T030405Z");
  return 0;
}

static enum err check_at(int64_t now_s) {
  struct arena a;
  arena_init(&a);
  fault = (struct fault){0};
  enum err e = signature_check(&rq, now_s, &a, &fault);
  arena_done(&a);
  return e;
}

static void accepts(void) {
  if (check_at(NOW) != ERR_OK)
    fail_msg("refused: %s: %s", fault.field, fault.text);
}

static void refuses(const char *exception, const char *words) {
  assert_int_equal(check_at(NOW), ERR_FORBIDDEN);
  assert_string_equal(fault.field, exception);
  EXPECT_INSIDE(text_of(fault.text), text_of(words));
}

static void a_raw_colon_in_the_path_is_signed_coded_once(void **state) {
  add("Authorization", AUTH(SIGNATURE_KEY_ID, "host;x-amz-date", RAW_COLON));
  accepts();
}

static void a_coded_colon_in_the_path_is_signed_coded_twice(void **state) {
  rq.path = TEXT("/model/anthropic.sim-text-v1%3A0/converse");
  add("Authorization", AUTH(SIGNATURE_KEY_ID, "host;x-amz-date", CODED_COLON));
  accepts();
  headers.count--;
  add("Authorization", AUTH(SIGNATURE_KEY_ID, "host;x-amz-date", RAW_COLON));
  refuses("InvalidSignatureException", "does not match the signature you provided");
}

static void queries_are_sorted_and_values_folded(void **state) {
  rq.method = TEXT("GET");
  rq.path = TEXT("/inference-profiles");
  rq.query = TEXT("type=SYSTEM_DEFINED&maxResults=5&next=a%2Fb");
  rq.body = TEXT_NONE;
  add("Accept", " a   b ");
  add("Authorization", AUTH(SIGNATURE_KEY_ID, "accept;host;x-amz-date", WITH_QUERY));
  accepts();
  rq.query = TEXT("next=a/b&maxResults=5&type=SYSTEM_DEFINED");
  accepts();
  rq.query = TEXT("next=a/b&maxResults=6&type=SYSTEM_DEFINED");
  refuses("InvalidSignatureException", "does not match");
}

static void a_session_needs_its_token(void **state) {
  rq.path = TEXT("/model/m/converse");
  add("X-Amz-Security-Token", SIGNATURE_SESSION_TOKEN);
  add("Authorization", AUTH(SIGNATURE_SESSION_KEY_ID, "host;x-amz-date;x-amz-security-token", SESSION));
  accepts();
  kept[2].value = TEXT("other");
  refuses("UnrecognizedClientException", "security token included in the request is invalid");
  kept[2].value = TEXT(SIGNATURE_SESSION_TOKEN);
  kept[3].value = TEXT(AUTH(SIGNATURE_KEY_ID, "host;x-amz-date;x-amz-security-token", SESSION));
  refuses("UnrecognizedClientException", "invalid");
}

static void everything_signed_is_protected(void **state) {
  add("Authorization", AUTH(SIGNATURE_KEY_ID, "host;x-amz-date", RAW_COLON));
  rq.body = TEXT("{ }");
  refuses("InvalidSignatureException", "does not match");
  rq.body = TEXT("{}");
  rq.method = TEXT("PUT");
  refuses("InvalidSignatureException", "does not match");
  rq.method = TEXT("POST");
  kept[0].value = TEXT("other");
  refuses("InvalidSignatureException", "does not match");
  kept[0].value = TEXT("sim");
  accepts();
}

static void headers_of_amazon_must_be_signed(void **state) {
  add("Authorization", AUTH(SIGNATURE_KEY_ID, "host;x-amz-date", RAW_COLON));
  add("X-Amz-Target", "x");
  refuses("InvalidSignatureException", "'X-Amz-Target' must be a 'SignedHeader'");
  headers.count--;
  kept[2].value = TEXT(AUTH(SIGNATURE_KEY_ID, "x-amz-date", RAW_COLON));
  refuses("InvalidSignatureException", "'Host'");
}

static void a_hash_of_another_body_is_refused(void **state) {
  add("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
  add("Authorization", AUTH(SIGNATURE_KEY_ID, "host;x-amz-content-sha256;x-amz-date", RAW_COLON));
  refuses("InvalidSignatureException", "x-amz-content-sha256");
}

static void times_far_away_are_refused(void **state) {
  add("Authorization", AUTH(SIGNATURE_KEY_ID, "host;x-amz-date", RAW_COLON));
  assert_int_equal(check_at(NOW + SIGNATURE_SKEW_S), ERR_OK);
  assert_int_equal(check_at(NOW - SIGNATURE_SKEW_S), ERR_OK);
  assert_int_equal(check_at(NOW + SIGNATURE_SKEW_S + 1), ERR_FORBIDDEN);
  EXPECT_INSIDE(text_of(fault.text), TEXT("Signature expired"));
  assert_int_equal(check_at(NOW - SIGNATURE_SKEW_S - 1), ERR_FORBIDDEN);
  EXPECT_INSIDE(text_of(fault.text), TEXT("not yet current"));
  kept[1].value = TEXT("20260103T030405Z");
  refuses("InvalidSignatureException", "does not match YYYYMMDD");
  kept[1].value = TEXT("yesterday");
  refuses("InvalidSignatureException", "ISO-8601");
}

static void malformed_authorizations_are_named(void **state) {
  add("Authorization", "AWS4-HMAC-SHA256 Credential=x");
  refuses("IncompleteSignatureException", "requires");
  kept[2].value = TEXT("AWS4-HMAC-SHA256 Credential=id/20260102/us-east-1/bedrock, SignedHeaders=host, Signature=x");
  refuses("InvalidSignatureException", "KEY/DATE/REGION/SERVICE/aws4_request");
  kept[2].value =
      TEXT("AWS4-HMAC-SHA256 Credential=id/20260102/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x");
  refuses("InvalidSignatureException", "correct service: 'bedrock'");
  kept[2].value = TEXT(AUTH("AKIAUNKNOWN", "host;x-amz-date", RAW_COLON));
  refuses("UnrecognizedClientException", "invalid");
  kept[1].name = TEXT("date");
  refuses("IncompleteSignatureException", "X-Amz-Date");
}

static void leap_years_are_counted(void **state) {
  kept[1].value = TEXT("20280301T000000Z");
  add("Authorization", "AWS4-HMAC-SHA256 Credential=" SIGNATURE_KEY_ID
                       "/20280301/us-east-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=x");
  assert_int_equal(check_at(1835481600), ERR_FORBIDDEN);
  EXPECT_INSIDE(text_of(fault.text), TEXT("does not match the signature"));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup(name, fresh)
  const struct CMUnitTest tests[] = {
      CASE(a_raw_colon_in_the_path_is_signed_coded_once),
      CASE(a_coded_colon_in_the_path_is_signed_coded_twice),
      CASE(queries_are_sorted_and_values_folded),
      CASE(a_session_needs_its_token),
      CASE(everything_signed_is_protected),
      CASE(headers_of_amazon_must_be_signed),
      CASE(a_hash_of_another_body_is_refused),
      CASE(times_far_away_are_refused),
      CASE(malformed_authorizations_are_named),
      CASE(leap_years_are_counted),
  };
  return RUN_TESTS(tests);
}
