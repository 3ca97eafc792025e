/* Requests: how they are written, on which connection they go, and what happens when there is no answer. */
#include "tls_fixture.h"
#include "upstream_fixture.h"

static void check_request(void *arg) {
  struct talk *t = talk_open(TEXT(OK_ANSWER));
  const struct http_header headers[] = {{TEXT("X-A"), TEXT("b")},
                                        {TEXT("Host"), TEXT("evil")},
                                        {TEXT("Content-Length"), TEXT("1")},
                                        {TEXT("Transfer-Encoding"), TEXT("chunked")},
                                        {TEXT("Connection"), TEXT("close")}};
  const struct text body[] = {TEXT("{\"a\":"), TEXT_NONE, TEXT("1}")};
  struct http_client_request rq = {.method = TEXT("POST"),
                                   .target = TEXT("/v1/messages"),
                                   .headers = headers,
                                   .header_count = COUNT_OF(headers),
                                   .body = body,
                                   .body_pieces = COUNT_OF(body),
                                   .timeouts = t->c.timeouts};
  CHECK_ERR(http_client_send(t->c.client, t->c.origin, &rq, &t->c.arena, &t->c.reply, &t->c.fault), ERR_OK);
  CHECK_INT(http_client_busy(t->c.client), 1);
  http_reply_close(t->c.reply);
  char want[200];
  int n = snprintf(want, sizeof(want),
                   "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1:%u\r\nX-A: b\r\ncontent-length: 7\r\n\r\n{\"a\":1}",
                   (unsigned)addr_port(&t->up.at));
  CHECK_TEXT(text_of(t->up.request), ((struct text){want, (size_t)n}));
  talk_close(t);
}
static void test_requests_are_rebuilt_from_parts(void **state) { run_fiber(check_request, NULL); }

static void check_insane(void *arg) {
  struct talk *t = talk_open(TEXT(OK_ANSWER));
  const struct http_header bad = {TEXT("x-a"), TEXT("b\r\nx-evil: 1")};
  struct http_client_request rq = {
      .method = TEXT("GET"), .target = TEXT("/"), .headers = &bad, .header_count = 1, .timeouts = t->c.timeouts};
  CHECK_ERR(http_client_send(t->c.client, t->c.origin, &rq, &t->c.arena, &t->c.reply, &t->c.fault), ERR_BAD_REQUEST);
  CHECK_HAS(t->c.fault.text, "x-a");
  static const char *const targets[] = {"", "x", "/a b", "/a#b", "/a\r\nb", "http://a/"};
  rq.header_count = 0;
  for (size_t i = 0; i < COUNT_OF(targets); i++) {
    rq.target = text_of(targets[i]);
    CHECK_ERR(http_client_send(t->c.client, t->c.origin, &rq, &t->c.arena, &t->c.reply, &t->c.fault), ERR_BAD_REQUEST);
  }
  rq.target = TEXT("/");
  rq.method = TEXT("GET / HTTP/1.1\r\n");
  CHECK_ERR(http_client_send(t->c.client, t->c.origin, &rq, &t->c.arena, &t->c.reply, &t->c.fault), ERR_BAD_REQUEST);
  CHECK_INT(t->up.connections, 0);
  talk_close(t);
}
static void test_what_could_break_out_is_a_bad_request(void **state) { run_fiber(check_insane, NULL); }

static void check_reuse(void *arg) {
  struct talk *t = talk_open(TEXT(OK_ANSWER));
  for (int i = 0; i < 3; i++) {
    CHECK_ERR(caller_send(&t->c, "GET", TEXT_NONE), ERR_OK);
    CHECK_INT(http_reply_was_reused(t->c.reply), i > 0);
    CHECK_INT(http_reply_head(t->c.reply)->status, 200);
    buf_reset(&t->c.body);
    CHECK_ERR(http_reply_read_all(t->c.reply, &t->c.body, &t->c.fault), ERR_OK);
    CHECK_TEXT(buf_text(&t->c.body), TEXT("hi"));
    http_reply_close(t->c.reply);
    CHECK_INT(http_client_idle(t->c.client), 1);
  }
  CHECK_INT(t->up.connections, 1);
  CHECK_INT(strstr(t->up.request, "content-length") == NULL, 1);
  talk_close(t);
}
static void test_connections_are_used_again(void **state) { run_fiber(check_reuse, NULL); }

