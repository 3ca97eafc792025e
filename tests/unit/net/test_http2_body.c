/* Bodies of requests over HTTP/2: whole, limited, and no faster than they are read. */
#include "http2_wire.h"

#define SCHEME                                                                                                         \
  { ":scheme", "http" }
#define AUTHORITY                                                                                                      \
  { ":authority", "a" }
#define PATH                                                                                                           \
  { ":path", "/" }

static struct h2 *one_shot(struct site *site, void (*serve)(struct site *, struct http_request *)) {
  if (serve)
    site->serve = serve;
  site_open(site);
  return h2_open(site);
}

static void done(struct site *site, struct h2 *h) {
  h2_close(h);
  site_close(site);
}

enum { LARGE = 1000000 };

static char *large_new(void) {
  char *bytes = malloc(LARGE);
  if (!bytes)
    abort();
  for (size_t i = 0; i < LARGE; i++)
    bytes[i] = (char)('a' + (i + i / 251) % 26); /* site_echo takes text */
  return bytes;
}

static void check_large_body(void *arg) {
  char *bytes = large_new();
  struct site site = site_options();
  struct h2 *h = one_shot(&site, NULL);
  struct h2_reply *r = h2_post(h, "/", (struct text){bytes, LARGE}, false);
  CHECK_INT(h2_answer(h, r), 200);
  CHECK_INT(r->body.len, LARGE + 7);
  CHECK_INT(memcmp(r->body.at + 7, bytes, LARGE), 0);
  done(&site, h);
  free(bytes);
}
static void test_a_body_larger_than_every_window_is_read(void **state) { run_fiber(check_large_body, NULL); }

static void wait_then_echo(struct site *site, struct http_request *rq) {
  struct fiber **handler = site->data;
  *handler = fiber_self();
  CHECK_ERR(fiber_park(after(5 * SECOND_US)), ERR_OK);
  *handler = NULL;
  site_echo(site, rq);
}

static void check_window(void *arg) {
  char *bytes = large_new();
  struct fiber *handler = NULL;
  struct site site = site_options();
  site.data = &handler;
  struct h2 *h = one_shot(&site, wait_then_echo);
  struct h2_reply *r = h2_post(h, "/", (struct text){bytes, LARGE}, false);
  for (int i = 0; i < 20; i++)
    h2_settle(h);
  CHECK_INT(r->uploaded, 256 * 1024); /* nobody reads: the client must wait */
  fiber_wake(handler);
  CHECK_INT(h2_answer(h, r), 200);
  CHECK_INT(r->body.len, LARGE + 7);
  done(&site, h);
  free(bytes);
}
static void test_windows_open_only_when_the_body_is_read(void **state) { run_fiber(check_window, NULL); }

static void refuse_unread(struct site *site, struct http_request *rq) {
  site->last = http_respond(rq, 401, NULL, 0, TEXT("no"));
}

/* More unread bodies than the connection's window holds: each must give its share back. */
static void check_unread(void *arg) {
  char *bytes = large_new();
  struct site site = site_options();
  struct h2 *h = one_shot(&site, refuse_unread);
  for (int i = 0; i < 30; i++) {
    struct h2_reply *r = h2_post(h, "/", (struct text){bytes, LARGE}, false);
    CHECK_INT(h2_answer(h, r), 401);
    CHECK_INT(r->ended, 1);
    CHECK_INT(r->code, NGHTTP2_NO_ERROR);
    CHECK_TEXT(buf_text(&r->body), TEXT("no"));
  }
  site.serve = site_echo;
  struct h2_reply *r = h2_post(h, "/", (struct text){bytes, LARGE}, false);
  CHECK_INT(h2_answer(h, r), 200);
  done(&site, h);
  free(bytes);
}
static void test_an_unread_body_ends_its_stream_only(void **state) { run_fiber(check_unread, NULL); }

