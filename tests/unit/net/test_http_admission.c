/* How many requests are served at once, and what becomes of one too many. */
#include "http_callers.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define TOO_MANY    TEXT("too many requests are being served, try again later [")

static void wait_for_stop(struct site *site, struct http_request *rq) {
  const bool *stop = site->data;
  struct text body;
  site->last = http_request_body(rq, 100, &body, NULL);
  while (!*stop && !site->last)
    site->last = fiber_sleep(MS_US);
  site->was_cancelled = site->was_cancelled || site->last == ERR_CANCELLED;
  (void)!http_respond(rq, 200, NULL, 0, TEXT("served"));
}

static void wait_for_active(const struct site *site, size_t want) {
  for (int i = 0; i < 20000 && http_server_active(site->srv) != want; i++)
    CHECK_ERR(fiber_sleep(100), ERR_OK);
  CHECK_INT(http_server_active(site->srv), want);
}

static struct http_header kind_of(void *ctx, const struct fault *f, struct text target) {
  (void)ctx;
  (void)target;
  return (struct http_header){TEXT("x-kind"), text_of(err_name(f->err)), false};
}

static struct site limited(size_t max, atomic_size_t *shared, bool *stop) {
  struct site site = site_options();
  site.serve = wait_for_stop;
  site.data = stop;
  site.options.max_requests = max;
  site.options.shared_requests = shared;
  return site;
}

static void check_one_too_many(void *arg) {
  enum transport by = *(enum transport *)arg;
  bool stop = false;
  struct site site = limited(1, NULL, &stop);
  site.options.refusal_header = kind_of;
  use_transport(&site, by);
  site_open(&site);
  struct caller first = call(&site, by);
  wait_for_active(&site, 1);
  struct caller second = call(&site, by);
  for (int i = 0; i < 3; i++) { /* its connection can be used again each time */
    CHECK_INT(caller_answer(&second), 503);
    CHECK_INT(text_starts(caller_text(&second), TOO_MANY), 1);
    CHECK_INT(caller_is_told_to_retry(&second), 1);
    CHECK_INT(caller_is_told_the_kind(&second, TEXT("OVERLOADED")), 1);
    caller_post(&second, 1, TEXT("x"));
  }
  CHECK_INT(caller_answer(&second), 503);
  CHECK_INT(site.served, 1);
  CHECK_INT(http_server_active(site.srv), 1);
  stop = true;
  CHECK_INT(caller_answer(&first), 200);
  caller_post(&second, 1, TEXT("x"));
  CHECK_INT(caller_answer(&second), 200);
  CHECK_TEXT(caller_text(&second), TEXT("served"));
  caller_free(&first);
  caller_free(&second);
  site_close(&site);
}
static void test_one_request_too_many_is_503_and_its_connection_stays(void **state) {
  over_every_transport(check_one_too_many);
}

static struct http_header other_type(void *ctx, const struct fault *f, struct text target) {
  (void)ctx;
  (void)f;
  (void)target;
  return (struct http_header){TEXT("content-type"), TEXT("application/problem+json"), false};
}

static bool has_type(const struct caller *c, const char *type) {
  char line[64];
  (void)snprintf(line, sizeof(line), "content-type: %s\n", type);
  return c->h ? h2_has_header(c->reply, line) : text_equal(wire_header(c->w, "content-type"), text_of(type));
}

static void check_type(void *arg) {
  enum transport by = *(enum transport *)arg;
  bool stop = false;
  for (int is_other = 0; is_other < 2; is_other++) {
    struct site site = limited(1, NULL, &stop);
    site.options.refusal_header = is_other ? other_type : kind_of;
    use_transport(&site, by);
    site_open(&site);
    stop = false;
    struct caller first = call(&site, by);
    wait_for_active(&site, 1);
    struct caller second = call(&site, by);
    CHECK_INT(caller_answer(&second), 503);
    CHECK_INT(has_type(&second, "application/json"), !is_other);
    CHECK_INT(has_type(&second, "application/problem+json"), is_other);
    stop = true;
    CHECK_INT(caller_answer(&first), 200);
    caller_free(&first);
    caller_free(&second);
    site_close(&site);
  }
}
static void test_a_refusal_s_type_may_be_another(void **state) { over_every_transport(check_type); }

static void check_another_limit(void *arg) {
  enum transport by = *(enum transport *)arg;
  bool stop = false;
  struct site site = limited(1, NULL, &stop);
  use_transport(&site, by);
  site_open(&site);
  struct caller first = call(&site, by);
  wait_for_active(&site, 1);
  struct caller second = call(&site, by), third;
  CHECK_INT(caller_answer(&second), 503);
  http_server_limit_requests(site.srv, 2);
  caller_post(&second, 1, TEXT("x"));
  wait_for_active(&site, 2);
  http_server_limit_requests(site.srv, 1);
  third = call(&site, by);
  CHECK_INT(caller_answer(&third), 503);
  CHECK_INT(http_server_active(site.srv), 2);
  stop = true;
  CHECK_INT(caller_answer(&first), 200);
  CHECK_INT(caller_answer(&second), 200);
  caller_free(&first);
  caller_free(&second);
  caller_free(&third);
  site_close(&site);
}
static void test_another_limit_counts_from_the_next_request_on(void **state) {
  over_every_transport(check_another_limit);
}

