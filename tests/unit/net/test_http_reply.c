/* Bodies of answers: every framing, every split, every cut; and when a connection may be used again. */
#include "upstream_fixture.h"

#define CHUNKED "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

static void check_split(const char *answer, const char *body, bool may_be_reused) {
  struct talk *t = talk_open(text_of(answer));
  unsigned asked = 0;
  t->up.after = may_be_reused ? AFTER_KEEP : AFTER_CLOSE;
  for (size_t cut = 0; cut < t->up.script.len; cut++) {
    t->up.cut = cut;
    asked++;
    if (!CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_OK))
      (void)fprintf(stderr, "cut at %zu: %s\n", cut, t->c.fault.text);
    CHECK_TEXT(buf_text(&t->c.body), text_of(body));
  }
  CHECK_INT(t->up.connections, may_be_reused ? 1 : asked);
  talk_close(t);
}

static void check_splits(void *arg) {
  check_split("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world", "hello world", true);
  check_split(CHUNKED "3;a=b\r\nabc\r\n8\r\n01234567\r\n0\r\nx: y\r\n\r\n", "abc01234567", true);
  check_split("HTTP/1.1 204 No Content\r\n\r\n", "", true);
  check_split("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end", false);
  check_split("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", "hi", false);
  check_split("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi", "hi", false);
}
static void test_answers_split_at_every_byte_are_read(void **state) { run_fiber(check_splits, NULL); }

static void check_cut(const char *answer, enum after_script how) {
  struct talk *t = talk_open(TEXT_NONE);
  struct text whole = text_of(answer);
  t->up.after = how;
  for (size_t len = 1; len < whole.len; len++) {
    t->up.script = text_head(whole, len);
    if (!CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_UPSTREAM_NETWORK))
      (void)fprintf(stderr, "cut at %zu\n", len);
  }
  CHECK_INT(http_client_idle(t->c.client), 0);
  talk_close(t);
}

static void check_cuts(void *arg) {
  check_cut("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world", AFTER_CLOSE);
  check_cut(CHUNKED "3\r\nabc\r\n0\r\nx: y\r\n\r\n", AFTER_CLOSE);
}
static void test_an_answer_cut_at_any_byte_is_an_error(void **state) { run_fiber(check_cuts, NULL); }

static void check_doubts(void *arg) {
  static const char *const doubtful[] = {
      OK_ANSWER "x",
      OK_ANSWER OK_ANSWER,
      CHUNKED "2\r\nhi\r\n0\r\n\r\nx",
      "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
  };
  struct talk *t = talk_open(TEXT_NONE);
  for (size_t i = 0; i < COUNT_OF(doubtful); i++) {
    t->up.script = text_of(doubtful[i]);
    CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_OK);
    CHECK_INT(http_client_idle(t->c.client), 0);
    CHECK_INT(t->up.connections, i + 1);
  }
  talk_close(t);
}
static void test_bytes_behind_the_answer_end_the_connection(void **state) { run_fiber(check_doubts, NULL); }

static void check_bad_chunks(void *arg) {
  static const char *const bad[] = {CHUNKED "-1\r\n", CHUNKED "2\nhi\r\n", CHUNKED "2\r\nhix\r\n",
                                    CHUNKED "fffffffffffffffff\r\n", CHUNKED "0\r\n: y\r\n\r\n"};
  struct talk *t = talk_open(TEXT_NONE);
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    t->up.script = text_of(bad[i]);
    CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_UPSTREAM_PROTOCOL);
    CHECK_INT(http_client_idle(t->c.client), 0);
  }
  talk_close(t);
}
static void test_malformed_chunks_are_refused(void **state) { run_fiber(check_bad_chunks, NULL); }

static void check_try_read(void *arg) {
  struct talk *t = talk_open(TEXT("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789"));
  t->up.cut = t->up.script.len - 4;
  char some[4];
  size_t n = 0, total = 0;
  unsigned waits = 0;
  CHECK_ERR(caller_send(&t->c, "GET", TEXT_NONE), ERR_OK);
  for (;;) {
    enum err e = http_reply_try_read(t->c.reply, some, sizeof(some), &n, &t->c.fault);
    if (e == ERR_END)
      break;
    if (e == ERR_AGAIN) {
      waits++;
      CHECK_ERR(http_reply_wait(t->c.reply, &t->c.fault), ERR_OK);
      continue;
    }
    if (!CHECK_ERR(e, ERR_OK))
      break;
    CHECK_INT(some[0], "0123456789"[total]);
    total += n;
  }
  CHECK_INT(total, 10);
  CHECK_INT(waits, 1);
  CHECK_ERR(http_reply_try_read(t->c.reply, some, sizeof(some), &n, &t->c.fault), ERR_END);
  http_reply_close(t->c.reply);
  CHECK_INT(http_client_idle(t->c.client), 1);
  talk_close(t);
}
static void test_reading_without_waiting_says_again_and_end(void **state) { run_fiber(check_try_read, NULL); }

static void check_silence(void *arg) {
  struct talk *t = talk_open(TEXT(CHUNKED "2\r\nhi\r\n"));
  t->c.timeouts.between_bytes_us = 10 * MS_US;
  CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_UPSTREAM_TIMEOUT);
  CHECK_TEXT(buf_text(&t->c.body), TEXT("hi"));
  CHECK_HAS(t->c.fault.text, "more of the provider's answer");
  t->c.timeouts.between_bytes_us = 5 * SECOND_US;
  t->c.timeouts.total_deadline_us = after(10 * MS_US);
  CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_UPSTREAM_TIMEOUT);
  CHECK_HAS(t->c.fault.text, "total");
  talk_close(t);
}
static void test_a_silent_upstream_times_out(void **state) { run_fiber(check_silence, NULL); }

static void check_too_long(void *arg) {
  static const char *const answers[] = {"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world",
                                        CHUNKED "b\r\nhello world\r\n0\r\n\r\n"};
  struct talk *t = talk_open(TEXT_NONE);
  for (size_t max = 10; max <= 11; max++) {
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
      t->up.script = text_of(answers[i]);
      buf_done(&t->c.body);
      buf_init(&t->c.body, max);
      CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), max == 10 ? ERR_UPSTREAM_PROTOCOL : ERR_OK);
      if (max == 10)
        CHECK_HAS(t->c.fault.text, "10 bytes");
    }
  }
  talk_close(t);
}
static void test_a_body_over_the_limit_is_refused(void **state) { run_fiber(check_too_long, NULL); }

static void check_abandon(void *arg) {
  struct talk *t = talk_open(TEXT(CHUNKED "2\r\nhi\r\n"));
  CHECK_ERR(caller_send(&t->c, "GET", TEXT_NONE), ERR_OK);
  http_reply_close(t->c.reply);
  settle();
  CHECK_INT(t->up.resets_seen, 1);
  CHECK_INT(http_client_idle(t->c.client), 0);
  http_reply_close(NULL);
  talk_close(t);
}
static void test_a_reply_closed_early_resets_its_connection(void **state) { run_fiber(check_abandon, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_answers_split_at_every_byte_are_read),
      cmocka_unit_test(test_an_answer_cut_at_any_byte_is_an_error),
      cmocka_unit_test(test_bytes_behind_the_answer_end_the_connection),
      cmocka_unit_test(test_malformed_chunks_are_refused),
      cmocka_unit_test(test_reading_without_waiting_says_again_and_end),
      cmocka_unit_test(test_a_silent_upstream_times_out),
      cmocka_unit_test(test_a_body_over_the_limit_is_refused),
      cmocka_unit_test(test_a_reply_closed_early_resets_its_connection),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
