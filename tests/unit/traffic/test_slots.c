/* Places and the queue before them: limits, order, refusals, cancels in every moment, and two loops on two threads.
 * The choice of the next waiter has its own tests beside a model (test_fair_queue.c). */
#include "traffic/slots.h"

#include "../fiber/fiber_test.h"
#include "fiber/mailbox.h"

#include <pthread.h>
#include <stdatomic.h>

#define ASK(limit_, queue_, key_)                                                                                      \
  (struct slots_ask) {                                                                                                 \
    .limit = (limit_), .queue_max = (queue_), .key_id = (key_), .deadline_us = INT64_MAX, .wait_us = TEST_FAR_US       \
  }

static struct slots *slots;

static int open_slots(void **state) {
  slots = slots_new();
  return test_clear_trace(state);
}
/* After every test: nothing is held or waited for. */
static int close_slots(void **state) {
  (void)state;
  if (slots_running(slots) > 0 || slots_waiting(slots) > 0)
    return -1;
  slots_free(slots);
  return 0;
}

static struct slot take(int64_t limit, int64_t key_id) {
  struct slot held = {0};
  assert_int_equal(slots_try(slots, &ASK(limit, 0, key_id), &held), ERR_OK);
  assert_ptr_equal(held.slots, slots);
  return held;
}

/* One call in a fiber of its own: waits for a place and notes what came of it; holds it until told to end. */
struct call {
  const char *name;
  struct slots_ask ask;
  struct slot held;
  struct fault fault;
  struct fiber *fiber;
  enum err result;
  bool has_result;
};

static void run_call(void *arg) {
  struct call *c = arg;
  c->result = slots_wait(slots, &c->ask, &c->held, &c->fault);
  c->has_result = true;
  test_note(c->name);
  if (c->result != ERR_OK) {
    test_note(err_name(c->result));
    assert_null(c->held.slots);
    assert_int_equal(c->fault.err, c->result);
  }
}

/* Runs until it waits, or to its end. */
static void start_call(struct call *c, const char *name, struct slots_ask ask) {
  *c = (struct call){.name = name, .ask = ask};
  assert_int_equal(fiber_start(loop_current(), run_call, c, &c->fiber), ERR_OK);
  assert_int_equal(fiber_yield(), ERR_OK);
}

static void turns(int count) {
  for (int i = 0; i < count; i++)
    assert_int_equal(fiber_yield(), ERR_OK);
}

static void places_are_taken_up_to_the_limit_and_given_back_once(void **state) {
  struct slot a = take(2, 1), b = take(2, 1), untouched = {.key_id = 77};
  assert_int_equal(slots_try(slots, &ASK(2, 0, 2), &untouched), ERR_AGAIN);
  assert_int_equal(untouched.key_id, 77);
  assert_int_equal(slots_running(slots), 2);
  slot_give_back(&a);
  slot_give_back(&a);
  assert_null(a.slots);
  assert_int_equal(slots_running(slots), 1);
  a = take(2, 2);
  assert_int_equal(slots_try(slots, &ASK(2, 0, 2), &untouched), ERR_AGAIN);
  slot_give_back(&a);
  slot_give_back(&b);
  struct slot never = {0};
  slot_give_back(&never);
}

static void without_slots_there_is_no_limit(void **state) {
  struct slot held = {.slots = slots};
  assert_int_equal(slots_try(NULL, &ASK(1, 0, 1), &held), ERR_OK);
  assert_null(held.slots);
  assert_int_equal(slots_wait(NULL, &ASK(1, 0, 1), &held, NULL), ERR_OK);
  slot_give_back(&held);
  slots_set_limit(NULL, 1);
  assert_int_equal(slots_running(NULL) + slots_waiting(NULL), 0);
  slots_free(NULL);
}

static void limit_0_is_none_but_calls_are_counted(void **state) {
  struct slot held[5], one = {0};
  for (size_t i = 0; i < 5; i++)
    held[i] = take(0, 1);
  assert_int_equal(slots_running(slots), 5);
  assert_int_equal(slots_try(slots, &ASK(5, 0, 1), &one), ERR_AGAIN);
  for (size_t i = 0; i < 5; i++)
    slot_give_back(&held[i]);
}

