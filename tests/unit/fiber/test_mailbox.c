/* Messages between threads: none lost, each sender's in order, a sleeping loop woken, a loop freed while a sender
 * leaves. */
#include "fiber/mailbox.h"

#include "fiber_test.h"

#include <pthread.h>

#define SENDERS    4
#define PER_SENDER 2000

struct numbered {
  struct mailbox_message message; /* first: run casts back */
  size_t sender;
  int number;
};
static struct numbered sent[SENDERS][PER_SENDER];
static int next_number[SENDERS];
static size_t received, out_of_order;
static struct loop *receiver;

static void receive(struct mailbox_message *m) {
  struct numbered *n = (struct numbered *)(void *)m;
  assert_ptr_equal(loop_current(), receiver);
  assert_null(fiber_self());
  if (n->number != next_number[n->sender]++) {
    out_of_order++;
  }
  if (++received == SENDERS * PER_SENDER) {
    loop_stop(receiver);
  }
}
static void *send_numbers(void *arg) {
  size_t sender = (size_t)(uintptr_t)arg;
  for (int i = 0; i < PER_SENDER; i++) {
    sent[sender][i] = (struct numbered){.message.run = receive, .sender = sender, .number = i};
    mailbox_post(receiver, &sent[sender][i].message);
  }
  return NULL;
}
static void keep_alive(struct loop_timer *t) {
  (void)t;
  loop_stop(receiver);
}
static void messages_of_four_threads_arrive_in_the_order_of_each(void **state) {
  pthread_t threads[SENDERS];
  struct loop_timer t = LOOP_TIMER_INIT(keep_alive);
  receiver = test_loop_new();
  loop_timer_start(receiver, &t, loop_clock_us() + TEST_FAR_US);
  for (size_t i = 0; i < SENDERS; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, send_numbers, (void *)i), 0);
  }
  loop_run(receiver);
  for (size_t i = 0; i < SENDERS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  assert_int_equal(received, SENDERS * PER_SENDER);
  assert_int_equal(out_of_order, 0);
  loop_free(receiver);
}

/* A ball between two loops on two threads: each side sleeps while the other has it. */
#define ROUNDS 2000
struct player {
  struct loop *loop;
  struct fiber *fiber;
  int caught;
};
static struct player players[2];
struct ball {
  struct mailbox_message message;
  size_t to;
};
static struct ball ball;
static void catch_ball(struct mailbox_message *m) {
  struct player *p = &players[((struct ball *)(void *)m)->to];
  p->caught++;
  fiber_wake(p->fiber);
}
static void throw_ball(size_t to) {
  ball = (struct ball){.message.run = catch_ball, .to = to};
  mailbox_post(players[to].loop, &ball.message);
}
static void play(void *arg) {
  size_t me = (size_t)(uintptr_t)arg;
  for (int i = 1; i <= ROUNDS; i++) {
    while (players[me].caught < i) {
      if (fiber_park(FIBER_NO_DEADLINE) != ERR_OK) {
        return;
      }
    }
    if (me == 0 || i < ROUNDS) {
      throw_ball(1 - me);
    }
  }
}
static void *run_player(void *arg) {
  loop_run(arg);
  return NULL;
}
static void two_loops_talk_both_ways(void **state) {
  pthread_t threads[2];
  for (size_t i = 0; i < 2; i++) {
    players[i] = (struct player){.loop = test_loop_new()};
    assert_int_equal(fiber_start(players[i].loop, play, (void *)i, &players[i].fiber), ERR_OK);
  }
  throw_ball(0);
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, run_player, players[i].loop), 0);
  }
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(players[i].caught, ROUNDS);
  }
  loop_free(players[0].loop);
  loop_free(players[1].loop);
}

static struct loop *own;
static int posts_left;
static void post_again(struct mailbox_message *m) {
  test_note("run");
  if (--posts_left > 0) {
    mailbox_post(own, m);
  }
}
static void a_message_may_be_posted_again_from_its_run(void **state) {
  struct mailbox_message m = {.run = post_again};
  own = test_loop_new();
  posts_left = 3;
  mailbox_post(own, &m);
  loop_run(own);
  assert_string_equal(test_trace, "run run run");
  loop_free(own);
}

static void free_message(struct mailbox_message *m) {
  test_note("freed");
  free(m);
}
static void a_message_may_be_freed_by_its_run(void **state) {
  own = test_loop_new();
  for (int i = 0; i < 2; i++) {
    struct mailbox_message *m = malloc(sizeof *m);
    assert_non_null(m);
    m->run = free_message;
    mailbox_post(own, m);
  }
  loop_run(own);
  assert_string_equal(test_trace, "freed freed");
  loop_free(own);
}

/* The loop ends and is freed by the very message that a thread is still busy posting. */
struct last_word {
  struct mailbox_message message;
  struct loop *loop;
  struct fiber *fiber;
};
static void wake_arg_fiber(struct mailbox_message *m) { fiber_wake(((struct last_word *)(void *)m)->fiber); }
static void *say_last_word(void *arg) {
  struct last_word *w = arg;
  mailbox_post(w->loop, &w->message);
  return NULL;
}
static void wait_for_last_word(void *arg) { assert_int_equal(fiber_park(FIBER_NO_DEADLINE), ERR_OK); }
static void a_loop_may_be_freed_while_the_last_sender_leaves(void **state) {
  for (int i = 0; i < 100; i++) {
    struct last_word w = {.message.run = wake_arg_fiber, .loop = test_loop_new()};
    pthread_t thread;
    assert_int_equal(fiber_start(w.loop, wait_for_last_word, NULL, &w.fiber), ERR_OK);
    assert_int_equal(pthread_create(&thread, NULL, say_last_word, &w), 0);
    loop_run(w.loop);
    loop_free(w.loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
  }
}

#define TEST(name) cmocka_unit_test_setup(name, test_clear_trace)
int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(messages_of_four_threads_arrive_in_the_order_of_each), TEST(two_loops_talk_both_ways),
      TEST(a_message_may_be_posted_again_from_its_run),           TEST(a_message_may_be_freed_by_its_run),
      TEST(a_loop_may_be_freed_while_the_last_sender_leaves),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
