/* From a model's name to its targets. */
#include "gateway_ask.h"

static void alias(struct world *w) {
  struct text body =
      TEXT("{ \"messages\" :[{\"model\":\"alias\"}], \"max_tokens\":1,\t\"model\" : \"alias\" ,\"x\":1.0e2}\n");
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask(w, MESSAGES, X_API_KEY, body), 200);
  CHECK_TEXT(upstream_body(&w->up[0]), TEXT("{ \"messages\" :[{\"model\":\"alias\"}], \"max_tokens\":1,\t\"model\" : "
                                            "\"real-model\" ,\"x\":1.0e2}\n"));
  CHECK_HEADER(w, "x-weir-model", "real-model");
  CHECK_TEXT(w->seen.last.model, TEXT("alias"));
  CHECK_TEXT(w->seen.last.upstream_model, TEXT("real-model"));
  body = TEXT("{\"model\":\"one\", \"max_tokens\":1 }");
  CHECK_INT(ask(w, MESSAGES, X_API_KEY, body), 200);
  CHECK_TEXT(upstream_body(&w->up[0]), body);
}
static void test_an_alias_changes_the_models_bytes_and_no_others(void **state) { run_world(alias, NULL); }

static void wild(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, "{\"model\":\"wild-cat*\",\"max_tokens\":1}"), 200);
  CHECK_TEXT(upstream_body(&w->up[0]), TEXT("{\"model\":\"tamed-cat*-x\",\"max_tokens\":1}"));
  w->up[0].answer = json_answer(w, 200, COMPLETION);
  CHECK_INT(ask_chat(w, "{\"model\":\"wild-\\\"q\\\"\",\"max_tokens\":1}"), 200);
  CHECK_TEXT(upstream_body(&w->up[0]), TEXT("{\"model\":\"\\\"q\\\"\",\"max_tokens\":1}"));
}
static void test_a_wildcard_carries_what_it_matched(void **state) { run_world(wild, NULL); }

static void refused(struct world *w) {
  CHECK_INT(ask_messages(w, "{\"model\":\"nothing\",\"max_tokens\":1}"), 404);
  CHECK_MEMBER(w, "error.type", "not_found_error");
  CHECK_HAS(answer_member(w, "error.message").at, "\"nothing\"");
  CHECK_INT(ask_chat(w, "{\"model\":\"claude-only\"}"), 404);
  CHECK_INT(ask_messages(w, "{\"model\":\"team/gpt\",\"max_tokens\":1}"), 404);
  CHECK_INT(ask(w, "POST /v1/embeddings", "authorization: Bearer " KEY "\r\n" JSON_TYPE,
                TEXT("{\"model\":\"crossed\",\"input\":\"x\"}")),
            400);
  CHECK_HAS(answer_member(w, "error.message").at, "openai_embeddings");
  const struct text models[] = {TEXT("two"), TEXT("wild-*")};
  w->identity.one.models = models;
  w->identity.one.model_count = 2;
  CHECK_INT(ask_messages(w, ASK_BODY), 403);
  CHECK_MEMBER(w, "error.type", "permission_error");
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, "{\"model\":\"wild-x\",\"max_tokens\":1}"), 200);
  CHECK_INT(w->up[0].requests, 1);
  CHECK_INT(ask(w, "GET /v1/files", X_API_KEY "anthropic-version: 1\r\n", TEXT_NONE), 403);
}
static void test_models_that_are_unknown_not_allowed_or_of_another_wire(void **state) { run_world(refused, NULL); }

static void embeddings(struct world *w) {
  w->up[0].answer = json_answer(w, 200,
                                "{\"object\":\"list\",\"data\":[{\"embedding\":[0.1],\"index\":0}],\"model\":"
                                "\"gpt\",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}");
  CHECK_INT(ask(w, "POST /v1/embeddings", X_API_KEY, TEXT("{\"model\":\"team/gpt\",\"input\":\"x\"}")), 200);
  CHECK_HAS(w->up[0].request, "POST /v1/embeddings HTTP/1.1\r\n");
  CHECK_TEXT(upstream_body(&w->up[0]), TEXT("{\"model\":\"gpt\",\"input\":\"x\"}"));
  CHECK_INT(newest_row(w, 0).cost.total, 8 * 3000);
  CHECK_TEXT(newest_row(w, 0).operation, TEXT("embeddings"));
}
static void test_embeddings_go_to_a_provider_that_has_them(void **state) { run_world(embeddings, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_an_alias_changes_the_models_bytes_and_no_others),
      cmocka_unit_test(test_a_wildcard_carries_what_it_matched),
      cmocka_unit_test(test_models_that_are_unknown_not_allowed_or_of_another_wire),
      cmocka_unit_test(test_embeddings_go_to_a_provider_that_has_them),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("choose", tests, NULL, NULL);
}
