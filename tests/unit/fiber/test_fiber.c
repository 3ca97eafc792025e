/* Fibers: starting, parking, waking, cancelling, deadlines, limits, and what a switch keeps. */
#include "fiber/fiber.h"

#include "base/log.h"
#include "fiber_test.h"

#include <sys/mman.h>
#include <unistd.h>

#include <execinfo.h>
#include <fenv.h>

static void note_a(void *arg) {
  (void)arg;
  test_note("a");
}

static void start_another(void *arg) {
  struct loop *loop = fiber_loop(fiber_self());
  (void)arg;
  test_start(loop, note_a, NULL);
  test_note("starter");
}

static void a_fiber_started_by_a_fiber_waits_for_its_turn(void **state) {
  test_run(start_another, NULL);
  assert_string_equal(test_trace, "starter a");
}

struct timer_case {
  struct loop_timer timer;
  struct loop *loop;
  struct fiber *fiber;
};

static void start_from_timer(struct loop_timer *t) {
  struct timer_case *c = (struct timer_case *)(void *)t;
  assert_null(fiber_self());
  test_start(c->loop, note_a, NULL);
  test_note("starter");
}

static void a_fiber_started_by_the_loop_runs_at_once(void **state) {
  struct timer_case c = {.timer = LOOP_TIMER_INIT(start_from_timer), .loop = test_loop_new()};
  loop_timer_start(c.loop, &c.timer, 0);
  loop_run(c.loop);
  assert_string_equal(test_trace, "a starter");
  loop_free(c.loop);
}

static void a_fiber_started_before_the_loop_runs_is_queued(void **state) {
  struct loop *loop = test_loop_new();
  test_start(loop, note_a, NULL);
  assert_string_equal(test_trace, "");
  loop_run(loop);
  assert_string_equal(test_trace, "a");
  loop_free(loop);
}

static struct fiber *handle;
static void compare_handle(void *arg) {
  (void)arg;
  test_note(handle == fiber_self() ? "same" : "other");
}
static void start_with_handle(struct loop_timer *t) {
  struct timer_case *c = (struct timer_case *)(void *)t;
  assert_int_equal(fiber_start(c->loop, compare_handle, NULL, &handle), ERR_OK);
}
static void the_handle_is_known_before_the_fiber_runs(void **state) {
  struct timer_case c = {.timer = LOOP_TIMER_INIT(start_with_handle), .loop = test_loop_new()};
  loop_timer_start(c.loop, &c.timer, 0);
  loop_run(c.loop);
  assert_string_equal(test_trace, "same");
  loop_free(c.loop);
}

static void wake_then_park(void *arg) {
  (void)arg;
  fiber_wake(fiber_self());
  fiber_wake(fiber_self());
  assert_int_equal(fiber_park(FIBER_NO_DEADLINE), ERR_OK);
  /* Two wakes before one park are one wake. */
  assert_int_equal(fiber_park(loop_clock_us() + 100), ERR_TIMEOUT);
}
static void a_wake_before_the_park_is_not_lost(void **state) { test_run(wake_then_park, NULL); }

static void park_in_the_past(void *arg) {
  (void)arg;
  uint64_t turns = loop_stats(fiber_loop(fiber_self())).turns;
  assert_int_equal(fiber_park(loop_now_us(loop_current()) - 1), ERR_TIMEOUT);
  assert_int_equal(loop_stats(fiber_loop(fiber_self())).turns, turns);
}
static void a_deadline_in_the_past_times_out_at_once(void **state) { test_run(park_in_the_past, NULL); }

static void park_once(void *arg) { *(enum err *)arg = fiber_park(FIBER_NO_DEADLINE); }

static void wake_parked(void *arg) {
  enum err got = ERR_COUNT;
  struct fiber *f = NULL;
  assert_int_equal(fiber_start(loop_current(), park_once, &got, &f), ERR_OK);
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_int_equal(got, ERR_COUNT);
  fiber_wake(f);
  fiber_wake(f);
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_int_equal(got, ERR_OK);
}
static void a_wake_ends_a_park(void **state) { test_run(wake_parked, NULL); }

