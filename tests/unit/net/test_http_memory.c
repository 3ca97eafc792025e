/* The account of memory: its arithmetic, what bodies of requests are charged to it, and that nothing stays charged
 * whatever the end of a request was. */
#include "http_callers.h"

#include <pthread.h>

#define KB 1024

/* --- arithmetic --- */
static void test_what_fits_is_taken_and_given_back(void **state) {
  struct http_memory m = {.max = 100};
  assert_int_equal(http_memory_take(&m, 60), ERR_OK);
  assert_int_equal(http_memory_take(&m, 41), ERR_OVERLOADED);
  assert_int_equal(atomic_load(&m.used), 60);
  assert_int_equal(http_memory_take(&m, SIZE_MAX), ERR_OVERLOADED);
  assert_int_equal(http_memory_take(&m, SIZE_MAX - 59), ERR_OVERLOADED);
  assert_true(http_memory_has_room(&m, 40));
  assert_false(http_memory_has_room(&m, 41));
  assert_int_equal(http_memory_take(&m, 40), ERR_OK);
  assert_int_equal(http_memory_take(&m, 1), ERR_OVERLOADED);
  assert_int_equal(http_memory_take(&m, 0), ERR_OK);
  http_memory_give(&m, 70);
  assert_int_equal(atomic_load(&m.used), 30);
  http_memory_give(&m, 30);
  assert_int_equal(atomic_load(&m.used), 0);
}

static void test_the_limit_may_change_below_what_is_used(void **state) {
  struct http_memory m = {.max = 100};
  assert_int_equal(http_memory_take(&m, 80), ERR_OK);
  atomic_store(&m.max, 50);
  assert_int_equal(http_memory_take(&m, 1), ERR_OVERLOADED);
  assert_false(http_memory_has_room(&m, 1));
  http_memory_give(&m, 40);
  assert_int_equal(http_memory_take(&m, 10), ERR_OK);
  assert_int_equal(http_memory_take(&m, 1), ERR_OVERLOADED);
  atomic_store(&m.max, 0);
  assert_int_equal(http_memory_take(&m, 1000), ERR_OK);
  http_memory_give(&m, 1050);
  assert_int_equal(atomic_load(&m.used), 0);
}

static void test_without_an_account_there_is_always_room(void **state) {
  assert_int_equal(http_memory_take(NULL, SIZE_MAX), ERR_OK);
  assert_true(http_memory_has_room(NULL, SIZE_MAX));
  http_memory_give(NULL, SIZE_MAX);
}

static void test_a_client_is_told_to_come_again(void **state) {
  struct fault f = {0};
  assert_int_equal(http_memory_fault(&f), ERR_OVERLOADED);
  assert_int_equal(f.err, ERR_OVERLOADED);
  assert_int_equal(f.retry_after_s, 1);
  assert_non_null(strstr(f.text, "try again later"));
  assert_int_equal(http_memory_fault(NULL), ERR_OVERLOADED);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *take_and_give(void *account) {
  struct http_memory *m = account;
  size_t over = 0;
  for (int i = 0; i < ROUNDS; i++) {
    if (http_memory_take(m, 30) != ERR_OK)
      continue;
    over += atomic_load(&m->used) > 100;
    http_memory_give(m, 30);
  }
  return (void *)over;
}

static void test_threads_never_pass_the_limit_together(void **state) {
  struct http_memory m = {.max = 100};
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &m), 0);
  for (size_t i = 0; i < THREADS; i++) {
    void *over = NULL;
    assert_int_equal(pthread_join(threads[i], &over), 0);
    assert_null(over);
  }
  assert_int_equal(atomic_load(&m.used), 0);
}

/* --- bodies --- */
static char bytes[512 * KB];

static struct text body_of(size_t n) { return (struct text){bytes, n}; }

static struct site charging(struct http_memory *m, enum transport by) {
  struct site site = site_options();
  site.options.memory = m;
  use_transport(&site, by);
  return site;
}

static void serve_charged(struct site *site, struct http_request *rq) {
  struct http_memory *m = site->options.memory;
  struct text body;
  CHECK_ERR(http_request_body(rq, sizeof(bytes), &body, NULL), ERR_OK);
  size_t used = atomic_load(&m->used);
  CHECK_INT(used >= body.len && used <= 2 * body.len + 32 * KB, 1);
  if (site->data)
    http_request_drop_body(rq);
  if (site->data)
    CHECK_INT(atomic_load(&m->used), 0);
  CHECK_ERR(http_respond(rq, 200, NULL, 0, TEXT("ok")), ERR_OK);
}

