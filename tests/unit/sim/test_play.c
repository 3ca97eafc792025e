/* Breakage, framing and compression of answers, and clients that go away, over loopback. */
#include "sim/play.h"

#include "net/inflate.h"
#include "sim_http.h"

#define STREAM(model)                                                                                                  \
  "{'model':'" model "','max_tokens':500,'stream':true,'messages':[{'role':'user','content':'hello'}]}"
#define PLAIN(model) "{'model':'" model "','max_tokens':500,'messages':[{'role':'user','content':'hello'}]}"

static size_t count(struct text t, const char *part) {
  size_t n = 0;
  for (ptrdiff_t at; (at = text_find(t, text_of(part))) >= 0; n++)
    t = text_skip(t, (size_t)at + strlen(part));
  return n;
}

static struct text ask_until_reset(const char *body) {
  bool reset = false;
  int fd = test_connect();
  test_send(fd, MESSAGES, body);
  struct text answer = test_receive(fd, &reset);
  assert_true(reset);
  return answer;
}

static void a_stream_ends_with_its_last_event_and_chunk(void **state) {
  struct text answer = test_ask(MESSAGES, STREAM("sim-text"));
  EXPECT_INSIDE(answer, TEXT("content-type: text/event-stream"));
  assert_int_equal(count(answer, "event: message_stop"), 1);
  assert_true(text_ends(answer, TEXT("\r\n0\r\n\r\n")));
}

static void a_cut_is_a_clean_end_without_the_last_event(void **state) {
  struct text answer = test_ask(MESSAGES, STREAM("sim-cut-after-4"));
  assert_int_equal(count(answer, "event: "), 4);
  assert_int_equal(count(answer, "message_stop"), 0);
  assert_true(text_ends(answer, TEXT("\r\n0\r\n\r\n")));
}

static void a_reset_comes_after_the_events_asked_for(void **state) {
  struct text answer = ask_until_reset(STREAM("sim-reset-after-3"));
  assert_true(count(answer, "event: ") <= 3);
  assert_int_equal(count(answer, "\r\n0\r\n\r\n"), 0);
  assert_int_equal(ask_until_reset(STREAM("sim-reset-after-0")).len, 0);
  assert_int_equal(count(ask_until_reset(PLAIN("sim-reset-after-1")), "\r\n0\r\n\r\n"), 0);
}

static void an_error_event_ends_the_stream(void **state) {
  struct text answer = test_ask(MESSAGES, STREAM("sim-error-after-3"));
  assert_int_equal(count(answer, "event: "), 4);
  EXPECT_INSIDE(answer, TEXT("event: error\ndata: {\"type\":\"error\""));
  EXPECT_INSIDE(test_ask(CHAT, STREAM("sim-error-after-3")), TEXT("data: {\"error\":{\"message\""));
}

static void events_may_be_half_damaged_or_rubbish(void **state) {
  struct text whole = test_ask(MESSAGES, STREAM("sim-cut-after-3"));
  struct text half = test_ask(MESSAGES, STREAM("sim-half-after-3"));
  assert_int_equal(count(half, "event: "), 4);
  assert_int_equal(count(half, "\n\n"), count(whole, "\n\n"));
  assert_true(text_ends(half, TEXT("\r\n0\r\n\r\n")));
  struct text damaged = test_ask(MESSAGES, STREAM("sim-badcrc-after-3"));
  assert_int_equal(count(damaged, "\n\n"), count(whole, "\n\n") + 1);
  EXPECT_INSIDE(test_ask(MESSAGES, STREAM("sim-garbage-after-3")), TEXT("weir-sim: this is no event\n\n"));
}

static void errors_in_a_stream_have_kinds(void **state) {
  EXPECT_INSIDE(test_ask(MESSAGES, STREAM("sim-throttle-after-3")), TEXT("\"type\":\"rate_limit_error\""));
  EXPECT_INSIDE(test_ask(MESSAGES, STREAM("sim-internal-after-3")), TEXT("\"type\":\"api_error\""));
  EXPECT_INSIDE(test_ask(MESSAGES, STREAM("sim-invalid-after-3")), TEXT("\"type\":\"invalid_request_error\""));
  EXPECT_INSIDE(test_ask(MESSAGES, PLAIN("sim-throttle-after-1")), TEXT("HTTP/1.1 429 "));
}

