/* The loop itself: when it ends, its timers, hooks, clock and numbers. */
#include "fiber/loop.h"

#include "fiber_test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static void a_loop_with_nothing_to_do_returns(void **state) {
  struct loop *loop = test_loop_new();
  loop_run(loop);
  assert_int_equal(loop_stats(loop).turns, 0);
  assert_null(loop_current());
  loop_free(loop);
}

static void freeing_nothing_does_nothing(void **state) { loop_free(NULL); }

struct named_timer {
  struct loop_timer timer;
  struct loop *loop;
  const char *name;
  int again;
};
static void note_name(struct loop_timer *t) {
  struct named_timer *n = (struct named_timer *)(void *)t;
  assert_null(fiber_self());
  assert_ptr_equal(loop_current(), n->loop);
  test_note(n->name);
  if (n->again-- > 0) {
    loop_timer_start(n->loop, t, loop_now_us(n->loop));
  }
}
static struct named_timer named(struct loop *loop, const char *name) {
  return (struct named_timer){.timer = LOOP_TIMER_INIT(note_name), .loop = loop, .name = name};
}

static void timers_fire_in_the_order_of_their_times(void **state) {
  struct loop *loop = test_loop_new();
  struct named_timer a = named(loop, "a"), b = named(loop, "b"), c = named(loop, "c"), d = named(loop, "d");
  int64_t now_us = loop_clock_us();
  loop_timer_start(loop, &c.timer, now_us + 900);
  loop_timer_start(loop, &a.timer, now_us + 100);
  loop_timer_start(loop, &b.timer, now_us + TEST_FAR_US);
  loop_timer_start(loop, &d.timer, now_us + 150);
  loop_timer_start(loop, &b.timer, now_us + 500);
  loop_timer_stop(loop, &d.timer);
  assert_int_equal(loop_stats(loop).timers, 3);
  loop_run(loop);
  assert_string_equal(test_trace, "a b c");
  assert_true(loop_now_us(loop) >= now_us + 900);
  assert_false(loop_timer_is_running(&a.timer));
  loop_free(loop);
}

static void a_timer_never_fires_early_and_is_slept_for(void **state) {
  struct loop *loop = test_loop_new();
  for (int64_t wait_us = 0; wait_us < 3000; wait_us += 333) {
    struct named_timer t = named(loop, "");
    int64_t at_us = loop_clock_us() + wait_us;
    loop_timer_start(loop, &t.timer, at_us);
    uint64_t turns = loop_stats(loop).turns;
    loop_run(loop);
    assert_in_range(loop_now_us(loop), at_us, at_us + TEST_FAR_US);
    /* It sleeps the broken millisecond too instead of turning until it is over. */
    assert_in_range(loop_stats(loop).turns - turns, 1, 4);
  }
  loop_free(loop);
}

static void yield_once(void *arg) {
  assert_int_equal(fiber_yield(), ERR_OK);
  test_note(arg);
}
static void a_timer_that_starts_itself_for_now_leaves_room_for_fibers(void **state) {
  struct loop *loop = test_loop_new();
  struct named_timer t = named(loop, "t");
  t.again = 3;
  loop_timer_start(loop, &t.timer, 0);
  test_start(loop, yield_once, (char[]){"f"});
  loop_run(loop);
  /* The clock may stand still for a turn. */
  assert_true(strcmp(test_trace, "t t f t t") == 0 || strcmp(test_trace, "t f t t t") == 0);
  loop_free(loop);
}

static void note_turns(void *arg) {
  for (int i = 0; i < 20; i++) {
    test_note(arg);
    assert_int_equal(fiber_yield(), ERR_OK);
  }
}
/* Also when others are running. */
static void a_timer_that_starts_itself_for_now_fires_at_most_once_a_turn(void **state) {
  struct loop *loop = test_loop_new();
  struct named_timer others[10], t = named(loop, "t");
  for (size_t i = 0; i < 10; i++) {
    others[i] = named(loop, "");
    loop_timer_start(loop, &others[i].timer, loop_clock_us() + TEST_FAR_US);
  }
  t.again = 3;
  loop_timer_start(loop, &t.timer, 0);
  test_start(loop, note_turns, (char[]){"f"});
  loop_stop(loop);
  loop_run(loop);
  assert_null(strstr(test_trace, "t t"));
  assert_non_null(strchr(test_trace, 'f'));
  for (size_t i = 0; i < 10; i++) {
    loop_timer_stop(loop, &others[i].timer);
  }
  loop_free(loop);
}

static void free_timer(struct loop_timer *t) {
  test_note("freed");
  free(t);
}
static void a_timer_may_free_its_owner(void **state) {
  struct loop *loop = test_loop_new();
  struct loop_timer *t = malloc(sizeof *t);
  assert_non_null(t);
  *t = (struct loop_timer)LOOP_TIMER_INIT(free_timer);
  loop_timer_start(loop, t, 0);
  loop_run(loop);
  assert_string_equal(test_trace, "freed");
  loop_free(loop);
}

