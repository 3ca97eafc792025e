/* The table of data paths. */
#include "gateway/route.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

struct row {
  const char *method, *path;
  bool version; /* with an anthropic-version header */
  enum err err;
  enum wire_id wire;
  enum route_kind kind;
  const char *operation, *vendor_path, *model, *key;
};

static const struct row rows[] = {
    {"POST", "/v1/messages", false, ERR_OK, WIRE_ANTHROPIC, ROUTE_CALL, "messages", "/v1/messages", "", ""},
    {"POST", "/anthropic/v1/messages", false, ERR_OK, WIRE_ANTHROPIC, ROUTE_CALL, "messages", "/v1/messages", "", ""},
    {"POST", "/ak/k1/v1/messages", false, ERR_OK, WIRE_ANTHROPIC, ROUTE_CALL, "messages", "/v1/messages", "", "k1"},
    {"POST", "/ak/k1/anthropic/v1/messages/count_tokens", false, ERR_OK, WIRE_ANTHROPIC, ROUTE_CALL, "count_tokens",
     "/v1/messages/count_tokens", "", "k1"},
    {"GET", "/v1/messages/batches", false, ERR_OK, WIRE_ANTHROPIC, ROUTE_RAW, "batches", "/v1/messages/batches", "",
     ""},
    {"DELETE", "/v1/messages/batches/b1", false, ERR_OK, WIRE_ANTHROPIC, ROUTE_RAW, "batches",
     "/v1/messages/batches/b1", "", ""},
    {"POST", "/v1/files", true, ERR_OK, WIRE_ANTHROPIC, ROUTE_RAW, "files", "/v1/files", "", ""},
    {"POST", "/v1/files", false, ERR_OK, WIRE_OPENAI_CHAT, ROUTE_RAW, "files", "/v1/files", "", ""},
    {"POST", "/anthropic/v1/files", false, ERR_OK, WIRE_ANTHROPIC, ROUTE_RAW, "files", "/v1/files", "", ""},
    {"POST", "/openai/v1/files", true, ERR_OK, WIRE_OPENAI_CHAT, ROUTE_RAW, "files", "/v1/files", "", ""},
    {"POST", "/v1/chat/completions", true, ERR_OK, WIRE_OPENAI_CHAT, ROUTE_CALL, "chat", "/v1/chat/completions", "",
     ""},
    {"POST", "/openai/v1/chat/completions", false, ERR_OK, WIRE_OPENAI_CHAT, ROUTE_CALL, "chat", "/v1/chat/completions",
     "", ""},
    {"POST", "/v1/embeddings", false, ERR_OK, WIRE_OPENAI_EMBEDDINGS, ROUTE_CALL, "embeddings", "/v1/embeddings", "",
     ""},
    {"POST", "/ak/k/openai/v1/embeddings", false, ERR_OK, WIRE_OPENAI_EMBEDDINGS, ROUTE_CALL, "embeddings",
     "/v1/embeddings", "", "k"},
    {"GET", "/v1/models", false, ERR_OK, WIRE_OPENAI_CHAT, ROUTE_MODELS, "models", "/v1/models", "", ""},
    {"GET", "/v1/models", true, ERR_OK, WIRE_ANTHROPIC, ROUTE_MODELS, "models", "/v1/models", "", ""},
    {"GET", "/v1/models/a%2Fb", true, ERR_OK, WIRE_ANTHROPIC, ROUTE_MODEL, "models", "/v1/models/a%2Fb", "a%2Fb", ""},
    {"GET", "/anthropic/v1/models/a/b", false, ERR_OK, WIRE_ANTHROPIC, ROUTE_MODEL, "models", "/v1/models/a/b", "a/b",
     ""},
    {"POST", "/v1/responses", false, ERR_OK, WIRE_OPENAI_RESPONSES, ROUTE_CALL, "responses", "/v1/responses", "", ""},
    {"GET", "/openai/v1/responses/resp_1", false, ERR_OK, WIRE_OPENAI_RESPONSES, ROUTE_RAW, "responses",
     "/v1/responses/resp_1", "", ""},
    {"POST", "/openrouter/api/v1/chat/completions", false, ERR_OK, WIRE_OPENAI_CHAT, ROUTE_CALL, "chat",
     "/v1/chat/completions", "", ""},
    {"POST", "/ak/k/openrouter/api/v1/messages", false, ERR_OK, WIRE_ANTHROPIC, ROUTE_CALL, "messages", "/v1/messages",
     "", "k"},
    {"POST", "/openrouter/api/v1/responses", false, ERR_OK, WIRE_OPENAI_RESPONSES, ROUTE_CALL, "responses",
     "/v1/responses", "", ""},
    {"GET", "/openrouter/api/v1/models", true, ERR_OK, WIRE_OPENAI_CHAT, ROUTE_MODELS, "models", "/v1/models", "", ""},
    {"GET", "/openrouter/api/v1/models/a/b/endpoints", false, ERR_OK, WIRE_OPENAI_CHAT, ROUTE_RAW, "model",
     "/v1/models/a/b/endpoints", "", ""},
    {"GET", "/openrouter/api/v1/key", false, ERR_OK, WIRE_OPENAI_CHAT, ROUTE_RAW, "key", "/v1/key", "", ""},
    {"GET", "/v1/key", false, ERR_NOT_FOUND, WIRE_OPENAI_CHAT, 0, "", "", "", ""},
    {"POST", "/bedrock/model/a.b-v1%3A0/invoke", false, ERR_OK, WIRE_BEDROCK_INVOKE, ROUTE_CALL, "invoke",
     "/model/a.b-v1%3A0/invoke", "a.b-v1%3A0", ""},
    {"POST", "/ak/k/bedrock/model/m/invoke-with-response-stream", false, ERR_OK, WIRE_BEDROCK_INVOKE, ROUTE_CALL,
     "invoke-with-response-stream", "/model/m/invoke-with-response-stream", "m", "k"},
    {"POST", "/bedrock/model/arn:aws:bedrock:x:1:p/q/converse", true, ERR_OK, WIRE_BEDROCK_CONVERSE, ROUTE_CALL,
     "converse", "/model/arn:aws:bedrock:x:1:p/q/converse", "arn:aws:bedrock:x:1:p/q", ""},
    {"POST", "/bedrock/model/m/converse-stream", false, ERR_OK, WIRE_BEDROCK_CONVERSE, ROUTE_CALL, "converse-stream",
     "/model/m/converse-stream", "m", ""},
    {"POST", "/bedrock/model/m/count-tokens", false, ERR_OK, WIRE_BEDROCK_CONVERSE, ROUTE_CALL, "count-tokens",
     "/model/m/count-tokens", "m", ""},
    {"GET", "/bedrock/inference-profiles", false, ERR_OK, WIRE_BEDROCK_CONVERSE, ROUTE_MODELS, "inference_profiles",
     "/inference-profiles", "", ""},
    {"GET", "/bedrock/model/m/invoke", false, ERR_METHOD_NOT_ALLOWED, WIRE_BEDROCK_INVOKE, 0, "", "", "", ""},
    {"POST", "/bedrock/model/invoke", false, ERR_NOT_FOUND, WIRE_BEDROCK_CONVERSE, 0, "", "", "", ""},
    {"POST", "/bedrock/model//invoke", false, ERR_NOT_FOUND, WIRE_BEDROCK_CONVERSE, 0, "", "", "", ""},
    {"POST", "/bedrock/model/m/other", false, ERR_NOT_FOUND, WIRE_BEDROCK_CONVERSE, 0, "", "", "", ""},
    {"POST", "/bedrock/v1/messages", false, ERR_NOT_FOUND, WIRE_BEDROCK_CONVERSE, 0, "", "", "", ""},
    {"GET", "/v1/messages", false, ERR_METHOD_NOT_ALLOWED, WIRE_ANTHROPIC, 0, "", "", "", ""},
    {"post", "/v1/messages", false, ERR_METHOD_NOT_ALLOWED, WIRE_ANTHROPIC, 0, "", "", "", ""},
    {"PUT", "/v1/models", false, ERR_METHOD_NOT_ALLOWED, WIRE_OPENAI_CHAT, 0, "", "", "", ""},
    {"PUT", "/v1/models", true, ERR_METHOD_NOT_ALLOWED, WIRE_ANTHROPIC, 0, "", "", "", ""},
    {"POST", "/v1/messages/", false, ERR_NOT_FOUND, WIRE_ANTHROPIC, 0, "", "", "", ""},
    {"POST", "/v1/messagesX", false, ERR_NOT_FOUND, WIRE_ANTHROPIC, 0, "", "", "", ""},
    {"GET", "/v1/models/", false, ERR_NOT_FOUND, WIRE_OPENAI_CHAT, 0, "", "", "", ""},
    {"POST", "/v1/completions", false, ERR_NOT_FOUND, WIRE_OPENAI_CHAT, 0, "", "", "", ""},
    {"POST", "/openai/v1/messages", false, ERR_NOT_FOUND, WIRE_OPENAI_CHAT, 0, "", "", "", ""},
    {"POST", "/anthropic/v1/chat/completions", false, ERR_NOT_FOUND, WIRE_ANTHROPIC, 0, "", "", "", ""},
    {"POST", "/anthropicv1/messages", false, ERR_NOT_FOUND, WIRE_OPENAI_CHAT, 0, "", "", "", ""},
    {"POST", "/ak/onlykey", false, ERR_NOT_FOUND, WIRE_OPENAI_CHAT, 0, "", "", "", "onlykey"},
    {"POST", "/ak/", false, ERR_NOT_FOUND, WIRE_OPENAI_CHAT, 0, "", "", "", ""},
    {"POST", "/ak//v1/messages", false, ERR_OK, WIRE_ANTHROPIC, ROUTE_CALL, "messages", "/v1/messages", "", ""},
};

