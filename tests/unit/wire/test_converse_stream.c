/* Streams of Converse read. */
#include "wire/converse.h"

#include "converse_stream_test.h"

static void a_stream_says_what_the_plain_answer_says(void **state) {
  for (size_t i = 0; i < COUNT_OF(both_forms); i++) {
    struct arena a;
    arena_init(&a);
    struct played p = play_fixture(&a, both_forms[i], true);
    struct llm_answer plain = read_plain_fixture(&a, both_forms[i]);
    if (p.err || !p.is_whole)
      fail_msg("%s: %s", both_forms[i], fault_text(&p.fault));
    print_message("# %s\n", both_forms[i]);
    expect_same_answer(&a, &p.answer, &plain);
    assert_int_equal(p.notes.count, plain.notes.count);
    arena_done(&a);
  }
}

static void redacted_reasoning_in_pieces_is_put_together(void **state) {
  struct arena a;
  arena_init(&a);
  struct played p = play_fixture(&a, "redacted_thinking_pieces", false);
  assert_int_equal(p.err, ERR_OK);
  assert_int_equal(p.answer.blocks[0].kind, LLM_REDACTED_THINKING);
  EXPECT_TEXT(p.answer.blocks[0].signature, TEXT("RW1NS0Nrd2lhZ2l2aW5n"));
  arena_done(&a);
}

static void redacted_reasoning_of_any_length_comes_through_in_one_piece(void **state) {
  struct arena a;
  char *data;
  arena_init(&a);
  data = arena_alloc(&a, 40001);
  memset(data, 'A', 40000);
  data[40000] = '\0';
  struct text lines = arena_format(&a,
                                   "{\"event\":\"contentBlockDelta\",\"data\":{\"contentBlockIndex\":0,\"delta\":{"
                                   "\"reasoningContent\":{\"redactedContent\":\"%s\"}}}}\n"
                                   "{\"event\":\"messageStop\",\"data\":{\"stopReason\":\"end_turn\"}}\n",
                                   data);
  struct played p = play_lines(&a, lines, true);
  assert_int_equal(p.err, ERR_OK);
  assert_int_equal(p.answer.blocks[0].signature.len, 40000);
  arena_done(&a);
}

static void without_metadata_the_end_of_the_stream_ends_the_answer(void **state) {
  struct arena a;
  arena_init(&a);
  assert_false(play_fixture(&a, "no_metadata", false).is_whole);
  struct played p = play_fixture(&a, "no_metadata", true);
  assert_true(p.is_whole);
  assert_false(p.answer.usage.known);
  arena_done(&a);
}

static void a_stream_that_is_cut_is_not_whole(void **state) {
  struct arena a;
  arena_init(&a);
  struct text lines = fixture(&a, "answers/converse/text.events");
  struct played p =
      play_lines(&a, text_head(lines, (size_t)text_find(lines, TEXT("{\"event\":\"contentBlockStop"))), true);
  assert_int_equal(p.err, ERR_OK);
  assert_false(p.is_whole);
  arena_done(&a);
}

static void exceptions_are_errors_of_their_kind(void **state) {
  struct arena a;
  arena_init(&a);
  struct played p = play_fixture(&a, "error_midstream", true);
  assert_int_equal(p.err, ERR_UPSTREAM_SERVER);
  assert_int_equal(p.fault.status, 503);
  assert_string_equal(p.fault.text, "The model failed.");
  p = play_fixture(&a, "error_throttled", true);
  assert_int_equal(p.err, ERR_UPSTREAM_RATE);
  arena_done(&a);
}

#define LINE(event, data) "{'event':'" event "','data':" data "}\n"
#define START             LINE("messageStart", "{'role':'assistant'}")
#define DELTA(i, delta)   LINE("contentBlockDelta", "{'contentBlockIndex':" #i ",'delta':" delta "}")