static void check_too_large(void *arg) {
  static char bytes[2 << 20];
  const struct h2_header fields[] = {{":method", "POST"}, SCHEME, AUTHORITY, PATH, {"content-length", "2097152"}};
  struct site site = site_options();
  struct h2 *h = one_shot(&site, NULL);
  for (size_t announced = 0; announced < 2; announced++) {
    struct h2_reply *r = h2_ask(h, fields, 4 + announced, (struct text){bytes, sizeof(bytes)}, false);
    CHECK_INT(h2_answer(h, r), 413);
    CHECK_TEXT(buf_text(&r->body), TEXT("the request body is larger than 1048576 bytes"));
    CHECK_ERR(site.last, ERR_TOO_LARGE);
    CHECK_INT(r->uploaded < sizeof(bytes), 1);
  }
  CHECK_INT(h2_answer(h, h2_get(h, "/")), 200);
  done(&site, h);
}
static void test_a_body_over_the_limit_is_answered_without_reading_on(void **state) {
  run_fiber(check_too_large, NULL);
}

static void check_wrong_length(void *arg) {
  static const char *const lengths[] = {"3", "5"};
  for (size_t i = 0; i < COUNT_OF(lengths); i++) {
    const struct h2_header fields[] = {{":method", "POST"}, SCHEME, AUTHORITY, PATH, {"content-length", lengths[i]}};
    struct site site = site_options();
    struct h2 *h = one_shot(&site, NULL);
    struct h2_reply *r = h2_ask(h, fields, COUNT_OF(fields), TEXT("abcd"), false);
    CHECK_INT(h2_answer(h, r), 0);
    CHECK_INT(r->code, NGHTTP2_PROTOCOL_ERROR);
    settle();
    CHECK_INT(site.served == 0 || site.last == ERR_NETWORK, 1);
    CHECK_INT(http_server_active(site.srv), 0);
    done(&site, h);
  }
}
static void test_content_length_must_be_the_length(void **state) { run_fiber(check_wrong_length, NULL); }

static void check_continue(void *arg) {
  const struct h2_header fields[] = {{":method", "POST"}, SCHEME, AUTHORITY, PATH, {"expect", "100-continue"}};
  struct site site = site_options();
  struct h2 *h = one_shot(&site, NULL);
  struct h2_reply *r = h2_ask(h, fields, COUNT_OF(fields), TEXT_NONE, true);
  while (r->continues == 0 && h2_turn(h, 5 * SECOND_US))
    continue;
  CHECK_INT(r->continues, 1);
  r->upload = TEXT("late");
  r->upload_open = false;
  CHECK_INT(nghttp2_session_resume_data(h->ng, r->id), 0);
  CHECK_INT(h2_answer(h, r), 200);
  CHECK_TEXT(buf_text(&r->body), TEXT("POST / late"));
  CHECK_INT(r->continues, 1);
  site.serve = refuse_unread;
  r = h2_ask(h, fields, COUNT_OF(fields), TEXT_NONE, true);
  CHECK_INT(h2_answer(h, r), 401);
  CHECK_INT(r->continues, 0);
  done(&site, h);
}
static void test_continue_is_sent_when_the_body_is_awaited(void **state) { run_fiber(check_continue, NULL); }

static void check_slow_body(void *arg) {
  struct site site = site_options();
  site.options.body_timeout_us = 10 * MS_US;
  struct h2 *h = one_shot(&site, NULL);
  struct h2_reply *r = h2_post(h, "/", TEXT("x"), true);
  CHECK_INT(h2_answer(h, r), 408);
  CHECK_ERR(site.last, ERR_REQUEST_TIMEOUT);
  CHECK_INT(h2_answer(h, h2_get(h, "/")), 200);
  done(&site, h);
}
static void test_a_body_that_stops_is_408(void **state) { run_fiber(check_slow_body, NULL); }

static void check_dripping_body(void *arg) {
  static char bytes[100];
  struct site site = site_options();
  site.options.body_timeout_us = 30 * MS_US;
  struct h2 *h = one_shot(&site, NULL);
  struct h2_reply *r = h2_post(h, "/", (struct text){bytes, 1}, true);
  while (!r->closed && r->upload.len < sizeof(bytes)) {
    (void)h2_turn(h, 8 * MS_US);
    r->upload.len++;
    (void)!nghttp2_session_resume_data(h->ng, r->id);
  }
  CHECK_INT(h2_answer(h, r), 408);
  done(&site, h);
}
static void test_a_body_that_drips_is_408(void **state) { run_fiber(check_dripping_body, NULL); }

