/* Which standbys lists are read from, what is said of those that are not, and that one that comes back is used. */
#include "contract.h"

#include "store/postgres.h"

#include <poll.h>

static struct store *open_with(const char *standby) {
  struct store *s = NULL;
  struct store_place place = *contract_place(contract_address);
  place.postgres.replicas[0] = text_of(standby);
  place.postgres.replica_count = 1;
  EXPECT_OK(store_open(&place, &s, &test_fault));
  return s;
}
static struct postgres_store *inside(struct store *s) { return (struct postgres_store *)s; }
static void address_at(const struct postgres_server *server, char out[256]) {
  snprintf(out, 256, "postgres://weir:%s@127.0.0.1:%d/weir_%u", POSTGRES_TEST_PASSWORD, server->port,
           contract_server.databases);
}

/* Whether the next list would be read from the standby. */
static bool is_used(struct store *s) {
  struct postgres_link *l = postgres_take_standby(inside(s), atomic_load(&inside(s)->written));
  if (l)
    postgres_pool_give(l);
  return l != NULL;
}
static void wait_until_used(struct store *s) {
  for (int i = 0; i < 3000 && !is_used(s); i++) {
    atomic_store(&inside(s)->replicas[0].avoid_until_us, 0);
    (void)poll(NULL, 0, 10);
  }
  EXPECT_OK(s->ops->standbys_check(s, true, &test_fault));
}

static void a_database_of_another_cluster_is_never_read_from(void **state) {
  static struct postgres_server other, standby;
  char address[256];
  (void)contract_store(state);
  if (!postgres_server_start(&other) || !postgres_server_follow(&standby, &other))
    fail_msg("%s%s", other.why, standby.why);
  snprintf(address, sizeof address, "postgres://weir:%s@127.0.0.1:%d/postgres", POSTGRES_TEST_PASSWORD, standby.port);
  struct store *s = open_with(address);
  atomic_store(&inside(s)->written, 0); /* it is far ahead */
  assert_false(is_used(s));
  EXPECT_ERR(s->ops->standbys_check(s, true, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("but of another one");
  s->ops->close(s);
  postgres_server_stop(&standby);
  postgres_server_stop(&other);
}

static void the_primary_is_no_standby_of_itself(void **state) {
  (void)contract_store(state);
  struct store *s = open_with(contract_address);
  assert_false(is_used(s));
  EXPECT_ERR(s->ops->standbys_check(s, true, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("it is no standby, but takes changes itself");
  s->ops->close(s);
}

static void one_that_is_away_is_said_and_used_when_it_is_back(void **state) {
  static struct postgres_server standby;
  char address[256];
  (void)contract_store(state);
  if (!postgres_server_follow(&standby, &contract_server))
    fail_msg("%s", standby.why);
  address_at(&standby, address);
  struct store *s = open_with(address);
  wait_until_used(s);
  postgres_server_kill(&standby);
  assert_false(is_used(s));
  int64_t first_us = inside(s)->replicas[0].avoid_us;
  EXPECT_ERR(s->ops->standbys_check(s, true, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("is left out: ");
  assert_int_equal(inside(s)->replicas[0].avoid_us, first_us); /* it was left alone meanwhile */
  atomic_store(&inside(s)->replicas[0].avoid_until_us, 0);
  assert_false(is_used(s));
  assert_int_equal(inside(s)->replicas[0].avoid_us, 2 * first_us);
  assert_true(postgres_server_restart(&standby));
  wait_until_used(s);
  assert_int_equal(inside(s)->replicas[0].avoid_us, 0);
  s->ops->close(s);
  postgres_server_stop(&standby);
}

static void one_that_stands_still_is_said_and_one_that_moves_on_is_only_late(void **state) {
  static struct postgres_server standby;
  char address[256], name[32];
  (void)contract_store(state);
  if (!postgres_server_follow(&standby, &contract_server))
    fail_msg("%s", standby.why);
  address_at(&standby, address);
  snprintf(name, sizeof name, "weir_%u", contract_server.databases);
  struct store *s = open_with(address);
  wait_until_used(s);
  assert_int_equal(postgres_server_ask(&standby, name, "SELECT 1 FROM pg_wal_replay_pause()"), 1);
  struct ledger_row row = make_row(1, 7, 100, 10);
  append(s, &row, 1, 1);
  struct postgres_pool *p = &inside(s)->replicas[0];
  assert_false(is_used(s));
  EXPECT_OK(s->ops->standbys_check(s, true, &test_fault)); /* late, for all that is known */
  p->missed_since_us -= INT64_C(3600000000);
  assert_false(is_used(s));
  EXPECT_ERR(s->ops->standbys_check(s, true, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("has not moved on");
  assert_int_equal(postgres_server_ask(&standby, name, "SELECT 1 FROM pg_wal_replay_resume()"), 1);
  wait_until_used(s);
  s->ops->close(s);
  postgres_server_stop(&standby);
}

static size_t rows_seen(struct store *s) {
  struct arena a;
  struct ledger_row *rows;
  size_t count = 0;
  arena_init(&a);
  EXPECT_OK(s->ops->ledger_list(s, 0, 1000, &a, &rows, &count, &test_fault));
  arena_done(&a);
  return count;
}

static void who_has_written_elsewhere_sees_it_here(void **state) {
  static struct postgres_server standby;
  char address[256], name[32];
  struct ledger_row row = make_row(1, 7, 100, 10);
  (void)contract_store(state);
  if (!postgres_server_follow(&standby, &contract_server))
    fail_msg("%s", standby.why);
  address_at(&standby, address);
  snprintf(name, sizeof name, "weir_%u", contract_server.databases);
  struct store *here = open_with(address), *elsewhere = open_with(address);
  wait_until_used(here);
  assert_int_equal(postgres_server_ask(&standby, name, "SELECT 1 FROM pg_wal_replay_pause()"), 1);
  append(elsewhere, &row, 1, 1);
  assert_int_equal(rows_seen(here), 0);
  here->ops->catch_up(here, elsewhere->ops->written(elsewhere));
  assert_int_equal(rows_seen(here), 1);
  assert_int_equal(postgres_server_ask(&standby, name, "SELECT 1 FROM pg_wal_replay_resume()"), 1);
  here->ops->catch_up(here, INT64_MAX); /* made up */
  wait_until_used(here);
  here->ops->close(here);
  elsewhere->ops->close(elsewhere);
  postgres_server_stop(&standby);
}

#define ON_POSTGRES(test)                                                                                              \
  { #test, test, contract_postgres, contract_close, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_POSTGRES(a_database_of_another_cluster_is_never_read_from),
      ON_POSTGRES(the_primary_is_no_standby_of_itself),
      ON_POSTGRES(one_that_is_away_is_said_and_used_when_it_is_back),
      ON_POSTGRES(one_that_stands_still_is_said_and_one_that_moves_on_is_only_late),
      ON_POSTGRES(who_has_written_elsewhere_sees_it_here),
  };
  return RUN_CONTRACT(tests);
}
