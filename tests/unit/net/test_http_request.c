/* Bodies and 100-continue. */
#include "http_fixture.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void check_large_body(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  size_t size = 50000, head;
  struct buf b;
  buf_init(&b, 100000);
  buf_add_format(&b, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", size);
  head = b.len;
  char *body = buf_reserve(&b, size);
  for (size_t i = 0; i < size; i++)
    body[i] = (char)('a' + i % 26);
  buf_commit(&b, size);
  wire_send_split(w, buf_text(&b), head + 1000);
  CHECK_INT(wire_answer(w), 200);
  CHECK_TEXT(text_skip(wire_text(w), 7), text_skip(buf_text(&b), head));
  wire_send(w, TEXT(GET("/next")));
  CHECK_INT(wire_answer(w), 200);
  buf_done(&b);
  wire_close(w);
  site_close(&site);
}
static void test_a_body_in_many_packets_is_read_whole(void **state) { run_fiber(check_large_body, NULL); }

static void check_chunks(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
  for (int i = 0; i < 50; i++) {
    wire_send(w, TEXT("a\r\n0123456789\r\n"));
    if (i % 7 == 0)
      settle();
  }
  wire_send(w, TEXT("0\r\n\r\n" GET("/pipelined")));
  CHECK_INT(wire_answer(w), 200);
  CHECK_INT(w->body_len, 7 + 500);
  CHECK_INT(wire_answer(w), 200);
  CHECK_TEXT(wire_text(w), TEXT("GET /pipelined "));
  wire_close(w);
  site_close(&site);
}
static void test_chunks_are_joined_and_what_follows_is_served(void **state) { run_fiber(check_chunks, NULL); }

static void check_continue(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  struct text head = TEXT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  wire_send(w, head);
  CHECK_INT(wire_answer(w), 100);
  wire_send(w, TEXT("ok"));
  CHECK_INT(wire_answer(w), 200);
  CHECK_TEXT(wire_text(w), TEXT("POST / ok"));
  struct buf all;
  buf_init(&all, 1000);
  buf_add(&all, head);
  buf_add(&all, TEXT("ok"));
  wire_send(w, buf_text(&all));
  CHECK_INT(wire_answer(w), 200);
  buf_done(&all);
  wire_close(w);
  site_close(&site);
}
static void test_continue_is_sent_when_the_body_is_awaited(void **state) { run_fiber(check_continue, NULL); }

static void refuse_unread(struct site *site, struct http_request *rq) {
  site->last = http_respond(rq, 401, NULL, 0, TEXT("no"));
}

static void check_continue_refused(void *arg) {
  struct site site = site_options();
  site.serve = refuse_unread;
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
  CHECK_INT(wire_answer(w), 401);
  CHECK_TEXT(wire_header(w, "connection"), TEXT("close"));
  CHECK_ERR(wire_end(w), ERR_END);
  wire_close(w);
  site_close(&site);
}
static void test_continue_is_not_sent_when_nobody_wants_the_body(void **state) {
  run_fiber(check_continue_refused, NULL);
}

static void send_forever(void *data) {
  struct wire *w = data;
  static char block[16384];
  struct iovec piece = {block, sizeof(block)};
  while (stream_write(w->s, &piece, 1, after(5 * SECOND_US)) == ERR_OK)
    piece = (struct iovec){block, sizeof(block)};
}

/* The answer must be read although the client is still sending when the server has made up its mind. */
static void check_early_answer(void *arg) {
  struct site site = site_options();
  site_open(&site);
  for (int i = 0; i < 2; i++) {
    struct wire *w = wire_open(&site);
    wire_send(w, i == 0 ? TEXT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n")
                        : TEXT("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n"));
    struct fiber *sender = start(send_forever, w);
    CHECK_INT(wire_answer(w), 413);
    CHECK_TEXT(wire_text(w), TEXT("the request body is larger than 1048576 bytes"));
    CHECK_ERR(site.last, ERR_TOO_LARGE);
    CHECK_INT(wire_end(w) != ERR_OK, 1);
    fiber_cancel(sender);
    settle();
    wire_close(w);
  }
  site_close(&site);
}
static void test_a_body_over_the_limit_is_answered_while_it_is_sent(void **state) {
  run_fiber(check_early_answer, NULL);
}

