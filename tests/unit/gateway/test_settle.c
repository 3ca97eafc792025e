/* What an ended call is counted as: the provider's numbers where it gave them, marked estimates where it was cut, and
 * nothing for errors and for counting tokens. */
#include "gateway_ask.h"

#define START                                                                                                          \
  "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":100,"              \
  "\"output_tokens\":1}}}\n\n"
#define BARE "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n"
#define DELTA                                                                                                          \
  "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"               \
  "\"text_delta\",\"text\":\"hello, hello, hello, hello\"}}\n\n"
#define UNTIL_CLOSE "HTTP/1.1 200 OK\r\n" STREAM_TYPE "\r\n"

static void reported(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  struct ledger_row row = newest_row(w, 0);
  CHECK_TEXT(row.outcome, TEXT("ok"));
  CHECK_TEXT(row.error, TEXT(""));
  CHECK_TEXT(row.key_name, TEXT("tester"));
  CHECK_TEXT(row.user, TEXT("ada"));
  CHECK_TEXT(row.provider, TEXT("a"));
  CHECK_TEXT(row.credential, TEXT("c"));
  CHECK_TEXT(row.model, TEXT("one"));
  CHECK_TEXT(row.wire, TEXT("anthropic"));
  CHECK_INT(row.key_id, 7);
  CHECK_INT(row.status, 200);
  CHECK_INT(row.usage.input, 100);
  CHECK_INT(row.usage.output, 20);
  CHECK_INT(row.usage.estimated, 0);
  CHECK_INT(row.cost.total, COST_OF_MESSAGE);
  CHECK_INT(row.cost.known, 1);
  CHECK_INT(row.reserved_nano >= 10 * 15000, 1);
  CHECK_INT(row.billable, 1);
  CHECK_INT(row.duration_us >= 0, 1);
  CHECK_TEXT(row.request_id, w->seen.last.request_id);
  CHECK_INT(w->seen.last.cost.total, COST_OF_MESSAGE);
}
static void test_reported_usage_is_charged_exactly(void **state) { run_world(reported, NULL); }

static void cut(struct world *w) {
  w->up[0].then = CALL_CLOSE;
  w->up[0].answer = TEXT(UNTIL_CLOSE START DELTA DELTA);
  CHECK_INT(ask_messages(w, ASK_STREAM), 200);
  struct ledger_row row = newest_row(w, 0);
  CHECK_TEXT(row.outcome, TEXT("cut"));
  CHECK_TEXT(row.error, TEXT("UPSTREAM_CUT"));
  CHECK_INT(row.usage.input, 100);
  CHECK_INT(row.usage.output > 1, 1);
  CHECK_INT(row.usage.output <= 2 * 26, 1);
  CHECK_INT(row.usage.estimated, 1);
  CHECK_INT(row.cost.total, 100 * 3000 + (int64_t)row.usage.output * 15000);
  w->up[0].answer = TEXT(UNTIL_CLOSE BARE DELTA);
  CHECK_INT(ask_messages(w, ASK_STREAM), 200);
  row = newest_row(w, 0);
  CHECK_INT(row.usage.estimated, 1);
  CHECK_INT(row.usage.input > 0, 1);
  CHECK_INT(row.usage.output > 0, 1);
}
static void test_a_cut_stream_is_estimated_from_what_was_seen(void **state) { run_world(cut, NULL); }

static void silent_usage(struct world *w) {
  w->up[0].answer =
      json_answer(w, 200, "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hello\"}}]}");
  CHECK_INT(ask_chat(w, ASK_BODY), 200);
  struct ledger_row row = newest_row(w, 0);
  CHECK_TEXT(row.outcome, TEXT("ok"));
  CHECK_INT(row.usage.estimated, 1);
  CHECK_INT(row.usage.input > 0, 1);
  CHECK_INT(row.usage.output > 0, 1);
}
static void test_an_answer_without_usage_is_estimated_and_marked(void **state) { run_world(silent_usage, NULL); }

