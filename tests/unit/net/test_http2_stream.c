/* One request over HTTP/2: the functions of http_server.h do what they do over HTTP/1.1. */
#include "http2_wire.h"

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

static void check_echo(void *arg) {
  struct site site = site_options();
  struct h2 *h = one_shot(&site, NULL);
  struct h2_reply *get = h2_get(h, "/x?y=1"), *post = h2_post(h, "/p", TEXT("hello"), false);
  CHECK_INT(h2_answer(h, get), 200);
  CHECK_TEXT(buf_text(&get->body), TEXT("GET /x?y=1 "));
  CHECK_INT(h2_has_header(get, "content-length: 11\n"), 1);
  CHECK_INT(h2_has_header(get, "date: "), 1);
  CHECK_INT(h2_answer(h, post), 200);
  CHECK_TEXT(buf_text(&post->body), TEXT("POST /p hello"));
  CHECK_INT(post->code, NGHTTP2_NO_ERROR);
  done(&site, h);
}
static void test_a_request_is_answered(void **state) { run_fiber(check_echo, NULL); }

static void respond_request(struct site *site, struct http_request *rq) {
  struct text host = http_header_value(&rq->head.headers, TEXT("host"));
  struct text cookie = http_header_value(&rq->head.headers, TEXT("cookie"));
  struct text all = arena_format(rq->arena, "%.*s|%.*s|%.*s|%.*s|%zu|%d", TEXT_ARGS(rq->path), TEXT_ARGS(rq->query),
                                 TEXT_ARGS(host), TEXT_ARGS(cookie), rq->id.len, rq->received_us > 0);
  CHECK_INT(text_starts(rq->peer, TEXT("127.0.0.1:")), 1);
  CHECK_ERR(http_respond(rq, 200, NULL, 0, all), ERR_OK);
}

static void check_request(void *arg) {
  const struct h2_header fields[] = {{":method", "GET"},     {":scheme", "https"}, {":path", "/a/b?c"},
                                     {":authority", "x:81"}, {"cookie", "a"},      {"cookie", "b"}};
  struct site site = site_options();
  struct h2 *h = one_shot(&site, respond_request);
  struct h2_reply *r = h2_ask(h, fields, COUNT_OF(fields), TEXT_NONE, false);
  CHECK_INT(h2_answer(h, r), 200);
  CHECK_TEXT(buf_text(&r->body), TEXT("/a/b|c|x:81|a; b|28|1"));
  done(&site, h);
}
static void test_the_handler_sees_an_ordinary_request(void **state) { run_fiber(check_request, NULL); }

struct odd {
  const char *why;
  int status;    /* 0: reset */
  uint32_t code; /* then */
  struct h2_header fields[6];
};
#define METHOD                                                                                                         \
  { ":method", "GET" }
#define SCHEME                                                                                                         \
  { ":scheme", "http" }
#define AUTHORITY                                                                                                      \
  { ":authority", "a" }
#define PATH                                                                                                           \
  { ":path", "/" }
#define ODD(why, status, code, ...)                                                                                    \
  {                                                                                                                    \
    (why), (status), (code), { __VA_ARGS__ }                                                                           \
  }
#define RESET(why, ...)               ODD(why, 0, NGHTTP2_PROTOCOL_ERROR, __VA_ARGS__)
#define REFUSED(why, ...)             ODD(why, 400, NGHTTP2_NO_ERROR, __VA_ARGS__)
#define RESET_FIELD(why, name, value) RESET(why, METHOD, SCHEME, AUTHORITY, PATH, {name, value})

