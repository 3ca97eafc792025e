#include "net/stream_plain.h"

#include "net_fixture.h"

static void wait_until_readable(struct stream *s) { CHECK_ERR(stream_wait_readable(s, after(5 * SECOND_US)), ERR_OK); }

static void flags_first(void *arg) {
  (void)arg;
  struct pair p = stream_pair(0);
  char got[8];
  size_t n = 0;
  CHECK_ERR(send_text(p.a, "data"), ERR_OK);
  wait_until_readable(p.b);
  p.b->watch.readable = false;
  CHECK_ERR(socket_try_read(&p.b->watch, got, sizeof(got), &n), ERR_AGAIN);
  p.b->watch.readable = true;
  CHECK_ERR(socket_try_read(&p.b->watch, got, sizeof(got), &n), ERR_OK);
  CHECK_INT(n, 4);
  struct iovec piece = {got, 4};
  p.a->watch.writable = false;
  CHECK_ERR(socket_try_write(&p.a->watch, &piece, 1, &n), ERR_AGAIN);
  p.b->watch.readable = true;
  CHECK_ERR(socket_try_read(&p.b->watch, got, sizeof(got), &n), ERR_AGAIN);
  stream_close(p.a, false);
  stream_close(p.b, false);
}
static void without_readiness_nothing_is_asked_of_the_kernel(void **state) { run_fiber(flags_first, NULL); }

static void short_reads(void *arg) {
  (void)arg;
  struct pair p = stream_pair(0);
  char got[4];
  size_t n = 0;
  CHECK_ERR(send_text(p.a, "123456"), ERR_OK);
  wait_until_readable(p.b);
  CHECK_ERR(socket_try_read(&p.b->watch, got, 4, &n), ERR_OK);
  CHECK_INT(n, 4);
  CHECK_INT(p.b->watch.readable, 1);
  CHECK_ERR(socket_try_read(&p.b->watch, got, 4, &n), ERR_OK);
  CHECK_INT(n, 2);
  CHECK_INT(p.b->watch.readable, 0);
  stream_close(p.a, false);
  stream_close(p.b, false);
}
static void a_short_read_proves_the_socket_empty_and_a_full_one_does_not(void **state) { run_fiber(short_reads, NULL); }

static void short_read_before_fin(void *arg) {
  (void)arg;
  struct pair p = stream_pair(0);
  char got[8];
  size_t n = 0;
  CHECK_ERR(send_text(p.a, "last"), ERR_OK);
  stream_close(p.a, false);
  for (int i = 0; i < 1000 && !p.b->watch.hung_up; i++)
    CHECK_ERR(fiber_sleep(100), ERR_OK);
  CHECK_ERR(socket_try_read(&p.b->watch, got, sizeof(got), &n), ERR_OK);
  CHECK_INT(n, 4);
  CHECK_INT(p.b->watch.readable, 1);
  CHECK_ERR(socket_try_read(&p.b->watch, got, sizeof(got), &n), ERR_END);
  stream_close(p.b, false);
}
static void after_a_hang_up_a_short_read_leaves_the_fin_to_be_read(void **state) {
  run_fiber(short_read_before_fin, NULL);
}

static void full_socket(void *arg) {
  (void)arg;
  struct pair p = stream_pair(4096);
  static char lots[1024 * 1024];
  struct iovec piece = {lots, sizeof(lots)};
  size_t n = 0;
  CHECK_ERR(stream_wait_writable(p.a, after(SECOND_US)), ERR_OK);
  CHECK_ERR(socket_try_write(&p.a->watch, &piece, 1, &n), ERR_OK);
  CHECK_INT(n > 0 && n < sizeof(lots), 1);
  CHECK_INT(p.a->watch.writable, 0);
  p.a->watch.writable = true;
  enum err e = ERR_OK;
  for (int i = 0; i < 100 && e == ERR_OK; i++, p.a->watch.writable |= e == ERR_OK)
    e = socket_try_write(&p.a->watch, &piece, 1, &n);
  CHECK_ERR(e, ERR_AGAIN);
  CHECK_INT(p.a->watch.writable, 0);
  stream_close(p.a, true);
  stream_close(p.b, true);
}
static void a_partial_write_means_the_socket_is_full(void **state) { run_fiber(full_socket, NULL); }

static void released(void *arg) {
  (void)arg;
  struct pair p = stream_pair(0);
  char got[2];
  int fd = stream_plain_release(p.b);
  CHECK_ERR(send_text(p.a, "ok"), ERR_OK);
  struct stream *again = stream_of(fd);
  CHECK_ERR(read_exactly(again, got, 2), ERR_OK);
  stream_close(again, false);
  stream_close(p.a, false);
}
static void a_released_socket_stays_open_and_can_be_watched_again(void **state) { run_fiber(released, NULL); }

static void totals_count_every_piece(void **state) {
  const struct iovec iov[3] = {{NULL, 0}, {NULL, 5}, {NULL, 7}};
  assert_int_equal(iovec_total(iov, 3), 12);
  assert_int_equal(iovec_total(iov, 0), 0);
}

static void bad_fd(void *arg) {
  (void)arg;
  struct stream *s = NULL;
  CHECK_ERR(stream_plain_new(loop_current(), open("/dev/null", O_RDONLY | O_CLOEXEC), &s), ERR_SYSTEM);
}
static void a_descriptor_that_cannot_be_watched_is_refused_and_closed(void **state) {
  int before = dup(0);
  close(before);
  run_fiber(bad_fd, NULL);
  int now = dup(0);
  close(now);
  assert_int_equal(now, before);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_readiness_nothing_is_asked_of_the_kernel),
      cmocka_unit_test(a_short_read_proves_the_socket_empty_and_a_full_one_does_not),
      cmocka_unit_test(after_a_hang_up_a_short_read_leaves_the_fin_to_be_read),
      cmocka_unit_test(a_partial_write_means_the_socket_is_full),
      cmocka_unit_test(a_released_socket_stays_open_and_can_be_watched_again),
      cmocka_unit_test(totals_count_every_piece),
      cmocka_unit_test(a_descriptor_that_cannot_be_watched_is_refused_and_closed),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
