/* Clients that go away: noticed in every phase, over every kind of connection, with and without a grace; and nothing of
 * them is left. */
#include "http_callers.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define FOREVER     INT64_MAX

/* --- the handler: goes on when its client has gone, and tells what it saw --- */
struct seen {
  bool streams;     /* begins its answer before the client leaves */
  int64_t grace_us; /* asked for */
  bool stop;        /* the test lets it end */
  struct http_request *rq;
  unsigned running;
  int64_t noticed_us, gone_us, cancelled_us;
  enum err write;
};

static void go_on(struct site *site, struct http_request *rq) {
  struct seen *seen = site->data;
  struct text body, piece = TEXT("first");
  CHECK_ERR(http_request_body(rq, 100, &body, NULL), ERR_OK);
  if (seen->streams) {
    CHECK_ERR(http_respond_start(rq, 200, NULL, 0), ERR_OK);
    CHECK_ERR(http_respond_write(rq, &piece, 1), ERR_OK);
  }
  http_request_cancel_after(rq, seen->grace_us);
  http_request_cancel_on_disconnect(rq, true);
  CHECK_INT(http_request_gone_us(rq), -1);
  seen->rq = rq;
  seen->running++;
  enum err e = ERR_OK;
  while (!e && !seen->stop && !http_request_client_is_gone(rq))
    e = fiber_sleep(MS_US / 2);
  seen->noticed_us = loop_now_us(loop_current());
  while (!e && !seen->stop)
    e = fiber_sleep(MS_US / 2);
  if (e == ERR_CANCELLED)
    seen->cancelled_us = loop_now_us(loop_current());
  seen->gone_us = http_request_gone_us(rq);
  for (int i = 0; i < 2; i++) /* the second no less than the first */
    seen->write = seen->streams ? http_respond_write(rq, &piece, 1) : http_respond(rq, 200, NULL, 0, piece);
  site->last = http_respond_end(rq);
  site->was_cancelled = fiber_is_cancelled(fiber_self());
  seen->running--;
}

static void wait_for_running(const struct seen *seen, unsigned want) {
  for (int i = 0; i < 20000 && seen->running != want; i++)
    CHECK_ERR(fiber_sleep(100), ERR_OK);
  CHECK_INT(seen->running, want);
}

static void wait_until_noticed(const struct seen *seen) {
  for (int i = 0; i < 20000 && seen->noticed_us == 0; i++)
    CHECK_ERR(fiber_sleep(100), ERR_OK);
  CHECK_INT(seen->noticed_us > 0, 1);
}

static struct site site_for(struct seen *seen, enum transport by, atomic_size_t *places) {
  struct site site = site_options();
  site.serve = go_on;
  site.data = seen;
  site.options.shared_connections = places;
  use_transport(&site, by);
  return site;
}

struct scene {
  enum transport by;
  enum leaving how;
  bool streams;
};

/* Every kind of connection, in both phases, with every way to leave it. */
static void every_scene(void (*check)(void *scene)) {
  for (int by = 0; by < TRANSPORTS; by++)
    for (int how = 0; how <= (by < HTTP2 ? RESETS : RESETS_STREAM); how++)
      for (int streams = 0; streams < 2; streams++) {
        struct scene s = {(enum transport)by, (enum leaving)how, streams != 0};
        run_fiber(check, &s);
      }
}

