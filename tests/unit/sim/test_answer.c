/* What the simulator decides to say, and that it is the same every time. */
#include "sim/answer.h"

#include "sim_test.h"

static struct arena arena;
static struct sim_ask ask;
static struct sim_answer answer;

static int fresh(void **state) {
  arena_init(&arena);
  ask = (struct sim_ask){.model = TEXT("sim-text"), .said = TEXT("hello"), .max_tokens = 1000, .digest = {1, 40}};
  return 0;
}
static int done(void **state) {
  arena_done(&arena);
  return 0;
}

static void plan(void) { answer_plan(&ask, 1, NULL, &arena, &answer); }

static void the_answer_says_that_it_is_simulated_and_quotes_the_user(void **state) {
  plan();
  assert_int_equal(answer.block_count, 1);
  EXPECT_TEXT(answer.block[0].text, TEXT("This is a simulated answer from weir-sim. You said: hello"));
  assert_int_equal(answer.stop, SIM_STOP_END);
  assert_int_equal(answer.usage.input, 10);
  assert_int_equal(answer.usage.output, (57 + 3) / 4);
}

static void equal_asks_differ_only_by_the_counter(void **state) {
  plan();
  struct text id = answer.id;
  plan();
  EXPECT_TEXT(answer.id, id);
  answer_plan(&ask, 2, NULL, &arena, &answer);
  assert_false(text_equal(answer.id, id));
}

static void a_long_prompt_is_quoted_in_part_with_its_length(void **state) {
  char *said = arena_zalloc(&arena, 300000);
  memset(said, 'x', 300000);
  memcpy(said + 399, "\xe2\x82\xac", 3);
  ask.said = (struct text){said, 300000};
  plan();
  EXPECT_INSIDE(answer.block[0].text, TEXT("xxx... (300000 bytes in all)"));
  assert_true(text_is_utf8(answer.block[0].text));
}

static void max_tokens_cuts_the_answer(void **state) {
  ask.max_tokens = 3;
  plan();
  EXPECT_TEXT(answer.block[0].text, TEXT("This is a si"));
  assert_int_equal(answer.stop, SIM_STOP_LENGTH);
  assert_int_equal(answer.usage.output, 3);
}

static void long_answers_count_words(void **state) {
  char scratch[32];
  struct sim_cursor cursor = {0};
  struct buf out;
  buf_init(&out, 1000);
  ask.behaviour.long_words = 3;
  plan();
  assert_int_equal(answer.usage.output, 3);
  for (struct text piece = answer_piece(&answer, &cursor, scratch); piece.len > 0;
       piece = answer_piece(&answer, &cursor, scratch))
    buf_add(&out, piece);
  EXPECT_TEXT(buf_text(&out), TEXT("word 1 word 2 word 3 "));
  buf_reset(&out);
  answer_write_escaped(&out, &answer.block[0]);
  EXPECT_TEXT(buf_text(&out), TEXT("word 1 word 2 word 3 "));
  buf_done(&out);
}

static void pieces_never_cut_a_character_and_add_up(void **state) {
  char scratch[32];
  struct sim_cursor cursor = {0};
  struct buf out;
  buf_init(&out, 1000);
  ask.said = TEXT("\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80 end");
  plan();
  for (struct text piece = answer_piece(&answer, &cursor, scratch); piece.len > 0;
       piece = answer_piece(&answer, &cursor, scratch)) {
    assert_true(text_is_utf8(piece));
    buf_add(&out, piece);
  }
  EXPECT_TEXT(buf_text(&out), answer.block[0].text);
  buf_done(&out);
}

static void tools_are_called_in_pairs_with_arguments_from_their_schemas(void **state) {
  struct json schema =
      test_json(&arena, "{'type':'object','properties':{'city':{'type':'string'},'days':{'type':'integer'},"
                        "'unit':{'type':'string','enum':['celsius','kelvin']},'deep':{'type':'object'}}}");
  ask.behaviour.tools = true;
  ask.tool[0] = (struct sim_tool){TEXT("weather"), schema.root};
  ask.tool[1] = (struct sim_tool){TEXT("clock"), NULL};
  ask.tool_count = 2;
  plan();
  assert_int_equal(answer.block_count, 3);
  assert_int_equal(answer.stop, SIM_STOP_TOOLS);
  EXPECT_TEXT(answer.block[1].name, TEXT("weather"));
  EXPECT_INSIDE(answer.block[1].text, TEXT("\"days\":7,\"unit\":\"celsius\",\"deep\":{}"));
  expect_json(answer.block[1].text);
  EXPECT_TEXT(answer.block[2].name, TEXT("clock"));
  EXPECT_TEXT(answer.block[2].text, TEXT("{}"));
  assert_false(text_equal(answer.block[1].id, answer.block[2].id));
  ask.one_tool_only = true;
  plan();
  assert_int_equal(answer.block_count, 2);
  json_done(&schema);
}

static void a_tool_result_is_answered_with_text(void **state) {
  ask.behaviour.tools = true;
  ask.tool[0] = (struct sim_tool){TEXT("weather"), NULL};
  ask.tool_count = 1;
  ask.has_tool_result = true;
  ask.tool_result = TEXT("21 degrees");
  plan();
  assert_int_equal(answer.block_count, 1);
  EXPECT_INSIDE(answer.block[0].text, TEXT("The tool said: 21 degrees"));
}

