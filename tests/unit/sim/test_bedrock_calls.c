/* Bedrock's endpoints over loopback: paths, lists, counts, and streams that break. */
#include "sim/bedrock.h"

#include "aws/eventstream.h"
#include "sim/calls.h"
#include "sim_http.h"

#define KEYED(line) line " HTTP/1.1\r\nauthorization: Bearer k"
#define CONVERSE    "{'messages':[{'role':'user','content':[{'text':'hello'}]}]}"
#define INVOKE                                                                                                         \
  "{'anthropic_version':'bedrock-2023-05-31','max_tokens':50,'messages':[{'role':'user','content':'hello'}]}"

static void status_is(struct text answer, const char *status) {
  if (!text_starts(text_skip(answer, 9), text_of(status)))
    fail_msg("expected %s: %.*s", status, TEXT_ARGS(text_head(answer, 600)));
}

static void model_ids_are_decoded(void **state) {
  struct text answer = test_ask(KEYED("POST /model/us.anthropic.sim-text-v1%3A0/invoke"), INVOKE);
  status_is(answer, "200");
  EXPECT_INSIDE(answer, TEXT("{\"model\":\"us.anthropic.sim-text-v1:0\""));
  EXPECT_INSIDE(answer, TEXT("x-amzn-bedrock-input-token-count: "));
  status_is(test_ask(KEYED("POST /model/us.anthropic.sim-text-v1:0/converse"), CONVERSE), "200");
  status_is(test_ask(KEYED("POST /model/a/b/converse"), CONVERSE), "404");
  status_is(test_ask(KEYED("GET /model/m/converse"), ""), "405");
}

static void errors_have_their_type(void **state) {
  struct text answer = test_ask(KEYED("POST /model/m/converse"), "{'messages':[]}");
  status_is(answer, "400");
  EXPECT_INSIDE(answer, TEXT("x-amzn-errortype: ValidationException"));
  EXPECT_INSIDE(answer, TEXT("{\"message\":\"A conversation must start"));
  answer = test_ask(KEYED("POST /model/sim-fail-429/converse"), CONVERSE);
  status_is(answer, "429");
  EXPECT_INSIDE(answer, TEXT("x-amzn-errortype: ThrottlingException"));
  answer = test_ask("POST /model/m/converse HTTP/1.1", CONVERSE);
  status_is(answer, "403");
  EXPECT_INSIDE(answer, TEXT("x-amzn-errortype: MissingAuthenticationTokenException"));
}

static void metadata_of_an_invocation_is_a_header(void **state) {
  status_is(
      test_ask(KEYED("POST /model/anthropic.sim-text/invoke") "\r\nx-amzn-bedrock-request-metadata: {\"a\":\"b\"}",
               INVOKE),
      "200");
  status_is(
      test_ask(KEYED("POST /model/anthropic.sim-text/invoke") "\r\nx-amzn-bedrock-request-metadata: {\"a\":\"!\"}",
               INVOKE),
      "400");
  status_is(test_ask(KEYED("POST /model/anthropic.sim-text/invoke") "\r\nx-amzn-bedrock-request-metadata: x", INVOKE),
            "400");
}

static void prompts_are_counted_in_both_forms(void **state) {
  EXPECT_INSIDE(test_ask(KEYED("POST /model/m/count-tokens"), "{'input':{'converse':" CONVERSE "}}"),
                TEXT("{\"inputTokens\":"));
  EXPECT_INSIDE(
      test_ask(KEYED("POST /model/m/count-tokens"),
               "{'input':{'invokeModel':{'body':"
               "'eyJhbnRocm9waWNfdmVyc2lvbiI6ImJlZHJvY2stMjAyMy0wNS0zMSIsIm1lc3NhZ2VzIjpbeyJyb2xlIjoidXNlciIsIm"
               "NvbnRlbnQiOiIxMjM0NTY3OCJ9XX0='}}}"),
      TEXT("{\"inputTokens\":3}"));
  status_is(test_ask(KEYED("POST /model/m/count-tokens"), "{'input':{}}"), "400");
  status_is(test_ask(KEYED("POST /model/m/count-tokens"), "{'input':{'invokeModel':{'body':'x'}}}"), "400");
  status_is(test_ask(KEYED("POST /model/m/count-tokens"), "{'input':{'converse':{'messages':[]}}}"), "400");
}

