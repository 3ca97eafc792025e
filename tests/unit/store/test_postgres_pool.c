/* The pool: reuse, limits, waiting, age, and connections that died while they idled. */
#include "store/postgres.h"

#include "contract.h"

static struct postgres_store *pool_of(void **state) { return (struct postgres_store *)contract_store(state); }

static struct driver_link *take(struct postgres_store *s) {
  struct driver_link *l = NULL;
  EXPECT_OK(postgres_take(&s->base, DRIVER_WRITE, false, &l, &test_fault));
  return l;
}

static void a_connection_is_used_again(void **state) {
  struct postgres_store *s = pool_of(state);
  struct driver_link *first = take(s);
  postgres_give(&s->base, first);
  assert_ptr_equal(take(s), first);
  postgres_give(&s->base, first);
  assert_int_equal(s->total, 1);
}

static void overflow_is_made_when_all_are_busy_and_closed_afterwards(void **state) {
  struct postgres_store *s = pool_of(state);
  struct driver_link *all[4];
  s->options.pool = 2;
  s->options.overflow = 2;
  for (int i = 0; i < 4; i++)
    all[i] = take(s);
  assert_int_equal(s->total, 4);
  for (int i = 0; i < 4; i++)
    postgres_give(&s->base, all[i]);
  assert_int_equal(s->total, 2);
  assert_int_equal(s->idle_count, 2);
}

static void who_finds_all_busy_waits_and_is_told(void **state) {
  struct postgres_store *s = pool_of(state);
  struct store *store = &s->base.base;
  struct driver_link *only = take(s);
  int64_t nano;
  s->options.pool = 1;
  s->options.overflow = 0;
  s->options.wait_ms = 120;
  int64_t started_us = postgres_clock_us();
  EXPECT_ERR(store->ops->ledger_spent(store, 1, 0, &nano, &test_fault), ERR_STORE_BUSY);
  EXPECT_MENTIONS("all 1 connections");
  int64_t took_us = postgres_clock_us() - started_us;
  if (took_us < 110000 || took_us > 2000000)
    fail_msg("took %lld us", (long long)took_us);
  assert_int_equal(err_status(ERR_STORE_BUSY), 503);
  postgres_give(&s->base, only);
  EXPECT_OK(store->ops->ledger_spent(store, 1, 0, &nano, &test_fault));
}

static void *ask_once(void *arg) {
  struct store *store = arg;
  struct fault f;
  int64_t nano;
  return (void *)(uintptr_t)store->ops->ledger_spent(store, 1, 0, &nano, &f);
}

static void who_waits_gets_the_one_given_back(void **state) {
  struct postgres_store *s = pool_of(state);
  struct driver_link *only = take(s);
  pthread_t threads[3];
  s->options.pool = 1;
  s->options.overflow = 0;
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, ask_once, &s->base.base), 0);
  postgres_give(&s->base, only);
  for (int i = 0; i < 3; i++) {
    void *e = NULL;
    pthread_join(threads[i], &e);
    assert_null(e);
  }
  assert_int_equal(s->total, 1);
}

static void an_old_connection_is_replaced(void **state) {
  struct postgres_store *s = pool_of(state);
  struct postgres_link *l = (struct postgres_link *)take(s);
  int first = PQbackendPID(l->db);
  l->born_us -= s->options.recycle_ms * 1000 + 1;
  postgres_give(&s->base, &l->base);
  assert_int_equal(s->total, 0);
  l = (struct postgres_link *)take(s);
  assert_int_not_equal(PQbackendPID(l->db), first);
  postgres_give(&s->base, &l->base);
  s->idle->born_us -= s->options.recycle_ms * 1000 + 1;
  int second = PQbackendPID(s->idle->db);
  l = (struct postgres_link *)take(s);
  assert_int_not_equal(PQbackendPID(l->db), second);
  postgres_give(&s->base, &l->base);
}

/* Ends the server's side of every idle connection. */
static void end_idle(struct postgres_store *s) {
  PGconn *db = PQconnectdb(contract_address);
  char sql[128];
  for (struct postgres_link *l = s->idle; l; l = l->next) {
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)", PQbackendPID(l->db));
    PQclear(PQexec(db, sql));
  }
  PQfinish(db);
}

static void connections_that_died_idling_are_replaced_unseen(void **state) {
  struct postgres_store *s = pool_of(state);
  struct store *store = &s->base.base;
  struct driver_link *all[4];
  for (int i = 0; i < 4; i++)
    all[i] = take(s);
  for (int i = 0; i < 4; i++)
    postgres_give(&s->base, all[i]);
  end_idle(s);
  EXPECT_OK(store->ops->health(store, &test_fault));
  assert_int_equal(s->total, 1);
}

static void a_connection_that_idled_long_is_asked_first(void **state) {
  struct postgres_store *s = pool_of(state);
  struct store *store = &s->base.base;
  EXPECT_OK(store->ops->health(store, &test_fault));
  int first = PQbackendPID(s->idle->db);
  s->idle->idle_since_us -= 60000000;
  EXPECT_OK(store->ops->health(store, &test_fault));
  assert_int_equal(PQbackendPID(s->idle->db), first);
}

static void one_left_in_a_transaction_is_not_lent_again(void **state) {
  struct postgres_store *s = pool_of(state);
  struct driver_link *l = take(s);
  EXPECT_OK(l->driver->begin(l, DRIVER_WRITE, &test_fault));
  postgres_give(&s->base, l);
  assert_int_equal(s->total, 0);
}

#define ON_POSTGRES(test)                                                                                              \
  { #test, test, contract_postgres, contract_close, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_POSTGRES(a_connection_is_used_again),
      ON_POSTGRES(overflow_is_made_when_all_are_busy_and_closed_afterwards),
      ON_POSTGRES(who_finds_all_busy_waits_and_is_told),
      ON_POSTGRES(who_waits_gets_the_one_given_back),
      ON_POSTGRES(an_old_connection_is_replaced),
      ON_POSTGRES(connections_that_died_idling_are_replaced_unseen),
      ON_POSTGRES(a_connection_that_idled_long_is_asked_first),
      ON_POSTGRES(one_left_in_a_transaction_is_not_lent_again),
  };
  return RUN_CONTRACT(tests);
}
