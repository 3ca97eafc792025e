/* A client that leaves in each phase, at a provider that is stopped at once and at one that is read on: what the
 * provider sees, one settlement, and nothing held afterwards (world_rest). Time is pretended. */
#include "gateway_ask.h"

#define HEAD "HTTP/1.1 200 X\r\n" STREAM_TYPE "\r\n"

enum phase { BEFORE_HEAD, BEFORE_TOKEN, MID_STREAM, AFTER_LAST, PHASES };

struct script {
  const char *parts[16]; /* said one after the other, each when the test has opened the gate once more */
  size_t said;
  bool cut; /* the gateway has closed the call */
};

static void play_parts(struct upstream *up, struct stream *s) {
  struct script *script = up->data;
  for (size_t i = 0; script->parts[i]; i++) {
    if (gate_wait(up, (unsigned)i + 1) != ERR_OK || say(up, s, text_of(script->parts[i])) != ERR_OK) {
      script->cut = true;
      return;
    }
    script->said++;
  }
  char c;
  size_t n;
  script->cut = stream_read(s, &c, 1, after(UPSTREAM_WAIT_US), &n) != ERR_OK;
}

static void play_end(struct world *w, struct script *script, unsigned from) {
  for (unsigned i = from; script->parts[i]; i++) {
    gate_open(&w->up[0]);
    turns(20);
  }
}

/* A script is its test's: nobody may read it afterwards. */
static void script_end(struct world *w) {
  world_rest(w);
  for (int i = 0; i < 1000 && w->up[0].open > 0; i++)
    wait_a_little();
  CHECK_INT(w->up[0].open, 0);
}

/* The client leaves when the provider has said `seen` parts; then the provider says the rest, each part after a pause.
 */
static struct script leave_from(struct world *w, const char *model, bool stream, unsigned seen, int64_t pause_us,
                                struct script script) {
  const char *plain = "HTTP/1.1 200 X\r\n" JSON_TYPE "content-length: 166\r\n\r\n";
  if (!stream) {
    script.parts[0] = plain;
    script.parts[1] = MESSAGE;
    script.parts[2] = NULL;
    CHECK_INT(strlen(MESSAGE), 166);
  }
  w->up[0].play = play_parts;
  w->up[0].data = &script;
  w->up[0].then = CALL_CLOSE;
  w->up[0].gate = 0;
  struct wire *c = wire_open(&w->site);
  wire_send(c, request_of(w, MESSAGES, X_API_KEY JSON_TYPE,
                          arena_format(&w->arena, "{\"model\":\"%s\",\"max_tokens\":10%s,\"messages\":[]}", model,
                                       stream ? ",\"stream\":true" : "")));
  turns(40);
  for (unsigned i = 0; i < seen; i++) {
    gate_open(&w->up[0]);
    turns(20);
  }
  wire_close(c);
  turns(20);
  for (unsigned i = seen; script.parts[i]; i++) {
    if (pause_us > 0)
      CHECK_ERR(fiber_sleep(pause_us), ERR_OK);
    gate_open(&w->up[0]);
    turns(20);
  }
  script_end(w);
  return script;
}

static struct script leave(struct world *w, const char *model, bool stream, unsigned seen, int64_t pause_us) {
  return leave_from(w, model, stream, seen, pause_us,
                    (struct script){.parts = {HEAD, EVENT_START, EVENT_TOKEN, EVENT_STOP}});
}

static void at_once(struct world *w) {
  for (unsigned seen = 0; seen < 4; seen++) {
    struct script s = leave(w, "one", true, seen, 0);
    CHECK_INT(s.cut, 1);
    CHECK_INT(s.said <= seen + 1, 1); /* a part may be on its way when the call is closed */
    struct ledger_row row = newest_row(w, 0);
    CHECK_TEXT(row.outcome, TEXT("cancelled"));
    CHECK_INT(row_count(w), seen + 1);
    CHECK_INT(row.usage.input, seen == 0 ? 0 : seen == 1 ? row.usage.input : 100);
    CHECK_INT(row.usage.estimated, seen == 1 || seen == 3); /* after message_start its own counts are known */
    CHECK_OUTCOME(w, "cancelled");
  }
}
static void test_a_provider_of_the_first_kind_is_stopped_at_once(void **state) { run_learning_world(at_once, NULL); }

static void read_on(struct world *w) {
  for (unsigned seen = 0; seen < 4; seen++) {
    struct script s = leave(w, "drained", true, seen, SECOND_US);
    CHECK_INT(s.said, 4);
    struct ledger_row row = newest_row(w, 0);
    CHECK_TEXT(row.outcome, TEXT("cancelled"));
    CHECK_INT(row_count(w), seen + 1);
    CHECK_INT(row.usage.input, 100);
    CHECK_INT(row.usage.output, 20);
    CHECK_INT(row.usage.estimated, 0);
    CHECK_INT(row.cost.total, COST_OF_MESSAGE);
    CHECK_OUTCOME(w, "cancelled");
  }
}
static void test_a_provider_of_the_other_kind_is_read_on_for_its_own_count(void **state) {
  run_learning_world(read_on, NULL);
}