static const struct odd odds[] = {
    RESET("no path", METHOD, SCHEME, AUTHORITY),
    RESET("no method", SCHEME, AUTHORITY, PATH),
    RESET("no scheme", METHOD, AUTHORITY, PATH),
    RESET("path twice", METHOD, SCHEME, AUTHORITY, PATH, PATH),
    RESET("empty path", METHOD, SCHEME, AUTHORITY, {":path", ""}),
    RESET("unknown pseudo header", METHOD, SCHEME, AUTHORITY, PATH, {":x", "y"}),
    RESET("pseudo header behind a header", METHOD, SCHEME, AUTHORITY, {"x", "y"}, PATH),
    RESET("authority with a blank", METHOD, SCHEME, {":authority", "a b"}, PATH),
    RESET_FIELD("connection", "connection", "close"),
    RESET_FIELD("transfer-encoding", "transfer-encoding", "chunked"),
    RESET_FIELD("keep-alive", "keep-alive", "x"),
    RESET_FIELD("upgrade", "upgrade", "h2c"),
    RESET_FIELD("te", "te", "gzip"),
    RESET_FIELD("upper case", "X-A", "b"),
    RESET_FIELD("name with a blank", "x a", "b"),
    RESET_FIELD("value with CRLF", "x", "a\r\ny: z"),
    RESET_FIELD("value with LF", "x", "a\nb"),
    RESET_FIELD("value with a blank before", "x", " a"),
    RESET_FIELD("content-length without a body", "content-length", "5"),
    RESET_FIELD("content-length malformed", "content-length", "5x"),
    RESET("CONNECT", {":method", "CONNECT"}, AUTHORITY, PATH, SCHEME),
    RESET("path with a blank", METHOD, SCHEME, AUTHORITY, {":path", "/a b"}),
    RESET("path with CRLF", METHOD, SCHEME, AUTHORITY, {":path", "/ HTTP/1.1\r\nx: y"}),
    REFUSED("path beyond ASCII", METHOD, SCHEME, AUTHORITY, {":path", "/\xc3\xa4"}),
    REFUSED("path with a fragment", METHOD, SCHEME, AUTHORITY, {":path", "/#x"}),
    REFUSED("path with half a percent", METHOD, SCHEME, AUTHORITY, {":path", "/%1"}),
    REFUSED("another host", METHOD, SCHEME, AUTHORITY, PATH, {"host", "b"}),
    REFUSED("authority with user information", METHOD, SCHEME, {":authority", "u@a"}, PATH),
    REFUSED("unknown method", {":method", "FETCH"}, SCHEME, AUTHORITY, PATH),
    REFUSED("unknown scheme", METHOD, {":scheme", "ftp"}, AUTHORITY, PATH),
    ODD("another expectation", 417, NGHTTP2_NO_ERROR, METHOD, SCHEME, AUTHORITY, PATH, {"expect", "miracles"}),
};

static void check_odd(struct h2 *h, const struct odd *o) {
  size_t count = 0;
  while (count < 6 && o->fields[count].name)
    count++;
  struct h2_reply *r = h2_ask(h, o->fields, count, TEXT_NONE, false);
  int status = h2_answer(h, r);
  if (status != o->status || r->code != o->code || h->has_goaway) {
    (void)fprintf(stderr, "%s: status %d, code %u, goaway %d\n", o->why, status, r->code, h->has_goaway);
    check_failures++;
  }
  if (o->status > 0)
    CHECK_INT(h2_has_header(r, "content-type: application/json\n") && h2_has_header(r, "\nrequest-id: req_"), 1);
}

static void check_odds(void *arg) {
  struct site site = site_options();
  struct h2 *h = one_shot(&site, NULL);
  for (size_t i = 0; i < COUNT_OF(odds); i++)
    check_odd(h, &odds[i]);
  CHECK_INT(site.served, 0);
  CHECK_INT(h2_answer(h, h2_get(h, "/")), 200); /* the connection is none the worse */
  done(&site, h);
}
static void test_odd_heads_are_refused_one_by_one(void **state) { run_fiber(check_odds, NULL); }

static void check_large_head(void *arg) {
  static char value[5000];
  memset(value, 'v', sizeof(value) - 1);
  const struct h2_header fields[] = {METHOD, SCHEME, AUTHORITY, PATH, {"x", value}};
  struct site site = site_options();
  struct h2 *h = one_shot(&site, NULL);
  struct h2_reply *r = h2_ask(h, fields, COUNT_OF(fields), TEXT_NONE, false);
  CHECK_INT(h2_answer(h, r), 431);
  CHECK_INT(text_find(buf_text(&r->body), TEXT("4096 bytes")) >= 0, 1);
  CHECK_INT(site.served, 0);
  CHECK_INT(h2_answer(h, h2_get(h, "/")), 200);
  done(&site, h);
}
static void test_a_head_too_large_is_431(void **state) { run_fiber(check_large_head, NULL); }

