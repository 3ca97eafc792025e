/* Answers in another dialect than the caller's, through the whole gateway: the client never sees the provider's, and
 * the ledger knows what it reported. */
#include "gateway_ask.h"

#include "aws/eventstream.h"

#define CROSSED "{\"model\":\"crossed\",\"max_tokens\":10,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define CROSSED_STREAM                                                                                                 \
  "{\"model\":\"crossed\",\"max_tokens\":10,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define UNTIL_CLOSE "HTTP/1.1 200 OK\r\n" STREAM_TYPE "x-request-id: req_theirs\r\nopenai-version: 1\r\n\r\n"
#define CHUNK(choices)                                                                                                 \
  "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\":\"gpt\",\"choices\":" choices     \
  "}\n\n"
#define SAYS(text) CHUNK("[{\"index\":0,\"delta\":{\"content\":\"" text "\"},\"finish_reason\":null}]")
#define CHAT_STREAM                                                                                                    \
  CHUNK("[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]")                  \
  SAYS("riv")                                                                                                          \
  SAYS("er")                                                                                                           \
  CHUNK("[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]")                                                     \
  "data: "                                                                                                             \
  "{\"id\":\"c1\",\"object\":\"chat.completion."                                                                       \
  "chunk\",\"created\":5,\"model\":\"gpt\","                                                                           \
  "\"choices\":[],\"usage\":"                                                                                          \
  "{\"prompt_tokens\":100,\"completion_tokens\":"                                                                      \
  "20,\"total_tokens\":120}}\n\ndata: [DONE]\n\n"

static void plain(struct world *w) {
  w->up[0].answer = json_answer(w, 200, COMPLETION);
  CHECK_INT(ask_messages(w, CROSSED), 200);
  CHECK_HAS(arena_copy(&w->arena, (struct text){w->up[0].request, w->up[0].head_len}).at, "POST /v1/chat/completions ");
  CHECK_MEMBER(w, "type", "message");
  CHECK_MEMBER(w, "content.0.text", "hello");
  CHECK_MEMBER(w, "usage.input_tokens", "100");
  CHECK_HEADER(w, "x-weir-provider", "oa");
  CHECK_HEADER(w, "content-type", "application/json");
  struct ledger_row row = newest_row(w, 0);
  CHECK_INT(row.usage.input, 100);
  CHECK_INT(row.usage.output, 20);
  CHECK_INT(row.cost.total, COST_OF_MESSAGE);
  CHECK_OUTCOME(w, "ok");
  CHECK_TEXT(sent_header(w, 0, "authorization"), TEXT("Bearer vendor-secret-oa"));
  CHECK_TEXT(sent_header(w, 0, "anthropic-version"), TEXT_NONE);
  CHECK_TEXT(sent_header(w, 0, "x-api-key"), TEXT_NONE);
  w->up[0].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_chat(w, CROSSED), 200);
  CHECK_MEMBER(w, "object", "chat.completion");
  CHECK_MEMBER(w, "choices.0.message.content", "hello");
  CHECK_MEMBER(w, "usage.total_tokens", "120");
  CHECK_TEXT(sent_header(w, 0, "anthropic-version"), TEXT("2023-06-01"));
  CHECK_TEXT(sent_header(w, 0, "x-api-key"), TEXT("vendor-secret-a"));
}
static void test_a_plain_answer_comes_in_the_callers_dialect(void **state) { run_world(plain, NULL); }

static void streamed(struct world *w) {
  struct upstream *up = &w->up[0];
  up->answer = TEXT(UNTIL_CLOSE CHAT_STREAM);
  up->then = CALL_CLOSE;
  struct text whole = TEXT_NONE;
  for (size_t piece = 0; piece <= 64; piece = piece == 0 ? 1 : piece * 4) {
    up->piece = piece;
    CHECK_INT(ask_messages(w, CROSSED_STREAM), 200);
    struct text body = arena_copy(&w->arena, wire_text(w->c));
    if (piece == 0)
      whole = body;
    CHECK_TEXT(body, whole);
    CHECK_HAS(body.at, "event: message_start\n");
    CHECK_HAS(body.at, "\"text\":\"riv\"");
    CHECK_HAS(body.at, "event: message_stop\n");
    CHECK_INT(text_find(body, TEXT("chat.completion")), -1);
    CHECK_HEADER(w, "request-id", "req_theirs");
    CHECK_HEADER(w, "openai-version", "");
    CHECK_OUTCOME(w, "ok");
    struct ledger_row row = newest_row(w, 0);
    CHECK_INT(row.usage.input, 100);
    CHECK_INT(row.usage.output, 20);
  }
  CHECK_HAS(arena_copy(&w->arena, upstream_body(up)).at, "\"include_usage\":true");
}
static void test_a_stream_comes_in_the_callers_dialect_however_it_was_cut(void **state) { run_world(streamed, NULL); }

