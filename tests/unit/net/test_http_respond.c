/* Answers: their heads, their framing, slow and absent readers. */
#include "http_callers.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void one_shot(struct site *site, void (*serve)(struct site *, struct http_request *), struct wire **out) {
  site->serve = serve;
  site_open(site);
  *out = wire_open(site);
}

static void done(struct site *site, struct wire *w) {
  wire_close(w);
  site_close(site);
}

static void respond_headers(struct site *site, struct http_request *rq) {
  const struct http_header headers[] = {
      {TEXT("X-Ok"), TEXT("yes")},           {TEXT("x-split"), TEXT("a\r\nx-evil: 1")}, {TEXT("bad name"), TEXT("1")},
      {TEXT("Content-Length"), TEXT("99")},  {TEXT("Connection"), TEXT("close")},       {TEXT("Date"), TEXT("never")},
      {TEXT("transfer-encoding"), TEXT("x")}};
  site->last = http_respond(rq, 529, headers, COUNT_OF(headers), TEXT("body"));
  CHECK_INT(http_respond_has_started(rq), 1);
}

static void check_headers(void *arg) {
  struct site site = site_options();
  struct wire *w;
  one_shot(&site, respond_headers, &w);
  wire_send(w, TEXT(GET("/")));
  CHECK_INT(wire_answer(w), 529);
  CHECK_TEXT(wire_text(w), TEXT("body"));
  CHECK_INT(w->head.headers.count, 3);
  CHECK_TEXT(wire_header(w, "x-ok"), TEXT("yes"));
  CHECK_TEXT(wire_header(w, "content-length"), TEXT("4"));
  CHECK_INT(wire_header(w, "date").len, 29);
  done(&site, w);
}
static void test_insane_headers_and_ours_are_skipped(void **state) { run_fiber(check_headers, NULL); }

static void respond_by_path(struct site *site, struct http_request *rq) {
  int status = text_equal(rq->path, TEXT("/204")) ? 204 : text_equal(rq->path, TEXT("/304")) ? 304 : 200;
  if (text_equal(rq->query, TEXT("stream"))) {
    struct text piece = TEXT("hello");
    CHECK_ERR(http_respond_start(rq, status, NULL, 0), ERR_OK);
    CHECK_ERR(http_respond_write(rq, &piece, 1), ERR_OK);
    CHECK_ERR(http_respond_end(rq), ERR_OK);
    return;
  }
  CHECK_ERR(http_respond(rq, status, NULL, 0, TEXT("hello")), ERR_OK);
}

static void check_no_bodies(void *arg) {
  struct site site = site_options();
  struct wire *w;
  one_shot(&site, respond_by_path, &w);
  static const char *const requests[] = {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "HEAD /?stream HTTP/1.1\r\nHost: a\r\n\r\n",
                                         GET("/204"),
                                         GET("/204?stream"),
                                         GET("/304"),
                                         GET("/304?stream")};
  for (size_t i = 0; i < COUNT_OF(requests); i++) {
    wire_send(w, text_of(requests[i]));
    CHECK_INT(wire_answer_to(w, i < 2) > 0, 1);
    CHECK_INT(w->body_len, 0);
    CHECK_INT(w->head.has_length, i == 0);
    CHECK_INT(w->head.chunked, 0);
    CHECK_INT(w->head.keep_alive, 1);
  }
  wire_send(w, TEXT(GET("/?stream")));
  CHECK_INT(wire_answer(w), 200);
  CHECK_TEXT(wire_text(w), TEXT("hello"));
  done(&site, w);
}
static void test_head_204_and_304_have_no_body(void **state) { run_fiber(check_no_bodies, NULL); }

