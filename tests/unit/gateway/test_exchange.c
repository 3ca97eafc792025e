/* One request has one end: one record, one settlement, nothing held, whenever and however the client leaves; and it
 * keeps the configuration it began with. */
#include "gateway_ask.h"

#define START                                                                                                          \
  "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":100,"              \
  "\"output_tokens\":1}}}\n\n"
#define DELTA                                                                                                          \
  "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"               \
  "\"text_delta\",\"text\":\"hello, hello, hello, hello\"}}\n\n"
#define END                                                                                                            \
  "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":20}}\n\n"         \
  "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
#define HEAD "HTTP/1.1 200 OK\r\n" STREAM_TYPE "transfer-encoding: chunked\r\n\r\n"

static enum err say_chunk(struct upstream *up, struct stream *s, const char *events) {
  char head[32];
  snprintf(head, sizeof(head), "%zx\r\n", strlen(events));
  enum err e = say(up, s, text_of(head));
  if (e == ERR_OK)
    e = say(up, s, text_of(events));
  return e == ERR_OK ? say(up, s, TEXT("\r\n")) : e;
}

/* Each step waits for the test; then until the gateway closes the connection. */
static void play_steps(struct upstream *up, struct stream *s) {
  const char *const steps[] = {START, DELTA, END};
  enum err e = gate_wait(up, 1);
  if (e == ERR_OK)
    e = say(up, s, TEXT(HEAD));
  for (unsigned i = 0; i < COUNT_OF(steps) && e == ERR_OK; i++) {
    e = say_chunk(up, s, steps[i]);
    if (e == ERR_OK)
      e = gate_wait(up, i + 2);
  }
  if (e == ERR_OK)
    (void)!say(up, s, TEXT("0\r\n\r\n"));
}

static void until_requests(struct world *w, unsigned n) {
  for (int i = 0; i < 2000 && w->up[0].requests < n; i++)
    turns(1);
  CHECK_INT(w->up[0].requests, n);
}

/* Sends, lets the provider go `steps` steps and the client see `sees`, then the client leaves. */
static void leave_after(struct world *w, unsigned steps, const char *sees, bool reset) {
  struct wire *c = wire_open(&w->site);
  wire_send(c, request_of(w, MESSAGES, X_API_KEY, TEXT(ASK_STREAM)));
  until_requests(w, 1);
  for (unsigned i = 0; i < steps; i++) {
    gate_open(&w->up[0]);
    turns(20);
  }
  while (sees && text_find((struct text){c->held, c->held_len}, text_of(sees)) < 0 && wire_fill(c)) {
  }
  stream_close(c->s, reset);
  http1_free(c->parser);
  arena_done(&c->arena);
  free(c);
  world_rest(w);
  CHECK_INT(w->seen.count, 1);
  CHECK_INT(row_count(w), 1);
  gate_open(&w->up[0]);
  gate_open(&w->up[0]);
  gate_open(&w->up[0]);
  gate_open(&w->up[0]);
  for (int i = 0; i < 2000 && w->up[0].open > 0; i++)
    turns(1);
  CHECK_INT(w->up[0].open, 0);
  CHECK_INT(http_client_idle(w->worker.client), 0);
}

static void before_head(struct world *w) {
  w->up[0].play = play_steps;
  w->up[0].then = CALL_CLOSE;
  leave_after(w, 0, NULL, false);
  CHECK_OUTCOME(w, "cancelled");
  CHECK_TEXT(w->seen.last.error, TEXT("CANCELLED"));
  CHECK_INT(w->seen.last.status, 0);
  struct ledger_row row = newest_row(w, 0);
  CHECK_TEXT(row.outcome, TEXT("cancelled"));
  CHECK_INT(row.status, 0);
  CHECK_INT(row.cost.total, 0);
}
static void test_a_client_that_leaves_before_the_head(void **state) { run_world(before_head, NULL); }

static void midway(struct world *w) {
  w->up[0].play = play_steps;
  w->up[0].then = CALL_CLOSE;
  leave_after(w, 2, "hello", false);
  CHECK_OUTCOME(w, "cancelled");
  CHECK_INT(w->seen.last.status, 200);
  struct ledger_row row = newest_row(w, 0);
  CHECK_TEXT(row.outcome, TEXT("cancelled"));
  CHECK_INT(row.usage.input, 100);
  CHECK_INT(row.usage.estimated, 1);
  CHECK_INT(row.usage.output > 1, 1);
  CHECK_INT(row.cost.total, 100 * 3000 + (int64_t)row.usage.output * 15000);
}
static void test_a_client_that_leaves_midway_pays_for_what_was_made(void **state) { run_world(midway, NULL); }

