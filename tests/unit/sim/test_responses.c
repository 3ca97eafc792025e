/* The events of streamed responses: their order, their numbers, and that they add up to the object. */
#include "net/sse.h"
#include "sim/dialect.h"
#include "sim/responses_store.h"

#include "sim_test.h"

static struct arena arena;
static struct buf out;
static struct sim_ask ask;
static struct sim_answer answer;

static int fresh(void **state) {
  arena_init(&arena);
  buf_init(&out, 1 << 20);
  ask = (struct sim_ask){.model = TEXT("m"), .said = TEXT("hello"), .digest = {1, 40}, .max_tokens = 4};
  return 0;
}
static int done(void **state) {
  arena_done(&arena);
  buf_done(&out);
  return 0;
}

/* The types of all events, in order; checks their numbers, and that the event line repeats the type. */
static struct text types_of(struct text stream) {
  struct buf types, joined;
  struct sse_event e;
  size_t scan = 0, number = 0;
  buf_init(&types, 1 << 16);
  buf_init(&joined, 1 << 16);
  while (sse_next(&stream, &scan, &joined, &e)) {
    struct json doc;
    uint64_t sequence = 999;
    assert_int_equal(json_read(e.data, NULL, &doc, NULL), ERR_OK);
    EXPECT_TEXT(json_text(json_get(doc.root, "type")), e.event);
    assert_true(json_get_u64(doc.root, "sequence_number", &sequence));
    assert_int_equal(sequence, number++);
    buf_add(&types, text_skip(e.event, text_starts(e.event, TEXT("response.")) ? 9 : 0));
    buf_add_char(&types, ' ');
    json_done(&doc);
  }
  struct text all = arena_copy(&arena, buf_text(&types));
  buf_done(&types);
  buf_done(&joined);
  return all;
}

static struct text stream(void) {
  struct sim_cursor cursor = {0};
  answer_plan(&ask, 1, NULL, &arena, &answer);
  buf_reset(&out);
  while (sim_responses.write_event(&out, &answer, &cursor)) {
  }
  return types_of(buf_text(&out));
}

static void a_text_streams_in_its_grammar(void **state) {
  EXPECT_TEXT(stream(),
              TEXT("created in_progress output_item.added content_part.added output_text.delta output_text.delta "
                   "output_text.done content_part.done output_item.done incomplete "));
}

static void reasoning_and_calls_stream_in_theirs(void **state) {
  ask.max_tokens = 0;
  ask.said = TEXT_NONE;
  ask.thinks = ask.behaviour.tools = ask.one_tool_only = true;
  ask.tool[0] = (struct sim_tool){TEXT("w"), NULL, false};
  ask.tool_count = 1;
  EXPECT_TEXT(
      stream(),
      TEXT("created in_progress output_item.added reasoning_summary_part.added reasoning_summary_text.delta "
           "reasoning_summary_text.delta reasoning_summary_text.delta reasoning_summary_text.done "
           "reasoning_summary_part.done output_item.done output_item.added content_part.added "
           "output_text.delta output_text.delta output_text.delta output_text.delta output_text.delta "
           "output_text.done content_part.done output_item.done output_item.added function_call_arguments.delta "
           "function_call_arguments.done output_item.done completed "));
}

static void hidden_reasoning_is_an_item_alone(void **state) {
  ask.thinks = ask.omit_thinking = ask.behaviour.redacted = true;
  EXPECT_INSIDE(stream(), TEXT("in_progress output_item.added output_item.done output_item.added output_item.done "
                               "output_item.added content_part.added"));
}

static void custom_calls_and_refusals_have_their_own_events(void **state) {
  ask.behaviour.tools = ask.one_tool_only = true;
  ask.tool[0] = (struct sim_tool){TEXT("c"), NULL, true};
  ask.tool_count = 1;
  EXPECT_INSIDE(stream(), TEXT("custom_tool_call_input.delta custom_tool_call_input.delta custom_tool_call_input.delta "
                               "custom_tool_call_input.done output_item.done"));
  ask.behaviour = (struct behaviour){.refuse = true};
  EXPECT_INSIDE(stream(), TEXT("refusal.delta refusal.done content_part.done"));
}

static void deltas_are_obfuscated_unless_asked_not_to(void **state) {
  stream();
  EXPECT_INSIDE(buf_text(&out), TEXT("\"obfuscation\":\""));
  ask.is_plain_stream = true;
  stream();
  assert_true(text_find(buf_text(&out), TEXT("obfuscation")) < 0);
}

static struct text error_of(enum behaviour_break by) {
  struct sim_cursor cursor = {.sequence = 0};
  answer_plan(&ask, 1, NULL, &arena, &answer);
  buf_reset(&out);
  sim_responses.write_stream_error(&out, &answer, &cursor, by);
  return types_of(buf_text(&out));
}

static void errors_are_events_or_a_failed_response(void **state) {
  EXPECT_TEXT(error_of(BEHAVIOUR_BREAK_ERROR), TEXT("error "));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"code\":\"server_error\",\"message\":\"The stream failed"));
  error_of(BEHAVIOUR_BREAK_THROTTLE);
  EXPECT_INSIDE(buf_text(&out), TEXT("\"code\":\"rate_limit_exceeded\""));
  EXPECT_TEXT(error_of(BEHAVIOUR_BREAK_FAILED), TEXT("failed "));
}

static void answers_are_kept_unless_asked_not_to(void **state) {
  struct responses_store *store = responses_store_new();
  answer_plan(&ask, 1, NULL, &arena, &answer);
  struct text id = arena_format(&arena, "resp_%.*s", TEXT_ARGS(answer.id));
  sim_responses.keep(store, &answer, &arena);
  assert_null(responses_store_find(store, id));
  answer.is_kept = true;
  sim_responses.keep(store, &answer, &arena);
  const struct responses_kept *kept = responses_store_find(store, id);
  assert_non_null(kept);
  sim_responses.write_plain(&out, &answer, &arena);
  EXPECT_TEXT(kept->json, buf_text(&out));
  assert_true(kept->prompt.bytes > 40);
  responses_store_free(store);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(a_text_streams_in_its_grammar),
      CASE(reasoning_and_calls_stream_in_theirs),
      CASE(hidden_reasoning_is_an_item_alone),
      CASE(custom_calls_and_refusals_have_their_own_events),
      CASE(deltas_are_obfuscated_unless_asked_not_to),
      CASE(errors_are_events_or_a_failed_response),
      CASE(answers_are_kept_unless_asked_not_to),
  };
  return RUN_TESTS(tests);
}