static void what_cannot_be_carried_breaks_the_protocol(void **state) {
  const char *const rows[] = {
      START START,
      START LINE("surprise", "{}"),
      START LINE("messageStop", "{}"),
      START LINE("metadata", "{'usage':{}}"),
      START LINE("messageStop", "{'stopReason':'end_turn'}") DELTA(0, "{'text':'a'}"),
      START LINE("messageStop", "{'stopReason':'end_turn'}") LINE("messageStop", "{'stopReason':'end_turn'}"),
      START DELTA(0, "{}"),
      START DELTA(0, "{'text':7}"),
      START DELTA(0, "{'image':{}}"),
      START DELTA(0, "{'toolResult':[]}"),
      START DELTA(0, "{'toolUse':{'input':'{}'}}"),
      START DELTA(0, "{'reasoningContent':{'dream':'x'}}"),
      START DELTA(0, "{'reasoningContent':{'redactedContent':'?'}}"),
      START DELTA(0, "{'reasoningContent':{'signature':'a'}}") DELTA(0, "{'reasoningContent':{'signature':'b'}}"),
      START LINE("contentBlockStart", "{'contentBlockIndex':0,'start':{'image':{'format':'png'}}}"),
      START LINE("contentBlockStart", "{'contentBlockIndex':0,'start':{'toolUse':{'name':'f'}}}"),
      START LINE("contentBlockStart",
                 "{'contentBlockIndex':0,'start':{'toolUse':{'toolUseId':'t','name':'f','type':'server_tool_use'}}}"),
      START DELTA(0, "{'text':'a'}") LINE("contentBlockStop", "{'contentBlockIndex':0}") DELTA(0, "{'text':'b'}"),
      START DELTA(0, "{'text':'a'}") DELTA(1, "{'text':'b'}") DELTA(0, "{'text':'c'}"),
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct arena a;
    arena_init(&a);
    struct played p = play_lines(&a, quoted(&a, rows[i]), false);
    if (p.err != ERR_UPSTREAM_PROTOCOL)
      fail_msg("%s: got %s", rows[i], err_name(p.err));
    arena_done(&a);
  }
}

static void data_that_is_no_json_breaks_the_protocol(void **state) {
  struct llm_sink sink = {0};
  struct llm_notes notes = {0};
  struct fault f = {0};
  static char reader[16384];
  assert_true(dialect_converse.reader_bytes <= sizeof(reader));
  assert_int_equal(dialect_converse.read_event(reader, TEXT("messageStart"), TEXT("{"), &sink, &notes, &f),
                   ERR_UPSTREAM_PROTOCOL);
}

static void what_other_models_leave_out_is_made_up_for(void **state) {
  struct arena a;
  arena_init(&a);
  struct played p = play_lines(&a,
                               quoted(&a, DELTA(0, "{'text':'a'}") DELTA(1, "{'reasoningContent':{'text':'b'}}")
                                              DELTA(1, "{'text':'c'}") LINE("messageStop", "{'stopReason':'end_turn'}")
                                                  LINE("metadata", "{}")),
                               false);
  assert_int_equal(p.err, ERR_OK);
  assert_true(p.is_whole);
  assert_int_equal(p.answer.block_count, 3);
  EXPECT_TEXT(p.answer.blocks[2].text, TEXT("c"));
  arena_done(&a);
}

static void events_behind_the_end_are_ignored(void **state) {
  struct arena a;
  arena_init(&a);
  struct played p = play_lines(&a,
                               quoted(&a, START LINE("messageStop", "{'stopReason':'end_turn'}") LINE("metadata", "{}")
                                              LINE("metadata", "{}") LINE("initial-response", "{}")),
                               true);
  assert_int_equal(p.err, ERR_OK);
  assert_true(p.is_whole);
  arena_done(&a);
}

static void the_state_is_small(void **state) {
  assert_true(dialect_converse.reader_bytes <= 10240);
  assert_true(dialect_converse.writer_bytes <= 64);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stream_says_what_the_plain_answer_says),
      cmocka_unit_test(redacted_reasoning_in_pieces_is_put_together),
      cmocka_unit_test(redacted_reasoning_of_any_length_comes_through_in_one_piece),
      cmocka_unit_test(without_metadata_the_end_of_the_stream_ends_the_answer),
      cmocka_unit_test(a_stream_that_is_cut_is_not_whole),
      cmocka_unit_test(exceptions_are_errors_of_their_kind),
      cmocka_unit_test(what_cannot_be_carried_breaks_the_protocol),
      cmocka_unit_test(data_that_is_no_json_breaks_the_protocol),
      cmocka_unit_test(what_other_models_leave_out_is_made_up_for),
      cmocka_unit_test(events_behind_the_end_are_ignored),
      cmocka_unit_test(the_state_is_small),
  };
  return RUN_TESTS(tests);
}
