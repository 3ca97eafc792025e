/* Requests of the Anthropic dialect: reading and in-place edits. */
#include "wire/wire.h"

#include "edit_test.h"

static const char *const requests[] = {"anthropic/request/plain.json",       "anthropic/request/spaces.json",
                                       "anthropic/request/escaped_key.json", "anthropic/request/nested_model.json",
                                       "anthropic/request/unicode.json",     "anthropic/request/image.json",
                                       "anthropic/request/claude_code.json", "anthropic/request/count_tokens.json"};

static struct wire_request read_ok(struct arena *a, struct text body) {
  struct wire_request rq = {0};
  struct fault f = {0};
  if (read_body(a, &wire_anthropic, body, &rq, &f))
    fail_msg("refused: %s", fault_text(&f));
  return rq;
}

static void what_intake_needs_is_read(void **state) {
  struct arena a;
  arena_init(&a);
  struct text body = fixture(&a, "anthropic/request/claude_code.json");
  struct wire_request rq = read_ok(&a, body);
  EXPECT_TEXT(rq.model, TEXT("claude-opus-5-5"));
  EXPECT_TEXT(rq.model_place, TEXT("\"claude-opus-5-5\""));
  assert_true(rq.stream);
  assert_int_equal(rq.max_output_tokens, 128000);
  assert_int_equal(rq.answers, 1);
  assert_int_equal(rq.insert_at, 1);
  assert_int_equal(rq.input_tokens_bound, usage_estimate_tokens(body.len));
  arena_done(&a);
}

static void escapes_white_space_and_nested_members_do_not_mislead(void **state) {
  struct arena a;
  arena_init(&a);
  struct wire_request rq = read_ok(&a, fixture(&a, "anthropic/request/escaped_key.json"));
  EXPECT_TEXT(rq.model, TEXT("claude-sonnet-4-5"));
  EXPECT_TEXT(rq.model_place, TEXT("\"claude-\\u0073onnet-4-5\""));
  rq = read_ok(&a, fixture(&a, "anthropic/request/nested_model.json"));
  EXPECT_TEXT(rq.model, TEXT("claude-sonnet-4-5"));
  rq = read_ok(&a, fixture(&a, "anthropic/request/spaces.json"));
  assert_true(rq.stream);
  assert_int_equal(rq.max_output_tokens, 256);
  rq = read_ok(&a, fixture(&a, "anthropic/request/count_tokens.json"));
  assert_false(rq.stream);
  assert_int_equal(rq.max_output_tokens, 0);
  arena_done(&a);
}

static void the_model_outlives_the_document(void **state) {
  struct arena a;
  struct json doc = {0};
  struct wire_request rq = {0};
  arena_init(&a);
  assert_int_equal(json_read(TEXT("{\"model\":\"m\\u0031\"}"), NULL, &doc, NULL), ERR_OK);
  assert_int_equal(wire_anthropic.read_request(&doc, &a, &rq, NULL), ERR_OK);
  json_done(&doc);
  EXPECT_TEXT(rq.model, TEXT("m1"));
  arena_done(&a);
}

static void each_bad_member_is_refused_by_name(void **state) {
  char long_model[300];
  memset(long_model, 'm', sizeof(long_model));
  struct arena a;
  arena_init(&a);
  const struct {
    struct text body;
    const char *field;
  } cases[] = {{TEXT("[]"), ""},
               {TEXT("\"model\""), ""},
               {TEXT("{}"), "model"},
               {TEXT("{\"model\":null}"), "model"},
               {TEXT("{\"model\":7}"), "model"},
               {TEXT("{\"model\":\"\"}"), "model"},
               {TEXT("{\"model\":\"a\\nb\"}"), "model"},
               {TEXT("{\"model\":\"a\\u0000b\"}"), "model"},
               {TEXT("{\"model\":\"a\x7f\"}"), "model"},
               {arena_format(&a, "{\"model\":\"%.257s\"}", long_model), "model"},
               {TEXT("{\"model\":\"m\",\"stream\":\"true\"}"), "stream"},
               {TEXT("{\"model\":\"m\",\"stream\":1}"), "stream"},
               {TEXT("{\"model\":\"m\",\"stream\":null}"), "stream"},
               {TEXT("{\"model\":\"m\",\"max_tokens\":0}"), "max_tokens"},
               {TEXT("{\"model\":\"m\",\"max_tokens\":-1}"), "max_tokens"},
               {TEXT("{\"model\":\"m\",\"max_tokens\":1.5}"), "max_tokens"},
               {TEXT("{\"model\":\"m\",\"max_tokens\":\"9\"}"), "max_tokens"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct wire_request rq = {.max_output_tokens = 77};
    struct fault f = {0};
    if (read_body(&a, &wire_anthropic, cases[i].body, &rq, &f) != ERR_BAD_REQUEST)
      fail_msg("%.*s was not refused", TEXT_ARGS(cases[i].body));
    assert_string_equal(f.field, cases[i].field);
    assert_int_equal(rq.max_output_tokens, 77);
  }
  struct wire_request rq = {0};
  assert_int_equal(read_body(&a, &wire_anthropic, arena_format(&a, "{\"model\":\"%.256s\"}", long_model), &rq, NULL),
                   ERR_OK);
  assert_int_equal(rq.model.len, 256);
  arena_done(&a);
}

static void edits_change_the_model_and_nothing_else(void **state) {
  for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
    for (size_t k = 0; k < EDIT_MODEL_COUNT; k++) {
      struct arena a;
      arena_init(&a);
      assert_false(check_edit(&wire_anthropic, fixture(&a, requests[i]), edit_models[k], false));
      arena_done(&a);
    }
}

static void an_edit_keeps_every_other_byte(void **state) {
  struct arena a;
  struct json_edits edits = {0};
  bool injected = true;
  arena_init(&a);
  struct text body = fixture(&a, "anthropic/request/spaces.json");
  struct wire_request rq = read_ok(&a, body);
  assert_int_equal(wire_anthropic.edit_request(&rq, body, TEXT("x\"y"), &a, &edits, &injected), ERR_OK);
  assert_false(injected);
  EXPECT_TEXT(edited(&a, &edits, body), TEXT("\n {\r\n\t\"stream\" :\ttrue ,\n  \"max_tokens\"\n:\n256\n,\n  \"model\" "
                                             " :   \"x\\\"y\"   , \"messages\" : [ ]  }\n\n"));
  arena_done(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_intake_needs_is_read),
      cmocka_unit_test(escapes_white_space_and_nested_members_do_not_mislead),
      cmocka_unit_test(the_model_outlives_the_document),
      cmocka_unit_test(each_bad_member_is_refused_by_name),
      cmocka_unit_test(edits_change_the_model_and_nothing_else),
      cmocka_unit_test(an_edit_keeps_every_other_byte),
  };
  return RUN_TESTS(tests);
}