static void thinking_comes_first_with_the_signature_of_its_text(void **state) {
  ask.thinks = true;
  plan();
  assert_int_equal(answer.block[0].kind, SIM_BLOCK_THINKING);
  EXPECT_TEXT(answer.block[0].signature, digest_signature(&arena, answer.block[0].text));
  assert_true(answer.usage.reasoning > 0 && answer.usage.reasoning < answer.usage.output);
  ask.omit_thinking = true;
  plan();
  assert_int_equal(answer.block[0].text.len, 0);
  EXPECT_TEXT(answer.block[0].signature, digest_signature(&arena, TEXT_NONE));
}

static void attachments_are_acknowledged_with_type_and_size(void **state) {
  ask.attachment[0] = (struct sim_attachment){"image", TEXT("image/png"), 68};
  ask.attachment_count = 1;
  plan();
  EXPECT_INSIDE(answer.block[0].text, TEXT("You said: hello Attachment 1: image, image/png, 68 bytes."));
}

static void cache_classes_are_not_counted_twice(void **state) {
  static struct prompt_cache cache;
  ask.breakpoint[0] = (struct prompt_breakpoint){77, 6, false};
  ask.breakpoint_count = 1;
  answer_plan(&ask, 1, &cache, &arena, &answer);
  assert_int_equal(answer.usage.write_5m, 6);
  assert_int_equal(answer.usage.input, 4);
  answer_plan(&ask, 2, &cache, &arena, &answer);
  assert_int_equal(answer.usage.cache_read, 6);
  assert_int_equal(answer.usage.input, 4);
}

static void sim_cache_has_all_classes_and_sim_empty_no_content(void **state) {
  ask.behaviour.cache = true;
  plan();
  assert_int_equal(answer.usage.cache_read, 2000);
  assert_int_equal(answer.usage.write_5m, 300);
  assert_int_equal(answer.usage.write_1h, 40);
  ask.behaviour.empty = true;
  plan();
  assert_int_equal(answer.block_count, 0);
  assert_int_equal(answer.usage.output, 0);
}

static void a_refusal_and_a_filter_stop_the_answer(void **state) {
  ask.behaviour.refuse = true;
  plan();
  assert_int_equal(answer.stop, SIM_STOP_REFUSAL);
  EXPECT_INSIDE(answer.block[0].text, TEXT("refusal"));
  ask.behaviour = (struct behaviour){.filter = true};
  plan();
  assert_int_equal(answer.stop, SIM_STOP_FILTER);
}

static void json_fits_the_schema(void **state) {
  struct json schema = test_json(&arena, "{'type':'object','properties':{'n':{'type':'integer'}}}");
  ask.wants_json = true;
  ask.json_schema = schema.root;
  plan();
  EXPECT_TEXT(answer.block[0].text, TEXT("{\"n\":7}"));
  ask.json_schema = NULL;
  plan();
  EXPECT_TEXT(answer.block[0].text, TEXT("{}"));
  json_done(&schema);
}

static void the_first_stop_sequence_ends_the_text_before_it(void **state) {
  ask.stop[0] = TEXT("nowhere");
  ask.stop[1] = TEXT(" said");
  ask.stop[2] = TEXT("You");
  ask.stop_count = 3;
  plan();
  EXPECT_TEXT(answer.block[0].text, TEXT("This is a simulated answer from weir-sim. "));
  assert_int_equal(answer.stop, SIM_STOP_SEQUENCE);
  EXPECT_TEXT(answer.stop_sequence, TEXT("You"));
}

static void redacted_thinking_is_sealed(void **state) {
  struct text plain;
  ask.behaviour.redacted = true;
  plan();
  assert_int_equal(answer.block[0].kind, SIM_BLOCK_REDACTED);
  assert_true(digest_unseal(&arena, answer.block[0].text, &plain));
  assert_true(answer.usage.reasoning > 0);
}

static void a_single_tool_that_is_forced_is_called_once_and_at_once(void **state) {
  ask.tool[0] = (struct sim_tool){TEXT("json"), NULL, false};
  ask.tool_count = 1;
  ask.tools_forced = true;
  plan();
  assert_int_equal(answer.block_count, 1);
  assert_int_equal(answer.block[0].kind, SIM_BLOCK_TOOL);
  ask.tools_forced = false;
  ask.behaviour.tools = true;
  plan();
  assert_int_equal(answer.block_count, 3);
}

static void custom_tools_are_called_with_text(void **state) {
  ask.behaviour.tools = true;
  ask.tool[0] = (struct sim_tool){TEXT("shell"), NULL, true};
  ask.tool_count = 1;
  plan();
  assert_true(answer.block[1].is_custom);
  EXPECT_TEXT(answer.block[1].text, TEXT("a simulated \"input\" from weir-sim"));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(a_refusal_and_a_filter_stop_the_answer),
      CASE(json_fits_the_schema),
      CASE(the_first_stop_sequence_ends_the_text_before_it),
      CASE(redacted_thinking_is_sealed),
      CASE(a_single_tool_that_is_forced_is_called_once_and_at_once),
      CASE(custom_tools_are_called_with_text),
      CASE(the_answer_says_that_it_is_simulated_and_quotes_the_user),
      CASE(equal_asks_differ_only_by_the_counter),
      CASE(a_long_prompt_is_quoted_in_part_with_its_length),
      CASE(max_tokens_cuts_the_answer),
      CASE(long_answers_count_words),
      CASE(pieces_never_cut_a_character_and_add_up),
      CASE(tools_are_called_in_pairs_with_arguments_from_their_schemas),
      CASE(a_tool_result_is_answered_with_text),
      CASE(thinking_comes_first_with_the_signature_of_its_text),
      CASE(attachments_are_acknowledged_with_type_and_size),
      CASE(cache_classes_are_not_counted_twice),
      CASE(sim_cache_has_all_classes_and_sim_empty_no_content),
  };
  return RUN_TESTS(tests);
}