static void assert_text(struct text got, const char *expected, const char *path) {
  if (!text_equal(got, text_of(expected)))
    fail_msg("%s: got \"%.*s\", expected \"%s\"", path, TEXT_ARGS(got), expected);
}

static void test_every_path_finds_its_row(void **state) {
  struct http_header version = {TEXT("Anthropic-Version"), TEXT("2023-06-01")};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    const struct row *r = &rows[i];
    struct http_headers headers = {&version, r->version ? 1 : 0};
    struct route route;
    struct fault f = {0};
    enum err e = route_find(text_of(r->method), text_of(r->path), &headers, &route, &f);
    if (e != r->err)
      fail_msg("%s %s: %s, expected %s", r->method, r->path, err_name(e), err_name(r->err));
    assert_text(text_of(route.wire->name), wire_get(r->wire)->name, r->path);
    assert_text(route.url_key, r->key, r->path);
    assert_int_equal(route.by_url_key, strncmp(r->path, "/ak/", 4) == 0);
    if (e != ERR_OK) {
      assert_int_equal(f.err, e);
      continue;
    }
    assert_int_equal(route.kind, r->kind);
    assert_text(text_of(route.operation_name), r->operation, r->path);
    assert_text(route.vendor_path, r->vendor_path, r->path);
    assert_text(route.model_id, r->model, r->path);
  }
}