static void check_stream_http10(void *arg) {
  struct site site = site_options();
  struct wire *w;
  one_shot(&site, respond_by_path, &w);
  wire_send(w, TEXT("GET /?stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  CHECK_INT(wire_answer(w), 200);
  CHECK_TEXT(wire_text(w), TEXT("hello"));
  CHECK_INT(w->head.chunked || w->head.has_length, 0);
  CHECK_TEXT(wire_header(w, "connection"), TEXT("close"));
  done(&site, w);
}
static void test_a_stream_to_http_1_0_ends_with_the_connection(void **state) { run_fiber(check_stream_http10, NULL); }

static void stream_pieces(struct site *site, struct http_request *rq) {
  CHECK_ERR(http_respond_start(rq, 200, NULL, 0), ERR_OK);
  uint64_t *out = site->data;
  for (int i = 0; i < 100; i++) {
    struct text pieces[] = {TEXT("one,"), TEXT_NONE, TEXT("two,")};
    CHECK_ERR(http_respond_write(rq, pieces, i % 10 == 9 ? 0 : 3), ERR_OK);
    (*out)++;
  }
  CHECK_ERR(http_respond_end(rq), ERR_OK);
}

static void check_chunks(void *arg) {
  uint64_t writes = 0;
  struct site site = site_options();
  site.data = &writes;
  struct wire *w;
  one_shot(&site, stream_pieces, &w);
  for (int i = 0; i < 2; i++) {
    wire_send(w, TEXT(GET("/")));
    CHECK_INT(wire_answer(w), 200);
    CHECK_INT(w->body_len, 90 * 8);
    CHECK_TEXT(text_head(wire_text(w), 12), TEXT("one,two,one,"));
    CHECK_INT(w->head.chunked, 1);
  }
  done(&site, w);
}
static void test_pieces_become_chunks_and_the_connection_stays(void **state) { run_fiber(check_chunks, NULL); }

static void start_and_abort(struct site *site, struct http_request *rq) {
  struct text piece = TEXT("half");
  CHECK_ERR(http_respond_start(rq, 200, NULL, 0), ERR_OK);
  CHECK_ERR(http_respond_write(rq, &piece, 1), ERR_OK);
  CHECK_ERR(fiber_sleep(2 * MS_US), ERR_OK);
  if (site->data)
    http_respond_abort(rq);
}

static void check_abort(void *arg) {
  int yes = 1;
  void *how[] = {&yes, NULL};
  for (int i = 0; i < 2; i++) {
    struct site site = site_options();
    struct wire *w;
    site.data = how[i];
    one_shot(&site, start_and_abort, &w);
    wire_send(w, TEXT(GET("/")));
    CHECK_INT(wire_answer(w), 0);
    CHECK_TEXT(wire_text(w), TEXT("half"));
    CHECK_ERR(w->end, ERR_NETWORK);
    done(&site, w);
  }
}
static void test_an_answer_given_up_is_a_reset(void **state) { run_fiber(check_abort, NULL); }

enum { BLOCK = 60000, BLOCKS = 100 };

static void stream_scratch_blocks(struct site *site, struct http_request *rq) {
  CHECK_ERR(http_respond_start(rq, 200, NULL, 0), ERR_OK);
  for (size_t i = 0; i < BLOCKS && site->last == ERR_OK; i++) {
    char *scratch = stream_scratch();
    for (size_t k = 0; k < BLOCK; k++)
      scratch[k] = pattern(i * BLOCK + k);
    struct text pieces[] = {{scratch, 1000}, {scratch + 1000, BLOCK - 1000}};
    site->last = http_respond_write(rq, pieces, 2);
  }
  if (site->last == ERR_OK)
    site->last = http_respond_end(rq);
}

static void spoil_scratch(void *data) {
  const bool *stop = data;
  while (!*stop) {
    memset(stream_scratch(), 'X', STREAM_SCRATCH_BYTES);
    CHECK_ERR(fiber_yield(), ERR_OK);
  }
}

static bool read_pattern(struct wire *w, size_t *at) {
  bool end = false;
  size_t used = 0, body = 0;
  if (!wire_fill(w) || http1_body_feed(w->parser, w->held, w->held_len, &used, &body, &end, NULL) != ERR_OK)
    return false;
  for (size_t i = 0; i < body; i++, (*at)++)
    if (w->held[i] != pattern(*at))
      return CHECK_INT(*at, -1);
  wire_drop(w, used);
  return !end;
}

static void check_slow_reader(void *arg) {
  bool stop = false, head_done = false;
  struct site site = site_options();
  struct wire *w;
  size_t at = 0, used = 0;
  one_shot(&site, stream_scratch_blocks, &w);
  start(spoil_scratch, &stop);
  wire_send(w, TEXT(GET("/")));
  settle();
  http1_begin(w->parser, &w->arena, false);
  while (!head_done) {
    size_t n = 0;
    CHECK_ERR(stream_read(w->s, w->held, 1, after(5 * SECOND_US), &n), ERR_OK);
    CHECK_ERR(http1_head_feed(w->parser, (struct text){w->held, n}, &used, &head_done, &w->head, NULL), ERR_OK);
  }
  while (read_pattern(w, &at))
    settle();
  CHECK_INT(at, (size_t)BLOCK * BLOCKS);
  CHECK_ERR(site.last, ERR_OK);
  stop = true;
  settle(); /* it looks at this stack */
  done(&site, w);
}
static void test_pieces_in_scratch_survive_a_slow_reader(void **state) { run_fiber(check_slow_reader, NULL); }

static void respond_large(struct site *site, struct http_request *rq) {
  size_t size = 20 << 20;
  char *body = calloc(1, size);
  if (!body)
    abort();
  http_request_cancel_on_disconnect(rq, site->data != NULL);
  site->last = http_respond(rq, 200, NULL, 0, (struct text){body, size});
  free(body);
}

static void check_no_reader(void *arg) {
  struct site site = site_options();
  site.options.write_timeout_us = 20 * MS_US;
  struct wire *w;
  one_shot(&site, respond_large, &w);
  wire_send(w, TEXT(GET("/")));
  while (site.served == 0 || http_server_connections(site.srv) > 0)
    CHECK_ERR(fiber_sleep(MS_US), ERR_OK);
  CHECK_ERR(site.last, ERR_NETWORK);
  done(&site, w);
}
static void test_a_client_that_takes_nothing_is_dropped(void **state) { run_fiber(check_no_reader, NULL); }

static void check_reader_leaves(void *arg) {
  int yes = 1;
  struct site site = site_options();
  struct wire *w;
  site.data = &yes;
  one_shot(&site, respond_large, &w);
  wire_send(w, TEXT(GET("/")));
  settle();
  CHECK_INT(http_server_active(site.srv), 1);
  stream_close(w->s, false);
  w->s = NULL;
  settle();
  CHECK_INT(site.last == ERR_CANCELLED || site.last == ERR_NETWORK, 1);
  CHECK_INT(http_server_connections(site.srv), 0);
  done(&site, w);
}
static void test_a_client_that_leaves_ends_the_write(void **state) { run_fiber(check_reader_leaves, NULL); }

enum { FLOW_BYTES = 16 * 1024 };
struct flow {
  size_t writes;
  bool stop;
};

static void write_on(struct site *site, struct http_request *rq) {
  static char block[FLOW_BYTES];
  struct flow *flow = site->data;
  struct text body, piece = {block, sizeof(block)};
  CHECK_ERR(http_request_body(rq, 100, &body, NULL), ERR_OK);
  CHECK_ERR(http_respond_start(rq, 200, NULL, 0), ERR_OK);
  while (!flow->stop && http_respond_write(rq, &piece, 1) == ERR_OK)
    flow->writes++;
}

/* What a handler makes is not collected here: it waits, and so does whoever it reads from. */
static void check_back_pressure(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct flow flow = {0};
  struct site site = site_options();
  site.serve = write_on;
  site.data = &flow;
  use_transport(&site, by);
  site_open(&site);
  struct caller c = caller_open(&site, by);
  int small = 16 * 1024, on = 1;
  struct stream *s = c.h ? c.h->s : c.w->s;
  CHECK_INT(setsockopt(s->watch.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
  CHECK_INT(setsockopt(s->watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
  caller_post(&c, 1, TEXT("x"));
  size_t before = SIZE_MAX;
  for (int i = 0; i < 1000 && (flow.writes == 0 || flow.writes != before); i++) {
    before = flow.writes;
    CHECK_ERR(fiber_sleep(5 * MS_US), ERR_OK);
  }
  CHECK_INT(flow.writes, before);
  CHECK_INT(flow.writes * FLOW_BYTES < (16 << 20), 1); /* the socket's buffers */
  flow.stop = true;
  leave(&c, RESETS);
  settle();
  CHECK_INT(http_server_active(site.srv), 0);
  caller_free(&c);
  site_close(&site);
}
static void test_a_client_that_does_not_read_holds_up_the_writer(void **state) {
  over_every_transport(check_back_pressure);
}

static void respond_twice(struct site *site, struct http_request *rq) {
  CHECK_ERR(http_respond(rq, 200, NULL, 0, TEXT("first")), ERR_OK);
  CHECK_ERR(http_respond(rq, 200, NULL, 0, TEXT("second")), ERR_INTERNAL);
}

static void check_twice(void *arg) {
  struct site site = site_options();
  struct wire *w;
  one_shot(&site, respond_twice, &w);
  wire_send(w, TEXT(GET("/")));
  (void)wire_answer(w);
  CHECK_INT(wire_end(w) != ERR_OK, 1);
  done(&site, w);
}
static void test_a_second_answer_ends_the_connection(void **state) { run_fiber(check_twice, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_insane_headers_and_ours_are_skipped),
      cmocka_unit_test(test_head_204_and_304_have_no_body),
      cmocka_unit_test(test_a_stream_to_http_1_0_ends_with_the_connection),
      cmocka_unit_test(test_pieces_become_chunks_and_the_connection_stays),
      cmocka_unit_test(test_an_answer_given_up_is_a_reset),
      cmocka_unit_test(test_pieces_in_scratch_survive_a_slow_reader),
      cmocka_unit_test(test_a_client_that_takes_nothing_is_dropped),
      cmocka_unit_test(test_a_client_that_leaves_ends_the_write),
      cmocka_unit_test(test_a_client_that_does_not_read_holds_up_the_writer),
      cmocka_unit_test(test_a_second_answer_ends_the_connection),
  };
  callers_start();
  cmocka_set_message_output(CM_OUTPUT_TAP);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  callers_stop();
  return failed;
}