static void check_stale(void *arg) {
  struct talk *t = talk_open(TEXT(OK_ANSWER));
  t->up.answers = 1;
  for (int i = 0; i < 3; i++) {
    if (i > 0) { /* it may have been read, so that it is not repeated is for the caller to decide */
      CHECK_ERR(caller_ask(&t->c, "POST", TEXT("body")), ERR_UPSTREAM_STALE);
      CHECK_INT(t->up.connections, i);
    }
    t->c.fresh = i > 0;
    CHECK_ERR(caller_ask(&t->c, "POST", TEXT("body")), ERR_OK);
    t->c.fresh = false;
    CHECK_TEXT(buf_text(&t->c.body), TEXT("hi"));
    CHECK_INT(t->up.connections, i + 1);
  }
  CHECK_INT(t->up.requests, 5);
  talk_close(t);
}
static void test_a_pooled_connection_that_was_dead_is_told_and_replaced_on_demand(void **state) {
  run_fiber(check_stale, NULL);
}

static void check_no_answer(void *arg) {
  struct talk *t = talk_open(TEXT_NONE);
  t->up.after = AFTER_CLOSE;
  CHECK_ERR(caller_ask(&t->c, "POST", TEXT("body")), ERR_UPSTREAM_NETWORK);
  CHECK_INT(t->up.connections, 1);
  t->up.script = TEXT("HTTP/1.1 200 O");
  CHECK_ERR(caller_ask(&t->c, "POST", TEXT("body")), ERR_UPSTREAM_NETWORK);
  CHECK_INT(t->up.connections, 2);
  talk_close(t);
}
static void test_a_fresh_connection_without_answer_is_an_error(void **state) { run_fiber(check_no_answer, NULL); }

static void check_half_answer_on_reused(void *arg) {
  struct talk *t = talk_open(TEXT(OK_ANSWER));
  CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_OK);
  t->up.script = TEXT("HTTP/1.1 2");
  t->up.after = AFTER_CLOSE;
  CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_UPSTREAM_NETWORK);
  CHECK_INT(t->up.connections, 1);
  CHECK_INT(t->up.requests, 2);
  talk_close(t);
}
static void test_a_request_that_began_to_be_answered_is_not_repeated(void **state) {
  run_fiber(check_half_answer_on_reused, NULL);
}

static void check_refused(void *arg) {
  struct talk *t = talk_open(TEXT_NONE);
  listener_stop(t->up.listener);
  t->up.listener = NULL;
  CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_UPSTREAM_NETWORK);
  CHECK_HAS(t->c.fault.text, "refused");
  talk_close(t);
}
static void test_a_refused_connection_says_so(void **state) { run_fiber(check_refused, NULL); }

static void check_timeouts(void *arg) {
  struct talk *t = talk_open(TEXT_NONE);
  t->c.timeouts.first_byte_us = 10 * MS_US;
  CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_UPSTREAM_TIMEOUT);
  CHECK_HAS(t->c.fault.text, "first byte");
  t->up.script = TEXT("HTTP/1.1 200 OK\r\n");
  t->c.timeouts.first_byte_us = 5 * SECOND_US;
  t->c.timeouts.between_bytes_us = 10 * MS_US;
  CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_UPSTREAM_TIMEOUT);
  CHECK_HAS(t->c.fault.text, "head");
  t->c.timeouts.between_bytes_us = 5 * SECOND_US;
  t->c.timeouts.total_deadline_us = after(10 * MS_US);
  CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_UPSTREAM_TIMEOUT);
  CHECK_HAS(t->c.fault.text, "total");
  talk_close(t);
}
static void test_timeouts_say_which_one_passed(void **state) { run_fiber(check_timeouts, NULL); }

static void ask_in_fiber(void *data) {
  struct talk *t = data;
  CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_CANCELLED);
}

static void check_cancel(void *arg) {
  struct talk *t = talk_open(TEXT_NONE);
  struct fiber *f = start(ask_in_fiber, t);
  settle();
  CHECK_INT(t->up.requests, 1);
  fiber_cancel(f);
  settle();
  CHECK_INT(t->up.resets_seen, 1);
  talk_close(t);
}
static void test_a_cancelled_request_resets_its_connection(void **state) { run_fiber(check_cancel, NULL); }

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define HINTS    "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"

