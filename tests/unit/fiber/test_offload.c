/* Blocking calls on other threads: results, order, the bound of the queue, and what cancels and wakes may not do to
 * them. */
#include "fiber/offload.h"

#include "base/log.h"
#include "fiber/fiber.h"
#include "fiber_test.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

static struct offload *pool;
static sem_t entered, release;

static void pool_start(size_t threads, size_t max_queued) {
  assert_int_equal(offload_new(threads, max_queued, &pool), ERR_OK);
  assert_int_equal(sem_init(&entered, 0, 0), 0);
  assert_int_equal(sem_init(&release, 0, 0), 0);
}
static void pool_stop(void) {
  offload_free(pool);
  sem_destroy(&entered);
  sem_destroy(&release);
}

static enum err refuse(void *arg) {
  *(pthread_t *)arg = pthread_self();
  return ERR_STORE_FULL;
}
static void call_refuse(void *arg) { assert_int_equal(offload_call(pool, refuse, arg), ERR_STORE_FULL); }
static void the_result_comes_back_from_another_thread(void **state) {
  pthread_t where = pthread_self();
  pool_start(2, 10);
  test_run(call_refuse, &where);
  assert_false(pthread_equal(where, pthread_self()));
  pool_stop();
}

static void outside_a_fiber_the_call_is_made_here(void **state) {
  pthread_t where;
  pool_start(1, 1);
  call_refuse(&where);
  assert_true(pthread_equal(where, pthread_self()));
  pool_stop();
}

static enum err block(void *arg) {
  (void)arg;
  sem_post(&entered);
  while (sem_wait(&release) != 0) {
  }
  return ERR_OK;
}
static size_t calls_ok, calls_refused;
static void call_block(void *arg) {
  (void)arg;
  enum err e = offload_call(pool, block, NULL);
  if (e == ERR_OK) {
    calls_ok++;
  } else {
    assert_int_equal(e, ERR_LIMIT);
    calls_refused++;
  }
}
static void fill_queue(void *arg) {
  struct loop *loop = loop_current();
  (void)arg;
  test_start(loop, call_block, NULL);
  assert_int_equal(fiber_yield(), ERR_OK);
  sem_wait(&entered);
  for (int i = 0; i < 4; i++) {
    test_start(loop, call_block, NULL);
  }
  assert_int_equal(fiber_yield(), ERR_OK);
  assert_int_equal(calls_refused, 2);
  for (int i = 0; i < 3; i++) {
    sem_post(&release);
  }
}
static void a_full_queue_is_an_ordinary_error(void **state) {
  pool_start(1, 2);
  test_run(fill_queue, NULL);
  assert_int_equal(calls_ok, 3);
  pool_stop();
}

static int order[100];
static size_t order_count;
static enum err note_order(void *arg) {
  order[order_count++] = *(int *)arg;
  return ERR_OK;
}
static void call_note_order(void *arg) { assert_int_equal(offload_call(pool, note_order, arg), ERR_OK); }
static void one_thread_takes_calls_in_their_order(void **state) {
  int numbers[100];
  struct loop *loop = test_loop_new();
  pool_start(1, 100);
  for (int i = 0; i < 100; i++) {
    numbers[i] = i;
    test_start(loop, call_note_order, &numbers[i]);
  }
  loop_run(loop);
  loop_free(loop);
  pool_stop();
  assert_int_equal(order_count, 100);
  for (int i = 0; i < 100; i++) {
    assert_int_equal(order[i], i);
  }
}

static atomic_int sum;
static enum err add(void *arg) {
  atomic_fetch_add(&sum, *(int *)arg);
  return ERR_OK;
}
static void call_add(void *arg) {
  for (int i = 0; i < 20; i++) {
    assert_int_equal(offload_call(pool, add, arg), ERR_OK);
  }
}
static void many_fibers_call_at_once(void **state) {
  int number = 3;
  struct loop *loop = test_loop_new();
  pool_start(4, 200);
  for (int i = 0; i < 200; i++) {
    test_start(loop, call_add, &number);
  }
  loop_run(loop);
  loop_free(loop);
  pool_stop();
  assert_int_equal(atomic_load(&sum), 200 * 20 * 3);
}

static void disturb(void *arg) {
  struct fiber *f = arg;
  sem_wait(&entered);
  fiber_wake(f);
  fiber_cancel(f);
  assert_int_equal(fiber_yield(), ERR_OK);
  test_note("disturbed");
  sem_post(&release);
}
static void call_disturbed(void *arg) {
  (void)arg;
  test_start(loop_current(), disturb, fiber_self());
  assert_int_equal(offload_call(pool, block, NULL), ERR_OK);
  test_note("done");
  assert_int_equal(fiber_park(FIBER_NO_DEADLINE), ERR_CANCELLED);
}
static void a_cancel_is_seen_only_after_the_call(void **state) {
  pool_start(1, 1);
  test_run(call_disturbed, NULL);
  assert_string_equal(test_trace, "disturbed done");
  pool_stop();
}

static enum err read_stage(void *arg) {
  *(const char **)arg = log_context()->stage;
  return ERR_OK;
}
static void call_with_stage(void *arg) {
  log_context()->stage = "send";
  assert_int_equal(offload_call(pool, read_stage, arg), ERR_OK);
}
static void the_log_context_travels_with_the_call(void **state) {
  const char *stage = NULL;
  pool_start(1, 1);
  test_run(call_with_stage, &stage);
  assert_string_equal(stage, "send");
  pool_stop();
}

#define TEST(name) cmocka_unit_test_setup(name, test_clear_trace)
int main(void) {
  static const struct CMUnitTest tests[] = {
      TEST(the_result_comes_back_from_another_thread),
      TEST(outside_a_fiber_the_call_is_made_here),
      TEST(a_full_queue_is_an_ordinary_error),
      TEST(one_thread_takes_calls_in_their_order),
      TEST(many_fibers_call_at_once),
      TEST(a_cancel_is_seen_only_after_the_call),
      TEST(the_log_context_travels_with_the_call),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