static void wait_in_turns(void *arg) {
  struct call a, b, c, d;
  struct slot held = take(1, 1), none = {0};
  start_call(&a, "a", ASK(1, 9, 1));
  start_call(&b, "b", ASK(1, 9, 1));
  start_call(&c, "c", ASK(1, 9, 2));
  start_call(&d, "d", ASK(1, 9, 1));
  assert_int_equal(slots_waiting(slots), 4);
  assert_string_equal(test_trace, "");
  struct slot *holders[] = {&held, &c.held, &a.held, &b.held, &d.held};
  for (size_t i = 0; i < TEST_COUNT(holders); i++) {
    slot_give_back(holders[i]);
    assert_int_equal(slots_running(slots), i < 4);
    if (i < 4)
      assert_int_equal(slots_try(slots, &ASK(1, 9, 3), &none), ERR_AGAIN); /* handed on, never free in between */
    turns(2);
  }
  assert_string_equal(test_trace, "c a b d");
}
static void a_place_that_is_given_back_goes_to_who_waited_and_never_to_a_newcomer(void **state) {
  test_run(wait_in_turns, NULL);
}

static void wait_by_key(void *arg) {
  struct call a, b, c;
  struct slot first = take(3, 1), second = take(3, 1), third = take(3, 2);
  struct slots_ask early = ASK(3, 9, 1), late = ASK(3, 9, 3);
  early.deadline_us = loop_now_us(loop_current()) + TEST_FAR_US;
  late.deadline_us = early.deadline_us + 1;
  start_call(&a, "a", early);
  start_call(&b, "b", ASK(3, 9, 2));
  start_call(&c, "c", late);
  slot_give_back(&second); /* running: 1 of key 1, 1 of key 2, none of key 3 */
  turns(2);
  assert_string_equal(test_trace, "c");
  slot_give_back(&third); /* none of key 2 */
  turns(2);
  assert_string_equal(test_trace, "c b");
  slot_give_back(&b.held); /* 1 and 0, but only key 1 waits */
  turns(2);
  assert_string_equal(test_trace, "c b a");
  slot_give_back(&first);
  slot_give_back(&a.held);
  slot_give_back(&c.held);
}
static void keys_with_fewer_calls_running_go_first(void **state) { test_run(wait_by_key, NULL); }

static void fill_queue(void *arg) {
  struct call a, b, full;
  struct slot held = take(1, 1), none = {0};
  start_call(&a, "a", ASK(1, 2, 1));
  start_call(&b, "b", ASK(1, 2, 2));
  start_call(&full, "full", ASK(1, 2, 2));
  assert_string_equal(test_trace, "full OVERLOADED");
  assert_in_range(full.fault.retry_after_s, 1, 60);
  assert_string_equal(full.fault.text, "all 1 places of this target are taken and its queue is full");
  assert_int_equal(slots_wait(slots, &ASK(1, 0, 3), &none, NULL), ERR_OVERLOADED);
  slot_give_back(&held);
  turns(2);
  slot_give_back(&b.held);
  turns(2);
  slot_give_back(&a.held);
}
static void a_full_queue_refuses_with_a_time_to_come_back(void **state) {
  test_run(fill_queue, NULL);
  assert_string_equal(test_trace, "full OVERLOADED b a");
}

static void fill_queue_with_one_key(void *arg) {
  static struct call a1, a2, a3, b1, b2, c1; /* too much for a fiber's frame */
  struct slot held = take(1, 1);
  struct slots_ask late = ASK(1, 3, 1);
  late.deadline_us = INT64_MAX - 1;
  start_call(&a1, "a1", ASK(1, 3, 1));
  start_call(&a2, "a2", ASK(1, 3, 1));
  start_call(&a3, "a3", late);
  start_call(&b1, "b1", ASK(1, 3, 2));
  turns(2);
  assert_string_equal(test_trace, "a2 OVERLOADED");
  assert_in_range(a2.fault.retry_after_s, 1, 60);
  assert_int_equal(slots_waiting(slots), 3);
  start_call(&b2, "b2", ASK(1, 3, 2)); /* 1 against 2 */
  turns(2);
  assert_string_equal(test_trace, "a2 OVERLOADED a1 OVERLOADED");
  start_call(&c1, "c1", ASK(1, 3, 1)); /* the other way round */
  turns(2);
  assert_string_equal(test_trace, "a2 OVERLOADED a1 OVERLOADED b2 OVERLOADED");
  struct slot *holders[] = {&held, &b1.held, &a3.held, &c1.held};
  for (size_t i = 0; i < TEST_COUNT(holders); i++) {
    slot_give_back(holders[i]);
    turns(2);
  }
}
static void one_key_cannot_fill_the_queue_against_others(void **state) {
  test_run(fill_queue_with_one_key, NULL);
  assert_string_equal(test_trace, "a2 OVERLOADED a1 OVERLOADED b2 OVERLOADED b1 a3 c1");
}

