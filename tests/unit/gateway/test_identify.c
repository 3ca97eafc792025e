/* Whose call it is, from every place where a key may stand; and which credentials of the caller's own travel on. */
#include "gateway_ask.h"

#define VERSION "anthropic-version: 2023-06-01\r\n"
#define BEARER  "authorization: Bearer " KEY "\r\n"
#define BY_PATH "POST /ak/" KEY "/v1/messages"

static void good(struct world *w) {
  static const char *const headers[] = {
      X_API_KEY,
      BEARER,
      "Authorization: bearer   " KEY "  \r\n",
      X_API_KEY "authorization: Bearer somebody-elses\r\n",
      "x-api-key: somebody-elses\r\n" BEARER,
      X_API_KEY BEARER,
  };
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  for (size_t i = 0; i < COUNT_OF(headers); i++) {
    if (!CHECK_INT(ask(w, MESSAGES, headers[i], TEXT(ASK_BODY)), 200))
      (void)fprintf(stderr, "with %s", headers[i]);
    CHECK_TEXT(w->seen.last.key_name, TEXT("tester"));
    CHECK_TEXT(w->seen.last.user, TEXT("ada"));
    CHECK_TEXT(sent_header(w, 0, "x-api-key"), TEXT("vendor-secret-a"));
    CHECK_TEXT(sent_header(w, 0, "authorization"), TEXT_NONE);
    CHECK_INT(strstr(w->up[0].request, KEY) == NULL, 1);
    CHECK_INT(strstr(w->up[0].request, "somebody-elses") == NULL, 1);
  }
}
static void test_a_key_is_found_in_either_header(void **state) { run_world(good, NULL); }

static void bad(struct world *w) {
  static const struct {
    const char *headers;
    int status;
    const char *says;
  } cases[] = {
      {"", 401, "x-api-key"},
      {"authorization: Basic dGVzdA==\r\n", 401, "x-api-key"},
      {"authorization: Bearer\r\n", 401, "x-api-key"},
      {"x-api-key:\r\n", 401, "x-api-key"},
      {"x-api-key: unknown-key\r\n", 401, "not known"},
      {"x-api-key: unknown-key\r\nauthorization: Bearer other-key\r\n", 401, "not known"},
      {X_API_KEY X_API_KEY, 400, "x-api-key"},
      {BEARER "authorization: Bearer b\r\n", 400, "authorization"},
      {X_API_KEY "X-Api-Key: other\r\n", 400, "only once"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    if (!CHECK_INT(ask(w, MESSAGES, cases[i].headers, TEXT(ASK_BODY)), cases[i].status))
      (void)fprintf(stderr, "with %s", cases[i].headers);
    CHECK_HAS(answer_member(w, "error.message").at, cases[i].says);
    CHECK_OUTCOME(w, "refused");
  }
  CHECK_INT(ask(w, MESSAGES, "", TEXT(ASK_BODY)), 401);
  CHECK_MEMBER(w, "error.type", "authentication_error");
  w->identity.one.blocked = true;
  CHECK_INT(ask(w, MESSAGES, X_API_KEY, TEXT(ASK_BODY)), 403);
  CHECK_MEMBER(w, "error.type", "permission_error");
  w->identity.fails = ERR_STORE;
  CHECK_INT(ask(w, MESSAGES, X_API_KEY, TEXT(ASK_BODY)), 503);
  CHECK_INT(w->up[0].requests, 0);
}
static void test_missing_unknown_double_and_blocked_keys_are_refused(void **state) { run_world(bad, NULL); }

static void by_path(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask(w, BY_PATH, VERSION, TEXT(ASK_BODY)), 200);
  CHECK_TEXT(sent_header(w, 0, "x-api-key"), TEXT("vendor-secret-a"));
  CHECK_TEXT(w->seen.last.path, TEXT("/v1/messages"));
  CHECK_INT(ask(w, "POST /ak/" KEY "/anthropic/v1/messages", VERSION, TEXT(ASK_BODY)), 200);
  w->up[0].answer = json_answer(w, 200, COMPLETION);
  CHECK_INT(ask(w, "POST /ak/" KEY "/openai/v1/chat/completions", "", TEXT(ASK_BODY)), 200);
  CHECK_TEXT(sent_header(w, 0, "authorization"), TEXT("Bearer vendor-secret-oa"));
  CHECK_INT(ask(w, "POST /ak/wrong-key-1/v1/messages", X_API_KEY, TEXT(ASK_BODY)), 404);
  CHECK_MEMBER(w, "type", "error");
  CHECK_INT(text_find(wire_text(w->c), TEXT("wrong-key-1")), -1);
  w->identity.one.blocked = true;
  CHECK_INT(ask(w, BY_PATH, VERSION, TEXT(ASK_BODY)), 404);
  CHECK_INT(text_find(wire_text(w->c), TEXT("blocked")), -1);
  CHECK_INT(text_find(wire_text(w->c), TEXT(KEY)), -1);
}
static void test_a_key_in_the_path_serves_and_a_wrong_one_is_404(void **state) { run_world(by_path, NULL); }

