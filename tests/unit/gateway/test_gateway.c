/* The gateway's side of a worker: which paths it owns, how it takes a new configuration, and refusals that never became
 * an exchange. */
#include "gateway_ask.h"

static void test_data_paths_are_owned(void **state) {
  static const char *const ours[] = {"/v1/messages", "/v1/x", "/ak/k/v1/messages", "/anthropic/v1/x", "/openai/v1/x"};
  static const char *const others[] = {"/", "/health", "/metrics", "/v1", "/v10/x", "/ak", "/anthropicx/", "/api/v1/x"};
  for (size_t i = 0; i < COUNT_OF(ours); i++)
    assert_true(gateway_owns(text_of(ours[i])));
  for (size_t i = 0; i < COUNT_OF(others); i++)
    assert_false(gateway_owns(text_of(others[i])));
}

static void test_a_refusal_speaks_the_wire_of_its_target(void **state) {
  struct buf out;
  struct fault f = {0};
  buf_init(&out, 4096);
  fault_set(&f, ERR_HEADERS_TOO_LARGE, NULL, "too large");
  gateway_write_refusal(&f, TEXT("/v1/messages"), TEXT("req_1"), &out);
  assert_true(text_find(buf_text(&out), TEXT("\"type\":\"error\"")) >= 0);
  assert_true(text_find(buf_text(&out), TEXT("req_1")) >= 0);
  buf_reset(&out);
  gateway_write_refusal(&f, TEXT(""), TEXT("req_1"), &out);
  assert_true(text_find(buf_text(&out), TEXT("\"type\":\"error\"")) < 0);
  assert_true(text_find(buf_text(&out), TEXT("too large")) >= 0);
  buf_done(&out);
}

static void test_a_refusal_names_its_type_where_the_wire_has_a_header_for_it(void **state) {
  struct fault f = {0};
  fault_set(&f, ERR_OVERLOADED, NULL, "too many");
  f.status = 503;
  struct http_header aws = gateway_refusal_header(&f, TEXT("/bedrock/model/m/converse"));
  assert_true(text_equal(aws.name, TEXT("x-amzn-errortype")));
  assert_true(text_equal(aws.value, TEXT("ServiceUnavailableException")));
  assert_int_equal(gateway_refusal_header(&f, TEXT("/v1/messages")).name.len, 0);
}

static void swap(struct world *w) {
  struct fault f = {0};
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, "{\"model\":\"later\",\"max_tokens\":1}"), 404);
  uint64_t before = w->worker.snapshot->config->generation;
  CHECK_ERR(gateway_worker_use(&w->worker, world_config(w, "limits: {json_depth: 8}\n"), &f), ERR_OK);
  CHECK_INT(w->worker.snapshot->config->generation > before, 1);
  CHECK_INT(w->worker.snapshot->config->limits.json_depth, 8);
  CHECK_INT(ask_messages(w, ASK_BODY), 200);
  CHECK_TEXT(w->worker.snapshot->base_paths[0], TEXT("/base"));
  CHECK_TEXT(w->worker.snapshot->base_paths[1], TEXT(""));
}
static void test_a_new_configuration_serves_the_next_request(void **state) { run_world(swap, NULL); }

static void too_many(struct world *w) {
  struct fault f = {0};
  struct gateway_snapshot *old = w->worker.snapshot;
  enum err e = ERR_OK;
  for (int round = 0; round < 20 && e == ERR_OK; round++) {
    struct buf yaml;
    struct config *c = NULL;
    static struct config_errors errors;
    buf_init(&yaml, 1 << 20);
    buf_add(&yaml, TEXT("providers:\n"));
    for (int i = 0; i < 60; i++)
      buf_add_format(&yaml, "- {name: p%d, kind: anthropic, base_url: 'http://127.0.0.1:%d'}\n", i,
                     1000 + round * 60 + i);
    CHECK_ERR(config_load_text(buf_text(&yaml), "many", NULL, &c, &errors), ERR_OK);
    buf_done(&yaml);
    old = w->worker.snapshot;
    e = gateway_worker_use(&w->worker, c, &f);
  }
  CHECK_ERR(e, ERR_LIMIT);
  CHECK_INT(w->worker.snapshot == old, 1);
  CHECK_INT(old->refs, 1);
}
static void test_a_configuration_that_cannot_be_used_leaves_the_old_one(void **state) { run_world(too_many, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_data_paths_are_owned),
      cmocka_unit_test(test_a_refusal_speaks_the_wire_of_its_target),
      cmocka_unit_test(test_a_refusal_names_its_type_where_the_wire_has_a_header_for_it),
      cmocka_unit_test(test_a_new_configuration_serves_the_next_request),
      cmocka_unit_test(test_a_configuration_that_cannot_be_used_leaves_the_old_one),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("gateway", tests, NULL, NULL);
}