/* HTTP/1.1: what was sent, and whether the connection can be used afterwards. */
static void check_bodies(void *arg) {
  static const struct {
    const char *request;
    bool keeps, has_no_body;
  } cases[] = {
      {GET("/"), true, false},
      {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", true, true},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false, false},
      {"GET / HTTP/1.0\r\n\r\n", false, false},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, false},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", true, false},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", false, false},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", false, false},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", false, false},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc", true, false},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", true, false},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", false, false},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false, false},
  };
  bool stop = false;
  struct site site = limited(1, NULL, &stop);
  site_open(&site);
  struct caller first = call(&site, PLAIN);
  wait_for_active(&site, 1);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct wire *w = wire_open(&site);
    wire_send(w, text_of(cases[i].request));
    bool ok = CHECK_INT(wire_answer_to(w, cases[i].has_no_body), 503);
    ok = CHECK_INT(w->body_len > 0, !cases[i].has_no_body) && ok;
    ok = CHECK_INT(w->head.keep_alive, cases[i].keeps) && ok;
    if (cases[i].keeps) {
      wire_send(w, TEXT(GET("/") GET("/")));
      ok = CHECK_INT(wire_answer(w), 503) && ok;
      ok = CHECK_INT(wire_answer(w), 503) && ok;
    } else {
      ok = CHECK_ERR(wire_end(w), ERR_END) && ok;
    }
    if (!ok)
      (void)fprintf(stderr, "case %zu\n", i);
    wire_close(w);
  }
  CHECK_INT(site.served, 1);
  stop = true;
  caller_free(&first);
  site_close(&site);
}
static void test_a_connection_is_kept_when_nothing_of_the_body_is_missing(void **state) {
  run_fiber(check_bodies, NULL);
}

/* HTTP/2: a body that is on its way ends with its stream, and the windows are for the others. */
static void check_large_body(void *arg) {
  static char bytes[1 << 20];
  bool stop = false;
  struct site site = limited(1, NULL, &stop);
  site_open(&site);
  struct caller c = call(&site, HTTP2);
  struct h2_reply *first = c.reply;
  wait_for_active(&site, 1);
  for (int i = 0; i < 10; i++) {
    caller_post(&c, sizeof(bytes), (struct text){bytes, sizeof(bytes)});
    CHECK_INT(caller_answer(&c), 503);
    CHECK_INT(c.reply->ended, 1);
    CHECK_INT(c.reply->code, NGHTTP2_NO_ERROR);
    CHECK_INT(c.reply->uploaded <= 256 * 1024, 1);
  }
  stop = true;
  CHECK_INT(h2_answer(c.h, first), 200);
  caller_free(&c);
  site_close(&site);
}
static void test_bodies_of_refused_streams_give_the_window_back(void **state) { run_fiber(check_large_body, NULL); }

static void check_shared(void *arg) {
  bool stop = false;
  atomic_size_t all = 0;
  struct site one = limited(2, &all, &stop), other = limited(2, &all, &stop);
  site_open(&one);
  site_open(&other);
  struct caller a = call(&one, PLAIN), b = call(&other, HTTP2);
  wait_for_active(&one, 1);
  wait_for_active(&other, 1);
  CHECK_INT(atomic_load(&all), 2);
  struct caller refused = call(&one, PLAIN);
  CHECK_INT(caller_answer(&refused), 503);
  CHECK_INT(atomic_load(&all), 2);
  leave(&b, CLOSES);
  stop = true;
  CHECK_INT(caller_answer(&a), 200);
  wait_for_active(&other, 0);
  CHECK_INT(atomic_load(&all), 0);
  caller_post(&refused, 1, TEXT("x"));
  CHECK_INT(caller_answer(&refused), 200);
  caller_free(&a);
  caller_free(&b);
  caller_free(&refused);
  site_close(&one);
  site_close(&other);
}
static void test_servers_that_share_a_count_share_the_limit(void **state) { run_fiber(check_shared, NULL); }

static bool is_health(void *ctx, struct text path) { return ctx && text_starts(path, TEXT("/health")); }

static void serve_health(struct site *site, struct http_request *rq) {
  if (text_equal(rq->path, TEXT("/")))
    wait_for_stop(site, rq);
  else
    CHECK_ERR(http_respond(rq, 200, NULL, 0, rq->path), ERR_OK);
}

