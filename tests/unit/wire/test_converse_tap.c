/* The usage tap of Converse. */
#include "wire/converse_tap.h"

#include "converse_stream_test.h"

static struct tapped tap_lines(struct arena *a, struct text lines) {
  struct tapped t = {.tap = {.wire = &wire_bedrock_converse, .arena = tap_arena()}};
  struct text line;
  while (t.err == ERR_OK && text_cut(lines, '\n', &line, &lines)) {
    yyjson_doc *doc = yyjson_read(line.at, line.len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct text name = json_text(json_get(root, "event"));
    if (text_is_empty(name))
      name = json_text(json_get(root, "exception"));
    feed_event(&t, name, json_value_text(json_get(root, "data"), a));
    yyjson_doc_free(doc);
  }
  return t;
}

static struct tapped tap_events(struct arena *a, const char *name) {
  return tap_lines(a, fixture(a, arena_format(a, "answers/converse/%s.events", name).at));
}

static void expect_whole(const struct tapped *t, const char *stop, struct usage usage) {
  assert_int_equal(t->err, ERR_OK);
  expect_usage(&t->tap.usage, usage);
  assert_string_equal(t->tap.stop_reason, stop);
  assert_true(t->tap.started && t->tap.finished && t->tap.has_content && !t->tap.failed);
}

static void expect_both_forms(const char *name, const char *stop, struct usage usage) {
  struct arena a;
  arena_init(&a);
  struct tapped t = tap_events(&a, name);
  expect_whole(&t, stop, usage);
  t = tap_body(&wire_bedrock_converse, fixture(&a, arena_format(&a, "answers/converse/%s.json", name).at));
  expect_whole(&t, stop, usage);
  arena_done(&a);
}

static void streams_and_plain_answers_give_their_usage(void **state) {
  expect_both_forms("text", "end_turn", (struct usage){.input = 25, .output = 15, .known = true});
  expect_both_forms("tools", "tool_use", (struct usage){.input = 25, .output = 15, .known = true});
  expect_both_forms(
      "cache_usage", "end_turn",
      (struct usage){
          .input = 10, .output = 20, .cache_read = 3000, .cache_write_5m = 500, .cache_write_1h = 200, .known = true});
}

static void a_stream_without_metadata_has_finished_when_it_ends(void **state) {
  struct arena a;
  enum wire_verdict verdict = WIRE_DROP;
  arena_init(&a);
  struct tapped t = tap_events(&a, "no_metadata");
  assert_true(!t.tap.finished && !t.tap.usage.known);
  assert_int_equal(converse_tap_event(&t.tap, TEXT_NONE, TEXT_NONE, &verdict, &t.fault), ERR_OK);
  assert_true(t.tap.finished);
  struct wire_tap cut = {.wire = &wire_bedrock_converse, .arena = tap_arena()};
  assert_int_equal(converse_tap_event(&cut, TEXT_NONE, TEXT_NONE, &verdict, &t.fault), ERR_OK);
  assert_false(cut.finished);
  arena_done(&a);
}

static void an_exception_fails_the_answer_and_nothing_finishes_it(void **state) {
  struct arena a;
  enum wire_verdict verdict;
  arena_init(&a);
  struct tapped t = tap_events(&a, "error_midstream");
  assert_true(t.tap.failed && t.tap.has_content && !t.tap.finished);
  assert_int_equal(fault_of(&t)->err, ERR_UPSTREAM_SERVER);
  assert_int_equal(
      converse_tap_event(&t.tap, TEXT("messageStop"), TEXT("{\"stopReason\":\"end_turn\"}"), &verdict, &t.fault),
      ERR_OK);
  assert_int_equal(converse_tap_event(&t.tap, TEXT("metadata"), TEXT("{}"), &verdict, &t.fault), ERR_OK);
  assert_false(t.tap.finished);
  arena_done(&a);
}

static void content_is_measured_without_names_signatures_and_padding(void **state) {
  const struct {
    const char *name;
    uint64_t bytes;
  } rows[] = {{"text", 25}, {"tools", 37}, {"thinking", 22}, {"redacted_thinking", 3}, {"empty", 0}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct arena a;
    arena_init(&a);
    struct tapped t = tap_events(&a, rows[i].name);
    if (t.tap.output_bytes < rows[i].bytes || t.tap.output_bytes > rows[i].bytes + 24)
      fail_msg("%s: %llu bytes, expected about %llu", rows[i].name, (unsigned long long)t.tap.output_bytes,
               (unsigned long long)rows[i].bytes);
    arena_done(&a);
  }
}

static void bad_json_matters_only_where_it_is_read(void **state) {
  struct wire_tap t = {.wire = &wire_bedrock_converse, .arena = tap_arena()};
  enum wire_verdict verdict;
  struct fault f = {0};
  assert_int_equal(converse_tap_event(&t, TEXT("contentBlockDelta"), TEXT("{"), &verdict, &f), ERR_OK);
  assert_int_equal(converse_tap_event(&t, TEXT("metadata"), TEXT("{"), &verdict, &f), ERR_UPSTREAM_PROTOCOL);
  assert_int_equal(converse_tap_event(&t, TEXT("messageStop"), TEXT("[]"), &verdict, &f), ERR_UPSTREAM_PROTOCOL);
}

static void what_is_no_answer_breaks_the_protocol(void **state) {
  struct wire_tap t = {.wire = &wire_bedrock_converse, .arena = tap_arena()};
  struct fault f = {0};
  assert_int_equal(converse_tap_plain(&t, TEXT("{}"), &f), ERR_UPSTREAM_PROTOCOL);
  assert_int_equal(converse_tap_plain(&t, TEXT("{\"output\":{},\"inputTokens\":1}"), &f), ERR_UPSTREAM_PROTOCOL);
  assert_int_equal(converse_tap_plain(&t, TEXT("<html>"), &f), ERR_UPSTREAM_PROTOCOL);
  assert_int_equal(converse_tap_plain(&t, TEXT("{\"inputTokens\":12}"), &f), ERR_OK); /* of count-tokens */
  assert_true(t.finished && !t.usage.known);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(streams_and_plain_answers_give_their_usage),
      cmocka_unit_test(a_stream_without_metadata_has_finished_when_it_ends),
      cmocka_unit_test(an_exception_fails_the_answer_and_nothing_finishes_it),
      cmocka_unit_test(content_is_measured_without_names_signatures_and_padding),
      cmocka_unit_test(bad_json_matters_only_where_it_is_read),
      cmocka_unit_test(what_is_no_answer_breaks_the_protocol),
  };
  return RUN_TESTS(tests);
}
