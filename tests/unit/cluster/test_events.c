/* Events are handled once, in order, whoever rings, and also when nobody does: over a real store in memory that can be
 * made to fail or to wait, and over a real PostgreSQL whose listening connection is cut. */
#include "cluster/events.h"

#include "store/driver.h"
#include "store/store.h"
#include "support/postgres.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_MS 10000

/* In front of the real store: how often it was asked, and a way to make it refuse. */
struct watched {
  struct store port;
  struct store_ops ops;
  struct store_events_ops events;
  struct store *real;
  atomic_uint looks;
  atomic_bool fails;
};

static enum err watched_newest(struct store *s, int64_t *out, struct fault *f) {
  struct watched *w = (struct watched *)s;
  atomic_fetch_add(&w->looks, 1);
  return atomic_load(&w->fails) ? fault_set(f, ERR_STORE, NULL, "away") : w->real->ops->events->newest(w->real, out, f);
}

static enum err watched_list(struct store *s, int64_t after_id, size_t max, struct arena *a, struct store_event **out,
                             size_t *out_count, struct fault *f) {
  struct watched *w = (struct watched *)s;
  return w->real->ops->events->list(w->real, after_id, max, a, out, out_count, f);
}

struct heard {
  pthread_mutex_t lock;
  char log[8192]; /* "key:7 config: " */
  size_t count;
};

struct fixture {
  struct watched store;
  struct heard heard;
  struct events *events;
  struct fault fault;
};

static void hear(void *data, const struct store_event *e) {
  struct heard *h = data;
  pthread_mutex_lock(&h->lock);
  size_t len = strlen(h->log);
  snprintf(h->log + len, sizeof(h->log) - len, "%.*s:%.*s ", TEXT_ARGS(e->kind), TEXT_ARGS(e->subject));
  h->count++;
  pthread_mutex_unlock(&h->lock);
}

static size_t heard_count(struct heard *h) {
  pthread_mutex_lock(&h->lock);
  size_t count = h->count;
  pthread_mutex_unlock(&h->lock);
  return count;
}

static void wait_for(struct fixture *x, size_t count) {
  for (int ms = 0; ms < DEADLINE_MS && heard_count(&x->heard) < count; ms++)
    (void)poll(NULL, 0, 1);
  assert_int_equal(heard_count(&x->heard), count);
}

static void expect_log(struct fixture *x, const char *want) {
  pthread_mutex_lock(&x->heard.lock);
  assert_string_equal(x->heard.log, want);
  pthread_mutex_unlock(&x->heard.lock);
}

static void add(struct fixture *x, const char *kind, const char *subject) {
  struct store *s = x->store.real;
  assert_int_equal(s->ops->events->add(s, text_of(kind), text_of(subject), &x->fault), ERR_OK);
}

static struct fixture *fixture_new(struct store *real) {
  struct fixture *x = calloc(1, sizeof(*x));
  assert_non_null(x);
  x->store.real = real;
  x->store.events = (struct store_events_ops){.newest = watched_newest, .list = watched_list};
  x->store.ops.events = &x->store.events;
  x->store.port.ops = &x->store.ops;
  pthread_mutex_init(&x->heard.lock, NULL);
  return x;
}

static struct fixture *open_fixture(void) {
  struct store *real = NULL;
  assert_int_equal(store_open_memory(&real, NULL), ERR_OK);
  struct fixture *x = fixture_new(real);
  x->events = events_new(&x->store.port);
  events_on(x->events, "key", hear, &x->heard);
  events_on(x->events, "config", hear, &x->heard);
  return x;
}

static void start(struct fixture *x) { assert_int_equal(events_start(x->events, &x->fault), ERR_OK); }

static void close_fixture(struct fixture *x) {
  events_free(x->events);
  x->store.real->ops->close(x->store.real);
  pthread_mutex_destroy(&x->heard.lock);
  free(x);
}

