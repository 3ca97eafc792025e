/* Stacks: reuse, the bound of the pool, the guard page and the high-water mark. */
#include "fiber/stack.h"

#include "fiber_test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void the_newest_stack_is_used_again_first(void **state) {
  struct stack_pool pool = {0};
  struct stack *a = stack_take(&pool), *b = stack_take(&pool);
  assert_non_null(a);
  assert_non_null(b);
  assert_ptr_not_equal(a, b);
  stack_give(&pool, a);
  stack_give(&pool, b);
  assert_int_equal(pool.kept, 2);
  assert_ptr_equal(stack_take(&pool), b);
  assert_ptr_equal(stack_take(&pool), a);
  assert_int_equal(pool.kept, 0);
  stack_give(&pool, a);
  stack_give(&pool, b);
  stack_pool_done(&pool);
  assert_int_equal(pool.kept, 0);
}

static void the_pool_keeps_a_bounded_number(void **state) {
  static struct stack *stacks[STACK_POOL_MAX + 10];
  struct stack_pool pool = {0};
  for (size_t i = 0; i < TEST_COUNT(stacks); i++) {
    stacks[i] = stack_take(&pool);
    assert_non_null(stacks[i]);
  }
  for (size_t i = 0; i < TEST_COUNT(stacks); i++) {
    stack_give(&pool, stacks[i]);
  }
  assert_int_equal(pool.kept, STACK_POOL_MAX);
  stack_pool_done(&pool);
}

static void all_of_a_stack_can_be_written(void **state) {
  struct stack_pool pool = {0};
  struct stack *s = stack_take(&pool);
  assert_non_null(s);
  assert_in_range((char *)s - s->low, FIBER_STACK_BYTES - 64, FIBER_STACK_BYTES);
  memset(s->low, 1, (size_t)((char *)s - s->low));
  stack_give(&pool, s);
  stack_pool_done(&pool);
}

/* In a child: without a core file and without cmocka's own handler. */
static void die_quietly(void) {
  assert_int_equal(sigaction(SIGSEGV, &(struct sigaction){.sa_handler = SIG_DFL}, NULL), 0);
  assert_int_equal(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}), 0);
}

static void writing_below_a_stack_hits_the_guard_page(void **state) {
  if (TEST_IS_SANITIZED) {
    skip();
  }
  struct stack_pool pool = {0};
  struct stack *s = stack_take(&pool);
  assert_non_null(s);
  pid_t child = fork();
  if (child == 0) {
    die_quietly();
    ((volatile char *)s->low)[-1] = 1;
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGSEGV);
  stack_give(&pool, s);
  stack_pool_done(&pool);
}

static volatile int depth_wanted;
/* Each call needs the frame of the one above it, so no compiler makes a loop of this. */
__attribute__((noinline)) static int go_deep(int depth, volatile const char *above) {
  volatile char frame[1024];
  frame[0] = (char)(above[0] + 1);
  return depth == depth_wanted ? frame[0] : go_deep(depth + 1, frame) + above[0];
}
static void go_deep_fiber(void *arg) { *(int *)arg = go_deep(0, ""); }

static void endless_recursion_in_a_fiber_hits_the_guard_page(void **state) {
  if (TEST_IS_SANITIZED) {
    skip();
  }
  pid_t child = fork();
  if (child == 0) {
    int result;
    die_quietly();
    depth_wanted = -1;
    test_run(go_deep_fiber, &result);
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGSEGV);
}

static void the_high_water_mark_tells_the_deepest_use(void **state) {
  if (TEST_IS_SANITIZED) {
    skip();
  }
  int result;
  depth_wanted = 20;
  test_run(go_deep_fiber, &result);
  assert_int_equal(fiber_stack_high_water(), 0);
  fiber_measure_stacks(true);
  test_run(go_deep_fiber, &result);
  size_t deep = fiber_stack_high_water();
  depth_wanted = 1;
  test_run(go_deep_fiber, &result);
  fiber_measure_stacks(false);
  assert_int_equal(fiber_stack_high_water(), deep);
  assert_in_range(deep, 20 * 1024, FIBER_STACK_BYTES - 1);
}

static size_t resident_pages(void) {
  FILE *f = fopen("/proc/self/statm", "re");
  unsigned long total = 0, resident = 0;
  assert_non_null(f);
  assert_int_equal(fscanf(f, "%lu %lu", &total, &resident), 2);
  (void)fclose(f);
  return resident;
}
#define WAITERS 1000
static void park_until_woken(void *arg) {
  (void)arg;
  assert_int_equal(fiber_park(FIBER_NO_DEADLINE), ERR_OK);
}
static void measure_waiters(void *arg) {
  static struct fiber *waiters[WAITERS];
  size_t before = resident_pages();
  for (size_t i = 0; i < WAITERS; i++) {
    assert_int_equal(fiber_start(loop_current(), park_until_woken, NULL, &waiters[i]), ERR_OK);
  }
  assert_int_equal(fiber_yield(), ERR_OK);
  *(size_t *)arg = resident_pages() - before;
  for (size_t i = 0; i < WAITERS; i++) {
    fiber_wake(waiters[i]);
  }
}
static void a_waiting_fiber_has_touched_one_page(void **state) {
  if (TEST_IS_SANITIZED) {
    skip();
  }
  size_t pages = 0;
  test_run(measure_waiters, &pages);
  assert_in_range(pages, WAITERS, WAITERS * 5 / 4);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_newest_stack_is_used_again_first),
      cmocka_unit_test(the_pool_keeps_a_bounded_number),
      cmocka_unit_test(all_of_a_stack_can_be_written),
      cmocka_unit_test(writing_below_a_stack_hits_the_guard_page),
      cmocka_unit_test(endless_recursion_in_a_fiber_hits_the_guard_page),
      cmocka_unit_test(the_high_water_mark_tells_the_deepest_use),
      cmocka_unit_test(a_waiting_fiber_has_touched_one_page),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
