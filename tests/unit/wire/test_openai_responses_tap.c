/* The usage tap of the Responses dialect. */
#include "wire/openai_responses_tap.h"

#include "wire_test.h"

static struct tapped stream(struct arena *a, const char *name) {
  return tap_file(a, &wire_openai_responses, arena_format(a, "answers/openai_responses/%s.sse", name).at, false);
}

static void expect_answer(const struct tapped *t, const struct usage *want, const char *stop_reason) {
  assert_int_equal(t->err, ERR_OK);
  expect_usage(&t->tap.usage, *want);
  assert_string_equal(t->tap.stop_reason, stop_reason);
  assert_true(t->tap.started && t->tap.finished && t->tap.has_content && !t->tap.failed);
  assert_true(t->tap.output_bytes > 0);
}

static void expect_plain(const char *name, const struct usage *want, const char *stop_reason) {
  struct arena a;
  arena_init(&a);
  struct text body = fixture(&a, arena_format(&a, "answers/openai_responses/%s.json", name).at);
  struct tapped t = tap_body(&wire_openai_responses, body);
  expect_answer(&t, want, stop_reason);
  arena_done(&a);
}

static void expect_stream(const char *name, const struct usage *want, const char *stop_reason) {
  struct arena a;
  arena_init(&a);
  struct tapped t = stream(&a, name);
  expect_answer(&t, want, stop_reason);
  arena_done(&a);
}

