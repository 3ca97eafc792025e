/* Connections as a whole: what they cost while idle, how many there may be, how they end. */
#include "http_fixture.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static void check_idle(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w[20];
  for (int i = 0; i < 20; i++) {
    w[i] = wire_open(&site);
    wire_send(w[i], TEXT(GET));
    CHECK_INT(wire_answer(w[i]), 200);
  }
  CHECK_INT(http_server_connections(site.srv), 20);
  CHECK_INT(http_server_active(site.srv), 0);
  CHECK_INT(loop_stats(loop_current()).fibers, 1);
  for (int i = 0; i < 20; i++)
    wire_close(w[i]);
  settle();
  CHECK_INT(http_server_connections(site.srv), 0);
  site_close(&site);
}
static void test_idle_connections_have_no_fiber(void **state) { run_fiber(check_idle, NULL); }

static void check_too_many(void *arg) {
  struct site site = site_options();
  site.options.max_connections = 2;
  site_open(&site);
  struct wire *w[3];
  for (int i = 0; i < 3; i++)
    w[i] = wire_open(&site);
  settle();
  wire_send(w[2], TEXT(GET));
  CHECK_INT(wire_answer(w[2]), 503);
  CHECK_TEXT(wire_header(w[2], "retry-after"), TEXT("1"));
  CHECK_TEXT(wire_header(w[2], "connection"), TEXT("close"));
  CHECK_ERR(wire_end(w[2]), ERR_END);
  CHECK_INT(site.served, 0);
  for (int i = 0; i < 2; i++) {
    wire_send(w[i], TEXT(GET));
    CHECK_INT(wire_answer(w[i]), 200);
  }
  for (int i = 0; i < 3; i++)
    wire_close(w[i]);
  site_close(&site);
}
static void test_one_connection_too_many_is_503(void **state) { run_fiber(check_too_many, NULL); }

static void check_shared_count(void *arg) {
  atomic_size_t all = 0;
  struct site one = site_options(), other = site_options();
  one.options.max_connections = other.options.max_connections = 2;
  one.options.shared_connections = other.options.shared_connections = &all;
  site_open(&one);
  site_open(&other);
  struct wire *w[] = {wire_open(&one), wire_open(&other)};
  settle();
  CHECK_INT(atomic_load(&all), 2);
  struct wire *refused = wire_open(&other);
  CHECK_INT(wire_answer(refused), 503);
  CHECK_ERR(wire_end(refused), ERR_END);
  wire_close(refused);
  wire_close(w[0]);
  settle();
  CHECK_INT(atomic_load(&all), 1);
  struct wire *next = wire_open(&other); /* the place that the first server gave back */
  wire_send(next, TEXT(GET));
  CHECK_INT(wire_answer(next), 200);
  CHECK_INT(http_server_connections(one.srv), 0);
  CHECK_INT(http_server_connections(other.srv), 2);
  wire_close(next);
  wire_close(w[1]);
  site_close(&one);
  site_close(&other);
  CHECK_INT(atomic_load(&all), 0);
}
static void test_servers_that_share_a_count_share_the_limit(void **state) { run_fiber(check_shared_count, NULL); }

static void check_flood(void *arg) {
  struct site site = site_options();
  site.options.max_connections = 1;
  site_open(&site);
  struct stream *s[100];
  for (int i = 0; i < 100; i++) {
    s[i] = connect_to(&site.at);
    if (i % 10 == 9)
      settle();
  }
  settle();
  CHECK_INT(http_server_connections(site.srv) <= 65, 1);
  for (int i = 0; i < 100; i++)
    stream_close(s[i], true);
  site_close(&site);
}
static void test_a_flood_of_connections_is_bounded(void **state) { run_fiber(check_flood, NULL); }

static void check_no_fibers(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT(GET));
  CHECK_INT(wire_answer(w), 503);
  CHECK_ERR(wire_end(w), ERR_END);
  CHECK_INT(site.served, 0);
  wire_close(w);
  site_close(&site);
  loop_stop(loop_current());
}
static void test_without_a_fiber_left_a_request_is_503(void **state) {
  struct loop *loop = NULL;
  struct loop_limits limits = {.max_fibers = 1};
  check_failures = 0;
  assert_int_equal(loop_new(&limits, &loop), ERR_OK);
  assert_int_equal(fiber_start(loop, check_no_fibers, NULL, NULL), ERR_OK);
  loop_run(loop);
  loop_free(loop);
  assert_int_equal(check_failures, 0);
}

