/* The table of endpoints, and the endpoints that are not messages, over loopback. */
#include "sim/calls.h"

#include "sim_http.h"

static void routes_are_found_by_method_and_path(void **state) {
  struct text rest = TEXT_NONE;
  bool known = false;
  assert_non_null(sim_route_find(TEXT("POST"), TEXT("/v1/messages"), &rest, &known));
  assert_null(sim_route_find(TEXT("GET"), TEXT("/v1/messages"), &rest, &known));
  assert_true(known);
  assert_null(sim_route_find(TEXT("GET"), TEXT("/v1/message"), &rest, &known));
  assert_false(known);
}

static void a_star_takes_the_rest_of_the_path(void **state) {
  struct text rest = TEXT_NONE;
  bool known = false;
  const struct sim_route *one = sim_route_find(TEXT("GET"), TEXT("/v1/models/vendor/a:1"), &rest, &known);
  assert_non_null(one);
  EXPECT_TEXT(rest, TEXT("vendor/a:1"));
  assert_null(sim_route_find(TEXT("GET"), TEXT("/v1/models/"), &rest, &known));
  const struct sim_route *batch = sim_route_find(TEXT("GET"), TEXT("/v1/messages/batches/b1"), &rest, &known);
  assert_non_null(batch);
  EXPECT_TEXT(rest, TEXT("b1"));
}

#define KEYED(line) line "\r\nx-api-key: k\r\nanthropic-version: 2023-06-01"

static void tokens_are_counted(void **state) {
  EXPECT_INSIDE(test_ask(KEYED("POST /v1/messages/count_tokens HTTP/1.1"),
                         "{'model':'m','messages':[{'role':'user','content':'12345678'}]}"),
                TEXT("{\"input_tokens\":3}"));
}

static void embeddings_are_made(void **state) {
  EXPECT_INSIDE(
      test_ask("POST /v1/embeddings HTTP/1.1\r\nauthorization: Bearer k", "{'model':'m','input':'x','dimensions':2}"),
      TEXT("\"usage\":{\"prompt_tokens\":1,\"total_tokens\":1}"));
  EXPECT_INSIDE(
      test_ask("POST /v1/embeddings HTTP/1.1\r\nauthorization: Bearer k", "{'model':'sim-fail-503','input':'x'}"),
      TEXT(" 503 "));
}

static void batches_and_files_have_their_shapes(void **state) {
  EXPECT_INSIDE(test_ask(KEYED("POST /v1/messages/batches HTTP/1.1"), "{'requests':[{'custom_id':'a','params':{}}]}"),
                TEXT("{\"id\":\"msgbatch_01"));
  EXPECT_INSIDE(test_ask(KEYED("GET /v1/messages/batches/b7 HTTP/1.1"), ""), TEXT("{\"id\":\"b7\""));
  EXPECT_INSIDE(test_ask(KEYED("GET /v1/messages/batches HTTP/1.1"), ""), TEXT("\"data\":[]"));
  EXPECT_INSIDE(test_ask(KEYED("POST /v1/files HTTP/1.1"), "twelve bytes"), TEXT("\"size_bytes\":12"));
  EXPECT_INSIDE(test_ask(KEYED("GET /v1/files/f1 HTTP/1.1"), ""), TEXT("{\"id\":\"f1\""));
  EXPECT_INSIDE(test_ask(KEYED("DELETE /v1/files/f1 HTTP/1.1"), ""), TEXT("\"type\":\"file_deleted\""));
}

static void one_model_is_described_in_the_callers_dialect(void **state) {
  EXPECT_INSIDE(test_ask(KEYED("GET /v1/models/any HTTP/1.1"), ""), TEXT("{\"type\":\"model\",\"id\":\"any\""));
  EXPECT_INSIDE(test_ask("GET /v1/models/any HTTP/1.1\r\nauthorization: Bearer k", ""),
                TEXT("{\"id\":\"any\",\"object\":\"model\""));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(routes_are_found_by_method_and_path),
      cmocka_unit_test(a_star_takes_the_rest_of_the_path),
      cmocka_unit_test(tokens_are_counted),
      cmocka_unit_test(embeddings_are_made),
      cmocka_unit_test(batches_and_files_have_their_shapes),
      cmocka_unit_test(one_model_is_described_in_the_callers_dialect),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, test_sim_start, test_sim_stop);
}
