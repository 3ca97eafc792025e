/* The usage tap of the OpenAI dialects. */
#include "wire/openai_tap.h"

#include "wire_test.h"

static struct tapped stream(struct arena *a, const char *name, bool drop) {
  return tap_file(a, &wire_openai_chat, arena_format(a, "openai/stream/%s.sse", name).at, drop);
}

static void plain_answers_give_their_usage(void **state) {
  const struct {
    const char *name;
    struct usage want;
    const char *stop_reason;
  } cases[] = {{"text", {.input = 19, .output = 10, .known = true}, "stop"},
               {"tools_parallel", {.input = 82, .output = 34, .known = true}, "tool_calls"},
               {"cached_reasoning",
                {.input = 36, .output = 300, .cache_read = 1920, .cache_write_5m = 50, .reasoning = 256, .known = true},
                "stop"},
               {"hidden_reasoning", {.input = 20, .output = 103, .reasoning = 100, .known = true}, "stop"},
               {"without_usage", {.known = false}, "stop"},
               {"two_choices", {.input = 9, .output = 4, .known = true}, "stop"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a;
    arena_init(&a);
    struct tapped t =
        tap_body(&wire_openai_chat, fixture(&a, arena_format(&a, "openai/plain/%s.json", cases[i].name).at));
    assert_int_equal(t.err, ERR_OK);
    expect_usage(&t.tap.usage, cases[i].want);
    assert_string_equal(t.tap.stop_reason, cases[i].stop_reason);
    assert_true(t.tap.started && t.tap.finished && t.tap.has_content && !t.tap.failed);
    assert_true(t.tap.output_bytes > 0);
    arena_done(&a);
  }
}

static void embeddings_have_input_only(void **state) {
  struct arena a;
  arena_init(&a);
  struct tapped t = tap_body(&wire_openai_embeddings, fixture(&a, "openai/embeddings/float.json"));
  assert_int_equal(t.err, ERR_OK);
  expect_usage(&t.tap.usage, (struct usage){.input = 8, .known = true});
  t = tap_body(&wire_openai_embeddings, fixture(&a, "openai/embeddings/base64.json"));
  expect_usage(&t.tap.usage, (struct usage){.input = 15, .known = true});
  assert_true(t.tap.finished && t.tap.has_content);
  arena_done(&a);
}

static void what_is_no_answer_breaks_the_protocol(void **state) {
  static const char *const bad[] = {"",
                                    "<html>",
                                    "[]",
                                    "{}",
                                    "{\"choices\":null}",
                                    "{\"choices\":{}}",
                                    "{\"error\":{\"message\":\"m\"}}",
                                    "{\"data\":7}",
                                    "{\"type\":\"message\",\"content\":[]}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct tapped chat = tap_body(&wire_openai_chat, text_of(bad[i]));
    struct tapped embeddings = tap_body(&wire_openai_embeddings, text_of(bad[i]));
    if (chat.err != ERR_UPSTREAM_PROTOCOL || embeddings.err != ERR_UPSTREAM_PROTOCOL)
      fail_msg("%s passed", bad[i]);
    assert_false(chat.tap.finished || embeddings.tap.finished);
  }
}

static void streams_give_their_usage(void **state) {
  const struct {
    const char *name;
    struct usage want;
    const char *stop_reason;
    size_t dropped; /* when the client did not ask for usage */
  } cases[] = {{"text", {.known = false}, "stop", 0},
               {"usage", {.input = 19, .output = 10, .known = true}, "stop", 1},
               {"usage_on_last_choice", {.input = 11, .output = 10, .cache_read = 8, .known = true}, "stop", 0},
               {"usage_choices_null", {.input = 5, .output = 1, .known = true}, "stop", 1},
               {"tools_parallel", {.input = 82, .output = 34, .known = true}, "tool_calls", 1},
               {"reasoning", {.input = 40, .output = 120, .reasoning = 110, .known = true}, "stop", 1},
               {"usage_every_chunk", {.input = 9, .output = 3, .known = true}, "stop", 0},
               {"filter_first", {.known = false}, "stop", 0},
               {"openrouter", {.input = 14, .output = 4, .known = true}, "stop", 0},
               {"crlf", {.input = 19, .output = 3, .known = true}, "stop", 1}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    for (int drop = 0; drop < 2; drop++) {
      struct arena a;
      arena_init(&a);
      struct tapped t = stream(&a, cases[i].name, drop);
      assert_int_equal(t.err, ERR_OK);
      expect_usage(&t.tap.usage, cases[i].want);
      assert_string_equal(t.tap.stop_reason, cases[i].stop_reason);
      if (t.dropped != (drop ? cases[i].dropped : 0))
        fail_msg("%s: %zu dropped", cases[i].name, t.dropped);
      assert_true(t.tap.started && t.tap.finished && t.tap.has_content && !t.tap.failed);
      arena_done(&a);
    }
}

static void only_the_end_mark_finishes(void **state) {
  static const char *const names[] = {"cut", "no_done"};
  for (size_t i = 0; i < 2; i++) {
    struct arena a;
    arena_init(&a);
    struct tapped t = stream(&a, names[i], false);
    assert_true(t.tap.started && t.tap.has_content && !t.tap.finished && !t.tap.failed);
    assert_true(t.tap.output_bytes >= 7);
    arena_done(&a);
  }
}

static void a_stream_may_end_after_a_finish_reason_and_not_before(void **state) {
  const struct {
    const char *name;
    bool may_end;
  } cases[] = {{"no_done", true}, {"cut", false}, {"error_midway", false}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a;
    arena_init(&a);
    struct tapped t = stream(&a, cases[i].name, false);
    if (t.tap.may_end != cases[i].may_end)
      fail_msg("%s: %d", cases[i].name, t.tap.may_end);
    arena_done(&a);
  }
}

static void an_error_behind_the_finish_reason_counts(void **state) {
  struct wire_tap t = {.wire = &wire_openai_chat, .arena = tap_arena()};
  enum wire_verdict verdict;
  assert_int_equal(t.wire->tap_event(&t, TEXT_NONE, TEXT("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}"),
                                     &verdict, NULL),
                   ERR_OK);
  assert_true(t.may_end && !t.finished);
  assert_int_equal(t.wire->tap_event(&t, TEXT_NONE, TEXT("{\"error\":{}}"), &verdict, NULL), ERR_OK);
  assert_false(t.may_end);
}

static void costs_are_nano_dollars_without_floats(void **state) {
  const struct {
    const char *usd;
    int64_t nano;
  } cases[] = {{"0", 0},
               {"0.00014", 140000},
               {"0.000000001", 1},
               {"0.0000000015", 2},
               {"0.00000000149999999999999999999999", 1},
               {"1.5e-05", 15000},
               {"1.5E-5", 15000},
               {"1e-12", 0},
               {"2e+1", 20000000000},
               {"12.345678912", 12345678912},
               {"0.1", 100000000},
               {"0.30000000000000004", 300000000},
               {"123456", 123456000000000}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    int64_t nano = -1;
    if (!openai_tap_cost(text_of(cases[i].usd), &nano) || nano != cases[i].nano)
      fail_msg("%s gave %lld, expected %lld", cases[i].usd, (long long)nano, (long long)cases[i].nano);
  }
}

static void what_is_no_cost_is_left_alone(void **state) {
  static const char *const bad[] = {"",      "-1", "\"1\"",  "null", "1e999", "99999999999999999999",
                                    "1.2.3", "1e", "1e9999", "x",    "{}",    "1e300"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    int64_t nano = -7;
    if (openai_tap_cost(text_of(bad[i]), &nano) || nano != -7)
      fail_msg("%s gave %lld", bad[i], (long long)nano);
  }
}

static void the_cost_that_a_provider_reports_is_kept(void **state) {
  struct wire_tap t = {.wire = &wire_openai_chat, .arena = tap_arena(), .reported_cost_nano = -1};
  enum wire_verdict verdict;
  struct fault f = {0};
  assert_int_equal(t.wire->tap_plain(&t, TEXT("{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}"), &f), ERR_OK);
  assert_int_equal(t.reported_cost_nano, -1);
  assert_int_equal(
      t.wire->tap_plain(&t, TEXT("{\"choices\":[],\"usage\":{\"prompt_tokens\":1, \"cost\" : 0.00012 }}"), &f), ERR_OK);
  assert_int_equal(t.reported_cost_nano, 120000);
  assert_int_equal(t.wire->tap_event(&t, TEXT_NONE,
                                     TEXT("{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"cost\":9e-7}}"), &verdict,
                                     &f),
                   ERR_OK);
  assert_int_equal(t.reported_cost_nano, 900);
}

static void an_error_in_the_stream_fails_it_and_the_end_mark_does_not_mend_it(void **state) {
  struct arena a;
  arena_init(&a);
  struct tapped t = stream(&a, "error_midway", false);
  assert_true(t.tap.failed && !t.tap.finished);
  assert_int_equal(fault_of(&t)->status, 500);
  assert_string_equal(fault_of(&t)->text, "The server had an error processing your request.");
  t = stream(&a, "error_openrouter", false);
  assert_true(t.tap.failed && !t.tap.finished);
  assert_int_equal(fault_of(&t)->status, 502);
  assert_string_equal(fault_of(&t)->text, "Provider disconnected");
  arena_done(&a);
}

static void an_error_after_the_end_mark_still_fails_the_answer(void **state) {
  struct wire_tap t = {.wire = &wire_openai_chat, .arena = tap_arena(), .finished = true};
  enum wire_verdict verdict;
  assert_int_equal(t.wire->tap_event(&t, TEXT_NONE, TEXT("{\"error\":{}}"), &verdict, NULL), ERR_OK);
  assert_true(t.failed && !t.finished);
}

static void content_begins_with_the_first_words_not_with_the_role(void **state) {
  struct wire_tap t = {.wire = &wire_openai_chat, .arena = tap_arena()};
  enum wire_verdict verdict;
  struct fault f = {0};
  assert_int_equal(t.wire->tap_event(&t, TEXT_NONE,
                                     TEXT("{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}"),
                                     &verdict, &f),
                   ERR_OK);
  assert_true(t.started && !t.has_content);
  assert_int_equal(
      t.wire->tap_event(&t, TEXT_NONE, TEXT("{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}"), &verdict, &f), ERR_OK);
  assert_true(t.has_content);
}

static void content_is_measured_without_its_envelope(void **state) {
  const struct {
    const char *name;
    uint64_t least, most;
  } cases[] = {{"text", 40, 75}, {"cut", 30, 50}, {"tools_parallel", 30, 200}, {"reasoning", 8, 60}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a;
    arena_init(&a);
    struct tapped t = stream(&a, cases[i].name, false);
    if (t.tap.output_bytes < cases[i].least || t.tap.output_bytes > cases[i].most)
      fail_msg("%s: %llu bytes", cases[i].name, (unsigned long long)t.tap.output_bytes);
    arena_done(&a);
  }
}

static struct usage usage_of(const char *json) {
  struct json doc = {0};
  struct usage u = {.input = 77};
  assert_int_equal(json_read(text_of(json), NULL, &doc, NULL), ERR_OK);
  openai_tap_usage(&u, doc.root);
  json_done(&doc);
  return u;
}

static void impossible_usage_is_cut_or_ignored(void **state) {
  struct usage u =
      usage_of("{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":8,\"cache_"
               "write_tokens\":9},\"completion_tokens_details\":{\"reasoning_tokens\":50}}");
  expect_usage(&u, (struct usage){.cache_read = 8, .cache_write_5m = 2, .output = 5, .reasoning = 5, .known = true});
  u = usage_of("{\"prompt_tokens\":10,\"completion_tokens\":-5,\"prompt_tokens_details\":{\"cached_tokens\":999999}}");
  expect_usage(&u, (struct usage){.cache_read = 10, .known = true});
  u = usage_of("{\"prompt_tokens\":1e300,\"completion_tokens\":18446744073709551615,\"total_tokens\":3}");
  expect_usage(&u, (struct usage){.input = USAGE_MAX_TOKENS, .output = USAGE_MAX_TOKENS, .known = true});
  u = usage_of("{\"prompt_tokens\":\"10\",\"completion_tokens\":null}");
  expect_usage(&u, (struct usage){.input = 77});
  u = usage_of("null");
  expect_usage(&u, (struct usage){.input = 77});
  u = usage_of("{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":null,\"completion_tokens_"
               "details\":null}");
  expect_usage(&u, (struct usage){.input = 10, .output = 5, .known = true});
}

static void bad_json_matters_only_where_it_would_be_read(void **state) {
  struct wire_tap t = {.wire = &wire_openai_chat, .arena = tap_arena(), .has_content = true, .drop_usage_event = true};
  enum wire_verdict verdict = WIRE_PASS;
  struct fault f = {0};
  assert_int_equal(t.wire->tap_event(&t, TEXT_NONE, TEXT("{not json"), &verdict, &f), ERR_OK);
  assert_int_equal(t.wire->tap_event(&t, TEXT_NONE, TEXT("{\"usage\":{"), &verdict, &f), ERR_UPSTREAM_PROTOCOL);
  assert_int_equal(t.wire->tap_event(&t, TEXT_NONE, TEXT("{\"error\":\"x\""), &verdict, &f), ERR_UPSTREAM_PROTOCOL);
  assert_int_equal(t.wire->tap_event(&t, TEXT("error"), TEXT("{\"message\":\"why\"}"), &verdict, &f), ERR_OK);
  assert_true(t.failed);
  assert_string_equal(t.fault->text, "why");
  assert_int_equal(verdict, WIRE_PASS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_answers_give_their_usage),
      cmocka_unit_test(embeddings_have_input_only),
      cmocka_unit_test(what_is_no_answer_breaks_the_protocol),
      cmocka_unit_test(streams_give_their_usage),
      cmocka_unit_test(only_the_end_mark_finishes),
      cmocka_unit_test(a_stream_may_end_after_a_finish_reason_and_not_before),
      cmocka_unit_test(an_error_behind_the_finish_reason_counts),
      cmocka_unit_test(costs_are_nano_dollars_without_floats),
      cmocka_unit_test(what_is_no_cost_is_left_alone),
      cmocka_unit_test(the_cost_that_a_provider_reports_is_kept),
      cmocka_unit_test(an_error_in_the_stream_fails_it_and_the_end_mark_does_not_mend_it),
      cmocka_unit_test(an_error_after_the_end_mark_still_fails_the_answer),
      cmocka_unit_test(content_begins_with_the_first_words_not_with_the_role),
      cmocka_unit_test(content_is_measured_without_its_envelope),
      cmocka_unit_test(impossible_usage_is_cut_or_ignored),
      cmocka_unit_test(bad_json_matters_only_where_it_would_be_read),
  };
  return RUN_TESTS(tests);
}