static void respond_headers(struct site *site, struct http_request *rq) {
  const struct http_header headers[] = {
      {TEXT("X-Ok"), TEXT("yes"), false},         {TEXT("x-split"), TEXT("a\r\nx-evil: 1"), false},
      {TEXT("bad name"), TEXT("1"), false},       {TEXT("Content-Length"), TEXT("99"), false},
      {TEXT("Connection"), TEXT("close"), false}, {TEXT("Keep-Alive"), TEXT("1"), false},
      {TEXT("Upgrade"), TEXT("h2c"), true},       {TEXT("Proxy-Connection"), TEXT("close"), true},
      {TEXT("Date"), TEXT("never"), false},       {TEXT("Transfer-Encoding"), TEXT("chunked"), true}};
  site->last = http_respond(rq, 529, headers, COUNT_OF(headers), TEXT("body"));
  CHECK_INT(http_respond_has_started(rq), 1);
}

static void check_headers(void *arg) {
  struct site site = site_options();
  struct h2 *h = one_shot(&site, respond_headers);
  struct h2_reply *r = h2_get(h, "/");
  CHECK_INT(h2_answer(h, r), 529);
  CHECK_TEXT(buf_text(&r->body), TEXT("body"));
  CHECK_INT(text_starts(buf_text(&r->headers), TEXT("date: ")), 1);
  CHECK_TEXT(text_skip(buf_text(&r->headers), 36), TEXT("x-ok: yes\ncontent-length: 4\n"));
  done(&site, h);
}
static void test_headers_of_connections_insane_ones_and_ours_are_skipped(void **state) {
  run_fiber(check_headers, NULL);
}

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
  static const struct {
    const char *method, *path;
    int status;
    bool has_length;
    size_t body;
  } cases[] = {{"HEAD", "/", 200, true, 0},       {"HEAD", "/?stream", 200, false, 0},
               {"GET", "/204", 204, false, 0},    {"GET", "/204?stream", 204, false, 0},
               {"GET", "/304", 304, false, 0},    {"GET", "/304?stream", 304, false, 0},
               {"GET", "/?stream", 200, false, 5}};
  struct site site = site_options();
  struct h2 *h = one_shot(&site, respond_by_path);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const struct h2_header fields[] = {{":method", cases[i].method}, SCHEME, AUTHORITY, {":path", cases[i].path}};
    struct h2_reply *r = h2_ask(h, fields, COUNT_OF(fields), TEXT_NONE, false);
    CHECK_INT(h2_answer(h, r), cases[i].status);
    CHECK_INT(r->ended, 1);
    CHECK_INT(r->code, NGHTTP2_NO_ERROR);
    CHECK_INT(r->body.len, cases[i].body);
    CHECK_INT(h2_has_header(r, "content-length: 5\n"), cases[i].has_length);
  }
  done(&site, h);
}
static void test_head_204_and_304_have_no_body(void **state) { run_fiber(check_no_bodies, NULL); }

static void stream_pieces(struct site *site, struct http_request *rq) {
  CHECK_ERR(http_respond_start(rq, 200, NULL, 0), ERR_OK);
  for (int i = 0; i < 10; i++) {
    struct text pieces[] = {TEXT("one,"), TEXT_NONE, TEXT("two,"), TEXT("three,")};
    CHECK_ERR(http_respond_write(rq, pieces, i == 9 ? 0 : 4), ERR_OK);
    CHECK_ERR(fiber_sleep(MS_US), ERR_OK);
  }
  CHECK_ERR(http_respond_end(rq), ERR_OK);
}

