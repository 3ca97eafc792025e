/* Pretended time: hours pass within milliseconds, always to the next timer, and never past anything that can still
 * happen without time: ready fibers, messages, bytes on a loopback, a call on another thread. */
#include "fiber/loop.h"

#include "fiber/mailbox.h"
#include "fiber/offload.h"
#include "fiber_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOUR_US   INT64_C(3600000000)
#define MINUTE_US INT64_C(60000000)

static int64_t real_us(clockid_t which) {
  struct timespec t;
  clock_gettime(which, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct loop *pretending_loop(void) {
  struct loop *loop = test_loop_new();
  loop_pretend_time(loop, true);
  return loop;
}

/* Runs fn(arg) in a fiber of a loop with pretended time. */
static void pretend_run(void (*fn)(void *arg), void *arg) {
  struct loop *loop = pretending_loop();
  test_start(loop, fn, arg);
  loop_run(loop);
  loop_free(loop);
}

static void sleep_for_hours(void *arg) {
  int64_t before_us = loop_clock_us(), wall_us = loop_wall_us();
  (void)arg;
  for (int i = 1; i <= 100; i++) {
    assert_int_equal(fiber_sleep(HOUR_US), ERR_OK);
    assert_int_equal(loop_clock_us() - before_us, i * HOUR_US);
    assert_int_equal(loop_now_us(loop_current()) - before_us, i * HOUR_US);
    assert_int_equal(loop_wall_us() - wall_us, i * HOUR_US);
  }
}
static void a_hundred_hours_of_sleep_take_no_time_and_are_exact(void **state) {
  int64_t before_us = real_us(CLOCK_MONOTONIC);
  pretend_run(sleep_for_hours, NULL);
  assert_in_range(real_us(CLOCK_MONOTONIC) - before_us, 0, TEST_FAR_US);
}

static void the_clocks_start_from_the_real_ones_and_go_back_to_them(void **state) {
  int64_t before_us = real_us(CLOCK_MONOTONIC), wall_us = real_us(CLOCK_REALTIME);
  struct loop *loop = pretending_loop();
  assert_in_range(loop_clock_us(), before_us, before_us + TEST_FAR_US);
  assert_in_range(loop_wall_us(), wall_us, wall_us + TEST_FAR_US);
  assert_int_equal(loop_now_us(loop), loop_clock_us());
  loop_pretend_time(loop, true); /* on already: nothing happens */
  loop_pretend_pass(loop, HOUR_US);
  assert_true(loop_clock_us() >= before_us + HOUR_US);
  loop_pretend_time(loop, false);
  assert_in_range(loop_clock_us(), before_us, before_us + TEST_FAR_US);
  assert_in_range(loop_wall_us(), wall_us, wall_us + TEST_FAR_US);
  assert_in_range(loop_now_us(loop), before_us, before_us + TEST_FAR_US);
  loop_free(loop);
}

static void freeing_the_loop_ends_its_pretended_time_and_no_others(void **state) {
  struct loop *other = test_loop_new(), *loop = pretending_loop();
  loop_pretend_pass(loop, HOUR_US);
  int64_t now_us = loop_clock_us();
  loop_pretend_time(other, false);
  loop_free(other);
  assert_int_equal(loop_clock_us(), now_us);
  loop_free(loop);
  assert_true(loop_clock_us() < now_us);
}

static void work_without_waiting(void *arg) {
  int64_t before_us = loop_clock_us();
  (void)arg;
  for (int64_t until_us = real_us(CLOCK_MONOTONIC) + 3000; real_us(CLOCK_MONOTONIC) < until_us;) {
    assert_int_equal(fiber_yield(), ERR_OK);
  }
  assert_int_equal(loop_clock_us(), before_us);
  test_note("worked");
}
static void sleep_a_microsecond(void *arg) {
  (void)arg;
  assert_int_equal(fiber_sleep(1), ERR_OK);
  test_note("slept");
}
static void time_stands_still_while_a_fiber_is_ready(void **state) {
  struct loop *loop = pretending_loop();
  test_start(loop, sleep_a_microsecond, NULL);
  test_start(loop, work_without_waiting, NULL);
  loop_run(loop);
  loop_free(loop);
  assert_string_equal(test_trace, "worked slept");
}

struct marked_timer {
  struct loop_timer timer;
  const char *name;
  int64_t fired_us;
};
static void note_firing(struct loop_timer *t) {
  struct marked_timer *m = (struct marked_timer *)(void *)t;
  m->fired_us = loop_clock_us();
  test_note(m->name);
}
static struct marked_timer marked(const char *name) {
  return (struct marked_timer){.timer = LOOP_TIMER_INIT(note_firing), .name = name};
}

static void each_timer_fires_at_its_own_microsecond(void **state) {
  struct loop *loop = pretending_loop();
  struct marked_timer a = marked("a"), b = marked("b"), c = marked("c");
  int64_t now_us = loop_clock_us();
  loop_timer_start(loop, &c.timer, now_us + 1800 * INT64_C(1000000));
  loop_timer_start(loop, &a.timer, now_us + 1);
  loop_timer_start(loop, &b.timer, now_us + 2);
  loop_run(loop);
  assert_string_equal(test_trace, "a b c");
  assert_int_equal(a.fired_us - now_us, 1);
  assert_int_equal(b.fired_us - now_us, 2);
  assert_int_equal(c.fired_us - now_us, 1800 * INT64_C(1000000));
  loop_free(loop);
}

static void pass_by_hand(void *arg) {
  struct marked_timer *m = arg;
  struct loop *loop = loop_current();
  int64_t before_us = loop_clock_us();
  loop_timer_start(loop, &m->timer, before_us + HOUR_US);
  loop_pretend_pass(loop, HOUR_US - 1);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(fiber_yield(), ERR_OK);
  }
  assert_string_equal(test_trace, "");
  loop_pretend_pass(loop, 1);
  assert_string_equal(test_trace, "");
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_string_equal(test_trace, "m");
  loop_pretend_pass(loop, 0);
  assert_int_equal(loop_clock_us() - before_us, HOUR_US);
}
static void time_passed_by_hand_fires_what_is_due_in_the_next_turn(void **state) {
  struct marked_timer m = marked("m");
  pretend_run(pass_by_hand, &m);
}

static void time_passed_before_the_run_counts(void **state) {
  struct loop *loop = pretending_loop();
  struct marked_timer m = marked("m");
  int64_t before_us = loop_clock_us();
  loop_timer_start(loop, &m.timer, before_us + MINUTE_US);
  loop_pretend_pass(loop, HOUR_US);
  loop_run(loop);
  assert_int_equal(m.fired_us - before_us, HOUR_US);
  loop_free(loop);
}

static void wait_in_vain(void *arg) {
  int *fds = arg;
  struct loop_watch w = {0};
  assert_int_equal(loop_watch_add(loop_current(), &w, fds[0], false), ERR_OK);
  int64_t before_us = loop_clock_us();
  assert_int_equal(fiber_park(before_us + HOUR_US), ERR_TIMEOUT);
  assert_int_equal(loop_wait_readable(&w, before_us + 2 * HOUR_US), ERR_TIMEOUT);
  assert_int_equal(loop_clock_us() - before_us, 2 * HOUR_US);
  loop_watch_remove(&w);
}
static void deadlines_of_waits_follow(void **state) {
  int fds[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  pretend_run(wait_in_vain, fds);
  close(fds[0]);
  close(fds[1]);
}

/* Two fibers throw a byte back and forth, each with a deadline that one step of the clock would miss. */
struct player {
  int fd;
  size_t left;
  bool serves;
};
static void play(void *arg) {
  struct player *p = arg;
  struct loop_watch w = {0};
  int64_t before_us = loop_clock_us();
  char ball[3000] = "ball";
  assert_int_equal(loop_watch_add(loop_current(), &w, p->fd, false), ERR_OK);
  if (p->serves) {
    assert_int_equal(send(p->fd, ball, sizeof ball, MSG_NOSIGNAL), sizeof ball);
  }
  while (p->left-- > 0) {
    size_t got = 0;
    while (got < sizeof ball) {
      assert_int_equal(loop_wait_readable(&w, before_us + 1), ERR_OK);
      w.readable = false;
      for (ssize_t n; (n = recv(p->fd, ball, sizeof ball - got, 0)) > 0;) {
        got += (size_t)n;
      }
    }
    assert_int_equal(send(p->fd, ball, sizeof ball, MSG_NOSIGNAL), sizeof ball);
  }
  assert_int_equal(loop_clock_us(), before_us);
  loop_watch_remove(&w);
}
static void tempt_the_clock(void *arg) {
  size_t *left = arg;
  while (*left != SIZE_MAX) {
    assert_int_equal(fiber_sleep(INT64_C(1000000)), ERR_OK);
  }
}
static void expect_a_game_within_a_microsecond(const int fds[2]) {
  struct player a = {.fd = fds[0], .left = 2000, .serves = true}, b = {.fd = fds[1], .left = 2000};
  struct loop *loop = pretending_loop();
  test_start(loop, play, &a);
  test_start(loop, play, &b);
  test_start(loop, tempt_the_clock, &b.left);
  loop_run(loop);
  loop_free(loop);
  close(fds[0]);
  close(fds[1]);
}
static void bytes_between_sockets_of_the_thread_are_not_overtaken(void **state) {
  int fds[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  expect_a_game_within_a_microsecond(fds);
}

static void bytes_on_the_tcp_loopback_are_not_overtaken(void **state) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  int fds[2], on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
  assert_int_equal(listen(listener, 1), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
  fds[0] = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fds[0], (struct sockaddr *)&at, size), 0);
  fds[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  assert_true(fds[1] >= 0);
  close(listener);
  assert_int_equal(ioctl(fds[0], FIONBIO, &on), 0);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
  }
  expect_a_game_within_a_microsecond(fds);
}

/* The thread's work is done only after real milliseconds, in which a loop that steps would be hours further. */
static enum err work_for_milliseconds(void *arg) {
  int64_t before_us = loop_clock_us();
  for (int64_t until_us = real_us(CLOCK_MONOTONIC) + 20000; real_us(CLOCK_MONOTONIC) < until_us;) {
  }
  *(int64_t *)arg = loop_clock_us() - before_us;
  return ERR_OK;
}
static struct offload *pool;
static void offload_work(void *arg) {
  int64_t passed_us = -1, before_us = loop_clock_us();
  (void)arg;
  assert_int_equal(offload_call(pool, work_for_milliseconds, &passed_us), ERR_OK);
  assert_int_equal(passed_us, 0);
  assert_int_equal(loop_clock_us(), before_us);
  test_note("worked");
  assert_int_equal(fiber_sleep(HOUR_US), ERR_OK); /* and afterwards time is free again */
  test_note("end");
}
static void sleep_a_minute(void *arg) {
  (void)arg;
  assert_int_equal(fiber_sleep(MINUTE_US), ERR_OK);
  test_note("minute");
}
static void a_call_on_another_thread_is_not_overtaken(void **state) {
  struct loop *loop = pretending_loop();
  assert_int_equal(offload_new(1, 1, &pool), ERR_OK);
  test_start(loop, sleep_a_minute, NULL);
  test_start(loop, offload_work, NULL);
  loop_run(loop);
  loop_free(loop);
  offload_free(pool);
  assert_string_equal(test_trace, "worked minute end");
}

static enum err take_two_hours(void *arg) {
  loop_pretend_pass(arg, 2 * HOUR_US);
  return ERR_OK;
}
static void offload_two_hours(void *arg) {
  int64_t before_us = loop_clock_us();
  (void)arg;
  assert_int_equal(offload_call(pool, take_two_hours, loop_current()), ERR_OK);
  assert_int_equal(loop_clock_us() - before_us, 2 * HOUR_US);
  test_note("slow");
}
static void an_offloaded_call_can_take_pretended_hours(void **state) {
  struct loop *loop = pretending_loop();
  assert_int_equal(offload_new(1, 1, &pool), ERR_OK);
  test_start(loop, sleep_a_minute, NULL);
  test_start(loop, offload_two_hours, NULL);
  loop_run(loop);
  loop_free(loop);
  offload_free(pool);
  /* The minute was over within the call, and the loop has known it since its end. */
  assert_string_equal(test_trace, "slow minute");
}

static enum err pass(void *arg) {
  (void)arg;
  return ERR_OK;
}
static void offload_in_vain(void *arg) {
  (void)arg;
  assert_int_equal(offload_call(pool, pass, NULL), ERR_LIMIT);
  assert_int_equal(fiber_sleep(HOUR_US), ERR_OK);
  test_note("on");
}
static void a_call_that_was_refused_does_not_hold_time(void **state) {
  assert_int_equal(offload_new(1, 0, &pool), ERR_OK);
  pretend_run(offload_in_vain, NULL);
  assert_string_equal(test_trace, "on");
  offload_free(pool);
}

struct post {
  struct mailbox_message message; /* first: the message is the post */
  struct fiber *fiber;
  struct loop *loop;
  sem_t waits;
};
static void wake_fiber(struct mailbox_message *m) { fiber_wake(((struct post *)(void *)m)->fiber); }
static void *post_from_thread(void *arg) {
  struct post *p = arg;
  while (sem_wait(&p->waits) != 0) {
  }
  mailbox_post(p->loop, &p->message);
  return NULL;
}
static void wait_for_post(void *arg) {
  struct post *p = arg;
  int64_t before_us = loop_clock_us();
  p->fiber = fiber_self();
  p->loop = loop_current();
  sem_post(&p->waits);
  assert_int_equal(fiber_park(FIBER_NO_DEADLINE), ERR_OK);
  assert_int_equal(loop_clock_us(), before_us);
}
static void without_a_timer_it_waits_for_other_threads(void **state) {
  struct post p = {.message.run = wake_fiber};
  pthread_t thread;
  assert_int_equal(sem_init(&p.waits, 0, 0), 0);
  assert_int_equal(pthread_create(&thread, NULL, post_from_thread, &p), 0);
  pretend_run(wait_for_post, &p);
  assert_int_equal(pthread_join(thread, NULL), 0);
  sem_destroy(&p.waits);
}

/* The message lies there before the loop could sleep. */
static void post_and_sleep(void *arg) {
  struct post *p = arg;
  int64_t before_us = loop_clock_us();
  p->fiber = fiber_self();
  mailbox_post(loop_current(), &p->message);
  assert_int_equal(fiber_park(before_us + HOUR_US), ERR_OK);
  assert_int_equal(loop_clock_us(), before_us);
}
static void a_message_that_waits_is_not_overtaken(void **state) {
  struct post p = {.message.run = wake_fiber};
  pretend_run(post_and_sleep, &p);
}

static void a_stop_is_not_overtaken(void **state) {
  struct loop *loop = pretending_loop();
  struct marked_timer m = marked("m");
  int64_t before_us = loop_clock_us();
  loop_timer_start(loop, &m.timer, before_us + HOUR_US);
  loop_stop(loop);
  loop_run(loop);
  assert_string_equal(test_trace, "");
  assert_int_equal(loop_clock_us(), before_us);
  loop_timer_stop(loop, &m.timer);
  loop_free(loop);
}

#define TEST(name) cmocka_unit_test_setup(name, test_clear_trace)
int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(a_hundred_hours_of_sleep_take_no_time_and_are_exact),
      TEST(the_clocks_start_from_the_real_ones_and_go_back_to_them),
      TEST(freeing_the_loop_ends_its_pretended_time_and_no_others),
      TEST(time_stands_still_while_a_fiber_is_ready),
      TEST(each_timer_fires_at_its_own_microsecond),
      TEST(time_passed_by_hand_fires_what_is_due_in_the_next_turn),
      TEST(time_passed_before_the_run_counts),
      TEST(deadlines_of_waits_follow),
      TEST(bytes_between_sockets_of_the_thread_are_not_overtaken),
      TEST(bytes_on_the_tcp_loopback_are_not_overtaken),
      TEST(a_call_on_another_thread_is_not_overtaken),
      TEST(an_offloaded_call_can_take_pretended_hours),
      TEST(a_call_that_was_refused_does_not_hold_time),
      TEST(without_a_timer_it_waits_for_other_threads),
      TEST(a_message_that_waits_is_not_overtaken),
      TEST(a_stop_is_not_overtaken),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