static void check_exempt(void *arg) {
  bool stop = false;
  struct site site = limited(1, NULL, &stop);
  site.serve = serve_health;
  site.options.is_exempt = is_health;
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT(GET("/health") GET("/other"))); /* does not take the one place either */
  CHECK_INT(wire_answer(w), 200);
  CHECK_INT(wire_answer(w), 200);
  struct caller first = call(&site, HTTP2);
  wait_for_active(&site, 1);
  wire_send(w, TEXT(GET("/other") GET("/health")));
  CHECK_INT(wire_answer(w), 503);
  CHECK_INT(wire_answer(w), 200);
  CHECK_TEXT(wire_text(w), TEXT("/health"));
  struct h2_reply *health = h2_get(first.h, "/health");
  CHECK_INT(h2_answer(first.h, health), 200);
  stop = true;
  CHECK_INT(caller_answer(&first), 200);
  caller_free(&first);
  wire_close(w);
  site_close(&site);
}
static void test_exempt_paths_are_always_served(void **state) { run_fiber(check_exempt, NULL); }

/* --- the count after every ending --- */
static void end_somehow(struct site *site, struct http_request *rq) {
  static const struct text piece = {"piece", 5};
  int *how = site->data;
  struct text body;
  CHECK_ERR(http_request_body(rq, 100, &body, NULL), ERR_OK);
  switch ((*how)++) {
  case 0: CHECK_ERR(http_respond(rq, 200, NULL, 0, piece), ERR_OK); break;
  case 1: CHECK_ERR(http_respond(rq, 401, NULL, 0, piece), ERR_OK); break;
  case 2: break; /* a 500 */
  case 3:
    CHECK_ERR(http_respond_start(rq, 200, NULL, 0), ERR_OK);
    CHECK_ERR(http_respond_write(rq, &piece, 1), ERR_OK);
    break; /* cut */
  case 4: http_respond_abort(rq); break;
  default: break;
  }
}

static void check_endings(void *arg) {
  enum transport by = *(enum transport *)arg;
  static const int want[] = {200, 401, 500, 0, 0};
  int how = 0;
  atomic_size_t all = 0;
  struct site site = limited(1, &all, NULL);
  site.serve = end_somehow;
  site.data = &how;
  use_transport(&site, by);
  site_open(&site);
  for (size_t i = 0; i < COUNT_OF(want); i++) {
    struct caller c = call(&site, by);
    int status = caller_answer(&c);
    CHECK_INT(i == 3 && status == 200 ? 0 : status, want[i]); /* a cut one may have got its head */
    CHECK_INT(atomic_load(&all), 0);
    caller_free(&c);
  }
  site_close(&site);
}
static void test_the_count_is_given_back_at_every_end(void **state) { over_every_transport(check_endings); }

static void wait_cancelled(struct site *site, struct http_request *rq) {
  struct text body;
  CHECK_ERR(http_request_body(rq, 100, &body, NULL), ERR_OK);
  http_request_cancel_on_disconnect(rq, true);
  site->last = fiber_park(after(5 * SECOND_US));
}

static void check_leavers(void *arg) {
  enum transport by = *(enum transport *)arg;
  atomic_size_t all = 0;
  struct site site = limited(1, &all, NULL);
  site.serve = wait_cancelled;
  use_transport(&site, by);
  site_open(&site);
  for (int how = CLOSES; how <= (by < HTTP2 ? RESETS : RESETS_STREAM); how++) {
    struct caller c = call(&site, by);
    wait_for_active(&site, 1);
    CHECK_INT(atomic_load(&all), 1);
    leave(&c, (enum leaving)how);
    wait_for_active(&site, 0);
    CHECK_ERR(site.last, ERR_CANCELLED);
    CHECK_INT(atomic_load(&all), 0);
    caller_free(&c);
  }
  struct caller c = call(&site, by);
  wait_for_active(&site, 1);
  site_close(&site);
  settle();
  CHECK_INT(atomic_load(&all), 0);
  caller_free(&c);
}
static void test_the_count_is_given_back_when_the_client_leaves_or_the_server_closes(void **state) {
  over_every_transport(check_leavers);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_request_too_many_is_503_and_its_connection_stays),
      cmocka_unit_test(test_a_refusal_s_type_may_be_another),
      cmocka_unit_test(test_another_limit_counts_from_the_next_request_on),
      cmocka_unit_test(test_a_connection_is_kept_when_nothing_of_the_body_is_missing),
      cmocka_unit_test(test_bodies_of_refused_streams_give_the_window_back),
      cmocka_unit_test(test_servers_that_share_a_count_share_the_limit),
      cmocka_unit_test(test_exempt_paths_are_always_served),
      cmocka_unit_test(test_the_count_is_given_back_at_every_end),
      cmocka_unit_test(test_the_count_is_given_back_when_the_client_leaves_or_the_server_closes),
  };
  callers_start();
  cmocka_set_message_output(CM_OUTPUT_TAP);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  callers_stop();
  return failed;
}