static void test_a_path_says_whether_bedrock_streams(void **state) {
  struct route route;
  assert_int_equal(route_find(TEXT("POST"), TEXT("/bedrock/model/m/converse-stream"), NULL, &route, NULL), ERR_OK);
  assert_true(route.stream);
  assert_int_equal(route.operation, PROVIDER_CONVERSE);
  assert_int_equal(route_find(TEXT("POST"), TEXT("/bedrock/model/m/converse"), NULL, &route, NULL), ERR_OK);
  assert_false(route.stream);
}

static void test_a_wrong_method_is_told_the_right_ones(void **state) {
  struct route route;
  struct fault f = {0};
  enum err e = route_find(TEXT("PATCH"), TEXT("/v1/messages/batches/x"), NULL, &route, &f);
  assert_int_equal(e, ERR_METHOD_NOT_ALLOWED);
  assert_non_null(strstr(f.text, "GET, POST, DELETE"));
}

static void test_the_key_of_a_path_is_not_told(void **state) {
  struct route route;
  struct fault f = {0};
  assert_int_equal(route_find(TEXT("GET"), TEXT("/ak/secret-key/v1/x"), NULL, &route, &f), ERR_NOT_FOUND);
  assert_null(strstr(f.text, "secret-key"));
}

static void test_the_wire_of_errors_is_known_for_any_path(void **state) {
  struct http_header version = {TEXT("anthropic-version"), TEXT("1")};
  struct http_headers headers = {&version, 1};
  assert_int_equal(route_wire(TEXT("/v1/messages"), NULL)->id, WIRE_ANTHROPIC);
  assert_int_equal(route_wire(TEXT("/ak/k/anthropic/v1/x"), NULL)->id, WIRE_ANTHROPIC);
  assert_int_equal(route_wire(TEXT("/v1/x"), &headers)->id, WIRE_ANTHROPIC);
  assert_int_equal(route_wire(TEXT("/v1/x"), NULL)->id, WIRE_OPENAI_CHAT);
  assert_int_equal(route_wire(TEXT(""), NULL)->id, WIRE_OPENAI_CHAT);
}

static void test_a_key_in_a_path_that_nothing_serves_is_not_quoted(void **state) {
  static const char *const paths[] = {"/anthropic/ak/secret-1/v1/messages", "/ak/k1/ak/secret-1/v1/messages",
                                      "/bedrock/ak/secret-1/model/m/converse"};
  for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
    struct route r = {0};
    struct fault f = {0};
    assert_int_equal(route_find(TEXT("POST"), text_of(paths[i]), NULL, &r, &f), ERR_NOT_FOUND);
    assert_non_null(strstr(fault_text(&f), "/ak/********"));
    assert_null(strstr(fault_text(&f), "secret-1"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_path_finds_its_row),
      cmocka_unit_test(test_a_path_says_whether_bedrock_streams),
      cmocka_unit_test(test_a_wrong_method_is_told_the_right_ones),
      cmocka_unit_test(test_the_key_of_a_path_is_not_told),
      cmocka_unit_test(test_a_key_in_a_path_that_nothing_serves_is_not_quoted),
      cmocka_unit_test(test_the_wire_of_errors_is_known_for_any_path),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