static void cancel_parked(void *arg) {
  enum err got = ERR_COUNT;
  struct fiber *f = NULL;
  assert_int_equal(fiber_start(loop_current(), park_once, &got, &f), ERR_OK);
  assert_int_equal(fiber_yield(), ERR_OK);
  fiber_cancel(f);
  fiber_cancel(f);
  assert_true(fiber_is_cancelled(f));
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_int_equal(got, ERR_CANCELLED);
}
static void a_cancel_ends_a_park(void **state) { test_run(cancel_parked, NULL); }

static void cancel_self(void *arg) {
  (void)arg;
  fiber_cancel(fiber_self());
  assert_int_equal(fiber_park(FIBER_NO_DEADLINE), ERR_CANCELLED);
  assert_int_equal(fiber_park(FIBER_NO_DEADLINE), ERR_CANCELLED);
  assert_int_equal(fiber_yield(), ERR_CANCELLED);
  assert_int_equal(fiber_sleep(TEST_FAR_US), ERR_CANCELLED);
  fiber_clear_cancel();
  assert_false(fiber_is_cancelled(fiber_self()));
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_int_equal(fiber_park(loop_clock_us() + 100), ERR_TIMEOUT);
}
static void a_cancel_holds_until_it_is_cleared(void **state) { test_run(cancel_self, NULL); }

/* Parks with a deadline; a timer due one microsecond later acts on the fiber in the same turn, after the deadline has
 * fired. */
struct same_turn {
  struct loop_timer timer;
  struct fiber *fiber;
  bool wake, cancel;
  enum err got;
};
static void act(struct loop_timer *t) {
  struct same_turn *c = (struct same_turn *)(void *)t;
  if (c->wake) {
    fiber_wake(c->fiber);
  }
  if (c->cancel) {
    fiber_cancel(c->fiber);
  }
}
static void spin(void *arg) { test_spin_until(*(int64_t *)arg); }
static void park_until_all_came(void *arg) {
  struct same_turn *c = arg;
  int64_t at_us = loop_clock_us() + 200, past_us = at_us + 2;
  c->fiber = fiber_self();
  c->timer = (struct loop_timer)LOOP_TIMER_INIT(act);
  loop_timer_start(loop_current(), &c->timer, at_us + 1);
  test_start(loop_current(), spin, &past_us);
  c->got = fiber_park(at_us);
}
static void a_cancel_goes_before_a_wake_and_a_wake_before_the_deadline(void **state) {
  static const struct {
    bool wake, cancel;
    enum err want;
  } rows[] = {
      {false, false, ERR_TIMEOUT}, {true, false, ERR_OK}, {false, true, ERR_CANCELLED}, {true, true, ERR_CANCELLED}};
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    struct same_turn c = {.wake = rows[i].wake, .cancel = rows[i].cancel, .got = ERR_COUNT};
    test_run(park_until_all_came, &c);
    assert_int_equal(c.got, rows[i].want);
  }
}

static void wake_arg(void *arg) { fiber_wake(arg); }
static void nearer_deadline(void *arg) {
  (void)arg;
  test_start(loop_current(), wake_arg, fiber_self());
  assert_int_equal(fiber_park(loop_clock_us() + TEST_FAR_US), ERR_OK);
  int64_t start_us = loop_clock_us();
  struct fiber *f = NULL;
  enum err got = ERR_COUNT;
  assert_int_equal(fiber_start(loop_current(), park_once, &got, &f), ERR_OK);
  assert_int_equal(fiber_park(start_us + 1000), ERR_TIMEOUT);
  int64_t took_us = loop_clock_us() - start_us;
  assert_in_range(took_us, 1000, TEST_FAR_US / 2);
  fiber_wake(f);
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_int_equal(got, ERR_OK);
}
static void a_nearer_deadline_moves_the_timer(void **state) { test_run(nearer_deadline, NULL); }

