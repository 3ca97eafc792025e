/* Errors of the OpenAI dialects. */
#include "wire/openai_error.h"

#include "wire_test.h"

static void expect_error(struct fault f, const char *want) {
  struct buf b;
  buf_init(&b, 4096);
  openai_error_write(&b, &f, TEXT("req_1"));
  expect_json(buf_text(&b), want);
  buf_done(&b);
}

static void our_errors_take_type_field_and_code(void **state) {
  static const struct {
    struct fault fault;
    const char *type, *param, *code;
  } cases[] = {
      {{.err = ERR_BAD_REQUEST, .field = "max_tokens"}, "invalid_request_error", "\"max_tokens\"", "null"},
      {{.err = ERR_UNAUTHENTICATED}, "invalid_request_error", "null", "\"invalid_api_key\""},
      {{.err = ERR_NOT_FOUND, .field = "model"}, "invalid_request_error", "\"model\"", "\"model_not_found\""},
      {{.err = ERR_NOT_FOUND}, "invalid_request_error", "null", "null"},
      {{.err = ERR_RATE_LIMITED}, "rate_limit_error", "null", "\"rate_limit_exceeded\""},
      {{.err = ERR_BUDGET_EXHAUSTED}, "insufficient_quota", "null", "\"insufficient_quota\""},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct fault f = cases[i].fault;
    struct arena a;
    arena_init(&a);
    (void)snprintf(f.text, sizeof(f.text), "why");
    expect_error(f, arena_format(&a, "{\"error\":{\"message\":\"why\",\"type\":\"%s\",\"param\":%s,\"code\":%s}}",
                                 cases[i].type, cases[i].param, cases[i].code)
                        .at);
    arena_done(&a);
  }
}

static void upstream_statuses_decide_the_type(void **state) {
  const struct {
    int status;
    const char *type, *code;
  } cases[] = {{400, "invalid_request_error", "null"},
               {401, "invalid_request_error", "\"invalid_api_key\""},
               {402, "insufficient_quota", "\"insufficient_quota\""},
               {403, "insufficient_permissions", "null"},
               {404, "invalid_request_error", "null"},
               {429, "rate_limit_error", "\"rate_limit_exceeded\""},
               {500, "server_error", "null"},
               {529, "server_error", "null"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a;
    arena_init(&a);
    expect_error((struct fault){.err = ERR_UPSTREAM_STATUS, .status = cases[i].status, .text = "why"},
                 arena_format(&a, "{\"error\":{\"message\":\"why\",\"type\":\"%s\",\"param\":null,\"code\":%s}}",
                              cases[i].type, cases[i].code)
                     .at);
    arena_done(&a);
  }
}

static void the_stream_event_has_no_name_and_no_end_mark(void **state) {
  struct fault f = {.err = ERR_UPSTREAM_CUT, .text = "cut"};
  struct buf b;
  buf_init(&b, 4096);
  openai_error_write_event(&b, &f, TEXT("req_1"));
  EXPECT_TEXT(
      buf_text(&b),
      TEXT("data: {\"error\":{\"message\":\"cut\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"));
  buf_done(&b);
}

static void a_providers_error_is_read_from_code_or_type(void **state) {
  const struct {
    const char *json;
    int status;
    enum err err;
    const char *text, *names;
  } cases[] = {
      {"{\"message\":\"m\",\"type\":\"server_error\",\"code\":null}", 500, ERR_UPSTREAM_SERVER, "m", "server_error"},
      {"{\"message\":\"m\",\"code\":502}", 502, ERR_UPSTREAM_SERVER, "m", ""},
      {"{\"message\":\"m\",\"code\":429}", 429, ERR_UPSTREAM_RATE, "m", ""},
      {"{\"message\":\"m\",\"code\":7}", 500, ERR_UPSTREAM_SERVER, "m", ""},
      {"{\"message\":\"m\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}", 429, ERR_UPSTREAM_RATE, "m",
       "rate_limit_exceeded tokens"},
      {"{\"message\":\"m\",\"type\":\"insufficient_quota\"}", 429, ERR_UPSTREAM_USAGE, "m", "insufficient_quota"},
      {"{\"message\":\"m\",\"type\":\"insufficient_quota\",\"code\":\"project_spend_limit_exceeded\"}", 429,
       ERR_UPSTREAM_USAGE, "m", "project_spend_limit_exceeded insufficient_quota"},
      {"{\"message\":\"m\",\"code\":\"credit_balance_exhausted\"}", 429, ERR_UPSTREAM_USAGE, "m",
       "credit_balance_exhausted"},
      {"{\"message\":\"m\",\"code\":\"server_is_overloaded\"}", 503, ERR_UPSTREAM_SERVER, "m", "server_is_overloaded"},
      {"{\"message\":\"m\",\"code\":\"invalid_prompt\"}", 400, ERR_UPSTREAM_STATUS, "m", "invalid_prompt"},
      {"{\"message\":\"m\",\"code\":\"image_too_large\"}", 400, ERR_UPSTREAM_STATUS, "m", "image_too_large"},
      {"{\"message\":\"m\",\"code\":\"vector_store_timeout\"}", 504, ERR_UPSTREAM_TIMEOUT, "m", "vector_store_timeout"},
      {"{\"message\":\"m\",\"code\":402,\"metadata\":{\"error_type\":\"payment_required\",\"limit_source\":"
       "\"openrouter_credits\"}}",
       402, ERR_UPSTREAM_STATUS, "m", "payment_required openrouter_credits"},
      {"{\"message\":\"m\",\"type\":\"invalid_request_error\"}", 400, ERR_UPSTREAM_STATUS, "m",
       "invalid_request_error"},
      {"\"just text\"", 500, ERR_UPSTREAM_SERVER, "just text", ""},
      {"{}", 500, ERR_UPSTREAM_SERVER, "", ""}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct json doc = {0};
    struct fault f = {0};
    assert_int_equal(json_read(text_of(cases[i].json), NULL, &doc, NULL), ERR_OK);
    openai_error_read(doc.root, &f);
    assert_int_equal(f.status, cases[i].status);
    assert_int_equal(f.err, cases[i].err);
    assert_string_equal(f.text, cases[i].text);
    assert_string_equal(f.names, cases[i].names);
    json_done(&doc);
  }
}

static void the_vendors_own_errors_are_known(void **state) {
  static const char *const names[] = {"invalid_request", "authentication", "rate_limit", "quota", "model", "server"};
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    struct text body = fixture(&a, arena_format(&a, "openai/error/%s.json", names[i]).at);
    assert_true(openai_error_is(body));
    assert_true(wire_openai_chat.error_message(body, &a).len > 5);
  }
  assert_false(openai_error_is(TEXT("{\"error\":\"text\"}")));
  assert_false(openai_error_is(TEXT("{\"error\":null}")));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(our_errors_take_type_field_and_code),
      cmocka_unit_test(upstream_statuses_decide_the_type),
      cmocka_unit_test(the_stream_event_has_no_name_and_no_end_mark),
      cmocka_unit_test(a_providers_error_is_read_from_code_or_type),
      cmocka_unit_test(the_vendors_own_errors_are_known),
  };
  return RUN_TESTS(tests);
}