static void check_grace_not_over(void *arg) {
  const struct scene *s = arg;
  struct balance before = balance_now();
  atomic_size_t places = 0;
  struct seen seen = {.streams = s->streams, .grace_us = 5 * SECOND_US};
  struct site site = site_for(&seen, s->by, &places);
  site_open(&site);
  struct caller c = call(&site, s->by);
  wait_for_running(&seen, 1);
  leave(&c, s->how);
  wait_until_noticed(&seen);
  CHECK_INT(http_server_active(site.srv), 1);
  CHECK_INT(http_server_connections(site.srv), 1);
  CHECK_INT(atomic_load(&places), s->how == RESETS_STREAM);
  CHECK_INT(seen.rq && http_request_client_is_gone(seen.rq), 1);
  CHECK_INT(fiber_sleep(3 * MS_US), ERR_OK);
  CHECK_INT(seen.running, 1);
  seen.stop = true;
  wait_for_running(&seen, 0);
  CHECK_INT(seen.cancelled_us, 0);
  CHECK_INT(site.was_cancelled, 0);
  CHECK_INT(seen.gone_us > 0 && seen.gone_us <= seen.noticed_us, 1);
  CHECK_ERR(seen.write, ERR_NETWORK);
  CHECK_ERR(site.last, ERR_NETWORK);
  settle();
  CHECK_INT(http_server_active(site.srv), 0);
  CHECK_INT(http_server_connections(site.srv), s->how == RESETS_STREAM);
  caller_free(&c);
  site_close(&site);
  check_balance(&before);
}
static void test_within_the_grace_the_fiber_goes_on_and_the_socket_is_closed(void **state) {
  every_scene(check_grace_not_over);
}

static void check_grace_over(void *arg) {
  const struct scene *s = arg;
  struct balance before = balance_now();
  atomic_size_t places = 0;
  struct seen seen = {.streams = s->streams, .grace_us = 5 * MS_US};
  struct site site = site_for(&seen, s->by, &places);
  site_open(&site);
  struct caller c = call(&site, s->by);
  wait_for_running(&seen, 1);
  leave(&c, s->how);
  wait_for_running(&seen, 0);
  CHECK_INT(site.was_cancelled, 1);
  CHECK_INT(seen.gone_us > 0, 1);
  CHECK_INT(seen.cancelled_us - seen.gone_us >= 5 * MS_US, 1);
  CHECK_INT(seen.write == ERR_CANCELLED || seen.write == ERR_NETWORK, 1);
  settle();
  CHECK_INT(http_server_active(site.srv), 0);
  caller_free(&c);
  site_close(&site);
  CHECK_INT(atomic_load(&places), 0);
  check_balance(&before);
}
static void test_when_the_grace_is_over_the_fiber_is_cancelled(void **state) { every_scene(check_grace_over); }

static void check_no_grace(void *arg) {
  const struct scene *s = arg;
  struct balance before = balance_now();
  atomic_size_t places = 0;
  struct seen seen = {.streams = s->streams};
  struct site site = site_for(&seen, s->by, &places);
  site_open(&site);
  struct caller c = call(&site, s->by);
  wait_for_running(&seen, 1);
  leave(&c, s->how);
  settle();
  settle();
  CHECK_INT(seen.running, 0);
  CHECK_INT(site.was_cancelled, 1);
  CHECK_INT(seen.gone_us > 0, 1);
  CHECK_INT(http_server_active(site.srv), 0);
  CHECK_INT(http_server_connections(site.srv), s->how == RESETS_STREAM);
  caller_free(&c);
  site_close(&site);
  check_balance(&before);
}
static void test_without_a_grace_the_fiber_is_cancelled_at_once(void **state) { every_scene(check_no_grace); }

/* Gone for a while, it is told to wait less, or more, or not to be cancelled at all. */
static void check_changed_grace(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct seen seen = {.grace_us = FOREVER};
  struct site site = site_for(&seen, by, NULL);
  site_open(&site);
  struct caller c = call(&site, by);
  wait_for_running(&seen, 1);
  leave(&c, CLOSES);
  wait_until_noticed(&seen);
  CHECK_ERR(fiber_sleep(3 * MS_US), ERR_OK);
  http_request_cancel_after(seen.rq, 2 * MS_US + SECOND_US); /* counts from when it left */
  http_request_cancel_after(seen.rq, FOREVER);
  http_request_cancel_on_disconnect(seen.rq, false);
  http_request_cancel_after(seen.rq, 2 * MS_US); /* over, but it is off */
  CHECK_ERR(fiber_sleep(2 * MS_US), ERR_OK);
  CHECK_INT(seen.running, 1);
  http_request_cancel_after(seen.rq, 5 * SECOND_US);
  http_request_cancel_on_disconnect(seen.rq, true);
  CHECK_ERR(fiber_sleep(2 * MS_US), ERR_OK);
  CHECK_INT(seen.running, 1);
  http_request_cancel_after(seen.rq, 2 * MS_US); /* over already */
  settle();
  CHECK_INT(seen.running, 0);
  CHECK_INT(site.was_cancelled, 1);
  caller_free(&c);
  site_close(&site);
}
static void test_another_grace_takes_effect_while_the_client_is_gone(void **state) {
  over_every_transport(check_changed_grace);
}