static void check_informational(void *arg) {
  struct talk *t = talk_open(TEXT(CONTINUE HINTS OK_ANSWER));
  for (size_t cut = 0; cut < t->up.script.len; cut += 7) {
    t->up.cut = cut;
    CHECK_ERR(caller_ask(&t->c, "POST", TEXT("x")), ERR_OK);
    CHECK_TEXT(buf_text(&t->c.body), TEXT("hi"));
  }
  CHECK_INT(t->up.connections, 1);
  t->up.cut = 0;
  t->up.script = TEXT(HINTS HINTS HINTS HINTS HINTS HINTS HINTS HINTS OK_ANSWER);
  CHECK_ERR(caller_ask(&t->c, "POST", TEXT("x")), ERR_OK);
  t->up.script = TEXT(HINTS HINTS HINTS HINTS HINTS HINTS HINTS HINTS HINTS OK_ANSWER);
  CHECK_ERR(caller_ask(&t->c, "POST", TEXT("x")), ERR_UPSTREAM_PROTOCOL);
  t->up.script = TEXT("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n");
  CHECK_ERR(caller_ask(&t->c, "POST", TEXT("x")), ERR_UPSTREAM_PROTOCOL);
  talk_close(t);
}
static void test_up_to_8_informational_answers_are_skipped(void **state) { run_fiber(check_informational, NULL); }

static void check_early(void *arg) {
  struct talk *t = talk_open(TEXT("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig"));
  size_t size = 30 << 20;
  char *body = calloc(1, size);
  if (!body)
    abort();
  t->up.answers_head_early = true;
  CHECK_ERR(caller_send(&t->c, "POST", (struct text){body, size}), ERR_OK);
  CHECK_INT(http_reply_head(t->c.reply)->status, 413);
  buf_reset(&t->c.body);
  CHECK_ERR(http_reply_read_all(t->c.reply, &t->c.body, &t->c.fault), ERR_OK);
  CHECK_TEXT(buf_text(&t->c.body), TEXT("big"));
  http_reply_close(t->c.reply);
  CHECK_INT(http_client_idle(t->c.client), 0);
  free(body);
  talk_close(t);
}
static void test_an_answer_before_the_body_is_out_is_returned(void **state) { run_fiber(check_early, NULL); }

static void check_head(void *arg) {
  struct talk *t = talk_open(TEXT("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"));
  for (int i = 0; i < 2; i++) {
    CHECK_ERR(caller_ask(&t->c, "HEAD", TEXT_NONE), ERR_OK);
    CHECK_INT(t->c.body.len, 0);
  }
  CHECK_INT(t->up.connections, 1);
  talk_close(t);
}
static void test_head_answers_have_no_body(void **state) { run_fiber(check_head, NULL); }

static void check_bad_answers(void *arg) {
  static const char *const bad[] = {
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nhi",
      "HTTP/1.1 200 OK\ncontent-length: 2\n\nhi",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "HTTP/2.0 200 OK\r\n\r\n",
      "hello\r\n\r\n",
      "\x15\x03\x01",
  };
  struct talk *t = talk_open(TEXT_NONE);
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    t->up.script = text_of(bad[i]);
    CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_UPSTREAM_PROTOCOL);
    CHECK_HAS(t->c.fault.text, "provider's answer");
    CHECK_INT(http_client_idle(t->c.client), 0);
  }
  static char big[10000];
  memset(big, 'x', sizeof(big));
  memcpy(big, "HTTP/1.1 200 OK\r\nx: ", 20);
  t->up.script = (struct text){big, sizeof(big)};
  CHECK_ERR(caller_ask(&t->c, "GET", TEXT_NONE), ERR_UPSTREAM_PROTOCOL);
  talk_close(t);
}
static void test_ambiguous_answers_are_refused(void **state) { run_fiber(check_bad_answers, NULL); }

static void check_origins(void *arg) {
  struct talk *t = talk_open(TEXT_NONE);
  struct http_origin *a = NULL, *b = NULL;
  struct url u = {.host = TEXT("Example.com"), .port = 80, .path = TEXT("/x")},
             v = {.host = TEXT("example.COM"), .port = 80};
  CHECK_ERR(http_client_origin(t->c.client, &u, false, &a), ERR_OK);
  CHECK_ERR(http_client_origin(t->c.client, &v, false, &b), ERR_OK);
  CHECK_INT(a == b, 1);
  v.tls = true;
  CHECK_ERR(http_client_origin(t->c.client, &v, false, &b), ERR_OK);
  CHECK_INT(a != b, 1);
  v.tls = false;
  CHECK_ERR(http_client_origin(t->c.client, &v, true, &b), ERR_OK);
  CHECK_INT(a != b, 1); /* connections that one has may lead where the other must not go */
  v.tls = true;
  size_t added = 4;
  for (uint16_t port = 1000; added < 1024; port++, added++) {
    v.port = port;
    CHECK_ERR(http_client_origin(t->c.client, &v, false, &b), ERR_OK);
  }
  v.port = 5000;
  CHECK_ERR(http_client_origin(t->c.client, &v, false, &b), ERR_LIMIT);
  t->c.origin = a;
  talk_close(t);
}
static void test_origins_are_shared_and_bounded(void **state) { run_fiber(check_origins, NULL); }

