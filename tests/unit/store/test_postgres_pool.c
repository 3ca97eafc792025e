/* The pool: reuse, limits, waiting, age, and connections that died while they idled. */
#include "store/postgres.h"

#include "contract.h"

static struct postgres_pool *pool_of(void **state) {
  return &((struct postgres_store *)contract_store(state))->primary;
}

/* The options belong to the store; these tests change them under way. */
static struct postgres_options *options_of(void **state) { return &((struct postgres_store *)*state)->options; }

static struct postgres_link *take(struct postgres_pool *p) {
  struct postgres_link *l = NULL;
  EXPECT_OK(postgres_pool_take(p, false, &l, &test_fault));
  return l;
}

static void a_connection_is_used_again(void **state) {
  struct postgres_pool *p = pool_of(state);
  struct postgres_link *first = take(p);
  postgres_pool_give(first);
  assert_ptr_equal(take(p), first);
  postgres_pool_give(first);
  assert_int_equal(p->total, 1);
}

static void overflow_is_made_when_all_are_busy_and_closed_afterwards(void **state) {
  struct postgres_pool *p = pool_of(state);
  struct postgres_link *all[4];
  options_of(state)->pool = 2;
  options_of(state)->overflow = 2;
  for (int i = 0; i < 4; i++)
    all[i] = take(p);
  assert_int_equal(p->total, 4);
  for (int i = 0; i < 4; i++)
    postgres_pool_give(all[i]);
  assert_int_equal(p->total, 2);
  assert_int_equal(p->idle_count, 2);
}

static void who_finds_all_busy_waits_and_is_told(void **state) {
  struct postgres_pool *p = pool_of(state);
  struct store *store = *state;
  struct postgres_link *only = take(p);
  int64_t nano;
  options_of(state)->pool = 1;
  options_of(state)->overflow = 0;
  options_of(state)->wait_ms = 120;
  int64_t started_us = postgres_clock_us();
  EXPECT_ERR(store->ops->ledger_spent(store, 1, 0, &nano, &test_fault), ERR_STORE_BUSY);
  EXPECT_MENTIONS("all 1 connections");
  int64_t took_us = postgres_clock_us() - started_us;
  if (took_us < 110000 || took_us > 2000000)
    fail_msg("took %lld us", (long long)took_us);
  assert_int_equal(err_status(ERR_STORE_BUSY), 503);
  postgres_pool_give(only);
  EXPECT_OK(store->ops->ledger_spent(store, 1, 0, &nano, &test_fault));
}

static void *ask_once(void *arg) {
  struct store *store = arg;
  struct fault f;
  int64_t nano;
  return (void *)(uintptr_t)store->ops->ledger_spent(store, 1, 0, &nano, &f);
}

static void who_waits_gets_the_one_given_back(void **state) {
  struct postgres_pool *p = pool_of(state);
  struct postgres_link *only = take(p);
  pthread_t threads[3];
  options_of(state)->pool = 1;
  options_of(state)->overflow = 0;
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, ask_once, *state), 0);
  postgres_pool_give(only);
  for (int i = 0; i < 3; i++) {
    void *e = NULL;
    pthread_join(threads[i], &e);
    assert_null(e);
  }
  assert_int_equal(p->total, 1);
}

static void an_old_connection_is_replaced(void **state) {
  struct postgres_pool *p = pool_of(state);
  struct postgres_link *l = take(p);
  int first = PQbackendPID(l->db);
  l->born_us -= options_of(state)->recycle_ms * 1000 + 1;
  postgres_pool_give(l);
  assert_int_equal(p->total, 0);
  l = take(p);
  assert_int_not_equal(PQbackendPID(l->db), first);
  postgres_pool_give(l);
  p->idle->born_us -= options_of(state)->recycle_ms * 1000 + 1;
  int second = PQbackendPID(p->idle->db);
  l = take(p);
  assert_int_not_equal(PQbackendPID(l->db), second);
  postgres_pool_give(l);
}

/* Ends the server's side of every idle connection. */
static void end_idle(struct postgres_pool *p) {
  PGconn *db = PQconnectdb(contract_address);
  char sql[128];
  for (struct postgres_link *l = p->idle; l; l = l->next) {
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)", PQbackendPID(l->db));
    PQclear(PQexec(db, sql));
  }
  PQfinish(db);
}

static void connections_that_died_idling_are_replaced_unseen(void **state) {
  struct postgres_pool *p = pool_of(state);
  struct store *store = *state;
  struct postgres_link *all[4];
  for (int i = 0; i < 4; i++)
    all[i] = take(p);
  for (int i = 0; i < 4; i++)
    postgres_pool_give(all[i]);
  end_idle(p);
  EXPECT_OK(store->ops->health(store, &test_fault));
  assert_int_equal(p->total, 1);
}

static void a_connection_that_idled_long_is_asked_first(void **state) {
  struct postgres_pool *p = pool_of(state);
  struct store *store = *state;
  EXPECT_OK(store->ops->health(store, &test_fault));
  int first = PQbackendPID(p->idle->db);
  p->idle->idle_since_us -= 60000000;
  EXPECT_OK(store->ops->health(store, &test_fault));
  assert_int_equal(PQbackendPID(p->idle->db), first);
}

static void one_left_in_a_transaction_is_not_lent_again(void **state) {
  struct postgres_pool *p = pool_of(state);
  struct postgres_link *l = take(p);
  EXPECT_OK(l->base.driver->begin(&l->base, DRIVER_WRITE, &test_fault));
  postgres_pool_give(l);
  assert_int_equal(p->total, 0);
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