static void check_pieces(void *arg) {
  struct site site = site_options();
  struct h2 *h = one_shot(&site, stream_pieces);
  h2_settle(h); /* settings and their answers */
  size_t before = h->reads;
  struct h2_reply *r = h2_get(h, "/");
  CHECK_INT(h2_answer(h, r), 200);
  CHECK_INT(r->body.len, 9 * 14);
  CHECK_TEXT(text_head(buf_text(&r->body), 18), TEXT("one,two,three,one,"));
  CHECK_INT(r->data_frames, 10); /* one for each write, and the end */
  CHECK_INT(h->reads - before <= 10, 1);
  done(&site, h);
}
static void test_the_pieces_of_a_write_are_one_frame_in_one_packet(void **state) { run_fiber(check_pieces, NULL); }

static void start_and_abort(struct site *site, struct http_request *rq) {
  struct text piece = TEXT("half");
  CHECK_ERR(http_respond_start(rq, 200, NULL, 0), ERR_OK);
  CHECK_ERR(http_respond_write(rq, &piece, 1), ERR_OK);
  CHECK_ERR(fiber_sleep(2 * MS_US), ERR_OK);
  if (text_equal(rq->path, TEXT("/abort"))) {
    http_respond_abort(rq);
    CHECK_INT(http_request_client_is_gone(rq), 0);
    CHECK_ERR(http_respond_write(rq, &piece, 1), ERR_INTERNAL);
  }
}

static void check_abort(void *arg) {
  struct site site = site_options();
  struct h2 *h = one_shot(&site, start_and_abort);
  struct h2_reply *r[] = {h2_get(h, "/abort"), h2_get(h, "/forget")};
  for (size_t i = 0; i < 2; i++) {
    CHECK_INT(h2_answer(h, r[i]), 200);
    CHECK_TEXT(buf_text(&r[i]->body), TEXT("half"));
    CHECK_INT(r[i]->ended, 0);
    CHECK_INT(r[i]->code, NGHTTP2_INTERNAL_ERROR);
  }
  site.serve = site_echo;
  CHECK_INT(h2_answer(h, h2_get(h, "/")), 200);
  done(&site, h);
}
static void test_an_answer_given_up_is_a_reset_of_its_stream(void **state) { run_fiber(check_abort, NULL); }

static void respond_never(struct site *site, struct http_request *rq) { (void)site, (void)rq; }

static void check_silence(void *arg) {
  struct site site = site_options();
  struct h2 *h = one_shot(&site, respond_never);
  struct h2_reply *r = h2_get(h, "/");
  CHECK_INT(h2_answer(h, r), 500);
  CHECK_INT(h2_has_header(r, "content-type: application/json\n"), 1);
  done(&site, h);
}
static void test_no_answer_is_a_500(void **state) { run_fiber(check_silence, NULL); }

static void respond_twice(struct site *site, struct http_request *rq) {
  CHECK_ERR(http_respond(rq, 200, NULL, 0, TEXT("first")), ERR_OK);
  site->last = http_respond(rq, 200, NULL, 0, TEXT("second"));
}

static void check_twice(void *arg) {
  struct site site = site_options();
  struct h2 *h = one_shot(&site, respond_twice);
  struct h2_reply *r = h2_get(h, "/");
  (void)h2_answer(h, r);
  CHECK_ERR(site.last, ERR_INTERNAL);
  CHECK_INT(r->body.len <= 5, 1);
  done(&site, h);
}
static void test_a_second_answer_is_a_mistake(void **state) { run_fiber(check_twice, NULL); }

enum { BLOCK = 60000, BLOCKS = 40 };

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

static void check_slow_reader(void *arg) {
  const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, *(uint32_t *)arg};
  bool stop = false;
  struct site site = site_options();
  site.serve = stream_scratch_blocks;
  site_open(&site);
  struct h2 *h = h2_open_with(connect_to(&site.at), &window, 1);
  start(spoil_scratch, &stop);
  struct h2_reply *r = h2_get(h, "/");
  CHECK_INT(h2_answer(h, r), 200);
  CHECK_INT(r->body.len, (size_t)BLOCK * BLOCKS);
  for (size_t i = 0; i < r->body.len; i++)
    if (r->body.at[i] != pattern(i)) {
      CHECK_INT(i, -1);
      break;
    }
  CHECK_ERR(site.last, ERR_OK);
  stop = true;
  settle(); /* it looks at this stack */
  done(&site, h);
}
static void test_pieces_in_scratch_survive_small_windows(void **state) {
  uint32_t windows[] = {1000, 65535, 1 << 20};
  for (size_t i = 0; i < COUNT_OF(windows); i++)
    run_fiber(check_slow_reader, &windows[i]);
}