static void later_deadline(void *arg) {
  int64_t start_us = loop_clock_us();
  (void)arg;
  test_start(loop_current(), wake_arg, fiber_self());
  assert_int_equal(fiber_park(start_us + 1000), ERR_OK);
  assert_int_equal(fiber_park(start_us + 4000), ERR_TIMEOUT);
  assert_true(loop_clock_us() - start_us >= 4000);
}
static void a_later_deadline_is_not_cut_short_by_the_earlier_one(void **state) { test_run(later_deadline, NULL); }

static void no_deadline_after_one(void *arg) {
  int64_t start_us = loop_clock_us();
  enum err got = ERR_COUNT;
  struct fiber *f = NULL;
  (void)arg;
  assert_int_equal(fiber_start(loop_current(), park_once, &got, &f), ERR_OK);
  fiber_cancel(f);
  fiber_wake(fiber_self());
  assert_int_equal(fiber_park(start_us + 500), ERR_OK);
  assert_int_equal(fiber_sleep(1500), ERR_OK);
  assert_int_equal(got, ERR_CANCELLED);
}
static void cancelling_a_fiber_that_has_not_run_yet_is_seen_by_its_first_wait(void **state) {
  test_run(no_deadline_after_one, NULL);
}

static void park_past_old_timer(void *arg) {
  struct timer_case *c = arg;
  c->fiber = fiber_self();
  test_start(loop_current(), wake_arg, fiber_self());
  assert_int_equal(fiber_park(loop_clock_us() + 300), ERR_OK);
  loop_timer_start(loop_current(), &c->timer, loop_clock_us() + 2000);
  assert_int_equal(fiber_park(FIBER_NO_DEADLINE), ERR_OK);
  test_note("woken");
}
static void wake_from_timer(struct loop_timer *t) {
  test_note("timer");
  fiber_wake(((struct timer_case *)(void *)t)->fiber);
}
static void a_park_without_deadline_ignores_the_deadline_before(void **state) {
  struct timer_case c = {.timer = LOOP_TIMER_INIT(wake_from_timer)};
  test_run(park_past_old_timer, &c);
  assert_string_equal(test_trace, "timer woken");
}

static void yield_thrice(void *arg) {
  for (int i = 0; i < 3; i++) {
    test_note(arg);
    assert_int_equal(fiber_yield(), ERR_OK);
  }
}
static void yielding_fibers_take_turns(void **state) {
  struct loop *loop = test_loop_new();
  test_start(loop, yield_thrice, (char[]){"a"});
  test_start(loop, yield_thrice, (char[]){"b"});
  loop_run(loop);
  assert_string_equal(test_trace, "a b a b a b");
  loop_free(loop);
}

static void sleep_while_woken(void *arg) {
  int64_t start_us = loop_clock_us();
  (void)arg;
  fiber_wake(fiber_self());
  test_start(loop_current(), wake_arg, fiber_self());
  assert_int_equal(fiber_sleep(2000), ERR_OK);
  assert_true(loop_clock_us() - start_us >= 2000);
}
static void a_sleep_lasts_whatever_wakes_come(void **state) { test_run(sleep_while_woken, NULL); }

static void cancel_arg(void *arg) { fiber_cancel(arg); }
static void sleep_forever(void *arg) {
  (void)arg;
  test_start(loop_current(), cancel_arg, fiber_self());
  assert_int_equal(fiber_sleep(INT64_MAX), ERR_CANCELLED);
  assert_int_equal(fiber_sleep(0), ERR_CANCELLED);
  fiber_clear_cancel();
  assert_int_equal(fiber_sleep(0), ERR_OK);
}
static void a_sleep_can_be_cancelled(void **state) { test_run(sleep_forever, NULL); }

