/* The bell: it rings when an event was committed and not before, can be waited for together with something else, and is
 * known to be lost when its connection is cut. */
#include "store/postgres_bell.h"

#include "contract.h"
#include "store/store_events.h"

#include <sys/eventfd.h>

#define DEADLINE_MS 10000

static int wake;

static struct store_bell *open_bell(struct store *s) {
  struct store_bell *b = NULL;
  wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  EXPECT_OK(s->ops->events->bell_open(s, &b, &test_fault));
  return b;
}

static void close_bell(struct store *s, struct store_bell *b) {
  s->ops->events->bell_close(b);
  close(wake);
}

static bool rings(struct store *s, struct store_bell *b, int64_t within_ms) {
  bool rang = false;
  EXPECT_OK(s->ops->events->bell_wait(b, wake, within_ms, &rang, &test_fault));
  return rang;
}

static void it_rings_for_an_event(void **state) {
  struct store *s = contract_store(state);
  struct store_bell *b = open_bell(s);
  assert_false(rings(s, b, 0));
  EXPECT_OK(s->ops->events->add(s, TEXT("key"), TEXT("1"), &test_fault));
  assert_true(rings(s, b, DEADLINE_MS));
  assert_false(rings(s, b, 0));
  close_bell(s, b);
}

static enum err add_and_fail(struct driver_link *l, void *args, struct fault *f) {
  enum err e = l->driver->begin(l, DRIVER_WRITE, f);
  if (!e)
    e = event_add_on(l, "key", TEXT("1"), f);
  return l->driver->end(l, e ? e : ERR_LIMIT, f);
}

static void what_is_rolled_back_is_not_heard(void **state) {
  struct store *s = contract_store(state);
  struct store_bell *b = open_bell(s);
  EXPECT_ERR(driver_run(s, DRIVER_WRITE, false, add_and_fail, NULL, &test_fault), ERR_LIMIT);
  assert_false(rings(s, b, 50));
  close_bell(s, b);
}

static void the_wait_ends_when_something_else_wants_it(void **state) {
  struct store *s = contract_store(state);
  struct store_bell *b = open_bell(s);
  assert_int_equal(write(wake, &(uint64_t){1}, 8), 8);
  assert_false(rings(s, b, 600000));
  close_bell(s, b);
}

static void a_cut_connection_is_an_error_and_a_new_one_hears_again(void **state) {
  struct store *s = contract_store(state);
  struct store_bell *b = open_bell(s);
  bool rang = false;
  contract_exec(s, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN weir_events'");
  enum err e = ERR_OK;
  for (int i = 0; i < 100 && !e; i++)
    e = s->ops->events->bell_wait(b, wake, 100, &rang, &test_fault);
  assert_int_equal(e, ERR_STORE);
  close_bell(s, b);
  b = open_bell(s);
  EXPECT_OK(s->ops->events->add(s, TEXT("key"), TEXT("1"), &test_fault));
  assert_true(rings(s, b, DEADLINE_MS));
  close_bell(s, b);
  s->ops->events->bell_close(NULL);
}

#define ON_POSTGRES(test)                                                                                              \
  { #test, test, contract_postgres, contract_close, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_POSTGRES(it_rings_for_an_event),
      ON_POSTGRES(what_is_rolled_back_is_not_heard),
      ON_POSTGRES(the_wait_ends_when_something_else_wants_it),
      ON_POSTGRES(a_cut_connection_is_an_error_and_a_new_one_hears_again),
  };
  return RUN_CONTRACT(tests);
}
