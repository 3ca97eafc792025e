/* What operators see of breakers and targets, and setting a breaker by hand. */
#include "gateway_ask.h"

#include "gateway/inspect.h"

#define TWO "{\"model\":\"two\",\"max_tokens\":10,\"messages\":[]}"

static struct text said(struct world *w, void (*write)(struct world *w, struct buf *out)) {
  struct buf out;
  buf_init(&out, 1 << 16);
  write(w, &out);
  struct text copy = arena_copy(&w->arena, buf_text(&out));
  buf_done(&out);
  return copy;
}

static void breakers(struct world *w, struct buf *out) {
  inspect_breakers(&w->gateway, w->worker.snapshot->config, loop_clock_us(), out);
}
static void targets(struct world *w, struct buf *out) { inspect_targets(&w->gateway, loop_clock_us(), out); }

static enum err set_force(struct world *w, const char *body, struct fault *f) {
  struct buf out;
  buf_init(&out, 1 << 16);
  enum err e = inspect_force(&w->gateway, w->worker.snapshot->config, text_of(body), loop_clock_us(), &out, f);
  if (e == ERR_OK)
    CHECK_INT(text_starts(buf_text(&out), TEXT("{\"breakers\":[")), 1);
  buf_done(&out);
  return e;
}

static void seen(struct world *w) {
  w->up[0].answer = json_answer(w, 500, OVERLOADED);
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  for (int i = 0; i < 4; i++)
    CHECK_INT(ask_messages(w, TWO), 200);
  struct text all = said(w, breakers);
  CHECK_HAS(all.at, "\"provider\":\"a\"");
  CHECK_HAS(all.at, "\"credential\":\"c\",\"state\":\"open\",\"force\":\"automatic\",\"probing\":false,\"retry_in_ms\":"
                    "1800000,\"failures_in_window\":");
  CHECK_HAS(all.at, "\"reason\":\"server_error\"");
  CHECK_INT(inspect_open_breakers(&w->gateway), 1);
  CHECK_INT(text_find(all, TEXT("vendor-secret")), -1);
  all = said(w, targets);
  CHECK_HAS(all.at, "\"provider\":\"b\",\"credential\":\"c\",\"model\":\"two-b\",\"in_flight\":0,\"waiting\":0,"
                    "\"first_token_ms\":null");
  CHECK_HAS(all.at, "\"answer_ms\":0");
}
static void test_breakers_and_targets_are_shown(void **state) { run_learning_world(seen, NULL); }

