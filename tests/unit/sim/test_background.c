/* The simulator on its own thread: where it listens, and that it ends whatever it is doing. */
#include "sim/background.h"

#include "sim_http.h"

static void it_says_where_it_listens(void **state) {
  struct text url = text_of(sim_background_url(test_sim));
  assert_true(text_starts(url, TEXT("http://127.0.0.1:")));
  assert_false(text_ends(url, TEXT(":0")));
  EXPECT_INSIDE(test_ask(STATS, ""), TEXT("\"requests\":0"));
}

static void stopping_resets_what_hangs(void **state) {
  bool reset = false;
  int fd = test_connect();
  test_send(fd, MESSAGES, "{'model':'sim-hang','max_tokens':5,'messages':[{'role':'user','content':'x'}]}");
  while (text_find(test_ask(STATS, ""), TEXT("\"outcome\":\"open\"")) < 0) {
  }
  test_sim_stop(NULL);
  assert_int_equal(test_receive(fd, &reset).len, 0);
  assert_true(reset);
}

static void two_can_run_side_by_side(void **state) {
  const struct sim_options options = {0};
  struct sim_background *other = NULL;
  assert_int_equal(sim_background_start(&options, &other, NULL), ERR_OK);
  assert_string_not_equal(sim_background_url(other), sim_background_url(test_sim));
  sim_background_stop(other);
  sim_background_stop(NULL);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, test_sim_start, test_sim_stop)
  const struct CMUnitTest tests[] = {CASE(it_says_where_it_listens), CASE(stopping_resets_what_hangs),
                                     CASE(two_can_run_side_by_side)};
  return RUN_TESTS(tests);
}
