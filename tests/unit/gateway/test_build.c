/* What a provider is sent, and what is refused before anything is reserved. */
#include "gateway_ask.h"

#define TOOLS(more)                                                                                                    \
  "{\"model\":\"crossed\",\"max_tokens\":10,\"tools\":[{\"name\":\"look\",\"input_schema\":{\"type\":\"object\"}" more \
  "}],\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

static void refused(struct world *w) {
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  /* The first target cannot say it, the second can. */
  CHECK_INT(ask_messages(w, TOOLS(",\"defer_loading\":true")), 200);
  CHECK_INT(w->up[0].requests, 0);
  CHECK_HEADER(w, "x-weir-attempts", "1");
  CHECK_HEADER(w, "x-weir-provider", "b");
  /* No target can. */
  CHECK_INT(ask_chat(w, "{\"model\":\"crossed\",\"n\":2,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"), 400);
  CHECK_MEMBER(w, "error.param", "n");
  CHECK_OUTCOME(w, "refused");
  CHECK_INT(ask_chat(w, "{\"model\":\"crossed\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}"),
            400);
  CHECK_HAS(answer_member(w, "error.message").at, "messages[0].content[0].text");
  CHECK_INT(w->up[0].requests, 0);
  CHECK_INT(row_count(w), 1);
}
static void test_what_cannot_be_said_is_refused_by_name_or_goes_elsewhere(void **state) { run_world(refused, NULL); }

static void left_out(struct world *w) {
  w->up[0].answer = json_answer(w, 200, COMPLETION);
  CHECK_INT(
      ask(w, MESSAGES, X_API_KEY JSON_TYPE "anthropic-version: 2023-06-01\r\nanthropic-beta: x\r\n",
          TEXT("{\"model\":\"lossy\",\"max_tokens\":10,\"tools\":[{\"name\":\"look\",\"defer_loading\":true,"
               "\"input_schema\":{\"type\":\"object\"}}],\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}")),
      200);
  CHECK_HEADER(w, "x-weir-left-out", "tools[0].defer_loading");
  CHECK_INT(text_find(upstream_body(&w->up[0]), TEXT("defer_loading")), -1);
  CHECK_INT(text_find(upstream_body(&w->up[0]), TEXT("\"look\"")) > 0, 1);
  CHECK_TEXT(sent_header(w, 0, "anthropic-beta"), TEXT_NONE);
}
static void test_what_the_operator_allows_is_left_out_and_named(void **state) { run_world(left_out, NULL); }

static void defaults(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_chat(w, "{\"model\":\"crossed\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"), 200);
  CHECK_HAS(arena_copy(&w->arena, upstream_body(&w->up[0])).at, "\"max_tokens\":4096");
  CHECK_HAS(arena_copy(&w->arena, upstream_body(&w->up[0])).at, "\"model\":\"one\"");
}
static void test_a_dialect_that_needs_a_bound_gets_one(void **state) { run_world(defaults, NULL); }

#define CONVERSE_ANSWER                                                                                                \
  "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"hello\"}]}},\"stopReason\":\"end_turn\"," \
  "\"usage\":{\"inputTokens\":100,\"outputTokens\":20,\"totalTokens\":120}}"
#define SAYS "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}"

static void metadata(struct world *w) {
  static const struct {
    const char *asked, *sent;
  } cases[] = {
      {"{" SAYS, "{\"requestMetadata\":{\"team\":\"blue\"}," SAYS},
      {"{\"requestMetadata\":{}," SAYS, "{\"requestMetadata\":{\"team\":\"blue\"}," SAYS},
      {"{\"requestMetadata\":{\"a\":\"b\"}," SAYS, "{\"requestMetadata\":{\"team\":\"blue\",\"a\":\"b\"}," SAYS},
      {"{\"requestMetadata\":{\"team\":\"red\"}," SAYS, "{\"requestMetadata\":{\"team\":\"red\"}," SAYS}};
  w->up[0].answer = json_answer(w, 200, CONVERSE_ANSWER);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    CHECK_INT(ask(w, "POST /bedrock/model/nova/converse", X_API_KEY JSON_TYPE, text_of(cases[i].asked)), 200);
    CHECK_TEXT(upstream_body(&w->up[0]), text_of(cases[i].sent));
  }
  CHECK_INT(
      ask_messages(w, "{\"model\":\"nova\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"),
      200);
  CHECK_HAS(arena_copy(&w->arena, upstream_body(&w->up[0])).at, "\"requestMetadata\":{\"team\":\"blue\"}");
}
static void test_the_operators_metadata_goes_with_every_converse_call(void **state) { run_world(metadata, NULL); }