struct own {
  const char *headers, *x_api_key, *authorization;
};

static void own_credentials(struct world *w) {
  static const struct own cases[] = {
      {"x-api-key: sk-ant-own\r\n", "sk-ant-own", ""},
      {"authorization: Bearer sk-ant-oat-own\r\n", "", "Bearer sk-ant-oat-own"},
      {X_API_KEY, "vendor-secret-a", ""},
      {BEARER, "vendor-secret-a", ""},
      {X_API_KEY "authorization: Bearer own\r\n", "", "Bearer own"},
      {"authorization: " KEY "\r\n", "vendor-secret-a", ""},
      {"authorization: Bearer\t" KEY "\r\n", "vendor-secret-a", ""},
      {"authorization: Token " KEY "\r\n", "vendor-secret-a", ""},
      {"x-api-key: weir_blocked_key\r\n", "vendor-secret-a", ""},
  };
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->identity.others[0] = "weir_blocked_key";
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    CHECK_INT(ask(w, BY_PATH, cases[i].headers, TEXT(ASK_BODY)), 200);
    bool same = CHECK_TEXT(sent_header(w, 0, "x-api-key"), text_of(cases[i].x_api_key)) &&
                CHECK_TEXT(sent_header(w, 0, "authorization"), text_of(cases[i].authorization)) &&
                CHECK_INT(strstr(w->up[0].request, "weir_") == NULL, 1);
    if (!same)
      (void)fprintf(stderr, "with %s", cases[i].headers);
  }
  CHECK_INT(ask(w, BY_PATH, "x-api-key: sk-ant-own\r\n", TEXT(ASK_BODY)), 200);
  CHECK_TEXT(newest_row(w, 0).credential, TEXT("caller"));
  w->up[0].answer = json_answer(w, 200, COMPLETION);
  CHECK_INT(ask(w, "POST /ak/" KEY "/v1/chat/completions", "authorization: Bearer own\r\n", TEXT(ASK_BODY)), 200);
  CHECK_TEXT(sent_header(w, 0, "authorization"), TEXT("Bearer vendor-secret-oa"));
}
static void test_own_credentials_travel_only_by_path_and_no_weir_key_does(void **state) {
  run_world(own_credentials, NULL);
}

/* A server without a key of ours is not one that the caller's own is meant for: not as the only target, not when
 * Anthropic has failed, not on a vendor's other paths. */
