/* The list of models in both dialects. */
#include "gateway_ask.h"

#define VERSION "anthropic-version: 2023-06-01\r\n"

static int list(struct world *w, const char *query) {
  struct text line = arena_format(&w->arena, "GET /v1/models%s", query);
  return ask(w, line.at, X_API_KEY VERSION, TEXT_NONE);
}

static void both(struct world *w) {
  CHECK_INT(ask(w, "GET /v1/models", X_API_KEY, TEXT_NONE), 200);
  CHECK_MEMBER(w, "object", "list");
  CHECK_MEMBER(w, "data.0.id", "one");
  CHECK_MEMBER(w, "data.0.object", "model");
  CHECK_BODY_HAS(w, "\"team/gpt\"");
  CHECK_INT(text_find(wire_text(w->c), TEXT("wild")), -1);
  CHECK_INT(text_find(wire_text(w->c), TEXT("claude-only")), -1);
  CHECK_OUTCOME(w, "ok");
  CHECK_INT(list(w, "?limit=1000"), 200);
  CHECK_MEMBER(w, "data.0.type", "model");
  CHECK_MEMBER(w, "has_more", "false");
  CHECK_BODY_HAS(w, "\"claude-only\"");
  CHECK_INT(text_find(wire_text(w->c), TEXT("team/gpt")), -1);
  CHECK_INT(ask(w, "GET /v1/models", "", TEXT_NONE), 401);
  CHECK_INT(ledger_stats(w->ledger).reserved, 0);
}
static void test_each_dialect_lists_what_it_can_call(void **state) { run_world(both, NULL); }

static void filtered(struct world *w) {
  const struct text models[] = {TEXT("t*")};
  w->identity.one.models = models;
  w->identity.one.model_count = 1;
  CHECK_INT(list(w, ""), 200);
  CHECK_MEMBER(w, "data.0.id", "two");
  CHECK_MEMBER(w, "data.1.id", "");
  CHECK_INT(list(w, "/one"), 404);
  CHECK_INT(list(w, "/two"), 200);
  CHECK_MEMBER(w, "id", "two");
}
static void test_a_key_sees_only_its_models(void **state) { run_world(filtered, NULL); }

static void under_a_policy(struct world *w) {
  w->identity.one.policy = TEXT("bedrock_only");
  CHECK_INT(list(w, ""), 200);
  CHECK_MEMBER(w, "data.0.id", "nova");
  CHECK_MEMBER(w, "data.1.id", "claude-aws");
  CHECK_MEMBER(w, "data.2.id", "no-credentials");
  CHECK_MEMBER(w, "data.3.id", "");
  CHECK_INT(list(w, "/one"), 404);
  CHECK_INT(list(w, "/nova"), 200);
  w->identity.one.policy = TEXT("forgotten");
  CHECK_INT(list(w, ""), 200);
  CHECK_MEMBER(w, "data.0.id", "");
}
static void test_a_policy_hides_what_it_leaves_no_target(void **state) { run_world(under_a_policy, NULL); }

/* Anthropic's: one, alias, two, free, claude-only, ..., and the last two keyless, only-openai. */
static void pages(struct world *w) {
  CHECK_INT(list(w, "?limit=2"), 200);
  CHECK_MEMBER(w, "data.0.id", "one");
  CHECK_MEMBER(w, "last_id", "alias");
  CHECK_MEMBER(w, "first_id", "one");
  CHECK_MEMBER(w, "has_more", "true");
  CHECK_INT(list(w, "?limit=2&after_id=alias"), 200);
  CHECK_MEMBER(w, "data.0.id", "two");
  CHECK_MEMBER(w, "has_more", "true");
  CHECK_INT(list(w, "?after_id=keyless&limit=2"), 200);
  CHECK_MEMBER(w, "data.0.id", "only-openai");
  CHECK_MEMBER(w, "has_more", "false");
  CHECK_INT(list(w, "?after_id=only-openai"), 200);
  CHECK_MEMBER(w, "data.0.id", "");
  CHECK_INT(list(w, "?before_id=free&limit=2"), 200);
  CHECK_MEMBER(w, "data.0.id", "alias");
  CHECK_MEMBER(w, "data.1.id", "two");
  CHECK_MEMBER(w, "has_more", "true");
  CHECK_INT(list(w, "?before_id=alias&limit=2"), 200);
  CHECK_MEMBER(w, "data.0.id", "one");
  CHECK_MEMBER(w, "has_more", "false");
  CHECK_INT(list(w, "?after_id=only%2Dopenai"), 200);
  CHECK_MEMBER(w, "data.0.id", "");
  static const char *const bad[] = {"?limit=0", "?limit=1001",    "?limit=-1",      "?limit=x",
                                    "?limit=",  "?after_id=gone", "?before_id=gone"};
  for (size_t i = 0; i < COUNT_OF(bad); i++)
    if (!CHECK_INT(list(w, bad[i]), 400))
      (void)fprintf(stderr, "%s\n", bad[i]);
}
static void test_the_list_has_pages(void **state) { run_world(pages, NULL); }

static void one(struct world *w) {
  CHECK_INT(ask(w, "GET /v1/models/team%2Fgpt", X_API_KEY, TEXT_NONE), 200);
  CHECK_MEMBER(w, "id", "team/gpt");
  CHECK_INT(ask(w, "GET /v1/models/team/gpt", X_API_KEY, TEXT_NONE), 200);
  CHECK_MEMBER(w, "id", "team/gpt");
  CHECK_INT(list(w, "/wild-anything"), 200);
  CHECK_MEMBER(w, "id", "wild-anything");
  CHECK_INT(list(w, "/team%2Fgpt"), 404);
  CHECK_MEMBER(w, "error.type", "not_found_error");
  CHECK_INT(list(w, "/o%6Ee"), 200);
  CHECK_MEMBER(w, "id", "one");
  static const char *const bad[] = {"/o%6", "/o%", "/o%zz", "/o%+1", "/o%-1", "/wild-%00", "/wild-%0a", "/wild-%ff"};
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    int status = list(w, bad[i]);
    if (!CHECK_INT(status == 404 || status == 400, 1))
      (void)fprintf(stderr, "%s: %d\n", bad[i], status);
  }
}
static void test_one_model_by_its_percent_encoded_id(void **state) { run_world(one, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_dialect_lists_what_it_can_call),     cmocka_unit_test(test_a_key_sees_only_its_models),
      cmocka_unit_test(test_a_policy_hides_what_it_leaves_no_target), cmocka_unit_test(test_the_list_has_pages),
      cmocka_unit_test(test_one_model_by_its_percent_encoded_id),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
