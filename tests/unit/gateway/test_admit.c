/* Limits on the way in: what is refused, what a refusal costs (nothing), and what is given back. */
#include "gateway_ask.h"

static void concurrency(struct world *w) {
  w->identity.one.concurrency = 1;
  struct allowance *a = limiter_entry(w->limiter, 7);
  struct limiter_limits limits = {.concurrency = 1};
  struct limiter_ticket held = {0};
  CHECK_ERR(allowance_take(a, &limits, &(struct limiter_ask){0}, &held, NULL), ERR_OK);
  CHECK_INT(ask_messages(w, ASK_BODY), 429);
  CHECK_MEMBER(w, "error.type", "rate_limit_error");
  CHECK_HEADER(w, "retry-after", "1");
  CHECK_OUTCOME(w, "refused");
  allowance_give_back(&held, 0, 0);
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  for (int i = 0; i < 3; i++)
    CHECK_INT(ask_messages(w, ASK_BODY), 200);
}
static void test_calls_at_once_are_limited_and_given_back(void **state) { run_world(concurrency, NULL); }

static void rpm(struct world *w) {
  w->identity.one.rpm = 2;
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(ask_messages(w, "{\"model\":\"one\",\"max_tokens\":\"x\"}"), 400); /* refused earlier: costs nothing */
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(ask_messages(w, ASK_BODY), 429);
  CHECK_HAS(answer_member(w, "error.message").at, "2 requests a minute");
  CHECK_INT(text_is_empty(wire_header(w->c, "retry-after")), 0);
  CHECK_INT(w->up[0].requests, 2);
  CHECK_INT(ledger_stats(w->ledger).reserved, 2);
}
static void test_requests_a_minute_are_limited(void **state) { run_world(rpm, NULL); }

static void tpm(struct world *w) {
  w->identity.one.tpm = 1000;
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  for (int i = 0; i < 5; i++) /* reserves above 900, uses 120, gets the rest back */
    CHECK_INT(ask_messages(w, "{\"model\":\"one\",\"max_tokens\":100}"), 200);
  CHECK_INT(ask_messages(w, "{\"model\":\"one\",\"max_tokens\":700}"), 429);
  CHECK_HAS(answer_member(w, "error.message").at, "1000 tokens a minute");
}
static void test_tokens_a_minute_are_limited_by_what_was_used(void **state) { run_world(tpm, NULL); }

static void budget(struct world *w) {
  w->identity.one.budget_nano = 10 * COST_OF_MESSAGE;
  w->identity.one.budget_period = PRINCIPAL_MONTH;
  w->spent.spent_nano = 7 * COST_OF_MESSAGE;
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(ask_messages(w, ASK_BODY), 429);
  CHECK_MEMBER(w, "error.type", "rate_limit_error");
  CHECK_HAS(answer_member(w, "error.message").at, "budget");
  CHECK_INT(text_is_empty(wire_header(w->c, "retry-after")), 0);
  CHECK_INT(ask_chat(w, ASK_BODY), 429);
  CHECK_MEMBER(w, "error.type", "insufficient_quota");
  CHECK_INT(w->spent.calls, 1);
  CHECK_INT(w->up[0].requests, 3);
  world_rest(w);
  CHECK_TEXT(w->seen.last.error, TEXT("BUDGET_EXHAUSTED"));
}
static void test_a_budget_counts_what_the_store_knows_and_what_came_since(void **state) { run_world(budget, NULL); }

static void reservation(struct world *w) {
  w->identity.one.budget_nano = 15000 * 100;
  w->identity.one.budget_period = PRINCIPAL_DAY;
  w->up[0].answer = json_answer(w, 200, COMPLETION);
  CHECK_INT(ask_chat(w, "{\"model\":\"one\",\"max_tokens\":200,\"messages\":[]}"), 429);
  CHECK_INT(ask_chat(w, "{\"model\":\"one\",\"max_tokens\":20,\"n\":10,\"messages\":[]}"), 429);
  CHECK_INT(ask_chat(w, "{\"model\":\"one\",\"messages\":[]}"), 429);
  CHECK_INT(w->up[0].requests, 0);
  CHECK_INT(ask_chat(w, "{\"model\":\"one\",\"max_tokens\":20,\"n\":2,\"messages\":[]}"), 200);
}
static void test_the_worst_case_of_a_call_must_fit_the_budget(void **state) { run_world(reservation, NULL); }