static void the_fiber_limit_is_an_ordinary_error(void **state) {
  struct loop *loop = NULL;
  struct fiber *untouched = NULL;
  assert_int_equal(loop_new(&(struct loop_limits){.max_fibers = 2}, &loop), ERR_OK);
  test_start(loop, note_a, NULL);
  test_start(loop, note_a, NULL);
  assert_int_equal(fiber_start(loop, note_a, NULL, &untouched), ERR_LIMIT);
  assert_null(untouched);
  loop_run(loop);
  test_start(loop, note_a, NULL);
  loop_run(loop);
  assert_string_equal(test_trace, "a a a");
  loop_free(loop);
}

/* ThreadSanitizer counts every fiber as a thread and has room for 8,128. */
#define MANY (INSTRUMENT_TSAN ? 500 : 10000)
static struct fiber *many[10000];
static size_t many_alive;
static void wait_among_many(void *arg) {
  many_alive++;
  if (fiber_park(loop_clock_us() + TEST_FAR_US) == ERR_OK) {
    many_alive--;
  }
}
static void wake_many(void *arg) {
  (void)arg;
  while (many_alive < MANY) {
    assert_int_equal(fiber_yield(), ERR_OK);
  }
  for (size_t i = 0; i < MANY; i++) {
    fiber_wake(many[i]);
  }
}
static void ten_thousand_fibers_wait_at_once(void **state) {
  struct loop *loop = test_loop_new();
  for (size_t i = 0; i < MANY; i++) {
    assert_int_equal(fiber_start(loop, wait_among_many, NULL, &many[i]), ERR_OK);
  }
  test_start(loop, wake_many, NULL);
  loop_run(loop);
  assert_int_equal(many_alive, 0);
  assert_int_equal(loop_stats(loop).timers, 0);
  loop_free(loop);
}

static bool stop_ping;
static void let_ping_stop(struct loop_timer *t) {
  (void)t;
  stop_ping = true;
}
static struct fiber *ping[2];
static void ping_other(void *arg) {
  size_t me = (size_t)(uintptr_t)arg;
  while (!stop_ping) {
    fiber_wake(ping[1 - me]);
    assert_int_equal(fiber_park(FIBER_NO_DEADLINE), ERR_OK);
  }
  fiber_wake(ping[1 - me]);
}
static void fibers_that_wake_each_other_do_not_stop_the_clock(void **state) {
  struct loop *loop = test_loop_new();
  struct loop_timer t = LOOP_TIMER_INIT(let_ping_stop);
  loop_timer_start(loop, &t, loop_clock_us() + 1000);
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(fiber_start(loop, ping_other, (void *)i, &ping[i]), ERR_OK);
  }
  loop_run(loop);
  assert_true(stop_ping);
  loop_free(loop);
}

static void set_stage(void *arg) {
  struct log_context *context = log_context();
  assert_null(context->stage);
  context->stage = arg;
  context->request_id = text_of(arg);
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_ptr_equal(log_context()->stage, arg);
  assert_ptr_equal(log_context()->request_id.at, arg);
}
static void the_log_context_belongs_to_the_fiber(void **state) {
  struct loop *loop = test_loop_new();
  *log_context() = (struct log_context){.stage = "thread"};
  test_start(loop, set_stage, (char[]){"a"});
  test_start(loop, set_stage, (char[]){"b"});
  loop_run(loop);
  assert_string_equal(log_context()->stage, "thread");
  *log_context() = (struct log_context){0};
  loop_free(loop);
}

static void round_up(void *arg) {
  (void)arg;
  assert_int_equal(fegetround(), FE_TONEAREST);
  assert_int_equal(fesetround(FE_UPWARD), 0);
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_int_equal(fegetround(), FE_UPWARD);
}
static void round_near(void *arg) {
  (void)arg;
  assert_int_equal(fegetround(), FE_TONEAREST);
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_int_equal(fegetround(), FE_TONEAREST);
}
static void the_rounding_mode_belongs_to_the_fiber(void **state) {
  struct loop *loop = test_loop_new();
  test_start(loop, round_up, NULL);
  test_start(loop, round_near, NULL);
  loop_run(loop);
  assert_int_equal(fegetround(), FE_TONEAREST);
  loop_free(loop);
}