/* What a request allows is what was reserved, so an estimate of more would overspend a budget. */
static void estimates_are_bounded(struct world *w) {
  static const char ask[] =
      "{\"model\":\"one\",\"max_tokens\":3,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
  w->up[0].answer = json_answer(w, 200,
                                "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hello, "
                                "hello, hello, hello\"}}]}");
  CHECK_INT(ask_chat(w, ask), 200);
  struct ledger_row row = newest_row(w, 0);
  CHECK_INT(row.usage.estimated, 1);
  CHECK_INT(row.usage.output, 3);
  CHECK_INT(row.cost.total <= row.reserved_nano, 1);
}
static void test_an_estimate_is_not_more_than_the_request_allows(void **state) {
  run_world(estimates_are_bounded, NULL);
}

static void errors_are_free(struct world *w) {
  w->up[0].answer = json_answer(w, 400, INVALID);
  CHECK_INT(ask_messages(w, ASK_BODY), 400);
  struct ledger_row row = newest_row(w, 0);
  CHECK_INT(row.usage.input + row.usage.output, 0);
  CHECK_INT(row.cost.total, 0);
  CHECK_INT(row.cost.known, 1);
  CHECK_INT(row.upstream_status, 400);
}
static void test_an_error_costs_nothing(void **state) { run_world(errors_are_free, NULL); }

static void counting(struct world *w) {
  w->up[0].answer = json_answer(w, 200, "{\"input_tokens\":14000}");
  w->identity.one.budget_nano = 1000;
  w->identity.one.budget_period = PRINCIPAL_DAY;
  CHECK_INT(ask(w, "POST /v1/messages/count_tokens", X_API_KEY, TEXT(ASK_BODY)), 200);
  CHECK_TEXT(wire_text(w->c), TEXT("{\"input_tokens\":14000}"));
  CHECK_HAS(w->up[0].request, "POST /base/v1/messages/count_tokens ");
  struct ledger_row row = newest_row(w, 0);
  CHECK_INT(row.cost.total, 0);
  CHECK_INT(row.cost.known, 1);
  CHECK_INT(row.billable, 0);
  CHECK_INT(row.reserved_nano, 0);
  CHECK_INT(row.usage.input, 0);
}
static void test_counting_tokens_costs_nothing(void **state) { run_world(counting, NULL); }

static void unpriced(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, "{\"model\":\"free\",\"max_tokens\":1}"), 200);
  struct ledger_row row = newest_row(w, 0);
  CHECK_INT(row.usage.input, 100);
  CHECK_INT(row.cost.known, 0);
  CHECK_INT(row.cost.total, 0);
  CHECK_INT(row.price_version, 0);
}
static void test_an_unknown_price_is_said_to_be_unknown(void **state) { run_world(unpriced, NULL); }

#define BILLED                                                                                                         \
  "{\"id\":\"c1\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","       \
  "\"content\":\"hello\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,"     \
  "\"total_tokens\":120,\"cost\":0.00012345}}"

static void billed(struct world *w) {
  w->up[0].answer = json_answer(w, 200, BILLED);
  CHECK_INT(ask_chat(w, "{\"model\":\"router/new\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"), 200);
  struct ledger_row row = newest_row(w, 0);
  CHECK_INT(row.cost.known, 1);
  CHECK_INT(row.cost.total, 123450);
  CHECK_INT(ask_messages(
                w, "{\"model\":\"router/new\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"),
            200);
  CHECK_INT(newest_row(w, 0).cost.total, 123450);
  /* A price of ours wins. */
  CHECK_INT(ask_chat(w, "{\"model\":\"team/gpt\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"), 200);
  CHECK_INT(newest_row(w, 0).cost.total, COST_OF_MESSAGE);
}
static void test_without_a_price_the_providers_own_bill_counts(void **state) { run_world(billed, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_without_a_price_the_providers_own_bill_counts),
      cmocka_unit_test(test_reported_usage_is_charged_exactly),
      cmocka_unit_test(test_a_cut_stream_is_estimated_from_what_was_seen),
      cmocka_unit_test(test_an_answer_without_usage_is_estimated_and_marked),
      cmocka_unit_test(test_an_estimate_is_not_more_than_the_request_allows),
      cmocka_unit_test(test_an_error_costs_nothing),
      cmocka_unit_test(test_counting_tokens_costs_nothing),
      cmocka_unit_test(test_an_unknown_price_is_said_to_be_unknown),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