static void check_switched_off(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct seen seen = {.grace_us = FOREVER};
  struct site site = site_for(&seen, by, NULL);
  site_open(&site);
  struct caller c = call(&site, by);
  wait_for_running(&seen, 1);
  leave(&c, CLOSES);
  wait_until_noticed(&seen);
  int64_t gone_for_us = loop_now_us(loop_current()) - http_request_gone_us(seen.rq);
  http_request_cancel_after(seen.rq, gone_for_us + 10 * MS_US); /* pending */
  http_request_cancel_on_disconnect(seen.rq, false);
  CHECK_ERR(fiber_sleep(15 * MS_US), ERR_OK);
  CHECK_INT(seen.running, 1);
  CHECK_INT(http_request_client_is_gone(seen.rq), 1);
  http_request_cancel_on_disconnect(seen.rq, true); /* the grace is over */
  settle();
  CHECK_INT(seen.running, 0);
  CHECK_INT(site.was_cancelled, 1);
  caller_free(&c);
  site_close(&site);
}
static void test_a_pending_grace_can_be_stopped(void **state) { over_every_transport(check_switched_off); }

static void check_close(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct balance before = balance_now();
  struct seen seen = {.grace_us = FOREVER};
  struct site site = site_for(&seen, by, NULL);
  site_open(&site);
  struct caller c = call(&site, by);
  wait_for_running(&seen, 1);
  leave(&c, CLOSES);
  wait_until_noticed(&seen);
  site_close(&site);
  settle();
  CHECK_INT(seen.running, 0);
  CHECK_INT(site.was_cancelled, 1);
  caller_free(&c);
  check_balance(&before);
}
static void test_closing_the_server_knows_no_grace(void **state) { over_every_transport(check_close); }

/* The client only stops sending; the end it reads shows that the server holds its socket no longer. */
static void check_half_closed(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct seen seen = {.grace_us = FOREVER};
  struct site site = site_for(&seen, by, NULL);
  site_open(&site);
  struct caller c = call(&site, by);
  struct wire *w = c.w;
  wait_for_running(&seen, 1);
  if (w) {
    stream_finish(w->s);
    CHECK_ERR(wire_end(w), ERR_NETWORK);
  }
  CHECK_INT(seen.running, 1);
  seen.stop = true;
  wait_for_running(&seen, 0);
  caller_free(&c);
  site_close(&site);
}
static void test_a_client_that_stops_sending_is_let_go_at_once(void **state) {
  for (int by = PLAIN; by <= TLS; by++)
    run_fiber(check_half_closed, &by);
}

static void write_much(struct site *site, struct http_request *rq) {
  static char block[1 << 20];
  struct seen *seen = site->data;
  struct text body, piece = {block, sizeof(block)};
  CHECK_ERR(http_request_body(rq, 100, &body, NULL), ERR_OK);
  http_request_cancel_after(rq, seen->grace_us);
  http_request_cancel_on_disconnect(rq, true);
  CHECK_ERR(http_respond_start(rq, 200, NULL, 0), ERR_OK);
  seen->running++;
  do
    seen->write = http_respond_write(rq, &piece, 1);
  while (!seen->write);
  seen->gone_us = http_request_gone_us(rq);
  site->was_cancelled = fiber_is_cancelled(fiber_self());
  seen->running--;
}