static void wait_too_long(void *arg) {
  struct call a, b, c, d;
  struct slot held = take(1, 1);
  struct slots_ask brief = ASK(1, 9, 1), ending = ASK(1, 9, 1), never = ASK(1, 9, 1), over = ASK(1, 9, 1);
  brief.wait_us = 500;
  ending.deadline_us = loop_now_us(loop_current()) + 1000;
  never.wait_us = 0;
  over.deadline_us = loop_now_us(loop_current());
  start_call(&a, "never", never);
  start_call(&b, "over", over);
  assert_int_equal(slots_waiting(slots), 0);
  assert_string_equal(test_trace, "never OVERLOADED over OVERLOADED");
  start_call(&c, "ending", ending);
  start_call(&d, "brief", brief);
  while (!c.has_result || !d.has_result)
    turns(1);
  assert_string_equal(d.fault.text, "all 1 places of this target are taken and none came free in time");
  assert_int_equal(slots_waiting(slots), 0);
  slot_give_back(&held);
}
static void a_wait_ends_after_wait_us_or_with_the_call(void **state) { test_run(wait_too_long, NULL); }

static void stand_still(void *arg) {
  enum { MANY = 1300 };
  static struct call calls[MANY];
  struct call few, slow, full;
  struct slot held = take(1, 1);
  for (size_t i = 0; i < 40; i++)
    start_call(&calls[i], "", ASK(1, MANY, (int64_t)i));
  start_call(&few, "", ASK(1, 40, 5));
  assert_int_equal(few.result, ERR_OVERLOADED);
  test_spin_until(loop_clock_us() + 50000);
  turns(1);
  start_call(&slow, "", ASK(1, 40, 5)); /* 41 times 50 ms at least */
  assert_int_equal(slow.result, ERR_OVERLOADED);
  assert_in_range(slow.fault.retry_after_s, 3, 60);
  slot_give_back(&held); /* one waiter got in after 50 ms: as fast as it goes */
  turns(2);
  start_call(&slow, "", ASK(1, 39, 5));
  assert_in_range(slow.fault.retry_after_s, 2, 60);
  for (size_t i = 40; i < MANY; i++)
    start_call(&calls[i], "", ASK(1, MANY, (int64_t)i));
  start_call(&full, "", ASK(1, MANY - 1, 5));
  assert_int_equal(full.result, ERR_OVERLOADED);
  assert_int_equal(full.fault.retry_after_s, 60);
  slots_set_limit(slots, 0);
  turns(3);
  for (size_t i = 0; i < MANY; i++)
    slot_give_back(&calls[i].held);
}
static void the_time_to_come_back_follows_how_fast_the_queue_moves(void **state) { test_run(stand_still, NULL); }

static void change_limits(void *arg) {
  struct call a, b, c, d;
  struct slot one = take(2, 1), two = take(2, 1), more = {0};
  start_call(&a, "a", ASK(2, 9, 1));
  start_call(&b, "b", ASK(2, 9, 1));
  start_call(&c, "c", ASK(2, 9, 1));
  assert_int_equal(slots_try(slots, &ASK(3, 9, 1), &more), ERR_AGAIN); /* the third place is a's */
  turns(2);
  assert_string_equal(test_trace, "a");
  slots_set_limit(slots, 1);
  slot_give_back(&one);
  slot_give_back(&two);
  turns(2);
  assert_int_equal(slots_running(slots), 1);
  assert_string_equal(test_trace, "a");
  slot_give_back(&a.held);
  turns(2);
  assert_string_equal(test_trace, "a b");
  start_call(&d, "d", ASK(0, 9, 1)); /* no limit any more: everybody is let in */
  turns(2);
  assert_string_equal(test_trace, "a b d c");
  slot_give_back(&b.held);
  slot_give_back(&c.held);
  slot_give_back(&d.held);
}
static void a_changed_limit_takes_effect_at_once_in_both_directions(void **state) { test_run(change_limits, NULL); }

static void cancel_in_the_queue(void *arg) {
  struct call a, b;
  struct slot held = take(1, 1);
  start_call(&a, "a", ASK(1, 9, 1));
  start_call(&b, "b", ASK(1, 9, 1));
  fiber_cancel(a.fiber);
  turns(2);
  assert_int_equal(slots_waiting(slots), 1);
  slot_give_back(&held);
  turns(2);
  slot_give_back(&b.held);
}
static void a_cancelled_waiter_has_left_the_queue(void **state) {
  test_run(cancel_in_the_queue, NULL);
  assert_string_equal(test_trace, "a CANCELLED b");
}