static void check_charged(void *arg) {
  enum transport by = *(enum transport *)arg;
  static const size_t sizes[] = {1, 1000, 100 * KB, 512 * KB};
  struct http_memory m = {.max = 2048 * KB};
  struct site site = charging(&m, by);
  site.serve = serve_charged;
  site_open(&site);
  struct caller c = caller_open(&site, by);
  for (size_t i = 0; i < 2 * COUNT_OF(sizes); i++) {
    site.data = i % 2 ? &site : NULL;
    caller_post(&c, sizes[i / 2], body_of(sizes[i / 2]));
    CHECK_INT(caller_answer(&c), 200);
    settle();
    CHECK_INT(atomic_load(&m.used), 0);
  }
  caller_free(&c);
  site_close(&site);
}
static void test_a_body_is_charged_while_it_is_held(void **state) { over_every_transport(check_charged); }

static void check_announced(void *arg) {
  enum transport by = *(enum transport *)arg;
  struct http_memory m = {.max = 100 * KB};
  struct site site = charging(&m, by);
  site_open(&site);
  struct caller c = caller_open(&site, by);
  caller_post(&c, 101 * KB, TEXT_NONE);
  CHECK_INT(caller_answer(&c), 529);
  CHECK_TEXT(caller_text(&c), TEXT("there is no memory left for this request, try again later"));
  CHECK_ERR(site.last, ERR_OVERLOADED);
  CHECK_INT(atomic_load(&m.used), 0);
  caller_free(&c);
  atomic_store(&m.max, 200 * KB); /* as a new configuration would */
  site.serve = serve_charged;
  c = caller_open(&site, by);
  caller_post(&c, 101 * KB, body_of(101 * KB));
  CHECK_INT(caller_answer(&c), 200);
  caller_free(&c);
  site_close(&site);
  settle();
  CHECK_INT(atomic_load(&m.used), 0);
}
static void test_an_announced_body_that_cannot_fit_is_refused_unread(void **state) {
  over_every_transport(check_announced);
}