static void check_slow_body(void *arg) {
  struct site site = site_options();
  site.options.body_timeout_us = 10 * MS_US;
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx"));
  CHECK_INT(wire_answer(w), 408);
  CHECK_ERR(site.last, ERR_REQUEST_TIMEOUT);
  CHECK_ERR(wire_end(w), ERR_END);
  wire_close(w);
  site_close(&site);
}
static void test_a_body_that_stops_is_408(void **state) { run_fiber(check_slow_body, NULL); }

static void drip(void *data) {
  struct wire *w = data;
  while (send_text(w->s, "x") == ERR_OK && fiber_sleep(8 * MS_US) == ERR_OK)
    continue;
}

/* Always in time between two reads, yet far below the lowest rate. */
static void check_dripping_body(void *arg) {
  struct site site = site_options();
  site.options.body_timeout_us = 30 * MS_US;
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"));
  struct fiber *sender = start(drip, w);
  CHECK_INT(wire_answer(w), 408);
  fiber_cancel(sender);
  settle();
  wire_close(w);
  site_close(&site);
}
static void test_a_body_that_drips_is_408(void **state) { run_fiber(check_dripping_body, NULL); }

static void check_cut_body(void *arg) {
  static const char *const cut[] = {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx",
                                    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"};
  for (int i = 0; i < 2; i++) {
    struct site site = site_options();
    site_open(&site);
    struct wire *w = wire_open(&site);
    wire_send(w, text_of(cut[i]));
    settle();
    stream_finish(w->s);
    CHECK_INT(wire_end(w) != ERR_OK, 1);
    CHECK_ERR(site.last, ERR_NETWORK);
    wire_close(w);
    site_close(&site);
  }
}
static void test_a_body_cut_off_is_an_error(void **state) { run_fiber(check_cut_body, NULL); }

static void read_twice(struct site *site, struct http_request *rq) {
  struct text once, twice, dropped;
  CHECK_ERR(http_request_body(rq, 100, &once, NULL), ERR_OK);
  CHECK_ERR(http_request_body(rq, 100, &twice, NULL), ERR_OK);
  CHECK_TEXT(once, TEXT("abc"));
  CHECK_INT(once.at == twice.at, 1);
  http_request_drop_body(rq);
  CHECK_ERR(http_request_body(rq, 100, &dropped, NULL), ERR_OK);
  CHECK_INT(dropped.len, 0);
  struct fault f = {0};
  CHECK_ERR(http_request_body(rq, 2, &dropped, &f), ERR_TOO_LARGE);
  CHECK_HAS(f.text, "2 bytes");
  site->last = http_respond(rq, 200, NULL, 0, TEXT_NONE);
}

static void check_read_twice(void *arg) {
  struct site site = site_options();
  site.serve = read_twice;
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"));
  CHECK_INT(wire_answer(w), 200);
  CHECK_INT(w->head.keep_alive, 1);
  wire_close(w);
  site_close(&site);
}
static void test_a_body_is_read_once_and_can_be_dropped(void **state) { run_fiber(check_read_twice, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_body_in_many_packets_is_read_whole),
      cmocka_unit_test(test_chunks_are_joined_and_what_follows_is_served),
      cmocka_unit_test(test_continue_is_sent_when_the_body_is_awaited),
      cmocka_unit_test(test_continue_is_not_sent_when_nobody_wants_the_body),
      cmocka_unit_test(test_a_body_over_the_limit_is_answered_while_it_is_sent),
      cmocka_unit_test(test_a_body_that_stops_is_408),
      cmocka_unit_test(test_a_body_that_drips_is_408),
      cmocka_unit_test(test_a_body_cut_off_is_an_error),
      cmocka_unit_test(test_a_body_is_read_once_and_can_be_dropped),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
