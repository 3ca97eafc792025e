/* Idle upstream connections: order, number, age, and what happens on them while nobody looks. */
#include "net/http_pool.h"

#include "net_fixture.h"

struct bench {
  struct http_pool pool;
  struct http_origin *origin;
};

static void bench_open(struct bench *b, size_t max_idle, int64_t idle_timeout_us) {
  struct http_client_options o = {.max_idle_per_origin = max_idle, .idle_timeout_us = idle_timeout_us};
  struct url u = {.host = TEXT("::1"), .port = 8080};
  http_pool_init(&b->pool, loop_current(), &o);
  b->origin = http_pool_add_origin(&b->pool, &u);
}

static void check_order(void *arg) {
  struct bench b;
  struct stream *ours[3], *theirs[3];
  bench_open(&b, 2, 10 * SECOND_US);
  CHECK_TEXT(b.origin->name, TEXT("[::1]:8080"));
  for (int i = 0; i < 3; i++) {
    struct pair p = stream_pair(0);
    ours[i] = p.a;
    theirs[i] = p.b;
    http_pool_put(b.origin, p.a);
  }
  CHECK_INT(b.pool.idle, 2);
  CHECK_ERR(next_read(theirs[0]), ERR_END);
  struct stream *first = http_pool_take(b.origin), *second = http_pool_take(b.origin);
  CHECK_INT(first == ours[2], 1);
  CHECK_INT(second == ours[1], 1);
  CHECK_INT(http_pool_take(b.origin) == NULL, 1);
  CHECK_INT(b.pool.idle, 0);
  stream_close(first, false);
  stream_close(second, false);
  for (int i = 0; i < 3; i++)
    stream_close(theirs[i], false);
  http_pool_done(&b.pool);
}
static void test_the_newest_goes_first_and_the_oldest_gives_way(void **state) { run_fiber(check_order, NULL); }

static void yield_a_little(void) {
  for (int i = 0; i < 10; i++)
    CHECK_ERR(fiber_yield(), ERR_OK);
}

static void check_events(void *arg) {
  struct bench b;
  bench_open(&b, 4, 10 * SECOND_US);
  struct pair closed = stream_pair(0), talking = stream_pair(0), quiet = stream_pair(0);
  http_pool_put(b.origin, quiet.a);
  http_pool_put(b.origin, closed.a);
  http_pool_put(b.origin, talking.a);
  stream_close(closed.b, false);
  CHECK_ERR(send_text(talking.b, "HTTP/1.1 408 Request Timeout\r\n\r\n"), ERR_OK);
  yield_a_little();
  CHECK_INT(b.pool.idle, 1);
  struct stream *s = http_pool_take(b.origin);
  CHECK_INT(s == quiet.a, 1);
  http_pool_put(b.origin, s);
  stream_close(talking.b, false);
  stream_close(quiet.b, false);
  http_pool_done(&b.pool);
}
static void test_a_connection_that_ends_or_speaks_while_idle_is_dropped(void **state) { run_fiber(check_events, NULL); }

static void check_put_doubtful(void *arg) {
  struct bench b;
  bench_open(&b, 4, 10 * SECOND_US);
  struct pair p = stream_pair(0);
  CHECK_ERR(send_text(p.b, "x"), ERR_OK);
  yield_a_little();
  http_pool_put(b.origin, p.a);
  CHECK_INT(b.pool.idle, 0);
  stream_close(p.b, false);
  http_pool_done(&b.pool);
}
static void test_a_connection_with_unread_bytes_is_not_taken_in(void **state) { run_fiber(check_put_doubtful, NULL); }

static void check_age(void *arg) {
  struct bench b;
  bench_open(&b, 4, 10000);
  struct pair p[2] = {stream_pair(0), stream_pair(0)};
  http_pool_put(b.origin, p[0].a);
  CHECK_ERR(fiber_sleep(4000), ERR_OK);
  http_pool_put(b.origin, p[1].a);
  CHECK_ERR(next_read(p[0].b), ERR_END);
  CHECK_INT(b.pool.idle <= 1, 1);
  CHECK_ERR(next_read(p[1].b), ERR_END);
  CHECK_INT(b.pool.idle, 0);
  CHECK_INT(loop_timer_is_running(&b.pool.timer), 0);
  stream_close(p[0].b, false);
  stream_close(p[1].b, false);
  http_pool_done(&b.pool);
}
static void test_connections_are_closed_at_their_age(void **state) { run_fiber(check_age, NULL); }

static void check_none_kept(void *arg) {
  struct bench b;
  bench_open(&b, 0, SECOND_US);
  struct pair p = stream_pair(0);
  http_pool_put(b.origin, p.a);
  CHECK_INT(b.pool.idle, 0);
  CHECK_ERR(next_read(p.b), ERR_END);
  stream_close(p.b, false);
  http_pool_done(&b.pool);
}
static void test_a_pool_of_none_keeps_none(void **state) { run_fiber(check_none_kept, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_newest_goes_first_and_the_oldest_gives_way),
      cmocka_unit_test(test_a_connection_that_ends_or_speaks_while_idle_is_dropped),
      cmocka_unit_test(test_a_connection_with_unread_bytes_is_not_taken_in),
      cmocka_unit_test(test_connections_are_closed_at_their_age),
      cmocka_unit_test(test_a_pool_of_none_keeps_none),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