static void test_what_is_added_is_handled_in_order_and_once(void **state) {
  struct fixture *x = open_fixture();
  add(x, "key", "before"); /* it has no copy of this yet */
  start(x);
  for (int i = 0; i < 300; i++) /* more than one batch */
    add(x, "cache", "");
  add(x, "key", "7");
  add(x, "config", "");
  add(x, "key", "8");
  events_ring(x->events);
  wait_for(x, 3);
  expect_log(x, "key:7 config: key:8 ");
  struct events_stats s = events_stats(x->events);
  assert_true(s.seen == 304 && s.newest == 304 && s.handled == 303 && !s.has_bell && !s.is_failing);
  events_ring(x->events);
  events_stop(x->events);
  expect_log(x, "key:7 config: key:8 ");
  close_fixture(x);
}

static void listen_to_real(struct store *s, void (*fn)(void *data), void *data) {
  struct store *real = ((struct watched *)s)->real;
  real->ops->events->on_added(real, fn, data);
}

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void note_seen(void *data, int64_t seen) {
  char number[24];
  snprintf(number, sizeof(number), "%lld", (long long)seen);
  const struct store_event e = {.kind = TEXT("seen"), .subject = text_of(number)};
  hear(data, &e);
}

static void test_how_far_it_has_come_is_told_after_the_events(void **state) {
  struct fixture *x = open_fixture();
  events_on_seen(x->events, note_seen, &x->heard);
  add(x, "key", "before");
  start(x);
  add(x, "key", "7");
  events_ring(x->events);
  wait_for(x, 2);
  events_ring(x->events);
  add(x, "cache", ""); /* nobody handles it, and yet it has been seen */
  events_ring(x->events);
  wait_for(x, 3);
  expect_log(x, "key:7 seen:2 seen:3 ");
  close_fixture(x);
}

static void test_nobody_rings_and_it_is_found_all_the_same(void **state) {
  struct fixture *x = open_fixture();
  start(x);
  add(x, "key", "1");
  wait_for(x, 1);
  add(x, "key", "2");
  wait_for(x, 2);
  close_fixture(x);
}

/* A look comes every half a second; these would take a minute. */
static void test_what_the_process_has_changed_itself_is_told_at_once(void **state) {
  struct fixture *x = open_fixture();
  x->store.events.on_added = listen_to_real;
  start(x);
  int64_t began_us = now_us();
  for (size_t i = 1; i <= 120; i++) {
    add(x, "key", "1");
    wait_for(x, i);
  }
  assert_in_range(now_us() - began_us, 0, 30000000);
  events_stop(x->events);
  add(x, "key", "1"); /* nobody hears it, and nobody is called who has gone */
  assert_int_equal(heard_count(&x->heard), 120);
  close_fixture(x);
}

static void test_a_store_that_was_away_is_asked_again(void **state) {
  struct fixture *x = open_fixture();
  start(x);
  atomic_store(&x->store.fails, true);
  add(x, "key", "1");
  events_ring(x->events);
  for (int ms = 0; ms < DEADLINE_MS && !events_stats(x->events).is_failing; ms++)
    (void)poll(NULL, 0, 1);
  assert_true(events_stats(x->events).is_failing);
  assert_int_not_equal(events_stats(x->events).fault.err, ERR_OK);
  assert_int_equal(heard_count(&x->heard), 0);
  atomic_store(&x->store.fails, false);
  wait_for(x, 1);
  expect_log(x, "key:1 ");
  close_fixture(x);
}

static void test_without_an_answer_there_is_no_start(void **state) {
  struct fixture *x = open_fixture();
  atomic_store(&x->store.fails, true);
  assert_int_equal(events_start(x->events, &x->fault), ERR_STORE);
  close_fixture(x);
}

static enum err exec_on(struct driver_link *l, void *sql, struct fault *f) { return l->driver->exec(l, sql, f); }

static void exec(struct fixture *x, const char *sql) {
  assert_int_equal(driver_run(x->store.real, DRIVER_WRITE, false, exec_on, (void *)(uintptr_t)sql, &x->fault), ERR_OK);
}