static void forced(struct world *w) {
  struct fault f = {0};
  w->up[0].answer = w->up[1].answer = json_answer(w, 200, MESSAGE);
  CHECK_ERR(set_force(w, "{\"provider\":\"a\",\"force\":\"open\",\"reason\":\"maintenance\"}", &f), ERR_OK);
  CHECK_INT(ask_messages(w, TWO), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_HAS(said(w, breakers).at, "\"force\":\"open\"");
  CHECK_HAS(said(w, breakers).at, "\"reason\":\"maintenance\"");
  CHECK_ERR(set_force(w, "{\"provider\":\"a\",\"credential\":\"c\",\"force\":\"automatic\"}", &f), ERR_OK);
  CHECK_INT(ask_messages(w, TWO), 200);
  CHECK_HEADER(w, "x-weir-provider", "a");
  CHECK_ERR(set_force(w, "{\"provider\":\"ob\",\"force\":\"closed\"}", &f), ERR_OK); /* it has no credential */
}
static void test_a_breaker_is_set_by_hand(void **state) { run_learning_world(forced, NULL); }

/* Callers with credentials of their own have breakers of their own, made when they first come. */
static void forced_for_all(struct world *w) {
  static const char own[] = JSON_TYPE "x-api-key: sk-ant-own\r\n", line[] = "POST /ak/" KEY "/v1/messages";
  struct fault f = {0};
  w->up[0].answer = w->up[1].answer = json_answer(w, 200, MESSAGE);
  CHECK_ERR(set_force(w, "{\"provider\":\"a\",\"force\":\"open\"}", &f), ERR_OK);
  CHECK_INT(ask(w, line, own, TEXT(TWO)), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_ERR(set_force(w, "{\"provider\":\"a\",\"force\":\"automatic\"}", &f), ERR_OK);
  CHECK_INT(ask(w, line, own, TEXT(TWO)), 200);
  CHECK_HEADER(w, "x-weir-provider", "a");
  CHECK_ERR(set_force(w, "{\"provider\":\"a\",\"force\":\"open\"}", &f), ERR_OK);
  CHECK_INT(ask(w, line, own, TEXT(TWO)), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_INT(w->up[0].requests, 1);
}
static void test_a_provider_that_is_opened_by_hand_gets_nobodys_requests(void **state) {
  run_learning_world(forced_for_all, NULL);
}

/* Vendors' other paths have no breaker to fail on, but the operator's word counts there, too. */
static void forced_raw(struct world *w) {
  struct fault f = {0};
  w->up[0].answer = w->up[1].answer = json_answer(w, 200, "{}");
  CHECK_ERR(set_force(w, "{\"provider\":\"a\",\"force\":\"open\"}", &f), ERR_OK);
  CHECK_INT(ask(w, "GET /anthropic/v1/files", X_API_KEY, TEXT_NONE), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_ERR(set_force(w, "{\"provider\":\"b\",\"force\":\"open\"}", &f), ERR_OK);
  CHECK_ERR(set_force(w, "{\"provider\":\"paid\",\"force\":\"open\"}", &f), ERR_OK);
  CHECK_INT(ask(w, "GET /anthropic/v1/files", X_API_KEY, TEXT_NONE), 503);
  CHECK_ERR(set_force(w, "{\"provider\":\"a\",\"force\":\"automatic\"}", &f), ERR_OK);
  CHECK_INT(ask(w, "GET /anthropic/v1/files", X_API_KEY, TEXT_NONE), 200);
  CHECK_HEADER(w, "x-weir-provider", "a");
  CHECK_INT(w->up[0].requests, 1);
}
static void test_the_operators_word_counts_on_vendors_other_paths(void **state) {
  run_learning_world(forced_raw, NULL);
}

static void refused(struct world *w) {
  static const struct {
    const char *body, *field;
    enum err err;
  } cases[] = {{"{\"force\":\"open\"}", "provider", ERR_BAD_REQUEST},
               {"{\"provider\":\"a\"}", "force", ERR_BAD_REQUEST},
               {"{\"provider\":\"a\",\"force\":\"ajar\"}", "force", ERR_BAD_REQUEST},
               {"{\"provider\":\"nobody\",\"force\":\"open\"}", "provider", ERR_NOT_FOUND},
               {"{\"provider\":\"a\",\"credential\":\"x\",\"force\":\"open\"}", "credential", ERR_NOT_FOUND},
               {"{\"provider\":\"a\",\"force\":\"open\",\"credential\":7}", "credential", ERR_BAD_REQUEST},
               {"{\"provider\":\"a\",\"force\":\"open\",\"reason\":[]}", "reason", ERR_BAD_REQUEST},
               {"{\"provider\":\"a\",\"force\":\"open\",\"credentail\":\"c\"}", "credentail", ERR_BAD_REQUEST},
               {"7", "", ERR_BAD_REQUEST},
               {"{", "", ERR_BAD_JSON}};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct fault f = {0};
    CHECK_ERR(set_force(w, cases[i].body, &f), cases[i].err);
    CHECK_TEXT(text_of(f.field), text_of(cases[i].field));
  }
}
static void test_what_cannot_be_set_is_named(void **state) { run_learning_world(refused, NULL); }

static void nothing(struct world *w) {
  struct fault f = {0};
  CHECK_TEXT(said(w, breakers), TEXT("{\"breakers\":[]}"));
  CHECK_INT(inspect_open_breakers(&w->gateway), 0);
  CHECK_TEXT(said(w, targets), TEXT("{\"targets\":[]}"));
  CHECK_ERR(set_force(w, "{\"provider\":\"a\",\"force\":\"open\"}", &f), ERR_NOT_FOUND);
}
static void test_a_gateway_that_learns_nothing_shows_nothing(void **state) { run_world(nothing, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_breakers_and_targets_are_shown),
      cmocka_unit_test(test_a_breaker_is_set_by_hand),
      cmocka_unit_test(test_a_provider_that_is_opened_by_hand_gets_nobodys_requests),
      cmocka_unit_test(test_the_operators_word_counts_on_vendors_other_paths),
      cmocka_unit_test(test_what_cannot_be_set_is_named),
      cmocka_unit_test(test_a_gateway_that_learns_nothing_shows_nothing),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("inspect", tests, NULL, NULL);
}