static void check_blocked_write(void *arg) {
  const struct scene *s = arg;
  struct balance before = balance_now();
  struct seen seen = {.grace_us = 5 * SECOND_US};
  struct site site = site_for(&seen, s->by, NULL);
  site.serve = write_much;
  site_open(&site);
  struct caller c = call(&site, s->by);
  if (c.h)
    c.h->hold_windows = true;
  wait_for_running(&seen, 1);
  settle();
  leave(&c, s->how);
  settle();
  settle();
  CHECK_INT(seen.running, 0);
  CHECK_ERR(seen.write, ERR_NETWORK);
  CHECK_INT(seen.gone_us > 0, 1);
  CHECK_INT(site.was_cancelled, 0);
  caller_free(&c);
  site_close(&site);
  check_balance(&before);
}
static void test_a_write_that_waits_fails_and_is_no_cancelling(void **state) { every_scene(check_blocked_write); }

/* The write timeout: a client that is there and takes nothing is as good as gone. */
static void check_deaf_client(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct seen seen = {.grace_us = FOREVER};
  struct site site = site_for(&seen, by, NULL);
  site.serve = write_much;
  site.options.write_timeout_us = 10 * MS_US;
  site_open(&site);
  struct caller c = call(&site, by);
  wait_for_running(&seen, 1);
  wait_for_running(&seen, 0);
  CHECK_ERR(seen.write, ERR_NETWORK);
  CHECK_INT(seen.gone_us > 0, 1);
  CHECK_INT(site.was_cancelled, 0);
  caller_free(&c);
  site_close(&site);
}
static void test_a_client_that_takes_nothing_counts_as_gone(void **state) { over_every_transport(check_deaf_client); }

static void check_many(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct balance before = balance_now();
  atomic_size_t places = 0;
  struct seen seen = {.grace_us = FOREVER};
  struct site site = site_for(&seen, by, &places);
  struct caller c[40];
  site_open(&site);
  for (size_t i = 0; i < COUNT_OF(c); i++)
    c[i] = call(&site, by);
  wait_for_running(&seen, COUNT_OF(c));
  for (size_t i = 0; i < COUNT_OF(c); i++)
    leave(&c[i], CLOSES);
  settle();
  settle();
  CHECK_INT(seen.running, COUNT_OF(c));
  CHECK_INT(atomic_load(&places), 0);
  CHECK_INT(open_descriptors(), before.descriptors + 2); /* the listener and its reserve */
  seen.stop = true;
  wait_for_running(&seen, 0);
  settle();
  CHECK_INT(http_server_connections(site.srv), 0);
  for (size_t i = 0; i < COUNT_OF(c); i++)
    caller_free(&c[i]);
  site_close(&site);
  check_balance(&before);
}
static void test_many_that_left_hold_neither_descriptors_nor_places(void **state) { over_every_transport(check_many); }

/* --- HTTP/1.1: what is unread --- */
static void wait_watching(struct site *site, struct http_request *rq) {
  http_request_cancel_on_disconnect(rq, true);
  CHECK_INT(http_request_client_is_gone(rq), 0);
  enum err e = fiber_park(after(50 * MS_US));
  site->was_cancelled = e == ERR_CANCELLED;
  http_request_cancel_on_disconnect(rq, false);
  site->last = http_request_client_is_gone(rq) ? ERR_CANCELLED : ERR_OK;
  (void)!http_respond(rq, 200, NULL, 0, TEXT("x"));
}

static void watch_the_first(struct site *site, struct http_request *rq) {
  if (text_equal(rq->path, TEXT("/1")))
    wait_watching(site, rq);
  else
    CHECK_ERR(http_respond(rq, 200, NULL, 0, rq->path), ERR_OK);
}

