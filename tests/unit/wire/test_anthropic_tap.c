/* The usage tap of the Anthropic dialect. */
#include "wire/anthropic_tap.h"

#include "wire_test.h"

static void plain_answers_give_their_usage(void **state) {
  const struct {
    const char *name;
    struct usage want;
    const char *stop_reason;
  } cases[] = {
      {"text", {.input = 25, .output = 12, .known = true}, "end_turn"},
      {"tools_parallel", {.input = 412, .output = 118, .known = true}, "tool_use"},
      {"thinking", {.input = 48, .output = 96, .reasoning = 71, .known = true}, "end_turn"},
      {"cache",
       {.input = 7, .output = 9, .cache_write_5m = 500, .cache_write_1h = 1000, .cache_read = 20480, .known = true},
       "end_turn"},
      {"cache_without_split", {.input = 7, .output = 9, .cache_write_5m = 1500, .known = true}, "max_tokens"},
      {"citations", {.input = 610, .output = 33, .known = true}, "end_turn"},
      {"compaction", {.input = 203000, .output = 4500, .known = true}, "end_turn"},
      {"version_2026_10_21", {.input = 11, .output = 4, .known = true}, "end_turn"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a;
    arena_init(&a);
    struct tapped t =
        tap_body(&wire_anthropic, fixture(&a, arena_format(&a, "anthropic/plain/%s.json", cases[i].name).at));
    assert_int_equal(t.err, ERR_OK);
    expect_usage(&t.tap.usage, cases[i].want);
    assert_string_equal(t.tap.stop_reason, cases[i].stop_reason);
    assert_true(t.tap.started && t.tap.finished && t.tap.has_content && !t.tap.failed);
    assert_true(t.tap.output_bytes > 0);
    arena_done(&a);
  }
}

static void a_token_count_is_an_answer_without_usage(void **state) {
  struct tapped t = tap_body(&wire_anthropic, TEXT("{\"input_tokens\":2095}"));
  assert_int_equal(t.err, ERR_OK);
  assert_true(t.tap.finished);
  assert_false(t.tap.has_content);
  expect_usage(&t.tap.usage, (struct usage){0});
}

static void what_keeps_the_connection_alive_begins_nothing(void **state) {
  struct tapped t = {.tap = {.wire = &wire_anthropic}};
  feed_event(&t, TEXT("ping"), TEXT("{\"type\":\"ping\"}"));
  feed_event(&t, TEXT(""), TEXT("{\"type\":\"ping\"}"));
  assert_int_equal(t.err, ERR_OK);
  assert_false(t.tap.started);
  feed_event(&t, TEXT("message_start"), TEXT("{\"type\":\"message_start\",\"message\":{}}"));
  assert_true(t.tap.started);
}

static void what_is_no_answer_breaks_the_protocol(void **state) {
  static const char *const bad[] = {"",
                                    "<html>",
                                    "{",
                                    "[]",
                                    "null",
                                    "{}",
                                    "{\"type\":\"message\"}",
                                    "{\"type\":\"message\",\"content\":\"text\"}",
                                    "{\"type\":\"other\",\"content\":[]}",
                                    "{\"input_tokens\":\"7\"}",
                                    "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}",
                                    "{\"object\":\"chat.completion\",\"choices\":[]}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct tapped t = tap_body(&wire_anthropic, text_of(bad[i]));
    if (t.err != ERR_UPSTREAM_PROTOCOL)
      fail_msg("%s passed", bad[i]);
    assert_true(t.fault.text[0] != 0);
    assert_false(t.tap.finished);
  }
}

static void streams_give_their_usage(void **state) {
  const struct {
    const char *name;
    struct usage want;
    const char *stop_reason;
  } cases[] = {
      {"text", {.input = 25, .output = 15, .known = true}, "end_turn"},
      {"tools_parallel", {.input = 472, .output = 89, .known = true}, "tool_use"},
      {"thinking", {.input = 48, .output = 96, .reasoning = 71, .known = true}, "end_turn"},
      {"cache",
       {.input = 7, .output = 9, .cache_write_5m = 500, .cache_write_1h = 1000, .cache_read = 20480, .known = true},
       "end_turn"},
      {"usage_only_at_end", {.input = 300, .output = 8, .cache_read = 40, .known = true}, "end_turn"},
      {"two_deltas", {.input = 100, .output = 120, .known = true}, "end_turn"},
      {"citations", {.input = 610, .output = 33, .known = true}, "end_turn"},
      {"compaction", {.input = 203000, .output = 4500, .known = true}, "end_turn"},
      {"without_names", {.input = 25, .output = 15, .known = true}, "end_turn"},
      {"odd_events", {.input = 25, .output = 15, .known = true}, "stop_sequence"},
      {"crlf", {.input = 25, .output = 15, .known = true}, "end_turn"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a;
    arena_init(&a);
    struct tapped t =
        tap_file(&a, &wire_anthropic, arena_format(&a, "anthropic/stream/%s.sse", cases[i].name).at, true);
    assert_int_equal(t.err, ERR_OK);
    assert_int_equal(t.dropped, 0);
    expect_usage(&t.tap.usage, cases[i].want);
    assert_string_equal(t.tap.stop_reason, cases[i].stop_reason);
    assert_true(t.tap.started && t.tap.finished && t.tap.has_content && !t.tap.failed);
    arena_done(&a);
  }
}

static void a_cut_stream_is_not_finished_but_keeps_what_it_said(void **state) {
  struct arena a;
  arena_init(&a);
  struct tapped t = tap_file(&a, &wire_anthropic, "anthropic/stream/cut.sse", false);
  assert_true(t.tap.started && t.tap.has_content && !t.tap.finished && !t.tap.failed);
  expect_usage(&t.tap.usage, (struct usage){.input = 25, .output = 1, .known = true});
  assert_in_range(t.tap.output_bytes, 35, 45); /* 40 bytes of text */
  arena_done(&a);
}

static void an_error_event_fails_the_answer_and_nothing_finishes_it(void **state) {
  struct arena a;
  struct fault f = {0};
  enum wire_verdict verdict;
  arena_init(&a);
  struct tapped t = tap_file(&a, &wire_anthropic, "anthropic/stream/error_midway.sse", false);
  assert_true(t.tap.failed && t.tap.has_content);
  assert_int_equal(fault_of(&t)->err, ERR_UPSTREAM_SERVER);
  assert_int_equal(fault_of(&t)->status, 529);
  assert_string_equal(fault_of(&t)->text, "Overloaded");
  assert_int_equal(wire_anthropic.tap_event(&t.tap, TEXT("message_stop"), TEXT("{}"), &verdict, &f), ERR_OK);
  assert_false(t.tap.finished);
  t = tap_file(&a, &wire_anthropic, "anthropic/stream/error_first.sse", false);
  assert_true(t.tap.failed && !t.tap.has_content);
  assert_int_equal(fault_of(&t)->err, ERR_UPSTREAM_RATE);
  assert_false(t.tap.usage.known);
  arena_done(&a);
}

static void an_error_after_the_end_still_fails_the_answer(void **state) {
  struct wire_tap t = {.wire = &wire_anthropic, .arena = tap_arena(), .finished = true};
  enum wire_verdict verdict;
  assert_int_equal(t.wire->tap_event(&t, TEXT("error"), TEXT("{\"error\":{}}"), &verdict, NULL), ERR_OK);
  assert_true(t.failed && !t.finished);
}

static void content_is_measured_without_envelope_signatures_and_citations(void **state) {
  const struct {
    const char *name;
    uint64_t least, most;
  } cases[] = {{"text", 40, 70}, {"thinking", 30, 55}, {"citations", 15, 40}, {"tools_parallel", 70, 180}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena a;
    arena_init(&a);
    struct tapped t =
        tap_file(&a, &wire_anthropic, arena_format(&a, "anthropic/stream/%s.sse", cases[i].name).at, false);
    if (t.tap.output_bytes < cases[i].least || t.tap.output_bytes > cases[i].most)
      fail_msg("%s: %llu bytes", cases[i].name, (unsigned long long)t.tap.output_bytes);
    arena_done(&a);
  }
}

static struct wire_tap after_deltas(const char *const *usages, size_t count) {
  struct wire_tap t = {.wire = &wire_anthropic, .arena = tap_arena()};
  for (size_t i = 0; i < count; i++) {
    struct json doc = {0};
    assert_int_equal(json_read(text_of(usages[i]), NULL, &doc, NULL), ERR_OK);
    anthropic_tap_usage(&t, doc.root);
    json_done(&doc);
  }
  return t;
}

static void later_counts_replace_and_absent_null_or_impossible_ones_do_not(void **state) {
  const char *const usages[] = {
      ("{\"input_tokens\":10,\"output_tokens\":1,\"cache_read_input_tokens\":5,\"cache_creation_input_tokens\":30,"
       "\"cache_creation\":{\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_input_tokens\":20}}"),
      "{\"output_tokens\":40,\"input_tokens\":null,\"cache_read_input_tokens\":-3,\"cache_creation\":null}",
      "{\"output_tokens\":\"many\",\"cache_creation_input_tokens\":30}", "null", "{\"output_tokens\":41.7}"};
  struct wire_tap t = after_deltas(usages, 5);
  expect_usage(
      &t.usage,
      (struct usage){
          .input = 10, .output = 41, .cache_write_5m = 10, .cache_write_1h = 20, .cache_read = 5, .known = true});
}

static void a_total_of_cache_writes_beyond_its_split_counts_as_five_minutes(void **state) {
  const char *const more[] = {("{\"cache_creation_input_tokens\":100,\"cache_creation\":{\"ephemeral_5m_input_tokens\":"
                               "10,\"ephemeral_1h_input_tokens\":20}}")};
  const char *const grown[] = {more[0], "{\"cache_creation_input_tokens\":150}"};
  const char *const shrunk[] = {more[0], "{\"cache_creation_input_tokens\":5}"};
  const char *const less[] = {
      ("{\"cache_creation_input_tokens\":1,\"cache_creation\":{\"ephemeral_5m_input_tokens\":10,"
       "\"ephemeral_1h_input_tokens\":20}}")};
  expect_usage(&(struct usage){.cache_write_5m = 80, .cache_write_1h = 20, .known = true}, after_deltas(more, 1).usage);
  expect_usage(&(struct usage){.cache_write_5m = 130, .cache_write_1h = 20, .known = true},
               after_deltas(grown, 2).usage);
  expect_usage(&(struct usage){.cache_write_5m = 5, .known = true}, after_deltas(shrunk, 2).usage);
  expect_usage(&(struct usage){.cache_write_5m = 10, .cache_write_1h = 20, .known = true}, after_deltas(less, 1).usage);
}

static void compaction_steps_are_counted_once_however_often_they_are_reported(void **state) {
  const char *const step =
      "{\"input_tokens\":23,\"output_tokens\":10,\"iterations\":[{\"type\":\"compaction\",\"input_tokens\":180,"
      "\"output_tokens\":35},{\"type\":\"message\",\"input_tokens\":23,\"output_tokens\":10}]}";
  const char *const usages[] = {"{\"input_tokens\":23,\"output_tokens\":1}", step, step, "{\"output_tokens\":12}"};
  struct wire_tap t = after_deltas(usages, 3);
  expect_usage(&t.usage, (struct usage){.input = 203, .output = 45, .known = true});
  t = after_deltas(usages, 4);
  expect_usage(&t.usage, (struct usage){.input = 203, .output = 47, .known = true});
}

static void absurd_counts_are_cut_and_reasoning_never_passes_the_output(void **state) {
  const char *const usages[] = {("{\"input_tokens\":18446744073709551615,\"output_tokens\":3,\"cache_creation_input_"
                                 "tokens\":1e300,\"output_tokens_details\":{\"reasoning_tokens\":9}}")};
  struct wire_tap t = after_deltas(usages, 1);
  expect_usage(
      &t.usage,
      (struct usage){
          .input = USAGE_MAX_TOKENS, .output = 3, .cache_write_5m = USAGE_MAX_TOKENS, .reasoning = 3, .known = true});
}

static void bad_json_matters_only_where_it_would_be_read(void **state) {
  struct wire_tap t = {.wire = &wire_anthropic, .arena = tap_arena()};
  enum wire_verdict verdict = WIRE_DROP;
  struct fault f = {0};
  assert_int_equal(wire_anthropic.tap_event(&t, TEXT("content_block_delta"), TEXT("{not json"), &verdict, &f), ERR_OK);
  assert_int_equal(verdict, WIRE_PASS);
  assert_int_equal(wire_anthropic.tap_event(&t, TEXT("message_delta"), TEXT("{not json"), &verdict, &f),
                   ERR_UPSTREAM_PROTOCOL);
  assert_int_equal(wire_anthropic.tap_event(&t, TEXT("message_start"), TEXT("[]"), &verdict, &f),
                   ERR_UPSTREAM_PROTOCOL);
  assert_int_equal(wire_anthropic.tap_event(&t, TEXT_NONE, TEXT("not json"), &verdict, &f), ERR_UPSTREAM_PROTOCOL);
  assert_int_equal(wire_anthropic.tap_event(&t, TEXT("error"), TEXT("{}"), &verdict, &f), ERR_OK);
  assert_true(t.failed);
  assert_int_equal(t.fault->status, 500);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_answers_give_their_usage),
      cmocka_unit_test(a_token_count_is_an_answer_without_usage),
      cmocka_unit_test(what_keeps_the_connection_alive_begins_nothing),
      cmocka_unit_test(what_is_no_answer_breaks_the_protocol),
      cmocka_unit_test(streams_give_their_usage),
      cmocka_unit_test(a_cut_stream_is_not_finished_but_keeps_what_it_said),
      cmocka_unit_test(an_error_event_fails_the_answer_and_nothing_finishes_it),
      cmocka_unit_test(an_error_after_the_end_still_fails_the_answer),
      cmocka_unit_test(content_is_measured_without_envelope_signatures_and_citations),
      cmocka_unit_test(later_counts_replace_and_absent_null_or_impossible_ones_do_not),
      cmocka_unit_test(a_total_of_cache_writes_beyond_its_split_counts_as_five_minutes),
      cmocka_unit_test(compaction_steps_are_counted_once_however_often_they_are_reported),
      cmocka_unit_test(absurd_counts_are_cut_and_reasoning_never_passes_the_output),
      cmocka_unit_test(bad_json_matters_only_where_it_would_be_read),
  };
  return RUN_TESTS(tests);
}