static void respond_large(struct site *site, struct http_request *rq) {
  size_t size = 20 << 20;
  char *body = calloc(1, size);
  if (!body)
    abort();
  http_request_cancel_on_disconnect(rq, site->data != NULL);
  site->last = http_respond(rq, 200, NULL, 0, (struct text){body, size});
  free(body);
}

static void check_stalled_window(void *arg) {
  struct site site = site_options();
  site.options.write_timeout_us = 20 * MS_US;
  struct h2 *h = one_shot(&site, respond_large);
  h->hold_windows = true;
  struct h2_reply *r = h2_get(h, "/");
  CHECK_INT(h2_answer(h, r), 200);
  CHECK_INT(r->body.len, 65535);
  CHECK_INT(r->code, NGHTTP2_CANCEL);
  CHECK_ERR(site.last, ERR_NETWORK);
  CHECK_INT(h->end, ERR_OK);
  CHECK_INT(http_server_active(site.srv), 0);
  done(&site, h);
}
static void test_a_window_that_stays_closed_ends_the_stream(void **state) { run_fiber(check_stalled_window, NULL); }

static void check_no_reader(void *arg) {
  const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100 << 20};
  struct site site = site_options();
  site.options.write_timeout_us = 20 * MS_US;
  site.serve = respond_large;
  site_open(&site);
  struct h2 *h = h2_open_with(connect_to(&site.at), &window, 1);
  CHECK_INT(nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0, 100 << 20), 0);
  (void)h2_get(h, "/");
  h2_send(h);
  while (site.served == 0 || http_server_connections(site.srv) > 0)
    CHECK_ERR(fiber_sleep(MS_US), ERR_OK);
  CHECK_ERR(site.last, ERR_NETWORK);
  done(&site, h);
}
static void test_a_client_that_takes_nothing_is_dropped(void **state) { run_fiber(check_no_reader, NULL); }

/* Clients that go away. */

static void wait_watching(struct site *site, struct http_request *rq) {
  struct text body;
  CHECK_ERR(http_request_body(rq, 100, &body, NULL), ERR_OK);
  http_request_cancel_on_disconnect(rq, true);
  CHECK_INT(http_request_client_is_gone(rq), 0);
  enum err e = fiber_park(after(5 * SECOND_US));
  site->was_cancelled = e == ERR_CANCELLED;
  http_request_cancel_on_disconnect(rq, false);
  site->last = http_request_client_is_gone(rq) ? ERR_CANCELLED : ERR_OK;
  (void)!http_respond(rq, 200, NULL, 0, TEXT("x"));
}

static void check_stream_reset(void *arg) {
  struct site site = site_options();
  struct h2 *h = one_shot(&site, wait_watching);
  struct h2_reply *gone = h2_post(h, "/", TEXT("x"), false);
  h2_settle(h);
  CHECK_INT(http_server_active(site.srv), 1);
  CHECK_INT(nghttp2_submit_rst_stream(h->ng, NGHTTP2_FLAG_NONE, gone->id, NGHTTP2_CANCEL), 0);
  h2_settle(h);
  CHECK_INT(site.was_cancelled, 1);
  CHECK_ERR(site.last, ERR_CANCELLED);
  CHECK_INT(http_server_active(site.srv), 0);
  CHECK_INT(http_server_connections(site.srv), 1);
  site.serve = site_echo;
  CHECK_INT(h2_answer(h, h2_get(h, "/")), 200);
  done(&site, h);
}
static void test_the_handler_is_cancelled_when_its_stream_is_reset(void **state) {
  run_fiber(check_stream_reset, NULL);
}

