/* The portable switch, built into this test whatever the library was built with, against the contract in switch.h. */
#include "fiber/switch.h"

#include "fiber_test.h"

static struct switch_context main_context, other_context;
static struct instrument main_instrument, other_instrument;
static _Alignas(64) char other_stack[64 * 1024];
static int steps;
static int entry_argument;

static void leave(struct switch_context *from, struct instrument *a, struct switch_context *to, struct instrument *b) {
  instrument_leave(a, b, false);
  switch_to(from, to);
  instrument_arrive(a, b);
}

static void entry(void *arg) {
  instrument_arrive(&other_instrument, &main_instrument);
  entry_argument = *(int *)arg;
  for (;;) {
    steps++;
    leave(&other_context, &other_instrument, &main_context, &main_instrument);
  }
}

static void run_other(void) { leave(&main_context, &main_instrument, &other_context, &other_instrument); }

static void a_switch_goes_to_the_entry_and_back_again(void **state) {
  int argument = 42;
  instrument_init_thread(&main_instrument);
  instrument_init(&other_instrument, other_stack, sizeof other_stack);
  switch_make(&other_context, other_stack + sizeof other_stack, entry, &argument);
  assert_int_equal(steps, 0);
  run_other();
  assert_int_equal(entry_argument, 42);
  assert_int_equal(steps, 1);
  /* Values held across a switch survive it. */
  for (int i = 2; i < 100; i++) {
    run_other();
    assert_int_equal(steps, i);
  }
  instrument_done(&other_instrument);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_switch_goes_to_the_entry_and_back_again),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