static void stop_loop(struct loop_timer *t) {
  struct named_timer *n = (struct named_timer *)(void *)t;
  loop_stop(n->loop);
  test_note("stop");
}
static void sleep_a_little(void *arg) {
  (void)arg;
  assert_int_equal(fiber_sleep(1000), ERR_OK);
  test_note("fiber");
}
static void a_stopped_loop_ends_once_its_fibers_have_ended(void **state) {
  struct loop *loop = test_loop_new();
  struct named_timer stop = named(loop, ""), far = named(loop, "far");
  stop.timer.fire = stop_loop;
  loop_timer_start(loop, &stop.timer, 0);
  loop_timer_start(loop, &far.timer, loop_clock_us() + TEST_FAR_US);
  test_start(loop, sleep_a_little, NULL);
  loop_run(loop);
  assert_string_equal(test_trace, "stop fiber");
  assert_true(loop_timer_is_running(&far.timer));
  loop_timer_stop(loop, &far.timer);
  loop_free(loop);
}

static void a_stop_before_the_run_ends_it_and_is_then_used_up(void **state) {
  struct loop *loop = test_loop_new();
  struct named_timer t = named(loop, "t");
  loop_timer_start(loop, &t.timer, loop_clock_us() + 500);
  loop_stop(loop);
  loop_run(loop);
  assert_string_equal(test_trace, "");
  loop_run(loop);
  assert_string_equal(test_trace, "t");
  loop_free(loop);
}

static void *stop_from_thread(void *arg) {
  loop_stop(arg);
  return NULL;
}
static void another_thread_can_stop_a_sleeping_loop(void **state) {
  struct loop *loop = test_loop_new();
  struct loop_watch w = {0};
  pthread_t thread;
  int fds[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  assert_int_equal(loop_watch_add(loop, &w, fds[0], false), ERR_OK);
  assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, loop), 0);
  loop_run(loop);
  assert_int_equal(pthread_join(thread, NULL), 0);
  loop_watch_remove(&w);
  close(fds[0]);
  close(fds[1]);
  loop_free(loop);
}

static struct loop *signalled;
static void on_signal(int number) {
  (void)number;
  loop_stop(signalled);
}
static void send_signal(struct loop_timer *t) {
  struct named_timer *n = (struct named_timer *)(void *)t;
  if (n->again-- == 0) {
    assert_int_equal(raise(SIGUSR1), 0);
  }
  loop_timer_start(n->loop, t, loop_now_us(n->loop) + 100);
}
static void a_signal_handler_can_stop_a_loop(void **state) {
  struct sigaction act = {.sa_handler = on_signal}, before;
  struct named_timer t = {.timer = LOOP_TIMER_INIT(send_signal), .again = 2};
  signalled = t.loop = test_loop_new();
  assert_int_equal(sigaction(SIGUSR1, &act, &before), 0);
  loop_timer_start(t.loop, &t.timer, 0);
  loop_run(t.loop);
  assert_true(loop_timer_is_running(&t.timer));
  loop_timer_stop(t.loop, &t.timer);
  assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
  loop_free(t.loop);
}

static void count_call(void *data) { ++*(int *)data; }
static void hooks_run_before_every_sleep_and_are_bounded(void **state) {
  struct loop *loop = test_loop_new();
  int calls[9] = {0};
  for (int i = 0; i < 8; i++) {
    assert_int_equal(loop_before_sleep(loop, count_call, &calls[i]), ERR_OK);
  }
  assert_int_equal(loop_before_sleep(loop, count_call, &calls[8]), ERR_LIMIT);
  test_start(loop, yield_once, (char[]){"f"});
  loop_run(loop);
  assert_int_equal(loop_stats(loop).turns, 2);
  for (int i = 0; i < 8; i++) {
    assert_int_equal(calls[i], 3);
  }
  assert_int_equal(calls[8], 0);
  loop_free(loop);
}

static void compare_stats(void *arg) {
  struct loop_stats stats = loop_stats(arg);
  assert_int_equal(stats.fibers, 1);
  assert_int_equal(stats.turns, 1);
  assert_ptr_equal(loop_current(), arg);
  assert_ptr_equal(fiber_loop(fiber_self()), arg);
}
static void the_numbers_count_what_is_alive(void **state) {
  struct loop *loop = test_loop_new();
  test_start(loop, compare_stats, loop);
  loop_run(loop);
  assert_int_equal(loop_stats(loop).fibers, 0);
  loop_free(loop);
}

static void the_clocks_agree_with_the_system(void **state) {
  struct loop *loop = test_loop_new();
  int64_t before_us = loop_clock_us(), wall_s = time(NULL);
  assert_true(loop_now_us(loop) <= before_us);
  assert_true(loop_clock_us() >= before_us);
  assert_in_range(loop_wall_us() / 1000000, wall_s - 1, wall_s + 10);
  loop_free(loop);
}

#define TEST(name) cmocka_unit_test_setup(name, test_clear_trace)
int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(a_loop_with_nothing_to_do_returns),
      TEST(freeing_nothing_does_nothing),
      TEST(timers_fire_in_the_order_of_their_times),
      TEST(a_timer_never_fires_early_and_is_slept_for),
      TEST(a_timer_that_starts_itself_for_now_leaves_room_for_fibers),
      TEST(a_timer_that_starts_itself_for_now_fires_at_most_once_a_turn),
      TEST(a_timer_may_free_its_owner),
      TEST(a_stopped_loop_ends_once_its_fibers_have_ended),
      TEST(a_stop_before_the_run_ends_it_and_is_then_used_up),
      TEST(another_thread_can_stop_a_sleeping_loop),
      TEST(a_signal_handler_can_stop_a_loop),
      TEST(hooks_run_before_every_sleep_and_are_bounded),
      TEST(the_numbers_count_what_is_alive),
      TEST(the_clocks_agree_with_the_system),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
