/* The n-th fallible call of a request fails, for n = 1, 2, 3, ... until a run meets no fault; then a provider resets
 * its connection at byte 1, 2, 3, ... of its answer. However a request ends, it ends once: one record, every
 * reservation settled, no ticket, reference, connection or fiber left (run_world looks at the last four). The calls are
 * caught at the gateway's border by the linker (--wrap); see meson.build. */
#include "../unit/gateway/gateway_ask.h"

#define EVENTS                                                                                                         \
  "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":100,"              \
  "\"output_tokens\":1}}}\n\n"                                                                                         \
  "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"               \
  "\"text_delta\",\"text\":\"hello\"}}\n\n"                                                                            \
  "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":20}}\n\n"         \
  "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

static unsigned calls, fail_at;

static bool fails(void) { return ++calls == fail_at; }

/* WRAP(name, error, parameters, arguments): the real one, unless it is its turn to fail. */
#define WRAP(name, error, parameters, arguments)                                                                       \
  enum err __real_##name parameters;                                                                                   \
  enum err __wrap_##name parameters;                                                                                   \
  enum err __wrap_##name parameters { return fails() ? (error) : __real_##name arguments; }

#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wreserved-identifier"
WRAP(ledger_reserve, fault_set(f, ERR_STORE_FULL, NULL, "the journal is full"),
     (struct ledger * l, unsigned worker, struct ledger_row *row, struct fault *f), (l, worker, row, f))
WRAP(offload_call, ERR_LIMIT, (struct offload * pool, enum err (*fn)(void *), void *arg), (pool, fn, arg))
WRAP(http_client_send, fault_set(f, ERR_UPSTREAM_NETWORK, NULL, "injected"),
     (struct http_client * c, struct http_origin *o, const struct http_client_request *rq, struct arena *arena,
      struct http_reply **out, struct fault *f),
     (c, o, rq, arena, out, f))
WRAP(http_reply_try_read, fault_set(f, ERR_UPSTREAM_NETWORK, NULL, "injected"),
     (struct http_reply * r, char *into, size_t cap, size_t *n, struct fault *f), (r, into, cap, n, f))
WRAP(http_reply_wait, fault_set(f, ERR_UPSTREAM_TIMEOUT, NULL, "injected"), (struct http_reply * r, struct fault *f),
     (r, f))
WRAP(http_request_body, fault_set(f, ERR_PROTOCOL, NULL, "injected"),
     (struct http_request * rq, size_t max, struct text *out, struct fault *f), (rq, max, out, f))
WRAP(http_respond, ERR_NETWORK,
     (struct http_request * rq, int status, const struct http_header *h, size_t n, struct text body),
     (rq, status, h, n, body))
WRAP(http_respond_start, ERR_NETWORK, (struct http_request * rq, int status, const struct http_header *h, size_t n),
     (rq, status, h, n))
WRAP(http_respond_write, ERR_NETWORK, (struct http_request * rq, const struct text *pieces, size_t n), (rq, pieces, n))
WRAP(http_respond_end, ERR_NETWORK, (struct http_request * rq), (rq))

static enum err failing_find(struct identity *self, struct text key, int64_t now_us, const struct principal **out,
                             struct fault *f) {
  if (fails())
    return fault_set(f, ERR_STORE, NULL, "the key store is away");
  return fake_find(self, key, now_us, out, f);
}

struct scenario {
  const char *line, *headers, *body;
  const char *first, *second; /* what the providers answer; the second may be NULL */
  bool stream, budget;
  int status; /* without a fault */
};

static const struct scenario *scenario;

static struct text answer_of(struct world *w, const char *body, bool stream) {
  int status = strcmp(body, OVERLOADED) == 0 ? 529 : 200;
  return http_answer(w, status, stream && status == 200 ? STREAM_TYPE : JSON_TYPE, text_of(body));
}

