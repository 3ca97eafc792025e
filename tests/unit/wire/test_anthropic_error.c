/* Errors of the Anthropic dialect. */
#include "wire/anthropic_error.h"

#include "wire_test.h"

static void expect_error(struct fault f, const char *type, const char *message) {
  struct arena a;
  struct buf b;
  arena_init(&a);
  buf_init(&b, 4096);
  anthropic_error_write(&b, &f, TEXT("req_1"));
  expect_json(
      buf_text(&b),
      arena_format(&a, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"%s\"},\"request_id\":\"req_1\"}",
                   type, message)
          .at);
  buf_done(&b);
  arena_done(&a);
}

static void our_errors_take_the_type_of_their_row(void **state) {
  expect_error((struct fault){.err = ERR_BAD_REQUEST, .text = "why"}, "invalid_request_error", "why");
  expect_error((struct fault){.err = ERR_UNAUTHENTICATED}, "authentication_error", err_text(ERR_UNAUTHENTICATED));
  expect_error((struct fault){.err = ERR_TOO_LARGE}, "request_too_large", err_text(ERR_TOO_LARGE));
  expect_error((struct fault){.err = ERR_OVERLOADED}, "overloaded_error", err_text(ERR_OVERLOADED));
}

static void upstream_statuses_decide_the_type(void **state) {
  const struct {
    int status;
    const char *type;
  } cases[] = {{400, "invalid_request_error"}, {401, "authentication_error"},
               {402, "billing_error"},         {403, "permission_error"},
               {404, "not_found_error"},       {413, "request_too_large"},
               {429, "rate_limit_error"},      {500, "api_error"},
               {504, "timeout_error"},         {529, "overloaded_error"},
               {422, "invalid_request_error"}, {503, "api_error"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    expect_error((struct fault){.err = ERR_UPSTREAM_STATUS, .status = cases[i].status, .text = "why"}, cases[i].type,
                 "why");
  expect_error((struct fault){.err = ERR_UPSTREAM_SERVER, .status = 529, .text = "why"}, "overloaded_error", "why");
}

static void types_and_statuses_go_both_ways(void **state) {
  assert_int_equal(anthropic_error_status(TEXT("overloaded_error")), 529);
  assert_int_equal(anthropic_error_status(TEXT("rate_limit_error")), 429);
  assert_int_equal(anthropic_error_status(TEXT("an_error_of_tomorrow")), 500);
  assert_int_equal(anthropic_error_status(TEXT_NONE), 500);
}

static void the_stream_event_is_one_event_of_one_line(void **state) {
  struct fault f = {.err = ERR_UPSTREAM_CUT, .text = "two\nlines"};
  struct buf b;
  buf_init(&b, 4096);
  anthropic_error_write_event(&b, &f, TEXT_NONE);
  EXPECT_TEXT(buf_text(&b),
              TEXT("event: error\ndata: "
                   "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"two\\nlines\"}}\n\n"));
  buf_done(&b);
}

static void the_vendors_own_errors_are_known(void **state) {
  static const char *const names[] = {"invalid_request", "authentication", "rate_limit",
                                      "usage_limit",     "overloaded",     "credit"};
  struct arena a;
  arena_init(&a);
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    struct text body = fixture(&a, arena_format(&a, "anthropic/error/%s.json", names[i]).at);
    assert_true(anthropic_error_is(body));
    assert_true(wire_anthropic.error_message(body, &a).len > 5);
  }
  assert_false(anthropic_error_is(TEXT("{\"type\":\"error\"}")));
  assert_false(anthropic_error_is(TEXT("{\"error\":{\"message\":\"x\"}}")));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(our_errors_take_the_type_of_their_row),
      cmocka_unit_test(upstream_statuses_decide_the_type),
      cmocka_unit_test(types_and_statuses_go_both_ways),
      cmocka_unit_test(the_stream_event_is_one_event_of_one_line),
      cmocka_unit_test(the_vendors_own_errors_are_known),
  };
  return RUN_TESTS(tests);
}
