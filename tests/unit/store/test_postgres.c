/* What only PostgreSQL can do wrong: texts it refuses, time-outs and locks, and a server that refuses, is restarted, is
 * killed or stands still. Nothing of it may wait for ever or cost a ledger row. */
#include "store/postgres.h"

#include "contract.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

static void texts_that_postgresql_refuses_are_stored_with_question_marks(void **state) {
  struct store *s = contract_store(state);
  struct arena a;
  struct ledger_row row = make_row(1, 7, 100, 10), *rows = NULL;
  struct store_key key = {.name = TEXT("a\0\xff\xc3\xa9"), .models = TEXT("*"), .budget_period = TEXT("")}, *keys;
  size_t count = 0;
  int64_t id = 0;
  arena_init(&a);
  row.request_id = TEXT("r\xc3");
  row.model = TEXT("\0m\xed\xa0\x80\xf0\x9f\x98\x80");
  append(s, &row, 1, 1);
  EXPECT_OK(s->ops->ledger_list(s, 0, 10, &a, &rows, &count, &test_fault));
  assert_int_equal(count, 1);
  EXPECT_TEXT(rows[0].request_id, TEXT("r?"));
  EXPECT_TEXT(rows[0].model, TEXT("?m???\xf0\x9f\x98\x80"));
  EXPECT_OK(s->ops->key_create(s, &key, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->key_list(s, 0, 10, &a, &keys, &count, &test_fault));
  EXPECT_TEXT(keys[0].name, TEXT("a??\xc3\xa9"));
  arena_done(&a);
}

static void a_batch_larger_than_one_chunk_is_copied_whole(void **state) {
  struct store *s = contract_store(state);
  static struct ledger_row rows[4000];
  static char long_text[256];
  struct arena a;
  struct ledger_totals totals;
  memset(long_text, 'x', sizeof long_text);
  for (int i = 0; i < 4000; i++) {
    rows[i] = make_row(4000 - i, i % 3, 10, 10);
    rows[i].upstream_request_id = rows[i].model = (struct text){long_text, sizeof long_text};
  }
  arena_init(&a);
  append(s, rows, 4000, 4000);
  EXPECT_OK(s->ops->ledger_verify(s, &a, &totals, &test_fault));
  assert_int_equal(totals.rows, 4000);
  assert_int_equal(totals.mismatched_keys, 0);
  arena_done(&a);
}

/* One number from a connection of the store. */
static int64_t ask(struct store *s, const char *sql) {
  struct postgres_link *l = NULL;
  struct driver_link *base = NULL;
  PGresult *r = NULL;
  int64_t n = -1;
  EXPECT_OK(postgres_take((struct database *)s, DRIVER_READ, false, &base, &test_fault));
  l = (struct postgres_link *)base;
  assert_true(PQsendQuery(l->db, sql));
  EXPECT_OK(postgres_answer(l, "asking", &r, &test_fault));
  assert_true(text_to_i64(text_of(PQgetvalue(r, 0, 0)), &n));
  PQclear(r);
  postgres_give((struct database *)s, base);
  return n;
}

static void commits_are_on_the_disk_even_where_the_database_would_not_wait(void **state) {
  struct store *s = contract_store(state), *other = NULL;
  contract_exec(s, "ALTER ROLE weir SET synchronous_commit = off");
  EXPECT_OK(store_open(contract_place(contract_address), &other, &test_fault));
  assert_int_equal(ask(other, "SELECT count(*) FROM pg_settings WHERE name = 'synchronous_commit' AND setting = 'on'"),
                   1);
  other->ops->close(other);
  contract_exec(s, "ALTER ROLE weir RESET synchronous_commit");
}

/* A store with short patience on the last database. */
static struct store *open_impatient(void) {
  struct store *s = NULL;
  struct store_place place = *contract_place(contract_address);
  place.postgres.statement_timeout_ms = 400;
  place.postgres.lock_timeout_ms = 100;
  place.postgres.connect_timeout_ms = 2000;
  EXPECT_OK(store_open(&place, &s, &test_fault));
  return s;
}

static enum err sleep_on(struct driver_link *l, void *args, struct fault *f) {
  return l->driver->exec(l, "SELECT pg_sleep(30)", f);
}

static void a_statement_that_takes_too_long_is_ended(void **state) {
  (void)contract_store(state);
  struct store *s = open_impatient();
  EXPECT_ERR(driver_run(s, DRIVER_WRITE, false, sleep_on, NULL, &test_fault), ERR_STORE_BUSY);
  EXPECT_MENTIONS("statement_timeout");
  EXPECT_OK(s->ops->health(s, &test_fault));
  s->ops->close(s);
}

static void a_lock_that_somebody_holds_is_not_waited_for_long(void **state) {
  struct store *s = contract_store(state), *other = open_impatient();
  struct ledger_row row = make_row(1, 7, 100, 10);
  PGconn *holder = PQconnectdb(contract_address);
  PQclear(PQexec(holder, "BEGIN; LOCK TABLE weir_ledger_balance IN EXCLUSIVE MODE"));
  EXPECT_ERR(other->ops->ledger_append(other, &row, 1, TEXT("j"), 1, &test_fault), ERR_STORE_BUSY);
  EXPECT_MENTIONS("lock_timeout");
  PQfinish(holder);
  EXPECT_OK(other->ops->ledger_append(other, &row, 1, TEXT("j"), 1, &test_fault));
  other->ops->close(other);
  int64_t nano = 0;
  EXPECT_OK(s->ops->ledger_spent(s, 7, 0, &nano, &test_fault));
  assert_int_equal(nano, 100);
}

static void every_state_of_the_server_has_its_error(void **state) {
  static const struct {
    const char *code, *says;
    enum err want;
  } cases[] = {{"53100", "disk", ERR_STORE_FULL},
               {"53300", "connections", ERR_STORE_BUSY},
               {"55P03", "lock_timeout", ERR_STORE_BUSY},
               {"40P01", "another program", ERR_STORE_BUSY},
               {"40001", "another program", ERR_STORE_BUSY},
               {"XX001", "damaged", ERR_STORE_CORRUPT},
               {"XX002", "index", ERR_STORE_CORRUPT},
               {"23505", "exists already", ERR_STORE_CONFLICT},
               {"25006", "standby", ERR_STORE},
               {"26000", "in the test", ERR_STORE},
               {"P0001", "in the test", ERR_STORE}};
  struct store *s = contract_store(state);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char sql[128];
    snprintf(sql, sizeof sql, "DO $$ BEGIN RAISE EXCEPTION E'in the\ntest' USING ERRCODE = '%s'; END $$",
             cases[i].code);
    EXPECT_ERR(driver_run(s, DRIVER_WRITE, false, contract_exec_on, sql, &test_fault), cases[i].want);
    EXPECT_MENTIONS(cases[i].says);
  }
  EXPECT_OK(s->ops->health(s, &test_fault));
}