static void models_and_profiles_are_listed(void **state) {
  EXPECT_INSIDE(test_ask(KEYED("GET /inference-profiles?type=SYSTEM_DEFINED"), ""),
                TEXT("\"inferenceProfileId\":\"us.anthropic.sim-text-v1:0\""));
  EXPECT_INSIDE(test_ask(KEYED("GET /inference-profiles?type=APPLICATION"), ""),
                TEXT("{\"inferenceProfileSummaries\":[]}"));
  status_is(test_ask(KEYED("GET /inference-profiles?type=x"), ""), "400");
  status_is(test_ask(KEYED("GET /inference-profiles?maxResults=0"), ""), "400");
  EXPECT_INSIDE(test_ask(KEYED("GET /foundation-models"), ""), TEXT("\"modelId\":\"anthropic.sim-text-v1:0\""));
}

/* What follows the head of a stream, without chunk lines; only where each chunk is one frame. */
static size_t frames_of(struct text answer, enum err *out_err) {
  static char joined[1 << 20];
  size_t frames = 0, len = 0;
  struct text rest = text_skip(answer, (size_t)text_find(answer, TEXT("\r\n\r\n")) + 4);
  while (rest.len > 0) {
    ptrdiff_t end = text_find(rest, TEXT("\r\n"));
    assert_true(end > 0);
    size_t size = strtoul(rest.at, NULL, 16);
    if (size == 0)
      break;
    memcpy(joined + len, rest.at + end + 2, size);
    len += size;
    rest = text_skip(rest, (size_t)end + 2 + size + 2);
  }
  struct text left = {joined, len};
  struct eventstream_message m;
  while (eventstream_next(&left, 1 << 20, &m, out_err, NULL))
    frames++;
  if (!*out_err && left.len > 0)
    *out_err = ERR_AGAIN;
  return frames;
}

static void streams_break_as_asked(void **state) {
  enum err e;
  struct text answer = test_ask(KEYED("POST /model/sim-text/converse-stream"), CONVERSE);
  EXPECT_INSIDE(answer, TEXT("content-type: application/vnd.amazon.eventstream"));
  size_t whole = frames_of(answer, &e);
  assert_true(whole > 5);
  assert_int_equal(e, ERR_OK);
  assert_int_equal(frames_of(test_ask(KEYED("POST /model/sim-badcrc-after-2/converse-stream"), CONVERSE), &e), 2);
  assert_int_equal(e, ERR_PROTOCOL);
  assert_int_equal(frames_of(test_ask(KEYED("POST /model/sim-half-after-2/converse-stream"), CONVERSE), &e), 2);
  assert_int_equal(e, ERR_AGAIN);
  assert_int_equal(frames_of(test_ask(KEYED("POST /model/sim-garbage-after-2/converse-stream"), CONVERSE), &e), 2);
  assert_int_equal(e, ERR_PROTOCOL);
  answer = test_ask(KEYED("POST /model/anthropic.sim-throttle-after-2/invoke-with-response-stream"), INVOKE);
  assert_int_equal(frames_of(answer, &e), 3);
  EXPECT_INSIDE(answer, TEXT("throttlingException"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(model_ids_are_decoded),
      cmocka_unit_test(errors_have_their_type),
      cmocka_unit_test(metadata_of_an_invocation_is_a_header),
      cmocka_unit_test(prompts_are_counted_in_both_forms),
      cmocka_unit_test(models_and_profiles_are_listed),
      cmocka_unit_test(streams_break_as_asked),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, test_sim_start, test_sim_stop);
}