/* A request that waits unread says that the client wants its answers, although it will send nothing more. */
static void check_half_closed_pipeline(void *arg) {
  struct site site = site_options();
  site.serve = watch_the_first;
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT(GET("/1")));
  settle();
  wire_send(w, TEXT(GET("/2")));
  stream_finish(w->s);
  CHECK_INT(wire_answer(w), 200);
  CHECK_INT(wire_answer(w), 200);
  CHECK_TEXT(wire_text(w), TEXT("/2"));
  CHECK_INT(site.was_cancelled, 0);
  CHECK_ERR(site.last, ERR_OK);
  CHECK_ERR(wire_end(w), ERR_END);
  wire_close(w);
  site_close(&site);
}
static void test_unread_requests_ahead_of_the_end_are_not_a_disconnect(void **state) {
  run_fiber(check_half_closed_pipeline, NULL);
}

static void check_reset_pipeline(void *arg) {
  struct site site = site_options();
  site.serve = watch_the_first;
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT(GET("/1")));
  settle();
  wire_send(w, TEXT(GET("/2")));
  settle();
  stream_close(w->s, true);
  w->s = NULL;
  settle();
  CHECK_INT(site.was_cancelled, 1);
  CHECK_INT(http_server_connections(site.srv), 0);
  wire_close(w);
  site_close(&site);
}
static void test_unread_requests_do_not_hide_a_reset(void **state) { run_fiber(check_reset_pipeline, NULL); }

static void look_late(struct site *site, struct http_request *rq) {
  struct seen *seen = site->data;
  struct text body;
  CHECK_ERR(http_request_body(rq, 100, &body, NULL), ERR_OK);
  seen->running++;
  while (!seen->stop)
    CHECK_ERR(fiber_sleep(MS_US / 2), ERR_OK);
  http_request_cancel_after(rq, seen->grace_us);
  http_request_cancel_on_disconnect(rq, true);
  seen->gone_us = http_request_gone_us(rq);
  site->last = fiber_park(after(50 * MS_US));
  seen->running--;
}

/* It left before anybody wanted to know: the grace counts from then. */
static void check_already_gone(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct seen seen = {.grace_us = 5 * MS_US};
  struct site site = site_for(&seen, by, NULL);
  site.serve = look_late;
  site_open(&site);
  struct caller c = call(&site, by);
  wait_for_running(&seen, 1);
  int64_t left_us = loop_now_us(loop_current());
  leave(&c, CLOSES);
  CHECK_ERR(fiber_sleep(10 * MS_US), ERR_OK);
  CHECK_INT(seen.running, 1); /* it did not ask to be cancelled */
  seen.stop = true;
  wait_for_running(&seen, 0);
  CHECK_ERR(site.last, ERR_CANCELLED);
  CHECK_INT(seen.gone_us >= left_us && seen.gone_us < left_us + 8 * MS_US, 1);
  caller_free(&c);
  site_close(&site);
}
static void test_a_client_that_left_earlier_is_noticed(void **state) { over_every_transport(check_already_gone); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_within_the_grace_the_fiber_goes_on_and_the_socket_is_closed),
      cmocka_unit_test(test_when_the_grace_is_over_the_fiber_is_cancelled),
      cmocka_unit_test(test_without_a_grace_the_fiber_is_cancelled_at_once),
      cmocka_unit_test(test_another_grace_takes_effect_while_the_client_is_gone),
      cmocka_unit_test(test_a_pending_grace_can_be_stopped),
      cmocka_unit_test(test_closing_the_server_knows_no_grace),
      cmocka_unit_test(test_a_client_that_stops_sending_is_let_go_at_once),
      cmocka_unit_test(test_a_write_that_waits_fails_and_is_no_cancelling),
      cmocka_unit_test(test_a_client_that_takes_nothing_counts_as_gone),
      cmocka_unit_test(test_many_that_left_hold_neither_descriptors_nor_places),
      cmocka_unit_test(test_unread_requests_ahead_of_the_end_are_not_a_disconnect),
      cmocka_unit_test(test_unread_requests_do_not_hide_a_reset),
      cmocka_unit_test(test_a_client_that_left_earlier_is_noticed),
  };
  callers_start();
  cmocka_set_message_output(CM_OUTPUT_TAP);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  callers_stop();
  return failed;
}
