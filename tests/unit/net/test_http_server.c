/* Connections as a whole: what they cost while idle, how many there may be, how they end. */
#include "http_callers.h"

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

#define LARGE_BYTES ((size_t)200 * 1024)

static void answer_much(struct site *site, struct http_request *rq) {
  static const struct http_header closes = {TEXT("connection"), TEXT("close")};
  char *much = memset(arena_alloc(rq->arena, LARGE_BYTES), 'x', LARGE_BYTES);
  site->last = http_respond(rq, 200, &closes, 1, (struct text){much, LARGE_BYTES});
}

/* How much arrives of an answer that the server has long written when the client begins to read. */
static size_t read_late(struct site *site, int64_t us, bool closes) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), bytes = 4096;
  char into[2048];
  size_t n = 0, all = 0;
  CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
  CHECK_INT(connect(fd, &site->at.as.any, site->at.len), 0);
  struct stream *s = stream_of(fd);
  CHECK_ERR(send_text(s, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), ERR_OK);
  CHECK_ERR(fiber_sleep(us), ERR_OK);
  CHECK_ERR(site->last, ERR_OK);
  if (closes)
    site_close(site);
  while (stream_read(s, into, sizeof(into), after(5 * SECOND_US), &n) == ERR_OK)
    all += n;
  stream_close(s, false);
  return all;
}

static void check_late_readers(void *arg) {
  struct site site = site_options();
  site.serve = answer_much;
  site_open(&site);
  loop_pretend_time(loop_current(), true);
  CHECK_INT(read_late(&site, 3 * SECOND_US, false) > LARGE_BYTES, 1);
  CHECK_INT(read_late(&site, SECOND_US, true) > LARGE_BYTES, 1);
  loop_pretend_time(loop_current(), false);
}
static void test_who_reads_late_gets_the_whole_answer(void **state) { run_fiber(check_late_readers, NULL); }

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

/* Idle, and with a request on its way in the same turn of the loop: nobody loses one. */
static void check_patient(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct site site = site_options();
  use_transport(&site, by);
  site_open(&site);
  struct caller idle = call(&site, by), sending = call(&site, by), silent = caller_open(&site, by);
  CHECK_INT(caller_answer(&idle), 200);
  CHECK_INT(caller_answer(&sending), 200);
  settle();
  caller_post(&sending, 1, TEXT("y"));
  http_server_drain(site.srv, true);
  CHECK_INT(caller_answer(&sending), 200);
  CHECK_TEXT(caller_text(&sending), TEXT("POST / y"));
  struct caller *rest[] = {&idle, &silent};
  for (size_t i = 0; i < COUNT_OF(rest); i++) {
    if (rest[i]->h && rest[i]->h->has_goaway)
      continue; /* it knows, and would ask elsewhere */
    caller_post(rest[i], 1, TEXT("z"));
    CHECK_INT(caller_answer(rest[i]), 200);
  }
  struct caller *all[] = {&idle, &sending, &silent};
  for (size_t i = 0; i < COUNT_OF(all); i++) {
    if (all[i]->w)
      CHECK_TEXT(wire_header(all[i]->w, "connection"), TEXT("close"));
    CHECK_ERR(all[i]->w ? wire_end(all[i]->w) : h2_end(all[i]->h), ERR_END);
    caller_free(all[i]);
  }
  settle();
  CHECK_INT(http_server_connections(site.srv), 0);
  site_close(&site);
}
static void test_a_patient_drain_loses_no_request(void **state) { over_every_transport(check_patient); }

struct asker {
  struct caller c;
  unsigned answered, running;
};

static bool may_ask_on(const struct caller *c) { return c->h ? !c->h->has_goaway : c->w->head.keep_alive; }

static void ask_on(void *data) {
  struct asker *a = data;
  do {
    caller_post(&a->c, 1, TEXT("x"));
    if (!CHECK_INT(caller_answer(&a->c), 200))
      break;
    a->answered++;
    if (a->answered % 4 == 0)
      CHECK_ERR(fiber_yield(), ERR_OK);
  } while (may_ask_on(&a->c));
  a->running = 0;
}

static void check_patient_load(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct site site = site_options();
  use_transport(&site, by);
  site_open(&site);
  static struct asker askers[20];
  for (size_t i = 0; i < COUNT_OF(askers); i++) {
    askers[i] = (struct asker){.c = caller_open(&site, by), .running = 1};
    start(ask_on, &askers[i]);
  }
  while (site.served < 500)
    CHECK_ERR(fiber_yield(), ERR_OK);
  http_server_drain(site.srv, true);
  for (size_t i = 0; i < COUNT_OF(askers); i++) {
    while (askers[i].running)
      CHECK_ERR(fiber_yield(), ERR_OK);
    CHECK_INT(askers[i].answered > 0, 1);
    caller_free(&askers[i].c);
  }
  settle();
  CHECK_INT(http_server_connections(site.srv), 0);
  site_close(&site);
}
static void test_a_patient_drain_loses_no_request_under_load(void **state) { over_every_transport(check_patient_load); }