static void read_twice(struct site *site, struct http_request *rq) {
  struct text once, twice, dropped;
  CHECK_ERR(http_request_body(rq, 100, &once, NULL), ERR_OK);
  CHECK_ERR(http_request_body(rq, 100, &twice, NULL), ERR_OK);
  CHECK_TEXT(once, TEXT("abc"));
  CHECK_INT(once.at == twice.at, 1);
  http_request_drop_body(rq);
  CHECK_ERR(http_request_body(rq, 100, &dropped, NULL), ERR_OK);
  CHECK_INT(dropped.len, 0);
  site->last = http_respond(rq, 200, NULL, 0, TEXT_NONE);
}

static void check_read_twice(void *arg) {
  struct site site = site_options();
  struct h2 *h = one_shot(&site, read_twice);
  struct h2_reply *r = h2_post(h, "/", TEXT("abc"), false);
  CHECK_INT(h2_answer(h, r), 200);
  CHECK_INT(r->ended, 1);
  CHECK_INT(r->body.len, 0);
  CHECK_INT(h2_has_header(r, "content-length: 0\n"), 1);
  done(&site, h);
}
static void test_a_body_is_read_once_and_can_be_dropped(void **state) { run_fiber(check_read_twice, NULL); }

static void check_trailers(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct buf out;
  struct h2 *h = h2_open(&site);
  struct h2_reply *r = h2_post(h, "/", TEXT("abc"), true);
  h2_settle(h);
  const nghttp2_nv trailer = {(uint8_t *)(uintptr_t) "x-evil", (uint8_t *)(uintptr_t) "1", 6, 1, 0};
  CHECK_INT(nghttp2_submit_headers(h->ng, NGHTTP2_FLAG_END_STREAM, r->id, NULL, &trailer, 1, NULL), 0);
  CHECK_INT(h2_answer(h, r), 200);
  CHECK_TEXT(buf_text(&r->body), TEXT("POST / abc"));
  h2_close(h);
  /* Trailers that do not end the stream are none. */
  raw_hello(&out);
  raw_frame(&out, RAW_LEN(RAW_POST), NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, RAW_POST);
  raw_frame(&out, 4, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\x00\x01xy");
  raw_frame(&out, 0, NGHTTP2_GOAWAY, 0, 1, "");
  CHECK_INT(raw_talk(&site, &out) > 0, 1);
  buf_done(&out);
  site_close(&site);
}
static void test_trailers_are_ignored(void **state) { run_fiber(check_trailers, NULL); }

static void check_reset_while_reading(void *arg) {
  struct site site = site_options();
  struct h2 *h = one_shot(&site, NULL);
  struct h2_reply *r = h2_post(h, "/", TEXT("x"), true);
  h2_settle(h);
  CHECK_INT(http_server_active(site.srv), 1);
  CHECK_INT(nghttp2_submit_rst_stream(h->ng, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_CANCEL), 0);
  h2_settle(h);
  CHECK_ERR(site.last, ERR_NETWORK);
  CHECK_INT(http_server_active(site.srv), 0);
  done(&site, h);
}
static void test_a_body_cut_off_is_an_error(void **state) { run_fiber(check_reset_while_reading, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_body_larger_than_every_window_is_read),
      cmocka_unit_test(test_windows_open_only_when_the_body_is_read),
      cmocka_unit_test(test_an_unread_body_ends_its_stream_only),
      cmocka_unit_test(test_a_body_over_the_limit_is_answered_without_reading_on),
      cmocka_unit_test(test_content_length_must_be_the_length),
      cmocka_unit_test(test_continue_is_sent_when_the_body_is_awaited),
      cmocka_unit_test(test_a_body_that_stops_is_408),
      cmocka_unit_test(test_a_body_that_drips_is_408),
      cmocka_unit_test(test_a_body_is_read_once_and_can_be_dropped),
      cmocka_unit_test(test_trailers_are_ignored),
      cmocka_unit_test(test_a_body_cut_off_is_an_error),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