static void expect_no_opening(const char *address, const char *word) {
  struct store *s = NULL;
  test_fault = (struct fault){0};
  EXPECT_ERR(store_open(contract_place(address), &s, &test_fault), ERR_STORE);
  assert_null(s);
  EXPECT_MENTIONS(word);
  if (strstr(test_fault.text, "hush") || strstr(test_fault.text, "wrong"))
    fail_msg("the password is in \"%s\"", test_fault.text);
}

static void a_server_that_refuses_is_told_without_the_password(void **state) {
  (void)contract_store(state);
  char address[256];
  snprintf(address, sizeof address, "postgres://weir:wrong@127.0.0.1:%d/weir_1", contract_server.port);
  expect_no_opening(address, "password authentication failed");
  snprintf(address, sizeof address, "postgres://weir:%s@127.0.0.1:%d/nowhere", POSTGRES_TEST_PASSWORD,
           contract_server.port);
  expect_no_opening(address, "database \"nowhere\" does not exist");
  snprintf(address, sizeof address, "postgres://weir:%s@127.0.0.1:1/weir_1", POSTGRES_TEST_PASSWORD);
  expect_no_opening(address, "refused");
  snprintf(address, sizeof address, "postgres://weir:%s@127.0.0.1:%d/weir_1?sslmode=verify-full",
           POSTGRES_TEST_PASSWORD, contract_server.port);
  expect_no_opening(address, "SSL"); /* the server has no certificate: not in clear, when asked for more */
}