static void bounded(struct world *w) {
  /* The provider goes on and on; after timeouts.abandoned the call is closed. */
  const struct script dripping = {.parts = {HEAD, EVENT_START, EVENT_TOKEN, EVENT_TOKEN, EVENT_TOKEN, EVENT_TOKEN,
                                            EVENT_TOKEN, EVENT_TOKEN, EVENT_TOKEN, EVENT_STOP}};
  struct script s = leave_from(w, "drained", true, 2, 15 * SECOND_US, dripping);
  CHECK_INT(s.cut, 1);
  CHECK_INT(s.said >= 5 && s.said <= 7, 1);
  struct ledger_row row = newest_row(w, 0);
  CHECK_TEXT(row.outcome, TEXT("cancelled"));
  CHECK_INT(row.usage.input, 100);
  CHECK_INT(row.usage.estimated, 1);
  CHECK_INT(row_count(w), 1);
}
static void test_reading_on_has_an_end(void **state) { run_learning_world(bounded, NULL); }

static void plain(struct world *w) {
  struct script s = leave(w, "drained", false, 0, SECOND_US);
  CHECK_INT(s.said, 2);
  struct ledger_row row = newest_row(w, 0);
  CHECK_TEXT(row.outcome, TEXT("cancelled"));
  CHECK_INT(row.cost.total, COST_OF_MESSAGE);
  s = leave(w, "one", false, 0, SECOND_US);
  CHECK_INT(s.cut, 1);
  row = newest_row(w, 0);
  CHECK_TEXT(row.outcome, TEXT("cancelled"));
  CHECK_INT(row.cost.total, 0);
  CHECK_INT(row_count(w), 2);
}
static void test_a_plain_answer_is_waited_for_likewise(void **state) { run_learning_world(plain, NULL); }

static void no_second(struct world *w) {
  struct script script = {.parts = {"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n"}};
  w->up[0].play = play_parts;
  w->up[0].data = &script;
  w->up[0].then = CALL_CLOSE;
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  struct wire *c = wire_open(&w->site);
  wire_send(c, request_of(w, MESSAGES, X_API_KEY JSON_TYPE,
                          TEXT("{\"model\":\"drained-two\",\"max_tokens\":10,\"messages\":[]}")));
  turns(40);
  wire_close(c);
  turns(20);
  play_end(w, &script, 0);
  script_end(w);
  CHECK_INT(w->up[1].requests, 0);
  CHECK_INT(row_count(w), 1);
  CHECK_TEXT(newest_row(w, 0).outcome, TEXT("cancelled"));
}
static void test_nothing_new_is_tried_for_a_client_that_has_left(void **state) { run_learning_world(no_second, NULL); }

static struct breaker_view breaker_of_a(const struct world *w) {
  struct breaker_view view;
  const struct config *c = w->worker.snapshot->config;
  const struct breaker_rule rule = routes_breaker_rule(c);
  breaker_look(breakers_find(w->gateway.state.breakers, TEXT("a"), c->providers[0].base_url, TEXT("c")), &rule,
               loop_clock_us(), &view);
  return view;
}

static void neutral(struct world *w) {
  for (int i = 0; i < 5; i++)
    (void)leave(w, "one", true, 2, 0);
  struct breaker_view view = breaker_of_a(w);
  CHECK_INT(view.state, BREAKER_CLOSED);
  CHECK_INT(view.failures, 0);
}
static void test_a_client_that_leaves_says_nothing_about_the_provider(void **state) {
  run_learning_world(neutral, NULL);
}

/* SDKs close the stream as soon as they have read an error event. */
static void leave_with_the_error(struct world *w) {
  (void)leave_from(w, "one", true, 4, 0,
                   (struct script){.parts = {HEAD, EVENT_START, EVENT_TOKEN,
                                             "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                                             "\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"}});
  struct ledger_row row = newest_row(w, 0);
  CHECK_TEXT(row.outcome, TEXT("error"));
  CHECK_INT(row_count(w), 1);
  CHECK_OUTCOME(w, "error");
  CHECK_INT(breaker_of_a(w).failures, 1);
}
static void test_a_client_that_leaves_with_the_providers_error_was_told_it(void **state) {
  run_learning_world(leave_with_the_error, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_provider_of_the_first_kind_is_stopped_at_once),
      cmocka_unit_test(test_a_provider_of_the_other_kind_is_read_on_for_its_own_count),
      cmocka_unit_test(test_reading_on_has_an_end),
      cmocka_unit_test(test_a_plain_answer_is_waited_for_likewise),
      cmocka_unit_test(test_nothing_new_is_tried_for_a_client_that_has_left),
      cmocka_unit_test(test_a_client_that_leaves_says_nothing_about_the_provider),
      cmocka_unit_test(test_a_client_that_leaves_with_the_providers_error_was_told_it),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("disconnect", tests, NULL, NULL);
}