/* Purged before they were seen, in part or altogether, or a store put back to an older moment: anything may have
 * changed, and everybody is told so. */
static void test_what_was_missed_is_told_to_all(void **state) {
  struct fixture *x = open_fixture();
  start(x);
  atomic_store(&x->store.fails, true);
  for (int i = 0; i < 5; i++)
    add(x, "key", "9");
  exec(x, "DELETE FROM weir_events WHERE id < 5");
  atomic_store(&x->store.fails, false);
  events_ring(x->events);
  wait_for(x, 3);
  expect_log(x, "key: config: key:9 ");
  atomic_store(&x->store.fails, true);
  add(x, "key", "10");
  exec(x, "DELETE FROM weir_events");
  atomic_store(&x->store.fails, false);
  events_ring(x->events);
  wait_for(x, 5);
  exec(x, "UPDATE weir_sequence SET value = 2 WHERE name = 'events'");
  events_ring(x->events);
  wait_for(x, 7);
  expect_log(x, "key: config: key:9 key: config: key: config: ");
  assert_int_equal(events_stats(x->events).seen, 2);
  add(x, "config", "");
  wait_for(x, 8);
  close_fixture(x);
}

static struct postgres_server server;

static struct store *open_postgres(void) {
  char address[256];
  struct store *s = NULL;
  struct fault f = {0};
  if (!server.pid && !postgres_server_start(&server))
    fail_msg("%s", server.why);
  if (!postgres_server_database(&server, server.databases % 2, address, sizeof(address)))
    fail_msg("%s", server.why);
  const struct store_place place = {.kind = STORE_POSTGRES,
                                    .postgres = {.url = text_of(address),
                                                 .pool = 5,
                                                 .overflow = 5,
                                                 .wait_ms = 30000,
                                                 .recycle_ms = 1800000,
                                                 .statement_timeout_ms = 30000,
                                                 .lock_timeout_ms = 5000,
                                                 .connect_timeout_ms = 5000}};
  if (store_open(&place, &s, &f) != ERR_OK)
    fail_msg("%s", f.text);
  return s;
}

static void wait_for_bell(struct fixture *x, bool listening) {
  for (int ms = 0; ms < DEADLINE_MS && events_stats(x->events).is_listening != listening; ms++)
    (void)poll(NULL, 0, 1);
  assert_int_equal(events_stats(x->events).is_listening, listening);
}

#define CUT "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN weir_events'"

static void test_a_cut_bell_is_hung_up_again(void **state) {
  if (postgres_server_missing()) {
    print_message("# %s\n", postgres_server_missing());
    skip();
  }
  struct fixture *x = fixture_new(open_postgres());
  x->events = events_new(x->store.real);
  events_on(x->events, "key", hear, &x->heard);
  start(x);
  wait_for_bell(x, true);
  for (size_t i = 0; i < 5; i++) {
    add(x, "key", "1");
    wait_for(x, i + 1);
  }
  exec(x, CUT);
  add(x, "key", "2");
  wait_for(x, 6);
  wait_for_bell(x, true);
  add(x, "key", "3");
  wait_for(x, 7);
  expect_log(x, "key:1 key:1 key:1 key:1 key:1 key:2 key:3 ");
  assert_true(events_stats(x->events).has_bell);
  close_fixture(x);
}

static int stop_server(void **state) {
  postgres_server_stop(&server);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_added_is_handled_in_order_and_once),
      cmocka_unit_test(test_how_far_it_has_come_is_told_after_the_events),
      cmocka_unit_test(test_nobody_rings_and_it_is_found_all_the_same),
      cmocka_unit_test(test_what_the_process_has_changed_itself_is_told_at_once),
      cmocka_unit_test(test_a_store_that_was_away_is_asked_again),
      cmocka_unit_test(test_without_an_answer_there_is_no_start),
      cmocka_unit_test(test_what_was_missed_is_told_to_all),
      cmocka_unit_test(test_a_cut_bell_is_hung_up_again),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, stop_server);
}
