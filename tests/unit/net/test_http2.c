/* Connections of HTTP/2 as a whole: how they begin, what they cost while idle, how many streams they carry, which
 * floods end them, how they drain. */
#include "http2_wire.h"
#include "tls_fixture.h"

#include "net/tls_context.h"

static void check_beside(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *old = wire_open(&site);
  struct h2 *h = h2_open(&site);
  for (int i = 0; i < 3; i++) {
    struct h2_reply *r = h2_get(h, "/new");
    CHECK_INT(h2_answer(h, r), 200);
    CHECK_TEXT(buf_text(&r->body), TEXT("GET /new "));
    wire_send(old, TEXT("GET /old HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK_INT(wire_answer(old), 200);
    CHECK_TEXT(wire_text(old), TEXT("GET /old "));
  }
  CHECK_INT(h->settings_acks, 1);
  h2_close(h);
  wire_close(old);
  site_close(&site);
}
static void test_both_versions_share_a_listener(void **state) { run_fiber(check_beside, NULL); }

static void check_bytes(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct h2 *h = h2_open(&site);
  h->step = *(size_t *)arg;
  struct h2_reply *a = h2_post(h, "/a", TEXT("hello"), false), *b = h2_get(h, "/b");
  CHECK_INT(h2_answer(h, a), 200);
  CHECK_TEXT(buf_text(&a->body), TEXT("POST /a hello"));
  CHECK_INT(h2_answer(h, b), 200);
  CHECK_TEXT(buf_text(&b->body), TEXT("GET /b "));
  h2_close(h);
  site_close(&site);
}
static void test_requests_split_at_every_byte_are_served(void **state) {
  for (size_t step = 1; step <= 30; step++)
    run_fiber(check_bytes, &step);
}

static void check_almost(void *arg) {
  static const char *const heads[] = {"P", "PR", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r"};
  struct site site = site_options();
  site.options.head_timeout_us = 10 * MS_US;
  site_open(&site);
  for (size_t i = 0; i < COUNT_OF(heads); i++) {
    struct wire *w = wire_open(&site);
    wire_send(w, text_of(heads[i]));
    CHECK_INT(wire_answer(w), i < 2 ? 408 : 400);
    wire_close(w);
  }
  struct wire *post = wire_open(&site); /* begins like the preface, and is none */
  wire_send_split(post, TEXT("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n"), 2);
  CHECK_INT(wire_answer(post), 200);
  wire_close(post);
  site_close(&site);
}
static void test_what_only_begins_like_the_preface_is_http_1_1(void **state) { run_fiber(check_almost, NULL); }

static struct h2 *open_over_tls(const struct site *site, struct tls_world *w) {
  struct stream *s = NULL;
  struct fault f = {0};
  CHECK_ERR(tls_connect(w->client, connect_to(&site->at), TEXT("example.test"), after(5 * SECOND_US), &s, &f), ERR_OK);
  return h2_open_with(s, NULL, 0);
}

static void check_tls(void *arg) {
  struct tls_world *w = arg;
  struct site site = site_options();
  site.options.tls = w->server;
  site_open(&site);
  struct h2 *h = open_over_tls(&site, w);
  struct h2_reply *r[20];
  for (size_t i = 0; i < COUNT_OF(r); i++)
    r[i] = h2_post(h, "/x", TEXT("secret"), false);
  for (size_t i = 0; i < COUNT_OF(r); i++) {
    CHECK_INT(h2_answer(h, r[i]), 200);
    CHECK_TEXT(buf_text(&r[i]->body), TEXT("POST /x secret"));
  }
  CHECK_INT(loop_stats(loop_current()).fibers, 1);
  h2_close(h);
  settle();
  CHECK_INT(http_server_connections(site.srv), 0);
  site_close(&site);
}
static void test_over_tls_it_is_agreed_by_alpn(void **state) {
  const struct identity_options names = {.names = "DNS:example.test"};
  struct tls_world w = tls_world_new(&names, false);
  assert_int_equal(SSL_CTX_set_alpn_protos(w.client->ssl, (const unsigned char *)"\x02h2\x08http/1.1", 12), 0);
  run_fiber(check_tls, &w);
  tls_world_free(&w);
}

static void check_tls_without(void *arg) {
  struct tls_world *w = arg;
  struct site site = site_options();
  site.options.tls = w->server;
  site_open(&site);
  struct h2 *h = open_over_tls(&site, w); /* the client offers http/1.1 alone, and speaks HTTP/2 all the same */
  const char *bytes = HTTP2_PREFACE;
  CHECK_ERR(send_text(h->s, bytes), ERR_OK);
  char answer[12];
  CHECK_ERR(read_exactly(h->s, answer, sizeof(answer)), ERR_OK);
  CHECK_TEXT(((struct text){answer, sizeof(answer)}), TEXT("HTTP/1.1 400"));
  h2_close(h);
  site_close(&site);
}
static void test_over_tls_the_preface_alone_is_not_enough(void **state) {
  const struct identity_options names = {.names = "DNS:example.test"};
  struct tls_world w = tls_world_new(&names, false);
  run_fiber(check_tls_without, &w);
  tls_world_free(&w);
}

static void check_idle(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct h2 *h[10];
  for (size_t i = 0; i < COUNT_OF(h); i++) {
    h[i] = h2_open(&site);
    CHECK_INT(h2_answer(h[i], h2_get(h[i], "/")), 200);
  }
  h2_settle(h[0]);
  CHECK_INT(http_server_connections(site.srv), 10);
  CHECK_INT(http_server_active(site.srv), 0);
  CHECK_INT(loop_stats(loop_current()).fibers, 1);
  for (size_t i = 0; i < COUNT_OF(h); i++)
    h2_close(h[i]);
  settle();
  CHECK_INT(http_server_connections(site.srv), 0);
  site_close(&site);
}
static void test_idle_connections_have_no_fiber(void **state) { run_fiber(check_idle, NULL); }

static void check_idle_timeout(void *arg) {
  struct site site = site_options();
  site.options.idle_timeout_us = 20 * MS_US;
  site_open(&site);
  struct h2 *h = h2_open(&site);
  CHECK_INT(h2_answer(h, h2_get(h, "/")), 200);
  while (h->end == ERR_OK) /* pings are no requests */
    if (!h2_turn(h, 5 * MS_US) && h->end == ERR_OK && !h->has_goaway)
      CHECK_INT(nghttp2_submit_ping(h->ng, NGHTTP2_FLAG_NONE, NULL), 0);
  CHECK_ERR(h->end, ERR_END);
  CHECK_INT(h->has_goaway, 1);
  CHECK_INT(h->goaway_code, NGHTTP2_NO_ERROR);
  CHECK_INT(h->goaway_last, 1);
  h2_close(h);
  settle();
  CHECK_INT(http_server_connections(site.srv), 0);
  site_close(&site);
}
static void test_idle_connections_are_told_to_leave_in_time(void **state) { run_fiber(check_idle_timeout, NULL); }

static void check_slow_head(void *arg) {
  struct site site = site_options();
  site.options.head_timeout_us = 10 * MS_US;
  site_open(&site);
  for (int i = 0; i < 3; i++) {
    struct buf out;
    raw_hello(&out);
    if (i == 0)
      raw_frame(&out, 3, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, RAW_GET); /* the rest never comes */
    if (i == 1)
      buf_add(&out, TEXT("\0\0\x06\x01")); /* half a frame's header */
    if (i == 2)
      buf_add(&out, TEXT("\0\0\x08\x06\0\0\0\0\0abc")); /* half a ping */
    CHECK_INT(raw_talk(&site, &out), NGHTTP2_ENHANCE_YOUR_CALM);
    buf_done(&out);
  }
  CHECK_INT(site.served, 0);
  site_close(&site);
}
static void test_a_head_that_stops_ends_the_connection(void **state) { run_fiber(check_slow_head, NULL); }

static void wait_for_test(struct site *site, struct http_request *rq) {
  const bool *go = site->data;
  while (!*go && site->last == ERR_OK)
    site->last = fiber_sleep(MS_US);
  if (site->last == ERR_CANCELLED) {
    site->was_cancelled = true;
    fiber_clear_cancel();
  }
  (void)!http_respond(rq, 200, NULL, 0, TEXT("late"));
}

static void check_drain(void *arg) {
  bool go = false;
  struct site site = site_options();
  site.serve = wait_for_test;
  site.data = &go;
  site_open(&site);
  struct h2 *idle = h2_open(&site), *busy = h2_open(&site);
  h2_settle(idle);
  struct h2_reply *r = h2_get(busy, "/");
  h2_settle(busy);
  http_server_drain(site.srv, false);
  CHECK_ERR(h2_end(idle), ERR_END);
  CHECK_INT(idle->has_goaway && idle->goaway_code == NGHTTP2_NO_ERROR, 1);
  h2_settle(busy);
  CHECK_INT(busy->has_goaway, 1);
  CHECK_INT(busy->goaway_last, 1); /* the notice has been answered, so this is the last word */
  CHECK_INT(r->closed, 0);
  go = true;
  CHECK_INT(h2_answer(busy, r), 200);
  CHECK_INT(r->ended, 1);
  CHECK_ERR(h2_end(busy), ERR_END);
  CHECK_INT(site.was_cancelled, 0);
  h2_close(idle);
  h2_close(busy);
  settle();
  CHECK_INT(http_server_connections(site.srv), 0);
  site_close(&site);
}
static void test_drain_lets_streams_finish(void **state) { run_fiber(check_drain, NULL); }

static void check_late_stream(void *arg) {
  bool go = false;
  struct site site = site_options();
  site.serve = wait_for_test;
  site.data = &go;
  site_open(&site);
  struct h2 *h = h2_open(&site);
  struct h2_reply *early = h2_get(h, "/");
  h2_settle(h);
  struct h2_reply *late = h2_get(h, "/"); /* on its way when the drain begins */
  http_server_drain(site.srv, false);
  h2_send(h);
  settle();
  go = true;
  CHECK_INT(h2_answer(h, early), 200);
  CHECK_INT(h2_answer(h, late), 200);
  CHECK_ERR(h2_end(h), ERR_END);
  h2_close(h);
  site_close(&site);
}
static void test_a_stream_that_crosses_the_drain_is_served(void **state) { run_fiber(check_late_stream, NULL); }

/* Two steps: no more streams, please; and once that has been heard, these are the last. */
static void check_patient(void *arg) {
  bool go = true;
  struct site site = site_options();
  site.serve = wait_for_test;
  site.data = &go;
  site_open(&site);
  struct h2 *h = h2_open(&site);
  CHECK_INT(h2_answer(h, h2_get(h, "/1")), 200);
  h2_settle(h);
  http_server_drain(site.srv, true);
  struct h2_reply *crossing = h2_get(h, "/2"); /* it has not read the notice yet */
  go = false;
  while (h->goaway_last != crossing->id && h2_turn(h, 5 * SECOND_US))
    continue;
  go = true;
  CHECK_INT(h2_answer(h, crossing), 200);
  CHECK_ERR(h2_end(h), ERR_END);
  CHECK_INT(h->goaway_first, INT32_MAX);
  CHECK_INT(h->goaway_last, crossing->id);
  CHECK_INT(h->goaway_code, NGHTTP2_NO_ERROR);
  h2_close(h);
  site_close(&site);
}
static void test_a_patient_drain_takes_two_steps(void **state) { run_fiber(check_patient, NULL); }

/* The notice is not answered: the last word waits for the idle time, or for the patience to end. */
static void check_no_pong(bool stays_patient) {
  bool go = false;
  struct site site = site_options();
  site.serve = wait_for_test;
  site.data = &go;
  if (stays_patient)
    site.options.idle_timeout_us = 30 * MS_US;
  site_open(&site);
  h2_without_pongs = true;
  struct h2 *h = h2_open(&site);
  h2_without_pongs = false;
  struct h2_reply *r = h2_get(h, "/");
  h2_settle(h);
  http_server_drain(site.srv, true);
  h2_settle(h);
  CHECK_INT(h->goaway_last, INT32_MAX);
  if (!stays_patient)
    http_server_drain(site.srv, false);
  while (h->goaway_last != r->id && h2_turn(h, 5 * SECOND_US))
    continue;
  CHECK_INT(h->goaway_last, r->id);
  go = true;
  CHECK_INT(h2_answer(h, r), 200);
  CHECK_ERR(h2_end(h), ERR_END);
  h2_close(h);
  site_close(&site);
}
static void check_no_pongs(void *arg) {
  check_no_pong(true);
  check_no_pong(false);
}
static void test_a_notice_that_is_not_answered_is_followed_up_in_time(void **state) { run_fiber(check_no_pongs, NULL); }

static void check_patience_ends(void *arg) {
  struct site site = site_options();
  site_open(&site);
  h2_without_pongs = true;
  struct h2 *h = h2_open(&site);
  h2_without_pongs = false;
  CHECK_INT(h2_answer(h, h2_get(h, "/")), 200);
  http_server_drain(site.srv, true);
  h2_settle(h);
  CHECK_INT(h->end, ERR_OK);
  http_server_drain(site.srv, false);
  CHECK_ERR(h2_end(h), ERR_END);
  h2_close(h);
  settle();
  CHECK_INT(http_server_connections(site.srv), 0);
  site_close(&site);
}
static void test_a_drain_may_lose_its_patience(void **state) { run_fiber(check_patience_ends, NULL); }

static void go_on_alone(struct site *site, struct http_request *rq) {
  const bool *go = site->data;
  http_request_cancel_after(rq, INT64_MAX);
  http_request_cancel_on_disconnect(rq, true);
  while (!*go && site->last == ERR_OK)
    site->last = fiber_sleep(MS_US);
  (void)!http_respond(rq, 200, NULL, 0, TEXT("late"));
}

/* Fibers that go on for streams that are gone keep the connection neither from its idle time nor from the drain. */
static void check_leftovers(bool drains) {
  bool go = false;
  atomic_size_t places = 0;
  struct site site = site_options();
  site.serve = go_on_alone;
  site.data = &go;
  site.options.shared_connections = &places;
  if (!drains)
    site.options.idle_timeout_us = 20 * MS_US;
  site_open(&site);
  struct h2 *h = h2_open(&site);
  struct h2_reply *r = h2_get(h, "/");
  h2_settle(h);
  CHECK_INT(nghttp2_submit_rst_stream(h->ng, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_CANCEL), 0);
  h2_settle(h);
  CHECK_INT(http_server_active(site.srv), 1);
  if (drains)
    http_server_drain(site.srv, false);
  while (!h->has_goaway && h2_turn(h, 5 * SECOND_US))
    continue;
  CHECK_INT(h->has_goaway && h->goaway_code == NGHTTP2_NO_ERROR, 1);
  stream_close(h->s, false);
  h->s = NULL;
  settle();
  CHECK_INT(atomic_load(&places), 0);
  CHECK_INT(http_server_connections(site.srv), 1);
  go = true;
  while (http_server_active(site.srv) > 0)
    CHECK_ERR(fiber_sleep(MS_US), ERR_OK);
  settle();
  CHECK_ERR(site.last, ERR_OK);
  CHECK_INT(http_server_connections(site.srv), 0);
  h2_close(h);
  site_close(&site);
}
static void check_both_leftovers(void *arg) {
  check_leftovers(true);
  check_leftovers(false);
}
static void test_streams_that_are_gone_do_not_keep_the_connection(void **state) {
  run_fiber(check_both_leftovers, NULL);
}

static void check_overtaken(void *arg) {
  bool go = true;
  struct site site = site_options();
  site.serve = wait_for_test;
  site.data = &go;
  site_open(&site);
  struct h2 *h = h2_open(&site);
  h2_settle(h);
  struct h2_reply *late = h2_get(h, "/");
  const uint8_t *bytes = NULL;
  static char kept[1000];
  ssize_t n = nghttp2_session_mem_send(h->ng, &bytes);
  CHECK_INT(n > 0 && n < (ssize_t)sizeof(kept), 1);
  memcpy(kept, bytes, (size_t)n);
  struct iovec head = {kept, (size_t)n};
  http_server_drain(site.srv, true);
  h2_settle(h); /* the notice is answered while the request waits to be sent */
  CHECK_INT(h->has_goaway, 1);
  CHECK_ERR(stream_write(h->s, &head, 1, after(5 * SECOND_US)), ERR_OK);
  CHECK_INT(h2_answer(h, late), 200);
  CHECK_ERR(h2_end(h), ERR_END);
  h2_close(h);
  site_close(&site);
}
static void test_a_patient_drain_serves_what_its_notice_overtakes(void **state) { run_fiber(check_overtaken, NULL); }

static void check_close(void *arg) {
  bool go = false;
  struct site site = site_options();
  site.serve = wait_for_test;
  site.data = &go;
  site_open(&site);
  struct h2 *idle = h2_open(&site), *busy = h2_open(&site);
  h2_settle(idle);
  struct h2_reply *r = h2_get(busy, "/");
  h2_settle(busy);
  site_close(&site);
  settle();
  CHECK_INT(site.was_cancelled, 1);
  CHECK_INT(h2_answer(busy, r), 200); /* what the handler still said */
  CHECK_INT(h2_end(busy) != ERR_OK, 1);
  CHECK_ERR(h2_end(idle), ERR_NETWORK);
  h2_close(idle);
  h2_close(busy);
}
static void test_close_cancels_what_is_served(void **state) { run_fiber(check_close, NULL); }

static void check_client_leaves(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct h2 *h = h2_open(&site);
  CHECK_INT(h2_answer(h, h2_get(h, "/")), 200);
  CHECK_INT(nghttp2_session_terminate_session(h->ng, NGHTTP2_NO_ERROR), 0);
  CHECK_ERR(h2_end(h), ERR_END);
  h2_close(h);
  settle();
  CHECK_INT(http_server_connections(site.srv), 0);
  site_close(&site);
}
static void test_a_client_that_says_goodbye_is_let_go(void **state) { run_fiber(check_client_leaves, NULL); }

static void respond_unread(struct site *site, struct http_request *rq) {
  static char body[8 << 20];
  site->last = http_respond(rq, 200, NULL, 0, (struct text){body, sizeof(body)});
}

/* Closing while the socket is full: nobody reads, so nothing polite is possible. */
static void check_close_blocked(void *arg) {
  const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100 << 20};
  struct site site = site_options();
  site.serve = respond_unread;
  site_open(&site);
  struct h2 *h = h2_open_with(connect_to(&site.at), &window, 1);
  CHECK_INT(nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0, 100 << 20), 0);
  (void)h2_get(h, "/");
  h2_send(h);
  settle();
  CHECK_INT(http_server_active(site.srv), 1);
  site_close(&site);
  settle();
  CHECK_ERR(site.last, ERR_CANCELLED);
  h2_close(h);
}
static void test_close_does_not_wait_for_a_full_socket(void **state) { run_fiber(check_close_blocked, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_both_versions_share_a_listener),
      cmocka_unit_test(test_requests_split_at_every_byte_are_served),
      cmocka_unit_test(test_what_only_begins_like_the_preface_is_http_1_1),
      cmocka_unit_test(test_over_tls_it_is_agreed_by_alpn),
      cmocka_unit_test(test_over_tls_the_preface_alone_is_not_enough),
      cmocka_unit_test(test_idle_connections_have_no_fiber),
      cmocka_unit_test(test_idle_connections_are_told_to_leave_in_time),
      cmocka_unit_test(test_a_head_that_stops_ends_the_connection),
      cmocka_unit_test(test_drain_lets_streams_finish),
      cmocka_unit_test(test_a_stream_that_crosses_the_drain_is_served),
      cmocka_unit_test(test_a_patient_drain_takes_two_steps),
      cmocka_unit_test(test_a_notice_that_is_not_answered_is_followed_up_in_time),
      cmocka_unit_test(test_a_drain_may_lose_its_patience),
      cmocka_unit_test(test_streams_that_are_gone_do_not_keep_the_connection),
      cmocka_unit_test(test_a_patient_drain_serves_what_its_notice_overtakes),
      cmocka_unit_test(test_close_cancels_what_is_served),
      cmocka_unit_test(test_a_client_that_says_goodbye_is_let_go),
      cmocka_unit_test(test_close_does_not_wait_for_a_full_socket),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