static void a_restart_between_two_calls_is_not_noticed(void **state) {
  struct store *s = contract_store(state);
  struct ledger_row row = make_row(1, 7, 100, 10);
  int64_t nano = 0;
  append(s, &row, 1, 1);
  postgres_server_end(&contract_server);
  assert_true(postgres_server_restart(&contract_server));
  row.id = 2;
  append(s, &row, 1, 2);
  EXPECT_OK(s->ops->ledger_spent(s, 7, 0, &nano, &test_fault));
  assert_int_equal(nano, 200);
}

static void a_server_that_is_down_fails_calls_at_once_and_is_found_again(void **state) {
  struct store *s = contract_store(state);
  struct ledger_row row = make_row(1, 7, 100, 10);
  int64_t id, nano = 0;
  append(s, &row, 1, 1);
  postgres_server_kill(&contract_server);
  struct store_key key = {.name = TEXT("k"), .models = TEXT("*"), .budget_period = TEXT("")};
  row.id = 2;
  int64_t started_us = postgres_clock_us();
  EXPECT_ERR(s->ops->health(s, &test_fault), ERR_STORE);
  EXPECT_ERR(s->ops->ledger_append(s, &row, 1, TEXT("j"), 1, &test_fault), ERR_STORE);
  EXPECT_ERR(s->ops->key_create(s, &key, TEST_ACTOR, &id, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("cannot connect");
  assert_true(postgres_clock_us() - started_us < 5000000);
  assert_true(postgres_server_restart(&contract_server));
  append(s, &row, 1, 2);
  EXPECT_OK(s->ops->key_create(s, &key, TEST_ACTOR, &id, &test_fault));
  EXPECT_OK(s->ops->ledger_spent(s, 7, 0, &nano, &test_fault));
  assert_int_equal(nano, 200);
}

static void a_server_that_stands_still_is_given_up_and_used_again(void **state) {
  (void)contract_store(state);
  struct store *s = open_impatient();
  struct ledger_row row = make_row(1, 7, 100, 10);
  int64_t nano = 0;
  append(s, &row, 1, 1);
  row.id = 2;
  postgres_server_freeze(&contract_server);
  int64_t started_us = postgres_clock_us();
  EXPECT_ERR(s->ops->ledger_append(s, &row, 1, TEXT("j"), 1, &test_fault), ERR_STORE_BUSY);
  EXPECT_MENTIONS("did not answer within");
  EXPECT_ERR(s->ops->health(s, &test_fault), ERR_STORE); /* a new connection gets no further */
  int64_t took_us = postgres_clock_us() - started_us;
  postgres_server_thaw(&contract_server);
  if (took_us > 10000000)
    fail_msg("took %lld us", (long long)took_us);
  append(s, &row, 1, 2);
  EXPECT_OK(s->ops->ledger_spent(s, 7, 0, &nano, &test_fault));
  assert_int_equal(nano, 200);
  s->ops->close(s);
}

#define BATCHES    400
#define BATCH_ROWS 50

struct appender {
  struct store *store;
  _Atomic int done;
  unsigned failures;
};

/* What the ledger's writer does: the same batch again until the store has taken it. */
static void *append_all(void *arg) {
  struct appender *w = arg;
  static struct ledger_row rows[BATCH_ROWS];
  for (int b = 0; b < BATCHES; b++) {
    for (int i = 0; i < BATCH_ROWS; i++)
      rows[i] = make_row(1 + b * BATCH_ROWS + i, i % 5, 1 + i, b * 1000000LL);
    struct fault f = {0};
    while (w->store->ops->ledger_append(w->store, rows, BATCH_ROWS, TEXT("journal/0/1"), (uint64_t)(b + 1) * BATCH_ROWS,
                                        &f)) {
      w->failures++;
      poll(NULL, 0, 5);
    }
    atomic_store(&w->done, b + 1);
  }
  return NULL;
}

static void the_ledger_is_exact_after_kills_of_the_server_during_appends(void **state) {
  struct appender w = {.store = contract_store(state)};
  struct arena a;
  struct ledger_totals totals;
  pthread_t thread;
  uint64_t at = 0;
  assert_int_equal(pthread_create(&thread, NULL, append_all, &w), 0);
  for (int kills = 1; kills <= 4; kills++) {
    while (atomic_load(&w.done) < kills * BATCHES / 6) /* in the middle of whatever it is doing then */
      poll(NULL, 0, 1);
    postgres_server_kill(&contract_server);
    assert_true(postgres_server_restart(&contract_server));
  }
  pthread_join(thread, NULL);
  assert_true(w.failures > 0);
  arena_init(&a);
  EXPECT_OK(w.store->ops->ledger_verify(w.store, &a, &totals, &test_fault));
  assert_int_equal(totals.rows, BATCHES * BATCH_ROWS);
  assert_int_equal(totals.keys, 5);
  assert_int_equal(totals.cost_nano, BATCHES * BATCH_ROWS * (BATCH_ROWS + 1) / 2);
  if (totals.mismatched_keys)
    fail_msg("%.*s", TEXT_ARGS(totals.first_mismatch));
  EXPECT_OK(w.store->ops->ledger_position(w.store, TEXT("journal/0/1"), &at, &test_fault));
  assert_int_equal(at, BATCHES * BATCH_ROWS);
  arena_done(&a);
}

/* Waits until the standby shows what the primary has. */
static void wait_for_rows(const struct postgres_server *standby, const char *database, long rows) {
  for (int i = 0; i < 1000; i++) {
    if (postgres_server_ask(standby, database, "SELECT count(*) FROM weir_ledger") == rows)
      return;
    poll(NULL, 0, 10);
  }
  fail_msg("the standby did not follow");
}

static void when_the_primary_dies_the_promoted_standby_is_used(void **state) {
  static struct postgres_server standby;
  (void)contract_store(state);
  struct store *s = NULL;
  struct ledger_row row = make_row(1, 7, 100, 10);
  char address[256], name[32];
  int64_t nano = 0;
  snprintf(name, sizeof name, "weir_%u", contract_server.databases);
  if (!postgres_server_follow(&standby, &contract_server))
    fail_msg("%s", standby.why);
  snprintf(address, sizeof address, "postgres://weir:%s@127.0.0.1:%d,127.0.0.1:%d/%s", POSTGRES_TEST_PASSWORD,
           standby.port, contract_server.port, name); /* the one that takes no changes comes first */
  EXPECT_OK(store_open(contract_place(address), &s, &test_fault));
  append(s, &row, 1, 1);
  wait_for_rows(&standby, name, 1);
  postgres_server_kill(&contract_server);
  row.id = 2;
  EXPECT_ERR(s->ops->ledger_append(s, &row, 1, TEXT("j"), 2, &test_fault), ERR_STORE);
  EXPECT_MENTIONS("cannot connect");
  EXPECT_OK(postgres_server_promote(&standby) ? ERR_OK : ERR_STORE);
  append(s, &row, 1, 2);
  EXPECT_OK(s->ops->ledger_spent(s, 7, 0, &nano, &test_fault));
  assert_int_equal(nano, 200);
  s->ops->close(s);
  postgres_server_stop(&standby);
  assert_true(postgres_server_restart(&contract_server));
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

/* How many connections of the store to the standby are there. */
static size_t at_standby(struct store *s) { return ((struct postgres_store *)s)->replicas[0].total; }

static void wait_until_usable(const struct postgres_server *standby, struct store *s) {
  for (int i = 0; i < 1000; i++) {
    if (postgres_server_ask(standby, "postgres", "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint") >=
        atomic_load(&((struct postgres_store *)s)->written))
      return;
    poll(NULL, 0, 10);
  }
  fail_msg("the standby did not follow");
}

static void lists_come_from_a_standby_that_has_what_was_written(void **state) {
  static struct postgres_server standby;
  (void)contract_store(state);
  struct store *s = NULL;
  struct ledger_row row = make_row(1, 7, 100, 10);
  struct store_place place = *contract_place(contract_address);
  char address[256], name[32];
  int64_t nano = 0;
  snprintf(name, sizeof name, "weir_%u", contract_server.databases);
  if (!postgres_server_follow(&standby, &contract_server))
    fail_msg("%s", standby.why);
  snprintf(address, sizeof address, "postgres://weir:%s@127.0.0.1:%d/%s", POSTGRES_TEST_PASSWORD, standby.port, name);
  place.postgres.replicas[0] = text_of(address);
  place.postgres.replica_count = 1;
  EXPECT_OK(store_open(&place, &s, &test_fault));

  wait_until_usable(&standby, s);

  /* A standby that stands still: whoever writes sees it all the same, from the primary. */
  assert_int_equal(postgres_server_ask(&standby, name, "SELECT 1 FROM pg_wal_replay_pause()"), 1);
  for (int i = 1; i <= 5; i++) {
    row.id = i;
    append(s, &row, 1, (uint64_t)i);
    assert_int_equal(rows_seen(s), i);
  }
  assert_int_equal(postgres_server_ask(&standby, name, "SELECT count(*) FROM weir_ledger"), 0);

  /* Once it has caught up it is asked: the list is there although the primary is not. */
  assert_int_equal(postgres_server_ask(&standby, name, "SELECT 1 FROM pg_wal_replay_resume()"), 1);
  wait_until_usable(&standby, s);
  assert_int_equal(rows_seen(s), 5);
  assert_int_equal(at_standby(s), 1);
  postgres_server_kill(&contract_server);
  assert_int_equal(rows_seen(s), 5);
  EXPECT_ERR(s->ops->ledger_spent(s, 7, 0, &nano, &test_fault), ERR_STORE); /* a budget is never read from a standby */
  row.id = 6;
  EXPECT_ERR(s->ops->ledger_append(s, &row, 1, TEXT("j"), 6, &test_fault), ERR_STORE);

  /* And when the standby is the one that died, the primary is asked. */
  assert_true(postgres_server_restart(&contract_server));
  append(s, &row, 1, 6);
  wait_for_rows(&standby, name, 6);
  postgres_server_kill(&standby);
  assert_int_equal(rows_seen(s), 6);
  s->ops->close(s);
  postgres_server_stop(&standby);
}

#define ON_POSTGRES(test)                                                                                              \
  { #test, test, contract_postgres, contract_close, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_POSTGRES(texts_that_postgresql_refuses_are_stored_with_question_marks),
      ON_POSTGRES(a_batch_larger_than_one_chunk_is_copied_whole),
      ON_POSTGRES(commits_are_on_the_disk_even_where_the_database_would_not_wait),
      ON_POSTGRES(a_statement_that_takes_too_long_is_ended),
      ON_POSTGRES(a_lock_that_somebody_holds_is_not_waited_for_long),
      ON_POSTGRES(every_state_of_the_server_has_its_error),
      ON_POSTGRES(a_server_that_refuses_is_told_without_the_password),
      ON_POSTGRES(a_restart_between_two_calls_is_not_noticed),
      ON_POSTGRES(a_server_that_is_down_fails_calls_at_once_and_is_found_again),
      ON_POSTGRES(a_server_that_stands_still_is_given_up_and_used_again),
      ON_POSTGRES(when_the_primary_dies_the_promoted_standby_is_used),
      ON_POSTGRES(lists_come_from_a_standby_that_has_what_was_written),
      ON_POSTGRES(the_ledger_is_exact_after_kills_of_the_server_during_appends),
  };
  return RUN_CONTRACT(tests);
}