static void midway_reset(struct world *w) {
  w->up[0].play = play_steps;
  w->up[0].then = CALL_CLOSE;
  leave_after(w, 2, "hello", true);
  CHECK_OUTCOME(w, "cancelled");
}
static void test_a_client_that_resets_midway(void **state) { run_world(midway_reset, NULL); }

static void after_the_end(struct world *w) {
  w->up[0].play = play_steps;
  w->up[0].then = CALL_CLOSE;
  leave_after(w, 3, "message_stop", false);
  CHECK_OUTCOME(w, "ok");
  CHECK_TEXT(w->seen.last.error, TEXT(""));
  struct ledger_row row = newest_row(w, 0);
  CHECK_TEXT(row.outcome, TEXT("ok"));
  CHECK_INT(row.usage.estimated, 0);
  CHECK_INT(row.usage.output, 20);
  CHECK_INT(row.cost.total, COST_OF_MESSAGE);
}
static void test_a_client_that_leaves_after_the_last_event_has_all(void **state) { run_world(after_the_end, NULL); }

static void in_body(struct world *w) {
  struct wire *c = wire_open(&w->site);
  wire_send(c, TEXT(MESSAGES " HTTP/1.1\r\nhost: a\r\n" X_API_KEY "content-length: 100\r\n\r\n{"));
  for (int i = 0; i < 100; i++)
    turns(1);
  wire_close(c);
  world_rest(w);
  CHECK_INT(w->seen.count, 1);
  CHECK_OUTCOME(w, "cancelled");
  CHECK_INT(w->seen.last.status, 0);
  CHECK_INT(ledger_stats(w->ledger).reserved, 0);
}
static void test_a_client_that_leaves_in_its_own_body_costs_nothing(void **state) { run_world(in_body, NULL); }

static void kept_snapshot(struct world *w) {
  struct fault f = {0};
  w->up[0].play = play_steps;
  w->up[0].then = CALL_CLOSE;
  w->c = wire_open(&w->site);
  wire_send(w->c, request_of(w, MESSAGES, X_API_KEY, TEXT(ASK_STREAM)));
  until_requests(w, 1);
  struct gateway_snapshot *old = w->worker.snapshot;
  CHECK_INT(old->refs, 2);
  CHECK_ERR(gateway_worker_use(&w->worker, world_config(w, "limits: {event_bytes: 1024}\n"), &f), ERR_OK);
  CHECK_INT(w->worker.snapshot != old, 1);
  CHECK_INT(old->refs, 1);
  CHECK_INT(old->config->limits.event_bytes > 1024, 1);
  for (int i = 0; i < 4; i++)
    gate_open(&w->up[0]);
  CHECK_INT(wire_answer(w->c), 200);
  CHECK_INT(text_ends(wire_text(w->c), TEXT(END)), 1);
  world_rest(w);
  CHECK_OUTCOME(w, "ok");
}
static void test_a_running_exchange_keeps_its_snapshot(void **state) { run_world(kept_snapshot, NULL); }

static void stages(struct world *w) {
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  world_rest(w);
  const struct telemetry_exchange *e = &w->seen.last;
  for (size_t i = 0; i < TELEMETRY_STAGES; i++)
    CHECK_INT(e->stage_us[i] >= 0, 1);
  CHECK_INT(e->duration_us >= e->overhead_us, 1);
  CHECK_INT(e->first_token_us >= 0, 1);
  CHECK_INT(e->request_bytes, strlen(ASK_BODY));
  CHECK_INT(e->response_bytes, strlen(MESSAGE));
  CHECK_TEXT(e->method, TEXT("POST"));
  CHECK_TEXT(e->operation, TEXT("messages"));
  CHECK_TEXT(e->model, TEXT("one"));
  CHECK_TEXT(e->provider, TEXT("a"));
  CHECK_TEXT(e->error, TEXT(""));
  CHECK_INT(ask(w, MESSAGES, "", TEXT(ASK_BODY)), 401);
  world_rest(w);
  CHECK_INT(e->stage_us[TELEMETRY_SEND], -1);
  CHECK_INT(e->stage_us[TELEMETRY_IDENTIFY] >= 0, 1);
  CHECK_TEXT(e->error, TEXT("UNAUTHENTICATED"));
  CHECK_INT(w->seen.count, 2);
}
static void test_a_record_tells_every_stage_that_was_reached(void **state) { run_world(stages, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_client_that_leaves_before_the_head),
      cmocka_unit_test(test_a_client_that_leaves_midway_pays_for_what_was_made),
      cmocka_unit_test(test_a_client_that_resets_midway),
      cmocka_unit_test(test_a_client_that_leaves_after_the_last_event_has_all),
      cmocka_unit_test(test_a_client_that_leaves_in_its_own_body_costs_nothing),
      cmocka_unit_test(test_a_running_exchange_keeps_its_snapshot),
      cmocka_unit_test(test_a_record_tells_every_stage_that_was_reached),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
