/* Work on a lost connection is done once more on a fresh one, but a commit in doubt is only repeated when that is the
 * same as once. */
#include "store/driver.h"

#include "expect.h"

struct fake {
  struct database base;
  struct driver_link link;
  unsigned lent, fresh, given;
};

static enum err take(struct database *d, enum driver_use use, bool fresh, struct driver_link **out, struct fault *f) {
  struct fake *k = (struct fake *)d;
  k->lent++;
  k->fresh += fresh;
  k->link.lost = k->link.in_doubt = false;
  *out = &k->link;
  return ERR_OK;
}

static void give(struct database *d, struct driver_link *l) { ((struct fake *)d)->given++; }

static const struct driver driver = {.take = take, .give = give};

/* Fails the first `failures` times. */
struct job {
  unsigned failures, runs;
  bool lost, in_doubt;
};

static enum err work(struct driver_link *l, void *args, struct fault *f) {
  struct job *j = args;
  if (j->runs++ >= j->failures)
    return ERR_OK;
  l->lost = j->lost;
  l->in_doubt = j->in_doubt;
  return fault_set(f, ERR_STORE, NULL, "broken");
}

static void expect_run(struct job j, bool once, enum err want, unsigned runs) {
  struct fake k = {.base = {.driver = &driver}};
  EXPECT_ERR(driver_run(&k.base.base, DRIVER_WRITE, once, work, &j, &test_fault), want);
  assert_int_equal(j.runs, runs);
  assert_int_equal(k.lent, runs);
  assert_int_equal(k.given, runs);
  assert_int_equal(k.fresh, runs - 1);
}

static void what_failed_on_a_good_connection_is_not_repeated(void **state) {
  expect_run((struct job){.failures = 0}, false, ERR_OK, 1);
  expect_run((struct job){.failures = 1}, false, ERR_STORE, 1);
}

static void what_a_lost_connection_broke_is_done_once_more_on_a_fresh_one(void **state) {
  expect_run((struct job){.failures = 1, .lost = true}, false, ERR_OK, 2);
  expect_run((struct job){.failures = 1, .lost = true}, true, ERR_OK, 2);
  expect_run((struct job){.failures = 9, .lost = true}, false, ERR_STORE, 2);
}

static void a_commit_in_doubt_is_repeated_only_when_twice_is_the_same_as_once(void **state) {
  expect_run((struct job){.failures = 1, .lost = true, .in_doubt = true}, false, ERR_OK, 2);
  expect_run((struct job){.failures = 1, .lost = true, .in_doubt = true}, true, ERR_STORE, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_failed_on_a_good_connection_is_not_repeated),
      cmocka_unit_test(what_a_lost_connection_broke_is_done_once_more_on_a_fresh_one),
      cmocka_unit_test(a_commit_in_doubt_is_repeated_only_when_twice_is_the_same_as_once),
  };
  return RUN_TESTS(tests);
}