/* Accepted, and not even the handshake has come. */
static void check_patient_accepted(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct site site = site_options();
  use_transport(&site, by);
  site_open(&site);
  struct stream *s = connect_to(&site.at), *out = s;
  while (http_server_connections(site.srv) == 0)
    CHECK_ERR(fiber_yield(), ERR_OK);
  http_server_drain(site.srv, true);
  struct tls_context *tls = by == HTTP2_TLS ? world_http2.client : by == TLS ? world.client : NULL;
  if (tls)
    CHECK_ERR(tls_connect(tls, s, TEXT("example.test"), after(5 * SECOND_US), &out, NULL), ERR_OK);
  settle(); /* and nothing again behind the handshake */
  struct caller c = {.by = by};
  if (by >= HTTP2)
    c.h = h2_open_with(out, NULL, 0);
  else
    c.w = wire_of(out);
  caller_post(&c, 1, TEXT("x"));
  CHECK_INT(caller_answer(&c), 200);
  CHECK_ERR(c.w ? wire_end(c.w) : h2_end(c.h), ERR_END);
  caller_free(&c);
  site_close(&site);
}
static void test_a_patient_drain_waits_for_the_first_byte(void **state) {
  over_every_transport(check_patient_accepted);
}

static void check_patient_pipeline(void *arg) {
  struct site site = site_options();
  site_open(&site);
  struct wire *w = wire_open(&site);
  settle();
  wire_send(w, TEXT(GET "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" GET));
  http_server_drain(site.srv, true);
  for (int i = 0; i < 3; i++) {
    CHECK_INT(wire_answer(w), 200);
    CHECK_INT(w->head.keep_alive, i < 2);
  }
  CHECK_ERR(wire_end(w), ERR_END);
  CHECK_INT(site.served, 3);
  wire_close(w);
  site_close(&site);
}
static void test_a_patient_drain_answers_what_was_sent_ahead(void **state) { run_fiber(check_patient_pipeline, NULL); }

static void check_patient_idle(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct site site = site_options();
  use_transport(&site, by);
  site.options.idle_timeout_us = 30 * MS_US;
  site_open(&site);
  struct caller c = call(&site, by);
  CHECK_INT(caller_answer(&c), 200);
  http_server_drain(site.srv, true);
  CHECK_ERR(c.w ? wire_end(c.w) : h2_end(c.h), ERR_END);
  caller_free(&c);
  settle();
  CHECK_INT(http_server_connections(site.srv), 0);
  site_close(&site);
}
static void test_a_patient_drain_keeps_to_the_idle_time(void **state) { over_every_transport(check_patient_idle); }

static void check_patience_ends(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct site site = site_options();
  use_transport(&site, by);
  site_open(&site);
  struct caller c = call(&site, by);
  CHECK_INT(caller_answer(&c), 200);
  http_server_drain(site.srv, true);
  CHECK_INT(http_server_connections(site.srv), 1);
  http_server_drain(site.srv, false);
  CHECK_ERR(c.w ? wire_end(c.w) : h2_end(c.h), ERR_END);
  caller_free(&c);
  http_server_drain(site.srv, true); /* too late for patience */
  c = caller_open(&site, by);
  settle();
  http_server_drain(site.srv, true);
  CHECK_ERR(c.w ? wire_end(c.w) : h2_end(c.h), ERR_END);
  caller_free(&c);
  site_close(&site);
}
static void test_a_drain_may_lose_its_patience_but_not_find_it(void **state) {
  for (int by = PLAIN; by <= TLS; by++)
    run_fiber(check_patience_ends, &by);
}

static void check_patient_close(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct balance before = balance_now();
  struct site site = site_options();
  use_transport(&site, by);
  site_open(&site);
  struct caller c = call(&site, by);
  CHECK_INT(caller_answer(&c), 200);
  http_server_drain(site.srv, true);
  site_close(&site);
  CHECK_INT((c.w ? wire_end(c.w) : h2_end(c.h)) != ERR_OK, 1);
  caller_free(&c);
  check_balance(&before);
}
static void test_closing_ends_a_patient_drain(void **state) { over_every_transport(check_patient_close); }

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
      cmocka_unit_test(test_who_reads_late_gets_the_whole_answer),
      cmocka_unit_test(test_drain_lets_requests_finish),
      cmocka_unit_test(test_a_patient_drain_loses_no_request),
      cmocka_unit_test(test_a_patient_drain_loses_no_request_under_load),
      cmocka_unit_test(test_a_patient_drain_waits_for_the_first_byte),
      cmocka_unit_test(test_a_patient_drain_answers_what_was_sent_ahead),
      cmocka_unit_test(test_a_patient_drain_keeps_to_the_idle_time),
      cmocka_unit_test(test_a_drain_may_lose_its_patience_but_not_find_it),
      cmocka_unit_test(test_closing_ends_a_patient_drain),
      cmocka_unit_test(test_close_cancels_what_is_served),
  };
  callers_start();
  cmocka_set_message_output(CM_OUTPUT_TAP);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  callers_stop();
  return failed;
}
