/* Requests of the OpenAI chat dialect: reading, in-place edits, asking for usage. */
#include "wire/wire.h"

#include "edit_test.h"

static struct wire_request read_ok(struct arena *a, struct text body) {
  struct wire_request rq = {0};
  struct fault f = {0};
  if (read_body(a, &wire_openai_chat, body, &rq, &f))
    fail_msg("refused: %s", fault_text(&f));
  return rq;
}

static void what_intake_needs_is_read(void **state) {
  struct arena a;
  arena_init(&a);
  struct wire_request rq = read_ok(&a, fixture(&a, "openai/request/nested_model.json"));
  EXPECT_TEXT(rq.model, TEXT("gpt-4.1"));
  assert_int_equal(rq.max_output_tokens, 77);
  assert_int_equal(rq.answers, 3);
  assert_true(rq.stream);
  rq = read_ok(&a, fixture(&a, "openai/request/unicode.json"));
  assert_false(rq.stream);
  assert_int_equal(rq.max_output_tokens, 5);
  rq = read_ok(&a, fixture(&a, "openai/request/plain.json"));
  assert_int_equal(rq.max_output_tokens, 0);
  assert_int_equal(rq.answers, 1);
  assert_true(text_is_empty(rq.stream_options));
  arena_done(&a);
}

static void the_newer_spelling_of_max_tokens_wins_and_both_are_checked(void **state) {
  struct arena a;
  struct wire_request rq;
  struct fault f = {0};
  arena_init(&a);
  rq = read_ok(&a, TEXT("{\"model\":\"m\",\"max_completion_tokens\":5,\"max_tokens\":9}"));
  assert_int_equal(rq.max_output_tokens, 5);
  assert_int_equal(
      read_body(&a, &wire_openai_chat, TEXT("{\"model\":\"m\",\"max_completion_tokens\":5,\"max_tokens\":0}"), &rq, &f),
      ERR_BAD_REQUEST);
  assert_string_equal(f.field, "max_tokens");
  assert_int_equal(read_body(&a, &wire_openai_chat, TEXT("{\"model\":\"m\",\"max_completion_tokens\":-5}"), &rq, &f),
                   ERR_BAD_REQUEST);
  assert_string_equal(f.field, "max_completion_tokens");
  arena_done(&a);
}

static void the_wish_for_usage_is_read(void **state) {
  struct arena a;
  arena_init(&a);
  assert_true(read_ok(&a, fixture(&a, "openai/request/stream_usage.json")).wants_stream_usage);
  struct wire_request rq = read_ok(&a, fixture(&a, "openai/request/stream_usage_false.json"));
  assert_false(rq.wants_stream_usage);
  EXPECT_TEXT(rq.include_usage, TEXT("false"));
  rq = read_ok(&a, fixture(&a, "openai/request/stream_options_escaped.json"));
  EXPECT_TEXT(rq.include_usage, TEXT("false"));
  rq = read_ok(&a, fixture(&a, "openai/request/stream_options_null.json"));
  EXPECT_TEXT(rq.stream_options, TEXT("null"));
  arena_done(&a);
}

static void edits_change_the_model_and_ask_for_usage_and_nothing_else(void **state) {
  const struct {
    const char *name;
    bool asks;
  } cases[] = {{"plain", false},
               {"stream", true},
               {"stream_usage", false},
               {"stream_usage_false", true},
               {"stream_usage_null", true},
               {"stream_options_null", true},
               {"stream_options_empty", true},
               {"stream_options_other", true},
               {"stream_options_escaped", true},
               {"spaces", true},
               {"nested_model", true},
               {"unicode", false}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    for (size_t k = 0; k < EDIT_MODEL_COUNT; k++) {
      struct arena a;
      arena_init(&a);
      struct text body = fixture(&a, arena_format(&a, "openai/request/%s.json", cases[i].name).at);
      assert_int_equal(check_edit(&wire_openai_chat, body, edit_models[k], cases[i].asks), cases[i].asks);
      arena_done(&a);
    }
}

static void values_of_the_wrong_type_are_left_for_the_provider_to_explain(void **state) {
  assert_false(
      check_edit(&wire_openai_chat, TEXT("{\"model\":\"m\",\"stream\":true,\"stream_options\":7}"), TEXT("x"), false));
  assert_false(
      check_edit(&wire_openai_chat, TEXT("{\"model\":\"m\",\"stream\":true,\"stream_options\":[]}"), TEXT("x"), false));
  assert_false(check_edit(&wire_openai_chat,
                          TEXT("{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":\"yes\"}}"),
                          TEXT("x"), false));
}

static void generated_bodies_hold_the_property_too(void **state) {
  static const char *const spaces[] = {"", " ", "\n\t", "\r\n  "};
  static const char *const options[] = {"", "\"stream_options\":null", "\"stream_options\" : {}",
                                        "\"stream_options\":{\"a\":{\"include_usage\":true}}",
                                        "\"stream_options\":\t{\"include_usage\"\n:null,\"b\":[{}]}"};
  static const char *const models[] = {"\"model\":\"m\"", "\"mod\\u0065l\" : \"\\u006d\"",
                                       "\"\\u006dodel\"\n:\n\"m \\\\\\\"\""};
  static const char *const noise[] = {"\"x\":\"\\\"model\\\":\\\"q\\\",{\"",
                                      "\"y\":[{\"model\":1,\"stream\":false,\"stream_options\":2}]",
                                      "\"\":{\"model\":{}}"};
  for (size_t i = 0; i < 4 * 5 * 3 * 3 * 3; i++) {
    struct arena a;
    const char *sp = spaces[i % 4], *option = options[i / 4 % 5], *model = models[i / 20 % 3],
               *other = noise[i / 60 % 3];
    bool last = i / 180 == 0;
    arena_init(&a);
    struct text body = arena_format(&a, "%s{%s%s%s%s,%s%s,%s\"stream\":true%s%s%s%s}%s", sp, sp, last ? other : model,
                                    sp, sp, sp, last ? model : other, sp, sp, *option ? "," : "", option, sp, sp);
    (void)check_edit(&wire_openai_chat, body, i % 2 ? TEXT("new \"model\"") : TEXT_NONE, true);
    arena_done(&a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_intake_needs_is_read),
      cmocka_unit_test(the_newer_spelling_of_max_tokens_wins_and_both_are_checked),
      cmocka_unit_test(the_wish_for_usage_is_read),
      cmocka_unit_test(edits_change_the_model_and_ask_for_usage_and_nothing_else),
      cmocka_unit_test(values_of_the_wrong_type_are_left_for_the_provider_to_explain),
      cmocka_unit_test(generated_bodies_hold_the_property_too),
  };
  return RUN_TESTS(tests);
}