/* The message to a is posted and has not run when a's fiber sees the cancel. */
static void cancel_before_the_message(void *arg) {
  struct call a, b;
  struct slot held = take(1, 1);
  start_call(&a, "a", ASK(1, 9, 1));
  start_call(&b, "b", ASK(1, 9, 1));
  slot_give_back(&held);
  fiber_cancel(a.fiber);
  turns(1);
  assert_false(a.has_result); /* the message points to its stack */
  turns(3);
  assert_int_equal(slots_running(slots), 1);
  slot_give_back(&b.held);
}
static void a_place_on_its_way_to_a_cancelled_waiter_goes_to_the_next(void **state) {
  test_run(cancel_before_the_message, NULL);
  assert_string_equal(test_trace, "a CANCELLED b");
}

/* Timers fire after messages have run and before fibers do. */
static struct fiber *to_cancel;
static void cancel_now(struct loop_timer *t) { fiber_cancel(to_cancel); }
static void cancel_after_the_message(void *arg) {
  struct loop_timer timer = LOOP_TIMER_INIT(cancel_now);
  struct call a, b;
  struct slot held = take(1, 1);
  start_call(&a, "a", ASK(1, 9, 1));
  start_call(&b, "b", ASK(1, 9, 1));
  to_cancel = a.fiber;
  slot_give_back(&held);
  loop_timer_start(loop_current(), &timer, 0);
  turns(4);
  assert_int_equal(slots_running(slots), 1);
  slot_give_back(&b.held);
}
static void a_place_that_came_with_a_cancel_goes_to_the_next(void **state) {
  test_run(cancel_after_the_message, NULL);
  assert_string_equal(test_trace, "a CANCELLED b");
}

static void wait_and_stay_cancelled(void *arg) {
  assert_int_equal(slots_wait(slots, &ASK(1, 9, 1), &(struct slot){0}, NULL), ERR_CANCELLED);
  assert_true(fiber_is_cancelled(fiber_self()));
  assert_int_equal(fiber_park(FIBER_NO_DEADLINE), ERR_CANCELLED);
  test_note("still");
}
static void cancel_twice(void *arg) {
  struct fiber *f = NULL;
  struct slot held = take(1, 1);
  assert_int_equal(fiber_start(loop_current(), wait_and_stay_cancelled, NULL, &f), ERR_OK);
  turns(1);
  slot_give_back(&held);
  fiber_cancel(f);
  turns(1);
  fiber_cancel(f);
  turns(3);
}
static void a_cancel_that_met_a_place_is_still_seen_by_the_next_wait(void **state) {
  test_run(cancel_twice, NULL);
  assert_string_equal(test_trace, "still");
}

/* The waiter's time is over in the turn in which the place is given: a parks, the next fiber lets its time pass, and in
 * the turn after that a's timer fires and a is queued behind this fiber. */
static void let_time_pass(void *arg) { test_spin_until(loop_clock_us() + 1000); }
static void time_out_with_the_place(void *arg) {
  struct slot held = take(1, 1);
  struct call a = {.name = "a", .ask = ASK(1, 9, 1)};
  a.ask.wait_us = 300;
  test_start(loop_current(), run_call, &a);
  test_start(loop_current(), let_time_pass, NULL);
  turns(1);
  slot_give_back(&held);
  assert_false(a.has_result);
  turns(3);
  assert_int_equal(a.result, ERR_OK);
  slot_give_back(&a.held);
}
static void a_place_given_in_the_last_moment_is_taken(void **state) { test_run(time_out_with_the_place, NULL); }

static void wake_for_nothing(void *arg) {
  struct call a;
  struct slot held = take(1, 1);
  start_call(&a, "a", ASK(1, 9, 1));
  for (int i = 0; i < 3; i++) {
    fiber_wake(a.fiber);
    turns(2);
  }
  assert_false(a.has_result);
  slot_give_back(&held);
  turns(2);
  slot_give_back(&a.held);
}
static void a_stray_wake_is_no_place(void **state) { test_run(wake_for_nothing, NULL); }

/* Two loops on two threads and a third thread that only tries. Fibers are cancelled all the time, some wait briefly,
 * the limit goes up and down; at the end every count is 0 and every kind of end has occurred. */
#define FIBERS    48
#define ROUNDS    120
#define LIMIT_MAX 5

static atomic_int inside, most_inside, results[ERR_COUNT];

struct worker {
  struct loop *loop;
  struct fiber *fibers[FIBERS];
  size_t started, alive;
  uint64_t random;
};

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state >> 16;
}

static void work_inside(void) {
  int now = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&most_inside);
  while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now)) {
  }
}