static void ends_early(struct world *w) {
  struct upstream *up = &w->up[0];
  up->then = CALL_CLOSE;
  up->answer = TEXT(UNTIL_CLOSE SAYS("half"));
  CHECK_INT(ask_messages(w, CROSSED_STREAM), 200);
  CHECK_BODY_HAS(w, "event: error\n");
  CHECK_OUTCOME(w, "cut");
  /* Some servers end without [DONE]: what was finished counts. */
  up->answer = TEXT(UNTIL_CLOSE SAYS("all") CHUNK("[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]"));
  CHECK_INT(ask_messages(w, CROSSED_STREAM), 200);
  CHECK_BODY_HAS(w, "event: message_stop\n");
  CHECK_OUTCOME(w, "ok");
  up->answer =
      TEXT(UNTIL_CLOSE SAYS("some") "data: {\"error\":{\"message\":\"it broke\",\"type\":\"server_error\"}}\n\n");
  CHECK_INT(ask_messages(w, CROSSED_STREAM), 200);
  CHECK_BODY_HAS(w, "event: error\n");
  CHECK_BODY_HAS(w, "it broke");
  CHECK_OUTCOME(w, "error");
  up->split = sizeof(UNTIL_CLOSE SAYS("some")) - 1;
  up->answer = TEXT(UNTIL_CLOSE SAYS("some") "data: {\"choices\":17}\n\n");
  CHECK_INT(ask_messages(w, CROSSED_STREAM), 200);
  CHECK_BODY_HAS(w, "event: error\n");
  CHECK_OUTCOME(w, "cut");
}
static void test_a_translated_stream_that_breaks_says_so(void **state) { run_world(ends_early, NULL); }

static void uncounted(struct world *w) {
  w->up[0].answer = json_answer(w, 200,
                                "{\"id\":\"c1\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":"
                                "{\"role\":\"assistant\",\"content\":\"hello\"},\"finish_reason\":\"stop\"}]}");
  CHECK_INT(ask_messages(w, CROSSED), 200);
  CHECK_INT(text_equal(answer_member(w, "usage.output_tokens"), TEXT("0")), 0);
  struct ledger_row row = newest_row(w, 0);
  CHECK_INT(row.usage.estimated, 1);
  CHECK_INT(row.usage.output > 0, 1);
}
static void test_an_answer_that_nobody_counted_is_estimated(void **state) { run_world(uncounted, NULL); }

static void errors(struct world *w) {
  w->up[0].answer = json_answer(w, 400, "{\"error\":{\"message\":\"bad thing\",\"type\":\"invalid_request_error\"}}");
  CHECK_INT(ask_messages(w, CROSSED), 400);
  CHECK_MEMBER(w, "type", "error");
  CHECK_MEMBER(w, "error.type", "invalid_request_error");
  CHECK_MEMBER(w, "error.message", "bad thing");
  w->up[0].answer = json_answer(w, 429, "{\"error\":{\"message\":\"slow down\",\"type\":\"requests\"}}");
  w->up[1].answer = json_answer(w, 200, MESSAGE);
  CHECK_INT(ask_messages(w, CROSSED), 200);
  CHECK_MEMBER(w, "content.0.text", "hello");
  CHECK_HEADER(w, "x-weir-provider", "b");
  CHECK_HEADER(w, "x-weir-attempts", "2");
  w->up[0].answer = json_answer(w, 200, "{\"choices\":\"none\"}");
  CHECK_INT(ask_messages(w, CROSSED), 200);
  CHECK_HEADER(w, "x-weir-provider", "b");
}
static void test_errors_are_told_in_the_callers_dialect_and_fall_over_between_dialects(void **state) {
  run_world(errors, NULL);
}