/* --- over TLS --- */

static void wait_for_the_end(struct site *site, struct http_request *rq) {
  if (text_equal(rq->path, TEXT("/wait"))) {
    http_request_cancel_on_disconnect(rq, true);
    site->was_cancelled = fiber_park(after(5 * SECOND_US)) == ERR_CANCELLED;
    return;
  }
  site_echo(site, rq);
}

static void check_https_exchanges(struct site *site, struct tls_context *client) {
  struct http_client_options o = caller_options();
  struct caller c;
  struct url u = {.tls = true, .host = TEXT("127.0.0.1"), .port = addr_port(&site->at)};
  static char large[300000];
  memset(large, 'x', sizeof(large));
  o.tls = client;
  caller_open(&c, &site->at, &o);
  CHECK_ERR(http_client_origin(c.client, &u, false, &c.origin), ERR_OK);
  for (int i = 0; i < 3; i++) {
    struct text body = {large, i == 1 ? sizeof(large) : 10};
    if (!CHECK_ERR(caller_ask(&c, "POST", body), ERR_OK))
      (void)fprintf(stderr, "%s\n", c.fault.text);
    CHECK_INT(c.body.len, body.len + 13);
    settle();
    CHECK_INT(http_client_idle(c.client), 1);
    CHECK_INT(http_server_connections(site->srv), 1);
    CHECK_INT(loop_stats(loop_current()).fibers, 1);
  }
  caller_close(&c);
}

static void check_tls_disconnect(struct site *site, struct tls_context *client, bool reset) {
  struct fault f = {0};
  struct stream *s = NULL;
  site->was_cancelled = false;
  CHECK_ERR(tls_connect(client, connect_to(&site->at), TEXT("127.0.0.1"), after(5 * SECOND_US), &s, &f), ERR_OK);
  struct wire *w = wire_of(s);
  wire_send(w, TEXT("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
  while (http_server_active(site->srv) == 0)
    settle();
  stream_close(w->s, reset);
  w->s = NULL;
  for (int i = 0; i < 1000 && http_server_active(site->srv) > 0; i++)
    settle();
  CHECK_INT(site->was_cancelled, 1);
  wire_close(w);
}

static void check_https(void *arg) {
  const struct tls_world *world = arg;
  struct site site = site_options();
  site.options.tls = world->server;
  site.serve = wait_for_the_end;
  site_open(&site);
  check_https_exchanges(&site, world->client);
  check_tls_disconnect(&site, world->client, false);
  check_tls_disconnect(&site, world->client, true);
  unsigned served = site.served;
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  CHECK_INT(wire_answer(w), 0);
  CHECK_INT(site.served, served);
  wire_close(w);
  site_close(&site);
}
static void test_everything_works_over_tls_too(void **state) {
  const struct identity_options leaf = {.names = "IP:127.0.0.1"};
  struct tls_world world = tls_world_new(&leaf, false);
  run_fiber(check_https, &world);
  tls_world_free(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_requests_are_rebuilt_from_parts),
      cmocka_unit_test(test_what_could_break_out_is_a_bad_request),
      cmocka_unit_test(test_connections_are_used_again),
      cmocka_unit_test(test_a_pooled_connection_that_was_dead_is_told_and_replaced_on_demand),
      cmocka_unit_test(test_a_fresh_connection_without_answer_is_an_error),
      cmocka_unit_test(test_a_request_that_began_to_be_answered_is_not_repeated),
      cmocka_unit_test(test_a_refused_connection_says_so),
      cmocka_unit_test(test_timeouts_say_which_one_passed),
      cmocka_unit_test(test_a_cancelled_request_resets_its_connection),
      cmocka_unit_test(test_up_to_8_informational_answers_are_skipped),
      cmocka_unit_test(test_an_answer_before_the_body_is_out_is_returned),
      cmocka_unit_test(test_head_answers_have_no_body),
      cmocka_unit_test(test_ambiguous_answers_are_refused),
      cmocka_unit_test(test_origins_are_shared_and_bounded),
      cmocka_unit_test(test_everything_works_over_tls_too),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