static void answers_give_their_usage_plain_and_streamed(void **state) {
  static const struct {
    const char *name;
    struct usage want;
    const char *stop_reason;
  } cases[] = {{"text", {.input = 19, .output = 10, .known = true}, "completed"},
               {"tools", {.input = 82, .output = 34, .known = true}, "completed"},
               {"thinking", {.input = 40, .output = 120, .reasoning = 110, .known = true}, "completed"},
               {"length", {.input = 19, .output = 16, .known = true}, "max_output_tokens"},
               {"content_filter", {.input = 19, .output = 10, .known = true}, "content_filter"},
               {"cache_usage",
                {.input = 36,
                 .output = 300,
                 .cache_read = 1920,
                 .cache_write_5m = 30,
                 .cache_write_1h = 20,
                 .reasoning = 256,
                 .known = true},
                "completed"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    expect_plain(cases[i].name, &cases[i].want, cases[i].stop_reason);
    expect_stream(cases[i].name, &cases[i].want, cases[i].stop_reason);
  }
}

static void what_keeps_the_connection_alive_begins_nothing(void **state) {
  struct tapped t = {.tap = {.wire = &wire_openai_responses}};
  feed_event(&t, TEXT("keepalive"), TEXT("{\"type\":\"keepalive\"}"));
  assert_int_equal(t.err, ERR_OK);
  assert_false(t.tap.started);
  feed_event(&t, TEXT("response.created"), TEXT("{\"type\":\"response.created\"}"));
  assert_true(t.tap.started);
}

static void what_the_provider_bills_is_kept(void **state) {
  struct wire_tap t = {.wire = &wire_openai_responses, .arena = tap_arena(), .reported_cost_nano = -1};
  enum wire_verdict verdict;
  assert_int_equal(
      responses_tap_event(&t, TEXT("response.completed"),
                          TEXT("{\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,"
                               "\"output_tokens\":2,\"cost\":0.00123}}}"),
                          &verdict, NULL),
      ERR_OK);
  assert_int_equal(t.reported_cost_nano, 1230000);
  struct tapped plain =
      tap_body(&wire_openai_responses, TEXT("{\"output\":[],\"usage\":{\"input_tokens\":3,\"cost\":1}}"));
  assert_int_equal(plain.tap.reported_cost_nano, 1000000000);
}

static void what_is_no_response_breaks_the_protocol(void **state) {
  static const char *const bad[] = {"",
                                    "<html>",
                                    "[]",
                                    "{}",
                                    "{\"output\":{}}",
                                    "{\"choices\":[]}",
                                    "{\"error\":{\"message\":\"m\"},\"output\":[]}",
                                    "{\"status\":\"failed\",\"error\":null,\"output\":[]}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct tapped t = tap_body(&wire_openai_responses, text_of(bad[i]));
    if (t.err != ERR_UPSTREAM_PROTOCOL || t.tap.finished)
      fail_msg("%s passed", bad[i]);
  }
}

static void a_response_in_the_background_is_an_answer(void **state) {
  struct tapped t =
      tap_body(&wire_openai_responses, TEXT("{\"status\":\"queued\",\"error\":null,\"output\":[],\"usage\":null}"));
  assert_int_equal(t.err, ERR_OK);
  assert_true(t.tap.finished && !t.tap.usage.known && !t.tap.has_content);
}

static void an_error_in_the_stream_fails_it_by_its_first_words(void **state) {
  struct arena a;
  arena_init(&a);
  struct tapped t = stream(&a, "error_midstream");
  assert_true(t.tap.failed && !t.tap.finished);
  assert_string_equal(fault_of(&t)->text, "The server had an error while processing your request.");
  struct wire_tap nested = {.wire = &wire_openai_responses, .arena = tap_arena()};
  enum wire_verdict verdict = WIRE_DROP;
  assert_int_equal(responses_tap_event(
                       &nested, TEXT("error"),
                       TEXT("{\"error\":{\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}}"),
                       &verdict, NULL),
                   ERR_OK);
  assert_true(nested.failed);
  assert_int_equal(nested.fault->status, 429);
  assert_int_equal(verdict, WIRE_PASS);
  arena_done(&a);
}

static void events_without_names_are_told_by_their_type(void **state) {
  struct wire_tap t = {.wire = &wire_openai_responses, .arena = tap_arena()};
  enum wire_verdict verdict;
  assert_int_equal(
      responses_tap_event(&t, TEXT_NONE, TEXT("{\"type\":\"response.created\",\"response\":{}}"), &verdict, NULL),
      ERR_OK);
  assert_true(t.started && !t.has_content);
  assert_int_equal(
      responses_tap_event(&t, TEXT_NONE,
                          TEXT("{\"type\":\"response.output_text.delta\",\"delta\":\"four\",\"logprobs\":[]}"),
                          &verdict, NULL),
      ERR_OK);
  assert_true(t.has_content);
  assert_int_equal(t.output_bytes, 4);
  assert_int_equal(
      responses_tap_event(&t, TEXT_NONE,
                          TEXT("{\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,"
                               "\"output_tokens\":2}}}"),
                          &verdict, NULL),
      ERR_OK);
  assert_true(t.finished);
  expect_usage(&t.usage, (struct usage){.input = 3, .output = 2, .known = true});
}

static void bad_json_matters_only_where_it_would_be_read(void **state) {
  struct wire_tap t = {.wire = &wire_openai_responses, .arena = tap_arena()};
  enum wire_verdict verdict;
  struct fault f = {0};
  assert_int_equal(responses_tap_event(&t, TEXT("response.output_text.delta"), TEXT("{not"), &verdict, &f), ERR_OK);
  assert_int_equal(responses_tap_event(&t, TEXT("response.completed"), TEXT("{not"), &verdict, &f),
                   ERR_UPSTREAM_PROTOCOL);
  assert_int_equal(responses_tap_event(&t, TEXT_NONE, TEXT("[DONE]"), &verdict, &f), ERR_OK);
  assert_false(t.finished);
}

static void impossible_usage_is_cut_or_ignored(void **state) {
  struct json doc = {0};
  struct usage u = {.input = 77};
  assert_int_equal(
      json_read(TEXT("{\"input_tokens\":10,\"output_tokens\":5,\"input_tokens_details\":{\"cached_tokens\":8,"
                     "\"cache_write_tokens\":9,\"cache_write_tokens_details\":{\"ttl_12h_tokens\":7}},"
                     "\"output_tokens_details\":{\"reasoning_tokens\":50}}"),
                NULL, &doc, NULL),
      ERR_OK);
  responses_tap_usage(&u, doc.root);
  expect_usage(&u, (struct usage){.cache_read = 8, .cache_write_1h = 2, .output = 5, .reasoning = 5, .known = true});
  json_done(&doc);
  u = (struct usage){.input = 77};
  responses_tap_usage(&u, NULL);
  expect_usage(&u, (struct usage){.input = 77});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_give_their_usage_plain_and_streamed),
      cmocka_unit_test(what_keeps_the_connection_alive_begins_nothing),
      cmocka_unit_test(what_the_provider_bills_is_kept),
      cmocka_unit_test(what_is_no_response_breaks_the_protocol),
      cmocka_unit_test(a_response_in_the_background_is_an_answer),
      cmocka_unit_test(an_error_in_the_stream_fails_it_by_its_first_words),
      cmocka_unit_test(events_without_names_are_told_by_their_type),
      cmocka_unit_test(bad_json_matters_only_where_it_would_be_read),
      cmocka_unit_test(impossible_usage_is_cut_or_ignored),
  };
  return RUN_TESTS(tests);
}