static void other_vendors(struct world *w) {
  static const char own[] = "authorization: Bearer sk-ant-oat-own\r\nx-api-key: sk-ant-own\r\n" JSON_TYPE;
  w->up[1].answer = json_answer(w, 200, COMPLETION);
  CHECK_INT(ask(w, BY_PATH, own, TEXT("{\"model\":\"only-openai\",\"max_tokens\":10,\"messages\":[]}")), 200);
  CHECK_INT(w->up[1].requests, 1);
  CHECK_INT(text_find((struct text){w->up[1].request, w->up[1].request_len}, TEXT("-own")), -1);
  w->up[0].answer = json_answer(w, 529, "{}");
  CHECK_INT(ask(w, BY_PATH, own, TEXT("{\"model\":\"keyless\",\"max_tokens\":10,\"messages\":[]}")), 200);
  CHECK_TEXT(sent_header(w, 0, "x-api-key"), TEXT("sk-ant-own"));
  CHECK_INT(w->up[1].requests, 2);
  CHECK_INT(text_find((struct text){w->up[1].request, w->up[1].request_len}, TEXT("-own")), -1);
  w->up[0].answer = json_answer(w, 200, "{}");
  CHECK_INT(ask(w, "GET /ak/" KEY "/openrouter/api/v1/credits", own, TEXT_NONE), 200);
  CHECK_INT(text_find((struct text){w->up[0].request, w->up[0].request_len}, TEXT("-own")), -1);
}
static void test_own_credentials_reach_no_other_vendor(void **state) { run_world(other_vendors, NULL); }

#define BEDROCK_PATH "/bedrock/model/lossy/invoke"

/* A request signed as AWS's SDKs sign, with the body that is given to ask. */
static struct text signed_headers(struct world *w, struct text body, const char *id) {
  struct sigv4_header headers[] = {{TEXT("host"), TEXT("weir")}, {TEXT("content-type"), TEXT("application/json")}};
  const struct sigv4_request rq = {.method = TEXT("POST"),
                                   .path = TEXT(BEDROCK_PATH),
                                   .headers = headers,
                                   .header_count = 2,
                                   .body = &body,
                                   .body_pieces = 1};
  const struct sigv4_scope scope = {TEXT("us-east-1"), TEXT("bedrock"), loop_wall_us() / 1000000};
  const struct aws_credentials c = {.access_key_id = text_of(id), .secret_access_key = TEXT("pair-secret")};
  struct sigv4_signature s;
  CHECK_ERR(sigv4_sign(&rq, &scope, &c, &w->arena, &s), ERR_OK);
  return arena_format(&w->arena, "content-type: application/json\r\nx-amz-date: %.*s\r\nauthorization: %.*s\r\n",
                      TEXT_ARGS(s.amz_date), TEXT_ARGS(s.authorization));
}

static void signature(struct world *w) {
  struct text body =
      TEXT("{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
           "\"content\":\"hi\"}]}");
  w->up[0].answer = json_answer(w, 200, COMPLETION);
  CHECK_INT(ask(w, "POST " BEDROCK_PATH, signed_headers(w, body, "WEIRPAIR").at, body), 200);
  CHECK_TEXT(w->seen.last.key_name, TEXT("tester"));
  CHECK_TEXT(sent_header(w, 0, "x-amz-date"), TEXT_NONE);
  CHECK_TEXT(sent_header(w, 0, "authorization"), TEXT("Bearer vendor-secret-oa"));
  CHECK_INT(ask(w, "POST " BEDROCK_PATH, signed_headers(w, TEXT("another body"), "WEIRPAIR").at, body), 401);
  CHECK_HEADER(w, "x-amzn-errortype", "UnrecognizedClientException");
  CHECK_INT(ask(w, "POST " BEDROCK_PATH, signed_headers(w, body, "UNKNOWN").at, body), 401);
  CHECK_INT(w->up[0].requests, 1);
}
static void test_a_signed_request_is_known_by_its_pair(void **state) { run_world(signature, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_signed_request_is_known_by_its_pair),
      cmocka_unit_test(test_a_key_is_found_in_either_header),
      cmocka_unit_test(test_missing_unknown_double_and_blocked_keys_are_refused),
      cmocka_unit_test(test_a_key_in_the_path_serves_and_a_wrong_one_is_404),
      cmocka_unit_test(test_own_credentials_travel_only_by_path_and_no_weir_key_does),
      cmocka_unit_test(test_own_credentials_reach_no_other_vendor),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("identify", tests, NULL, NULL);
}
