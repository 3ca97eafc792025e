/* Requests on a connection: one after the other, in pieces, pipelined; and all that must never reach a handler. */
#include "http_bad_requests.h"
#include "http_fixture.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void check_keep_alive(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  for (int i = 0; i < 3; i++) {
    wire_send(w, TEXT(GET("/x")));
    CHECK_INT(wire_answer(w), 200);
    CHECK_TEXT(wire_text(w), TEXT("GET /x "));
    CHECK_INT(wire_header(w, "date").len, 29);
    CHECK_INT(w->head.keep_alive, 1);
  }
  CHECK_INT(http_server_connections(site.srv), 1);
  wire_close(w);
  site_close(&site);
}
static void test_requests_follow_on_one_connection(void **state) { run_fiber(check_keep_alive, NULL); }

static void check_pipelining(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT(GET("/1") "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" GET("/3")));
  static const char *const want[] = {"GET /1 ", "POST /2 abc", "GET /3 "};
  for (int i = 0; i < 3; i++) {
    CHECK_INT(wire_answer(w), 200);
    CHECK_TEXT(wire_text(w), text_of(want[i]));
  }
  wire_close(w);
  site_close(&site);
}
static void test_pipelined_requests_are_answered_in_order(void **state) { run_fiber(check_pipelining, NULL); }

static void check_many_pipelined(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  struct buf all;
  buf_init(&all, 1 << 20);
  for (int i = 0; i < 200; i++)
    buf_add_format(&all, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
  wire_send(w, buf_text(&all));
  for (int i = 0; i < 200; i++) {
    char want[32];
    CHECK_INT(wire_answer(w), 200);
    (void)snprintf(want, sizeof(want), "GET /%d ", i);
    CHECK_TEXT(wire_text(w), text_of(want));
  }
  buf_done(&all);
  wire_close(w);
  site_close(&site);
}
static void test_hundreds_of_pipelined_requests_are_answered(void **state) { run_fiber(check_many_pipelined, NULL); }

static const char two_requests[] =
    "\r\nPOST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n"
    "PUT /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

static void check_two_answers(struct wire *w, size_t cut) {
  if (!CHECK_INT(wire_answer(w), 200) || !CHECK_TEXT(wire_text(w), TEXT("POST /a abc")))
    (void)fprintf(stderr, "cut at %zu\n", cut);
  CHECK_INT(wire_answer(w), 200);
  CHECK_TEXT(wire_text(w), TEXT("PUT /b hi"));
}

static void check_splits(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  struct text all = TEXT(two_requests);
  for (size_t cut = 1; cut < all.len; cut++) {
    wire_send_split(w, all, cut);
    check_two_answers(w, cut);
  }
  for (size_t i = 0; i < all.len; i++)
    wire_send_split(w, (struct text){all.at + i, 1}, 1);
  check_two_answers(w, 0);
  wire_close(w);
  site_close(&site);
}
static void test_requests_split_at_every_byte_are_served(void **state) { run_fiber(check_splits, NULL); }

static void check_bad_heads(void *arg) {
  struct site site = site_options();
  site_open(&site);
  for (size_t i = 0; i < COUNT_OF(bad_heads); i++) {
    struct wire *w = wire_open(&site);
    wire_send(w, bad_heads[i].bytes);
    int status = wire_answer(w);
    if (status != 400) {
      (void)fprintf(stderr, "%s: status %d\n", bad_heads[i].why, status);
      check_failures++;
    }
    CHECK_TEXT(wire_header(w, "connection"), TEXT("close"));
    CHECK_INT(wire_header(w, "request-id").len, 28);
    CHECK_ERR(wire_end(w), ERR_END);
    if (!CHECK_INT(site.served, 0))
      (void)fprintf(stderr, "served: %s\n", bad_heads[i].why);
    wire_close(w);
  }
  site_close(&site);
}
static void test_ambiguous_heads_are_400_and_never_served(void **state) { run_fiber(check_bad_heads, NULL); }

/* The body is looked at when the handler asks: it learns of the error, and nothing behind it is ever taken for a
 * request. */
static void check_bad_bodies(void *arg) {
  struct site site = site_options();
  site_open(&site);
  for (size_t i = 0; i < COUNT_OF(bad_bodies); i++) {
    struct wire *w = wire_open(&site);
    site.served = 0;
    wire_send(w, bad_bodies[i].bytes);
    wire_send(w, TEXT(GET("/smuggled")));
    int status = wire_answer(w);
    if (status != 400 || site.last != ERR_PROTOCOL) {
      (void)fprintf(stderr, "%s: status %d, %s\n", bad_bodies[i].why, status, err_name(site.last));
      check_failures++;
    }
    CHECK_TEXT(wire_header(w, "connection"), TEXT("close"));
    CHECK_ERR(wire_end(w), ERR_END);
    CHECK_INT(site.served, 1);
    wire_close(w);
  }
  site_close(&site);
}
static void test_ambiguous_chunks_are_400_and_end_the_connection(void **state) { run_fiber(check_bad_bodies, NULL); }

static void check_refusal_says(const char *request, int status, const char *says, const char *target) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, text_of(request));
  CHECK_INT(wire_answer(w), status);
  w->body[w->body_len < sizeof(w->body) ? w->body_len : 0] = 0;
  CHECK_HAS(w->body, says);
  CHECK_HAS(w->body, target);
  CHECK_TEXT(wire_header(w, "content-type"), TEXT("application/json"));
  CHECK_ERR(wire_end(w), ERR_END);
  CHECK_INT(site.served, 0);
  wire_close(w);
  site_close(&site);
}