static void call_often(void *arg) {
  struct worker *w = arg;
  size_t me = w->started++;
  for (int i = 0; i < ROUNDS; i++) {
    uint64_t r = next_random(&w->random);
    struct slots_ask ask = ASK(1 + (int64_t)(r % LIMIT_MAX), 60, (int64_t)(r / 8 % 4));
    ask.wait_us = r / 32 % 4 == 0 ? (int64_t)(r / 128 % 200) : TEST_FAR_US;
    struct slot held = {0};
    struct fault fault = {0};
    enum err e = slots_wait(slots, &ask, &held, &fault);
    atomic_fetch_add(&results[e], 1);
    if (e == ERR_OK) {
      work_inside();
      for (uint64_t left = r / 1024 % 3; left > 0; left--)
        (void)!fiber_yield();
      atomic_fetch_sub(&inside, 1);
      slot_give_back(&held);
    } else if (e == ERR_OVERLOADED) {
      assert_in_range(fault.retry_after_s, 1, 60);
    }
    fiber_clear_cancel();
  }
  w->fibers[me] = NULL;
  w->alive--;
}

static void cancel_often(void *arg) {
  struct worker *w = arg;
  while (w->alive > 0) {
    struct fiber *f = w->fibers[next_random(&w->random) % FIBERS];
    if (f)
      fiber_cancel(f);
    (void)!fiber_yield();
  }
}

static void *run_worker(void *arg) {
  struct worker *w = arg;
  loop_run(w->loop);
  return NULL;
}

static atomic_bool trying;
static void *try_often(void *arg) {
  uint64_t random = 4711;
  while (atomic_load(&trying)) {
    struct slot held = {0};
    if (slots_try(slots, &ASK(LIMIT_MAX, 60, 9), &held) == ERR_OK) {
      work_inside();
      atomic_fetch_sub(&inside, 1);
    }
    slots_set_limit(slots, 1 + (int64_t)(next_random(&random) % LIMIT_MAX));
    slot_give_back(&held);
  }
  return NULL;
}

static void fibers_of_two_threads_share_the_places_whatever_is_cancelled(void **state) {
  static struct worker workers[2];
  pthread_t threads[2], trier;
  atomic_store(&trying, true);
  for (size_t i = 0; i < 2; i++) {
    struct worker *w = &workers[i];
    *w = (struct worker){.loop = test_loop_new(), .alive = FIBERS, .random = 88172645463325252u + i};
    for (size_t k = 0; k < FIBERS; k++)
      assert_int_equal(fiber_start(w->loop, call_often, w, &w->fibers[k]), ERR_OK);
    test_start(w->loop, cancel_often, w);
  }
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, run_worker, &workers[i]), 0);
  assert_int_equal(pthread_create(&trier, NULL, try_often, NULL), 0);
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  atomic_store(&trying, false);
  assert_int_equal(pthread_join(trier, NULL), 0);
  for (size_t i = 0; i < 2; i++)
    loop_free(workers[i].loop);
  assert_int_equal(atomic_load(&inside), 0);
  assert_in_range(atomic_load(&most_inside), 1, LIMIT_MAX);
  assert_int_equal(atomic_load(&results[ERR_OK]) + atomic_load(&results[ERR_CANCELLED]) +
                       atomic_load(&results[ERR_OVERLOADED]),
                   2 * FIBERS * ROUNDS);
  assert_true(atomic_load(&results[ERR_OK]) > 0);
  assert_true(atomic_load(&results[ERR_CANCELLED]) > 0);
  assert_true(atomic_load(&results[ERR_OVERLOADED]) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_slots, close_slots)
int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(places_are_taken_up_to_the_limit_and_given_back_once),
      TEST(without_slots_there_is_no_limit),
      TEST(limit_0_is_none_but_calls_are_counted),
      TEST(a_place_that_is_given_back_goes_to_who_waited_and_never_to_a_newcomer),
      TEST(keys_with_fewer_calls_running_go_first),
      TEST(a_full_queue_refuses_with_a_time_to_come_back),
      TEST(one_key_cannot_fill_the_queue_against_others),
      TEST(a_wait_ends_after_wait_us_or_with_the_call),
      TEST(the_time_to_come_back_follows_how_fast_the_queue_moves),
      TEST(a_changed_limit_takes_effect_at_once_in_both_directions),
      TEST(a_cancelled_waiter_has_left_the_queue),
      TEST(a_place_on_its_way_to_a_cancelled_waiter_goes_to_the_next),
      TEST(a_place_that_came_with_a_cancel_goes_to_the_next),
      TEST(a_cancel_that_met_a_place_is_still_seen_by_the_next_wait),
      TEST(a_place_given_in_the_last_moment_is_taken),
      TEST(a_stray_wake_is_no_place),
      TEST(fibers_of_two_threads_share_the_places_whatever_is_cancelled),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
