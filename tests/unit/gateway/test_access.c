/* Calls that are signed: with the credential of the configuration, or none at all. */
#include "gateway_ask.h"

#include "aws/sigv4.h"

#define CONVERSE_ANSWER                                                                                                \
  "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"hello\"}]}},\"stopReason\":\"end_turn\"," \
  "\"usage\":{\"inputTokens\":100,\"outputTokens\":20,\"totalTokens\":120}}"
#define ASKED(model) "{\"model\":\"" model "\",\"max_tokens\":10,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

/* Does the last request that came bear the signature of this secret? */
static enum err check_signature(struct world *w, const char *path, const char *secret) {
  struct sigv4_header headers[] = {{TEXT("host"), sent_header(w, 0, "host")},
                                   {TEXT("content-type"), sent_header(w, 0, "content-type")},
                                   {TEXT("accept"), sent_header(w, 0, "accept")},
                                   {TEXT("x-amz-date"), sent_header(w, 0, "x-amz-date")},
                                   {TEXT("x-amz-security-token"), sent_header(w, 0, "x-amz-security-token")}};
  struct text body = upstream_body(&w->up[0]);
  bool session = !text_is_empty(headers[4].value);
  const struct sigv4_request rq = {.method = TEXT("POST"),
                                   .path = text_of(path),
                                   .headers = headers,
                                   .header_count = session ? 5 : 4,
                                   .body = &body,
                                   .body_pieces = 1};
  struct sigv4_claim claim;
  struct fault f = {0};
  CHECK_ERR(sigv4_read_claim(sent_header(w, 0, "authorization"), &claim, &f), ERR_OK);
  return sigv4_check(&rq, &claim, text_of(secret), loop_wall_us() / 1000000, &w->arena, &f);
}

static void signs(struct world *w) {
  w->up[0].answer = json_answer(w, 200, CONVERSE_ANSWER);
  CHECK_INT(ask_messages(w, ASKED("nova")), 200);
  CHECK_MEMBER(w, "content.0.text", "hello");
  CHECK_INT(strncmp(w->up[0].request, "POST /model/amazon.nova-v1%3A0/converse ", 40), 0);
  CHECK_ERR(check_signature(w, "/model/amazon.nova-v1%3A0/converse", "the-secret"), ERR_OK);
  CHECK_ERR(check_signature(w, "/model/amazon.nova-v1%3A0/converse", "another"), ERR_UNAUTHENTICATED);
  CHECK_TEXT(sent_header(w, 0, "x-amz-security-token"), TEXT("a-session"));
  CHECK_INT(newest_row(w, 0).usage.output, 20);
}
static void test_a_call_to_bedrock_is_signed(void **state) { run_world(signs, NULL); }

static void none(struct world *w) {
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, ASKED("no-credentials")), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_INT(w->up[0].requests, 0);
}
static void test_without_credentials_the_next_target_is_asked(void **state) {
  CHECK_INT(setenv("AWS_EC2_METADATA_DISABLED", "true", 1), 0);
  CHECK_INT(setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1), 0);
  CHECK_INT(setenv("AWS_CONFIG_FILE", "/nonexistent", 1), 0);
  run_world(none, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_call_to_bedrock_is_signed),
      cmocka_unit_test(test_without_credentials_the_next_target_is_asked),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