static void betas(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask(w, MESSAGES,
                X_API_KEY JSON_TYPE "anthropic-version: 2023-06-01\r\nanthropic-beta: first, unknown-to-aws,second\r\n",
                TEXT("{\"model\":\"claude-aws\",\"max_tokens\":9,\"future\":{\"kept\":1.50},\"messages\":[]}")),
            200);
  CHECK_TEXT(
      upstream_body(&w->up[0]),
      TEXT("{\"anthropic_version\":\"bedrock-2023-05-31\",\"anthropic_beta\":[\"first\",\"second\"],\"max_tokens\":9,"
           "\"future\":{\"kept\":1.50},\"messages\":[]}"));
  CHECK_HEADER(w, "x-weir-left-out", "unknown-to-aws");
  CHECK_TEXT(sent_header(w, 0, "anthropic-beta"), TEXT_NONE);
}
static void test_another_envelope_keeps_every_byte_of_the_body(void **state) { run_world(betas, NULL); }

/* {"f":"unknown"} sealed: reasoning that a chat server showed and nobody proves. */
#define FOREIGN                                                                                                        \
  "{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":"   \
  "\"hm\","                                                                                                            \
  "\"signature\":\"weir1.eyJmIjoidW5rbm93biJ9\"},{\"type\":\"text\",\"text\":\"so\"}]},{\"role\":\"user\","            \
  "\"content\":\"go\"}"
#define ASKS(model) "{\"model\":\"" model "\",\"max_tokens\":9,\"messages\":[" FOREIGN "]}"

static void sealed(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  /* Claude would call it forged: refused by name, before anything is sent. */
  CHECK_INT(ask_messages(w, ASKS("one")), 400);
  CHECK_HAS(answer_member(w, "error.message").at, "messages[1].content[0].thinking");
  CHECK_INT(ask_messages(w, ASKS("claude-aws")), 400);
  CHECK_INT(w->up[0].requests, 0);
  /* The server that showed it takes it back. */
  w->up[0].answer = json_answer(w, 200, COMPLETION);
  CHECK_INT(ask_messages(w, ASKS("crossed")), 200);
  CHECK_HAS(arena_copy(&w->arena, upstream_body(&w->up[0])).at, "\"reasoning_content\":\"hm\"");
  /* The operator's own pairs do not let one pass either; Converse takes the reasoning that nobody proves without it. */
  w->up[0].answer = json_answer(w, 200, CONVERSE_ANSWER);
  CHECK_INT(ask(w, "POST /bedrock/model/nova/converse", X_API_KEY JSON_TYPE,
                TEXT("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]},{\"role\":\"assistant\","
                     "\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\",\"signature\":"
                     "\"weir1.eyJmIjoidW5rbm93biJ9\"}}}]},{\"role\":\"user\",\"content\":[{\"text\":\"go\"}]}]}")),
            200);
  CHECK_INT(text_find(upstream_body(&w->up[0]), TEXT("weir1.")), -1);
  CHECK_INT(text_find(upstream_body(&w->up[0]), TEXT("\"hm\"")) > 0, 1);
  CHECK_INT(text_find(upstream_body(&w->up[0]), TEXT("{\"team\":\"blue\"}")) > 0, 1);
  /* With leave it is left out, and everything else goes. */
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, ASKS("forgetful")), 200);
  CHECK_HEADER(w, "x-weir-left-out", "messages[1].content[0].thinking");
  CHECK_INT(text_find(upstream_body(&w->up[0]), TEXT("weir1.")), -1);
  CHECK_HAS(arena_copy(&w->arena, upstream_body(&w->up[0])).at, "\"so\"");
}
static void test_reasoning_of_another_vendor_is_never_passed_off_as_the_targets(void **state) {
  run_world(sealed, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_cannot_be_said_is_refused_by_name_or_goes_elsewhere),
      cmocka_unit_test(test_what_the_operator_allows_is_left_out_and_named),
      cmocka_unit_test(test_the_operators_metadata_goes_with_every_converse_call),
      cmocka_unit_test(test_another_envelope_keeps_every_byte_of_the_body),
      cmocka_unit_test(test_reasoning_of_another_vendor_is_never_passed_off_as_the_targets),
      cmocka_unit_test(test_a_dialect_that_needs_a_bound_gets_one),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("build", tests, NULL, NULL);
}