static void check_idle_timeout(void *arg) {
  struct site site = site_options();
  site.options.idle_timeout_us = 10 * MS_US;
  site_open(&site);
  struct wire *silent = wire_open(&site), *w = wire_open(&site);
  wire_send(w, TEXT(GET));
  CHECK_INT(wire_answer(w), 200);
  CHECK_ERR(wire_end(w), ERR_END);
  CHECK_ERR(wire_end(silent), ERR_END);
  CHECK_INT(http_server_connections(site.srv), 0);
  wire_close(w);
  wire_close(silent);
  site_close(&site);
}
static void test_idle_connections_are_closed_in_time(void **state) { run_fiber(check_idle_timeout, NULL); }

static void wait_until_woken(struct site *site, struct http_request *rq) {
  struct fiber **handler = site->data;
  *handler = fiber_self();
  enum err e = fiber_park(after(5 * SECOND_US));
  site->was_cancelled = e == ERR_CANCELLED;
  site->last = http_respond(rq, 200, NULL, 0, TEXT("late"));
}

static void check_drain(void *arg) {
  struct fiber *handler = NULL;
  struct site site = site_options();
  site.serve = wait_until_woken;
  site.data = &handler;
  site_open(&site);
  struct wire *idle = wire_open(&site), *busy = wire_open(&site);
  wire_send(busy, TEXT(GET));
  settle();
  CHECK_INT(http_server_active(site.srv), 1);
  http_server_drain(site.srv, false);
  CHECK_ERR(wire_end(idle), ERR_END);
  fiber_wake(handler);
  CHECK_INT(wire_answer(busy), 200);
  CHECK_TEXT(wire_text(busy), TEXT("late"));
  CHECK_TEXT(wire_header(busy, "connection"), TEXT("close"));
  CHECK_ERR(wire_end(busy), ERR_END);
  wire_close(idle);
  wire_close(busy);
  site_close(&site);
}
static void test_drain_lets_requests_finish(void **state) { run_fiber(check_drain, NULL); }

static void respond_in_pieces(struct site *site, struct http_request *rq) {
  struct fiber **handler = site->data;
  struct text piece = TEXT("one");
  *handler = fiber_self();
  (void)!http_respond_start(rq, 200, NULL, 0);
  (void)!http_respond_write(rq, &piece, 1);
  (void)!fiber_park(after(5 * SECOND_US));
  (void)!http_respond_end(rq);
}

static void check_patient_drain(void *arg) {
  struct fiber *handler = NULL;
  struct site site = site_options();
  site.serve = respond_in_pieces;
  site.data = &handler;
  site_open(&site);
  struct wire *idle = wire_open(&site), *busy = wire_open(&site), *late = wire_open(&site);
  wire_send(busy, TEXT(GET));
  settle();
  http_server_drain(site.srv, true);
  fiber_wake(handler);
  CHECK_INT(wire_answer(busy), 200);
  settle();
  /* Its answer had begun before the drain, so it was promised another request. */
  struct wire *both[] = {idle, busy};
  for (size_t i = 0; i < 2; i++) {
    wire_send(both[i], TEXT(GET));
    settle();
    fiber_wake(handler);
    CHECK_INT(wire_answer(both[i]), 200);
    CHECK_TEXT(wire_header(both[i], "connection"), TEXT("close"));
    CHECK_ERR(wire_end(both[i]), ERR_END);
    wire_close(both[i]);
  }
  settle();
  CHECK_INT(http_server_connections(site.srv), 1);
  http_server_drain(site.srv, false);
  CHECK_ERR(wire_end(late), ERR_END);
  wire_close(late);
  site_close(&site);
}
static void test_a_patient_drain_leaves_idle_connections_one_more_request(void **state) {
  run_fiber(check_patient_drain, NULL);
}

static void check_close(void *arg) {
  struct fiber *handler = NULL;
  struct site site = site_options();
  site.serve = wait_until_woken;
  site.data = &handler;
  site_open(&site);
  struct wire *idle = wire_open(&site), *busy = wire_open(&site);
  wire_send(busy, TEXT(GET));
  settle();
  site_close(&site);
  settle();
  CHECK_INT(site.was_cancelled, 1);
  CHECK_INT(wire_end(busy) != ERR_OK || wire_answer(busy) != 0, 1);
  CHECK_ERR(wire_end(idle), ERR_NETWORK);
  wire_close(idle);
  wire_close(busy);
}
static void test_close_cancels_what_is_served(void **state) { run_fiber(check_close, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_idle_connections_have_no_fiber),
      cmocka_unit_test(test_one_connection_too_many_is_503),
      cmocka_unit_test(test_servers_that_share_a_count_share_the_limit),
      cmocka_unit_test(test_a_flood_of_connections_is_bounded),
      cmocka_unit_test(test_without_a_fiber_left_a_request_is_503),
      cmocka_unit_test(test_idle_connections_are_closed_in_time),
      cmocka_unit_test(test_drain_lets_requests_finish),
      cmocka_unit_test(test_a_patient_drain_leaves_idle_connections_one_more_request),
      cmocka_unit_test(test_close_cancels_what_is_served),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