static void use_floats(void *arg) {
  char text[64];
  volatile double third = 1.0 / 3.0;
  _Alignas(16) char aligned[16];
  (void)arg;
  assert_int_equal((uintptr_t)aligned % 16, 0);
  (void)snprintf(text, sizeof text, "%.3f", third);
  assert_string_equal(text, "0.333");
}
static void a_fiber_starts_on_an_aligned_stack(void **state) { test_run(use_floats, NULL); }

static void count_frames(void *arg) {
  void *frames[64];
  *(int *)arg = backtrace(frames, 64);
}
static void a_backtrace_ends_where_the_fiber_began(void **state) {
  int frames = 0;
  test_run(count_frames, &frames);
  assert_in_range(frames, 1, 12);
}

static void there_is_no_fiber_outside(void **state) {
  assert_null(fiber_self());
  assert_null(loop_current());
}

/* Touches deep stack, then counts the resident pages below its own frame before and after trimming. */
static __attribute__((noinline)) void touch_deep(int levels) {
  volatile char deep[2048];
  deep[0] = (char)levels;
  if (levels > 0)
    touch_deep(levels - 1);
  deep[1] = deep[0];
}

static size_t resident_below(uintptr_t here) {
  unsigned char in_core[8] = {0};
  uintptr_t end = here & ~(uintptr_t)4095;
  size_t count = 0;
  assert_int_equal(mincore((void *)(end - 6 * 4096), 6 * 4096, in_core), 0);
  for (size_t i = 0; i < 5; i++) /* the sixth is the margin's */
    count += in_core[i] & 1;
  return count;
}

static void trim_body(void *arg) {
  size_t *pages = arg;
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  touch_deep(12);
  pages[0] = resident_below(here);
  fiber_trim_stack();
  pages[1] = resident_below(here);
}

static void trimming_gives_the_pages_below_back(void **state) {
  size_t pages[2] = {0, 9};
  if (TEST_IS_SANITIZED || sysconf(_SC_PAGESIZE) != 4096)
    skip();
  test_run(trim_body, pages);
  assert_true(pages[0] >= 4);
  assert_int_equal(pages[1], 0);
  fiber_trim_stack(); /* outside a fiber: nothing to do */
}

#define TEST(name) cmocka_unit_test_setup(name, test_clear_trace)
int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(trimming_gives_the_pages_below_back),
      TEST(a_fiber_started_by_a_fiber_waits_for_its_turn),
      TEST(a_fiber_started_by_the_loop_runs_at_once),
      TEST(a_fiber_started_before_the_loop_runs_is_queued),
      TEST(the_handle_is_known_before_the_fiber_runs),
      TEST(a_wake_before_the_park_is_not_lost),
      TEST(a_deadline_in_the_past_times_out_at_once),
      TEST(a_wake_ends_a_park),
      TEST(a_cancel_ends_a_park),
      TEST(a_cancel_holds_until_it_is_cleared),
      TEST(a_cancel_goes_before_a_wake_and_a_wake_before_the_deadline),
      TEST(a_nearer_deadline_moves_the_timer),
      TEST(a_later_deadline_is_not_cut_short_by_the_earlier_one),
      TEST(cancelling_a_fiber_that_has_not_run_yet_is_seen_by_its_first_wait),
      TEST(a_park_without_deadline_ignores_the_deadline_before),
      TEST(yielding_fibers_take_turns),
      TEST(a_sleep_lasts_whatever_wakes_come),
      TEST(a_sleep_can_be_cancelled),
      TEST(the_fiber_limit_is_an_ordinary_error),
      TEST(ten_thousand_fibers_wait_at_once),
      TEST(fibers_that_wake_each_other_do_not_stop_the_clock),
      TEST(the_log_context_belongs_to_the_fiber),
      TEST(the_rounding_mode_belongs_to_the_fiber),
      TEST(a_fiber_starts_on_an_aligned_stack),
      TEST(a_backtrace_ends_where_the_fiber_began),
      TEST(there_is_no_fiber_outside),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
