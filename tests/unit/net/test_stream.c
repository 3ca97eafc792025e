#include "net_fixture.h"

#include <pthread.h>
#include <stdlib.h>

/* --- torture --- */
struct transfer {
  struct stream *s;
  size_t bytes, step;
  enum err result;
  bool had_to_wait;
};

static void write_steps(void *arg) {
  struct transfer *t = arg;
  char *data = malloc(t->bytes);
  for (size_t i = 0; i < t->bytes; i++)
    data[i] = pattern(i);
  for (size_t at = 0; at < t->bytes && t->result == ERR_OK; at += t->step) {
    struct iovec piece = {data + at, t->bytes - at < t->step ? t->bytes - at : t->step};
    t->result = stream_write(t->s, &piece, 1, after(20 * SECOND_US));
    t->had_to_wait |= !t->s->watch.writable;
  }
  free(data);
}

static size_t read_steps(struct stream *s, size_t bytes, size_t step) {
  char *into = malloc(step);
  size_t have = 0, wrong = 0, n = 0;
  while (have < bytes && stream_read(s, into, step, after(20 * SECOND_US), &n) == ERR_OK) {
    for (size_t i = 0; i < n; i++)
      wrong += into[i] != pattern(have + i);
    have += n;
    if (have % 7 == 0)
      CHECK_ERR(fiber_yield(), ERR_OK);
  }
  free(into);
  CHECK_INT(wrong, 0);
  return have;
}

static void ones(void *arg) {
  (void)arg;
  struct pair p = stream_pair(0);
  struct transfer t = {.s = p.a, .bytes = 3000, .step = 1};
  start(write_steps, &t);
  CHECK_INT(read_steps(p.b, t.bytes, 1), t.bytes);
  CHECK_ERR(t.result, ERR_OK);
  CHECK_INT(p.a->bytes_out, 3000);
  CHECK_INT(p.b->bytes_in, 3000);
  stream_close(p.a, false);
  CHECK_ERR(next_read(p.b), ERR_END);
  stream_close(p.b, false);
}
static void one_byte_reads_and_writes_carry_every_byte(void **state) { run_fiber(ones, NULL); }

static void slow_reader(void *arg) {
  (void)arg;
  struct pair p = stream_pair(4096);
  struct transfer t = {.s = p.a, .bytes = 2 * 1024 * 1024, .step = 1024 * 1024};
  start(write_steps, &t);
  for (int i = 0; i < 20000 && (p.a->bytes_out == 0 || p.a->watch.writable); i++)
    CHECK_ERR(fiber_yield(), ERR_OK);
  CHECK_INT(p.a->bytes_out > 0 && p.a->bytes_out < t.bytes, 1);
  CHECK_INT(p.a->watch.writable, 0);
  CHECK_INT(read_steps(p.b, t.bytes, 3001), t.bytes);
  CHECK_ERR(t.result, ERR_OK);
  CHECK_INT(p.a->bytes_out, t.bytes);
  stream_close(p.a, false);
  stream_close(p.b, false);
}
static void a_slow_reader_holds_the_writer_back_and_nothing_is_lost(void **state) { run_fiber(slow_reader, NULL); }

static void many_pieces(void *arg) {
  (void)arg;
  struct pair p = stream_pair(0);
  static char letters[1024];
  static struct iovec iov[1024];
  static char got[1024];
  for (size_t i = 0; i < 1024; i++) {
    letters[i] = pattern(i);
    iov[i] = (struct iovec){letters + i, i % 3 != 0};
  }
  CHECK_ERR(stream_write(p.a, iov, 1024, after(SECOND_US)), ERR_OK);
  CHECK_INT(p.a->bytes_out, 682);
  CHECK_ERR(read_exactly(p.b, got, 682), ERR_OK);
  size_t at = 0, wrong = 0;
  for (size_t i = 0; i < 1024; i++)
    if (i % 3 != 0)
      wrong += got[at++] != letters[i];
  CHECK_INT(wrong, 0);
  struct iovec nothing[2] = {{letters, 0}, {NULL, 0}};
  CHECK_ERR(stream_write(p.a, nothing, 2, after(SECOND_US)), ERR_OK);
  CHECK_ERR(stream_write(p.a, nothing, 0, after(SECOND_US)), ERR_OK);
  stream_close(p.a, false);
  stream_close(p.b, false);
}
static void empty_pieces_and_1024_pieces_are_written_whole(void **state) { run_fiber(many_pieces, NULL); }

/* --- ends --- */
static void polite_end(void *arg) {
  (void)arg;
  struct pair p = stream_pair(0);
  char got[3];
  CHECK_ERR(send_text(p.a, "bye"), ERR_OK);
  stream_close(p.a, false);
  CHECK_ERR(read_exactly(p.b, got, 3), ERR_OK);
  CHECK_ERR(next_read(p.b), ERR_END);
  CHECK_ERR(next_read(p.b), ERR_END);
  CHECK_INT(stream_is_hung_up(p.b), 1);
  stream_close(p.b, false);
}
static void a_polite_close_is_an_end_after_the_last_byte(void **state) { run_fiber(polite_end, NULL); }

