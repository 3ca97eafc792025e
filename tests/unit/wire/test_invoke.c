/* Bedrock's InvokeModel: what intake needs, the tap of its streams, and the translation of its events. */
#include "wire/invoke.h"

#include "anthropic_test.h"
#include "aws/eventstream.h"
#include "wire/anthropic_stream.h"
#include "wire/reframe.h"

static enum err read_head(struct arena *a, const char *body, struct wire_request *out, struct fault *f) {
  return read_body(a, &wire_bedrock_invoke, text_of(body), out, f);
}

static void the_head_holds_no_model_and_no_stream(void **state) {
  struct wire_request rq = {0};
  struct fault f = {0};
  struct arena a;
  arena_init(&a);
  assert_int_equal(read_head(&a, " {\"anthropic_version\":\"x\",\"max_tokens\":7}", &rq, &f), ERR_OK);
  assert_true(rq.has_anthropic_version);
  assert_int_equal(rq.max_output_tokens, 7);
  assert_int_equal(rq.answers, 1);
  assert_int_equal(rq.insert_at, 2);
  assert_int_equal(rq.model.len, 0);
  assert_true(rq.input_tokens_bound > 0);
  static const struct {
    const char *body, *field;
  } cases[] = {{"[]", ""},
               {"{\"model\":\"m\"}", "model"},
               {"{\"stream\":true}", "stream"},
               {"{\"max_tokens\":0}", "max_tokens"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    assert_int_equal(read_head(&a, cases[i].body, &rq, &f), ERR_BAD_REQUEST);
    assert_string_equal(f.field, cases[i].field);
  }
  arena_done(&a);
}

static void a_request_passes_without_edits(void **state) {
  struct json_edits edits = {.count = 3};
  struct wire_request rq = {0};
  bool injected = true;
  struct arena a;
  arena_init(&a);
  assert_int_equal(wire_bedrock_invoke.edit_request(&rq, TEXT("{}"), TEXT("other"), &a, &edits, &injected), ERR_OK);
  assert_int_equal(edits.count, 0);
  assert_false(injected);
  arena_done(&a);
}

/* A stream of server-sent events, event by event as frames. */
struct framed {
  struct buf frames;
  struct text left;
};

static void as_frames(struct arena *a, const char *name, struct framed *out) {
  struct text stream = fixture(a, name), line, event = TEXT_NONE;
  buf_init(&out->frames, 1 << 20);
  while (text_cut(stream, '\n', &line, &stream)) {
    if (text_starts(line, TEXT("event: ")))
      event = text_skip(line, 7);
    else if (text_starts(line, TEXT("data: ")))
      assert_int_equal(reframe_event_to_frame(event, text_skip(line, 6), &out->frames, NULL), ERR_OK);
  }
  out->left = buf_text(&out->frames);
}

static bool next(struct framed *s, struct text *event, struct text *data) {
  struct eventstream_message m;
  enum err e = ERR_OK;
  if (!eventstream_next(&s->left, 1 << 20, &m, &e, NULL))
    return false;
  *event = text_is_empty(m.exception_type) ? m.event_type : m.exception_type;
  *data = m.payload;
  return true;
}

static struct tapped tap(const char *name) {
  struct tapped t = {.tap = {.wire = &wire_bedrock_invoke, .arena = tap_arena()}};
  struct text event, data;
  struct framed s;
  struct arena a;
  arena_init(&a);
  as_frames(&a, name, &s);
  while (t.err == ERR_OK && next(&s, &event, &data))
    feed_event(&t, event, data);
  buf_done(&s.frames);
  arena_done(&a);
  return t;
}

static void the_tap_sees_through_the_chunks(void **state) {
  struct tapped t = tap("answers/anthropic/cache_usage.sse");
  assert_int_equal(t.err, ERR_OK);
  assert_true(t.tap.finished && t.tap.has_content && !t.tap.failed);
  assert_int_equal(t.tap.usage.input, 7);
  assert_int_equal(t.tap.usage.cache_read, 20480);
  assert_int_equal(t.tap.usage.output, 9);
  assert_string_equal(t.tap.stop_reason, "end_turn");
}

static void the_tap_knows_exceptions_and_strangers(void **state) {
  struct tapped t = tap("answers/anthropic/error_midstream.sse");
  assert_int_equal(t.err, ERR_OK);
  assert_true(t.tap.failed && !t.tap.finished);
  assert_int_equal(fault_of(&t)->err, ERR_UPSTREAM_SERVER);
  assert_string_equal(fault_of(&t)->text, "Overloaded");
  t = (struct tapped){.tap = {.wire = &wire_bedrock_invoke, .arena = tap_arena()}};
  feed_event(&t, TEXT("keepAlive"), TEXT("{}"));
  assert_int_equal(t.err, ERR_OK);
  assert_false(t.tap.started);
  feed_event(&t, TEXT("chunk"), TEXT("{\"bytes\":\"!\"}"));
  assert_int_equal(t.err, ERR_UPSTREAM_PROTOCOL);
}

static enum err collect(const char *name, struct arena *a, struct llm_answer *out, struct fault *f) {
  struct llm_collect *c = llm_collect_new(a, 1 << 20);
  struct llm_sink sink = {llm_collect_take, c};
  struct anthropic_stream_reader reader = {0};
  struct llm_notes notes = {0};
  struct text event, data;
  struct framed s;
  enum err e = ERR_OK;
  as_frames(a, name, &s);
  while (e == ERR_OK && next(&s, &event, &data))
    e = invoke_read_event(&reader, event, data, &sink, &notes, f);
  if (e == ERR_OK)
    e = invoke_read_event(&reader, TEXT_NONE, TEXT_NONE, &sink, &notes, f);
  buf_done(&s.frames);
  llm_collect_answer(c, out);
  return e;
}

static void chunks_are_read_as_events(void **state) {
  struct llm_answer answer;
  struct fault f = {0};
  struct arena a;
  arena_init(&a);
  assert_int_equal(collect("answers/anthropic/thinking_tools.sse", &a, &answer, &f), ERR_OK);
  assert_int_equal(answer.block_count, 3);
  EXPECT_TEXT(answer.blocks[0].text, TEXT("Ask the tool."));
  EXPECT_TEXT(answer.blocks[2].input, TEXT("{\"zone\": \"UTC\"}"));
  assert_int_equal(answer.stop, LLM_STOP_TOOL_USE);
  assert_int_equal(collect("answers/anthropic/error_midstream.sse", &a, &answer, &f), ERR_UPSTREAM_SERVER);
  assert_string_equal(f.text, "Overloaded");
  arena_done(&a);
}

static void events_are_written_as_chunks_of_the_same_json(void **state) {
  const struct llm_echo echo = {0};
  const struct llm_event ping = {.kind = LLM_EVENT_PING};
  const struct fault fault = {.err = ERR_UPSTREAM_RATE, .text = "slow"};
  struct anthropic_stream_writer writer = {0};
  struct framed s;
  struct text event, data;
  buf_init(&s.frames, 4096);
  dialect_invoke.write_event(&writer, &echo, &ping, &s.frames);
  dialect_invoke.write_failure(&writer, &echo, &fault, TEXT("id"), &s.frames);
  s.left = buf_text(&s.frames);
  assert_true(next(&s, &event, &data));
  EXPECT_TEXT(event, TEXT("chunk"));
  EXPECT_TEXT(data, TEXT("{\"bytes\":\"eyJ0eXBlIjoicGluZyJ9\"}")); /* {"type":"ping"} */
  assert_true(next(&s, &event, &data));
  EXPECT_TEXT(event, TEXT("throttlingException"));
  EXPECT_TEXT(data, TEXT("{\"message\":\"slow\"}"));
  buf_done(&s.frames);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_head_holds_no_model_and_no_stream),
      cmocka_unit_test(a_request_passes_without_edits),
      cmocka_unit_test(the_tap_sees_through_the_chunks),
      cmocka_unit_test(the_tap_knows_exceptions_and_strangers),
      cmocka_unit_test(chunks_are_read_as_events),
      cmocka_unit_test(events_are_written_as_chunks_of_the_same_json),
  };
  return RUN_TESTS(tests);
}