static void check_disconnect(void *arg) {
  for (int reset = 0; reset < 2; reset++) {
    struct site site = site_options();
    struct h2 *h = one_shot(&site, wait_watching);
    for (int i = 0; i < 5; i++)
      (void)h2_post(h, "/", TEXT("x"), false);
    h2_settle(h);
    CHECK_INT(http_server_active(site.srv), 5);
    stream_close(h->s, reset);
    settle();
    CHECK_INT(site.was_cancelled, 1);
    CHECK_ERR(site.last, ERR_CANCELLED);
    CHECK_INT(http_server_active(site.srv), 0);
    CHECK_INT(http_server_connections(site.srv), 0);
    h->s = NULL;
    done(&site, h);
  }
}
static void test_all_handlers_are_cancelled_when_the_connection_ends(void **state) {
  run_fiber(check_disconnect, NULL);
}

static void check_reset_while_writing(void *arg) {
  int yes = 1;
  void *watch[] = {&yes, NULL};
  for (int i = 0; i < 2; i++) {
    struct site site = site_options();
    site.data = watch[i];
    struct h2 *h = one_shot(&site, respond_large);
    h->hold_windows = true;
    struct h2_reply *r = h2_get(h, "/");
    h2_until_head(h, r);
    h2_settle(h);
    CHECK_INT(http_server_active(site.srv), 1);
    CHECK_INT(nghttp2_submit_rst_stream(h->ng, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_CANCEL), 0);
    h2_settle(h);
    CHECK_ERR(site.last, watch[i] ? ERR_CANCELLED : ERR_NETWORK);
    CHECK_INT(http_server_active(site.srv), 0);
    done(&site, h);
  }
}
static void test_a_reset_ends_a_write_that_waits(void **state) { run_fiber(check_reset_while_writing, NULL); }

static void look_late(struct site *site, struct http_request *rq) {
  struct fiber **handler = site->data;
  *handler = fiber_self();
  CHECK_ERR(fiber_park(after(5 * SECOND_US)), ERR_OK);
  CHECK_INT(http_request_client_is_gone(rq), 1);
  http_request_cancel_on_disconnect(rq, true);
  site->last = fiber_park(after(5 * SECOND_US));
}

static void check_already_gone(void *arg) {
  struct fiber *handler = NULL;
  struct site site = site_options();
  site.data = &handler;
  struct h2 *h = one_shot(&site, look_late);
  struct h2_reply *r = h2_get(h, "/");
  h2_settle(h);
  CHECK_INT(nghttp2_submit_rst_stream(h->ng, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_CANCEL), 0);
  h2_settle(h);
  CHECK_INT(http_server_active(site.srv), 1); /* it did not ask to be cancelled */
  fiber_wake(handler);
  settle();
  CHECK_ERR(site.last, ERR_CANCELLED);
  done(&site, h);
}
static void test_a_client_that_left_earlier_is_noticed(void **state) { run_fiber(check_already_gone, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_request_is_answered),
      cmocka_unit_test(test_the_handler_sees_an_ordinary_request),
      cmocka_unit_test(test_odd_heads_are_refused_one_by_one),
      cmocka_unit_test(test_a_head_too_large_is_431),
      cmocka_unit_test(test_headers_of_connections_insane_ones_and_ours_are_skipped),
      cmocka_unit_test(test_head_204_and_304_have_no_body),
      cmocka_unit_test(test_the_pieces_of_a_write_are_one_frame_in_one_packet),
      cmocka_unit_test(test_an_answer_given_up_is_a_reset_of_its_stream),
      cmocka_unit_test(test_no_answer_is_a_500),
      cmocka_unit_test(test_a_second_answer_is_a_mistake),
      cmocka_unit_test(test_pieces_in_scratch_survive_small_windows),
      cmocka_unit_test(test_a_window_that_stays_closed_ends_the_stream),
      cmocka_unit_test(test_a_client_that_takes_nothing_is_dropped),
      cmocka_unit_test(test_the_handler_is_cancelled_when_its_stream_is_reset),
      cmocka_unit_test(test_all_handlers_are_cancelled_when_the_connection_ends),
      cmocka_unit_test(test_a_reset_ends_a_write_that_waits),
      cmocka_unit_test(test_a_client_that_left_earlier_is_noticed),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
