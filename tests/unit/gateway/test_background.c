/* Work beside the requests: bounded, holding its snapshot, and cancelled with its worker. */
#include "gateway_ask.h"

#include "gateway/background.h"

static unsigned running, cancelled;

static void wait_for_ever(struct gateway_worker *w, struct gateway_snapshot *s, const void *about) {
  CHECK_INT(about == s->config, 1);
  running++;
  cancelled += fiber_park(FIBER_NO_DEADLINE) == ERR_CANCELLED;
  running--;
}

static void bounded(struct world *w) {
  struct gateway_snapshot *s = w->worker.snapshot;
  for (int i = 0; i < GATEWAY_BACKGROUND_MAX; i++)
    CHECK_INT(background_start(&w->worker, s, wait_for_ever, s->config), 1);
  CHECK_INT(background_start(&w->worker, s, wait_for_ever, s->config), 0);
  turns(2);
  CHECK_INT(running, GATEWAY_BACKGROUND_MAX);
  CHECK_INT(s->refs, 1 + GATEWAY_BACKGROUND_MAX);
  gateway_worker_stop(&w->worker);
  turns(2);
  CHECK_INT(running, 0);
  CHECK_INT(cancelled, GATEWAY_BACKGROUND_MAX);
  CHECK_INT(s->refs, 1);
  CHECK_INT(background_start(&w->worker, s, wait_for_ever, s->config), 0);
}
static void test_background_work_is_bounded_and_ends_with_its_worker(void **state) { run_world(bounded, NULL); }

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_background_work_is_bounded_and_ends_with_its_worker)};
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests_name("background", tests, NULL, NULL);
}
