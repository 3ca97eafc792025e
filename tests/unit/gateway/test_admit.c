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
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("admit", tests, NULL, NULL);
}