static void unknown_price(struct world *w) {
  w->identity.one.budget_nano = INT64_C(1000000000);
  w->identity.one.budget_period = PRINCIPAL_DAY;
  CHECK_INT(ask_messages(w, "{\"model\":\"free\",\"max_tokens\":1}"), 403);
  CHECK_HAS(answer_member(w, "error.message").at, "price");
  CHECK_INT(w->up[0].requests, 0);
}
static void test_a_budget_needs_a_price(void **state) { run_world(unknown_price, NULL); }

static void store_away(struct world *w) {
  w->identity.one.budget_nano = INT64_C(1000000000);
  w->identity.one.budget_period = PRINCIPAL_DAY;
  w->spent.fails = ERR_STORE;
  CHECK_INT(ask_messages(w, ASK_BODY), 503);
  CHECK_HAS(answer_member(w, "error.message").at, "the budget cannot be checked");
  CHECK_INT(w->up[0].requests, 0);
  w->spent.fails = ERR_OK;
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
}
static void test_without_the_store_a_budget_is_not_guessed(void **state) { run_world(store_away, NULL); }

#define ASK_ON_OWN_PLAN(w) ask(w, "POST /ak/" KEY "/v1/messages", "x-api-key: sk-ant-own\r\n", TEXT(ASK_BODY))

static void own_plan(struct world *w) {
  w->identity.one.budget_nano = 10 * COST_OF_MESSAGE;
  w->identity.one.budget_period = PRINCIPAL_MONTH;
  w->spent.spent_nano = 10 * COST_OF_MESSAGE;
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, ASK_BODY), 429);
  for (int i = 0; i < 3; i++) {
    CHECK_INT(ASK_ON_OWN_PLAN(w), 200);
    struct ledger_row row = newest_row(w, 0);
    CHECK_INT(row.cost.total, COST_OF_MESSAGE);
    CHECK_INT(row.billable, 0);
  }
  CHECK_INT(w->up[0].requests, 3);
}
static void test_a_callers_own_plan_needs_no_budget_and_uses_none(void **state) { run_world(own_plan, NULL); }

#define RATES                                                                                                          \
  "rate_limits: [{user: ada, rpm: 3}, {workspace: '*', rpm: 2}, {model: two, concurrency: 1}, {user: '*', tpm: "       \
  "1000}]\n"

/* Two keys of one workspace, and a third one of another. */
static void shared(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->identity.one.workspace = TEXT("lab");
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  w->identity.one.id = 8;
  w->identity.one.rpm = 2;
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  for (int i = 0; i < 3; i++)
    CHECK_INT(ask_messages(w, ASK_BODY), 429);
  CHECK_MEMBER(w, "error.type", "rate_limit_error");
  CHECK_MEMBER(w, "error.message", "the workspace \"lab\" is limited to 2 requests a minute");
  CHECK_INT(text_is_empty(wire_header(w->c, "retry-after")), 0);
  CHECK_INT(ask_chat(w, ASK_BODY), 429);
  CHECK_MEMBER(w, "error.message", "the workspace \"lab\" is limited to 2 requests a minute");
  CHECK_INT(w->up[0].requests, 2);
  w->identity.one.workspace = TEXT("shed"); /* its own two; the key's second is still there, and the user's third */
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(ask_messages(w, ASK_BODY), 429);
  CHECK_HAS(answer_member(w, "error.message").at, "this key is limited to 2 requests a minute");
  w->identity.one.rpm = 0;
  CHECK_INT(ask_messages(w, ASK_BODY), 429);
  CHECK_MEMBER(w, "error.message", "the user \"ada\" is limited to 3 requests a minute");
  CHECK_OUTCOME(w, "refused");
  w->identity.one.user = TEXT("");
  w->identity.one.workspace = TEXT("");
  for (int i = 0; i < 5; i++) /* nobody's, and so under none of them */
    CHECK_INT(ask_messages(w, ASK_BODY), 200);
}
static void test_what_keys_share_is_limited_too(void **state) { run_world(shared, RATES); }

static void defaults(struct world *w) {
  static const char *const users[] = {"bob", "eve"};
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  for (int i = 0; i < 2; i++) {
    w->identity.one.user = text_of(users[i]);
    CHECK_INT(ask_messages(w, "{\"model\":\"one\",\"max_tokens\":900}"), 200);
    CHECK_INT(ask_messages(w, "{\"model\":\"one\",\"max_tokens\":900}"), 429); /* 120 of 1000 are used */
    CHECK_TEXT(answer_member(w, "error.message"),
               arena_format(&w->arena, "the user \"%s\" is limited to 1000 tokens a minute", users[i]));
  }
  w->identity.one.user = TEXT("ada"); /* has an entry of her own, which says nothing of tokens */
  for (int i = 0; i < 2; i++)
    CHECK_INT(ask_messages(w, "{\"model\":\"one\",\"max_tokens\":900}"), 200);
}
static void test_a_default_is_for_each_one_that_has_none_of_its_own(void **state) { run_world(defaults, RATES); }