static void check_refusals(void *arg) {
  static char big[6000];
  memset(big, 'x', sizeof(big));
  memcpy(big, "GET /t HTTP/1.1\r\nHost: a\r\nX: ", 29);
  big[sizeof(big) - 1] = 0;
  check_refusal_says(big, 431, "4096 bytes", "[/t]");
  check_refusal_says("GET /e HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417, "100-continue", "[/e]");
  check_refusal_says("GET /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n", 417, "100-continue",
                     "[/e]");
  check_refusal_says("POST /v1?q HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, "Content-Length", "[/v1?q]");
  check_refusal_says("POST /v1 HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, "line feed", "[/v1]");
}
static void test_refusals_name_the_reason_and_the_target(void **state) { run_fiber(check_refusals, NULL); }

static void check_many_headers(void *arg) {
  struct buf b;
  buf_init(&b, 4000);
  buf_add(&b, TEXT("GET / HTTP/1.1\r\nHost: a\r\n"));
  for (int i = 0; i < 32; i++)
    buf_add_format(&b, "X%d: y\r\n", i);
  buf_add(&b, TEXT("\r\n"));
  buf_add_char(&b, '\0');
  check_refusal_says(b.at, 431, "32 headers", "[/]");
  buf_done(&b);
}
static void test_too_many_headers_are_431(void **state) { run_fiber(check_many_headers, NULL); }

static void check_slow_head(void *arg) {
  struct site site = site_options();
  site.options.head_timeout_us = 20 * MS_US;
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT("GET / HTTP/1.1\r\nHo"));
  CHECK_INT(wire_answer(w), 408);
  CHECK_ERR(wire_end(w), ERR_END);
  CHECK_INT(site.served, 0);
  wire_close(w);
  site_close(&site);
}
static void test_a_slow_head_is_408(void **state) { run_fiber(check_slow_head, NULL); }

static void check_cut_head(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT("GET / HTTP/1.1\r\nHo"));
  settle();
  stream_finish(w->s);
  CHECK_ERR(wire_end(w), ERR_END);
  CHECK_INT(site.served, 0);
  wire_close(w);
  site_close(&site);
}
static void test_a_head_cut_off_is_not_answered(void **state) { run_fiber(check_cut_head, NULL); }

static void check_http10(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT("GET /k HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  CHECK_INT(wire_answer(w), 200);
  CHECK_TEXT(wire_header(w, "connection"), TEXT("keep-alive"));
  wire_send(w, TEXT("GET /c HTTP/1.0\r\n\r\n"));
  CHECK_INT(wire_answer(w), 200);
  CHECK_TEXT(wire_text(w), TEXT("GET /c "));
  CHECK_TEXT(wire_header(w, "connection"), TEXT("close"));
  CHECK_ERR(wire_end(w), ERR_END);
  wire_close(w);
  site_close(&site);
}
static void test_http_1_0_closes_unless_asked_to_keep(void **state) { run_fiber(check_http10, NULL); }

static void check_close(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/2")));
  CHECK_INT(wire_answer(w), 200);
  CHECK_TEXT(wire_header(w, "connection"), TEXT("close"));
  CHECK_ERR(wire_end(w), ERR_END);
  CHECK_INT(site.served, 1);
  wire_close(w);
  site_close(&site);
}
static void test_nothing_is_served_after_connection_close(void **state) { run_fiber(check_close, NULL); }

static void say_nothing(struct site *site, struct http_request *rq) {
  CHECK_INT(text_starts(rq->id, TEXT("req_")), 1);
  CHECK_INT(rq->id.len, 28);
  CHECK_INT(text_starts(rq->peer, TEXT("127.0.0.1:")), 1);
  CHECK_TEXT(rq->path, TEXT("/p"));
  CHECK_TEXT(rq->query, TEXT("q=1"));
  CHECK_INT(rq->received_us > 0, 1);
}

static void check_silent_handler(void *arg) {
  struct site site = site_options();
  site.serve = say_nothing;
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT(GET("/p?q=1")));
  CHECK_INT(wire_answer(w), 500);
  CHECK_ERR(wire_end(w), ERR_END);
  wire_close(w);
  site_close(&site);
}
static void test_a_handler_without_an_answer_is_a_500(void **state) { run_fiber(check_silent_handler, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_requests_follow_on_one_connection),
      cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
      cmocka_unit_test(test_hundreds_of_pipelined_requests_are_answered),
      cmocka_unit_test(test_requests_split_at_every_byte_are_served),
      cmocka_unit_test(test_ambiguous_heads_are_400_and_never_served),
      cmocka_unit_test(test_ambiguous_chunks_are_400_and_end_the_connection),
      cmocka_unit_test(test_refusals_name_the_reason_and_the_target),
      cmocka_unit_test(test_too_many_headers_are_431),
      cmocka_unit_test(test_a_slow_head_is_408),
      cmocka_unit_test(test_a_head_cut_off_is_not_answered),
      cmocka_unit_test(test_http_1_0_closes_unless_asked_to_keep),
      cmocka_unit_test(test_nothing_is_served_after_connection_close),
      cmocka_unit_test(test_a_handler_without_an_answer_is_a_500),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
