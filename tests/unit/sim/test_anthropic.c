/* Answers, streams, errors and headers of the Anthropic dialect. */
#include "sim/anthropic.h"

#include "sim_test.h"

static struct arena arena;
static struct sim_ask ask;
static struct sim_answer answer;
static struct buf out;

static int fresh(void **state) {
  arena_init(&arena);
  buf_init(&out, 1 << 20);
  ask = (struct sim_ask){.model = TEXT("sim-text"), .said = TEXT("say \"hi\""), .max_tokens = 1000, .digest = {1, 40}};
  return 0;
}
static int done(void **state) {
  buf_done(&out);
  arena_done(&arena);
  return 0;
}

static void whole_stream(void) {
  struct sim_cursor cursor = {0};
  while (sim_anthropic.write_event(&out, &answer, &cursor)) {
  }
  assert_int_equal(buf_check(&out), ERR_OK);
}

/* The data line of every event is JSON whose type is the event's name. */
static size_t expect_sound_events(void) {
  struct text rest = buf_text(&out);
  size_t n = 0;
  for (; rest.len > 0; n++) {
    ptrdiff_t end = text_find(rest, TEXT("\n\n"));
    assert_true(end > 0);
    struct text event = text_head(rest, (size_t)end), name, data;
    rest = text_skip(rest, (size_t)end + 2);
    assert_true(text_cut(event, '\n', &name, &data));
    assert_true(text_starts(name, TEXT("event: ")) && text_starts(data, TEXT("data: ")));
    struct json doc;
    assert_int_equal(json_read(text_skip(data, 6), NULL, &doc, NULL), ERR_OK);
    EXPECT_TEXT(json_text(json_get(doc.root, "type")), text_skip(name, 7));
    json_done(&doc);
  }
  return n;
}

static void a_plain_answer_has_the_members_of_a_message(void **state) {
  answer_plan(&ask, 1, NULL, &arena, &answer);
  sim_anthropic.write_plain(&out, &answer, &arena);
  expect_json(buf_text(&out));
  EXPECT_INSIDE(buf_text(&out), TEXT("{\"model\":\"sim-text\",\"id\":\"msg_01"));
  EXPECT_INSIDE(buf_text(&out),
                TEXT("\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":10,"));
  EXPECT_INSIDE(buf_text(&out), TEXT("You said: say \\\"hi\\\""));
}

static void a_stream_follows_the_grammar(void **state) {
  ask.thinks = true;
  answer_plan(&ask, 1, NULL, &arena, &answer);
  whole_stream();
  assert_true(expect_sound_events() > 12);
  struct text all = buf_text(&out);
  const struct text order[] = {
      TEXT("event: message_start"), TEXT("event: ping"),         TEXT("\"type\":\"thinking\""),
      TEXT("thinking_delta"),       TEXT("signature_delta"),     TEXT("content_block_stop\",\"index\":0"),
      TEXT("\"type\":\"text\""),    TEXT("text_delta"),          TEXT("content_block_stop\",\"index\":1"),
      TEXT("event: message_delta"), TEXT("event: message_stop"),
  };
  for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
    ptrdiff_t at = text_find(all, order[i]);
    if (at < 0)
      fail_msg("%.*s is missing or out of order", TEXT_ARGS(order[i]));
    all = text_skip(all, (size_t)at);
  }
}

static void tool_calls_stream_their_input_in_fragments(void **state) {
  ask.behaviour.tools = true;
  struct json schema = test_json(&arena, "{'properties':{'a_rather_long_member':{},'b':{'type':'integer'}}}");
  ask.tool[0] = (struct sim_tool){TEXT("weather"), schema.root};
  ask.tool_count = 1;
  answer_plan(&ask, 1, NULL, &arena, &answer);
  json_done(&schema);
  whole_stream();
  (void)expect_sound_events();
  EXPECT_INSIDE(buf_text(&out), TEXT("\"name\":\"weather\",\"input\":{}"));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"input_json_delta\",\"partial_json\":\"\"}"));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"partial_json\":\"{\\\"a_rather_lon\"}"));
  EXPECT_INSIDE(buf_text(&out), TEXT("\"stop_reason\":\"tool_use\""));
}

static void an_answer_without_usage_says_nothing_of_it(void **state) {
  ask.behaviour.no_usage = true;
  answer_plan(&ask, 1, NULL, &arena, &answer);
  whole_stream();
  sim_anthropic.write_plain(&out, &answer, &arena);
  assert_true(text_find(buf_text(&out), TEXT("usage")) < 0);
}

static void errors_have_type_message_and_request_id(void **state) {
  struct fault f = {.err = ERR_UPSTREAM_STATUS, .status = 529, .text = "Overloaded"};
  sim_anthropic.write_error(&out, &f, TEXT("req_1"), false);
  EXPECT_TEXT(buf_text(&out), TEXT("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":"
                                   "\"Overloaded\"},\"request_id\":\"req_1\"}"));
  assert_string_equal(sim_anthropic_error_type(402), "billing_error");
  assert_string_equal(sim_anthropic_error_type(418), "invalid_request_error");
  assert_string_equal(sim_anthropic_error_type(503), "api_error");
}

static struct text header_of(int status, const char *name) {
  struct sim_headers h = {0};
  sim_anthropic.add_headers(&h, &(struct sim_outcome){.status = status, .request_id = TEXT("req_1")});
  for (size_t i = 0; i < h.count; i++) {
    if (text_equal(h.at[i].name, text_of(name)))
      return h.at[i].value;
  }
  return TEXT_NONE;
}

static void headers_fit_the_status(void **state) {
  EXPECT_TEXT(header_of(200, "request-id"), TEXT("req_1"));
  EXPECT_TEXT(header_of(200, "anthropic-ratelimit-requests-remaining"), TEXT("3999"));
  EXPECT_TEXT(header_of(429, "anthropic-ratelimit-requests-remaining"), TEXT("0"));
  EXPECT_TEXT(header_of(429, "retry-after"), TEXT("7"));
  EXPECT_TEXT(header_of(529, "x-should-retry"), TEXT("true"));
  EXPECT_TEXT(header_of(400, "x-should-retry"), TEXT("false"));
  EXPECT_TEXT(header_of(200, "x-should-retry"), TEXT_NONE);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)
  const struct CMUnitTest tests[] = {
      CASE(a_plain_answer_has_the_members_of_a_message),
      CASE(a_stream_follows_the_grammar),
      CASE(an_answer_without_usage_says_nothing_of_it),
      CASE(errors_have_type_message_and_request_id),
      CASE(headers_fit_the_status),
      CASE(tool_calls_stream_their_input_in_fragments),
  };
  return RUN_TESTS(tests);
}