static void one_model(struct world *w) {
  struct allowance *a = limiter_subject_entry(w->limiter, LIMITER_MODEL, TEXT("two"));
  struct limiter_ticket held = {0};
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_ERR(allowance_take(a, &(struct limiter_limits){.concurrency = 1}, &(struct limiter_ask){0}, &held, NULL),
            ERR_OK);
  CHECK_INT(ask_messages(w, "{\"model\":\"two\",\"max_tokens\":10}"), 429);
  CHECK_MEMBER(w, "error.message", "the model \"two\" is limited to 1 calls at once");
  CHECK_HEADER(w, "retry-after", "1");
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  allowance_give_back(&held, 0, 0);
  CHECK_INT(ask_messages(w, "{\"model\":\"two\",\"max_tokens\":10}"), 200);
}
static void test_a_model_is_limited_whoever_asks(void **state) { run_world(one_model, RATES); }

static void organisation(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  w->identity.one.org_id = 2;
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(ask_messages(w, ASK_BODY), 429);
  CHECK_MEMBER(w, "error.message", "this organisation is limited to 1 requests a minute");
  w->identity.one.org_id = 1;
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
}
static void test_an_organisation_is_limited(void **state) {
  run_world(organisation, "rate_limits: [{organisation: 2, rpm: 1}]\n");
}

/* The table has room for a hundred. */
static void many(struct world *w) {
  char name[16];
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  for (int i = 0; i < 100; i++) {
    snprintf(name, sizeof(name), "user-%d", i);
    w->identity.one.user = text_of(name);
    CHECK_INT(ask_messages(w, ASK_BODY), 200);
  }
  w->identity.one.user = TEXT("one-more");
  CHECK_INT(ask_messages(w, ASK_BODY), 529);
  CHECK_HAS(answer_member(w, "error.message").at, "too many users and workspaces are limited at once");
  w->identity.one.user = TEXT("user-1");
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_INT(ask_messages(w, "{\"model\":\"made-up\",\"max_tokens\":10}"), 404);
}
static void test_more_subjects_than_there_is_room_for_are_an_ordinary_error(void **state) {
  run_world(many, "rate_limits: [{user: '*', rpm: 5}]\n");
}

/* A budget that is used up leaves what is not billed, and that is under the shared limits like any other. */
static void unbilled(struct world *w) {
  w->identity.one.budget_nano = COST_OF_MESSAGE;
  w->identity.one.budget_period = PRINCIPAL_MONTH;
  w->spent.spent_nano = COST_OF_MESSAGE;
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  for (int i = 0; i < 3; i++)
    CHECK_INT(ASK_ON_OWN_PLAN(w), 200);
  CHECK_INT(ask_messages(w, ASK_BODY), 429);
  CHECK_HAS(answer_member(w, "error.message").at, "budget");
  CHECK_INT(ASK_ON_OWN_PLAN(w), 429);
  CHECK_MEMBER(w, "error.message", "the user \"ada\" is limited to 3 requests a minute");
}
static void test_a_callers_own_plan_is_under_the_shared_limits(void **state) { run_world(unbilled, RATES); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_calls_at_once_are_limited_and_given_back),
      cmocka_unit_test(test_requests_a_minute_are_limited),
      cmocka_unit_test(test_tokens_a_minute_are_limited_by_what_was_used),
      cmocka_unit_test(test_a_budget_counts_what_the_store_knows_and_what_came_since),
      cmocka_unit_test(test_the_worst_case_of_a_call_must_fit_the_budget),
      cmocka_unit_test(test_a_budget_needs_a_price),
      cmocka_unit_test(test_without_the_store_a_budget_is_not_guessed),
      cmocka_unit_test(test_a_callers_own_plan_needs_no_budget_and_uses_none),
      cmocka_unit_test(test_what_keys_share_is_limited_too),
      cmocka_unit_test(test_a_default_is_for_each_one_that_has_none_of_its_own),
      cmocka_unit_test(test_a_model_is_limited_whoever_asks),
      cmocka_unit_test(test_an_organisation_is_limited),
      cmocka_unit_test(test_more_subjects_than_there_is_room_for_are_an_ordinary_error),
      cmocka_unit_test(test_a_callers_own_plan_is_under_the_shared_limits),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("admit", tests, NULL, NULL);
}