static void check_no_continue(void *arg) {
  struct http_memory m = {.max = 10};
  struct site site = charging(&m, PLAIN);
  site_open(&site);
  struct wire *w = wire_open(&site);
  wire_send(w, TEXT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"));
  CHECK_INT(wire_answer(w), 529);
  wire_close(w);
  site_close(&site);
}
static void test_a_body_that_cannot_fit_is_not_asked_for(void **state) { run_fiber(check_no_continue, NULL); }

/* Its length is not known before it has come. */
static void check_chunked(void *arg) {
  struct http_memory m = {.max = 100 * KB};
  struct site site = charging(&m, PLAIN);
  site_open(&site);
  struct wire *w = wire_open(&site);
  struct buf all;
  buf_init(&all, 1 << 20);
  buf_add(&all, TEXT("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n32000\r\n"));
  buf_add(&all, body_of(200 * KB));
  wire_send(w, buf_text(&all));
  CHECK_INT(wire_answer(w), 529);
  CHECK_ERR(site.last, ERR_OVERLOADED);
  CHECK_INT(atomic_load(&m.used), 0);
  buf_done(&all);
  wire_close(w);
  site_close(&site);
}
static void test_a_body_of_unknown_length_is_refused_when_it_has_grown(void **state) { run_fiber(check_chunked, NULL); }

static void wait_then_echo(struct site *site, struct http_request *rq) {
  struct fiber **handler = site->data;
  *handler = fiber_self();
  CHECK_ERR(fiber_park(after(5 * SECOND_US)), ERR_OK);
  http_request_drop_body(rq); /* has not been read: nothing to drop */
  site_echo(site, rq);
}

/* HTTP/2 takes in what the window allows before anybody reads: that is charged, too, and refused while nobody listens
 * or while the handler reads. */
static void check_stream(bool reads) {
  struct fiber *handler = NULL;
  struct http_memory m = {.max = 100 * KB};
  struct site site = charging(&m, HTTP2);
  site.data = &handler;
  if (!reads)
    site.serve = wait_then_echo;
  site_open(&site);
  struct h2 *h = h2_open(&site);
  struct h2_reply *fits = h2_post(h, "/", body_of(40 * KB), true);
  for (int i = 0; i < 20; i++)
    h2_settle(h);
  struct fiber *first = handler;
  struct h2_reply *r = h2_post(h, "/", body_of(200 * KB), false);
  for (int i = 0; i < 20; i++)
    h2_settle(h);
  size_t used = atomic_load(&m.used);
  CHECK_INT(used >= 40 * KB && used <= 80 * KB, 1); /* of the other nothing is left */
  if (!reads)
    fiber_wake(handler);
  CHECK_INT(h2_answer(h, r), 529);
  CHECK_ERR(site.last, ERR_OVERLOADED);
  fits->upload_open = false;
  CHECK_INT(nghttp2_session_resume_data(h->ng, fits->id), 0);
  if (!reads)
    fiber_wake(first);
  CHECK_INT(h2_answer(h, fits), 200);
  CHECK_INT(fits->body.len, 40 * KB + 7);
  settle();
  CHECK_INT(atomic_load(&m.used), 0);
  h2_close(h);
  site_close(&site);
}
static void check_streams(void *arg) {
  check_stream(true);
  check_stream(false);
}
static void test_what_comes_in_over_a_stream_is_charged_read_or_not(void **state) { run_fiber(check_streams, NULL); }

/* --- every ending --- */
enum how { SLOW, TOO_LARGE, CUT_OFF, CANCELLED, SERVER_CLOSES, SILENT, ABORTED, ENDINGS };
struct ending {
  enum transport by;
  enum how how;
};

static void end_somehow(struct site *site, struct http_request *rq) {
  const struct ending *ending = site->data;
  struct text body;
  struct fault f = {0};
  site->last = http_request_body(rq, ending->how == TOO_LARGE ? 30 * KB : sizeof(bytes), &body, &f);
  if (site->last == ERR_REQUEST_TIMEOUT || site->last == ERR_TOO_LARGE)
    CHECK_ERR(http_respond(rq, fault_status(&f), NULL, 0, TEXT_NONE), ERR_OK);
  if (site->last)
    return;
  http_request_cancel_on_disconnect(rq, true);
  if (ending->how == CANCELLED)
    site->last = fiber_park(after(5 * SECOND_US));
  if (ending->how == ABORTED)
    http_respond_abort(rq);
}

static void check_ending(void *arg) {
  const struct ending *ending = arg;
  static const int want[ENDINGS] = {[SLOW] = 408, [TOO_LARGE] = 413, [SILENT] = 500};
  struct http_memory m = {.max = 2048 * KB};
  struct site site = charging(&m, ending->by);
  site.serve = end_somehow;
  site.data = (void *)(uintptr_t)ending;
  if (ending->how == SLOW)
    site.options.body_timeout_us = 200 * MS_US;
  site_open(&site);
  struct caller c = caller_open(&site, ending->by);
  size_t half = ending->how <= CUT_OFF || ending->how == SERVER_CLOSES ? 50 * KB : 0;
  caller_post(&c, 50 * KB + half, body_of(50 * KB));
  bool holds = ending->how == SLOW || (ending->how >= CUT_OFF && ending->how <= SERVER_CLOSES);
  for (int i = 0; i < 20000 && holds && atomic_load(&m.used) < 50 * KB; i++)
    CHECK_ERR(fiber_sleep(100), ERR_OK);
  CHECK_INT(atomic_load(&m.used) >= 50 * KB, holds);
  if (ending->how == CUT_OFF || ending->how == CANCELLED)
    leave(&c, RESETS);
  else if (ending->how == SERVER_CLOSES)
    site_close(&site);
  else
    CHECK_INT(caller_answer(&c), want[ending->how]);
  settle();
  settle();
  CHECK_INT(atomic_load(&m.used), 0);
  caller_free(&c);
  if (ending->how != SERVER_CLOSES)
    site_close(&site);
}
static void test_nothing_stays_charged_whatever_the_end(void **state) {
  for (int by = 0; by < TRANSPORTS; by++)
    for (int how = 0; how < ENDINGS; how++) {
      struct ending e = {(enum transport)by, (enum how)how};
      run_fiber(check_ending, &e);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_fits_is_taken_and_given_back),
      cmocka_unit_test(test_the_limit_may_change_below_what_is_used),
      cmocka_unit_test(test_without_an_account_there_is_always_room),
      cmocka_unit_test(test_a_client_is_told_to_come_again),
      cmocka_unit_test(test_threads_never_pass_the_limit_together),
      cmocka_unit_test(test_a_body_is_charged_while_it_is_held),
      cmocka_unit_test(test_an_announced_body_that_cannot_fit_is_refused_unread),
      cmocka_unit_test(test_a_body_that_cannot_fit_is_not_asked_for),
      cmocka_unit_test(test_a_body_of_unknown_length_is_refused_when_it_has_grown),
      cmocka_unit_test(test_what_comes_in_over_a_stream_is_charged_read_or_not),
      cmocka_unit_test(test_nothing_stays_charged_whatever_the_end),
  };
  memset(bytes, 'b', sizeof(bytes));
  callers_start();
  cmocka_set_message_output(CM_OUTPUT_TAP);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  callers_stop();
  return failed;
}