static void frames_have_the_size_asked_for(void **state) {
  struct text answer = test_ask(MESSAGES, PLAIN("sim-frame-5"));
  EXPECT_INSIDE(answer, TEXT("\r\n5\r\n{\"mod\r\n5\r\nel\":\""));
  assert_true(text_ends(answer, TEXT("\r\n0\r\n\r\n")));
}

static void merged_events_leave_in_one_chunk(void **state) {
  struct text answer = test_ask(MESSAGES, STREAM("sim-merge"));
  ptrdiff_t body = text_find(answer, TEXT("\r\n\r\n"));
  assert_true(body > 0);
  assert_int_equal(count(text_skip(answer, (size_t)body), "\r\n"), 6); /* end of head, one chunk, the last chunk */
}

static void rubbish_and_failures_are_answers(void **state) {
  EXPECT_INSIDE(test_ask(MESSAGES, PLAIN("sim-garbage")), TEXT("content-type: text/html"));
  struct text answer = test_ask(CHAT, STREAM("sim-usage-limit"));
  EXPECT_INSIDE(answer, TEXT(" 429 "));
  EXPECT_INSIDE(answer, TEXT("insufficient_quota"));
}

static void compressed_answers_can_be_unpacked(void **state) {
  struct text answer = test_ask(MESSAGES, PLAIN("sim-gzip"));
  EXPECT_INSIDE(answer, TEXT("content-encoding: gzip"));
  /* One chunk of data and one that ends the compressed stream. */
  struct text rest = text_skip(answer, (size_t)text_find(answer, TEXT("\r\n\r\n")) + 4);
  struct inflate *z = inflate_new(TEXT("gzip"));
  struct buf plain;
  buf_init(&plain, 1 << 16);
  for (unsigned long size; (size = strtoul(rest.at, NULL, 16)) > 0;) {
    rest = text_skip(rest, (size_t)text_find(rest, TEXT("\r\n")) + 2);
    assert_int_equal(inflate_feed(z, text_head(rest, size), &plain), ERR_OK);
    rest = text_skip(rest, size + 2);
  }
  assert_int_equal(inflate_end(z), ERR_OK);
  EXPECT_INSIDE(buf_text(&plain), TEXT("You said: hello"));
  buf_done(&plain);
  inflate_free(z);
}

/* Asks for the statistics until they hold part: the client's leaving reaches the simulator a moment later. */
static void stats_will_say(const char *part) {
  for (int i = 0; i < 2000; i++) {
    if (text_find(test_ask(STATS, ""), text_of(part)) >= 0)
      return;
  }
  fail_msg("%s never came: %.*s", part, TEXT_ARGS(text_head(test_ask(STATS, ""), 600)));
}

static void a_client_that_leaves_before_the_first_byte_is_counted(void **state) {
  (void)test_ask("POST /__reset HTTP/1.1", "");
  int fd = test_connect();
  test_send(fd, MESSAGES, STREAM("sim-hang"));
  stats_will_say("\"outcome\":\"open\"");
  close(fd);
  stats_will_say("\"cancelled\":1,\"cancelled_mid_stream\":0");
}

static void a_client_that_leaves_in_the_middle_is_counted(void **state) {
  char byte;
  (void)test_ask("POST /__reset HTTP/1.1", "");
  int fd = test_connect();
  test_send(fd, MESSAGES, STREAM("sim-long-400+drip-50"));
  assert_int_equal(recv(fd, &byte, 1, 0), 1);
  close(fd);
  stats_will_say("\"cancelled\":0,\"cancelled_mid_stream\":1");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stream_ends_with_its_last_event_and_chunk),
      cmocka_unit_test(a_cut_is_a_clean_end_without_the_last_event),
      cmocka_unit_test(a_reset_comes_after_the_events_asked_for),
      cmocka_unit_test(an_error_event_ends_the_stream),
      cmocka_unit_test(events_may_be_half_damaged_or_rubbish),
      cmocka_unit_test(errors_in_a_stream_have_kinds),
      cmocka_unit_test(frames_have_the_size_asked_for),
      cmocka_unit_test(merged_events_leave_in_one_chunk),
      cmocka_unit_test(rubbish_and_failures_are_answers),
      cmocka_unit_test(compressed_answers_can_be_unpacked),
      cmocka_unit_test(a_client_that_leaves_before_the_first_byte_is_counted),
      cmocka_unit_test(a_client_that_leaves_in_the_middle_is_counted),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, test_sim_start, test_sim_stop);
}