static void add_frame(struct buf *out, const char *event, const char *payload) {
  size_t at = eventstream_begin(out, TEXT("event"), text_of(event));
  buf_add(out, text_of(payload));
  eventstream_end(out, at);
}

#define CONVERSE_STREAM "POST /bedrock/model/nova/converse-stream"
#define FRAMES_HEAD     "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n\r\n"

static void frames(struct world *w) {
  struct text asked = TEXT("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}");
  struct buf out;
  buf_init(&out, 65536);
  buf_add(&out, TEXT(FRAMES_HEAD));
  add_frame(&out, "messageStart", "{\"role\":\"assistant\"}");
  add_frame(&out, "contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"hello\"}}");
  add_frame(&out, "contentBlockStop", "{\"contentBlockIndex\":0}");
  size_t cut = out.len;
  add_frame(&out, "messageStop", "{\"stopReason\":\"end_turn\"}");
  w->up[0].then = CALL_CLOSE;
  struct text all = buf_text(&out), head = TEXT(FRAMES_HEAD);
  for (size_t piece = 0; piece <= 1; piece++) {
    /* Without metadata nobody says how much was used, but the answer is whole. */
    w->up[0].answer = all;
    w->up[0].piece = piece;
    CHECK_INT(ask(w, CONVERSE_STREAM, X_API_KEY JSON_TYPE, asked), 200);
    CHECK_TEXT(wire_text(w->c), text_skip(all, head.len));
    CHECK_INT(newest_row(w, 0).usage.estimated, 1);
    CHECK_OUTCOME(w, "ok");
  }
  w->up[0].piece = 0;
  w->up[0].answer = text_head(all, cut);
  CHECK_INT(ask(w, CONVERSE_STREAM, X_API_KEY JSON_TYPE, asked), 200);
  world_rest(w);
  CHECK_OUTCOME(w, "cut");
  CHECK_INT(text_find(wire_text(w->c), TEXT("xception")) > 0, 1);
  /* One flipped bit in a payload is found before it goes anywhere. */
  char *flipped = (char *)(uintptr_t)arena_copy(&w->arena, all).at;
  flipped[cut - 30] ^= 1;
  w->up[0].answer = (struct text){flipped, all.len};
  (void)ask(w, CONVERSE_STREAM, X_API_KEY JSON_TYPE, asked);
  world_rest(w);
  CHECK_INT(strcmp(w->seen.last.outcome, "ok") == 0, 0);
  buf_done(&out);
}
static void test_frames_pass_checked_and_end_honestly(void **state) { run_world(frames, NULL); }

static void first_event(struct world *w) {
  struct upstream *up = &w->up[0];
  up->then = CALL_CLOSE;
  up->answer = TEXT(UNTIL_CLOSE "data: {\"error\":{\"message\":\"overloaded\",\"code\":529}}\n\n");
  w->up[1].answer = json_answer(w, 529, OVERLOADED);
  CHECK_INT(ask_messages(w, CROSSED_STREAM), 529);
  CHECK_INT(w->up[1].requests, 1);
  up->answer = TEXT(UNTIL_CLOSE "data: {\"error\":{\"message\":\"too large\",\"code\":400}}\n\n");
  CHECK_INT(ask_messages(w, CROSSED_STREAM), 200);
  CHECK_BODY_HAS(w, "event: error\n");
  CHECK_BODY_HAS(w, "too large");
  CHECK_OUTCOME(w, "error");
  CHECK_INT(w->up[1].requests, 1);
}
static void test_a_stream_that_begins_with_an_error_goes_to_the_next(void **state) { run_world(first_event, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_plain_answer_comes_in_the_callers_dialect),
      cmocka_unit_test(test_a_stream_comes_in_the_callers_dialect_however_it_was_cut),
      cmocka_unit_test(test_a_translated_stream_that_breaks_says_so),
      cmocka_unit_test(test_an_answer_that_nobody_counted_is_estimated),
      cmocka_unit_test(test_frames_pass_checked_and_end_honestly),
      cmocka_unit_test(test_errors_are_told_in_the_callers_dialect_and_fall_over_between_dialects),
      cmocka_unit_test(test_a_stream_that_begins_with_an_error_goes_to_the_next),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("convert", tests, NULL, NULL);
}
