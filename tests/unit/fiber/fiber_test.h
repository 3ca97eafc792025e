/* Shared by the tests of src/fiber: a loop with one first fiber, and a trace of what happened in which order. */
#ifndef FIBER_TEST_H
#define FIBER_TEST_H

#include "fiber/fiber.h"
#include "fiber/instrument.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Far enough that a test which depends on it hangs visibly instead of passing. */
#define TEST_FAR_US       (60 * 1000000LL)
#define TEST_COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* Memory is laid out by a tool: what a stack holds and which pages are touched is not ours to say. */
#if INSTRUMENT_VALGRIND
#define TEST_IS_SANITIZED (INSTRUMENT_ASAN || INSTRUMENT_TSAN || RUNNING_ON_VALGRIND)
#else
#define TEST_IS_SANITIZED (INSTRUMENT_ASAN || INSTRUMENT_TSAN)
#endif

static inline struct loop *test_loop_new(void) {
  struct loop *loop = NULL;
  assert_int_equal(loop_new(NULL, &loop), ERR_OK);
  return loop;
}

static inline void test_start(struct loop *loop, void (*fn)(void *arg), void *arg) {
  assert_int_equal(fiber_start(loop, fn, arg, NULL), ERR_OK);
}

/* Runs fn(arg) in a fiber of a new loop until nothing is left to do. */
static inline void test_run(void (*fn)(void *arg), void *arg) {
  struct loop *loop = test_loop_new();
  test_start(loop, fn, arg);
  loop_run(loop);
  loop_free(loop);
}

static char test_trace[256];
static inline void test_note(const char *what) {
  size_t used = strlen(test_trace);
  (void)snprintf(test_trace + used, sizeof test_trace - used, "%s%s", used == 0 ? "" : " ", what);
}
static inline int test_clear_trace(void **state) {
  (void)state;
  test_trace[0] = 0;
  return 0;
}

/* Keeps the thread busy, so that timers due until then fire in one turn. */
static inline void test_spin_until(int64_t clock_us) {
  while (loop_clock_us() < clock_us) {
  }
}

#endif