static void reset_end(void *arg) {
  (void)arg;
  struct pair p = stream_pair(0);
  stream_close(p.a, true);
  CHECK_ERR(next_read(p.b), ERR_NETWORK);
  CHECK_ERR(send_text(p.b, "x"), ERR_NETWORK);
  stream_close(p.b, false);
}
static void a_reset_is_a_network_error_for_reads_and_writes(void **state) { run_fiber(reset_end, NULL); }

static void half_close(void *arg) {
  (void)arg;
  struct pair p = stream_pair(0);
  char got[5];
  stream_finish(p.a);
  CHECK_ERR(next_read(p.b), ERR_END);
  CHECK_ERR(send_text(p.b, "still"), ERR_OK);
  CHECK_ERR(read_exactly(p.a, got, 5), ERR_OK);
  CHECK_TEXT(((struct text){got, 5}), TEXT("still"));
  stream_close(p.b, false);
  stream_close(p.a, false);
  stream_close(NULL, false);
}
static void after_finish_the_peer_sees_the_end_and_can_still_answer(void **state) { run_fiber(half_close, NULL); }

/* --- waits --- */
struct waiter {
  struct stream *s;
  enum err result;
  bool is_done;
};
static void read_forever(void *arg) {
  struct waiter *w = arg;
  w->result = next_read(w->s);
  w->is_done = true;
}

static void hang_up(void *arg) {
  (void)arg;
  struct pair p = stream_pair(0);
  CHECK_ERR(fiber_yield(), ERR_OK);
  CHECK_INT(stream_is_hung_up(p.b), 0);
  stream_close(p.a, false);
  for (int i = 0; i < 1000 && !stream_is_hung_up(p.b); i++)
    CHECK_ERR(fiber_yield(), ERR_OK);
  CHECK_INT(stream_is_hung_up(p.b), 1);
  stream_close(p.b, false);
}
static void a_hang_up_is_seen_while_nobody_reads(void **state) { run_fiber(hang_up, NULL); }

static void deadlines(void *arg) {
  (void)arg;
  struct pair p = stream_pair(4096);
  char c;
  size_t n = 77;
  static char lots[4 * 1024 * 1024];
  struct iovec piece = {lots, sizeof(lots)};
  CHECK_ERR(stream_read(p.b, &c, 1, after(5000), &n), ERR_TIMEOUT);
  CHECK_INT(n, 77);
  CHECK_ERR(stream_write(p.a, &piece, 1, after(5000)), ERR_TIMEOUT);
  stream_close(p.a, true);
  stream_close(p.b, true);
}
static void reads_and_writes_end_at_their_deadline(void **state) { run_fiber(deadlines, NULL); }

static void cancelled(void *arg) {
  (void)arg;
  struct pair p = stream_pair(0);
  struct waiter w = {.s = p.b};
  struct fiber *f = start(read_forever, &w);
  CHECK_ERR(fiber_yield(), ERR_OK);
  fiber_cancel(f);
  CHECK_ERR(fiber_yield(), ERR_OK);
  CHECK_INT(w.is_done, 1);
  CHECK_ERR(w.result, ERR_CANCELLED);
  stream_close(p.a, false);
  stream_close(p.b, false);
}
static void a_cancelled_read_says_so(void **state) { run_fiber(cancelled, NULL); }

static void *other_scratch(void *arg) {
  (void)arg;
  char *mine = stream_scratch();
  memset(mine, 1, STREAM_SCRATCH_BYTES);
  return mine == stream_scratch() ? mine : NULL;
}
static void every_thread_has_one_scratch_of_its_own(void **state) {
  pthread_t thread;
  void *other = NULL;
  char *mine = stream_scratch();
  memset(mine, 7, STREAM_SCRATCH_BYTES);
  assert_int_equal(pthread_create(&thread, NULL, other_scratch, NULL), 0);
  assert_int_equal(pthread_join(thread, &other), 0);
  assert_non_null(other);
  assert_ptr_not_equal(other, mine);
  assert_ptr_equal(stream_scratch(), mine);
  assert_int_equal(mine[STREAM_SCRATCH_BYTES - 1], 7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_byte_reads_and_writes_carry_every_byte),
      cmocka_unit_test(a_slow_reader_holds_the_writer_back_and_nothing_is_lost),
      cmocka_unit_test(empty_pieces_and_1024_pieces_are_written_whole),
      cmocka_unit_test(a_polite_close_is_an_end_after_the_last_byte),
      cmocka_unit_test(a_reset_is_a_network_error_for_reads_and_writes),
      cmocka_unit_test(after_finish_the_peer_sees_the_end_and_can_still_answer),
      cmocka_unit_test(a_hang_up_is_seen_while_nobody_reads),
      cmocka_unit_test(reads_and_writes_end_at_their_deadline),
      cmocka_unit_test(a_cancelled_read_says_so),
      cmocka_unit_test(every_thread_has_one_scratch_of_its_own),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