static void one_run(struct world *w) {
  const struct scenario *s = scenario;
  w->identity.port.find = failing_find;
  if (s->budget) {
    w->identity.one.budget_nano = INT64_C(1000000000);
    w->identity.one.budget_period = PRINCIPAL_DAY;
  }
  w->up[0].answer = answer_of(w, s->first, s->stream);
  w->up[0].split = w->up[0].answer.len - 150;
  if (s->second)
    w->up[1].answer = answer_of(w, s->second, s->stream);
  calls = 0;
  int status = ask(w, s->line, s->headers, text_of(s->body));
  world_rest(w);
  if (calls < fail_at)
    CHECK_INT(status, s->status);
  CHECK_INT(w->seen.count, 1);
  struct ledger_stats stats = ledger_stats(w->ledger);
  CHECK_INT(stats.reserved, stats.settled);
  CHECK_INT(stats.reserved <= w->seen.last.attempts, 1);
  CHECK_INT(text_is_empty(text_of(w->seen.last.outcome)), 0);
  if (status >= 400 &&
      status != 500) /* 500 is the server's own, when an answer was made to fail that could have gone */
    CHECK_INT(w->seen.last.status, status);
}

static void every_fault(const struct scenario *s) {
  scenario = s;
  fail_at = 0;
  do {
    fail_at++;
    run_world(one_run, NULL);
  } while (calls >= fail_at && fail_at < 1000);
  assert_true(fail_at > 3 && fail_at < 1000);
}

#define TWO        "{\"model\":\"two\",\"max_tokens\":10,\"messages\":[]}"
#define TWO_STREAM "{\"model\":\"two\",\"max_tokens\":10,\"stream\":true,\"messages\":[]}"

static void test_a_plain_call(void **state) {
  every_fault(&(struct scenario){MESSAGES, X_API_KEY, ASK_BODY, MESSAGE, .status = 200});
}
static void test_a_plain_call_with_a_budget(void **state) {
  every_fault(&(struct scenario){MESSAGES, X_API_KEY, ASK_BODY, MESSAGE, .status = 200, .budget = true});
}
static void test_a_stream(void **state) {
  every_fault(&(struct scenario){MESSAGES, X_API_KEY, ASK_STREAM, EVENTS, .status = 200, .stream = true});
}
static void test_a_fail_over(void **state) {
  every_fault(&(struct scenario){MESSAGES, X_API_KEY, TWO, OVERLOADED, MESSAGE, .status = 200});
}
static void test_a_fail_over_of_a_stream(void **state) {
  every_fault(&(struct scenario){MESSAGES, X_API_KEY, TWO_STREAM, OVERLOADED, EVENTS, .status = 200, .stream = true});
}
static void test_a_raw_call(void **state) {
  every_fault(
      &(struct scenario){"POST /v1/files", X_API_KEY "anthropic-version: 1\r\n", "bytes", MESSAGE, .status = 200});
}
static void test_the_list_of_models(void **state) {
  static const struct scenario models = {"GET /v1/models", X_API_KEY, "", MESSAGE, .status = 200};
  scenario = &models;
  for (fail_at = 1; fail_at <= 3; fail_at++)
    run_world(one_run, NULL);
}

/* --- a connection reset at every byte --- */

static void reset_at_every_byte(struct world *w, const char *ask_body, const char *body, bool stream) {
  struct text whole = answer_of(w, body, stream);
  fail_at = 0;
  w->up[0].then = CALL_RESET;
  for (size_t n = 0; n < whole.len; n++) {
    w->up[0].answer = text_head(whole, n);
    w->seen.count = 0;
    (void)ask_messages(w, ask_body);
    world_rest(w);
    struct ledger_stats stats = ledger_stats(w->ledger);
    CHECK_INT(w->seen.count, 1);
    CHECK_INT(stats.settled, n + 1);
    if (strcmp(w->seen.last.outcome, "ok") == 0)
      CHECK_INT(stream && n + 2 >= whole.len, 1); /* only the last blank line was missing */
  }
}
static void plain_resets(struct world *w) { reset_at_every_byte(w, ASK_BODY, MESSAGE, false); }
static void stream_resets(struct world *w) { reset_at_every_byte(w, ASK_STREAM, EVENTS, true); }
static void test_a_plain_answer_reset_at_every_byte(void **state) { run_world(plain_resets, NULL); }
static void test_a_stream_reset_at_every_byte(void **state) { run_world(stream_resets, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_plain_call),
      cmocka_unit_test(test_a_plain_call_with_a_budget),
      cmocka_unit_test(test_a_stream),
      cmocka_unit_test(test_a_fail_over),
      cmocka_unit_test(test_a_fail_over_of_a_stream),
      cmocka_unit_test(test_a_raw_call),
      cmocka_unit_test(test_the_list_of_models),
      cmocka_unit_test(test_a_plain_answer_reset_at_every_byte),
      cmocka_unit_test(test_a_stream_reset_at_every_byte),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("nth_fault", tests, NULL, NULL);
}
